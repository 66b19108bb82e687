"""The probe of a real account: its answers tell Front's ways apart, and nothing of the account or the token leaves."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from integration_tests import probe
from integration_tests.probe import NOT_SEEN, QUESTIONS, Front
from integration_tests.sandbox import Behaviour, Company, Fault, Sandbox
from source_front.source import load_manifest

ASKED = {each.text: each for each in QUESTIONS}
Change = Callable[[Sandbox], object]


def looked_at(sandbox: Sandbox) -> Front:
    """A client that has asked for something, as before any question but the first."""
    front = Front(sandbox.url, sandbox.token, pause=0)
    assert front.conversations
    assert front.events
    return front


def answer(front: Front, question: str) -> str:
    """The last column of its line."""
    return ASKED[question].line(front).removesuffix(" |").rpartition(" | ")[2]


def some(company: Company, n: int = 0) -> str:
    """A conversation in an inbox, with messages; 0 is the one with the newest message or comment."""
    found = [each for each in company.living() if each.inboxes and each.messages and each.state != "deleted"]
    return sorted(found, key=lambda each: -each.date)[n].id


# Both ways of what the sandbox can do


def nothing(_: Sandbox) -> None:
    pass


def change_twice(sandbox: Sandbox) -> None:
    name = some(sandbox.company)
    sandbox.changes.archive(name)
    sandbox.changes.reopen(name)


def discuss(sandbox: Sandbox) -> None:
    """One that is in no inbox, the newest of all."""
    sandbox.changes.new_discussion(comments=2)


def trash(sandbox: Sandbox) -> None:
    sandbox.changes.trash(some(sandbox.company))


def merge(sandbox: Sandbox) -> None:
    sandbox.changes.merge(some(sandbox.company), some(sandbox.company, 1))


def forbid(sandbox: Sandbox) -> None:
    sandbox.changes.forbid(next(iter(sandbox.company.inboxes)))


def say(body: str) -> Change:
    def change(sandbox: Sandbox) -> None:
        for comment in sandbox.company.comments.values():
            comment.body = body

    return change


def note(*, moves: bool) -> Change:
    """To the contact that was updated last."""

    def change(sandbox: Sandbox) -> None:
        contacts = [each for each in sandbox.company.contacts.values() if not each.private]
        newest = max(contacts, key=lambda each: each.updated_at)
        sandbox.changes.add_note(newest.id, moves=moves)

    return change


OWN, COMPANYS, OTHERS = "the host that was asked", "`<company>.api.frontapp.com`", "not Front's"


WAYS: dict[str, list[tuple[Behaviour, Change, str]]] = {
    "As they are now, or as they were then?": [
        (Behaviour(event_conversation="now"), change_twice, r"as now \(\d+\)"),
        (Behaviour(event_conversation="then"), change_twice, r"as now \(\d+\), as then \(1\)"),
    ],
    "Which events move `updated_at`?": [
        (Behaviour(), change_twice, r".*`reopen` 1 of 1.*"),
        (Behaviour(updated_at_on_conversations=False), nothing, NOT_SEEN),
    ],
    "Page size of `/events`?": [
        (Behaviour(), nothing, "15 rows, 15 rows, 15 rows"),
        (Behaviour(events_over_limit="refuse"), nothing, r"15 rows, refused \(400\), refused \(400\)"),
    ],
    "Page size of `/conversations`?": [
        (Behaviour(), nothing, r"50 rows, all 5\d rows, all 5\d rows"),
        (Behaviour(page_size_cap=7), nothing, "7 rows, 7 rows, 7 rows"),
    ],
    **{
        f"Bound of `{key}`?": [
            (Behaviour(bounds="inclusive"), nothing, "inclusive"),
            (Behaviour(bounds="exclusive"), nothing, "exclusive"),
        ]
        for key in ("q[after]", "q[before]", "q[updated_after]", "q[updated_before]")
    },
    **{
        f"Bound of `{key}`?": [
            (Behaviour(search_bounds="inclusive"), nothing, "inclusive"),
            (Behaviour(search_bounds="exclusive"), nothing, "exclusive"),
        ]
        for key in ("after:", "before:")
    },
    "Host in `next`?": [
        (Behaviour(next_host="own"), nothing, rf"{OWN} \(\d+\)"),
        (Behaviour(next_host="other"), nothing, rf"{OTHERS} \(\d+\)"),
        (Behaviour(next_host="company"), nothing, rf"{COMPANYS} \(\d+\)"),
    ],
    "Host in `_links`?": [
        (Behaviour(links_host="own"), nothing, rf"{OWN} \(\d+\)"),
        (Behaviour(links_host="other"), nothing, rf"{OTHERS} \(\d+\)"),
        (Behaviour(links_host="company"), nothing, rf"{COMPANYS} \(\d+\)"),
    ],
    "Host of attachments?": [
        (Behaviour(links_host="own"), nothing, rf"{OWN} \(\d+\)"),
        (Behaviour(links_host="company"), nothing, rf"{COMPANYS} \(\d+\)"),
    ],
    "Trashed conversations in lists?": [
        (Behaviour(trashed_in_lists=True), trash, r"(\d+) of \1"),
        (Behaviour(trashed_in_lists=False), trash, r"0 of \d+"),
    ],
    "Trashed ones in search without `is:trashed`?": [
        (Behaviour(trashed_in_search=True), trash, "3 of 3"),
        (Behaviour(trashed_in_search=False), trash, "0 of 3"),
    ],
    "Trashed ones in events?": [(Behaviour(), trash, r"(\d) of \1")],
    "Those without an inbox in lists?": [(Behaviour(), discuss, r"yes \(\d\)")],
    "Those without an inbox in search?": [
        (Behaviour(inboxless_in_search=True), discuss, r"(\d) of \1"),
        (Behaviour(inboxless_in_search=False), discuss, r"0 of \d"),
        (Behaviour(conversation_types=False), discuss, r"0 of \d"),
    ],
    "Those without an inbox in events?": [
        (Behaviour(inboxless_in_events=True), discuss, r"(\d) of \1"),
        (Behaviour(inboxless_in_events=False), discuss, r"0 of \d"),
    ],
    "What does `conversations_merged` name?": [
        (Behaviour(), nothing, NOT_SEEN),
        (Behaviour(merged_targets="ids"), merge, r"id \(1\)"),
        (Behaviour(merged_targets="objects"), merge, r"object with `id` \(1\)"),
    ],
    **{
        question: [
            (Behaviour(), nothing, NOT_SEEN),
            (Behaviour(merged_location="own"), merge, rf"301 to the survivor at {OWN} \(1\)"),
            (Behaviour(merged_location="other"), merge, rf"301 to the survivor at {OTHERS} \(1\)"),
            (Behaviour(merged_location="company"), merge, rf"301 to the survivor at {COMPANYS} \(1\)"),
            (Behaviour(merged_targets="objects"), merge, rf"301 to the survivor at {OWN} \(1\)"),
        ]
        for question in ("What does a merged-away id answer?", "And its messages?")
    },
    "Does search find merged-away ids?": [
        (Behaviour(merged_in_search=True), merge, "1 of 1"),
        (Behaviour(merged_in_search=False), merge, "0 of 1"),
    ],
    "Conversations of hidden inboxes: 403 or 404?": [
        (Behaviour(), nothing, r"200 \(9\)"),
        (Behaviour(hidden_status=403), forbid, r"200 \(8\), 403 \(1\)"),
        (Behaviour(hidden_status=404), forbid, r"200 \(8\), 404 \(1\)"),
    ],
    "Private inboxes: 403 or 404?": [
        (Behaviour(), nothing, r"403 \(3\)"),
        (Behaviour(private_scope=True), nothing, r"200 \(3\)"),
    ],
    "An id that nobody has: 403 or 404?": [(Behaviour(), nothing, "404")],
    "Have comments of `mention` events an @?": [
        (Behaviour(), say("hello @ada"), r"(\d+) of \1"),
        (Behaviour(), say("hello"), r"0 of [1-9]\d*"),
    ],
    "Do others without an @ mention somebody?": [
        (Behaviour(), say("hello @ada"), NOT_SEEN),
        (Behaviour(), say("hello"), "0 of 6"),
    ],
    "Fields of conversations?": [
        (Behaviour(), nothing, r"`type` (\d+) of \1, `updated_at` \1 of \1"),
        (Behaviour(conversation_types=False), nothing, r"`type` 0 of (\d+), `updated_at` \1 of \1"),
    ],
    "Fields of those found by search?": [
        (Behaviour(updated_at_on_conversations=False), nothing, r"`type` (\d+) of \1, `updated_at` 0 of \1"),
    ],
    "Fields of those in events?": [
        (Behaviour(updated_at_on_conversations=False), nothing, r"`type` (\d+) of \1, `updated_at` 0 of \1"),
    ],
    "Fields of contacts?": [(Behaviour(), nothing, r"`updated_at` (\d+) of \1, `created_at` 0 of \1")],
    "Are contacts older than their newest note?": [
        (Behaviour(), note(moves=True), r"0 of \d"),
        (Behaviour(), note(moves=False), r"1 of \d"),
    ],
    "A made-up page token?": [(Behaviour(), nothing, "400")],
    "Are pages short or empty before the last?": [
        (Behaviour(), nothing, r"short 0 of (\d+), empty 0 of \1"),
        (Behaviour(page_size_cap=9), nothing, r"short (\d+) of \1, empty 0 of \1"),
        (Behaviour(empty_pages=True), nothing, r"short ([1-9]) of (\d+), empty \1 of \2"),
    ],
    "Form of `x-ratelimit-*`?": [
        (Behaviour(), nothing, NOT_SEEN),
        (Behaviour(rpm=1000), nothing, "`x-ratelimit-limit` whole number; .*-reset` Unix seconds with decimals"),
        (Behaviour(rpm=1000, burst=True), nothing, "`x-ratelimit-burst-limit` whole number; .*"),
    ],
}


@pytest.mark.parametrize(
    ("question", "behaviour", "change", "told"),
    [(question, *way) for question, ways in WAYS.items() for way in ways],
    ids=[f"{question} {n}" for question, ways in WAYS.items() for n in range(len(ways))],
)
def test_given_a_way_of_front_when_asked_then_the_answer_tells_it(
    question: str, behaviour: Behaviour, change: Change, told: str
) -> None:
    with Sandbox(seed=1, behaviour=behaviour) as sandbox:
        change(sandbox)
        found = answer(looked_at(sandbox), question)
        assert sandbox.errors == []
    assert re.fullmatch(told, found), found


def test_given_a_page_token_that_ended_when_asked_last_then_its_status_is_told() -> None:
    with Sandbox(seed=1, conversations=60, behaviour=Behaviour(token_lifetime_s=3600)) as sandbox:
        front = looked_at(sandbox)
        assert answer(front, "A page token as old as this table?") == "200"
        sandbox.company.advance(3601)
        assert answer(front, "A page token as old as this table?") == "400"


# What the sandbox does one way only: the other way is scripted


def listed(*rows: object, **more: object) -> str:
    return json.dumps({"_pagination": {"next": None}, "_results": rows, **more})


def event(n: int, **more: object) -> dict[str, Any]:
    return {"id": f"evt_{n}", "type": "assign", "emitted_at": n, "conversation": {"id": "cnv_1"}, **more}


def updated(at: float) -> str:
    return listed(event(9, conversation={"id": "cnv_1", "updated_at": at}))


MESSAGE = {"id": "msg_1", "text": "hello", "attachments": []}
SENT = listed(event(9, target={"_meta": {"type": "message"}, "data": MESSAGE}))
COMMENTED = listed(event(9, target={"data": {"id": "com_1", "body": None}}))
MERGED, MERGED_ELSE = (
    listed(event(9, target={"data": ["cnv_2"]})),
    listed(event(9, target={"data": {"ids": ["cnv_2"]}})),
)
SEARCH = "conversations/search/{query}"

ANSWERS: dict[str, list[tuple[dict[str, str], str]]] = {
    "Do events embed whole messages?": [
        ({"events": SENT, "messages/{id}": json.dumps(MESSAGE)}, "whole (1)"),
        ({"events": SENT, "messages/{id}": json.dumps({**MESSAGE, "body": ""})}, "without `body` (1)"),
        ({"events": SENT, "messages/{id}": json.dumps({**MESSAGE, "text": ""})}, "other `text` (1)"),
    ],
    "Do they embed whole conversations?": [
        ({"events": listed(event(9)), "conversations/{id}": '{"id": "cnv_1"}'}, "whole (1)"),
        (
            {"events": listed(event(9)), "conversations/{id}": '{"id": 1, "A b": 2}'},
            "without another and other `id` (1)",
        ),
    ],
    "As they are now, or as they were then?": [
        ({"events": listed(event(9), event(8, type="comment"))}, "as now (1)"),
        ({"events": listed(event(9, type="comment"), event(8))}, NOT_SEEN),
    ],
    "Which events move `updated_at`?": [
        ({"events": updated(5)}, "`assign` 0 of 1"),
        ({"events": updated(9)}, "`assign` 1 of 1"),
    ],
    "Order of `/events`?": [
        ({"events": listed(event(9), event(8), event(8))}, "newest first"),
        ({"events": listed(event(8), event(9))}, "oldest first"),
        ({"events": listed(event(8), event(9), event(7))}, "neither (1 of 2 fall)"),
        ({"events": listed(event(8))}, NOT_SEEN),
    ],
    "Order of the ids of events?": [({"events": listed({"id": "evt_10"}, {"id": "evt_z"})}, "newest first")],
    "Has search a `_total`, above 10,000?": [
        ({SEARCH: listed()}, "none"),
        ({SEARCH: listed(_total=10_000)}, "at most 10,000"),
        ({SEARCH: listed(_total=10_001)}, "above 10,000"),
    ],
    "Bound of `q[after]`?": [({"events": listed(event(9))}, "inclusive, or coarser than 1 ms")],
    "What does `conversations_merged` name?": [({"events": MERGED_ELSE}, "object with `ids` (1)")],
    "What does a merged-away id answer?": [
        ({"events": MERGED, "conversations/{id}": "{}"}, "200 (1)"),
        ({"events": MERGED_ELSE}, NOT_SEEN),
    ],
    "Trashed ones in search without `is:trashed`?": [
        (
            {
                "conversations": listed({"id": "cnv_1"}),
                "conversations/{id}/messages": listed({"created_at": 9}),
                "conversations/{id}/comments": listed(),
                SEARCH: listed(),
            },
            NOT_SEEN,
        )
    ],
    "Trashed ones in events?": [
        (
            {
                "conversations": listed({"id": "cnv_1"}),
                "conversations/{id}/events": listed(event(8)),
                "events": listed(event(9)),
            },
            "0 of 1",
        )
    ],
    "Do `/rules` hold those of the company?": [
        (
            {"rules": listed({"id": 1}, {"id": 2}), "company/rules": listed({"id": 2}, {"id": 3}, {"id": 4})},
            "1 in both, 1 and 2 in one only",
        ),
        ({"rules": listed(), "company/rules": listed()}, NOT_SEEN),
    ],
    "Age of the oldest event?": [({"events": listed()}, NOT_SEEN)],
    "Do others without an @ mention somebody?": [
        ({"events": COMMENTED, "comments/{id}/mentions": listed({})}, "1 of 1"),
    ],
}


@pytest.mark.parametrize(
    ("question", "scripted", "told"),
    [(question, *each) for question, some in ANSWERS.items() for each in some],
    ids=[f"{question} {n}" for question, some in ANSWERS.items() for n in range(len(some))],
)
def test_given_what_front_says_when_asked_then_the_answer_tells_it(
    question: str, scripted: dict[str, str], told: str
) -> None:
    with Sandbox(seed=1, conversations=0) as sandbox:
        sandbox.faults += [Fault(route=f"GET /{path}", body=body, times=99) for path, body in scripted.items()]
        assert answer(Front(sandbox.url, sandbox.token, pause=0), question) == told


@pytest.mark.parametrize(
    ("fault", "told"),
    [(Fault(body=listed()), "yes"), (Fault(times=0), "no"), (Fault(status=400), "refused (400)")],
)
def test_given_a_filter_of_conversations_when_asked_then_it_is_told_whether_it_filters(fault: Fault, told: str) -> None:
    with Sandbox(seed=1, conversations=20) as sandbox:
        fault.route, fault.match = "GET /conversations", "q%5Bafter%5D"
        sandbox.faults.append(fault)
        assert answer(Front(sandbox.url, sandbox.token, pause=0), "Does `q[after]` filter conversations?") == told


# What can go wrong


def test_given_a_scope_that_is_missing_when_asked_then_only_what_needs_it_is_refused() -> None:
    scopes = frozenset({"events:*:read", "conversations:read"})
    with Sandbox(seed=1, conversations=20, behaviour=Behaviour(scopes=scopes)) as sandbox:
        front = looked_at(sandbox)
        assert answer(front, "Bound of `q[updated_after]`?") == "refused: 403 to `GET /contacts`"
        assert answer(front, "Do events embed whole messages?") == "refused (403) (3)"
        assert answer(front, "Bound of `q[after]`?") == "inclusive"


@pytest.mark.parametrize("body", ["<p>Ada</p>", '{"_results": [{"Ada": 1}]}', '{"_results": "Ada"}', '["Ada"]', ""])
def test_given_odd_data_when_asked_then_only_the_kind_of_the_error_is_told(body: str) -> None:
    with Sandbox(seed=1, conversations=0) as sandbox:
        sandbox.faults.append(Fault(body=body, times=999))
        front = Front(sandbox.url, sandbox.token, pause=0)
        lines = [each.line(front) for each in QUESTIONS]
    assert not any("Ada" in line for line in lines)
    assert any(re.search(r"could not tell \(\w+\)", line) for line in lines)


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    naps: list[float] = []
    monkeypatch.setattr("integration_tests.probe.time.sleep", naps.append)
    return naps


@pytest.mark.parametrize(
    ("faults", "expected", "status"),
    [
        ([], [2.5], 200),
        ([Fault(status=429, headers={"retry-after": "7.5"})], [2.5, 7.5, 2.5], 200),
        ([Fault(status=429, headers={"retry-after": "soon"})], [2.5, 10, 2.5], 200),
        ([Fault(status=503, times=9)], [2.5, 10] * 4 + [2.5], 503),
        ([Fault(status=429, headers={"retry-after": "3600"}, times=9)], [2.5], 429),
        ([Fault(status=403)], [2.5], 403),
    ],
    ids=["no fault", "429 with a wait", "429 with an odd wait", "an outage", "429 with a long wait", "403"],
)
def test_given_a_refusal_when_asked_then_the_wait_is_as_long_as_it_says(
    naps: list[float], faults: list[Fault], expected: list[float], status: int
) -> None:
    with Sandbox(seed=1, conversations=0) as sandbox:
        sandbox.faults += faults
        assert Front(sandbox.url, sandbox.token, pause=2.5).ask("/me").status_code == status
    assert naps == expected


@pytest.mark.usefixtures("naps")
@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("20", "whole number"),
        ("0.341", "number with decimals"),
        ("1750000000", "whole Unix seconds"),
        ("1750000000341", "whole Unix milliseconds"),
        ("soon", "no number"),
    ],
)
def test_given_429_when_asked_then_the_form_of_its_headers_is_told(said: str, told: str) -> None:
    with Sandbox(seed=1, conversations=0) as sandbox:
        sandbox.faults.append(Fault(status=429, headers={"Retry-After": said, "x-front-tier": "2"}))
        front = Front(sandbox.url, sandbox.token)
        front.ask("/me")
    assert answer(front, "Form of `retry-after`, which comes with 429?") == f"`retry-after` {told}"
    assert answer(front, "Form of `x-front-tier`?") == "`x-front-tier` whole number"


# The program


Run = Callable[..., str]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs it with a token and an address; all that it printed, or the sentence that it ended with."""

    def start(url: str, token: str) -> str:
        monkeypatch.setattr(probe, "PAUSE", 0.0)
        monkeypatch.setattr(sys, "argv", ["probe", "--api-url", url])
        monkeypatch.setenv("FRONT_API_TOKEN", token)
        try:
            probe.main()
        except SystemExit as end:
            return f"{end.code} {capsys.readouterr().err}"
        printed = capsys.readouterr()
        return printed.out + printed.err

    return start


