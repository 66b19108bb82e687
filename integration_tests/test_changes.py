"""Several syncs of a company that changes: nothing lost, nothing stale, and a cost that follows the change."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator

import pytest

from integration_tests.connection import STREAMS, Connection
from integration_tests.sandbox import Behaviour, Sandbox

SEARCH = "GET /conversations/search/{query}"


def listed_pages(company: Sandbox) -> list[str]:
    """The paths of the searches for pages of conversations, so far."""
    return [each.path for each in list(company.log) if "/search/" in each.path and "limit=100" in each.query]


def once_listed(company: Sandbox, which: Callable[[str], bool], call: Callable[[], object]) -> None:
    """Calls it during the first search after such a page was asked for."""

    def look() -> None:
        if any(map(which, listed_pages(company))):
            call()
        else:
            company.changes.during(SEARCH, 1, look)

    company.changes.during(SEARCH, 1, look)


@pytest.fixture
def company(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    options = {"seed": 1, "conversations": 20, "behaviour": Behaviour()} | getattr(request, "param", {})
    with Sandbox(**options) as sandbox:
        yield sandbox


@pytest.mark.parametrize(
    "company",
    [
        {"seed": 2, "behaviour": Behaviour(event_conversation="then", bounds="exclusive", merged_targets="objects")},
        {
            "seed": 3,
            "behaviour": Behaviour(inboxless_in_events=True, trashed_in_search=True, tokens="keyset", page_size_cap=7),
        },
    ],
    indirect=True,
    ids=["as of then, exclusive bounds", "short pages"],
)
def test_given_changes_of_all_kinds_when_synced_then_the_warehouse_holds_what_front_holds(company: Sandbox) -> None:
    connection = Connection(company, *STREAMS)
    connection.sync()
    assert not connection.problems()
    dice = random.Random(5)
    done = [company.changes.random_change(dice) for _ in range(20)]
    connection.sync()
    assert not connection.problems(), done


def test_given_no_change_when_synced_again_then_it_costs_the_same_at_any_size() -> None:
    costs = []
    recently = "2026-01-01T00:00:00Z"
    for conversations in (20, 60):
        with Sandbox(seed=1, conversations=conversations) as sandbox:
            connection = Connection(sandbox, *STREAMS, start_date=recently)
            connection.sync()
            sandbox.reset_log()
            connection.sync()
            costs.append(sum(sandbox.requests.values()))
    assert abs(costs[0] - costs[1]) <= 6  # what the overlap of five minutes reads again
    assert max(costs) <= 50


def test_given_one_reply_when_synced_then_only_the_tables_it_moves_ask(company: Sandbox) -> None:
    connection = Connection(company, *STREAMS)
    connection.sync()
    company.reset_log()
    connection.sync()
    idle = company.requests
    changed = next(each.id for each in company.company.living() if each.inboxes and each.messages)
    company.changes.archive(changed)
    company.reset_log()
    connection.sync()
    more = company.requests - idle
    assert more["GET /conversations/{id}/messages"] == 0
    assert more["GET /conversations/{id}/comments"] == 0
    assert sum(more.values()) <= 8
    assert not connection.problems()


def test_given_changes_during_the_first_sync_when_synced_again_then_they_are_there(company: Sandbox) -> None:
    connection = Connection(company)
    dice = random.Random(7)
    for nth in (2, 9, 25):
        company.changes.during("GET /conversations/{id}/messages", nth, lambda: company.changes.random_change(dice))
    company.changes.during("GET /conversations/{id}/followers", 3, lambda: company.changes.random_change(dice))
    connection.sync()
    connection.sync()
    assert not connection.problems()


@pytest.mark.parametrize(
    "company", [{"behaviour": Behaviour(hidden_status=code)} for code in (403, 404)], indirect=True
)
def test_given_an_inbox_forbidden_then_granted_when_synced_then_its_history_comes_by_itself(company: Sandbox) -> None:
    hidden, shown, *_ = sorted(company.company.inboxes)
    company.changes.forbid(hidden)
    company.changes.forbid(shown)
    connection = Connection(company)
    connection.sync()
    assert not connection.problems()
    company.changes.grant(hidden)
    connection.sync()
    assert not connection.problems()


def test_given_a_new_inbox_with_conversations_when_synced_then_it_is_read(company: Sandbox) -> None:
    connection = Connection(company)
    connection.sync()
    inbox = company.changes.new_inbox()
    company.changes.new_conversation([inbox])
    company.changes.new_discussion()
    connection.sync()
    assert not connection.problems()


@pytest.mark.parametrize("skew", [-7200.0, 7200.0])
def test_given_a_clock_that_is_wrong_when_synced_then_nothing_is_lost(skew: float) -> None:
    with Sandbox(seed=2, conversations=20, behaviour=Behaviour(clock_skew_s=skew)) as sandbox:
        connection = Connection(sandbox)
        connection.sync()
        dice = random.Random(3)
        done = [sandbox.changes.random_change(dice) for _ in range(10)]
        connection.sync()
        assert not connection.problems(), done


def test_given_a_conversation_trashed_between_the_lists_of_a_first_sync_when_synced_again_then_its_thread_is_there(
    company: Sandbox,
) -> None:
    """Alive, it is in none of the windows of the trash; trashed, in none of the others; no event moves its thread."""
    newest = max(company.view.living(), key=lambda each: each.messages[0].created_at if each.messages else 0)
    assert newest.comments
    assert newest.inboxes

    connection = Connection(company, *STREAMS)
    once_listed(company, lambda path: "trashed" not in path, lambda: company.changes.trash(newest.id))
    connection.sync()
    assert newest.state == "deleted"
    connection.later(3_600)
    connection.sync()
    assert not connection.problems()


def test_given_a_conversation_trashed_while_its_page_is_read_when_synced_again_then_its_relations_are_there(
    company: Sandbox,
) -> None:
    """One worker pages through history, another has read the trash already."""
    streams = ["conversation_tags", "conversation_links", "conversation_inboxes"]
    living = [each for each in company.view.living() if each.inboxes and each.messages and each.tags and each.links]
    victim, other, *_ = [each for each in living if each.state != "deleted"]
    company.changes.trash(other.id)  # so that the trash has a page
    asked = threading.Event()

    def hold() -> None:
        asked.wait(2)
        company.changes.trash(victim.id)

    def look() -> None:
        pages = listed_pages(company)
        if pages and "trashed" in pages[-1]:
            asked.set()
        company.changes.during(SEARCH, 1, look)

    connection = Connection(company, *streams, num_workers=4)
    company.changes.during(SEARCH, 1, look)
    company.changes.during(SEARCH, 2, hold)
    connection.sync()
    connection.later(3_600)
    connection.sync()
    assert not connection.problems()


def test_given_a_conversation_restored_between_the_lists_of_a_first_sync_when_synced_again_then_its_mentions_are_there(
    company: Sandbox,
) -> None:
    mentioning = {each.id for each in company.company.living() if each.inboxes and each.messages and each.comments}
    for each in mentioning:
        company.changes.trash(each)

    def restore() -> None:
        for each in mentioning:
            company.changes.restore(each)

    connection = Connection(company, "comment_mentions")
    once_listed(company, lambda path: "trashed" not in path, restore)
    connection.sync()
    connection.later(3_600)
    connection.sync()
    assert not connection.problems()


@pytest.mark.parametrize("happens", ["archive", "trash"])
def test_given_a_change_between_the_lists_of_two_inboxes_when_synced_then_the_newest_rows_are_the_whole_set(
    company: Sandbox, happens: str
) -> None:
    shared = [each.id for each in company.view.shared("inboxes")][:2]
    victim = next(each for each in company.view.living() if each.inboxes and each.messages and each.state != "deleted")
    company.changes.move(victim.id, shared)
    connection = Connection(company, "conversation_inboxes")
    connection.later(7_200)

    once_listed(company, lambda path: shared[0] in path, lambda: getattr(company.changes, happens)(victim.id))
    connection.sync()
    rows = [row for row in connection.warehouse.rows("conversation_inboxes") if row["conversation_id"] == victim.id]
    newest = max(row["changed_at"] for row in rows)
    assert {row["inbox_id"] for row in rows if row["changed_at"] == newest} == set(shared)
