"""What goes wrong on the way to Front: every kind of request meets every kind of fault, in passing and for good.

In passing, a fault is waited out and nothing is lost. For good, it fails its stream with one error, the other streams
finish, and the next sync ends with what Front holds: no answer that is not a list counts as an empty one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from functools import cache
from itertools import cycle
from types import SimpleNamespace
from typing import Any

import pytest
from airbyte_cdk.models import AirbyteStreamStatus

from integration_tests import connection as connections
from integration_tests.connection import EVERYTHING, Connection, resolved
from integration_tests.reading import Program, Reading
from integration_tests.sandbox import Behaviour, Fault, Sandbox

pytestmark = pytest.mark.usefixtures("manifest_alone")

EVER = 10**6
START = f"{datetime.now(timezone.utc) - timedelta(days=420):%Y-%m-%dT00:00:00Z}"
"""Not long before the company's mail: each window of history costs a request."""
BYSTANDER = "shifts"
"""A stream that no fault here strikes."""


# Waits


class Waits:
    """The CDK's waits. They take no time, but on each thread's own clock they do, and the CDK reads that clock."""

    def __init__(self) -> None:
        self.naps: list[float] = []
        self.on_nap: dict[int, Callable[[], object]] = {}
        """What happens during the nth wait, from 1."""
        self._own = threading.local()
        self._lock = threading.Lock()

    def sleep(self, seconds: float) -> None:
        if not seconds >= 0:
            raise ValueError("sleep length must be non-negative")  # as time.sleep does
        if seconds:
            self._own.waited = self.waited + seconds
            with self._lock:  # whoever waits, waits for what happens
                self.naps.append(seconds)
                self.on_nap.pop(len(self.naps), lambda: None)()

    @property
    def waited(self) -> float:
        """By this thread."""
        return getattr(self._own, "waited", 0.0)

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=self.waited)


def waiting(monkeypatch: pytest.MonkeyPatch) -> Waits:
    """What the CDK waits with from now on."""
    waits = Waits()
    monkeypatch.setattr("backoff._sync.time", waits)
    monkeypatch.setattr("backoff._sync.datetime", SimpleNamespace(datetime=waits))
    monkeypatch.setattr("airbyte_cdk.sources.streams.http.rate_limiting.time", waits)
    return waits


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> Waits:
    return waiting(monkeypatch)


# What is asked


@dataclass(frozen=True)
class Kind:
    """A kind of request, and a stream that makes it."""

    stream: str
    route: str
    match: str = ""
    later: bool = False
    """In the second sync."""
    errors: int = 1
    """How many of the stream's requests fail for good."""
    kept: bool = False
    """The CDK's cache keeps any 200, so that asking again brings the same: a bad body fails the stream."""


CHANGED = "the changed conversation"
KINDS = {
    "list": Kind("teammates", "GET /teammates"),
    "list of pages": Kind("tags", "GET /tags"),
    "contacts": Kind("contacts", "GET /contacts"),
    "rows of contacts": Kind("contact_handles", "GET /contacts"),
    "list of details": Kind("teams", "GET /teams", kept=True),
    "detail": Kind("team_inboxes", "GET /teams/{id}", "/teams/{team}"),
    "events": Kind("conversations", "GET /events", later=True, kept=True),
    "conversation": Kind("conversations", "GET /conversations/{id}", "/conversations/{changed}", later=True),
    "messages": Kind("conversation_messages", "GET /conversations/{id}/messages", "/{changed}/", later=True),
    "comments": Kind("comments", "GET /conversations/{id}/comments", "/{changed}/", later=True),
    "mentions": Kind("comment_mentions", "GET /comments/{id}/mentions", "/{comment}/", later=True),
    "window": Kind("conversations", "GET /conversations/search/{query}", kept=True),
    "window of trash": Kind("conversations", "GET /conversations/search/{query}", "is%3Atrashed", kept=True),
    "page of a window": Kind("conversation_tags", "GET /conversations/search/{query}", "limit=100", errors=2),
    "page of ids": Kind("comments", "GET /conversations/search/{query}", "limit=100"),
    "inboxes": Kind("conversations", "GET /inboxes", kept=True),
    "probe of an inbox": Kind("conversations", "GET /inboxes/{id}/conversations", kept=True),
    "without inbox": Kind("conversations", "GET /conversations", kept=True),
}
PAGED = ["list of pages", "contacts", "rows of contacts", "events", "messages", "page of a window", "without inbox"]