def strings(value: object) -> Iterator[str]:
    """Every text in a JSON value, and the keys of custom fields, which an administrator writes."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value.get("custom_fields") or ()
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from strings(each)


def test_given_an_account_when_run_then_the_table_answers_everything_and_holds_none_of_its_data(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Words that Front itself gave, such as `archive`, may be in both; they are lower case and no more than that."""
    texts: set[str] = set()
    decode = requests.Response.json

    def watched(response: requests.Response) -> object:
        body = decode(response)
        texts.update(strings(body))
        return body

    monkeypatch.setattr(requests.Response, "json", watched)
    behaviour = Behaviour(rpm=10_000, burst=True, next_host="other", links_host="other", merged_location="other")
    with Sandbox(seed=1, conversations=130, behaviour=behaviour) as sandbox:
        for change in (discuss, trash, merge, forbid, change_twice):
            change(sandbox)
        printed = run(sandbox.url, sandbox.token)
        log = list(sandbox.log)
        assert sandbox.errors == []
    rows = [line.split(" | ") for line in printed.splitlines() if line.startswith("| ")]
    assert [row[0].removeprefix("| ") for row in rows[1:]] == list(ASKED)
    assert len(ASKED) == len(QUESTIONS)
    assert all(len(row) == 3 for row in rows)
    assert [row[0] for row in rows if NOT_SEEN in row[2]] == [
        "| Form of `retry-after`, which comes with 429?", "| Form of `x-front-tier`?",
    ]  # fmt: skip
    assert not re.search("could not tell|refused:", printed)
    assert "| 50 rows, 100 rows, 100 rows |" in printed
    assert f"{len(log)} requests." in printed
    assert len(log) < 160
    assert {each.method for each in log} == {"GET"}
    assert all(each.authorized for each in log)
    assert {each.host for each in log} == {sandbox.url.removeprefix("http://")}  # and never the other host
    assert len(texts) > 1000
    secrets = {each for each in texts if len(each) > 3 and not re.fullmatch("[a-z_]+", each)}
    assert [each for each in secrets | {sandbox.token} if each in printed] == []
    assert not re.search(r"\d{6}|127\.0\.0\.1|acme", printed)


