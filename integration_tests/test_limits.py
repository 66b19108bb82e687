"""Front's rate limits and outages, on a clock that runs a few hundred times as fast as real ones."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
from airbyte_cdk.models import FailureType

from integration_tests import truth
from integration_tests.connection import Connection, built_lightly
from integration_tests.reading import Reading, read
from integration_tests.sandbox import Behaviour, Fault, Sandbox
from integration_tests.test_faults import EVER, Waits, waiting

pytestmark = pytest.mark.usefixtures("manifest_alone")


class FastClock:
    """The time of the CDK's waits and budget, and of the sandbox's limits: `speed` seconds pass in one."""

    def __init__(self, speed: float) -> None:
        self.speed = speed
        self._began = time.monotonic()

    def monotonic(self) -> float:
        return (time.monotonic() - self._began) * self.speed

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=self.monotonic())

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / self.speed)

    def set(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for module in ("backoff._sync", "airbyte_cdk.sources.streams.http.rate_limiting"):
            monkeypatch.setattr(f"{module}.time", self)
        monkeypatch.setattr("backoff._sync.datetime", SimpleNamespace(datetime=self))
        monkeypatch.setattr("airbyte_cdk.sources.streams.call_rate.time", self)
        monkeypatch.setattr("pyrate_limiter.clocks.time", self.monotonic)
        monkeypatch.setattr("integration_tests.sandbox.limits.time", self)


@pytest.fixture
def clock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> FastClock:
    clock = FastClock(getattr(request, "param", 100.0))
    clock.set(monkeypatch)
    return clock


def refused(sandbox: Sandbox) -> int:
    """How many answers were 429."""
    return sum(each.status == 429 for each in sandbox.log)


# Limits


CONVERSATIONS = ["conversations", "conversation_inboxes", "contacts", "tags", "teams"]
SEARCHES = ["conversation_messages"]
"""It searches some 200 windows."""


@pytest.mark.parametrize(
    ("clock", "streams", "behaviour"),
    [
        (30, CONVERSATIONS, Behaviour(rpm=50, page_size_cap=3)),
        (30, CONVERSATIONS, Behaviour(rpm=50, page_size_cap=3, burst=True)),
        (60, SEARCHES, Behaviour(rpm=100)),
        (30, SEARCHES, Behaviour(rpm=200)),
        (10, SEARCHES, Behaviour(per_resource_rps=1, page_size_cap=20)),
    ],
    indirect=["clock"],
    ids=["50", "50 and a burst", "100", "200", "one a second for each id"],
)
@pytest.mark.usefixtures("clock")
def test_given_a_limit_when_synced_then_it_is_waited_out_and_nothing_is_lost(
    streams: list[str], behaviour: Behaviour
) -> None:
    with Sandbox(seed=1, conversations=20, behaviour=behaviour) as sandbox:
        connection = Connection(sandbox, *streams)
        connection.sync()
        assert refused(sandbox)
        assert not connection.problems()


@contextmanager
def another_client(sandbox: Sandbox, clock: FastClock, rpm: int) -> Iterator[None]:
    """It asks evenly, whatever it is answered."""
    ended = threading.Event()

    def ask() -> None:
        while not ended.wait(60 / rpm / clock.speed):
            sandbox.answer("GET", "/me", {"authorization": f"Bearer {sandbox.token}"})

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield
    finally:
        ended.set()
        asking.join()


def synced_beside_another(clock: FastClock) -> Sandbox:
    """A company that was synced whole while another client had half of its quota; its log tells what was refused."""
    with Sandbox(seed=1, conversations=20, behaviour=Behaviour(rpm=50, page_size_cap=3)) as sandbox:
        connection = Connection(sandbox, *CONVERSATIONS, num_workers=8)
        with another_client(sandbox, clock, rpm=25):
            connection.sync()
        assert sandbox.requests["GET /me"] > 25
        assert not connection.problems()
    return sandbox


def most_within(seconds: float, clock: FastClock) -> int:
    """Of the requests of a sync that is whole, and may send 40 a minute."""
    with Sandbox(seed=1, conversations=20, behaviour=Behaviour(page_size_cap=3)) as sandbox:
        connection = Connection(sandbox, *CONVERSATIONS, requests_per_minute=40)
        connection.sync()
        at = [each.at * clock.speed for each in sandbox.log]
    assert len(at) > 80
    assert not connection.problems()
    return max(sum(begin <= each < begin + seconds for each in at) for begin in at)


def test_given_another_client_with_half_the_quota_when_synced_then_nothing_is_lost(clock: FastClock) -> None:
    assert refused(synced_beside_another(clock))


@pytest.mark.parametrize("clock", [30], indirect=True)
def test_given_requests_per_minute_when_synced_then_no_minute_has_more(clock: FastClock) -> None:
    assert 38 <= most_within(50, clock) <= 40  # a request takes its time from the budget to the server


# What retry-after says


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> Waits:
    return waiting(monkeypatch)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=1, conversations=1) as sandbox:
        yield sandbox


def _read_tags(sandbox: Sandbox, fault: Fault) -> Reading:
    sandbox.faults[:] = [fault]
    with built_lightly(["tags"]):
        return read(sandbox.config(), ["tags"])


@pytest.mark.parametrize(
    ("said", "least", "most"),
    [
        ("7", 7, 9),
        ("0.25", 0.25, 2),
        ("0", 1, 10),
        ("soon", 1, 10),
        ("Wed, 25 Nov 2026 07:28:00 GMT", 1, 10),
        ("-5", 1, 10),
        ("nan", 1, 10),
        ("inf", 1, 10),
    ],
)
def test_given_429_when_read_then_the_wait_is_what_retry_after_says_or_a_short_one(
    sandbox: Sandbox, waits: Waits, said: str, least: float, most: float
) -> None:
    reading = _read_tags(sandbox, Fault(status=429, headers={"retry-after": said}))
    assert not reading.errors
    assert len(reading.rows["tags"]) == len(truth.expected(sandbox.company, sandbox.behaviour, "tags"))
    (nap,) = waits.naps
    assert least <= nap <= most


@pytest.mark.parametrize("said", ["3600", "100000"])
def test_given_429_with_a_wait_of_an_hour_or_more_when_read_then_it_fails_at_once(
    sandbox: Sandbox, waits: Waits, said: str
) -> None:
    reading = _read_tags(sandbox, Fault(status=429, headers={"retry-after": said}))
    assert "The rate limit wait time is longer than the connector is allowed to wait." in reading.errors[0]
    assert FailureType.transient_error in reading.failure_types
    assert waits.naps == []


# Patience


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=503),
        Fault(status=503, headers={"retry-after": "10"}),
        Fault(status=429),
        Fault(status=429, headers={"retry-after": "1"}),
        Fault(status=429, headers={"retry-after": "30"}),
        Fault(status=429, headers={"retry-after": "800"}),
        Fault(kind="reset"),
        Fault(kind="empty_body"),
    ],
    ids=lambda fault: f"{fault.kind} {fault.status} {fault.headers.get('retry-after', '')}",
)
def test_given_a_fault_for_good_when_read_then_patience_is_five_minutes_or_more_and_has_an_end(
    sandbox: Sandbox, waits: Waits, fault: Fault
) -> None:
    """Or 30 attempts, where Front asks to come back sooner."""
    reading = _read_tags(sandbox, replace(fault, times=EVER))
    assert reading.errors
    assert sum(waits.naps) < 1500
    if fault.headers.get("retry-after") == "1":
        assert len(waits.naps) == 30
    else:
        assert sum(waits.naps) >= 300


FIVE_MINUTES = 300.0


@pytest.mark.parametrize("headers", [{}, {"retry-after": "10"}], ids=["503", "503 that asks for ten seconds"])
@pytest.mark.parametrize("clock", [200], indirect=True)
def test_given_front_unavailable_for_five_minutes_when_synced_then_nothing_is_lost(
    clock: FastClock, headers: dict[str, str]
) -> None:
    with Sandbox(seed=1, conversations=20) as sandbox:
        sandbox.faults.append(Fault(status=503, headers=headers, times=EVER))
        end = threading.Timer(FIVE_MINUTES / clock.speed, sandbox.faults.clear)
        connection = Connection(sandbox, *CONVERSATIONS)
        end.start()
        connection.sync()
        assert not sandbox.faults
        assert not connection.problems()


@pytest.mark.parametrize("clock", [200], indirect=True)
def test_given_connections_refused_for_five_minutes_when_synced_then_nothing_is_lost(clock: FastClock) -> None:
    with Sandbox(seed=1, conversations=20) as sandbox:
        connection = Connection(sandbox, *CONVERSATIONS)
        end = threading.Timer(FIVE_MINUTES / clock.speed, sandbox.start)
        sandbox.stop()
        end.start()
        connection.sync()
        assert not connection.problems()
