"""The start date bounds what is read, and what it costs."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Literal

import pytest

from integration_tests import truth
from integration_tests.reading import Reading, ago, assert_whole, primary_key, read
from integration_tests.sandbox import Behaviour, Sandbox

pytestmark = pytest.mark.usefixtures("manifest_alone")


@pytest.mark.parametrize("days", [7, 60])
def test_only_what_moved_since_then_is_read(days: int) -> None:
    start = ago(days)
    with Sandbox(seed=1, conversations=40) as sandbox:
        reading = read(sandbox.config(start_date=start))
        assert_whole(sandbox, reading, start_date=start)
        whole = truth.expected(sandbox.company, sandbox.behaviour, "conversations")
    assert 0 < len(reading.rows["conversations"]) < len(whole)


@pytest.mark.parametrize("bounds", ["inclusive", "exclusive"])
def test_a_contact_of_that_very_moment_is_read(bounds: Literal["inclusive", "exclusive"]) -> None:
    """Windows overlap by a second, so that notes may begin that much earlier; contacts do not."""
    start = ago(60)
    at = datetime.fromisoformat(start.replace("Z", "+00:00")).timestamp()
    with Sandbox(seed=1, conversations=0, behaviour=Behaviour(bounds=bounds)) as sandbox:
        early, first, second = (sandbox.changes.new_contact() for _ in range(3))
        for contact, time in ((early, at - 2), (first, at), (second, at + 0.001)):
            sandbox.changes.add_note(contact)
            sandbox.changes.touch_contact(contact, time)
        reading = read(sandbox.config(start_date=start), ["contacts", "contact_handles", "contact_notes"])
    assert not reading.errors
    for stream, names in (("contacts", "id"), ("contact_handles", "contact_id"), ("contact_notes", "contact_id")):
        got = {row[names] for row in reading.rows[stream]}
        assert {first, second} <= got, stream
        assert early not in got, stream


def test_without_a_date_it_is_three_months() -> None:
    """Between 89 and 92 days, by the month: a row that only the one holds must be there, one beyond the other not."""
    streams = ["contacts", "contact_handles", "conversations", "conversation_inboxes", "conversation_messages"]
    with Sandbox(seed=1, conversations=60) as sandbox:
        config = sandbox.config()
        del config["start_date"]
        reading = read(config, streams)
        assert not reading.errors
        for stream in streams:
            names = primary_key(stream)
            got = {tuple(row[name] for name in names) for row in reading.rows[stream]}
            least, most = (
                {
                    tuple(row[name] for name in names)
                    for row in truth.expected(sandbox.company, sandbox.behaviour, stream, start_date=ago(days))
                }
                for days in (89, 93)
            )
            assert least <= got <= most
            whole = truth.expected(sandbox.company, sandbox.behaviour, stream)
            assert len(most) < len(whole)


def test_a_thread_is_read_whole_even_where_most_of_it_is_older() -> None:
    start = ago(30)
    since = datetime.now(timezone.utc) - timedelta(days=30)
    with Sandbox(seed=1, conversations=30) as sandbox:
        long = max(sandbox.view.living(), key=lambda each: len(each.messages))
        sandbox.changes.reply(long.id)
        reading = read(sandbox.config(start_date=start), ["conversation_messages"])
        assert_whole(sandbox, reading, start_date=start)
    times = [row["created_at"] for row in reading.rows["conversation_messages"] if row["conversation_id"] == long.id]
    assert len(times) > 100
    assert min(times) < since.timestamp() < max(times)


def test_the_last_week_of_a_ten_year_account_costs_what_a_week_holds(everything: tuple[Sandbox, Reading]) -> None:
    sandbox, _ = everything
    whole = sandbox.requests
    sandbox.reset_log()
    start = ago(7)
    reading = read(sandbox.config(start_date=start))
    assert_whole(sandbox, reading, start_date=start)
    week = sandbox.requests

    recent = truth.expected(sandbox.company, sandbox.behaviour, "conversations", start_date=start)
    pages = len(reading.rows.get("conversation_messages", [])) // 100 + len(recent)
    assert 0 < week["GET /conversations/{id}/messages"] <= 4 * pages  # messages, recipients, both kinds of attachments
    assert week["GET /conversations/{id}/comments"] <= 3 * len(recent)
    assert week["GET /conversations/{id}/followers"] == len(recent)
    assert week["GET /contacts/{id}/notes"] == len(reading.rows["contacts"])
    assert week.total() < whole.total() / 5
