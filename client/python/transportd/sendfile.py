"""asyncio's ``sendfile`` over the daemon. The file is this process's: its bytes go the way of all writes."""

from __future__ import annotations

import asyncio
import os
import stat
from typing import Any

from .stream import StreamTransport

# The next block is read once one is flushed. The first is small and each is twice the last, so that where little goes,
# it is known how much has gone.
_FIRST_BLOCK_BYTES = 1024
_BLOCK_BYTES = 512 * 1024


async def send_file(
    loop: asyncio.AbstractEventLoop, transport: StreamTransport, file: Any, offset: int, count: int | None
) -> int:
    """Sends ``count`` bytes of a regular file, else all from ``offset``; the number that was sent.

    Nothing else can be written meanwhile, and nothing is read. Raises SendfileNotAvailableError for what is no file,
    and ConnectionError where the remote leaves. The file's position is behind what was sent, in any case.
    """
    number = _regular_file(file)
    resume = transport.is_reading()
    transport.pause_reading()
    start = transport.flushed_bytes + transport.get_write_buffer_size()
    sent = 0
    try:
        await transport.make_sole_writer()
        block = _FIRST_BLOCK_BYTES
        while count is None or sent < count:
            length = block if count is None else min(block, count - sent)
            block = min(2 * block, _BLOCK_BYTES)
            data = await loop.run_in_executor(None, os.pread, number, length, offset + sent)
            if not data:
                break
            await transport.write_and_flush(data)
            sent += len(data)
        return sent
    finally:
        transport.admit_writers()
        # Cut short in the middle of a block, what has got out of it counts.
        file.seek(offset + max(0, transport.flushed_bytes - start))
        if resume:
            transport.resume_reading()


def _regular_file(file: Any) -> int:
    try:
        number = int(file.fileno())
        if stat.S_ISREG(os.fstat(number).st_mode):
            return number
    except (AttributeError, OSError):
        pass
    raise asyncio.SendfileNotAvailableError("not a regular file")