# What goes wrong


@dataclass(frozen=True)
class Wrong:
    fault: Fault
    told: str
    """What the error says. That of a 429 and of a broken connection is the CDK's: a manifest cannot word it."""
    is_body: bool = False
    """A 200 with a body that is no list."""


SAID = "run the sync again later, it goes on from its last state"
WRONG = {
    "500": Wrong(Fault(status=500), SAID),
    "502 with HTML": Wrong(Fault(kind="html", status=502), SAID),
    "503": Wrong(Fault(status=503), SAID),
    "504": Wrong(Fault(status=504), SAID),
    "408": Wrong(Fault(status=408), SAID),
    "429 with a wait": Wrong(Fault(status=429, headers={"retry-after": "7"}), "API rate limit exceeded"),
    "429": Wrong(Fault(status=429), "API rate limit exceeded"),
    "reset": Wrong(Fault(kind="reset"), "Connection reset by peer"),
    "time-out": Wrong(Fault(kind="slow", seconds=0.6), "Read timed out"),
    "gzip": Wrong(Fault(kind="bad_gzip"), "failed to decode"),
    "truncated": Wrong(Fault(kind="truncate"), SAID, is_body=True),
    "no list": Wrong(Fault(kind="no_results"), SAID, is_body=True),
    "empty": Wrong(Fault(kind="empty_body"), SAID, is_body=True),
    "200 with HTML": Wrong(Fault(kind="html"), SAID, is_body=True),
}


def _cells(thoroughly: list[str], turns: int) -> list[tuple[str, str]]:
    """These kinds meet every fault, each of the others so many by turns: each fault meets two kinds or more."""
    others = [kind for kind in KINDS if kind not in thoroughly]
    by_turns = zip((kind for kind in others for _ in range(turns)), cycle(WRONG), strict=False)
    return [(kind, name) for kind in thoroughly for name in WRONG] + list(by_turns)


BAD_FEEDS = [("events", name) for name, wrong in WRONG.items() if wrong.is_body]
"""What changed must not be forgotten with the answer that named it."""


# The company, synced and then changed


@dataclass(frozen=True)
class World:
    sandbox: Sandbox
    synced: Connection
    """Before the changes."""
    names: dict[str, str]

    def connection(self, kind: Kind) -> Connection:
        """One whose next sync makes the requests of this kind."""
        start = EVERYTHING if kind.route == "GET /contacts" else START
        connection = Connection(self.sandbox, kind.stream, BYSTANDER, start_date=start)
        if kind.later:
            connection.warehouse = self.synced.warehouse.copy()
            connection.states = self.synced.states
        return connection

    def strikes(self, wrong: Fault, kind: Kind, times: int) -> Fault:
        fault = replace(wrong, route=kind.route, match=kind.match.format(**self.names), times=times)
        self.sandbox.faults.append(fault)
        return fault


@pytest.fixture(scope="module")
def synced() -> Iterator[World]:
    with Sandbox(seed=1, conversations=16, behaviour=Behaviour(page_size_cap=6)) as sandbox:
        started = datetime.fromisoformat(START.replace("Z", "+00:00")).timestamp()
        for older in [each.id for each in sandbox.company.living() if each.date < started]:
            sandbox.changes.purge(older)
        streams = sorted({kind.stream for kind in KINDS.values() if kind.later})
        connection = Connection(sandbox, *streams, start_date=START)
        connection.sync()
        changed, earlier, *_ = (each for each in sandbox.company.living() if each.inboxes and len(each.messages) > 6)
        sandbox.changes.reply(earlier.id)
        sandbox.company.advance(3600)  # beyond what a sync reads again
        sandbox.changes.reply(changed.id)
        comment = sandbox.changes.comment(changed.id, list(sandbox.company.teammates)[:2])
        sandbox.changes.archive(changed.id)
        for _ in range(7):
            sandbox.changes.assign(changed.id, next(iter(sandbox.company.teammates)))
        names = {"changed": changed.id, "comment": comment, "team": next(iter(sandbox.company.teams))}
        yield World(sandbox, connection, names)


