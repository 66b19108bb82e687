"""Contacts and what lies in them: handles, groups, links, notes."""

from collections.abc import Iterator
from typing import Any

import pytest

from unit_tests.front import TEXTS, Answer, Front, Row, error, ids, links, read, read_rows, rows

DERIVED = ["contact_handles", "contact_groups", "contact_links"]

WHOLE: Row = {
    "id": "crd_1",
    "name": "שלום 🎉",
    "updated_at": 1700000000.123,
    "account": {"id": "acc_1", "name": "None"},
    "handles": [{"source": "phone", "handle": "+15551234567"}, {"source": "email", "handle": "a@b.c"}],
    "lists": [{"id": "grp_1", "name": "x"}, {"id": "grp_2"}],
    "links": ["https://a.example/?q=[1, 2]", "None"],
    "custom_fields": {"+1": None},
    "brand_new": [1, None],
    "_links": links(owner="/teams/tim_1"),
}


@pytest.fixture
def front() -> Iterator[Front]:
    with Front() as mocked:
        yield mocked


@pytest.mark.parametrize("stream", ["contacts", *DERIVED])
def test_given_a_start_date_when_read_then_contacts_updated_since_are_asked_for_newest_first(
    front: Front, stream: str
) -> None:
    front.lists("/contacts", [WHOLE], [], [])
    assert read_rows(stream, start_date="2023-01-01T00:00:00Z")
    first, *later = front.queries("/contacts")
    since = float(first.pop("q[updated_after]")[0])
    assert since == 1672531199.999  # a millisecond early: whether the bound counts is not documented
    assert first == {"limit": ["100"], "sort_by": ["updated_at"], "sort_order": ["desc"]}
    assert later == [{"page_token": ["/+= 2"]}, {"page_token": ["/+= 3"]}]


@pytest.mark.parametrize("stream", ["contacts", *DERIVED])
def test_given_everything_asked_for_when_read_then_no_bound_is_sent(front: Front, stream: str) -> None:
    read_rows(stream, start_date="1970-01-01T00:00:00Z")
    (query,) = front.queries("/contacts")
    assert "q[updated_after]" not in query


def test_given_full_short_and_empty_pages_when_read_then_every_contact_and_what_lies_in_it(front: Front) -> None:
    front.lists("/contacts", [WHOLE], [], [{"id": "crd_2"}], [])
    output = read("contacts", *DERIVED)
    contacts = {row["id"]: row for row in rows(output, "contacts")}
    assert set(contacts) == {"crd_1", "crd_2"}
    assert contacts["crd_1"] == WHOLE | {"account_id": "acc_1", "owner_team_id": "tim_1"}
    key = {"contact_id": "crd_1", "contact_updated_at": 1700000000.123}
    assert rows(output, "contact_handles") == [key | handle for handle in WHOLE["handles"]]
    assert rows(output, "contact_groups") == [key | {"group_id": group} for group in ("grp_1", "grp_2")]
    assert rows(output, "contact_links") == [key | {"link": link} for link in WHOLE["links"]]


@pytest.mark.parametrize(
    "bare",
    [
        {},
        {"account": None, "handles": None, "lists": None, "links": None, "_links": None, "updated_at": None},
        {"account": {}, "handles": [], "lists": [], "links": [], "_links": {"related": None}},
    ],
    ids=["missing", "null", "empty"],
)
def test_given_a_bare_contact_when_read_then_the_row_has_its_cursor_and_nothing_lies_in_it(
    front: Front, bare: dict[str, Any]
) -> None:
    front.lists("/contacts", [{"id": "crd_1", **bare}])
    output = read("contacts", *DERIVED)
    (row,) = rows(output, "contacts")
    assert row["id"] == "crd_1"
    assert row["updated_at"] > 1_700_000_000, "the time of the page that brought it"
    assert not any(row.get(column) for column in ("account_id", "owner_team_id", "owner_teammate_id"))
    assert [rows(output, stream) for stream in DERIVED] == [[], [], []]


def test_given_a_contact_without_updated_at_when_read_then_what_lies_in_it_has_the_cursor(front: Front) -> None:
    front.lists("/contacts", [WHOLE | {"updated_at": None}])
    output = read("contacts", *DERIVED)
    (contact,) = rows(output, "contacts")
    for stream in DERIVED:
        found = rows(output, stream)
        assert len(found) == 2
        assert {row["contact_updated_at"] for row in found} == {contact["updated_at"]}


