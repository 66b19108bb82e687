"""Templates in several threads, on the Python that fails there."""

import gc
import sys
import threading

from airbyte_cdk.sources.declarative.interpolation import jinja

from source_front import literals

NESTED = "{'a': [1, 2, {'b': (1, 2, 3)}], 'c': 'x'}"


class Garbage:
    """Runs code when it is collected, so that threads change in the middle of an evaluation."""

    def __init__(self) -> None:
        self.me = self

    def __del__(self) -> None:
        sum(range(100))


def test_given_many_threads_when_literals_are_evaluated_then_none_fails() -> None:
    """With `ast.literal_eval` itself, several of these threads fail on Python 3.11."""
    failures: list[Exception] = []

    def evaluate() -> None:
        try:
            for _ in range(500):
                Garbage()
                literals.literal_eval(NESTED)
        except Exception as error:
            failures.append(error)

    threshold, interval = gc.get_threshold(), sys.getswitchinterval()
    gc.set_threshold(3)
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=evaluate) for _ in range(8)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    finally:
        gc.set_threshold(*threshold)
        sys.setswitchinterval(interval)
    assert not failures


def test_the_templates_use_it() -> None:
    literals.one_at_a_time()
    assert vars(jinja)["ast"].literal_eval is literals.literal_eval
    assert jinja.JinjaInterpolation().eval("{{ [1, 'a'] }}", {}) == [1, "a"]
