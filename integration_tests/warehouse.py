"""A destination in memory: what Airbyte's deduplicating destinations make of the records of several syncs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from airbyte_cdk.models import AirbyteMessage, AirbyteStateMessage

from integration_tests import truth
from integration_tests.reading import Key, Row, comparable, key_of, offered, primary_key
from integration_tests.sandbox import Sandbox


class Warehouse:
    """One row per primary key: the one with the newest cursor, of equal ones the one that came later.

    A row with `_ab_cdc_deleted_at` ends its key. It stays, as where a destination is set to soft deletion; with
    `hard_deletion` it removes the key's row and is not remembered itself.
    A stream without a cursor is overwritten by each sync that brings it.
    """

    def __init__(self, *, hard_deletion: bool = False) -> None:
        self._hard_deletion = hard_deletion
        self._rows: dict[str, dict[Key, Row]] = defaultdict(dict)

    def land(self, messages: Iterable[AirbyteMessage]) -> None:
        """Take the records of one sync among these messages: first to one row per key, then into the tables."""
        arrived: dict[str, dict[Key, Row]] = defaultdict(dict)
        for message in messages:
            if message.record:
                stream, row = message.record.stream, message.record.data
                _keep_newest(arrived[stream], key_of(row, primary_key(stream)), row, _cursor(stream))
        for stream, rows in arrived.items():
            if _cursor(stream) is None:
                self._rows[stream] = {}
            for key, row in rows.items():
                if _keep_newest(self._rows[stream], key, row, _cursor(stream)) and self._hard_deletion and _ended(row):
                    del self._rows[stream][key]

    def rows(self, stream: str) -> list[Row]:
        """The table as it is, tombstones included."""
        return list(self._rows[stream].values())

    def copy(self) -> Warehouse:
        """Another warehouse with the same rows, to land something else in."""
        other = Warehouse(hard_deletion=self._hard_deletion)
        for stream, rows in self._rows.items():
            other._rows[stream] = dict(rows)
        return other

    def living(self, stream: str) -> dict[Key, Row]:
        """The rows that hold, without the columns that depend on when a sync ran."""
        return {key: comparable(row) for key, row in self._rows[stream].items() if not _ended(row)}

    def tombstones(self, stream: str) -> set[Key]:
        """The keys that ended; none with hard deletion."""
        return {key for key, row in self._rows[stream].items() if _ended(row)}

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


def _cursor(stream: str) -> str | None:
    return ".".join(offered()[stream].default_cursor_field or []) or None


def _ended(row: Row) -> bool:
    return row.get("_ab_cdc_deleted_at") is not None


def _time(row: Row, cursor: str) -> float:
    value = row.get(cursor)
    return float("-inf") if value is None else float(value)


def _keep_newest(rows: dict[Key, Row], key: Key, row: Row, cursor: str | None) -> bool:
    """Puts `row` in, unless the one there is newer by its cursor; whether it did. No cursor value is the oldest."""
    if cursor and key in rows and _time(row, cursor) < _time(rows[key], cursor):
        return False
    rows[key] = row
    return True


def last_states(
    messages: Iterable[AirbyteMessage], before: Iterable[AirbyteStateMessage] = ()
) -> list[AirbyteStateMessage]:
    """What the next sync is given: each stream's last state, or where there is none the one it had before."""
    states = [*before, *(message.state for message in messages if message.state)]
    return list({state.stream.stream_descriptor.name: state for state in states if state.stream}.values())
