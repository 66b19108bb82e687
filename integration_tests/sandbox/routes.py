"""The endpoints, as a table: path, the scope it needs, and what it answers with."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from integration_tests.sandbox.company import Comment, Contact, Conversation, Event, Message, Row, Thing
from integration_tests.sandbox.search import DEPTH, BadSearchError, search
from integration_tests.sandbox.view import View

STATUSES = {"assigned": "assigned", "unassigned": "unassigned", "archived": "archived", "trashed": "deleted"}


class ApiError(Exception):
    """An answer in Front's `_error` envelope, or a redirect when `location` is given."""

    def __init__(self, status: int, message: str, location: str | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.location = status, message, location


class Query:
    """The query string: `text("sort_by")`, `number("q[after]")`, `several("q[types]")` (with or without `[]`)."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self._pairs = pairs

    def several(self, name: str) -> list[str]:
        return [value for key, value in self._pairs if key in {name, f"{name}[]"} and value]

    def text(self, name: str) -> str | None:
        return next(iter(self.several(name)), None)

    def number(self, name: str) -> float | None:
        value = self.text(name)
        try:
            return None if value is None else float(value)
        except ValueError:
            raise ApiError(400, f"Expected {name} to be a number") from None

    def order(self, allowed: Sequence[str]) -> tuple[str, bool]:
        """The sort key and whether it descends."""
        key, order = self.text("sort_by") or allowed[0], self.text("sort_order") or "desc"
        if key not in allowed:
            raise ApiError(400, f"Expected sort_by to be one of: {', '.join(allowed)}")
        if order not in {"asc", "desc"}:
            raise ApiError(400, "Expected sort_order to be one of: asc, desc")
        return key, order == "desc"


@dataclass(frozen=True)
class Listing:
    """A list: `rows` in order, each with an ascending, unique `key`, and how to make a body of one."""

    rows: Sequence[Any]
    body: Callable[[Any], Row]
    key: Callable[[Any], tuple[float, ...]] | None = None
    """None: the list has no pages."""
    most: int = 100
    total: int | None = None
    status: int = 200


Answer = Row | Listing
Endpoint = Callable[["Request"], Answer]


@dataclass(frozen=True)
class Request:
    view: View
    query: Query
    key: str
    """The id in the path, or the text of a search."""
    remember: Callable[[object, Callable[[], Any]], Any]
    """`remember(key, make)`: what `make` gave, until the company changes."""


# What a path's id names, or the error that Front answers with


def _find(known: dict[str, Any], key: str, what: str) -> Any:  # noqa: ANN401
    if key not in known:
        raise ApiError(404, f"Unknown {what} ID {key}")
    return known[key]


def _conversation(r: Request) -> Conversation:
    found: Conversation = _find(r.view.company.conversations, r.key, "conversation")
    if found.merged_into:
        raise ApiError(301, "Moved Permanently", location=found.merged_into.id)
    return _seen(r.view, found)


def _seen(view: View, conversation: Conversation) -> Conversation:
    if not view.sees(conversation):
        raise ApiError(view.behaviour.hidden_status, "No access to this conversation")
    return conversation


def _comment(r: Request) -> Comment:
    found: Comment = _find(r.view.company.comments, r.key, "comment")
    _seen(r.view, found.conversation)
    return found


def _message(r: Request) -> Message:
    found: Message = _find(r.view.company.messages, r.key, "message")
    _seen(r.view, found.conversation)
    return found


def _contact(r: Request) -> Contact:
    found: Contact = _find(r.view.company.contacts, r.key, "contact")
    if not r.view.shows(found):
        raise ApiError(r.view.behaviour.hidden_status, "No access to this contact")
    return found


def _thing(kind: str) -> Callable[[Request], Thing]:
    def find(r: Request) -> Thing:
        found: Thing = _find(getattr(r.view.company, kind), r.key, kind[:-1])
        if not r.view.shows(found):
            raise ApiError(r.view.behaviour.hidden_status, f"No access to this {kind[:-1]}")
        return found

    return find


def _readable_inbox(r: Request) -> str:
    inbox = _thing("inboxes")(r).id
    if not r.view.reads(inbox):
        raise ApiError(r.view.behaviour.hidden_status, "No access to the conversations of this inbox")
    return inbox


# Lists


def _whole(rows: Sequence[Row], status: int = 200) -> Listing:
    return Listing(rows, lambda row: row, status=status)


def _things(kind: str) -> Endpoint:
    return lambda r: _whole([r.view.thing(each) for each in r.view.things(kind)])


def _shared(kind: str) -> Endpoint:
    return lambda r: _whole([r.view.thing(each) for each in r.view.shared(kind)])


def _own(kind: str, owner: str) -> Endpoint:
    """What a team or teammate owns; a teammate's own needs the Private scope."""

    def answer(r: Request) -> Listing:
        holder = _thing(owner)(r)
        if owner == "teammates" and not r.view.behaviour.private_scope:
            raise ApiError(403, "The token does not have access to private resources")
        return _whole([r.view.thing(each) for each in r.view.own(kind, holder.id)])

    return answer


def _detail(kind: str) -> Endpoint:
    return lambda r: r.view.thing(_thing(kind)(r))


def _tags(r: Request) -> Listing:
    numbers = {name: n for n, name in enumerate(r.view.company.tags)}
    _, descending = r.query.order(["id"])
    sign = -1 if descending and r.query.text("sort_order") else 1
    rows = r.view.things("tags")[::sign]
    return Listing(rows, r.view.thing, lambda tag: (sign * numbers[tag.id],))


def _inside(at: float, low: float | None, high: float | None, *, inclusive: bool) -> bool:
    if inclusive:
        return (low is None or at >= low) and (high is None or at <= high)
    return (low is None or at > low) and (high is None or at < high)


def _contacts(r: Request) -> Listing:
    by, descending = r.query.order(["created_at", "updated_at"])
    sign = -1 if descending else 1
    low, high = r.query.number("q[updated_after]"), r.query.number("q[updated_before]")
    inclusive = r.view.behaviour.bounds == "inclusive"

    def key(contact: Contact) -> tuple[float, ...]:
        return sign * getattr(contact, by), sign * contact.n

    def make() -> list[Contact]:
        shown = (each for each in r.view.company.contacts.values() if r.view.shows(each))
        return sorted((each for each in shown if _inside(each.updated_at, low, high, inclusive=inclusive)), key=key)

    return Listing(r.remember((by, sign, low, high), make), r.view.contact, key)


def _conversations(inbox: str | None = None) -> Endpoint:
    """The company's list, or an inbox's (which has no sort parameters): newest activity first."""

    def answer(r: Request) -> Listing:
        place = None if inbox is None else _readable_inbox(r)
        _, descending = r.query.order(["date"]) if place is None else ("date", True)
        sign = -1 if descending else 1
        wanted = {STATUSES.get(each, each) for each in r.query.several("q[statuses]")}

        def key(conversation: Conversation) -> tuple[float, ...]:
            return sign * conversation.date, sign * conversation.n

        def listed(conversation: Conversation) -> bool:
            if place is not None and place not in conversation.inboxes:
                return False
            if wanted:
                return r.view.status(conversation) in wanted
            return conversation.state != "deleted" or r.view.behaviour.trashed_in_lists

        def make() -> list[Conversation]:
            return sorted((each for each in r.view.living() if listed(each)), key=key)

        remembered = r.remember((place, sign, frozenset(wanted)), make)
        return Listing(remembered, r.view.conversation, key)

    return answer


def _search(r: Request) -> Listing:
    try:
        found = r.remember(("search", r.key), lambda: search(r.view, r.key))
    except BadSearchError as error:
        raise ApiError(400, str(error)) from error
    total = min(len(found), DEPTH)
    return Listing(found[:DEPTH], r.view.conversation, lambda each: (-each.date, -each.n), total=total)


def _events(r: Request) -> Listing:
    _, descending = r.query.order(["created_at"])
    view, query = r.view, r.query
    low, high = query.number("q[after]"), query.number("q[before]")
    types, inboxes = set(query.several("q[types]")), set(query.several("q[inboxes]"))
    if view.behaviour.event_lag_s:
        high = min(view.company.now() - view.behaviour.event_lag_s, high if high is not None else float("inf"))
    if view.behaviour.events_over_limit == "refuse" and (query.number("limit") or 0) > 15:
        raise ApiError(400, "Expected limit to be at most 15")

    def shown(event: Event) -> bool:
        of = event.conversation
        if (types and event.type not in types) or (inboxes and not inboxes & set(of.inboxes)):
            return False
        return (bool(of.inboxes) or view.behaviour.inboxless_in_events) and view.reaches(of)

    def make() -> list[Event]:
        found = [each for each in _between(view, low, high) if shown(each)]
        return found[::-1] if descending else found

    sign = -1 if descending else 1
    key = (low, high, descending, frozenset(types), frozenset(inboxes))
    return Listing(r.remember(key, make), view.event, lambda each: (sign * each.n,), most=15)


def _between(view: View, low: float | None, high: float | None) -> list[Event]:
    events, inclusive = view.company.events, view.behaviour.bounds == "inclusive"
    left, right = (bisect_left, bisect_right) if inclusive else (bisect_right, bisect_left)
    start = 0 if low is None else left(events, low, key=lambda each: each.emitted_at)
    end = len(events) if high is None else right(events, high, key=lambda each: each.emitted_at)
    return events[start:end]


def _messages(r: Request) -> Listing:
    conversation = _conversation(r)
    _, descending = r.query.order(["created_at"])
    rows, sign = (conversation.messages[::-1], -1) if descending else (conversation.messages, 1)
    return Listing(rows, r.view.message, lambda each: (sign * each.created_at, sign * each.n))


def _conversation_events(r: Request) -> Listing:
    rows = r.view.company.events_of[_conversation(r).id][::-1]
    return Listing(rows, r.view.event, lambda each: (-each.n,))


def _seen_inboxes(r: Request) -> Listing:
    return _whole(r.view.inboxes(each for each in _conversation(r).inboxes if r.view.reads(each)))


def _children(r: Request) -> Listing:
    parent = _thing("tags")(r)
    return _whole([r.view.thing(each) for each in r.view.things("tags") if each.refs["parent_tag"] == parent.id])


def _inbox_channels(r: Request) -> Listing:
    inbox = _thing("inboxes")(r)
    return _whole([r.view.thing(each) for each in r.view.things("channels") if each.refs["inbox"] == inbox.id])


ROUTES: dict[str, tuple[str | None, Endpoint]] = {
    "/me": (None, lambda r: {"_links": {"self": r.view.url("me")}, "id": r.view.company.id, "name": "Acme"}),
    "/inboxes": ("inboxes:read", _shared("inboxes")),
    "/inboxes/{id}": ("inboxes:read", _detail("inboxes")),
    "/inboxes/{id}/channels": ("channels:read", _inbox_channels),
    "/inboxes/{id}/conversations": ("conversations:read", _conversations("of an inbox")),
    "/channels": ("channels:read", _things("channels")),
    "/channels/{id}": ("channels:read", _detail("channels")),
    "/teams": ("teams:read", _things("teams")),
    "/teams/{id}": ("teams:read", lambda r: r.view.team(_thing("teams")(r))),
    "/teams/{id}/inboxes": ("inboxes:read", _own("inboxes", "teams")),
    "/teams/{id}/rules": ("rules:read", _own("rules", "teams")),
    "/teams/{id}/contact_lists": ("contacts:read", _own("contact_lists", "teams")),
    "/teammates": ("teammates:read", _things("teammates")),
    "/teammates/{id}": ("teammates:read", _detail("teammates")),
    "/teammates/{id}/private_inboxes": ("inboxes:read", _own("inboxes", "teammates")),
    "/teammates/{id}/rules": ("rules:read", _own("rules", "teammates")),
    "/teammates/{id}/contact_lists": ("contacts:read", _own("contact_lists", "teammates")),
    "/tags": ("tags:read", _tags),
    "/tags/{id}": ("tags:read", _detail("tags")),
    "/tags/{id}/children": ("tags:read", _children),
    "/rules": ("rules:read", _shared("rules")),
    "/rules/{id}": ("rules:read", _detail("rules")),
    "/company/rules": ("rules:read", lambda r: _whole([r.view.thing(each) for each in r.view.own("rules", None)])),
    "/shifts": ("shifts:read", _things("shifts")),
    "/shifts/{id}": ("shifts:read", _detail("shifts")),
    "/shifts/{id}/teammates": ("teammates:read", lambda r: _whole(r.view.teammates(_thing("shifts")(r).members))),
    "/contact_lists": ("contacts:read", _shared("contact_lists")),
    "/contacts": ("contacts:read", _contacts),
    "/contacts/{id}": ("contacts:read", lambda r: r.view.contact(_contact(r))),
    "/contacts/{id}/notes": ("contacts:read", lambda r: _whole(r.view.notes(_contact(r)), status=202)),
    "/conversations": ("conversations:read", _conversations()),
    "/conversations/search/{query}": ("conversations:read", _search),
    "/conversations/{id}": ("conversations:read", lambda r: r.view.conversation(_conversation(r))),
    "/conversations/{id}/messages": ("messages:read", _messages),
    "/conversations/{id}/comments": (
        "comments:read",
        lambda r: _whole([r.view.comment(each) for each in reversed(_conversation(r).comments)]),
    ),
    "/conversations/{id}/followers": (
        "teammates:read",
        lambda r: _whole(r.view.teammates(_conversation(r).followers)),
    ),
    "/conversations/{id}/inboxes": ("inboxes:read", _seen_inboxes),
    "/conversations/{id}/events": ("events:*:read", _conversation_events),
    "/comments/{id}": ("comments:read", lambda r: r.view.comment(_comment(r))),
    "/comments/{id}/mentions": ("teammates:read", lambda r: _whole(r.view.teammates(_comment(r).mentions))),
    "/messages/{id}": ("messages:read", lambda r: r.view.message(_message(r))),
    "/events": ("events:*:read", _events),
    "/links": ("links:read", _things("links")),
}


def route_of(path: str) -> tuple[str | None, str]:
    """`/conversations/cnv_1/messages` -> (`/conversations/{id}/messages`, `cnv_1`); (None, "") if unknown."""
    if path in ROUTES:
        return path, ""
    parts = path.split("/")
    if path.startswith("/conversations/search/") and len(parts) == 4:
        return "/conversations/search/{query}", unquote(parts[3])
    template = "/".join(["", parts[1], "{id}", *parts[3:]]) if len(parts) > 2 else ""
    return (template, unquote(parts[2])) if template in ROUTES else (None, "")
