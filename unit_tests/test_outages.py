"""When a resource counts as down: after long failures alone, and no longer than it is."""

from collections.abc import Iterator
from unittest.mock import patch

import pytest
from airbyte_cdk import AirbyteTracedException, FailureType

from source_front.components import outages as module
from source_front.components.outages import APART, PATIENCE, PROBE, Outages, resource_of

MESSAGES, COMMENTS = "messages of conversations", "comments of conversations"


class Clock:
    now = 1_000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Iterator[Clock]:
    turned = Clock()
    with patch.object(module, "time", turned):
        yield turned


def fail(outages: Outages, clock: Clock, seconds: float, every: float = 100.0) -> None:
    for _ in range(int(seconds / every) + 1):
        outages.noted(MESSAGES, failed=True)
        clock.now += every


def test_given_failures_alone_for_long_when_asked_then_it_fails_at_once_and_others_do_not(clock: Clock) -> None:
    outages = Outages()
    fail(outages, clock, PATIENCE)
    with pytest.raises(AirbyteTracedException, match="any request for messages of conversations for 15") as raised:
        outages.check(MESSAGES)
    assert raised.value.failure_type == FailureType.transient_error
    assert outages.told == {raised.value.message}
    outages.check(COMMENTS)


def test_given_a_resource_that_is_down_when_some_time_has_passed_then_one_request_finds_out(clock: Clock) -> None:
    outages = Outages()
    fail(outages, clock, PATIENCE)
    clock.now += PROBE
    outages.check(MESSAGES)
    outages.noted(MESSAGES, failed=True)
    with pytest.raises(AirbyteTracedException):
        outages.check(MESSAGES)
    clock.now += PROBE
    outages.noted(MESSAGES, failed=False)
    fail(outages, clock, 200)
    outages.check(MESSAGES)


def test_given_a_failure_long_ago_when_one_comes_then_the_time_between_does_not_count(clock: Clock) -> None:
    outages = Outages()
    fail(outages, clock, 100)
    clock.now += 3 * 86_400
    outages.check(MESSAGES)
    fail(outages, clock, 100)
    outages.check(MESSAGES)


def test_given_waits_as_long_as_the_longest_when_it_fails_again_then_it_counts_as_one_outage(clock: Clock) -> None:
    outages = Outages()
    fail(outages, clock, PATIENCE + APART, every=APART - 1)
    clock.now -= APART - 1
    with pytest.raises(AirbyteTracedException):
        outages.check(MESSAGES)


def test_given_a_scope_that_is_missing_when_asked_later_then_it_fails_for_good(clock: Clock) -> None:
    outages = Outages()
    outages.give_up(MESSAGES, "no scope")
    clock.now += 86_400
    with pytest.raises(AirbyteTracedException, match="no scope") as raised:
        outages.check(MESSAGES)
    assert raised.value.failure_type == FailureType.config_error


@pytest.mark.parametrize(
    ("path", "resource"),
    [
        ("/tags?limit=100", "tags"),
        ("/conversations", "conversations"),
        ("/conversations/cnv_1", "conversations"),
        ("/conversations/cnv_1/messages?page_token=/a/b/c", MESSAGES),
        ("/conversations/search/inbox%3Ainb_1%20before%3A1?limit=1", "search"),
        ("/teammates/tea_1/rules", "rules of teammates"),
    ],
)
def test_given_an_address_when_its_resource_is_named_then_ids_are_left_out(path: str, resource: str) -> None:
    assert resource_of(f"https://api2.frontapp.com{path}") == resource
