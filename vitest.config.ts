/**
 * How the tests run: the package's own name leads to the sources, and a report can be asked for.
 * Knows nothing of what is tested.
 */
import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

/** A file to write the results to as JSON, beside what is printed: `.ci/run` counts from it. */
const report = process.env.TEST_REPORT

const room = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  // Tests import the package by name, as a user does, and run its sources: no build stands between an edit and a test.
  resolve: {
    alias: {
      "transportd/protocol": room("protocol/index.ts"),
      "transportd/client": room("client/index.ts"),
      "transportd/daemon": room("daemon/index.ts"),
    },
  },
  test: {
    include: ["test/**/*.test.ts"],
    reporters: report === undefined ? ["default"] : ["default", ["json", { outputFile: report }]],
    testTimeout: 20_000,
    hookTimeout: 20_000,
  },
})
