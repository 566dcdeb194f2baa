/** Names of services to ports and back, from the system's own list: Node asks it in one direction only. */
import { readFile } from "node:fs/promises"

export interface Service {
  readonly name: string
  readonly port: number
  readonly proto: string
}

const PATH = "/etc/services"

/** The list; empty where the system has none. Source: services(5). */
async function services(): Promise<Service[]> {
  const text = await readFile(PATH, "utf8").catch(() => "")
  return text.split("\n").flatMap(parseLine)
}

/** One line: `name port/proto alias…`, and one entry for each of the names. */
function parseLine(line: string): Service[] {
  const [name, where, ...aliases] = (line.split("#")[0] ?? "").split(/\s+/).filter((word) => word !== "")
  const [port, proto] = where?.split("/") ?? []
  if (name === undefined || port === undefined || proto === undefined || !/^\d+$/.test(port)) return []
  return [name, ...aliases].map((each) => ({ name: each, port: Number(port), proto }))
}

/** The port of `name`, of any of `protos`; undefined when the system does not know it. */
export async function portOf(name: string, protos: readonly string[]): Promise<number | undefined> {
  return (await services()).find((each) => each.name === name && protos.includes(each.proto))?.port
}

/** The name of `port`; undefined when it has none. */
export async function serviceOf(port: number, proto: string): Promise<string | undefined> {
  return (await services()).find((each) => each.port === port && each.proto === proto)?.name
}
