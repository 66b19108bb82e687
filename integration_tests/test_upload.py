"""Proof that manifest.yaml uploads to Airbyte Cloud as it is.

Cloud's Connector Builder hands a manifest to Airbyte's manifest server and never allows custom code there. So the same
server runs here, without the flag that would allow it, on the pinned CDK and on the oldest one that `version:` names,
and works on the whole manifest against the sandbox.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from integration_tests.sandbox import Sandbox

ROOT = Path(__file__).resolve().parents[1]
MANIFEST: dict[str, Any] = yaml.safe_load((ROOT / "manifest.yaml").read_text(encoding="utf-8"))
STREAMS = [each["name"] for each in MANIFEST["streams"]]

INTERPRETERS = {"pinned": Path(sys.executable), "floor": ROOT / ".venv-floor" / "bin" / "python"}
"""One environment per CDK; `make test` makes both."""

# What the platform refuses: https://docs.airbyte.com/platform/connector-development/connector-builder-ui/overview
MOST_BYTES = 10_000_000
MOST_FIELDS = 20_000

JS_YAML = """
const fs = require("fs"), yaml = require("js-yaml");
process.stdout.write(JSON.stringify(yaml.load(fs.readFileSync(process.argv[1], "utf8"))));
"""


@dataclass(frozen=True)
class Builder:
    """A running manifest server."""

    url: str
    log: Path
    manifest: dict[str, Any]
    """As the server resolves, migrates and normalizes it when a project is opened: what Builder edits from then on."""

    def post(self, endpoint: str, **body: object) -> dict[str, Any]:
        return _post(self.url, endpoint, **body)

    def test_read(self, stream: str, config: dict[str, Any], *, alone: bool = False) -> dict[str, Any]:
        """As a click on "Test": with the limits that Builder offers at most.

        `alone`: the manifest has no other stream. A server builds all that it has, for each request.
        """
        limits = {"record_limit": 1000, "page_limit": 20, "slice_limit": 20}
        streams = [each for each in self.manifest["streams"] if not alone or each["name"] == stream]
        manifest = self.manifest | {"streams": streams}
        return self.post("test_read", manifest=manifest, config=config, stream_name=stream, **limits)


def _post(url: str, endpoint: str, **body: object) -> dict[str, Any]:
    response = requests.post(f"{url}/v1/manifest/{endpoint}", json=body, timeout=120)
    assert response.status_code == 200, response.text[:2000]
    answer: dict[str, Any] = response.json()
    return answer


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=1, conversations=60) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def config(sandbox: Sandbox) -> dict[str, Any]:
    """The form as a user leaves it: `start_date` at its default."""
    filled: dict[str, Any] = sandbox.config()
    del filled["start_date"]
    return filled


@pytest.fixture(scope="module")
def builders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Builder]]:
    """A manifest server for each CDK."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(_running(name, tmp_path_factory.mktemp(name))) for name in INTERPRETERS}


@pytest.fixture(params=INTERPRETERS)
def builder(request: pytest.FixtureRequest, builders: dict[str, Builder]) -> Builder:
    return builders[request.param]


@contextmanager
def _running(name: str, folder: Path) -> Iterator[Builder]:
    """The server, started in a folder that is not the checkout: nothing of ours can be imported there."""
    python = INTERPRETERS[name]
    assert python.exists(), f"{python} is missing: run `make test`, which makes the environment"
    code = "from importlib.metadata import version; print(version('airbyte-cdk'))"
    cdk = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert (cdk == MANIFEST["version"]) is (name == "floor"), f"{python} has airbyte-cdk {cdk}"

    log = folder / "server.log"
    environment = {key: value for key, value in os.environ.items() if key in {"PATH", "HOME", "LANG"}}
    environment |= {"DD_TRACE_ENABLED": "false", "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false"}
    command = [
        str(python),
        "-m",
        "uvicorn",
        "airbyte_cdk.manifest_server.app:app",
        "--host",
        "127.0.0.1",
        "--port",
        "0",
    ]
    with log.open("w") as sink:
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=sink, stderr=subprocess.STDOUT)
    try:
        url = _address(server, log)
        asked = MANIFEST | {"__should_normalize": True, "__should_migrate": True}
        yield Builder(url, log, _post(url, "resolve", manifest=asked)["manifest"])
    finally:
        server.terminate()
        server.wait(timeout=20)


