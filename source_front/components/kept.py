"""Keeps answers on disk, for all streams of a sync. In YAML each stream has a cache of its own."""

import json
import sqlite3
import threading
import zlib
from urllib.parse import urljoin

from requests import Response

MOST_BYTES = 2 * 2**30
"""Of compressed answers: at 3 kB a message, 700,000 of them."""
FINAL = {200, 202, 301, 302, 307, 308, 403, 404}
"""Statuses that would be the same a moment later."""


class Kept:
    """URL -> the answer to it, and its number: a later answer to the same URL has another one.

    The disk is a database without a name, which SQLite removes however the process ends. Once it is full, only pages of
    longer lists are added: page tokens age, so that a later page must not be asked with the token of a kept one. Once
    it fails, nothing is kept any more, and each stream asks for itself.
    """

    def __init__(self) -> None:
        self._room = MOST_BYTES
        self._lock = threading.Lock()
        self._disk: sqlite3.Connection | None = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._execute("PRAGMA journal_mode = MEMORY")
        self._execute(
            "CREATE TABLE answers (number INTEGER PRIMARY KEY AUTOINCREMENT, url UNIQUE, status, headers, body)"
        )

    def get(self, url: str) -> tuple[int | None, Response | None]:
        """Two times None, if there is no answer."""
        found, _ = self._execute("SELECT number, status, headers, body FROM answers WHERE url = ?", url)
        if not found:
            return None, None
        number, status, headers, body = found[0]
        answer = Response()
        answer.status_code, answer.url, answer.encoding = status, url, "utf-8"
        answer.headers.update(json.loads(headers))
        vars(answer).update(_content=zlib.decompress(body), _content_consumed=True, from_cache=True)
        return number, answer

    def put(self, url: str, answer: Response) -> int | None:
        """The answer's number; None, if it is not kept."""
        if answer.status_code not in FINAL or self._disk is None:
            return None
        body = zlib.compress(answer.content, 1)
        if len(body) > self._room and not _of_a_longer_list(url, answer):
            return None
        headers = {name: answer.headers[name] for name in ("content-type", "location") if name in answer.headers}
        statement = "INSERT OR REPLACE INTO answers (url, status, headers, body) VALUES (?, ?, ?, ?)"
        _, number = self._execute(statement, url, answer.status_code, json.dumps(headers), body)
        self._room -= len(body)
        return number

    def forget(self, url: str) -> None:
        """The answer, and those that it redirects to."""
        while (answer := self.get(url)[1]) is not None:
            self._execute("DELETE FROM answers WHERE url = ?", url)
            url = urljoin(url, answer.headers.get("location", url))

    def _execute(self, statement: str, *values: object) -> tuple[list[tuple[int, int, str, bytes]], int | None]:
        """The rows, and the number of the row that was put in. SQLite allows one thread at a time."""
        with self._lock:
            if self._disk is None:
                return [], None
            try:
                done = self._disk.execute(statement, values)
                return done.fetchall(), done.lastrowid
            except sqlite3.Error:  # no space left: from now on each statement would fail
                self._disk = None
                return [], None


def _of_a_longer_list(url: str, answer: Response) -> bool:
    try:
        return "page_token" in url or bool(answer.json()["_pagination"]["next"])
    except (ValueError, LookupError, TypeError):
        return False