@pytest.fixture
def world(synced: World) -> Iterator[World]:
    synced.sandbox.faults.clear()
    yield synced
    assert not synced.sandbox.errors


@cache
def _hurried() -> dict[str, Any]:
    """The manifest with its read time-outs cut down to a fraction of a second."""

    def hurried(part: Any) -> Any:  # noqa: ANN401
        if isinstance(part, dict):
            return {k: 0.3 if k == "read_timeout_in_seconds" else hurried(v) for k, v in part.items()}
        return [hurried(each) for each in part] if isinstance(part, list) else part

    manifest: dict[str, Any] = hurried(resolved())
    return manifest


@pytest.fixture
def impatient(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """For the tests that wait for it: others, on a busy machine, would meet it by chance."""
    if wrong == "time-out":
        monkeypatch.setattr(connections, "resolved", _hurried)


def _told(reading: Reading) -> list[str]:
    """What each error says. The last one is of the whole sync."""
    errors = [message.trace.error for message in reading.output.errors if message.trace]
    return [error.message for error in errors if error]


def _failed(reading: Reading, kind: Kind, told: str) -> None:
    """This stream alone, and the read as a whole."""
    *errors, summary = _told(reading)
    assert len(errors) == kind.errors
    assert all(told in each for each in errors)
    assert summary.startswith(f"During the sync, the following streams did not sync successfully: {kind.stream}: ")
    assert BYSTANDER not in summary
    statuses = [reading.output.get_stream_statuses(each)[-1] for each in (kind.stream, BYSTANDER)]
    assert statuses == [AirbyteStreamStatus.INCOMPLETE, AirbyteStreamStatus.COMPLETE]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("kind", "wrong"), [*_cells(["list of pages", "detail"], turns=2), *BAD_FEEDS])
def test_given_a_fault_in_passing_when_synced_then_nothing_is_lost(
    world: World, waits: Waits, kind: str, wrong: str
) -> None:
    asked, happens = KINDS[kind], WRONG[wrong]
    connection = world.connection(asked)
    fault = world.strikes(happens.fault, asked, times=2)
    reading = connection.try_sync()
    if asked.kept and happens.is_body:
        _failed(reading, asked, happens.told)
        world.sandbox.faults.clear()
        reading = connection.try_sync()
    else:
        assert fault.times == 0
        assert len(waits.naps) == 2
        assert max(waits.naps) <= 10
    assert not reading.errors
    assert not connection.problems()


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("kind", "wrong"), _cells(["list of pages"], turns=1))
def test_given_a_fault_for_good_when_synced_then_its_stream_fails_and_the_next_sync_makes_up_for_it(
    world: World, waits: Waits, kind: str, wrong: str
) -> None:
    asked, happens = KINDS[kind], WRONG[wrong]
    connection = world.connection(asked)
    world.strikes(happens.fault, asked, times=EVER)
    _failed(connection.try_sync(), asked, happens.told)
    assert sum(waits.naps) <= 1200 * asked.errors
    assert not connection.warehouse.problems(world.sandbox, [BYSTANDER])
    world.sandbox.faults.clear()
    assert not connection.try_sync().errors
    assert not connection.problems()


@pytest.mark.parametrize("kind", ["list", "detail", "events", "messages", "page of a window", "inboxes"])
def test_given_connections_refused_in_passing_when_synced_then_nothing_is_lost(
    world: World, waits: Waits, kind: str
) -> None:
    connection = world.connection(KINDS[kind])
    stopped = threading.Event()

    def stop() -> None:
        world.sandbox.stop()
        stopped.set()

    def start() -> None:
        assert stopped.wait(10)
        world.sandbox.start()

    waits.on_nap[4] = start
    world.sandbox.changes.during(KINDS[kind].route, 1, stop)
    assert not connection.try_sync().errors
    assert len(waits.naps) >= 4
    assert not connection.problems()


