"""The rate limit is met without running into it: by a Front that counts in windows, on a clock that tests turn."""

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from email.utils import formatdate
from unittest.mock import patch

import pytest
from requests import Response

from source_front.components import pace as module
from source_front.components.pace import Pace

MINUTE = 60.0
NOTHING: Mapping[str, str] = {}


class Clock:
    """Stands in for the module `time`; waiting turns it."""

    def __init__(self) -> None:
        self.now = 1_750_000_000.25

    def monotonic(self) -> float:
        return self.now - 1_700_000_000

    def time(self) -> float:
        return self.now


class Company:
    """Front's counter of requests, and another client that sends `others` a minute, evenly."""

    def __init__(self, clock: Clock, limit: int, others: int = 0, ahead: float = 0.0, dated: bool = True) -> None:
        self.clock, self.limit, self.ahead, self.dated = clock, limit, ahead, dated
        self._gap, self._next_other = (MINUTE / others if others else 0.0), clock.now
        self.admitted: Counter[int] = Counter()
        self.ours: Counter[int] = Counter()
        self.refused = self.others_refused = self.searches_refused = 0
        self._searches: Counter[int] = Counter()

    def answers(self, *, search: bool = False) -> Response:
        self._let_others()
        window = int(self.clock.now // MINUTE)
        status = 200
        if self.admitted[window] >= self.limit:
            status, self.refused = 429, self.refused + 1
        elif search and self._searches[window] >= self.limit * 0.4:
            status, self.searches_refused = 429, self.searches_refused + 1
        else:
            self.admitted[window] += 1
            self.ours[window] += 1
            self._searches[window] += search
        left = (window + 1) * MINUTE - self.clock.now
        headers = {
            "x-ratelimit-limit": str(self.limit),
            "x-ratelimit-remaining": str(self.limit - self.admitted[window]),
            "x-ratelimit-reset": f"{self.clock.now + self.ahead + left:.3f}",
        }
        if self.dated:
            headers["date"] = formatdate(self.clock.now + self.ahead, usegmt=True)
        if status == 429:
            headers["retry-after"] = str(int(left) + 1)
        return answer(status, headers)

    def _let_others(self) -> None:
        while self._gap and self._next_other <= self.clock.now:
            window = int(self._next_other // MINUTE)
            if self.admitted[window] < self.limit:
                self.admitted[window] += 1
            else:
                self.others_refused += 1
            self._next_other += self._gap


def answer(status: int = 200, headers: Mapping[str, str] = NOTHING) -> Response:
    made = Response()
    made.status_code = status
    made.headers.update(headers)
    return made


@pytest.fixture
def clock() -> Iterator[Clock]:
    turned = Clock()

    def wait(_: threading.Condition, seconds: float) -> bool:
        assert 0 < seconds <= MINUTE + 1, "no wait is for ever"
        turned.now += seconds + 1e-6
        return True

    with patch.object(module, "time", turned), patch.object(threading.Condition, "wait", wait):
        yield turned


def run(pace: Pace, company: Company, minutes: int, *, search: bool = False) -> list[int]:
    """As many requests as it lets through, one after the other; those of each whole minute but the first."""
    first = int(company.clock.now // MINUTE)
    until = (first + minutes + 1) * MINUTE
    while company.clock.now < until:
        pace.wait(search=search)
        company.clock.now += 0.05
        pace.done(company.answers(search=search), search=search)
    return [company.ours[window] for window in range(first + 1, first + minutes)]


@pytest.mark.parametrize("limit", [50, 100, 200])
def test_given_a_limit_when_requests_are_queued_then_95_percent_of_it_is_used_and_none_is_refused(
    clock: Clock, limit: int
) -> None:
    company = Company(clock, limit)
    for used in run(Pace(), company, 8):
        assert limit * 0.95 <= used <= limit
    assert company.refused == 0


def test_given_another_client_when_it_needs_half_of_the_limit_then_both_get_their_part(clock: Clock) -> None:
    company = Company(clock, 100, others=50)
    used = run(Pace(), company, 10)
    assert all(40 <= each <= 50 for each in used[1:]), used
    assert company.refused == 0
    assert company.others_refused <= 15, "only until we know of them"


def test_given_another_client_that_takes_all_when_requests_are_queued_then_some_still_pass(clock: Clock) -> None:
    company = Company(clock, 100, others=400)
    assert sum(run(Pace(), company, 10)) > 0
    assert company.refused < 30


def test_given_a_most_of_its_own_when_requests_are_queued_then_it_is_obeyed(clock: Clock) -> None:
    company = Company(clock, 100)
    assert all(28 <= each <= 30 for each in run(Pace(30), company, 5))


def test_given_no_headers_when_requests_are_queued_then_only_its_own_most_counts(clock: Clock) -> None:
    for pace, least in ((Pace(), 0.0), (Pace(60), 9.0)):
        began = clock.now
        for _ in range(10):
            pace.wait()
            pace.done(answer())
        assert least <= clock.now - began < least + 0.1


@pytest.mark.parametrize("ahead", [-7_200.0, -40.0, 40.0, 7_200.0])
def test_given_a_clock_that_is_wrong_when_requests_are_queued_then_fronts_date_is_taken(
    clock: Clock, ahead: float
) -> None:
    company = Company(clock, 100, ahead=ahead)
    assert all(90 <= each <= 100 for each in run(Pace(), company, 5))
    assert company.refused <= 2


def test_given_a_wrong_clock_and_no_date_when_requests_are_queued_then_it_goes_on(clock: Clock) -> None:
    company = Company(clock, 100, ahead=7_200.0, dated=False)
    assert all(each > 50 for each in run(Pace(), company, 5))


def test_given_searches_when_they_are_queued_then_they_take_their_share_and_none_is_refused(clock: Clock) -> None:
    company = Company(clock, 100)
    used = run(Pace(), company, 5, search=True)
    assert all(34 <= each <= 40 for each in used), used
    assert company.searches_refused == 0


def test_given_a_most_of_its_own_when_searches_are_queued_then_their_share_is_of_fronts_limit(clock: Clock) -> None:
    company = Company(clock, 200)
    assert all(48 <= each <= 50 for each in run(Pace(50), company, 5, search=True))
    assert company.searches_refused == 0


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"retry-after": "3"},
        {"retry-after": "-3"},
        {"retry-after": "nan"},
        {"retry-after": "1e12"},
        {"retry-after": "soon"},
        {"x-ratelimit-limit": "0", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "0"},
        {"x-ratelimit-limit": "100", "x-ratelimit-remaining": "-1", "x-ratelimit-reset": "nan"},
        {"x-ratelimit-limit": "100", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1e300"},
        {"x-ratelimit-limit": "inf", "x-ratelimit-remaining": "x", "x-ratelimit-reset": ""},
    ],
)
@pytest.mark.parametrize("search", [False, True])
def test_given_absurd_headers_when_refused_then_the_next_waits_a_minute_at_most(
    clock: Clock, headers: dict[str, str], search: bool
) -> None:
    pace, began = Pace(), clock.now
    pace.wait(search=search)
    pace.done(answer(429, headers), search=search)
    pace.wait(search=search)
    assert clock.now - began <= MINUTE + 1


def test_given_a_refusal_while_something_remains_when_others_ask_then_they_need_not_wait(clock: Clock) -> None:
    """The guards of single routes: that one request waits, as its answer says."""
    pace, began = Pace(), clock.now
    reset = f"{clock.now + 30}"
    headers = {"x-ratelimit-limit": "100", "x-ratelimit-remaining": "90", "x-ratelimit-reset": reset}
    pace.wait()
    pace.done(answer(429, headers | {"retry-after": "20"}))
    pace.wait()
    assert clock.now - began < 1


def test_given_no_answer_when_done_then_the_next_may_go(clock: Clock) -> None:
    pace, began = Pace(), clock.now
    for _ in range(100):
        pace.wait()
        pace.done(None)
    assert clock.now - began < 0.1


def test_given_many_threads_when_one_learns_that_there_is_room_then_those_that_wait_go() -> None:
    """On the real clock: none sleeps to the end of what was once a long wait."""
    pace = Pace()
    pace.wait()
    pace.wait()
    reset = {"x-ratelimit-limit": "100", "x-ratelimit-reset": f"{time.time() + 50}"}
    pace.done(answer(200, reset | {"x-ratelimit-remaining": "0"}))
    waiting = [threading.Thread(target=pace.wait, daemon=True) for _ in range(8)]
    for each in waiting:
        each.start()
    pace.done(answer(200, reset | {"x-ratelimit-limit": "1000000", "x-ratelimit-remaining": "999999"}))
    for each in waiting:
        each.join(10)
        assert not each.is_alive()
