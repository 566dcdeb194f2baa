#!/usr/bin/env node
/**
 * What is started as `transportd`: runs `command.ts` and all that it loads, which the build makes one file of, from what
 * V8 compiled of it at build time.
 */
import { run } from "./compiled.ts"

run(import.meta.dirname)
