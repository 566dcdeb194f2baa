"""What is said on the wire. Generated from `protocol/` by `npm run generate`: edit that, not this."""

from __future__ import annotations

from typing import Any, Final, Literal, NotRequired, TypeAlias, TypedDict

VERSION: Final = "0.1.0"
PROTOCOL_VERSION: Final = 1

# The code of every error, by name.
ERRORS: Final[dict[str, int]] = {
    "ParseError": -32700,
    "InvalidRequest": -32600,
    "MethodNotFound": -32601,
    "InvalidParams": -32602,
    "InternalError": -32603,
    "NotInitialized": -32002,
    "RequestCancelled": -32800,
    "VersionUnsupported": 1001,
    "ShuttingDown": 1002,
    "LimitExceeded": 1003,
    "Unauthenticated": 1004,
    "PermissionDenied": 1005,
    "UnknownTransport": 1101,
    "TransportClosed": 1102,
    "TransportBroken": 1103,
    "TransportBusy": 1104,
    "NotSupported": 1105,
    "NameTaken": 1106,
    "NotOwner": 1107,
    "OsFailure": 1201,
    "ResolveFailed": 1202,
    "TimedOut": 1203,
    "WindowExceeded": 1301,
    "TlsHandshakeFailed": 1401,
    "CertificateRejected": 1402,
    "SpawnFailed": 1501,
    "NoSuchProcess": 1502,
}

# The numbers that both ends agree on.
LIMITS: Final[dict[str, int]] = {
    "BACKLOG": 100,
    "CHUNK_BYTES": 65_536,
    "CLOSE_DEADLINE_MS": 5_000,
    "CONNECT_TIMEOUT_MS": 60_000,
    "DATAGRAM_OVERHEAD_BYTES": 8,
    "DESCRIPTOR_WAIT_MS": 5_000,
    "DRAIN_MS": 2_000,
    "FLUSH_REPORT_BYTES": 16_384,
    "FLUSH_REPORT_MS": 1,
    "HIGH_WATER_BYTES": 65_536,
    "KILL_DEADLINE_MS": 2_000,
    "LIBRARY_READ_WINDOW_BYTES": 1_048_576,
    "LIBRARY_REPORT_BYTES": 131_072,
    "LINGER_MS": 1_000,
    "LOOKUP_TIMEOUT_MS": 20_000,
    "LOW_WATER_BYTES": 16_384,
    "MAX_BUFFERED_BYTES": 67_108_864,
    "MAX_CHILD_FD": 255,
    "MAX_CLIENTS": 1_000,
    "MAX_DATAGRAM_BYTES": 65_535,
    "MAX_DESCRIPTOR_CONNECTIONS": 16,
    "MAX_DESCRIPTOR_LINE_BYTES": 4_096,
    "MAX_DESCRIPTOR_NAME_LENGTH": 256,
    "MAX_HANDED_DESCRIPTORS": 256,
    "MAX_HANDSHAKES": 1_000,
    "MAX_HEADER_BYTES": 8_192,
    "MAX_LOOKUPS": 2,
    "MAX_MESSAGE_BYTES": 16_777_216,
    "MAX_NESTING": 64,
    "MAX_PEM_BYTES": 1_048_576,
    "MAX_REQUESTS_IN_FLIGHT": 256,
    "MAX_REQUEST_ID_BYTES": 256,
    "MAX_RETAINED_ENDED": 1_000,
    "MAX_RETAIN_BYTES": 268_435_456,
    "MAX_SOCKET_PATH_BYTES": 103,
    "MAX_TRANSPORTS_PER_CLIENT": 20_000,
    "MAX_UNDISPATCHED_MESSAGES": 64,
    "MAX_WAITING_BYTES": 1_048_576,
    "MAX_WAITING_EVENTS": 1_000,
    "OUTBOX_HIGH_BYTES": 262_144,
    "READ_WINDOW_BYTES": 262_144,
    "RETAIN_BYTES": 1_048_576,
    "RETAIN_CLOSED_BYTES": 268_435_456,
    "RETAIN_CLOSED_MS": 300_000,
    "TLS_HANDSHAKE_TIMEOUT_MS": 60_000,
    "TLS_HIGH_WATER_BYTES": 524_288,
    "TLS_LOW_WATER_BYTES": 131_072,
    "TLS_SHUTDOWN_TIMEOUT_MS": 30_000,
    "WRITE_WINDOW_BYTES": 1_048_576,
}


