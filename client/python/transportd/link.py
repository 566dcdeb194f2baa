"""The connection to a daemon: requests and their answers, notifications to whom they concern, one write per turn.

Read by an event loop's selector once :meth:`Link.attach` has been called, and by blocking calls before and between.
Knows how messages travel and nothing of what they mean; how the connection came about is ``connect.py``'s.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import selectors
import socket
import time
from collections.abc import Callable
from itertools import count, islice
from typing import Any, Protocol

from ._wire import LIMITS
from .errors import DaemonLost, exception_of
from .framing import Message, Reader, byte_frame, json_frame

# One read takes what a busy daemon has ready; a turn of the loop then goes to others.
_READ_BYTES = 4 * LIMITS["CHUNK_BYTES"]
# Most pieces of one sendmsg: IOV_MAX of Linux and macOS.
_MAX_PIECES = 1024


class Endpoint(Protocol):
    """What stands for something in the daemon."""

    def notified(self, method: str, params: Message) -> None:
        """The daemon says something about it."""

    def cut(self, error: Exception) -> None:
        """The connection to the daemon is over."""


class Link:
    """One connection, used by one event loop at a time."""

    def __init__(self, source: socket.socket, sink: socket.socket) -> None:
        self.endpoints: dict[int, Endpoint] = {}
        # What is done with a connection that a server of that id accepted.
        self.accepting: dict[int, Callable[[Message], None]] = {}
        # Looks at each message before its turn has come: see `wait_for`.
        self.on_glance: Callable[[Message], None] = lambda message: None
        self.error: Exception | None = None
        self._source = source
        self._sink = sink
        self._loop: asyncio.SelectorEventLoop | None = None
        self._reader = Reader()
        self._inbox: collections.deque[Message] = collections.deque()
        self._outbox: collections.deque[bytes | memoryview] = collections.deque()
        self._writing = False
        self._dispatching = False
        self._ids = count(1)
        self._pending: dict[int, tuple[asyncio.Future[Any], Callable[[Any], Any]]] = {}
        self._unasked: collections.deque[tuple[int, bytes]] = collections.deque()
        source.setblocking(False)
        sink.setblocking(False)

    @property
    def is_attached(self) -> bool:
        return self._loop is not None

    def attach(self, loop: asyncio.SelectorEventLoop) -> None:
        """From now on ``loop`` reads it, and delivers what comes."""
        if self._loop is not None:
            raise RuntimeError("another event loop uses this connection")
        self._loop = loop
        loop._add_reader(self._source.fileno(), self._readable)  # type: ignore[attr-defined]
        if self._inbox:
            loop.call_soon(self._dispatch)

    def detach(self) -> None:
        """The loop goes: nobody hears of what it had. What was said is sent."""
        loop = self._loop
        if loop is None:
            return
        self._loop = None
        loop._remove_reader(self._source.fileno())  # type: ignore[attr-defined]
        loop._remove_writer(self._sink.fileno())  # type: ignore[attr-defined]
        self.endpoints.clear()
        self.accepting.clear()
        self._pending.clear()
        self._unasked.clear()
        self._inbox.clear()
        self._writing = False
        self.flush()

    def request(self, name: str, params: Message, then: Callable[[Any], Any] = lambda result: result) -> Any:
        """A future of what ``then`` makes of the answer, in the turn in which it comes, before anything behind it.

        Cancelled, the daemon is asked to stop; what it has opened all the same is closed.
        """
        assert self._loop is not None
        future = self._loop.create_future()
        if self.error is not None:
            # Each its own, as an exception collects where it was raised.
            future.set_exception(DaemonLost())
            return future
        number = next(self._ids)
        frame = json_frame({"id": number, "method": name, "params": params})
        if len(self._pending) < LIMITS["MAX_REQUESTS_IN_FLIGHT"] - 1:
            self._pending[number] = (future, then)
            self._send(frame)
        else:
            self._pending[number] = (future, then)
            self._unasked.append((number, frame))
        future.add_done_callback(lambda done: self._cancel(number) if done.cancelled() else None)
        return future

    def notify(self, name: str, params: Message) -> None:
        """Says something that has no answer."""
        self._send(json_frame({"method": name, "params": params}))

    def send_bytes(self, header: bytes, data: bytes | memoryview) -> None:
        """Says something whose ``data`` are bytes; ``header`` is what :func:`framing.byte_header` gave."""
        self._send(byte_frame(header, len(data)), data)

    def call(self, name: str, params: Message) -> Any:
        """The same as :meth:`request`, blocking: nothing is delivered meanwhile. Raises what the daemon answers."""
        number = next(self._ids)
        answer: list[Message] = []

        def glance(message: Message) -> bool:
            if message.get("id") == number and "method" not in message:
                answer.append(message)
                return True
            return False

        self._outbox.append(json_frame({"id": number, "method": name, "params": params}))
        self._pump(lambda: bool(answer), glance)
        if "error" in answer[0]:
            raise exception_of(answer[0]["error"])
        return answer[0]["result"]

    def wait_for(self, condition: Callable[[], bool], timeout: float | None = None) -> bool:
        """Blocks until ``condition`` holds, which :attr:`on_glance` can bring about; what comes is delivered later.

        False when the time is over. Raises DaemonLost.
        """
        return self._pump(condition, lambda message: False, timeout)

    def flush(self) -> None:
        """Sends what was said, blocking."""
        with contextlib.suppress(OSError):
            self._sink.setblocking(True)
            while self._outbox:
                self._sink.sendall(self._outbox.popleft())
        with contextlib.suppress(OSError):
            self._sink.setblocking(False)

    def close(self) -> None:
        """Ends the connection after a last word."""
        if self._loop is not None:
            self.detach()
        if self.error is None:
            self.error = DaemonLost()
            with contextlib.suppress(OSError):
                self._outbox.append(json_frame({"id": next(self._ids), "method": "shutdown", "params": {}}))
                self._outbox.append(json_frame({"method": "exit", "params": {}}))
                self.flush()
        self._source.close()
        self._sink.close()

    def _send(self, *pieces: bytes | memoryview) -> None:
        if self.error is not None:
            return
        self._outbox.extend(pieces)
        if self._writing or self._dispatching:
            return
        if self._loop is None:
            self.flush()
            return
        if not self._loop.is_running():
            # Between two runs nothing else may come for long: asyncio would have sent it by now.
            self._write()
            return
        self._writing = True
        self._loop.call_soon(self._write)

    def _write(self) -> None:
        """Sends as much as goes; the rest once the daemon takes it."""
        loop = self._loop
        if loop is None:
            return
        while self._outbox:
            pieces = list(islice(self._outbox, _MAX_PIECES))
            try:
                sent = self._sink.sendmsg(pieces)
            except (BlockingIOError, InterruptedError):
                self._writing = True
                loop._add_writer(self._sink.fileno(), self._write)  # type: ignore[attr-defined]
                return
            except OSError:
                self._end()
                return
            self._sent(sent)
        if self._writing:
            self._writing = False
            loop._remove_writer(self._sink.fileno())  # type: ignore[attr-defined]

    def _sent(self, length: int) -> None:
        outbox = self._outbox
        while length > 0:
            head = outbox.popleft()
            if len(head) > length:
                outbox.appendleft(memoryview(head)[length:])
                return
            length -= len(head)

    def _readable(self) -> None:
        try:
            chunk = self._source.recv(_READ_BYTES)
            if chunk:
                self._inbox.extend(self._reader.feed(chunk))
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            # The connection broke, or what came is no frame: either way nothing more can be had from it.
            chunk = b""
        self._dispatch()
        if not chunk:
            self._end()

    def _dispatch(self) -> None:
        """Delivers what came. What is said meanwhile leaves in one write."""
        loop = self._loop
        if loop is None:
            return
        inbox = self._inbox
        self._dispatching = True
        try:
            while inbox and self._loop is loop:
                self._deliver(inbox.popleft(), loop)
        finally:
            self._dispatching = False
            if self._loop is loop:
                if inbox:
                    loop.call_soon(self._dispatch)
                if self._outbox and not self._writing:
                    self._write()

    def _deliver(self, message: Message, loop: asyncio.SelectorEventLoop) -> None:
        method = message.get("method")
        try:
            if method is None:
                self._answered(message)
            else:
                self._notified(method, message.get("params") or {})
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            # A callback that throws is reported, and stops nothing (asyncio).
            loop.call_exception_handler({"message": f"Exception in callback for {method}", "exception": error})

    def _notified(self, method: str, params: Message) -> None:
        endpoint = self.endpoints.get(params.get("transport", 0))
        if endpoint is not None:
            endpoint.notified(method, params)
        elif method == "protocol/connectionMade" and "server" in params:
            accept = self.accepting.get(params["server"])
            if accept is None:
                # Accepted before the daemon heard that the server is closed: nobody is there to take it.
                self.notify("transport/abort", {"transport": params["transport"]})
            else:
                accept(params)

    def _answered(self, message: Message) -> None:
        entry = self._pending.pop(message["id"], None)
        if entry is None:
            return
        if self._unasked:
            self._send(self._unasked.popleft()[1])
        future, then = entry
        if "error" in message:
            if not future.done():
                future.set_exception(exception_of(message["error"]))
            return
        try:
            value = then(message["result"])
        except Exception as error:
            if not future.done():
                future.set_exception(error)
            return
        if not future.done():
            future.set_result(value)
        elif hasattr(value, "close"):
            value.close()

    def _cancel(self, number: int) -> None:
        if number not in self._pending or self.error is not None:
            return
        for waiting in self._unasked:
            if waiting[0] == number:
                self._unasked.remove(waiting)
                del self._pending[number]
                return
        self.notify("$/cancelRequest", {"id": number})

    def _pump(
        self, condition: Callable[[], bool], taken: Callable[[Message], bool], timeout: float | None = None
    ) -> bool:
        """Reads and writes, blocking, until ``condition`` holds; what is not ``taken`` waits for the loop."""
        for message in self._inbox:
            self.on_glance(message)
        scheduled = bool(self._inbox)
        deadline = None if timeout is None else time.monotonic() + timeout
        with selectors.DefaultSelector() as selector:
            selector.register(self._source, selectors.EVENT_READ)
            self.flush()
            while not condition():
                if self.error is not None:
                    raise self.error
                if not selector.select(None if deadline is None else max(0, deadline - time.monotonic())):
                    break
                try:
                    chunk = self._source.recv(_READ_BYTES)
                except BlockingIOError:
                    continue
                if not chunk:
                    raise DaemonLost()
                for message in self._reader.feed(chunk):
                    if taken(message):
                        continue
                    self.on_glance(message)
                    self._inbox.append(message)
        if self._loop is not None and self._inbox and not scheduled:
            self._loop.call_soon(self._dispatch)
        return condition()

    def _end(self) -> None:
        """The daemon is gone, and all that went through it."""
        if self.error is not None:
            return
        self.error = error = DaemonLost()
        if self._loop is not None:
            self._loop._remove_reader(self._source.fileno())  # type: ignore[attr-defined]
            self._loop._remove_writer(self._sink.fileno())  # type: ignore[attr-defined]
        self._outbox.clear()
        pending, self._pending = list(self._pending.values()), {}
        for future, _ in pending:
            if not future.done():
                future.set_exception(DaemonLost())
        for endpoint in list(self.endpoints.values()):
            endpoint.cut(error)
        self.endpoints.clear()
        self.accepting.clear()
