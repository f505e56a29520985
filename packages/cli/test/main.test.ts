import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Summary } from "@mptcp/scenario";
import pc from "picocolors";
import { afterAll, describe, expect, it } from "vitest";
import { main } from "../src/main.ts";
import type { Io } from "../src/main.ts";
import { Screen } from "./screen.ts";

const folder = mkdtempSync(join(tmpdir(), "mptcp-cli-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SMALL = join(folder, "small.yaml");
writeFileSync(
  SMALL,
  `name: small
title: Two small paths
paths:
  - { name: a, rate: 10 Mb/s, rtt: 20 ms }
  - { name: b, rate: 5 Mb/s, rtt: 50 ms }
workload: { bulk: { bytes: 500 KB } }
`,
);

const BOMB = join(folder, "bomb.yaml");
writeFileSync(BOMB, ["a: &a [x, x, x, x, x, x, x, x, x]", ..."bcde"].map((name, at) => (at === 0 ? name : `${name}: &${name} [${Array(9).fill(`*${"abcd"[at - 1]}`).join(", ")}]`)).join("\n"));

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command with streams that remember; `interrupt` presses Ctrl-C once the run has begun. */
async function mptcp(args: readonly string[], options: { columns?: number; interrupt?: boolean } = {}): Promise<Outcome> {
  let stdout = "";
  let stderr = "";
  let time = 0;
  const colors = pc.createColors(false);
  const io: Io = {
    stdout: { write: (text) => void (stdout += text), columns: options.columns ?? 0, colors },
    stderr: { write: (text) => void (stderr += text), columns: 0, colors },
    onInterrupt: (stop) => {
      if (options.interrupt === true) setImmediate(stop);
      return () => {};
    },
    // Every look at the clock takes a while, so that bars are drawn and signals are heard.
    clock: () => (time += 0.05),
    pipes: () => ({ input: process.stdin, isTyped: false, output: process.stdout, inputSize: null }),
  };
  const code = await main(args, io);
  return { code, stdout, stderr };
}

describe("mptcp", () => {
  it("explains itself", async () => {
    const help = await mptcp(["--help"]);
    expect(help).toMatchObject({ code: 0, stderr: "" });
    expect(help.stdout).toMatch(/Usage: mptcp/);
    expect(help.stdout).toMatch(/Examples:\n +mptcp list\n +mptcp run wifi-lte-handover/);
    expect((await mptcp(["run", "--help"])).stdout).toMatch(/--set <path=value>/);
    expect((await mptcp([])).code).toBe(2);
  });

  it("explains each command, with examples, and says each default once", async () => {
    const names = Array.from((await mptcp(["--help"])).stdout.matchAll(/^ {2}([a-z]+) .*\[options\]/gm), ([, name]) => name as string);
    expect(names).toEqual(expect.arrayContaining(["run", "listen", "connect", "forward", "doctor", "probe"]));
    for (const name of names) {
      const { code, stdout } = await mptcp([name, "--help"]);
      expect([name, code]).toEqual([name, 0]);
      expect(stdout).toMatch(new RegExp(`^ +(mptcp ${name} |.*--set paths)`, "m"));
      expect(stdout).toMatch(/Exit codes: /);
      expect(stdout).not.toMatch(/\(default: .*\) +\(default: |\(default: (\[\]|false)\)/);
    }
  });

  it("tells its version", async () => {
    const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };
    expect(await mptcp(["--version"])).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
  });

  it("lists the scenarios with their titles", async () => {
    const list = await mptcp(["list"]);
    expect(list.code).toBe(0);
    expect(list.stdout).toMatch(/^wifi-lte-handover +Hand-over from Wi-Fi to LTE and back$/m);
  });
});

describe("mptcp, used wrongly, exits with 2 and", () => {
  const wrong: [string, string[], RegExp][] = [
    ["suggests scenarios", ["run", "wifi-lte-handovr"], /there is no scenario "wifi-lte-handovr"; did you mean "wifi-lte-handover"/],
    ["names missing files", ["run", "./none.yaml"], /\.\/none\.yaml: no such file/],
    ["names folders", ["run", `${folder}/`], /^[^\n]*: is a folder; give a file in it\n$/],
    ["names aliases that stand for too much", ["run", BOMB], /^[^\n]*bomb\.yaml:5:8: alias \*d: with this one, aliases stand for more than 10000 values\n$/],
    ["checks --set", ["run", SMALL, "--set", "paths.a.rate=5Mbps"], /^--set paths\.a\.rate=5Mbps: paths\.a\.rate: .* is no unit of a rate/],
    ["wants --set to be an assignment", ["run", SMALL, "--set", "paths.a.rate"], /write it as path=value/],
    ["checks --seed", ["run", SMALL, "--seed", "-1"], /a seed is a whole number/],
    ["checks --file", ["run", SMALL, "--file", join(folder, "none")], /cannot read .*none/],
    ["knows its options", ["run", SMALL, "--jsn"], /unknown option '--jsn'.*Did you mean --json/s],
    ["knows its commands", ["rnu"], /unknown command 'rnu'.*Did you mean run/s],
    ["wants a scenario", ["run"], /missing required argument 'scenario'/],
  ];
  it.each(wrong)("%s", async (_name, args, message) => {
    const outcome = await mptcp(args);
    expect(outcome).toMatchObject({ code: 2, stdout: "" });
    expect(outcome.stderr).toMatch(message);
  });

  it("names file, line, column and field of a faulty scenario", async () => {
    const file = join(folder, "bad.yaml");
    writeFileSync(file, readFileSync(SMALL, "utf8").replace("rate: 5 Mb/s", "raet: 5 Mb/s"));
    expect(await mptcp(["run", file])).toEqual({ code: 2, stdout: "", stderr: `${file}:5:16: paths.b.raet: unknown field; did you mean "rate"?\n` });
  });
});

describe("mptcp run", () => {
  it("shows progress and a summary, and writes what it says it writes", async () => {
    const out = join(folder, "plain");
    const outcome = await mptcp(["run", SMALL, "--out", out, "--seed", "4"]);
    expect(outcome).toMatchObject({ code: 0, stderr: "" });
    expect(outcome.stdout).toMatch(/^Two small paths \(.*small\.yaml, seed 4\)$/m);
    expect(outcome.stdout).toMatch(/^ +\d\.\d\d s +\d+ % .*: a .* at .*, b .* at /m);
    expect(outcome.stdout).toMatch(/Two small paths: completed\nAll 488 KiB arrived unchanged\./);
    expect(outcome.stdout).toMatch(/^ {2}a .* \d+ segments? /m);
    expect(outcome.stdout).toContain(join(out, "report.html"));
    const summary = JSON.parse(readFileSync(join(out, "summary.json"), "utf8")) as Summary;
    expect(summary).toMatchObject({ scenario: "small", seed: 4, bytes: 500_000, outcome: "completed", fallback: null });
    expect(summary.sha256Received).toMatch(/^[0-9a-f]{64}$/);
    expect(summary.sha256Received).toBe(summary.sha256Sent);
    const events = readFileSync(join(out, "events.jsonl"), "utf8").trimEnd().split("\n").map((line) => JSON.parse(line) as { kind: string });
    for (const kind of Object.keys(summary.events)) expect(events.filter((event) => event.kind === kind)).toHaveLength(summary.events[kind]!);
    expect(readFileSync(join(out, "capture.pcapng")).readUInt32LE(0)).toBe(0x0a0d0d0a);
    expect(statSync(join(out, "capture.pcapng")).size).toBeGreaterThan(500_000);
    expect(readFileSync(join(out, "report.html"), "utf8")).toContain("mptcp run");
  });

  it("with --json prints the summary and nothing else to stdout", async () => {
    const out = join(folder, "json");
    const outcome = await mptcp(["run", SMALL, "--out", out, "--json", "--no-capture"]);
    expect(outcome.code).toBe(0);
    expect(JSON.parse(outcome.stdout)).toEqual(JSON.parse(readFileSync(join(out, "summary.json"), "utf8")));
    expect(outcome.stderr).toMatch(/Two small paths/);
    expect(existsSync(join(out, "capture.pcapng"))).toBe(false);
  });

  it.each([80, 100])("draws bars on a terminal of %d columns, over and over in the same place, and a summary that fits", async (columns) => {
    const outcome = await mptcp(["run", SMALL, "--out", join(folder, "bars"), "--no-capture"], { columns });
    expect(outcome.stdout).toContain("\u001B[3A");
    const screen = new Screen(columns, 24).write(outcome.stdout).text;
    const bars = screen.findIndex((line) => line.startsWith("small █"));
    expect(screen[bars]).toMatch(/^small █+ 100 % {2}488 KiB of 488 KiB {2}0\.\d\d s$/);
    for (const [at, name] of ["a", "b"].entries()) expect(screen[bars + 1 + at]).toMatch(new RegExp(`^  ${name}   [█░]+ `));
    expect(screen.filter((line) => line.startsWith("small"))).toHaveLength(1);
    // A line that does not fit would have been broken by the terminal.
    const lines = outcome.stdout.slice(outcome.stdout.indexOf("completed")).split("\n");
    for (const line of lines) expect([line, line.length <= columns]).toEqual([line, true]);
    expect(outcome.stdout).toMatch(/ {2}SHA-256 {13}equal,\s+[0-9a-f]{64}\n/);
    expect(outcome.stdout).toMatch(/\n {2}a .* > 10\.0\.0\.1:\d+\n/);
  });

  it("transfers the file that it is given", async () => {
    const file = join(folder, "file");
    writeFileSync(file, "some bytes".repeat(10_000));
    const outcome = await mptcp(["run", "wifi-lte-handover", "--file", file, "--out", join(folder, "file-run"), "--no-capture", "--json"]);
    expect(outcome.code).toBe(0);
    expect(JSON.parse(outcome.stdout)).toMatchObject({ bytes: 100_000, intact: true });
  });

  it("transfers at least 16 MiB when the scenario wants a file and is given none", async () => {
    const outcome = await mptcp(["run", "wifi-lte-handover", "--out", join(folder, "default"), "--no-capture", "--json"]);
    const summary = JSON.parse(outcome.stdout) as Summary;
    expect(outcome.code).toBe(0);
    expect(summary.bytes).toBeGreaterThanOrEqual(16 * 1024 * 1024);
    expect(summary.sha256Received).toBe(summary.sha256Sent);
  });

  it("exits with 0 when a stall is what the scenario expects, with 1 when it is not", async () => {
    const args = ["run", "single-path-tcp", "--file", SMALL, "--no-capture", "--out", join(folder, "stall"), "--set", "changes.0={at: 10 ms, path: wifi, state: down}"];
    const expected = await mptcp(args);
    expect(expected.stdout).toMatch(/That is what this scenario expects/);
    expect(expected.code).toBe(0);
    const unexpected = await mptcp([...args, "--set", "expect.outcome=completed"]);
    expect(unexpected.stdout).toMatch(/Not as expected: expected completed, not stalled/);
    expect(unexpected.code).toBe(1);
    expect(readFileSync(join(folder, "stall", "report.html"), "utf8")).toMatch(/Not as expected/);
  });

  // What is written to /dev/full meets a full disk.
  it.skipIf(!existsSync("/dev/full")).each(["capture.pcapng", "events.jsonl", "summary.json", "report.html"])("says in a line that the disk is full: %s", async (name) => {
    const out = join(folder, `full-${name}`);
    mkdirSync(out);
    symlinkSync("/dev/full", join(out, name));
    const outcome = await mptcp(["run", SMALL, "--out", out, "--json"]);
    const line = `${join(out, name)}: no space left on the device (ENOSPC); free some, or write somewhere else\n`;
    expect(outcome).toMatchObject({ code: 1, stdout: "" });
    expect(outcome.stderr.endsWith(`\n${line}`)).toBe(true);
    expect(outcome.stderr).not.toMatch(/report  |node:|at .*:\d+:\d+/);
  });

  it.each([
    ["before the run", 'throw new TypeError("on purpose");'],
    ["at its start", 'api.onStart(() => { throw new TypeError("on purpose"); });'],
    ["during it", 'api.onStart((run) => run.at(20e6, () => { throw new TypeError("on purpose"); }));'],
    ["in a part of the engine", 'api.use({ scheduler: () => ({ name: "own", select: () => { throw new TypeError("on purpose"); } }) });'],
  ])("names the place of an error in a module: %s", async (when, text) => {
    // A module is loaded once, so that each has a name of its own.
    const file = join(folder, `${when.replaceAll(" ", "-")}.mjs`);
    const lines = ["export default (api) => {", '  api.define({ name: "throws", paths: [{ name: "a", rate: "8 Mb/s" }, { name: "b", rate: "8 Mb/s" }], workload: { bulk: { bytes: "1 MB" } } });', `  ${text}`, "};", ""];
    writeFileSync(file, lines.join("\n"));
    const { code, stderr } = await mptcp(["run", file, "--out", join(folder, "throws"), "--json"]);
    expect(code).toBe(2);
    expect(stderr.trimEnd().split("\n").at(-1)).toMatch(new RegExp(`${when.replaceAll(" ", "-")}\\.mjs:3:${text.indexOf("new") + 3}: TypeError: on purpose$`));
    expect(stderr).not.toMatch(/^ +at /m);
  });

  it("stops cleanly on Ctrl-C: exits with 130, and writes what there is", async () => {
    const out = join(folder, "interrupted");
    const outcome = await mptcp(["run", SMALL, "--out", out, "--set", "workload.bulk.bytes=50 MB"], { interrupt: true });
    expect(outcome.code).toBe(130);
    expect(outcome.stdout).toMatch(/Interrupted after/);
    const summary = JSON.parse(readFileSync(join(out, "summary.json"), "utf8")) as Summary;
    expect(summary.outcome).toBe("interrupted");
    expect(summary.bytes).toBeLessThan(50_000_000);
    expect(existsSync(join(out, "report.html"))).toBe(true);
  });
});
