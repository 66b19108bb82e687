"""What every unit test may use."""

from pathlib import Path
from typing import Any

import pytest

from source_front.source import load_manifest


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture
def manifest() -> dict[str, Any]:
    """The manifest as it is written, `$ref`s unresolved: a copy of its own for each test."""
    return load_manifest()
