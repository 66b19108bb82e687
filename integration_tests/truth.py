"""What each of the 29 streams must hold after a full read: from the sandbox's data, not through HTTP or the connector.

Rows have the connector's shape: the fields Front sends (with `_links`, numbers as they are), as columns also the ids
that Front hides in `_links` and nested objects, and no column whose value is null. `changed_at` and its like are left
out: they depend on the sync.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from integration_tests.sandbox.behaviour import Behaviour
from integration_tests.sandbox.company import Comment, Company, Contact, Conversation, Message, Row, Thing
from integration_tests.sandbox.view import View

UNKNOWN = "unknown"
"""Stands in a key for a text that Front left out."""
UNKNOWN_TIME = 0
"""Stands in a key for a time that Front left out."""


def expected(
    company: Company,
    behaviour: Behaviour,
    stream: str,
    *,
    include_private: bool = False,
    start_date: str | None = None,
) -> list[Row]:
    """The rows of `stream`, in no particular order.

    `start_date` is a date-time such as `2024-01-01T00:00:00Z`; None and 1970 mean everything.
    Raises `KeyError` for a stream that is not one of `STREAMS`.
    """
    with company.lock:
        since = datetime.fromisoformat(start_date.replace("Z", "+00:00")).timestamp() if start_date else 0.0
        truth = Truth(View(company, behaviour), since, private=include_private and behaviour.private_scope)
        rows = STREAMS[stream](truth)
        return [{name: value for name, value in row.items() if value is not None} for row in rows]


class Truth:
    """The rows that one configuration must bring; `private` means asked for and within the token's reach."""

    def __init__(self, view: View, since: float, *, private: bool) -> None:
        self.view, self.company, self._since, self._private = view, view.company, since, private

    # Which

    def conversations(self) -> list[Conversation]:
        return [each for each in self.view.living() if self._is_recent(each)]

    def _is_recent(self, conversation: Conversation) -> bool:
        """A message or comment since then; where nobody writes mail, any change since then."""
        if conversation.type != "conversation" or not conversation.messages:
            return conversation.updated_at >= self._since
        return conversation.date >= self._since

    def contacts(self) -> list[Contact]:
        known = self.company.contacts.values()
        return [each for each in known if self.view.shows(each) and each.updated_at >= self._since]

    def messages(self) -> Iterator[Message]:
        return (message for each in self.conversations() for message in each.messages)

    def comments(self) -> Iterator[Comment]:
        return (comment for each in self.conversations() for comment in each.comments)

    def things(self, kind: str) -> list[Thing]:
        """What is shared, and teammates' own if asked for."""
        known: dict[str, Thing] = getattr(self.company, kind)
        return [each for each in known.values() if self._private or not each.private]

    # How

    def plain(self, kind: str) -> list[Row]:
        return [self.view.thing(each) for each in self.view.things(kind)]

    def owned(self, things: Iterable[Thing]) -> list[Row]:
        return [self.view.thing(each) | _owner(each.owner) for each in things]

    def channels(self) -> list[Row]:
        found = self.view.things("channels")
        inboxes = [{"inbox_id": each.refs["inbox"]} for each in found]
        return [row | inbox for row, inbox in zip(self.owned(found), inboxes, strict=True)]

    def tags(self) -> list[Row]:
        found = self.view.things("tags")
        parents = [{"parent_tag_id": each.refs["parent_tag"]} for each in found]
        return [row | parent for row, parent in zip(self.owned(found), parents, strict=True)]

    def shifts(self) -> list[Row]:
        found = self.view.things("shifts")
        return [self.view.thing(each) | {"owner_team_id": _owner(each.owner)["owner_team_id"]} for each in found]

    def conversation(self, of: Conversation) -> Row:
        row = self.view.conversation(of)
        recipient = row["recipient"] or {}
        contact = ((recipient.get("_links") or {}).get("related") or {}).get("contact")
        return row | {
            "assignee_id": of.assignee,
            "last_message_id": of.messages[-1].id if of.messages else None,
            "recipient_handle": recipient.get("handle"),
            "recipient_contact_id": contact.rsplit("/", 1)[-1] if contact else None,
        }

    def inboxes_of(self, of: Conversation) -> list[str]:
        """Those that the token may read and `inboxes` has a row for."""
        listed = {each.id for each in self.things("inboxes")}
        return [each for each in of.inboxes if each in listed and self.view.reads(each)]

    def pairs(self, name: str, of_one: Callable[[Conversation], Iterable[str]]) -> list[Row]:
        return [{"conversation_id": of.id, name: each} for of in self.conversations() for each in of_one(of)]

    def message(self, of: Message) -> Row:
        return self.view.message(of) | {"conversation_id": of.conversation.id, "author_id": of.author}

    def comment(self, of: Comment) -> Row:
        keys = {"conversation_id": of.conversation.id, "author_id": of.author, "replied_to_id": of.replied_to}
        return self.view.comment(of) | keys

    def mentions(self) -> Iterator[Row]:
        for of in self.comments():
            for teammate in self.view.teammates(of.mentions):
                keys = {"comment_id": of.id, "teammate_id": teammate["id"], "conversation_id": of.conversation.id}
                yield teammate | keys | {"comment_posted_at": of.posted_at}

    def attachments(self) -> Iterator[Row]:
        for message in self.messages():
            yield from self._attachments(message, "message", message.created_at)
        for comment in self.comments():
            yield from self._attachments(comment, "comment", comment.posted_at)

    def _attachments(self, of: Message | Comment, kind: str, at: float) -> Iterator[Row]:
        keys = {"parent_id": of.id, "parent_type": kind, "conversation_id": of.conversation.id, "parent_created_at": at}
        return (row | keys for row in self.view.attachments(of))

    def message_attachments(self) -> Iterator[Row]:
        for of in self.messages():
            keys = {"message_id": of.id, "conversation_id": of.conversation.id, "message_created_at": of.created_at}
            for row in self.view.attachments(of):
                yield row | keys | {"attachment_id": row["id"]}

    def message_recipients(self) -> Iterator[Row]:
        for of in self.messages():
            keys = {"message_id": of.id, "conversation_id": of.conversation.id, "message_created_at": of.created_at}
            for row in self.view.recipients(of):
                contact = row["_links"]["related"]["contact"]
                named = {"role": row.get("role") or UNKNOWN, "handle": row.get("handle") or UNKNOWN}
                yield row | keys | named | {"contact_id": contact.rsplit("/", 1)[-1] if contact else None}

    def contact(self, of: Contact) -> Row:
        return self.view.contact(of) | {"account_id": of.account} | _owner(of.owner)

    def per_contact(self, make: Callable[[Contact], Iterable[Row]]) -> list[Row]:
        pairs = ((of, row) for of in self.contacts() for row in make(of))
        return [row | {"contact_id": of.id, "contact_updated_at": of.updated_at} for of, row in pairs]

    def notes(self, of: Contact) -> Iterator[Row]:
        for note in of.notes:
            keys = {"author_id": note["author"] or UNKNOWN, "created_at": note.get("created_at", UNKNOWN_TIME)}
            yield self.view.note(of, note) | keys


