"""Comments and mentions."""

from collections.abc import Iterator

import pytest

from unit_tests.front import API, COMPANY, TEXTS, Front, Row, error, ids, links, moved, read, read_rows, rows


@pytest.fixture
def front() -> Iterator[Front]:
    """With one conversation, cnv_1."""
    with Front() as mocked:
        mocked.lists("/search", [{"id": "cnv_1", "_links": links(last_message="/messages/msg_1")}])
        yield mocked


def comment(number: int, **others: object) -> Row:
    related = links(conversation="/conversations/cnv_1?x=y")
    return {"id": f"com_{number}", "posted_at": 1700000000.25 + number, "_links": related, **others}


def test_given_full_short_and_empty_pages_when_read_then_every_comment(front: Front) -> None:
    sent = comment(1, author={"id": "tea_1"}, body="None", is_pinned=False, brand_new=[None, 1.5])
    front.lists("/conversations/cnv_1/comments", [sent], [], [comment(2), comment(3)], [])
    found = read_rows("comments")
    assert ids(found) == ["com_1", "com_2", "com_3"]
    assert found[0] == sent | {"conversation_id": "cnv_1", "author_id": "tea_1"}
    first, *later = front.queries("/conversations/cnv_1/comments")
    assert first == {}, "no limit: the list declares none"
    assert later == [{"page_token": [f"/+= {number}"]} for number in (2, 3, 4)]


def test_given_a_reply_when_read_then_it_names_the_comment_it_answers(front: Front) -> None:
    related = links(conversation="/conversations/cnv_1", comment_replied_to="/comments/com_1?x=y")
    front.lists("/conversations/cnv_1/comments", [comment(1), comment(2, _links=related)])
    assert {row["id"]: row.get("replied_to_id") for row in read_rows("comments")} == {"com_1": None, "com_2": "com_1"}


def test_given_conversations_anywhere_when_read_then_their_comments_and_mentions(front: Front) -> None:
    for number, route in enumerate(["/search", "/search is:trashed", "/conversations"]):
        front.lists(route, [{"id": f"cnv_{number}", "status": "deleted", "type": "discussion"}])
        front.lists(f"/conversations/cnv_{number}/comments", [comment(number)])
        front.lists(f"/comments/com_{number}/mentions", [{"id": "tea_1"}])
    output = read("comments", "comment_mentions")
    assert ids(rows(output, "comments")) == ["com_0", "com_1", "com_2"]
    assert ids(rows(output, "comment_mentions"), "comment_id") == ["com_0", "com_1", "com_2"]


def test_given_nulls_and_missing_keys_when_read_then_cursor_and_conversation_are_there(front: Front) -> None:
    bare: list[Row] = [
        {},
        {"posted_at": None, "author": None, "attachments": None, "_links": None},
        {"author": {}, "_links": {"related": None}},
        {"_links": {"related": {"conversation": None, "comment_replied_to": None}}},
    ]
    front.lists("/conversations/cnv_1/comments", [{"id": f"com_{i}", **nothing} for i, nothing in enumerate(bare)])
    for i in range(len(bare)):
        front.lists(f"/comments/com_{i}/mentions", [{"id": "tea_1"}])
    output = read("comments", "comment_mentions")
    comments, mentions = rows(output, "comments"), rows(output, "comment_mentions")
    assert ids(comments) == ids(mentions, "comment_id") == [f"com_{i}" for i in range(len(bare))]
    for row in comments:
        assert (row["conversation_id"], row.get("author_id"), row.get("replied_to_id")) == ("cnv_1", None, None)
        assert row["posted_at"] > 1_700_000_000, "the time of the page that brought it"
    for row in mentions:
        assert row["conversation_id"] == "cnv_1"
        assert row["comment_posted_at"] > 1_700_000_000


def test_given_any_text_when_read_then_it_comes_out_as_it_went_in(front: Front) -> None:
    sent = [
        comment(i, body=text, brand_new={text: [text]}, author={"id": "tea_1", "x": text})
        for i, text in enumerate(TEXTS)
    ]
    front.lists("/conversations/cnv_1/comments", sent)
    front.lists("/comments/com_1/mentions", [{"id": f"tea_{i}", "first_name": text} for i, text in enumerate(TEXTS)])
    output = read("comments", "comment_mentions")
    assert [{key: row[key] for key in sent[0]} for row in rows(output, "comments")] == sent
    assert [row["first_name"] for row in rows(output, "comment_mentions")] == TEXTS


def test_given_a_merged_conversation_when_read_then_the_survivors_comments_name_the_survivor(front: Front) -> None:
    survivors = comment(1, _links=links(conversation="/conversations/cnv_2"))
    front.always("/conversations/cnv_1/comments", moved(f"{API}/conversations/cnv_2/comments"))
    front.lists("/conversations/cnv_2/comments", [survivors])
    front.lists("/comments/com_1/mentions", [{"id": "tea_1"}])
    output = read("comments", "comment_mentions")
    assert ids(rows(output, "comments"), "id", "conversation_id") == [("com_1", "cnv_2")]
    assert ids(rows(output, "comment_mentions"), "comment_id", "conversation_id") == [("com_1", "cnv_2")]


def test_given_conversations_out_of_reach_when_read_then_the_others_are_read(front: Front) -> None:
    front.lists("/search", [{"id": f"cnv_{number}"} for number in range(1, 5)])
    front.always("/conversations/cnv_1/comments", moved(f"{COMPANY}/conversations/cnv_9/comments"))
    front.always("/conversations/cnv_2/comments", error(403))
    front.always("/conversations/cnv_3/comments", error(404))
    front.lists("/conversations/cnv_4/comments", [comment(4)])
    assert ids(read_rows("comments")) == ["com_4"]


# mentions


def test_given_mentions_when_read_then_pairs_with_the_teammate_and_each_comment_is_asked_once(front: Front) -> None:
    front.lists("/conversations/cnv_1/comments", [comment(1)], [], [comment(2)])
    teammate = {"id": "tea_1", "email": "a@b.c", "brand_new": 1}
    front.lists("/comments/com_1/mentions", [teammate], [], [{"id": "tea_2"}])
    found = read_rows("comment_mentions")
    keys = {"comment_id": "com_1", "conversation_id": "cnv_1", "comment_posted_at": 1700000001.25}
    assert found == [
        teammate | keys | {"teammate_id": "tea_1"},
        {"id": "tea_2", "teammate_id": "tea_2"} | keys,
    ]
    assert front.queries("/comments/com_1/mentions")[0] == {}
    assert front.queries("/comments/com_2/mentions") == [{}]


@pytest.mark.parametrize("status", [403, 404])
def test_given_a_comment_that_is_gone_when_its_mentions_are_read_then_the_others_are_read(
    front: Front, status: int
) -> None:
    front.lists("/conversations/cnv_1/comments", [comment(1), comment(2)])
    front.always("/comments/com_1/mentions", error(status))
    front.lists("/comments/com_2/mentions", [{"id": "tea_1"}])
    assert ids(read_rows("comment_mentions"), "comment_id", "teammate_id") == [("com_2", "tea_1")]
