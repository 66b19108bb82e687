"""A destination in memory: what Airbyte's deduplicating destinations make of the records of several syncs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from airbyte_cdk.models import AirbyteMessage, AirbyteStateMessage

from integration_tests import truth
from integration_tests.reading import Key, Row, comparable, key_of, primary_key
from integration_tests.sandbox import Sandbox


class Warehouse:
    """One row per primary key: the last one that came. A row with `_ab_cdc_deleted_at` removes its key."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[Key, Row]] = defaultdict(dict)

    def land(self, messages: Iterable[AirbyteMessage]) -> None:
        """Take the records among these messages, in their order."""
        for message in messages:
            if message.record:
                stream, row = message.record.stream, message.record.data
                self._rows[stream][key_of(row, primary_key(stream))] = row

    def copy(self) -> Warehouse:
        """Another warehouse with the same rows, to land something else in."""
        other = Warehouse()
        for stream, rows in self._rows.items():
            other._rows[stream] = dict(rows)
        return other

    def living(self, stream: str) -> dict[Key, Row]:
        """The rows that hold, without the columns that depend on when a sync ran."""
        return {
            key: comparable(row) for key, row in self._rows[stream].items() if row.get("_ab_cdc_deleted_at") is None
        }

    def tombstones(self, stream: str) -> set[Key]:
        """The keys that ended."""
        return {key for key, row in self._rows[stream].items() if row.get("_ab_cdc_deleted_at") is not None}

    def problems(self, sandbox: Sandbox, streams: Iterable[str], *, may_hold: set[str] | None = None) -> list[str]:
        """How these streams differ from what the sandbox holds now. `may_hold`: streams that may hold rows too many."""
        return [f"{name}: {text}" for name in streams for text in self._differences(sandbox, name, may_hold or set())]

    def _differences(self, sandbox: Sandbox, stream: str, may_hold: set[str]) -> Iterator[str]:
        names = primary_key(stream)
        want: dict[Key, Row] = {
            key_of(row, names): comparable(row) for row in truth.expected(sandbox.company, sandbox.behaviour, stream)
        }
        got = self.living(stream)
        if missing := want.keys() - got.keys():
            yield f"{len(missing)} of {len(want)} missing, such as {sorted(missing)[:3]}"
        if stream not in may_hold and (ended := got.keys() - want.keys()):
            yield f"{len(ended)} rows should have ended, such as {sorted(ended)[:3]}"
        if wrong := [key for key in want.keys() & got.keys() if want[key] != got[key]]:
            first: Any = min(wrong)
            yield f"{len(wrong)} rows are stale, such as {first}: expected {want[first]}, got {got[first]}"


def last_states(messages: Iterable[AirbyteMessage]) -> list[AirbyteStateMessage]:
    """What the next sync is given: each stream's last state."""
    states = {
        message.state.stream.stream_descriptor.name: message.state
        for message in messages
        if message.state and message.state.stream
    }
    return list(states.values())
