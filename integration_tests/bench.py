"""`python -m integration_tests.bench`: what a sync costs, in requests by route, time and memory.

For an account of each size, by the package and by the manifest alone: a first sync, one with nothing changed, and one
after 10 and after 100 conversations changed, each in a process of its own with the state of the one before, all 29
streams, incremental where they can be. Beside them the lower bound of a first sync: every list once, and once whatever
only a request of its own gives.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

from integration_tests.demo import SCRIPT, Connector, ConnectorError, configured, table
from integration_tests.sandbox import Behaviour, Company, Sandbox
from integration_tests.sandbox.server import Request
from integration_tests.truth import expected
from source_front.source import load_manifest

Row = dict[str, Any]

SIZES, QUICK_SIZES = (300, 3_000), (100, 300)
EVERYTHING = "1970-01-01T00:00:00Z"
CHANGED = (10, 100)
SOAKED, LONGEST = range(2, 21), 300
"""Numbers of workers, and after how many seconds a sync counts as one that hangs."""
WORKERS, LATENCY = (8, 4, 2), 0.3
"""How many requests run at the same time, and how long Front takes to answer one, seconds."""
MOST_PER_CHANGED = 8
"""The target of the manifest alone: requests for each changed conversation."""
MOST_OF_BOUND = 1.05
"""The target of the package: a first sync, in lower bounds."""
PACED, SLICE = 100, 10
"""Requests a minute that Front allows, where it is measured how well they are used; in slices of so many seconds."""
SEARCH = "GET /conversations/search/{query}"
SPECS = 5
PAGE, PAGE_OF_TAGS = 100, 50
"""Rows a page: as many as Front gives, where the connector asks for them; its default, where it does not."""
EVENTS_PAGE = 15

MEASURED = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[2:], timeout=None)
with open(sys.argv[1], "w") as file:
    file.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(code)
"""
"""Runs a command and writes down its peak memory. A process between, since on Linux a child's peak begins with the
memory of the process that it was forked from, and here that holds the whole sandbox."""

ALONE = """
import sys
from source_front import run, source
source.overlaid = dict
sys.argv = sys.argv[1:]
run.main()
"""
"""Runs `source-front` without what Python lays over the manifest."""

EMPTY = """
import sys
from airbyte_cdk import launch
from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource
requester = {"type": "HttpRequester", "url": "http://127.0.0.1"}
selector = {"type": "RecordSelector", "extractor": {"type": "DpathExtractor", "field_path": []}}
retriever = {"type": "SimpleRetriever", "requester": requester, "record_selector": selector}
stream = {"type": "DeclarativeStream", "name": "one", "retriever": retriever}
specification = {"type": "Spec", "connection_specification": {"type": "object", "properties": {}}}
check = {"type": "CheckStream", "stream_names": ["one"]}
manifest = {"type": "DeclarativeSource", "version": sys.argv.pop(), "check": check, "streams": [stream]}
source = ConcurrentDeclarativeSource(
    catalog=None, config=None, state=None, source_config={**manifest, "spec": specification}
)
launch(source, sys.argv[1:])
"""
"""A connector of one stream and no fields: what the CDK itself takes to start."""


@dataclass(frozen=True)
class Sync:
    """What one `read` cost. Times in seconds, the start of the process included; memory in MB (2**20 bytes)."""

    name: str
    requests: dict[str, int]
    """By route."""
    again: dict[str, int]
    """By route: requests for a URL that this sync had asked before."""
    refused: dict[int, int]
    """By status, where it is 400 or more."""
    records: int
    seconds: float
    peak_mb: float
    target: int | None = None
    changed: int | None = None
    """Conversations changed before it."""

    @property
    def total(self) -> int:
        return sum(self.requests.values())


@dataclass(frozen=True)
class Account:
    """The syncs of one account."""

    conversations: int
    start_date: str | None
    in_reach: int
    """Conversations that the start date leaves."""
    lower_bound: dict[str, int]
    """By route."""
    syncs: list[Sync]
    """By the package."""
    alone: list[Sync]
    """By the manifest alone."""


