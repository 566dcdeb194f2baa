"""The reading half of a transport: from the daemon to the protocol, streaming or buffered, paused or not.

It counts by absolute offset, and at most a window of bytes is under way or held.
"""

from __future__ import annotations

import collections
import logging
from asyncio import transports
from collections.abc import Callable

from ._wire import LIMITS
from .errors import loss_of
from .framing import Message, payload
from .half import Half

_logger = logging.getLogger("asyncio")
_REPORT = LIMITS["READ_WINDOW_BYTES"] // 2


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
