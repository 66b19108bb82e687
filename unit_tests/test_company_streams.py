"""Inboxes, channels, tags, rules, shifts, teammates, teams and groups."""

from collections.abc import Iterator

import pytest

from unit_tests.front import TEXTS, Front, Row, error, failures, ids, links, read, read_rows, rows

LISTS = {
    "inboxes": "/inboxes",
    "channels": "/channels",
    "tags": "/tags",
    "rules": "/rules",
    "shifts": "/shifts",
    "teammates": "/teammates",
    "groups": "/contact_lists",
}
WITH_LIMIT = {"tags"}
"""The only one that declares `limit`: https://dev.frontapp.com/reference/list-tags."""

OWNED = ["inboxes", "channels", "tags", "rules", "groups"]


def given(row: Row) -> Row:
    """The columns with a value: a record without a column and one with null in it are the same to a destination."""
    return {key: value for key, value in row.items() if value is not None}


@pytest.fixture
def front() -> Iterator[Front]:
    with Front() as mocked:
        yield mocked


def test_given_full_short_and_empty_pages_when_read_then_next_alone_ends_each_list(front: Front) -> None:
    for route in LISTS.values():
        front.lists(route, [{"id": "a"}, {"id": "b"}], [], [{"id": "c"}], [])
    output = read(*LISTS)
    assert {stream: ids(rows(output, stream)) for stream in LISTS} == {stream: ["a", "b", "c"] for stream in LISTS}
    for stream, route in LISTS.items():
        first, *later = front.queries(route)
        assert first == ({"limit": ["100"]} if stream in WITH_LIMIT else {}), stream
        assert later == [{"page_token": [f"/+= {number}"]} for number in (2, 3, 4)], f"{stream}: next, as it is"


def test_given_nothing_when_read_then_no_row(front: Front) -> None:
    output = read(*LISTS)
    assert {stream: rows(output, stream) for stream in LISTS} == {stream: [] for stream in LISTS}
    assert sorted(asked.route for asked in front.asked) == sorted(LISTS.values())


def test_given_any_text_and_unknown_fields_when_read_then_they_come_out_as_they_went_in(front: Front) -> None:
    sent: list[Row] = [
        {"id": f"x{i}", "name": text, "brand_new": {text: [text, None, 1.5]}, "custom_fields": {text: text}}
        for i, text in enumerate(TEXTS)
    ]
    for route in LISTS.values():
        front.lists(route, sent)
    output = read(*LISTS)
    for stream in LISTS:
        got = [{key: row.get(key) for key in sent[0]} for row in rows(output, stream)]
        assert got == sent, stream


def test_given_nulls_and_missing_keys_when_read_then_the_rows_are_there_and_no_column_is_made_up(front: Front) -> None:
    bare: list[Row] = [{}, {"_links": None}, {"_links": {}}, {"_links": {"related": None}}, {"name": None}]
    sent = [{"id": f"x{i}", **nothing} for i, nothing in enumerate(bare)]
    for route in LISTS.values():
        front.lists(route, sent)
    output = read(*LISTS)
    for stream in LISTS:
        assert [given(row) for row in rows(output, stream)] == [given(row) for row in sent], stream


def test_given_an_owner_link_when_read_then_it_is_the_teams_or_the_teammates_or_nobodys(front: Front) -> None:
    owners = ["/teams/tim_1", "/teams/tim_2?referer=x", "/teammates/tea_1", None]
    for stream in OWNED:
        front.lists(LISTS[stream], [{"id": "x", "_links": links(owner=owner)} for owner in owners])
    output = read(*OWNED)
    for stream in OWNED:
        got = [(row.get("owner_team_id"), row.get("owner_teammate_id")) for row in rows(output, stream)]
        assert got == [("tim_1", None), ("tim_2", None), (None, "tea_1"), (None, None)], stream
        assert [row["_links"] for row in rows(output, stream)] == [links(owner=owner) for owner in owners]


def test_given_a_shift_of_a_team_when_read_then_it_names_the_team(front: Front) -> None:
    front.lists("/shifts", [{"id": "shf_1", "_links": links(owner="/teams/tim_1")}, {"id": "shf_2", "_links": links()}])
    assert {row["id"]: row.get("owner_team_id") for row in read_rows("shifts")} == {"shf_1": "tim_1", "shf_2": None}


def test_given_a_tag_below_another_when_read_then_it_names_its_parent(front: Front) -> None:
    front.lists(
        "/tags",
        [{"id": "tag_1", "_links": links(parent_tag=None)}, {"id": "tag_2", "_links": links(parent_tag="/tags/tag_1")}],
    )
    assert {row["id"]: row.get("parent_tag_id") for row in read_rows("tags")} == {"tag_1": None, "tag_2": "tag_1"}


def test_given_channels_with_and_without_inbox_when_read_then_the_pairs_are_keys_only(front: Front) -> None:
    front.lists(
        "/channels",
        [{"id": "cha_1", "name": "x", "_links": links(inbox="/inboxes/inb_1")}],
        [{"id": "cha_2", "_links": links(inbox=None)}, {"id": "cha_3"}, {"id": "cha_4", "_links": None}],
        [{"id": "cha_5", "_links": links(inbox="/inboxes/inb_1?x=y")}],
    )
    output = read("channels", "inbox_channels")
    channels = {row["id"]: row.get("inbox_id") for row in rows(output, "channels")}
    assert channels == {"cha_1": "inb_1", "cha_2": None, "cha_3": None, "cha_4": None, "cha_5": "inb_1"}
    assert rows(output, "inbox_channels") == [
        {"inbox_id": "inb_1", "channel_id": "cha_1"},
        {"inbox_id": "inb_1", "channel_id": "cha_5"},
    ]


