"""What Python lays over the manifest replaces definitions, whole and everywhere, and adds nothing but its classes."""

import importlib
from typing import Any

import pytest
import yaml
from airbyte_cdk.sources.declarative.requesters.error_handlers.default_error_handler import DefaultErrorHandler
from airbyte_cdk.sources.declarative.requesters.http_requester import HttpRequester

from source_front.source import MODULE, load_manifest, overlaid, resolve
from unit_tests.test_manifest import nodes

Node = dict[str, Any]
BASES = {"CustomRequester": HttpRequester, "CustomErrorHandler": DefaultErrorHandler}
OVERLAY: Node = yaml.safe_load(MODULE.with_name("overlay.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def laid() -> Node:
    return resolve(overlaid(load_manifest()))


@pytest.mark.parametrize("name", OVERLAY)
def test_given_a_definition_of_the_overlay_when_looked_at_then_it_is_the_manifests_with_a_class_of_ours(
    name: str,
) -> None:
    replaced, ours = load_manifest()["definitions"][name], OVERLAY[name]
    assert ours == {
        "$ref": f"#/definitions/manifest/{name}",
        "type": f"Custom{'Requester' if 'url' in replaced else 'ErrorHandler'}",
        "class_name": ours["class_name"],
    }
    module, _, component = ours["class_name"].rpartition(".")
    assert issubclass(getattr(importlib.import_module(module), component), BASES[ours["type"]])


def test_given_the_overlay_when_laid_over_then_no_stream_has_a_requester_that_shares_nothing(laid: Node) -> None:
    types = [node.get("type") for node in nodes(laid["streams"])]
    assert "HttpRequester" not in types
    assert types.count("CustomRequester") > 29


def test_given_the_overlay_when_laid_over_then_all_else_is_the_manifests(laid: Node) -> None:
    """Each custom component turned back gives the manifest alone."""
    alone = resolve(load_manifest())
    for node in nodes(laid):
        if "class_name" in node:
            del node["class_name"]
            node["type"] = {"CustomRequester": "HttpRequester"}.get(node["type"], "DefaultErrorHandler")
    assert laid == alone
    assert "class_name" not in str(alone)


def test_given_the_overlay_when_laid_over_then_the_manifest_itself_stays_as_it_is() -> None:
    manifest = load_manifest()
    overlaid(manifest)
    assert manifest == load_manifest()
