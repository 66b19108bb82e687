"""`python -m integration_tests.demo`: a sandbox company, read whole by the installed `source-front`, lands in DuckDB.

What it does is what Airbyte does: check, discover and read in processes of their own, then one table per stream with
the types of the discovered schemas, deduplicated by primary key. `--catalog` does one step of it for a real account:
what `discover` prints comes in, the catalog that `read` wants goes out.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from integration_tests.sandbox import Sandbox

Row = dict[str, Any]

SCRIPT = Path(sys.executable).with_name("source-front")
"""Not resolved: an environment's python is a link to one that knows nothing of it."""
DATABASE = Path("demo.duckdb")
CONVERSATIONS = 120
DAYS = 2 * 365
"""How far back the demo reads: mail from 1999 would cost a request per month since Front began."""

ASKED: list[tuple[list[str], list[str]]] = [
    (["inboxes"], ["/inboxes"]),
    (["channels", "inbox_channels"], ["/channels"]),
    (["tags"], ["/tags"]),
    (["rules", "rule_actions"], ["/rules"]),
    (["shifts"], ["/shifts"]),
    (["teammate_shifts"], ["/shifts/{id}/teammates"]),
    (["teammates"], ["/teammates"]),
    (["teams", "team_inboxes", "team_teammates"], ["/teams", "/teams/{id}"]),
    (["groups"], ["/contact_lists"]),
    (["contacts", "contact_handles", "contact_groups", "contact_links"], ["/contacts"]),
    (["contact_notes"], ["/contacts/{id}/notes"]),
    (["conversations", "conversation_tags", "conversation_links"], ["/conversations/{id}"]),
    (["conversation_inboxes"], ["/conversations/{id}/inboxes"]),
    (["conversation_followers"], ["/conversations/{id}/followers"]),
    (
        ["conversation_messages", "conversation_message_recipients", "conversation_message_attachments"],
        ["/conversations/{id}/messages"],
    ),
    (["comments"], ["/conversations/{id}/comments"]),
    (["comment_mentions"], ["/comments/{id}/mentions"]),
    (["attachments"], []),
]
"""Which streams live on which routes. What is asked besides names conversations, and brings them by the page."""

QUESTIONS: dict[str, str] = {
    "How fast is the first reply, by inbox?": """
        WITH asked AS (
            SELECT conversation_id, min(created_at) AS asked_at
            FROM conversation_messages WHERE is_inbound GROUP BY conversation_id
        ), answered AS (
            SELECT asked.conversation_id, asked_at, min(reply.created_at) AS answered_at
            FROM asked LEFT JOIN conversation_messages AS reply
                ON reply.conversation_id = asked.conversation_id AND reply.created_at > asked_at
                AND NOT reply.is_inbound AND reply.is_draft IS NOT true
            GROUP BY ALL
        )
        SELECT
            inboxes.name AS inbox,
            count(*) AS conversations,
            count(answered_at) AS answered,
            median(answered_at - asked_at) / 3600 AS "median, hours",
            quantile_cont(answered_at - asked_at, 0.9) / 3600 AS "90 % within, hours"
        FROM answered
        JOIN conversations ON conversations.id = conversation_id
        JOIN conversation_inboxes USING (conversation_id)
        JOIN inboxes ON inboxes.id = inbox_id
        WHERE _ab_cdc_deleted_at IS NULL
        GROUP BY inboxes.id, inboxes.name
        ORDER BY 4 DESC NULLS LAST, inbox
    """,
    "Which tags are the busiest, with the tags below them?": """
        WITH RECURSIVE roots AS (
            SELECT id, id AS root_id FROM tags WHERE parent_tag_id IS NULL
            UNION ALL
            SELECT tags.id, root_id FROM tags JOIN roots ON tags.parent_tag_id = roots.id
        )
        SELECT
            root.name AS tag,
            count(DISTINCT conversations.id) AS conversations,
            count(DISTINCT conversations.id) FILTER (status IN ('assigned', 'unassigned')) AS "still open"
        FROM conversation_tags
        JOIN conversations ON conversations.id = conversation_id
        JOIN roots ON roots.id = tag_id
        JOIN tags AS root ON root.id = root_id
        WHERE conversation_tags._ab_cdc_deleted_at IS NULL AND conversations._ab_cdc_deleted_at IS NULL
        GROUP BY root.id, root.name
        ORDER BY conversations DESC, tag
        LIMIT 8
    """,
    "Who has how many open conversations?": """
        SELECT
            CASE WHEN assignee_id IS NULL THEN 'nobody yet' ELSE concat_ws(' ', first_name, last_name) END AS assignee,
            count(*) AS open,
            count(*) FILTER (is_inbound) AS "customer wrote last",
            max(epoch(now()) - last_message.created_at) / 86400 AS "longest silence, days"
        FROM conversations
        LEFT JOIN teammates ON teammates.id = assignee_id
        LEFT JOIN conversation_messages AS last_message ON last_message.id = last_message_id
        WHERE status IN ('assigned', 'unassigned') AND _ab_cdc_deleted_at IS NULL
        GROUP BY assignee_id, first_name, last_name
        ORDER BY open DESC, assignee
    """,
}

