"""`FRONT_API_TOKEN=... python -m integration_tests.probe`: asks a real account what Front's documentation leaves open.

Prints a Markdown table to paste into an issue: what was asked, and the answer in shapes, counts and yes or no. Nothing
of the account itself is in it: no name, id, text, time or host. It only reads (GET), slowly, from one host only:
some 130 requests in six minutes. What needs a change, a burst or an export to be seen is not asked.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import requests

Row = dict[str, Any]
Params = Mapping[str, object]

API_URL = (
    r"^(https://(api2\.frontapp\.com|[a-z0-9-]+\.api\.frontapp\.com)|http://(localhost|127\.0\.0\.1)(:[0-9]+)?)/?$"
)
"""Where a token may go: the pattern of `api_url` in manifest.yaml."""
PAUSE = 2.5
"""Seconds before each request: at most 24 a minute, half of what the smallest plan has."""
ATTEMPTS, PATIENCE, OUTAGE = 5, 300.0, 10.0
"""How often one request is sent, the longest wait that is obeyed, the wait where none is asked for; seconds."""
NOT_SEEN = "not seen in this account"
SEARCH = "/conversations/search/{query}"
SOME, PAGE, EVENTS_PAGE = 3, 100, 15
"""How many of a kind are looked into, and the documented sizes of pages."""
RATE_HEADERS = re.compile(r"x-ratelimit-[a-z-]+|retry-after|x-front-tier")
MADE_UP = {"page_token": "bm90LWEtdG9rZW4"}
CALM = 1_000.0
"""Seconds after which the search is taken to know all of a conversation."""
MAYBE = ("type", "updated_at")
"""Fields that older captures of conversations lack."""
MOVING = {
    "assign", "unassign", "archive", "reopen", "trash", "restore", "tag", "untag", "link_added", "link_removed",
    "inbound", "outbound", "out_reply",
}  # fmt: skip
"""Events after which a conversation's body is another: its status, assignee, tags, links or last message."""


class RefusedError(Exception):
    """Front does not give this list or row; says which, without the ids in the path."""