class Bench:
    """Syncs of a company of one size, from one start date (None: the connector's default)."""

    def __init__(
        self,
        folder: Path,
        conversations: int,
        start_date: str | None,
        behaviour: Behaviour | None = None,
        num_workers: int | None = None,
        now: float | None = None,
        longest: int | None = None,
    ) -> None:
        self._usage = folder / "usage"
        measured = MEASURED.replace("timeout=None", f"timeout={longest}")
        prefix = [sys.executable, "-c", measured, str(self._usage)]
        self._package = Connector(folder, prefix)
        self._manifest = Connector(folder, [*prefix, sys.executable, "-c", ALONE])
        self._conversations, self._start_date = conversations, start_date
        self._behaviour, self._num_workers = behaviour, num_workers
        self._now, self._port = now or time.time(), 0

    def run(self) -> Account:
        with self._sandbox() as sandbox:
            bound, in_reach = lower_bound(sandbox.company, sandbox.behaviour, self._start_date or three_months_ago())
        syncs, alone = (self._syncs(way, bound) for way in (self._package, self._manifest))
        return Account(self._conversations, self._start_date, in_reach, bound, syncs, alone)

    def first_sync(self) -> tuple[Sync, list[Request]]:
        """By the package; and its requests."""
        with self._sandbox() as sandbox:
            catalog = configured(self._package.discover(self._config(sandbox)))
            name = f"{self._num_workers} workers" if self._num_workers else "first sync"
            return self._sync(name, sandbox, self._package, catalog, [])[0], list(sandbox.log)

    def _syncs(self, way: Connector, bound: dict[str, int]) -> list[Sync]:
        package = way is self._package
        with self._sandbox() as sandbox:
            catalog = configured(way.discover(self._config(sandbox)))
            fixed = 25 + sum(len(sandbox.view.things(kind)) for kind in ("inboxes", "teams", "shifts"))
            most = int(sum(bound.values()) * MOST_OF_BOUND) if package else None
            first, state = self._sync("first sync", sandbox, way, catalog, [], target=most)
            nothing, state = self._sync("nothing changed", sandbox, way, catalog, state, target=fixed)
        syncs = [first, nothing]
        for number in CHANGED:
            with self._sandbox() as sandbox:  # the company anew: no earlier changes within the overlap
                events = len(sandbox.company.events)
                changed, least = change(sandbox, number)
                pages = math.ceil((len(sandbox.company.events) - events) / EVENTS_PAGE)
                most = nothing.total + pages + (least if package else MOST_PER_CHANGED * changed)
                name = f"{changed} changed"
                syncs.append(self._sync(name, sandbox, way, catalog, state, target=most, changed=changed)[0])
        return syncs

    @contextmanager
    def _sandbox(self) -> Iterator[Sandbox]:
        """The same company each time, under the same address: states hold."""
        size, now, port = self._conversations, self._now, self._port
        with Sandbox(seed=1, conversations=size, behaviour=self._behaviour, now=now, port=port) as sandbox:
            self._port = urlsplit(sandbox.url).port or 0
            yield sandbox

    def _config(self, sandbox: Sandbox) -> Row:
        config = sandbox.config(start_date=self._start_date, num_workers=self._num_workers)
        return {name: value for name, value in config.items() if value is not None}

    def _sync(
        self,
        name: str,
        sandbox: Sandbox,
        way: Connector,
        catalog: Row,
        state: list[Row],
        target: int | None = None,
        changed: int | None = None,
    ) -> tuple[Sync, list[Row]]:
        """One `read`, and the state it ends with."""
        sandbox.reset_log()
        records, states = 0, {each["stream"]["stream_descriptor"]["name"]: each for each in state}
        began = time.monotonic()
        for message in way.run("read", config=self._config(sandbox), catalog=catalog, state=state):
            if message["type"] == "RECORD":
                records += 1
            elif message["type"] == "STATE":
                states[message["state"]["stream"]["stream_descriptor"]["name"]] = message["state"]
        seconds = time.monotonic() - began
        if sandbox.errors:
            raise ConnectorError(f"The sandbox itself failed:\n{sandbox.errors[0]}")
        peak = int(self._usage.read_text()) / (2**20 if sys.platform == "darwin" else 2**10)
        urls = Counter((each.route, each.path, each.query) for each in sandbox.log)
        again: Counter[str] = Counter()
        for (route, *_), number in urls.items():
            again[route] += number - 1
        refused = Counter(each.status for each in sandbox.log if each.status >= 400)
        counts = (dict(sandbox.requests), dict(+again), dict(refused))
        sync = Sync(name, *counts, records, seconds, peak, target, changed)
        print(f"  {sync.name:16} {sync.total:8,} requests {seconds:7.1f} s", file=sys.stderr, flush=True)
        return sync, list(states.values())


