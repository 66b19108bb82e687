"""Airbyte's own tests of connectors, at their strictest: of the package, and (but for reads) of the manifest alone.

https://docs.airbyte.com/platform/connector-development/testing-connectors
What they run is in acceptance-test-config.yml. Warnings are errors here, so that advice on the catalog counts too.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airbyte_cdk.test.models import ConnectorTestScenario
from airbyte_cdk.test.standard_tests import ConnectorTestSuiteBase, DeclarativeSourceTestSuite, SourceTestSuiteBase
from airbyte_cdk.test.standard_tests._job_runner import IConnector
from airbyte_cdk.test.standard_tests.docker_base import DockerConnectorTestSuite
from airbyte_cdk.test.standard_tests.pytest_hooks import pytest_generate_tests  # noqa: F401  # pytest calls it

from integration_tests.sandbox import Sandbox
from source_front.source import SourceFront

CHECKOUT = Path(__file__).resolve().parents[1]
FILES = ("acceptance-test-config.yml", "manifest.yaml", "metadata.yaml")


class _Staged(ConnectorTestSuiteBase):
    """A connector in a folder that also holds the configurations: none lies in the checkout."""

    root = CHECKOUT

    @classmethod
    def get_connector_root_dir(cls) -> Path:
        return _Staged.root


for _image_test in [name for name in vars(DockerConnectorTestSuite) if name.startswith("test_")]:
    setattr(_Staged, _image_test, None)  # these need an image, and a daemon to build it


@pytest.fixture(scope="module", autouse=True)
def staged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """The folder, its configurations, and the sandbox they are for."""
    root = tmp_path_factory.mktemp("staged") / "source-front"  # its name is the connector's
    (root / "secrets").mkdir(parents=True)
    for name in FILES:
        (root / name).symlink_to(CHECKOUT / name)
    with Sandbox(seed=1, conversations=12) as sandbox, pytest.MonkeyPatch.context() as patch:
        for name, config in configurations(sandbox).items():
            (root / "secrets" / f"{name}.json").write_text(json.dumps(config), encoding="utf-8")
        patch.setattr(_Staged, "root", root)
        patch.setattr(tempfile, "tempdir", str(root))  # the suite writes configurations there, and leaves them
        yield sandbox
        assert not sandbox.errors


def configurations(sandbox: Sandbox) -> dict[str, dict[str, Any]]:
    """By the names that acceptance-test-config.yml gives them."""
    return {
        "config": sandbox.config(),
        "oauth": sandbox.config(credentials=sandbox.tokens.credentials()),
        "wrong_token": sandbox.config(credentials={"auth_type": "api_token", "api_token": "a-token-of-nobody"}),
    }


class TestPackage(_Staged, SourceTestSuiteBase):
    """`source_front`, the manifest with its overlay."""

    @classmethod
    def create_connector(cls, scenario: ConnectorTestScenario | None) -> IConnector:
        if scenario is None:  # `spec` has no configuration
            return SourceFront()
        return SourceFront(config=scenario.get_config_dict(connector_root=cls.root, empty_if_missing=False))


class TestManifestAlone(_Staged, DeclarativeSourceTestSuite):
    """manifest.yaml, as Airbyte's own image for manifests runs it.

    Without the read of all streams: test_upload.py reads each of them from the manifest alone.
    """

    test_basic_read = None  # type: ignore[assignment]
