"""Messages, and what lies in them: recipients and attachments."""

from collections.abc import Iterator

import pytest

from unit_tests.front import API, COMPANY, TEXTS, Front, Row, error, ids, links, moved, read, read_rows, rows

DERIVED = ["conversation_message_recipients", "conversation_message_attachments"]
STREAMS = ["conversation_messages", *DERIVED]


@pytest.fixture
def front() -> Iterator[Front]:
    """With one conversation, cnv_1."""
    with Front() as mocked:
        mocked.lists("/search", [{"id": "cnv_1", "_links": links(last_message="/messages/msg_1")}])
        yield mocked


def message(number: int, **others: object) -> Row:
    return {
        "id": f"msg_{number}",
        "created_at": 1700000000.25 + number,
        "_links": links(conversation="/conversations/cnv_1?x=y"),
        **others,
    }


FILE: Row = {
    "id": "fil_1",
    "filename": "None",
    "size": 3,
    "url": f"{COMPANY}/download/fil_1",
    "metadata": {"cid": None},
}


def test_given_full_short_and_empty_pages_when_read_then_every_message_and_what_lies_in_it(front: Front) -> None:
    to: Row = {"handle": "+15551234567", "role": "to", "_links": links(contact="/contacts/crd_1?x=y"), "new": [1]}
    sent = message(1, author={"id": "tea_1"}, brand_new=1.5, recipients=[to, {"handle": "a", "role": "cc"}])
    front.lists("/conversations/cnv_1/messages", [sent, message(2)], [], [message(3, attachments=[FILE])], [])
    output = read(*STREAMS)
    messages = rows(output, "conversation_messages")
    assert ids(messages) == ["msg_1", "msg_2", "msg_3"]
    assert messages[0] == sent | {"conversation_id": "cnv_1", "author_id": "tea_1"}
    of_first = {"message_id": "msg_1", "message_created_at": 1700000001.25, "conversation_id": "cnv_1"}
    assert rows(output, "conversation_message_recipients") == [
        to | of_first | {"contact_id": "crd_1"},
        {"handle": "a", "role": "cc"} | of_first,
    ]
    of_third = {"message_id": "msg_3", "message_created_at": 1700000003.25, "conversation_id": "cnv_1"}
    assert rows(output, "conversation_message_attachments") == [FILE | of_third | {"attachment_id": "fil_1"}]


@pytest.mark.parametrize("stream", [*STREAMS, "attachments"])
def test_given_pages_when_read_then_limit_is_sent_once_and_next_is_followed_on_our_host(
    front: Front, stream: str
) -> None:
    front.lists("/conversations/cnv_1/messages", [message(1)], [])
    read_rows(stream)
    assert front.queries("/conversations/cnv_1/messages") == [{"limit": ["100"]}, {"page_token": ["/+= 2"]}]


def test_given_conversations_anywhere_when_read_then_their_whole_threads(front: Front) -> None:
    for number, route in enumerate(["/search", "/search is:trashed", "/conversations"]):
        front.lists(route, [{"id": f"cnv_{number}", "status": "deleted", "type": "discussion"}])
        front.lists(f"/conversations/cnv_{number}/messages", [message(number)], [message(number + 10)])
    assert ids(read_rows("conversation_messages")) == ["msg_0", "msg_1", "msg_10", "msg_11", "msg_12", "msg_2"]


def test_given_a_conversation_found_in_many_ways_when_read_then_it_is_asked_once(front: Front) -> None:
    row = {"id": "cnv_1", "status": "deleted", "type": "task"}
    for route in ("/search", "/search is:trashed", "/conversations"):
        front.lists(route, [row])
    front.lists("/conversations/cnv_1/messages", [message(1)])
    assert ids(read_rows("conversation_messages")) == ["msg_1"]
    assert len(front.queries("/conversations/cnv_1/messages")) == 1


def test_given_nulls_and_missing_keys_when_read_then_the_rows_have_their_cursor_and_their_conversation(
    front: Front,
) -> None:
    bare: list[Row] = [
        {},
        {"created_at": None, "author": None, "recipients": None, "attachments": None, "_links": None},
        {"author": {}, "recipients": [], "attachments": [], "_links": {"related": None}},
        {"_links": {"related": {"conversation": None}}},
    ]
    front.lists("/conversations/cnv_1/messages", [{"id": f"msg_{i}", **nothing} for i, nothing in enumerate(bare)])
    output = read(*STREAMS)
    found = rows(output, "conversation_messages")
    assert ids(found) == [f"msg_{i}" for i in range(len(bare))]
    for row in found:
        assert (row["conversation_id"], row.get("author_id")) == ("cnv_1", None)
        assert row["created_at"] > 1_700_000_000, "the time of the page that brought it"
    assert [rows(output, stream) for stream in DERIVED] == [[], []]


