/**
 * All generated pages: which there are, and where. Pure: the same sources give the same pages.
 */
import { openrpcDocument } from "../../protocol/openrpc.ts"
import { VERSION } from "../../protocol/version.ts"
import { conformancePage } from "./conformance.ts"
import { errorsPage } from "./errors.ts"
import { limitsPage } from "./limits.ts"
import { messagesPage } from "./messages.ts"
import { inOrder } from "./order.ts"
import { settingsPage } from "./settings.ts"

/** The folder that holds nothing but generated files. */
export const REFERENCE = "docs/reference"

/**
 * Content by path from the root.
 * @param read the text of a source file, named by its path from the root.
 * @param list the files under a folder whose names end like that, by path from the root.
 */
export function referencePages(
  read: (file: string) => string,
  list: (folder: string, ending: string) => readonly string[],
): Map<string, string> {
  const conformanceTests = list("test/conformance", ".test.ts")
  return new Map([
    [`${REFERENCE}/openrpc.json`, openrpcPage()],
    [`${REFERENCE}/messages.md`, messagesPage()],
    [`${REFERENCE}/errors.md`, errorsPage()],
    [`${REFERENCE}/limits.md`, limitsPage(read("protocol/limits.ts"))],
    [`${REFERENCE}/settings.md`, settingsPage()],
    [`${REFERENCE}/conformance.md`, conformancePage(new Map(conformanceTests.map((file) => [file, read(file)])))],
  ])
}

/** What `rpc.discover` answers, with its methods in the order of the reference. */
function openrpcPage(): string {
  const document = openrpcDocument(VERSION) as { methods: { name: string }[] }
  return `${JSON.stringify({ ...document, methods: inOrder(document.methods) }, null, 2)}\n`
}
