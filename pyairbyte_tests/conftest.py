"""Keeps PyAirbyte on this machine: neither registry nor telemetry, and its files in a folder that ends with the run."""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import pytest

FOLDER = tempfile.mkdtemp(prefix="pyairbyte-")
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
# Before its import: that is when PyAirbyte reads them.
os.environ |= {
    "AIRBYTE_OFFLINE_MODE": "1",
    "DO_NOT_TRACK": "1",
    "AIRBYTE_PROJECT_DIR": FOLDER,
    "AIRBYTE_LOGGING_ROOT": FOLDER,
    "AIRBYTE_TEMP_DIR": FOLDER,
}


def pytest_report_header() -> str:
    return ", ".join(f"{name} {version(name)}" for name in ("airbyte", "airbyte-cdk", "duckdb", "pandas"))


@pytest.fixture(scope="session", autouse=True)
def only_this_machine() -> Iterator[None]:
    """No test lets this process look up another host. What it starts is not watched: that is told the sandbox's URL."""
    others: set[str] = set()
    look_up = socket.getaddrinfo

    def watched(host: str, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        if host in {"127.0.0.1", "localhost"}:
            return look_up(host, *args, **kwargs)
        others.add(host)
        raise socket.gaierror(socket.EAI_NONAME, f"{host} is out of bounds")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", watched)
        yield
    assert not others
