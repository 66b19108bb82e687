"""The form that a user fills in."""

from typing import Any
from unittest.mock import patch

import pytest
from airbyte_cdk import AirbyteTracedException
from jsonschema import Draft7Validator, FormatChecker  # type: ignore[import-untyped]

from source_front import source
from source_front.source import load_manifest
from unit_tests.front import CONFIG, TOKEN, Front, check

Form = dict[str, Any]

SECRETS = {"api_token", "client_id", "client_secret", "refresh_token", "access_token"}


@pytest.fixture(scope="module")
def form() -> Form:
    specification: Form = load_manifest()["spec"]["connection_specification"]
    return specification


def errors(form: Form, config: Form) -> list[str]:
    return [error.message for error in Draft7Validator(form, format_checker=FormatChecker()).iter_errors(config)]


def filled_in(**fields: object) -> Form:
    return {"credentials": {"auth_type": "api_token", "api_token": TOKEN}, **fields}


def ways_to_sign_in(form: Form) -> dict[str, Form]:
    options = form["properties"]["credentials"]["oneOf"]
    return {option["properties"]["auth_type"]["const"]: option for option in options}


def test_given_the_form_when_looked_at_then_its_fields_are_those_we_promise(form: Form) -> None:
    Draft7Validator.check_schema(form)
    assert form["required"] == ["credentials"]
    assert [*form["properties"]] == [
        "credentials",
        "start_date",
        "include_private_resources",
        "requests_per_minute",
        "num_workers",
        "api_url",
    ]
    hidden = {name for name, field in form["properties"].items() if field.get("airbyte_hidden")}
    assert hidden == {"num_workers", "api_url"}
    defaults = {name: field["default"] for name, field in form["properties"].items() if "default" in field}
    assert defaults == {"include_private_resources": False, "num_workers": 4, "api_url": "https://api2.frontapp.com"}
    assert form["additionalProperties"] is True, "Airbyte and the CDK add their own"


def test_given_the_ways_to_sign_in_when_looked_at_then_each_asks_for_what_it_needs(form: Form) -> None:
    required = {name: option["required"] for name, option in ways_to_sign_in(form).items()}
    assert required == {
        "api_token": ["auth_type", "api_token"],
        "oauth2.0": ["auth_type", "client_id", "client_secret", "refresh_token"],
    }


def test_given_secrets_when_looked_at_then_they_are_marked_and_nothing_else_is(form: Form) -> None:
    fields = [
        (name, field) for option in ways_to_sign_in(form).values() for name, field in option["properties"].items()
    ]
    assert {name for name, field in fields if field.get("airbyte_secret")} == SECRETS
    assert not [name for name, field in form["properties"].items() if field.get("airbyte_secret")]


def test_given_each_level_when_looked_at_then_orders_are_unique_and_fields_say_what_they_are(form: Form) -> None:
    for level in (form, *ways_to_sign_in(form).values()):
        fields = level["properties"]
        orders = [field["order"] for field in fields.values()]
        assert orders == [*range(len(orders))]
        assert all(field["title"] for field in fields.values())
        explained = {name for name, field in fields.items() if field.get("description")}
        assert explained == {*fields} - {"auth_type"}
        patterns = {field["pattern"]: field["pattern_descriptor"] for field in fields.values() if "pattern" in field}
        assert all(pattern[0] + pattern[-1] == "^$" and says for pattern, says in patterns.items())


def test_given_examples_and_defaults_when_validated_then_they_hold(form: Form) -> None:
    for name, field in form["properties"].items():
        for value in [*field.get("examples", []), *([field["default"]] if "default" in field else [])]:
            assert not errors(form, filled_in(**{name: value})), (name, value)


@pytest.mark.parametrize(
    "address",
    [
        "https://api2.frontapp.com",
        "https://api2.frontapp.com/",
        "https://acme.api.frontapp.com",
        "https://acme-2.api.frontapp.com/",
        "http://localhost:8080",
        "http://127.0.0.1:40001/",
        "http://127.0.0.1",
    ],
)
def test_given_an_address_of_front_or_of_this_machine_when_validated_then_it_is_accepted(
    form: Form, address: str
) -> None:
    assert not errors(form, filled_in(api_url=address))


