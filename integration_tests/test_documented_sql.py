"""The SQL of docs/front.md, run in DuckDB as it stands there over several syncs of a company that changes."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cache
from pathlib import Path
from typing import Literal

import duckdb
import pytest
from airbyte_cdk.models import AirbyteMessage, AirbyteRecordMessage, Type

from integration_tests import truth
from integration_tests.connection import Connection
from integration_tests.reading import Row, comparable, offered, primary_key
from integration_tests.sandbox import Behaviour, Sandbox
from integration_tests.warehouse import Warehouse

PAGE = Path(__file__).parents[1] / "docs" / "front.md"
Destination = Literal["soft deletion", "hard deletion", "append"]
DESTINATIONS: list[Destination] = ["soft deletion", "hard deletion", "append"]
"""Append + Deduped with either option for deleted rows, and Append."""

# What brings a table as Front has it now: the view's name on the page, and the table it is written for there.
VIEWS = {
    "conversations": ("living_conversations", ""),
    "conversation_tags": ("current_conversation_tags", "conversation_tags"),
    "conversation_links": ("current_conversation_tags", "conversation_tags"),
    "conversation_inboxes": ("current_conversation_inboxes", "conversation_inboxes"),
    "conversation_followers": ("current_conversation_inboxes", "conversation_inboxes"),
    "contact_handles": ("current_contact_handles", "contact_handles"),
    "contact_groups": ("current_contact_handles", "contact_handles"),
    "contact_links": ("current_contact_handles", "contact_handles"),
}
# These hold it as they are. (Recipients and attachments of messages come from the same answers as messages.)
PLAIN = ["conversation_messages", "comments", "comment_mentions", "attachments", "contacts"]
STREAMS = [*VIEWS, *PLAIN]
TYPES = {"string": "VARCHAR", "number": "DOUBLE", "integer": "BIGINT", "boolean": "BOOLEAN"}


@cache
def documented() -> dict[str, str]:
    """The page's statements by the name of the view they create, in their order."""
    found = re.findall(r"^```sql\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return {re.findall(r"^create view (\w+) as$", sql, re.MULTILINE)[0]: sql for sql in found}


# A company, sync by sync


@dataclass(frozen=True)
class Round:
    """One sync: what it emitted, and what Front held when it had run."""

    emitted: list[AirbyteMessage]
    held: dict[str, list[Row]]


def _rounds(sandbox: Sandbox) -> Iterator[Round]:
    connection = Connection(sandbox, *STREAMS)
    dice = random.Random(11)
    for change in (_nothing, _on_purpose, _more_on_purpose, _at_random):
        change(sandbox, dice)
        emitted = connection.sync()
        held = {name: truth.expected(sandbox.company, sandbox.behaviour, name) for name in STREAMS}
        yield Round(emitted, held)


def _nothing(sandbox: Sandbox, dice: random.Random) -> None:
    """The first sync."""


def _on_purpose(sandbox: Sandbox, dice: random.Random) -> None:
    """What is hard to get right, all in one sync; each on a conversation of its own."""
    company, changes = sandbox.company, sandbox.changes
    plain = [each for each in company.living() if each.inboxes and each.messages and each.state != "deleted"]
    tagged = [each for each in plain if each.tags]
    first, second, third = tagged[:3]
    changes.untag(first.id, first.tags[0])
    changes.tag(first.id, (put_back := min(company.tags)))
    changes.untag(first.id, put_back)
    changes.tag(first.id, put_back)
    for tag in list(second.tags):  # the last one too: no row is left that could be newer
        changes.untag(second.id, tag)
    changes.tag(third.id, (taken_off := max(company.tags)))
    changes.untag(third.id, taken_off)
    linked = next(each for each in plain if each.links)
    changes.link(linked.id, max(company.links))
    changes.unlink(linked.id, linked.links[0])
    rest = [each for each in plain if each not in (first, second, third, linked)]
    changes.merge(rest[0].id, rest[1].id)
    changes.move(rest[2].id, [each for each in company.inboxes if _reads(sandbox, each)][:2])
    for follower in list(company.teammates)[:3]:
        changes.follow(rest[3].id, follower)
    changes.comment(rest[3].id, [min(company.teammates)])
    changes.new_discussion()
    contact = next(each for each in company.contacts.values() if each.lists and len(each.handles) > 1)
    with company.lock:
        contact.lists, contact.handles = [], contact.handles[1:]
    changes.touch_contact(contact.id)


def _more_on_purpose(sandbox: Sandbox, dice: random.Random) -> None:
    """What undoes or goes on with the above, in another sync."""
    company, changes = sandbox.company, sandbox.changes
    followed = max(company.living(), key=lambda each: len(each.followers))
    changes.unfollow(followed.id, followed.followers[0])
    changes.archive(followed.id)
    moved = next(each for each in company.living() if len(each.inboxes) > 1)
    changes.move(moved.id, moved.inboxes[1:])
    plain = [each for each in company.living() if each.inboxes and each.state != "deleted"]
    survivor = next(each.merged_into for each in company.conversations.values() if each.merged_into)
    into = next(each for each in plain if each.tags and each is not survivor)
    changes.merge(survivor.id, into.id)
    changes.untag(into.id, into.tags[0])
    deleted = next(tag for each in plain for tag in each.tags if tag != min(company.tags))
    for each in company.living():  # a tag that is deleted leaves its conversations without a word
        if deleted in each.tags:
            with company.lock:
                each.tags = [tag for tag in each.tags if tag != deleted]
            changes.tag(each.id, min(company.tags))
    bare = next(each for each in plain if not each.tags)
    changes.tag(bare.id, min(company.tags))
    changes.trash(bare.id)


def _at_random(sandbox: Sandbox, dice: random.Random) -> None:
    for _ in range(20):
        sandbox.changes.random_change(dice)


def _reads(sandbox: Sandbox, inbox: str) -> bool:
    return not sandbox.company.inboxes[inbox].private and inbox not in sandbox.company.forbidden_inboxes


@pytest.fixture(scope="module")
def rounds() -> Iterator[list[Round]]:
    with Sandbox(seed=6, conversations=20, behaviour=Behaviour(event_conversation="then")) as sandbox:
        yield list(_rounds(sandbox))


# A warehouse


class Database:
    """DuckDB with what one destination made of these syncs, under the names that the page's SQL uses."""

    def __init__(self, destination: Destination, rounds: list[Round], folder: Path) -> None:
        self._connection = duckdb.connect()
        self._folder = folder
        if destination == "append":
            self._append(rounds)
            return
        warehouse = Warehouse(hard_deletion=destination == "hard deletion")
        for each in rounds:
            warehouse.land(each.emitted)
        for stream in STREAMS:
            self._table(stream, columns(stream), warehouse.rows(stream))

    def _append(self, rounds: list[Round]) -> None:
        """Every record is a row, and the page's view over each table reduces them."""
        self._connection.execute("create schema front_append")
        emitted = [message.record for each in rounds for message in each.emitted if message.record]
        for stream in STREAMS:
            rows = [each.data | {"_airbyte_extracted_at": each.emitted_at} for each in emitted if each.stream == stream]
            self._table(f"front_append.{stream}", columns(stream) | {"_airbyte_extracted_at": "BIGINT"}, rows)
            sql = documented()["conversation_tags"].replace("conversation_tags", stream)
            sql = sql.replace("conversation_id, tag_id", ", ".join(primary_key(stream)))
            (cursor,) = offered()[stream].default_cursor_field or []
            self._connection.execute(sql.replace("changed_at", cursor))

    def _table(self, name: str, kinds: dict[str, str], rows: list[Row]) -> None:
        file = self._folder / "rows.jsonl"
        file.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
        types = ", ".join(f"{column} {kind}" for column, kind in kinds.items())
        self._connection.execute(f"create table {name} ({types})")
        landed = "read_json($file, format = 'newline_delimited', columns = $columns)"
        self._connection.execute(f"insert into {name} from {landed}", {"file": str(file), "columns": kinds})

    def create(self, view: str, written_for: str, table: str, *, without: str = "") -> str:
        """Run the page's statement for another table than it is written for; the name of the view it made."""
        sql = documented()[view]
        assert without in sql
        sql = sql.replace(without, "")
        if written_for:
            sql, view = sql.replace(written_for, table), view.replace(written_for, table)
        self._connection.execute(sql)
        return view

    def rows(self, view: str, names: list[str]) -> list[Row]:
        found = self._connection.execute(f"select {', '.join(names)} from {view}").fetchall()
        return [dict(zip(names, row, strict=True)) for row in found]

    def problems(self, held: dict[str, list[Row]], *, broken: str = "", without: str = "") -> list[str]:
        """Where a table or its view is not what Front holds. `without`: what to leave out of the view `broken`."""
        wrong = []
        made = {name: name for name in PLAIN} | {
            name: self.create(view, written_for, name, without=without if view == broken else "")
            for name, (view, written_for) in VIEWS.items()
        }
        for stream, view in made.items():
            got = [comparable(row) for row in self.rows(view, list(columns(stream)))]
            want = [comparable({name: row.get(name) for name in columns(stream)}) for row in held[stream]]
            surplus, missing = [row for row in got if row not in want], [row for row in want if row not in got]
            if surplus or missing or len(got) != len(want):
                wrong.append(f"{stream}: {len(got)} rows of {len(want)}; too many {surplus[:2]}, missing {missing[:2]}")
        return wrong


@cache
def columns(stream: str) -> dict[str, str]:
    """Those with a plain type, with the type that a destination gives them."""
    found: dict[str, str] = {}
    for name, field in offered()[stream].json_schema["properties"].items():
        kinds = (
            [field["type"]] if isinstance(field["type"], str) else [each for each in field["type"] if each != "null"]
        )
        if len(kinds) == 1 and kinds[0] in TYPES:
            found[name] = TYPES[kinds[0]]
    return found


# The tests


@pytest.mark.parametrize("destination", DESTINATIONS)
def test_given_several_syncs_when_the_pages_views_are_asked_then_they_hold_what_front_holds(
    rounds: list[Round], destination: Destination, tmp_path: Path
) -> None:
    for number, each in enumerate(rounds, start=1):
        problems = Database(destination, rounds[:number], tmp_path).problems(each.held)
        assert not problems, f"after sync {number}: {problems}"


@pytest.mark.parametrize(
    ("view", "clause", "destination"),
    [
        ("living_conversations", "where _ab_cdc_deleted_at is null", "soft deletion"),
        ("current_conversation_tags", "where r._ab_cdc_deleted_at is null", "soft deletion"),
        ("current_conversation_tags", "and newest.conversation_id in (select id from living_conversations)", "append"),
        ("current_conversation_inboxes", "newest.age = 1\n  and ", "hard deletion"),
        (
            "current_conversation_inboxes",
            "\n  and newest.conversation_id in (select id from living_conversations)",
            "append",
        ),
        ("current_conversation_tags", "newest.age = 1\n  and ", "append"),
        ("current_contact_handles", "where r.contact_updated_at >= c.updated_at", "hard deletion"),
    ],
)
def test_given_a_clause_left_out_of_a_view_when_asked_then_it_is_wrong(
    rounds: list[Round], view: str, clause: str, destination: Destination, tmp_path: Path
) -> None:
    """Each clause on the page is needed; and the test above would see it fail."""
    assert Database(destination, rounds, tmp_path).problems(rounds[-1].held, broken=view, without=clause)


def test_given_unix_seconds_when_the_pages_view_is_asked_then_they_are_utc_timestamps(
    rounds: list[Round], tmp_path: Path
) -> None:
    database = Database("hard deletion", rounds, tmp_path)
    view = database.create("conversations_utc", "", "conversations")
    rows = database.rows(view, ["created_at", "created_at_utc", "updated_at", "updated_at_utc"])
    assert any(row["updated_at"] % 1 for row in rows)
    for row in rows:
        for name in ("created_at", "updated_at"):
            assert row[f"{name}_utc"].replace(tzinfo=timezone.utc) == datetime.fromtimestamp(row[name], timezone.utc)


@pytest.mark.parametrize("hard_deletion", [False, True])
def test_given_rows_of_one_key_when_landed_then_the_newest_cursor_stays_and_of_equal_ones_the_later(
    hard_deletion: bool,
) -> None:
    """What Airbyte's destinations do, and what the test above leans on."""

    def row(changed_at: float, deleted_at: float | None = None) -> AirbyteMessage:
        data = {"conversation_id": "cnv_1", "tag_id": "tag_1", "changed_at": changed_at}
        data |= {"_ab_cdc_deleted_at": deleted_at} if deleted_at else {}
        record = AirbyteRecordMessage(stream="conversation_tags", data=data, emitted_at=0)
        return AirbyteMessage(type=Type.RECORD, record=record)

    warehouse = Warehouse(hard_deletion=hard_deletion)
    for emitted, lives in [
        ([row(2), row(1, deleted_at=1)], True),  # older, though it came later
        ([row(1.5, deleted_at=1.5)], True),
        ([row(2, deleted_at=2)], False),  # equal
        ([row(3, deleted_at=3), row(3)], True),
        ([row(4, deleted_at=4), row(3.5)], False),
    ]:
        warehouse.land(emitted)
        assert bool(warehouse.living("conversation_tags")) is lives
    assert len(warehouse.rows("conversation_tags")) == (0 if hard_deletion else 1)


def test_given_the_page_when_read_then_each_statement_on_it_is_run_here() -> None:
    assert set(documented()) == {view for view, _ in VIEWS.values()} | {"conversation_tags", "conversations_utc"}
