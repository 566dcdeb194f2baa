"""The writing half of a transport: asyncio's write buffer, counted at this end, so that ``pause_writing`` comes inside
``write()``. At most a window of bytes is with the daemon and not flushed; the rest waits here.
"""

from __future__ import annotations

import asyncio
import collections
import logging
from asyncio import constants, transports
from collections.abc import Callable, Iterable

from ._wire import LIMITS
from .framing import Message, byte_header
from .half import Half

_logger = logging.getLogger("asyncio")
_CHUNK = LIMITS["CHUNK_BYTES"]


class WriteHalf(Half, transports._FlowControlMixin):
    """From the protocol to the remote: asyncio's water marks over what the daemon has not flushed."""

    _on = {**Half._on, "transport/flushed": "_on_flushed"}
    # asyncio's mixin has these, and its type stubs do not.
    _protocol_paused: bool
    _set_write_buffer_limits: Callable[..., None]
    _maybe_pause_protocol: Callable[[], None]
    _maybe_resume_protocol: Callable[[], None]

    def _begin_writing(self, window: int, offset: int = 0) -> None:
        self._protocol_paused = False
        self._set_write_buffer_limits()
        self._window = window
        self._sent = offset
        self._flushed = offset
        self._queue: collections.deque[memoryview | bytes] = collections.deque()
        self._queued = 0
        self._eof = False
        self._last: list[str] = []
        self._empty_waiter: asyncio.Future[None] | None = None
        self._header = byte_header("transport/write", {"transport": self._id})

    def get_write_buffer_size(self) -> int:
        return self._queued + self._sent - self._flushed

    def can_write_eof(self) -> bool:
        return True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"data argument must be a bytes-like object, not {type(data).__name__!r}")
        if self._eof:
            raise RuntimeError("Cannot call write() after write_eof()")
        if self._empty_waiter is not None:
            raise RuntimeError("unable to write; sendfile is in progress")
        if not data:
            return
        if self._conn_lost or self._closing:
            if self._conn_lost >= constants.LOG_THRESHOLD_FOR_CONNLOST_WRITES:
                _logger.warning("socket.send() raised exception.")
            self._conn_lost += bool(self._conn_lost)
            return
        self._put(bytes(data))

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.write(b"".join(list_of_data))

    def write_eof(self) -> None:
        if self._closing or self._eof:
            return
        self._eof = True
        self._end_with("writeEof")

    def _put(self, data: bytes) -> None:
        """Takes bytes that nobody changes any more."""
        length = len(data)
        if not self._queue and length <= _CHUNK and self._sent - self._flushed + length <= self._window:
            self._sent += length
            self._link.send_bytes(self._header, data)
        else:
            self._queue.append(data)
            self._queued += length
            self._send()
        self._maybe_pause_protocol()

    def _send(self) -> None:
        """What the window lets through goes to the daemon; the rest waits here."""
        queue = self._queue
        while queue and (room := self._window - (self._sent - self._flushed)) > 0:
            head = queue.popleft()
            length = min(len(head), room, _CHUNK)
            if length < len(head):
                view = memoryview(head)
                queue.appendleft(view[length:])
                head = view[:length]
            self._queued -= length
            self._sent += length
            self._link.send_bytes(self._header, head)
        if not queue and self._last:
            last, self._last = self._last, []
            for action in last:
                self._say(action)

    def _end_with(self, action: str) -> None:
        self._last.append(action)
        self._send()

    def _on_flushed(self, params: Message) -> None:
        self._flushed = max(self._flushed, min(params["offset"], self._sent))
        if self._queue:
            self._send()
        self._maybe_resume_protocol()
        waiter = self._empty_waiter
        if waiter is not None and not waiter.done() and self.get_write_buffer_size() == 0:
            waiter.set_result(None)

    def _drop(self) -> None:
        super()._drop()
        self._queue.clear()
        self._last.clear()
        self._queued = 0
        self._sent = self._flushed

    def close(self) -> None:
        if self._closing:
            return
        self._closing = True
        self._close_writing()

    def _close_writing(self) -> None:
        self._end_with("close")

    def _release_protocol(self) -> None:
        """The protocol is about to leave: it must not stay paused, nor its successor be resumed that never was."""
        if self._protocol_paused:
            self._protocol_paused = False
            self._protocol.resume_writing()

    @property
    def flushed_bytes(self) -> int:
        """How much the daemon has handed to the system, ever."""
        return self._flushed

    async def make_sole_writer(self) -> None:
        """From now on ``write()`` is refused; returns when all that was written is flushed."""
        if self._empty_waiter is not None:
            raise RuntimeError("Empty waiter is already set")
        await self._flushing()

    async def write_and_flush(self, data: bytes) -> None:
        """Writes as the sole writer. Raises ConnectionError where the transport ends before ``data`` is flushed."""
        if self._closing:
            raise ConnectionError("Connection closed by peer")
        self._put(data)
        await self._flushing()

    def admit_writers(self) -> None:
        self._empty_waiter = None

    def _flushing(self) -> asyncio.Future[None]:
        waiter: asyncio.Future[None] = self._loop.create_future()
        self._empty_waiter = waiter
        if self.get_write_buffer_size() == 0:
            waiter.set_result(None)
        return waiter

    def _finish(self) -> None:
        super()._finish()
        if self._empty_waiter is not None and not self._empty_waiter.done():
            self._empty_waiter.set_exception(ConnectionError("Connection is closed by peer"))