def test_given_rules_when_read_then_each_action_is_a_row_in_its_own_words(front: Front) -> None:
    front.lists("/rules", [{"id": "rul_1", "actions": TEXTS}, {"id": "rul_2", "actions": []}], [{"id": "rul_3"}])
    assert read_rows("rule_actions") == [{"rule_id": "rul_1", "action": text} for text in TEXTS]


# Children


def test_given_shifts_when_read_then_each_teammate_of_each_is_a_pair(front: Front) -> None:
    front.lists("/shifts", [{"id": "shf_1"}], [{"id": "shf_2"}, {"id": "shf_3"}])
    front.lists("/shifts/shf_1/teammates", [{"id": "tea_1", "email": "a@b.c"}], [], [{"id": "tea_2"}])
    front.lists("/shifts/shf_2/teammates", [{"id": "tea_1"}])
    pairs = ids(read_rows("teammate_shifts"), "shift_id", "teammate_id")
    assert pairs == [("shf_1", "tea_1"), ("shf_1", "tea_2"), ("shf_2", "tea_1")]
    assert front.queries("/shifts/shf_2/teammates") == [{}]


TEAM: Row = {
    "id": "tim_1",
    "name": "None",
    "brand_new": 1,
    "inboxes": [{"id": "inb_1", "name": "x"}, {"id": "inb_2"}],
    "members": [{"id": "tea_1", "email": "a@b.c"}],
}


def test_given_teams_when_read_then_the_detail_is_the_row_and_holds_inboxes_and_members(front: Front) -> None:
    front.lists("/teams", [{"id": "tim_1", "name": "preview"}], [], [{"id": "tim_2"}, {"id": "tim_3"}])
    front.has("/teams/tim_1", TEAM)
    front.has("/teams/tim_2", {"id": "tim_2", "inboxes": None})
    front.has("/teams/tim_3", {"id": "tim_3", "inboxes": [], "members": None})
    output = read("teams", "team_inboxes", "team_teammates")
    teams = {row["id"]: row for row in rows(output, "teams")}
    assert set(teams) == {"tim_1", "tim_2", "tim_3"}
    assert teams["tim_1"] == TEAM
    assert sorted(rows(output, "team_inboxes"), key=str) == [
        {"team_id": "tim_1", "inbox_id": "inb_1"},
        {"team_id": "tim_1", "inbox_id": "inb_2"},
    ]
    assert rows(output, "team_teammates") == [{"team_id": "tim_1", "teammate_id": "tea_1"}]


@pytest.mark.parametrize("status", [403, 404])
def test_given_a_team_that_is_gone_when_read_then_the_others_are_read(front: Front, status: int) -> None:
    front.lists("/teams", [{"id": "tim_0"}, {"id": "tim_1"}])
    front.always("/teams/tim_0", error(status, "gone"))
    front.has("/teams/tim_1", TEAM)
    output = read("teams", "team_inboxes", "team_teammates")
    assert [ids(rows(output, "teams"))] == [["tim_1"]]
    assert len(rows(output, "team_inboxes")) == 2
    assert len(rows(output, "team_teammates")) == 1


# Teammates' own

PRIVATE = [
    ("inboxes", "/inboxes", "private_inboxes"),
    ("rules", "/rules", "rules"),
    ("groups", "/contact_lists", "contact_lists"),
]


@pytest.mark.parametrize(("stream", "shared", "private"), PRIVATE)
def test_given_private_resources_asked_for_when_read_then_each_row_comes_once(
    front: Front, stream: str, shared: str, private: str
) -> None:
    own = {"id": "p1", "name": "own", "_links": links(owner="/teammates/tea_1")}
    front.lists("/teammates", [{"id": "tea_1"}], [{"id": "tea_2"}, {"id": "tea_3"}])
    front.lists(shared, [{"id": "s1", "_links": links(owner="/teams/tim_1")}, own, {"id": "s2"}])
    front.lists(f"/teammates/tea_1/{private}", [own])
    front.always(f"/teammates/tea_2/{private}", error(403, "API access is off"))
    front.lists(f"/teammates/tea_3/{private}", [{"id": "p2"}], [{"id": "p3"}])
    got = read_rows(stream, include_private_resources=True)
    assert ids(got) == ["p1", "p2", "p3", "s1", "s2"]
    assert next(row for row in got if row["id"] == "p1")["owner_teammate_id"] == "tea_1"


@pytest.mark.parametrize(("stream", "shared", "private"), PRIVATE)
def test_given_private_resources_not_asked_for_when_read_then_no_teammate_is_asked(
    front: Front, stream: str, shared: str, private: str
) -> None:
    front.lists("/teammates", [{"id": "tea_1"}])
    front.lists(f"/teammates/tea_1/{private}", [{"id": "p1"}])
    front.lists(shared, [{"id": "s1"}, {"id": "s2", "_links": links(owner="/teammates/tea_1")}])
    assert ids(read_rows(stream)) == ["s1", "s2"]
    assert {asked.route for asked in front.asked} == {shared}


@pytest.mark.parametrize(("stream", "shared", "private"), PRIVATE)
def test_given_the_shared_list_forbidden_when_read_with_private_resources_then_it_fails(
    front: Front, stream: str, shared: str, private: str
) -> None:
    front.lists("/teammates", [{"id": "tea_1"}])
    front.lists(f"/teammates/tea_1/{private}", [{"id": "p1"}])
    front.always(shared, error(403))
    assert failures(read(stream, include_private_resources=True))