class Front:
    """Front as one token sees it. `pages` are those that had a `next`: (`next`, rows, the `limit` asked for)."""

    def __init__(self, api_url: str, token: str, pause: float = PAUSE) -> None:
        self._api_url, self._pause, self._token = api_url.rstrip("/"), pause, token
        self._session = requests.Session()
        self._session.auth = self._sign  # a header of the session would give way to what ~/.netrc says
        self.host = urlsplit(api_url).netloc
        self.requests = 0
        self.headers: defaultdict[str, set[str]] = defaultdict(set)
        self.pages: list[tuple[str, int, int | None]] = []

    def _sign(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["authorization"] = f"Bearer {self._token}"
        return request

    def ask(self, path: str, params: Params | None = None, **ids: str) -> requests.Response:
        """The answer, whatever its status: `ask("/comments/{id}", id="com_1")`. No redirect is followed."""
        return self._send(path.format(**{name: quote(each, safe="") for name, each in ids.items()}), params)

    def one(self, path: str, **ids: str) -> Row:
        return _body(self.ask(path, None, **ids), path)

    def rows(self, path: str, params: Params | None = None, pages: int = 1, **ids: str) -> list[Row]:
        """The rows of a list, of its first `pages` pages."""
        response, found = self.ask(path, params, **ids), []
        for left in reversed(range(pages)):
            body = _body(response, path)
            found += body["_results"]
            if not (following := _next(body)):
                break
            limit = parse_qs(urlsplit(response.url).query).get("limit")
            self.pages.append((following, len(body["_results"]), int(limit[0]) if limit else None))
            if left:
                response = self.follow(following)
        return found

    def follow(self, following: str) -> requests.Response:
        """Of a `next` the path and query, at the host that was asked first: it names another."""
        link = urlsplit(following)
        return self._send(f"/{link.path.lstrip('/')}?{link.query}")

    def _send(self, target: str, params: Params | None = None) -> requests.Response:
        for left in reversed(range(ATTEMPTS)):
            time.sleep(self._pause)
            self.requests += 1
            options: Any = {"params": params, "allow_redirects": False, "timeout": 60}
            response = self._session.get(self._api_url + target, **options)
            for name in filter(RATE_HEADERS.fullmatch, map(str.lower, response.headers)):
                self.headers[name].add(_form(response.headers[name]))
            wait = _wait(response)
            if not left or wait is None or wait > PATIENCE:
                break
            time.sleep(wait)
        return response

    # What several questions look at

    @cached_property
    def conversations(self) -> list[Row]:
        return self.rows("/conversations", {"limit": PAGE}, pages=3)

    @cached_property
    def searched(self) -> Row:
        """The first page of a search for everything since 2001, with its `_total`."""
        return _body(self.search("after:1000000000"), SEARCH)

    @property
    def found(self) -> list[Row]:
        rows: list[Row] = self.searched["_results"]
        return rows

    @cached_property
    def calm(self) -> tuple[str, list[float]]:
        """A conversation that the search knows all of, and when its messages and comments were written, ascending."""
        for name in [row["id"] for row in self.found[: 3 * SOME]]:
            times = self.activity(name)
            known = 0 < len(times) < PAGE and times[-1] < time.time() - CALM
            if known and self.finds(f"after:{times[0] - 60:.3f} before:{times[-1] + 60:.3f}", name):
                return name, times
        return "", []

    @cached_property
    def contacts(self) -> list[Row]:
        return self.rows("/contacts", {"limit": PAGE, "sort_by": "updated_at", "sort_order": "desc"})

    @cached_property
    def events(self) -> list[Row]:
        return self.rows("/events", {"limit": EVENTS_PAGE}, pages=6)

    @property
    def embedded(self) -> list[Row]:
        return [row["conversation"] for row in self.events]

    @property
    def links(self) -> list[str]:
        return [row["_links"]["self"] for row in self.conversations]

    @property
    def files(self) -> list[str]:
        """The URLs of attachments in events."""
        data = [row["target"]["data"] for row in self.events if row.get("target")]
        return [file["url"] for each in data if isinstance(each, dict) for file in each.get("attachments") or []]

    @cached_property
    def merges(self) -> list[tuple[Any, Row]]:
        """What `conversations_merged` names as gone, in whatever shape, and the conversation that took it in."""
        rows = self.rows("/events", {"limit": EVENTS_PAGE, "q[types][]": "conversations_merged"})
        data = [(row["target"]["data"], row["conversation"]) for row in rows]
        return [(each, into) for some, into in data for each in (some if isinstance(some, list) else [some])]

    @cached_property
    def merged(self) -> list[tuple[str, str]]:
        """The ids of some of them, and of what took them in."""
        found = [(old.get("id") if isinstance(old, dict) else old, into["id"]) for old, into in self.merges]
        return [(old, into) for old, into in found if isinstance(old, str)][:SOME]

    @cached_property
    def trashed(self) -> list[str]:
        rows = self.rows("/conversations", {"limit": PAGE, "q[statuses][]": "trashed"})
        return [row["id"] for row in rows][:SOME]

    @cached_property
    def inboxless(self) -> list[str]:
        """Of discussions and tasks; where rows have no `type`, of those that nobody outside is part of."""
        talks = [row for row in self.conversations if row.get("type") != "conversation" and not row.get("recipient")]
        ids = [row["id"] for row in talks[: 2 * SOME]]
        return [each for each in ids if not self.rows("/conversations/{id}/inboxes", id=each)][:SOME]

    @cached_property
    def comments(self) -> dict[bool, dict[str, bool]]:
        """By id, whether there is an @ in the body: of those that an event says mention somebody, and of the others."""
        types = {"limit": EVENTS_PAGE, "q[types][]": ["mention", "comment"]}
        rows = [row for row in self.rows("/events", types, pages=3) if row.get("target")]
        mentioning = {row["target"]["data"]["id"] for row in rows if row["type"] == "mention"}
        found: dict[bool, dict[str, bool]] = {True: {}, False: {}}
        for each in [row["target"]["data"] for row in rows]:
            found[each["id"] in mentioning][each["id"]] = "@" in (each.get("body") or "")
        return found

    def search(self, query: str) -> requests.Response:
        return self.ask(SEARCH, {"limit": PAGE}, query=query)

    def finds(self, query: str, conversation: str) -> bool:
        return any(row["id"] == conversation for row in _body(self.search(query), SEARCH)["_results"])

    def activity(self, conversation: str) -> list[float]:
        """When its newest messages and its comments were written, ascending."""
        messages = self.rows("/conversations/{id}/messages", {"limit": PAGE}, id=conversation)
        comments = self.rows("/conversations/{id}/comments", id=conversation)
        return sorted([row["created_at"] for row in messages] + [row["posted_at"] for row in comments])


def _body(response: requests.Response, path: str) -> Row:
    if response.status_code >= 300:
        raise RefusedError(f"{response.status_code} to `GET {path}`")
    body: Row = response.json()
    return body


def _next(body: Row) -> str | None:
    following: str | None = (body.get("_pagination") or {}).get("next")  # some lists have no pages at all
    return following


def _wait(response: requests.Response) -> float | None:
    """Seconds until the request may be sent again; None if that is no use."""
    if response.status_code != 429 and response.status_code < 500:
        return None
    said = re.fullmatch(r"[0-9]+(\.[0-9]+)?", response.headers.get("retry-after", ""))
    return float(said[0]) if said else OUTAGE


# How answers are told


def _form(value: str) -> str:
    """`"1750000000.25"` -> `"Unix seconds with decimals"`: the form of a header, not what it says."""
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", value):
        return "no number"
    unit = "number" if float(value) < 1e9 else "Unix seconds" if float(value) < 1e12 else "Unix milliseconds"
    return f"{unit} with decimals" if "." in value else f"whole {unit}"


def _names(names: Iterable[str]) -> str:
    """Names of fields, parameters and types that Front gave them; what looks like anything else is left out."""
    known = re.compile(r"[a-z]+(_[a-z]+)*(\[[a-z_]*\])*")
    return ", ".join(sorted({f"`{each}`" if known.fullmatch(each) else "another" for each in names}))


def _counts(found: Iterable[object]) -> str:
    """`["yes", "yes", "no"]` -> `"yes (2), no (1)"`."""
    return ", ".join(f"{each} ({number})" for each, number in Counter(found).most_common()) or NOT_SEEN


def _share(found: Iterable[bool]) -> str:
    """`[True, False]` -> `"1 of 2"`."""
    every = list(found)
    return f"{sum(every)} of {len(every)}" if every else NOT_SEEN


def order(rows: Iterable[Row], field: str) -> str:
    values = [row[field] for row in rows if row.get(field) is not None]
    values = [int(each[4:], 36) for each in values] if field == "id" else values  # evt_z comes before evt_10
    if len(set(values)) < 2:
        return NOT_SEEN
    falling = [a >= b for a, b in pairwise(values)]
    rising = values == sorted(values)
    return "newest first" if all(falling) else "oldest first" if rising else f"neither ({_share(falling)} fall)"


def _place(front: Front, url: str) -> str:
    """Whose host it is, without its name."""
    host = urlsplit(url).netloc
    known = {"": "no host", front.host: "the host that was asked", "api2.frontapp.com": "`api2.frontapp.com`"}
    return known.get(host, "`<company>.api.frontapp.com`" if host.endswith(".api.frontapp.com") else "not Front's")


# The questions


@dataclass(frozen=True)
class Question:
    text: str
    asked: str
    answer: Callable[[Front], object]

    def line(self, front: Front) -> str:
        """Of the table. Of an error only its kind is told: its text may hold the account's data, or the token."""
        try:
            answer = self.answer(front)
        except RefusedError as refusal:
            answer = f"refused: {refusal}"
        except Exception as error:
            answer = f"could not tell ({type(error).__name__})"
        return f"| {self.text} | {self.asked} | {answer} |"


def embedded(front: Front, kind: str) -> str:
    """What an event's own copy of a message, comment or conversation lacks or has otherwise than the original."""
    found: list[Row] = [row["conversation"] for row in reversed(front.events)]
    if kind != "conversation":
        targets = [row["target"] for row in front.events if row.get("target")]
        found = [each["data"] for each in targets if each["_meta"]["type"] == kind]
        found.sort(key=lambda row: len(row.get("attachments") or []))  # the fullest, at the end, tell most
    some = list({row["id"]: row for row in found}.values())[-SOME:]
    return _counts(_compared(row, front.ask(f"/{kind}s/{{id}}", id=row["id"])) for row in some)


def _compared(part: Row, original: requests.Response) -> str:
    if original.status_code >= 300:
        return f"refused ({original.status_code})"
    whole: Row = original.json()
    missing, other = whole.keys() - part.keys(), {name for name in whole if name in part and part[name] != whole[name]}
    told = [f"without {_names(missing)}" if missing else "", f"other {_names(other)}" if other else ""]
    return " and ".join(filter(None, told)) or "whole"


def now_or_then(front: Front) -> str:
    bodies, types = defaultdict(set), defaultdict(list)
    for row in front.events:
        bodies[row["conversation"]["id"]].add(json.dumps(row["conversation"], sort_keys=True))
        types[row["conversation"]["id"]].append(row["type"])
    # Newest first: all but the last of a conversation's events happened after another.
    changed = [bodies[name] for name, some in types.items() if MOVING & set(some[:-1])]
    return _counts("as then" if len(each) > 1 else "as now" for each in changed)


def moves_updated_at(front: Front) -> str:
    """By the type of each conversation's newest event: how many have an `updated_at` that is not older."""
    moved: defaultdict[str, list[bool]] = defaultdict(list)
    for row in {row["conversation"]["id"]: row for row in reversed(front.events)}.values():
        if at := row["conversation"].get("updated_at"):
            moved[_names([row["type"]])].append(at > row["emitted_at"] - 1)
    return ", ".join(f"{kind} {_share(found)}" for kind, found in sorted(moved.items())) or NOT_SEEN


def page_sizes(front: Front, path: str) -> str:
    def size(params: Params) -> str:
        response = front.ask(path, params)
        if not response.ok:
            return f"refused ({response.status_code})"
        body = response.json()
        return f"{'' if _next(body) else 'all '}{len(body['_results'])} rows"

    return f"{size({})}, {size({'limit': 100})}, {size({'limit': 200})}"


def list_bound(front: Front, key: str) -> str:
    contacts = "updated" in key
    path, rows = ("/contacts", front.contacts) if contacts else ("/events", front.events)
    field, sort_by = ("updated_at", "updated_at") if contacts else ("emitted_at", "created_at")
    if not rows:
        return NOT_SEEN
    at, later = rows[len(rows) // 2][field], "after" in key
    params = {"limit": EVENTS_PAGE, "sort_by": sort_by, "sort_order": "asc" if later else "desc"}

    def finds(bound: float) -> bool:
        return any(row[field] == at for row in front.rows(path, {**params, key: bound}))

    return _bound(finds, at, 0.001 if later else -0.001)


def _bound(finds: Callable[[float], bool], at: float, inwards: float) -> str:
    """Of a row at the time `at`: is it found with the bound there, and with the bound a millisecond off?"""
    if finds(at):
        return "inclusive, or coarser than 1 ms" if finds(round(at + inwards, 3)) else "inclusive"
    return "exclusive" if finds(round(at - inwards, 3)) else "not found 1 ms off either"


def search_bound(front: Front, key: str) -> str:
    """`after:` is held against the newest message or comment of a conversation, `before:` against the oldest."""
    name, times = front.calm
    if not times:
        return NOT_SEEN
    ends = f"before:{times[-1] + 60:.3f}", f"after:{times[0] - 60:.3f}"
    other, at, inwards = (ends[0], times[-1], 0.001) if key == "after:" else (ends[1], times[0], -0.001)
    return _bound(lambda bound: front.finds(f"{other} {key}{bound:.3f}", name), at, inwards)


def search_total(front: Front) -> str:
    total = front.searched.get("_total")
    return "none" if total is None else f"{'above' if total > 10_000 else 'at most'} 10,000"


def conversations_after(front: Front) -> str:
    response = front.ask("/conversations", {"limit": 1, "q[after]": int(time.time()) + 86_400})
    if not response.ok:
        return f"refused ({response.status_code})"
    return ("no" if response.json()["_results"] else "yes") if front.conversations else NOT_SEEN


def order_below(front: Front, part: str, field: str) -> str:
    """Of the messages or comments of the conversation that is most talked about."""
    talks = [row["conversation"]["id"] for row in front.events if row["type"] == "comment"]
    rows = front.rows(f"/conversations/{{id}}/{part}", id=Counter(talks).most_common(1)[0][0]) if talks else []
    return order(rows, field)


def hosts(front: Front, urls: Iterable[str]) -> str:
    return _counts(_place(front, each) for each in urls)


def parameters(front: Front) -> str:
    return _names(name for each, *_ in front.pages for name in parse_qs(urlsplit(each).query)) or NOT_SEEN


def trashed_in_lists(front: Front) -> str:
    """Both lists have one order, so that what is on a page of the one belongs on as many pages of the other."""
    statuses = ["assigned", "unassigned", "archived", "trashed"]
    every = front.rows("/conversations", {"limit": PAGE, "q[statuses][]": statuses}, pages=3)
    shown = {row["id"] for row in front.conversations}
    return _share(row["id"] in shown for row in every if row["status"] == "deleted")


def in_search(front: Front, conversations: list[str], filters: str = "") -> str:
    """How many a search finds around their newest message or comment; with `filters` it has to, or it says nothing."""
    answers = []
    for each in conversations:
        if times := front.activity(each)[-1:]:
            query = f"after:{times[0] - 1:.3f} before:{times[0] + 1:.3f}"
            if not filters or front.finds(f"{filters} {query}", each):
                answers.append(front.finds(query, each))
    return _share(answers)


def in_events(front: Front, conversations: list[str]) -> str:
    """Of how many `/events` shows the newest event that their own lists show."""
    answers = []
    for each in conversations:
        for event in front.rows("/conversations/{id}/events", id=each)[:1]:
            around = {"q[after]": event["emitted_at"] - 1, "q[before]": event["emitted_at"] + 1, "limit": EVENTS_PAGE}
            answers.append(any(row["id"] == event["id"] for row in front.rows("/events", around, pages=3)))
    return _share(answers)


def merge_targets(front: Front) -> str:
    def kind(old: object) -> str:
        return "id" if isinstance(old, str) else f"object with {_names(old)}" if isinstance(old, dict) else "else"

    return _counts(kind(old) for old, _ in front.merges)


def merged_location(front: Front, below: str = "") -> str:
    answers = []
    for old, into in front.merged:
        response = front.ask(f"/conversations/{{id}}{below}", id=old)
        to = response.headers.get("location")
        path = "the survivor" if urlsplit(to or "").path == f"/conversations/{into}{below}" else "another path"
        answers.append(f"{response.status_code} to {path} at {_place(front, to)}" if to else response.status_code)
    return _counts(answers)


def merged_in_search(front: Front) -> str:
    """By the id that is gone, around some of the messages and comments of what took it in."""
    answers = []
    for old, into in front.merged:
        times = front.activity(into)
        some = {*times[:: len(times) // SOME + 1], *times[-1:]}
        answers.append(any(front.finds(f"after:{at - 1:.3f} before:{at + 1:.3f}", old) for at in some))
    return _share(answers)


def hidden_inboxes(front: Front) -> str:
    some = [row["id"] for row in front.rows("/inboxes")][: 3 * SOME]
    path, params = "/inboxes/{id}/conversations", {"limit": 1}
    return _counts(front.ask(path, params, id=each).status_code for each in some)


def private_inboxes(front: Front) -> str:
    some = [row["id"] for row in front.rows("/teammates")][:SOME]
    return _counts(front.ask("/teammates/{id}/private_inboxes", id=each).status_code for each in some)


def silent_mentions(front: Front) -> str:
    """Whether there are mentions without an @ that no event tells of either."""
    some = [name for name, at in front.comments[False].items() if not at][: 2 * SOME]
    return _share(bool(front.rows("/comments/{id}/mentions", id=each)) for each in some)


def fields(rows: list[Row], *names: str) -> str:
    return ", ".join(f"`{name}` {_share(name in row for row in rows)}" for name in names)


def notes(front: Front) -> str:
    older = []
    for contact in front.contacts[: 2 * SOME]:
        rows = front.rows("/contacts/{id}/notes", id=contact["id"])
        if written := [row["created_at"] for row in rows if row.get("created_at")]:
            older.append(contact["updated_at"] < max(written) - 1)
    return _share(older)


def rules(front: Front) -> str:
    every, company = ({row["id"] for row in front.rows(path)} for path in ("/rules", "/company/rules"))
    told = f"{len(every & company)} in both, {len(every - company)} and {len(company - every)} in one only"
    return told if every | company else NOT_SEEN


def oldest(front: Front, path: str, sort_by: str, field: str) -> str:
    rows = front.rows(path, {"limit": 1, "sort_by": sort_by, "sort_order": "asc"})
    return f"{(time.time() - rows[0][field]) / 2_629_800:.0f} months" if rows else NOT_SEEN


def short_pages(front: Front) -> str:
    sizes = [(rows, limit) for _, rows, limit in front.pages if limit]
    return f"short {_share(rows < limit for rows, limit in sizes)}, empty {_share(not rows for rows, _ in sizes)}"


def old_token(front: Front) -> str:
    return str(front.follow(front.pages[0][0]).status_code) if front.pages else NOT_SEEN


def _forms(front: Front, prefix: str) -> str:
    found = sorted((name, forms) for name, forms in front.headers.items() if name.startswith(prefix))
    return "; ".join(f"`{name}` {', '.join(sorted(forms))}" for name, forms in found) or NOT_SEEN


OWN_EVENTS, AROUND = "`/conversations/{id}/events` and `/events`", "search around their newest activity"
QUESTIONS = [
    Question("Do events embed whole messages?", "`/messages/{id}`", lambda f: embedded(f, "message")),
    Question("Do they embed whole comments?", "`/comments/{id}`", lambda f: embedded(f, "comment")),
    Question("Do they embed whole conversations?", "`/conversations/{id}`", lambda f: embedded(f, "conversation")),
    Question("As they are now, or as they were then?", "`/events` that share one", now_or_then),
    Question("Which events move `updated_at`?", "conversations' newest in `/events`", moves_updated_at),
    Question("Page size of `/events`?", "no `limit`, 100, 200", lambda f: page_sizes(f, "/events")),
    Question("Page size of `/conversations`?", "no `limit`, 100, 200", lambda f: page_sizes(f, "/conversations")),
    Question("Page size of `/contacts`?", "no `limit`, 100, 200", lambda f: page_sizes(f, "/contacts")),
    Question("Page size of `/tags`?", "no `limit`, 100, 200", lambda f: page_sizes(f, "/tags")),
    Question("Bound of `q[after]`?", "`/events`", lambda f: list_bound(f, "q[after]")),
    Question("Bound of `q[before]`?", "`/events`", lambda f: list_bound(f, "q[before]")),
    Question("Bound of `q[updated_after]`?", "`/contacts`", lambda f: list_bound(f, "q[updated_after]")),
    Question("Bound of `q[updated_before]`?", "`/contacts`", lambda f: list_bound(f, "q[updated_before]")),
    Question("Bound of `after:`?", "search from a conversation's newest activity", lambda f: search_bound(f, "after:")),
    Question("Bound of `before:`?", "search to a conversation's oldest activity", lambda f: search_bound(f, "before:")),
    Question("Has search a `_total`, above 10,000?", "search for everything since 2001", search_total),
    Question("Does `q[after]` filter conversations?", "`/conversations` after tomorrow", conversations_after),
    Question("Order of `/events`?", "`emitted_at`", lambda f: order(f.events, "emitted_at")),
    Question("Order of the ids of events?", "as numbers to the base of 36", lambda f: order(f.events, "id")),
    Question("Order of `/conversations`?", "`updated_at`", lambda f: order(f.conversations, "updated_at")),
    Question("Order of search?", "`updated_at`", lambda f: order(f.found, "updated_at")),
    Question("Order of `/contacts`?", "`sort_by=updated_at`, descending", lambda f: order(f.contacts, "updated_at")),
    Question("Order of messages?", "`created_at`", lambda f: order_below(f, "messages", "created_at")),
    Question("Order of comments?", "`posted_at`", lambda f: order_below(f, "comments", "posted_at")),
    Question("Host in `_links`?", "`/conversations`", lambda f: hosts(f, f.links)),
    Question("Host of attachments?", "`/events`", lambda f: hosts(f, f.files)),
    Question("Trashed conversations in lists?", "no `q[statuses]`, and all of them", trashed_in_lists),
    Question("Trashed ones in search without `is:trashed`?", AROUND, lambda f: in_search(f, f.trashed, "is:trashed")),
    Question("Trashed ones in events?", OWN_EVENTS, lambda f: in_events(f, f.trashed)),
    Question("Those without an inbox in lists?", "their `/inboxes`", lambda f: _counts("yes" for _ in f.inboxless)),
    Question("Those without an inbox in search?", AROUND, lambda f: in_search(f, f.inboxless)),
    Question("Those without an inbox in events?", OWN_EVENTS, lambda f: in_events(f, f.inboxless)),
    Question("What does `conversations_merged` name?", "`/events` of this type", merge_targets),
    Question("What does a merged-away id answer?", "`/conversations/{id}`", merged_location),
    Question("And its messages?", "`/conversations/{id}/messages`", lambda f: merged_location(f, "/messages")),
    Question("Does search find merged-away ids?", "around some of the survivor's activity", merged_in_search),
    Question("Conversations of hidden inboxes: 403 or 404?", "`/inboxes/{id}/conversations`", hidden_inboxes),
    Question("Private inboxes: 403 or 404?", "`/teammates/{id}/private_inboxes`", private_inboxes),
    Question("An id that nobody has: 403 or 404?", "`cnv_0`", lambda f: f.ask("/conversations/cnv_0").status_code),
    Question("Have comments of `mention` events an @?", "their bodies", lambda f: _share(f.comments[True].values())),
    Question("Do others without an @ mention somebody?", "`/comments/{id}/mentions`", silent_mentions),
    Question("Fields of conversations?", "how many have them", lambda f: fields(f.conversations, *MAYBE)),
    Question("Fields of those found by search?", "how many have them", lambda f: fields(f.found, *MAYBE)),
    Question("Fields of those in events?", "how many have them", lambda f: fields(f.embedded, *MAYBE)),
    Question("Fields of events?", "how many have them", lambda f: fields(f.events, "emitted_at", "source", "target")),
    Question("Fields of contacts?", "how many have them", lambda f: fields(f.contacts, "updated_at", "created_at")),
    Question("Are contacts older than their newest note?", "`/contacts/{id}/notes`", notes),
    Question("Do `/rules` hold those of the company?", "`/rules` and `/company/rules`", rules),
    Question("Age of the oldest event?", "`/events`", lambda f: oldest(f, "/events", "created_at", "emitted_at")),
    Question("Age of the oldest activity?", "by `date`", lambda f: oldest(f, "/conversations", "date", "created_at")),
    Question("A made-up page token?", "`/conversations`", lambda f: f.ask("/conversations", MADE_UP).status_code),
    # These are about all answers before them.
    Question("A page token as old as this table?", "the first `next` once more", old_token),
    Question("Are pages short or empty before the last?", "pages with a `next`", short_pages),
    Question("Host in `next`?", "all of them", lambda f: hosts(f, (each for each, *_ in f.pages))),
    Question("What does `next` carry?", "names of parameters", parameters),
    Question("Form of `retry-after`, which comes with 429?", "all answers", lambda f: _forms(f, "retry-after")),
    Question("Form of `x-front-tier`?", "all answers", lambda f: _forms(f, "x-front-tier")),
    Question("Form of `x-ratelimit-*`?", "all answers", lambda f: _forms(f, "x-ratelimit-")),
]


def main() -> None:
    parser = argparse.ArgumentParser(description="Asks a Front account what Front's documentation leaves open.")
    parser.add_argument("--api-url", default="https://api2.frontapp.com", help="one of Front's hosts, or this machine")
    options = parser.parse_args()
    token = os.environ.get("FRONT_API_TOKEN", "").strip()
    if not re.fullmatch(r"[!-~]+", token):
        parser.error("set the environment variable FRONT_API_TOKEN to an API token of Front")
    if not re.fullmatch(API_URL, options.api_url):
        parser.error("--api-url is not one of Front's hosts: the token must not go there")
    front = Front(options.api_url, token, PAUSE)
    try:
        front.one("/me")
    except RefusedError as refusal:
        sys.exit(f"Front refuses the token: {refusal}")
    except requests.RequestException as error:
        sys.exit(f"Front cannot be reached ({type(error).__name__})")
    print("| Question | Asked | Answer |\n|---|---|---|", flush=True)
    for each in QUESTIONS:
        print(each.line(front), flush=True)
    print(f"\n{front.requests} requests.", file=sys.stderr)


if __name__ == "__main__":
    main()
