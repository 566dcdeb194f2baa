/** How costs grow with the number of transports, and of clients: none of them faster than that number. */
import { maxDescriptors } from "../processes.ts"
import type { Measure } from "../measure.ts"
import { clientCosts } from "../scaling/clients.ts"
import { growths } from "../scaling/growth.ts"
import { transportCosts } from "../scaling/transports.ts"

const TRANSPORTS = [1, 10, 100, 1000, 10_000]
const CLIENTS = [1, 10, 100]
/** What the daemon and the remote need beside their transports. */
const SPARE_DESCRIPTORS = 100

export const scaling: Measure = {
  name: "scaling",
  about: "costs of one transport and one client while there are more and more",
  async run(field, effort) {
    const most = maxDescriptors() - SPARE_DESCRIPTORS
    const wanted = effort.share < 1 ? TRANSPORTS.slice(0, 3) : TRANSPORTS
    const sizes = wanted.filter((size) => size <= most)
    if (sizes.length < wanted.length) {
      const need = (wanted.at(-1) ?? 0) + SPARE_DESCRIPTORS
      effort.leftOut(`${wanted.at(-1)} transports need ${need} descriptors: raise the hard limit (ulimit -Hn)`)
    }
    return [
      ...(await growths("transport", sizes, effort, (size) => transportCosts(field, size))),
      ...(await growths("client", effort.share < 1 ? CLIENTS.slice(0, 2) : CLIENTS, effort, (size) =>
        clientCosts(field, size),
      )),
    ]
  },
}
