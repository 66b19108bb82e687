"""A release: one version everywhere, archives without anything private, and a wheel that runs wherever it is installed.

What the archives hold file by file, and how the program starts from a checkout, is in test_package.py.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SEMANTIC = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-rc\.\d+)?")
FOLDERS = {"docs", "integration_tests", "source_front", "unit_tests"}
PLANTED = "a-real-token-of-somebody"
SITE = "import site, sysconfig; print(sysconfig.get_path('purelib'))"


@pytest.fixture(scope="module")
def version(root: Path) -> str:
    """The one place where it is written."""
    with (root / "pyproject.toml").open("rb") as file:
        written: str = tomllib.load(file)["project"]["version"]
    return written


def lines_of_tables(text: str) -> list[str]:
    """The first cell of each row of the changelog's table."""
    _, _, changelog = text.partition("\n## Changelog\n")
    return re.findall(r"^\| *(\d[^ |]*) *\|", changelog, re.MULTILINE)


# One version


def test_the_version_is_semantic(version: str) -> None:
    assert SEMANTIC.fullmatch(version)


@pytest.mark.parametrize(
    ("file", "found"),
    [
        ("metadata.yaml", lambda text: [yaml.safe_load(text)["data"]["dockerImageTag"]]),
        ("CHANGELOG.md", lambda text: re.findall(r"^## (\S+)", text, re.MULTILINE)[:1]),
        ("docs/front.md", lambda text: lines_of_tables(text)[:1]),
        ("Dockerfile", lambda text: re.findall(r'\.version="?([^\s"]+)', text)),
    ],
    ids=["metadata.yaml", "CHANGELOG.md", "docs/front.md", "Dockerfile"],
)
def test_every_file_that_repeats_the_version_has_the_same(
    file: str, found: Callable[[str], list[str]], root: Path, version: str
) -> None:
    repeated = found((root / file).read_text(encoding="utf-8"))
    assert repeated, f"{file} no longer says which version it is of"
    assert set(repeated) == {version}


