"""Runs CPython's own asyncio tests on transportd's event loop, and says where the transports of each test lived.

The tests are the interpreter's `test.test_asyncio`; which of them say something about a loop that is not the standard
library's is in `suite.json`. One line of JSON per test goes to stdout:
`{"test": "group.name", "outcome": "passed", "home": "daemon", "detail": ""}`.

    python3 test/python/suite.py [PATTERN...]      runs the tests whose name matches one of the patterns
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import os
import re
import signal
import sys
import tempfile
import traceback
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "client" / "python"))
# A test takes a second at most, of which this is many.
SECONDS_PER_TEST = 20
# A suite's class expects these of the class that it is mixed into.
MIXINS: dict[str, type] = {"TestCase": unittest.TestCase}


class Policy(asyncio.DefaultEventLoopPolicy):
    """The default policy with loops of our own."""

    def __init__(self, make: Callable[[], asyncio.AbstractEventLoop]) -> None:
        super().__init__()
        self._make = make

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        return self._make()


def loop_case(make: Callable[[], asyncio.AbstractEventLoop], own_loop: bool, opens_file: bool) -> type:
    """What a class of the suite is mixed with, so that each of its ways to a loop leads to `make`."""
    utils = importlib.import_module("test.test_asyncio.utils")
    helper = importlib.import_module("test.support.os_helper")

    class LoopCase:
        def setUp(self) -> None:
            asyncio.set_event_loop_policy(Policy(make))
            if not own_loop:
                super().setUp()  # type: ignore[misc]
                return
            # The suite's own setUp would make a loop of the standard library, by name.
            utils.TestCase.setUp(self)
            self.loop = asyncio.new_event_loop()
            self.set_event_loop(self.loop)  # type: ignore[attr-defined]
            if opens_file:
                self.file = open(helper.TESTFN, "rb")
                self.addCleanup(self.file.close)  # type: ignore[attr-defined]

        def tearDown(self) -> None:
            try:
                super().tearDown()  # type: ignore[misc]
            finally:
                asyncio.set_event_loop_policy(None)

        def create_event_loop(self) -> asyncio.AbstractEventLoop:
            return asyncio.new_event_loop()

        new_loop = create_event_loop

        @staticmethod
        def close_loop(loop: asyncio.AbstractEventLoop) -> None:
            if not loop.is_closed():
                loop.run_until_complete(loop.shutdown_default_executor())
                loop.close()

    return LoopCase


def found(name: str) -> type:
    """The class that `module.Class` of the suite names."""
    if name in MIXINS:
        return MIXINS[name]
    module, _, attribute = name.partition(".")
    return getattr(importlib.import_module(f"test.test_asyncio.{module}"), attribute)  # type: ignore[no-any-return]


class Report(unittest.TestResult):
    """Prints each test as it ends."""

    def __init__(self, homes: list[str]) -> None:
        super().__init__()
        self._homes = homes
        self._outcome = ("passed", "")

    def startTest(self, test: unittest.TestCase) -> None:
        super().startTest(test)
        self._outcome = ("passed", "")
        self._homes.clear()
        # Some tests count the warnings of what is collected meanwhile, and what the test before left is none of theirs: a
        # remote's close comes through the daemon a turn later than from a socket of this process, which can be too late.
        gc.collect()
        # Each time anew, as tests of signals leave the default behind.
        signal.signal(signal.SIGALRM, on_alarm)
        signal.alarm(SECONDS_PER_TEST)

    def stopTest(self, test: unittest.TestCase) -> None:
        super().stopTest(test)
        signal.alarm(0)
        name = f"{type(test).__name__}.{test._testMethodName}"
        home = "+".join(sorted(set(self._homes))) or "none"
        outcome, detail = self._outcome
        say({"test": name, "outcome": outcome, "home": home, "detail": detail})

    def addError(self, test: Any, error: Any) -> None:
        self._fail(test, error)

    def addFailure(self, test: Any, error: Any) -> None:
        self._fail(test, error)

    def addSubTest(self, test: Any, subtest: Any, error: Any) -> None:
        if error is not None:
            self._fail(test, error)

    def addSkip(self, test: Any, reason: str) -> None:
        self._outcome = ("skipped", reason)

    def _fail(self, test: Any, error: Any) -> None:
        detail = "".join(traceback.format_exception(*error))
        if isinstance(test, unittest.TestCase):
            self._outcome = ("failed", self._outcome[1] + detail)
        else:
            say({"test": str(test), "outcome": "failed", "home": "none", "detail": detail})


def say(line: dict[str, str]) -> None:
    os.write(REPORT, (json.dumps(line) + "\n").encode())


def build(patterns: list[str], make: Callable[[], asyncio.AbstractEventLoop]) -> unittest.TestSuite:
    suite = unittest.TestSuite()
    for group, about in json.loads((HERE / "suite.json").read_text()).items():
        names = [
            name
            for name in about["tests"]
            if not patterns or any(re.search(pattern, f"{group}.{name}") for pattern in patterns)
        ]
        if not names:
            continue
        mixed = loop_case(make, about.get("ownLoop", False), about.get("opensFile", False))
        case = type(group, (mixed, *map(found, about["classes"])), {"__module__": __name__})
        for name in names:
            if hasattr(case, name):
                suite.addTest(case(name))
            else:
                say({"test": f"{group}.{name}", "outcome": "absent", "home": "none", "detail": "not in this Python"})
    return suite


def on_alarm(number: int, frame: Any) -> None:
    raise TimeoutError(f"no end within {SECONDS_PER_TEST} s")


def main() -> None:
    from transportd import testing

    suite = build(sys.argv[1:], testing.new_event_loop)
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        suite.run(Report(testing.homes))
        os.chdir("/")


if __name__ == "__main__":
    # What tests print must not stand between the lines of the report.
    REPORT = os.dup(1)
    os.dup2(2, 1)
    main()
