"""Saves requests: one answer to each URL in a sync. In YAML two streams cannot share one."""

import threading
from typing import Any
from urllib.parse import urljoin, urlsplit, urlunsplit
from weakref import WeakValueDictionary

from requests import PreparedRequest, Response, Session
from requests.adapters import BaseAdapter, HTTPAdapter

from source_front.components.kept import Kept
from source_front.components.outages import Outages, resource_of
from source_front.components.pace import Pace


class Answers(BaseAdapter):
    """The transport of all streams: a request -> its answer, from the network once, from then on as it was kept.

    An answer that an error handler rejects is not given again: the CDK then retries with the same request object.
    """

    def __init__(self, requests_per_minute: float | None = None) -> None:
        super().__init__()
        self.outages = Outages()
        self._network = HTTPAdapter(pool_connections=20, pool_maxsize=20)
        self._pace = Pace(requests_per_minute)
        self._kept = Kept()
        self._lock = threading.Lock()
        self._turns: WeakValueDictionary[str, Any] = WeakValueDictionary()  # a lock for each URL that is being asked
        self._latest: PreparedRequest | None = None

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:  # noqa: ANN401
        """As `requests.adapters.HTTPAdapter.send`. Of threads that ask for one URL at a time, the first asks Front.

        Raises:
            requests.RequestException: no whole answer came.
            AirbyteTracedException: the resource is down, or its scope is missing.
        """
        url, known = request.url or "", vars(request)
        self._latest = request
        with self._lock:
            turn = self._turns.setdefault(url, threading.Lock())
        with turn:
            number, answer = self._kept.get(url)
            if answer is not None and number == known.get("answered"):  # and rejected
                self._kept.forget(url)
                answer = None
            if answer is None:
                answer = self._ask(request, url, *args, **kwargs)
                number = self._kept.put(url, answer)
            known["answered"], answer.request = number, request
            return answer

    def ask(self, url: str, timeout: tuple[float, float] = (20, 120)) -> Response:
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
        return self.send(request, **{**settings, "timeout": timeout})

    def close(self) -> None:
        """As `requests.adapters.BaseAdapter.close`; but of the sessions that share this, each ends on its own."""

    def _ask(self, request: PreparedRequest, url: str, *args: Any, **kwargs: Any) -> Response:  # noqa: ANN401
        resource, answer = resource_of(url), None
        self.outages.check(resource)
        self._pace.wait(search=resource == "search")
        try:
            received = self._network.send(request, *args, **kwargs)
            received.content  # noqa: B018  # all of it, now
            answer = received
        finally:
            self._pace.done(answer, search=resource == "search")
            if answer is None or answer.status_code != 429:
                self.outages.noted(resource, failed=answer is None or answer.status_code >= 500)
        if answer.is_redirect:
            answer.headers["location"] = _on_this_host(answer.headers["location"])
        return answer


def _on_this_host(location: str) -> str:
    """A redirect to another host would lose the token, as it should: the same path here leads there as well."""
    _, host, path, query, _ = urlsplit(location)
    return urlunsplit(("", "", f"/{path.lstrip('/')}", query, "")) if host else location
