/**
 * Every number that both ends, or more than one room, must agree on: name with its unit, value, and why that value.
 * Settings a user may change start from these; `daemon/config.ts` says which.
 */

const KiB = 1024
const MiB = 1024 * KiB

/** The header block of one frame; real ones have about 100 bytes, a byte message's `Params` a few hundred. */
export const MAX_HEADER_BYTES = 8 * KiB

/** The body of one frame. Bulk data travels in far smaller pieces; this bounds what one message may make us hold. */
export const MAX_MESSAGE_BYTES = 16 * MiB

/** Nesting of arrays and objects in one message: the deepest declared message has 7. */
export const MAX_NESTING = 64

/** A request id given as a string: enough for a UUID with a prefix. */
export const MAX_REQUEST_ID_BYTES = 256

/** Requests of one client that run at once; one more is refused. */
export const MAX_REQUESTS_IN_FLIGHT = 256

/** Messages read and not yet dispatched, per connection: past it we stop reading, so a flood stalls its sender alone. */
export const MAX_UNDISPATCHED_MESSAGES = 64

/** Most bytes of one transport in one message, so that others get their turn. */
export const CHUNK_BYTES = 64 * KiB

/** What waits for one client's connection before bulk data is held back: one chunk being sent, the next ready. */
export const OUTBOX_HIGH_BYTES = 4 * CHUNK_BYTES

/** Remote to client: most bytes sent and not yet consumed, per transport. yamux and OpenSSH start in the same range. */
export const READ_WINDOW_BYTES = 256 * KiB

/**
 * The window that the TypeScript client asks for. What one read of a busy process brings is 128 KiB, and with the usual
 * window the daemon stood still every other time: 480 MB/s from a remote, where this window gave 610.
 */
export const LIBRARY_READ_WINDOW_BYTES = 1 * MiB

/** How much the TypeScript client consumes until it says so: several times in a window, so that it never runs dry. */
export const LIBRARY_REPORT_BYTES = 128 * KiB

/** A client without flow control: datagrams are dropped while more than this waits for its connection. */
export const MAX_WAITING_BYTES = 1 * MiB

/** Client to remote: most bytes sent and not yet flushed to the system, per transport. */
export const WRITE_WINDOW_BYTES = 1 * MiB

/** Flushed bytes that are reported at once: reports of fewer wait for each other. */
export const FLUSH_REPORT_BYTES = 16 * KiB

/** How long they wait: the shortest that a timer can. */
export const FLUSH_REPORT_MS = 1

/** Client to remote: past this many bytes buffered for all its transports the daemon stops reading a client. */
export const MAX_BUFFERED_BYTES = 64 * MiB

/** asyncio's default water marks for sockets and pipes (`transports.py`, `_FlowControlMixin`). */
export const HIGH_WATER_BYTES = 64 * KiB
export const LOW_WATER_BYTES = 16 * KiB

/** The same for TLS (`FLOW_CONTROL_HIGH_WATER_SSL_WRITE`, and a quarter of it). */
export const TLS_HIGH_WATER_BYTES = 512 * KiB
export const TLS_LOW_WATER_BYTES = 128 * KiB

/** With lifetime "daemon": bytes kept for a client that comes back or comes late, unless it says otherwise. */
export const RETAIN_BYTES = 1 * MiB

/** Most that a client may ask to be kept for one transport. */
export const MAX_RETAIN_BYTES = 256 * MiB

/** How long a transport that ended can still be attached. */
export const RETAIN_CLOSED_MS = 5 * 60_000

/** Ended transports that are kept at once; the oldest give way. */
export const MAX_RETAINED_ENDED = 1_000

/** What all of them keep together, as much as one may ask for; the oldest give way, the latest stays in any case. */
export const RETAIN_CLOSED_BYTES = MAX_RETAIN_BYTES

/** How long `close` may flush once the client is gone; then the transport is aborted. */
export const CLOSE_DEADLINE_MS = 5_000

/** How long a process group has between SIGTERM (SIGHUP, with a terminal) and SIGKILL once its client is gone. */
export const KILL_DEADLINE_MS = 2_000

/** After a process exited: how long its pipes may stay silent (a grandchild holds them) before they are let go. */
export const DRAIN_MS = 2_000

/** After our last word to a client: how long it has to close its side before we do. */
export const LINGER_MS = 1_000

/** How long a connection attempt may take before it fails; Linux alone would try for about two minutes. */
export const CONNECT_TIMEOUT_MS = 60_000

/** A look-up of a name: libc alone tries for up to 30 s per server that does not answer. */
export const LOOKUP_TIMEOUT_MS = 20_000

/** Highest number of a descriptor in a child: systems without a word about it let a process have 256. */
export const MAX_CHILD_FD = 255

/** Look-ups that run at once: each takes one of the four threads that files use too, so two are left to those. */
export const MAX_LOOKUPS = 2

/** What a datagram counts in a write buffer beside its bytes: asyncio's figure since 3.13, and what bounds empty ones. */
export const DATAGRAM_OVERHEAD_BYTES = 8

/** Longer than any UDP datagram: the length field of its header has 16 bits. */
export const MAX_DATAGRAM_BYTES = 65_535

/** News of the daemon that wait for a watcher that is slow to take them; more are counted, and the count is told. */
export const MAX_WAITING_EVENTS = 1_000

/** Listening backlog, asyncio's default. */
export const BACKLOG = 100

/** Descriptors that a client has handed over and nothing was made of: one for each request that it may have open. */
export const MAX_HANDED_DESCRIPTORS = MAX_REQUESTS_IN_FLIGHT

/** How long a request waits for a descriptor that it names: the two travel on different ways, and either may be first. */
export const DESCRIPTOR_WAIT_MS = 5_000

/** Longest name of a descriptor, as of everything else. */
export const MAX_DESCRIPTOR_NAME_LENGTH = 256

/** A line that comes with a descriptor: a name of 256 characters, each written as `\\u` escapes, and some room. */
export const MAX_DESCRIPTOR_LINE_BYTES = 4 * KiB

/** Connections to one descriptor socket: a client needs one, and one more for each process that helps it. */
export const MAX_DESCRIPTOR_CONNECTIONS = 16

/** Transports, servers and processes of one client. */
export const MAX_TRANSPORTS_PER_CLIENT = 20_000

/** Clients on one socket. */
export const MAX_CLIENTS = 1_000

/** Longest path of a Unix socket: macOS has room for 103 bytes and a NUL, and Node 20 cuts longer ones in silence. */
export const MAX_SOCKET_PATH_BYTES = 103

/** How long a TLS handshake may take (asyncio: `SSL_HANDSHAKE_TIMEOUT`). */
export const TLS_HANDSHAKE_TIMEOUT_MS = 60_000

/** How long a closed TLS transport waits for the remote's end (asyncio: `SSL_SHUTDOWN_TIMEOUT`). */
export const TLS_SHUTDOWN_TIMEOUT_MS = 30_000

/** Handshakes of one TLS server that run at once: each has a descriptor, and nobody has heard of it yet. */
export const MAX_HANDSHAKES = 1_000

/** Certificates and keys, as text or in a file: the authorities of a whole system have a quarter of it. */
export const MAX_PEM_BYTES = 1 * MiB
