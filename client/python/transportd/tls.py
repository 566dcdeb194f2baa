"""TLS in the daemon: contexts that can be told to it, and the transports that come of them.

What is in an ``ssl.SSLContext`` cannot all be asked of it: neither a key that was loaded, nor the protocols for ALPN. So
TLS of such a context runs in this process, over a plain transport of the daemon's; one of :class:`SSLContext`, which
remembers what it was told, runs in the daemon wherever that comes to the same.
"""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
from asyncio import constants
from collections.abc import Callable, Iterable
from typing import Any

from ._wire import LIMITS
from .framing import Message
from .sockets import DaemonSocket
from .stream import Place, StreamTransport, begin

_logger = logging.getLogger("asyncio")
_VERSIONS = {
    ssl.TLSVersion.TLSv1: "TLSv1",
    ssl.TLSVersion.TLSv1_1: "TLSv1.1",
    ssl.TLSVersion.TLSv1_2: "TLSv1.2",
    ssl.TLSVersion.TLSv1_3: "TLSv1.3",
}
# Where systems keep the authorities that they trust, in one file.
_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
# What must be as it is in a new context: the daemon's are made without a word for these.
_UNTOLD = ("options", "verify_flags", "maximum_version", "keylog_filename", "sni_callback", "post_handshake_auth")


class SSLContext(ssl.SSLContext):
    """An ``ssl.SSLContext`` that remembers what was loaded, so that its TLS can run in the daemon.

    Files are named to the daemon by their paths, so they must be there for it too, and are read by it.
    """

    _told: Message
    _untellable: bool

    def __new__(cls, *args: Any, **options: Any) -> SSLContext:
        context = super().__new__(cls, *args, **options)
        context._told = {}
        context._untellable = False
        return context

    def load_verify_locations(self, cafile: Any = None, capath: Any = None, cadata: Any = None) -> None:
        super().load_verify_locations(cafile, capath, cadata)
        if capath is not None or isinstance(cadata, (bytes, bytearray)) or "caFile" in self._told and cafile:
            self._untellable = True
        if cafile is not None:
            self._told["caFile"] = _absolute(cafile)
        if isinstance(cadata, str):
            self._told["ca"] = self._told.get("ca", "") + cadata

    def load_default_certs(self, purpose: Any = ssl.Purpose.SERVER_AUTH) -> None:
        super().load_default_certs(purpose)
        bundle = default_bundle()
        if bundle is None or "caFile" in self._told:
            self._untellable = True
        else:
            self._told["caFile"] = bundle

    def set_default_verify_paths(self) -> None:
        super().set_default_verify_paths()
        if "caFile" not in self._told:
            self._untellable = True

    def load_cert_chain(self, certfile: Any, keyfile: Any = None, password: Any = None) -> None:
        super().load_cert_chain(certfile, keyfile, password)
        if "certFile" in self._told:
            self._untellable = True
        self._told["certFile"] = _absolute(certfile)
        if keyfile is not None:
            self._told["keyFile"] = _absolute(keyfile)
        if password is not None:
            text = password() if callable(password) else password
            self._told["passphrase"] = text if isinstance(text, str) else bytes(text).decode()

    def set_ciphers(self, cipherlist: str, /) -> None:
        super().set_ciphers(cipherlist)
        self._told["ciphers"] = cipherlist

    def set_alpn_protocols(self, alpn_protocols: Iterable[str]) -> None:
        protocols = list(alpn_protocols)
        super().set_alpn_protocols(protocols)
        self._told["alpn"] = protocols

    def load_dh_params(self, path: Any, /) -> None:
        super().load_dh_params(path)
        self._untellable = True

    def set_ecdh_curve(self, name: str, /) -> None:
        super().set_ecdh_curve(name)
        self._untellable = True


def create_default_context(
    purpose: ssl.Purpose = ssl.Purpose.SERVER_AUTH, *, cafile: Any = None, cadata: str | None = None
) -> SSLContext:
    """The same as ``ssl.create_default_context``, remembered."""
    client = purpose == ssl.Purpose.SERVER_AUTH
    context = SSLContext(ssl.PROTOCOL_TLS_CLIENT if client else ssl.PROTOCOL_TLS_SERVER)
    if cafile or cadata:
        context.load_verify_locations(cafile, None, cadata)
    elif client:
        context.load_default_certs(purpose)
    return context


def default_context(server_hostname: str | None) -> ssl.SSLContext:
    """What ``ssl=True`` means: asyncio's default, remembered where all that is in it can be read."""
    made = ssl.create_default_context()
    if not server_hostname:
        made.check_hostname = False
    if type(made) is not ssl.SSLContext or made.protocol != ssl.PROTOCOL_TLS_CLIENT:
        return made
    context = SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if any(getattr(made, name) != getattr(context, name) for name in (*_UNTOLD, "minimum_version")):
        return made
    context.check_hostname = made.check_hostname
    context.verify_mode = made.verify_mode
    if made.verify_mode != ssl.CERT_NONE:
        context.load_default_certs()
    return context


