"""History in windows: halved where they are too full, read once, and gone from later syncs."""

from __future__ import annotations

import copy
from collections import Counter
from urllib.parse import unquote

import pytest

from integration_tests import connection as connections
from integration_tests import truth
from integration_tests.connection import Connection, built_lightly, resolved
from integration_tests.reading import ago, read
from integration_tests.sandbox import Fault, Sandbox
from source_front import source
from source_front.state import found

pytestmark = pytest.mark.usefixtures("manifest_alone")

FAMILY = [
    "conversations",
    "conversation_tags",
    "conversation_inboxes",
    "conversation_messages",
    "comment_mentions",
    "attachments",
]
MOST = 4


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A window is too full with more than `MOST` conversations, instead of thousands."""
    manifest = copy.deepcopy(resolved())
    windows = [each for each in found(manifest, "$parameters") if "most" in each]
    assert {each["most"] for each in windows} == {2_000, 9_000}
    for each in windows:
        each["most"] = MOST
    monkeypatch.setattr(connections, "resolved", lambda: manifest)


def _searched(sandbox: Sandbox) -> Counter[str]:
    """The searches' terms, by how often they were asked for a first page."""
    asked = [each for each in sandbox.log if "/conversations/search/" in each.path and "page_token" not in each.query]
    return Counter(unquote(each.path.rsplit("/", 1)[1]) for each in asked)


@pytest.mark.usefixtures("narrow")
def test_given_windows_that_are_too_full_when_synced_then_they_are_halved_and_nothing_is_missing() -> None:
    with Sandbox(seed=1, conversations=30) as sandbox:
        connection = Connection(sandbox, *FAMILY)
        connection.sync()
        assert not connection.problems()
        whole_span = [terms for terms in _searched(sandbox) if terms.startswith("before:")]
        halves = [terms for terms in _searched(sandbox) if terms.startswith("after:")]
        assert whole_span
        assert len(halves) > 20
        sandbox.reset_log()
        connection.sync()
        assert not _searched(sandbox)


def _many_at_once(sandbox: Sandbox) -> None:
    inbox = sandbox.view.shared("inboxes")[0].id
    for _ in range(3 * MOST):
        sandbox.changes.new_conversation([inbox])


@pytest.mark.usefixtures("narrow")
def test_given_an_hour_that_is_too_full_when_synced_then_it_is_read_as_it_is() -> None:
    with Sandbox(seed=1, conversations=6) as sandbox:
        _many_at_once(sandbox)
        connection = Connection(sandbox, *FAMILY, start_date=ago(20))
        connection.sync()
        recent = {
            row["id"] for row in truth.expected(sandbox.company, sandbox.behaviour, "conversations", start_date=ago(20))
        }
        assert {key for (key,) in connection.warehouse.living("conversations")} == recent
        assert len(recent) >= 3 * MOST


@pytest.mark.usefixtures("narrow")
def test_given_more_than_ten_halves_can_tell_apart_when_read_then_the_error_says_what_to_do() -> None:
    """The CDK halves a window ten times."""
    with Sandbox(seed=1, conversations=6) as sandbox:
        _many_at_once(sandbox)
        with built_lightly(["conversations"]):
            reading = read(sandbox.config(start_date="2013-01-01T00:00:00Z"), ["conversations"])
    assert "Set a later start date" in "".join(reading.errors)


def test_given_history_when_read_then_every_window_is_asked_for_once_by_all_tables() -> None:
    """The tables share the answers to `limit=1`; a window that holds nothing costs one request, whoever asks."""
    with Sandbox(seed=1, conversations=12) as sandbox:
        connection = Connection(sandbox, "conversation_messages", "comments", "conversation_followers")
        connection.sync()
        probes = [each.path for each in sandbox.log if "/search/" in each.path and each.query == "limit=1"]
        assert len(probes) == len(set(probes)) > 160


def test_given_a_later_sync_when_years_have_passed_then_there_is_still_no_window() -> None:
    with Sandbox(seed=1, conversations=12) as sandbox:
        connection = Connection(sandbox, *FAMILY, start_date="2026-01-01T00:00:00Z")
        connection.sync()
        connection.later(3 * 365 * 86_400)
        sandbox.reset_log()
        connection.sync()
        assert not _searched(sandbox)


@pytest.mark.parametrize(
    ("stream", "after"), [("conversations", 3), ("conversation_messages", 60), ("conversation_inboxes", 5)]
)
def test_given_the_manifest_alone_when_a_window_cannot_be_asked_for_then_the_next_sync_reads_what_came_before(
    stream: str, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The CDK counts the window before as read: source-front repairs that, and the manifest lags by one window."""
    monkeypatch.setattr(source, "hold_back", lambda cursor, ended: None)
    with Sandbox(seed=1, conversations=20) as sandbox:
        connection = Connection(sandbox, stream)
        refused = Fault(route="GET /conversations/search/{query}", status=400, after=after, times=10**6)
        sandbox.faults.append(refused)
        assert connection.try_sync().errors
        assert connection.problems()  # it failed in the middle of history
        sandbox.faults.clear()
        connection.sync()
        assert not connection.problems()
