"""What the components of one sync share."""

from collections import defaultdict
from contextvars import ContextVar
from dataclasses import dataclass, field

from source_front.components.answers import Answers


@dataclass
class Sync:
    """Made by the source before it builds its streams, gone with it."""

    answers: Answers
    inboxes: dict[str, str] = field(default_factory=dict)
    """Id -> name, of the inboxes that Front lists."""
    forbidden_inboxes: set[str] = field(default_factory=set)
    """Ids."""
    readable: set[str] = field(default_factory=set)
    """Resources, such as comments of conversations, that were readable for at least one parent."""
    forbidden: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Resource -> URLs of readable parents for which it was forbidden."""
    ended: set[str] = field(default_factory=set)
    """Names of streams that cannot succeed any more."""


CURRENT: ContextVar[Sync] = ContextVar("sync")
"""Set while the streams are built: each component takes it then, and keeps it."""
