"""The package: what is in its archives, how its program starts, and that its files agree with one another."""

import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

import source_front.run

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

EXECUTABLE = str(Path(sys.executable).with_name("source-front"))
MODULE = (sys.executable, "-m", "source_front")


@pytest.fixture(scope="session")
def project(root: Path) -> dict[str, Any]:
    with (root / "pyproject.toml").open("rb") as file:
        pyproject: dict[str, Any] = tomllib.load(file)
    return pyproject


@pytest.fixture(scope="session")
def archives(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist and the wheel, built with what is installed."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(folder)]
    subprocess.run(command, cwd=root, check=True, capture_output=True)
    return folder


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A current directory that holds somebody else's manifest."""
    (tmp_path / "manifest.yaml").write_text("type: DeclarativeSource\nversion: 7.0.0\nstreams: []\n", encoding="utf-8")
    return tmp_path


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    def only(self, kind: str) -> dict[str, Any]:
        """The one Airbyte message of a kind; anything on standard output that is not JSON fails here."""
        (message,) = (each for each in map(json.loads, self.out.splitlines()) if each["type"] == kind)
        found: dict[str, Any] = message[
            {"SPEC": "spec", "TRACE": "trace", "CONNECTION_STATUS": "connectionStatus"}[kind]
        ]
        return found


def run(*command: str, cwd: Path, **environment: str) -> Done:
    """A program of its own."""
    env = os.environ | environment
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=120, check=False)
    return Done(done.returncode, done.stdout, done.stderr)


class Main(Protocol):
    def __call__(self, *arguments: str) -> Done: ...


@pytest.fixture
def main(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Main:
    """`source-front` without the second that a process takes to start."""

    def call(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["source-front", *arguments])
        monkeypatch.setattr(sys, "excepthook", sys.excepthook)
        with pytest.raises(SystemExit) as ended:
            source_front.run.main()
        captured = capsys.readouterr()
        code = ended.value.code
        return Done(code, *captured) if isinstance(code, int) else Done(1, captured.out, f"{captured.err}{code}")

    return call


def written(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


# What is in the archives


def test_the_wheel_holds_the_package_and_the_manifest_and_nothing_else(archives: Path, root: Path) -> None:
    (wheel,) = archives.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        assert archive.read("source_front/manifest.yaml") == (root / "manifest.yaml").read_bytes()
        licenses = [name for name in archive.namelist() if name.endswith("/licenses/LICENSE")]
    sources = {str(path.relative_to(root)) for path in (root / "source_front").rglob("*") if path.is_file()}
    assert names == {name for name in sources if "__pycache__" not in name} | {"source_front/manifest.yaml"}
    assert licenses


def test_the_sdist_holds_what_the_list_names_and_nothing_else(
    archives: Path, root: Path, project: dict[str, Any]
) -> None:
    (sdist,) = archives.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames()}
    listed = project["tool"]["hatch"]["build"]["targets"]["sdist"]["only-include"]
    assert {name.split("/")[0] for name in names} == {*listed, "pyproject.toml", "PKG-INFO", ".gitignore"}
    assert all((root / name).exists() for name in listed)


def test_a_wheel_is_built_from_the_sdist_alone(archives: Path, tmp_path: Path) -> None:
    (sdist,) = archives.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.iterdir()
    done = run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", cwd=unpacked)
    assert done.code == 0, done.err
    (wheel,) = (unpacked / "dist").glob("*.whl")
    (other,) = archives.glob("*.whl")
    with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(other) as two:
        assert sorted(one.namelist()) == sorted(two.namelist())


# How it starts


@pytest.mark.parametrize("command", [(EXECUTABLE,), MODULE], ids=["source-front", "python -m source_front"])
def test_spec_comes_from_our_manifest_whatever_lies_in_the_current_directory(
    command: tuple[str, ...], elsewhere: Path, manifest: dict[str, Any]
) -> None:
    done = run(*command, "spec", cwd=elsewhere)
    assert (done.code, done.err) == (0, "")
    assert done.only("SPEC")["connectionSpecification"] == manifest["spec"]["connection_specification"]


def test_an_unpacked_wheel_runs_its_own_manifest(archives: Path, elsewhere: Path) -> None:
    (wheel,) = archives.glob("*.whl")
    packages = elsewhere / "site-packages"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    packaged = packages / "source_front" / "manifest.yaml"
    written(packaged, packaged.read_text(encoding="utf-8").replace("title: Front\n", "title: Packaged\n", 1))
    done = run(*MODULE, "spec", cwd=elsewhere, PYTHONPATH=str(packages))
    assert done.only("SPEC")["connectionSpecification"]["title"] == "Packaged"


def test_a_failing_program_exits_with_its_code_and_without_a_traceback(tmp_path: Path) -> None:
    done = run(EXECUTABLE, "discover", "--config", "nowhere.json", cwd=tmp_path)
    assert (done.code, done.err) == (1, "")
    assert (
        done.only("TRACE")["error"]["message"]
        == "The config file nowhere.json cannot be read: No such file or directory."
    )


def test_without_a_command_it_says_which_there_are(main: Main) -> None:
    done = main()
    assert (done.code, done.out) == (1, "")
    assert "spec | check | discover | read" in done.err


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not what"),
        (b'{"credentials": {"api_token": "s3cret-token"', "not what"),
        (b'["s3cret-token"]', "not an object"),
        (b"s3cret-token", "not what"),
        (b'{"credentials": "s3cret-token\xff"}', "not text in UTF-8"),
    ],
    ids=["empty", "cut off", "a list", "no JSON", "no text"],
)
@pytest.mark.parametrize("command", ["check", "discover"])
def test_a_config_file_that_cannot_be_used_is_told_in_one_sentence(
    command: str, content: bytes, reason: str, main: Main, tmp_path: Path
) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(content)
    done = main(command, "--config", str(path))
    if command == "check":  # a failed check is an answer, not a failure
        answer = done.only("CONNECTION_STATUS")
        assert (answer["status"], done.code) == ("FAILED", 0)
    else:
        answer = done.only("TRACE")["error"]
        assert (answer["failure_type"], done.code) == ("config_error", 1)
    assert str(path) in answer["message"]
    assert reason in answer["message"]
    assert "\n" not in answer["message"]
    assert "Traceback" not in done.out + done.err
    assert "s3cret" not in done.out + done.err


