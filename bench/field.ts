/** What measures share: a folder, the remote, one daemon, and the ways. Each is made for the first to ask. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { startDaemon, startRole, type Daemon, type Role } from "./processes.ts"
import { WAYS, type WayName, type Ways } from "./ways/index.ts"
import type { Ports, Way } from "./ways/way.ts"

/** What ways are made from. */
export interface Ground {
  /** For sockets and files; goes away with the field. */
  readonly folder: string
  readonly ports: Ports
  /** The daemon that all share. Who needs one alone starts it with `startDaemon`. */
  daemon(): Promise<Daemon>
}

export class Field implements Ground {
  readonly folder = mkdtempSync(join(tmpdir(), "transportd-bench-"))
  readonly #remote: Role<Ports>
  readonly #ways = new Map<WayName, Promise<Way>>()
  #daemon: Promise<Daemon> | null = null

  private constructor(remote: Role<Ports>) {
    this.#remote = remote
  }

  static async prepare(): Promise<Field> {
    return new Field(await startRole<Ports>("remote"))
  }

  get ports(): Ports {
    return this.#remote.ready
  }

  /** A property, so that whoever takes it out of a field can call it. */
  readonly daemon = (): Promise<Daemon> => (this.#daemon ??= startDaemon(join(this.folder, "daemon.sock")))

  async way<Name extends WayName>(name: Name): Promise<Ways[Name]> {
    const way = this.#ways.get(name) ?? WAYS[name](this)
    this.#ways.set(name, way)
    return (await way) as Ways[Name]
  }

  async ways<Name extends WayName>(names: readonly Name[]): Promise<Pick<Ways, Name>> {
    const entries: Array<[Name, Ways[Name]]> = []
    for (const name of names) entries.push([name, await this.way(name)])
    return Object.fromEntries(entries) as Pick<Ways, Name>
  }

  async end(): Promise<void> {
    const ways = await Promise.allSettled(this.#ways.values())
    await Promise.all(ways.filter((way) => way.status === "fulfilled").map(({ value }) => value.end()))
    await Promise.all([this.#remote.stop(), this.#daemon?.then((daemon) => daemon.stop())])
    rmSync(this.folder, { recursive: true, force: true })
  }
}
