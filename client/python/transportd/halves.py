"""The halves of asyncio's transports over the daemon: reading, writing, and what every transport has.

The halves count by absolute offset: at most a window of bytes is under way in either direction, and asyncio's write
buffer is counted at this end, so that ``pause_writing`` comes inside ``write()``.
"""

from __future__ import annotations

import asyncio
import collections
import contextvars
import logging
import warnings
from asyncio import constants, transports
from collections.abc import Callable, Iterable
from typing import Any

from ._wire import LIMITS
from .errors import loss_of
from .framing import Message, byte_header, payload
from .link import Link

_logger = logging.getLogger("asyncio")
_CHUNK = LIMITS["CHUNK_BYTES"]
_REPORT = LIMITS["READ_WINDOW_BYTES"] // 2


class Half(transports.BaseTransport):
    """What every transport has: an id, a protocol, an end."""

    _extra: dict[str, Any]
    _loop: Any
    _protocol: Any
    _link: Link
    _id: int
    _closing = False
    _ended = True
    _conn_lost = 0
    _on = {"protocol/connectionLost": "_on_lost"}

    def _begin(self, loop: Any, link: Link, id: int, protocol: Any) -> None:
        self._loop = loop
        self._link = link
        self._id = id
        self._ended = False
        self._context = contextvars.copy_context()
        self.set_protocol(protocol)

    def set_protocol(self, protocol: Any) -> None:
        self._protocol = protocol
        self._is_buffered = isinstance(protocol, asyncio.BufferedProtocol)

    def get_protocol(self) -> Any:
        return self._protocol

    def is_closing(self) -> bool:
        return self._closing

    def notified(self, method: str, params: Message) -> None:
        name = self._on.get(method)
        if name is not None and not self._ended:
            self._context.run(getattr(self, name), params)

    def cut(self, error: Exception) -> None:
        if not self._ended:
            self._force_close(error)

    def abort(self) -> None:
        self._force_close(None)

    def _say(self, action: str) -> None:
        self._link.notify(f"transport/{action}", {"transport": self._id})

    def _fatal_error(self, error: BaseException, message: str = "Fatal error on transport") -> None:
        if isinstance(error, OSError):
            if self._loop.get_debug():
                _logger.debug("%r: %s", self, message, exc_info=True)
        else:
            context = {"message": message, "exception": error, "transport": self, "protocol": self._protocol}
            self._loop.call_exception_handler(context)
        self._force_close(error)

    def _force_close(self, error: BaseException | None) -> None:
        """Ends at once; what was not flushed is lost."""
        if self._conn_lost:
            return
        self._conn_lost += 1
        self._closing = True
        self._drop()
        if self._link.error is None:
            self._say("abort")
        self._loop.call_soon(self._call_connection_lost, error)

    def _on_lost(self, params: Message) -> None:
        self._lose(loss_of(params))

    def _lose(self, error: Exception | None) -> None:
        if self._conn_lost:
            return
        self._conn_lost += 1
        self._closing = True
        self._drop()
        self._call_connection_lost(error)

    def _drop(self) -> None:
        """Forgets what was to be delivered or sent."""

    def _close_writing(self) -> None:
        """Closes behind all that was written."""
        self._say("close")

    def _call_connection_lost(self, error: BaseException | None) -> None:
        if self._ended:
            return
        self._ended = True
        try:
            self._protocol.connection_lost(error)
        finally:
            self._finish()

    def _finish(self) -> None:
        """Lets go of everything, so that nothing is kept alive by an ended transport."""
        self._link.endpoints.pop(self._id, None)
        self._protocol = None
        self._loop = None

    def __del__(self, _warn: Callable[..., None] = warnings.warn) -> None:
        if not self._ended and not self._closing:
            _warn(f"unclosed transport {self!r}", ResourceWarning, source=self)
            self._closing = True
            if self._link.error is None:
                self._say("close")

    def __repr__(self) -> str:
        state = "closed" if self._ended else "closing" if self._closing else "open"
        return f"<{type(self).__name__} {state} transport={getattr(self, '_id', None)}>"


