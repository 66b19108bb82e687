"""Lets all streams share answers and pace. YAML gives each stream a cache, and reads none of Front's rate headers."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airbyte_cdk.sources.declarative.requesters.http_requester import HttpRequester
from airbyte_cdk.sources.declarative.requesters.request_options.interpolated_request_options_provider import (
    InterpolatedRequestOptionsProvider,
)

from source_front.components.sync import CURRENT

# The CDK does not look into a custom requester for the filter that splits windows, and warns of each.
logging.getLogger("airbyte.model_to_component_factory").addFilter(
    lambda record: "`request_window_splitting` but no response filter" not in record.getMessage()
)


@dataclass
class FrontRequester(HttpRequester):
    """The manifest's requester, sent through the `Answers` of the sync instead of its stream's own cache and budget."""

    request_parameters: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        self.request_options_provider = InterpolatedRequestOptionsProvider(
            request_parameters=self.request_parameters, config=self.config, parameters=parameters
        )
        self.use_cache, self.api_budget = False, None
        super().__post_init__(parameters)
        for scheme in ("https://", "http://"):
            self._http_client._session.mount(scheme, CURRENT.get().answers)
