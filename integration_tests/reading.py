"""Reads through the connector's real entry point, and what they bring against the sandbox's truth."""

from __future__ import annotations

import json
import logging
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import jsonschema  # type: ignore[import-untyped]
from airbyte_cdk.models import (
    AirbyteMessage,
    AirbyteStateMessage,
    AirbyteStream,
    ConfiguredAirbyteCatalog,
    ConfiguredAirbyteCatalogSerializer,
    ConfiguredAirbyteStream,
    DestinationSyncMode,
    FailureType,
    Level,
    SyncMode,
)
from airbyte_cdk.test import entrypoint_wrapper
from airbyte_cdk.test.entrypoint_wrapper import EntrypointOutput
from airbyte_cdk.test.models import ExpectedOutcome

from integration_tests import truth
from integration_tests.sandbox import Sandbox
from source_front import source
from source_front.source import SourceFront

Row = dict[str, Any]
Key = tuple[Any, ...]

BY_SYNC = {"changed_at", "_ab_cdc_deleted_at"}
"""Columns whose value depends on when a sync ran, so that the truth does not know them."""
TROUBLE = {Level.WARN, Level.ERROR, Level.FATAL}
SHOWN = 3
"""Examples of one kind of difference in a failed test's message."""


def ago(days: float) -> str:
    """A `start_date` so many days back."""
    return (datetime.now(timezone.utc) - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


ANY = {"credentials": {"auth_type": "api_token", "api_token": "any"}}
"""A valid configuration, for what needs no connection."""


@contextmanager
def alone() -> Iterator[None]:
    """Within it the manifest runs without what Python lays over it, as it does in Connector Builder."""
    with patch.object(source, "overlaid", _as_written):
        yield


def _as_written(manifest: Row) -> Row:
    return manifest


def whole() -> SourceFront:
    """The source with all of its streams, for what does not read."""
    return _whole(source.overlaid)


@cache
def _whole(_: object) -> SourceFront:
    return SourceFront(config=ANY)


@cache
def offered() -> dict[str, AirbyteStream]:
    """What `discover` offers, by name."""
    streams = whole().discover(logging.getLogger("airbyte"), ANY).streams
    return {stream.name: stream for stream in streams}


def primary_key(stream: str) -> list[str]:
    """The key's columns, all at the top level."""
    return [".".join(path) for path in offered()[stream].source_defined_primary_key or []]


def catalog(streams: Sequence[str] = (), mode: SyncMode = SyncMode.full_refresh) -> ConfiguredAirbyteCatalog:
    """These streams, or all, with `mode` where they have it and else as a full refresh."""
    chosen = [offered()[name] for name in streams] or list(offered().values())
    return ConfiguredAirbyteCatalog(
        streams=[
            ConfiguredAirbyteStream(
                stream=stream,
                sync_mode=mode if mode in stream.supported_sync_modes else SyncMode.full_refresh,
                destination_sync_mode=DestinationSyncMode.append,
            )
            for stream in chosen
        ]
    )


@dataclass(frozen=True)
class Reading:
    """What one run of `read` emitted."""

    output: EntrypointOutput
    rows: dict[str, list[Row]]
    """Records by stream, in the order they came."""
    streams: list[str]
    """What was asked for."""

    @property
    def errors(self) -> list[str]:
        """The error traces, each with its stack."""
        found = [message.trace.error for message in self.output.errors if message.trace]
        return [f"{error.message}\n{error.internal_message}\n{error.stack_trace}" for error in found if error]

    @property
    def failure_types(self) -> set[FailureType | None]:
        found = [message.trace.error for message in self.output.errors if message.trace]
        return {error.failure_type for error in found if error}

    @property
    def trouble(self) -> list[str]:
        """The log's warnings and errors."""
        logs = [message.log for message in self.output.logs if message.log]
        return [log.message for log in logs if log.level in TROUBLE]


def read(
    config: Row,
    streams: Sequence[str] = (),
    *,
    state: list[AirbyteStateMessage] | None = None,
    mode: SyncMode = SyncMode.full_refresh,
) -> Reading:
    """Run `read` in this process over these streams or all of them; what fails is in `errors`."""
    chosen = catalog(streams, mode)
    connector = SourceFront(catalog=chosen, config=config, state=state)
    outcome = ExpectedOutcome.ALLOW_ANY
    output = entrypoint_wrapper.read(connector, config, chosen, state, expected_outcome=outcome)
    return _reading(output, [each.stream.name for each in chosen.streams])


def _reading(output: EntrypointOutput, streams: list[str]) -> Reading:
    rows: defaultdict[str, list[Row]] = defaultdict(list)
    for record in (message.record for message in output.records if message.record):
        rows[record.stream].append(record.data)
    return Reading(output, dict(rows), streams)


@dataclass(frozen=True)
class Program:
    """The installed `source-front`, run as a process of its own in `folder`, where its input files are put."""

    path: Path
    folder: Path

    def run(self, command: str, *options: str, **inputs: object) -> subprocess.CompletedProcess[str]:
        """`run("check", config={...})`: each input becomes a file that the option of its name points to."""
        arguments = [*self._arguments(command, inputs), *options]
        return subprocess.run(arguments, cwd=self.folder, capture_output=True, text=True, timeout=180, check=False)

    def start(self, command: str, *, stdout: int = subprocess.PIPE, **inputs: object) -> subprocess.Popen[str]:
        """As `run`, to be watched while it runs, and ended."""
        arguments = self._arguments(command, inputs)
        return subprocess.Popen(
            arguments, cwd=self.folder, stdout=stdout, stderr=subprocess.DEVNULL, text=True, encoding="utf-8"
        )

    def _arguments(self, command: str, inputs: Mapping[str, object]) -> list[str]:
        files = {name: self.folder / f"{name}.json" for name in inputs}
        for name, content in inputs.items():
            files[name].write_text(json.dumps(content), encoding="utf-8")
        return [str(self.path), command, *(part for name, file in files.items() for part in (f"--{name}", str(file)))]

    def read(self, config: Row, streams: Sequence[str] = ()) -> tuple[Reading, subprocess.CompletedProcess[str]]:
        chosen = catalog(streams)
        done = self.run("read", config=config, catalog=ConfiguredAirbyteCatalogSerializer.dump(chosen))
        output = EntrypointOutput(messages=done.stdout.splitlines())
        return _reading(output, [each.stream.name for each in chosen.streams]), done


def messages(done: subprocess.CompletedProcess[str], kind: str) -> list[AirbyteMessage]:
    """The messages of one type, such as CATALOG, that a process printed."""
    output = EntrypointOutput(messages=done.stdout.splitlines())
    return [message for message in output.get_message_iterator() if message.type.value == kind]


# Against the truth


def assert_whole(
    sandbox: Sandbox,
    reading: Reading,
    *,
    include_private: bool = False,
    start_date: str | None = None,
    repeats: bool = False,
) -> None:
    """The read succeeded, and each of its streams holds what it must: the same rows, and the same value in each column.

    Also no key twice (unless `repeats`: a row may then come again as it is), no key null, no cursor null,
    no tombstone, every record valid against its schema.
    """
    assert not sandbox.errors
    assert not reading.errors, "\n".join(reading.errors)
    limits = {"include_private": include_private, "start_date": start_date}
    problems = [
        f"{stream}: {problem}"
        for stream in reading.streams
        for rows in [reading.rows.get(stream, [])]
        for problem in (
            *_differences(sandbox, stream, rows, limits, repeats=repeats),
            *_without_cursor(stream, rows),
            *_invalid(stream, rows),
        )
    ]
    assert not problems, "\n".join(problems)


def _differences(
    sandbox: Sandbox, stream: str, rows: list[Row], limits: dict[str, Any], *, repeats: bool
) -> Iterator[str]:
    names = primary_key(stream)
    want = {
        key_of(row, names): comparable(row)
        for row in truth.expected(sandbox.company, sandbox.behaviour, stream, **limits)
    }
    cursors = offered()[stream].default_cursor_field or []
    got: dict[Key, Row] = {}
    for row in rows:
        key, known = key_of(row, names), comparable(row)
        for cursor in cursors:
            if cursor not in want.get(key, known):  # Front leaves it out: a time of the sync stands there
                known.pop(cursor, None)
        if key in got and not (repeats and got[key] == known):
            yield f"{key} came twice"
        if any(part is None for part in key):
            yield f"null in the key {key}"
        if row.get("_ab_cdc_deleted_at") is not None:
            yield f"{key} is a tombstone"
        got[key] = known
    missing, unexpected = want.keys() - got.keys(), got.keys() - want.keys()
    if missing:
        yield f"{len(missing)} of {len(want)} rows missing, such as {sorted(missing)[:SHOWN]}"
    if unexpected:
        yield f"{len(unexpected)} rows unexpected, such as {sorted(unexpected)[:SHOWN]}"
    wrong = [key for key in want.keys() & got.keys() if want[key] != got[key]]
    for key in sorted(wrong)[:SHOWN]:
        columns = [name for name in want[key].keys() | got[key].keys() if want[key].get(name) != got[key].get(name)]
        pairs = {name: (want[key].get(name), got[key].get(name)) for name in sorted(columns)}
        yield f"{key} is one of {len(wrong)} with wrong columns; expected and got: {pairs}"


def key_of(row: Row, names: list[str]) -> Key:
    """The values of the key's columns."""
    return tuple(row.get(name) for name in names)


def comparable(row: Row) -> Row:
    """Without nulls, which say the same as a column left out."""
    return {name: value for name, value in row.items() if value is not None and name not in BY_SYNC}


def _without_cursor(stream: str, rows: list[Row]) -> Iterator[str]:
    cursor = offered()[stream].default_cursor_field or []
    if cursor and any(row.get(cursor[0]) is None for row in rows):
        yield f"rows without the cursor {cursor[0]}"


def _is_integer(_: object, value: object) -> bool:
    """A float is none, even a whole one."""
    return isinstance(value, int) and not isinstance(value, bool)


STRICT = jsonschema.validators.extend(
    jsonschema.Draft7Validator,
    type_checker=jsonschema.Draft7Validator.TYPE_CHECKER.redefine("integer", _is_integer),
)


def _invalid(stream: str, rows: list[Row]) -> Iterator[str]:
    """The first record that its schema refuses."""
    validator = STRICT(offered()[stream].json_schema)
    for row in rows:
        for error in validator.iter_errors(row):
            yield f"{key_of(row, primary_key(stream))} is not valid: {error.json_path}: {error.message[:300]}"
            return
