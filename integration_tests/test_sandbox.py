"""The sandbox itself: what the connector's tests lean on must hold."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from random import Random
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import requests

from integration_tests import truth
from integration_tests.sandbox import Behaviour, Company, Fault, Sandbox
from integration_tests.sandbox.server import Request

NOW = 1_750_000_000.0
Row = dict[str, Any]


class Client:
    """A reader that follows `next` by its path and query, as a careful client does."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self._session = requests.Session()
        self._session.headers["authorization"] = f"Bearer {sandbox.token}"

    def get(self, path: str, *, redirects: bool = False) -> requests.Response:
        return self._session.get(self.sandbox.url + path, allow_redirects=redirects, timeout=5)

    def pages(self, path: str) -> Iterator[list[Row]]:
        following: str | None = path
        while following:
            response = self.get(following)
            assert response.ok, response.text
            body = response.json()
            yield body["_results"]
            link = body["_pagination"]["next"] and urlsplit(body["_pagination"]["next"])
            following = link and f"{link.path}?{link.query}"

    def ids(self, path: str) -> list[str]:
        return [row["id"] for page in self.pages(path) for row in page]

    def search(self, query: str) -> list[str]:
        return self.ids(f"/conversations/search/{quote(query, safe='')}?limit=100")

    def events(self, query: str = "") -> list[Row]:
        return [row for page in self.pages(f"/events{query}") for row in page]

    def close(self) -> None:
        self._session.close()


Serve = Callable[..., Client]


@pytest.fixture
def serve() -> Iterator[Serve]:
    clients: list[Client] = []

    def start(behaviour: Behaviour | None = None, **settings: int) -> Client:
        clients.append(Client(Sandbox(behaviour=behaviour, **settings).start()))
        return clients[-1]

    yield start
    for client in clients:
        client.close()
        client.sandbox.stop()
        assert client.sandbox.errors == []


def test_the_same_seed_gives_the_same_company() -> None:
    def written(seed: int) -> str:
        company = Company(seed, 60, NOW)
        return json.dumps([list(truth.expected(company, Behaviour(), stream)) for stream in truth.STREAMS])

    assert written(1) == written(1)
    assert written(1) != written(2)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_company_holds_what_tests_need(seed: int) -> None:
    company = Company(seed, 60, NOW)
    everyone = list(company.conversations.values())
    living = company.living()
    assert any(each.merged_into for each in everyone)
    assert {each.type for each in living if not each.inboxes} == {"discussion", "task"}
    assert any(not each.messages and not each.comments for each in living)
    assert max(len(each.messages) for each in living) > 100
    assert min(each.created_at for each in living) < 946_684_800  # before 2000
    assert {each.state for each in living} == {"open", "archived", "deleted"}
    assert any(each.reminders for each in living)
    assert any(len(each.inboxes) == 3 for each in living)
    assert all(each.updated_at >= each.date for each in living)
    assert max(time for time, _, _ in company.activity) < NOW
    assert [each.emitted_at for each in company.events] == sorted(each.emitted_at for each in company.events)
    ids = [int(each.id.removeprefix("evt_"), 36) for each in company.events]
    assert ids == sorted(set(ids))
    updated = [each.updated_at for each in company.contacts.values()]
    assert len(updated) - len(set(updated)) >= 6


@pytest.mark.parametrize("tokens", ["offset", "keyset"])
@pytest.mark.parametrize("empty", [False, True])
def test_pages_are_short_or_empty_and_bring_every_row_once(serve: Serve, tokens: Any, empty: bool) -> None:  # noqa: ANN401
    client = serve(Behaviour(page_size_cap=7, empty_pages=empty, tokens=tokens))
    company = client.sandbox.company
    pages = list(client.pages("/conversations?limit=100&sort_by=date&sort_order=asc"))
    assert max(map(len, pages)) == 7
    assert any(not page for page in pages) is empty
    assert [row["id"] for page in pages for row in page] == [
        each.id for each in sorted(client.sandbox.view.living(), key=lambda each: (each.date, each.n))
    ]
    assert sorted(client.ids("/tags")) == sorted(each.id for each in company.tags.values() if not each.private)
    assert len(client.events()) == len(set(client.ids("/events"))) > 100


