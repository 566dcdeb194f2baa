"""Event loops for test suites: many loops of one process take turns at few daemons, as launching one takes a while.

``transportd.testing:new_event_loop`` is a loop factory, and :data:`homes` tells where transports of its loops lived.
"""

from __future__ import annotations

import atexit
import os
import shlex
from pathlib import Path
from typing import Any

from .connect import Connection, default_command, launch
from .framing import Message
from .loop import EventLoop

# "daemon" for what was asked of it, "local" for each transport of this process: cleared by whoever looks.
homes: list[str] = []
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

    def _ask(self, name: str, params: Message, *then: Any) -> Any:
        homes.append("daemon")
        return super()._ask(name, params, *then)

    def _make_socket_transport(self, *args: Any, **options: Any) -> Any:
        return _noted(super()._make_socket_transport(*args, **options))

    def _make_datagram_transport(self, *args: Any, **options: Any) -> Any:
        return _noted(super()._make_datagram_transport(*args, **options))

    def _make_read_pipe_transport(self, *args: Any, **options: Any) -> Any:
        return _noted(super()._make_read_pipe_transport(*args, **options))

    def _make_write_pipe_transport(self, *args: Any, **options: Any) -> Any:
        return _noted(super()._make_write_pipe_transport(*args, **options))

    async def _make_subprocess_transport(self, *args: Any, **options: Any) -> Any:
        return _noted(await super()._make_subprocess_transport(*args, **options))


def _noted(transport: Any) -> Any:
    homes.append(transport.get_extra_info("transportd").stream)
    return transport


def _command() -> list[str]:
    given = os.environ.get("TRANSPORTD_COMMAND")
    if given:
        return shlex.split(given)
    built = Path(__file__).resolve().parents[3] / "dist" / "cli" / "main.js"
    if built.exists():
        return ["node", str(built), "stdio", "--framing=header"]
    return default_command()
