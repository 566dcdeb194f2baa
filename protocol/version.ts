/** The version of the wire contract: raised only when an old client and a new daemon could misunderstand each other. */
export const PROTOCOL_VERSION = 1

/** The lowest version that this daemon still speaks. */
export const OLDEST_PROTOCOL_VERSION = 1

/** The version of the package. A test holds it to `package.json`. */
export const VERSION = "0.1.0"
