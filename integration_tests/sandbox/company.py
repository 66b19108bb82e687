"""The company's data, made from a seed: the same seed, size and `now` give the same company, whenever and wherever.

Only what is needed to find, sort and count is made here; bodies are written when asked for (`view.py`).
Times are seconds since 1970 with at most three decimals, ids are Front's: a prefix and a number in base 36.
"""

from __future__ import annotations

import threading
import time
from bisect import insort
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any

from integration_tests.sandbox import words
from integration_tests.sandbox.behaviour import COMPANY_HOST

Row = dict[str, Any]
DAY = 86_400.0
EVENT_DAYS = 100
QUIET = 1_200.0
"""Nothing of the past happened in the last 20 minutes, so a look-back of minutes finds nothing."""


def base36(number: int) -> str:
    """35 -> "z"."""
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits or "0"


@dataclass(eq=False, slots=True)
class Thing:
    """What an administrator sets up: a team, teammate, inbox, channel, tag, rule, shift, contact list, link or account.

    `fields` are the API's own; `owner` is a team's or teammate's id (None: the company);
    `refs` are nullable links to others by id; `members` are the ids of its teammates.
    """

    id: str
    kind: str
    fields: Row
    owner: str | None = None
    refs: dict[str, str | None] = field(default_factory=dict)
    members: list[str] = field(default_factory=list)

    @property
    def private(self) -> bool:
        """Whether it belongs to one teammate."""
        return (self.owner or "").startswith("tea_")


@dataclass(eq=False, slots=True)
class Contact:
    id: str
    n: int
    name: str | None
    updated_at: float
    created_at: float
    description: str | None
    handles: list[Row]
    links: list[str]
    lists: list[str]
    account: str | None
    owner: str | None
    notes: list[Row]
    """Each `{"author": id or None, "body", "created_at" (maybe absent), "is_private"}`."""

    @property
    def private(self) -> bool:
        return (self.owner or "").startswith("tea_")


@dataclass(eq=False, slots=True)
class Message:
    id: str
    n: int
    conversation: Conversation
    created_at: float
    inbound: bool
    author: str | None
    contact: Contact | None
    replied_to: str | None
    came_from: Conversation | None = None
    """The merged-away conversation that it was written in."""


@dataclass(eq=False, slots=True)
class Comment:
    id: str
    n: int
    conversation: Conversation
    posted_at: float
    author: str
    mentions: list[str]
    replied_to: str | None
    pinned: bool = False
    body: str | None = None
    came_from: Conversation | None = None


@dataclass(eq=False, slots=True)
class Conversation:
    """`state` is open, archived or deleted; the API's `status` follows from it and the assignee."""

    id: str
    n: int
    type: str
    subject: str
    created_at: float
    updated_at: float
    inboxes: list[str]
    state: str = "open"
    assignee: str | None = None
    tags: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    followers: list[str] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    """Both oldest first."""
    custom_fields: Row = field(default_factory=dict)
    reminders: list[Row] = field(default_factory=list)
    """Each `{"owner": id, "created_at", "scheduled_at", "updated_at"}`."""
    merged_into: Conversation | None = None
    purged: bool = False

    @property
    def date(self) -> float:
        """The time of its last message or comment: the order of every list."""
        newest = [self.created_at]
        if self.messages:
            newest.append(self.messages[-1].created_at)
        if self.comments:
            newest.append(self.comments[-1].posted_at)
        return max(newest[1:], default=self.created_at)


Source = tuple[str, list[str]]
"""Its kind, and the ids of the teammates, rules or inboxes."""
Target = tuple[str, Message | Comment | list[str]]


@dataclass(eq=False, slots=True)
class Event:
    """`target` holds an object of its kind, ids, or None; `snapshot` the conversation's body at that time, if kept."""

    id: str
    n: int
    type: str
    emitted_at: float
    conversation: Conversation
    source: Source
    target: Target | None
    snapshot: Row | None = None


