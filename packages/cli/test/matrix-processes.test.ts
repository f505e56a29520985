import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MatrixResult } from "@mptcp/testbed/matrix";
import { afterAll, afterEach, expect, test } from "vitest";
import { Command } from "./processes.ts";

const folder = mkdtempSync(join(tmpdir(), "mptcp-matrix-"));
afterEach(() => Command.stopAll());
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Document {
  readonly seed: number;
  readonly rows: readonly MatrixResult[];
  readonly interrupted: boolean;
  readonly skipped: string | null;
}

test("mptcp matrix --virtual writes its results, the same each time", async () => {
  const run = async (name: string): Promise<Document> => {
    const out = join(folder, name);
    const command = new Command(["matrix", "--virtual", "--only", "payload-editor/same", "--only", "ip-header", "--json", "--out", out]);
    expect([await command.code, command.stderr.split("\n").at(-2)]).toEqual([0, expect.stringMatching(/^\d+ runs in \d+ s: all as prescribed/)]);
    const printed = JSON.parse(Buffer.concat(command.output).toString()) as Document;
    expect(JSON.parse(readFileSync(join(out, "matrix.json"), "utf8"))).toEqual(printed);
    expect(readFileSync(join(out, "matrix.html"), "utf8")).toContain("<h1>Fallback matrix");
    return printed;
  };
  const first = await run("one");
  expect(first).toMatchObject({ seed: 1, interrupted: false, skipped: null });
  expect(await run("another")).toEqual(first);
  // Two editors, each for one way, and a box for both; at three places, with checksums and without, in two versions.
  expect(first.rows).toHaveLength((2 + 2) * 3 * 2 * 2);
  expect(first.rows[0]).toMatchObject({ middlebox: "payload-editor", position: "same/up", data: "up", paths: 1, checksum: false, client: "ours", server: "ours", version: 1, outcome: "multipath", prescribed: ["multipath"] });
});

test("mptcp matrix ends by Ctrl-C, with what there is", async () => {
  const out = join(folder, "interrupted");
  const command = new Command(["matrix", "--virtual", "--out", out]);
  await command.until(() => Buffer.concat(command.output).toString().includes("runs\n"));
  command.signal("SIGINT");
  expect(await command.code).toBe(130);
  const { interrupted, rows } = JSON.parse(readFileSync(join(out, "matrix.json"), "utf8")) as Document;
  expect(interrupted).toBe(true);
  expect(rows.length).toBeGreaterThan(50);
  expect(readFileSync(join(out, "matrix.html"), "utf8")).toContain("Interrupted");
});

test("mptcp matrix says what it has not, and where it cannot write", async () => {
  const unknown = new Command(["matrix", "--virtual", "--only", "flux-capacitor", "--out", join(folder, "none")]);
  expect([await unknown.code, unknown.stderr]).toEqual([2, "no middlebox has flux-capacitor in its name; mptcp matrix --virtual --json shows all\n"]);
  expect(existsSync(join(folder, "none"))).toBe(false);
  const file = join(folder, "file");
  writeFileSync(file, "");
  const nowhere = new Command(["matrix", "--virtual", "--only", "ip-header", "--out", join(file, "below")]);
  expect(await nowhere.code).toBe(2);
  expect(nowhere.stderr).toContain("below: ");
  const wrong = new Command(["matrix", "--jobs", "0"]);
  expect(await wrong.code).toBe(2);
});

test("without privileges the kernel's runs are left out, and it says so", async () => {
  // Nobody has no way into a folder of ours.
  const out = join(tmpdir(), `mptcp-matrix-nobody-${process.pid}`);
  const command = new Command(["matrix", "--only", "ip-header", "--json", "--out", out], { unprivileged: true });
  expect(await command.code).toBe(0);
  const { skipped, rows } = JSON.parse(Buffer.concat(command.output).toString()) as Document;
  expect(command.stderr).toContain("runs with the kernel are left out: ");
  expect(skipped).toContain("left out");
  expect(rows.every(({ client, server }) => client === "ours" && server === "ours")).toBe(true);
  rmSync(out, { recursive: true, force: true });
});