NEXT = """\
Next, your own account. In Front, a company admin makes an API token under Settings > Developers >
API tokens: feature "Access resources", namespaces Global and Shared, permission Read. Then, with
the token in place of YOUR_TOKEN (git ignores secrets/):

mkdir -p secrets
cat > secrets/config.json <<'JSON'
{"credentials": {"auth_type": "api_token", "api_token": "YOUR_TOKEN"}}
JSON
{bin}/source-front check --config secrets/config.json
{bin}/source-front discover --config secrets/config.json \\
  | {bin}/python -m integration_tests.demo --catalog > secrets/catalog.json
{bin}/source-front read --config secrets/config.json --catalog secrets/catalog.json \\
  > secrets/rows.jsonl

That reads the conversations of the last three months; "start_date": "1970-01-01T00:00:00Z" beside
"credentials" reads all there are."""


class ConnectorError(Exception):
    """The connector failed; the text is its own."""


@dataclass(frozen=True)
class Connector:
    """The installed `source-front`, one process per command.

    Args:
        folder: where it runs, and where the files of its inputs are written.
        prefix: a command that runs the command given to it, if any.
    """

    folder: Path
    prefix: Sequence[str] = ()

    def run(self, command: str, **inputs: object) -> Iterator[Row]:
        """The Airbyte messages of `source-front COMMAND --INPUT FILE ...`, as they come.

        Raises:
            ConnectorError: it could not be started, or failed at the end; a failed check is such a failure, too.
        """
        if not SCRIPT.exists():
            raise ConnectorError(f"{SCRIPT} is missing: `make install` puts it there.")
        arguments = [*self.prefix, str(SCRIPT), command]
        for name, value in inputs.items():
            path = self.folder / f"{name}.json"
            path.write_text(json.dumps(value), encoding="utf-8")
            arguments += [f"--{name}", str(path)]
        complaints: list[str] = []
        with (
            (self.folder / "stderr.txt").open("w+", encoding="utf-8") as stderr,
            subprocess.Popen(
                arguments, cwd=self.folder, stdout=subprocess.PIPE, stderr=stderr, text=True, encoding="utf-8"
            ) as process,
        ):
            for line in process.stdout or ():
                message: Row = json.loads(line)
                complaints += _complaint(message)
                yield message
            if process.wait() or complaints:
                stderr.seek(0)
                said = "\n".join(dict.fromkeys(complaints)) or stderr.read().strip()
                raise ConnectorError(f"source-front {command} failed:\n{said or f'exit code {process.returncode}'}")

    def discover(self, config: Row) -> list[Row]:
        """The streams it offers, as in an Airbyte catalog."""
        return catalog_of(self.run("discover", config=config))


def _complaint(message: Row) -> list[str]:
    """What this message says went wrong, if it says so."""
    status, error = message.get("connectionStatus") or {}, (message.get("trace") or {}).get("error")
    if error:
        stream = (error.get("stream_descriptor") or {}).get("name")
        return [f"{stream}: {error['message']}" if stream else str(error["message"])]
    return [str(status.get("message"))] if status.get("status") == "FAILED" else []