def test_what_shifts_a_live_list_is_shown_twice_by_offset_and_once_by_keyset(serve: Serve) -> None:
    def read(tokens: Any) -> list[str]:  # noqa: ANN401
        client = serve(Behaviour(tokens=tokens))
        oldest = min(client.sandbox.view.living(), key=lambda each: each.date)
        inbox = oldest.inboxes[0]
        client.sandbox.changes.during("GET /conversations", 2, lambda: client.sandbox.changes.new_conversation([inbox]))
        return client.ids("/conversations?limit=20")

    assert len(read("offset")) == len(set(read("keyset"))) + 1


def test_the_token_is_asked_for_and_the_other_host_is_watched(serve: Serve) -> None:
    client = serve(Behaviour(next_host="other"))
    sandbox = client.sandbox
    following = client.get("/conversations?limit=5").json()["_pagination"]["next"]
    assert following.startswith(sandbox.other_url)
    assert requests.get(following, timeout=5).status_code == 401
    last = sandbox.log[-1]
    assert (last.host, last.authorized, last.status) == (sandbox.other_url.removeprefix("http://"), False, 401)
    assert client.get("/me").json()["id"].startswith("cmp_")
    assert sandbox.log[-1].authorized


def test_a_merged_conversation_redirects_with_all_below_it(serve: Serve) -> None:
    client = serve(Behaviour(merged_location="own"))
    company, changes = client.sandbox.company, client.sandbox.changes
    old, new = [each for each in company.living() if each.inboxes and each.messages][:2]
    messages = [each.id for each in [*old.messages, *new.messages]]
    changes.merge(old.id, new.id)
    for path in ("", "/messages?limit=3", "/comments", "/followers", "/inboxes", "/events"):
        response = client.get(f"/conversations/{old.id}{path}")
        assert response.status_code == 301
        assert response.headers["location"] == f"{client.sandbox.url}/conversations/{new.id}{path}"
    assert sorted(client.ids(f"/conversations/{old.id.replace(old.id, new.id)}/messages")) == sorted(messages)
    (event,) = client.events("?q[types][]=conversations_merged&limit=1")[:1]
    assert (event["conversation"]["id"], event["target"]["data"]) == (new.id, [old.id])


def test_a_redirect_to_another_host_costs_the_token(serve: Serve) -> None:
    client = serve(Behaviour(merged_location="other"))
    merged = next(each for each in client.sandbox.company.conversations.values() if each.merged_into)
    assert client.get(f"/conversations/{merged.id}", redirects=True).status_code == 401
    assert [each.authorized for each in client.sandbox.log] == [True, False]


@pytest.mark.parametrize("status", [403, 404])
def test_a_forbidden_inbox_is_listed_but_not_read(serve: Serve, status: Any) -> None:  # noqa: ANN401
    client = serve(Behaviour(hidden_status=status))
    sandbox = client.sandbox
    inbox = next(each.inboxes[0] for each in sandbox.view.living() if len(each.inboxes) == 1)
    hidden = {each.id for each in sandbox.view.living() if each.inboxes == [inbox]}
    shared = {each.id for each in sandbox.view.living() if inbox in each.inboxes} - hidden
    sandbox.changes.forbid(inbox)
    assert inbox in client.ids("/inboxes")
    assert client.get(f"/inboxes/{inbox}/conversations").status_code == status
    assert client.get(f"/conversations/{min(hidden)}/messages").status_code == status
    assert not hidden & set(client.ids("/conversations"))
    assert not hidden & set(client.search("after:0"))
    assert not hidden & {event["conversation"]["id"] for event in client.events()}
    assert shared <= set(client.ids("/conversations"))
    assert client.search(f"inbox:{inbox}") == []
    sandbox.changes.grant(inbox)
    assert hidden | shared >= set(client.ids(f"/inboxes/{inbox}/conversations")) >= hidden


