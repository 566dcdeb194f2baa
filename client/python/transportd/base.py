"""What the parts of the event loop share: the connection, questions to it, sockets that come of them, descriptors.

asyncio's own selector loop is underneath: timers, tasks, signals, executors and watched descriptors are this process's.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from typing import Any

from .connect import Connection, launch
from .errors import DaemonError
from .framing import Message
from .link import Link
from .sockets import DaemonSocket

# The client decides after an end of file, by what `eof_received` answers.
KEEP: Message = {"onEof": "keep"}
# Nothing is read until there is a transport for it.
WAIT: Message = {**KEEP, "paused": True}


class Base(asyncio.SelectorEventLoop):
    """A selector loop with a connection to a daemon."""

    def __init__(self, connection: Connection | None = None, *, keep: bool = False) -> None:
        super().__init__()
        try:
            self._connection = launch() if connection is None else connection
            self._link: Link = self._connection.link
            self._link.attach(self)
            self._handover = self._connection.handover
            if self._handover is not None:
                self._add_reader(self._handover.fileno(), self._drain_handover)  # type: ignore[attr-defined]
        except BaseException:
            super().close()
            raise
        self._keeps_connection = keep

    @property
    def connection(self) -> Connection:
        """The daemon that this loop uses."""
        return self._connection

    async def request(self, name: str, params: Message) -> Any:
        """Any request of the protocol, such as ``daemon/info``. Raises what the daemon answers."""
        return await self._ask(name, params)

    def _ask(self, name: str, params: Message, *then: Callable[[Any], Any]) -> Any:
        """Everything that makes something in the daemon, and every question, goes through here."""
        return self._link.request(name, params, *then)

    def close(self) -> None:
        if self.is_running():
            raise RuntimeError("Cannot close a running event loop")
        if self.is_closed():
            return
        self._leave()
        super().close()

    def _leave(self) -> None:
        """Everything that this loop has in the daemon ends, gracefully."""
        link = self._link
        if link.error is None:
            for id in list(link.endpoints):
                link.notify("transport/close", {"transport": id})
            for id in list(link.accepting):
                # Nobody waits for the answer.
                link.request("server/close", {"server": id})
        link.detach()
        if self._handover is not None and self._handover.fileno() != -1:
            self._remove_reader(self._handover.fileno())  # type: ignore[attr-defined]
        if not self._keeps_connection:
            self._connection.close()

    def _drain_handover(self) -> None:
        assert self._handover is not None
        if not self._handover.drain():
            self._remove_reader(self._handover.fileno())  # type: ignore[attr-defined]
            self._handover = None

    def _hand_over(self, thing: Any) -> str | None:
        """The daemon's name for a copy of a descriptor, for a transport; None where it cannot have one."""
        fd = thing if isinstance(thing, int) else thing.fileno()
        if self._handover is None or not self._handover.takes(fd):
            return None
        # As asyncio does, and before it is the daemon's: Node takes what comes for non-blocking, and would wait.
        os.set_blocking(fd, False)
        return self._handover.send(fd)

    async def _adopt(self, sock: socket.socket, name: str, params: Message) -> Any:
        """A stand-in for ``sock``, which the daemon uses from now on; ``sock`` itself where it cannot."""
        if isinstance(sock, DaemonSocket):
            return sock
        descriptor = self._hand_over(sock)
        if descriptor is None:
            return sock
        return await self._ask(
            name,
            {"fd": descriptor, **params},
            lambda made: self._socket_of(made, local=sock, paused=params["options"] is WAIT),
        )

    async def _open(
        self, name: str, params: Message, options: dict[tuple[int, int], int] | None = None
    ) -> DaemonSocket:
        paused = params["options"] is WAIT
        try:
            return await self._ask(name, params, lambda made: self._socket_of(made, options, paused=paused))  # type: ignore[no-any-return]
        except DaemonError as error:
            if error.name == "LimitExceeded":
                raise OSError(errno.EMFILE, str(error)) from error
            raise

    def _socket_of(
        self,
        made: Message,
        options: dict[tuple[int, int], int] | None = None,
        local: socket.socket | None = None,
        paused: bool = False,
    ) -> DaemonSocket:
        sock = DaemonSocket(
            self._link,
            made["transport"],
            kind=made["kind"],
            extra=made["extra"],
            window=made["writeWindowBytes"],
            options=options,
            local=local,
        )
        sock.is_paused = paused
        return sock
