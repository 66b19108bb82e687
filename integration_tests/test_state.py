"""What a connection keeps between its syncs: small, readable, and never a reason to fail or to lose rows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airbyte_cdk.models import (
    AirbyteStateBlob,
    AirbyteStateMessage,
    AirbyteStateType,
    AirbyteStreamState,
    StreamDescriptor,
)

from integration_tests.connection import STREAMS, Connection
from integration_tests.sandbox import Sandbox

RECENTLY = "2026-06-01T00:00:00Z"
FIRST_SYNC = ": {} is read from the start date on"
FOREIGN: dict[str, dict[str, Any]] = {
    "empty": {},
    "a time in another format": {"updated_at": "2024-01-01T00:00:00Z"},
    "a number alone, which the CDK would hand to the parents": {"since": 1_790_000_000},
    "another connector's partitions": {
        "states": [{"partition": {"id": "cnv_1"}, "cursor": {"updated_at": "2024-01-01"}}],
        "state": {"updated_at": "2024-01-01"},
    },
    "parents of another kind": {"use_global_cursor": True, "state": {}, "parent_state": {"conversations": {"id": 1}}},
    "a parent without the watermark": {"state": {}, "parent_state": {"history": {"window_end": "4102444800"}}},
    "no mapping where one belongs": {"states": "none", "parent_state": "none"},
    "a full refresh": {"__ab_no_cursor_state_message": True},
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=1, conversations=20) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def synced(sandbox: Sandbox) -> Connection:
    connection = Connection(sandbox, *STREAMS, start_date=RECENTLY)
    connection.sync()
    return connection


def _states(connection: Connection) -> dict[str, Any]:
    """By stream, as plain JSON."""
    return {
        each.stream.stream_descriptor.name: json.loads(json.dumps(each.stream.stream_state, default=vars))
        for each in connection.states
        if each.stream
    }


def _given(states: dict[str, Any]) -> list[AirbyteStateMessage]:
    return [
        AirbyteStateMessage(
            type=AirbyteStateType.STREAM,
            stream=AirbyteStreamState(
                stream_descriptor=StreamDescriptor(name=name), stream_state=AirbyteStateBlob(blob)
            ),
        )
        for name, blob in states.items()
    ]


def _with_unknown_keys(node: Any) -> Any:  # noqa: ANN401
    """The same state as a later version may write it."""
    if not isinstance(node, dict):
        return [_with_unknown_keys(each) for each in node] if isinstance(node, list) else node
    kept = {key: node[key] if key == "partition" else _with_unknown_keys(node[key]) for key in node}
    return kept | ({} if "partition" in node else {"written_by": "a later version", "more": {"of": ["it"]}})


@pytest.mark.parametrize("kind", FOREIGN)
def test_given_a_foreign_state_when_synced_then_it_is_a_first_sync_and_the_log_says_so(
    kind: str, sandbox: Sandbox, synced: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    chosen = STREAMS if kind == "a full refresh" else ["contacts", "contact_notes", "conversations", "comment_mentions"]
    connection = Connection(sandbox, *chosen, start_date=RECENTLY)
    connection.states = _given(dict.fromkeys(chosen, FOREIGN[kind]))
    connection.sync()
    for stream in chosen:
        assert connection.warehouse.living(stream) == synced.warehouse.living(stream)
        assert caplog.text.count(FIRST_SYNC.format(stream)) == 1


def test_given_a_state_with_unknown_keys_when_synced_then_it_goes_on_from_there(
    sandbox: Sandbox, synced: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    connection = Connection(sandbox, *STREAMS, start_date=RECENTLY)
    costs = []
    later = {name: _with_unknown_keys(state) for name, state in _states(synced).items()}
    for states in (_states(synced), later):
        connection.states = _given(states)
        sandbox.reset_log()
        connection.sync()
        costs.append(sandbox.requests)
    assert costs[0] == costs[1]
    assert not costs[1]["GET /conversations/search/{query}"]
    assert "was not written by this connector" not in caplog.text


def test_the_state_is_small_and_as_large_for_any_account(synced: Connection) -> None:
    def sizes(connection: Connection) -> dict[str, int]:
        return {name: len(json.dumps(state)) for name, state in _states(connection).items()}

    with Sandbox(seed=1, conversations=100) as larger:
        connection = Connection(larger, *STREAMS, start_date=RECENTLY)
        connection.sync()
        inboxes = len(larger.company.inboxes)
    small, large = sizes(synced), sizes(connection)
    assert small.keys() == large.keys() == set(STREAMS)
    for stream, size in large.items():
        assert abs(size - small[stream]) < 100, stream  # a digit more here and there
        assert size < 1_500 + 2 * 200 * inboxes, stream


def test_the_examples_of_the_docs_are_states_of_this_version(synced: Connection) -> None:
    """Their keys, at every depth; an example shows one inbox of many."""
    text = (Path(__file__).parents[1] / "docs" / "architecture.md").read_text(encoding="utf-8")
    examples = {
        name: json.loads(body) for name, body in re.findall(r"`(\w+)`[^\n`]*:\n\n```json\n(.*?)```", text, re.DOTALL)
    }
    assert len(examples) >= 3

    def shape(node: Any) -> Any:  # noqa: ANN401
        if isinstance(node, dict):
            return {key: shape(value) for key, value in node.items()}
        return [shape(node[0])] if isinstance(node, list) and node else type(node)

    for name, example in examples.items():
        assert shape(example) == shape(_states(synced)[name]), name
