"""The event loop: asyncio's own selector loop, whose connections, servers and processes are the daemon's.

Where asyncio would make a socket, the daemon is asked for one, and a stand-in (``sockets.py``) goes the way that asyncio's
sockets go: arguments, order, errors and TLS are then asyncio's own code. Timers, tasks, signals, executors and
watched descriptors are this process's.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import weakref
from asyncio import base_events, constants
from collections.abc import Callable, Iterable
from typing import Any

from . import addresses
from .connect import Connection, launch
from .datagram import DatagramTransport
from .errors import DaemonError
from .framing import Message
from .link import Link
from .process import DaemonProcess, SubprocessTransport, current_umask, is_null_device, passed_descriptors, request_of
from .sendfile import send_file
from .sockets import DaemonPipe, DaemonSocket
from .stream import LOCAL, ReadPipeTransport, StreamTransport, WritePipeTransport

# The client decides after an end of file, by what `eof_received` answers.
_KEEP = {"onEof": "keep"}


class EventLoop(asyncio.SelectorEventLoop):
    """asyncio's event loop on a daemon. Closing it closes the connection, unless ``keep`` says that others need it."""

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
        # The daemon's side of listening sockets that are this process's.
        self._listeners: weakref.WeakKeyDictionary[socket.socket, DaemonListener] = weakref.WeakKeyDictionary()

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
        return await self._ask(name, {"fd": descriptor, **params}, lambda made: self._socket_of(made, local=sock))

    # Connections.

    async def _create_connection_transport(
        self, sock: Any, protocol_factory: Callable[[], Any], ssl: Any, server_hostname: Any, *more: Any, **options: Any
    ) -> Any:
        """What every way to a connected socket ends with."""
        adopted = await self._adopt(sock, "loop/createConnection", {"options": _KEEP})
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
        params: Message = {**addresses.to_wire(address), "options": _KEEP}
        name = addresses.family_name(family)
        if name is not None:
            params["family"] = name
        if local is not None:
            params["localAddr"] = addresses.to_wire(local)
        try:
            return await self._open("loop/createConnection", params)
        except OSError as error:
            if error.errno is None:
                raise
            if local is not None and _is_local_fault(error):
                text = f"error while attempting to bind on address {local!r}: {os.strerror(error.errno).lower()}"
                raise OSError(error.errno, text) from None
            raise OSError(error.errno, f"Connect call failed {address}") from None

    async def create_unix_connection(  # type: ignore[override]
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
            _check_tls(ssl, server_hostname, timeouts)
            sock = await self._open("loop/createUnixConnection", {"path": _unix_path(path), "options": _KEEP})
            path = None
        return await super().create_unix_connection(
            protocol_factory, path, ssl=ssl, sock=sock, server_hostname=server_hostname, **timeouts
        )

    # Servers.

    async def create_server(  # type: ignore[override]
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
        _check_tls(
            ssl, None, {"ssl_handshake_timeout": ssl_handshake_timeout, "ssl_shutdown_timeout": ssl_shutdown_timeout}
        )
        params: Message = {"host": _hosts(host), "port": await self._port(port), "backlog": backlog, "options": _KEEP}
        if family:
            params["family"] = addresses.family_name(family)
        options = {(socket.SOL_SOCKET, socket.SO_REUSEADDR): 1}
        server = await self._listen(
            "loop/createServer",
            params,
            protocol_factory,
            ssl,
            backlog,
            ssl_handshake_timeout,
            ssl_shutdown_timeout,
            options,
        )
        return server

    async def create_unix_server(  # type: ignore[override]
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
        _check_tls(
            ssl, None, {"ssl_handshake_timeout": ssl_handshake_timeout, "ssl_shutdown_timeout": ssl_shutdown_timeout}
        )
        params = {
            "path": _unix_path(path),
            "mode": 0o777 & ~current_umask(),
            "backlog": backlog,
            "options": _KEEP,
        }
        return await self._listen(
            "loop/createUnixServer",
            params,
            protocol_factory,
            ssl,
            backlog,
            ssl_handshake_timeout,
            ssl_shutdown_timeout,
            {},
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
        options: dict[tuple[int, int], int],
    ) -> base_events.Server:
        def opened(result: Message) -> base_events.Server:
            # In the turn of the answer: the first connection may come right behind it.
            listeners = [
                DaemonListener(self._link, result["server"], address, options) for address in result["sockets"]
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
            if "path" in params:
                if text == os.strerror(98):
                    raise OSError(error.errno, f"Address {params['path']!r} is already in use") from None
                raise
            address = (params["host"], params["port"])
            raise OSError(
                error.errno, f"error while attempting to bind on address {address!r}: {text.lower()}"
            ) from None

    def _start_serving(  # type: ignore[override]
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

        params = {"fd": descriptor, "backlog": rest[2], "options": _KEEP}
        self._ask(name, params, opened).add_done_callback(done)
        return True

    def _stop_serving(self, sock: Any) -> None:
        listener = sock if isinstance(sock, DaemonListener) else self._listeners.pop(sock, None)
        if listener is not None:
            listener.close()
        if isinstance(sock, DaemonListener):
            return
        super()._stop_serving(sock)  # type: ignore[misc]

    # Transports of the sockets that all of these have made.

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
        from asyncio import sslproto

        ssl_protocol = sslproto.SSLProtocol(
            self,
            protocol,
            sslcontext,
            waiter,
            server_side,
            server_hostname,
            ssl_handshake_timeout=ssl_handshake_timeout,
            ssl_shutdown_timeout=ssl_shutdown_timeout,
        )
        self._make_socket_transport(rawsock, ssl_protocol, extra=extra, server=server)
        return ssl_protocol._app_transport

    async def start_tls(self, transport: Any, protocol: Any, sslcontext: Any, **options: Any) -> Any:
        if isinstance(transport, StreamTransport):
            transport._release_protocol()
        return await super().start_tls(transport, protocol, sslcontext, **options)

    async def _sendfile_native(self, transp: Any, file: Any, offset: int, count: int | None) -> int:
        if isinstance(transp, StreamTransport):
            return await send_file(self, transp, file, offset, count)
        return await super()._sendfile_native(transp, file, offset, count)  # type: ignore[misc, no-any-return]

    def _make_datagram_transport(
        self, sock: Any, protocol: Any, address: Any = None, waiter: Any = None, extra: Any = None
    ) -> Any:
        if isinstance(sock, DaemonSocket):
            return DatagramTransport(self, sock, protocol, address, waiter, extra)
        return super()._make_datagram_transport(  # type: ignore[misc]
            sock, protocol, address, waiter, {"transportd": LOCAL, **(extra or {})}
        )

    # Datagrams.

    async def create_datagram_endpoint(  # type: ignore[override]
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
        options = {"family": family, "proto": proto, "flags": flags, "reuse_port": reuse_port}
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
        return await super().create_datagram_endpoint(protocol_factory, sock=opened)

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

    # Pipes and processes.

    async def connect_read_pipe(self, protocol_factory: Callable[[], Any], pipe: Any) -> Any:
        pipe = await self._adopt_pipe(pipe, "loop/connectReadPipe")
        if isinstance(pipe, DaemonPipe):
            protocol = protocol_factory()
            waiter = self.create_future()
            transport = ReadPipeTransport(self, pipe, protocol, waiter)
            await waiter
            return transport, protocol
        return await super().connect_read_pipe(protocol_factory, pipe)

    async def connect_write_pipe(self, protocol_factory: Callable[[], Any], pipe: Any) -> Any:
        pipe = await self._adopt_pipe(pipe, "loop/connectWritePipe")
        if isinstance(pipe, DaemonPipe):
            protocol = protocol_factory()
            waiter = self.create_future()
            transport = WritePipeTransport(self, pipe, protocol, waiter)
            await waiter
            return transport, protocol
        return await super().connect_write_pipe(protocol_factory, pipe)

    async def _adopt_pipe(self, pipe: Any, name: str) -> Any:
        if isinstance(pipe, DaemonPipe):
            return pipe
        descriptor = self._hand_over(pipe)
        if descriptor is None:
            return pipe
        return await self._ask(
            name,
            {"fd": descriptor, "options": {}},
            lambda made: DaemonPipe(self._link, made["transport"], made["writeWindowBytes"], pipe),
        )

    def _make_read_pipe_transport(self, pipe: Any, protocol: Any, waiter: Any = None, extra: Any = None) -> Any:
        return super()._make_read_pipe_transport(  # type: ignore[misc]
            pipe, protocol, waiter, {"transportd": LOCAL, **(extra or {})}
        )

    def _make_write_pipe_transport(self, pipe: Any, protocol: Any, waiter: Any = None, extra: Any = None) -> Any:
        return super()._make_write_pipe_transport(  # type: ignore[misc]
            pipe, protocol, waiter, {"transportd": LOCAL, **(extra or {})}
        )

    async def _make_subprocess_transport(  # type: ignore[override]
        self,
        protocol: Any,
        args: Any,
        shell: bool,
        stdin: Any,
        stdout: Any,
        stderr: Any,
        bufsize: int,
        extra: Any = None,
        **options: Any,
    ) -> Any:
        asked = request_of(args, shell, stdin, stdout, stderr, options)
        streams = None if asked is None else self._child_streams(stdin, stdout, stderr, options)
        if asked is None or streams is None:
            return await super()._make_subprocess_transport(  # type: ignore[misc]
                protocol, args, shell, stdin, stdout, stderr, bufsize, {"transportd": LOCAL, **(extra or {})}, **options
            )
        name, params = asked

        def opened(result: Message) -> DaemonProcess:
            return DaemonProcess(self._link, result, args)

        process = await self._ask(name, {**params, **streams}, opened)
        waiter = self.create_future()
        transport = SubprocessTransport(self, protocol, args, process, waiter)
        try:
            await waiter
        except BaseException:
            transport.close()
            raise
        return transport

    def _child_streams(self, stdin: Any, stdout: Any, stderr: Any, options: dict[str, Any]) -> Message | None:
        """What the child's descriptors are; None where one can be had in this process only."""
        streams: Message = {}
        passed = passed_descriptors(options)
        if passed and (self._handover is None or not all(map(self._handover.takes, passed))):
            return None
        for fd, (name, asked) in enumerate((("stdin", stdin), ("stdout", stdout), ("stderr", stderr))):
            if asked == subprocess.STDOUT and fd == 2:
                streams[name] = "null" if streams["stdout"] == "null" else "stdout"
                continue
            stream = self._child_stream(fd, asked)
            if stream is None:
                return None
            streams[name] = stream
        if passed and self._handover is not None:
            streams["fds"] = {str(fd): self._handover.send(fd) for fd in passed}
        return streams

    def _child_stream(self, fd: int, asked: Any) -> Any:
        if asked == subprocess.PIPE:
            return "pipe"
        if asked == subprocess.DEVNULL:
            return "null"
        number = fd if asked is None else asked if isinstance(asked, int) else asked.fileno()
        try:
            if is_null_device(number):
                return "null"
        except OSError:
            return None
        if self._handover is None or not self._handover.takes(number):
            return None
        return {"fd": self._handover.send(number)}

    # Names.

    async def getaddrinfo(  # type: ignore[override]
        self, host: Any, port: Any, *, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> list[tuple[Any, ...]]:
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

    # What these share.

    async def _open(
        self, name: str, params: Message, options: dict[tuple[int, int], int] | None = None
    ) -> DaemonSocket:
        try:
            return await self._ask(name, params, lambda made: self._socket_of(made, options))  # type: ignore[no-any-return]
        except DaemonError as error:
            if error.name == "LimitExceeded":
                raise OSError(24, str(error)) from error
            raise

    def _socket_of(
        self,
        made: Message,
        options: dict[tuple[int, int], int] | None = None,
        local: socket.socket | None = None,
    ) -> DaemonSocket:
        return DaemonSocket(
            self._link,
            made["transport"],
            kind=made["kind"],
            extra=made["extra"],
            window=made["writeWindowBytes"],
            options=options,
            local=local,
        )

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
            self.link.call("server/close", {"server": self.id})


def _check_tls(context: Any, server_hostname: str | None, timeouts: dict[str, Any]) -> None:
    """asyncio's checks, before anything is opened."""
    if context:
        return
    if server_hostname is not None:
        raise ValueError("server_hostname is only meaningful with ssl")
    for name, value in timeouts.items():
        if value is not None:
            raise ValueError(f"{name} is only meaningful with ssl")


def _is_local_fault(error: OSError) -> bool:
    import errno

    return error.errno in (errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES)


def _unix_path(path: Any) -> str:
    """An absolute path: a relative one is of this process, and the daemon's directory is another."""
    text = os.fsdecode(path)
    return text if not text or text.startswith("\0") else os.path.abspath(text)


def _hosts(host: Any) -> Any:
    if host is None or host == "":
        return None
    if isinstance(host, str) or not isinstance(host, Iterable):
        return host
    return ["" if each is None else each for each in host]
