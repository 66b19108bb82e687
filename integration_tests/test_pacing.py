"""The package meets Front's limits without running into them, and loses nothing; on a clock that goes faster."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import pytest

from integration_tests.connection import Connection
from integration_tests.sandbox import Behaviour, Sandbox
from integration_tests.test_limits import (
    CONVERSATIONS,
    SEARCHES,
    FastClock,
    most_within,
    refused,
    synced_beside_another,
)

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
    sandbox = synced_beside_another(clock)
    assert refused(sandbox) <= len(sandbox.log) / 20


def test_given_requests_per_minute_when_synced_then_no_minute_has_more(clock: FastClock) -> None:
    assert 30 <= most_within(55, clock) <= 40  # a request takes its time to the server
