"""What several integration tests use."""

from __future__ import annotations

import gc
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integration_tests.reading import Program, Reading, alone, read
from integration_tests.sandbox import Sandbox

gc.set_threshold(20_000, 20, 20)  # a connector is made of many objects that stay: to look for waste took a quarter


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """The installed console script, in an empty folder of its own: nothing of the checkout is imported by chance."""
    path = Path(sys.executable).with_name("source-front")
    assert path.exists(), f"{path} is missing: run `make install`"
    return Program(path, tmp_path)


@pytest.fixture(scope="session")
def everything() -> Iterator[tuple[Sandbox, Reading]]:
    """A company with ten-year-old mail, read from 1970 on."""
    with Sandbox(seed=1, conversations=40) as sandbox:
        yield sandbox, read(sandbox.config())


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The hosts that this process wants to reach, as they are looked up; only loopback addresses are found."""
    hosts: set[str] = set()
    look_up = socket.getaddrinfo

    def watched(host: str, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        hosts.add(host)
        if host not in {"127.0.0.1", "localhost"}:
            raise socket.gaierror(socket.EAI_NONAME, f"{host} is out of bounds")
        return look_up(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", watched)
    return hosts


@pytest.fixture
def manifest_alone() -> Iterator[None]:
    """The test reads without what Python lays over the manifest."""
    with alone():
        yield
