"""What ended, ends: tombstones of tags, links and merged conversations, and what answers for them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from integration_tests.connection import Connection
from integration_tests.sandbox import Behaviour, Sandbox
from integration_tests.sandbox.company import Conversation

pytestmark = pytest.mark.usefixtures("manifest_alone")

THREADS = ["conversations", "conversation_messages", "comments"]
"""What comes again under a survivor's id, so that nothing of a merged conversation stays behind."""


@pytest.fixture
def company(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    options = {"seed": 1, "conversations": 14, "behaviour": Behaviour()} | getattr(request, "param", {})
    with Sandbox(**options) as sandbox:
        yield sandbox


def _plain(company: Sandbox) -> list[Conversation]:
    living = company.view.living()
    return [each for each in living if each.inboxes and each.messages and each.state != "deleted"]


def test_given_a_tag_taken_off_and_put_back_when_synced_then_the_tombstone_is_older_than_the_row(
    company: Sandbox,
) -> None:
    tagged = next(each for each in _plain(company) if each.tags)
    tag = min(tagged.tags)
    connection = Connection(company, "conversation_tags")
    connection.sync()
    company.changes.untag(tagged.id, tag)
    connection.sync()
    assert (tagged.id, tag) in connection.warehouse.tombstones("conversation_tags")
    company.changes.tag(tagged.id, tag)
    company.changes.untag(tagged.id, tag)
    company.changes.tag(tagged.id, tag)
    emitted = connection.sync()
    rows = [
        m.record.data
        for m in emitted
        if m.record and (m.record.data["conversation_id"], m.record.data["tag_id"]) == (tagged.id, tag)
    ]
    ended = [row["changed_at"] for row in rows if row.get("_ab_cdc_deleted_at")]
    living = [row["changed_at"] for row in rows if not row.get("_ab_cdc_deleted_at")]
    assert ended
    assert living
    assert max(living) > max(ended)


@pytest.mark.parametrize(
    "company", [{"behaviour": Behaviour(merged_targets=shape)} for shape in ("ids", "objects")], indirect=True
)
def test_given_a_merge_when_synced_then_the_old_conversation_ends(company: Sandbox) -> None:
    gone, kept, *_ = (each.id for each in _plain(company))
    connection = Connection(company)
    connection.sync()
    company.changes.merge(gone, kept)
    connection.sync()
    assert (gone,) in connection.warehouse.tombstones("conversations")
    assert not connection.problems()


@pytest.mark.parametrize("stream", ["conversation_tags", "conversation_links"])
@pytest.mark.parametrize("nth", [1, 2])
def test_given_an_end_during_history_when_synced_again_then_the_row_is_gone(
    company: Sandbox, stream: str, nth: int
) -> None:
    """Before the conversation is read, or after: whichever request it is that it comes before."""
    of = next(each for each in _plain(company) if each.tags and each.links)

    def end() -> None:
        company.changes.untag(of.id, of.tags[0])
        company.changes.unlink(of.id, of.links[0])

    company.changes.during("GET /conversations/search/{query}", nth, end)
    connection = Connection(company, stream)
    connection.sync()
    connection.sync()
    assert not connection.warehouse.problems(company, [stream])


def test_given_the_last_link_removed_when_synced_then_the_row_is_gone_and_put_back_it_is_there(
    company: Sandbox,
) -> None:
    of = next(each for each in _plain(company) if len(each.links) == 1)
    (link,) = of.links
    connection = Connection(company, "conversation_links")
    connection.sync()
    company.changes.unlink(of.id, link)
    connection.sync()
    assert not connection.warehouse.problems(company, ["conversation_links"])
    company.changes.link(of.id, link)
    company.changes.unlink(of.id, link)
    company.changes.link(of.id, link)
    connection.sync()
    assert (of.id, link) in connection.warehouse.living("conversation_links")


@pytest.mark.parametrize(
    "company",
    [
        {"behaviour": Behaviour(merged_location="own", event_conversation="now")},
        {"behaviour": Behaviour(merged_location="own", event_conversation="then")},
    ],
    indirect=True,
    ids=["as of now", "as of then"],
)
def test_given_a_merge_of_a_conversation_never_seen_when_synced_then_all_of_it_is_the_survivors(
    company: Sandbox,
) -> None:
    into = _plain(company)[0]
    connection = Connection(company, *THREADS)
    connection.sync()
    new = company.changes.new_conversation(into.inboxes, messages=3)
    company.changes.comment(new, [next(iter(company.company.teammates))])
    company.changes.merge(new, into.id)
    connection.sync()
    assert not connection.problems()
    assert (new,) in connection.warehouse.tombstones("conversations")
    came = {key for (key,) in connection.warehouse.living("conversation_messages")}
    assert {each.id for each in into.messages} <= came


def test_given_a_conversation_merged_twice_when_synced_then_only_the_last_survivor_lives(company: Sandbox) -> None:
    first, second, third = _plain(company)[:3]
    connection = Connection(company, *THREADS)
    connection.sync()
    company.changes.merge(first.id, second.id)
    company.changes.merge(second.id, third.id)
    connection.sync()
    assert not connection.problems()
    assert {(first.id,), (second.id,)} <= connection.warehouse.tombstones("conversations")


def test_given_a_conversation_that_vanished_when_its_events_are_read_then_it_is_skipped(company: Sandbox) -> None:
    gone, other = _plain(company)[:2]
    connection = Connection(company, *THREADS)
    connection.sync()
    company.changes.reply(gone.id)
    company.changes.comment(gone.id)
    company.changes.reply(other.id)
    company.changes.purge(gone.id)
    connection.sync()
    assert (gone.id,) in connection.warehouse.living("conversations")  # nothing said that it ended: a known limit
    assert all("should have ended" in problem for problem in connection.problems())
