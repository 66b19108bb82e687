"""How the connector signs in: what goes to Front's token endpoint, and the flow behind the button "Authenticate"."""

import base64
import logging
from collections.abc import Mapping
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit

import jinja2
import jsonschema  # type: ignore[import-untyped]
import pytest
import requests_mock
from airbyte_cdk.models import ConnectorSpecification

from source_front import source
from source_front.source import SourceFront, load_manifest
from unit_tests.front import _only as only

Row = dict[str, Any]

TOKEN_URL = "https://app.frontapp.com/oauth/token"
API = "https://api2.frontapp.com"
CLIENT_ID, CLIENT_SECRET = "0123456789", "s/ecr+et=é"
BASIC = "Basic " + base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
CREDENTIALS = {
    "auth_type": "oauth2.0",
    "client_id": CLIENT_ID,
    "client_secret": CLIENT_SECRET,
    "refresh_token": "00123",
}
"""An ID and a token that a template on the way could take for numbers."""


def check(credentials: Row) -> tuple[str, str]:
    with patch.object(source, "load_manifest", lambda: only(["inboxes"])):
        status = SourceFront(config={"credentials": dict(credentials)}).check(logging.getLogger("airbyte"), {})
    return status.status.value, status.message or ""


# The token


def test_given_oauth_when_checked_then_a_token_is_asked_for_as_front_documents_it_and_used() -> None:
    with requests_mock.Mocker() as front:
        answer = {"access_token": "0042", "refresh_token": "00456", "expires_at": 4102444800, "token_type": "Bearer"}
        asked = front.post(TOKEN_URL, json=answer)
        read = front.get(f"{API}:443/inboxes", json={"_results": [{"id": "inb_1"}]})
        assert check(CREDENTIALS) == ("SUCCEEDED", "")
        assert [each.url for each in front.request_history] == [TOKEN_URL, f"{API}:443/inboxes"]
    request = asked.last_request
    assert request.headers["Authorization"] == BASIC
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert parse_qs(request.text) == {"grant_type": ["refresh_token"], "refresh_token": ["00123"]}
    assert not request.query, "an address ends up in logs"
    assert read.last_request.headers["Authorization"] == "Bearer 0042"


def test_given_an_api_token_when_checked_then_no_token_is_fetched() -> None:
    with requests_mock.Mocker() as front:
        read = front.get(f"{API}/inboxes", json={"_results": [{"id": "inb_1"}]})
        assert check({"auth_type": "api_token", "api_token": "0042"}) == ("SUCCEEDED", "")
    assert read.last_request.headers["Authorization"] == "Bearer 0042"


def test_given_a_configuration_that_airbyte_kept_when_run_again_then_its_times_are_those_of_now() -> None:
    """With its tokens, Airbyte keeps what the manifest computed from the form."""
    stale = {"_now": 1, "_start": 2, "_api_url": "https://evil.example"}
    with patch.object(source, "load_manifest", lambda: only(["inboxes"])):
        config = SourceFront(config={"credentials": CREDENTIALS} | stale)._config
    assert config["_now"] > 1_700_000_000
    assert config["_start"] > 1_700_000_000
    assert config["_api_url"] == f"{API}:443"


@pytest.mark.parametrize("credentials", [{"api_token": "t0ken"}, {"auth_type": "password", "api_token": "t0ken"}])
def test_given_no_way_to_sign_in_or_an_unknown_one_when_started_then_one_sentence_names_those_there_are(
    credentials: Row,
) -> None:
    with pytest.raises(Exception, match=r"auth_type.*api_token or oauth2\.0") as refusal:
        check(credentials)
    assert "t0ken" not in str(refusal.value)
    assert "\n" not in str(refusal.value)


# The form


@pytest.mark.parametrize("field", ["client_id", "client_secret", "refresh_token"])
@pytest.mark.parametrize("value", ["", " ", "abc ", "a\nb"])
def test_given_spaces_in_what_was_pasted_when_validated_then_it_is_refused(
    manifest: Row, field: str, value: str
) -> None:
    assert list(_form(manifest).iter_errors(CREDENTIALS | {field: value}))


@pytest.mark.parametrize(
    ("value", "accepted"),
    [
        ("2026-11-25T12:48:37+00:00", True),  # as the CDK writes it
        ("2026-11-25T12:48:37.123456+00:00", True),
        ("2026-11-25T12:48:37Z", True),
        ("1795610917", False),
        ("tomorrow", False),
        ("", False),
    ],
)
def test_given_an_expiry_when_validated_then_it_is_a_time(manifest: Row, value: str, accepted: bool) -> None:
    assert (not list(_form(manifest).iter_errors(CREDENTIALS | {"token_expiry_date": value}))) is accepted


def _form(manifest: Row) -> Any:  # noqa: ANN401
    """The OAuth branch."""
    return jsonschema.Draft7Validator(_branch(manifest))


