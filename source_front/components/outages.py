"""Ends the waiting for what does not come. YAML waits for each request anew, however many failed before it."""

import threading
import time
from urllib.parse import urlsplit

from airbyte_cdk import AirbyteTracedException, FailureType

PATIENCE, PROBE, APART = 900.0, 120.0, 600.0
"""Seconds: of failures alone, after which a resource is down; after which it is tried again; between failures that say
nothing of the time between them."""


class Outages:
    """A resource, such as messages of conversations, is down once all that was asked of it failed for `PATIENCE`."""

    def __init__(self) -> None:
        self.told: set[str] = set()
        """The sentences that are raised: a stream that meets one cannot succeed any more."""
        self._lock = threading.Lock()
        self._failing: dict[str, tuple[float, float]] = {}  # since when, and when last; monotonic seconds
        self._given_up: dict[str, str] = {}

    def give_up(self, resource: str, message: str) -> None:
        """For the rest of the sync: the scope of this resource is missing."""
        self._given_up[resource] = message
        self.told.add(message)

    def check(self, resource: str) -> None:
        """Returns if it makes sense to ask.

        Raises:
            AirbyteTracedException: a config error if the resource was given up, a transient one if it is down.
        """
        if resource in self._given_up:
            raise self._error(self._given_up[resource], FailureType.config_error)
        now = time.monotonic()
        since, last = self._failing.get(resource, (now, now))
        if now - since > PATIENCE and now - last < PROBE:
            message = (
                f"Front has not answered any request for {resource} for {PATIENCE / 60:.0f} minutes: run the sync "
                "again later, it goes on from its last state."
            )
            raise self._error(message, FailureType.transient_error)

    def noted(self, resource: str, *, failed: bool) -> None:
        """How a request ended."""
        with self._lock:
            if failed:
                now = time.monotonic()
                since, last = self._failing.get(resource, (now, now))
                self._failing[resource] = (since if now - last < APART else now, now)
            else:
                self._failing.pop(resource, None)

    def _error(self, message: str, failure_type: FailureType) -> AirbyteTracedException:
        self.told.add(message)
        return AirbyteTracedException(message=message, internal_message=message, failure_type=failure_type)


def resource_of(url: str) -> str:
    """`/conversations/cnv_1/messages` -> messages of conversations; `/conversations/cnv_1` -> conversations."""
    collection, *more = urlsplit(url).path.strip("/").split("/")
    if more[:1] == ["search"]:
        return "search"
    return f"{more[1]} of {collection}" if len(more) > 1 else collection
