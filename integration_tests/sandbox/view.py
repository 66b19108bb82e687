"""What the token sees of the company, and how it looks in the API.

Field names, types and nulls: https://dev.frontapp.com/reference and the OpenAPI file behind it, plus the fields that
only live answers carry (a contact's `updated_at` and `account`, an inbox's `address`, `send_as` and `type`,
a message's `is_draft`). The server answers with these bodies and the truth is made of them.
"""

from __future__ import annotations

from collections.abc import Iterable

from integration_tests.sandbox import words
from integration_tests.sandbox.behaviour import Behaviour
from integration_tests.sandbox.company import Comment, Company, Contact, Conversation, Event, Message, Row, Thing
from integration_tests.sandbox.company import base36 as _base36

OWNED = {"inboxes", "channels", "tags", "rules", "shifts", "contact_lists"}
SUB_LISTS = {
    "inboxes": ("teammates", "conversations", "channels"),
    "tags": ("conversations",),
    "shifts": ("teammates",),
    "contact_lists": ("contacts",),
    "teammates": ("inboxes", "conversations"),
    "accounts": ("contacts",),
}
KINDS = {"tim": "teams", "tea": "teammates", "inb": "inboxes", "tag": "tags"}
ADDRESSES = ["support@acme.example", "billing@acme.example", "+15551234567", "sales@acme.example"]
CONVERSATION_PARTS = ("events", "followers", "messages", "comments", "inboxes")
UNKNOWN_FIELDS = {"brand_new_field": {"since": 2027, "values": [1, "two", None]}, "another one": "{{ 7 * 7 }}"}


def stamp(at: float) -> float | int:
    """Front's number: whole seconds come without decimals."""
    return int(at) if at == int(at) else round(at, 3)


