"""Event loops for test suites: many loops of one process take turns at few daemons, as launching one takes a while.

``new_event_loop`` is what ``run_cpython_suite.py --loop-factory`` takes.
"""

from __future__ import annotations

import atexit
import os
import shlex
from pathlib import Path

from .connect import Connection, default_command, launch
from .loop import EventLoop

_idle: list[Connection] = []


def new_event_loop() -> EventLoop:
    """A loop on a daemon that no other loop uses: ``$TRANSPORTD_COMMAND``, else the checkout's own, else the PATH's."""
    while _idle:
        connection = _idle.pop()
        if not connection.is_closed:
            return _Loop(connection, keep=True)
    connection = launch(_command())
    atexit.register(connection.close)
    return _Loop(connection, keep=True)


class _Loop(EventLoop):
    def _leave(self) -> None:
        super()._leave()
        _idle.append(self.connection)


def _command() -> list[str]:
    given = os.environ.get("TRANSPORTD_COMMAND")
    if given:
        return shlex.split(given)
    built = Path(__file__).resolve().parents[3] / "dist" / "cli" / "main.js"
    if built.exists():
        return ["node", str(built), "stdio", "--framing=header"]
    return default_command()