class Company:
    """Everything the sandbox knows, in dicts by id. Hold `lock` to read or change it while a server runs."""

    def __init__(self, seed: int = 1, conversations: int = 60, now: float | None = None) -> None:
        self.lock = threading.RLock()
        self.host = COMPANY_HOST
        self.seed = seed
        self.version = 0
        """Counts changes, so that whoever remembers an answer knows when to forget it."""
        self.forbidden_inboxes: set[str] = set()
        self._start = round(time.time() if now is None else now, 3)
        self._began = time.monotonic()
        self._ahead = 0.0
        self._last = 0.0

        self.teams: dict[str, Thing] = {}
        self.teammates: dict[str, Thing] = {}
        self.inboxes: dict[str, Thing] = {}
        self.channels: dict[str, Thing] = {}
        self.tags: dict[str, Thing] = {}
        self.rules: dict[str, Thing] = {}
        self.shifts: dict[str, Thing] = {}
        self.contact_lists: dict[str, Thing] = {}
        self.links: dict[str, Thing] = {}
        self.accounts: dict[str, Thing] = {}
        self.contacts: dict[str, Contact] = {}
        self.conversations: dict[str, Conversation] = {}
        """Merged-away ones too; purged ones are gone."""
        self.messages: dict[str, Message] = {}
        self.comments: dict[str, Comment] = {}
        self.events: list[Event] = []
        """Oldest first, ids ascending."""
        self.events_of: defaultdict[str, list[Event]] = defaultdict(list)
        self.activity: list[tuple[float, int, Message | Comment]] = []
        """Every message and comment by time: what search's `after:` and `before:` look at."""

        self._rng = Random(seed)
        self._counters: defaultdict[str, count[int]] = defaultdict(lambda: count(200_000 + 997 * (seed % 1_000)))
        self._serial = count(1)
        self.id = self.new_id("cmp")
        self._build_organisation(links=8 + conversations // 50)
        self._build_contacts(24 + conversations // 3)
        self._correspondents = list(self.contacts.values())
        for n in range(conversations):
            self._build_conversation(n)
        self._build_merges()
        self.activity.sort()
        self._build_events()

    # The clock and ids

    def now(self) -> float:
        """Front's clock."""
        return self._start + self._ahead + (time.monotonic() - self._began)

    def advance(self, seconds: float) -> None:
        """Lets time pass."""
        self._ahead += seconds

    def tick(self) -> float:
        """Now, as a timestamp that is later than any before it."""
        self._last = round(max(self.now(), self._last + 0.001), 3)
        return self._last

    def new_id(self, prefix: str) -> str:
        return f"{prefix}_{base36(next(self._counters[prefix]))}"

    def serial(self) -> int:
        return next(self._serial)

    def living(self) -> list[Conversation]:
        """Neither merged away nor purged."""
        return [each for each in self.conversations.values() if each.merged_into is None]

    # What changes and the building both do

    def add_message(
        self,
        conversation: Conversation,
        at: float,
        *,
        inbound: bool,
        author: str | None = None,
        contact: Contact | None = None,
    ) -> Message:
        previous = conversation.messages[-1].id if conversation.messages else None
        message = Message(self.new_id("msg"), self.serial(), conversation, at, inbound, author, contact, previous)
        conversation.messages.append(message)
        self.messages[message.id] = message
        self.activity.append((at, message.n, message))
        return message

    def add_comment(self, conversation: Conversation, at: float, author: str, mentions: Iterable[str] = ()) -> Comment:
        n = self.serial()
        previous = conversation.comments[-1].id if conversation.comments and n % 3 == 0 else None
        comment = Comment(self.new_id("com"), n, conversation, at, author, list(mentions), previous, n % 8 == 0)
        conversation.comments.append(comment)
        self.comments[comment.id] = comment
        self.activity.append((at, comment.n, comment))
        return comment

    def add_event(
        self,
        kind: str,
        at: float,
        conversation: Conversation,
        source: Source,
        target: Target | None = None,
    ) -> Event:
        event = Event(self.new_id("evt"), self.serial(), kind, at, conversation, source, target)
        self.events.append(event)
        self.events_of[conversation.id].append(event)
        return event

    def new_conversation(self, kind: str, at: float, inboxes: list[str]) -> Conversation:
        n = len(self.conversations)
        subject = words.SUBJECTS[n % len(words.SUBJECTS)]
        conversation = Conversation(self.new_id("cnv"), n, kind, subject, at, at, inboxes)
        self.conversations[conversation.id] = conversation
        return conversation

    def new_contact(self, at: float) -> Contact:
        n = self.serial()
        name = words.PEOPLE[n % len(words.PEOPLE)] if n % 11 else None
        handles: list[Row] = [{"handle": f"person{n}@example.com", "source": "email"}]
        if n % 4 == 0:
            handles.append({"handle": f"+1555{n:07d}", "source": "phone"})
        if n % 9 == 0:
            handles.append({"handle": f"person{n}@example.com", "source": "custom"})
        if n % 13 == 0:
            handles.append({"handle": f"@pérson_{n}"})
        if n % 19 == 0:
            handles.append({"handle": None, "source": "facebook"})
        if n % 17 == 0:
            handles = []
        contact = Contact(
            self.new_id("crd"),
            n,
            name,
            updated_at=at,
            created_at=round(at - 30 * DAY, 3),
            description=f"Met at stand {n} {{{{ here }}}}" if n % 3 else None,
            handles=handles,
            links=[f"https://example.com/{n}", "https://example.com/ünï"][: n % 3],
            lists=[],
            account=None,
            owner=None,
            notes=[],
        )
        self.contacts[contact.id] = contact
        return contact

    def index(self, item: Message | Comment) -> None:
        """Puts the newest entry of `activity` in its place."""
        entry = self.activity.pop()
        assert entry[2] is item
        insort(self.activity, entry)

    # The building

    def _add(self, into: dict[str, Thing], prefix: str, owner: str | None = None, **fields: object) -> Thing:
        kind = next(name for name, value in vars(self).items() if value is into)
        thing = Thing(self.new_id(prefix), kind, dict(fields), owner)
        into[thing.id] = thing
        return thing

    def add_team(self, name: str) -> Thing:
        return self._add(self.teams, "tim", name=name)

    def add_inbox(self, name: str, owner: str | None, kind: str = "smtp") -> Thing:
        address = f"{len(self.inboxes)}@acme.example" if kind != "twilio" else "+15551234567"
        private = (owner or "").startswith("tea_")
        return self._add(
            self.inboxes, "inb", owner, name=name, is_private=private,
            is_public=not private and len(self.inboxes) % 2 == 0,
            custom_fields=dict(words.CUSTOM_FIELDS[len(self.inboxes) % 4]), address=address,
            send_as=None if len(self.inboxes) % 3 == 0 else address, type=kind,
        )  # fmt: skip

    def add_tag(self, name: str, owner: str | None, parent: str | None = None) -> Thing:
        n, born = len(self.tags), self._ago(500 - len(self.tags))
        tag = self._add(
            self.tags, "tag", owner, name=name, description=f"About {name}" if n % 2 else None,
            highlight=words.HIGHLIGHTS[n % 5], is_private=(owner or "").startswith("tea_"),
            is_visible_in_conversation_lists=n % 4 > 0, created_at=born, updated_at=born + n,
        )  # fmt: skip
        tag.refs["parent_tag"] = parent
        return tag

    def _ago(self, days: float) -> float:
        """A time of the past; every fourth a whole second."""
        at = max(self._start - days * DAY, 0.0)
        return float(int(at)) if int(at) % 4 == 0 else round(at, 3)

    def _build_organisation(self, links: int) -> None:
        teams = [self.add_team(name) for name in words.TEAMS]
        for n, (username, first, last, places) in enumerate(words.TEAMMATES):
            teammate = self._add(
                self.teammates, "tea", email=f"{username}@acme.example", username=username, first_name=first,
                last_name=last, license_type=["full", None][n % 2], is_admin=n == 0, is_available=n % 3 > 0,
                is_blocked=n == 7, type="rule" if n == 8 else "user",
                custom_fields=dict(words.CUSTOM_FIELDS[n % 4]),
            )  # fmt: skip
            for place in places:
                teams[place].members.append(teammate.id)
        people = list(self.teammates)

        for name, team, kind, _ in words.INBOXES:
            self.add_inbox(name, None if team is None else teams[team].id, kind)
        for n in (0, 2, 5):
            self.add_inbox(f"Private of {words.TEAMMATES[n][1]}", people[n])
        for n, inbox in enumerate(list(self.inboxes.values())):
            self._build_channel(n, inbox)
        for n in (1, 4):
            self._build_channel(20 + n, None, teams[n % 3].id)

        for n, topic in enumerate(words.TOPICS):
            root = self.add_tag(topic, None if n % 3 else teams[n % 3].id)
            for child in range(5):
                branch = self.add_tag(f"{topic} / {child}", root.owner, root.id)
            self.add_tag(f"{topic} / 4 / deep", root.owner, branch.id)
        for n in (0, 4):
            self.add_tag(f"private of {words.TEAMMATES[n][0]}", people[n])

        owners: list[str | None] = [None, None, teams[0].id, teams[1].id, teams[2].id, people[0], people[3]]
        for n, owner in enumerate(owners):
            actions = words.ACTIONS[: n % 5] + words.ACTIONS[5 : 5 + n % 3]
            private = (owner or "").startswith("tea_")
            self._add(self.rules, "rul", owner, name=f"Rule {n}: {{{{ x }}}}", actions=actions, is_private=private)

        hours = {"start": "09:00", "end": "17:30"}
        for n, days in enumerate([["mon", "tue", "wed"], ["sat"], []]):
            shift = self._add(
                self.shifts, "shf", [teams[n].id, None][n % 2], name=f"Shift {n}", color=["green", "teal", "red"][n],
                timezone=["Europe/Paris", "America/New_York", "Asia/Tokyo"][n],
                times={day: dict(hours) for day in days}, created_at=self._ago(700 - n), updated_at=self._ago(70 - n),
            )  # fmt: skip
            shift.members = people[n * 3 : n * 3 + 4] if n < 2 else []

        for n, owner in enumerate([None, None, teams[0].id, teams[1].id, people[1], people[2]]):
            private = (owner or "").startswith("tea_")
            self._add(self.contact_lists, "grp", owner, name=["VIP ⭐", "None", "قائمة"][n % 3], is_private=private)
        for n in range(links):
            self._add(
                self.links, "top", name=f"Issue #{n} 🔗", type=["web", "app_2f76b9ac738de158", "github"][n % 3],
                external_url=f"https://tracker.example/T-{n}?a=1&b=[2]",
                custom_fields=dict(words.CUSTOM_FIELDS[n % 4]),
            )  # fmt: skip
        for n in range(5):
            self._add(
                self.accounts, "acc", name=f"Account {n} & Söhne", logo_url=None,
                description=[None, "{{ key }}"][n % 2],
                domains=[f"a{n}.example"], external_id=[None, str(1000 + n)][n % 2],
                custom_fields=dict(words.CUSTOM_FIELDS[n % 4]),
                created_at=self._ago(600 - n), updated_at=self._ago(60 - n),
            )  # fmt: skip

    def _build_channel(self, n: int, inbox: Thing | None, owner: str | None = None) -> None:
        owner = inbox.owner if inbox else owner
        address = inbox.fields["address"] if inbox else None
        private = (owner or "").startswith("tea_")
        settings: Row = {"undo_send_time": [0, 5, 15][n % 3]}
        if not private:
            settings["all_teammates_can_reply"] = n % 2 == 0
        channel = self._add(
            self.channels, "cha", owner, name=f"Channel {n}" if n % 5 else None, address=address,
            type=inbox.fields["type"] if inbox else "custom", send_as=[address, None][n % 2], settings=settings,
            is_private=private, is_valid=n % 6 > 0,
        )  # fmt: skip
        channel.refs["inbox"] = inbox.id if inbox else None

    def _build_contacts(self, number: int) -> None:
        people, lists, accounts = list(self.teammates), list(self.contact_lists), list(self.accounts)
        shared = [each for each in lists if not self.contact_lists[each].private]
        teams = list(self.teams)
        for n in range(number):
            ago = self._rng.uniform(0.1, 400)
            contact = self.new_contact(self._ago(33 if n % 40 < 7 else ago))  # seven share one timestamp
            contact.lists = shared[: n % 4] if n % 2 else []
            contact.account = accounts[n % 5] if n % 6 == 0 else None
            contact.owner = [None, teams[n % 3]][n % 5 == 0]
            if n % 24 == 23:
                contact.owner, contact.lists = people[1], [lists[4]]
            born = self._ago(ago + 5)
            if n % 3 == 0:
                first = {"author": people[n % 8], "body": "Called, {{ no answer }} ☎️", "is_private": False}
                second = {"author": people[(n + 1) % 8], "body": None, "is_private": True}
                contact.notes = [each | {"created_at": born} for each in (first, second)[: 1 + n % 2]]
            if n % 12 == 6:
                contact.notes.append({"author": None, "body": "Imported", "is_private": False})

    def _build_conversation(self, n: int) -> None:
        """Twenty in a hundred play a part of their own; the others are ordinary mail."""
        rng, part = self._rng, n % 100
        people, shared = list(self.teammates), self._used_inboxes()
        private = [each.id for each in self.inboxes.values() if each.private]
        created, span = self._ago(rng.uniform(0.1, 399)), rng.choice([0.2, 2.0, 20.0])
        kind, inboxes = "conversation", [rng.choice(shared)]
        messages, comments = rng.choice([1, 1, 2, 3, 4, 6, 8]), rng.choice([0, 0, 1, 2, 3])
        if n == 0:
            created, span = 922_320_000.0, 0.1  # mail from 1999, imported
        elif n in {1, 2}:
            created = self._ago(3_400 + 100 * n)
        elif part in {3, 4, 5, 6, 17}:
            kind, messages = "task" if part in {4, 6} else "discussion", 0
            inboxes = inboxes if part in {5, 6} else []
            comments = {3: 3, 4: 0, 5: 2, 6: 1, 17: 25}[part]
        elif part in {7, 18}:
            created, span, messages = self._ago(380), 370.0, 104 + part
        elif part in {10, 12}:
            inboxes = rng.sample(shared, 3) if part == 10 else [*inboxes, private[0]]
        elif part == 11:
            inboxes = [private[n % 3]]
        elif part == 15:
            messages, comments = 0, 1
        elif n % 9 == 0:
            inboxes = rng.sample(shared, 2)

        conversation = self.new_conversation(kind, created, inboxes)
        conversation.custom_fields = dict(words.CUSTOM_FIELDS[n % 4])
        self._build_thread(conversation, span, messages, comments)
        conversation.updated_at = conversation.date
        if messages and n % 3 == 0:  # something but a message or comment happened last
            conversation.updated_at = min(round(conversation.date + 0.25 * DAY, 3), self._start - QUIET)
        if messages:
            conversation.state = rng.choice(["open", "open", "archived"])
            conversation.assignee = rng.choice([*people[:7], None, None])
            conversation.tags = rng.sample(list(self.tags), rng.choice([0, 1, 1, 3]))
            conversation.links = rng.sample(list(self.links), rng.choice([0, 0, 1, 2]))
        conversation.followers = rng.sample(people, rng.choice([0, 1, 2]))
        if part in {8, 16} or n % 29 == 28:
            conversation.state = "deleted"
        if part == 9:
            wake = round(self._start + 3 * DAY)
            times = {"created_at": created, "scheduled_at": wake, "updated_at": conversation.updated_at}
            conversation.state, conversation.reminders = "archived", [{"owner": people[0], **times}]

    def _used_inboxes(self) -> list[str]:
        return [each for each, (*_, used) in zip(self.inboxes, words.INBOXES, strict=False) if used]

    def _build_thread(self, conversation: Conversation, span: float, messages: int, comments: int) -> None:
        rng, people = self._rng, list(self.teammates)
        contact = rng.choice(self._correspondents) if conversation.n % 14 else None
        end = min(conversation.created_at + span * DAY, self._start - QUIET)
        length = max(end - conversation.created_at, 0.0)
        start = conversation.created_at
        for n in range(messages):
            at = start if n == 0 else round(start + length * n / messages, 3)
            inbound = n % 2 == 0
            author = None if inbound or conversation.n % 13 == 0 else people[(conversation.n + n) % 7]
            self.add_message(conversation, at, inbound=inbound, author=author, contact=contact)
        for n in range(comments):
            at = round(start + length * (n + 1) / (comments + 1), 3)
            mentions = rng.sample(people[:8], n % 3)
            self.add_comment(conversation, at, people[(conversation.n + n) % 8], mentions)

    def _build_merges(self) -> None:
        ordinary = list(self.conversations.values())
        for n in range(13, len(ordinary) - 1, 100):
            self.merge(ordinary[n], ordinary[n + 1])

    def merge(self, old: Conversation, into: Conversation) -> None:
        """`into` takes over everything of `old`, which from now on only answers 301."""
        old.merged_into = into
        moved: list[Message | Comment] = [*old.messages, *old.comments]
        for item in moved:
            item.came_from, item.conversation = old, into
        into.messages = sorted(into.messages + old.messages, key=lambda each: (each.created_at, each.n))
        into.comments = sorted(into.comments + old.comments, key=lambda each: (each.posted_at, each.n))
        old.messages, old.comments = [], []
        for name in ("inboxes", "tags", "links", "followers"):
            kept: list[str] = getattr(into, name)
            kept.extend(each for each in getattr(old, name) if each not in kept)
        into.updated_at = max(into.updated_at, old.updated_at)

    def _build_events(self) -> None:
        """Events of the last `EVENT_DAYS` days; older ones are gone, as if the company had joined then."""
        since, until = self._start - EVENT_DAYS * DAY, self._start - QUIET
        recent = [each for each in self.conversations.values() if each.updated_at >= since]
        past = sorted(
            (entry for each in recent for entry in self._history(each)),
            key=lambda entry: (entry[1], entry[2].n, entry[0]),
        )
        for kind, at, conversation, source, target in past:
            if since <= at <= until:
                self.add_event(kind, at, conversation, source, target)
        self._last = self._start

    def _history(self, of: Conversation) -> Iterator[tuple[str, float, Conversation, Source, Target | None]]:
        by = ("teammate", [list(self.teammates)[of.n % 8]])
        for message in of.messages:
            kind = "inbound" if message.inbound else "out_reply"
            yield kind, message.created_at, of, ("inboxes", of.inboxes[:1]), ("message", message)
        for comment in of.comments:
            source = ("teammate", [comment.author])
            yield "comment", comment.posted_at, of, source, ("comment", comment)
            if comment.mentions:
                yield "mention", comment.posted_at, of, source, ("comment", comment)
        at = of.updated_at
        for tag in of.tags:
            yield "tag", at, of, ("rule", [next(iter(self.rules))]), ("tag", [tag])
        for link in of.links:
            yield "link_added", at, of, by, ("link", [link])
        if of.assignee:
            yield "assign", at, of, by, ("teammate", [of.assignee])
        if of.state != "open":
            yield {"archived": "archive", "deleted": "trash"}[of.state], at, of, by, None
        if of.merged_into:
            yield "conversations_merged", at, of.merged_into, by, ("deleted_conversation_ids", [of.id])
