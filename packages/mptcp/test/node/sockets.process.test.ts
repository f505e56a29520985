import { spawn } from "node:child_process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { expect, test } from "vitest";

/** Runs one of the scripts in peers/; what it printed, and how it ended. */
function run(script: string, ...args: string[]): Promise<{ readonly output: string; readonly code: number | null; readonly errors: string }> {
  const path = (name: string): string => fileURLToPath(new URL(`./peers/${name}`, import.meta.url));
  const child = spawn(process.execPath, ["--conditions=mptcp-source", "--import", pathToFileURL(path("typescript.mjs")).href, path(script), ...args], { timeout: 60_000 });
  let output = "";
  let errors = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ output, code, errors }));
  });
}

test("a process ends when its sockets and servers are unreferenced", async () => {
  expect(await run("unreferenced.ts")).toEqual({ output: "unreferenced\n", code: 0, errors: "" });
});

test("and lives while one of them is referenced", async () => {
  expect(await run("unreferenced.ts", "referenced")).toEqual({ output: "unreferenced\nstill here, ", code: 0, errors: "" });
});