def _address(server: subprocess.Popen[bytes], log: Path) -> str:
    """Where the server listens, from its log, once it says so."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        found = re.search(r"running on (http://[\d.:]+)", log.read_text(encoding="utf-8"))
        if found:
            return found[1]
        time.sleep(0.05)
    raise AssertionError(f"the manifest server did not start: {log.read_text(encoding='utf-8')[-2000:]}")


def test_custom_code_is_off(builder: Builder) -> None:
    capabilities = requests.get(f"{builder.url}/capabilities", timeout=20).json()
    assert capabilities == {"custom_code_execution": False}


def test_the_manifest_resolves_to_standard_components_of_an_acceptable_size(
    builder: Builder, capsys: pytest.CaptureFixture[str]
) -> None:
    resolved = builder.post("resolve", manifest=MANIFEST)["manifest"]
    for manifest in (resolved, builder.manifest):
        assert _stream_names(manifest) == STREAMS
        assert not list(_custom_code(manifest))
    text = json.dumps(resolved)
    assert '"$ref"' not in text
    normalized = json.dumps(builder.manifest)
    with capsys.disabled():
        sizes = f"{len(text) / 1e6:.2f} MB resolved, {len(normalized) / 1e6:.2f} MB normalized"
        print(f"\nmanifest: {sizes}, of {MOST_BYTES / 1e6:.0f} MB", end=" ")
    assert len(text) < MOST_BYTES
    assert len(normalized) < MOST_BYTES


def test_the_manifest_resolves_in_full(builder: Builder, config: dict[str, Any]) -> None:
    resolved = builder.post("full_resolve", manifest=MANIFEST, config=config)["manifest"]
    assert _stream_names(resolved) == STREAMS
    assert not list(_custom_code(resolved))


def test_check_tells_a_good_token_from_a_bad_one(builder: Builder, config: dict[str, Any]) -> None:
    assert builder.post("check", manifest=MANIFEST, config=config)["success"]
    credentials = {"auth_type": "api_token", "api_token": "not-the-token"}
    answer = builder.post("check", manifest=MANIFEST, config=config | {"credentials": credentials})
    assert not answer["success"]
    assert "API token" in answer["message"]
    assert "not-the-token" not in answer["message"]


def test_discover_lists_every_stream(
    builder: Builder, config: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    catalog = builder.post("discover", manifest=MANIFEST, config=config)["catalog"]
    assert [each["name"] for each in catalog["streams"]] == STREAMS
    fields = sum(_fields(each["json_schema"]) for each in catalog["streams"])
    with capsys.disabled():
        print(f"\nfields of all streams: {fields:,} of {MOST_FIELDS:,}", end=" ")
    assert len(STREAMS) < fields < MOST_FIELDS


@pytest.mark.parametrize("stream", STREAMS)
def test_every_stream_can_be_tested(builders: dict[str, Builder], config: dict[str, Any], stream: str) -> None:
    with ThreadPoolExecutor() as pool:  # both CDKs at a time
        answers = list(pool.map(lambda each: each.test_read(stream, config, alone=True), builders.values()))
    for cdk, answer in zip(builders, answers, strict=True):
        told = [f"{each['level']}: {each['message']}" for each in answer["logs"]]
        assert not [line for line in told if "deprecat" in line.lower()], cdk
        assert not [line for line in told if line.startswith(("ERROR", "FATAL"))], cdk
        pages = [page for part in answer["slices"] for page in part["pages"]]
        assert any(page["records"] for page in pages), (cdk, told)


def test_the_server_reads_from_the_whole_manifest_and_logs_no_deprecation(
    builder: Builder, config: dict[str, Any]
) -> None:
    answer = builder.test_read("inboxes", config)
    assert any(page["records"] for part in answer["slices"] for page in part["pages"])
    log = builder.log.read_text(encoding="utf-8")
    assert "POST /v1/manifest/test_read" in log
    assert not [line for line in log.splitlines() if "deprecat" in line.lower()]
    assert "Traceback" not in log


def test_builders_yaml_parser_reads_the_same_manifest() -> None:
    assert (ROOT / "node_modules" / "js-yaml").is_dir(), "js-yaml is missing: run `make test`, which installs it"
    command = ["node", "-e", JS_YAML, str(ROOT / "manifest.yaml")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == MANIFEST


def _stream_names(manifest: dict[str, Any]) -> list[str]:
    return [each["name"] for each in manifest["streams"]]


def _custom_code(node: object, path: str = "") -> Iterator[str]:
    """Where a manifest names Python code of its own."""
    if isinstance(node, dict):
        if "class_name" in node or str(node.get("type", "")).startswith("Custom"):
            yield path
        for key, value in node.items():
            yield from _custom_code(value, f"{path}/{key}")
    elif isinstance(node, list):
        for position, value in enumerate(node):
            yield from _custom_code(value, f"{path}/{position}")


def _fields(schema: dict[str, Any]) -> int:
    """Fields of a schema, nested ones and those of a list's items included."""
    properties = schema.get("properties") or {}
    nested = [*properties.values(), *([schema["items"]] if isinstance(schema.get("items"), dict) else [])]
    return len(properties) + sum(_fields(each) for each in nested if isinstance(each, dict))