@pytest.mark.parametrize(
    "address",
    [
        "",
        "https://evil.example",
        "http://api2.frontapp.com",
        "https://api2.frontapp.com.evil.example",
        "https://api2.frontapp.com@evil.example",
        "https://api2.frontapp.com:443@evil.example",
        "https://user:pass@api2.frontapp.com",
        "https://api2.frontapp.com/path",
        "https://api2.frontapp.com?x=y",
        "https://api2.frontapp.com#x",
        "https://api2.frontapp.com\\@evil.example",
        "https://api2xfrontapp.com",
        "https://evil.example/.api.frontapp.com",
        "https://evil.example#.api.frontapp.com",
        "https://evil.example?.api.frontapp.com",
        "https://api.frontapp.com.evil.example",
        "https://acme.api.frontapp.com.evil.example",
        "https://a.b.api.frontapp.com",
        "https://localhost",
        "http://localhost.evil.example",
        "http://localhost:80@evil.example",
        "http://127.0.0.1.evil.example",
        "http://127.0.0.2",
        "http://127.0.0.1:80:80",
        "http://0.0.0.0",
        "http://[::1]",
        "ftp://localhost",
        " https://api2.frontapp.com",
        "https://api2.frontapp.com ",
        "HTTPS://API2.FRONTAPP.COM",
    ],
)
def test_given_any_other_address_when_validated_then_it_is_refused(form: Form, address: str) -> None:
    assert errors(form, filled_in(api_url=address))


@pytest.mark.parametrize("address", ["https://api2.frontapp.com\n", "https://api2.frontapp.com\n.evil.example"])
def test_given_an_address_with_a_line_break_when_checked_then_it_is_refused_and_by_the_manifest_alone_no_host_asked(
    address: str,
) -> None:
    with Front() as front:
        with pytest.raises(AirbyteTracedException, match=r"^API URL \(api_url\) must be https://api2.frontapp.com.$"):
            check(api_url=address)
        with patch.object(source, "refuse"):
            check(api_url=address)
        assert not front.leaks


@pytest.mark.parametrize(
    ("start_date", "accepted"),
    [
        ("2026-01-01T00:00:00Z", True),
        ("1970-01-01T00:00:00Z", True),
        ("2026-01-01T00:00:00.000Z", True),
        ("2026-01-01", False),
        ("2026-01-01T00:00:00", False),
        ("2026-01-01T00:00:00+02:00", False),
        ("2026-01-01 00:00:00Z", False),
        ("1767225600", False),
        ("yesterday", False),
        ("", False),
        (1767225600, False),
    ],
)
def test_given_a_start_date_when_validated_then_it_is_a_time_in_utc(
    form: Form, start_date: object, accepted: bool
) -> None:
    assert (not errors(form, filled_in(start_date=start_date))) is accepted


@pytest.mark.parametrize("token", ["", " ", "Bearer abc", "abc ", " abc", "a\tb", "a\nb"])
def test_given_a_token_with_spaces_when_validated_then_it_is_refused(form: Form, token: str) -> None:
    assert errors(form, {"credentials": {"auth_type": "api_token", "api_token": token}})


@pytest.mark.parametrize(
    "credentials",
    [
        None,
        {},
        {"auth_type": "api_token"},
        {"auth_type": "oauth2.0", "api_token": TOKEN},
        {"auth_type": "other", "api_token": TOKEN},
        {"auth_type": "oauth2.0", "client_id": "a", "client_secret": "b"},
    ],
)
def test_given_credentials_that_are_not_whole_when_validated_then_they_are_refused(
    form: Form, credentials: object
) -> None:
    assert errors(form, {"credentials": credentials})
    assert errors(form, {})


def test_given_oauth_when_validated_then_it_is_accepted(form: Form) -> None:
    oauth = {"auth_type": "oauth2.0", "client_id": "a", "client_secret": "b", "refresh_token": "c"}
    assert not errors(form, {"credentials": oauth})
    assert not errors(form, {"credentials": oauth | {"access_token": "d", "token_expiry_date": "2026-01-01T00:00:00Z"}})


@pytest.mark.parametrize(
    ("field", "value", "accepted"),
    [
        ("requests_per_minute", 1, True),
        ("requests_per_minute", 0, False),
        ("requests_per_minute", -5, False),
        ("requests_per_minute", 1.5, False),
        ("requests_per_minute", "50", False),
        ("num_workers", 2, True),
        ("num_workers", 20, True),
        ("num_workers", 1, False),
        ("num_workers", 21, False),
        ("include_private_resources", True, True),
        ("include_private_resources", "yes", False),
    ],
)
def test_given_a_number_or_a_switch_when_validated_then_its_bounds_hold(
    form: Form, field: str, value: object, accepted: bool
) -> None:
    assert (not errors(form, filled_in(**{field: value}))) is accepted


def test_given_a_slash_at_the_end_of_the_address_when_checked_then_front_is_asked_for_the_same() -> None:
    with Front() as front:
        assert check(api_url="https://api2.frontapp.com/") == ("SUCCEEDED", "")
        assert [asked.route for asked in front.asked] == ["/inboxes"]


def test_given_the_tests_config_when_validated_then_it_is_one_a_user_could_write(form: Form) -> None:
    assert not errors(form, CONFIG)
