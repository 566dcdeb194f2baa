"""The event loop: asyncio's own selector loop, whose connections, servers and processes are the daemon's.

Where asyncio would make a socket, the daemon is asked for one, and a stand-in (``sockets.py``) goes the way that
asyncio's sockets go: arguments, order, errors and the servers are then asyncio's own code.
"""

from __future__ import annotations

import socket
from typing import Any

from . import addresses
from .base import Base
from .children import Children
from .endpoints import Endpoints
from .servers import Servers


class Names(Base):
    """``getaddrinfo`` and ``getnameinfo``, as the daemon's machine answers them."""

    async def getaddrinfo(
        self, host: Any, port: Any, *, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> Any:
        name = host.decode("idna") if isinstance(host, bytes) else host
        service = port.decode() if isinstance(port, bytes) else port
        params = addresses.lookup_params(name, service, family, type, proto, flags)
        if params is None:
            return await super().getaddrinfo(host, port, family=family, type=type, proto=proto, flags=flags)
        return addresses.lookup_result(await self._ask("loop/getaddrinfo", params))

    async def getnameinfo(self, sockaddr: Any, flags: int = 0) -> tuple[str, str]:
        names = addresses.name_flags(flags)
        if names is None:
            return await super().getnameinfo(sockaddr, flags)
        params = {"address": addresses.to_wire(sockaddr), "flags": names}
        answer = await self._ask("loop/getnameinfo", params)
        return answer["host"], answer["service"]


class EventLoop(Servers, Endpoints, Children, Names):
    """asyncio's event loop on a daemon. Closing it closes the connection, unless ``keep`` says that others need it."""
