"""`python -m integration_tests.sandbox --port 0 --seed 1 --conversations 60`: serves until SIGINT or SIGTERM.

The first line it prints is JSON: {"url": ..., "token": ...}.
"""

from __future__ import annotations

import argparse
import json
import signal
import threading

from integration_tests.sandbox import Behaviour, Sandbox


def main() -> None:
    parser = argparse.ArgumentParser(description="Serves a small Front look-alike.")
    parser.add_argument("--port", type=int, default=0, help="0 takes any free port")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--conversations", type=int, default=60)
    parser.add_argument("--rpm", type=int, default=None, help="requests a minute; without it no limit")
    options = parser.parse_args()
    stopped = threading.Event()
    for each in (signal.SIGINT, signal.SIGTERM):  # also where a shell's background job would ignore the former
        signal.signal(each, lambda *_: stopped.set())
    behaviour = Behaviour(rpm=options.rpm)
    with Sandbox(options.seed, options.conversations, behaviour, port=options.port) as sandbox:
        print(json.dumps({"url": sandbox.url, "token": sandbox.token}), flush=True)
        stopped.wait()


if __name__ == "__main__":
    main()
