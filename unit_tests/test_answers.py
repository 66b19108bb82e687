"""One answer to each URL in a sync: from Front once, from the disk from then on, and never one that was rejected."""

import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from unittest.mock import patch

import pytest
import requests

from source_front.components.answers import Answers

PAGE = '{"_results": [], "_pagination": {"next": null}}'
TWO_PAGES = '{"_results": [], "_pagination": {"next": "https://acme.api.frontapp.com/tags?page_token=x"}}'
Scripted = tuple[int, dict[str, str], str]


class Server:
    """Answers each path with what is scripted for it in turn, the last one for ever, and counts."""

    def __init__(self) -> None:
        self.script: dict[str, list[Scripted]] = {}
        self.asked: Counter[str] = Counter()
        self.tokens: set[str | None] = set()
        self.takes = 0.0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked[self.path] += 1
                outer.tokens.add(self.headers["authorization"])
                time.sleep(outer.takes)
                scripted = outer.script.get(self.path, [(200, {}, PAGE)])
                status, headers, body = scripted.pop(0) if len(scripted) > 1 else scripted[0]
                self.send_response(status)
                for name, value in ({"content-length": str(len(body.encode()))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: object) -> None:
                """Not on standard error."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def front() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def answers() -> Answers:
    return Answers()


def asker(answers: Answers, front: Server) -> Callable[[str], requests.Response]:
    """A stream's own session over the shared answers: path -> answer."""
    session = requests.Session()
    session.mount("http://", answers)
    return lambda path: session.get(front.url + path, headers={"authorization": "Bearer t0ken"})


def test_given_two_streams_when_both_ask_then_front_is_asked_once_and_both_have_the_whole_answer(
    front: Server, answers: Answers
) -> None:
    body = '{"id": "msg_1", "text": "שלום 🎉"}'
    front.script["/messages"] = [(200, {"content-type": "application/json"}, body)]
    one, two = (asker(answers, front)("/messages") for _ in range(2))
    assert front.asked == {"/messages": 1}
    assert one.json() == two.json() == {"id": "msg_1", "text": "שלום 🎉"}
    assert (two.status_code, two.headers["content-type"], two.url) == (200, "application/json", f"{front.url}/messages")


def test_given_twenty_threads_when_they_ask_at_once_then_each_url_is_asked_once(
    front: Server, answers: Answers
) -> None:
    front.takes = 0.01
    paths = [f"/tags?limit={n}" for n in range(10)]

    def ask_all() -> None:
        ask = asker(answers, front)
        for path in paths:
            assert ask(path).text == PAGE

    threads = [threading.Thread(target=ask_all) for _ in range(20)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(10)
        assert not each.is_alive()
    assert front.asked == dict.fromkeys(paths, 1)


@pytest.mark.parametrize("status", [403, 404])
def test_given_what_may_not_be_read_when_asked_again_then_it_is_not_asked_again(
    front: Server, answers: Answers, status: int
) -> None:
    front.script["/inboxes/inb_1/conversations"] = [(status, {}, "{}")]
    assert [asker(answers, front)("/inboxes/inb_1/conversations").status_code for _ in range(2)] == [status] * 2
    assert front.asked.total() == 1


@pytest.mark.parametrize("status", [401, 408, 429, 500, 502, 503, 504])
def test_given_what_passes_when_asked_again_then_front_is_asked_again(
    front: Server, answers: Answers, status: int
) -> None:
    front.script["/tags"] = [(status, {}, "{}"), (200, {}, PAGE)]
    assert [asker(answers, front)("/tags").status_code for _ in range(3)] == [status, 200, 200]
    assert front.asked.total() == 2


def test_given_an_answer_that_is_rejected_when_the_same_request_comes_again_then_it_is_asked_anew(
    front: Server, answers: Answers
) -> None:
    """As the CDK retries. Another stream, which had the bad answer too, then gets the good one from the disk."""
    front.script["/tags"] = [(200, {}, '{"_resu'), (200, {}, PAGE)]
    one, two = (requests.Request("GET", f"{front.url}/tags").prepare() for _ in range(2))
    assert answers.send(one).text == answers.send(two).text == '{"_resu'
    assert answers.send(one).text == PAGE
    assert answers.send(two).text == PAGE
    assert front.asked.total() == 2


def test_given_a_redirect_whose_end_is_rejected_when_asked_again_then_the_end_is_asked_anew(
    front: Server, answers: Answers
) -> None:
    front.script["/conversations/cnv_1"] = [(301, {"location": "/conversations/cnv_2"}, "")]
    front.script["/conversations/cnv_2"] = [(200, {}, "<html>"), (200, {}, PAGE)]
    session = requests.Session()
    session.mount("http://", answers)
    request = session.prepare_request(requests.Request("GET", f"{front.url}/conversations/cnv_1"))
    assert [session.send(request).text for _ in range(2)] == ["<html>", PAGE]


@pytest.mark.parametrize(
    "location", ["https://acme.api.frontapp.com/conversations/cnv_2?x=1", "//evil.example//conversations/cnv_2?x=1"]
)
def test_given_a_redirect_to_another_host_when_followed_then_on_this_host_and_with_the_token(
    front: Server, answers: Answers, location: str
) -> None:
    front.script["/conversations/cnv_1"] = [(301, {"location": location}, "")]
    front.script["/conversations/cnv_2?x=1"] = [(200, {}, '{"id": "cnv_2"}')]
    assert asker(answers, front)("/conversations/cnv_1").json() == {"id": "cnv_2"}
    assert front.tokens == {"Bearer t0ken"}


def test_given_a_full_disk_when_asked_then_only_pages_of_longer_lists_are_kept(front: Server, answers: Answers) -> None:
    """A page asked later with the token of a kept one might find that token dead."""
    front.script["/tags"] = [(200, {}, TWO_PAGES)]
    with patch.object(answers._kept, "_room", 0):
        for _ in range(2):
            for path in ("/tags", "/tags?page_token=x", "/rules"):
                assert asker(answers, front)(path).ok
    assert front.asked == {"/tags": 1, "/tags?page_token=x": 1, "/rules": 2}


FULL = """
import random, resource, signal
from requests import Response
from source_front.components.kept import Kept
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))  # as on a disk that is full
kept, answer = Kept(), Response()
answer.status_code = 200
numbers = []
for n in range(200):
    answer._content = random.Random(n).randbytes(60_000)
    numbers.append(kept.put(f"/{n}", answer))
assert numbers[0] and not numbers[-1], numbers
assert not any(kept.get(f"/{n}")[1] for n in range(200)), "once it failed, nothing is sure"
"""


def test_given_a_disk_that_fails_when_answers_are_kept_then_none_is_and_nothing_raises() -> None:
    """SQLite then fails each later statement, too."""
    subprocess.run([sys.executable, "-c", FULL], check=True)


def test_given_a_conversation_merged_twice_when_its_end_is_rejected_then_the_end_is_asked_anew(
    front: Server, answers: Answers
) -> None:
    for old, new in ((1, 2), (2, 3)):
        front.script[f"/conversations/cnv_{old}"] = [(301, {"location": f"/conversations/cnv_{new}"}, "")]
    front.script["/conversations/cnv_3"] = [(200, {}, "<html>"), (200, {}, PAGE)]
    session = requests.Session()
    session.mount("http://", answers)
    request = session.prepare_request(requests.Request("GET", f"{front.url}/conversations/cnv_1"))
    assert [session.send(request).text for _ in range(2)] == ["<html>", PAGE]


def test_given_no_request_before_when_another_url_is_asked_then_there_is_no_token_to_ask_with(answers: Answers) -> None:
    with pytest.raises(LookupError):
        answers.ask("/tags")


def test_given_a_request_before_when_a_path_is_asked_then_with_its_token_on_its_host(
    front: Server, answers: Answers
) -> None:
    asker(answers, front)("/inboxes")
    assert answers.ask("/tags?limit=1").ok
    assert front.asked["/tags?limit=1"] == 1
    assert front.tokens == {"Bearer t0ken"}
