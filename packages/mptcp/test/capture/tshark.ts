import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Whether tshark is there. */
export const HAS_TSHARK = spawnSync("tshark", ["--version"], { stdio: "ignore" }).status === 0;
if (!HAS_TSHARK) process.stderr.write("tshark is not installed: the dissection tests are skipped\n");

/** The named fields of every packet of the capture, as tshark sees them; `options` are further ones of its command line. */
export function dissect(file: Uint8Array, fields: readonly string[], options: readonly string[] = []): Record<string, string>[] {
  const directory = mkdtempSync(join(tmpdir(), "mptcp-capture-"));
  try {
    const path = join(directory, "all.pcapng");
    writeFileSync(path, file);
    const checks = ["tcp.check_checksum:TRUE", "ip.check_checksum:TRUE", "tcp.relative_sequence_numbers:FALSE"].flatMap((preference) => ["-o", preference]);
    const columns = fields.flatMap((field) => ["-e", field]);
    const text = execFileSync("tshark", ["-r", path, ...checks, "-T", "fields", "-E", "separator=;", ...options, ...columns], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    return text
      .replace(/\n$/, "")
      .split("\n")
      .map((line) => Object.fromEntries(line.split(";").map((value, i) => [fields[i], value])) as Record<string, string>);
  } finally {
    rmSync(directory, { recursive: true });
  }
}
