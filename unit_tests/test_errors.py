"""What each error of Front does to a sync, and what its reader is told to do."""

from collections.abc import Iterator

import pytest

from unit_tests.front import (
    API,
    TOKEN,
    Answer,
    Front,
    Row,
    check,
    error,
    failures,
    ids,
    links,
    logs,
    read,
    read_rows,
    rows,
)

CONVERSATION: Row = {"id": "cnv_1", "_links": links(last_message="/messages/msg_1")}

# One of each kind: a list, a list of pages, a detail, a child, and what names conversations.
REQUESTS = [
    ("inboxes", "/inboxes"),
    ("tags", "/tags"),
    ("teams", "/teams"),
    ("team_inboxes", "/teams/tim_1"),
    ("teammate_shifts", "/shifts/shf_1/teammates"),
    ("contacts", "/contacts"),
    ("contact_notes", "/contacts/crd_1/notes"),
    ("conversations", "/search"),
    ("conversations", "/search is:trashed"),
    ("conversations", "/conversations"),
    ("conversation_tags", "/conversations/cnv_2"),
    ("conversation_messages", "/conversations/cnv_1/messages"),
    ("comments", "/inboxes"),
    ("comment_mentions", "/comments/com_1/mentions"),
    ("attachments", "/conversations/cnv_1/comments"),
]
ROWS = {"conversations": 2}
"""How many there are, where it is not 1."""

SOME = [REQUESTS[i] for i in (1, 3, 7, 10, 11)]
PARENTS = {"/teams/tim_1", "/shifts/shf_1/teammates", "/contacts/crd_1/notes", "/comments/com_1/mentions"}
LISTS = [REQUESTS[i] for i in (1, 5, 7, 9, 12)]


@pytest.fixture
def front() -> Iterator[Front]:
    """With one of each: a row at the end of every request above."""
    with Front() as mocked:
        mocked.lists("/inboxes", [{"id": "inb_1"}])
        mocked.lists("/tags", [{"id": "tag_1"}])
        mocked.lists("/teams", [{"id": "tim_1"}])
        mocked.has("/teams/tim_1", {"id": "tim_1", "inboxes": [{"id": "inb_1"}]})
        mocked.lists("/shifts", [{"id": "shf_1"}])
        mocked.lists("/shifts/shf_1/teammates", [{"id": "tea_1"}])
        mocked.lists("/contacts", [{"id": "crd_1"}])
        mocked.lists("/contacts/crd_1/notes", [{"body": "a", "created_at": 1}])
        mocked.lists("/search", [CONVERSATION])
        mocked.lists("/conversations", [{"id": "cnv_2", "type": "discussion"}])
        mocked.has("/conversations/cnv_2", {"id": "cnv_2", "tags": [{"id": "tag_1"}]})
        mocked.lists("/conversations/cnv_1/messages", [{"id": "msg_1"}])
        mocked.lists("/conversations/cnv_1/comments", [{"id": "com_1", "attachments": [{"id": "fil_1"}]}])
        mocked.lists("/comments/com_1/mentions", [{"id": "tea_1"}])
        yield mocked


# 401, 403, 404


@pytest.mark.parametrize(("stream", "route"), SOME)
def test_given_401_when_read_then_it_fails_and_says_where_to_set_the_token(
    front: Front, stream: str, route: str
) -> None:
    front.always(route, error(401, "JSON Web Token error"))
    output = read(stream)
    assert (stream, [kind for kind, _ in failures(output)][:1]) == (stream, ["config_error"])
    sentence = failures(output)[0][1]
    assert "does not accept the credentials (401: JSON Web Token error)" in sentence
    assert "Settings > Developers > API tokens" in sentence
    assert len(front.queries(route)) == 1, "not retried"


SCOPES = {
    ("inboxes", "/inboxes"): "inboxes:read",
    ("inbox_channels", "/channels"): "channels:read",
    ("tags", "/tags"): "tags:read",
    ("rule_actions", "/rules"): "rules:read",
    ("teammate_shifts", "/shifts"): "shifts:read",
    ("teammates", "/teammates"): "teammates:read",
    ("team_teammates", "/teams"): "teams:read",
    ("groups", "/contact_lists"): "contacts:read",
    ("contact_notes", "/contacts"): "contacts:read",
}
SCOPES_OF_CONVERSATIONS = {
    ("conversations", "/events"): "events:*:read",
    ("conversations", "/conversations"): "conversations:read",
    ("comments", "/search"): "conversations:read",
    ("conversation_messages", "/inboxes"): "inboxes:read",
}


