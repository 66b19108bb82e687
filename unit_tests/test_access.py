"""What two error handlers make of a 403: an inbox or a parent that is skipped, or a scope that is missing."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

import pytest
import requests
from airbyte_cdk import AirbyteTracedException, FailureType
from airbyte_cdk.sources.declarative.requesters.error_handlers import HttpResponseFilter
from airbyte_cdk.sources.declarative.requesters.error_handlers.default_error_handler import DefaultErrorHandler
from airbyte_cdk.sources.streams.http.error_handlers.response_models import ResponseAction

from source_front.components.answers import Answers
from source_front.components.child_access import ChildAccess
from source_front.components.inbox_access import InboxAccess, warning
from source_front.components.sync import CURRENT, Sync
from unit_tests.front import API

Handler = TypeVar("Handler", bound=DefaultErrorHandler)


class Fixed(Answers):
    """Answers each URL with the status that is scripted, 404 where none is."""

    def __init__(self, statuses: Mapping[str, int], rows: list[str]) -> None:
        super().__init__()
        self.statuses, self.rows, self.asked = statuses, rows, list[str]()

    def ask(self, url: str, timeout: tuple[float, float] = (1, 1)) -> requests.Response:
        self.asked.append(url.removeprefix(API))
        if self.statuses.get(self.asked[-1]) == 0:
            raise requests.ConnectionError
        return response(self.asked[-1], self.statuses.get(self.asked[-1], 404), *self.rows)


def response(path: str, status: int, *ids: str) -> requests.Response:
    made = requests.Response()
    made.url, made.status_code = API + path, status
    made._content = json.dumps({"_results": [{"id": each, "name": each.upper()} for each in ids]}).encode()
    return made


@pytest.fixture
def sync() -> Iterator[Sync]:
    made = Sync(Fixed({}, []))
    before = CURRENT.set(made)
    yield made
    CURRENT.reset(before)


def handler(kind: Callable[..., Handler]) -> Handler:
    """As in the manifest: 403 and 404 are ignored."""
    ignored = HttpResponseFilter(action=ResponseAction.IGNORE, http_codes={403, 404}, config={}, parameters={})
    return kind(config={}, parameters={"scope": "messages:read, comments:read"}, response_filters=[ignored])


# Inboxes

LISTING = "/inboxes/inb_1/conversations?limit=1"
SEARCH = "/conversations/search/inbox%3Ainb_2%20before%3A1"


def test_given_forbidden_inboxes_when_asked_again_and_again_then_one_sentence_names_each_once(sync: Sync) -> None:
    access = handler(InboxAccess)
    access.interpret_response(response("/inboxes", 200, "inb_1", "inb_2", "inb_3"))
    for path, status in ((LISTING, 403), (SEARCH, 404), (LISTING, 403)):
        assert access.interpret_response(response(path, status)).response_action == ResponseAction.SUCCESS
    assert (warning(sync) or "").startswith(
        "Skipped 2 inboxes the credentials cannot read: INB_1 (inb_1), INB_2 (inb_2). "
    )


def test_given_an_inbox_without_a_known_name_when_forbidden_then_its_id_is_named(sync: Sync) -> None:
    handler(InboxAccess).interpret_response(response(LISTING, 403))
    assert (warning(sync) or "").startswith("Skipped 1 inbox the credentials cannot read: an inbox (inb_1). ")


def test_given_no_forbidden_inbox_when_asked_then_there_is_nothing_to_say(sync: Sync) -> None:
    access = handler(InboxAccess)
    assert access.interpret_response(response(LISTING, 200)).response_action == ResponseAction.SUCCESS
    assert access.interpret_response(requests.ReadTimeout()).response_action == ResponseAction.RETRY
    assert access.interpret_response(response("/teammates/tea_1/rules", 403)).response_action == ResponseAction.IGNORE
    assert warning(sync) is None


@pytest.mark.parametrize(
    ("listed", "status", "action"),
    [
        (["inb_1", "inb_2"], 403, ResponseAction.FAIL),
        (["inb_1", "inb_2"], 404, ResponseAction.SUCCESS),
        (["inb_1", "inb_2", "inb_3"], 403, ResponseAction.SUCCESS),
        ([], 403, ResponseAction.SUCCESS),
    ],
)
@pytest.mark.usefixtures("sync")
def test_given_all_inboxes_forbidden_when_asked_then_it_is_the_scope(
    listed: list[str], status: int, action: ResponseAction
) -> None:
    access = handler(InboxAccess)
    access.interpret_response(response("/inboxes", 200, *listed))
    access.interpret_response(response(SEARCH, status))
    assert access.interpret_response(response(LISTING, status)).response_action == action


# Children

CHILD = "/conversations/{}/comments"
PARENTS = [f"cnv_{n}" for n in range(1, 7)]


def of(status: int, *ids: str) -> dict[str, int]:
    return {CHILD.format(each): status for each in ids}


@pytest.mark.parametrize(
    ("statuses", "fails"),
    [
        ({"/conversations/cnv_1": 200, **of(403, *PARENTS)}, True),
        ({"/conversations/cnv_1": 200, **of(403, *PARENTS[:4]), **of(200, "cnv_5")}, False),
        ({"/conversations/cnv_1": 403, **of(403, *PARENTS)}, False),
        ({"/conversations/cnv_1": 404, **of(403, *PARENTS)}, False),
        ({"/conversations/cnv_1": 200, **of(403, *PARENTS[:4])}, False),
        ({"/conversations/cnv_1": 200, **of(500, *PARENTS)}, False),
        ({"/conversations/cnv_1": 200, **of(0, *PARENTS)}, False),
        ({"/conversations/cnv_1": 0}, False),
    ],
    ids=["all", "but one", "parent forbidden", "parent gone", "four", "errors", "no answers", "no answer"],
)
def test_given_403_on_children_when_the_first_comes_then_others_decide(
    sync: Sync, statuses: dict[str, int], fails: bool
) -> None:
    sync.answers = Fixed({"/conversations?limit=10": 200, **statuses}, PARENTS)
    resolution = handler(ChildAccess).interpret_response(response(CHILD.format("cnv_1"), 403))
    assert resolution.response_action == (ResponseAction.FAIL if fails else ResponseAction.IGNORE)
    if fails:
        assert resolution.failure_type == FailureType.config_error
        assert "may not read any comments of conversations (403). Give the API token the scope comments:read" in (
            resolution.error_message or ""
        )
        request = requests.Request("GET", API + CHILD.format("cnv_9")).prepare()
        with pytest.raises(AirbyteTracedException, match="may not read any comments"):
            sync.answers.send(request)


def test_given_readable_children_before_when_403_comes_then_nothing_is_asked(sync: Sync) -> None:
    answers = Fixed({}, PARENTS)
    sync.answers = answers
    access = handler(ChildAccess)
    access.interpret_response(response(CHILD.format("cnv_2"), 200))
    assert access.interpret_response(response(CHILD.format("cnv_1"), 403)).response_action == ResponseAction.IGNORE
    assert not answers.asked


def test_given_a_page_token_with_slashes_when_403_comes_then_the_parent_is_still_found(sync: Sync) -> None:
    answers = Fixed({"/conversations/cnv_1": 404}, PARENTS)
    sync.answers = answers
    handler(ChildAccess).interpret_response(response("/conversations/cnv_1/messages?page_token=a/b", 403))
    assert answers.asked == ["/conversations/cnv_1"]
