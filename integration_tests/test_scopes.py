"""What a token may not read: each stream that lacks the scope of its list fails and names it.

What is skipped is a single parent that the token may not see: where the scope of the children is missing, that is each
of them. And 401 is no matter of scopes: it ends what meets it.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timezone

import pytest
from airbyte_cdk.models import AirbyteStreamStatus

from integration_tests.connection import built_lightly
from integration_tests.reading import Reading, Row, assert_whole, read
from integration_tests.sandbox import Behaviour, Fault, Sandbox
from integration_tests.sandbox.routes import ROUTES
from integration_tests.truth import STREAMS
from source_front.source import SourceFront

EVER = 10**6
SCOPES = frozenset(scope for scope, _ in ROUTES.values() if scope)
FINDING = {"events:*:read", "inboxes:read", "conversations:read"}
"""What it takes to know which conversations there are."""
NEEDS = {
    "inboxes": {"inboxes:read"},
    "channels": {"channels:read"},
    "inbox_channels": {"channels:read"},
    "tags": {"tags:read"},
    "rules": {"rules:read"},
    "rule_actions": {"rules:read"},
    "shifts": {"shifts:read"},
    "teammate_shifts": {"shifts:read", "teammates:read"},
    "teammates": {"teammates:read"},
    "teams": {"teams:read"},
    "team_inboxes": {"teams:read"},
    "team_teammates": {"teams:read"},
    "groups": {"contacts:read"},
    "contacts": {"contacts:read"},
    "contact_handles": {"contacts:read"},
    "contact_groups": {"contacts:read"},
    "contact_links": {"contacts:read"},
    "contact_notes": {"contacts:read"},
    "conversations": FINDING,
    "conversation_tags": FINDING,
    "conversation_links": FINDING,
    "conversation_inboxes": FINDING,
    "conversation_followers": FINDING | {"teammates:read"},
    "conversation_messages": FINDING | {"messages:read"},
    "conversation_message_recipients": FINDING | {"messages:read"},
    "conversation_message_attachments": FINDING | {"messages:read"},
    "comments": FINDING | {"comments:read"},
    "comment_mentions": FINDING | {"comments:read", "teammates:read"},
    "attachments": FINDING | {"messages:read", "comments:read"},
}
OF_CHILDREN = {"messages:read", "comments:read", "teammates:read"}
"""A 403 on what lies in one conversation may be that conversation's: it is skipped, and the log says so."""
ALIKE = {"conversation_tags", "conversation_message_recipients", "conversation_message_attachments"}
"""They find what to read as others do."""
OF_TEAMMATES = ["inboxes", "rules", "rule_actions", "groups"]
"""What teammates may have for themselves."""
CHILDREN = {
    "/contacts/{id}/notes": "contact_notes",
    "/conversations/{id}": "conversation_tags",
    "/conversations/{id}/comments": "comments",
    "/conversations/{id}/followers": "conversation_followers",
    "/conversations/{id}/inboxes": "conversation_inboxes",
    "/conversations/{id}/messages": "conversation_messages",
    "/shifts/{id}/teammates": "teammate_shifts",
    "/teams/{id}": "teams",
}
"""Where one 403 is skipped."""
STARTED = time.time() - 330 * 86_400
START = f"{datetime.fromtimestamp(STARTED, timezone.utc):%Y-%m-%dT%H:%M:%SZ}"
"""Not long before the company's mail: each window of history costs a request."""


def _by_needs() -> dict[frozenset[str], list[str]]:
    streams: defaultdict[frozenset[str], list[str]] = defaultdict(list)
    for stream, needs in NEEDS.items():
        streams[frozenset(needs)].append(stream)
    return streams


@pytest.fixture(scope="module")
def company() -> Iterator[Sandbox]:
    with Sandbox(seed=1, conversations=20, behaviour=Behaviour(private_scope=True)) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(company: Sandbox) -> Iterator[Sandbox]:
    """With a token that may read everything."""
    company.faults.clear()
    company.reset_log()
    _grant(company, SCOPES)
    yield company
    company.faults.clear()
    assert not company.errors


def _grant(sandbox: Sandbox, scopes: frozenset[str]) -> None:
    sandbox.behaviour = replace(sandbox.behaviour, scopes=scopes)


def _read(sandbox: Sandbox, streams: list[str], **config: object) -> Reading:
    with built_lightly(streams):
        return read(sandbox.config(**({"start_date": START} | config)), streams)


def _told(reading: Reading) -> dict[str, str]:
    """The first error of each stream that failed."""
    told: dict[str, str] = {}
    for message in reading.output.errors:
        error = message.trace.error if message.trace else None
        if error and error.stream_descriptor:
            assert error.failure_type
            assert error.failure_type.value == "config_error"
            told.setdefault(error.stream_descriptor.name, error.message)
    return told


