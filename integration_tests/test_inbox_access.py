"""Inboxes that the token may not read, may read later, loses and gets back: skipped, then whole, never with a hole."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import pytest

from integration_tests.connection import STREAMS, Connection, built_lightly
from integration_tests.reading import Key, read
from integration_tests.sandbox import Behaviour, Fault, Sandbox
from integration_tests.sandbox.company import Conversation
from source_front.state import found

HOUR = 3_600
FAMILY = [name for name in STREAMS if not name.startswith("contact")]


@pytest.fixture
def company(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with Sandbox(seed=1, conversations=14, behaviour=getattr(request, "param", Behaviour())) as sandbox:
        yield sandbox


@pytest.fixture
def synced(company: Sandbox) -> Connection:
    connection = Connection(company, *FAMILY)
    connection.sync()
    assert not connection.problems()
    return connection


def _alone_in_an_inbox(company: Sandbox) -> Conversation:
    return next(each for each in company.view.living() if len(each.inboxes) == 1 and each.messages and each.tags)


def _elsewhere(company: Sandbox, inbox: str) -> str:
    return next(each.id for each in company.view.living() if each.inboxes and inbox not in each.inboxes)


def _missing(connection: Connection) -> list[str]:
    """Problems but for rows of what the token no longer shows."""
    return [text for text in connection.problems() if "should have ended" not in text]


def _current(connection: Connection, stream: str) -> set[Key]:
    """The rows with the newest `changed_at` of each conversation."""
    sets: dict[str, dict[float, set[Key]]] = defaultdict(lambda: defaultdict(set))
    for row in connection.warehouse.rows(stream):
        if row.get("_ab_cdc_deleted_at") is None:
            other = next(row[name] for name in ("inbox_id", "tag_id") if name in row)
            sets[row["conversation_id"]][row["changed_at"]].add((row["conversation_id"], other))
    return {key for of_one in sets.values() for key in of_one[max(of_one)]}


@pytest.mark.parametrize(
    "company", [Behaviour(hidden_status=403), Behaviour(hidden_status=404)], indirect=True, ids=["403", "404"]
)
def test_given_access_lost_and_granted_again_when_synced_then_what_happened_meanwhile_is_there(
    company: Sandbox, synced: Connection
) -> None:
    of = _alone_in_an_inbox(company)
    (inbox,) = of.inboxes
    synced.later(HOUR)
    company.changes.forbid(inbox)
    company.changes.reply(of.id)
    company.changes.comment(of.id, [next(iter(company.company.teammates))])
    company.changes.untag(of.id, of.tags[0])
    company.changes.new_conversation([inbox])
    synced.sync()  # nothing of it to be seen, and no error
    assert not _missing(synced)
    synced.later(HOUR)
    company.changes.reply(_elsewhere(company, inbox))  # the feed's watermark moves past it all
    synced.sync()
    synced.later(HOUR)
    company.changes.grant(inbox)
    synced.sync()
    assert not _missing(synced)
    assert {key for key in _current(synced, "conversation_tags") if key[0] == of.id} == {
        (of.id, tag) for tag in of.tags
    }
    company.reset_log()
    synced.later(HOUR)
    synced.sync()  # and only once
    assert company.requests["GET /inboxes/{id}/conversations"] == len(company.view.shared("inboxes"))


def test_given_an_inbox_granted_later_when_synced_then_the_other_inboxes_of_its_conversations_stay(
    company: Sandbox,
) -> None:
    of = _alone_in_an_inbox(company)
    other = next(each.id for each in company.view.shared("inboxes") if each.id not in of.inboxes)
    company.changes.move(of.id, [of.inboxes[0], other])
    connection = Connection(company, "conversation_inboxes")
    connection.later(HOUR)
    company.changes.forbid(other)
    connection.sync()
    connection.later(HOUR)
    company.changes.grant(other)
    connection.sync()
    assert {key for key in _current(connection, "conversation_inboxes") if key[0] == of.id} == {
        (of.id, inbox) for inbox in of.inboxes
    }


def test_given_403_in_the_middle_of_a_listing_when_synced_then_it_fails_and_comes_next_time(company: Sandbox) -> None:
    held = [inbox for each in company.view.living() for inbox in each.inboxes]
    busy = max(company.view.shared("inboxes"), key=lambda inbox: held.count(inbox.id))
    streams = ["conversations", "conversation_messages"]
    company.changes.forbid(busy.id)
    connection = Connection(company, *streams)
    connection.sync()
    connection.later(HOUR)
    company.changes.grant(busy.id)
    listing = f"/inboxes/{busy.id}/conversations"
    company.faults.append(Fault(match=listing, status=403, after=1, times=10**6))  # the probe passes
    with built_lightly(streams):
        reading = read(connection.config, streams, state=connection.states)
    assert any("403" in error for error in reading.errors)
    company.faults.clear()
    connection.sync()
    assert not connection.problems()


def test_given_an_inbox_forbidden_in_its_first_history_when_granted_then_it_is_there(company: Sandbox) -> None:
    of = _alone_in_an_inbox(company)
    (inbox,) = of.inboxes
    connection = Connection(company, *FAMILY)
    company.changes.during("GET /conversations/search/{query}", 3, lambda: company.changes.forbid(inbox))
    connection.sync()
    connection.later(HOUR)
    connection.sync()
    connection.later(HOUR)
    company.changes.grant(inbox)
    connection.sync()
    assert not _missing(connection)


def test_given_401_when_an_inbox_is_asked_then_the_sync_fails(company: Sandbox) -> None:
    company.faults.append(Fault(route="GET /inboxes/{id}/conversations", status=401, times=10**6))
    with built_lightly(["conversations"]):
        reading = read(company.config(), ["conversations"])
    assert any("401" in error for error in reading.errors)


def test_given_forbidden_inboxes_when_many_streams_are_read_then_one_warning_names_them_all(company: Sandbox) -> None:
    forbidden = sorted(company.company.inboxes)[:2]
    for inbox in forbidden:
        company.changes.forbid(inbox)
    connection = Connection(company, *FAMILY)
    for _ in range(2):
        reading = connection.try_sync()
        assert not reading.errors
        (told,) = [line for line in reading.trouble if "inbox" in line]
        names = ", ".join(sorted(f"{company.company.inboxes[inbox].fields['name']} ({inbox})" for inbox in forbidden))
        assert told.startswith(f"Skipped 2 inboxes the credentials cannot read: {names}. Grant access in Front")


def _watermarks(connection: Connection) -> list[object]:
    blobs = [state.stream.stream_state for state in connection.states if state.stream]
    return [value for blob in blobs for value in found(vars(blob), "watermark")]


def test_given_no_inbox_that_may_be_read_when_synced_then_it_fails_and_names_the_scope(company: Sandbox) -> None:
    """In a later sync nothing else would ask for what needs that scope: it would be an idle one."""
    connection = Connection(company, "conversations", "conversation_messages")
    connection.sync()
    before = _watermarks(connection)
    for inbox in company.company.inboxes:
        company.changes.forbid(inbox)
    company.changes.reply(next(each.id for each in company.company.living() if each.messages))
    reading = connection.try_sync()
    assert any("may not read the conversations of any of the" in error for error in reading.errors)
    assert any("conversations:read" in error for error in reading.errors)
    assert _watermarks(connection) == before
    for inbox in company.company.inboxes:
        company.changes.grant(inbox)
    connection.sync()
    assert not connection.problems()