def three_months_ago() -> str:
    """The connector's default `start_date`, as a date-time."""
    now = datetime.now(timezone.utc)
    year, month = divmod(now.year * 12 + now.month - 1 - 3, 12)
    return f"{now.replace(year=year, month=month + 1, day=min(now.day, 28)):%Y-%m-%dT%H:%M:%SZ}"


def change(sandbox: Sandbox, number: int) -> tuple[int, int]:
    """Replies to, comments on or tags so many conversations, or all there are.

    Returns how many, and the requests that the package should need for them: a conversation's detail and followers,
    its messages and inboxes for a reply, its comments and the new one's mentions for a comment.
    """
    rng, company, changes = Random(number), sandbox.company, sandbox.changes
    living = [each.id for each in sandbox.view.living() if each.inboxes and each.state != "deleted"]
    chosen, least = rng.sample(living, min(number, len(living))), 0
    for each in chosen:
        kind = rng.choice(["reply", "comment", "tag"])
        least += 2 if kind == "tag" else 4
        if kind == "reply":
            changes.reply(each, inbound=rng.random() < 0.5)
        elif kind == "comment":
            changes.comment(each, [rng.choice(list(company.teammates))])
        else:
            changes.tag(each, rng.choice(list(company.tags)))
    return len(chosen), least


def lower_bound(company: Company, behaviour: Behaviour, start_date: str) -> tuple[dict[str, int], int]:
    """The fewest requests by route that can bring all 29 streams, and the number of conversations they bring.

    Lists of conversations by the page, one more of each inbox's for `conversation_inboxes`, then per conversation its
    pages of messages, its comments and its followers, per comment its mentions, per contact its notes.
    """
    rows = {
        name: expected(company, behaviour, name, start_date=start_date)
        for name in ("conversations", "conversation_messages", "conversation_inboxes", "comments", "contacts", "tags")
    }
    messages = Counter(row["conversation_id"] for row in rows["conversation_messages"])
    inboxes = Counter(row["inbox_id"] for row in rows["conversation_inboxes"])
    conversations = [row["id"] for row in rows["conversations"]]
    teams, shifts = (len(expected(company, behaviour, name)) for name in ("teams", "shifts"))
    lists = ("inboxes", "channels", "rules", "shifts", "teammates", "teams", "contact_lists")
    bound = {f"GET /{name}": 1 for name in lists} | {
        "GET /tags": _pages(len(rows["tags"]), PAGE),
        "GET /contacts": _pages(len(rows["contacts"]), PAGE),
        "GET /contacts/{id}/notes": len(rows["contacts"]),
        "GET /teams/{id}": teams,
        "GET /shifts/{id}/teammates": shifts,
        "GET /conversations/search/{query}": _pages(len(conversations), PAGE)
        + sum(_pages(number, PAGE) for number in inboxes.values()),
        "GET /conversations/{id}/messages": sum(_pages(messages[each], PAGE) for each in conversations),
        "GET /conversations/{id}/comments": len(conversations),
        "GET /conversations/{id}/followers": len(conversations),
        "GET /comments/{id}/mentions": len(rows["comments"]),
    }
    return bound, len(conversations)


