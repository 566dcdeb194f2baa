/** A datagram protocol that records, and endpoints of the client library for the tests of this folder. */
import type { Client, DatagramProtocol, DatagramTransport, SenderAddress } from "transportd/client"
import { Recording } from "../client/library.ts"

export const LOCAL = { host: "127.0.0.1", port: 0 }

export class DatagramRecorder implements DatagramProtocol {
  readonly recording = new Recording(/^(made( datagram| error)*( lost)?)?$/)
  readonly heard: Array<{ readonly data: Buffer; readonly addr: SenderAddress }> = []
  readonly errors: Error[] = []
  error: Error | null | undefined
  transport: DatagramTransport | null = null
  readonly #hooks: DatagramProtocol

  constructor(hooks: DatagramProtocol = {}) {
    this.#hooks = hooks
  }

  get texts(): string[] {
    return this.heard.map(({ data }) => data.toString())
  }

  connectionMade(transport: DatagramTransport): void {
    this.transport = transport
    this.recording.hear("made")
    this.#hooks.connectionMade?.(transport)
  }

  datagramReceived(data: Buffer, addr: SenderAddress): void {
    this.heard.push({ data, addr })
    this.recording.hear("datagram")
    this.#hooks.datagramReceived?.(data, addr)
  }

  errorReceived(error: Error): void {
    this.errors.push(error)
    this.recording.hear("error")
  }

  pauseWriting(): void {
    this.recording.hear("pause")
  }

  resumeWriting(): void {
    this.recording.hear("resume")
  }

  connectionLost(error: Error | null): void {
    this.error = error
    this.recording.hear("lost")
  }

  /** Waits for `count` datagrams in all. */
  received(count: number): Promise<void> {
    return this.recording.until(() => this.heard.length >= count)
  }

  async lost(): Promise<Error | null> {
    await this.recording.heard("lost")
    return this.error ?? null
  }
}

type Params = Parameters<Client["loop"]["createDatagramEndpoint"]>[1]

export interface Endpoint {
  readonly transport: DatagramTransport
  readonly protocol: DatagramRecorder
  readonly sockname: SenderAddress
}

/** Bound to a free port unless `params` say otherwise. */
export async function endpoint(
  client: Client,
  params: Params = { localAddr: LOCAL },
  protocol = new DatagramRecorder(),
): Promise<Endpoint> {
  const [transport] = await client.loop.createDatagramEndpoint(() => protocol, params)
  return { transport, protocol, sockname: transport.getExtraInfo("sockname") as SenderAddress }
}
