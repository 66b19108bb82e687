"""Full reads of a whole company, compared with what it holds: row by row, column by column."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

import pytest
from airbyte_cdk.models import Status, SyncMode

from integration_tests import truth
from integration_tests.connection import built_lightly
from integration_tests.reading import Program, Reading, Row, ago, assert_whole, messages, offered, primary_key, read
from integration_tests.sandbox import Behaviour, Sandbox

KEYS_AND_CURSORS: dict[str, tuple[list[str], str | None]] = {
    "attachments": (["parent_id", "id"], "parent_created_at"),
    "channels": (["id"], None),
    "comments": (["id"], "posted_at"),
    "comment_mentions": (["comment_id", "teammate_id"], "comment_posted_at"),
    "contacts": (["id"], "updated_at"),
    "contact_groups": (["contact_id", "group_id"], "contact_updated_at"),
    "contact_handles": (["contact_id", "source", "handle"], "contact_updated_at"),
    "contact_notes": (["contact_id", "author_id", "created_at"], "contact_updated_at"),
    "contact_links": (["contact_id", "link"], "contact_updated_at"),
    "conversations": (["id"], "updated_at"),
    "conversation_tags": (["conversation_id", "tag_id"], "changed_at"),
    "conversation_links": (["conversation_id", "link_id"], "changed_at"),
    "conversation_followers": (["conversation_id", "teammate_id"], "changed_at"),
    "conversation_inboxes": (["conversation_id", "inbox_id"], "changed_at"),
    "conversation_messages": (["id"], "created_at"),
    "conversation_message_attachments": (["message_id", "attachment_id"], "message_created_at"),
    "conversation_message_recipients": (["message_id", "role", "handle"], "message_created_at"),
    "groups": (["id"], None),
    "inboxes": (["id"], None),
    "inbox_channels": (["inbox_id", "channel_id"], None),
    "rules": (["id"], None),
    "rule_actions": (["rule_id", "action"], None),
    "shifts": (["id"], None),
    "tags": (["id"], None),
    "teams": (["id"], None),
    "teammates": (["id"], None),
    "teammate_shifts": (["teammate_id", "shift_id"], None),
    "team_inboxes": (["team_id", "inbox_id"], None),
    "team_teammates": (["team_id", "teammate_id"], None),
}
"""The contract: what a warehouse keys its tables by."""

CHILDREN = {
    "attachments": "messages",
    "comments": "comments",
    "comment_mentions": "comments",
    "conversation_followers": "followers",
    "conversation_messages": "messages",
}
"""Tables that ask one conversation after the other, by its id: one of each kind, and what it asks for first."""


def assert_nothing_is_empty(reading: Reading) -> None:
    """What was compared is worth it."""
    assert not [stream for stream in reading.streams if not reading.rows.get(stream)]


def read_lightly(config: Row, streams: Sequence[str] = (), mode: SyncMode = SyncMode.full_refresh) -> Reading:
    """The streams' builds are proved by what is read since its beginning, and by the installed program."""
    with built_lightly(streams or list(offered())):
        return read(config, streams, mode=mode)


# Every way that Front may behave


@dataclass(frozen=True)
class Variant:
    behaviour: Behaviour
    over: Row = field(default_factory=dict)
    """What the configuration says beside credentials and start date."""
    private: bool = False


SHORT_PAGES = Behaviour(page_size_cap=7, empty_pages=True, next_host="other", links_host="other")

VARIANTS = {
    "page tokens as rows, exclusive bounds, private resources without the scope": Variant(
        Behaviour(page_size_cap=5, tokens="keyset", bounds="exclusive", search_bounds="exclusive"),
        over={"include_private_resources": True},
    ),
    "everything shown everywhere": Variant(
        Behaviour(
            trashed_in_search=True,
            inboxless_in_search=True,
            inboxless_in_events=True,
            event_conversation="then",
            events_over_limit="refuse",
        )
    ),
    "trash left out of lists, no conversation types": Variant(
        Behaviour(trashed_in_lists=False, conversation_types=False)
    ),
    "trash and what has no inbox in the search, no conversation types": Variant(
        Behaviour(trashed_in_search=True, inboxless_in_search=True, conversation_types=False)
    ),
    "no updated_at on conversations, unknown fields, ticketing": Variant(
        Behaviour(updated_at_on_conversations=False, unknown_fields=True, ticketing=True)
    ),
    "private resources": Variant(Behaviour(private_scope=True), over={"include_private_resources": True}, private=True),
    "private scope, unused": Variant(Behaviour(private_scope=True)),
}


