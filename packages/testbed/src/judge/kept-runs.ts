import { createHash } from "node:crypto";
import { appendFileSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { release } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { WantedRun } from "./compare.ts";
import type { Condition } from "./condition.ts";
import type { RunResult } from "./run.ts";

/**
 * Runs that have been made, a line of JSON each in a file: what is stopped goes on where it was. A run of the kernel counts for the same condition on the same release of the kernel,
 * one of the engine as long as the engine's code is the same.
 */
export class KeptRuns {
  private readonly path: string | null;
  private readonly code: string;
  private readonly results = new Map<string, RunResult>();

  /**
   * @param path the file; null: nothing is kept
   * @param code what stands for the engine's code: {@link engineDigest}
   */
  constructor(path: string | null, code: string) {
    this.path = path;
    this.code = code;
    if (path === null || !existsSync(path)) return;
    const lines = readFileSync(path, "utf8").split("\n");
    for (const line of lines) {
      const kept = keptOf(line);
      if (kept !== null) this.results.set(kept.key, kept.result);
    }
    if (lines.at(-1) !== "") appendFileSync(path, "\n");
  }

  get(condition: Condition, wanted: WantedRun): RunResult | null {
    return this.results.get(this.keyOf(condition, wanted)) ?? null;
  }

  add(condition: Condition, wanted: WantedRun, result: RunResult): void {
    const key = this.keyOf(condition, wanted);
    this.results.set(key, result);
    if (this.path !== null) appendFileSync(this.path, `${JSON.stringify({ name: condition.name, as: wanted.as, seed: wanted.seed, key, result })}\n`);
  }

  /** All that a run depends on; the name of a condition is not part of it. */
  private keyOf({ name: _name, kind: _kind, ...condition }: Condition, wanted: WantedRun): string {
    const code = wanted.server === "engine" || wanted.client === "engine" ? this.code : "";
    return createHash("sha256").update(JSON.stringify([condition, wanted, wanted.isReal ? release() : "", code])).digest("hex");
  }
}

/** A line that was cut off where the program was stopped is none. */
function keptOf(line: string): { readonly key: string; readonly result: RunResult } | null {
  try {
    return line === "" ? null : JSON.parse(line);
  } catch {
    return null;
  }
}

/** Of the engine's compiled code. */
export function engineDigest(): string {
  const hash = createHash("sha256");
  const folder = dirname(fileURLToPath(import.meta.resolve("mptcp")));
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".js") || file.endsWith(".ts"));
  for (const file of files.toSorted()) hash.update(file).update(readFileSync(join(folder, file)));
  return hash.digest("hex");
}