def catalog_of(messages: Iterable[Row]) -> list[Row]:
    [streams] = [message["catalog"]["streams"] for message in messages if message["type"] == "CATALOG"]
    return list(streams)


def configured(streams: Iterable[Row]) -> Row:
    """A catalog for `read`: every stream, incremental where it can be, deduplicated by the destination."""
    return {
        "streams": [
            {
                "stream": stream,
                "sync_mode": "incremental" if "incremental" in stream["supported_sync_modes"] else "full_refresh",
                "cursor_field": stream.get("default_cursor_field") or [],
                "primary_key": stream["source_defined_primary_key"],
                "destination_sync_mode": "append_dedup" if stream.get("default_cursor_field") else "overwrite",
            }
            for stream in streams
        ]
    }


# Landing


def land(
    database: duckdb.DuckDBPyConnection, streams: Iterable[Row], records: Mapping[str, Sequence[Row]]
) -> Counter[str]:
    """One table per stream; of records with the same primary key the last one stays. Returns the rows of each."""
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for stream in streams:
            name, columns = stream["name"], _columns(stream["json_schema"])
            key = [path[0] for path in stream["source_defined_primary_key"]]
            rows = {tuple(row[part] for part in key): row for row in records.get(name, ())}
            file = Path(folder) / f"{name}.jsonl"
            file.write_text("".join(f"{json.dumps(row)}\n" for row in rows.values()), encoding="utf-8")
            types = ", ".join(f'"{column}" {kind}' for column, kind in columns.items())
            keys = ", ".join(f'"{part}"' for part in key)
            database.execute(f'CREATE TABLE "{name}" ({types}, PRIMARY KEY ({keys}))')
            landed = "read_json($file, format = 'newline_delimited', columns = $columns)"
            database.execute(f'INSERT INTO "{name}" FROM {landed}', {"file": str(file), "columns": columns})
            counts[name] = len(rows)
    return counts


def _columns(schema: Row) -> dict[str, str]:
    return {name: _type(field) for name, field in schema["properties"].items()}


def _type(field: Row) -> str:
    """What fits one JSON type gets its own SQL type, all else stays JSON."""
    named = field.get("type", [])
    kinds = [kind for kind in ([named] if isinstance(named, str) else named) if kind != "null"]
    plain = {"string": "VARCHAR", "number": "DOUBLE", "integer": "BIGINT", "boolean": "BOOLEAN"}
    return plain.get(kinds[0], "JSON") if len(kinds) == 1 else "JSON"


# Showing


def overview(rows: Mapping[str, int], requests: Mapping[str, int]) -> str:
    """Streams with their rows, and the requests by route beside the first stream that lives on it: each counts once."""
    left = Counter({route.removeprefix("GET "): number for route, number in requests.items()})
    lines: list[Sequence[object]] = []
    for streams, routes in ASKED:
        number = sum(left.pop(route, 0) for route in routes)
        lines.append(
            (streams[0], rows[streams[0]], number if routes else None, ", ".join(routes) or "in messages and comments")
        )
        lines += [(stream, rows[stream], None, "″") for stream in streams[1:]]
    lines.append(("(to find conversations)", None, left.total(), "search, /events, lists of conversations"))
    lines.append((f"{len(rows)} streams", sum(rows.values()), sum(requests.values()), ""))
    return table(["stream", "rows", "requests", "asked of Front"], lines, total=True)


def table(header: Sequence[str], lines: Sequence[Sequence[object]], *, total: bool = False) -> str:
    """A box; numbers stand right, and the last line apart if it is the total."""
    right = [all(isinstance(line[n], int | float | None) for line in lines) for n in range(len(header))]
    cells = [list(header), *([_text(value) for value in line] for line in lines)]
    widths = [max(_width(row[n]) for row in cells) for n in range(len(header))]

    def ruled(left: str, middle: str, end: str) -> str:
        return left + middle.join("─" * (width + 2) for width in widths) + end

    def line(row: list[str]) -> str:
        gaps = [" " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)]
        padded = [gap + cell if flush else cell + gap for cell, gap, flush in zip(row, gaps, right, strict=True)]
        return f"│ {' │ '.join(padded)} │"

    body = [line(row) for row in cells[1:]]
    if total:
        body.insert(-1, ruled("├", "┼", "┤"))
    return "\n".join([ruled("┌", "┬", "┐"), line(cells[0]), ruled("├", "┼", "┤"), *body, ruled("└", "┴", "┘")])


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else " ".join(str(value).split())


