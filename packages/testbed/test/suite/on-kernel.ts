import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const COMMAND = fileURLToPath(new URL("../../../cli/bin/mptcp.js", import.meta.url));
const JOBS = 4;

interface Reported {
  readonly file: string;
  readonly verdict: string;
  readonly text: string;
}

/** What the command says of scripts on this machine's kernel, several at once, by their paths: "passed", or how they failed. */
async function reported(files: readonly string[], options: readonly string[]): Promise<Map<string, string>> {
  // The command ends with 1 where a script fails, which is looked at below.
  const { stdout } = await promisify(execFile)(process.execPath, [COMMAND, "drill", ...files, "--kernel", "--json", ...options], { maxBuffer: 2 ** 26 }).catch((error: { readonly stdout: string }) => error);
  const { scripts } = JSON.parse(stdout) as { scripts: readonly Reported[] };
  return new Map(scripts.map(({ file, text, verdict }) => [file, verdict === "passed" ? "passed" : text]));
}

/** The same; what fails because the machine was busy passes when it is run again, by itself, and what differs does not. */
export async function toldByKernel(files: readonly string[], options: readonly string[] = []): Promise<ReadonlyMap<string, string>> {
  const first = await reported(files, [`--jobs=${JOBS}`, ...options]);
  const failed = files.filter((file) => first.get(file) !== "passed");
  return new Map([...first, ...(failed.length === 0 ? [] : await reported(failed, ["--jobs=1", ...options]))]);
}
