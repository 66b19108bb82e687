"""One thread at a time where Python 3.11 fails with several."""

import ast
import threading
from types import SimpleNamespace
from typing import Any

from airbyte_cdk.sources.declarative.interpolation import jinja

LOCK = threading.Lock()


def literal_eval(text: Any) -> Any:  # noqa: ANN401
    """`ast.literal_eval`, which the CDK calls for every template, from all of its threads.

    In Python 3.11 two calls at the same time may end in "SystemError: AST constructor recursion depth mismatch", and
    the stream with it: the depth is counted for the whole process. 3.10, 3.12 and 3.13 do not show it.
    """
    with LOCK:
        return ast.literal_eval(text)


def one_at_a_time() -> None:
    """Let the CDK's templates use the above."""
    vars(jinja)["ast"] = SimpleNamespace(literal_eval=literal_eval)
