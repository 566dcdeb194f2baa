import { getaddrinfo, getnameinfo } from "../../open/names.ts"
import type { Handlers } from "../context.ts"

export const nameHandlers: Pick<Handlers, "loop/getaddrinfo" | "loop/getnameinfo"> = {
  "loop/getaddrinfo": (params, { signal }) => getaddrinfo(params, signal),
  "loop/getnameinfo": (params, { signal }) => getnameinfo(params, signal),
}
