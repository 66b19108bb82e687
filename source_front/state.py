"""Which states a sync may go on from: those that this connector wrote."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from airbyte_cdk.models import AirbyteStateMessage

logger = logging.getLogger("airbyte")


def recognized(states: Iterable[AirbyteStateMessage], manifest: Mapping[str, Any]) -> list[AirbyteStateMessage]:
    """The states without those that are empty or foreign: their streams start anew, and the log says so.

    The CDK would fail on some of them, and pass others on to the hidden parents: a first sync without its history.
    States of streams that have no cursor, or that the manifest does not know, are left to the CDK.

    Args:
        states: as `read_state` gives them.
        manifest: with its `$ref`s resolved.
    """
    incremental = {each["name"]: each for each in manifest["streams"] if "incremental_sync" in each}
    return [state for state in states if _kept(state, incremental)]


def _kept(message: AirbyteStateMessage, incremental: Mapping[str, Any]) -> bool:
    name = message.stream.stream_descriptor.name if message.stream else ""
    if name not in incremental:
        return True
    blob = message.stream.stream_state if message.stream else None
    if _is_ours(vars(blob) if blob else {}, incremental[name]):
        return True
    logger.warning(
        f"The state of {name} was not written by this connector, or is empty: {name} is read from the start date on, "
        "as in a first sync."
    )
    return False


def _is_ours(state: Mapping[str, Any], stream: Mapping[str, Any]) -> bool:
    """A stream without parents keeps its cursor, one with parents keeps theirs: the first of them is the watermark."""
    cursor = stream["incremental_sync"]["cursor_field"]
    watermark = next((each["name"] for each in found(stream, "stream")), None)
    kept = state if watermark is None else state.get("parent_state")
    fields = {each["cursor_field"] for each in found(stream, "incremental_sync")}
    times = [value for field in fields for value in found(state, field)]
    return isinstance(kept, Mapping) and (watermark or cursor) in kept and all(map(_is_time, times))


def found(node: object, key: str) -> Iterator[Any]:
    """Everything under this key, at any depth."""
    if isinstance(node, Mapping):
        for name, value in node.items():
            if name == key:
                yield value
            yield from found(value, key)
    elif isinstance(node, list):
        for each in node:
            yield from found(each, key)


def _is_time(value: object) -> bool:
    """Unix seconds, as a number or a text."""
    try:
        float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
    return True
