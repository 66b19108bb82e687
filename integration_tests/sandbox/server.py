"""The sandbox over HTTP: authentication, limits, faults, pages, and a log of every request."""

from __future__ import annotations

import base64
import json
import os
import socket
import socketserver
import struct
import threading
import time
import traceback
from bisect import bisect_right
from collections import Counter, OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import parse_qsl, urlencode

from integration_tests.sandbox.behaviour import COMPANY_HOST, Behaviour, Fault, Host
from integration_tests.sandbox.changes import Changes
from integration_tests.sandbox.company import Company, Row
from integration_tests.sandbox.limits import Limits
from integration_tests.sandbox.routes import ROUTES, ApiError, Listing, Query, route_of
from integration_tests.sandbox.routes import Request as Call
from integration_tests.sandbox.tokens import ROUTE as TOKEN_ROUTE
from integration_tests.sandbox.tokens import Tokens
from integration_tests.sandbox.view import View

TITLES = {400: "Bad request", 401: "Unauthenticated", 403: "Forbidden", 404: "Not found", 429: "Too many requests"}
TOKEN = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJzYW5kYm94In0.c2FuZGJveC1zaWduYXR1cmU"
HTML = "<html><head><title>502 Bad Gateway</title></head><body>Bad Gateway</body></html>"
REMEMBERED = 64


@dataclass(frozen=True)
class Request:
    """One request as it came in, and how it was answered (status 0: cut off)."""

    method: str
    path: str
    query: str
    route: str
    """Such as `GET /conversations/{id}/messages`; `GET ?` where there is no such endpoint."""
    status: int
    at: float
    """Seconds since 1970 by this machine's clock."""
    host: str
    """The Host header."""
    authorized: bool
    """Whether it carried an Authorization header, whatever was in it."""


@dataclass
class Reply:
    status: int
    body: bytes = b""
    headers: dict[str, str] | None = None
    cut: bool = False
    """Close the connection in the middle of the body."""


