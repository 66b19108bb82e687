"""Input that nobody should give: told in a sentence that says what to do, before Front is asked for anything."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from airbyte_cdk.models import ConfiguredAirbyteCatalogSerializer

from integration_tests.connection import built_lightly
from integration_tests.reading import Program, catalog
from integration_tests.sandbox import Sandbox
from source_front import run

STREAM = "tags"
SECRET = "s3cret"
TOKEN = {"auth_type": "api_token", "api_token": "any"}
OAUTH = {"auth_type": "oauth2.0", "client_id": SECRET, "client_secret": SECRET, "refresh_token": SECRET}
Form = dict[str, Any]


def _token(value: object) -> Form:
    return {"credentials": TOKEN | {"api_token": value}}


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:00:00Z}"  # the hour: every process of the tests must name it alike


WAY = "Authentication (credentials.auth_type) must be api_token or oauth2.0."
GROUP = "Authentication (credentials) must be a group of fields."
ALONE = 'API Token (credentials.api_token) must be the token alone, without "Bearer" and without spaces.'
TOKEN_TEXT = "API Token (credentials.api_token) must be a text."
SINCE = "Start Date (start_date) must be YYYY-MM-DDTHH:MM:SSZ, such as 2026-01-01T00:00:00Z."
EXISTS = "Start Date (start_date) must be a time that exists, such as 2026-01-01T00:00:00Z."
FUTURE = "Start Date (start_date) is in the future: set an earlier time, or none for the last three months."
PRIVATE = "Include Private Resources (include_private_resources) must be true or false."
RATE = "Requests per Minute (requests_per_minute) must be "
WORKERS = "Number of Workers (num_workers) must be "
ADDRESS = "API URL (api_url) must be https://api2.frontapp.com."

REFUSED: list[tuple[Form, str]] = [
    ({"credentials": None}, GROUP),
    ({"credentials": SECRET}, GROUP),
    ({"credentials": [SECRET]}, GROUP),
    ({"credentials": {}}, WAY),
    ({"credentials": {"api_token": SECRET}}, WAY),
    ({"credentials": TOKEN | {"auth_type": SECRET}}, WAY),
    ({"credentials": TOKEN | {"auth_type": None}}, WAY),
    ({"credentials": TOKEN | {"auth_type": [SECRET]}}, WAY),
    ({"credentials": {"auth_type": "api_token"}}, "API Token (credentials.api_token) is missing: fill it in."),
    (_token(None), TOKEN_TEXT),
    (_token(7), TOKEN_TEXT),
    (_token({"of": SECRET}), TOKEN_TEXT),
    (_token(""), ALONE),
    (_token(" "), ALONE),
    (_token(f"Bearer {SECRET}"), ALONE),
    (_token(f" {SECRET}"), ALONE),
    (_token(f"{SECRET}\n"), ALONE),
    (
        {"credentials": {key: OAUTH[key] for key in OAUTH if key != "client_id"}},
        "Client ID (credentials.client_id) is missing: fill it in.",
    ),
    (
        {"credentials": {"auth_type": "oauth2.0", "api_token": SECRET}},
        "Client ID (credentials.client_id) is missing: fill it in. "
        "Client Secret (credentials.client_secret) is missing: fill it in. "
        "Refresh Token (credentials.refresh_token) is missing: fill it in.",
    ),
    ({"credentials": OAUTH | {"client_secret": 7}}, "Client Secret (credentials.client_secret) must be a text."),
    ({"credentials": OAUTH | {"refresh_token": None}}, "Refresh Token (credentials.refresh_token) must be a text."),
    (
        {"credentials": OAUTH | {"client_id": ""}},
        "Client ID (credentials.client_id) must be the ID alone, without spaces.",
    ),
    (
        {"credentials": OAUTH | {"refresh_token": f"{SECRET}\n"}},
        "Refresh Token (credentials.refresh_token) must be the token alone, without spaces.",
    ),
    (
        {"credentials": OAUTH | {"token_expiry_date": SECRET}},
        "Access Token Expiry (credentials.token_expiry_date) must be YYYY-MM-DDTHH:MM:SSZ.",
    ),
    ({"start_date": ""}, SINCE),
    ({"start_date": "2026-01-01"}, SINCE),
    ({"start_date": "2026-01-01T00:00:00"}, SINCE),
    ({"start_date": "2026-01-01T00:00:00+02:00"}, SINCE),
    ({"start_date": " 2026-01-01T00:00:00Z"}, SINCE),
    ({"start_date": "2026-01-01T00:00:00Z\n"}, SINCE),
    ({"start_date": SECRET}, SINCE),
    ({"start_date": "2026-02-30T00:00:00Z"}, EXISTS),
    ({"start_date": "0000-01-01T00:00:00Z"}, EXISTS),
    ({"start_date": _at(datetime.now(timezone.utc) + timedelta(days=2))}, FUTURE),
    ({"start_date": "9999-12-31T23:59:59Z"}, FUTURE),
    ({"start_date": None}, "Start Date (start_date) must be a text."),
    ({"start_date": 1767225600}, "Start Date (start_date) must be a text."),
    ({"include_private_resources": "yes"}, PRIVATE),
    ({"include_private_resources": 1}, PRIVATE),
    ({"include_private_resources": None}, PRIVATE),
    ({"requests_per_minute": 0}, f"{RATE}at least 1."),
    ({"requests_per_minute": -1}, f"{RATE}at least 1."),
    ({"requests_per_minute": 10**9}, f"{RATE}at most 10000."),
    ({"requests_per_minute": "50"}, f"{RATE}a whole number."),
    ({"requests_per_minute": 0.5}, f"{RATE}a whole number."),
    ({"requests_per_minute": True}, f"{RATE}a whole number."),
    ({"num_workers": 0}, f"{WORKERS}at least 2."),
    ({"num_workers": 1}, f"{WORKERS}at least 2."),
    ({"num_workers": 100}, f"{WORKERS}at most 20."),
    ({"num_workers": "4"}, f"{WORKERS}a whole number."),
    ({"api_url": ""}, ADDRESS),
    ({"api_url": None}, "API URL (api_url) must be a text."),
    ({"api_url": "https://evil.example"}, ADDRESS),
    ({"api_url": f"https://{SECRET}@evil.example/.api.frontapp.com"}, ADDRESS),
    ({"api_url": "http://api2.frontapp.com"}, ADDRESS),
    ({"api_url": "https://api2.frontapp.com\n"}, ADDRESS),
    ({"num_workers": 0, "start_date": "yesterday"}, f"{SINCE} {WORKERS}at least 2."),
]


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: object
    out: str
    messages: list[dict[str, Any]]

    def only(self, kind: str) -> Any:  # noqa: ANN401
        (message,) = (each for each in self.messages if each["type"] == kind)
        return message[{"TRACE": "trace", "CONNECTION_STATUS": "connectionStatus"}[kind]]

    def rows(self, stream: str) -> list[dict[str, Any]]:
        records = [each["record"] for each in self.messages if each["type"] == "RECORD"]
        return [each["data"] for each in records if each["stream"] == stream]

    @property
    def told(self) -> dict[str, Any]:
        """The error trace."""
        (error,) = (
            each["trace"]["error"]
            for each in self.messages
            if each["type"] == "TRACE" and each["trace"]["type"] == "ERROR"
        )
        found: dict[str, Any] = error
        return found


Command = Callable[..., Done]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=1, conversations=2) as sandbox, built_lightly([STREAM, "inboxes"]):
        yield sandbox


@pytest.fixture
def command(
    tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """`source-front` in this process: `command("read", config={...})`, its inputs as files."""
    sandbox.reset_log()

    def call(name: str, **inputs: object) -> Done:
        arguments = [name]
        for kind, content in inputs.items():
            path = tmp_path / f"{kind}.json"
            path.write_text(json.dumps(content), encoding="utf-8")
            arguments += [f"--{kind}", str(path)]
        monkeypatch.setattr(sys, "argv", ["source-front", *arguments])
        monkeypatch.setattr(sys, "excepthook", sys.excepthook)
        code: object = 0
        try:
            run.main()
        except SystemExit as ended:
            code = ended.code
        captured = capsys.readouterr()
        assert captured.err == ""
        return Done(code, captured.out, [json.loads(line) for line in captured.out.splitlines()])

    return call


def _catalog(*streams: str) -> Any:  # noqa: ANN401
    return ConfiguredAirbyteCatalogSerializer.dump(catalog(streams))


# The form


@pytest.mark.parametrize(("fields", "sentence"), REFUSED, ids=lambda value: str(value)[:50])
def test_given_a_form_that_is_not_as_it_should_be_when_run_then_a_sentence_says_what_to_do_and_nobody_is_asked(
    command: Command, sandbox: Sandbox, looked_up: set[str], fields: Form, sentence: str
) -> None:
    config = sandbox.config() | {"credentials": TOKEN} | fields
    checked, read = command("check", config=config), command("read", config=config, catalog=_catalog(STREAM))
    assert checked.only("CONNECTION_STATUS") == {"status": "FAILED", "message": sentence}
    assert (read.told["message"], read.told["failure_type"]) == (sentence, "config_error")
    assert (checked.code, read.code) == (0, 1)  # a failed check is an answer, not a failure
    assert not sandbox.log
    assert not looked_up
    assert not re.search(f"Traceback|{SECRET}", checked.out + read.out)


def test_given_no_credentials_at_all_when_checked_then_it_says_that_they_are_missing(
    command: Command, sandbox: Sandbox
) -> None:
    config = {key: value for key, value in sandbox.config().items() if key != "credentials"}
    told = "Authentication (credentials) is missing: fill it in."
    assert command("check", config=config).only("CONNECTION_STATUS")["message"] == told
    assert command("check", config={}).only("CONNECTION_STATUS")["message"] == told


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"start_date": "0001-01-01T00:00:00Z"},
        {"start_date": "2026-01-01T00:00:00.123456789Z"},
        {"start_date": _at(datetime.now(timezone.utc) + timedelta(hours=14))},  # today, in Kiribati
        {"num_workers": 2, "requests_per_minute": 10_000, "include_private_resources": False},
        {"api_token": "left over from another form", "_internal": None},
    ],
    ids=str,
)
def test_given_a_form_that_is_as_it_should_be_when_read_then_it_is_read(
    command: Command, sandbox: Sandbox, fields: Form
) -> None:
    config = sandbox.config() | fields
    assert command("check", config=config).only("CONNECTION_STATUS") == {"status": "SUCCEEDED"}
    read = command("read", config=config, catalog=_catalog(STREAM))
    assert (read.code, len(read.rows(STREAM))) == (0, len(sandbox.view.things("tags")))


def test_given_a_pasted_bearer_when_the_program_runs_then_it_ends_with_the_sentence_alone(program: Program) -> None:
    config = _token(f"Bearer {SECRET}")
    done = program.run("read", config=config, catalog=_catalog(STREAM))
    (message,) = map(json.loads, done.stdout.splitlines())
    assert message["trace"]["error"]["message"] == ALONE
    assert (done.returncode, done.stderr) == (1, "")
    assert not re.search(f"Traceback|{SECRET}", done.stdout)


# The catalog


def test_given_unknown_streams_in_the_catalog_when_read_then_the_others_are_read_and_it_names_them(
    command: Command, sandbox: Sandbox
) -> None:
    wanted = _catalog(STREAM)
    others = [json.loads(json.dumps(wanted["streams"][0]).replace(f'"{STREAM}"', f'"{name}"')) for name in "ab"]
    wanted["streams"] = [*others, *wanted["streams"]]
    read = command("read", config=sandbox.config(), catalog=wanted)
    assert len(read.rows(STREAM)) == len(sandbox.view.things("tags"))
    assert read.told["message"] == (
        "This connector has no stream named a, b: refresh the connection's schema, "
        "or take the stream out of the catalog."
    )
    assert (read.told["failure_type"], read.code) == ("config_error", 1)
    assert "Traceback" not in read.out


def test_given_unknown_columns_in_the_catalog_when_read_then_the_rows_are_as_ever(
    command: Command, sandbox: Sandbox
) -> None:
    wanted = _catalog(STREAM)
    as_ever = command("read", config=sandbox.config(), catalog=wanted).rows(STREAM)
    (configured,) = wanted["streams"]
    configured["stream"]["json_schema"] = {"type": "object", "properties": {"gone": {"type": "integer"}}}
    configured |= {"primary_key": [["gone"]], "cursor_field": ["gone"], "sync_mode": "incremental"}
    read = command("read", config=sandbox.config(), catalog=wanted)
    assert (read.code, read.rows(STREAM)) == (0, as_ever)
    assert as_ever


# Credentials that look right


def test_given_a_token_that_front_does_not_know_when_run_then_it_says_where_to_get_one(
    command: Command, sandbox: Sandbox
) -> None:
    config = sandbox.config(credentials=TOKEN | {"api_token": SECRET})
    checked, read = command("check", config=config), command("read", config=config, catalog=_catalog(STREAM))
    told = "Front does not accept the credentials (401: JSON Web Token error)"
    assert checked.only("CONNECTION_STATUS")["status"] == "FAILED"
    assert told in checked.only("CONNECTION_STATUS")["message"]
    error, *_ = (each["trace"]["error"] for each in read.messages if "error" in each.get("trace", {}))
    assert told in error["message"]
    assert error["failure_type"] == "config_error"
    assert (checked.code, read.code) == (0, 1)
    assert len(sandbox.log) == 2, "not retried"
    assert SECRET not in checked.out + read.out
