"""Conversations, and what is paired with them: tags, links, followers, inboxes."""

from collections.abc import Iterator

import pytest

from unit_tests.front import API, COMPANY, TEXTS, Front, Row, error, ids, links, moved, read, read_rows, rows

LATEST = links(last_message="/messages/msg_1?referer=conversation")
"""A conversation that the search finds has a message."""


@pytest.fixture
def front() -> Iterator[Front]:
    with Front() as mocked:
        yield mocked


def conversation(number: int, **others: object) -> Row:
    return {"id": f"cnv_{number}", "updated_at": 1700000000 + number, "_links": LATEST, **others}


def discussion(number: int, **others: object) -> Row:
    """Comments only, and in no inbox: neither search nor events show it for sure."""
    return {"id": f"cnv_{number}", "type": "discussion", "updated_at": 4000000000, **others}


# conversations


def test_given_full_short_and_empty_pages_when_read_then_every_conversation_is_one_row(front: Front) -> None:
    front.lists("/search", [conversation(1), conversation(2)], [], [conversation(3)], [])
    front.lists("/search is:trashed", [conversation(4, status="deleted")], [conversation(5, status="deleted")])
    front.lists("/conversations", [conversation(1, updated_at=4000000000)], [], [discussion(6)], [])
    front.has("/conversations/cnv_6", discussion(6))
    assert ids(read_rows("conversations")) == [f"cnv_{n}" for n in range(1, 7)]
    probe, first, *later = front.queries("/search")
    assert (probe, first) == ({"limit": ["1"]}, {"limit": ["100"]})
    assert later == [{"page_token": [f"/+= {number}"]} for number in (2, 3, 4)], "next, as it is, on our own host"
    listed, *pages = front.queries("/conversations")
    assert listed == {
        "limit": ["100"],
        "sort_by": ["date"],
        "sort_order": ["desc"],
        "q[statuses][]": ["assigned", "unassigned", "archived", "trashed"],
    }
    assert len(pages) == 3
    assert front.queries("/conversations/cnv_6") == [{}]
    assert not front.queries("/conversations/cnv_1"), "the search has it already"


def test_given_nothing_when_read_then_no_row_and_no_page_is_asked_for(front: Front) -> None:
    assert read_rows("conversations") == []
    assert front.queries("/search") == [{"limit": ["1"]}]
    assert front.queries("/search is:trashed") == [{"limit": ["1"]}]


def test_given_a_trashed_conversation_in_both_searches_when_read_then_it_is_one_row(front: Front) -> None:
    front.lists("/search", [conversation(1), conversation(2, status="deleted")])
    front.lists("/search is:trashed", [conversation(2, status="deleted")])
    assert ids(read_rows("conversations")) == ["cnv_1", "cnv_2"]


def test_given_some_without_inbox_in_both_lists_when_read_then_each_is_one_row(front: Front) -> None:
    kinds = ["discussion", "task", "a_new_one"]
    sent = [conversation(i, type=kind, updated_at=4000000000) for i, kind in enumerate(kinds)]
    front.lists("/search", sent)
    front.lists("/conversations", sent)
    for row in sent:
        front.has(f"/conversations/{row['id']}", row)
    assert ids(read_rows("conversations")) == ["cnv_0", "cnv_1", "cnv_2"]


def test_given_ids_in_links_and_objects_when_read_then_they_are_columns(front: Front) -> None:
    sent = conversation(
        1,
        assignee={"id": "tea_1", "email": "a@b.c"},
        recipient={"handle": "+15551234567", "role": "from", "_links": links(contact="/contacts/crd_1?x=y")},
    )
    front.lists("/search", [sent])
    added = {
        "assignee_id": "tea_1",
        "last_message_id": "msg_1",
        "recipient_handle": "+15551234567",
        "recipient_contact_id": "crd_1",
    }
    assert read_rows("conversations") == [sent | added]


def test_given_nulls_and_missing_keys_when_read_then_the_rows_have_their_cursor_and_nothing_made_up(
    front: Front,
) -> None:
    bare: list[Row] = [
        {},
        {"assignee": None, "recipient": None, "updated_at": None, "tags": None, "links": None, "type": None},
        {"assignee": {}, "recipient": {}, "tags": [], "links": []},
        {"recipient": {"handle": None, "_links": None}},
        {"recipient": {"_links": {"related": None}}},
        {"recipient": {"_links": {"related": {"contact": None}}}},
    ]
    front.lists("/search", [{"id": f"cnv_{i}", "_links": LATEST, **nothing} for i, nothing in enumerate(bare)])
    output = read("conversations", "conversation_tags", "conversation_links")
    found = rows(output, "conversations")
    assert ids(found) == [f"cnv_{i}" for i in range(len(bare))]
    for row in found:
        assert row["updated_at"] > 1_700_000_000, "the time of the page that brought it"
        assert [row.get(name) for name in ("assignee_id", "recipient_handle", "recipient_contact_id")] == [None] * 3
    assert rows(output, "conversation_tags") == rows(output, "conversation_links") == []


