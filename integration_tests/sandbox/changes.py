"""Changes to the company: each moves the clock a little, changes the data, and emits the events that Front would emit.

What Front announces: https://dev.frontapp.com/reference/events. It has no event for follow and unfollow, an edited
comment, a purge, a permission, and anything about contacts, inboxes and teams.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from random import Random
from typing import Concatenate, ParamSpec, TypeVar

from integration_tests.sandbox import words
from integration_tests.sandbox.company import Company, Contact, Conversation, Target, Thing
from integration_tests.sandbox.view import OWNED, View

P = ParamSpec("P")
T = TypeVar("T")


def change(method: Callable[Concatenate[Changes, P], T]) -> Callable[Concatenate[Changes, P], T]:
    """One change at a time, and whoever remembers an answer forgets it."""

    @wraps(method)
    def locked(self: Changes, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with self.company.lock:
            result = method(self, *args, **kwargs)
            self.company.version += 1
            return result

    return locked


class Changes:
    """Ids in, and where something new comes into being its id out. Unknown ids raise `KeyError`."""

    def __init__(self, company: Company, view: View) -> None:
        self.company = company
        self._view = view
        self._during: list[tuple[str, list[int], Callable[[], object]]] = []

    def _emit(self, kind: str, of: Conversation, target: Target | None = None, source: str = "teammate") -> None:
        at = self.company.tick()
        by = of.inboxes[:1] if source == "inboxes" else [self._someone(of)]
        of.updated_at = max(of.updated_at, at)
        self.company.version += 1
        event = self.company.add_event(kind, at, of, (source if by else "teammate", by or [self._someone(of)]), target)
        if self._view.behaviour.event_conversation == "then":
            event.snapshot = self._view.conversation(of)

    def _someone(self, of: Conversation) -> str:
        return list(self.company.teammates)[of.n % 7]

    def _living(self, conversation_id: str) -> Conversation:
        """A merged-away id stands for its survivor, as everywhere in Front."""
        found = self.company.conversations[conversation_id]
        return self._living(found.merged_into.id) if found.merged_into else found

    # Threads

    @change
    def reply(self, conversation_id: str, *, inbound: bool = True) -> str:
        of = self._living(conversation_id)
        kind = "inbound" if inbound else "out_reply" if of.messages else "outbound"
        contact = of.messages[0].contact if of.messages else next(iter(self.company.contacts.values()))
        author = None if inbound else self._someone(of)
        message = self.company.add_message(of, self.company.tick(), inbound=inbound, author=author, contact=contact)
        self.company.index(message)
        if inbound and of.state == "archived":
            of.state, of.reminders = "open", []
        self._emit(kind, of, ("message", message), "inboxes")
        return message.id

    @change
    def comment(self, conversation_id: str, mentions: Sequence[str] = ()) -> str:
        of = self._living(conversation_id)
        comment = self.company.add_comment(of, self.company.tick(), self._someone(of), mentions)
        self.company.index(comment)
        self._emit("comment", of, ("comment", comment))
        if mentions:
            self._emit("mention", of, ("comment", comment))
        return comment.id

    @change
    def edit_comment(self, comment_id: str, body: str = "edited ✏️") -> None:
        self.company.comments[comment_id].body = body

    # What hangs on a conversation

    @change
    def tag(self, conversation_id: str, tag_id: str) -> None:
        of = self._living(conversation_id)
        if tag_id not in of.tags:
            of.tags = [*of.tags, tag_id]
        self._emit("tag", of, ("tag", [self.company.tags[tag_id].id]))

    @change
    def untag(self, conversation_id: str, tag_id: str) -> None:
        of = self._living(conversation_id)
        of.tags = [each for each in of.tags if each != tag_id]
        self._emit("untag", of, ("tag", [self.company.tags[tag_id].id]))

    @change
    def link(self, conversation_id: str, link_id: str) -> None:
        of = self._living(conversation_id)
        if link_id not in of.links:
            of.links = [*of.links, link_id]
        self._emit("link_added", of, ("link", [self.company.links[link_id].id]))

    @change
    def unlink(self, conversation_id: str, link_id: str) -> None:
        of = self._living(conversation_id)
        of.links = [each for each in of.links if each != link_id]
        self._emit("link_removed", of, ("link", [self.company.links[link_id].id]))

    @change
    def follow(self, conversation_id: str, teammate_id: str) -> None:
        of = self._living(conversation_id)
        self.company.tick()
        if teammate_id not in of.followers:
            of.followers = [*of.followers, self.company.teammates[teammate_id].id]

    @change
    def unfollow(self, conversation_id: str, teammate_id: str) -> None:
        of = self._living(conversation_id)
        self.company.tick()
        of.followers = [each for each in of.followers if each != teammate_id]

    @change
    def set_custom_field(self, conversation_id: str, name: str, value: object) -> None:
        of = self._living(conversation_id)
        of.custom_fields = of.custom_fields | {name: value}
        self._emit("custom_field_updated", of, ("custom_field", [name]))

    @change
    def unknown_event(self, conversation_id: str, type: str = "brand_new_type") -> None:  # noqa: A002
        """An event type that nobody knows yet; the subject changes with it."""
        of = self._living(conversation_id)
        of.subject = f"{of.subject} ({type})"
        self._emit(type, of)

    # State and place

    @change
    def assign(self, conversation_id: str, teammate_id: str) -> None:
        of = self._living(conversation_id)
        of.assignee = self.company.teammates[teammate_id].id
        self._emit("assign", of, ("teammate", [teammate_id]))

    @change
    def unassign(self, conversation_id: str) -> None:
        of = self._living(conversation_id)
        of.assignee = None
        self._emit("unassign", of)

    def archive(self, conversation_id: str) -> None:
        self._set_state(conversation_id, "archived", "archive")

    def reopen(self, conversation_id: str) -> None:
        self._set_state(conversation_id, "open", "reopen")

    def trash(self, conversation_id: str) -> None:
        self._set_state(conversation_id, "deleted", "trash")

    def restore(self, conversation_id: str) -> None:
        self._set_state(conversation_id, "open", "restore")

    @change
    def _set_state(self, conversation_id: str, state: str, event: str) -> None:
        of = self._living(conversation_id)
        of.state, of.reminders = state, []
        self._emit(event, of)

    @change
    def move(self, conversation_id: str, inbox_ids: Sequence[str]) -> None:
        of = self._living(conversation_id)
        of.inboxes = [self.company.inboxes[each].id for each in inbox_ids]
        self._emit("move", of, ("inboxes", list(inbox_ids)))

    @change
    def merge(self, from_id: str, into_id: str) -> None:
        old, into = self._living(from_id), self._living(into_id)
        if old is into:
            raise ValueError("a conversation cannot be merged into itself")
        self.company.merge(old, into)
        self._emit("conversations_merged", into, ("deleted_conversation_ids", [old.id]))

    @change
    def purge(self, conversation_id: str) -> None:
        """Deleted for good: 404 from now on, and no event says so. What was merged into it is gone with it."""
        of = self.company.conversations[conversation_id]
        for each in [each for each in self.company.conversations.values() if each is of or each.merged_into is of]:
            each.purged = True
            del self.company.conversations[each.id]
        self.company.activity = [each for each in self.company.activity if each[2].conversation is not of]
        for message in of.messages:
            del self.company.messages[message.id]
        for comment in of.comments:
            del self.company.comments[comment.id]

    @change
    def new_conversation(self, inbox_ids: Sequence[str], *, inbound: bool = True, messages: int = 1) -> str:
        of = self.company.new_conversation("conversation", self.company.tick(), list(inbox_ids))
        for n in range(messages):
            self.reply(of.id, inbound=inbound if n == 0 else n % 2 == 0)
        return of.id

    @change
    def new_discussion(self, *, comments: int = 1, type: str = "discussion") -> str:  # noqa: A002
        """In no inbox: only the company's list shows it for sure."""
        of = self.company.new_conversation(type, self.company.tick(), [])
        for _ in range(comments):
            self.comment(of.id)
        return of.id

    # Inboxes and teams

    @change
    def new_inbox(self, name: str = "New inbox", team_id: str | None = None) -> str:
        return self.company.add_inbox(name, team_id).id

    @change
    def forbid(self, inbox_id: str) -> None:
        """The token may no longer read this inbox's conversations."""
        self.company.forbidden_inboxes.add(self.company.inboxes[inbox_id].id)

    @change
    def grant(self, inbox_id: str) -> None:
        self.company.forbidden_inboxes.discard(inbox_id)

    @change
    def new_team(self, name: str = "New team") -> str:
        team = self.company.add_team(name)
        team.members = list(self.company.teammates)[:2]
        return team.id

    @change
    def remove_team(self, team_id: str) -> None:
        """Its inboxes, tags and the like become the company's."""
        company = self.company
        del company.teams[team_id]
        for kind in OWNED | {"contacts"}:
            owned: dict[str, Thing | Contact] = getattr(company, kind)
            for each in owned.values():
                each.owner = None if each.owner == team_id else each.owner

    # Contacts

    @change
    def new_contact(self) -> str:
        return self.company.new_contact(self.company.tick()).id

    @change
    def touch_contact(self, contact_id: str, at: float | None = None) -> None:
        """`at`: the time that its `updated_at` says, if not now."""
        contact, now = self.company.contacts[contact_id], self.company.tick()
        contact.updated_at = now if at is None else at
        contact.description = f"Touched at {now}"

    @change
    def add_note(
        self, contact_id: str, body: str | None = "A note", author_id: str | None = None, *, moves: bool = True
    ) -> None:
        """`moves`: whether the note moves its contact's `updated_at`, which Front does not document."""
        contact, at = self.company.contacts[contact_id], self.company.tick()
        author = author_id or next(iter(self.company.teammates))
        contact.notes = [*contact.notes, {"author": author, "body": body, "created_at": at, "is_private": False}]
        if moves:
            contact.updated_at = at

    @change
    def merge_contacts(self, from_id: str, into_id: str) -> None:
        """`from_id` vanishes; `into_id` takes over what it had."""
        old, into = self.company.contacts.pop(from_id), self.company.contacts[into_id]
        into.handles = _united(into.handles, old.handles)
        into.links = _united(into.links, old.links)
        into.lists = _united(into.lists, old.lists)
        into.notes = _united(into.notes, old.notes)
        into.updated_at = self.company.tick()

    # In the middle of a sync

    def during(self, route: str, nth: int, call: Callable[[], object]) -> None:
        """Runs `call` when the `nth` request (from 1) of a route such as `GET /events` comes in, before its answer."""
        self._during.append((route, [nth], call))

    def arrived(self, route: str) -> None:
        """A request came in; the server says so."""
        for hook in [each for each in self._during if each[0] == route]:
            hook[1][0] -= 1
            if hook[1][0] == 0:
                self._during.remove(hook)
                hook[2]()

    def random_change(self, rng: Random) -> str:
        """Any change that a full read of the token can see; says which."""
        company = self.company
        living = [each for each in self._view.living() if each.inboxes and each.state != "deleted"]
        of, other = rng.choice(living), rng.choice(living)
        tag, link = rng.choice(list(company.tags)), rng.choice(list(company.links))
        mate, contact = rng.choice(list(company.teammates)), rng.choice(list(company.contacts))
        inbox = rng.choice([each.id for each in self._view.shared("inboxes") if self._view.reads(each.id)])
        actions: dict[str, Callable[[], object]] = {
            "reply": lambda: self.reply(of.id, inbound=rng.random() < 0.5),
            "comment": lambda: self.comment(of.id, [mate]),
            "tag": lambda: self.tag(of.id, tag),
            "untag": lambda: self.untag(of.id, rng.choice(of.tags or [tag])),
            "link": lambda: self.link(of.id, link),
            "unlink": lambda: self.unlink(of.id, rng.choice(of.links or [link])),
            "assign": lambda: self.assign(of.id, mate),
            "unassign": lambda: self.unassign(of.id),
            "archive": lambda: self.archive(of.id),
            "reopen": lambda: self.reopen(of.id),
            "trash": lambda: self.trash(of.id),
            "restore": lambda: self.restore(of.id),
            "move": lambda: self.move(of.id, [inbox]),
            "merge": lambda: of is not other and self.merge(of.id, other.id),
            "new_conversation": lambda: self.new_conversation([inbox]),
            "set_custom_field": lambda: self.set_custom_field(of.id, "Plan", rng.choice(words.TOPICS)),
            "unknown_event": lambda: self.unknown_event(of.id),
            "touch_contact": lambda: self.touch_contact(contact),
            "add_note": lambda: self.add_note(contact, author_id=mate),
            "new_contact": self.new_contact,
        }
        name = rng.choice(list(actions))
        actions[name]()
        return f"{name} {of.id}"


def _united(ours: list[T], theirs: Iterable[T]) -> list[T]:
    return ours + [each for each in theirs if each not in ours]
