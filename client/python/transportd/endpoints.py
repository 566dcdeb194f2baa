"""The loop's datagram endpoints: of addresses, and of sockets that exist already."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from . import addresses
from .base import Base
from .datagram import DatagramTransport
from .framing import Message
from .sockets import DaemonSocket
from .stream import LOCAL


class Endpoints(Base):
    """``create_datagram_endpoint``."""

    async def create_datagram_endpoint(
        self,
        protocol_factory: Callable[[], Any],
        local_addr: Any = None,
        remote_addr: Any = None,
        *,
        family: int = 0,
        proto: int = 0,
        flags: int = 0,
        reuse_port: bool | None = None,
        allow_broadcast: bool | None = None,
        sock: Any = None,
        **more: Any,
    ) -> Any:
        options: dict[str, Any] = {"family": family, "proto": proto, "flags": flags, "reuse_port": reuse_port}
        options["allow_broadcast"] = allow_broadcast
        if (
            sock is not None
            and sock.type == socket.SOCK_DGRAM
            and not (local_addr or remote_addr or any(options.values()))
        ):
            sock.setblocking(False)
            sock = await self._adopt(sock, "loop/createDatagramEndpoint", {"options": {}})
        asked = sock is None and not reuse_port and not more and family in (0, socket.AF_INET, socket.AF_INET6)
        if not asked or not (local_addr or remote_addr or family):
            return await super().create_datagram_endpoint(
                protocol_factory, local_addr, remote_addr, sock=sock, **options, **more
            )
        params: Message = {"allowBroadcast": bool(allow_broadcast), "options": {}}
        where = await self._datagram_addresses(local_addr, remote_addr, family, proto, flags)
        params["family"] = addresses.family_name(where[0])
        for name, address in zip(("localAddr", "remoteAddr"), where[1:], strict=True):
            if address is not None:
                params[name] = addresses.to_wire(address)
        known = {(socket.SOL_SOCKET, socket.SO_BROADCAST): int(bool(allow_broadcast))}
        opened = await self._open("loop/createDatagramEndpoint", params, known)
        if allow_broadcast and remote_addr:
            # Not connected: asyncio keeps to the address by itself.
            protocol = protocol_factory()
            waiter = self.create_future()
            transport = self._make_datagram_transport(opened, protocol, where[2], waiter)
            await waiter
            return transport, protocol
        return await super().create_datagram_endpoint(protocol_factory, sock=opened)  # type: ignore[arg-type]

    async def _datagram_addresses(
        self, local: Any, remote: Any, family: int, proto: int, flags: int
    ) -> tuple[int, Any, Any]:
        """One family, and what the two addresses are in it. Source: asyncio ``create_datagram_endpoint``."""
        if not (local or remote):
            return family, None, None
        found: dict[int, list[Any]] = {}
        for index, address in enumerate((local, remote)):
            if address is None:
                continue
            if not (isinstance(address, tuple) and len(address) == 2):
                raise TypeError("2-tuple is expected")
            infos = await self._ensure_resolved(  # type: ignore[attr-defined]
                address, family=family, type=socket.SOCK_DGRAM, proto=proto, flags=flags, loop=self
            )
            if not infos:
                raise OSError("getaddrinfo() returned empty list")
            for each_family, _, _, _, each in infos:
                found.setdefault(each_family, [None, None])
                found[each_family][index] = found[each_family][index] or each
        for each_family, (each_local, each_remote) in found.items():
            if not (local and each_local is None) and not (remote and each_remote is None):
                return each_family, each_local, each_remote
        raise ValueError("can not get address information")

    def _make_datagram_transport(
        self, sock: Any, protocol: Any, address: Any = None, waiter: Any = None, extra: Any = None
    ) -> Any:
        if isinstance(sock, DaemonSocket):
            return DatagramTransport(self, sock, protocol, address, waiter, extra)
        return super()._make_datagram_transport(  # type: ignore[misc]
            sock, protocol, address, waiter, {"transportd": LOCAL, **(extra or {})}
        )
