"""Messages to bytes and back: JSON-RPC in LSP's base framing, and byte messages, whose body is their ``data``.

Pure: knows no sockets and no event loop. What is wrong with a frame ends the connection, as nothing says where the next
one starts.
"""

from __future__ import annotations

import base64
import binascii
import functools
import json
from collections.abc import Iterator
from typing import Any, TypeAlias

from ._wire import LIMITS

Message: TypeAlias = dict[str, Any]

_BYTES = b"application/octet-stream"
_dumps = json.JSONEncoder(separators=(",", ":")).encode


class FramingError(ConnectionError):
    """The other end sent what is no frame."""


def json_frame(message: Message) -> bytes:
    """A message whose body is JSON."""
    body = _dumps({"jsonrpc": "2.0", **message}).encode("ascii")
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def byte_header(method: str, params: Message) -> bytes:
    """What a byte message's header holds behind its length: the same for all of a transport's writes."""
    return b"\r\nContent-Type: %b\r\nMethod: %b\r\nParams: %b\r\n\r\n" % (
        _BYTES,
        method.encode("ascii"),
        _dumps(params).encode("ascii"),
    )


def byte_frame(header: bytes, length: int) -> bytes:
    """The header block in front of ``length`` bytes; ``header`` is what :func:`byte_header` gave."""
    return b"Content-Length: %d%b" % (length, header)


def payload(params: Message) -> bytes:
    """The bytes that a notification carries, in whichever of the three forms."""
    data = params.get("data")
    if isinstance(data, bytes):
        return data
    if data is None:
        return str(params["text"]).encode()
    try:
        return base64.b64decode(data, validate=True)
    except binascii.Error as error:
        raise FramingError(f"data is no base64: {error}") from None


class Reader:
    """Cuts messages from what comes."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> Iterator[Message]:
        """The messages that ``chunk`` completes. Raises FramingError."""
        data = self._rest + chunk if self._rest else chunk
        at = 0
        try:
            while (end := data.find(b"\r\n\r\n", at)) >= 0:
                start = end + 4
                length, method, params = _header(data[at:end])
                if len(data) - start < length:
                    break
                at = start + length
                body = data[start:at]
                if method is None:
                    yield _parse(body)
                else:
                    yield {"method": method, "params": {**params, "data": body}}
            if len(data) - at > LIMITS["MAX_MESSAGE_BYTES"] + LIMITS["MAX_HEADER_BYTES"]:
                raise FramingError("a header without an end")
        finally:
            # Also where the consumer stops in the middle: what it did not take comes next time.
            self._rest = data[at:]


# The same header comes again and again, and reading it anew was most of the work that small messages made here.
@functools.lru_cache(4096)
def _header(block: bytes) -> tuple[int, str | None, Message]:
    """Length of the body, and the method and the params of a byte message."""
    fields: dict[bytes, bytes] = {}
    for line in block.split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if not colon:
            raise FramingError(f"no header field: {line[:80]!r}")
        fields[name.lower()] = value.strip()
    digits = fields.get(b"content-length", b"")
    if not digits.isdigit() or int(digits) > LIMITS["MAX_MESSAGE_BYTES"]:
        raise FramingError(f"no Content-Length: {digits[:80]!r}")
    if fields.get(b"content-type") != _BYTES:
        return int(digits), None, {}
    return int(digits), fields[b"method"].decode("ascii"), _parse(fields.get(b"params", b"{}"))


def _parse(text: bytes) -> Message:
    try:
        # A str, as json would look for the encoding of bytes.
        message = json.loads(text.decode())
    except ValueError as error:
        raise FramingError(f"no JSON: {error}") from None
    if not isinstance(message, dict):
        raise FramingError("no JSON object")
    return message
