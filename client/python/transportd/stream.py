"""asyncio's stream transports over the daemon: connections, and pipes, which go one way. TLS is in ``tls.py``."""

from __future__ import annotations

import asyncio
import sys
from asyncio import constants, trsock
from typing import Any, NamedTuple

from ._wire import LIMITS
from .addresses import from_wire
from .reading import ReadHalf
from .sockets import DaemonPipe, DaemonSocket
from .writing import WriteHalf

# The daemon reports fewer flushed bytes only when it has something else to say: they may be out for long.
_AS_GOOD_AS_FLUSHED = LIMITS["FLUSH_REPORT_BYTES"]


class Place(NamedTuple):
    """Where a transport lives: what ``get_extra_info('transportd')`` gives."""

    # "daemon", or "local" for what asyncio itself serves in this process.
    stream: str
    # The daemon's id of it.
    transport: int | None = None
    # Where its TLS runs: "daemon", or "client" for asyncio's own in this process; None without TLS.
    tls: str | None = None


LOCAL = Place("local")


class StreamTransport(ReadHalf, WriteHalf, asyncio.Transport):
    """A connection: TCP or a Unix socket."""

    _on = {**ReadHalf._on, **WriteHalf._on}
    _start_tls_compatible = True
    _sendfile_compatible = constants._SendfileMode.TRY_NATIVE

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: DaemonSocket,
        protocol: asyncio.BaseProtocol,
        waiter: asyncio.Future[None] | None = None,
        extra: dict[str, Any] | None = None,
        server: Any = None,
    ) -> None:
        super().__init__(extra, loop)
        self._sock = sock
        self._server = server
        self._begin(loop, sock.link, sock.id, protocol)
        self._begin_reading()
        self._begin_writing(sock.window)
        self._extra.update(describe(sock))
        if sock.local is not None:
            # asyncio refuses to watch a descriptor that a transport has.
            loop._transports[sock.fileno()] = self  # type: ignore[attr-defined]
        if server is not None:
            _server_call(server, "_attach", self)
        self._start(waiter)

    def _start(self, waiter: asyncio.Future[None] | None) -> None:
        begin(self._loop, self._sock, self, waiter)

    def _has_unflushed(self) -> bool:
        return self.get_write_buffer_size() > 0

    def close(self) -> None:
        if self._closing:
            return
        super().close()
        if self._is_as_good_as_flushed() and not self._conn_lost:
            # As soon as asyncio would; the daemon flushes the rest all the same.
            self._conn_lost += 1
            self._loop.call_soon(self._call_connection_lost, None)

    def leave(self) -> DaemonSocket:
        """Another transport takes its place: this one says and hears no more."""
        self._closing = self._ended = True
        self._sock.hear_again()
        return self._sock

    def take_server(self) -> Any:
        """The server that accepted it, which counts another transport in its place."""
        server, self._server = self._server, None
        if server is not None:
            _server_call(server, "_detach", self)
        return server

    def _is_as_good_as_flushed(self) -> bool:
        return not self._queue and self.get_write_buffer_size() <= _AS_GOOD_AS_FLUSHED

    def _finish(self) -> None:
        super()._finish()
        self._sock.forget()
        server, self._server = self._server, None
        if server is not None:
            _server_call(server, "_detach", self)


class ReadPipeTransport(ReadHalf):
    """The reading end of a pipe. It ends with its input, whatever ``eof_received`` answers."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        pipe: DaemonPipe,
        protocol: asyncio.BaseProtocol,
        waiter: asyncio.Future[None] | None = None,
    ) -> None:
        super().__init__({"pipe": pipe.local, "transportd": Place("daemon", pipe.id)})
        self._pipe = pipe
        self._begin(loop, pipe.link, pipe.id, protocol)
        self._begin_reading()
        begin(loop, pipe, self, waiter)

    def _end_of_file(self) -> None:
        if self._closing:
            return
        # The daemon ends it too, and says so to nobody then.
        self._closing = True
        self._conn_lost += 1
        self._held.clear()
        self._loop.call_soon(self._protocol.eof_received)
        self._loop.call_soon(self._call_connection_lost, None)

    def _reading_failed(self, error: BaseException, message: str) -> None:
        # On pipes asyncio reports it, and goes on.
        context = {"message": message, "exception": error, "transport": self, "protocol": self._protocol}
        self._loop.call_exception_handler(context)

    def _finish(self) -> None:
        super()._finish()
        self._pipe.forget()


class WritePipeTransport(WriteHalf):
    """The writing end of a pipe, whose end of file is its close."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        pipe: DaemonPipe,
        protocol: asyncio.BaseProtocol,
        waiter: asyncio.Future[None] | None = None,
    ) -> None:
        super().__init__({"pipe": pipe.local, "transportd": Place("daemon", pipe.id)}, loop)
        self._pipe = pipe
        self._begin(loop, pipe.link, pipe.id, protocol)
        self._begin_writing(pipe.window)
        begin(loop, pipe, self, waiter)

    def write_eof(self) -> None:
        self.close()

    def _finish(self) -> None:
        super()._finish()
        self._pipe.forget()


def describe(sock: DaemonSocket) -> dict[str, Any]:
    """What a transport says of its socket."""
    return {
        "socket": trsock.TransportSocket(sock),  # type: ignore[arg-type]
        "sockname": from_wire(sock.extra.get("sockname")),
        "peername": from_wire(sock.extra.get("peername")),
        "transportd": Place("daemon", sock.id),
    }


def begin(
    loop: Any, source: Any, transport: Any, waiter: asyncio.Future[None] | None, *, announce: bool = True
) -> None:
    """``connection_made``, then whoever waits for the transport, then what has come: each in a turn of its own."""
    if announce:
        loop.call_soon(transport.get_protocol().connection_made, transport)
    if waiter is not None:
        loop.call_soon(_set_unless_done, waiter)
    # Order: what the future wakes is scheduled by now, and runs before what is scheduled in that turn.
    loop.call_soon(loop.call_soon, source.hand_over, transport)


def _set_unless_done(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _server_call(server: Any, name: str, transport: asyncio.BaseTransport) -> None:
    # From 3.13 on a server knows its transports, not just their number.
    getattr(server, name)(*((transport,) if sys.version_info >= (3, 13) else ()))
