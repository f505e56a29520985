import type { ChildProcess } from "node:child_process";
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFailed } from "vitest";
import { Terminal, terminalObstacle } from "../../packages/cli/test/processes.ts";
import { kernelTestObstacle } from "../../packages/mptcp/test/node/namespace.ts";
import { Screen } from "../../packages/cli/test/screen.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

// ---- what README says

const page = readFileSync(join(root, "README.md"), "utf8");
/** One thing is changed in what is pasted: the file has 20 MB and not 1 GiB, so that this is quick. */
const SMALLER = ["head -c 1G ", `head -c ${20e6} `] as const;
const [, first = "", play = "", section = ""] = /\n# mptcp\n([\s\S]*?)\n## Play\n([\s\S]*?)\n## On the real network\n([\s\S]*?)\n## /.exec(`\n${page}`) ?? [];
const [begin = "", processes = "", loss = "", amount = "", programs = "", kernel = ""] = section.split(/\n\*\*(?=Two ordinary processes|One path is lost|How much|Programs that|With the kernel)/);
const [start = ""] = blocksOf(first);
const sample = /\n```\n([\s\S]*?)\n```\n/.exec(first)?.[1]?.split("\n").filter((line) => line !== "" && line !== "...") ?? [];
const [scenarios = ""] = blocksOf(play);
const [setUp = ""] = blocksOf(begin);
const [listen = "", connect = ""] = blocksOf(processes);
const [lose = ""] = blocksOf(loss);
const [measure = ""] = blocksOf(amount);
const [forward = ""] = blocksOf(programs);
const [packages = "", withKernel = ""] = blocksOf(kernel);

function blocksOf(part: string): string[] {
  return Array.from(part.matchAll(/(?<=^|\n\n)(?: {4}.*\n|\n(?= {4}))+/g), ([block]) => block.replaceAll(/^ {4}/gm, "").trimEnd().replace(...SMALLER));
}

// ---- who follows it

const noNamespace = spawnSync("unshare", ["--map-root-user", "--net", "ip", "link", "set", "lo", "up"]).status === 0 ? null : "unshare is forbidden here, or there is no iproute2";

let folder = "";
/** README's ports are fixed. A network of its own lets this run beside another checkout's; whoever may not make one has the machine's. */
let network: ChildProcess | null = null;
let within: readonly string[] = [];
beforeAll(async () => {
  if (noNamespace !== null) return;
  network = spawn("unshare", ["--map-root-user", "--net", "sh", "-c", "ip link set lo up; echo; exec cat"], { stdio: ["pipe", "pipe", "inherit"] });
  await once(network.stdout as Readable, "data");
  within = ["nsenter", "--user", "--net", "--preserve-credentials", `--target=${network.pid}`];
});
// It ends with its standard input, also where this process is killed.
afterAll(() => void network?.stdin?.end());
beforeEach(() => {
  // In the place of the checkout, so that the files do not end up there.
  folder = mkdtempSync(join(tmpdir(), "mptcp-readme-"));
  for (const name of ["node_modules", "scenarios"]) symlinkSync(join(root, name), join(folder, name));
});
afterEach(async () => {
  await Terminal.stopAll();
  rmSync(folder, { recursive: true, force: true });
});

const PROMPT = "what next? ";
/** What a shell asks with for the rest of a command. */
const REST = "and then? ";
/**
 * Today's terminals put what is pasted in brackets: a shell takes it as one command of several lines, and does not execute the first one before it has seen the others. Others
 * paste as if it were typed; and who pastes line by line waits for each to be over.
 */
type Paste = "bracketed" | "plain" | "lines";
const PASTES = ["bracketed", "plain", "lines"] as const;

class Shell {
  /** From where on the shell has yet to ask for a command. */
  private asked = 0;
  private readonly terminal: Terminal;

  /** @param inside words that come before the shell's name */
  constructor(inside: readonly string[] = within) {
    this.terminal = new Terminal(`exec ${inside.join(" ")} env PS1='${PROMPT}' PS2='${REST}' bash --norc --noprofile -i`, folder);
    onTestFailed(() => console.warn(this.terminal.screen.slice(-4000)));
  }

  /** Pastes a block. @returns where what is shown then begins */
  async paste(block: string, how: Paste): Promise<number> {
    await this.asks(PROMPT);
    const from = this.terminal.screen.length;
    if (how === "lines") {
      for (const [at, line] of block.split("\n").entries()) {
        if (at > 0) await this.asks(PROMPT, REST);
        this.type(`${line}\r`);
      }
      return from;
    }
    const text = block.replaceAll("\n", "\r");
    this.type(how === "plain" ? `${text}\r` : `\u001B[200~${text}\u001B[201~\r`);
    return from;
  }

