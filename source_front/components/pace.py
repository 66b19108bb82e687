"""Meets Front's rate limit without running into it, and leaves room for others. YAML can only wait as a 429 says.

https://dev.frontapp.com/docs/rate-limiting
"""

import math
import threading
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from requests import Response

MINUTE = 60.0
SEARCH_SHARE = 0.38
"""Front lets 40 % of the requests be searches."""
MARGIN = 0.01
"""Of the limit, never spent: for what clocks and ways differ by."""
LEAST_SHARE = 0.1
"""Of what remains: ours, however much others use."""


@dataclass
class Window:
    """The minute in which Front counts requests, named by its end. One without an end has not been seen."""

    reset: float = 0.0
    """Unix seconds, Front's clock."""
    ours: int = 0
    used: float = 0.0


class Pace:
    """`wait` before each request, `done` after it: what remains of a window is spent evenly until its end.

    x-ratelimit-remaining 50, x-ratelimit-reset in 30 s  =>  a request every 0.6 s; every 1.2 s or so if others needed
    half of the window before.

    Args:
        most: requests a minute, fewer than Front allows; None: as many as it allows.
    """

    def __init__(self, most: float | None = None) -> None:
        self._least = MINUTE / most if most else 0.0  # seconds between two requests
        self._every, self._search_every = self._least, 0.0
        self._length = 0.0  # of a window, seconds: the most that was ever left of one
        self._last = self._last_search = -math.inf  # monotonic seconds
        self._held_until = self._search_held_until = -math.inf
        self._sent = 0  # requests without an answer yet
        self._window, self._before = Window(), Window()
        self._changed = threading.Condition()

    def wait(self, *, search: bool = False) -> None:
        """Returns when the next request may be sent."""
        with self._changed:
            while (now := time.monotonic()) < (at := self._free_at(search)):
                self._changed.wait(at - now)
            self._last = now
            if search:
                self._last_search = now
            self._sent += 1

    def done(self, answer: Response | None, *, search: bool = False) -> None:
        """Learns from the answer, or that none came."""
        with self._changed:
            self._sent -= 1
            if answer is not None:
                if answer.status_code == 429:
                    self._hold(min(_number(answer, "retry-after") or 1.0, MINUTE), answer, search=search)
                self._learn(answer)
            self._changed.notify_all()

    def _free_at(self, search: bool) -> float:
        at = max(self._last + self._every, self._held_until)
        return max(at, self._last_search + self._search_every, self._search_held_until) if search else at

    def _hold(self, seconds: float, refusal: Response, *, search: bool) -> None:
        """A refusal while something remains concerns searches, or one route alone: that request waits for itself."""
        until = time.monotonic() + seconds
        if search:
            self._search_held_until = until
        if not _number(refusal, "x-ratelimit-remaining"):
            self._held_until = until

    def _learn(self, answer: Response) -> None:
        limit, remaining, reset = (_number(answer, f"x-ratelimit-{name}") for name in ("limit", "remaining", "reset"))
        if not limit or remaining is None or reset is None:
            return
        window = self._window_of(reset)
        window.ours += answer.status_code != 429
        window.used = max(window.used, limit - remaining)
        if window is self._before:  # a late answer
            return
        left = _left(answer, reset)
        others = max(0.0, self._before.used - self._before.ours) * left / MINUTE
        spare = max(remaining - MARGIN * limit - others, LEAST_SHARE * remaining) - self._sent
        if spare < 1:
            self._held_until = time.monotonic() + left
        else:
            self._held_until, self._every = -math.inf, max(self._least, left / spare)
        self._length = max(self._length, left)
        self._search_every = self._length / limit / SEARCH_SHARE  # of Front's limit, whatever we may use of it

    def _window_of(self, reset: float) -> Window:
        """A new one, if its end is far from the last one's: an end that moves a little is the same one, told anew."""
        if self._window.reset - reset > MINUTE / 2:
            return self._before
        if reset - self._window.reset > MINUTE / 2:
            self._before, self._window = self._window, Window()
        self._window.reset = reset
        return self._window


def _number(answer: Response, header: str) -> float | None:
    try:
        number = float(answer.headers[header])
    except (KeyError, ValueError):
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _left(answer: Response, reset: float) -> float:
    """Seconds until then, by Front's clock if this one is wrong; never more than a minute."""
    now = time.time()
    try:
        front = parsedate_to_datetime(answer.headers["date"]).timestamp()
    except (KeyError, ValueError, TypeError):
        front = now
    return min(max(reset - (front if abs(front - now) > 2 else now), 0.0), MINUTE)
