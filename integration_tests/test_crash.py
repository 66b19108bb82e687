"""Syncs that stop anywhere and go on from their last state: nothing missing, nothing wrong, little asked twice."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from itertools import count, pairwise
from types import SimpleNamespace
from unittest.mock import patch

import pytest
from airbyte_cdk.models import (
    AirbyteMessage,
    AirbyteStateMessage,
    AirbyteStateMessageSerializer,
    ConfiguredAirbyteCatalogSerializer,
    SyncMode,
)
from airbyte_cdk.sources.connector_state_manager import ConnectorStateManager
from airbyte_cdk.sources.declarative.incremental import concurrent_partition_cursor
from airbyte_cdk.test.entrypoint_wrapper import EntrypointOutput
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from integration_tests.connection import CORE, STREAMS, Connection
from integration_tests.reading import Program, ago, catalog
from integration_tests.sandbox import Behaviour, Sandbox
from integration_tests.sandbox.company import DAY, Conversation
from integration_tests.warehouse import Warehouse, last_states

Messages = list[AirbyteMessage]


@contextmanager
def every_checkpoint() -> Iterator[None]:
    """The CDK emits a state every ten minutes; a crash may come after any of them."""
    cursor = concurrent_partition_cursor.ConcurrentPerPartitionCursor
    with patch.object(cursor, "_throttle_state_message", lambda self: 1.0):
        yield


def attempt(connection: Connection) -> Messages:
    """What a sync from here emits, landed nowhere yet: the connection stays as it is."""
    trial = copy(connection)
    trial.warehouse = Warehouse()
    return trial.sync()


def crash(connection: Connection, emitted: Messages, landed: int, known: int | None = None) -> None:
    """That sync stopped: its first `landed` messages arrived. The states among its first `known` are stored, or all.

    A platform may stop before it has stored a state whose records are there already.
    """
    connection.warehouse.land(emitted[:landed])
    connection.states = last_states(emitted[: landed if known is None else known], connection.states)


def _stream_of(state: AirbyteStateMessage) -> str:
    assert state.stream
    return str(state.stream.stream_descriptor.name)


# At every checkpoint


def test_given_a_first_sync_stopped_at_any_checkpoint_when_resumed_then_it_ends_like_a_whole_one() -> None:
    with Sandbox(seed=4, conversations=10) as sandbox, every_checkpoint():
        resume_everywhere(Connection(sandbox, *STREAMS, start_date=ago(200)))


def test_given_a_later_sync_stopped_at_any_checkpoint_when_resumed_then_it_ends_like_a_whole_one() -> None:
    with Sandbox(seed=4, conversations=10) as sandbox, every_checkpoint():
        connection = Connection(sandbox, *STREAMS, start_date=ago(200))
        connection.sync()
        dice = random.Random(6)
        for _ in range(15):
            sandbox.changes.random_change(dice)
        resume_everywhere(connection)


def resume_everywhere(connection: Connection) -> None:
    """Stops the next sync at each state of each stream, resumes it, and compares with a sync that was not stopped.

    What a stream does depends on its own state alone: one sync resumes all streams, each from its own n-th checkpoint.
    """
    emitted = attempt(connection)
    whole = connection.warehouse.copy()
    whole.land(emitted)
    of = {stream: [each for each in emitted if _belongs(each, stream)] for stream in connection.streams}
    checkpoints = {stream: _checkpoints(messages) for stream, messages in of.items()}
    for nth in count():
        due = {stream: stops[nth] for stream, stops in checkpoints.items() if nth < len(stops)}
        if not due:
            break
        resumed = copy(connection)
        resumed.streams = list(due)
        resumed.states = [state for state, *_ in due.values()]
        rest = attempt(resumed)
        for stream, (_, *landed) in due.items():
            for until in landed:
                warehouse = connection.warehouse.copy()
                warehouse.land(of[stream][:until])
                warehouse.land(rest)
                where = f"{stream} after {until} of {len(of[stream])} messages"
                assert warehouse.living(stream) == whole.living(stream), where


def _belongs(message: AirbyteMessage, stream: str) -> bool:
    return bool(
        (message.record and message.record.stream == stream) or (message.state and _stream_of(message.state) == stream)
    )


def _checkpoints(messages: Messages) -> list[tuple[AirbyteStateMessage, int, int]]:
    """Each state that differs from the one before it, and how many messages came at least and at most until the next.

    The last state is that of a sync that ended: it counts only where it is the only one.
    """
    states = [(index, message.state) for index, message in enumerate(messages) if message.state]
    new = [pair for n, pair in enumerate(states) if n == 0 or pair[1].stream != states[n - 1][1].stream]
    ends = [*(index for index, _ in new[1:]), len(messages)]
    stops = [(state, index, end) for (index, state), end in zip(new, ends, strict=True)]
    return stops[:-1] or stops


# Anywhere

PERCENT = st.integers(1, 100)


@settings(
    derandomize=True,
    deadline=None,
    max_examples=5,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(
    seed=st.integers(1, 9),
    streams=st.lists(st.sampled_from(STREAMS), min_size=2, max_size=2, unique=True),
    synced_before=st.booleans(),
    crashes=st.lists(st.tuples(st.integers(1, 5), PERCENT, st.sampled_from([100, 60])), min_size=1, max_size=2),
)
def test_given_changes_and_crashes_anywhere_when_resumed_until_done_then_the_warehouse_holds_what_front_holds(
    seed: int, streams: list[str], synced_before: bool, crashes: list[tuple[int, int, int]]
) -> None:
    with Sandbox(seed=seed, conversations=10) as sandbox, every_checkpoint():
        connection = Connection(sandbox, *streams)
        if synced_before:
            connection.sync()
        dice = random.Random(seed)
        done = []
        for changes, reached, stored in crashes:
            done += [sandbox.changes.random_change(dice) for _ in range(changes)]
            emitted = attempt(connection)
            landed = len(emitted) * reached // 100
            crash(connection, emitted, landed, known=landed * stored // 100)
        done += [sandbox.changes.random_change(dice) for _ in range(3)]
        connection.sync()
        assert not connection.problems(), done


@pytest.mark.parametrize("synced_before", [False, True], ids=["first sync", "later sync"])
def test_given_changes_during_a_sync_that_stops_when_resumed_then_they_are_there(synced_before: bool) -> None:
    with Sandbox(seed=5, conversations=12) as sandbox, every_checkpoint():
        connection = Connection(sandbox, "conversations", "conversation_tags", "conversation_messages", "comments")
        dice = random.Random(5)
        if synced_before:
            connection.sync()
            for _ in range(8):
                sandbox.changes.random_change(dice)
        routes = ["GET /events"] if synced_before else ["GET /conversations/search/{query}"]
        done: list[str] = []
        for route in [*routes, "GET /conversations/{id}/messages", "GET /conversations/{id}/comments"]:
            for nth in (1, 2):
                sandbox.changes.during(route, nth, lambda: done.append(sandbox.changes.random_change(dice)))
        emitted = attempt(connection)
        assert len(done) == 6
        for landed in dice.sample(range(len(emitted)), 3):
            stopped = copy(connection)
            stopped.warehouse = connection.warehouse.copy()
            crash(stopped, emitted, landed)
            stopped.sync()
            assert not stopped.problems(), (f"after {landed} of {len(emitted)} messages", done)


# By force


def test_given_a_process_that_is_killed_again_and_again_when_resumed_then_nothing_is_missing(program: Program) -> None:
    """Each process goes on where the one before was killed: in the middle of its output, or of a request."""
    with Sandbox(seed=8, conversations=12, behaviour=Behaviour(latency_s=0.005)) as sandbox:
        connection = Connection(sandbox, *CORE, start_date=ago(120))
        whole = Warehouse()
        whole.land(attempt(connection))
        dice = random.Random(8)
        delivered = []
        for stop in (after_lines(dice.randint(2, 12)), after_lines(dice.randint(20, 60)), in_request(sandbox, 1)):
            delivered.append(killed(program, connection, stop))
            crash(connection, delivered[-1], len(delivered[-1]))
        assert all(delivered)
        connection.sync()
        for stream in connection.streams:
            assert connection.warehouse.living(stream) == whole.living(stream)


Stop = Callable[[subprocess.Popen[str]], list[str]]
"""Kills a process; the lines that it read meanwhile."""


def killed(program: Program, connection: Connection, stop: Stop) -> Messages:
    """What the installed program delivers whole before `kill -9`."""
    inputs = {
        "config": connection.config,
        "catalog": ConfiguredAirbyteCatalogSerializer.dump(catalog(connection.streams, SyncMode.incremental)),
        "state": [AirbyteStateMessageSerializer.dump(state) for state in connection.states],
    }
    with program.start("read", **inputs) as process:
        lines = stop(process)
    assert process.returncode == -signal.SIGKILL
    whole = [line for line in lines if line.endswith("\n")]
    found = EntrypointOutput(messages=whole).get_message_iterator()
    return [message for message in found if message.record or message.state]


def after_lines(number: int) -> Stop:
    """As soon as so many records and states are out."""

    def stop(process: subprocess.Popen[str]) -> list[str]:
        assert process.stdout
        lines: list[str] = []
        for line in process.stdout:
            lines.append(line)
            if sum('"RECORD"' in each or '"STATE"' in each for each in lines) == number:
                process.kill()
        return lines

    return stop


def in_request(sandbox: Sandbox, number: int) -> Stop:
    """While Front answers so many a request for comments."""

    def stop(process: subprocess.Popen[str]) -> list[str]:
        assert process.stdout
        sandbox.changes.during("GET /conversations/{id}/comments", number, process.kill)
        return list(process.stdout)

    return stop


# What it costs

REQUESTS_A_MINUTE = 100
THROTTLE_S = 600.0


def test_given_a_crash_in_history_when_resumed_then_it_repeats_ten_minutes_and_the_open_window() -> None:
    """The CDK emits a state every 600 s at most, and state moves with each window of 30 days.

    So a crash repeats at most the 1,000 requests that 100 a minute make of 600 s, those of the open window, the threads
    longer than a window, which the windows that are left name again, and the trash, whose windows are half a year.
    """
    start, stream = 365, "conversation_followers"  # the table that asks once for each conversation, with small answers
    with Sandbox(seed=4, conversations=1_200) as sandbox, a_clock_of(sandbox):
        connection = Connection(sandbox, stream, start_date=ago(start))
        asked_at: list[int] = []
        with states_noted(stream, lambda: asked_at.append(len(sandbox.log))):
            emitted = attempt(connection)
        whole = Warehouse()
        whole.land(emitted)
        states = [index for index, message in enumerate(emitted) if message.state]
        assert len(asked_at) == len(states) >= 2
        waited = [after - before for before, after in pairwise(asked_at)]
        assert max(waited) <= THROTTLE_S / 60 * REQUESTS_A_MINUTE + 20  # and what is on its way

        before = read_in(sandbox)
        crash(connection, emitted, states[-1])  # just before the last state
        sandbox.reset_log()
        connection.sync()
        assert connection.warehouse.living(stream) == whole.living(stream)
        again = before & read_in(sandbox)
        threads = [moments for each in sandbox.company.living() if (moments := moments_of(each))]
        ages = [[(sandbox.company.now() - at) / DAY for at in moments] for moments in threads]
        window = max(sum(any(day <= age < day + 31 for age in of) for of in ages) for day in range(start))
        long = sum(max(of) - min(of) > 30 for of in ages)
        trashed = sum(each.state == "deleted" for each in sandbox.company.living())
        assert 0 < len(again) <= waited[-1] + window + long + trashed < len(before) / 2


def read_in(sandbox: Sandbox) -> set[str]:
    """The conversations that were asked for. Their lists are one request in a hundred."""
    return {each.path for each in sandbox.log if each.path.startswith("/conversations/cnv_")}


def moments_of(conversation: Conversation) -> list[float]:
    """When somebody wrote in it: what the search goes by."""
    return [each.created_at for each in conversation.messages] + [each.posted_at for each in conversation.comments]


@contextmanager
def a_clock_of(sandbox: Sandbox) -> Iterator[None]:
    """The CDK's throttle sees the time that the sandbox's requests would take at 100 a minute."""
    began = time.time()
    simulated = SimpleNamespace(
        time=lambda: began + len(sandbox.log) * 60 / REQUESTS_A_MINUTE, perf_counter_ns=time.perf_counter_ns
    )
    with patch.object(concurrent_partition_cursor, "time", simulated):
        yield


@contextmanager
def states_noted(stream: str, note: Callable[[], None]) -> Iterator[None]:
    """Calls `note` whenever the stream emits a state."""
    create = ConnectorStateManager.create_state_message

    def noted(manager: ConnectorStateManager, name: str, namespace: str | None) -> AirbyteMessage:
        if name == stream:
            note()
        return create(manager, name, namespace)

    with patch.object(ConnectorStateManager, "create_state_message", noted):
        yield
