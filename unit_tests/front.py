"""A Front on paper: a test writes down what it answers, reads through `SourceFront`, and sees what was asked.

Nothing here knows how Front works beyond its envelope (https://dev.frontapp.com/docs/pagination): a list that nobody
wrote down is empty.
"""

import json
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qs, quote, unquote, urlsplit

import requests_mock
from airbyte_cdk.models import SyncMode
from airbyte_cdk.test.catalog_builder import CatalogBuilder
from airbyte_cdk.test.entrypoint_wrapper import EntrypointOutput
from airbyte_cdk.test.entrypoint_wrapper import read as run_read
from requests_mock.request import _RequestObjectProxy
from requests_mock.response import _Context

from source_front import source
from source_front.source import SourceFront, load_manifest, resolve

Row = dict[str, Any]

API = "https://api2.frontapp.com"
COMPANY = "https://acme.api.frontapp.com"
"""The host that links and `next` name: it must never see the token."""

TOKEN = "t0ken"
CONFIG: dict[str, Any] = {"credentials": {"auth_type": "api_token", "api_token": TOKEN}, "num_workers": 2}

TEXTS = [
    "None", "null", "true", "[1, 2]", "{'a': 1}", "'q'", '"q"', "+15551234567", "0012", "1e5", "{{ x }}", "{% raw %}",
    "  spaces  ", "line\nbreak", "שלום עולם", "日本語", "🎉 👩‍👧", "%2F?&=#",
]  # fmt: skip
"""Texts that a template on the way would change: read as a literal, rendered, stripped or decoded."""


@dataclass(frozen=True)
class Answer:
    """What Front answers to one request: a body (JSON, or a `str` as it is), a status, headers."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def page(*rows: Row, **others: object) -> Answer:
    """The only page of a list."""
    return Answer({"_pagination": {"next": None}, "_results": list(rows), **others})


def error(status: int, message: str = "no", **headers: str) -> Answer:
    """An error as Front words it; `retry_after="3"` is the header `retry-after: 3`."""
    body = {"_error": {"status": status, "title": "Error", "message": message}}
    return Answer(body, status, {name.replace("_", "-"): value for name, value in headers.items()})


def moved(url: str) -> Answer:
    """The redirect from a conversation that was merged into another one."""
    return Answer("", 301, {"Location": url})


def links(**related: str | None) -> Row:
    """`_links.related` as Front writes it: `links(inbox="/inboxes/inb_1")`."""
    return {"self": f"{COMPANY}/self", "related": {k: v and COMPANY + v for k, v in related.items()}}


@dataclass(frozen=True)
class Asked:
    """One request that Front got."""

    route: str
    query: dict[str, list[str]]


class Front:
    """Front as the tests script it. A context: while it is open, all of the process's requests come here.

    A route is a path such as `/tags`. A search is the route `/search` and its terms, the times left out: `/search`,
    `/search is:trashed`, `/search inbox:inb_1`. Waits are noted in `naps` (seconds) and not slept.

    Raises:
        AssertionError: at its end, if the token was sent to a host other than `API`.
    """

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.naps: list[float] = []
        self.leaks: list[str] = []
        self._pages: dict[str, list[list[Row]]] = {}
        self._in_turn: dict[tuple[str, int], list[Answer]] = defaultdict(list)
        self._always: dict[tuple[str, int], Answer] = {("/me", 1): Answer({"id": "cmp_1", "name": "Acme"})}
        self._mocker = requests_mock.Mocker()
        self._sleep = patch("time.sleep", self._nap)

    def __enter__(self) -> "Front":
        self._mocker.register_uri(requests_mock.ANY, requests_mock.ANY, text=self._answer)
        self._mocker.start()
        self._sleep.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._sleep.stop()
        self._mocker.stop()
        assert not self.leaks, f"the token went to {self.leaks}"

    def lists(self, route: str, *pages: list[Row]) -> None:
        """These pages, one after the other; a page that is not the last has a `next` on the company's host."""
        self._pages[route] = list(pages)

    def has(self, route: str, row: Row) -> None:
        """A single object."""
        self.always(route, Answer(row))

    def answers(self, route: str, *answers: Answer, at_page: int = 1) -> None:
        """These first, one for each request; then what the route has otherwise."""
        self._in_turn[route, at_page] += answers

    def always(self, route: str, answer: Answer, at_page: int = 1) -> None:
        """This, whatever the route has otherwise."""
        self._always[route, at_page] = answer

    def queries(self, route: str) -> list[dict[str, list[str]]]:
        """The query of each request that the route got, in order."""
        return [asked.query for asked in self.asked if asked.route == route]

    def _nap(self, seconds: float, sleep: Callable[[float], None] = time.sleep) -> None:
        if seconds >= 1:  # less is the CDK's own waiting for its threads
            self.naps.append(seconds)
        sleep(min(seconds, 0.002))

    def _answer(self, request: _RequestObjectProxy, context: _Context) -> str:
        url = urlsplit(request.url)
        authorization = request.headers.get("Authorization")
        if f"{url.scheme}://{url.netloc}" != API:
            self.leaks += [request.url] if authorization else []
            return self._send(error(401, "JSON Web Token error"), context)
        if authorization != f"Bearer {TOKEN}":
            return self._send(error(401, "JSON Web Token error"), context)
        query = parse_qs(url.query, keep_blank_values=True)
        number = int(query["page_token"][0].strip("/+= ")) if "page_token" in query else 1
        route = _route(url.path)
        self.asked.append(Asked(route, query))
        return self._send(self._what(route, number, url.path), context)

    def _what(self, route: str, number: int, path: str) -> Answer:
        if self._in_turn[route, number]:
            return self._in_turn[route, number].pop(0)
        if (route, number) in self._always:
            return self._always[route, number]
        pages = self._pages.get(route, [[]])
        token = quote(f"/+= {number + 1}", safe="")
        after = f"{COMPANY}{path}?page_token={token}" if number < len(pages) else None
        total = sum(map(len, pages))
        self_link = {"self": f"{COMPANY}{path}"}
        return page(*pages[number - 1], _pagination={"next": after}, _links=self_link, _total=total)

    @staticmethod
    def _send(answer: Answer, context: _Context) -> str:
        context.status_code = answer.status
        context.headers.update(answer.headers)
        return answer.body if isinstance(answer.body, str) else json.dumps(answer.body)