@pytest.mark.parametrize("scopes", [SCOPES, *({asked: scope} for asked, scope in SCOPES_OF_CONVERSATIONS.items())])
def test_given_403_on_a_list_when_read_then_it_fails_and_names_the_scope(
    front: Front, scopes: dict[tuple[str, str], str]
) -> None:
    for _, route in scopes:
        front.always(route, error(403, "Forbidden by scope"))
    told = failures(read(*(stream for stream, _ in scopes)))
    assert {kind for kind, _ in told} == {"config_error"}
    for (stream, route), scope in scopes.items():
        path = "/conversations/search/" if route == "/search" else f"{route} "
        (sentence,) = [each for _, each in told if each.startswith(f"The credentials may not read {API}{path}")]
        assert "(403: Forbidden by scope)" in sentence, stream
        assert f"Give the API token the scope {scope} in Front under Settings > Developers > API tokens" in sentence
        assert len(front.queries(route)) == 1, f"{stream}: not retried"


@pytest.mark.parametrize(("stream", "route"), LISTS)
def test_given_404_on_a_list_when_read_then_it_fails(front: Front, stream: str, route: str) -> None:
    front.always(route, error(404, "Unknown page token"))
    ((kind, sentence), *_) = failures(read(stream))
    assert kind == "system_error"
    assert "Unknown page token" in sentence


@pytest.mark.parametrize("route", sorted(PARENTS))
def test_given_a_parent_out_of_reach_when_read_then_it_is_skipped_and_the_log_says_so(front: Front, route: str) -> None:
    front.always(route, error(404, "Unknown ID"))
    stream = next(stream for stream, asked in REQUESTS if asked == route)
    output = read(stream)
    assert rows(output, stream) == []
    assert f"{route}: Unknown ID" in logs(output)


@pytest.mark.parametrize(
    ("stream", "route"),
    [
        ("tags", "/tags"),
        ("contacts", "/contacts"),
        ("conversations", "/search"),
        ("conversation_tags", "/search"),
        ("conversation_messages", "/search"),
        ("conversations", "/search is:trashed"),
        ("comments", "/conversations"),
        ("comments", "/inboxes"),
    ],
)
def test_given_403_in_the_middle_of_a_list_when_read_then_it_is_not_its_end(
    front: Front, stream: str, route: str
) -> None:
    row = {"id": "x_1", "tags": [], "_links": links(last_message="/messages/msg_1")}
    front.lists(route, [row], [row], [row])
    front.always(route, error(403), at_page=2)
    assert [kind for kind, _ in failures(read(stream))][:1] == ["config_error"]


# Inboxes


def test_given_a_forbidden_inbox_when_read_then_the_others_are_read_and_the_log_says_what_to_grant(
    front: Front,
) -> None:
    front.lists("/inboxes", [{"id": "inb_1"}, {"id": "inb_2"}])
    front.always("/inboxes/inb_1/conversations", error(403, "No access to this inbox"))
    front.always("/search inbox:inb_1", error(403, "No access to this inbox"))
    front.lists("/search inbox:inb_2", [CONVERSATION])
    output = read("conversations", "conversation_inboxes")
    assert ids(rows(output, "conversations")) == ["cnv_1", "cnv_2"]
    assert ids(rows(output, "conversation_inboxes"), "conversation_id", "inbox_id") == [("cnv_1", "inb_2")]
    said = logs(output)
    assert "/inboxes/inb_1/conversations" in said
    assert "No access to this inbox" in said
    assert "Grant the API token access to it in Front" in said
    assert "inb_2/conversations: the credentials may not" not in said


# 429, 5xx, and bodies that are not what they claim

NOT_A_LIST = [
    Answer("<html>Bad gateway</html>"),
    Answer('{"_pagination": {"next": null}, "_results": [{"id": "x'),
    Answer(""),
    Answer({}),
    Answer([]),
    Answer("null"),
    Answer({"message": "try later"}),
    Answer({"_results": None}),
    Answer({"_results": {}}),
    Answer({"_results": "none"}),
]


@pytest.mark.parametrize(("stream", "route"), REQUESTS)
def test_given_errors_and_then_an_answer_when_read_then_nothing_is_lost(front: Front, stream: str, route: str) -> None:
    passing = [error(429, retry_after="3"), error(429), error(500), error(503)]
    front.answers(route, *passing)
    assert len(read_rows(stream)) == ROWS.get(stream, 1)
    assert len(front.queries(route)) > len(passing)


KEPT = {("teams", "/teams"), ("conversations", "/search"), ("comments", "/inboxes")}
"""What the CDK's cache holds."""


@pytest.mark.parametrize(("stream", "route"), [asked for asked in SOME if asked not in KEPT])
def test_given_bad_bodies_and_then_an_answer_when_read_then_nothing_is_lost(
    front: Front, stream: str, route: str
) -> None:
    front.answers(route, *NOT_A_LIST[:3])
    assert len(read_rows(stream)) == ROWS.get(stream, 1)


@pytest.mark.parametrize(("stream", "route"), sorted(KEPT))
def test_given_a_bad_body_of_a_hidden_parent_when_read_then_it_fails_and_is_never_empty(
    front: Front, stream: str, route: str
) -> None:
    """The CDK's cache keeps any 200, so asking again brings the same. A manifest cannot help it."""
    front.answers(route, *NOT_A_LIST[:3])
    assert failures(read(stream))