def _pages(rows: int, size: int) -> int:
    """An empty list has a page, too."""
    return max(1, math.ceil(rows / size))


def start_up() -> dict[str, float]:
    """Median seconds of `spec`: of source-front, and of an empty connector on the same CDK."""
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder) / "empty.py"
        empty.write_text(EMPTY, encoding="utf-8")
        commands = {
            "source-front": [str(SCRIPT), "spec"],
            "empty connector": [sys.executable, str(empty), "spec", load_manifest()["version"]],
        }
        taken: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(SPECS):  # by turns, so that a busy machine slows both
            for name, command in commands.items():
                began = time.monotonic()
                subprocess.run(command, check=True, capture_output=True)
                taken[name].append(time.monotonic() - began)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def report(account: Account) -> str:
    """The tables of one account: by the package, by the manifest alone."""
    since = "everything" if account.start_date == EVERYTHING else account.start_date or "the last three months"
    title = f"{account.conversations:,} conversations, {since} ({account.in_reach:,} in reach)"
    ways = (("package", account.syncs), ("manifest alone", account.alone))
    return "\n".join(f"{title}, {way}\n{_report(account.lower_bound, syncs)}\n" for way, syncs in ways)


def _report(bound: dict[str, int], syncs: list[Sync]) -> str:
    total, first = sum(bound.values()), syncs[0]
    routes = sorted({route for sync in syncs for route in sync.requests} | bound.keys())
    lines: list[Sequence[object]] = [
        (route.removeprefix("GET "), bound.get(route), *(sync.requests.get(route) for sync in syncs))
        for route in routes
    ]
    lines.append(("requests", total, *(sync.total for sync in syncs)))
    lines.append(("of them URLs asked again", None, *(sum(sync.again.values()) for sync in syncs)))
    lines.append(("of them answered 4xx or 5xx", None, *(sum(sync.refused.values()) for sync in syncs)))
    lines.append(("target", None, *(sync.target for sync in syncs)))
    lines.append(("times the lower bound", None, first.total / total, *(None for _ in syncs[1:])))
    lines.append(("more than nothing changed, each", None, *(_each(sync, syncs[1]) for sync in syncs)))
    lines.append(("records", None, *(sync.records for sync in syncs)))
    lines.append(("seconds", None, *(sync.seconds for sync in syncs)))
    lines.append(("records a second", None, *(sync.records / sync.seconds for sync in syncs)))
    lines.append(("peak memory, MB", None, *(round(sync.peak_mb) for sync in syncs)))
    return table(["", "lower bound", *(sync.name for sync in syncs)], lines)


def _each(sync: Sync, nothing: Sync) -> float | None:
    return (sync.total - nothing.total) / sync.changed if sync.changed else None


def workers(conversations: int) -> str:
    """How long a first sync takes by the number of workers, where Front answers as slowly as it does: a table."""
    syncs = []
    for number in WORKERS:
        with tempfile.TemporaryDirectory() as folder:
            behaviour = Behaviour(latency_s=LATENCY)
            syncs.append(Bench(Path(folder), conversations, None, behaviour, number).first_sync()[0])
    rows = [(sync.name, sync.total, sync.seconds, 60 * sync.total / sync.seconds) for sync in syncs]
    title = f"First sync of {conversations:,} conversations, the last three months, {LATENCY * 1_000:.0f} ms a request"
    return f"{title}\n{table(['', 'requests', 'seconds', 'requests a minute'], rows)}\n"


