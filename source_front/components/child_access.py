"""Tells a missing scope from a parent that is forbidden for itself. YAML sees one 403 at a time, and skips them all."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airbyte_cdk import FailureType
from airbyte_cdk.sources.declarative.requesters.error_handlers.default_error_handler import DefaultErrorHandler
from airbyte_cdk.sources.streams.http.error_handlers.response_models import ErrorResolution, ResponseAction
from requests import Response

from source_front.components.answers import resource_of
from source_front.components.sync import CURRENT

ENOUGH = 2
"""Readable parents whose children are forbidden, and not one whose are readable: then it is the scope."""


@dataclass
class ChildAccess(DefaultErrorHandler):
    """403 on `/conversations/cnv_1/comments` -> skipped if `/conversations/cnv_1` is forbidden as well; else counted.

    Without it a token that lacks `comments:read` gives an empty table, whose state moves on.
    """

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        super().__post_init__(parameters)
        self._sync = CURRENT.get()
        self._scopes = str(parameters["scope"]).split(", ")

    def interpret_response(self, response_or_exception: Response | Exception | None) -> ErrorResolution:
        resolution = super().interpret_response(response_or_exception)
        if isinstance(response_or_exception, Response):
            resource = resource_of(response_or_exception.url)
            if resolution.response_action == ResponseAction.SUCCESS:
                self._sync.readable.add(resource)
            elif response_or_exception.status_code == 403 and self._lacks_scope(resource, response_or_exception.url):
                message = self._told(resource)
                self._sync.answers.give_up(resource, message, FailureType.config_error)
                return ErrorResolution(ResponseAction.FAIL, FailureType.config_error, message)
        return resolution

    def _lacks_scope(self, resource: str, url: str) -> bool:
        forbidden, parent = self._sync.forbidden[resource], url.split("?")[0].rpartition("/")[0]
        if resource not in self._sync.readable and self._sync.answers.ask(parent).ok:
            forbidden.add(parent)
        return resource not in self._sync.readable and len(forbidden) >= ENOUGH

    def _told(self, resource: str) -> str:
        scope = next((each for each in self._scopes if each.startswith(resource.split()[0])), self._scopes[0])
        return (
            f"The credentials may not read any {resource} (403). Give the API token the scope {scope} in Front under "
            "Settings > Developers > API tokens, or leave this stream out."
        )
