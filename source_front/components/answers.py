"""Saves requests: one answer to each URL in a sync, for all streams. (In YAML each stream has a cache of its own.)"""

import json
import math
import sqlite3
import threading
import time
import zlib
from typing import Any
from urllib.parse import urljoin, urlsplit, urlunsplit
from weakref import WeakValueDictionary

from airbyte_cdk import AirbyteTracedException, FailureType
from requests import PreparedRequest, Response, Session
from requests.adapters import BaseAdapter, HTTPAdapter

from source_front.components.pace import Pace

MOST_BYTES = 2 * 2**30
"""Of compressed answers on disk: a history of about 700,000 messages."""
FINAL = {200, 202, 301, 302, 307, 308, 403, 404}
"""Statuses that would be the same a moment later."""
PATIENCE = 900.0
"""Seconds without a good answer after which a resource counts as down."""


class Answers(BaseAdapter):
    """The transport of all streams: a request -> its answer, from the network once, from then on from the disk.

    The disk is a database without a name, which SQLite removes however the process ends. Once it is full, only pages of
    longer lists are added: page tokens age, so that a later page must not be asked with the token of a kept one.

    An answer that an error handler rejects is not given again: the CDK then retries with the same request object.
    """

    def __init__(self, requests_per_minute: float | None = None) -> None:
        super().__init__()
        self._network = HTTPAdapter(pool_connections=20, pool_maxsize=20)
        self._pace = Pace(requests_per_minute)
        self._lock = threading.Lock()
        self._turns: WeakValueDictionary[str, Any] = WeakValueDictionary()
        self._latest: PreparedRequest | None = None
        self._down_since: dict[str, float] = {}
        self._given_up: dict[str, tuple[str, FailureType]] = {}
        self._room = MOST_BYTES
        self._disk = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._disk.execute("PRAGMA journal_mode = MEMORY")
        self._disk.execute(
            "CREATE TABLE answers (id INTEGER PRIMARY KEY AUTOINCREMENT, url UNIQUE, status, headers, body)"
        )

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:  # noqa: ANN401
        """As `requests.adapters.HTTPAdapter.send`. Of threads that ask for one URL at a time, the first asks Front.

        Raises:
            requests.RequestException: no whole answer came.
            AirbyteTracedException: the resource was given up, or has been down for `PATIENCE` (a transient error).
        """
        url = request.url or ""
        self._latest = request
        with self._lock:
            turn = self._turns.setdefault(url, threading.Lock())
        with turn:
            answer = self._recall(request, url)
            if answer is None:
                answer = self._ask(request, url, *args, **kwargs)
                self._keep(request, url, answer)
            return answer

    def ask(self, url: str) -> Response:
        """The answer to a URL, or to a path of the same host, asked with the headers of the latest request.

        Raises:
            LookupError: there was none.
            Exception: as of `send`.
        """
        if self._latest is None:
            raise LookupError
        request = self._latest.copy()
        request.url = urljoin(request.url or "", url)
        settings = Session().merge_environment_settings(request.url, {}, None, None, None)
        return self.send(request, **{**settings, "timeout": (20, 120)})

    def give_up(self, resource: str, message: str, failure_type: FailureType) -> None:
        """From now on fail what is asked of this resource, without a request."""
        self._given_up[resource] = message, failure_type

    def close(self) -> None:
        """As `requests.adapters.BaseAdapter.close`; but of the sessions that share this, each ends on its own."""

    def _recall(self, request: PreparedRequest, url: str) -> Response | None:
        with self._lock:
            row = self._disk.execute("SELECT id, status, headers, body FROM answers WHERE url = ?", [url]).fetchone()
            if row is None:
                return None
            number, status, headers, body = row
            answer = Response()
            answer.headers.update(json.loads(headers))
            if number == vars(request).get("answered"):  # and rejected
                leads_to = urljoin(url, answer.headers.get("location", url))
                self._disk.executemany("DELETE FROM answers WHERE url = ?", [[url], [leads_to]])
                return None
        vars(request)["answered"] = number
        answer.status_code, answer.url, answer.request, answer.encoding = status, url, request, "utf-8"
        vars(answer).update(_content=zlib.decompress(body), _content_consumed=True, from_cache=True)
        return answer

    def _ask(self, request: PreparedRequest, url: str, *args: Any, **kwargs: Any) -> Response:  # noqa: ANN401
        resource, search = resource_of(url), "/conversations/search/" in url
        if time.monotonic() - self._down_since.get(resource, math.inf) > PATIENCE:
            message = (
                f"Front has not answered any request for {resource} for {PATIENCE / 60:.0f} minutes: run the sync "
                "again later, it goes on from its last state."
            )
            self.give_up(resource, message, FailureType.transient_error)
        if resource in self._given_up:
            message, failure_type = self._given_up[resource]
            raise AirbyteTracedException(message=message, internal_message=message, failure_type=failure_type)
        self._pace.wait(search=search)
        answer = None
        try:
            received = self._network.send(request, *args, **kwargs)
            received.content  # noqa: B018  # all of it, now
            answer = received
        finally:
            self._pace.done(answer, search=search)
            if answer is None or answer.status_code >= 500:
                self._down_since.setdefault(resource, time.monotonic())
            elif answer.status_code != 429:
                self._down_since.pop(resource, None)
        if answer.is_redirect:
            answer.headers["location"] = _on_this_host(answer.headers["location"])
        return answer

    def _keep(self, request: PreparedRequest, url: str, answer: Response) -> None:
        if answer.status_code not in FINAL:
            return
        body = zlib.compress(answer.content, 1)
        if len(body) > self._room and not _of_a_longer_list(url, answer):
            return
        headers = {
            name: value for name, value in answer.headers.items() if name.lower() in {"content-type", "location"}
        }
        row = (url, answer.status_code, json.dumps(headers), body)
        with self._lock:
            try:
                statement = "INSERT OR REPLACE INTO answers (url, status, headers, body) VALUES (?, ?, ?, ?)"
                vars(request)["answered"] = self._disk.execute(statement, row).lastrowid
                self._room -= len(body)
            except sqlite3.Error:  # no space left, or nowhere to write: what is not kept is asked again
                self._room = 0


def resource_of(url: str) -> str:
    """`/conversations/cnv_1/messages` -> messages of conversations; a conversation, or a search -> conversations."""
    collection, *more = urlsplit(url).path.strip("/").split("/")
    return f"{more[1]} of {collection}" if len(more) > 1 and more[0] != "search" else collection


def _of_a_longer_list(url: str, answer: Response) -> bool:
    try:
        return "page_token" in url or bool(answer.json()["_pagination"]["next"])
    except (ValueError, LookupError, TypeError):
        return False


def _on_this_host(location: str) -> str:
    """A redirect to another host would lose the token, as it should: the same path here leads there as well."""
    _, host, path, query, _ = urlsplit(location)
    return urlunsplit(("", "", f"/{path.lstrip('/')}", query, "")) if host else location
