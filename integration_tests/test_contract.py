"""The manifest's schemas and the sandbox's answers, held against what Front documents (`contract.yaml`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
import requests
import yaml
from airbyte_cdk.sources.declarative.parsers.manifest_reference_resolver import ManifestReferenceResolver

from integration_tests.sandbox import Behaviour, Sandbox

HERE = Path(__file__).parent
CONTRACT: dict[str, dict[str, Any]] = yaml.safe_load((HERE / "contract.yaml").read_text(encoding="utf-8"))
MANIFEST: dict[str, Any] = dict(
    ManifestReferenceResolver().preprocess_manifest(
        yaml.safe_load((HERE.parent / "manifest.yaml").read_text(encoding="utf-8"))
    )
)

Kind = str | dict[str, Any]  # A type as contract.yaml writes it: its name, or a map of an object's fields.
SCALARS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "object": (dict,),
}


class Stream(NamedTuple):
    """Where a stream's columns come from: Front's resource, and what the connector adds (key parts included)."""

    resource: str | None
    key: tuple[str, ...]
    added: tuple[str, ...] = ()


OWNERS = ("owner_team_id", "owner_teammate_id")
ENDS = "_ab_cdc_deleted_at"
# fmt: off
STREAMS = {
    "attachments": Stream("attachment", ("parent_id", "id"), ("parent_type", "conversation_id", "parent_created_at")),
    "channels": Stream("channel", ("id",), ("inbox_id", *OWNERS)),
    "comments": Stream("comment", ("id",), ("conversation_id", "author_id", "replied_to_id")),
    "comment_mentions": Stream("teammate", ("comment_id", "teammate_id"), ("conversation_id", "comment_posted_at")),
    "contacts": Stream("contact", ("id",), ("account_id", *OWNERS)),
    "contact_groups": Stream(None, ("contact_id", "group_id"), ("contact_updated_at",)),
    "contact_handles": Stream("contact_handle", ("contact_id", "source", "handle"), ("contact_updated_at",)),
    "contact_notes": Stream("contact_note", ("contact_id", "author_id", "created_at"), ("contact_updated_at",)),
    "contact_links": Stream(None, ("contact_id", "link"), ("contact_updated_at",)),
    "conversations": Stream(
        "conversation", ("id",),
        ("assignee_id", "last_message_id", "recipient_handle", "recipient_contact_id", ENDS),
    ),
    "conversation_tags": Stream(None, ("conversation_id", "tag_id"), ("changed_at", ENDS)),
    "conversation_links": Stream(None, ("conversation_id", "link_id"), ("changed_at", ENDS)),
    "conversation_followers": Stream(None, ("conversation_id", "teammate_id"), ("changed_at",)),
    "conversation_inboxes": Stream(None, ("conversation_id", "inbox_id"), ("changed_at",)),
    "conversation_messages": Stream("message", ("id",), ("conversation_id", "author_id")),
    "conversation_message_attachments": Stream(
        "attachment", ("message_id", "attachment_id"), ("conversation_id", "message_created_at")
    ),
    "conversation_message_recipients": Stream(
        "recipient", ("message_id", "role", "handle"), ("conversation_id", "contact_id", "message_created_at")
    ),
    "groups": Stream("contact_list", ("id",), OWNERS),
    "inboxes": Stream("inbox", ("id",), OWNERS),
    "inbox_channels": Stream(None, ("inbox_id", "channel_id")),
    "rules": Stream("rule", ("id",), OWNERS),
    "rule_actions": Stream(None, ("rule_id", "action")),
    "shifts": Stream("shift", ("id",), ("owner_team_id",)),
    "tags": Stream("tag", ("id",), ("parent_tag_id", *OWNERS)),
    "teams": Stream("team", ("id",)),
    "teammates": Stream("teammate", ("id",)),
    "teammate_shifts": Stream(None, ("teammate_id", "shift_id")),
    "team_inboxes": Stream(None, ("team_id", "inbox_id")),
    "team_teammates": Stream(None, ("team_id", "teammate_id")),
}
# fmt: on


# --- The contract's types -------------------------------------------------------------------------------------------


def options(kind: Kind) -> list[Kind]:
    """`"array of tag|null"` -> `["array of tag", "null"]`; a map of fields is its only option."""
    return list(kind.split("|")) if isinstance(kind, str) else [kind]


def fields_of(option: Kind) -> dict[str, Any] | None:
    """The fields of an object with known fields; None for any other type."""
    if isinstance(option, dict):
        return option
    fields: dict[str, Any] | None = CONTRACT.get(option, {}).get("fields")
    return fields


def required_of(option: Kind) -> list[str]:
    return CONTRACT[option].get("required", []) if isinstance(option, str) else []


def item_of(option: Kind) -> str | None:
    """The type of an array's items; None for any other type."""
    return option.removeprefix("array of ") if isinstance(option, str) and option.startswith("array of ") else None


