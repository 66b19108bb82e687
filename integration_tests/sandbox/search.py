"""Front's search grammar (https://dev.frontapp.com/docs/search-1): filters, ranges of time and free text, all ANDed.

`after:`, `before:` and `during:` find a conversation by any message or comment within the range that they form.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable

from integration_tests.sandbox.company import Conversation
from integration_tests.sandbox.view import View

DEPTH = 10_000
MAX_FILTERS = 15
DAY = 86_400

Test = Callable[[View, Conversation, str], bool]
TOKEN = re.compile(r'(?:(?P<name>[a-z_]+):)?(?:"(?P<quoted>[^"]*)"|(?P<plain>\S+))')


class BadSearchError(ValueError):
    """The query is not in the grammar; its text is Front's message."""


def _handles(*roles: str) -> Test:
    def test(view: View, conversation: Conversation, value: str) -> bool:
        found = (each for message in conversation.messages for each in view.recipients(message))
        return any(each.get("handle") == value and (not roles or each.get("role") in roles) for each in found)

    return test


def _is(view: View, conversation: Conversation, value: str) -> bool:
    snoozed = bool(conversation.reminders)
    states = {
        "open": conversation.state == "open",
        "archived": conversation.state == "archived" and not snoozed,
        "snoozed": conversation.state == "archived" and snoozed,
        "trashed": conversation.state == "deleted",
        "assigned": conversation.assignee is not None,
        "unassigned": conversation.assignee is None,
        "unreplied": bool(conversation.messages) and conversation.messages[-1].inbound,
        "waiting": conversation.state == "open" and bool(conversation.messages) and conversation.messages[-1].inbound,
    }
    if view.behaviour.ticketing:
        states["resolved"] = conversation.state != "open"
    if value not in states:
        raise BadSearchError("Unsupported search modifier provided")
    return states[value]


FILTERS: dict[str, Test] = {
    "is": _is,
    "inbox": lambda view, conversation, value: (
        value in conversation.inboxes and value in view.company.inboxes and view.reads(value)
    ),
    "tag": lambda _, conversation, value: value in conversation.tags,
    "link": lambda _, conversation, value: value in conversation.links,
    "assignee": lambda _, conversation, value: conversation.assignee == value,
    "author": lambda _, conversation, value: any(each.author == value for each in conversation.messages),
    "commenter": lambda _, conversation, value: any(each.author == value for each in conversation.comments),
    "mention": lambda _, conversation, value: any(value in each.mentions for each in conversation.comments),
    "participant": lambda view, conversation, value: (
        FILTERS["author"](view, conversation, value) or FILTERS["commenter"](view, conversation, value)
    ),
    "contact": lambda _, conversation, value: any(
        each.contact is not None and each.contact.id == value for each in conversation.messages
    ),
    "from": _handles("from"),
    "to": _handles("to"),
    "cc": _handles("cc"),
    "bcc": _handles("bcc"),
    "recipient": _handles(),
    "custom_field": lambda _, conversation, value: any(
        f"{name}={content}" == value for name, content in conversation.custom_fields.items()
    ),
}
ANY_OF = {"from", "to", "cc", "bcc"}
"""Repeats of these are alternatives."""


def search(view: View, query: str) -> list[Conversation]:
    """All that match, newest activity first.

    Raises `BadSearchError` for an unknown filter, a bad value, or too many filters.
    """
    filters, words, (low, high) = _parse(view, query)
    candidates = _active(view, low, high)
    trashed = view.behaviour.trashed_in_search or ("is", "trashed") in filters
    _check_values(view, filters)
    return sorted(
        (
            each
            for each in candidates
            if (trashed or each.state != "deleted")
            and (each.inboxes or view.behaviour.inboxless_in_search)
            and view.sees(each)
            and _passes(view, each, filters)
            and all(_holds(view, each, word) for word in words)
        ),
        key=lambda each: (-each.date, -each.n),
    )


def _parse(view: View, query: str) -> tuple[list[tuple[str, str]], list[str], tuple[float, float]]:
    filters, words, low, high = [], [], -math.inf, math.inf
    found = list(TOKEN.finditer(query))
    if sum(1 for each in found if each["name"]) > MAX_FILTERS:
        raise BadSearchError(f"Search is limited to {MAX_FILTERS} filters")
    for each in found:
        name, value = each["name"], each["quoted"] if each["quoted"] is not None else each["plain"]
        if name in {"after", "before", "during"}:
            start, end = _range(name, value, inclusive=view.behaviour.search_bounds == "inclusive")
            low, high = max(low, start), min(high, end)
        elif name is None:
            words.append(value.lower())
        elif name in FILTERS:
            filters.append((name, value))
        else:
            raise BadSearchError("Unsupported search modifier provided")
    return filters, words, (low, high)


def _range(name: str, value: str, *, inclusive: bool) -> tuple[float, float]:
    """Closed bounds; an exclusive one is a millisecond further in."""
    try:
        at = float(value)
    except ValueError:
        raise BadSearchError(f"Expected a timestamp after {name}:") from None
    if name == "during":
        day = at // DAY * DAY
        return day, day + DAY - 0.001
    nudge = 0.0 if inclusive else 0.001
    return (round(at + nudge, 3), math.inf) if name == "after" else (-math.inf, round(at - nudge, 3))


def _check_values(view: View, filters: list[tuple[str, str]]) -> None:
    """A bad `is:` is refused even where nothing is left to test it on."""
    some = next(iter(view.company.conversations.values()), None)
    if some:
        for name, value in filters:
            if name == "is":
                _is(view, some, value)


def _active(view: View, low: float, high: float) -> Iterable[Conversation]:
    """Conversations with a message or comment in the range; without a range all of them."""
    company, lag = view.company, view.behaviour.search_lag_s
    if lag:
        high = min(high, company.now() - lag)
    if (low, high) == (-math.inf, math.inf):
        return company.living()
    activity = company.activity
    start = bisect_left(activity, low, key=lambda entry: entry[0])
    end = bisect_right(activity, high, key=lambda entry: entry[0])
    found = {entry[2].conversation: None for entry in activity[start:end]}
    if view.behaviour.merged_in_search:
        found |= {entry[2].came_from: None for entry in activity[start:end] if entry[2].came_from}
    return found


def _passes(view: View, conversation: Conversation, filters: list[tuple[str, str]]) -> bool:
    results: dict[tuple[str, str], list[bool]] = {}
    for name, value in filters:
        group = (name, "" if name in ANY_OF else value)
        results.setdefault(group, []).append(FILTERS[name](view, conversation, value))
    return all(any(each) for each in results.values())


def _holds(view: View, conversation: Conversation, word: str) -> bool:
    texts = (view.message(each)["text"] for each in conversation.messages)
    return word in conversation.subject.lower() or any(word in text.lower() for text in texts)
