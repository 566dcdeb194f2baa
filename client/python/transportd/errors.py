"""The daemon's errors as the exceptions that asyncio raises for the same failures.

Knows the error table, which is generated into ``_wire.py``, and nothing of where an error came from.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
from typing import Any

from ._wire import ERRORS

_NAMES = {code: name for name, code in ERRORS.items()}


class DaemonError(RuntimeError):
    """An error of the daemon's table for which asyncio has no exception of its own."""

    def __init__(self, name: str, code: int, message: str, data: dict[str, Any]) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name
        self.code = code
        self.data = data


class DaemonLost(ConnectionAbortedError):
    """The connection to the daemon ended, and with it all that went through it."""

    def __init__(self, reason: str = "the connection to the daemon ended") -> None:
        super().__init__(errno.ECONNABORTED, reason)


def exception_of(error: dict[str, Any]) -> Exception:
    """The exception for an error as it stands on the wire."""
    code, message, data = error["code"], error["message"], error.get("data") or {}
    name = _NAMES.get(code, "UnknownError")
    match name:
        case "OsFailure" | "SpawnFailed" | "TransportBroken" if "errno" in data:
            return _os_error(data, message)
        case "TransportBroken" if "reason" in data:
            return _ssl_error(ssl.SSLError, data["reason"], message)
        case "TransportBroken":
            return ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
        case "ResolveFailed":
            return _resolve_error(data)
        case "TimedOut" if data.get("operation") == "handshake":
            seconds = data.get("timeoutMs", 0) / 1000
            text = f"SSL handshake is taking longer than {seconds:g} seconds: aborting the connection"
            return ConnectionAbortedError(text)
        case "TimedOut":
            return TimeoutError(errno.ETIMEDOUT, message)
        case "TlsHandshakeFailed" if data.get("reason") in errno.errorcode.values():
            return _os_error({"errno": data["reason"]}, message)
        case "TlsHandshakeFailed":
            return _ssl_error(ssl.SSLError, data.get("reason", "UNKNOWN"), message)
        case "CertificateRejected":
            return _rejected(data, message)
        case "PermissionDenied":
            return PermissionError(errno.EACCES, message)
        case "NoSuchProcess":
            return ProcessLookupError(errno.ESRCH, message)
        case "NotSupported":
            return NotImplementedError(message)
        case "InvalidParams":
            return ValueError(message)
    return DaemonError(name, code, message, data)


def loss_of(params: dict[str, Any]) -> Exception | None:
    """What ``connection_lost`` is called with."""
    error = params.get("error")
    return None if error is None else exception_of(error)


def _os_error(data: dict[str, Any], message: str) -> OSError:
    number = getattr(errno, data["errno"], None)
    if number is None:
        return OSError(message)
    path = data.get("file") or data.get("path")
    if path is not None:
        return OSError(number, os.strerror(number), path)
    return OSError(number, os.strerror(number))


def _resolve_error(data: dict[str, Any]) -> socket.gaierror:
    # Platform: ENOTFOUND is Node's word for both of libc's ways to say that there is no such name.
    reason = {"ENOTFOUND": "EAI_NONAME"}.get(data.get("reason", ""), data.get("reason", "EAI_FAIL"))
    texts = {
        "EAI_NONAME": "Name or service not known",
        "EAI_AGAIN": "Temporary failure in name resolution",
        "EAI_FAIL": "Non-recoverable failure in name resolution",
        "EAI_SERVICE": "Servname not supported for ai_socktype",
        "EAI_FAMILY": "ai_family not supported",
        "EAI_ADDRFAMILY": "Address family for hostname not supported",
    }
    return socket.gaierror(getattr(socket, reason, socket.EAI_FAIL), texts.get(reason, reason))


def _ssl_error(kind: type[ssl.SSLError], reason: str, message: str) -> ssl.SSLError:
    reason = reason.removeprefix("ERR_SSL_").removeprefix("ERR_TLS_")
    error = kind(int(ssl.SSL_ERROR_SSL), f"[SSL: {reason}] {message}")
    error.library = "SSL"
    error.reason = reason
    return error


def _rejected(data: dict[str, Any], message: str) -> ssl.SSLError:
    error = _ssl_error(ssl.SSLCertVerificationError, "CERTIFICATE_VERIFY_FAILED", message)
    assert isinstance(error, ssl.SSLCertVerificationError)
    error.verify_message = str(data.get("reason", message))
    error.verify_code = 1
    return error