class View:
    def __init__(self, company: Company, behaviour: Behaviour) -> None:
        self.company = company
        self.behaviour = behaviour
        self._things: dict[str, Row] = {}
        self._version = company.version

    # Reach

    def reads(self, inbox_id: str) -> bool:
        """Whether the token may read the conversations of this inbox."""
        inbox = self.company.inboxes[inbox_id]
        return self.shows(inbox) and inbox_id not in self.company.forbidden_inboxes

    def shows(self, thing: Thing | Contact) -> bool:
        """Whether the token reaches it: all that is shared, with the Private scope also what is a teammate's own."""
        return self.behaviour.private_scope or not thing.private

    def reaches(self, conversation: Conversation) -> bool:
        """Without an inbox, or in one that the token may read; a merged-away or purged one by what it was in."""
        return not conversation.inboxes or any(self.reads(inbox) for inbox in conversation.inboxes)

    def sees(self, conversation: Conversation) -> bool:
        return not conversation.purged and self.reaches(conversation)

    def living(self) -> list[Conversation]:
        """The conversations that a full read must bring."""
        return [each for each in self.company.living() if self.sees(each)]

    def things(self, kind: str) -> list[Thing]:
        """What the company's list of this kind shows: what is shared, and what is private if the token reaches it."""
        known: dict[str, Thing] = getattr(self.company, kind)
        return [each for each in known.values() if self.shows(each)]

    def own(self, kind: str, owner: str | None) -> list[Thing]:
        known: dict[str, Thing] = getattr(self.company, kind)
        return [each for each in known.values() if each.owner == owner]

    def shared(self, kind: str) -> list[Thing]:
        known: dict[str, Thing] = getattr(self.company, kind)
        return [each for each in known.values() if not each.private]

    # Bodies

    def url(self, *parts: str) -> str:
        return "/".join([self.company.host, *parts])

    def _owner(self, owner: str | None) -> str | None:
        return self.url(KINDS[owner[:3]], owner) if owner else None

    def _grown(self, row: Row) -> Row:
        return row | UNKNOWN_FIELDS if self.behaviour.unknown_fields else row

    def thing(self, thing: Thing) -> Row:
        """The body of what an administrator sets up. Remembered until something changes: never write into it."""
        if self._version != self.company.version:
            self._things, self._version = {}, self.company.version
        if thing.id not in self._things:
            self._things[thing.id] = self._grown(self._thing(thing))
        return self._things[thing.id]

    def _thing(self, thing: Thing) -> Row:
        self_url = self.url(thing.kind, thing.id)
        related: Row = {name: f"{self_url}/{name}" for name in SUB_LISTS.get(thing.kind, ())}
        if thing.kind in OWNED:
            related["owner"] = self._owner(thing.owner)
        for name, other in thing.refs.items():
            related[name] = self.url("tags" if name == "parent_tag" else "inboxes", other) if other else None
        if thing.kind == "tags":
            parents = {each.refs["parent_tag"] for each in self.company.tags.values()}
            related["children"] = f"{self_url}/children" if thing.id in parents else None
        links: Row = {"self": self_url, "related": related} if related else {"self": self_url}
        return {"_links": links, "id": thing.id} | {
            name: stamp(value) if name.endswith("_at") else value for name, value in thing.fields.items()
        }

    def team(self, team: Thing) -> Row:
        """The detail: with its inboxes and members."""
        inboxes = [self.thing(each) for each in self.shared("inboxes") if each.owner == team.id]
        return self.thing(team) | {"inboxes": inboxes, "members": self.teammates(team.members)}

    def teammates(self, ids: Iterable[str]) -> list[Row]:
        return [self.thing(self.company.teammates[each]) for each in ids]

    def _teammate(self, of: str | None) -> Row | None:
        return self.thing(self.company.teammates[of]) if of else None

    def inboxes(self, ids: Iterable[str]) -> list[Row]:
        return [self.thing(self.company.inboxes[each]) for each in ids]

    def contact(self, contact: Contact) -> Row:
        lists = [self.thing(self.company.contact_lists[each]) for each in contact.lists]
        self_url = self.url("contacts", contact.id)
        related = {"notes": f"{self_url}/notes", "conversations": f"{self_url}/conversations"}
        row: Row = {
            "_links": {"self": self_url, "related": related | {"owner": self._owner(contact.owner)}},
            "id": contact.id,
            "name": contact.name,
            "description": contact.description,
            "avatar_url": f"{self_url}/avatar-1" if contact.n % 5 == 0 else None,
            "links": contact.links,
            "groups": lists,
            "lists": lists,
            "handles": contact.handles,
            "custom_fields": words.CUSTOM_FIELDS[contact.n % 4],
            "is_private": contact.private,
            "updated_at": stamp(contact.updated_at),
        }
        if contact.account:
            row["account"] = self.thing(self.company.accounts[contact.account])
        return self._grown(row)

    def note(self, contact: Contact, note: Row) -> Row:
        author = note["author"]
        related = {"author": self._owner(author), "owner": self._owner(contact.owner)}
        row = {"_links": {"related": related}, "author": self._teammate(author), "body": note["body"]}
        if "created_at" in note:
            row["created_at"] = stamp(note["created_at"])
        return self._grown(row | {"is_private": note["is_private"]})

    def notes(self, contact: Contact) -> list[Row]:
        return [self.note(contact, each) for each in contact.notes]

    def status(self, conversation: Conversation) -> str:
        if conversation.state == "open":
            return "assigned" if conversation.assignee else "unassigned"
        return conversation.state

    def conversation(self, conversation: Conversation) -> Row:
        company, behaviour = self.company, self.behaviour
        self_url = self.url("conversations", conversation.id)
        last = conversation.messages[-1] if conversation.messages else None
        related: Row = {name: f"{self_url}/{name}" for name in CONVERSATION_PARTS}
        related["last_message"] = self.url("messages", f"{last.id}?referer=conversation") if last else None
        row: Row = {
            "_links": {"self": self_url, "related": related},
            "id": conversation.id,
            "type": conversation.type,
            "subject": conversation.subject,
            "status": self.status(conversation),
            "ticket_ids": [f"TICKET-{conversation.n}"] if behaviour.ticketing else [],
            "assignee": self._teammate(conversation.assignee),
            "recipient": self._main_recipient(conversation),
            "tags": [self.thing(company.tags[each]) for each in conversation.tags],
            "links": [self.thing(company.links[each]) for each in conversation.links],
            "custom_fields": conversation.custom_fields,
            "created_at": stamp(conversation.created_at),
            "updated_at": stamp(conversation.updated_at),
            "is_private": any(company.inboxes[each].private for each in conversation.inboxes),
            "scheduled_reminders": [self._reminder(each) for each in conversation.reminders],
            "metadata": {"external_conversation_ids": ["JS1"]} if conversation.n % 10 == 0 else {},
        }
        if last and last.inbound:
            row["waiting_since"] = stamp(last.created_at)
        if conversation.type == "task":
            row["description"] = "Call back\nand {{ write }}" if conversation.n % 2 else None
            row["due_at"] = stamp(conversation.created_at + 86_400) if conversation.n % 3 else None
        if behaviour.ticketing:
            category = "open" if conversation.state == "open" else "resolved"
            row |= {"status_id": f"sts_{category}", "status_category": category}
        if not behaviour.conversation_types:
            del row["type"]
        if not behaviour.updated_at_on_conversations:
            del row["updated_at"]
        return self._grown(row)

    def _reminder(self, reminder: Row) -> Row:
        times = {name: stamp(at) for name, at in reminder.items() if name.endswith("_at")}
        return {"_links": {"related": {"owner": self._owner(reminder["owner"])}}} | times

    def _main_recipient(self, conversation: Conversation) -> Row | None:
        if not conversation.messages:
            return None
        first = conversation.messages[0]
        return self._party(first, "from" if first.inbound else "to")

    def _party(self, message: Message, role: str) -> Row:
        """The outside party of a message: a contact, or somebody that Front has no contact for."""
        contact = message.contact
        if not contact:
            return self._recipient(None, None, f"noreply-{message.conversation.n}@example.net", role)
        handle = contact.handles[0]["handle"] if contact.handles else None
        return self._recipient(contact.id, contact.name, handle, role)

    def _recipient(self, contact_id: str | None, name: str | None, handle: str | None, role: str) -> Row:
        contact = self.url("contacts", contact_id) if contact_id else None
        return {"_links": {"related": {"contact": contact}}, "name": name, "handle": handle, "role": role}

    def recipients(self, message: Message) -> list[Row]:
        """From and to; now and then cc, bcc and reply-to, one without a handle, one without a role."""
        n, outside, inside = message.n, *(("from", "to") if message.inbound else ("to", "from"))
        us = ADDRESSES[n % len(ADDRESSES)]
        found = [self._party(message, outside), self._recipient(None, "Acme", us, inside)]
        if n % 5 == 0:
            found.append(self._recipient(None, None, f"copy{n}@example.org", "cc"))
        if n % 11 == 0:
            found.append(self._recipient(None, "بريد", f"hidden{n}@example.org", "bcc"))
        if n % 7 == 0:
            found.append(self._party(message, "reply-to"))
        if n % 23 == 5:
            found.append(self._recipient(None, "No handle", None, "cc"))
            if n % 2:
                del found[-1]["handle"]
        if n % 53 == 7:
            found.append(self._recipient(None, None, "norole@example.org", ""))
            del found[-1]["role"]
        return found

    def attachments(self, item: Message | Comment) -> list[Row]:
        n, number = item.n, 2 if item.n % 45 == 0 else 1 if item.n % 9 == 0 else 0
        rows = []
        for k in range(number):
            file = f"fil_{_base36(46_656 + 2 * n + k)}"
            inline = {"is_inline": True, "cid": f"cid{n}"} if (n + k) % 2 else {"is_inline": False}
            name, kind = words.FILES[(n + k) % 5]
            row = {"id": file, "filename": name, "url": self.url("download", file), "content_type": kind}
            rows.append(self._grown(row | {"size": 100 + n, "metadata": inline}))
        return rows

    def message(self, message: Message) -> Row:
        n, company = message.n, self.company
        text = f"{words.SENTENCES[n % 10]} {words.SENTENCES[n // 10 % 10]}"
        self_url = self.url("messages", message.id)
        related = {"conversation": self.url("conversations", message.conversation.id)}
        if message.replied_to:
            related["message_replied_to"] = self.url("messages", message.replied_to)
        row: Row = {
            "_links": {"self": self_url, "related": related | {"message_seen": f"{self_url}/seen"}},
            "id": message.id,
            "message_uid": f"{n:032x}",
            "type": "sms" if message.conversation.n % 10 == 4 else "email",
            "is_inbound": message.inbound,
            "is_draft": False,
            "draft_mode": None,
            "error_type": "bounce" if n % 31 == 0 else None,
            "version": f"{n:016x}-1" if n % 2 else None,
            "created_at": stamp(message.created_at),
            "subject": message.conversation.subject,
            "blurb": text[:20],
            "author": self._teammate(message.author),
            "recipients": self.recipients(message),
            "body": f"<p>{text}</p>",
            "text": text,
            "attachments": self.attachments(message),
            "signature": None,
            "metadata": {"headers": {"in_reply_to": f"<{n}@acme.example>"}} if n % 4 == 0 else {},
        }
        if message.author and n % 6 == 0:
            teams = next(iter(company.teams), None)
            row["signature"] = {
                "_links": {"self": self.url("signatures", "sig_1"), "related": {"owner": self._owner(teams)}},
                "id": "sig_1", "name": None, "body": "<p>Cheers</p>", "sender_info": None, "is_private": False,
                "is_visible_for_all_teammate_channels": True, "is_default": False, "channel_ids": None,
            }  # fmt: skip
        return self._grown(row)

    def comment(self, comment: Comment) -> Row:
        self_url = self.url("comments", comment.id)
        related = {
            "conversation": self.url("conversations", comment.conversation.id),
            "mentions": f"{self_url}/mentions",
            "comment_replied_to": self.url("comments", comment.replied_to) if comment.replied_to else None,
        }
        return self._grown({
            "_links": {"self": self_url, "related": related},
            "id": comment.id,
            "author": self._teammate(comment.author),
            "body": words.SENTENCES[comment.n % 10] if comment.body is None else comment.body,
            "posted_at": stamp(comment.posted_at),
            "attachments": self.attachments(comment),
            "is_pinned": comment.pinned,
        })  # fmt: skip

    def event(self, event: Event) -> Row:
        kind, sources = event.source
        data = self._named(kind, sources)
        row: Row = {
            "_links": {"self": self.url("events", event.id)},
            "id": event.id,
            "type": event.type,
            "emitted_at": stamp(event.emitted_at),
            "source": {"_meta": {"type": kind}, "data": data if kind == "inboxes" else data[0]},
            "conversation": event.snapshot or self.conversation(event.conversation),
        }
        if event.target:
            row["target"] = {"_meta": {"type": event.target[0]}, "data": self._target(*event.target)}
        elif event.n % 2:
            row["target"] = None
        return self._grown(row)

    def _target(self, kind: str, data: Message | Comment | list[str]) -> object:
        if isinstance(data, Message):
            return self.message(data)
        if isinstance(data, Comment):
            return self.comment(data)
        if kind == "deleted_conversation_ids":
            objects = self.behaviour.merged_targets == "objects"
            return [{"id": each} for each in data] if objects else list(data)
        if kind == "custom_field":
            return {"_links": {"self": self.url("custom_fields", "fld_1")}, "id": "fld_1", "name": data[0]}
        rows = self._named(kind, data)
        return rows if kind == "inboxes" else rows[0]

    def _named(self, kind: str, ids: list[str]) -> list[Row]:
        known: dict[str, Thing] = getattr(self.company, kind if kind == "inboxes" else f"{kind}s")
        return [self.thing(known[each]) for each in ids]
