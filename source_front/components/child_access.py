"""Tells a missing scope from a parent that is forbidden for itself. YAML sees one 403 at a time, and skips them all."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from airbyte_cdk import AirbyteTracedException, FailureType
from airbyte_cdk.sources.declarative.requesters.error_handlers.default_error_handler import DefaultErrorHandler
from airbyte_cdk.sources.streams.http.error_handlers.response_models import ErrorResolution, ResponseAction
from requests import RequestException, Response

from source_front.components.outages import resource_of
from source_front.components.sync import CURRENT

ENOUGH = 5
"""Readable parents whose children are forbidden, and not one whose are readable: then it is the scope."""


@dataclass
class ChildAccess(DefaultErrorHandler):
    """403 on `/conversations/cnv_1/comments` -> skipped, unless the comments of others are forbidden as well.

    Without it a token that lacks `comments:read` gives an empty table, whose state moves on. The first 403 decides: a
    few requests for the children of other parents, as Front lists them.
    """

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        super().__post_init__(parameters)
        self._sync = CURRENT.get()
        self._scopes = str(parameters["scope"]).split(", ")

    def interpret_response(self, response_or_exception: Response | Exception | None) -> ErrorResolution:
        resolution = super().interpret_response(response_or_exception)
        if isinstance(response_or_exception, Response):
            url = response_or_exception.url
            resource = resource_of(url)
            if resolution.response_action == ResponseAction.SUCCESS:
                self._sync.readable.add(resource)
            elif response_or_exception.status_code == 403 and self._lacks_scope(resource, url):
                scope = next((each for each in self._scopes if each.startswith(resource.split()[0])), self._scopes[0])
                message = (
                    f"The credentials may not read any {resource} (403). Give the API token the scope {scope} in Front "
                    "under Settings > Developers > API tokens, or leave this stream out."
                )
                self._sync.answers.outages.give_up(resource, message)
                return ErrorResolution(ResponseAction.FAIL, FailureType.config_error, message)
        return resolution

    def _lacks_scope(self, resource: str, url: str) -> bool:
        forbidden = self._sync.forbidden[resource]
        path, mark, query = url.partition("?")
        parent, _, kind = path.rpartition("/")
        if resource not in self._sync.readable and self._status(parent) == 200:
            forbidden.add(parent)
            for other in self._others(parent.rpartition("/")[0]):
                if len(forbidden) >= ENOUGH or resource in self._sync.readable:
                    break
                status = self._status(f"{other}/{kind}{mark}{query}")
                if status == 403:
                    forbidden.add(other)
                elif status == 200:
                    self._sync.readable.add(resource)
        return len(forbidden) >= ENOUGH and resource not in self._sync.readable

    def _others(self, collection: str) -> Iterator[str]:
        """URLs of parents that Front lists."""
        try:
            for row in self._sync.answers.ask(f"{collection}?limit={2 * ENOUGH}").json()["_results"]:
                yield f"{collection}/{row['id']}"
        except (RequestException, AirbyteTracedException, LookupError, TypeError, ValueError):
            return

    def _status(self, url: str) -> int:
        try:
            return self._sync.answers.ask(url).status_code
        except (RequestException, AirbyteTracedException, LookupError):
            return 0
