"""The package meets Front's limits without running into them, and loses nothing; on a clock that goes faster."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import pytest

from integration_tests.connection import Connection
from integration_tests.sandbox import Behaviour, Sandbox
from integration_tests.test_limits import CONVERSATIONS, SEARCHES, FastClock, another_client, refused

SPEED = 30.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FastClock:
    """Of the sandbox's limits, the package's pace and the CDK's waits."""
    clock = FastClock(SPEED)
    clock.set(monkeypatch)

    class Condition(threading.Condition):
        def wait(self, timeout: float | None = None) -> bool:
            return super().wait(timeout and timeout / SPEED)

    monkeypatch.setattr("source_front.components.pace.time", SimpleNamespace(monotonic=clock.monotonic, time=time.time))
    monkeypatch.setattr("source_front.components.pace.threading", SimpleNamespace(Condition=Condition))
    return clock


@pytest.mark.parametrize(
    ("rpm", "burst", "workers", "streams"),
    [
        (50, False, 4, CONVERSATIONS),
        (50, True, 20, CONVERSATIONS),
        (200, False, 20, [*CONVERSATIONS, *SEARCHES, "comments", "conversation_followers"]),
    ],
    ids=["50", "50 and a burst", "200"],
)
@pytest.mark.usefixtures("clock")
def test_given_a_limit_when_synced_then_next_to_nothing_is_refused_and_nothing_lost(
    rpm: int, burst: bool, workers: int, streams: list[str]
) -> None:
    with Sandbox(seed=1, conversations=20, behaviour=Behaviour(rpm=rpm, burst=burst, page_size_cap=3)) as sandbox:
        connection = Connection(sandbox, *streams, num_workers=workers)
        connection.sync()
        assert len(sandbox.log) > 1.5 * rpm
        assert refused(sandbox) <= len(sandbox.log) / 100
        assert not connection.problems()


def test_given_another_client_with_half_the_quota_when_synced_then_few_are_refused_and_nothing_is_lost(
    clock: FastClock,
) -> None:
    with Sandbox(seed=1, conversations=20, behaviour=Behaviour(rpm=50, page_size_cap=3)) as sandbox:
        connection = Connection(sandbox, *CONVERSATIONS, num_workers=8)
        with another_client(sandbox, clock, rpm=25):
            connection.sync()
        assert sandbox.requests["GET /me"] > 25
        assert refused(sandbox) <= len(sandbox.log) / 20
        assert not connection.problems()


def test_given_requests_per_minute_when_synced_then_no_minute_has_more(clock: FastClock) -> None:
    with Sandbox(seed=1, conversations=20, behaviour=Behaviour(page_size_cap=3)) as sandbox:
        connection = Connection(sandbox, *CONVERSATIONS, requests_per_minute=40)
        connection.sync()
        at = [each.at * clock.speed for each in sandbox.log]
    most = max(sum(begin <= each < begin + 55 for each in at) for begin in at)
    assert len(at) > 80
    assert 30 <= most <= 40  # in 55 seconds: a request takes its time to the server
    assert not connection.problems()
