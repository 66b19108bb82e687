"""The manifest as a file: what lets it run anywhere as it is, and what its reader may rely on."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator  # type: ignore[import-untyped]

from source_front.scopes import PROBES
from source_front.source import SourceFront, load_manifest, resolve
from unit_tests.front import CONFIG

STREAMS = [
    "attachments", "channels", "comment_mentions", "comments", "contact_groups", "contact_handles", "contact_links",
    "contact_notes", "contacts", "conversation_followers", "conversation_inboxes", "conversation_links",
    "conversation_message_attachments", "conversation_message_recipients", "conversation_messages",
    "conversation_tags", "conversations", "groups", "inbox_channels", "inboxes", "rule_actions", "rules", "shifts",
    "tags", "team_inboxes", "team_teammates", "teammate_shifts", "teammates", "teams",
]  # fmt: skip

PRIMARY_KEYS = {
    "attachments": ["parent_id", "id"],
    "comment_mentions": ["comment_id", "teammate_id"],
    "contact_groups": ["contact_id", "group_id"],
    "contact_handles": ["contact_id", "source", "handle"],
    "contact_links": ["contact_id", "link"],
    "contact_notes": ["contact_id", "author_id", "created_at"],
    "conversation_followers": ["conversation_id", "teammate_id"],
    "conversation_inboxes": ["conversation_id", "inbox_id"],
    "conversation_links": ["conversation_id", "link_id"],
    "conversation_message_attachments": ["message_id", "attachment_id"],
    "conversation_message_recipients": ["message_id", "role", "handle"],
    "conversation_tags": ["conversation_id", "tag_id"],
    "inbox_channels": ["inbox_id", "channel_id"],
    "rule_actions": ["rule_id", "action"],
    "team_inboxes": ["team_id", "inbox_id"],
    "team_teammates": ["team_id", "teammate_id"],
    "teammate_shifts": ["teammate_id", "shift_id"],
}
"""Where it is not `id`."""

CURSORS = {
    "attachments": "parent_created_at",
    "comment_mentions": "comment_posted_at",
    "comments": "posted_at",
    "contact_groups": "contact_updated_at",
    "contact_handles": "contact_updated_at",
    "contact_links": "contact_updated_at",
    "contact_notes": "contact_updated_at",
    "contacts": "updated_at",
    "conversation_followers": "changed_at",
    "conversation_inboxes": "changed_at",
    "conversation_links": "changed_at",
    "conversation_message_attachments": "message_created_at",
    "conversation_message_recipients": "message_created_at",
    "conversation_messages": "created_at",
    "conversation_tags": "changed_at",
    "conversations": "updated_at",
}

Node = dict[str, Any]


@pytest.fixture(scope="module")
def text(root: Path) -> str:
    return (root / "manifest.yaml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def manifest() -> Node:
    """As it is written; read only."""
    return load_manifest()


@pytest.fixture(scope="module")
def streams() -> dict[str, Node]:
    """The streams by name, `$ref`s resolved."""
    return {stream["name"]: stream for stream in resolve(load_manifest())["streams"]}


def nodes(value: object) -> Iterator[Node]:
    """Every map in it."""
    if isinstance(value, dict):
        yield value
        for child in value.values():
            yield from nodes(child)
    elif isinstance(value, list):
        for child in value:
            yield from nodes(child)


def components(manifest: Node) -> list[Node]:
    """Every map that says how to read; schemas, where any word may name a field, are left out."""
    reading = {key: value for key, value in manifest["definitions"].items() if key != "fields"}
    return [*nodes([reading, manifest["streams"]])]


def schema(stream: Node) -> Node:
    found: Node = stream["schema_loader"]["schema"]
    return found


# What lets it run anywhere


def test_given_the_manifest_when_the_cdk_validates_it_whole_then_every_stream_is_built() -> None:
    source = SourceFront(config=CONFIG)
    assert sorted(stream.name for stream in source.streams(CONFIG)) == STREAMS


def test_given_the_manifest_when_searched_then_it_needs_no_code_of_ours(manifest: Node) -> None:
    assert not [node for node in nodes(manifest) if "class_name" in node]
    assert not [node for node in components(manifest) if str(node.get("type", "")).startswith("Custom")]


def test_given_the_manifest_when_searched_then_requests_have_a_url_and_nothing_deprecated(
    manifest: Node, streams: dict[str, Node]
) -> None:
    assert not [node for node in components(manifest) if "url_base" in node]
    requesters = [node for node in nodes(streams) if node.get("type") == "HttpRequester"]
    assert len(requesters) > len(STREAMS)
    assert not [node for node in requesters if "url" not in node or "path" in node]


def test_given_the_manifest_when_its_tokens_are_read_then_there_is_no_anchor_and_no_alias(text: str) -> None:
    tokens = [
        token for token in yaml.scan(text, yaml.CSafeLoader) if isinstance(token, yaml.AnchorToken | yaml.AliasToken)
    ]
    assert not tokens, [str(token.start_mark) for token in tokens]


def test_given_the_manifest_when_read_then_no_key_stands_twice_in_a_map(text: str) -> None:
    for node in compose(yaml.compose(text, yaml.CSafeLoader)):
        keys = [key.value for key, _ in node.value]
        assert len(keys) == len({*keys}), f"{node.start_mark}: {keys}"


def compose(node: yaml.Node | None) -> Iterator[yaml.MappingNode]:
    """Every map in it, before equal keys have replaced one another."""
    if isinstance(node, yaml.MappingNode):
        yield node
        for key, value in node.value:
            yield from compose(key)
            yield from compose(value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from compose(item)


def test_given_the_manifest_when_its_addresses_are_looked_up_then_they_are_fronts(
    manifest: Node, streams: dict[str, Node]
) -> None:
    texts = [value for node in components(manifest) for value in node.values() if isinstance(value, str)]
    hosts = {host for text in texts for host in re.findall(r"https?://([^/\s{}'\"]+)", text)}
    assert hosts == {"app.frontapp.com"}
    urls = {node["url"] for node in nodes(streams) if node.get("type") == "HttpRequester"}
    assert all(url.startswith(("{{ config['_api_url'] }}/", "{{ stream_partition.url }}")) for url in urls), urls


def test_given_the_version_when_compared_then_it_is_the_floor_we_promise(manifest: Node) -> None:
    assert manifest["version"] == "7.37.0"
    assert manifest["type"] == "DeclarativeSource"


def test_given_a_check_when_looked_at_then_it_reads_a_stream_whose_403_fails(
    manifest: Node, streams: dict[str, Node]
) -> None:
    (name,) = manifest["check"]["stream_names"]
    filters = streams[name]["retriever"]["requester"]["error_handler"]["response_filters"]
    (of_403,) = [each for each in filters if 403 in each.get("http_codes", [])]
    assert of_403["action"] == "FAIL"


def test_given_error_handlers_when_looked_at_then_each_ends_with_a_test_of_the_body(streams: dict[str, Node]) -> None:
    handlers = [
        node for stream in streams.values() for node in nodes(stream) if node.get("type") == "DefaultErrorHandler"
    ]
    assert len(handlers) > len(STREAMS)
    for handler in handlers:
        body = [each for each in handler["response_filters"] if "_results is" in each.get("predicate", "")]
        assert [each["action"] for each in body] == ["RETRY"]


def test_given_every_requester_when_looked_at_then_it_has_a_handler_and_gives_up_a_dead_connection(
    streams: dict[str, Node],
) -> None:
    for stream in streams.values():
        for requester in (node for node in nodes(stream) if node.get("type") == "HttpRequester"):
            assert requester["error_handler"]["type"] == "DefaultErrorHandler"
            assert requester["connect_timeout_in_seconds"] > 0
            assert requester["read_timeout_in_seconds"] > 0
            assert requester["authenticator"]["type"] == "SelectiveAuthenticator"


# What its reader may rely on


def test_given_the_streams_when_listed_then_they_are_the_29(streams: dict[str, Node]) -> None:
    assert sorted(streams) == STREAMS


def test_given_a_stream_when_looked_at_then_a_comment_above_gives_its_api_page_or_says_why_none(text: str) -> None:
    lines = text.splitlines()
    above: dict[str, str] = {}
    for number, line in enumerate(lines[lines.index("streams:") :], lines.index("streams:")):
        if line.startswith("  - "):
            comment = lines[number - 1].strip()
        if named := re.fullmatch(r"    name: (\w+)", line):
            above[named[1]] = comment
    assert sorted(above) == STREAMS
    assert not [name for name, comment in above.items() if not comment.startswith("# ") or "----" in comment]
    with_page = [name for name, comment in above.items() if "https://dev.frontapp.com/" in comment]
    assert len(with_page) > len(STREAMS) / 2


@pytest.mark.parametrize("name", STREAMS)
def test_given_a_stream_when_looked_at_then_its_key_and_cursor_are_the_promised_columns(
    streams: dict[str, Node], name: str
) -> None:
    stream = streams[name]
    properties = schema(stream)["properties"]
    key = PRIMARY_KEYS.get(name, ["id"])
    assert stream["primary_key"] == key
    assert schema(stream)["required"] == key
    for column in key:
        assert properties[column]["type"] in {"string", "number"}, "never null"
    assert stream.get("incremental_sync", {}).get("cursor_field") == CURSORS.get(name)
    if name in CURSORS:
        assert "number" in properties[CURSORS[name]]["type"]


@pytest.mark.parametrize("name", STREAMS)
def test_given_a_schema_when_looked_at_then_it_is_open_and_every_field_is_described(
    streams: dict[str, Node], name: str
) -> None:
    stream = streams[name]
    Draft7Validator.check_schema(schema(stream))
    assert schema(stream)["$schema"] == "http://json-schema.org/draft-07/schema#"
    for node in nodes(schema(stream)):
        assert node.get("additionalProperties", True) is True
        assert "enum" not in node
        for field, value in (node.get("properties") or {}).items():
            assert value.get("description"), f"{name}.{field}"
            assert "null" in value["type"] or field in stream["primary_key"], f"{name}.{field}"


def test_given_times_when_described_then_their_unit_is_told(streams: dict[str, Node]) -> None:
    for name, stream in streams.items():
        for field, value in schema(stream)["properties"].items():
            if field.endswith("_at") or field == "waiting_since":
                assert "Unix seconds" in value["description"], f"{name}.{field}"


def test_given_a_stream_when_its_parameters_are_looked_at_then_they_name_a_scope(streams: dict[str, Node]) -> None:
    scopes = {name: stream.get("$parameters", {}).get("scope", "") for name, stream in streams.items()}
    assert not [name for name, scope in scopes.items() if not {*scope.split(", ")} <= PROBES.keys()]
