"""The manifest alone and the package bring the same records, and the package asks for each URL once."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from random import Random

import pytest
from airbyte_cdk.models import AirbyteStateMessage, SyncMode

from integration_tests.connection import EVERYTHING, built_lightly
from integration_tests.reading import Reading, Row, ago, alone, read
from integration_tests.sandbox import Behaviour, Fault, Sandbox
from integration_tests.sandbox.behaviour import FaultKind
from integration_tests.test_faults import Waits, waiting
from integration_tests.truth import STREAMS
from integration_tests.warehouse import last_states

BEHAVIOURS = {
    1: Behaviour(),
    2: Behaviour(page_size_cap=7, event_conversation="then", hidden_status=404, trashed_in_search=True),
    3: Behaviour(private_scope=True, inboxless_in_events=True, bounds="exclusive", tokens="keyset"),
}
"""By seed."""
FAULTS = [
    ("GET /conversations/{id}/messages", 503),
    ("GET /conversations/{id}/comments", 500),
    ("GET /conversations/search/{query}", 500),
    ("GET /events", 502),
    ("GET /teams/{id}", 503),
    ("GET /contacts", 504),
]


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> Waits:
    return waiting(monkeypatch)


class Way:
    """One of the two ways to sync, with its own states."""

    def __init__(self, sandbox: Sandbox, *, package: bool, **config: object) -> None:
        self._sandbox, self._package, self._config = sandbox, package, sandbox.config(**config)
        self._states: list[AirbyteStateMessage] = []
        self.faults: list[Fault] | None = None
        """What goes wrong in the next sync; None: an error or two that pass."""

    def sync(self, now: float, streams: Sequence[str] = tuple(STREAMS)) -> Reading:
        """One sync, at a time that is the same for both."""
        passing = [Fault(route=route, status=status, after=1) for route, status in FAULTS]
        self._sandbox.faults[:] = passing if self.faults is None else self.faults
        self._sandbox.reset_log()
        with nullcontext() if self._package else alone(), built_lightly(streams, now=str(now)):
            reading = read(self._config, streams, state=self._states, mode=SyncMode.incremental)
        assert not reading.errors, reading.errors
        self._states = last_states(reading.output.get_message_iterator(), self._states)
        return reading


def records(reading: Reading) -> dict[str, set[str]]:
    """Every record, each column of it, by stream."""
    return {stream: set(map(_text, rows)) for stream, rows in reading.rows.items()}


def _text(row: Row) -> str:
    return json.dumps(row, sort_keys=True)


def asked_again(sandbox: Sandbox) -> list[tuple[str, str]]:
    """The URLs that were asked more than once, those that failed not counted."""
    asked = Counter((each.path, each.query) for each in sandbox.log if each.status < 500)
    return [url for url, times in asked.items() if times > 1]


@pytest.mark.parametrize("seed", BEHAVIOURS)
def test_given_both_ways_when_synced_again_and_again_then_the_records_are_the_same(seed: int) -> None:
    """With an inbox that is forbidden and then granted, changes of all kinds, and errors that pass."""
    with Sandbox(seed=seed, conversations=16, behaviour=BEHAVIOURS[seed]) as sandbox:
        hidden = min(sandbox.company.inboxes)
        sandbox.changes.forbid(hidden)
        config = {"start_date": ago(400), "include_private_resources": BEHAVIOURS[seed].private_scope}
        package, manifest = (Way(sandbox, package=package, **config) for package in (True, False))
        for turn in range(3):
            now = time.time()
            ours = package.sync(now)
            assert not asked_again(sandbox)
            theirs = manifest.sync(now)
            assert records(ours) == records(theirs)
            assert len(records(ours)) > (25 if turn == 0 else 10)
            for _ in range(10):
                sandbox.changes.random_change(Random(seed + turn))
            if turn == 0:
                sandbox.changes.grant(hidden)


@pytest.mark.parametrize("seed", range(4))
def test_given_any_streams_in_any_order_when_synced_then_the_package_asks_for_each_url_once(seed: int) -> None:
    dice = Random(seed)
    streams = dice.sample(list(STREAMS), dice.randint(2, 12))
    with Sandbox(seed=1, conversations=12) as sandbox:
        way = Way(sandbox, package=True, start_date=ago(400), num_workers=dice.choice([2, 8, 20]))
        for _ in range(2):
            way.sync(time.time(), streams)
            assert not asked_again(sandbox), streams
            sandbox.changes.random_change(dice)


BAD: list[FaultKind] = ["no_results"]


@pytest.mark.parametrize("kind", BAD)
def test_given_a_bad_body_for_what_many_streams_need_when_synced_then_it_is_asked_again_and_all_have_the_good_one(
    kind: FaultKind,
) -> None:
    """The manifest's own caches would keep it, and fail the streams."""
    with Sandbox(seed=1, conversations=8) as sandbox:
        way = Way(sandbox, package=True, start_date=ago(400))
        routes = ["GET /events", "GET /inboxes", "GET /conversations/{id}/comments", "GET /me", "GET /teams/{id}"]
        way.faults = [Fault(route=route, kind=kind) for route in routes]
        whole = way.sync(time.time())
        assert {each.times for each in way.faults} == {0}
        assert max(Counter((each.path, each.query) for each in sandbox.log).values()) == 2
        again = Way(sandbox, package=True, start_date=ago(400))
        again.faults = []
        assert {stream: len(rows) for stream, rows in records(again.sync(time.time())).items()} == {
            stream: len(rows) for stream, rows in records(whole).items()
        }


def test_given_a_merge_that_leads_to_another_host_when_synced_then_the_package_follows_it_on_this_one() -> None:
    """The manifest alone cannot: the token stays behind, as it should, and Front answers 401."""
    with Sandbox(seed=1, conversations=12, behaviour=Behaviour(merged_location="other")) as sandbox:
        way = Way(sandbox, package=True, start_date=EVERYTHING)
        way.sync(time.time(), ["conversations", "conversation_messages"])
        old, new = [each.id for each in sandbox.company.living() if each.inboxes and each.messages][:2]
        sandbox.changes.merge(old, new)
        reading = way.sync(time.time(), ["conversations", "conversation_messages"])
        assert {row["conversation_id"] for row in reading.rows["conversation_messages"]} >= {new}
        assert old not in {row["conversation_id"] for row in reading.rows["conversation_messages"]}
        assert {row["id"] for row in reading.rows["conversations"] if not row.get("_ab_cdc_deleted_at")} >= {new}
