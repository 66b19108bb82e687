"""What the demo makes of records: tables, and answers that agree with the company they were read from."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import duckdb
import pytest
from airbyte_cdk.sources.declarative.parsers.manifest_reference_resolver import ManifestReferenceResolver

from integration_tests import demo
from integration_tests.demo import ASKED, Connector, ConnectorError, answers, configured, land, overview, table
from integration_tests.sandbox import Behaviour, Company, View
from integration_tests.truth import STREAMS, expected
from source_front.source import load_manifest

Lines = list[tuple[Any, ...]]
OPEN = {"assigned", "unassigned"}


@pytest.fixture(scope="module")
def company() -> Company:
    return Company(seed=1, conversations=40)


@pytest.fixture(scope="module")
def streams() -> list[dict[str, Any]]:
    """As `discover` shows them, but for what the demo does not look at."""
    manifest = ManifestReferenceResolver().preprocess_manifest(load_manifest())
    return [
        {
            "name": stream["name"],
            "json_schema": stream["schema_loader"]["schema"],
            "source_defined_primary_key": [[key] for key in stream["primary_key"]],
            "supported_sync_modes": ["full_refresh", "incremental"][: 1 + ("incremental_sync" in stream)],
        }
        for stream in manifest["streams"]
    ]


@pytest.fixture(scope="module")
def records(company: Company) -> dict[str, list[dict[str, Any]]]:
    """What the company holds, an older copy of a message before it, and the end of a conversation and of a tag."""
    records = {name: expected(company, Behaviour(), name) for name in STREAMS}
    messages, conversations, pairs = (
        records[name] for name in ("conversation_messages", "conversations", "conversation_tags")
    )
    messages.insert(0, messages[0] | {"is_inbound": not messages[0]["is_inbound"], "subject": "older"})
    ended = next(row for row in conversations if row["status"] in OPEN and row["tags"])
    conversations.append(ended | {"_ab_cdc_deleted_at": 1.5})
    other = next(row for row in pairs if row["conversation_id"] != ended["id"])
    pairs.append(other | {"_ab_cdc_deleted_at": 1.5})
    return records


@pytest.fixture(scope="module")
def database(
    streams: list[dict[str, Any]], records: dict[str, list[dict[str, Any]]]
) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as database:
        land(database, streams, records)
        yield database


@pytest.fixture(scope="module")
def answered(database: duckdb.DuckDBPyConnection) -> list[Lines]:
    return [lines for _, _, lines in answers(database)]


@pytest.fixture(scope="module")
def living(records: dict[str, list[dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """The conversations that have not ended, by id: the last record of each counts."""
    last = {row["id"]: row for row in records["conversations"]}
    return {key: row for key, row in last.items() if "_ab_cdc_deleted_at" not in row}


def test_every_stream_has_one_place_in_the_overview(streams: list[dict[str, Any]]) -> None:
    assert sorted(name for names, _ in ASKED for name in names) == sorted(stream["name"] for stream in streams)


def test_tables_hold_the_last_record_of_every_key(
    database: duckdb.DuckDBPyConnection, company: Company, records: dict[str, list[dict[str, Any]]]
) -> None:
    for name in STREAMS:
        [(rows,)] = database.execute(f'SELECT count(*) FROM "{name}"').fetchall()
        assert rows == len(expected(company, Behaviour(), name)) > 0, name
    first = records["conversation_messages"][1]
    [row] = database.execute(
        "SELECT is_inbound, subject, created_at, recipients FROM conversation_messages WHERE id = $id",
        {"id": first["id"]},
    ).fetchall()
    assert (*row[:3], json.loads(row[3])) == tuple(
        first.get(name) for name in ("is_inbound", "subject", "created_at", "recipients")
    )


def test_first_reply_time(answered: list[Lines], company: Company, living: dict[str, dict[str, Any]]) -> None:
    waits: dict[str, list[float | None]] = {}
    view = View(company, Behaviour())
    for of in (company.conversations[key] for key in living):
        asked = next((message.created_at for message in of.messages if message.inbound), None)
        if asked is None:
            continue
        replies = (each.created_at for each in of.messages if not each.inbound and each.created_at > asked)
        wait = next((at - asked for at in replies), None)
        for inbox in of.inboxes:
            if view.reads(inbox):
                waits.setdefault(str(company.inboxes[inbox].fields["name"]), []).append(wait)
    found = {inbox: (number, answered, middle) for inbox, number, answered, middle, _ in answered[0]}
    assert found.keys() == waits.keys()
    for inbox, expected_waits in waits.items():
        known = [wait for wait in expected_waits if wait is not None]
        hours = pytest.approx(median(known) / 3600) if known else None
        assert found[inbox] == (len(expected_waits), len(known), hours)


def test_busiest_tags(
    answered: list[Lines],
    company: Company,
    living: dict[str, dict[str, Any]],
    records: dict[str, list[dict[str, Any]]],
) -> None:
    pairs = {(row["conversation_id"], row["tag_id"]): row for row in records["conversation_tags"]}
    tagged: dict[str, set[str]] = {}
    for (conversation_id, tag_id), row in pairs.items():
        tag = company.tags[tag_id]
        while tag.refs["parent_tag"]:
            tag = company.tags[tag.refs["parent_tag"]]
        if conversation_id in living and "_ab_cdc_deleted_at" not in row:
            tagged.setdefault(str(tag.fields["name"]), set()).add(conversation_id)
    lines = [(tag, len(ids), sum(living[each]["status"] in OPEN for each in ids)) for tag, ids in tagged.items()]
    assert answered[1] == sorted(lines, key=lambda line: (-line[1], line[0].encode()))[:8]


def test_open_conversations(answered: list[Lines], company: Company, living: dict[str, dict[str, Any]]) -> None:
    counts: dict[str, list[int]] = {}
    for row in living.values():
        if row["status"] in OPEN:
            mate = company.teammates.get(row.get("assignee_id", ""))
            name = f"{mate.fields['first_name']} {mate.fields['last_name']}" if mate else "nobody yet"
            messages = company.conversations[row["id"]].messages
            count = counts.setdefault(name, [0, 0])
            count[0] += 1
            count[1] += bool(messages and messages[-1].inbound)
    assert {line[0]: list(line[1:3]) for line in answered[2]} == counts
    assert [line[1] for line in answered[2]] == sorted((line[1] for line in answered[2]), reverse=True)


def test_overview_counts_each_request_once_and_fits_a_terminal() -> None:
    requests = {"GET /channels": 2, "GET /conversations/{id}/messages": 123_456, "GET /events": 3, "GET /new": 4}
    rows = dict.fromkeys(STREAMS, 10_000)
    lines = overview(rows, requests).splitlines()
    assert {len(line) for line in lines} == {len(lines[0])}
    assert len(lines[0]) <= 100
    assert "290,000 │  123,465 │" in lines[-2]
    assert any("(to find conversations)" in line and "│        7 │" in line for line in lines)


def test_table_lines_up_whatever_the_script() -> None:
    assert table(["who", "n"], [("由紀", 1_000), ("e\u0301", None), ("a\nb", 2.25)]).splitlines() == [
        "┌──────┬───────┐",
        "│ who  │     n │",
        "├──────┼───────┤",
        "│ 由紀 │ 1,000 │",
        "│ e\u0301    │       │",
        "│ a b  │   2.2 │",
        "└──────┴───────┘",
    ]


def test_catalog_for_read(streams: list[dict[str, Any]]) -> None:
    by_name = {each["stream"]["name"]: each for each in configured(streams)["streams"]}
    assert len(by_name) == 29
    assert by_name["inboxes"]["sync_mode"] == "full_refresh"
    assert by_name["conversation_messages"]["sync_mode"] == "incremental"


FAILED_CHECK = {"type": "CONNECTION_STATUS", "connectionStatus": {"status": "FAILED", "message": "Front says no"}}
BROKEN = {"message": "Front is away", "stream_descriptor": {"name": "tags"}}
FAILED_STREAM = {"type": "TRACE", "trace": {"type": "ERROR", "error": BROKEN}}


@pytest.mark.parametrize(
    ("message", "code", "said"),
    [
        pytest.param(FAILED_CHECK, 0, "Front says no", id="check"),
        pytest.param(FAILED_STREAM, 1, "tags: Front is away", id="stream"),
        pytest.param({"type": "LOG"}, 3, "Segmentation fault", id="crash"),
    ],
)
def test_failures_are_told_in_the_connectors_own_words(
    message: dict[str, Any], code: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "source-front"
    script.write_text(
        f"#!{sys.executable} -S\n"
        f"import sys\nprint({json.dumps(message)!r})\nsys.stderr.write('Segmentation fault')\nsys.exit({code})\n"
    )
    script.chmod(0o755)
    monkeypatch.setattr(demo, "SCRIPT", script)
    with pytest.raises(ConnectorError, match=f"check failed:\n{said}$"):
        list(Connector(tmp_path).run("check", config={}))


def test_a_missing_program_is_told_how_to_get(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "SCRIPT", tmp_path / "nowhere")
    with pytest.raises(ConnectorError, match="make install"):
        list(Connector(tmp_path).run("spec"))