def _branch(manifest: Row) -> Row:
    branch: Row = manifest["spec"]["connection_specification"]["properties"]["credentials"]["oneOf"][1]
    return branch


# The button "Authenticate". Airbyte's server fills in these templates: DeclarativeOAuthSpecHandler in airbyte-platform.

REDIRECT = "https://cloud.airbyte.com/auth_flow?a=b c"
STATE = "7HpV.x_-"
CODE = "c0/de+"
ENCODED = "https%3A%2F%2Fcloud.airbyte.com%2Fauth_flow%3Fa%3Db+c"


@pytest.fixture
def flow(manifest: Row) -> Row:
    inputs: Row = manifest["spec"]["advanced_auth"]["oauth_config_specification"]["oauth_connector_input_specification"]
    return inputs


def _rendered(template: str) -> str:
    """As the server renders it: values as they are, and parameters of which it encodes the redirect alone."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)
    environment.filters["b64encode"] = lambda text: base64.b64encode(text.encode()).decode()
    return environment.from_string(template).render(
        client_id_value=CLIENT_ID,
        client_id_param=f"client_id={CLIENT_ID}",
        client_secret_value=CLIENT_SECRET,
        client_secret_param=f"client_secret={CLIENT_SECRET}",
        auth_code_value=CODE,
        auth_code_param=f"code={CODE}",
        redirect_uri_value=REDIRECT,
        redirect_uri_param=f"redirect_uri={ENCODED}",
        state_value=STATE,
        state_param=f"state={STATE}",
    )


def test_given_a_click_on_authenticate_when_the_address_is_made_then_it_is_the_one_front_documents(flow: Row) -> None:
    assert _rendered(flow["consent_url"]) == (
        "https://app.frontapp.com/oauth/authorize?response_type=code"
        f"&client_id={CLIENT_ID}&redirect_uri={ENCODED}&state={STATE}"
    )
    assert "scope" not in flow, "Front knows none here"
    assert flow["state"]["min"] >= 16, "nobody may guess it"


def test_given_a_code_when_it_is_exchanged_then_the_request_is_the_one_front_documents(flow: Row) -> None:
    assert _rendered(flow["access_token_url"]) == TOKEN_URL
    headers = {name: _rendered(value) for name, value in flow["access_token_headers"].items()}
    assert headers["Authorization"] == BASIC
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    body = {_rendered(name): _rendered(value) for name, value in flow["access_token_params"].items()}
    assert body == {"grant_type": "authorization_code", "code": CODE, "redirect_uri": REDIRECT}


def test_given_fronts_answer_when_it_is_taken_over_then_the_form_is_whole(manifest: Row, flow: Row) -> None:
    answer = {"access_token": "a", "refresh_token": "b", "expires_at": 4102444800, "token_type": "Bearer"}
    server: Row = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    parts = manifest["spec"]["advanced_auth"]["oauth_config_specification"]
    jsonschema.validate(server, parts["complete_oauth_server_input_specification"])
    taken: Row = {name: answer[name] for name in flow["extract_output"]}
    form: Row = {"credentials": {"auth_type": manifest["spec"]["advanced_auth"]["predicate_value"]}}
    for values, part in [(taken, "complete_oauth_output"), (server, "complete_oauth_server_output")]:
        specification = parts[f"{part}_specification"]
        jsonschema.validate(values, specification)
        for name, value in values.items():
            group, field = specification["properties"][name]["path_in_connector_config"]
            form[group][field] = value
    assert not list(_form(manifest).iter_errors(form["credentials"]))
    assert form["credentials"].keys() <= _branch(manifest)["properties"].keys()


def test_given_the_flow_when_spec_is_printed_then_it_is_there_for_those_who_chose_oauth(flow: Row) -> None:
    printed: ConnectorSpecification = SourceFront().spec(logging.getLogger("airbyte"))
    advanced = printed.advanced_auth
    assert advanced
    assert advanced.oauth_config_specification
    assert (advanced.predicate_key, advanced.predicate_value) == (["credentials", "auth_type"], "oauth2.0")
    inputs = advanced.oauth_config_specification.oauth_connector_input_specification
    assert inputs
    for name, value in flow.items():
        given = inputs[name] if isinstance(inputs, Mapping) else getattr(inputs, name)
        assert (vars(given) if hasattr(given, "__dict__") else given) == value, name


def test_given_every_address_of_the_manifest_when_looked_at_then_credentials_go_to_front_only() -> None:
    spec, access = load_manifest()["spec"], load_manifest()["definitions"]["authenticator"]["authenticators"]
    inputs = spec["advanced_auth"]["oauth_config_specification"]["oauth_connector_input_specification"]
    addresses = [inputs["consent_url"], inputs["access_token_url"], access["oauth2.0"]["token_refresh_endpoint"]]
    assert {urlsplit(each)[:2] for each in addresses} == {("https", "app.frontapp.com")}