def test_given_any_text_and_unknown_fields_when_read_then_they_come_out_as_they_went_in(front: Front) -> None:
    sent = [
        conversation(i, subject=text, brand_new=[text, {text: None}], recipient={"name": text}, status_category=text)
        for i, text in enumerate(TEXTS)
    ]
    front.lists("/search", sent)
    got = read_rows("conversations")
    assert [{key: row.get(key) for key in sent[0]} for row in got] == sent


def test_given_any_handle_when_read_then_the_column_is_the_same_text(front: Front) -> None:
    front.lists("/search", [conversation(i, recipient={"handle": text}) for i, text in enumerate(TEXTS)])
    assert [row["recipient_handle"] for row in read_rows("conversations")] == TEXTS


def test_given_one_that_was_merged_away_when_read_then_the_survivor_is_the_row(front: Front) -> None:
    front.lists("/conversations", [discussion(1)])
    front.always("/conversations/cnv_1", moved(f"{API}/conversations/cnv_2"))
    front.has("/conversations/cnv_2", discussion(2))
    assert ids(read_rows("conversations")) == ["cnv_2"]


def test_given_some_out_of_reach_when_read_then_the_others_are_rows(front: Front) -> None:
    front.lists("/conversations", [discussion(number) for number in range(1, 5)])
    front.always("/conversations/cnv_1", moved(f"{COMPANY}/conversations/cnv_9"))
    front.always("/conversations/cnv_2", error(403))
    front.always("/conversations/cnv_3", error(404, "Unknown conversation ID cnv_3"))
    front.has("/conversations/cnv_4", discussion(4))
    assert ids(read_rows("conversations")) == ["cnv_4"]


def test_given_an_inbox_when_its_first_sync_is_run_then_it_is_only_probed(front: Front) -> None:
    front.lists("/inboxes", [{"id": "inb_1"}], [{"id": "inb_2"}])
    read_rows("conversations")
    assert front.queries("/inboxes/inb_1/conversations") == [{"limit": ["1"]}]
    assert front.queries("/inboxes/inb_2/conversations") == [{"limit": ["1"]}]


# tags and links

PAIRS = [("conversation_tags", "tags", "tag_id"), ("conversation_links", "links", "link_id")]


@pytest.mark.parametrize(("stream", "field", "key"), PAIRS)
def test_given_what_conversations_hold_when_read_then_pairs_of_keys_with_their_cursor(
    front: Front, stream: str, field: str, key: str
) -> None:
    front.lists("/search", [conversation(1, **{field: [{"id": "x_1", "name": "None"}, {"id": "x_2"}]})], [])
    front.lists("/search is:trashed", [conversation(2, status="deleted", **{field: [{"id": "x_1"}]})])
    front.lists("/conversations", [discussion(3)])
    front.has("/conversations/cnv_3", discussion(3, **{field: [{"id": "x_3"}]}))
    found = read_rows(stream)
    pairs = [("cnv_1", "x_1"), ("cnv_1", "x_2"), ("cnv_2", "x_1"), ("cnv_3", "x_3")]
    assert ids(found, "conversation_id", key) == pairs
    assert {*found[0]} == {"conversation_id", key, "changed_at"}
    assert len({row["changed_at"] for row in found}) == 1
    assert found[0]["changed_at"] > 1_700_000_000


@pytest.mark.parametrize(("stream", "field", "key"), PAIRS)
def test_given_a_trashed_conversation_in_both_searches_when_its_pairs_are_read_then_each_is_one_row(
    front: Front, stream: str, field: str, key: str
) -> None:
    trashed = conversation(1, status="deleted", **{field: [{"id": "x_1"}]})
    front.lists("/search", [trashed])
    front.lists("/search is:trashed", [trashed])
    assert ids(read_rows(stream), "conversation_id", key) == [("cnv_1", "x_1")]


# followers


