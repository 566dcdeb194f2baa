"""The loop's connections: to addresses, of sockets that exist already, and under TLS.

An attempt at one address is a question to the daemon; which addresses, in what order, and what becomes of several
failures is asyncio's own ``create_connection``.
"""

from __future__ import annotations

import errno
import os
import socket
from asyncio import sslproto
from collections.abc import Callable
from typing import Any

from . import addresses
from .base import WAIT, Base
from .errors import DaemonLost
from .framing import Message
from .sendfile import send_file
from .sockets import DaemonSocket
from .stream import LOCAL, StreamTransport
from .tls import DaemonSSLTransport, default_context, tls_options


class Connections(Base):
    """``create_connection``, ``create_unix_connection``, ``connect_accepted_socket``, ``start_tls``, ``sendfile``."""

    async def _create_connection_transport(
        self, sock: Any, protocol_factory: Callable[[], Any], ssl: Any, server_hostname: Any, *more: Any, **options: Any
    ) -> Any:
        """What every way to a connected socket ends with."""
        adopted = await self._adopt(sock, "loop/createConnection", {"options": WAIT})
        return await super()._create_connection_transport(  # type: ignore[misc]
            adopted, protocol_factory, ssl, server_hostname, *more, **options
        )

    async def _connect_sock(
        self, exceptions: list[list[OSError]], addr_info: Any, local_addr_infos: Any = None
    ) -> DaemonSocket:
        """One attempt at one address: what asyncio's ``create_connection`` is made of."""
        failures: list[OSError] = []
        exceptions.append(failures)
        family, _, _, _, address = addr_info
        try:
            if local_addr_infos is None:
                return await self._dial(family, address)
            for local_family, _, _, _, local in local_addr_infos:
                if local_family != family:
                    continue
                try:
                    return await self._dial(family, address, local)
                except OSError as error:
                    failures.append(error)
            raise failures.pop() if failures else OSError(f"no matching local address with {family=} found")
        except OSError as error:
            failures.append(error)
            raise

    async def _dial(self, family: int, address: tuple[Any, ...], local: tuple[Any, ...] | None = None) -> DaemonSocket:
        params: Message = {**addresses.to_wire(address), "options": WAIT}
        name = addresses.family_name(family)
        if name is not None:
            params["family"] = name
        if local is not None:
            params["localAddr"] = addresses.to_wire(local)
        try:
            return await self._open("loop/createConnection", params)
        except OSError as error:
            if error.errno is None or isinstance(error, DaemonLost):
                raise
            if local is not None and _is_local_fault(error):
                text = f"error while attempting to bind on address {local!r}: {os.strerror(error.errno).lower()}"
                raise OSError(error.errno, text) from None
            raise OSError(error.errno, f"Connect call failed {address}") from None

    async def create_unix_connection(
        self,
        protocol_factory: Callable[[], Any],
        path: Any = None,
        *,
        ssl: Any = None,
        sock: Any = None,
        server_hostname: str | None = None,
        **timeouts: Any,
    ) -> Any:
        if path is not None and sock is None and not (ssl and server_hostname is None):
            check_tls(ssl, server_hostname, timeouts)
            sock = await self._open("loop/createUnixConnection", {"path": unix_path(path), "options": WAIT})
            # The name that was asked for, as the system has it.
            sock.extra = {**sock.extra, "peername": {"path": os.fsdecode(path)}}
            path = None
        return await super().create_unix_connection(
            protocol_factory, path, ssl=ssl, sock=sock, server_hostname=server_hostname, **timeouts
        )

    def _make_socket_transport(
        self, sock: Any, protocol: Any, waiter: Any = None, *, extra: Any = None, server: Any = None, **more: Any
    ) -> Any:
        if isinstance(sock, DaemonSocket):
            return StreamTransport(self, sock, protocol, waiter, extra, server)
        return super()._make_socket_transport(  # type: ignore[misc]
            sock, protocol, waiter, extra={"transportd": LOCAL, **(extra or {})}, server=server, **more
        )

    def _make_ssl_transport(
        self,
        rawsock: Any,
        protocol: Any,
        sslcontext: Any,
        waiter: Any = None,
        *,
        server_side: bool = False,
        server_hostname: str | None = None,
        extra: Any = None,
        server: Any = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
        **more: Any,
    ) -> Any:
        if isinstance(rawsock, DaemonSocket):
            context = sslcontext
            options = None
            if rawsock.kind != "tls":
                if sslcontext is None:
                    context = default_context(server_hostname)
                options = tls_options(
                    context, server_side, server_hostname, ssl_handshake_timeout, ssl_shutdown_timeout
                )
            if rawsock.kind == "tls" or options is not None:
                ask = None if options is None else self._upgrade(rawsock.id, options, server_side, server_hostname)
                return DaemonSSLTransport(self, rawsock, protocol, waiter, extra, server, context=context, ask=ask)
            sslcontext = context
        ssl_protocol = sslproto.SSLProtocol(
            self,
            protocol,
            sslcontext,
            waiter,
            server_side,
            server_hostname,
            ssl_handshake_timeout=ssl_handshake_timeout,  # type: ignore[arg-type]
            ssl_shutdown_timeout=ssl_shutdown_timeout,
        )
        transport = self._make_socket_transport(rawsock, ssl_protocol, extra=extra, server=server)
        return _in_client(ssl_protocol, transport)

    def _upgrade(self, id: int, options: Message, server_side: bool, server_hostname: str | None) -> Any:
        params: Message = {"transport": id, "tls": options, "serverSide": server_side}
        if not server_side:
            params["serverHostname"] = server_hostname or ""
        return lambda then: self._ask("loop/startTls", params, then)

    async def start_tls(
        self,
        transport: Any,
        protocol: Any,
        sslcontext: Any,
        *,
        server_side: bool = False,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
    ) -> Any:
        if isinstance(transport, StreamTransport):
            transport._release_protocol()
            options = tls_options(sslcontext, server_side, server_hostname, ssl_handshake_timeout, ssl_shutdown_timeout)
            if options is not None and type(transport) is StreamTransport and await self._is_clean(transport):
                waiter = self.create_future()
                upgraded = DaemonSSLTransport(
                    self,
                    transport.leave(),
                    protocol,
                    waiter,
                    None,
                    transport.take_server(),
                    context=sslcontext,
                    ask=self._upgrade(transport._id, options, server_side, server_hostname),
                    announce=False,
                )
                try:
                    await waiter
                except BaseException:
                    upgraded.abort()
                    raise
                return upgraded
        secured: Any = await super().start_tls(
            transport,
            protocol,
            sslcontext,
            server_side=server_side,
            server_hostname=server_hostname,
            ssl_handshake_timeout=ssl_handshake_timeout,
            ssl_shutdown_timeout=ssl_shutdown_timeout,
        )
        _in_client(secured._ssl_protocol, transport)
        return secured

    async def _is_clean(self, transport: StreamTransport) -> bool:
        """Stops reading in the daemon, behind all that was written. False where the remote was faster than that.

        What has come to this process by then is part of the handshake, which can only be had here then.
        """
        transport.pause_reading()
        await transport.make_sole_writer()
        transport.admit_writers()
        transport._say("pauseReading")
        await self._ask("transport/isReading", {"transport": transport._id})
        if not transport._held:
            return True
        transport._say("resumeReading")
        return False

    async def _sendfile_native(self, transp: Any, file: Any, offset: int, count: int | None) -> int:
        if isinstance(transp, StreamTransport):
            return await send_file(self, transp, file, offset, count)
        return await super()._sendfile_native(transp, file, offset, count)  # type: ignore[misc, no-any-return]


def check_tls(context: Any, server_hostname: str | None, timeouts: dict[str, Any]) -> None:
    """asyncio's checks, before anything is opened."""
    if context:
        return
    if server_hostname is not None:
        raise ValueError("server_hostname is only meaningful with ssl")
    for name, value in timeouts.items():
        if value is not None:
            raise ValueError(f"{name} is only meaningful with ssl")


def _is_local_fault(error: OSError) -> bool:
    return error.errno in (errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES)


def unix_path(path: Any) -> str:
    """An absolute path: a relative one is of this process, and the daemon's directory is another."""
    text = os.fsdecode(path)
    return text if not text or text.startswith("\0") else os.path.abspath(text)


def _in_client(ssl_protocol: Any, transport: Any) -> Any:
    """Has asyncio's own TLS say that it runs in this process; its transport."""
    place = transport.get_extra_info("transportd", LOCAL)
    ssl_protocol._extra["transportd"] = place._replace(tls="client")
    return ssl_protocol._app_transport