def test_given_429_when_read_then_the_wait_is_what_front_says(front: Front) -> None:
    front.answers("/tags", error(429, retry_after="20"), error(429, retry_after="0.5"))
    assert ids(read_rows("tags")) == ["tag_1"]
    assert front.naps == [pytest.approx(21), pytest.approx(1.5)], "and a second, for the rounding of clocks"


def test_given_429_without_retry_after_when_read_then_the_waits_grow(front: Front) -> None:
    front.answers("/tags", *[error(429)] * 4)
    assert ids(read_rows("tags")) == ["tag_1"]
    assert len(front.naps) == 4
    assert front.naps[3] == max(front.naps)
    assert front.naps[3] >= 2 * front.naps[0]  # 16 and 2 or 4 seconds, each with a random second or two beside


def test_given_429_without_end_when_read_then_it_fails_and_gave_front_minutes(front: Front) -> None:
    front.always("/tags", error(429))
    output = read("tags")
    assert failures(output)
    assert sum(front.naps) > 240


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504, 520])
def test_given_front_unavailable_without_end_when_read_then_it_fails_and_says_what_to_do(
    front: Front, status: int
) -> None:
    front.always("/tags", error(status))
    ((kind, sentence), *_) = failures(read("tags"))
    assert kind == ("system_error" if status == 520 else "transient_error"), "the CDK knows no 520"
    assert "not available" in sentence
    assert "run the sync again later" in sentence
    assert len(front.queries("/tags")) == 31


@pytest.mark.parametrize("answer", NOT_A_LIST, ids=lambda answer: str(answer.body)[:20])
@pytest.mark.parametrize(("stream", "route"), [("tags", "/tags"), ("teammate_shifts", "/shifts/shf_1/teammates")])
def test_given_a_body_that_is_no_list_without_end_when_read_then_it_fails_and_is_never_empty(
    front: Front, stream: str, route: str, answer: Answer
) -> None:
    front.always(route, answer)
    ((_, sentence), *_) = failures(read(stream))
    assert "run the sync again later" in sentence
    assert len(front.queries(route)) == 31


@pytest.mark.parametrize(("stream", "route"), [*SOME, *LISTS[1:]])
def test_given_a_cut_off_body_without_end_when_read_then_it_fails(front: Front, stream: str, route: str) -> None:
    front.always(route, NOT_A_LIST[1])
    assert failures(read(stream))


def test_given_a_bad_second_page_without_end_when_read_then_it_fails(front: Front) -> None:
    front.lists("/tags", [{"id": "tag_1"}], [{"id": "tag_2"}])
    front.always("/tags", NOT_A_LIST[0], at_page=2)
    assert failures(read("tags"))


@pytest.mark.parametrize(
    ("stream", "route"),
    [
        ("tags", "/tags"),
        ("teammate_shifts", "/shifts/shf_1/teammates"),
        ("contact_notes", "/contacts/crd_1/notes"),
        ("conversation_messages", "/search"),
        ("conversation_messages", "/inboxes/inb_1/conversations"),
        ("conversation_messages", "/conversations/cnv_1/messages"),
        ("comment_mentions", "/comments/com_1/mentions"),
        ("attachments", "/conversations/cnv_1/comments"),
    ],
)
def test_given_a_row_where_a_list_belongs_when_read_then_it_fails_and_is_never_empty(
    front: Front, stream: str, route: str
) -> None:
    front.always(route, Answer({"id": "x_1"}))
    assert failures(read(stream))


def test_given_a_search_without_total_when_read_then_what_it_finds_is_read(front: Front) -> None:
    front.always("/search", Answer({"_pagination": {"next": None}, "_results": [CONVERSATION]}))
    assert "cnv_1" in ids(read_rows("conversations"))


# What is told


@pytest.mark.parametrize("answer", [error(401, TOKEN[::-1]), error(403), error(404), error(500), NOT_A_LIST[0]])
def test_given_any_failure_when_read_then_the_token_is_nowhere_in_what_is_told(front: Front, answer: Answer) -> None:
    front.always("/tags", answer)
    output = read("tags")
    assert failures(output)
    assert TOKEN not in "\n".join([logs(output), *(str(message) for message in output.errors)])


def test_given_all_is_well_when_checked_then_it_succeeds(front: Front) -> None:
    assert check() == ("SUCCEEDED", "")


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (error(401, "JSON Web Token error"), "does not accept the credentials (401: JSON Web Token error)"),
        (error(403), "Give the API token the scope inboxes:read"),
    ],
)
def test_given_a_token_that_does_not_do_when_checked_then_one_sentence_says_why(
    front: Front, answer: Answer, told: str
) -> None:
    front.always("/inboxes", answer)
    status, sentence = check()
    assert status == "FAILED"
    assert told in sentence
    assert "Traceback" not in sentence
