"""docs/front.md, the page about the connector for its users, against the manifest and the code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from source_front.scopes import streams_by_scope
from source_front.source import load_manifest, resolve
from source_front.state import found

Node = dict[str, Any]


@pytest.fixture(scope="module")
def page(root: Path) -> str:
    return (root / "docs" / "front.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def resolved() -> Node:
    return resolve(load_manifest())


@pytest.fixture(scope="module")
def streams(resolved: Node) -> list[Node]:
    listed: list[Node] = resolved["streams"]
    return listed


def _section(page: str, heading: str) -> str:
    """What stands below a heading, up to the next one."""
    return re.split(r"^#+ ", page.split(f"\n{heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def _rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the tables below a heading, without their heads."""
    lines = [line for line in _section(page, heading).splitlines() if line.startswith("|")]
    heads = {number - 1 for number, line in enumerate(lines) if set(line) <= set("|-:")}
    rows = [line for number, line in enumerate(lines) if number not in heads and number - 1 not in heads]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in rows]


def test_given_the_manifest_when_the_page_lists_the_streams_then_name_key_cursor_and_mode_agree(
    page: str, streams: list[Node]
) -> None:
    documented = [(name, key, cursor, mode) for name, key, cursor, mode, _ in _rows(page, "## Supported Streams")]
    offered = {
        (
            f"`{stream['name']}`",
            ", ".join(stream["primary_key"]),
            stream.get("incremental_sync", {}).get("cursor_field", ""),
            "Incremental" if "incremental_sync" in stream else "Full Refresh",
        )
        for stream in streams
    }
    assert set(documented) == offered
    assert len(documented) == len(offered)


def test_given_the_manifest_when_the_page_counts_streams_then_the_numbers_agree(page: str, streams: list[Node]) -> None:
    modes = dict(_rows(page, "## Supported sync modes"))
    incremental = [stream for stream in streams if "incremental_sync" in stream]
    assert modes["Full Refresh (Overwrite, Append)"] == f"all {len(streams)}"
    assert modes["Incremental (Append + Deduped, Append)"].startswith(f"the {len(incremental)} below ")


def test_given_the_manifest_when_the_page_speaks_of_deleted_rows_then_it_names_the_tables_that_have_them(
    page: str, streams: list[Node]
) -> None:
    paragraph = page.split("**Deleted rows.**", 1)[1].split("`_ab_cdc_deleted_at`", 1)[0]
    having = {
        stream["name"] for stream in streams if "_ab_cdc_deleted_at" in stream["schema_loader"]["schema"]["properties"]
    }
    assert set(re.findall(r"`(\w+)`", paragraph)) == having


def test_given_the_page_when_its_links_are_followed_then_each_leads_to_a_heading(page: str) -> None:
    headings = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    linked = set(re.findall(r"\]\(#([^)]+)\)", page))
    assert linked
    assert linked <= anchors


def test_given_the_page_when_its_links_lead_to_files_then_they_are_there(page: str, root: Path) -> None:
    for link in re.findall(r"\]\((?!https:|#)([^)#]+)", page):
        assert (root / "docs" / link).exists(), link


def test_given_the_scopes_that_check_reports_when_the_page_lists_them_then_they_silence_the_same_streams(
    page: str, resolved: Node
) -> None:
    documented = {
        scope.strip("`"): re.findall(r"`(\w+)`", names)
        for scope, names in _rows(page, "### Scopes and the streams that need them")
    }
    assert documented == streams_by_scope(resolved)


def test_given_the_form_when_the_page_lists_its_fields_then_titles_and_names_agree(page: str, resolved: Node) -> None:
    fields = resolved["spec"]["connection_specification"]["properties"]
    shown = [f"{each['title']} (`{name}`)" for name, each in fields.items() if not each.get("airbyte_hidden")]
    assert [row[0] for row in _rows(page, "### The form")] == shown


def test_given_the_streams_when_the_page_maps_others_names_then_each_stream_is_there_once(
    page: str, streams: list[Node]
) -> None:
    heading = "### Coming from Hevo, Fivetran or Airbyte's connector"
    here = [row[0] for row in _rows(page, heading) if row[0].startswith("`")]
    assert sorted(here) == sorted(f"`{stream['name']}`" for stream in streams)


def test_given_what_is_said_when_something_is_wrong_then_the_page_tells_what_to_do(
    page: str, manifest: Node, root: Path
) -> None:
    documented = [row[0].strip("`").strip("… ") for row in _rows(page, "### Error messages")]
    said = {*_said_by(manifest), *(each for file in (root / "source_front").rglob("*.py") for each in _said_in(file))}
    assert [each for each in documented if not any(each in sentence for sentence in said)] == [], "nobody says that"
    assert [each for each in said if not any(text in each for text in documented)] == [], "not on the page"


def _said_by(manifest: Node) -> Iterator[str]:
    for key in ("error_message", "failure_message"):
        for sentence in found(manifest["definitions"], key):
            yield re.sub(r"\{\{.*?\}\}", "…", sentence)


def _said_in(file: Path) -> Iterator[str]:
    """Sentences: texts of some words that end as one. What varies in them becomes `…`."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    nodes = list(ast.walk(tree))
    apart = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}  # docstrings
    apart |= {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in nodes:
        parts = node.values if isinstance(node, ast.JoinedStr) else [node]
        texts = [part.value if isinstance(part, ast.Constant) else "…" for part in parts]
        if id(node) in apart or not all(isinstance(text, str) for text in texts):
            continue
        sentence = "".join(map(str, texts)).replace("{}", "…")
        if len(sentence.split()) > 3 and re.fullmatch(r"[A-Z…].*[.…]", sentence):
            yield sentence


def test_given_a_first_sync_when_the_page_tells_how_long_it_takes_then_it_reckons_right(page: str) -> None:
    rows = _rows(page, "### Performance considerations")
    each = float(next(row[3] for row in rows if row[2].startswith("together")))
    accounts = [row for row in rows if row[0].replace(",", "").isdigit() and len(row) == 5]
    assert len(accounts) == 3
    for conversations, requests, *times in accounts:
        number = float(requests.replace(",", ""))
        assert number == pytest.approx(float(conversations.replace(",", "")) * each)
        for rpm, time in zip((50, 100, 200), times, strict=True):
            amount, unit = time.split()
            assert float(amount) * {"hours": 60, "days": 1440}[unit] == pytest.approx(number / rpm, rel=0.02)


def test_given_the_version_when_the_page_lists_changes_then_it_is_the_first(page: str, root: Path) -> None:
    metadata = yaml.safe_load((root / "metadata.yaml").read_text(encoding="utf-8"))
    assert _rows(page, "## Changelog")[0][0] == metadata["data"]["dockerImageTag"]
