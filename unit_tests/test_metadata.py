"""metadata.yaml and icon.svg, as Airbyte's registry wants them.

https://docs.airbyte.com/platform/connector-development/connector-metadata-file
"""

import re
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest
import yaml

REQUIRED = {
    "name", "definitionId", "connectorType", "dockerRepository", "dockerImageTag", "license",
    "documentationUrl", "githubIssueLabel", "connectorSubtype", "releaseStage",
}  # fmt: skip

AIRBYTES_OWN_FRONT = "ae390de9-bdd5-4bfa-9d14-34010b44ca50"
"""The definition of the connector that Airbyte lists already: to take it would be to replace it."""

EVENTS_A_PAGE, SLOWEST_PLAN = 15, 50
"""Of Front's feed; requests a minute."""
AT_500_000_CONVERSATIONS = 1024
"""Mebibytes, the most that a sync of so many may take."""

# A request or more per conversation, comment or contact.
EXPENSIVE = {
    "attachments", "comment_mentions", "comments", "contact_notes", "conversation_followers", "conversation_inboxes",
    "conversation_message_attachments", "conversation_message_recipients", "conversation_messages",
}  # fmt: skip


@pytest.fixture(scope="module")
def data(root: Path) -> dict[str, Any]:
    metadata = yaml.safe_load((root / "metadata.yaml").read_text(encoding="utf-8"))
    assert set(metadata) == {"metadataSpecVersion", "data"}
    assert metadata["metadataSpecVersion"] == "1.0"
    fields: dict[str, Any] = metadata["data"]
    return fields


def test_every_required_field_is_there(data: dict[str, Any]) -> None:
    assert set(data) >= REQUIRED
    assert all(data[field] for field in REQUIRED)
    assert (data["name"], data["connectorType"], data["connectorSubtype"]) == ("Front", "source", "api")
    assert data["license"] == "MIT"


def test_the_definition_is_our_own(data: dict[str, Any]) -> None:
    assert uuid.UUID(data["definitionId"]).version == 4
    assert data["definitionId"] != AIRBYTES_OWN_FRONT
    assert not data["dockerRepository"].startswith("airbyte/")
    assert data["dockerRepository"].endswith("/source-front")


def test_the_documentation_is_this_repositorys(root: Path, data: dict[str, Any]) -> None:
    url = urlsplit(data["documentationUrl"])
    assert url.scheme == "https"
    assert url.hostname
    assert url.hostname != "docs.airbyte.com", "Airbyte's other connector of the same name has that page"
    _, _, page = url.path.partition("/blob/main/")
    assert (root / page).is_file()


def test_airbyte_waits_longer_than_the_longest_silence(data: dict[str, Any]) -> None:
    """Records and states are heard, nothing else. Only the feed of events has neither for longer than a request."""
    longest_request = timedelta(minutes=17)
    feed_after_weeks = timedelta(minutes=1_000_000 / EVENTS_A_PAGE / SLOWEST_PLAN)
    heard_within = timedelta(seconds=data["maxSecondsBetweenMessages"])
    assert heard_within > longest_request + feed_after_weeks
    assert heard_within <= timedelta(days=1), "what hangs should be noticed on the same day"


def test_the_memory_is_more_than_was_measured(root: Path, data: dict[str, Any]) -> None:
    (job,) = data["resourceRequirements"]["jobSpecific"]
    request, limit = (mebibytes(job["resourceRequirements"][f"memory_{name}"]) for name in ("request", "limit"))
    told = re.search(r"peaks at (\d+) MB", (root / "docs/architecture.md").read_text(encoding="utf-8"))
    assert told
    assert job["jobType"] == "sync"
    assert int(told[1]) * 2 <= request <= limit
    assert limit >= AT_500_000_CONVERSATIONS * 1.5


def mebibytes(quantity: str) -> int:
    """Of a quantity as Kubernetes writes it."""
    number, unit = re.fullmatch(r"(\d+)(Mi|Gi)", quantity).groups()  # type: ignore[union-attr]
    return int(number) * {"Mi": 1, "Gi": 1024}[unit]


def test_the_tags_say_what_airbytes_tools_look_for(data: dict[str, Any]) -> None:
    assert set(data["tags"]) == {"language:manifest-only", "cdk:low-code"}
    assert re.fullmatch(r"docker\.io/airbyte/source-declarative-manifest:\d+\.\d+\.\d+(@sha256:[0-9a-f]{64})?",
                        data["connectorBuildOptions"]["baseImage"])  # fmt: skip


def test_every_host_is_fronts(data: dict[str, Any], manifest: dict[str, Any]) -> None:
    hosts = data["allowedHosts"]["hosts"]
    assert all(host.endswith("frontapp.com") for host in hosts)
    api = manifest["spec"]["connection_specification"]["properties"]["api_url"]["default"]
    assert api.removeprefix("https://") in hosts


def test_the_suggested_streams_exist_and_are_cheap(data: dict[str, Any], manifest: dict[str, Any]) -> None:
    suggested = data["suggestedStreams"]["streams"]
    assert {each["name"] for each in manifest["streams"]} == EXPENSIVE | set(suggested)
    assert not EXPENSIVE & set(suggested)
    assert len(suggested) == len(set(suggested))


def test_the_icon_is_a_square_drawing_that_loads_nothing(root: Path, data: dict[str, Any]) -> None:
    icon = ElementTree.parse(root / data["icon"]).getroot()
    assert icon.tag == "{http://www.w3.org/2000/svg}svg"
    assert icon.get("width") == icon.get("height") == "250"
    assert icon.get("viewBox") == "0 0 250 250"
    values = [value for each in icon.iter() for value in each.attrib.values()]
    assert not any("//" in value for value in values)