def test_a_missing_scope_is_403_and_private_things_need_theirs(serve: Serve) -> None:
    client = serve(Behaviour(scopes=frozenset({"tags:read", "inboxes:read"})))
    teammate = next(iter(client.sandbox.company.teammates))
    assert client.get("/tags").status_code == 200
    assert client.get("/rules").status_code == 403
    assert client.get(f"/teammates/{teammate}/private_inboxes").status_code == 403
    private = serve(Behaviour(private_scope=True))
    assert len(private.ids(f"/teammates/{teammate}/private_inboxes")) == 1
    assert private.get("/conversations/cnv_nothing").status_code == 404
    assert private.get("/nothing").json()["_error"]["status"] == 404


def test_the_rate_limit_refuses_says_when_and_lets_go(serve: Serve) -> None:
    client = serve(Behaviour(rpm=10, burst=True, rate_window_s=0.5))
    answers = [client.get("/conversations/search/is%3Aopen") for _ in range(5)]
    assert [each.status_code for each in answers] == [200, 200, 200, 200, 429]  # 40 % of ten
    answers = [client.get("/me") for _ in range(12)]
    assert [each.status_code for each in answers] == [200] * 11 + [429]  # the other six, and half of ten on top
    refused = answers[-1]
    assert "Rate limit exceeded" in refused.json()["_error"]["message"]
    assert (refused.headers["x-ratelimit-limit"], refused.headers["x-ratelimit-remaining"]) == ("10", "0")
    assert float(refused.headers["x-ratelimit-reset"]) > time.time() - 1
    time.sleep(float(refused.headers["retry-after"]) + 0.01)
    assert client.get("/me").status_code == 200


