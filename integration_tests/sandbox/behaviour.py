"""How the sandbox behaves: everything Front does not document, either way, and the faults a test scripts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

COMPANY_HOST = "https://acme.api.frontapp.com"
"""The host Front names in `_links` and, by default, in `next`. It resolves nowhere here: nobody may follow it."""

Host = Literal["own", "other", "company"]
"""The sandbox's own host, its second listener (another host to any client), or `COMPANY_HOST`."""

FaultKind = Literal[
    "status",  # `status`, `headers` and `body` instead of the answer
    "html",  # an HTML page instead of the answer, with `status`
    "empty_body",  # no body at all, with `status`
    "no_results",  # valid JSON that is not a list
    "truncate",  # the first half of the JSON, as if it were whole
    "reset",  # half the promised bytes, then a TCP reset
    "bad_gzip",  # `content-encoding: gzip` on bytes that are not
    "repeat_next",  # `next` leads back to this very page
    "expired_token",  # 400 to a request with a page token; others pass
    "slow",  # the answer, `seconds` late
]


@dataclass(frozen=True)
class Behaviour:
    """One way Front may behave. Times in seconds; the defaults are what its documentation makes likely."""

    # Pages (https://dev.frontapp.com/docs/pagination)
    page_size_cap: int | None = None
    """Short pages: at most this many rows, whatever `limit` says."""
    empty_pages: bool = False
    """An empty page with a `next` between every two pages."""
    next_host: Host = "company"
    next_repeats: bool = False
    """`next` always leads back to the page that carries it."""
    tokens: Literal["offset", "keyset"] = "offset"
    """A page token is a position in the live list, or the row to go on after."""
    token_lifetime_s: float | None = None
    events_over_limit: Literal["clamp", "refuse"] = "clamp"
    """`/events` asked for more than its 15 rows a page."""

    # Time
    bounds: Literal["inclusive", "exclusive"] = "inclusive"
    """`q[after]`, `q[before]`, `q[updated_after]`, `q[updated_before]`."""
    search_bounds: Literal["inclusive", "exclusive"] = "inclusive"
    search_lag_s: float = 0.0
    """Messages and comments younger than this are not in the search index yet."""
    event_lag_s: float = 0.0
    """Events show up this long after their `emitted_at`."""
    clock_skew_s: float = 0.0
    """Front's clock minus ours."""

    # What is shown where
    trashed_in_lists: bool = True
    trashed_in_search: bool = False
    """Without `is:trashed`; with it they are always found."""
    inboxless_in_events: bool = False
    inboxless_in_search: bool = False
    merged_in_search: bool = False
    """Search still finds a merged-away conversation, as a row under its old id."""
    merged_location: Host = "own"
    merged_targets: Literal["ids", "objects"] = "ids"
    """`target.data` of `conversations_merged`: ids, or objects with an `id`."""
    event_conversation: Literal["now", "then"] = "now"
    """An event's conversation: as it is now, or as it was when a mutation emitted the event."""
    conversation_types: bool = True
    updated_at_on_conversations: bool = True
    unknown_fields: bool = False
    """Every resource carries fields that no documentation knows."""
    ticketing: bool = False
    links_host: Host = "company"
    """The host in `_links` and attachment URLs."""

    # What the token may do
    scopes: frozenset[str] | None = None
    """The scopes it has, as in `contacts:read`; None: all."""
    private_scope: bool = False
    """It reaches what belongs to single teammates."""
    hidden_status: Literal[403, 404] = 403
    """The answer about conversations of an inbox it may not read."""

    # OAuth (https://dev.frontapp.com/docs/oauth)
    access_token_lifetime_s: float = 3600.0
    expires_at_is_text: bool = False
    """Unix seconds as a text."""
    refresh_token: Literal["same", "left out", "rotated"] = "same"
    """In the answer to a refresh; rotated, the one before is dead."""
    refresh_revokes_access: bool = False
    """A refresh ends the access token before it."""
    dead_refresh_status: Literal[400, 401, 403] = 400

    # Limits (https://dev.frontapp.com/docs/rate-limiting)
    rpm: int | None = None
    """Requests a minute; None: no limit and no rate headers."""
    rate_window_s: float = 60.0
    """How long that minute lasts, so that a test need not wait for it."""
    burst: bool = False
    """Half the limit on top; once used up it is back after ten windows."""
    search_share: float = 0.4
    per_resource_rps: int | None = None
    """Requests a second for each id in a path."""
    latency_s: float = 0.0


@dataclass
class Fault:
    """A scripted fault: it strikes `times` requests to `route` with `match` in path?query, once `after` have passed.

    With a `status` and no `kind` it is an error answer: `Fault(route="GET /events", status=500, times=2)`.
    `times` and `after` count down as requests come.
    """

    route: str | None = None
    match: str = ""
    kind: FaultKind = "status"
    times: int = 1
    after: int = 0
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    seconds: float = 0.0

    def strikes(self, route: str, target: str) -> bool:
        """Whether this request is hit; counts it."""
        if self.times <= 0 or self.route not in {None, route} or self.match not in target:
            return False
        if self.kind == "expired_token" and "page_token=" not in target:
            return False
        if self.after > 0:
            self.after -= 1
            return False
        self.times -= 1
        return True
