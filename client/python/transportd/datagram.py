"""asyncio's datagram transport over the daemon: whole datagrams to and from any number of remotes."""

from __future__ import annotations

import asyncio
import collections
import errno
import ipaddress
import logging
import os
import socket
from asyncio import constants, transports
from collections.abc import Callable
from typing import Any

from ._wire import LIMITS
from .addresses import from_wire, to_wire
from .errors import exception_of
from .framing import Message, byte_header, payload
from .half import Half
from .sockets import DaemonSocket
from .stream import begin, describe

_logger = logging.getLogger("asyncio")
_OVERHEAD = LIMITS["DATAGRAM_OVERHEAD_BYTES"]
_REPORT = LIMITS["READ_WINDOW_BYTES"] // 2


class DatagramTransport(Half, transports._FlowControlMixin, asyncio.DatagramTransport, asyncio.Transport):
    """A UDP endpoint. It is an ``asyncio.Transport`` too, as CPython's is."""

    _on = {
        **Half._on,
        "protocol/datagramReceived": "_on_datagram",
        "protocol/errorReceived": "_on_error",
        "protocol/datagramsLost": "_on_datagrams_lost",
        "transport/flushed": "_on_flushed",
    }
    _maybe_pause_protocol: Callable[[], None]
    _maybe_resume_protocol: Callable[[], None]

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: DaemonSocket,
        protocol: asyncio.BaseProtocol,
        address: tuple[Any, ...] | None = None,
        waiter: asyncio.Future[None] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(extra, loop)
        self._sock = sock
        # The only address that it sends to, where the system does not know of it.
        self._address = address
        self._begin(loop, sock.link, sock.id, protocol)
        self._extra.update(describe(sock))
        self._paused = False
        self._held: collections.deque[tuple[bytes, Any]] = collections.deque()
        self._consumed = self._reported = 0
        self._sent = self._flushed = self._queued = 0
        self._queue: collections.deque[tuple[bytes, bytes]] = collections.deque()
        self._header = byte_header("transport/sendto", {"transport": self._id})
        self._headers: dict[tuple[Any, ...], bytes] = {}
        begin(loop, sock, self, waiter)

    def get_write_buffer_size(self) -> int:
        return self._queued + self._sent - self._flushed

    def is_reading(self) -> bool:
        return not self._closing and not self._paused

    def pause_reading(self) -> None:
        if self.is_reading():
            self._paused = True

    def resume_reading(self) -> None:
        if self._closing or not self._paused:
            return
        self._paused = False
        self._loop.call_soon(self._drain)

    def sendto(self, data: bytes | bytearray | memoryview, addr: Any = None) -> None:
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"data argument must be a bytes-like object, not {type(data).__name__!r}")
        peer = self._address or self._extra["peername"]
        if peer is not None:
            if addr is not None and tuple(addr[:2]) != tuple(peer[:2]):
                raise ValueError(f"Invalid address: must be None or {peer}")
            addr = None
        elif addr is None:
            raise ValueError("this endpoint has no remote address: give one")
        if self._conn_lost or self._closing:
            if self._conn_lost >= constants.LOG_THRESHOLD_FOR_CONNLOST_WRITES:
                _logger.warning("socket.send() raised exception.")
            self._conn_lost += bool(self._conn_lost)
            return
        if len(data) > LIMITS["MAX_DATAGRAM_BYTES"]:
            self._loop.call_soon(self._protocol.error_received, _too_long())
            return
        self._queue.append((self._header if addr is None else self._header_of(addr), bytes(data)))
        self._queued += len(data) + _OVERHEAD
        self._send()
        self._maybe_pause_protocol()

    def close(self) -> None:
        if self._closing:
            return
        self._closing = True
        self._held.clear()
        self._send()

    def _header_of(self, addr: tuple[Any, ...]) -> bytes:
        header = self._headers.get(addr)
        if header is None:
            if len(self._headers) > 1000:
                self._headers.clear()
            wire = to_wire(self._literal(addr))
            header = self._headers[addr] = byte_header("transport/sendto", {"transport": self._id, "addr": wire})
        return header

    def _literal(self, addr: tuple[Any, ...]) -> tuple[Any, ...]:
        """The address with its name looked up, within the call, as the system's ``sendto`` does it."""
        try:
            ipaddress.ip_address(addr[0])
        except ValueError:
            return socket.getaddrinfo(addr[0], addr[1], self._sock.family, socket.SOCK_DGRAM)[0][4]
        return addr

    def _send(self) -> None:
        while self._queue:
            header, data = self._queue[0]
            cost = len(data) + _OVERHEAD
            if self._sent - self._flushed + cost > self._sock.window:
                return
            self._queue.popleft()
            self._queued -= cost
            self._sent += cost
            self._link.send_bytes(header, data)
        if self._closing and not self._conn_lost:
            self._say("close")

    def _on_flushed(self, params: Message) -> None:
        self._flushed = max(self._flushed, min(params["offset"], self._sent))
        if self._queue:
            self._send()
        self._maybe_resume_protocol()

    def _on_datagram(self, params: Message) -> None:
        if self._closing:
            return
        self._held.append((payload(params), from_wire(params["addr"])))
        self._drain()

    def _on_error(self, params: Message) -> None:
        self._protocol.error_received(exception_of(params["error"]))

    def _on_datagrams_lost(self, params: Message) -> None:
        _logger.debug("%r: %d datagrams dropped, as those before were not taken", self, params["count"])

    def _drain(self) -> None:
        while self._held and self.is_reading():
            data, addr = self._held.popleft()
            self._consumed += len(data)
            try:
                self._protocol.datagram_received(data, addr)
            finally:
                if self._consumed - self._reported >= _REPORT and not self._closing:
                    self._reported = self._consumed
                    self._link.notify("transport/consumed", {"transport": self._id, "offset": self._consumed})

    def _drop(self) -> None:
        super()._drop()
        self._held.clear()
        self._queue.clear()
        self._queued = 0
        self._flushed = self._sent

    def _finish(self) -> None:
        super()._finish()
        self._sock.forget()


def _too_long() -> OSError:
    return OSError(errno.EMSGSIZE, os.strerror(errno.EMSGSIZE))