class ExitParams(TypedDict):
    pass


class InitializeParamsClientInfo(TypedDict):
    name: str
    version: NotRequired[str]


class InitializeParamsCapabilities(TypedDict):
    byteMessages: NotRequired[bool]
    flowControl: NotRequired[bool]


class InitializeParams(TypedDict):
    protocolVersion: int
    clientInfo: NotRequired[InitializeParamsClientInfo]
    processId: NotRequired[int | None]
    hostname: NotRequired[str]
    heartbeatMs: NotRequired[float]
    token: NotRequired[str]
    policy: NotRequired[Any]
    capabilities: NotRequired[InitializeParamsCapabilities]


class InitializeResultServerInfo(TypedDict):
    name: Literal["transportd"]
    version: str
    pid: int
    startId: str


class InitializeResultCapabilities(TypedDict):
    byteMessages: bool
    flowControl: bool
    kinds: list[Literal["tcp", "tls", "unix", "subprocess", "pty", "udp", "pipe"]]
    descriptors: list[Literal["inherited", "channel", "socket"]]
    platform: str


class InitializeResult(TypedDict):
    protocolVersion: int
    serverInfo: InitializeResultServerInfo
    clientId: int
    capabilities: InitializeResultCapabilities
    limits: dict[str, float]


class InitializedParams(TypedDict):
    pass


class RpcDiscoverParams(TypedDict):
    pass


RpcDiscoverResult: TypeAlias = dict[str, Any]


class ShutdownParams(TypedDict):
    pass


ShutdownResult: TypeAlias = None


