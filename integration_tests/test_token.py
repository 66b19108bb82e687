"""The token goes to Front only: not to a host that a response names, nor into anything that the connector puts out."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
import requests
from airbyte_cdk.models import ConfiguredAirbyteCatalogSerializer, FailureType, Status
from airbyte_cdk.sources.utils.schema_helpers import check_config_against_spec_or_exit
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from integration_tests import truth
from integration_tests.reading import Program, Row, ago, assert_whole, catalog, messages, read
from integration_tests.sandbox import Behaviour, Sandbox
from integration_tests.sandbox.behaviour import COMPANY_HOST
from integration_tests.test_full_read import merge_when_asked, read_lightly
from source_front.source import SourceFront

PAGED = ["tags", "contacts", "contact_notes", "conversations", "conversation_inboxes", "conversation_messages"]
"""Streams with several pages each: lists, the search, children."""
LINKED = ["attachments", "conversation_message_attachments", "teams", "inbox_channels"]
"""Streams whose rows hold the addresses of files and of other resources."""


@pytest.mark.parametrize("host", ["other", "company"])
def test_no_request_follows_a_link_to_another_host(host: str, looked_up: set[str]) -> None:
    """`next`, `_links` and the URLs of attachments name a host that would answer, or the company's own at Front."""
    start = ago(200)
    behaviour = Behaviour(page_size_cap=4, next_host=host, links_host=host)  # type: ignore[arg-type]
    with Sandbox(seed=1, conversations=30, behaviour=behaviour) as sandbox:
        reading = read(sandbox.config(start_date=start), [*PAGED, *LINKED])
        assert_whole(sandbox, reading, start_date=start)
        served = {each.host for each in sandbox.log}
        named = sandbox.host(behaviour.links_host)
        assert served == {sandbox.url.removeprefix("http://")}
        assert all(each.authorized for each in sandbox.log)
    assert sum("page_token=" in each.query for each in sandbox.log) > len(PAGED)
    # localhost: where a tracer that the manifest server brings looks for its agent
    assert looked_up - {"localhost"} == {"127.0.0.1"}
    assert all(row["url"].startswith(named) for row in reading.rows["attachments"])


