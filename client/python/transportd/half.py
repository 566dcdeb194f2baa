"""What every transport over the daemon has, whichever way its bytes go: an id, a protocol, an end."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import warnings
from asyncio import transports
from collections.abc import Callable
from typing import Any

from .errors import loss_of
from .framing import Message
from .link import Link

_logger = logging.getLogger("asyncio")


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