def test_the_two_changelogs_tell_of_the_same_versions_newest_first(root: Path) -> None:
    ours = re.findall(r"^## (\S+)", (root / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert ours == lines_of_tables((root / "docs/front.md").read_text(encoding="utf-8"))
    assert ours == sorted(ours, key=lambda each: [int(part) for part in re.findall(r"\d+", each)], reverse=True)
    assert len(ours) == len(set(ours))


def test_the_version_is_written_nowhere_in_the_code(root: Path, version: str) -> None:
    holding = [
        str(path.relative_to(root))
        for path in (root / "source_front").rglob("*")
        if path.suffix in {".py", ".yaml"} and version in path.read_text(encoding="utf-8")
    ]
    assert not holding, "importlib.metadata knows it"


# Archives


@pytest.fixture(scope="module")
def archives(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist and the wheel of a checkout in which somebody left what no release may hold."""
    checkout = tmp_path_factory.mktemp("checkout")
    for path in root.iterdir():
        if path.name in FOLDERS:
            shutil.copytree(path, checkout / path.name, ignore=shutil.ignore_patterns("__pycache__"))
        elif path.is_file() and path.suffix in {".md", ".toml", ".yaml", ".yml", ".svg", ".lock", ""}:
            shutil.copy(path, checkout)
    (checkout / ".gitignore").unlink()
    # .gitignore names such files, and a build heeds it; the list of what belongs into a release has to hold without.
    for name in ("secrets/config.json", "config.json", ".env", "state.json", "integration-secrets/config.json"):
        (checkout / name).parent.mkdir(exist_ok=True)
        (checkout / name).write_text(PLANTED, encoding="utf-8")
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(folder)]
    done = subprocess.run(command, cwd=checkout, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def contents(archives: Path) -> dict[str, dict[str, bytes]]:
    """The files of wheel and sdist, each below its first folder."""
    (wheel,), (sdist,) = archives.glob("*.whl"), archives.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        of_wheel = {name: archive.read(name) for name in archive.namelist()}
    of_sdist = {}
    with tarfile.open(sdist) as archive:
        for member in archive.getmembers():
            if file := archive.extractfile(member):
                of_sdist[member.name.split("/", 1)[1]] = file.read()
    return {"wheel": of_wheel, "sdist": of_sdist}


def test_what_lies_about_in_a_checkout_gets_into_no_archive(archives: Path) -> None:
    for kind, files in contents(archives).items():
        assert not [name for name, body in files.items() if PLANTED.encode() in body], kind
        private = re.compile(r"(^|/)(secrets|unit_tests|integration_tests|docs|\.ci|\.venv[^/]*)/|\.env$|\.duckdb$")
        assert not [name for name in files if private.search(name)], kind


def test_what_the_connector_runs_on_is_in_both_archives(archives: Path, root: Path) -> None:
    wheel, sdist = contents(archives).values()
    needed = ["overlay.yaml", "py.typed", "run.py", "source.py"]
    needed += [f"components/{path.name}" for path in (root / "source_front/components").glob("*.py")]
    assert len(needed) > len({"overlay.yaml", "py.typed", "run.py", "source.py", "components/__init__.py"})
    assert {f"source_front/{name}" for name in needed} <= wheel.keys() & sdist.keys()
    assert wheel["source_front/manifest.yaml"] == sdist["manifest.yaml"] == (root / "manifest.yaml").read_bytes()


def test_the_wheel_says_what_it_is(archives: Path, version: str) -> None:
    (wheel,) = archives.glob("*.whl")
    assert wheel.name == f"source_front-{version}-py3-none-any.whl"
    about: Message = HeaderParser().parsestr(
        contents(archives)["wheel"][f"source_front-{version}.dist-info/METADATA"].decode()
    )
    assert (about["Name"], about["Version"], about["License-Expression"]) == ("source-front", version, "MIT")
    needed = {Requirement(line).name for line in about.get_all("Requires-Dist", []) if "extra ==" not in line}
    assert needed == {"airbyte-cdk", "pyyaml"}, "what only tests need stays out"
    assert f"Version: {version}\n".encode() in contents(archives)["sdist"]["PKG-INFO"]


# Installed


@pytest.fixture(scope="module")
def installed(archives: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`source-front` of the wheel, in an environment of its own that borrows this one's libraries and nothing else."""
    home = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
    python = home / "bin" / "python"
    site = Path(subprocess.run([python, "-c", SITE], check=True, capture_output=True, text=True).stdout.strip())
    ours = Path(subprocess.run([sys.executable, "-c", SITE], check=True, capture_output=True, text=True).stdout.strip())
    (wheel,) = archives.glob("*.whl")
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*install, str(wheel)], check=True, capture_output=True)
    # A line in a .pth is searched last, and the .pth files that lie there (our own editable install) are not read.
    (site / "libraries.pth").write_text(f"{ours}\n", encoding="utf-8")
    return home / "bin"


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=120, check=False)


def test_the_installed_wheel_answers_from_another_directory(
    installed: Path, version: str, root: Path, tmp_path: Path
) -> None:
    done = run(str(installed / "source-front"), "spec", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    (message,) = (each for each in map(json.loads, done.stdout.splitlines()) if each["type"] == "SPEC")
    manifest = yaml.safe_load((root / "manifest.yaml").read_text(encoding="utf-8"))
    assert message["spec"]["connectionSpecification"] == manifest["spec"]["connection_specification"]
    question = "import importlib.metadata as its, source_front as it; print(its.version('source-front'), it.__file__)"
    known, _, file = run(str(installed / "python"), "-c", question, cwd=tmp_path).stdout.strip().partition(" ")
    assert known == version
    assert Path(file).is_relative_to(installed.parent), "the checkout was run, not the wheel"
