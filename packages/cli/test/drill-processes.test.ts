import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, expect, it } from "vitest";
import { Command } from "./processes.ts";

const folder = mkdtempSync(join(tmpdir(), "mptcp-cli-drill-"));
afterEach(() => Command.stopAll());
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it("mptcp drill --jobs runs scripts on threads, and says the same in the same order", async () => {
  for (let index = 0; index < 6; index++) writeFileSync(join(folder, `${index}.pkt`), `0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 listen(3, 1) = ${index === 4 ? -1 : 0}\n`);
  const run = async (...args: readonly string[]): Promise<readonly [number, string]> => {
    const command = new Command(["drill", folder, ...args]);
    const code = await command.code;
    return [code, Buffer.concat(command.output).toString().replace(/\d+(\.\d+)? m?s\b/g, "T")];
  };
  const [code, text] = await run("--jobs", "3");
  expect(code).toBe(1);
  expect(text).toMatch(/\n1 failed, 5 passed \(T\)\n$/);
  expect(text).toBe((await run())[1]);
});