def test_given_any_text_when_read_then_it_comes_out_as_it_went_in(front: Front) -> None:
    handles = [{"source": "custom", "handle": text, "brand_new": text} for text in TEXTS]
    sent = WHOLE | {
        "name": "'q'",
        "handles": handles,
        "links": TEXTS,
        "custom_fields": dict(zip(TEXTS, TEXTS, strict=True)),
    }
    front.lists("/contacts", [sent])
    output = read("contacts", "contact_handles", "contact_links")
    (contact,) = rows(output, "contacts")
    assert {key: contact[key] for key in sent} == sent
    assert [row["handle"] for row in rows(output, "contact_handles")] == TEXTS
    assert [row["brand_new"] for row in rows(output, "contact_handles")] == TEXTS
    assert [row["link"] for row in rows(output, "contact_links")] == TEXTS


def test_given_handles_without_source_or_handle_when_read_then_the_key_has_a_constant(front: Front) -> None:
    handles: list[Row] = [{"handle": "a"}, {"source": "email"}, {"source": None, "handle": None}]
    front.lists("/contacts", [{"id": "crd_1", "handles": handles}])
    assert ids(read_rows("contact_handles"), "contact_id", "source", "handle") == [
        ("crd_1", "email", "unknown"),
        ("crd_1", "unknown", "a"),
        ("crd_1", "unknown", "unknown"),
    ]


@pytest.mark.parametrize(
    ("owner", "column"), [("/teams/tim_1", "owner_team_id"), ("/teammates/tea_1", "owner_teammate_id")]
)
def test_given_an_owner_when_read_then_the_contact_names_it(front: Front, owner: str, column: str) -> None:
    front.lists("/contacts", [{"id": "crd_1", "_links": links(owner=owner)}])
    (row,) = read_rows("contacts")
    owners = {name: row.get(name) for name in ("owner_team_id", "owner_teammate_id") if row.get(name)}
    assert owners == {column: owner.rsplit("/", 1)[1]}


# Notes


def test_given_notes_when_read_then_202_is_success_and_each_contact_is_asked_once(front: Front) -> None:
    front.lists("/contacts", [{"id": "crd_1", "updated_at": 1700000000.5}], [], [{"id": "crd_2", "updated_at": 1.5}])
    note: Row = {
        "author": {"id": "tea_1"},
        "body": "None",
        "created_at": 1690000000.25,
        "is_private": False,
        "new": [1],
    }
    notes = {"_pagination": {"next": None}, "_results": [note]}
    front.always("/contacts/crd_1/notes", Answer(notes, 202))
    found = read_rows("contact_notes")
    assert found == [note | {"contact_id": "crd_1", "author_id": "tea_1", "contact_updated_at": 1700000000.5}]
    assert len(front.queries("/contacts/crd_1/notes")) == 1
    assert len(front.queries("/contacts/crd_2/notes")) == 1
    assert front.queries("/contacts/crd_1/notes") == [{}], "no limit: the list declares none"


def test_given_notes_with_any_text_when_read_then_it_comes_out_as_it_went_in(front: Front) -> None:
    front.lists("/contacts", [{"id": "crd_1", "updated_at": 1700000000}])
    front.lists("/contacts/crd_1/notes", [{"body": text, "created_at": i} for i, text in enumerate(TEXTS)])
    assert [row["body"] for row in read_rows("contact_notes")] == TEXTS


def test_given_notes_without_author_and_time_when_read_then_the_key_has_constants(front: Front) -> None:
    front.lists("/contacts", [{"id": "crd_1"}])
    front.lists(
        "/contacts/crd_1/notes", [{"body": "a"}, {"author": None, "created_at": None}, {"author": {}, "created_at": 5}]
    )
    found = read_rows("contact_notes")
    assert ids(found, "contact_id", "author_id", "created_at") == [
        ("crd_1", "unknown", 0),
        ("crd_1", "unknown", 0),
        ("crd_1", "unknown", 5),
    ]
    assert all(row["contact_updated_at"] for row in found)


@pytest.mark.parametrize("status", [403, 404])
def test_given_a_contact_that_is_gone_when_its_notes_are_read_then_the_others_are_read(
    front: Front, status: int
) -> None:
    front.lists("/contacts", [{"id": "crd_1"}, {"id": "crd_2"}])
    front.always("/contacts/crd_1/notes", error(status))
    front.lists("/contacts/crd_2/notes", [{"body": "a", "created_at": 1}])
    assert [row["contact_id"] for row in read_rows("contact_notes")] == ["crd_2"]