def test_one_id_has_a_limit_of_its_own(serve: Serve) -> None:
    client = serve(Behaviour(per_resource_rps=2))
    first, second = [each.id for each in client.sandbox.view.living()][:2]
    statuses = [client.get(f"/conversations/{first}/comments").status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    assert client.get(f"/conversations/{second}/comments").status_code == 200


@pytest.mark.parametrize("bounds", ["inclusive", "exclusive"])
def test_bounds_are_inclusive_or_not(serve: Serve, bounds: Any) -> None:  # noqa: ANN401
    client = serve(Behaviour(bounds=bounds, search_bounds=bounds))
    company, inside = client.sandbox.company, bounds == "inclusive"
    event = company.events[len(company.events) // 2]
    read = f"?q[after]={event.emitted_at}&q[before]={event.emitted_at + 0.0004}"
    assert (event.id in [each["id"] for each in client.events(read)]) is inside
    assert client.events(f"?q[before]={company.events[0].emitted_at - 1}") == []
    contact = next(iter(company.contacts.values()))
    assert (contact.id in client.ids(f"/contacts?q[updated_after]={contact.updated_at}")) is inside
    message = next(each for each in company.messages.values() if each.conversation.state == "open" and each.n > 30)
    found = client.search(f"after:{message.created_at} before:{message.created_at}")
    assert (message.conversation.id in found) is inside


def test_search_speaks_fronts_grammar(serve: Serve) -> None:
    client = serve()
    view = client.sandbox.view
    found = [each for each in view.living() if each.inboxes]
    kept = [each for each in found if each.state != "deleted"]
    newest_first = [each.id for each in sorted(kept, key=lambda each: (-each.date, -each.n))]
    assert client.search("after:0") == [
        each for each in newest_first if view.company.conversations[each].date and _written(view.company, each)
    ]
    assert set(client.search("is:trashed")) == {each.id for each in found if each.state == "deleted"}
    assert client.search("is:snoozed") == [each.id for each in kept if each.reminders]
    tag = next(each.tags[0] for each in kept if each.tags)
    assert set(client.search(f"tag:{tag}")) == {each.id for each in kept if tag in each.tags}
    long = max(kept, key=lambda each: len(each.messages))
    between = f"after:{long.messages[40].created_at} before:{long.messages[42].created_at}"
    assert long.id in client.search(between)  # by a message in the range, not by its newest
    assert long.id not in client.search(f"after:0 before:{long.created_at - 1}")
    assert client.get("/conversations/search/after%3A0?limit=1").json()["_total"] == len(client.search("after:0"))
    for wrong in ("is:nonsense", "updated:1", "after:yesterday", " ".join(["is:open"] * 16)):
        assert client.get(f"/conversations/search/{quote(wrong, safe='')}").status_code == 400


def _written(company: Company, conversation_id: str) -> bool:
    conversation = company.conversations[conversation_id]
    return bool(conversation.messages or conversation.comments)


def test_lists_sort_only_as_front_does(serve: Serve) -> None:
    client = serve()
    error = client.get("/conversations?sort_by=updated_at").json()["_error"]
    assert error["message"] == "Expected sort_by to be one of: date"
    rows = [row for page in client.pages("/contacts?sort_by=updated_at&sort_order=asc&limit=9") for row in page]
    assert [row["updated_at"] for row in rows] == sorted(row["updated_at"] for row in rows)
    conversation = max(client.sandbox.view.living(), key=lambda each: len(each.messages))
    times = [r["created_at"] for page in client.pages(f"/conversations/{conversation.id}/messages") for r in page]
    assert times == sorted(times, reverse=True)
    assert len(times) == len(conversation.messages)
    assert client.get(f"/contacts/{rows[0]['id']}/notes").status_code == 202


def test_a_change_shows_in_the_feed_and_in_the_conversation(serve: Serve) -> None:
    client = serve()
    company, changes = client.sandbox.company, client.sandbox.changes
    of = next(each for each in company.living() if each.inboxes and each.state == "open" and len(each.messages) > 1)
    teammate, tag = next(iter(company.teammates)), next(each for each in company.tags if each not in of.tags)
    since = company.now()
    assert client.events(f"?q[after]={since}") == []
    message, comment = changes.reply(of.id), changes.comment(of.id, [teammate])
    changes.tag(of.id, tag)
    changes.untag(of.id, tag)
    changes.follow(of.id, teammate)
    changes.edit_comment(comment)
    events = client.events(f"?q[after]={since}&sort_order=asc")
    kinds = [(each["type"], each["target"]["_meta"]["type"], each["target"]["data"]["id"]) for each in events]
    assert kinds == [
        ("inbound", "message", message),
        ("comment", "comment", comment),
        ("mention", "comment", comment),
        ("tag", "tag", tag),
        ("untag", "tag", tag),
    ]
    assert events[0]["source"]["_meta"]["type"] == "inboxes"
    assert [each["id"] for each in events[0]["source"]["data"]] == of.inboxes[:1]
    assert {each["conversation"]["id"] for each in events} == {of.id}
    assert client.get(f"/conversations/{of.id}").json()["updated_at"] == events[-1]["emitted_at"]
    assert of.id == client.ids("/conversations?limit=1")[0]
    assert client.ids(f"/comments/{comment}/mentions") == [teammate]
    changes.purge(of.id)
    assert client.get(f"/conversations/{of.id}").status_code == 404
    assert len(client.events(f"?q[after]={since}")) == len(events)


def test_an_events_conversation_is_as_now_or_as_then(serve: Serve) -> None:
    def status(event_conversation: Any) -> str:  # noqa: ANN401
        client = serve(Behaviour(event_conversation=event_conversation))
        of = next(each for each in client.sandbox.view.living() if each.inboxes)
        client.sandbox.changes.archive(of.id)
        client.sandbox.changes.trash(of.id)
        return str(client.events("?q[types]=archive")[0]["conversation"]["status"])

    assert (status("now"), status("then")) == ("deleted", "archived")


FAULTS = [
    (Fault(status=503, times=2), [503, 503, 200]),
    (Fault(route="GET /me", after=1, status=429, headers={"retry-after": "1"}), [200, 429, 200]),
    (Fault(route="GET /events", status=500, times=9), [200, 200]),
    (Fault(kind="html", status=502), [502, 200]),
    (Fault(kind="empty_body"), ["not JSON", 200]),
    (Fault(kind="truncate", match="me"), ["not JSON", 200]),
    (Fault(kind="bad_gzip"), ["not gzip", 200]),
    (Fault(kind="reset"), ["cut off", 200]),
    (Fault(kind="expired_token", times=9), [200, 200]),
]


@pytest.mark.parametrize(("fault", "outcomes"), FAULTS, ids=lambda value: getattr(value, "kind", None))
def test_faults_strike_as_scripted(serve: Serve, fault: Fault, outcomes: list[object]) -> None:
    client = serve(conversations=0)
    client.sandbox.faults.append(fault)

    def outcome() -> object:
        try:
            response = client.get("/me")
            if response.ok:
                response.json()
        except requests.exceptions.JSONDecodeError:
            return "not JSON"
        except requests.exceptions.ContentDecodingError:
            return "not gzip"
        except (requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError):
            return "cut off"
        return response.status_code

    assert [outcome() for _ in outcomes] == outcomes


def test_page_tokens_expire_and_repeat_when_told(serve: Serve) -> None:
    client = serve(Behaviour(token_lifetime_s=5))
    following = urlsplit(client.get("/tags?limit=9").json()["_pagination"]["next"])
    assert client.get(f"{following.path}?{following.query}").ok
    client.sandbox.company.advance(6)
    assert client.get(f"{following.path}?{following.query}").status_code == 400
    assert client.get("/tags?page_token=nonsense").status_code == 400
    stuck = serve(Behaviour(next_repeats=True))
    first = urlsplit(stuck.get("/tags?limit=9").json()["_pagination"]["next"])
    assert stuck.get(f"{first.path}?{first.query}").json()["_pagination"]["next"] == first.geturl()


def test_stopped_it_refuses_and_started_again_it_is_where_it_was(serve: Serve) -> None:
    client = serve(conversations=0)
    url = client.sandbox.url
    assert client.get("/me").ok
    client.sandbox.stop()
    with pytest.raises(requests.exceptions.ConnectionError):
        client.get("/me")
    client.sandbox.start()
    assert client.sandbox.url == url
    assert client.get("/me").ok


def test_requests_are_counted_by_route(serve: Serve) -> None:
    client = serve()
    of = next(each.id for each in client.sandbox.view.living())
    client.search("is:open")
    client.get(f"/conversations/{of}/messages?limit=2")
    client.get(f"/conversations/{of}/messages")
    assert client.sandbox.requests == {
        "GET /conversations/search/{query}": 1,
        "GET /conversations/{id}/messages": 2,
    }
    assert isinstance(client.sandbox.log[0], Request)
    client.sandbox.reset_log()
    assert not client.sandbox.requests


def test_random_changes_keep_server_and_truth_alike(serve: Serve) -> None:
    client = serve(seed=3)
    sandbox, rng = client.sandbox, Random(3)
    done = {sandbox.changes.random_change(rng).split()[0] for _ in range(150)}
    assert len(done) >= 18
    listed = {row["id"]: row for page in client.pages("/conversations?limit=100") for row in page}
    wanted = {row["id"]: row for row in truth.expected(sandbox.company, sandbox.behaviour, "conversations")}
    assert listed.keys() == wanted.keys()
    for key, row in wanted.items():
        assert {name: value for name, value in listed[key].items() if value is not None}.items() <= row.items()
    found: dict[str, set[str]] = {}
    for inbox in client.ids("/inboxes"):
        for conversation in client.ids(f"/inboxes/{inbox}/conversations"):
            found.setdefault(conversation, set()).add(inbox)
    pairs = truth.expected(sandbox.company, sandbox.behaviour, "conversation_inboxes")
    assert {(each, inbox) for each, inboxes in found.items() for inbox in inboxes} == {
        (row["conversation_id"], row["inbox_id"]) for row in pairs
    }


def test_a_large_company_is_quick() -> None:
    began = time.perf_counter()
    with Sandbox(conversations=20_000) as sandbox:
        client = Client(sandbox)
        client.search("after:1700000000 is:open before:1700500000")
        client.get("/conversations?limit=100")
        client.close()
        assert sandbox.errors == []
    assert time.perf_counter() - began < 30