# --- (a) The manifest's schemas -------------------------------------------------------------------------------------


def types_of(schema: dict[str, Any]) -> set[str]:
    declared = schema["type"]
    return {declared} if isinstance(declared, str) else set(declared)


def schema_faults(schema: dict[str, Any], kind: Kind, path: str) -> Iterator[str]:
    """Where a schema refuses what the contract allows, lacks a field, or names one that Front does not."""
    types = types_of(schema)
    if "null" not in types:
        yield f"{path}: may not be null"
    for option in options(kind):
        fields = fields_of(option)
        if fields is not None:
            if "object" not in types:
                yield f"{path}: refuses an object"
            yield from map_faults(schema["properties"], fields, path)
        elif item := item_of(option):
            if "array" not in types:
                yield f"{path}: refuses an array"
            yield from schema_faults(schema["items"], item, f"{path}[]")
        elif option not in types and not (option == "integer" and "number" in types):
            yield f"{path}: refuses {option}"


def map_faults(properties: dict[str, Any], fields: dict[str, Any], path: str) -> Iterator[str]:
    yield from (f"{path}.{name}: missing" for name in fields.keys() - properties.keys())
    yield from (f"{path}.{name}: not in the contract" for name in properties.keys() - fields.keys())
    for name in fields.keys() & properties.keys():
        yield from schema_faults(properties[name], fields[name], f"{path}.{name}")