def pace(conversations: int) -> str:
    """How much of Front's limit a first sync uses while children are queued, and how often it is refused: a table."""
    with tempfile.TemporaryDirectory() as folder:
        sync, log = Bench(Path(folder), conversations, None, Behaviour(latency_s=LATENCY, rpm=PACED), 4).first_sync()
    slices: dict[int, list[str]] = {}
    for each in log:
        slices.setdefault(int((each.at - log[0].at) // SLICE), []).append(each.route)
    # Searches have a share of their own, and end before what they find is queued.
    queued = [len(routes) for at, routes in slices.items() if 0 < at < max(slices) and SEARCH not in routes]
    used = sum(queued) / len(queued) / (PACED * SLICE / 60)
    rows = [(PACED, sync.total, sync.refused.get(429, 0), f"{used:.0%}", sync.seconds)]
    title = f"First sync of {conversations:,} conversations by 4 workers, {LATENCY * 1_000:.0f} ms a request"
    return f"{title}\n{table(['limit a minute', 'requests', '429s', 'used while children wait', 'seconds'], rows)}\n"


def first(conversations: int) -> str:
    """What one first sync by the package takes: a table."""
    with tempfile.TemporaryDirectory() as folder:
        sync, _ = Bench(Path(folder), conversations, None).first_sync()
    row = (sync.total, sum(sync.again.values()), sync.records, sync.seconds, round(sync.peak_mb))
    title = f"First sync of {conversations:,} conversations, the last three months"
    return f"{title}\n{table(['requests', 'asked again', 'records', 'seconds', 'peak memory, MB'], [row])}\n"


def soak(conversations: int) -> str:
    """A first sync by each number of workers that the form takes, of short pages: a table.

    Raises:
        ConnectorError: one hangs, or brings other records than those before it.
    """
    behaviour, now = Behaviour(latency_s=0.005, page_size_cap=10), time.time()
    syncs: list[Sync] = []
    for number in SOAKED:
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(Path(folder), conversations, None, behaviour, number, now, LONGEST)
            syncs.append(bench.first_sync()[0])
        if syncs[-1].records != syncs[0].records:
            raise ConnectorError(f"{number} workers brought {syncs[-1].records} records, not {syncs[0].records}")
    rows = [(sync.name, sync.total, sync.records, sync.seconds, round(sync.peak_mb)) for sync in syncs]
    title = f"First sync of {conversations:,} conversations, the last three months, none hung"
    return f"{title}\n{table(['', 'requests', 'records', 'seconds', 'peak memory, MB'], rows)}\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Counts what syncs of sandbox accounts cost.")
    parser.add_argument("--quick", action="store_true", help=f"accounts of {QUICK_SIZES} conversations, not {SIZES}")
    parser.add_argument("--full", action="store_true", help="everything of the larger account, too: minutes more")
    parser.add_argument("--workers", action="store_true", help="by number of workers instead: half an hour")
    parser.add_argument("--first", type=int, metavar="N", help="one first sync of N conversations instead")
    parser.add_argument("--pace", action="store_true", help="how a limit is used instead: minutes")
    parser.add_argument(
        "--soak", action="store_true", help="by every number of workers instead, to see that none hangs"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers there, too")
    options = parser.parse_args()
    small, large = QUICK_SIZES if options.quick else SIZES
    runs = (
        [(small, EVERYTHING), (large, None)] if options.quick else [(small, EVERYTHING), (small, None), (large, None)]
    )
    if options.full:
        runs.append((large, EVERYTHING))
    if options.workers:
        print(workers(large))
        return
    if options.first:
        print(first(options.first))
        return
    if options.pace:
        print(pace(small))
        return
    accounts: list[Account] = []
    try:
        if options.soak:
            print(soak(small))
            return
        for conversations, start_date in runs:
            with tempfile.TemporaryDirectory() as folder:
                print(f"{conversations:,} conversations, {start_date or 'default start date'}", file=sys.stderr)
                accounts.append(Bench(Path(folder), conversations, start_date).run())
            print(f"\n{report(accounts[-1])}", flush=True)
        specs = start_up()
    except ConnectorError as error:
        sys.exit(f"\n{error}")
    ours, theirs = specs.values()
    print(f"spec: {ours:.2f} s, of an empty connector {theirs:.2f} s: {ours / theirs:.2f} times (target 1.5)")
    if options.json:
        numbers = {"accounts": [asdict(account) for account in accounts], "spec_seconds": specs}
        options.json.write_text(json.dumps(numbers, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