def test_given_followers_when_read_then_pairs_of_keys_and_each_conversation_is_asked_once(front: Front) -> None:
    front.lists("/search", [conversation(1)], [], [conversation(2)])
    front.lists("/conversations", [conversation(1), discussion(3)])
    front.lists("/conversations/cnv_1/followers", [{"id": "tea_1", "email": "a@b.c"}], [], [{"id": "tea_2"}])
    front.lists("/conversations/cnv_3/followers", [{"id": "tea_1"}])
    found = read_rows("conversation_followers")
    pairs = [("cnv_1", "tea_1"), ("cnv_1", "tea_2"), ("cnv_3", "tea_1")]
    assert ids(found, "conversation_id", "teammate_id") == pairs
    assert {*found[0]} == {"conversation_id", "teammate_id", "changed_at"}
    assert front.queries("/conversations/cnv_1/followers") == [
        {},
        {"page_token": ["/+= 2"]},
        {"page_token": ["/+= 3"]},
    ], "no limit: the list declares none"
    assert front.queries("/conversations/cnv_2/followers") == [{}]


def test_given_a_merged_conversation_when_its_followers_are_read_then_they_are_the_survivors(front: Front) -> None:
    front.lists("/search", [conversation(1)])
    front.always("/conversations/cnv_1/followers", moved(f"{API}/conversations/cnv_2/followers"))
    front.lists("/conversations/cnv_2/followers", [{"id": "tea_1"}])
    assert ids(read_rows("conversation_followers"), "conversation_id", "teammate_id") == [("cnv_2", "tea_1")]


# inboxes


def test_given_conversations_in_inboxes_when_read_then_one_row_for_each_pair(front: Front) -> None:
    front.lists("/inboxes", [{"id": "inb_1"}, {"id": "inb_2"}, {"id": "inb_3"}])
    front.lists("/search inbox:inb_1", [conversation(1)], [], [conversation(2)])
    front.lists("/search inbox:inb_2", [conversation(1)])
    found = read_rows("conversation_inboxes")
    pairs = [("cnv_1", "inb_1"), ("cnv_1", "inb_2"), ("cnv_2", "inb_1")]
    assert ids(found, "conversation_id", "inbox_id") == pairs
    assert {*found[0]} == {"conversation_id", "inbox_id", "changed_at"}
    assert front.queries("/search inbox:inb_1")[:2] == [{"limit": ["1"]}, {"limit": ["100"]}]
    assert front.queries("/search inbox:inb_3") == [{"limit": ["1"]}]


def test_given_trashed_and_inboxless_ones_when_read_then_each_is_asked_for_its_inboxes(front: Front) -> None:
    trashed = conversation(1, status="deleted")
    front.lists("/inboxes", [{"id": "inb_1"}])
    front.lists("/search inbox:inb_1", [trashed])
    front.lists("/search is:trashed", [trashed])
    front.lists("/conversations", [discussion(2), discussion(3)])
    front.lists("/conversations/cnv_1/inboxes", [{"id": "inb_1", "name": "x"}, {"id": "inb_9"}])
    front.lists("/conversations/cnv_2/inboxes", [{"id": "inb_1"}])
    pairs = [("cnv_1", "inb_1"), ("cnv_1", "inb_9"), ("cnv_2", "inb_1")]
    assert ids(read_rows("conversation_inboxes"), "conversation_id", "inbox_id") == pairs
    assert front.queries("/conversations/cnv_3/inboxes") == [{}]


def test_given_a_merged_conversation_when_its_inboxes_are_read_then_they_are_the_survivors(front: Front) -> None:
    front.lists("/conversations", [discussion(1)])
    front.always("/conversations/cnv_1/inboxes", moved(f"{API}/conversations/cnv_2/inboxes"))
    front.lists("/conversations/cnv_2/inboxes", [{"id": "inb_1"}])
    assert ids(read_rows("conversation_inboxes"), "conversation_id", "inbox_id") == [("cnv_2", "inb_1")]


# Teammates' own inboxes


def test_given_private_inboxes_asked_for_when_read_then_their_conversations_are_paired_too(front: Front) -> None:
    front.lists("/inboxes", [{"id": "inb_1"}])
    front.lists("/teammates", [{"id": "tea_1"}])
    front.lists("/teammates/tea_1/private_inboxes", [{"id": "inb_2"}])
    front.lists("/search inbox:inb_1", [conversation(1)])
    front.lists("/search inbox:inb_2", [conversation(2)])
    found = read_rows("conversation_inboxes", include_private_resources=True)
    assert ids(found, "conversation_id", "inbox_id") == [("cnv_1", "inb_1"), ("cnv_2", "inb_2")]