def test_a_company_is_read_whole_through_short_and_empty_pages() -> None:
    start = ago(450)
    with Sandbox(seed=3, conversations=30, behaviour=SHORT_PAGES) as sandbox:
        reading = read_lightly(sandbox.config(start_date=start))
        assert_whole(sandbox, reading, start_date=start)
    assert_nothing_is_empty(reading)
    assert list(reading.streams) == list(offered())


def test_a_company_is_read_whole_since_its_beginning(everything: tuple[Sandbox, Reading]) -> None:
    sandbox, reading = everything
    assert_whole(sandbox, reading)
    assert min(row["created_at"] for row in reading.rows["conversation_messages"]) < 1e9  # mail of the last century
    assert not reading.trouble


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
def test_a_company_is_read_whole_however_front_behaves(variant: Variant) -> None:
    start = ago(450)
    with Sandbox(seed=4, conversations=30, behaviour=variant.behaviour) as sandbox:
        reading = read_lightly(sandbox.config(start_date=start, **variant.over))
        assert_whole(sandbox, reading, start_date=start, include_private=variant.private)
    assert_nothing_is_empty(reading)


def test_private_resources_add_rows_to_the_same_tables() -> None:
    """What the variants compare is more than the shared rows alone."""
    behaviour = Behaviour(private_scope=True)
    with Sandbox(seed=4, conversations=30, behaviour=behaviour) as sandbox:
        for stream in ("inboxes", "rules", "rule_actions", "groups", "conversation_inboxes"):
            shared = truth.expected(sandbox.company, behaviour, stream)
            assert len(truth.expected(sandbox.company, behaviour, stream, include_private=True)) > len(shared)


OF_INBOXES = ["inboxes", "conversations", "conversation_inboxes", "conversation_messages"]


@pytest.mark.parametrize("status", [403, 404])
def test_forbidden_inboxes_are_skipped_and_named_once(status: int) -> None:
    start = ago(450)
    behaviour = Behaviour(hidden_status=status, events_over_limit="refuse")  # type: ignore[arg-type]
    with Sandbox(seed=5, conversations=30, behaviour=behaviour) as sandbox:
        shared = truth.expected(sandbox.company, behaviour, "conversation_inboxes")
        forbidden = set(islice(dict.fromkeys(row["inbox_id"] for row in shared), 2))
        sandbox.company.forbidden_inboxes |= forbidden
        reading = read_lightly(sandbox.config(start_date=start), OF_INBOXES)
        assert_whole(sandbox, reading, start_date=start)
        hidden = len(shared) - len(truth.expected(sandbox.company, behaviour, "conversation_inboxes"))
    assert hidden > 1
    (told,) = reading.trouble
    assert told.startswith("Skipped 2 inboxes the credentials cannot read: ")
    assert told.endswith(
        "Grant access in Front under Settings > Developers > API tokens; the next sync then loads their history."
    )
    assert all(f"{sandbox.company.inboxes[inbox].fields['name']} ({inbox})" in told for inbox in forbidden)
    assert not [inbox for inbox in sandbox.company.inboxes if inbox in told and inbox not in forbidden]


def merge_when_asked(sandbox: Sandbox, route: str, start: str) -> None:
    """Between a page of the search and the requests to `route` for what it lists: merge mail in pairs.

    What has no inbox, and what is trashed, is read before that page.
    """

    def merge_once_listed() -> None:
        pages = [each for each in list(sandbox.log) if "/search/" in each.path and each.query != "limit=1"]
        if all("is%3Atrashed" in each.path for each in pages):
            sandbox.changes.during(route, 1, merge_once_listed)
            return
        recent = truth.expected(sandbox.company, sandbox.behaviour, "conversations", start_date=start)
        mail = [row["id"] for row in recent if row["type"] == "conversation" and row["status"] != "deleted"]
        for old, survivor in zip(mail[::2], mail[1::2], strict=False):
            sandbox.changes.merge(old, survivor)

    sandbox.changes.during(route, 1, merge_once_listed)