class ReadHalf(Half, transports.ReadTransport):
    """From the remote to the protocol. What comes while reading is paused is held, at most a window of it."""

    _on = {**Half._on, "protocol/dataReceived": "_on_data", "protocol/eofReceived": "_on_eof"}

    def _begin_reading(self) -> None:
        self._paused = False
        self._draining = False
        self._held: collections.deque[bytes | memoryview | Callable[[], None]] = collections.deque()
        self._consumed = 0
        self._reported = 0

    def is_reading(self) -> bool:
        return not self._closing and not self._paused

    def pause_reading(self) -> None:
        if not self.is_reading():
            return
        # The daemon is not told: it stops by itself once a window of bytes is held here, and an error of writing
        # must get through all the while.
        self._paused = True
        if self._loop.get_debug():
            _logger.debug("%r pauses reading", self)

    def resume_reading(self) -> None:
        if self._closing or not self._paused:
            return
        self._paused = False
        if self._held:
            self._loop.call_soon(self._drain)
        if self._loop.get_debug():
            _logger.debug("%r resumes reading", self)

    def _on_data(self, params: Message) -> None:
        data = payload(params)
        if self._closing:
            return
        if self._paused or self._held or self._draining:
            self._held.append(data)
        else:
            self._deliver(data)

    # Both ends come in a turn of their own, as a selector finds them: who awaited the data before has it by then.

    def _on_eof(self, params: Message) -> None:
        self._loop.call_soon(self._after, self._end_of_file)

    def _on_lost(self, params: Message) -> None:
        error = loss_of(params)
        if error is not None and self._has_unflushed():
            # What was written cannot go out any more: that is not for a paused reader to keep back.
            self._loop.call_soon(self._lose, error)
        else:
            self._loop.call_soon(self._after, lambda: self._lose(error))

    def _has_unflushed(self) -> bool:
        return False

    def _after(self, action: Callable[[], None]) -> None:
        """Runs ``action`` behind all that came before it."""
        if self._ended:
            return
        if (self._held or self._paused or self._draining) and not self._closing:
            self._held.append(action)
        else:
            action()

    def _end_of_file(self) -> None:
        if self._closing:
            return
        try:
            keep_open = self._protocol.eof_received()
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._fatal_error(error, "Fatal error: protocol.eof_received() call failed.")
            return
        if not keep_open or not self._keeps_open():
            self.close()

    def _keeps_open(self) -> bool:
        return True

    def _drain(self) -> None:
        if self._draining:
            return
        self._draining = True
        try:
            while self._held and not self._paused and not self._ended:
                head = self._held.popleft()
                if callable(head):
                    head()
                else:
                    self._deliver(head)
        finally:
            self._draining = False

    def _deliver(self, data: bytes | memoryview) -> None:
        length = len(data)
        if self._is_buffered:
            length = self._fill(data)
        else:
            try:
                self._protocol.data_received(bytes(data))
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:
                self._reading_failed(error, "Fatal error: protocol.data_received() call failed.")
        self._consume(length)

    def _fill(self, data: bytes | memoryview) -> int:
        """Copies into the protocol's buffers; between two it may pause, close or be another protocol."""
        rest = memoryview(data)
        while rest and self.is_reading():
            if not self._is_buffered:
                self._held.appendleft(rest)
                break
            step = "get_buffer"
            try:
                buffer = memoryview(self._protocol.get_buffer(len(rest))).cast("B")
                if not len(buffer):
                    raise RuntimeError("get_buffer() returned an empty buffer")
                length = min(len(buffer), len(rest))
                buffer[:length] = rest[:length]
                step = "buffer_updated"
                self._protocol.buffer_updated(length)
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:
                self._reading_failed(error, f"Fatal error: protocol.{step}() call failed.")
                break
            rest = rest[length:]
        else:
            if rest and not self._closing:
                self._held.appendleft(rest)
        if self._held and not self._paused and not self._draining:
            self._drain()
        return len(data) - len(rest)

    def _reading_failed(self, error: BaseException, message: str) -> None:
        self._fatal_error(error, message)

    def _consume(self, length: int) -> None:
        self._consumed += length
        if self._consumed - self._reported >= _REPORT and not self._closing:
            self._reported = self._consumed
            self._link.notify("transport/consumed", {"transport": self._id, "offset": self._consumed})

    def _drop(self) -> None:
        super()._drop()
        self._held.clear()

    def close(self) -> None:
        if self._closing:
            return
        self._closing = True
        # A loss that waited behind what is dropped now comes by itself.
        actions = [each for each in self._held if callable(each)]
        self._held.clear()
        self._close_writing()
        for action in actions:
            self._loop.call_soon(action)


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
