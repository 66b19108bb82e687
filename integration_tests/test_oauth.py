"""OAuth: one access token for all streams, renewed in time, kept by Airbyte, and in nothing else that is put out."""

from __future__ import annotations

import copy
import json
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from typing import Literal
from unittest.mock import patch

import pytest
from airbyte_cdk.models import ConfiguredAirbyteCatalogSerializer, FailureType, Status
from airbyte_cdk.utils.datetime_helpers import ab_datetime_parse

from integration_tests import connection
from integration_tests.reading import Program, Reading, Row, ago, assert_whole, catalog, offered, read
from integration_tests.sandbox import Behaviour, Fault, Request, Sandbox
from integration_tests.test_faults import waiting
from source_front import source
from source_front.source import SourceFront

TOKEN_URL = "https://app.frontapp.com/oauth/token"
REFRESH = "POST /oauth/token"
FEW = ["inboxes", "tags", "teammates"]
ROTATED = Behaviour(refresh_token="rotated", refresh_revokes_access=True)


@contextmanager
def signing_in_at(sandbox: Sandbox, streams: Sequence[str] = ()) -> Iterator[None]:
    """The manifest with the sandbox's token endpoint, which no form can name: the app's secret goes to Front alone."""
    with connection.built_lightly(streams or list(offered())):
        text = json.dumps(source.resolve({}))
        assert TOKEN_URL in text
        port = sandbox.url.rpartition(":")[2]  # as 443 does at Front, it tells OAuth's requests
        moved = json.loads(text.replace(TOKEN_URL, f"{sandbox.url}/oauth/token").replace(":443/'", f":{port}/'"))
        with patch.object(source, "resolve", lambda _: moved):
            yield


def config(sandbox: Sandbox, **credentials: str) -> Row:
    return sandbox.config(credentials=sandbox.tokens.credentials(**credentials), start_date=ago(60), num_workers=8)


def synced(sandbox: Sandbox, form: Row, streams: Sequence[str] = FEW) -> Reading:
    with signing_in_at(sandbox, streams):
        return read(copy.deepcopy(form), streams)


def check(sandbox: Sandbox, form: Row) -> tuple[Status, str]:
    with signing_in_at(sandbox, ["inboxes"]):
        form = copy.deepcopy(form)
        answer = SourceFront(config=form).check(logging.getLogger("airbyte"), form)
    return answer.status, answer.message or ""


def refreshes(sandbox: Sandbox) -> list[Request]:
    return [each for each in sandbox.log if each.route == REFRESH]


