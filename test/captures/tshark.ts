import { execFile, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

/** Whether tshark can be run here. */
export const HAS_TSHARK = spawnSync("tshark", ["--version"], { stdio: "ignore" }).status === 0;

/** To be printed where it cannot. */
export const NO_TSHARK = "tshark is not installed (apt-get install tshark): the tests of captures are skipped\n";

/** The fields of one packet; a field has any number of values, the empty text stands for none. */
export type Row<Field extends string> = Readonly<Record<Field, string>>;

/** The values of a field that may occur several times in a packet. */
export function values(text: string): string[] {
  return text === "" ? [] : text.split(BETWEEN_VALUES);
}

/** What tshark makes of each packet of a capture, with all checksums checked and absolute sequence numbers. */
export function dissect<Field extends string>(file: Uint8Array, fields: readonly Field[], preferences: readonly string[] = []): Promise<readonly Row<Field>[]> {
  if (file.length > SHORT) return ask(file, fields, preferences);
  const question = createHash("sha256").update(JSON.stringify([fields, preferences])).update(file).digest("hex");
  const known = answers.get(question) ?? ask(file, fields, preferences);
  answers.set(question, known);
  return known as Promise<readonly Row<Field>[]>;
}

/** What tshark answered, which it does the same way each time: where one interface of a capture is altered, the others are not read again. */
const answers = new Map<string, Promise<readonly Row<string>[]>>();
/** Octets of captures whose answers are kept. */
const SHORT = 1 << 20;

async function ask<Field extends string>(file: Uint8Array, fields: readonly Field[], preferences: readonly string[]): Promise<readonly Row<Field>[]> {
  const folder = mkdtempSync(join(tmpdir(), "mptcp-capture-"));
  try {
    const path = join(folder, "capture.pcapng");
    writeFileSync(path, file);
    const options = [...PREFERENCES, ...preferences].flatMap((preference) => ["-o", preference]);
    const columns = fields.flatMap((field) => ["-e", field]);
    const format = ["-T", "fields", "-E", "separator=/t", "-E", "occurrence=a", "-E", `aggregator=${BETWEEN_VALUES}`];
    const { stdout } = await promisify(execFile)("tshark", ["-n", "-r", path, ...options, ...DECODE_AS, ...format, ...columns], { maxBuffer: 1 << 29 });
    const lines = stdout.split("\n");
    lines.pop();
    return lines.map((line) => {
      const cells = line.split("\t");
      return Object.fromEntries(fields.map((field, index) => [field, cells[index] ?? ""])) as Row<Field>;
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const BETWEEN_VALUES = "|";

const PREFERENCES = [
  "ip.check_checksum:TRUE",
  "tcp.check_checksum:TRUE",
  "tcp.relative_sequence_numbers:FALSE",
  "mptcp.relative_sequence_numbers:FALSE",
  "mptcp.analyze_mptcp:TRUE",
];

/** The scenarios' server listens on port 5001. What is transferred is anything, so nothing may be read into it. */
const DECODE_AS = ["-d", "tcp.port==5001,data"];
