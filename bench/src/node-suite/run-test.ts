import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Via } from "./exclusions.ts";

/** What came of one test. */
export interface TestResult {
  readonly passed: boolean;
  /** What it wrote, and why it was ended if it was. */
  readonly output: string;
}

/** Runs one of Node's tests in a process of its own, its children too over the same sockets. @param folder that of Node's tests @param slot a number that no other one has at the same time */
export function runTest(folder: string, file: string, via: Via, slot: number): Promise<TestResult> {
  const path = join(folder, "parallel", file);
  const flags = /^\/\/ Flags: (?<flags>.*)$/m.exec(readFileSync(path, "utf8"))?.groups?.["flags"]?.split(/\s+/) ?? [];
  const child = spawn(process.execPath, [...flags, path], {
    cwd: dirname(folder),
    env: { ...process.env, ...environmentOf(via), TEST_THREAD_ID: String(slot), TEST_SERIAL_ID: String(slot) },
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const { pid } = child;
  let output = "";
  const collect = (data: Buffer): void => {
    if (output.length < MOST_OUTPUT) output += data.toString();
  };
  child.stdout.on("data", collect);
  child.stderr.on("data", collect);
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      output += `\nended after ${LONGEST / 1000} s\n`;
      killGroup(pid);
    }, LONGEST);
    child.on("close", (code) => {
      clearTimeout(timer);
      // What it started and left.
      killGroup(pid);
      resolve({ passed: code === 0, output });
    });
  });
}

function environmentOf(via: Via): Readonly<Record<string, string>> {
  if (via === "net") return {};
  const register = pathToFileURL(fileURLToPath(import.meta.resolve("mptcp/register"))).href;
  const { NODE_OPTIONS = "" } = process.env;
  const loading = { NODE_OPTIONS: `${NODE_OPTIONS} --import=${register}`, MPTCP_VIA: via };
  return via === "kernel" ? loading : { ...loading, MPTCP_UDP: "127.0.0.1 127.0.0.2 ::1" };
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It is gone.
  }
}

/** ms. */
const LONGEST = 60_000;
const MOST_OUTPUT = 100_000;
