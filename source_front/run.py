"""The command line: `source-front spec | check | discover | read`, as the Airbyte protocol defines them.

https://docs.airbyte.com/platform/understanding-airbyte/airbyte-protocol
"""

import os
import signal
import sys
import threading
from argparse import Namespace
from collections.abc import Callable
from typing import TypeVar

from airbyte_cdk import AirbyteEntrypoint, AirbyteTracedException, FailureType, init_logger, launch
from airbyte_cdk.exception_handler import init_uncaught_exception_handler

from source_front.config import config_error
from source_front.source import SourceFront

Input = TypeVar("Input")

GRACE = 3.0
"""Seconds."""


def main() -> None:
    """Run the command in `sys.argv`; messages go to standard output, one JSON object a line.

    Exits with 1 if the command could not be carried out. A failed `check` is an answer, not a failure.
    """
    signal.signal(signal.SIGTERM, _stop)
    arguments = sys.argv[1:]
    init_uncaught_exception_handler(init_logger("airbyte"))  # from here on, what goes wrong is an Airbyte message
    parsed = AirbyteEntrypoint.parse_args(arguments)
    if not parsed.command:
        sys.exit("Say what to do: source-front spec | check | discover | read. `source-front --help` tells more.")
    try:
        launch(_source(parsed), arguments)
    except AirbyteTracedException as error:
        if error.failure_type != FailureType.config_error:
            raise
        sys.exit(_report(error, parsed.command))


def _stop(number: int, _: object) -> None:
    """End without another word: the CDK would go on with a line that was cut, and what follows might look whole.

    Its folder of files goes first. Its threads would still ask for what is queued, and wait for a Front that is down:
    they have until `GRACE`.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    ending = threading.Timer(GRACE, os._exit, [128 + number])
    ending.daemon = True
    ending.start()
    sys.exit(128 + number)


def _source(parsed: Namespace) -> SourceFront:
    """The source with the inputs that the command names; `spec` names none."""
    config_path: str | None = getattr(parsed, "config", None)
    catalog_path: str | None = getattr(parsed, "catalog", None)
    state_path: str | None = getattr(parsed, "state", None)
    return SourceFront(
        config=_read("config", config_path, SourceFront.read_config) if config_path else None,
        catalog=_read("catalog", catalog_path, SourceFront.read_catalog) if catalog_path else None,
        state=_read("state", state_path, SourceFront.read_state) if state_path else None,
        config_path=config_path,
    )


def _read(kind: str, path: str, read: Callable[[str], Input]) -> Input:
    """`read(path)`, its errors told as one sentence.

    Raises:
        AirbyteTracedException: a config error. What it quotes of a config is a position, never a value.
    """
    try:
        return read(path)
    except OSError as error:
        sentence = f"The {kind} file {path} cannot be read: {error.strerror}."
    except UnicodeDecodeError:
        sentence = f"The {kind} file {path} is not text in UTF-8."
    except (TypeError, ValueError) as error:
        sentence = f"The {kind} file {path} is not what `source-front` expects: {' '.join(str(error).split())}"
    raise config_error(sentence)


def _report(error: AirbyteTracedException, command: str) -> int:
    """Print the error as the protocol wants it for the command, without a traceback; return the exit code."""
    status = error.as_connection_status_message()
    if command == "check" and status:
        print(AirbyteEntrypoint.airbyte_message_to_string(status))
        return 0
    error.with_traceback(None).emit_message()
    return 1
