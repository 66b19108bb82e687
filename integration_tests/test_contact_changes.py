"""Contacts and what lies in them over several syncs: times that meet, lists that move while they are read, notes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

import pytest

from integration_tests.connection import Connection
from integration_tests.reading import ago
from integration_tests.sandbox import Behaviour, Sandbox
from integration_tests.sandbox.company import DAY, Contact
from integration_tests.test_crash import attempt, crash, every_checkpoint

LISTED = ["contacts", "contact_handles", "contact_links", "contact_groups"]
"""Read from the list of contacts alone; notes take a request per contact, so that their contacts come in windows."""
NOTES = "contact_notes"
CONTACTS = [*LISTED, NOTES]
DAYS = 450
"""The start date: before every contact of the sandbox."""
MS = 0.001
SHORT = 5
"""Rows of a page that is cut short, so that a few contacts take several."""

WAYS = {
    "as documented": Behaviour(),
    "exclusive bounds": Behaviour(bounds="exclusive"),
    "short pages, exclusive bounds": Behaviour(page_size_cap=SHORT, bounds="exclusive"),
    "short pages, empty ones, keyset tokens": Behaviour(page_size_cap=SHORT, empty_pages=True, tokens="keyset"),
}


@pytest.fixture
def company(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with Sandbox(seed=1, conversations=0, behaviour=getattr(request, "param", Behaviour())) as sandbox:
        yield sandbox
        assert not sandbox.errors


every_way = pytest.mark.parametrize("company", WAYS.values(), ids=WAYS, indirect=True)


def _shown(company: Sandbox) -> list[Contact]:
    """The contacts that the token may read, as the list has them: newest change first."""
    shown = (each for each in company.company.contacts.values() if company.view.shows(each))
    return sorted(shown, key=lambda each: -each.updated_at)


def _synced(company: Sandbox, streams: Sequence[str] = CONTACTS, days: float = DAYS) -> Connection:
    """A connection after its first sync, with everything there."""
    connection = Connection(company, *streams, start_date=ago(days))
    connection.sync()
    assert not connection.problems()
    return connection


def _crowd(company: Sandbox, number: int, at: float) -> list[str]:
    """So many new contacts, each with a note, all last changed at the same time."""
    contacts = [company.changes.new_contact() for _ in range(number)]
    for each in contacts:
        company.changes.add_note(each)
        company.changes.touch_contact(each, at)
    return contacts


def _spread(company: Sandbox) -> None:
    """Every contact with a note, a day from one to the next, over pages of the same window of notes' contacts.

    That window ended long ago: a contact that changes leaves it.
    """
    for days, contact in enumerate(_shown(company), start=100):
        company.changes.add_note(contact.id)
        company.changes.touch_contact(contact.id, round(company.company.now() - days * DAY, 3))


# Times that meet


@every_way
def test_given_contacts_changed_at_the_cursor_and_a_millisecond_beside_it_when_synced_then_they_are_there(
    company: Sandbox,
) -> None:
    connection = _synced(company)
    newest, *older = _shown(company)
    cursor = newest.updated_at
    for contact, at in zip(older, (cursor - MS, cursor, cursor + MS), strict=False):
        company.changes.add_note(contact.id)
        company.changes.touch_contact(contact.id, round(at, 3))
    connection.sync()
    assert not connection.problems()


@every_way
def test_given_pages_of_contacts_with_one_time_when_synced_then_none_is_missing(company: Sandbox) -> None:
    more_than_a_page = 2 * SHORT + 1 if company.behaviour.page_size_cap else 105
    now = company.company.now()
    crowd = _crowd(company, more_than_a_page, round(now - 40 * DAY, 3))
    connection = _synced(company)
    again = round(company.company.now(), 3)
    for each in crowd:
        company.changes.add_note(each)
        company.changes.touch_contact(each, again)
    connection.sync()
    assert not connection.problems()


@every_way
def test_given_contacts_at_the_ends_of_windows_when_synced_then_each_is_asked_once(company: Sandbox) -> None:
    """Windows of notes' contacts are 90 days long and overlap by a second."""
    start_date = ago(200)
    start = datetime.fromisoformat(start_date.replace("Z", "+00:00")).timestamp()
    for contact in _shown(company):
        company.changes.touch_contact(contact.id)
    for end in (start + 90 * DAY, start + 180 * DAY):
        for beside in (-1 - MS, -1, -MS, 0, MS, 1, 1 + MS):
            _crowd(company, 1, round(end + beside, 3))
    connection = Connection(company, *CONTACTS, start_date=start_date)
    connection.sync()
    assert not connection.problems()
    asked = Counter(each.path for each in company.log if each.route == "GET /contacts/{id}/notes")
    assert set(asked.values()) == {1}


# Lists that move while they are read