  /** What is shown from `from` on, once that has `end` and after it the shell asks for the next command. */
  async shows(from: number, end: RegExp): Promise<string> {
    const whole = new RegExp(`${end.source}[^]*?${PROMPT.replace("?", "\\?")}`, end.flags);
    await this.terminal.until((screen) => whole.test(screen.slice(from)));
    const match = whole.exec(this.terminal.screen.slice(from)) as RegExpExecArray;
    this.asked = from + match.index + match[0].length - PROMPT.length;
    return this.terminal.screen.slice(from);
  }

  /** Until the shell has asked, since something was typed. What runs in the background may write behind the question. */
  private asks(...questions: readonly string[]): Promise<void> {
    return this.terminal.until((screen) => questions.some((question) => screen.slice(this.asked).includes(question)));
  }

  private type(text: string): void {
    this.asked = this.terminal.screen.length;
    this.terminal.type(text);
  }

  /** Types the number of the last command's exit code. @returns it */
  async exitCode(): Promise<number> {
    const output = await this.shows(await this.paste("echo code=$?", "plain"), /code=\d+\r?\n/);
    return Number(/code=(\d+)/.exec(output)?.[1]);
  }

  /** Pastes the block that makes the file, and waits for it. */
  async setUp(how: Paste): Promise<void> {
    await this.shows(await this.paste(setUp, how), /> file\r?\n/);
  }
}

