/**
 * Streams of bytes that anybody can check from any offset: what a stream carries follows from its salt alone.
 * The salt is what both ends know of it without a word: a port, or a process id.
 */
import { pattern } from "../../support/random.ts"

// A prime length, and twice in a row so that any piece of that length is one slice.
const LENGTH = 65_521
const ONCE = pattern(LENGTH, 4_711)
const TWICE = Buffer.concat([ONCE, ONCE])

/** A direction of a stream. */
export type Way = "to the remote" | "from the remote"

/** The bytes of a stream from `offset` on; at most 65 521. */
export function bytesAt(way: Way, salt: number, offset: number, bytes: number): Buffer {
  const start = (offset + salt * (way === "to the remote" ? 7_919 : 104_729)) % LENGTH
  return TWICE.subarray(start, start + Math.min(bytes, LENGTH))
}

/** Whether `data` is what the stream carries from `offset` on. */
export function fits(way: Way, salt: number, offset: number, data: Buffer): boolean {
  for (let at = 0; at < data.length; at += LENGTH) {
    const piece = data.subarray(at, at + LENGTH)
    if (!piece.equals(bytesAt(way, salt, offset + at, piece.length))) return false
  }
  return true
}

/** A datagram that tells who it is. */
export function datagram(index: number): Buffer {
  const data = Buffer.from(bytesAt("to the remote", index, 0, 8 + (index % 1_200)))
  data.writeUInt32BE(index)
  return data
}

export function isDatagram(data: Buffer): boolean {
  return data.length >= 8 && data.equals(datagram(data.readUInt32BE()))
}