def nodes(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every property of a schema at every depth, and every item of an array, by its path."""
    for name, child in schema.get("properties", {}).items():
        yield f"{path}.{name}", child
        yield from nodes(child, f"{path}.{name}")
    if "items" in schema:
        yield f"{path}[]", schema["items"]
        yield from nodes(schema["items"], f"{path}[]")


def test_every_stream_is_held_to_the_contract() -> None:
    assert MANIFEST["schemas"].keys() == STREAMS.keys()


@pytest.mark.parametrize("name", STREAMS)
def test_schema_has_the_contract_s_fields_and_the_added_columns_only(name: str) -> None:
    resource, key, added = STREAMS[name]
    properties = MANIFEST["schemas"][name]["properties"]
    own = {*key, *added}
    fields = CONTRACT[resource]["fields"] if resource else {}
    assert own <= properties.keys()
    of_front = {column: schema for column, schema in properties.items() if column not in own}
    expected = {column: kind for column, kind in fields.items() if column not in own}
    assert sorted(map_faults(of_front, expected, name)) == []


@pytest.mark.parametrize("name", STREAMS)
def test_key_parts_are_required_and_everything_else_may_be_null(name: str) -> None:
    schema, key = MANIFEST["schemas"][name], STREAMS[name].key
    assert set(schema["required"]) == set(key)
    for path, node in nodes(schema, name):
        if path not in {f"{name}.{part}" for part in key}:
            assert "null" in types_of(node), path
        elif path == "contact_notes.created_at":
            assert types_of(node) == {"number"}
        else:
            assert types_of(node) == {"string"}, path


@pytest.mark.parametrize("name", STREAMS)
def test_schema_is_an_open_draft_07_schema_of_plain_words(name: str) -> None:
    schema = MANIFEST["schemas"][name]
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert schema["type"] == "object"
    for path, node in [(name, schema), *nodes(schema, name)]:
        words = {"type", "properties", "items", "additionalProperties", "description", "$schema", "required"}
        assert node.keys() <= words, path
        assert types_of(node) <= {"string", "number", "integer", "boolean", "object", "array", "null"}, path
        if "object" in types_of(node):
            assert node["additionalProperties"] is True, path
        if "array" in types_of(node):
            assert "items" in node, path


UNITS = {"_at": "Unix seconds", "_since": "Unix seconds", "_time": "seconds", "duration": "seconds", "size": "bytes"}


@pytest.mark.parametrize("name", STREAMS)
def test_every_property_is_described_and_every_quantity_has_its_unit(name: str) -> None:
    for path, node in nodes(MANIFEST["schemas"][name], name):
        if path.endswith("[]"):
            continue
        description = node["description"]
        assert description.strip(), path
        unit = next((unit for end, unit in UNITS.items() if path.endswith(end)), "")
        assert unit in description, f"{path}: no unit ({unit}) in {description!r}"
        assert unit or not types_of(node) & {"number", "integer"} or "string" in types_of(node), f"{path}: which unit?"
        if path.endswith((".start", ".end")):
            assert "HH:MM" in description, path


@pytest.mark.parametrize("name", STREAMS)
def test_the_stream_s_primary_key_is_the_schema_s(name: str) -> None:
    stream = next(stream for stream in MANIFEST["streams"] if stream["name"] == name)
    key = stream["primary_key"]
    assert tuple([key] if isinstance(key, str) else key) == STREAMS[name].key
    assert stream["schema_loader"]["schema"] == MANIFEST["schemas"][name]


# --- (b) The sandbox's answers --------------------------------------------------------------------------------------

# Each endpoint, and the resource that its rows are. An `{id}` is filled from the rows of PARENTS.
ENDPOINTS = {
    "/me": "identity",
    "/channels": "channel",
    "/company/rules": "rule",
    "/contact_lists": "contact_list",
    "/contacts": "contact",
    "/conversations": "conversation",
    "/conversations/search/is:open": "conversation",
    "/events": "event",
    "/inboxes": "inbox",
    "/rules": "rule",
    "/shifts": "shift",
    "/tags": "tag",
    "/teammates": "teammate",
    "/teams": "team_preview",
    "/contacts/{id}": "contact",
    "/contacts/{id}/notes": "contact_note",
    "/conversations/{id}": "conversation",
    "/conversations/{id}/messages": "message",
    "/conversations/{id}/comments": "comment",
    "/conversations/{id}/followers": "teammate",
    "/conversations/{id}/inboxes": "inbox",
    "/conversations/{id}/events": "event",
    "/comments/{id}": "comment",
    "/comments/{id}/mentions": "teammate",
    "/inboxes/{id}": "inbox",
    "/inboxes/{id}/channels": "channel",
    "/inboxes/{id}/conversations": "conversation",
    "/messages/{id}": "message",
    "/shifts/{id}/teammates": "teammate",
    "/teammates/{id}/contact_lists": "contact_list",
    "/teammates/{id}/private_inboxes": "inbox",
    "/teammates/{id}/rules": "rule",
    "/teams/{id}": "team",
}
PARENTS = {
    "comments": "/conversations/{id}/comments",
    "contacts": "/contacts",
    "conversations": "/conversations",
    "inboxes": "/inboxes",
    "messages": "/conversations/{id}/messages",
    "shifts": "/shifts",
    "teammates": "/teammates",
    "teams": "/teams",
}
MOST_PARENTS = 40  # per endpoint: enough for every shape of row, few enough to be quick

Rows = list[dict[str, Any]]


class Reader:
    """Reads each endpoint of a sandbox once: path -> its rows, all pages."""

    def __init__(self, sandbox: Sandbox, session: requests.Session) -> None:
        self.sandbox = sandbox
        self.session = session
        self.read: dict[str, Rows] = {}

    def rows(self, endpoint: str) -> Rows:
        if endpoint not in self.read:
            self.read[endpoint] = [row for path in self.paths(endpoint) for row in self.pages(path)]
        return self.read[endpoint]

    def paths(self, endpoint: str) -> list[str]:
        if "{id}" not in endpoint:
            return [endpoint]
        parents = self.rows(PARENTS[endpoint.split("/")[1]])
        ids = list(dict.fromkeys(row["id"] for row in parents))[:MOST_PARENTS]
        return [endpoint.replace("{id}", id_) for id_ in ids]

    def pages(self, path: str) -> Iterator[dict[str, Any]]:
        target = path
        while target:
            response = self.session.get(self.sandbox.url + target, allow_redirects=False, timeout=10)
            assert response.status_code in (200, 202), f"{target}: {response.status_code} {response.text[:200]}"
            body = response.json()
            if "_results" not in body:
                yield body
                return
            yield from body["_results"]
            following = urlsplit(body["_pagination"]["next"] or "")
            target = f"{following.path}?{following.query}" if following.path else ""


def value_faults(value: object, kind: Kind, path: str) -> list[str]:
    """Where a value is not what the contract says: of another type, with a field too many, without a required one."""
    if value is None:
        return [] if "null" in options(kind) else [f"{path}: null"]
    found = [option_faults(value, option, path) for option in options(kind) if option != "null"]
    return min(found, key=len)


def option_faults(value: object, option: Kind, path: str) -> list[str]:
    fields, item = fields_of(option), item_of(option)
    if fields is not None:
        return object_faults(value, option, fields, path) if isinstance(value, dict) else [f"{path}: not an object"]
    if item is not None:
        if not isinstance(value, list):
            return [f"{path}: not an array"]
        return [fault for each in value for fault in value_faults(each, item, f"{path}[]")]
    right = isinstance(value, SCALARS[str(option)]) and (option == "boolean") == isinstance(value, bool)
    return [] if right else [f"{path}: {value!r} is not of type {option}"]


def object_faults(value: dict[str, Any], option: Kind, fields: dict[str, Any], path: str) -> list[str]:
    path = option if isinstance(option, str) else path  # Of a resource within another, say `recipient.role`.
    found = [f"{path}.{name}: not in the contract" for name in value.keys() - fields.keys()]
    found += [f"{path}.{name}: missing" for name in required_of(option) if name not in value]
    for name in value.keys() & fields.keys():
        found += value_faults(value[name], fields[name], f"{path}.{name}")
    return found


# Front declares these to be there, but its declarations have been wrong before: the sandbox leaves them out in a few
# rows on purpose, so that the tests of the streams see what becomes of such a row.
LAPSES = {
    "contact_handle.handle: null",
    "contact_handle.source: missing",
    "contact_note._links.related.author: null",
    "contact_note.author: null",
    "contact_note.body: null",
    "recipient.handle: missing",
    "recipient.handle: null",
    "recipient.role: missing",
}

# Gone from the document since June 2025; only old accounts may still answer with it.
NEVER_SHOWN = {"contact.is_spammer"}


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    everything = Behaviour(private_scope=True, ticketing=True)
    with Sandbox(seed=1, conversations=60, behaviour=everything) as sandbox, requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {sandbox.token}"
        yield Reader(sandbox, session)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_sandbox_answers_as_the_contract_says(reader: Reader, endpoint: str) -> None:
    rows = reader.rows(endpoint)
    assert rows, "nothing was answered, so nothing was tested"
    assert sorted(faults_of(rows, ENDPOINTS[endpoint]) - LAPSES) == []


def test_sandbox_shows_every_lapse(reader: Reader) -> None:
    found = {fault for endpoint, resource in ENDPOINTS.items() for fault in faults_of(reader.rows(endpoint), resource)}
    assert found == LAPSES


def test_sandbox_shows_every_field_of_the_contract(reader: Reader) -> None:
    shown: set[str] = set()
    for endpoint, resource in ENDPOINTS.items():
        for row in reader.rows(endpoint):
            note_fields(row, resource, shown)
    expected = {f"{resource}.{name}" for resource, facts in CONTRACT.items() for name in facts["fields"]}
    assert sorted(expected - shown) == sorted(NEVER_SHOWN)


def faults_of(rows: Rows, resource: str) -> set[str]:
    return {fault for row in rows for fault in value_faults(row, resource, resource)}


def note_fields(value: object, kind: Kind, shown: set[str]) -> None:
    """Notes in `shown` which `resource.field`s a value has, at any depth."""
    for option in options(kind):
        fields, item = fields_of(option), item_of(option)
        if fields is not None and isinstance(value, dict):
            present = value.keys() & fields.keys()
            if isinstance(option, str):
                shown |= {f"{option}.{name}" for name in present}
            for name in present:
                note_fields(value[name], fields[name], shown)
        elif item is not None and isinstance(value, list):
            for each in value:
                note_fields(each, item, shown)