def _route(path: str) -> str:
    if not path.startswith("/conversations/search/"):
        return path
    terms = unquote(path.removeprefix("/conversations/search/")).split()
    return " ".join(["/search", *(term for term in terms if not term.startswith(("after:", "before:")))])


def read(*streams: str, **config: object) -> EntrypointOutput:
    """Run `source-front read` of these streams in process, in full; `config` goes over `CONFIG`."""
    builder = CatalogBuilder()
    for name in streams:
        builder = builder.with_stream(name, SyncMode.full_refresh)
    catalog = builder.build()
    # that the manifest is valid is for test_manifest.py to say: it takes as long as all the rest of a short read
    as_valid = patch.object(SourceFront, "_validate_source")
    with patch.object(source, "load_manifest", lambda: _only(streams)), as_valid:
        front = SourceFront(catalog=catalog, config=CONFIG | config)
    return run_read(front, CONFIG | config, catalog, expecting_exception=True)


def check(**config: object) -> tuple[str, str]:
    """Run `source-front check` in process: status and sentence."""
    with patch.object(source, "load_manifest", lambda: _only(["inboxes"])):
        status = SourceFront(config=CONFIG | config).check(logging.getLogger("airbyte"), CONFIG | config)
    return status.status.value, status.message or ""


def rows(output: EntrypointOutput, stream: str) -> list[Row]:
    """The stream's records, of a read without errors."""
    assert not output.errors, output.get_formatted_error_message()
    records = (message.record for message in output.records)
    return [dict(record.data) for record in records if record and record.stream == stream]


def read_rows(stream: str, **config: object) -> list[Row]:
    """The records of a stream that is read alone, without errors."""
    return rows(read(stream, **config), stream)


def failures(output: EntrypointOutput) -> list[tuple[str, str]]:
    """Type and sentence of each error that a user gets to see."""
    errors = (message.trace.error for message in output.errors if message.trace)
    return [(str(error.failure_type and error.failure_type.value), error.message) for error in errors if error]


def logs(output: EntrypointOutput) -> str:
    """All that was logged."""
    return "\n".join(message.log.message for message in output.logs if message.log)


def ids(found: Iterable[Row], *columns: str) -> list[Any]:
    """The rows' ids in order, or the tuples of these columns."""
    pairs = sorted((tuple(row[column] for column in columns or ("id",)) for row in found), key=str)
    return pairs if len(columns) > 1 else [pair[0] for pair in pairs]


@cache
def _resolved() -> dict[str, Any]:
    return resolve(load_manifest())


def _only(streams: Iterable[str]) -> dict[str, Any]:
    """The manifest with these streams only: to build all 29 takes seconds, a test reads one or two."""
    manifest = {key: value for key, value in _resolved().items() if key != "stream_groups"}
    manifest["streams"] = [stream for stream in manifest["streams"] if stream["name"] in streams]
    assert len(manifest["streams"]) == len(set(streams)), f"not all streams exist: {streams}"
    return manifest