/** Runs a block as a script, with nothing at standard input. @returns what it wrote */
function script(block: string): Promise<string> {
  const file = join(folder, `${createHash("sha256").update(block).digest("hex")}.sh`);
  writeFileSync(file, `set -e\n${block}\n`);
  const child = spawn("env", [...within, "bash", file], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  return new Promise((resolve, reject) => {
    child.once("close", (code) => (code === 0 ? resolve(output) : reject(new Error(`${code}: ${output}`))));
  });
}

/** The sums of `sha256sum file received`, which are those of the two files. */
function expectSame(output: string): void {
  const sums = Array.from(output.matchAll(/^([0-9a-f]{64}) {2}(file|received)\r?$/gm), ([, sum, name]) => [name, sum]);
  const file = readFileSync(join(folder, "file"));
  const sum = createHash("sha256").update(file).digest("hex");
  expect(file).toHaveLength(20e6);
  expect(sums).toEqual([["file", sum], ["received", sum]]);
}

const SUMS = /  received\r?\n/;
const noTerminal = terminalObstacle();
const noCurl = ["curl", "python3"].every((program) => spawnSync(program, ["--version"]).status === 0) ? null : "there is no curl, or no python3";
const noKernel =
  kernelTestObstacle() ?? (["mptcpize --help", "nc -h", "nstat -V"].every((command) => spawnSync("sh", ["-c", command]).status === 0) ? null : "there is no mptcpize, no nc, or no nstat");
for (const obstacle of [noTerminal, noNamespace, noCurl, noKernel]) if (obstacle !== null) console.warn(`steps of README are skipped: ${obstacle}`);

describe.skipIf(noTerminal !== null)("README, first of all", () => {
  it("shows what npm start shows, in a terminal of 80 columns", async () => {
    // What is built and installed already is not once more.
    expect(start).toBe("npm ci && npm start");
    const terminal = new Terminal("npm start", root);
    expect(await terminal.code).toBe(0);
    const shown = new Screen(80, 24).write(terminal.screen).text;
    expect(sample.length).toBeGreaterThan(8);
    const places = sample.map((line) => shown.indexOf(line));
    expect(sample.filter((_, at) => (places[at] ?? -1) < 0)).toEqual([]);
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    // None was broken: no line of the summary is longer than the terminal, and all of them are there.
    expect(shown.join("\n")).toMatch(/ {2}SHA-256 +equal,\n {2}[0-9a-f]{64}\n/);
  });

  it("has scenarios to play with, which end as they should", async () => {
    const shell = new Shell();
    const all = scenarios.split("\n");
    // The others are known to be there; what becomes of them is tried elsewhere.
    const commands = all.filter((line) => /^PATH=| list$| single-path-tcp$| > /.test(line));
    expect(commands).toHaveLength(4);
    const names = all.flatMap((line) => /^mptcp run (\S+)/.exec(line)?.[1] ?? []);
    expect(names.filter((name) => !existsSync(join(root, name.includes("/") ? name : `scenarios/${name}.yaml`)))).toEqual([]);
    expect(commands[0]).toBe("PATH=$PWD/node_modules/.bin:$PATH");
    for (const command of commands) {
      await shell.shows(await shell.paste(command, "plain"), /\n/);
      expect([command, await shell.exitCode()]).toEqual([command, 0]);
    }
    expect(JSON.parse(readFileSync(join(folder, "out/wifi-3g.json"), "utf8"))).toMatchObject({ scenario: "wifi-3g", asExpected: true });
  });
});

describe("README, on the real network", () => {
  it("has the steps that are tried here", () => {
    expect(setUp).toMatch(/^PATH=.*\nhead -c 20000000 \/dev\/urandom > file$/);
    expect(listen).toMatch(/^mptcp listen .* > received$/);
    expect(connect).toMatch(/^mptcp connect .* < file\nsha256sum file received$/);
    expect(lose).toMatch(/^unshare .*\n[\s\S]*\n +wait; sha256sum file received'$/);
    expect(measure).toMatch(/^mptcp perf --server .* &\nmptcp perf --client .*$/);
    expect(forward).toMatch(/\nmptcp forward .* &\ncurl .*\nkill \$\(jobs -p\); wait$/);
    expect(packages).toBe("sudo apt-get install -y mptcpize netcat-openbsd");
    expect(withKernel).toMatch(/^sudo env PATH=\$PATH unshare --net bash -c '\n[\s\S]*\n +nstat .*'$/);
    expect(section.match(/\n\*\*/g)).toHaveLength(5);
  });

  describe.skipIf(noTerminal !== null).each(PASTES)("pasted in terminals, %s,", (how) => {
    it("two ordinary processes move a file, and end by themselves", async () => {
      const [one, other] = [new Shell(), new Shell()];
      await one.setUp(how);
      const from = await one.paste(listen, how);
      await other.paste(setUp.split("\n")[0] as string, how);
      const sums = await other.shows(await other.paste(connect, how), SUMS);
      expect(sums).toMatch(/20000000 written in .*, Multipath TCP over 4 subflows/);
      expectSame(sums);
      expect(await one.shows(from, /bytes read/)).toMatch(/20000000 bytes read, 0 written/);
    });

    it.skipIf(noNamespace !== null)("the file arrives though one path is lost, and the network is gone", async () => {
      const shell = new Shell();
      await shell.setUp(how);
      const output = await shell.shows(await shell.paste(lose, how), SUMS);
      expect(output).toMatch(/20000000 written in .*, Multipath TCP over 4 subflows/);
      expect(output).not.toMatch(/Operation not permitted|Error|command not found/);
      expectSame(output);
    });
  });

  it.skipIf(noTerminal !== null || noCurl !== null)("in one terminal what goes through is measured, and programs that know TCP alone go over several paths", async () => {
    const shell = new Shell();
    await shell.setUp("plain");
    const measured = await shell.shows(await shell.paste(measure, "plain"), /CPU: client [^\n]*\n/);
    expect(measured).toMatch(/\nup, received: server, 2\.\d\d s +[\d.]+ [MG]b\/s/);
    const rows = measured.split("\r\n").filter((line) => /^( {2}127|\d+\.\d+-|up, )/.test(line));
    expect(rows.length).toBeGreaterThan(10);
    for (const row of rows) expect([row, row.length < 80]).toEqual([row, true]);
    const forwarded = await shell.shows(await shell.paste(forward, "lines"), /bytes read, 20000\d+ written in [\s\S]*\n/);
    expect(forwarded).toMatch(/\nthe same\r?\n/);
    expect(forwarded).not.toMatch(/no such job|No such process/);
  });

  // Who runs the tests of the kernel is root, and needs no sudo for it.
  it.skipIf(noTerminal !== null || noKernel !== null).each(PASTES)("pasted in a terminal, %s, the kernel and the engine send each other a file", async (how) => {
    const shell = new Shell([]);
    await shell.setUp(how);
    const output = await shell.shows(await shell.paste(withKernel.replace(/^sudo /, ""), how), /MPTcpExtMPJoinAckRx [^\n]*\n/);
    expect(await shell.exitCode()).toBe(0);
    expect(output).toMatch(/20000000 bytes read, 0 written in .*, Multipath TCP over 2 subflows/);
    expect(output).toMatch(/20000000 written in .*, Multipath TCP over [234] subflows/);
    const parts = output.split(/(?<=  received\r?\n)/);
    expect(parts).toHaveLength(3);
    for (const part of parts.slice(0, 2)) expectSame(part);
    // The kernel's own count of what was joined, in both of its roles.
    for (const name of ["MPJoinSynAckRx", "MPJoinAckRx"]) expect(Number(new RegExp(`MPTcpExt${name} +(\\d+)`).exec(output)?.[1])).toBeGreaterThan(0);
  });

  it("in scripts two ordinary processes move a file, whichever is started first", async () => {
    await script(setUp);
    const path = setUp.split("\n")[0] as string;
    const connecting = script(`${path}\n${connect}`);
    const [received, sums] = await Promise.all([script(`${path}\n${listen}`), connecting]);
    expect(received).toMatch(/20000000 bytes read, 0 written/);
    // The listener's standard input has ended before: it may still write when the other end is done.
    expect(sums).toMatch(/20000000 written/);
    expectSame(await script("sha256sum file received"));
  });

  it.skipIf(noNamespace !== null)("in a script the file arrives though one path is lost", async () => {
    expectSame(await script(`${setUp}\n${lose}`));
  });
});
