"""Which scopes the credentials lack, and which streams that silences."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from airbyte_cdk import AirbyteTracedException
from requests import RequestException, Response

PROBES = {
    "inboxes:read": "/inboxes",
    "channels:read": "/channels",
    "tags:read": "/tags?limit=1",
    "rules:read": "/rules",
    "shifts:read": "/shifts",
    "teammates:read": "/teammates",
    "teams:read": "/teams",
    "contacts:read": "/contacts?limit=1",
    "events:*:read": "/events?limit=1",
    "conversations:read": "/conversations?limit=1",
    "messages:read": "/conversations/{id}/messages?limit=1",
    "comments:read": "/conversations/{id}/comments",
}
"""Scope -> the cheapest request that needs it. `{id}`: of the conversation that the probe before found."""


MOST_SECONDS = 60.0
"""For all of them: somebody waits for the result of a check. What was not asked by then tells nothing."""


def lacking(manifest: Mapping[str, Any], ask: Callable[[str], Response]) -> str | None:
    """A sentence on the scopes that are missing, if any are. A request for each; what fails otherwise tells nothing.

    Args:
        manifest: with its `$ref`s resolved.
        ask: gives the answer to a path of Front's API.
    """
    silenced = streams_by_scope(manifest)
    conversation, found, until = "", [], time.monotonic() + MOST_SECONDS
    for scope, path in PROBES.items():
        if ("{id}" in path and not conversation) or time.monotonic() > until:
            continue
        try:
            answer = ask(path.format(id=conversation))
            if scope == "conversations:read" and answer.ok:
                conversation = next((row["id"] for row in answer.json()["_results"]), "")
        except (RequestException, AirbyteTracedException, LookupError, TypeError, ValueError):
            continue
        if answer.status_code == 403:
            found.append(f"{scope} (for {', '.join(silenced[scope])})")
    if not found:
        return None
    return (
        f"The credentials lack {len(found)} of {len(PROBES)} scopes: {'; '.join(found)}. Give the API token these in "
        "Front under Settings > Developers > API tokens, or leave the streams out."
    )


def streams_by_scope(manifest: Mapping[str, Any]) -> dict[str, list[str]]:
    """Scope -> names of the streams that need it, in the manifest's order; private resources not counted."""
    needs = {stream["name"]: set(_scopes(stream)) for stream in manifest["streams"]}
    return {scope: [name for name, scopes in needs.items() if scope in scopes] for scope in PROBES}


def _scopes(node: object) -> Iterator[str]:
    if isinstance(node, Mapping) and node.get("name") != "teammates_asked":
        yield from node.get("$parameters", {}).get("scope", "").split(", ")
        for each in node.values():
            yield from _scopes(each)
    elif isinstance(node, list):
        for each in node:
            yield from _scopes(each)
