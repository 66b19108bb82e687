"""A small look-alike of Front's API for tests and the demo: a company from a seed, changes, faults, limits, a log.

`with Sandbox(seed=1, conversations=60) as sandbox:` serves it; `sandbox.config()` is a connector's configuration for
it, `sandbox.changes.reply(conversation_id)` changes it, `sandbox.requests["GET /events"]` counts.
"""

from integration_tests.sandbox.behaviour import Behaviour, Fault
from integration_tests.sandbox.company import Company
from integration_tests.sandbox.server import Request, Sandbox
from integration_tests.sandbox.view import View

__all__ = ["Behaviour", "Company", "Fault", "Request", "Sandbox", "View"]
