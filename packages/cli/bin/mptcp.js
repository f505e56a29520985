#!/usr/bin/env node
// Starts the compiled command; says what to do when there is none.
import { existsSync } from "node:fs";

const compiled = new URL("../dist/main.js", import.meta.url);
if (existsSync(compiled)) {
  const { main, processIo } = await import(compiled.href);
  process.exitCode = await main(process.argv.slice(2), processIo());
} else {
  process.stderr.write("mptcp: not built yet; run `npm install` or `npm run build` in the project's root first\n");
  process.exitCode = 1;
}