@pytest.mark.parametrize(("stream", "part"), CHILDREN.items())
def test_what_is_merged_meanwhile_comes_under_its_new_id(stream: str, part: str) -> None:
    """The old id answers 301; what it leads to says whose it is."""
    start = ago(200)
    with Sandbox(seed=1, conversations=30) as sandbox:
        merge_when_asked(sandbox, f"GET /conversations/{{id}}/{part}", start)
        reading = read_lightly(sandbox.config(start_date=start), [stream])
        assert_whole(sandbox, reading, start_date=start, repeats=True)
    assert [each for each in sandbox.log if each.status == 301]


# Each on its own


def test_each_stream_alone_holds_the_same_as_among_all() -> None:
    start = ago(120)
    with Sandbox(seed=6, conversations=30, behaviour=Behaviour(page_size_cap=20)) as sandbox:
        for stream in KEYS_AND_CURSORS:
            reading = read_lightly(sandbox.config(start_date=start), [stream], SyncMode.incremental)
            assert_whole(sandbox, reading, start_date=start)
            assert_nothing_is_empty(reading)
            assert list(reading.rows) == reading.streams


# The installed program


def test_the_installed_program_tells_checks_discovers_and_reads(program: Program) -> None:
    start = ago(200)
    with Sandbox(seed=2, conversations=30) as sandbox:
        config = sandbox.config(start_date=start)
        told = program.run("spec")
        assert told.returncode == 0, told.stderr
        [spec] = messages(told, "SPEC")
        assert spec.spec
        assert spec.spec.connectionSpecification["required"] == ["credentials"]

        checked = program.run("check", config=config)
        assert _status(checked) == (Status.SUCCEEDED, None)

        discovered = program.run("discover", config=config)
        assert discovered.returncode == 0, discovered.stderr
        [listed] = messages(discovered, "CATALOG")
        assert listed.catalog
        assert [each.name for each in listed.catalog.streams] == list(offered())

        reading, done = program.read(config)
        assert done.returncode == 0, done.stderr
        assert not done.stderr
        assert_whole(sandbox, reading, start_date=start)


def test_discover_offers_the_contract() -> None:
    found = {
        name: (primary_key(name), stream.default_cursor_field[0] if stream.default_cursor_field else None)
        for name, stream in offered().items()
    }
    assert found == KEYS_AND_CURSORS
    for stream in offered().values():
        cursor = KEYS_AND_CURSORS[stream.name][1]
        assert (SyncMode.incremental in stream.supported_sync_modes) is (cursor is not None)
        columns = stream.json_schema["properties"]
        assert not [name for name in (*primary_key(stream.name), *([cursor] if cursor else [])) if name not in columns]


# Check


def _status(done: subprocess.CompletedProcess[str]) -> tuple[Status, str | None]:
    """The verdict of a check that ran: a failed one is an answer, so it exits with 0 and no trace."""
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not messages(done, "TRACE")
    [verdict] = [each.connectionStatus for each in messages(done, "CONNECTION_STATUS")]
    assert verdict
    return verdict.status, verdict.message


def test_check_says_that_a_token_is_wrong(program: Program) -> None:
    with Sandbox(conversations=10) as sandbox:
        wrong = {"auth_type": "api_token", "api_token": "not-the-token"}
        done = program.run("check", config=sandbox.config(credentials=wrong))
        asked = sandbox.requests
    status, sentence = _status(done)
    assert status is Status.FAILED
    assert sentence
    assert "401" in sentence
    assert "Set an API token" in sentence
    assert "\n" not in sentence
    assert asked.total() == 1
    assert "not-the-token" not in done.stdout + done.stderr