def tls_options(
    context: Any, server_side: bool, server_hostname: str | None, handshake_timeout: Any, shutdown_timeout: Any
) -> Message | None:
    """What the daemon is told of a context; None where it cannot be told all, and TLS stays in this process."""
    if not isinstance(context, SSLContext) or context._untellable:
        return None
    fresh = ssl.SSLContext(context.protocol)
    if any(getattr(context, name) != getattr(fresh, name) for name in _UNTOLD):
        return None
    options: Message = dict(context._told)
    if context.minimum_version != fresh.minimum_version:
        if context.minimum_version not in _VERSIONS:
            return None
        options["minVersion"] = _VERSIONS[context.minimum_version]
    asks = context.verify_mode != ssl.CERT_NONE
    if server_side:
        if context.verify_mode == ssl.CERT_OPTIONAL:
            return None
        options["requestCert"] = asks
    elif asks and not context.check_hostname and server_hostname:
        return None  # a name that is asked for and not looked for
    elif asks and not {"ca", "caFile"} & set(options):
        return None  # the daemon would trust its own list
    options["verify"] = asks
    for name, field, seconds in (
        ("ssl_handshake_timeout", "handshakeTimeoutMs", handshake_timeout),
        ("ssl_shutdown_timeout", "shutdownTimeoutMs", shutdown_timeout),
    ):
        if seconds is not None:
            if seconds <= 0:
                raise ValueError(f"{name} should be a positive number, got {seconds}")
            options[field] = seconds * 1000
    return options


def default_bundle() -> str | None:
    """The file with the authorities that this system trusts."""
    paths = ssl.get_default_verify_paths()
    return next((path for path in (paths.cafile, *_BUNDLES) if path and os.path.exists(path)), None)


class SSLObject:
    """What ``get_extra_info('ssl_object')`` gives: the session, as far as it can be asked here."""

    def __init__(self, context: ssl.SSLContext, extra: Message) -> None:
        told = extra.get("ssl_object") or {}
        self.context = context
        self.server_side: bool = told.get("serverSide", False)
        self.server_hostname: str | None = told.get("serverHostname")
        self.session_reused: bool = told.get("sessionReused", False)
        self._told = told
        self._cipher = _tuples(extra.get("cipher"))
        self._peercert = _certificate(extra.get("peercert"))

    def cipher(self) -> Any:
        return self._cipher

    def compression(self) -> None:
        return None

    def getpeercert(self, binary_form: bool = False) -> Any:
        if binary_form:
            raise NotImplementedError("the certificate itself stays in the daemon")
        return self._peercert

    def version(self) -> str | None:
        return self._told.get("version")

    def selected_alpn_protocol(self) -> str | None:
        return self._told.get("selectedAlpnProtocol")


class DaemonSSLTransport(StreamTransport):
    """A connection whose TLS runs in the daemon."""

    _sendfile_compatible = constants._SendfileMode.FALLBACK

    def __init__(
        self,
        loop: Any,
        sock: DaemonSocket,
        protocol: Any,
        waiter: asyncio.Future[None] | None,
        extra: dict[str, Any] | None,
        server: Any,
        *,
        context: ssl.SSLContext,
        ask: Callable[[Callable[[Message], None]], asyncio.Future[None]] | None,
        announce: bool = True,
    ) -> None:
        self._context_given = context
        self._ask = ask
        self._announce = announce
        self._is_secure = False
        self._waiter = waiter
        super().__init__(loop, sock, protocol, waiter, extra, server)
        self._set_write_buffer_limits(high=LIMITS["TLS_HIGH_WATER_BYTES"])

    def _start(self, waiter: asyncio.Future[None] | None) -> None:
        if self._ask is None:
            self._secured({"extra": self._sock.extra})
        else:
            asked, self._ask = self._ask(self._secured), None
            asked.add_done_callback(self._shaken)

    def _secured(self, opened: Message) -> None:
        """The handshake is over, and nothing has come behind it yet."""
        extra = opened["extra"]
        self._is_secure = True
        ssl_object = SSLObject(self._context_given, extra)
        self._extra.update(
            sslcontext=self._context_given,
            ssl_object=ssl_object,
            peercert=ssl_object.getpeercert(),
            cipher=ssl_object.cipher(),
            compression=None,
            transportd=Place("daemon", self._id, "daemon"),
        )
        begin(self._loop, self._sock, self, self._waiter, announce=self._announce)
        self._waiter = None

    def _shaken(self, asked: asyncio.Future[None]) -> None:
        if asked.cancelled() or asked.exception() is None or self._ended:
            return
        error = asked.exception()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)  # type: ignore[arg-type]
        self._force_close(error)

    def _call_connection_lost(self, error: BaseException | None) -> None:
        if self._is_secure:
            super()._call_connection_lost(error)
        elif not self._ended:
            # Nobody has heard of it.
            self._ended = True
            self._finish()

    def _keeps_open(self) -> bool:
        _logger.warning("returning true from eof_received() has no effect when using ssl")
        return False

    def can_write_eof(self) -> bool:
        return False

    def write_eof(self) -> None:
        raise NotImplementedError

    def _is_as_good_as_flushed(self) -> bool:
        return False  # both sides say good-bye first


def _certificate(certificate: Any) -> Any:
    if not certificate:
        return certificate
    return {name: value if isinstance(value, (str, int)) else _tuples(value) for name, value in certificate.items()}


def _tuples(value: Any) -> Any:
    return tuple(_tuples(each) for each in value) if isinstance(value, list) else value


def _absolute(path: Any) -> str:
    return os.path.abspath(os.fsdecode(path))
