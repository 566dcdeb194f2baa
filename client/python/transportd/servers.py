"""The loop's servers: those of the daemon, and listening sockets of this process that the daemon accepts from.

The server object is asyncio's own, with stand-ins for its sockets.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import weakref
from asyncio import base_events, constants
from collections.abc import Callable, Iterable
from typing import Any

from . import addresses
from .base import KEEP
from .connections import Connections, check_tls, unix_path
from .errors import DaemonError, DaemonLost
from .framing import Message
from .link import Link
from .process import current_umask
from .sockets import DaemonSocket
from .tls import tls_options


class Servers(Connections):
    """``create_server`` and ``create_unix_server``."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # The daemon's side of listening sockets that are this process's.
        self._listeners: weakref.WeakKeyDictionary[socket.socket, DaemonListener] = weakref.WeakKeyDictionary()

    async def create_server(
        self,
        protocol_factory: Callable[[], Any],
        host: Any = None,
        port: Any = None,
        *,
        family: int = socket.AF_UNSPEC,
        flags: int = socket.AI_PASSIVE,
        sock: Any = None,
        backlog: int = 100,
        ssl: Any = None,
        reuse_address: bool | None = None,
        reuse_port: bool | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
        start_serving: bool = True,
        **more: Any,
    ) -> base_events.Server:
        # What the daemon's platform cannot do is done with a socket of our own, which is handed over to listen.
        asked = (host is not None or port is not None) and sock is None and not isinstance(ssl, bool)
        if not asked or reuse_port or not start_serving or more or flags != socket.AI_PASSIVE:
            return await super().create_server(
                protocol_factory,
                host,
                port,
                family=family,
                flags=flags,
                sock=sock,
                backlog=backlog,
                ssl=ssl,
                reuse_address=reuse_address,
                reuse_port=reuse_port,
                ssl_handshake_timeout=ssl_handshake_timeout,
                ssl_shutdown_timeout=ssl_shutdown_timeout,
                start_serving=start_serving,
                **more,
            )
        check_tls(
            ssl, None, {"ssl_handshake_timeout": ssl_handshake_timeout, "ssl_shutdown_timeout": ssl_shutdown_timeout}
        )
        params: Message = {"host": _hosts(host), "port": await self._port(port), "backlog": backlog, "options": KEEP}
        if family:
            params["family"] = addresses.family_name(family)
        return await self._listen(
            "loop/createServer",
            params,
            protocol_factory,
            ssl,
            backlog,
            ssl_handshake_timeout,
            ssl_shutdown_timeout,
        )

    async def create_unix_server(
        self,
        protocol_factory: Callable[[], Any],
        path: Any = None,
        *,
        sock: Any = None,
        backlog: int = 100,
        ssl: Any = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
        start_serving: bool = True,
        **more: Any,
    ) -> base_events.Server:
        if path is None or sock is not None or isinstance(ssl, bool) or not start_serving or more:
            return await super().create_unix_server(
                protocol_factory,
                path,
                sock=sock,
                backlog=backlog,
                ssl=ssl,
                ssl_handshake_timeout=ssl_handshake_timeout,
                ssl_shutdown_timeout=ssl_shutdown_timeout,
                start_serving=start_serving,
                **more,
            )
        check_tls(
            ssl, None, {"ssl_handshake_timeout": ssl_handshake_timeout, "ssl_shutdown_timeout": ssl_shutdown_timeout}
        )
        params = {
            "path": unix_path(path),
            "mode": 0o777 & ~current_umask(),
            "backlog": backlog,
            "options": KEEP,
        }
        return await self._listen(
            "loop/createUnixServer",
            params,
            protocol_factory,
            ssl,
            backlog,
            ssl_handshake_timeout,
            ssl_shutdown_timeout,
            os.fsdecode(path),
        )

    async def _listen(
        self,
        name: str,
        params: Message,
        protocol_factory: Callable[[], Any],
        ssl: Any,
        backlog: int,
        handshake_timeout: float | None,
        shutdown_timeout: float | None,
        path: str | None = None,
    ) -> base_events.Server:
        """Makes a server; ``path`` is a Unix socket's as it was given, which may be relative."""
        shown = None if path is None else [{"path": path}]
        options = {(socket.SOL_SOCKET, socket.SO_REUSEADDR): 1} if path is None else {}
        tls = tls_options(ssl, True, None, handshake_timeout, shutdown_timeout)
        if tls is not None:
            params = {**params, "tls": tls}

        def opened(result: Message) -> base_events.Server:
            # In the turn of the answer: the first connection may come right behind it.
            listeners = [
                DaemonListener(self._link, result["server"], address, options) for address in shown or result["sockets"]
            ]
            server = base_events.Server(
                self, listeners, protocol_factory, ssl, backlog, handshake_timeout, shutdown_timeout  # type: ignore[arg-type]
            )
            server._start_serving()  # type: ignore[attr-defined]
            return server

        try:
            return await self._ask(name, params, opened)  # type: ignore[no-any-return]
        except OSError as error:
            if error.errno is None or isinstance(error, socket.gaierror):
                raise
            text = os.strerror(error.errno)
            if path is not None:
                if error.errno == errno.EADDRINUSE:
                    raise OSError(error.errno, f"Address {path!r} is already in use") from None
                raise
            address = (params["host"], params["port"])
            raise OSError(
                error.errno, f"error while attempting to bind on address {address!r}: {text.lower()}"
            ) from None

    def _start_serving(
        self,
        protocol_factory: Callable[[], Any],
        sock: Any,
        sslcontext: Any = None,
        server: Any = None,
        backlog: int = 100,
        ssl_handshake_timeout: float | None = constants.SSL_HANDSHAKE_TIMEOUT,
        ssl_shutdown_timeout: float | None = constants.SSL_SHUTDOWN_TIMEOUT,
    ) -> None:
        rest = (sslcontext, server, backlog, ssl_handshake_timeout, ssl_shutdown_timeout)
        if not isinstance(sock, DaemonListener) and not self._serve_elsewhere(sock, protocol_factory, *rest):
            super()._start_serving(protocol_factory, sock, *rest)  # type: ignore[misc]
        if not isinstance(sock, DaemonListener):
            return

        def accept(made: Message) -> None:
            connection = self._socket_of(made)
            if sock.family == socket.AF_UNIX:
                connection.extra = {**connection.extra, "sockname": sock.extra["sockname"]}
            extra = {"peername": connection.getpeername()}
            coroutine = self._accept_connection2(  # type: ignore[attr-defined]
                protocol_factory, connection, extra, sslcontext, server, ssl_handshake_timeout, ssl_shutdown_timeout
            )
            self.create_task(coroutine)

        self._link.accepting[sock.id] = accept

    def _serve_elsewhere(self, sock: Any, protocol_factory: Any, *rest: Any) -> bool:
        """Hands a listening socket of our own to the daemon, which accepts from now on. False where it cannot."""
        descriptor = self._hand_over(sock)
        if descriptor is None:
            return False
        unix = sock.family == socket.AF_UNIX
        name = "loop/createUnixServer" if unix else "loop/createServer"

        def opened(result: Message) -> DaemonListener:
            listener = DaemonListener(self._link, result["server"], result["sockets"][0], {})
            if sock.fileno() == -1:
                self._ask("server/close", {"server": listener.id})
            else:
                self._listeners[sock] = listener
                self._start_serving(protocol_factory, listener, *rest)
            return listener

        def done(future: asyncio.Future[Any]) -> None:
            if not future.cancelled() and (error := future.exception()) is not None:
                self.call_exception_handler({"message": "the daemon cannot serve this socket", "exception": error})

        params = {"fd": descriptor, "backlog": rest[2], "options": KEEP}
        tls = tls_options(rest[0], True, None, *rest[3:])
        if tls is not None:
            params["tls"] = tls
        self._ask(name, params, opened).add_done_callback(done)
        return True

    def _stop_serving(self, sock: Any) -> None:
        listener = sock if isinstance(sock, DaemonListener) else self._listeners.pop(sock, None)  # type: ignore[arg-type]
        if listener is not None:
            listener.close()
        if isinstance(sock, DaemonListener):
            return
        super()._stop_serving(sock)  # type: ignore[misc]

    async def _port(self, port: Any) -> int:
        if isinstance(port, int) or port is None:
            return port or 0
        found = await self.getaddrinfo(None, port, type=socket.SOCK_STREAM)
        return int(found[0][4][1])


class DaemonListener(DaemonSocket):
    """Stands for one of the addresses that a server of the daemon listens on."""

    def __init__(self, link: Link, id: int, address: Message, options: dict[tuple[int, int], int]) -> None:
        super().__init__(
            link, id, kind="unix" if "path" in address else "tcp", extra={"sockname": address}, options=options
        )
        del link.endpoints[id]

    def listen(self, backlog: int) -> None:
        """It does already."""

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self.link.accepting.pop(self.id, None) is not None and self.link.is_attached and self.link.error is None:
            # Blocking: whoever connects once this has returned must be refused.
            with contextlib.suppress(DaemonError, DaemonLost):
                self.link.call("server/close", {"server": self.id})


def _hosts(host: Any) -> Any:
    if host is None or host == "":
        return None
    if isinstance(host, str) or not isinstance(host, Iterable):
        return host
    return ["" if each is None else each for each in host]
