"""The source: the manifest as the CDK runs it."""

import logging
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from airbyte_cdk import ConfiguredAirbyteCatalog
from airbyte_cdk.models import (
    AirbyteConnectionStatus,
    AirbyteErrorTraceMessage,
    AirbyteMessage,
    AirbyteStateMessage,
    Status,
)
from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource
from airbyte_cdk.sources.declarative.incremental.concurrent_partition_cursor import ConcurrentPerPartitionCursor
from airbyte_cdk.sources.declarative.parsers.manifest_reference_resolver import ManifestReferenceResolver
from airbyte_cdk.sources.streams.concurrent.abstract_stream import AbstractStream
from airbyte_cdk.utils.airbyte_secrets_utils import filter_secrets

from source_front.checkpoints import hold_back
from source_front.components.answers import Answers
from source_front.components.inbox_access import warning
from source_front.components.sync import CURRENT, Sync
from source_front.config import config_error, refuse
from source_front.literals import one_at_a_time
from source_front.scopes import lacking
from source_front.state import recognized

SLOW = 30
"""Requests a minute, below which `check` asks for nothing but what it must."""


MODULE = Path(__file__).resolve()
"""The manifest lies beside it in a wheel, at the root in a checkout. Its path is absolute: the CDK's own
YamlDeclarativeSource tries the current directory first, and so may run a manifest that merely lies there."""


def load_manifest() -> dict[str, Any]:
    """The manifest as it is written: its `$ref`s are not resolved yet, so `definitions` may still be replaced."""
    packaged = MODULE.with_name("manifest.yaml")
    return _load(packaged if packaged.exists() else MODULE.parents[1] / "manifest.yaml")


def overlaid(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest with the definitions of overlay.yaml instead of its own, which stay, as `definitions/manifest`."""
    definitions = manifest.get("definitions", {})
    overlay = {name: each for name, each in _load(MODULE.with_name("overlay.yaml")).items() if name in definitions}
    replaced = {name: definitions[name] for name in overlay}
    return {**manifest, "definitions": {**definitions, **overlay, "manifest": replaced}}


def _load(path: Path) -> dict[str, Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml: `spec` starts half a second sooner
    content: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
    return content


def resolve(manifest: dict[str, Any]) -> dict[str, Any]:
    """The manifest without `$ref`s, and without what only they need: the CDK would check all of it once more."""
    resolved = ManifestReferenceResolver().preprocess_manifest(manifest)
    return {key: value for key, value in resolved.items() if key not in {"definitions", "schemas"}}


class SourceFront(ConcurrentDeclarativeSource):
    """Front, as a source.

    The CDK builds the streams from what is given here, not from what `read` is given later: a source made without a
    config can answer `spec` and nothing else.

    Args:
        catalog: the streams to read, their sync modes.
        config: the form of the manifest's `spec`, filled in.
        state: what an earlier sync emitted last. What this connector did not write is left out, with a line in the log.
        config_path: the file `config` came from. The CDK writes migrated fields back there; new tokens it only emits.

    Raises:
        AirbyteTracedException: a config error, if the form is not filled in as it should be.
    """

    def __init__(
        self,
        catalog: ConfiguredAirbyteCatalog | None = None,
        config: Mapping[str, Any] | None = None,
        state: list[AirbyteStateMessage] | None = None,
        config_path: str | None = None,
    ) -> None:
        one_at_a_time()
        manifest = load_manifest()
        if config is None:  # one stream is enough to answer `spec`, and five times as fast
            manifest["streams"] = manifest["streams"][:1]
            del manifest["stream_groups"]
        resolved = resolve(overlaid(manifest))
        if config is not None:
            refuse(config, resolved["spec"]["connection_specification"])
        self._sync = Sync(Answers((config or {}).get("requests_per_minute")))
        super().__init__(
            catalog=catalog,
            config=config,
            state=recognized(state or [], resolved),
            config_path=config_path,
            source_config=resolved,
        )

    def streams(self, config: Mapping[str, Any]) -> list[AbstractStream]:
        """The streams, each with a cursor that holds back what was not read."""
        before = CURRENT.set(self._sync)
        try:
            streams: list[AbstractStream] = super().streams(config)
        finally:
            CURRENT.reset(before)
        for stream in streams:
            if isinstance(stream.cursor, ConcurrentPerPartitionCursor):
                hold_back(stream.cursor, partial(self._sync.ended.__contains__, stream.name))
        return streams

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteConnectionStatus:
        """Whether the token may read the list of inboxes; what is wrong, without secrets. What else it may not read is
        told, but is no failure: it may be on purpose.
        """
        status = super().check(logger, config)
        status.message = status.message and filter_secrets(status.message)
        if status.status == Status.SUCCEEDED and config.get("requests_per_minute", SLOW) >= SLOW:
            status.message = lacking(self.resolved_manifest, lambda path: self._sync.answers.ask(path, timeout=(5, 20)))
            if status.message:
                logger.warning(status.message)
        return status

    def read(
        self,
        logger: logging.Logger,
        config: Mapping[str, Any],
        catalog: ConfiguredAirbyteCatalog,
        state: list[AirbyteStateMessage] | None = None,
    ) -> Iterator[AirbyteMessage]:
        """Read what the catalog names.

        Raises:
            AirbyteTracedException: a config error, once the others are read, if the catalog names an unknown stream:
                the CDK would leave it out without a word.
        """
        try:
            for message in super().read(logger, config, catalog, state):
                error = message.trace.error if message.trace else None
                if error:
                    _keep_secrets(error)
                if not error or self._is_news(error):
                    yield message
        finally:
            if skipped := warning(self._sync):
                logger.warning(skipped)
        known = {each["name"] for each in self.resolved_manifest["streams"]}
        if unknown := [each.stream.name for each in catalog.streams if each.stream.name not in known]:
            raise config_error(
                f"This connector has no stream named {', '.join(unknown)}: refresh the connection's schema, "
                "or take the stream out of the catalog."
            )

    def _is_news(self, error: AirbyteErrorTraceMessage) -> bool:
        """Whether the stream has not said so before. One that cannot succeed any more says so for each partition."""
        stream = error.stream_descriptor.name if error.stream_descriptor else ""
        if error.message not in self._sync.answers.outages.told:
            return True
        news = stream not in self._sync.ended
        self._sync.ended.add(stream)
        return news


def _keep_secrets(error: AirbyteErrorTraceMessage) -> None:
    """Front's own words are in it."""
    error.message = filter_secrets(error.message)
    error.internal_message = error.internal_message and filter_secrets(error.internal_message)
    error.stack_trace = error.stack_trace and filter_secrets(error.stack_trace)
