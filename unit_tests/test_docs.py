"""docs/front.md, the page about the connector for its users, against the manifest."""

import re
from pathlib import Path
from typing import Any

import pytest

from source_front.source import load_manifest, resolve

Node = dict[str, Any]


@pytest.fixture(scope="module")
def page(root: Path) -> str:
    return (root / "docs" / "front.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def streams() -> list[Node]:
    found: list[Node] = resolve(load_manifest())["streams"]
    return found


def _rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the table that stands first below a heading, without its head."""
    lines = page.split(f"\n{heading}\n", 1)[1].strip().split("\n\n", 1)[0].splitlines()
    assert all(line.startswith("|") for line in lines)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_given_the_manifest_when_the_page_lists_the_streams_then_name_key_cursor_and_mode_agree(
    page: str, streams: list[Node]
) -> None:
    documented = [tuple(row) for row in _rows(page, "## Supported streams")]
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
