"""What Front sends is data: no address to ask, no path to write to, no sentence that may repeat a secret.

That no redirect, `next` or link takes the token elsewhere, and that no log shows it, is in test_token.py.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from airbyte_cdk.models import ConfiguredAirbyteCatalogSerializer

from integration_tests.connection import STREAMS, built_lightly
from integration_tests.reading import Program, ago, catalog
from integration_tests.reading import read as read_all
from integration_tests.sandbox import Behaviour, Fault, Sandbox, words
from integration_tests.warehouse import last_states
from unit_tests.front import CONFIG, Front, Row, links, page, read, rows

ELSEWHERE = "http://elsewhere.example"
GROWN = {
    name: f"{ELSEWHERE}/{name}"
    for name in ("url", "messages_url", "comments_url", "path", "next", "href", "location", "after", "self")
}
"""Fields that Front may have tomorrow, or an integration may set."""


def give(front: Front) -> None:
    """Lists, pages and rows that all have these fields, and so have their links."""
    related = dict.fromkeys(("conversation", "messages", "comments", "notes", "inbox", "contact"), f"{ELSEWHERE}/x")
    linked: Row = {"self": ELSEWHERE, "related": related | {"last_message": f"{ELSEWHERE}/messages/msg_1"}}
    whole = {"id": "cnv_1", "type": "conversation", "updated_at": 4_000_000_000, "_links": linked, **GROWN}
    file = {"id": "fil_1", "filename": "x", **GROWN}
    front.always("/conversations", page(whole, {**whole, "id": "cnv_2", "type": "discussion"}, **GROWN))
    front.always("/inboxes", page({"id": "inb_1", "_links": linked, **GROWN}, **GROWN))
    front.always("/inboxes/inb_1/conversations", page(whole, **GROWN))
    front.always("/search", page(**GROWN, _total=0))
    front.always("/search is:trashed", page(whole, **GROWN, _total=1))
    front.always("/search inbox:inb_1", page(whole, **GROWN, _total=1))
    front.always("/contacts", page({"id": "crd_1", "updated_at": 1, "_links": linked, **GROWN}, **GROWN))
    front.always("/teams", page({"id": "tim_1", "_links": linked, **GROWN}, **GROWN))
    front.has("/teams/tim_1", {"id": "tim_1", **GROWN})
    event = {"id": "evt_1", "emitted_at": 1_700_000_000, "type": "assign", "conversation": whole, **GROWN}
    front.always("/events", page(event, **GROWN))
    for name in ("cnv_1", "cnv_2"):
        front.has(f"/conversations/{name}", {**whole, "id": name})
        message = {"id": "msg_1", "created_at": 1, "attachments": [file], "_links": links(), **GROWN}
        front.always(f"/conversations/{name}/messages", page(message, **GROWN))
        comment = {"id": "com_1", "posted_at": 1, "attachments": [file], "_links": links(), **GROWN}
        front.always(f"/conversations/{name}/comments", page(comment, **GROWN))


def test_given_addresses_in_all_that_front_sends_when_synced_twice_then_none_is_asked() -> None:
    """In a field of any name, at any depth. (Front itself fails a test in which the token goes to another host.)"""
    with Front() as front:
        give(front)
        with built_lightly(STREAMS):
            first = read_all(CONFIG, STREAMS)
            again = read_all(CONFIG, STREAMS, state=last_states(first.output.get_message_iterator()))
        assert rows(read("teams", "team_inboxes"), "teams") == [{"id": "tim_1", **GROWN}]
    assert not first.errors + again.errors
    assert {row["url"] for row in first.rows["attachments"]} == {GROWN["url"]}
    assert not [route for asked in front.asked for route in [asked.route] if route.strip("/") in GROWN]


NAMES = [
    "../../escaped.txt",
    "/tmp/escaped.txt",
    "..\\..\\escaped.txt",
    "a/b/c.txt",
    "con",
    "x" * 5_000,
    "\x00",
    "~/.ssh",
]


def test_given_attachments_with_paths_for_names_when_read_then_they_are_rows_and_no_file_is_written(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [(name, "text/plain") for name in NAMES]
    monkeypatch.setattr(words, "FILES", found[:5])
    monkeypatch.setenv("TMPDIR", str(program.folder))
    before = {each.name for each in program.folder.parent.iterdir()}
    with Sandbox(conversations=30, behaviour=Behaviour(links_host="other")) as sandbox:
        reading, done = program.read(sandbox.config(start_date=ago(400)), ["attachments"])
        assert done.returncode == 0
        assert {each.host for each in sandbox.log} == {sandbox.url.removeprefix("http://")}
        assert not [each for each in sandbox.log if "download" in each.path]
    assert {row["filename"] for row in reading.rows["attachments"]} >= set(NAMES[:3])
    assert {each.name for each in program.folder.iterdir()} == {"config.json", "catalog.json"}
    assert {each.name for each in program.folder.parent.iterdir()} == before
    assert not Path("/tmp/escaped.txt").exists()


def test_given_an_error_that_repeats_the_token_when_told_then_it_is_left_out(program: Program) -> None:
    """Front, or a proxy before it, may quote the request: in a body, a header, or the address that it names."""
    with Sandbox(conversations=1) as sandbox:
        body = json.dumps({"_error": {"status": 401, "message": f"No session for Bearer {sandbox.token}"}})
        for status, command in ((401, "check"), (404, "read")):
            sandbox.faults = [Fault(status=status, body=body.replace("401", str(status)), times=100)]
            inputs: dict[str, object] = {"config": sandbox.config()}
            if command == "read":
                inputs["catalog"] = ConfiguredAirbyteCatalogSerializer.dump(catalog(["tags", "comments"]))
            done = program.run(command, "--debug", **inputs)
            assert "No session for Bearer" in done.stdout, "the rest of the sentence is told"
            for part in sandbox.token.split("."):
                assert part not in done.stdout + done.stderr


def test_given_oauth_when_read_with_debug_then_no_secret_is_put_out(program: Program) -> None:
    """The access token is the sandbox's and still good: none is fetched."""
    secret = {"client_id": "oa-cli-7c1d", "client_secret": "oa-sec-91ff", "refresh_token": "oa-ref-55ab"}
    expiry = datetime.now(timezone.utc) + timedelta(days=1)
    with Sandbox(conversations=5, behaviour=Behaviour(rpm=5_000)) as sandbox:
        secret["access_token"] = sandbox.token
        credentials = {"auth_type": "oauth2.0", "token_expiry_date": f"{expiry:%Y-%m-%dT%H:%M:%SZ}", **secret}
        config = sandbox.config(credentials=credentials, start_date=ago(60))
        inputs = {"config": config, "catalog": ConfiguredAirbyteCatalogSerializer.dump(catalog(["tags", "contacts"]))}
        done = program.run("read", "--debug", **inputs)
        assert done.returncode == 0, done.stdout[-2_000:]
        assert all(each.status == 200 for each in sandbox.log)
    told = [line for line in (done.stdout + done.stderr).splitlines() if '"type":"CONTROL"' not in line]
    assert any("Authorization" in line for line in told)
    for value in secret.values():
        assert not [line for line in told if value in line]
