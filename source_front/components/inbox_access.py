"""Skips inboxes that the token may not read, and tells of them once, by name. YAML knows but an inbox's address."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from airbyte_cdk import FailureType
from airbyte_cdk.sources.declarative.requesters.error_handlers.default_error_handler import DefaultErrorHandler
from airbyte_cdk.sources.streams.http.error_handlers.response_models import ErrorResolution, ResponseAction
from requests import Response

from source_front.components.sync import CURRENT, Sync

INBOX = re.compile(r"/inboxes/([^/]+)/conversations$|[/ ]inbox:([^ ]+) ")
ALL_FORBIDDEN = (
    "The credentials may not read the conversations of any of the {} inboxes (403). Give the API token the scope "
    "conversations:read in Front under Settings > Developers > API tokens, and access to the inboxes."
)


@dataclass
class InboxAccess(DefaultErrorHandler):
    """403 or 404 on an inbox -> skipped, and noted for `warning`; 403 on all there are -> an error: a scope is missing.

    Of lists of inboxes it notes the names.
    """

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        super().__post_init__(parameters)
        self._sync = CURRENT.get()

    def interpret_response(self, response_or_exception: Response | Exception | None) -> ErrorResolution:
        resolution = super().interpret_response(response_or_exception)
        if not isinstance(response_or_exception, Response):
            return resolution
        path = unquote(urlsplit(response_or_exception.url).path)
        if resolution.response_action == ResponseAction.SUCCESS and path.endswith("inboxes"):
            rows = response_or_exception.json()["_results"]
            self._sync.inboxes |= {row["id"]: row.get("name") or "" for row in rows if row and "id" in row}
        elif resolution.response_action == ResponseAction.IGNORE and (found := INBOX.search(path)):
            self._sync.forbidden_inboxes.add(found[1] or found[2])
            return self._skipped(response_or_exception.status_code)
        return resolution

    def _skipped(self, status: int) -> ErrorResolution:
        """No row and, since `warning` tells of it, no line in the log."""
        known, forbidden = self._sync.inboxes, self._sync.forbidden_inboxes
        if status == 403 and len(known) > 1 and known.keys() <= forbidden:
            return ErrorResolution(ResponseAction.FAIL, FailureType.config_error, ALL_FORBIDDEN.format(len(known)))
        return ErrorResolution(ResponseAction.SUCCESS)


def warning(sync: Sync) -> str | None:
    """One sentence on the inboxes that were skipped, if any were."""
    skipped = sorted(f"{sync.inboxes.get(each) or 'an inbox'} ({each})" for each in sync.forbidden_inboxes)
    if not skipped:
        return None
    number = f"{len(skipped)} {'inbox' if len(skipped) == 1 else 'inboxes'}"
    return (
        f"Skipped {number} the credentials cannot read: {', '.join(skipped)}. "
        "Grant access in Front under Settings > Developers > API tokens; the next sync then loads their history."
    )
