#!/usr/bin/env node
// Starts the compiled command; says what to do when there is none.
import { existsSync } from "node:fs";

const compiled = new URL("../dist/main.js", import.meta.url);
if (existsSync(compiled)) {
  const { main, processIo } = await import(compiled.href);
  const code = await main(process.argv.slice(2), processIo());
  // Standard output may have broken, which has set one already.
  process.exitCode = code === 0 ? (process.exitCode ?? 0) : code;
  if (code === 130 || code === 143) {
    // Who asked to end waits for nobody who does not read what was written for him; and asking once more helps at once.
    const end = () => process.exit(code);
    setTimeout(end, 3000).unref();
    for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, end);
  }
} else {
  process.stderr.write("mptcp: not built yet; run `npm install` or `npm run build` in the project's root first\n");
  process.exitCode = 1;
}