def test_given_connections_refused_for_good_when_synced_then_every_stream_fails_and_the_next_sync_has_all(
    world: World, waits: Waits
) -> None:
    connection = world.connection(KINDS["messages"])
    world.sandbox.stop()
    try:
        reading = connection.try_sync()
    finally:
        world.sandbox.start()
    *errors, summary = _told(reading)
    assert len(errors) == 2
    assert all("Connection refused" in each for each in errors)
    assert all(f"{stream}: " in summary for stream in connection.streams)
    assert sum(waits.naps) <= 2 * 1200
    assert not connection.try_sync().errors
    assert not connection.problems()


@pytest.mark.parametrize("kind", PAGED)
def test_given_a_page_token_that_expired_when_synced_then_the_stream_fails_at_once_and_the_next_sync_has_all(
    world: World, waits: Waits, kind: str
) -> None:
    asked = KINDS[kind]
    connection = world.connection(asked)
    fault = world.strikes(Fault(kind="expired_token"), asked, times=1)
    _failed(connection.try_sync(), replace(asked, errors=1), "Invalid page token. Run the sync again")
    assert (fault.times, waits.naps) == (0, [])
    assert not connection.try_sync().errors
    assert not connection.problems()


@pytest.mark.parametrize("kind", PAGED)
def test_given_a_page_that_leads_back_to_itself_once_when_synced_then_nothing_is_lost(world: World, kind: str) -> None:
    asked = KINDS[kind]
    connection = world.connection(asked)
    fault = world.strikes(Fault(kind="repeat_next"), asked, times=1)
    assert not connection.try_sync().errors
    assert fault.times == 0
    assert not connection.problems()


@pytest.mark.parametrize("kind", ["list of pages", "contacts", "messages"])
def test_given_a_page_that_always_leads_back_to_itself_when_synced_then_the_stream_fails_and_does_not_go_round(
    world: World, kind: str
) -> None:
    asked = KINDS[kind]
    connection = world.connection(asked)
    fault = world.strikes(Fault(kind="repeat_next"), asked, times=100)  # an end, should it go round
    reading = connection.try_sync()
    assert fault.times > 0
    _failed(reading, asked, "run the sync again later")
    world.sandbox.faults.clear()
    assert not connection.try_sync().errors
    assert not connection.problems()


FAMILY = ["conversations", "conversation_messages", "comments", "tags"]


@pytest.mark.parametrize("route", ["GET /conversations/{id}/messages", "GET /conversations/{id}"])
def test_given_a_fault_of_one_table_when_synced_then_the_rest_of_its_family_is_whole(world: World, route: str) -> None:
    connection = Connection(world.sandbox, *FAMILY, start_date=START)
    world.sandbox.faults.append(Fault(route=route, status=500, times=EVER))
    reading = connection.try_sync()
    failed = "conversation_messages" if route.endswith("messages") else "conversations"
    others = [each for each in FAMILY if each != failed]
    assert reading.output.get_stream_statuses(failed)[-1] == AirbyteStreamStatus.INCOMPLETE
    assert not connection.warehouse.problems(world.sandbox, others)
    world.sandbox.faults.clear()
    assert not connection.try_sync().errors
    assert not connection.problems()


@pytest.mark.parametrize("stream", ["conversations", "conversation_messages"])
@pytest.mark.parametrize("route", ["GET /inboxes", "GET /inboxes/{id}/conversations", "GET /conversations"])
def test_given_a_change_that_was_named_before_another_request_failed_when_synced_again_then_it_is_there(
    world: World, route: str, stream: str
) -> None:
    connection = world.connection(Kind(stream, route, later=True))
    world.sandbox.faults.append(Fault(route=route, status=500, times=EVER))
    assert connection.try_sync().errors
    world.sandbox.faults.clear()
    assert not connection.try_sync().errors
    assert not connection.problems()


def test_given_a_stream_that_fails_when_run_as_a_program_then_it_ends_as_failed_and_the_others_are_whole(
    world: World, program: Program
) -> None:
    world.sandbox.faults.append(Fault(route="GET /tags", kind="expired_token", times=EVER))
    reading, done = program.read(world.sandbox.config(), ["tags", "teams"])
    assert done.returncode == 1
    assert "Run the sync again" in _told(reading)[0]
    assert len(reading.rows["teams"]) == len(world.sandbox.company.teams)
