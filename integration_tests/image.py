"""The image, run as Airbyte runs it: `make image-test` builds it and collects this file, `make test` does not.

ENGINE is docker or podman, IMAGE the image's name. The sandbox is on this machine's loopback, so containers share its
network; all else is taken from them: the root file system is read-only, no capability is left, and /tmp is in memory.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airbyte_cdk.models import (
    AirbyteMessage,
    AirbyteStateMessage,
    AirbyteStateMessageSerializer,
    ConfiguredAirbyteCatalogSerializer,
    SyncMode,
)
from airbyte_cdk.test.entrypoint_wrapper import EntrypointOutput

from integration_tests.connection import CORE, EVERYTHING, MAY_HOLD
from integration_tests.reading import Program, assert_whole, catalog, messages, offered
from integration_tests.sandbox import Behaviour, Sandbox
from integration_tests.warehouse import Warehouse, last_states
from source_front.source import load_manifest

Row = dict[str, Any]

ROOT = Path(__file__).resolve().parents[1]
OURS = "1000:1000"
"""The image's own user; others must do, since platforms assign ids of their own."""
HARDENED = ["--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
PATIENCE_S = 10
"""How long `docker stop` waits before it kills."""
LARGEST_MB = 300
"""What the image may add to its base."""


def engine(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [os.environ["ENGINE"], *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)


@pytest.fixture(scope="session")
def image() -> str:
    if not {"ENGINE", "IMAGE"} <= set(os.environ):
        raise pytest.UsageError("run `make image-test`")
    return os.environ["IMAGE"]


Start = Callable[..., Program]


@pytest.fixture
def container(image: str, tmp_path: Path) -> Start:
    """The image with these options of `docker run`, behind a program's face. Its input files have the same paths."""

    def program(*options: str) -> Program:
        tmp_path.chmod(0o755)  # pytest makes it for one user
        path = tmp_path / "source-front"
        volume = f"{tmp_path}:{tmp_path}:ro,z"
        command = [os.environ["ENGINE"], "run", "--rm", "--network", "host", "--volume", volume, *options, image]
        path.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n', encoding="utf-8")
        path.chmod(0o755)
        return Program(path, tmp_path)

    return program


# What it says of itself


def test_it_says_what_it_is_who_it_runs_as_and_how_it_starts(image: str) -> None:
    (inspected,) = json.loads(engine("image", "inspect", image).stdout)
    config = inspected["Config"]
    env = dict(each.split("=", 1) for each in config["Env"])
    assert config["User"] == "1000"
    assert config["Entrypoint"] == ["source-front"]
    assert not config.get("Cmd")
    assert config["WorkingDir"] == "/airbyte/integration_code"
    assert env["AIRBYTE_ENTRYPOINT"] == "source-front"
    assert env["PATH"].split(":")[0] == "/opt/source-front/bin"
    assert all(env["PATH"].split(":")), "the base's own PATH was lost"
    for label in ("io.airbyte.version", "org.opencontainers.image.version"):
        assert f'{label}="{config["Labels"][label]}"' in (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert config["Labels"]["io.airbyte.name"].endswith("/source-front")


# What is inside

INSIDE = """
import importlib.metadata as metadata, json, os, shutil, sys
from pathlib import Path
from packaging.requirements import Requirement

def needed(name, extras, found):
    for line in metadata.distribution(name).requires or []:
        one = Requirement(line)
        if one.marker and not any(one.marker.evaluate({"extra": extra}) for extra in (extras or {""})):
            continue
        if (one.name, frozenset(one.extras)) not in found:
            found.add((one.name, frozenset(one.extras)))
            needed(one.name, one.extras, found)
    return found

def plain(name):
    return name.lower().replace("_", "-").replace(".", "-")

here = Path("/opt/source-front")
files = [each for each in here.rglob("*") if each.is_file() and not each.is_symlink()]
print(json.dumps({
    "python": sys.version_info[:2],
    "prefix": sys.prefix,
    "uid": os.getuid(),
    "needed": sorted({"source-front"} | {plain(name) for name, _ in needed("source-front", (), set())}),
    "installed": {plain(each.metadata["Name"]): each.version for each in metadata.distributions()},
    "compilers": [each for each in ("cc", "gcc", "g++", "clang", "rustc", "make", "ld") if shutil.which(each)],
    "uncompiled": [str(f) for f in files if f.suffix == ".py"
                   and not list((f.parent / "__pycache__").glob(f.stem + ".*.pyc"))],
    "tests": sorted(str(each) for each in here.rglob("*") if each.is_dir()
                    and each.name in ("tests", "unit_tests", "integration_tests")),
    "ours": sorted(str(f.relative_to(here)) for f in files if "source_front" in f.parts and f.suffix != ".pyc"),
    "left": [each for each in ("/build", "/root/.cache/pip") if os.path.exists(each)]
            + [str(each) for each in Path("/airbyte/integration_code").iterdir()],
    "writable": [str(each) for each in [here, *files] if os.access(each, os.W_OK)],
    "megabytes": sum(each.stat().st_size for each in files) / 1e6,
}))
"""


@pytest.fixture(scope="session")
def inside(image: str) -> Row:
    done = engine("run", "--rm", "--entrypoint", "/opt/source-front/bin/python", image, "-c", INSIDE)
    assert done.returncode == 0, done.stderr
    found: Row = json.loads(done.stdout)
    return found


def test_nothing_is_inside_but_what_runs(inside: Row) -> None:
    assert inside["prefix"] == "/opt/source-front"
    assert set(inside["installed"]) == set(inside["needed"]), "more than source-front needs, or less"
    assert not inside["compilers"]
    assert not inside["tests"]
    assert not inside["left"]
    ours = {Path(each).relative_to(each.split("/source_front/")[0]) for each in inside["ours"]}
    sources = {each.relative_to(ROOT) for each in (ROOT / "source_front").rglob("*") if each.is_file()}
    assert ours == {each for each in sources if each.suffix != ".pyc"} | {Path("source_front/manifest.yaml")}
    assert inside["megabytes"] < LARGEST_MB


def test_every_version_is_the_locks(inside: Row) -> None:
    lock = (ROOT / "requirements-dev.lock").read_text(encoding="utf-8").split()
    pins = {line.lower() for line in lock if "==" in line}
    for name, version in inside["installed"].items():
        assert name == "source-front" or f"{name}=={version}" in pins


def test_all_of_it_is_compiled_and_out_of_its_users_reach(inside: Row) -> None:
    assert inside["python"] == [3, 13]
    assert not inside["uncompiled"]
    assert inside["uid"] == int(OURS.split(":")[0])
    assert not inside["writable"]


# What it does


@pytest.mark.parametrize(
    ("options", "words"),
    [([], ["spec"]), (["--entrypoint", "sh"], ["-c", 'eval "$AIRBYTE_ENTRYPOINT spec"'])],
    ids=["by its entry point", "as Airbyte's platform does"],
)
def test_spec(container: Start, options: list[str], words: list[str]) -> None:
    done = container(*options).run(*words)
    assert (done.returncode, done.stderr) == (0, "")
    (message,) = messages(done, "SPEC")
    assert message.spec
    assert message.spec.connectionSpecification == load_manifest()["spec"]["connection_specification"]


def test_check_good_and_bad(container: Start) -> None:
    program = container(*HARDENED)
    with Sandbox(seed=2, conversations=5) as sandbox:
        wrong = {"auth_type": "api_token", "api_token": "wrong"}
        for config, status in ((sandbox.config(), "SUCCEEDED"), (sandbox.config(credentials=wrong), "FAILED")):
            done = program.run("check", config=config)
            (message,) = messages(done, "CONNECTION_STATUS")
            assert message.connectionStatus
            assert (done.returncode, message.connectionStatus.status.value) == (0, status)


def test_discover(container: Start) -> None:
    with Sandbox(seed=2, conversations=5) as sandbox:
        done = container(*HARDENED).run("discover", config=sandbox.config())
    (message,) = messages(done, "CATALOG")
    assert message.catalog
    assert message.catalog.streams == list(offered().values())


@pytest.mark.parametrize("user", [OURS, "4321:0", "65534:65534"])
def test_read_everything_from_a_read_only_root_whoever_runs_it(container: Start, user: str) -> None:
    with Sandbox(seed=3, conversations=12) as sandbox:
        reading, done = container(*HARDENED, "--user", user).read(sandbox.config())
        assert done.returncode == 0, done.stderr
        assert_whole(sandbox, reading)


# How it ends


def test_given_sigterm_in_the_middle_of_a_sync_when_resumed_then_nothing_is_missing(container: Start) -> None:
    """As a platform stops a job; twice, then a sync that ends. Each is a new container with the last states."""
    with Sandbox(seed=8, conversations=20, behaviour=Behaviour(latency_s=0.005)) as sandbox:
        config = sandbox.config(start_date=EVERYTHING)
        streams = {"config": config, "catalog": catalog(CORE, SyncMode.incremental)}
        program, warehouse = container(*HARDENED), Warehouse()
        states: list[AirbyteStateMessage] = []
        for records_after_a_state in (10, 60):
            emitted, seconds = terminated(program, records_after_a_state, states=states, **streams)
            assert seconds < PATIENCE_S
            warehouse.land(emitted)
            states = last_states(emitted, states)
            assert warehouse.problems(sandbox, CORE, may_hold=MAY_HOLD), "it was not stopped in the middle"
        assert "conversations" in {name_of(state) for state in states}
        sandbox.reset_log()
        done = program.run("read", **inputs(states=states, **streams))
        assert done.returncode == 0, done.stderr
        assert sandbox.requests["GET /conversations/{id}"] < len(sandbox.company.living()) / 2, "it began anew"
        warehouse.land(EntrypointOutput(messages=done.stdout.splitlines()).get_message_iterator())
        assert not warehouse.problems(sandbox, CORE, may_hold=MAY_HOLD)
        assert not sandbox.errors


def inputs(config: Row, catalog: Any, states: list[AirbyteStateMessage]) -> dict[str, Any]:  # noqa: ANN401
    dumped = [AirbyteStateMessageSerializer.dump(each) for each in states]
    return {"config": config, "catalog": ConfiguredAirbyteCatalogSerializer.dump(catalog), "state": dumped}


def name_of(state: AirbyteStateMessage) -> str:
    assert state.stream
    return str(state.stream.stream_descriptor.name)


def terminated(program: Program, records: int, **read: Any) -> tuple[list[AirbyteMessage], float]:  # noqa: ANN401
    """All that a read emits that gets SIGTERM so many records after its first state, and how long it took to end."""
    command = [str(program.path), "read"]
    for name, content in inputs(**read).items():
        file = program.folder / f"{name}.json"
        file.write_text(json.dumps(content), encoding="utf-8")
        command += [f"--{name}", str(file)]
    lines: list[str] = []
    stateful, told = False, 0.0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            lines.append(line)
            stateful = stateful or '"STATE"' in line
            records -= stateful and '"RECORD"' in line
            if records == 0 and not told:
                told = time.monotonic()
                process.send_signal(signal.SIGTERM)  # the engine passes it on to the container's first process
    assert told, "the sync ended by itself"
    assert process.returncode == 128 + signal.SIGTERM
    seconds = time.monotonic() - told
    whole = [line for line in lines if line.endswith("\n")]
    kinds = {json.loads(line)["type"] for line in whole}  # none but the last is cut: after a lost record, no state
    assert {"STATE", "RECORD"} <= kinds
    return list(EntrypointOutput(messages=whole).get_message_iterator()), seconds
