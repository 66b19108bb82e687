"""The Dockerfile, as far as it can be read without building it; `make image-test` builds and runs it."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

Instruction = tuple[str, str]


@pytest.fixture(scope="module")
def instructions(root: Path) -> list[Instruction]:
    """Its lines, comments left out and continued ones joined, as pairs of a word and what follows."""
    lines = (root / "Dockerfile").read_text(encoding="utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.lstrip().startswith("#")).replace("\\\n", " ")
    pairs = [line.split(maxsplit=1) for line in text.splitlines() if line.strip()]
    return [(word, " ".join(rest.split())) for word, rest in pairs]


@pytest.fixture(scope="module")
def labels(instructions: list[Instruction]) -> dict[str, str]:
    text = " ".join(rest for word, rest in instructions if word == "LABEL")
    return dict(re.findall(r'([a-z.]+)="([^"]*)"', text))


@pytest.fixture(scope="module")
def metadata(root: Path) -> dict[str, Any]:
    fields: dict[str, Any] = yaml.safe_load((root / "metadata.yaml").read_text(encoding="utf-8"))["data"]
    return fields


def values(instructions: list[Instruction], word: str) -> list[str]:
    return [rest for each, rest in instructions if each == word]


def last_stage(instructions: list[Instruction]) -> list[Instruction]:
    start = max(index for index, (word, _) in enumerate(instructions) if word == "FROM")
    return instructions[start:]


def test_both_stages_start_from_airbytes_base_pinned_by_digest(instructions: list[Instruction]) -> None:
    word, base = instructions[0]
    assert word == "ARG"
    assert re.fullmatch(r"BASE_IMAGE=docker\.io/airbyte/python-connector-base:\d+\.\d+\.\d+@sha256:[0-9a-f]{64}", base)
    assert values(instructions, "FROM") == ["${BASE_IMAGE} AS builder", "${BASE_IMAGE}"]


def test_the_labels_say_the_version_and_the_name_of_the_metadata(
    labels: dict[str, str], metadata: dict[str, Any]
) -> None:
    assert labels["io.airbyte.version"] == labels["org.opencontainers.image.version"] == metadata["dockerImageTag"]
    assert labels["io.airbyte.name"] == metadata["dockerRepository"]
    assert labels["org.opencontainers.image.licenses"] == metadata["license"]
    assert labels["org.opencontainers.image.title"] == metadata["dockerRepository"].split("/")[-1]


def test_it_starts_as_a_user_without_rights_the_same_way_for_everyone(instructions: list[Instruction]) -> None:
    stage = last_stage(instructions)
    assert values(stage, "USER") == ["1000"]
    assert values(stage, "ENTRYPOINT") == ['["source-front"]']
    assert 'AIRBYTE_ENTRYPOINT="source-front"' in values(stage, "ENV")
    assert [word for word, _ in stage[-2:]] == ["USER", "ENTRYPOINT"]


def test_the_last_stage_takes_what_was_built_and_runs_nothing(instructions: list[Instruction]) -> None:
    stage = last_stage(instructions)
    assert values(stage, "COPY") == ["--from=builder /opt/source-front /opt/source-front"]
    assert not {"RUN", "ADD"} & {word for word, _ in stage}


def test_every_builder_of_images_can_read_it(instructions: list[Instruction]) -> None:
    """No heredocs and no mounts: older builders know neither."""
    assert not any("<<" in rest or "--mount" in rest for _, rest in instructions)


def test_what_is_copied_is_let_in_and_nothing_else(root: Path, instructions: list[Instruction]) -> None:
    copied = {
        part.removeprefix("./").rstrip("/")
        for rest in values(instructions, "COPY")
        if not rest.startswith("--from")
        for part in rest.split()[:-1]
    }
    ignore = (root / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert ignore[1] == "*"
    assert {line[1:] for line in ignore if line.startswith("!")} == copied
    assert "**/__pycache__" in ignore
    assert all((root / each).exists() for each in copied)