def _width(text: str) -> int:
    """Columns on a terminal: CJK and most emoji take two, marks that sit on others none."""
    kinds = {"Mn": 0, "Me": 0, "Cf": 0}
    return sum(kinds.get(unicodedata.category(c), 2 if unicodedata.east_asian_width(c) in "WF" else 1) for c in text)


def answers(database: duckdb.DuckDBPyConnection) -> Iterator[tuple[str, list[str], list[tuple[Any, ...]]]]:
    """Each question, the names of its columns, the lines of its answer."""
    for question, sql in QUESTIONS.items():
        answer = database.execute(sql)
        yield question, [column[0] for column in answer.description], answer.fetchall()


# The whole


def demo(path: Path) -> None:
    """Prints it all; raises `ConnectorError` or `duckdb.Error` where it fails."""
    started = time.monotonic()
    start_date = time.strftime("%Y-%m-%dT00:00:00Z", time.gmtime(time.time() - DAYS * 86_400))
    with tempfile.TemporaryDirectory() as folder, Sandbox(seed=1, conversations=CONVERSATIONS) as sandbox:
        connector, config = Connector(Path(folder)), sandbox.config(start_date=start_date)
        print(f"A sandbox company of {CONVERSATIONS} conversations answers at {sandbox.url} as Front would.\n")

        with _step("check"):
            list(connector.run("check", config=config))
        with _step("discover"):
            streams = connector.discover(config)
        sandbox.reset_log()
        records: dict[str, list[Row]] = {stream["name"]: [] for stream in streams}
        with _step("read"):
            began = time.monotonic()
            for message in connector.run("read", config=config, catalog=configured(streams)):
                if message["type"] == "RECORD":
                    records[message["record"]["stream"]].append(message["record"]["data"])
            seconds = time.monotonic() - began
        requests = sandbox.requests
        if sandbox.errors:
            raise ConnectorError(f"The sandbox itself failed:\n{sandbox.errors[0]}")

    path.unlink(missing_ok=True)
    with _step("land"), duckdb.connect(path) as database:
        rows = land(database, streams, records)
    print(f"\n{overview(rows, requests)}")
    print(f"{requests.total():,} requests and {rows.total():,} rows in {seconds:.0f} seconds of reading.\n")
    with duckdb.connect(path, read_only=True) as database:
        for question, header, lines in answers(database):
            print(f"{question}\n{table(header, lines)}\n")
    print(f"Ask on: all {len(rows)} tables are in {path} ({time.monotonic() - started:.0f} seconds in all).\n")
    print(NEXT.replace("{bin}", _shown(SCRIPT.parent)))


def _shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


@contextmanager
def _step(name: str) -> Iterator[None]:
    """Names a step when it begins, and tells its seconds when it ends."""
    print(f"  {name:10}", end="", flush=True)
    began, outcome = time.monotonic(), "failed"
    try:
        yield
        outcome = "ok"
    finally:
        print(f"{outcome:6} {time.monotonic() - began:5.1f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Reads a sandbox company into DuckDB and asks it questions.")
    parser.add_argument("--database", type=Path, default=DATABASE, help="a DuckDB file, made anew (%(default)s)")
    parser.add_argument("--catalog", action="store_true", help="only turn what discover prints into what read wants")
    options = parser.parse_args()
    if options.catalog:
        print(json.dumps(configured(catalog_of(json.loads(line) for line in sys.stdin))))
        return
    try:
        demo(options.database)
    except (ConnectorError, duckdb.Error) as error:
        sys.exit(f"\n{error}")


if __name__ == "__main__":
    main()
