"""`python oldest.py MANIFEST`: what of the manifest the CDK of this environment accepts. For a CDK below the floor.

Run by `make cloud-proof` with the oldest CDK that Airbyte's platform was seen with. It imports nothing of this project.
"""

from __future__ import annotations

import copy
import logging
import pkgutil
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml
from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource
from airbyte_cdk.sources.declarative.parsers.manifest_reference_resolver import ManifestReferenceResolver

Node = dict[str, Any]

CONFIG = {"credentials": {"auth_type": "api_token", "api_token": "any"}, "api_url": "http://127.0.0.1:9"}


def accepted(manifest: Node) -> bool:
    """Whether the CDK builds the streams."""
    try:
        source = ConcurrentDeclarativeSource(catalog=None, config=CONFIG, state=None, source_config=manifest)
        return bool(source.streams(CONFIG))
    except Exception:  # whatever it says of it
        return False


def types(node: object) -> Iterator[str]:
    """The components' names, at any depth."""
    if isinstance(node, dict):
        if isinstance(node.get("type"), str):
            yield node["type"]
        for each in node.values():
            yield from types(each)
    elif isinstance(node, list):
        for each in node:
            yield from types(each)


def main() -> None:
    logging.disable()
    installed = version("airbyte-cdk")
    written = yaml.safe_load(Path(sys.argv[1]).read_text(encoding="utf-8")) | {"version": installed}
    manifest = ManifestReferenceResolver().preprocess_manifest(copy.deepcopy(written))
    whole = {name: each for name, each in manifest.items() if name not in {"definitions", "schemas", "stream_groups"}}
    alone = {
        stream["name"]: accepted(
            whole | {"streams": [stream], "check": {"type": "CheckStream", "stream_names": [stream["name"]]}}
        )
        for stream in manifest["streams"]
    }
    schema = pkgutil.get_data("airbyte_cdk", "sources/declarative/declarative_component_schema.yaml")
    known = yaml.safe_load(schema or b"")["definitions"].keys()
    components = {name for name in types(manifest["streams"]) if name[0].isupper()}
    print(f"airbyte-cdk {installed}: the file as a whole is {'accepted' if accepted(written) else 'refused'}.")
    print("Streams that it accepts alone:", ", ".join(name for name, good in alone.items() if good) or "none")
    print("Streams that it refuses:", ", ".join(name for name, good in alone.items() if not good) or "none")
    print("Components that it does not know:", ", ".join(sorted(components - known)) or "none")


if __name__ == "__main__":
    main()