@dataclass
class Wire:
    """What leaves this process: the sandbox answers for the company's host, which resolves nowhere here."""

    stand_in: str
    sent: list[tuple[str, bool]] = field(default_factory=list)
    """Each request's address, and whether it carried credentials."""

    def adapter(self, send: Callable[..., requests.Response]) -> Callable[..., requests.Response]:
        def sending(adapter: object, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # noqa: ANN401
            address = request.url or ""
            self.sent.append((address, "authorization" in {name.lower() for name in request.headers}))
            request.url = address.replace(COMPANY_HOST, self.stand_in, 1)
            response = send(adapter, request, **options)
            request.url = response.url = address
            return response

        return sending


def merged_in_mid_read(monkeypatch: pytest.MonkeyPatch, location: Literal["company", "other"]) -> tuple[Sandbox, Wire]:
    """A company whose messages were read whole while conversations were merged, and what was sent meanwhile."""
    start = ago(200)
    with Sandbox(seed=1, conversations=30, behaviour=Behaviour(merged_location=location)) as sandbox:
        merge_when_asked(sandbox, "GET /conversations/{id}/messages", start)
        wire = Wire(sandbox.other_url)
        monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", wire.adapter(requests.adapters.HTTPAdapter.send))
        reading = read_lightly(sandbox.config(start_date=start), ["conversation_messages"])
        assert not reading.errors
        messages = truth.expected(sandbox.company, sandbox.behaviour, "conversation_messages", start_date=start)
        assert {row["id"] for row in messages} <= {row["id"] for row in reading.rows["conversation_messages"]}
    return sandbox, wire


@pytest.mark.usefixtures("manifest_alone")
def test_no_redirect_takes_the_token_to_the_companys_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """A merged conversation answers 301 with an address at the company's host. Its messages come with the survivor."""
    sandbox, wire = merged_in_mid_read(monkeypatch, "company")
    redirected = [authorized for address, authorized in wire.sent if address.startswith(COMPANY_HOST)]
    assert redirected
    assert not any(redirected)
    elsewhere = [address for address, _ in wire.sent if not address.startswith((COMPANY_HOST, sandbox.url))]
    assert not elsewhere


@pytest.mark.usefixtures("manifest_alone")
def test_no_redirect_takes_the_token_to_any_other_host() -> None:
    start = ago(60)
    with Sandbox(seed=1, conversations=30, behaviour=Behaviour(merged_location="other")) as sandbox:
        merge_when_asked(sandbox, "GET /conversations/{id}/messages", start)
        read(sandbox.config(start_date=start), ["conversation_messages"])
        own = sandbox.url.removeprefix("http://")
        elsewhere = [each for each in sandbox.log if each.host != own]
    assert elsewhere
    assert not any(each.authorized for each in elsewhere)


@pytest.mark.parametrize("location", ["company", "other"])
def test_the_package_follows_redirects_on_its_own_host(
    monkeypatch: pytest.MonkeyPatch, location: Literal["company", "other"]
) -> None:
    sandbox, wire = merged_in_mid_read(monkeypatch, location)
    assert any(each.status == 301 for each in sandbox.log)
    assert all(address.startswith(sandbox.url) for address, _ in wire.sent)


OURS = ["https://api2.frontapp.com", "https://acme.api.frontapp.com", "http://127.0.0.1:80", "http://localhost:80/"]
FOREIGN = [
    "https://evil.example",
    "https://evil.example/https://api2.frontapp.com",
    "https://api2.frontapp.com.evil.example",
    "https://api2.frontapp.com@evil.example",
    "https://evil.example#.api.frontapp.com",
    "https://evil.example?x.api.frontapp.com",
    "https://evil.example/x.api.frontapp.com",
    "https://api2xfrontapp.com",
    "http://api2.frontapp.com",
    "http://acme.api.frontapp.com",
    "http://127.0.0.1.evil.example",
    "http://localhost:80@evil.example",
    "http://127.0.0.1:8080/@evil.example",
    "//evil.example",
    "",
]


def test_a_foreign_address_is_refused() -> None:
    """By the test that the entry point puts a configuration to before it does anything with it."""
    spec = SourceFront().spec(logging.getLogger("airbyte"))
    good: Row = {"credentials": {"auth_type": "api_token", "api_token": "any"}}
    for address in OURS:
        check_config_against_spec_or_exit(good | {"api_url": address}, spec)
    for address in FOREIGN:
        with pytest.raises(AirbyteTracedException) as refusal:
            check_config_against_spec_or_exit(good | {"api_url": address}, spec)
        assert refusal.value.failure_type is FailureType.config_error
        assert f"'{address}' does not match" in str(refusal.value.message)


@pytest.mark.parametrize("command", ["check", "read"])
def test_the_program_refuses_a_foreign_address(program: Program, command: str) -> None:
    """The sandbox stands in for the foreign host, under a name for this machine that is not on the list."""
    with Sandbox(conversations=1) as sandbox:
        address = sandbox.url.replace("127.0.0.1", "0.0.0.0")
        inputs: dict[str, object] = {"config": sandbox.config(api_url=address)}
        if command == "read":
            inputs["catalog"] = ConfiguredAirbyteCatalogSerializer.dump(catalog(["tags"]))
        done = program.run(command, **inputs)
        assert not sandbox.log
        assert sandbox.token not in done.stdout + done.stderr
    if command == "check":
        [verdict] = [each.connectionStatus for each in messages(done, "CONNECTION_STATUS")]
        assert verdict
        assert verdict.status is Status.FAILED
        assert "API URL (api_url) must be https://api2.frontapp.com" in (verdict.message or "")
    if command == "read":
        assert done.returncode == 1
        errors = [each.trace.error for each in messages(done, "TRACE") if each.trace]
        told = [error for error in errors if error]
        assert {error.failure_type for error in told} == {FailureType.config_error}
        assert all("API URL" in error.message and "\n" not in error.message for error in told)


@pytest.mark.parametrize("token", ["Bearer a-pasted-token", 1234567890123])
def test_a_token_that_is_refused_is_not_repeated(program: Program, token: object) -> None:
    with Sandbox(conversations=1) as sandbox:
        credentials = {"auth_type": "api_token", "api_token": token}
        done = program.run("check", config=sandbox.config(credentials=credentials))
    assert '"status":"FAILED"' in done.stdout
    assert str(token).split()[-1] not in done.stdout + done.stderr


def test_the_token_is_in_nothing_that_a_read_puts_out(program: Program) -> None:
    """Log lines (those of --debug too), records, states and errors: one stream lacks its scope."""
    scopes = frozenset({
        "tags:read", "inboxes:read", "teammates:read", "teams:read", "shifts:read", "rules:read", "contacts:read",
        "conversations:read", "messages:read", "comments:read", "events:*:read",
    })  # fmt: skip
    behaviour = Behaviour(scopes=scopes, next_host="other", rpm=5000, links_host="other")
    with Sandbox(conversations=30, behaviour=behaviour) as sandbox:
        inputs = {
            "catalog": ConfiguredAirbyteCatalogSerializer.dump(catalog()),
            "config": sandbox.config(start_date=ago(60)),
        }
        done = program.run("read", "--debug", **inputs)
    kinds = {json.loads(line)["type"] for line in done.stdout.splitlines() if line.startswith("{")}
    assert kinds >= {"DEBUG", "LOG", "RECORD", "STATE", "TRACE"}
    assert "Authorization" in done.stdout  # the headers of every request, as --debug shows them
    assert done.returncode == 1
    assert "channels:read" in done.stdout
    for part in sandbox.token.split("."):  # header, claims and signature
        assert part not in done.stdout + done.stderr
