import type { ChildProcess } from "node:child_process";
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFailed } from "vitest";
import { Terminal, terminalObstacle } from "../../packages/cli/test/processes.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

// ---- what README says

/** One thing is changed in what is pasted: the file has 20 MB and not 1 GiB, so that this is quick. */
const SMALLER = ["head -c 1G ", `head -c ${20e6} `] as const;
const section = /\n## On the real network\n([\s\S]*?)\n## /.exec(readFileSync(join(root, "README.md"), "utf8"))?.[1] ?? "";
const [begin = "", processes = "", loss = ""] = section.split(/\n\*\*(?=Two ordinary processes|One path is lost|With the kernel)/);
const [setUp = ""] = blocksOf(begin);
const [listen = "", connect = ""] = blocksOf(processes);
const [lose = ""] = blocksOf(loss);

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
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
});
afterEach(async () => {
  await Terminal.stopAll();
  rmSync(folder, { recursive: true, force: true });
});

const PROMPT = "what next? ";
/** Today's terminals put what is pasted in brackets: a shell takes it as one command of several lines, and does not execute the first one before it has seen the others. */
type Paste = "bracketed" | "plain";

class Shell {
  private readonly terminal = new Terminal(`exec ${within.join(" ")} env PS1='${PROMPT}' bash --norc --noprofile -i`, folder);

  constructor() {
    onTestFailed(() => console.warn(this.terminal.screen.slice(-4000)));
  }

  /** Pastes a block. @returns where what is shown then begins */
  async paste(block: string, how: Paste): Promise<number> {
    await this.terminal.until((screen) => screen.endsWith(PROMPT));
    const from = this.terminal.screen.length;
    const text = block.replaceAll("\n", "\r");
    this.terminal.type(how === "plain" ? `${text}\r` : `\u001B[200~${text}\u001B[201~\r`);
    return from;
  }

  /** What is shown from `from` on, once that has `end` and the shell waits for the next command. */
  async shows(from: number, end: RegExp): Promise<string> {
    await this.terminal.until((screen) => end.test(screen.slice(from)) && screen.endsWith(PROMPT));
    return this.terminal.screen.slice(from);
  }

  /** Pastes the block that makes the file, and waits for it. */
  async setUp(how: Paste): Promise<void> {
    await this.shows(await this.paste(setUp, how), / > file\r?\n/);
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
for (const obstacle of [noTerminal, noNamespace]) if (obstacle !== null) console.warn(`steps of README are skipped: ${obstacle}`);

describe("README, on the real network", () => {
  it("has the steps that are tried here", () => {
    expect(setUp).toMatch(/^PATH=.*\nhead -c 20000000 \/dev\/urandom > file$/);
    expect(listen).toMatch(/^mptcp listen .* > received$/);
    expect(connect).toMatch(/^mptcp connect .* < file\nsha256sum file received$/);
    expect(lose).toMatch(/^unshare .*\n[\s\S]*\n +wait; sha256sum file received'$/);
    // The kernel's part takes packages and root.
    expect(section.match(/\n\*\*/g)).toHaveLength(3);
  });

  describe.skipIf(noTerminal !== null).each(["bracketed", "plain"] as const)("pasted in terminals, %s,", (how) => {
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