class Sandbox:
    """A Front look-alike on a loopback port, for the length of a `with` block or between `start()` and `stop()`.

    Stopped and started again it keeps its port, its company and its log.
    """

    def __init__(
        self,
        seed: int = 1,
        conversations: int = 60,
        behaviour: Behaviour | None = None,
        now: float | None = None,
        port: int = 0,
    ) -> None:
        self.behaviour = behaviour or Behaviour()
        self.token = TOKEN
        self.tokens = Tokens(self.behaviour)
        """Beside the API token: OAuth's."""
        self.company = Company(seed, conversations, (time.time() if now is None else now) + self.behaviour.clock_skew_s)
        self.view = View(self.company, self.behaviour)
        self.changes = Changes(self.company, self.view)
        self.log: list[Request] = []
        self.faults: list[Fault] = []
        self.errors: list[str] = []
        """Tracebacks of the sandbox itself: a test that sees any has found a bug here."""
        self._limits = Limits(self.behaviour)
        self._memory: OrderedDict[object, object] = OrderedDict()
        self._memory_version = 0
        self._listeners: list[_Listener] = []
        self._ports = [port, 0]

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Sandbox:
        for n, port in enumerate(self._ports):
            listener = _Listener(("127.0.0.1", port), _Connection)
            listener.sandbox = self
            self._ports[n] = listener.server_address[1]
            self._listeners.append(listener)
            threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        self.company.host = self.host(self.behaviour.links_host)
        return self

    def stop(self) -> None:
        """Connections are closed, new ones refused."""
        for listener in self._listeners:
            listener.shutdown()
            listener.close()
        self._listeners = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._ports[0]}"

    @property
    def other_url(self) -> str:
        """Another host to any client: it answers like the first, to whoever brings the token there."""
        return f"http://127.0.0.1:{self._ports[1]}"

    def host(self, which: Host) -> str:
        return {"own": self.url, "other": self.other_url, "company": COMPANY_HOST}[which]

    def config(self, **over: object) -> Row:
        """A connector's configuration for this sandbox."""
        credentials = {"auth_type": "api_token", "api_token": self.token}
        return {"credentials": credentials, "api_url": self.url, "start_date": "1970-01-01T00:00:00Z"} | over

    @property
    def requests(self) -> Counter[str]:
        """How often each route was asked."""
        return Counter(each.route for each in list(self.log))

    def reset_log(self) -> None:
        self.log.clear()

    # One request

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes = b"") -> Reply:
        """Answers and logs it."""
        path, _, query = target.partition("?")
        template, key = route_of(path)
        refreshing = (method, path) == ("POST", TOKEN_ROUTE)
        route = f"{method} {path if refreshing else template or '?'}"
        if self.behaviour.latency_s:
            time.sleep(self.behaviour.latency_s)
        with self.company.lock:
            self._changed_meanwhile(route)
            fault = next((each for each in self.faults if each.strikes(route, target)), None)
        if fault and fault.kind == "slow":
            time.sleep(fault.seconds)
        with self.company.lock:
            if refreshing:
                reply = self._faulty(fault) or Reply(*self.tokens.answer(headers, body, self.company.now()))
            else:
                reply = self._faulty(fault) or self._safely(method, template, key, target, headers, fault)
        status = 0 if reply.cut else reply.status
        came = (headers.get("host", ""), "authorization" in headers)
        self.log.append(Request(method, path, query, route, status, time.time(), *came))
        return reply

    def _changed_meanwhile(self, route: str) -> None:
        try:
            self.changes.arrived(route)
        except Exception:
            self.errors.append(traceback.format_exc())

    def _faulty(self, fault: Fault | None) -> Reply | None:
        """The answer of a fault that needs no real one."""
        if fault is None:
            return None
        if fault.kind == "expired_token":
            return _error(400, "Invalid page token")
        if fault.kind == "html":
            return Reply(fault.status, HTML.encode(), {"content-type": "text/html", **fault.headers})
        if fault.kind == "empty_body":
            return Reply(fault.status, b"", dict(fault.headers))
        if fault.kind == "no_results":
            return Reply(200, b'{"_links": {"self": "x"}, "status": "ok"}', dict(fault.headers))
        if fault.kind == "bad_gzip":
            return Reply(200, b"\x1f\x8bnot gzip at all", {"content-encoding": "gzip"})
        if fault.kind == "status":
            if fault.body is None:
                return _error(fault.status, f"Scripted {fault.status}", dict(fault.headers))
            return Reply(fault.status, fault.body.encode(), dict(fault.headers))
        return None

    def _safely(
        self, method: str, template: str | None, key: str, target: str, headers: dict[str, str], fault: Fault | None
    ) -> Reply:
        try:
            limits = self._admit(method, template, key, headers)
            reply = self._answer(template or "", key, target, repeat=fault is not None and fault.kind == "repeat_next")
            reply.headers = {**limits, **(reply.headers or {})}
        except ApiError as error:
            where = self.host(self.behaviour.merged_location) + target.replace(key, error.location or "", 1)
            return _error(error.status, error.message, {"location": where} if error.location else {})
        except _RefusedError as refusal:
            return refusal.reply
        except Exception:
            self.errors.append(traceback.format_exc())
            return _error(500, "The sandbox itself failed")
        if fault and fault.kind == "truncate":
            reply.body = reply.body[: len(reply.body) // 2]
        reply.cut = fault is not None and fault.kind == "reset"
        return reply

    def _admit(self, method: str, template: str | None, key: str, headers: dict[str, str]) -> dict[str, str]:
        """The rate headers of a request that may pass."""
        authorization = headers.get("authorization", "")
        if authorization != f"Bearer {self.token}" and not self.tokens.accepts(authorization, self.company.now()):
            raise ApiError(401, "JSON Web Token error")
        search = template == "/conversations/search/{query}"
        limits, refusal = self._limits.admit(self.company.now(), resource="" if search else key, search=search)
        if refusal:
            raise _RefusedError(_error(429, refusal, limits))
        if template is None or method != "GET":
            raise ApiError(404, "Unknown route")
        scope, scopes = ROUTES[template][0], self.behaviour.scopes
        if scope and scopes is not None and scope not in scopes:
            raise ApiError(403, f"This token lacks the scope {scope}")
        return limits

    def _answer(self, template: str, key: str, target: str, *, repeat: bool) -> Reply:
        path, _, text = target.partition("?")
        pairs = parse_qsl(text, keep_blank_values=True)
        token = next((value for name, value in pairs if name == "page_token"), None)
        page = self._opened(token) if token else _Page(pairs)
        query = Query(page.pairs)
        call = Call(self.view, query, key, lambda what, make: self._remember((template, key, what), make))
        answer = ROUTES[template][1](call)
        if not isinstance(answer, Listing):
            return Reply(200, _json(answer))
        rows, following = self._page(answer, page, query)
        if following and (repeat or self.behaviour.next_repeats):
            following = page
        body: Row = {
            "_pagination": {"next": self._next(path, following) if following else None},
            "_links": {"self": self.company.host + target},
            "_results": [answer.body(each) for each in rows],
        }
        if answer.total is not None:
            body["_total"] = answer.total
        return Reply(answer.status, _json(body))

    def _page(self, listing: Listing, page: _Page, query: Query) -> tuple[Any, _Page | None]:
        """The rows of this page, and the page after it if there is one."""
        if listing.key is None:
            return listing.rows, None
        if page.empty:
            return [], _Page(page.pairs, page.position)
        size = max(1, min(int(query.number("limit") or 50), listing.most))
        size = min(size, self.behaviour.page_size_cap or size)
        rows, key, position = listing.rows, listing.key, page.position
        start = bisect_right(rows, tuple(position), key=key) if isinstance(position, list) else position
        end = start + size
        if end >= len(rows):
            return rows[start:], None
        after = list(key(rows[end - 1])) if self.behaviour.tokens == "keyset" else end
        return rows[start:end], _Page(page.pairs, after, empty=self.behaviour.empty_pages)

    def _next(self, path: str, page: _Page) -> str:
        issued = self.company.now() if self.behaviour.token_lifetime_s else 0.0  # else one page keeps one URL
        content = json.dumps([page.pairs, page.position, page.empty, issued]).encode()
        pairs = [*page.pairs, ("page_token", base64.urlsafe_b64encode(content).decode())]
        return f"{self.host(self.behaviour.next_host)}{path}?{urlencode(pairs)}"

    def _opened(self, token: str) -> _Page:
        try:
            pairs, position, empty, issued = json.loads(base64.urlsafe_b64decode(token))
        except ValueError:
            raise ApiError(400, "Invalid page token") from None
        lifetime = self.behaviour.token_lifetime_s
        if lifetime and self.company.now() - issued > lifetime:
            raise ApiError(400, "Invalid page token")
        return _Page([(name, value) for name, value in pairs], position, empty)

    def _remember(self, key: object, make: Callable[[], object]) -> object:
        """What `make` gave last time, while the company has not changed and the clock decides nothing."""
        lagging = self.behaviour.search_lag_s or self.behaviour.event_lag_s
        if self._memory_version != self.company.version or lagging:
            self._memory.clear()
            self._memory_version = self.company.version
        if key not in self._memory:
            self._memory[key] = make()
            if len(self._memory) > REMEMBERED:
                self._memory.popitem(last=False)
        return self._memory[key]


@dataclass(frozen=True)
class _Page:
    """What a page token holds: the first request's query, and an offset or the key of the row to go on after."""

    pairs: list[tuple[str, str]]
    position: int | list[float] = 0
    empty: bool = False


class _RefusedError(Exception):
    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


def _json(body: Row) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


def _error(status: int, message: str, headers: dict[str, str] | None = None) -> Reply:
    content = {"status": status, "title": TITLES.get(status, "Error"), "message": message, "details": []}
    return Reply(status, _json({"_error": content}), headers)


class _Listener(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128
    sandbox: Sandbox

    def __init__(self, *args: Any) -> None:  # noqa: ANN401
        self.open: set[socket.socket] = set()
        super().__init__(*args)

    def close(self) -> None:
        self.server_close()
        for each in list(self.open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def handle_error(self, *_: object) -> None:
        """Clients may go away at any time."""


class _Connection(socketserver.StreamRequestHandler):
    """HTTP/1.1 with keep-alive, by hand: `http.server` spends more time on headers than the sandbox on answers."""

    disable_nagle_algorithm = True
    timeout = 120

    def handle(self) -> None:
        listener = cast("_Listener", self.server)
        listener.open.add(self.connection)
        try:
            with suppress(OSError, ValueError):
                while self._one(listener.sandbox):
                    pass
        finally:
            listener.open.discard(self.connection)

    def _one(self, sandbox: Sandbox) -> bool:
        """Reads and answers one request; whether another may follow."""
        line = self.rfile.readline(65_537)
        if not line.strip():
            return False
        method, target, _ = line.decode("latin-1").split(" ", 2)
        headers: dict[str, str] = {}
        while (header := self.rfile.readline(65_537).strip()) != b"":
            name, _, value = header.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        body = self.rfile.read(int(headers.get("content-length", 0)))
        reply = sandbox.answer(method, target, headers, body)
        sent = {"content-type": "application/json; charset=utf-8", **(reply.headers or {})}
        head = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
        start = f"HTTP/1.1 {reply.status} {TITLES.get(reply.status, 'OK')}\r\n"
        text = f"{start}{head}content-length: {len(reply.body)}\r\n\r\n".encode("latin-1")
        if reply.cut:
            self.connection.sendall(text + reply.body[: len(reply.body) // 2])
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            os.close(self.connection.detach())  # with that linger: a reset, not an end
            return False
        self.connection.sendall(text + reply.body)
        return headers.get("connection", "").lower() != "close"
