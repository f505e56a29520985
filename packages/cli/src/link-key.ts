import { readFileSync, statSync, writeFileSync } from "node:fs";
import type { Command } from "commander";
import { generateUdpKey } from "mptcp/node";
import { addHelp } from "./help.ts";
import { EXIT } from "./io.ts";
import type { Io } from "./io.ts";
import { UsageProblem } from "./open-links.ts";
import { explainFile } from "./remedies.ts";

/** Adds `key` to the command; `done` hears its exit code. */
export function registerKey(program: Command, io: Io, done: (code: number) => void): void {
  addHelp(program.command("key"), HELP)
    .description("make a key for UDP links: 32 random octets as base64, on standard output")
    .option("--out <file>", "write it to a new file, which its owner alone can read")
    .action(({ out }: { readonly out?: string }) => done(keyCommand(out ?? null, io)));
}

function keyCommand(out: string | null, io: Io): number {
  const text = `${generateUdpKey()}\n`;
  if (out === null) {
    io.stdout.write(text);
    return EXIT.ok;
  }
  try {
    // A key that is there is not lost by a slip.
    writeFileSync(out, text, { mode: 0o600, flag: "wx" });
    return EXIT.ok;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    io.stderr.write(`${code === "EEXIST" ? `${out}: there is a file of that name; a key is not written over it` : explainFile(out, error as NodeJS.ErrnoException)}\n`);
    return EXIT.failed;
  }
}

/** A key, and where it comes from, for people. */
export interface GivenKey {
  readonly key: string;
  readonly origin: string;
}

/**
 * The key of the file that `--key` names, else of the environment's MPTCP_KEY; null where neither is there.
 * @param notice hears that others can read the file
 * @throws UsageProblem when the file cannot be read, or the variable is empty: what is meant to be encrypted is not sent in the clear
 */
export function givenKey(file: string | null, environment: NodeJS.ProcessEnv, notice: (text: string) => void): GivenKey | null {
  if (file === null) {
    const key = environment["MPTCP_KEY"];
    if (key === undefined) return null;
    if (key.trim() === "") throw new UsageProblem("MPTCP_KEY is empty; unset it for links in the clear");
    return { key, origin: "MPTCP_KEY" };
  }
  try {
    const key = readFileSync(file, "utf8");
    // Devices, such as a shell's <(command), are nobody's to change.
    const stats = statSync(file);
    if (process.platform !== "win32" && stats.isFile() && (stats.mode & 0o077) !== 0) notice(`--key ${file}: others can read it; chmod 600 ${file}`);
    return { key, origin: `--key ${file}` };
  } catch (error) {
    throw new UsageProblem(explainFile(`--key ${file}`, error as NodeJS.ErrnoException));
  }
}

const HELP = `
Both ends of a link have the same key; whoever has it can read and forge what passes.

Examples:
  mptcp key --out secret.key
  mptcp listen 5000 --udp local=192.0.2.1 --key secret.key
  mptcp connect 192.0.2.1 5000 --udp local=198.51.100.1 --key secret.key

Exit codes: 0 there is a key, 1 it cannot be written, or the file is there already, 2 wrong usage.
`;
