"""Odd data: whatever Front sends in a field comes out of `read` as it was sent, and costs no row and no other field."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Iterable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from airbyte_cdk import launch
from airbyte_cdk.models import AirbyteStateMessage, ConfiguredAirbyteCatalogSerializer, SyncMode

from integration_tests import reading
from integration_tests.connection import STREAMS, built_lightly
from integration_tests.reading import Reading, catalog, comparable, primary_key
from integration_tests.sandbox import Behaviour, Company, View
from integration_tests.warehouse import last_states
from source_front.source import SourceFront
from unit_tests.front import CONFIG, Front, Row, links, page, read, read_rows, rows

Place = tuple[str | int, ...]

NOW = time.time()
COMPANY = Company(seed=1, conversations=40, now=NOW)
VIEW = View(COMPANY, Behaviour(ticketing=True))

# What Front sends, as rich as it gets: of each resource the sandbox's row with the most values.


def _values(of: object) -> int:
    if isinstance(of, dict):
        return sum(map(_values, of.values()))
    return sum(map(_values, of)) if isinstance(of, list) else of is not None


def richest(found: Iterable[Row]) -> Row:
    return copy.deepcopy(max(found, key=_values))


def _thing(kind: str) -> Row:
    return richest(map(VIEW.thing, getattr(COMPANY, kind).values()))


CONVERSATION = richest(VIEW.conversation(each) for each in COMPANY.conversations.values() if each.messages)
TASK = richest(VIEW.conversation(each) for each in COMPANY.conversations.values() if each.type == "task")
MESSAGE = richest(map(VIEW.message, COMPANY.messages.values()))
COMMENT = richest(map(VIEW.comment, COMPANY.comments.values()))
CONTACT = richest(map(VIEW.contact, COMPANY.contacts.values()))
NOTE = richest(note for each in COMPANY.contacts.values() for note in VIEW.notes(each))
TEAM = richest(map(VIEW.team, COMPANY.teams.values()))
TEAMMATE = _thing("teammates")
for each in (CONVERSATION, TASK, CONTACT):
    each["updated_at"] = NOW - 100.25  # after the start date, which is the default here

LISTS = {
    "inboxes": ("/inboxes", _thing("inboxes")),
    "channels": ("/channels", _thing("channels")),
    "tags": ("/tags", _thing("tags")),
    "rules": ("/rules", _thing("rules")),
    "shifts": ("/shifts", _thing("shifts")),
    "teammates": ("/teammates", TEAMMATE),
    "groups": ("/contact_lists", _thing("contact_lists")),
}
CURSORS = {"updated_at", "created_at", "posted_at"}
KINDS = {"type", "status", "status_category", "license_type", "error_type", "draft_mode", "source", "role"}
"""Fields with a fixed set of values today."""
DEPTH = 3
"""What lies deeper is passed on, hardly read."""


# One field after the other, changed


def paths(of: object, at: Place = ()) -> Iterator[Place]:
    """Where something lies in it, at any depth."""
    parts: Iterable[tuple[str | int, object]] = ()
    if isinstance(of, dict):
        parts = of.items()
    elif isinstance(of, list):
        parts = enumerate(of)
    for name, value in parts:
        yield (*at, name)
        yield from paths(value, (*at, name))


def is_kept(path: Place) -> bool:
    """An id of its own, or of what becomes a row of another stream; and what stands in a list, such as a link."""
    return path == ("id",) or isinstance(path[-1], int) or (path[-1] == "id" and isinstance(path[-2], int))


def without(holder: Any, name: str | int) -> None:  # noqa: ANN401
    del holder[name]


def nulled(holder: Any, name: str | int) -> None:  # noqa: ANN401
    holder[name] = None


def retyped(holder: Any, name: str | int) -> None:  # noqa: ANN401
    """A number as a text, a text as a number, a kind that nobody knows yet; not an id or a link."""
    if isinstance(holder[name], int | float):
        holder[name] = json.dumps(holder[name])
    elif isinstance(holder[name], str) and name != "id" and not holder[name].startswith("http"):
        holder[name] = "of_tomorrow" if name in KINDS else 7


def changed(row: Row) -> list[Row]:
    """The row, then one for each field in it and each change of this field: all under ids of their own.

    Of a list only the first part is changed.
    """
    found = [copy.deepcopy(row)]
    first = [path for path in paths(row) if not any(isinstance(part, int) and part for part in path)]
    at = [path for path in first if len(path) <= DEPTH and not is_kept(path)]
    for path, change in product(at, (without, nulled, retyped)):
        other = copy.deepcopy(row)
        holder: Any = other
        for part in path[:-1]:
            holder = holder[part]
        change(holder, path[-1])
        if other != row:
            found.append(other)
    for number, each in enumerate(found):
        if "id" in row:
            each["id"] = f"{row['id']}_{number}"
    return found


def assert_as_sent(got: list[Row], sent: list[Row], *more: str) -> None:
    """A row for each, in any order, with every value as it was sent, and beside them `more` columns at most.

    Of those every one is as in the first row that was sent, or null: a field that is missing makes nothing up.
    (A cursor's column that was not sent has a time.)
    """
    by_id = {row["id"]: row for row in got}
    assert len(by_id) == len(got)
    assert by_id.keys() == {row["id"] for row in sent}
    whole = by_id[sent[0]["id"]]
    for want in sent:
        row, expected = by_id[want["id"]], comparable(want)
        made = {name: value for name, value in comparable(row).items() if name not in expected}
        assert {name: row.get(name) for name in expected} == expected
        assert all(type(row[name]) is type(value) for name, value in expected.items())
        for name, value in made.items():
            assert (name in CURSORS and value > NOW - 86_400 * 2) or (name in more and value == whole[name])


@pytest.fixture
def front() -> Iterator[Front]:
    with Front() as mocked:
        yield mocked


def test_given_any_field_missing_or_of_another_type_when_the_companys_lists_are_read_then_all_else_is_as_sent(
    front: Front,
) -> None:
    sent = {stream: changed(row) for stream, (_, row) in LISTS.items()}
    for stream, (route, _) in LISTS.items():
        front.lists(route, sent[stream])
    output = read(*LISTS, "rule_actions", "inbox_channels")
    for stream in LISTS:
        more = ("owner_team_id", "owner_teammate_id", "inbox_id", "parent_tag_id")
        assert_as_sent(rows(output, stream), sent[stream], *more)
    actions = [(rule["id"], action) for rule in sent["rules"] for action in rule.get("actions") or []]
    assert [(row["rule_id"], row["action"]) for row in rows(output, "rule_actions")] == actions
    pairs = {(row["inbox_id"], row["id"]) for row in rows(output, "channels") if row.get("inbox_id")}
    assert {(row["inbox_id"], row["channel_id"]) for row in rows(output, "inbox_channels")} == pairs


def test_given_any_field_missing_or_of_another_type_when_details_and_children_are_read_then_all_else_is_as_sent(
    front: Front,
) -> None:
    teams, teammates = changed(TEAM), changed(TEAMMATE)
    front.lists("/teams", [{"id": team["id"]} for team in teams])
    for team in teams:
        front.has(f"/teams/{team['id']}", team)
    front.lists("/shifts", [{"id": "shf_1"}])
    front.lists("/shifts/shf_1/teammates", teammates)
    output = read("teams", "team_inboxes", "team_teammates", "teammate_shifts")
    assert_as_sent(rows(output, "teams"), teams)
    for stream, part, key in (("team_inboxes", "inboxes", "inbox_id"), ("team_teammates", "members", "teammate_id")):
        pairs = sorted((team["id"], each["id"]) for team in teams for each in team.get(part) or [])
        assert sorted((row["team_id"], row[key]) for row in rows(output, stream)) == pairs
    assert {row["teammate_id"] for row in rows(output, "teammate_shifts")} == {each["id"] for each in teammates}


def test_given_any_field_missing_or_of_another_type_when_contacts_are_read_then_all_else_is_as_sent(
    front: Front,
) -> None:
    contacts, notes = changed(CONTACT), changed(NOTE)
    front.lists("/contacts", contacts)
    front.lists(f"/contacts/{contacts[0]['id']}/notes", notes)
    output = read("contacts", "contact_handles", "contact_groups", "contact_links", "contact_notes")
    assert_as_sent(rows(output, "contacts"), contacts, "owner_team_id", "owner_teammate_id", "account_id")
    handles = [
        (of["id"], each.get("source") or "unknown", each.get("handle") or "unknown")
        for of in contacts
        for each in of.get("handles") or []
    ]
    assert [(row["contact_id"], row["source"], row["handle"]) for row in rows(output, "contact_handles")] == handles
    for stream, part, key in (("contact_groups", "lists", "group_id"), ("contact_links", "links", "link")):
        held = [(of["id"], each["id"] if key == "group_id" else each) for of in contacts for each in of.get(part) or []]
        assert [(row["contact_id"], row[key]) for row in rows(output, stream)] == held
    for row, note in zip(rows(output, "contact_notes"), notes, strict=True):
        assert {name: row.get(name) for name in comparable(note)} == comparable(note)
        assert row["author_id"] == ((note.get("author") or {}).get("id") or "unknown")
        assert row["created_at"] == (note.get("created_at") or 0)


def test_given_any_field_missing_or_of_another_type_when_conversations_are_read_then_all_else_is_as_sent(
    front: Front,
) -> None:
    found, tasks = changed(CONVERSATION), changed(TASK)
    front.lists("/search", found)
    front.lists("/conversations", found + tasks)  # without its newest message, one may be a discussion
    for each in found + tasks:
        front.has(f"/conversations/{each['id']}", each)
    output = read("conversations", "conversation_tags", "conversation_links")
    more = ("assignee_id", "last_message_id", "recipient_handle", "recipient_contact_id")
    known = {row["id"]: row for row in rows(output, "conversations")}
    assert known.keys() == {each["id"] for each in found + tasks}
    assert_as_sent([known[each["id"]] for each in found], found, *more)
    assert_as_sent([known[each["id"]] for each in tasks], tasks, *more)
    for stream, part, key in (("conversation_tags", "tags", "tag_id"), ("conversation_links", "links", "link_id")):
        pairs = {(of["id"], each["id"]) for of in found + tasks for each in of.get(part) or []}
        assert {(row["conversation_id"], row[key]) for row in rows(output, stream)} == pairs


def test_given_any_field_missing_or_of_another_type_when_threads_are_read_then_all_else_is_as_sent(
    front: Front,
) -> None:
    messages, comments, mentioned = (changed(each) for each in (MESSAGE, COMMENT, TEAMMATE))
    conversation = CONVERSATION["id"]
    for each in (*messages, *comments):  # the thread that they lie in is the conversation's
        if (related := (each.get("_links") or {}).get("related") or {}).get("conversation"):
            related["conversation"] = f"https://acme.api.frontapp.com/conversations/{conversation}"
    front.lists("/search", [CONVERSATION])
    front.lists(f"/conversations/{conversation}/messages", messages)
    front.lists(f"/conversations/{conversation}/comments", comments)
    front.lists(f"/comments/{comments[0]['id']}/mentions", mentioned)
    children = ["conversation_message_recipients", "conversation_message_attachments", "attachments"]
    output = read("conversation_messages", "comments", "comment_mentions", *children)
    assert_as_sent(rows(output, "conversation_messages"), messages, "conversation_id", "author_id")
    assert_as_sent(rows(output, "comments"), comments, "conversation_id", "author_id", "replied_to_id")
    pairs = rows(output, "comment_mentions")
    assert [row.pop("teammate_id") for row in pairs] == [each["id"] for each in mentioned]
    assert_as_sent(pairs, mentioned, "comment_id", "conversation_id", "comment_posted_at")
    for stream in ("conversation_messages", "comments", "comment_mentions", *children):
        assert {row["conversation_id"] for row in rows(output, stream)} == {conversation}
    parties = [
        (of["id"], each.get("role") or "unknown", each.get("handle") or "unknown")
        for of in messages
        for each in of.get("recipients") or []
    ]
    got = rows(output, "conversation_message_recipients")
    assert [(row["message_id"], row["role"], row["handle"]) for row in got] == parties
    files = [(of["id"], each["id"]) for of in messages for each in of.get("attachments") or []]
    assert [(row["message_id"], row["id"]) for row in rows(output, "conversation_message_attachments")] == files
    files += [(of["id"], each["id"]) for of in comments for each in of.get("attachments") or []]
    assert sorted((row["parent_id"], row["id"]) for row in rows(output, "attachments")) == sorted(files)


# Over two syncs


def sync(streams: list[str], states: list[AirbyteStateMessage]) -> tuple[Reading, list[AirbyteStateMessage]]:
    """One sync from these states; what it read, and the states after it."""
    with built_lightly(streams):
        done = reading.read(CONFIG, streams, state=states, mode=SyncMode.incremental)
    assert not done.errors, done.errors
    return done, last_states(done.output.get_message_iterator())


TIMES = [-5, 0, 0.5, 1_700_000_000, "1700000000.25", 32_503_680_000.5, 1.7e12]
"""Seconds since 1970 before it, at it, as an integer, as a text, in the year 3000; and milliseconds."""
SYNCED = ["conversations", "conversation_messages", "comments", "comment_mentions"]


def thread(front: Front, number: int, at: object) -> Row:
    """A conversation with one of everything in it, all of this time; returns what Front says of it."""
    name = f"cnv_{number}"
    whole: Row = {"id": name, "updated_at": at, "tags": [{"id": "tag_1"}], "_links": links(last_message="/messages/m")}
    front.has(f"/conversations/{name}", whole)
    front.lists(f"/conversations/{name}/messages", [{"id": f"msg_{number}", "created_at": at}])
    front.lists(f"/conversations/{name}/comments", [{"id": f"com_{number}", "posted_at": at}])
    front.lists(f"/comments/com_{number}/mentions", [{"id": "tea_1"}])
    return whole


def events(number: int, ago: float) -> list[Row]:
    """One of a type that nobody knows yet, so that it moves every table, and one of a comment."""
    said: Row = {"conversation": {"id": f"cnv_{number}"}, "emitted_at": NOW - ago}
    target: Row = {"_meta": {"type": "comment"}, "data": {"id": f"com_{number}"}}
    return [
        said | {"id": f"evt_{number}", "type": "of_tomorrow"},
        said | {"id": "e", "type": "mention", "target": target},
    ]


def test_given_any_time_in_a_thread_when_synced_twice_then_it_is_as_sent_and_changes_are_read(front: Front) -> None:
    """A sender's clock may say anything: it must not end the syncs of a table."""
    front.lists("/search", [thread(front, number, at) for number, at in enumerate(TIMES)])
    front.always("/events", page(*events(0, 3_000)))
    first, states = sync(SYNCED, [])
    front.always("/events", page(*(event for number in range(len(TIMES)) for event in events(number, 10))))
    second, _ = sync(SYNCED, states)
    columns = {"conversations": "updated_at", "conversation_messages": "created_at", "comments": "posted_at"}
    for got in (first, second):
        for stream, column in columns.items():
            found = {int(row["id"].split("_")[1]): row[column] for row in got.rows.get(stream, [])}
            assert [found.get(number) for number in range(len(TIMES))] == TIMES, stream
        assert len({row["comment_id"] for row in got.rows["comment_mentions"]}) == len(TIMES)


def test_given_any_field_of_an_event_missing_or_of_another_type_when_synced_then_the_others_are_read(
    front: Front,
) -> None:
    """Without its time, or the id of what it names, an event tells nothing; it must not hide those beside it."""
    streams = ["conversation_tags", "comment_mentions"]
    front.lists("/search", [thread(front, 0, NOW - 4_000)])
    front.always("/events", page(*events(0, 3_000)))
    _, states = sync(streams, [])
    event = richest(VIEW.event(each) for each in COMPANY.events if each.type != "conversations_merged")
    odd = changed(event | {"conversation": {"id": "cnv_0"}, "emitted_at": NOW - 5})
    front.always("/events", page(*odd, *events(0, 10)))
    second, _ = sync(streams, states)
    for stream in streams:
        assert second.rows.get(stream), stream


# What a template, a path or a key on the way would change

IDS = ["123", "1e5", "True", "null", "a:b.c"]
TEXTS = ["a:b/ü", "it's", '"q"', "{{ x }}", "x?y#z", "nul \u0000", "שלום\n", "a long one " * 30]
NAMES = ["a.b", "a/b", "*", "**", "?", "[x]", "0", "'q'", '"', "ю", "🎉", "{{ x }}", "items", "keys", "values", "get",
         "update", "pop", "self", "id"]  # fmt: skip


def given_ids(front: Front, ids: list[str]) -> None:
    """Each of these names one of everything."""

    def one(of: str) -> Row:
        return {"id": of, "_links": links(inbox=f"/inboxes/{of}", parent_tag=f"/tags/{of}", owner=f"/teams/{of}",
                                          conversation=f"/conversations/{of}", contact=f"/contacts/{of}",
                                          comment_replied_to=f"/comments/{of}",
                                          last_message=f"/messages/{of}")}  # fmt: skip

    for route in ("/inboxes", "/channels", "/tags", "/rules", "/shifts", "/teams", "/contact_lists"):
        front.lists(route, [one(each) | {"actions": [each]} for each in ids])
    same = [one(each) | {"updated_at": 1_700_000_000, "account": one(each), "lists": [one(each)], "links": ["x"],
                         "handles": [{"handle": each, "source": each}]} for each in ids]  # fmt: skip
    front.lists("/contacts", same)
    front.lists("/search", [one(each) | {"assignee": one(each), "recipient": one(each), "tags": [one(each)],
                                         "links": [one(each)], "updated_at": 1} for each in ids])  # fmt: skip
    for each in ids:
        front.has(f"/teams/{each}", {"id": each, "inboxes": [one(each)], "members": [one(each)]})
        front.lists(f"/shifts/{each}/teammates", [one(each)])
        front.lists(f"/contacts/{each}/notes", [{"author": one(each), "created_at": 1}])
        front.lists(f"/search inbox:{each}", [one(each)])
        front.lists(f"/conversations/{each}/followers", [one(each)])
        within = one(each) | {"created_at": 1, "posted_at": 1, "author": one(each), "attachments": [one(each)]}
        front.lists(f"/conversations/{each}/messages", [within | {"recipients": [one(each) | {"handle": each}]}])
        front.lists(f"/conversations/{each}/comments", [within])
        front.lists(f"/comments/{each}/mentions", [one(each)])


WITH_IDS = [
    "channels", "inbox_channels", "tags", "rules", "rule_actions", "shifts", "teammate_shifts", "teams", "team_inboxes",
    "team_teammates", "groups", "inboxes", *STREAMS,
]  # fmt: skip


def test_given_ids_of_any_kind_when_read_then_every_column_that_holds_one_is_the_same_text(front: Front) -> None:
    """Also such as a template would take for a number or for nothing."""
    given_ids(front, IDS)
    output = read(*WITH_IDS)
    for stream in WITH_IDS:
        found = rows(output, stream)
        columns = {name for row in found for name in row if name == "id" or name.endswith("_id")}
        for name in columns | set(primary_key(stream)) - {"created_at", "role", "link", "action", "source"}:
            assert {row.get(name) for row in found} == set(IDS), f"{stream}.{name}"


def test_given_ids_of_any_characters_when_objects_hold_them_then_the_columns_are_the_same_texts(front: Front) -> None:
    """Not those that become part of an address."""
    found = [{"id": each} for each in TEXTS]
    front.lists("/teams", [{"id": "tim_1"}])
    front.has("/teams/tim_1", {"id": "tim_1", "inboxes": found, "members": found})
    front.lists("/contacts", [{"id": "crd_1", "updated_at": 1, "lists": found}])
    latest = links(last_message="/messages/msg_1")
    front.lists("/search", [
        {"id": f"cnv_{n}", "assignee": each, "recipient": {"handle": each["id"]}, "_links": latest,
         "tags": [each], "links": [each]}
        for n, each in enumerate(found)
    ])  # fmt: skip
    columns = {
        "team_inboxes": ["inbox_id"],
        "team_teammates": ["teammate_id"],
        "contact_groups": ["group_id"],
        "conversations": ["assignee_id", "recipient_handle"],
        "conversation_tags": ["tag_id"],
        "conversation_links": ["link_id"],
    }
    output = read(*columns)
    for stream, names in columns.items():
        for name in names:
            assert [row[name] for row in rows(output, stream)] == TEXTS, f"{stream}.{name}"


def test_given_fields_of_any_name_when_read_then_they_are_columns_and_no_row_is_missing(front: Front) -> None:
    """Front may grow: by names that Python's dictionaries, dpath or this connector use for something else, too."""
    grown: Row = dict.fromkeys(NAMES, "x") | {"parent": "x", "value": "x", "url": "x"}
    grown = {name: value for name, value in grown.items() if name != "id"} | {
        "custom_fields": {name: name for name in NAMES}
    }
    front.lists("/tags", [{"id": "tag_1", **grown}])
    front.lists("/channels", [{"id": "cha_1", "_links": links(inbox="/inboxes/inb_1"), **grown}])
    front.lists("/shifts", [{"id": "shf_1"}])
    front.lists("/shifts/shf_1/teammates", [{"id": "tea_1", **grown}])
    front.lists("/teams", [{"id": "tim_1"}])
    front.has("/teams/tim_1", {"id": "tim_1", "inboxes": [{"id": "i", **grown}], "members": [{"id": "t", **grown}]})
    lists, handles = [{"id": "grp_1", **grown}], [{"handle": "h", "source": "s", **grown}]
    front.lists("/contacts", [{"id": "crd_1", "updated_at": 1, "lists": lists, "handles": handles, **grown}])
    held = {"tags": [{"id": "tag_1", **grown}], "links": [{"id": "top_1", **grown}]}
    latest = links(last_message="/messages/msg_1")
    front.lists("/search", [{"id": "cnv_1", "updated_at": 1, "_links": latest, **grown, **held}])
    front.lists("/inboxes", [{"id": "inb_1", **grown}])
    front.lists("/search inbox:inb_1", [{"id": "cnv_1", "_links": latest, **grown}])
    front.lists("/conversations/cnv_1/followers", [{"id": "tea_1", **grown}])
    whole = ["tags", "channels", "inboxes", "contacts", "contact_handles", "conversations"]
    pairs = ["inbox_channels", "teammate_shifts", "team_inboxes", "team_teammates", "contact_groups",
             "conversation_tags", "conversation_links", "conversation_inboxes", "conversation_followers"]  # fmt: skip
    output = read(*whole, *pairs)
    for stream in whole:
        (row,) = rows(output, stream)
        assert {name: row.get(name) for name in grown} == grown, stream
    for stream in pairs:
        (row,) = rows(output, stream)
        assert row.keys() <= {*primary_key(stream), "changed_at", "contact_updated_at"}, stream


def test_given_large_and_broken_texts_when_read_then_each_line_of_the_output_holds_them(
    front: Front, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A megabyte, right to left, half an emoji: as JSON says it, on a line of its own."""
    texts = ["é" * 500_000 + "🎉", "שלום \u202e عالم", "half \ud83d of", "\u0000\u2028\x1b[0m", "{{ 7 * 7 }}", "+1555"]
    tags = [{"id": f"tag_{n}", "name": text, "_links": {text: text}} for n, text in enumerate(texts)]
    front.lists("/tags", tags)
    front.lists("/rules", [{"id": "rul_1", "actions": texts}])
    streams = ["tags", "rule_actions"]
    inputs = {"config": CONFIG, "catalog": ConfiguredAirbyteCatalogSerializer.dump(catalog(streams))}
    for name, content in inputs.items():
        (tmp_path / name).write_text(json.dumps(content), encoding="utf-8")
    with built_lightly(streams):
        source = SourceFront(config=CONFIG, catalog=catalog(streams))
        launch(source, ["read", *(part for name in inputs for part in (f"--{name}", str(tmp_path / name)))])
    lines = map(json.loads, capfd.readouterr().out.split("\n")[:-1])
    records = [each["record"] for each in lines if each["type"] == "RECORD"]
    found = {stream: [each["data"] for each in records if each["stream"] == stream] for stream in streams}
    assert [comparable(row) for row in found["tags"]] == tags
    assert [row["action"] for row in found["rule_actions"]] == texts


def test_given_ten_thousand_in_one_parent_when_read_then_each_is_a_row(front: Front) -> None:
    handles = [{"source": "phone", "handle": f"+1555{n}"} for n in range(10_000)]
    front.lists("/contacts", [{"id": "crd_1", "updated_at": 1, "handles": handles}])
    assert [row["handle"] for row in read_rows("contact_handles")] == [each["handle"] for each in handles]


def test_given_a_row_on_two_pages_when_read_then_no_other_is_missing_and_its_children_are_asked_once(
    front: Front,
) -> None:
    """Lists move while they are paged. A destination drops the second row by its key."""
    one, two, three = ({"id": f"cnv_{n}", "_links": links(last_message="/messages/m")} for n in (1, 2, 3))
    front.lists("/search", [one, two], [two, three])
    front.lists("/tags", [{"id": "tag_1"}, {"id": "tag_2"}], [{"id": "tag_2"}, {"id": "tag_3"}])
    output = read("tags", "conversations", "conversation_followers")
    assert {row["id"] for row in rows(output, "tags")} == {"tag_1", "tag_2", "tag_3"}
    assert {row["id"] for row in rows(output, "conversations")} == {"cnv_1", "cnv_2", "cnv_3"}
    for each in (one, two, three):
        assert len(front.queries(f"/conversations/{each['id']}/followers")) == 1