@pytest.mark.parametrize(
    ("catalog", "state", "culprit"),
    [
        ("", "[]", "catalog"),
        ("[", "[]", "catalog"),
        ("7", "[]", "catalog"),
        ("{}", "[]", "catalog"),
        ('{"streams": "tags"}', "[]", "catalog"),
        ('{"streams": [{"stream": {}}]}', "[]", "catalog"),
        ('{"streams": []}', "", "state"),
        ('{"streams": []}', "{", "state"),
        ('{"streams": []}', "7", "state"),
        ('{"streams": []}', '{"contacts": {"updated_at": 7}}', "state"),
        ('{"streams": []}', "[7]", "state"),
        ('{"streams": []}', '[{"type": "STREAM"}]', "state"),
    ],
)
def test_a_catalog_or_state_that_cannot_be_used_is_told_in_one_sentence(
    catalog: str, state: str, culprit: str, main: Main, tmp_path: Path
) -> None:
    paths = {
        "config": written(tmp_path / "config.json", '{"credentials": {"auth_type": "api_token", "api_token": "t"}}'),
        "catalog": written(tmp_path / "catalog.json", catalog),
        "state": written(tmp_path / "state.json", state),
    }
    done = main("read", *(part for name, path in paths.items() for part in (f"--{name}", path)))
    message = done.only("TRACE")["error"]["message"]
    assert done.code == 1
    assert message.startswith(f"The {culprit} file {paths[culprit]} is not what")
    assert "\n" not in message


# What must agree


def test_the_versions_agree(root: Path, project: dict[str, Any]) -> None:
    ours = project["project"]["version"]
    metadata = yaml.safe_load((root / "metadata.yaml").read_text(encoding="utf-8"))["data"]
    newest = re.search(r"^## (\S+)", (root / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert newest
    assert {ours} == {version("source-front"), metadata["dockerImageTag"], newest[1]}


def test_the_cdk_range_runs_from_the_manifests_version_to_the_pinned_one(
    root: Path, project: dict[str, Any], manifest: dict[str, Any]
) -> None:
    cdk = next(r for r in map(Requirement, project["project"]["dependencies"]) if r.name == "airbyte-cdk")
    pinned = next(p for r in pins(project) if r.name == "airbyte-cdk" for p in r.specifier)
    lowest = {each.version for each in cdk.specifier if each.operator == ">="}
    assert lowest == {manifest["version"]}
    assert pinned.version in cdk.specifier
    below = Version(next(each.version for each in cdk.specifier if each.operator == "<"))
    assert Version(pinned.version).release[:2] == (below.major, below.minor - 1), "no CDK is allowed that was not tried"
    metadata = yaml.safe_load((root / "metadata.yaml").read_text(encoding="utf-8"))["data"]
    assert metadata["connectorBuildOptions"]["baseImage"].split("@")[0].endswith(f":{pinned.version}")


def test_the_lock_holds_every_pin(root: Path, project: dict[str, Any]) -> None:
    lines = (root / "requirements-dev.lock").read_text(encoding="utf-8").splitlines()
    locked = [Requirement(line) for line in lines if line and not line.lstrip().startswith("#")]
    assert {each.name for each in locked} >= {"airbyte-cdk", "pyyaml", "uvicorn", "fastapi"}
    assert all(len(each.specifier) == 1 and "==" in str(each.specifier) and not each.url for each in locked)
    for pin in pins(project):
        assert [each.specifier for each in locked if each.name == pin.name.lower()] == [pin.specifier]


def pins(project: dict[str, Any]) -> list[Requirement]:
    return [Requirement(line) for line in project["dependency-groups"]["dev"]]