# Scopes


def test_given_the_needs_of_streams_when_compared_then_each_stream_has_some() -> None:
    assert {*NEEDS} == {*STREAMS}


@pytest.mark.parametrize(("scopes", "streams"), _by_needs().items(), ids=lambda value: ",".join(sorted(value))[:60])
def test_given_a_token_with_just_the_scopes_of_a_stream_when_read_then_it_is_whole(
    sandbox: Sandbox, scopes: frozenset[str], streams: list[str]
) -> None:
    _grant(sandbox, scopes)
    reading = _read(sandbox, streams)
    assert_whole(sandbox, reading, start_date=START)
    assert all(reading.rows[stream] for stream in streams)


@pytest.mark.parametrize("scope", sorted(set().union(*NEEDS.values()) - OF_CHILDREN))
def test_given_a_token_without_a_scope_when_read_then_what_it_silences_fails_and_names_it(
    sandbox: Sandbox, scope: str
) -> None:
    silenced = [stream for stream, needs in NEEDS.items() if scope in needs and stream not in ALIKE]
    bystander = next(stream for stream in NEEDS if stream not in silenced)
    _grant(sandbox, SCOPES - {scope})
    reading = _read(sandbox, [*silenced, bystander])
    told = _told(reading)
    assert {*told} == {*silenced}, "and not the bystander"
    for sentence in told.values():
        assert sentence.startswith("The credentials may not read ")
        assert f"Give the API token the scope {scope} in Front under Settings > Developers > API tokens" in sentence
    assert {*reading.rows} == {bystander}
    statuses = {stream: reading.output.get_stream_statuses(stream)[-1] for stream in reading.streams}
    assert {stream for stream in statuses if statuses[stream] is AirbyteStreamStatus.COMPLETE} == {bystander}
    summary = [message.trace.error.message for message in reading.output.errors if message.trace][-1:]
    assert all(f"{stream}: " in summary[0] for stream in silenced)


BARRED = [
    ("messages:read", "conversation_messages"),
    ("comments:read", "comments"),
    ("comments:read", "attachments"),
    ("teammates:read", "conversation_followers"),
]


@pytest.mark.parametrize(("scope", "stream"), BARRED)
def test_given_a_token_without_the_scope_of_children_when_read_then_it_fails_and_names_it(
    sandbox: Sandbox, scope: str, stream: str
) -> None:
    """Where no parent's children may be read, though the parents may."""
    _grant(sandbox, SCOPES - {scope})
    reading = _read(sandbox, [stream, "tags"])
    told = _told(reading)
    assert {*told} == {stream}
    assert f"Give the API token the scope {scope} in Front under Settings > Developers > API tokens" in told[stream]
    refused = [each.path for each in sandbox.log if each.status == 403]
    assert len(refused) <= 5 + 4, "it does not go on, but for what the workers have begun"
    errors = [each.trace.error for each in reading.output.errors if each.trace and each.trace.error]
    assert len([each for each in errors if each.stream_descriptor]) == 1, "and says so once"


@pytest.mark.usefixtures("manifest_alone")
@pytest.mark.parametrize(("scope", "stream"), BARRED[:2])
def test_given_the_manifest_alone_and_a_token_without_the_scope_of_children_when_read_then_the_log_names_each_parent(
    sandbox: Sandbox, scope: str, stream: str
) -> None:
    """It cannot tell such a token from one that may not see these parents."""
    _grant(sandbox, SCOPES - {scope})
    reading = _read(sandbox, [stream])
    assert not reading.errors
    assert not reading.rows
    logs = [message.log.message for message in reading.output.logs if message.log]
    refused = {each.path for each in sandbox.log if each.status == 403}
    assert refused
    assert all(any(f"Skipped {sandbox.url}{path}" in line for line in logs) for path in refused)


def test_given_forbidden_children_of_a_forbidden_parent_when_read_then_it_is_no_matter_of_scopes(
    sandbox: Sandbox,
) -> None:
    """All that the token found is forbidden meanwhile: that may be so."""
    routes = ["GET /conversations/{id}/comments", "GET /conversations/{id}"]
    sandbox.faults += [Fault(route=route, status=403, times=EVER) for route in routes]
    reading = _read(sandbox, ["comments"])
    assert not reading.errors
    assert not reading.rows


@pytest.mark.parametrize("times", [1, 4])
def test_given_children_of_the_first_parents_forbidden_when_read_then_these_alone_are_skipped(
    sandbox: Sandbox, times: int
) -> None:
    sandbox.faults.append(Fault(route="GET /conversations/{id}/comments", status=403, times=times))
    reading = _read(sandbox, ["comments", "attachments"])
    assert not reading.errors
    assert reading.rows["comments"]