def test_given_an_empty_account_when_run_then_nothing_is_an_error(run: Run) -> None:
    with Sandbox(seed=1, conversations=0) as sandbox:
        printed = run(sandbox.url, sandbox.token)
    assert "could not tell" not in printed
    assert printed.count(NOT_SEEN) > 25


def test_the_token_may_go_where_the_connector_may_send_it() -> None:
    properties = load_manifest()["spec"]["connection_specification"]["properties"]
    assert properties["api_url"]["pattern"] == probe.API_URL


@pytest.mark.parametrize(
    "url",
    [
        "https://api2.frontapp.com.evil.example",
        "http://api2.frontapp.com",
        "https://evil.example",
        "http://127.0.0.1:1\n",
    ],
)
def test_given_another_address_when_run_then_no_request_is_sent(run: Run, looked_up: set[str], url: str) -> None:
    told = run(url, "a-token")
    assert "--api-url is not one of Front's hosts: the token must not go there" in told
    assert "a-token" not in told
    assert looked_up == set()


@pytest.mark.parametrize("token", ["", " ", "two words", "line\nbreak", "tökén"])
def test_given_no_token_when_run_then_it_says_where_to_set_it(run: Run, looked_up: set[str], token: str) -> None:
    told = run("https://api2.frontapp.com", token)
    assert "set the environment variable FRONT_API_TOKEN" in told
    assert not token.strip() or token not in told
    assert looked_up == set()


def test_given_a_wrong_token_when_run_then_nothing_else_is_asked(run: Run) -> None:
    with Sandbox(seed=1, conversations=0) as sandbox:
        assert run(sandbox.url, "a-token").strip() == "Front refuses the token: 401 to `GET /me`"
        assert len(sandbox.log) == 1


def test_given_other_credentials_in_netrc_when_run_then_the_token_is_sent(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password else")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with Sandbox(seed=1, conversations=0) as sandbox:
        assert run(sandbox.url, sandbox.token).startswith("| Question | Asked | Answer |")


def test_given_no_connection_when_run_then_one_sentence_says_so(run: Run) -> None:
    with Sandbox(seed=1, conversations=0) as sandbox:
        url = sandbox.url
    assert run(url, "a-token").strip() == "Front cannot be reached (ConnectionError)"
