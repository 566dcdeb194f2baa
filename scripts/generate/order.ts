/** The order of messages on every page: namespaces as the registry lists them, names by the alphabet within. */
import { declarations } from "../../protocol/registry.ts"

/** The part before the slash; the messages that open and end a connection have none. */
export function namespaceOf({ name }: { readonly name: string }): string {
  return name.includes("/") ? name.slice(0, name.indexOf("/")) : "life of a connection"
}

const namespaces = [...new Set(declarations.map(namespaceOf))]

/** `messages`, sorted. */
export function inOrder<Named extends { readonly name: string }>(messages: readonly Named[]): Named[] {
  const rank = (message: Named): number => namespaces.indexOf(namespaceOf(message))
  return [...messages].sort((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1))
}