def _owner(owner: str | None) -> Row:
    return {
        "owner_team_id": owner if owner and owner.startswith("tim_") else None,
        "owner_teammate_id": owner if owner and owner.startswith("tea_") else None,
    }


def _handles(contact: Contact) -> list[Row]:
    return [
        {"handle": each.get("handle") or UNKNOWN, "source": each.get("source") or UNKNOWN} for each in contact.handles
    ]


def _members(truth: Truth, kind: str, key: str) -> list[Row]:
    return [{key: thing.id, "teammate_id": each} for thing in truth.things(kind) for each in thing.members]


STREAMS: dict[str, Callable[[Truth], Iterable[Row]]] = {
    "attachments": Truth.attachments,
    "channels": Truth.channels,
    "comments": lambda truth: map(truth.comment, truth.comments()),
    "comment_mentions": Truth.mentions,
    "contacts": lambda truth: map(truth.contact, truth.contacts()),
    "contact_groups": lambda truth: truth.per_contact(lambda of: [{"group_id": each} for each in of.lists]),
    "contact_handles": lambda truth: truth.per_contact(_handles),
    "contact_notes": lambda truth: truth.per_contact(truth.notes),
    "contact_links": lambda truth: truth.per_contact(lambda of: [{"link": each} for each in of.links]),
    "conversations": lambda truth: map(truth.conversation, truth.conversations()),
    "conversation_tags": lambda truth: truth.pairs("tag_id", lambda of: of.tags),
    "conversation_links": lambda truth: truth.pairs("link_id", lambda of: of.links),
    "conversation_followers": lambda truth: truth.pairs("teammate_id", lambda of: of.followers),
    "conversation_inboxes": lambda truth: truth.pairs("inbox_id", truth.inboxes_of),
    "conversation_messages": lambda truth: map(truth.message, truth.messages()),
    "conversation_message_attachments": Truth.message_attachments,
    "conversation_message_recipients": Truth.message_recipients,
    "groups": lambda truth: truth.owned(truth.things("contact_lists")),
    "inboxes": lambda truth: truth.owned(truth.things("inboxes")),
    "inbox_channels": lambda truth: [
        {"inbox_id": each.refs["inbox"], "channel_id": each.id}
        for each in truth.view.things("channels")
        if each.refs["inbox"]
    ],
    "rules": lambda truth: truth.owned(truth.things("rules")),
    "rule_actions": lambda truth: [
        {"rule_id": rule.id, "action": each} for rule in truth.things("rules") for each in rule.fields["actions"]
    ],
    "shifts": Truth.shifts,
    "tags": Truth.tags,
    "teams": lambda truth: map(truth.view.team, truth.view.things("teams")),
    "teammates": lambda truth: truth.plain("teammates"),
    "teammate_shifts": lambda truth: _members(truth, "shifts", "shift_id"),
    "team_inboxes": lambda truth: [
        {"team_id": each.owner, "inbox_id": each.id}
        for each in truth.view.shared("inboxes")
        if (each.owner or "").startswith("tim_")
    ],
    "team_teammates": lambda truth: _members(truth, "teams", "team_id"),
}