def test_given_private_resources_and_a_token_without_teammates_when_read_then_it_names_the_scope_of_teammates(
    sandbox: Sandbox,
) -> None:
    _grant(sandbox, SCOPES - {"teammates:read"})
    told = _told(_read(sandbox, OF_TEAMMATES, include_private_resources=True))
    assert {*told} == {*OF_TEAMMATES}
    assert all("Give the API token the scope teammates:read in Front" in sentence for sentence in told.values())


# Single parents


def test_given_403_on_single_parents_when_read_then_they_are_skipped_and_the_log_names_them(sandbox: Sandbox) -> None:
    streams = ["conversation_messages", "teams"]
    whole = _read(sandbox, streams)
    readable = [each for each in sandbox.view.living() if each.inboxes and each.messages]
    _, hidden, *_ = sorted(readable, key=lambda each: -each.date)  # one that is not the first of all
    team = next(iter(sandbox.company.teams))
    parents = [f"/conversations/{hidden.id}/messages", f"/teams/{team}"]
    sandbox.faults += [Fault(match=parent, status=403, times=EVER) for parent in parents]
    reading = _read(sandbox, streams)
    assert not reading.errors
    messages, teams = (_missing(stream, reading, whole) for stream in streams)
    assert {row["conversation_id"] for row in messages} == {hidden.id}
    assert {row["id"] for row in teams} == {team}
    said = "\n".join(message.log.message for message in reading.output.logs if message.log)
    assert all(f"Skipped {sandbox.url}{parent}" in said for parent in parents)


def _missing(stream: str, reading: Reading, whole: Reading) -> list[Row]:
    ids = {row["id"] for row in reading.rows[stream]}
    return [row for row in whole.rows[stream] if row["id"] not in ids]


# 401


def test_given_a_token_that_front_does_not_know_when_read_then_every_stream_fails_at_once(sandbox: Sandbox) -> None:
    credentials = {"auth_type": "api_token", "api_token": "another"}
    told = _told(_read(sandbox, [*STREAMS], credentials=credentials))
    assert {*told} == {*STREAMS}
    assert all("does not accept the credentials (401: JSON Web Token error)" in each for each in told.values())
    assert len(sandbox.log) <= len(STREAMS), "no second try, and no second question"


@pytest.mark.parametrize(
    ("routes", "streams", "private"),
    [
        (CHILDREN, [*CHILDREN.values()], False),
        (["/comments/{id}/mentions"], ["comment_mentions"], False),
        (["/teammates/{id}/private_inboxes", "/teammates/{id}/rules"], ["inboxes", "rules"], True),
    ],
    ids=["children", "mentions", "teammates' own"],
)
def test_given_401_where_403_is_skipped_when_read_then_the_stream_fails(
    sandbox: Sandbox, routes: Iterable[str], streams: list[str], private: bool
) -> None:
    sandbox.faults += [Fault(route=f"GET {route}", status=401, times=EVER) for route in routes]
    told = _told(_read(sandbox, streams, include_private_resources=private))
    assert {*told} == {*streams}
    assert all("does not accept the credentials (401: Scripted 401)" in each for each in told.values())
    assert {f"GET {route}" for route in routes} <= {*sandbox.requests}


# Check


def _check(sandbox: Sandbox, **config: object) -> tuple[str, str]:
    form = sandbox.config(**config)
    status = SourceFront(config=form).check(logging.getLogger("airbyte"), form)
    return status.status.value, status.message or ""


def test_given_a_valid_token_when_checked_then_it_passes_and_what_it_may_not_read_is_told(sandbox: Sandbox) -> None:
    assert _check(sandbox) == ("SUCCEEDED", "")
    assert len(sandbox.log) == 12, "one for each scope"
    _grant(sandbox, SCOPES - {"tags:read", "comments:read"})
    status, sentence = _check(sandbox)
    assert status == "SUCCEEDED"
    assert "tags:read (for tags); comments:read (for comments, comment_mentions, attachments)" in sentence


def test_given_a_token_without_the_scope_of_inboxes_when_checked_then_it_fails_and_names_it(sandbox: Sandbox) -> None:
    _grant(sandbox, SCOPES - {"inboxes:read"})
    status, sentence = _check(sandbox)
    assert status == "FAILED"
    assert "Give the API token the scope inboxes:read in Front" in sentence
    assert len(sandbox.log) == 1


def test_given_few_requests_a_minute_when_checked_then_scopes_are_not_asked_for(sandbox: Sandbox) -> None:
    _grant(sandbox, frozenset({"inboxes:read"}))
    assert _check(sandbox, requests_per_minute=29) == ("SUCCEEDED", "")
    assert len(sandbox.log) == 1