def kept(capsys: pytest.CaptureFixture[str]) -> list[Row]:
    """The configurations that Airbyte was told to keep, in order."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith('{"type":"CONTROL"')]
    return [line["control"]["connectorConfig"]["config"] for line in lines]


def in_an_hour() -> str:
    return (datetime.now(timezone.utc) + timedelta(hours=1)).isoformat()


@pytest.mark.parametrize("refresh_token", ["same", "left out", "rotated"])
def test_given_tokens_that_end_meanwhile_when_all_streams_are_read_by_eight_then_one_at_a_time_is_fetched(
    capsys: pytest.CaptureFixture[str], refresh_token: Literal["same", "left out", "rotated"]
) -> None:
    """With a refresh token that is good once, two refreshes at a time would end the sync."""
    if refresh_token == "rotated":
        streams, behaviour = list(offered()), Behaviour(refresh_token="rotated", latency_s=0.01)
    else:
        streams, behaviour = FEW, Behaviour(refresh_token=refresh_token, latency_s=0.05, page_size_cap=1)
    behaviour = replace(behaviour, access_token_lifetime_s=2)
    with Sandbox(seed=1, conversations=20, behaviour=behaviour) as sandbox:
        reading = synced(sandbox, config(sandbox), streams)
        assert_whole(sandbox, reading, start_date=ago(60))
        asked = refreshes(sandbox)
        assert len(asked) >= 2
        assert {each.status for each in asked} == {200}
        assert all(after.at - before.at > 0.9 for before, after in pairwise(asked))
        last = kept(capsys)[-1]["credentials"]
        assert last["refresh_token"] == sandbox.tokens.refresh_token
        assert last["access_token"] in sandbox.tokens.secrets


def test_given_an_access_token_that_is_good_when_synced_then_it_is_used_and_none_is_fetched(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Sandbox(seed=1, conversations=1) as sandbox:
        token, _ = sandbox.tokens.issue(sandbox.company.now())
        reading = synced(sandbox, config(sandbox, access_token=token, token_expiry_date=in_an_hour()))
        assert_whole(sandbox, reading)
        assert not refreshes(sandbox)
        assert not kept(capsys)


@pytest.mark.parametrize(
    "credentials",
    [
        {},
        {"access_token": "of-another-day"},
        {"access_token": "of-another-day", "token_expiry_date": "2026-01-01T00:00:00Z"},
        {"access_token": "of-another-day", "token_expiry_date": "2026-01-01T00:00:00.123456+00:00"},
    ],
    ids=["neither", "no end", "ended", "ended, as written by the CDK"],
)
def test_given_no_good_access_token_when_synced_then_one_is_fetched_first(credentials: dict[str, str]) -> None:
    with Sandbox(seed=1, conversations=1, behaviour=ROTATED) as sandbox:
        assert_whole(sandbox, synced(sandbox, config(sandbox, **credentials)))
        assert [each.status for each in refreshes(sandbox)] == [200]
        assert sandbox.log[0].route == REFRESH


@pytest.mark.parametrize("text", [False, True], ids=["a number", "a text"])
def test_given_expires_at_when_a_token_is_fetched_then_airbyte_keeps_both_tokens_and_when_one_ends(
    capsys: pytest.CaptureFixture[str], text: bool
) -> None:
    behaviour = Behaviour(refresh_token="rotated", access_token_lifetime_s=1800, expires_at_is_text=text)
    with Sandbox(seed=1, conversations=1, behaviour=behaviour) as sandbox:
        form = config(sandbox)
        assert_whole(sandbox, synced(sandbox, form))
        (now,) = kept(capsys)
        credentials = now["credentials"]
        assert credentials["refresh_token"] == sandbox.tokens.refresh_token != form["credentials"]["refresh_token"]
        assert credentials["access_token"] in sandbox.tokens.secrets
        ends_in = ab_datetime_parse(credentials["token_expiry_date"]).timestamp() - sandbox.company.now()
        assert ends_in == pytest.approx(1800, abs=30)
        renewed = {name: credentials[name] for name in ("refresh_token", "access_token", "token_expiry_date")}
        as_filled_in = form | {"credentials": form["credentials"] | renewed}
        assert {name: now[name] for name in form} == as_filled_in, "the rest of the form"


def test_given_what_airbyte_kept_when_synced_again_then_the_new_tokens_are_used(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Sandbox(seed=1, conversations=1, behaviour=ROTATED) as sandbox:
        synced(sandbox, config(sandbox))
        (form,) = kept(capsys)
        assert_whole(sandbox, synced(sandbox, form))
        assert len(refreshes(sandbox)) == 1, "the access token is still good"
        form["credentials"]["token_expiry_date"] = "2026-01-01T00:00:00Z"
        assert_whole(sandbox, synced(sandbox, form))
        assert [each.status for each in refreshes(sandbox)] == [200, 200], "the refresh token is the new one"


@pytest.mark.parametrize("status", [400, 401, 403])
def test_given_a_dead_refresh_token_when_used_then_it_is_told_to_authenticate_again(
    capsys: pytest.CaptureFixture[str], status: Literal[400, 401, 403]
) -> None:
    with Sandbox(seed=1, conversations=1, behaviour=Behaviour(dead_refresh_status=status)) as sandbox:
        form = config(sandbox)
        sandbox.tokens.refresh_token = ""
        verdict, sentence = check(sandbox, form)
        assert verdict is Status.FAILED
        assert "Re-authenticate" in sentence
        assert "invalid_grant" in sentence
        assert "Traceback" not in sentence
        reading = synced(sandbox, form, ["tags"])
        assert reading.failure_types == {FailureType.config_error}
        told = {error.splitlines()[0] for error in reading.errors}
        assert any("Re-authenticate" in each for each in told), told
        assert {each.route for each in sandbox.log} == {REFRESH}, "Front's API is not asked"
        assert not kept(capsys)


def test_given_an_apps_wrong_secret_when_used_then_it_is_told_to_authenticate_again() -> None:
    with Sandbox(seed=1, conversations=1) as sandbox:
        verdict, sentence = check(sandbox, config(sandbox, client_secret="of-another-app"))
        assert verdict is Status.FAILED
        assert "Re-authenticate" in sentence
        assert "invalid_client" in sentence


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_given_a_token_endpoint_that_is_down_for_a_while_when_synced_then_nothing_is_lost(
    monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    waits = waiting(monkeypatch)
    with Sandbox(seed=1, conversations=1, behaviour=ROTATED) as sandbox:
        sandbox.faults.append(Fault(route=REFRESH, status=status, times=4))
        assert_whole(sandbox, synced(sandbox, config(sandbox)))
        assert [each.status for each in refreshes(sandbox)] == [status] * 4 + [200]
        assert len(waits.naps) >= 4


def test_given_either_way_to_sign_in_when_checked_then_it_succeeds() -> None:
    with Sandbox(seed=1, conversations=1) as sandbox:
        assert check(sandbox, config(sandbox)) == (Status.SUCCEEDED, "")
        assert len(refreshes(sandbox)) == 1
        assert check(sandbox, sandbox.config()) == (Status.SUCCEEDED, "")
        assert len(refreshes(sandbox)) == 1


def test_given_access_tokens_that_are_revoked_early_when_synced_then_each_is_replaced_once_and_nothing_is_lost() -> (
    None
):
    """Also those of requests that are on their way: a refresh ends the token before it."""
    behaviour = replace(ROTATED, access_token_lifetime_s=2, latency_s=0.05)
    with Sandbox(seed=1, conversations=20, behaviour=behaviour) as sandbox:
        form = config(sandbox, access_token="revoked", token_expiry_date=in_an_hour())
        streams = ["conversation_messages", "comments", "contact_notes", "teammates"]
        reading = synced(sandbox, form, streams)
        assert_whole(sandbox, reading, start_date=ago(60))
        refused = [each for each in sandbox.log if each.status == 401]
        assert len(refused) > 2, "by eight workers"
        assert {each.status for each in refreshes(sandbox)} == {200}
        assert all(after.at - before.at > 0.9 for before, after in pairwise(refreshes(sandbox)[1:]))


def test_given_access_tokens_that_front_never_accepts_when_synced_then_it_fails_after_one_refresh() -> None:
    with Sandbox(seed=1, conversations=1) as sandbox:
        sandbox.faults.append(Fault(route="GET /tags", status=401, times=99))
        reading = synced(sandbox, config(sandbox), ["tags"])
        assert reading.failure_types == {FailureType.config_error}
        assert [each.route for each in sandbox.log] == [REFRESH, "GET /tags", REFRESH, "GET /tags"]
        assert "Refreshed OAuth access token is rejected" in reading.errors[0]


@pytest.fixture
def launched(program: Program, tmp_path: Path) -> Program:
    """`source-front` as a process of its own, but for where tokens are fetched; a test says where in `token_url`."""
    script = tmp_path / "source-front"
    script.write_text(
        f"#!{sys.executable}\n"
        "from pathlib import Path\n"
        "from source_front import run, source\n"
        "as_written = source.load_manifest\n"
        "def load_manifest():\n"
        "    manifest = as_written()\n"
        "    oauth = manifest['definitions']['authenticator']['authenticators']['oauth2.0']\n"
        "    oauth['token_refresh_endpoint'] = Path(__file__).with_name('token_url').read_text()\n"
        "    return manifest\n"
        "source.load_manifest = load_manifest\n"
        "run.main()\n"
    )
    script.chmod(0o755)
    return Program(script, program.folder)


def test_given_any_output_when_searched_then_tokens_and_secrets_are_only_in_what_airbyte_is_to_keep(
    launched: Program,
) -> None:
    """A read with --debug, one of whose streams lacks its scope, then one whose refresh token is dead."""
    scopes = frozenset({"tags:read", "inboxes:read", "contacts:read", "teammates:read"})
    behaviour = replace(ROTATED, scopes=scopes, access_token_lifetime_s=2, latency_s=0.25, page_size_cap=1)
    with Sandbox(seed=1, conversations=20, behaviour=behaviour) as sandbox:
        (launched.folder / "token_url").write_text(f"{sandbox.url}/oauth/token")
        streams = ["contacts", "channels"]
        inputs = {"catalog": ConfiguredAirbyteCatalogSerializer.dump(catalog(streams)), "config": config(sandbox)}
        first = launched.run("read", "--debug", **inputs)
        assert len(refreshes(sandbox)) >= 2
        second = launched.run("read", "--debug", **inputs)  # with the first refresh token again: it is dead
        third = launched.run("check", "--debug", config=inputs["config"])
    text = "\n".join([first.stdout, first.stderr, second.stdout, second.stderr, third.stdout, third.stderr])
    lines = text.splitlines()
    control = [line for line in lines if line.startswith('{"type":"CONTROL"')]
    others = "\n".join(line for line in lines if line not in control)
    assert len(control) == len([each for each in refreshes(sandbox) if each.status == 200])
    assert sandbox.tokens.refresh_token in control[-1]
    assert (first.returncode, second.returncode) == (1, 1)
    for expected in ('"type": "DEBUG"', '"type":"TRACE"', '"type":"RECORD"', "channels:read", "Re-authenticate"):
        assert expected in others
    assert "Authorization" in others  # the headers of every request, as --debug shows them
    found = [secret for secret in sandbox.tokens.secrets if secret in others]
    assert not found
