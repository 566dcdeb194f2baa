"""A socket that is the daemon's, as far as asyncio's own code needs one here.

asyncio makes a transport of a socket; this stands in for that socket, so that all of asyncio's rules about arguments,
order and errors hold by asyncio's own code. It keeps what the daemon says until a transport listens, and knows
nothing of protocols.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from typing import Any

from .addresses import Address, family_of, from_wire
from .framing import Message
from .link import Endpoint, Link

# What the daemon sets on every TCP connection, and the kernel answers of every socket.
_KIND_OF = {"tcp": socket.SOCK_STREAM, "tls": socket.SOCK_STREAM, "unix": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


class Held:
    """Stands for one end of something that the daemon holds, until a transport does."""

    def __init__(self, link: Link, id: int, window: int, local: Any) -> None:
        self.link = link
        self.id = id
        # Most bytes that may be under way to the daemon.
        self.window = window
        # The caller's own object, whose number stays taken while the daemon uses a copy of it.
        self.local = local
        # Opened with reading paused: so that nothing plain can pass for what comes behind a TLS handshake.
        self.is_paused = False
        self._said: list[tuple[str, Message]] = []
        self._closed = False
        link.endpoints[id] = self

    def notified(self, method: str, params: Message) -> None:
        self._said.append((method, params))

    def cut(self, error: Exception) -> None:
        self._said.append(("cut", {"exception": error}))

    def hand_over(self, endpoint: Endpoint) -> None:
        """From now on ``endpoint`` hears what is said, first what was said already."""
        if self.is_paused and self.link.error is None:
            self.is_paused = False
            self.link.notify("transport/resumeReading", {"transport": self.id})
        self.link.endpoints[self.id] = endpoint
        said, self._said = self._said, []
        for method, params in said:
            if method == "cut":
                endpoint.cut(params["exception"])
            else:
                endpoint.notified(method, params)

    def hear_again(self) -> None:
        """What is said from now on waits for the next to be handed over to."""
        self.link.endpoints[self.id] = self
        self.is_paused = True

    def forget(self) -> None:
        """It ended in the daemon."""
        self._closed = True
        self.link.endpoints.pop(self.id, None)
        if self.local is not None:
            self.local.close()

    def close(self) -> None:
        """Ends it where nobody else does."""
        if self._closed:
            return
        if self.link.error is None:
            self.link.notify("transport/abort", {"transport": self.id})
        self.forget()

    def fileno(self) -> int:
        """The number of the caller's own object, if there is one."""
        return -1 if self.local is None else int(self.local.fileno())


class DaemonPipe(Held):
    """Stands for one end of a pipe."""


class DaemonSocket(Held):
    """Stands for a connection, a listener or an endpoint."""

    def __init__(
        self,
        link: Link,
        id: int,
        *,
        kind: str,
        extra: Message,
        window: int = 0,
        local: socket.socket | None = None,
        options: dict[tuple[int, int], int] | None = None,
    ) -> None:
        address = extra.get("sockname") or extra.get("peername") or {"path": ""}
        super().__init__(link, id, window, local)
        self.kind = kind
        self.extra = extra
        self.family = family_of(address)
        self.type = _KIND_OF.get(kind, socket.SOCK_STREAM)
        self.proto = 0 if local is None else local.proto
        self._options = options or {}

    # What follows is `socket.socket`'s.

    def setblocking(self, flag: bool) -> None:
        if flag:
            raise ValueError("a daemon's socket cannot be blocking")

    def gettimeout(self) -> float:
        return 0.0

    def getsockname(self) -> Address:
        return self._address("sockname")

    def getpeername(self) -> Address:
        address = self._address("peername")
        if address is None:
            raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))
        return address

    def getsockopt(self, level: int, option: int, length: int = 0) -> Any:
        """What is known without asking the kernel, whose socket is the daemon's. Else OSError ENOPROTOOPT."""
        if self.local is not None and self.local.fileno() != -1:
            return self.local.getsockopt(level, option, length) if length else self.local.getsockopt(level, option)
        known = {
            (socket.SOL_SOCKET, socket.SO_TYPE): int(self.type),
            (socket.SOL_SOCKET, socket.SO_ERROR): 0,
            (socket.SOL_SOCKET, socket.SO_BROADCAST): 0,
            (socket.SOL_SOCKET, socket.SO_REUSEADDR): 0,
            (socket.SOL_SOCKET, socket.SO_REUSEPORT): 0,
            (socket.SOL_SOCKET, socket.SO_KEEPALIVE): 0,
            (socket.IPPROTO_TCP, socket.TCP_NODELAY): int(self.kind in ("tcp", "tls")),
            **self._options,
        }
        if (level, option) not in known:
            raise OSError(errno.ENOPROTOOPT, os.strerror(errno.ENOPROTOOPT))
        return known[level, option]

    def setsockopt(self, level: int, option: int, value: Any, *length: int) -> None:
        """Options are set by the daemon's requests; setting what holds already is no error."""
        if self.local is not None and self.local.fileno() != -1:
            self.local.setsockopt(level, option, value, *length)
            return
        with contextlib.suppress(OSError):
            if self.getsockopt(level, option) == int(value):
                return
        raise OSError(errno.ENOPROTOOPT, os.strerror(errno.ENOPROTOOPT))

    def _address(self, name: str) -> Address:
        if self._closed:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        if self.local is not None and self.local.fileno() != -1:
            return self.local.getsockname() if name == "sockname" else self.local.getpeername()  # type: ignore[no-any-return]
        return from_wire(self.extra.get(name))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} transport={self.id} kind={self.kind} family={self.family!s}>"