class LoopConnectAcceptedSocketParamsTls1(TypedDict):
    ca: NotRequired[str]
    cert: NotRequired[str]
    key: NotRequired[str]
    passphrase: NotRequired[str]
    caFile: NotRequired[str]
    certFile: NotRequired[str]
    keyFile: NotRequired[str]
    verify: NotRequired[bool]
    requestCert: NotRequired[bool]
    alpn: NotRequired[list[str]]
    minVersion: NotRequired[Literal["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]]
    ciphers: NotRequired[str]
    handshakeTimeoutMs: NotRequired[float]
    shutdownTimeoutMs: NotRequired[float]


class LoopConnectAcceptedSocketParamsOptionsWriteBufferLimits(TypedDict):
    highBytes: NotRequired[int]
    lowBytes: NotRequired[int]


class LoopConnectAcceptedSocketParamsOptions(TypedDict):
    name: NotRequired[str]
    lifetime: NotRequired[Literal["client", "daemon"]]
    graceMs: NotRequired[float]
    retainBytes: NotRequired[int]
    whenFull: NotRequired[Literal["block", "dropOldest", "close"]]
    encoding: NotRequired[Literal["base64", "utf8"]]
    onEof: NotRequired[Literal["close", "keep"]]
    paused: NotRequired[bool]
    readWindowBytes: NotRequired[int]
    writeBufferLimits: NotRequired[LoopConnectAcceptedSocketParamsOptionsWriteBufferLimits]


class LoopConnectAcceptedSocketParams(TypedDict):
    fd: int | str
    noDelay: NotRequired[bool]
    keepAliveMs: NotRequired[float]
    tls: NotRequired[Literal[True] | LoopConnectAcceptedSocketParamsTls1]
    options: NotRequired[LoopConnectAcceptedSocketParamsOptions]


class LoopConnectAcceptedSocketResult(TypedDict):
    transport: int
    kind: Literal["tcp", "tls", "unix", "subprocess", "pty", "udp", "pipe"]
    extra: dict[str, Any]
    writeWindowBytes: int


class LoopCreateConnectionParamsLocalAddr(TypedDict):
    host: str
    port: int


class LoopCreateConnectionParams(TypedDict):
    host: NotRequired[str]
    port: NotRequired[int]
    fd: NotRequired[int | str]
    family: NotRequired[Literal["IPv4", "IPv6"] | Literal[4] | Literal[6]]
    localAddr: NotRequired[LoopCreateConnectionParamsLocalAddr]
    happyEyeballsDelayMs: NotRequired[float]
    timeoutMs: NotRequired[float]
    noDelay: NotRequired[bool]
    keepAliveMs: NotRequired[float]
    tls: NotRequired[Literal[True] | LoopConnectAcceptedSocketParamsTls1]
    serverHostname: NotRequired[str]
    options: NotRequired[LoopConnectAcceptedSocketParamsOptions]


class LoopCreateConnectionResult(TypedDict):
    transport: int
    kind: Literal["tcp", "tls", "unix", "subprocess", "pty", "udp", "pipe"]
    extra: dict[str, Any]
    writeWindowBytes: int


class LoopCreateServerParams(TypedDict):
    host: NotRequired[str | list[str] | None]
    port: NotRequired[int]
    fd: NotRequired[int | str]
    family: NotRequired[Literal["IPv4", "IPv6"] | Literal[4] | Literal[6]]
    backlog: NotRequired[int]
    reuseAddress: NotRequired[bool]
    noDelay: NotRequired[bool]
    keepAliveMs: NotRequired[float]
    tls: NotRequired[Literal[True] | LoopConnectAcceptedSocketParamsTls1]
    startServing: NotRequired[bool]
    options: NotRequired[LoopConnectAcceptedSocketParamsOptions]


class LoopCreateServerResultSocketsItem(TypedDict):
    host: str
    port: int
    family: Literal["IPv4", "IPv6"]


class LoopCreateServerResultSocketsItem1(TypedDict):
    path: str


class LoopCreateServerResult(TypedDict):
    server: int
    sockets: list[LoopCreateServerResultSocketsItem | LoopCreateServerResultSocketsItem1]


class LoopCreateUnixConnectionParams(TypedDict):
    path: NotRequired[str]
    fd: NotRequired[int | str]
    timeoutMs: NotRequired[float]
    tls: NotRequired[Literal[True] | LoopConnectAcceptedSocketParamsTls1]
    serverHostname: NotRequired[str]
    options: NotRequired[LoopConnectAcceptedSocketParamsOptions]


class LoopCreateUnixConnectionResult(TypedDict):
    transport: int
    kind: Literal["tcp", "tls", "unix", "subprocess", "pty", "udp", "pipe"]
    extra: dict[str, Any]
    writeWindowBytes: int


class LoopCreateUnixServerParams(TypedDict):
    path: NotRequired[str]
    fd: NotRequired[int | str]
    mode: NotRequired[int]
    backlog: NotRequired[int]
    tls: NotRequired[Literal[True] | LoopConnectAcceptedSocketParamsTls1]
    startServing: NotRequired[bool]
    options: NotRequired[LoopConnectAcceptedSocketParamsOptions]


class LoopCreateUnixServerResult(TypedDict):
    server: int
    sockets: list[LoopCreateServerResultSocketsItem | LoopCreateServerResultSocketsItem1]


class LoopSendfileParams(TypedDict):
    transport: int | str
    path: str
    offset: NotRequired[int]
    count: NotRequired[int]


class LoopSendfileResult(TypedDict):
    sent: int


class LoopStartTlsParams(TypedDict):
    transport: int | str
    tls: Literal[True] | LoopConnectAcceptedSocketParamsTls1
    serverSide: NotRequired[bool]
    serverHostname: NotRequired[str]


class LoopStartTlsResult(TypedDict):
    transport: int
    kind: Literal["tcp", "tls", "unix", "subprocess", "pty", "udp", "pipe"]
    extra: dict[str, Any]
    writeWindowBytes: int


class LoopCreateDatagramEndpointParamsMulticastJoinItem(TypedDict):
    group: str
    interface: NotRequired[str]
    source: NotRequired[str]


class LoopCreateDatagramEndpointParamsMulticast(TypedDict):
    interface: NotRequired[str]
    ttl: NotRequired[int]
    loopback: NotRequired[bool]
    join: NotRequired[list[LoopCreateDatagramEndpointParamsMulticastJoinItem]]
    reuseAddress: NotRequired[bool]


class LoopCreateDatagramEndpointParams(TypedDict):
    localAddr: NotRequired[LoopCreateConnectionParamsLocalAddr]
    remoteAddr: NotRequired[LoopCreateConnectionParamsLocalAddr]
    family: NotRequired[Literal["IPv4", "IPv6"] | Literal[4] | Literal[6]]
    fd: NotRequired[int | str]
    reusePort: NotRequired[bool]
    allowBroadcast: NotRequired[bool]
    multicast: NotRequired[LoopCreateDatagramEndpointParamsMulticast]
    options: NotRequired[LoopConnectAcceptedSocketParamsOptions]


class LoopCreateDatagramEndpointResult(TypedDict):
    transport: int
    kind: Literal["tcp", "tls", "unix", "subprocess", "pty", "udp", "pipe"]
    extra: dict[str, Any]
    writeWindowBytes: int


class TransportSendtoParams(TypedDict):
    transport: int | str
    data: NotRequired[bytes | str]
    text: NotRequired[str]
    addr: NotRequired[LoopCreateConnectionParamsLocalAddr | None]


TransportSendtoResult: TypeAlias = None


class LoopConnectReadPipeParams(TypedDict):
    path: NotRequired[str]
    fd: NotRequired[int | str]
    options: NotRequired[LoopConnectAcceptedSocketParamsOptions]


class LoopConnectReadPipeResult(TypedDict):
    transport: int
    kind: Literal["tcp", "tls", "unix", "subprocess", "pty", "udp", "pipe"]
    extra: dict[str, Any]
    writeWindowBytes: int


class LoopConnectWritePipeParams(TypedDict):
    path: NotRequired[str]
    fd: NotRequired[int | str]
    timeoutMs: NotRequired[float]
    options: NotRequired[LoopConnectAcceptedSocketParamsOptions]


class LoopConnectWritePipeResult(TypedDict):
    transport: int
    kind: Literal["tcp", "tls", "unix", "subprocess", "pty", "udp", "pipe"]
    extra: dict[str, Any]
    writeWindowBytes: int


class LoopSubprocessExecParamsStdin11(TypedDict):
    fd: int | str


class LoopSubprocessExecParamsPty(TypedDict):
    columns: NotRequired[int]
    rows: NotRequired[int]
    term: NotRequired[str]


class LoopSubprocessExecParams(TypedDict):
    program: str
    args: NotRequired[list[str]]
    cwd: NotRequired[str]
    env: NotRequired[dict[str, str]]
    clearEnv: NotRequired[bool]
    umask: NotRequired[int]
    stdin: NotRequired[Literal["pipe", "null"] | int | LoopSubprocessExecParamsStdin11]
    stdout: NotRequired[Literal["pipe", "null"] | int | LoopSubprocessExecParamsStdin11]
    stderr: NotRequired[Literal["pipe", "null", "stdout"] | int | LoopSubprocessExecParamsStdin11]
    fds: NotRequired[dict[str, int | str]]
    pty: NotRequired[LoopSubprocessExecParamsPty]
    processGroup: NotRequired[bool]
    uid: NotRequired[int]
    gid: NotRequired[int]
    drainMs: NotRequired[float]
    options: NotRequired[LoopConnectAcceptedSocketParamsOptions]


LoopSubprocessExecResultPipes = TypedDict(
    "LoopSubprocessExecResultPipes", {"0": "NotRequired[int]", "1": "NotRequired[int]", "2": "NotRequired[int]"}
)


class LoopSubprocessExecResult(TypedDict):
    transport: int
    kind: Literal["tcp", "tls", "unix", "subprocess", "pty", "udp", "pipe"]
    extra: dict[str, Any]
    writeWindowBytes: int
    pid: int
    pipes: LoopSubprocessExecResultPipes


class LoopSubprocessShellParams(TypedDict):
    command: str
    cwd: NotRequired[str]
    env: NotRequired[dict[str, str]]
    clearEnv: NotRequired[bool]
    umask: NotRequired[int]
    stdin: NotRequired[Literal["pipe", "null"] | int | LoopSubprocessExecParamsStdin11]
    stdout: NotRequired[Literal["pipe", "null"] | int | LoopSubprocessExecParamsStdin11]
    stderr: NotRequired[Literal["pipe", "null", "stdout"] | int | LoopSubprocessExecParamsStdin11]
    fds: NotRequired[dict[str, int | str]]
    pty: NotRequired[LoopSubprocessExecParamsPty]
    processGroup: NotRequired[bool]
    uid: NotRequired[int]
    gid: NotRequired[int]
    drainMs: NotRequired[float]
    options: NotRequired[LoopConnectAcceptedSocketParamsOptions]


class LoopSubprocessShellResult(TypedDict):
    transport: int
    kind: Literal["tcp", "tls", "unix", "subprocess", "pty", "udp", "pipe"]
    extra: dict[str, Any]
    writeWindowBytes: int
    pid: int
    pipes: LoopSubprocessExecResultPipes


class LoopGetaddrinfoParams(TypedDict):
    host: str | None
    port: NotRequired[int | str | None]
    family: NotRequired[Literal["IPv4", "IPv6"] | Literal[4] | Literal[6]]
    type: NotRequired[Literal["stream", "datagram", "raw"]]
    proto: NotRequired[Literal["tcp", "udp", "ip"]]
    flags: NotRequired[list[Literal["passive", "numericHost", "numericService", "addrConfig", "v4Mapped", "all"]]]


class LoopGetaddrinfoResultItem(TypedDict):
    family: Literal["IPv4", "IPv6"]
    type: Literal["stream", "datagram", "raw"]
    proto: Literal["tcp", "udp", "ip"]
    canonname: str
    address: LoopCreateServerResultSocketsItem


LoopGetaddrinfoResult: TypeAlias = list[LoopGetaddrinfoResultItem]


class LoopGetnameinfoParams(TypedDict):
    address: NotRequired[LoopCreateConnectionParamsLocalAddr]
    host: NotRequired[str]
    port: NotRequired[int]
    flags: NotRequired[list[Literal["numericHost", "numericService", "nameRequired", "noFqdn", "datagram"]]]


class LoopGetnameinfoResult(TypedDict):
    host: str
    service: str


class ServerAttachParams(TypedDict):
    server: int | str
    steal: NotRequired[bool]


class ServerAttachResult(TypedDict):
    server: int
    name: NotRequired[str]
    clientId: int | None
    lifetime: Literal["client", "daemon"]
    sockets: list[LoopCreateServerResultSocketsItem | LoopCreateServerResultSocketsItem1]
    serving: bool
    connections: int


class ServerCloseParams(TypedDict):
    server: int | str


ServerCloseResult: TypeAlias = None


class ServerDetachParams(TypedDict):
    server: int | str


ServerDetachResult: TypeAlias = None


class ServerGetInfoParams(TypedDict):
    server: int | str


class ServerGetInfoResult(TypedDict):
    server: int
    name: NotRequired[str]
    clientId: int | None
    lifetime: Literal["client", "daemon"]
    sockets: list[LoopCreateServerResultSocketsItem | LoopCreateServerResultSocketsItem1]
    serving: bool
    connections: int


class ServerIsServingParams(TypedDict):
    server: int | str


ServerIsServingResult: TypeAlias = bool


class ServerListParams(TypedDict):
    pass


class ServerListResult(TypedDict):
    servers: list[ServerGetInfoResult]


class ServerStartServingParams(TypedDict):
    server: int | str


ServerStartServingResult: TypeAlias = None


class TransportAbortParams(TypedDict):
    transport: int | str


TransportAbortResult: TypeAlias = None


class TransportAttachParams(TypedDict):
    transport: int | str
    since: NotRequired[int | Literal["start", "now"] | dict[str, int | Literal["start", "now"]]]
    role: NotRequired[Literal["owner", "observer"]]
    steal: NotRequired[bool]
    encoding: NotRequired[Literal["base64", "utf8"]]
    readWindowBytes: NotRequired[int]
    paused: NotRequired[bool]


TransportAttachResultRetained = TypedDict("TransportAttachResultRetained", {"from": "int", "to": "int"})


class TransportAttachResultChannelsItem(TypedDict):
    id: int
    fd: NotRequired[int]
    offset: int
    retained: TransportAttachResultRetained
    written: int
    flushed: int


class TransportAttachResult(TypedDict):
    transport: int
    kind: Literal["tcp", "tls", "unix", "subprocess", "pty", "udp", "pipe"]
    extra: dict[str, Any]
    writeWindowBytes: int
    pid: NotRequired[int]
    pipes: NotRequired[LoopSubprocessExecResultPipes]
    offset: int
    retained: TransportAttachResultRetained
    written: int
    flushed: int
    channels: list[TransportAttachResultChannelsItem]


class TransportCanWriteEofParams(TypedDict):
    transport: int | str


TransportCanWriteEofResult: TypeAlias = bool


class TransportCloseParams(TypedDict):
    transport: int | str


TransportCloseResult: TypeAlias = None


class TransportConfigureParamsMulticast(TypedDict):
    interface: NotRequired[str]
    ttl: NotRequired[int]
    loopback: NotRequired[bool]
    leave: NotRequired[list[LoopCreateDatagramEndpointParamsMulticastJoinItem]]
    join: NotRequired[list[LoopCreateDatagramEndpointParamsMulticastJoinItem]]


class TransportConfigureParams(TypedDict):
    transport: int | str
    encoding: NotRequired[Literal["base64", "utf8"]]
    onEof: NotRequired[Literal["close", "keep"]]
    readWindowBytes: NotRequired[int]
    multicast: NotRequired[TransportConfigureParamsMulticast]


TransportConfigureResult: TypeAlias = None


class TransportConsumedParams(TypedDict):
    transport: int | str
    offset: int


class TransportDescribeParams(TypedDict):
    transport: int | str


class TransportDescribeResultAttachmentsItem(TypedDict):
    clientId: int
    role: Literal["owner", "observer"]


class TransportDescribeResultChannelsItem(TypedDict):
    id: int
    fd: NotRequired[int]
    received: int
    sent: int
    consumed: int
    retained: TransportAttachResultRetained
    written: int
    flushed: int
    brought: int
    moved: int


class TransportDescribeResult(TypedDict):
    transport: int
    kind: Literal["tcp", "tls", "unix", "subprocess", "pty", "udp", "pipe"]
    name: NotRequired[str]
    server: NotRequired[int]
    clientId: int | None
    lifetime: Literal["client", "daemon"]
    state: Literal["opening", "open", "closing", "ended"]
    extra: dict[str, Any]
    pid: NotRequired[int]
    returncode: NotRequired[int | None]
    attachments: list[TransportDescribeResultAttachmentsItem]
    channels: list[TransportDescribeResultChannelsItem]


class TransportDetachParams(TypedDict):
    transport: int | str


TransportDetachResult: TypeAlias = None


class TransportDetachedParams(TypedDict):
    transport: int
    by: int


class TransportFlushedParams(TypedDict):
    transport: int
    offset: int


class TransportGetExtraInfoParams(TypedDict):
    transport: int | str
    name: str
    default: NotRequired[Any]


TransportGetExtraInfoResult: TypeAlias = Any


class TransportGetPidParams(TypedDict):
    transport: int | str


TransportGetPidResult: TypeAlias = int


class TransportGetPipeTransportParams(TypedDict):
    transport: int | str
    fd: int


TransportGetPipeTransportResult: TypeAlias = int | None


class TransportGetReturncodeParams(TypedDict):
    transport: int | str


TransportGetReturncodeResult: TypeAlias = int | None


class TransportGetWriteBufferLimitsParams(TypedDict):
    transport: int | str


class TransportGetWriteBufferLimitsResult(TypedDict):
    highBytes: int
    lowBytes: int


class TransportGetWriteBufferSizeParams(TypedDict):
    transport: int | str


TransportGetWriteBufferSizeResult: TypeAlias = int


class TransportIsClosingParams(TypedDict):
    transport: int | str


TransportIsClosingResult: TypeAlias = bool


class TransportIsReadingParams(TypedDict):
    transport: int | str


TransportIsReadingResult: TypeAlias = bool


class TransportKillParams(TypedDict):
    transport: int | str


TransportKillResult: TypeAlias = None


class TransportListParams(TypedDict):
    pass


class TransportListResult(TypedDict):
    transports: list[TransportDescribeResult]


class TransportPauseReadingParams(TypedDict):
    transport: int | str


TransportPauseReadingResult: TypeAlias = None


class TransportResizeParams(TypedDict):
    transport: int | str
    columns: int
    rows: int


TransportResizeResult: TypeAlias = None


class TransportResumeReadingParams(TypedDict):
    transport: int | str


TransportResumeReadingResult: TypeAlias = None


class TransportSendSignalParams(TypedDict):
    transport: int | str
    signal: int | str


TransportSendSignalResult: TypeAlias = None


class TransportSetWriteBufferLimitsParams(TypedDict):
    transport: int | str
    highBytes: NotRequired[int]
    lowBytes: NotRequired[int]


TransportSetWriteBufferLimitsResult: TypeAlias = None


TransportSpliceParams = TypedDict(
    "TransportSpliceParams", {"from": "int | str", "to": "int | str", "both": "NotRequired[bool]"}
)


TransportSpliceResult: TypeAlias = None


class TransportSplicedParamsError(TypedDict):
    code: int
    message: str
    data: NotRequired[dict[str, Any]]


TransportSplicedParams = TypedDict(
    "TransportSplicedParams", {"from": "int", "to": "int", "bytes": "int", "error": "TransportSplicedParamsError | None"}
)


class TransportTerminateParams(TypedDict):
    transport: int | str


TransportTerminateResult: TypeAlias = None


class TransportTunnelParams(TypedDict):
    transport: int | str
    since: NotRequired[int | Literal["start", "now"]]
    steal: NotRequired[bool]


class TransportTunnelResult(TypedDict):
    transport: int
    kind: Literal["tcp", "tls", "unix", "subprocess", "pty", "udp", "pipe"]
    offset: int
    written: int
    brought: int


class TransportWriteParams(TypedDict):
    transport: int | str
    data: NotRequired[bytes | str]
    text: NotRequired[str]
    offset: NotRequired[int]


TransportWriteResult: TypeAlias = None


class TransportWriteEofParams(TypedDict):
    transport: int | str


TransportWriteEofResult: TypeAlias = None


class TransportWritelinesParams(TypedDict):
    transport: int | str
    data: list[bytes | str]


TransportWritelinesResult: TypeAlias = None


ProtocolBytesLostParams = TypedDict(
    "ProtocolBytesLostParams", {"transport": "int", "fd": "NotRequired[int]", "from": "int", "to": "int"}
)


class ProtocolConnectionLostParams(TypedDict):
    transport: int
    error: TransportSplicedParamsError | None


class ProtocolConnectionMadeParams(TypedDict):
    transport: int
    kind: Literal["tcp", "tls", "unix", "subprocess", "pty", "udp", "pipe"]
    server: NotRequired[int]
    extra: dict[str, Any]
    writeWindowBytes: int
    pid: NotRequired[int]
    pipes: NotRequired[LoopSubprocessExecResultPipes]


class ProtocolDataReceivedParams(TypedDict):
    transport: int
    data: NotRequired[bytes | str]
    text: NotRequired[str]
    offset: NotRequired[int]


class ProtocolDatagramReceivedParams(TypedDict):
    transport: int
    data: NotRequired[bytes | str]
    text: NotRequired[str]
    offset: NotRequired[int]
    addr: LoopCreateServerResultSocketsItem


class ProtocolDatagramsLostParams(TypedDict):
    transport: int
    count: int


class ProtocolEofReceivedParams(TypedDict):
    transport: int


class ProtocolErrorReceivedParams(TypedDict):
    transport: int
    error: TransportSplicedParamsError


class ProtocolPauseWritingParams(TypedDict):
    transport: int
    fd: NotRequired[int]


class ProtocolPipeConnectionLostParams(TypedDict):
    transport: int
    fd: int
    error: TransportSplicedParamsError | None


class ProtocolPipeDataReceivedParams(TypedDict):
    transport: int
    fd: int
    data: NotRequired[bytes | str]
    text: NotRequired[str]
    offset: NotRequired[int]


class ProtocolProcessExitedParams(TypedDict):
    transport: int
    returncode: int
    signal: Any
    outputMayBeIncomplete: NotRequired[bool]


class ProtocolResumeWritingParams(TypedDict):
    transport: int
    fd: NotRequired[int]


class DaemonDescriptorSocketParams(TypedDict):
    pass


class DaemonDescriptorSocketResult(TypedDict):
    path: str


class DaemonEventParams(TypedDict):
    event: Literal[
        "clientConnected", "clientGone", "opened", "attached", "detached", "ended", "forgotten", "listening", "closed", "missed"
    ]
    count: NotRequired[int]
    clientId: NotRequired[int | None]
    transport: NotRequired[int]
    server: NotRequired[int]
    kind: NotRequired[Literal["tcp", "tls", "unix", "subprocess", "pty", "udp", "pipe"]]
    name: NotRequired[str]


class DaemonInfoParams(TypedDict):
    pass


class DaemonInfoResult(TypedDict):
    name: Literal["transportd"]
    version: str
    protocolVersion: int
    pid: int
    startId: str
    platform: str
    nodeVersion: str
    uptimeMs: float
    socket: Any
    clients: int
    transports: int
    servers: int


class DaemonShutdownParams(TypedDict):
    graceMs: NotRequired[float]


DaemonShutdownResult: TypeAlias = None


class DaemonStatisticsParams(TypedDict):
    pass


class DaemonStatisticsResultMemory(TypedDict):
    residentBytes: int
    heapBytes: int
    buffersBytes: int


class DaemonStatisticsResultEventLoopDelayMs(TypedDict):
    p50: float
    p99: float
    max: float


class DaemonStatisticsResultTotals(TypedDict):
    clients: int
    transports: int
    receivedBytes: int
    writtenBytes: int


class DaemonStatisticsResultClientsItem(TypedDict):
    clientId: int
    name: NotRequired[str]
    version: NotRequired[str]
    processId: NotRequired[int]
    connectedMs: float
    flowControl: bool
    transports: int
    pendingBytes: int
    unflushedBytes: int
    ignoredMessages: int


class DaemonStatisticsResultTransportsItem(TypedDict):
    transport: int
    kind: Literal["tcp", "tls", "unix", "subprocess", "pty", "udp", "pipe"]
    name: NotRequired[str]
    clientId: int | None
    state: str
    receivedBytes: int
    unreadBytes: int
    retainedBytes: int
    writtenBytes: int
    unflushedBytes: int


class DaemonStatisticsResult(TypedDict):
    uptimeMs: float
    memory: DaemonStatisticsResultMemory
    eventLoopDelayMs: DaemonStatisticsResultEventLoopDelayMs
    totals: DaemonStatisticsResultTotals
    clients: list[DaemonStatisticsResultClientsItem]
    transports: list[DaemonStatisticsResultTransportsItem]


class DaemonWatchParams(TypedDict):
    watch: NotRequired[bool]


DaemonWatchResult: TypeAlias = None
