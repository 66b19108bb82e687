"""Front's rate limits (https://dev.frontapp.com/docs/rate-limiting): the company's, search's share of it, one id's."""

from __future__ import annotations

import math
import time
from collections import defaultdict, deque

from integration_tests.sandbox.behaviour import Behaviour

RECOVERY_WINDOWS = 10
"""A burst that was used up is back after ten minutes."""


class Limits:
    """Counts in fixed windows of `rate_window_s` that begin with the first request."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._began = time.monotonic()
        self._window = 0
        self._used = self._searched = 0
        self._burst = self._burst_limit = (behaviour.rpm or 0) // 2 if behaviour.burst else 0
        self._burst_back_at = math.inf
        self._recent: defaultdict[str, deque[float]] = defaultdict(deque)

    def admit(self, now: float, *, resource: str, search: bool) -> tuple[dict[str, str], str | None]:
        """The rate headers at `now` (Front's clock), and the message of the 429 if the request may not pass."""
        at = time.monotonic()
        if tier := self._too_fast(resource, at):
            wait, message = tier
            return {**self._headers(now, at), "retry-after": f"{wait:.3f}", "x-front-tier": "2"}, message
        rpm = self._behaviour.rpm
        if rpm is None:
            return {}, None
        left = self._roll(at)
        if search and self._searched >= rpm * self._behaviour.search_share:
            return self._refuse(now, at, left, "proportional search")
        if self._used < rpm:
            self._used += 1
        elif self._burst > 0:
            self._burst -= 1
            if self._burst == 0:
                self._burst_back_at = at + RECOVERY_WINDOWS * self._behaviour.rate_window_s
        else:
            return self._refuse(now, at, left, "company")
        self._searched += search
        return self._headers(now, at), None

    def _roll(self, at: float) -> float:
        """Opens a new window when it is time; the seconds left in this one."""
        length = self._behaviour.rate_window_s
        window = int((at - self._began) // length)
        if window != self._window:
            self._window, self._used, self._searched = window, 0, 0
        if at >= self._burst_back_at:
            self._burst, self._burst_back_at = self._burst_limit, math.inf
        return self._began + (window + 1) * length - at

    def _refuse(self, now: float, at: float, left: float, what: str) -> tuple[dict[str, str], str]:
        message = f"Rate limit exceeded for {what} limit. Please retry in {math.ceil(left * 1_000)} milliseconds."
        wait = math.ceil(left) if self._behaviour.rate_window_s >= 1 else round(left, 3)
        return {**self._headers(now, at), "retry-after": str(wait)}, message

    def _headers(self, now: float, at: float) -> dict[str, str]:
        rpm = self._behaviour.rpm
        if rpm is None:
            return {}
        headers = {
            "x-ratelimit-limit": str(rpm),
            "x-ratelimit-remaining": str(rpm - self._used),
            "x-ratelimit-reset": f"{now + self._roll(at):.3f}",
        }
        if self._behaviour.burst:
            headers |= {
                "x-ratelimit-burst-limit": str(self._burst_limit),
                "x-ratelimit-burst-remaining": str(self._burst),
            }
        return headers

    def _too_fast(self, resource: str, at: float) -> tuple[float, str] | None:
        most = self._behaviour.per_resource_rps
        if most is None or not resource:
            return None
        recent = self._recent[resource]
        while recent and recent[0] <= at - 1.0:
            recent.popleft()
        if len(recent) < most:
            recent.append(at)
            return None
        wait = recent[0] + 1.0 - at
        return wait, f"Rate limit exceeded for tier-2 route. Please retry in {math.ceil(wait * 1_000)} milliseconds."