def test_given_a_message_without_time_and_links_when_what_lies_in_it_is_read_then_cursor_and_conversation_are_there(
    front: Front,
) -> None:
    bare = {"id": "msg_1", "recipients": [{"handle": "a", "role": "to"}], "attachments": [{"id": "fil_1"}]}
    front.lists("/conversations/cnv_1/messages", [bare])
    output = read(*DERIVED, "attachments")
    for stream, cursor in zip(
        [*DERIVED, "attachments"], ["message_created_at"] * 2 + ["parent_created_at"], strict=True
    ):
        (row,) = rows(output, stream)
        assert row["conversation_id"] == "cnv_1", stream
        assert row[cursor] > 1_700_000_000, stream


def test_given_recipients_without_role_or_handle_when_read_then_the_key_has_a_constant(front: Front) -> None:
    recipients: list[Row] = [{"handle": "a"}, {"role": "to"}, {"handle": None, "role": None, "_links": None}]
    front.lists("/conversations/cnv_1/messages", [message(1, recipients=recipients)])
    found = read_rows("conversation_message_recipients")
    assert ids(found, "message_id", "role", "handle") == [
        ("msg_1", "to", "unknown"),
        ("msg_1", "unknown", "a"),
        ("msg_1", "unknown", "unknown"),
    ]
    assert not any(row.get("contact_id") for row in found)


def test_given_any_text_when_read_then_it_comes_out_as_it_went_in(front: Front) -> None:
    sent = [
        message(
            i,
            body=text,
            brand_new={text: [text]},
            recipients=[{"handle": text, "role": "to", "name": text}],
            attachments=[{"id": "fil_1", "filename": text}],
        )
        for i, text in enumerate(TEXTS)
    ]
    front.lists("/conversations/cnv_1/messages", sent)
    output = read(*STREAMS, "attachments")
    assert [{key: row[key] for key in sent[0]} for row in rows(output, "conversation_messages")] == sent
    recipients = rows(output, "conversation_message_recipients")
    assert [(row["handle"], row["name"]) for row in recipients] == [(text, text) for text in TEXTS]
    for stream in ("conversation_message_attachments", "attachments"):
        assert [row["filename"] for row in rows(output, stream)] == TEXTS, stream


def test_given_a_merged_conversation_when_read_then_the_survivors_messages_name_the_survivor(front: Front) -> None:
    survivors = message(
        1,
        _links=links(conversation="/conversations/cnv_2"),
        recipients=[{"handle": "a", "role": "to"}],
        attachments=[{"id": "fil_1"}],
    )
    front.always("/conversations/cnv_1/messages", moved(f"{API}/conversations/cnv_2/messages"))
    front.lists("/conversations/cnv_2/messages", [survivors])
    output = read(*STREAMS, "attachments")
    for stream in [*STREAMS, "attachments"]:
        assert ids(rows(output, stream), "conversation_id") == ["cnv_2"], stream


def test_given_conversations_out_of_reach_when_read_then_the_others_are_read(front: Front) -> None:
    front.lists("/search", [{"id": f"cnv_{number}"} for number in range(1, 5)])
    front.always("/conversations/cnv_1/messages", moved(f"{COMPANY}/conversations/cnv_9/messages"))
    front.always("/conversations/cnv_2/messages", error(403))
    front.always("/conversations/cnv_3/messages", error(404))
    front.lists("/conversations/cnv_4/messages", [message(4)])
    assert ids(read_rows("conversation_messages")) == ["msg_4"]


# attachments of messages and of comments


def test_given_files_in_messages_and_in_comments_when_read_then_both_name_their_parent(front: Front) -> None:
    front.lists("/conversations", [{"id": "cnv_2", "type": "discussion"}])
    front.lists("/conversations/cnv_1/messages", [message(1, attachments=[FILE, {"id": "fil_2"}])], [])
    front.lists("/conversations/cnv_1/comments", [{"id": "com_1", "posted_at": 1700000005.5, "attachments": [FILE]}])
    front.lists("/conversations/cnv_2/comments", [{"id": "com_2", "posted_at": None, "attachments": [{"id": "fil_3"}]}])
    found = read_rows("attachments")
    assert ids(found, "parent_type", "parent_id", "id", "conversation_id") == [
        ("comment", "com_1", "fil_1", "cnv_1"),
        ("comment", "com_2", "fil_3", "cnv_2"),
        ("message", "msg_1", "fil_1", "cnv_1"),
        ("message", "msg_1", "fil_2", "cnv_1"),
    ]
    cursors = {row["parent_id"]: row["parent_created_at"] for row in found}
    assert (cursors["msg_1"], cursors["com_1"]) == (1700000001.25, 1700000005.5)
    assert cursors["com_2"] > 1_700_000_000
    (of_comment,) = [row for row in found if row["parent_id"] == "com_1"]
    own = {
        "parent_id": "com_1",
        "parent_type": "comment",
        "conversation_id": "cnv_1",
        "parent_created_at": 1700000005.5,
    }
    assert of_comment == FILE | own
    assert front.queries("/conversations/cnv_1/comments") == [{}], "no limit: the list declares none"


def test_given_a_file_when_read_then_it_is_not_downloaded(front: Front) -> None:
    front.lists("/conversations/cnv_1/messages", [message(1, attachments=[FILE])])
    read("conversation_message_attachments", "attachments")
    assert not [asked.route for asked in front.asked if "download" in asked.route]