@pytest.mark.usefixtures("manifest_alone")  # which asks for the list again and again
@pytest.mark.parametrize(("streams", "requests"), [(LISTED, 8), ([NOTES], 4)], ids=["listed", "notes"])
@pytest.mark.parametrize(
    "company",
    [Behaviour(page_size_cap=SHORT, tokens="offset"), Behaviour(page_size_cap=SHORT, tokens="keyset")],
    ids=["offset tokens", "keyset tokens"],
    indirect=True,
)
def test_given_contacts_that_change_while_they_are_listed_when_synced_again_then_nothing_is_missing(
    company: Sandbox, streams: list[str], requests: int
) -> None:
    def change() -> None:
        """The contact that a list has first, and the one it has last: one was passed, the other not reached yet."""
        same = [each.id for each in _shown(company) if each.updated_at < began]
        for contact in {*same[:1], *same[-1:]}:
            company.changes.add_note(contact)

    _spread(company)
    connection = Connection(company, *streams, start_date=ago(150))
    for _ in ("first sync", "second sync"):
        began = company.company.tick()
        for nth in range(1, requests + 1):
            company.changes.during("GET /contacts", nth, change)
        company.reset_log()
        connection.sync()
        assert company.requests["GET /contacts"] >= requests
        connection.sync()
        assert not connection.problems()
        for contact in _shown(company):  # so that the next sync has as many pages
            company.changes.touch_contact(contact.id)


@pytest.mark.parametrize("company", [Behaviour(page_size_cap=SHORT, tokens="keyset")], indirect=True)
def test_given_contacts_merged_while_they_are_listed_when_synced_again_then_the_survivors_are_whole(
    company: Sandbox,
) -> None:
    _spread(company)
    connection = Connection(company, *CONTACTS, start_date=ago(DAYS))

    def merge() -> None:
        """Both ends of the list: into one that was passed, from one not reached yet, then the other way round."""
        first, *_, last = _shown(company)
        company.changes.merge_contacts(last.id, first.id)
        _, second, *_, last = _shown(company)
        company.changes.merge_contacts(second.id, last.id)

    for nth in (2, 4, 7):
        company.changes.during("GET /contacts", nth, merge)
    connection.sync()
    connection.sync()
    assert not connection.warehouse.problems(company, CONTACTS, may_hold=set(CONTACTS))


# Merged contacts


def test_given_merged_contacts_when_synced_then_the_survivor_has_what_both_had(company: Sandbox) -> None:
    _spread(company)
    connection = _synced(company)
    survivor, *_, gone = _shown(company)
    company.changes.merge_contacts(gone.id, survivor.id)
    connection.sync()
    assert not connection.warehouse.problems(company, CONTACTS, may_hold=set(CONTACTS))
    of_both = {key for key in connection.warehouse.living(NOTES) if key[0] == survivor.id}
    assert len(of_both) == len(survivor.notes) >= 2
    assert (gone.id,) in connection.warehouse.living("contacts")  # Front does not say that it ended


def test_given_a_contact_that_vanishes_before_its_notes_are_asked_for_when_synced_then_the_others_are_there(
    company: Sandbox,
) -> None:
    _spread(company)
    connection = Connection(company, NOTES, start_date=ago(DAYS))
    into, *others = _shown(company)
    gone = others[len(others) // 2]  # not asked for yet, whichever end is first
    company.changes.during("GET /contacts/{id}/notes", 3, lambda: company.changes.merge_contacts(gone.id, into.id))
    connection.sync()
    connection.sync()
    assert not connection.warehouse.problems(company, [NOTES], may_hold={NOTES})
    assert {each.path for each in company.log if each.status == 404} == {f"/contacts/{gone.id}/notes"}


# Notes


def test_given_notes_stopped_at_a_checkpoint_and_more_written_when_resumed_then_none_is_missing(
    company: Sandbox,
) -> None:
    """On a contact that the stopped sync had, or had not: whose notes came is not known by its state alone."""
    with every_checkpoint():
        emitted = attempt(Connection(company, NOTES, start_date=ago(DAYS)))
        checkpoints = [index for index, message in enumerate(emitted, start=1) if message.state]
        for nth, index in enumerate(checkpoints[:: len(checkpoints) // 4]):
            resumed = Connection(company, NOTES, start_date=ago(DAYS))
            crash(resumed, emitted, index)
            company.changes.add_note(_shown(company)[7 * nth % 20].id)
            company.changes.add_note(company.changes.new_contact())
            resumed.sync()
            assert not resumed.problems(), f"after message {index} of {len(emitted)}"


def test_given_a_note_on_an_old_contact_when_synced_then_it_is_there(company: Sandbox) -> None:
    connection = _synced(company)
    company.reset_log()
    company.changes.add_note(_shown(company)[-1].id)
    connection.sync()
    assert not connection.problems()
    assert company.requests["GET /contacts/{id}/notes"] <= 2  # and that of the newest contact


def test_given_a_note_that_does_not_move_its_contact_when_that_changes_then_the_note_is_there(company: Sandbox) -> None:
    connection = _synced(company)
    oldest = _shown(company)[-1].id
    company.changes.add_note(oldest, moves=False)
    connection.sync()
    company.changes.touch_contact(oldest)
    connection.sync()
    assert not connection.problems()


# Clocks


@pytest.mark.parametrize(
    ("hours", "streams"),
    [(-48, CONTACTS), (-2, CONTACTS), (2, CONTACTS), (48, LISTED)],
    ids=["two days behind", "two hours behind", "two hours ahead", "two days ahead"],
)
def test_given_a_front_clock_that_is_off_when_synced_then_nothing_is_missing(hours: int, streams: list[str]) -> None:
    """Windows end a day ahead: the notes of a Front that is two days ahead come a day late."""
    with Sandbox(seed=1, conversations=0, behaviour=Behaviour(clock_skew_s=hours * 3600)) as company:
        connection = _synced(company, streams)
        for contact in _shown(company)[::5]:
            company.changes.add_note(contact.id)
        company.changes.add_note(company.changes.new_contact())
        connection.sync()
        assert not connection.problems()
