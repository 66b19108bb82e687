"""What `check` says of the scopes that the credentials lack."""

import json
from collections.abc import Callable, Mapping
from typing import Any
from unittest.mock import patch

import pytest
import requests
from airbyte_cdk import AirbyteTracedException

from source_front.scopes import PROBES, lacking, streams_by_scope
from source_front.source import load_manifest, resolve

ROW = {"_results": [{"id": "cnv_1"}]}
Statuses = Mapping[str, int]


@pytest.fixture(scope="module")
def resolved() -> dict[str, Any]:
    return resolve(load_manifest())


def front(statuses: Statuses, asked: list[str], body: object = ROW) -> Callable[[str], requests.Response]:
    """Answers a path by its status, 200 where it has none."""

    def ask(path: str) -> requests.Response:
        asked.append(path)
        answer = requests.Response()
        answer.status_code = statuses.get(path, 200)
        answer._content = json.dumps(body).encode()
        return answer

    return ask


def test_given_every_scope_when_probed_then_nothing_is_missing_for_one_request_each(resolved: dict[str, Any]) -> None:
    asked: list[str] = []
    assert lacking(resolved, front({}, asked)) is None
    assert len(asked) == len(set(asked)) == len(PROBES)
    assert "/conversations/cnv_1/messages?limit=1" in asked


def test_given_scopes_that_are_missing_when_probed_then_they_are_named_with_the_streams_that_need_them(
    resolved: dict[str, Any],
) -> None:
    said = lacking(resolved, front({"/teams": 403, "/conversations/cnv_1/comments": 403}, [])) or ""
    assert "2 of 12 scopes" in said
    assert "teams:read (for teams, team_inboxes, team_teammates)" in said
    assert "comments:read (for comments, comment_mentions, attachments)" in said
    assert "Settings > Developers > API tokens" in said


@pytest.mark.parametrize("status", [401, 404, 429, 500])
def test_given_another_answer_when_probed_then_it_says_nothing_of_scopes(resolved: dict[str, Any], status: int) -> None:
    assert lacking(resolved, front({"/teams": status}, [])) is None


@pytest.mark.parametrize("body", [{"_results": []}, {}, [], "no", {"_results": [{}]}, {"_results": None}])
def test_given_no_conversation_when_probed_then_what_lies_in_one_is_not_asked(
    resolved: dict[str, Any], body: object
) -> None:
    asked: list[str] = []
    assert lacking(resolved, front({}, asked, body)) is None
    assert not [path for path in asked if path.startswith("/conversations/")]


@pytest.mark.parametrize("error", [requests.ConnectionError(), requests.ReadTimeout(), AirbyteTracedException()])
def test_given_no_answer_when_probed_then_it_says_nothing(resolved: dict[str, Any], error: Exception) -> None:
    def ask(_: str) -> requests.Response:
        raise error

    assert lacking(resolved, ask) is None


def test_given_slow_answers_when_probed_then_it_ends_and_tells_what_it_knows(resolved: dict[str, Any]) -> None:
    asked: list[str] = []
    with patch("source_front.scopes.time.monotonic", lambda: len(asked) * 15.0):
        said = lacking(resolved, front({"/channels": 403, "/events?limit=1": 403}, asked)) or ""
    assert "1 of 12 scopes: channels:read" in said
    assert len(asked) == 5


def test_given_the_manifest_when_scopes_are_counted_then_each_stream_needs_one_and_each_scope_has_a_probe(
    resolved: dict[str, Any],
) -> None:
    by_scope = streams_by_scope(resolved)
    assert set().union(*by_scope.values()) == {stream["name"] for stream in resolved["streams"]}
    assert all(by_scope.values())
    assert "rules" not in by_scope["teammates:read"], "teammates are asked for private resources alone"
