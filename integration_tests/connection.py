"""A connection that syncs a sandbox's company again and again into a warehouse, as Airbyte does."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any
from unittest.mock import patch

from airbyte_cdk.models import AirbyteMessage, AirbyteStateMessage, SyncMode
from airbyte_cdk.sources.declarative import concurrent_declarative_source

from integration_tests import truth
from integration_tests.reading import Reading, offered, read, whole
from integration_tests.sandbox import Sandbox
from integration_tests.warehouse import Warehouse, last_states
from source_front import source
from source_front.source import SourceFront, load_manifest

STREAMS = [name for name in truth.STREAMS if name.startswith(("attachments", "comment", "contact", "conversation"))]
"""The incremental ones."""
CORE = [
    "conversations",
    "conversation_tags",
    "conversation_inboxes",
    "conversation_messages",
    "comments",
    "comment_mentions",
]
EVERYTHING = "2013-01-01T00:00:00Z"
# Front announces neither what hung on a merged-away conversation, nor what an inbox, a follower or a contact lost.
MAY_HOLD = {
    "conversation_tags",
    "conversation_links",
    "conversation_followers",
    "conversation_inboxes",
    "attachments",
    "comment_mentions",
    "contact_handles",
    "contact_groups",
    "contact_links",
}


def resolved() -> dict[str, Any]:
    """What the CDK builds streams from: the manifest without `$ref`s, each part with its type and parameters."""
    return dict(whole().resolved_manifest)


@cache
def _written() -> dict[str, Any]:
    return load_manifest()


@contextmanager
def built_lightly(streams: Sequence[str], *, ahead: float = 0.0, now: str = "now_utc().timestamp()") -> Iterator[None]:
    """SourceFront builds these streams alone, from a manifest that was read, resolved and checked once.

    All of it costs seconds, in each sync.

    Args:
        ahead: how many seconds the connector's clock is ahead of `now`.
        now: an expression; Unix seconds.
    """

    def manifest(_: object) -> dict[str, Any]:
        chosen = [each for each in resolved()["streams"] if each["name"] in streams]
        spec = copy.deepcopy(resolved()["spec"])
        for field in spec["config_normalization_rules"]["transformations"][0]["fields"]:
            if field["path"] == ["_now"]:
                field["value"] = f"{{{{ {now} | int + {int(ahead)} }}}}"
        return resolved() | {"streams": chosen, "spec": spec}

    resolved()  # before the manifest is cut
    offered()
    with (
        patch.object(source, "load_manifest", lambda: dict(_written())),
        patch.object(source, "resolve", manifest),
        patch.object(SourceFront, "_pre_process_manifest", lambda _, prepared: prepared),
        patch.object(SourceFront, "_validate_source"),
        patch.object(concurrent_declarative_source, "get_declarative_component_schema", dict),
    ):
        yield


class Connection:
    """A company, and a warehouse that syncs it again and again."""

    def __init__(self, sandbox: Sandbox, *streams: str, **config: object) -> None:
        self.streams = list(streams) or CORE
        self.sandbox = sandbox
        self.config = sandbox.config(**({"start_date": EVERYTHING} | config))
        self.warehouse = Warehouse()
        self.states: list[AirbyteStateMessage] = []
        self._ahead = 0.0

    def later(self, seconds: float) -> None:
        """Lets time pass, at Front and here."""
        self.sandbox.company.advance(seconds)
        self._ahead += seconds

    def sync(self) -> list[AirbyteMessage]:
        """One sync from the last state, landed; what it emitted, in order."""
        reading = self.try_sync()
        assert not reading.errors, reading.errors
        return list(reading.output.get_message_iterator())

    def try_sync(self) -> Reading:
        """A sync that may fail, landed. A stream without a new state keeps its old one, as in Airbyte."""
        with built_lightly(self.streams, ahead=self._ahead):
            reading = read(self.config, self.streams, state=self.states, mode=SyncMode.incremental)
        emitted = list(reading.output.get_message_iterator())
        self.warehouse.land(emitted)
        self.states = last_states(emitted, self.states)
        return reading

    def problems(self) -> list[str]:
        return self.warehouse.problems(self.sandbox, self.streams, may_hold=MAY_HOLD)
