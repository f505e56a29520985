import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { kernelObstacle } from "../kernel/index.ts";
import { Coverage } from "./coverage.ts";
import { Pool } from "../pool.ts";
import { keyOf, type CaseResult, type Profile } from "./run-case.ts";
import type { Shrunk } from "./shrink.ts";
import type { Task } from "./worker.ts";

const USAGE = `usage: npm run fuzz:drill -- [--runs 2000] [--seed 1] [--profile linux|own] [--out FOLDER] [--threads N] [--table]
Does the same random things to the engine and to this machine's kernel, and says where they differ. With --out, the least script that shows each kind which is not known
is written to FOLDER. Exit codes: 0 they agree, or differ as is known; 1 there are new kinds; 2 it cannot be run; 130 interrupted.`;

interface Kind {
  count: number;
  /** The first case of it. */
  readonly seed: number;
  readonly result: CaseResult;
  readonly keys: Map<string, number>;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      runs: { type: "string", default: "2000" },
      seed: { type: "string", default: "1" },
      profile: { type: "string", default: "linux" },
      out: { type: "string" },
      threads: { type: "string", default: String(availableParallelism() * 5) },
      table: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const [runs, first, threads] = [Number(values.runs), Number(values.seed), Number(values.threads)];
  if (values.help || ![runs, first, threads].every(Number.isSafeInteger) || (values.profile !== "linux" && values.profile !== "own")) {
    console.log(USAGE);
    return values.help ? 0 : 2;
  }
  const obstacle = kernelObstacle();
  if (obstacle !== null) {
    console.error(`the kernel is not to be had here: ${obstacle}`);
    return 2;
  }
  return new Fuzz(first, runs, values.profile, values.out, values.table).run(threads);
}

/** All runs of a call. */
class Fuzz {
  readonly #first: number;
  readonly #runs: number;
  readonly #profile: Profile;
  readonly #out: string | undefined;
  readonly #table: boolean;
  readonly #results: CaseResult[] = [];
  readonly #coverage = new Coverage();
  #interrupted = false;

  constructor(first: number, runs: number, profile: Profile, out: string | undefined, table: boolean) {
    this.#first = first;
    this.#runs = runs;
    this.#profile = profile;
    this.#out = out;
    this.#table = table;
  }

  async run(threads: number): Promise<number> {
    const began = performance.now();
    const stop = (): void => void (this.#interrupted = true);
    process.on("SIGINT", stop);
    const pool = new Pool<Task>(Math.max(1, threads), new URL("./worker.js", import.meta.url));
    const seeds = Array.from({ length: this.#runs }, (_, index) => this.#first + index);
    try {
      await pool.run<CaseResult>(seeds.map((seed): Task => ({ kind: "run", seed, profile: this.#profile })), () => this.#interrupted, (_, result) => this.#done(result, began));
      await this.#lookAgain(pool);
      const elapsed = (performance.now() - began) / 1000;
      const kinds = this.#kinds();
      this.#summary(kinds, elapsed);
      if (this.#out !== undefined && !this.#interrupted) await this.#file(pool, kinds, this.#out);
      return this.#interrupted ? 130 : kinds.size > 0 || this.#results.some(({ verdict }) => verdict === "faulty") ? 1 : 0;
    } finally {
      process.off("SIGINT", stop);
      await pool.close();
    }
  }

  /** Runs that were disturbed, or differ, once more, few at a time: many at once make the machine late. What comes out then counts. */
  async #lookAgain(pool: Pool<Task>): Promise<void> {
    const doubtful = [...this.#results.keys()].filter((index) => LATE_VERDICTS.has(this.#results[index]!.verdict));
    if (doubtful.length === 0 || this.#interrupted) return;
    console.log(`once more, few at a time: ${doubtful.length} runs`);
    const tasks = doubtful.map((index): Task => ({ kind: "run", seed: this.#results[index]!.seed, profile: this.#profile }));
    await pool.run<CaseResult>(tasks, () => this.#interrupted, (index, result) => void (this.#results[doubtful[index]!] = result), availableParallelism());
  }

  #done(result: CaseResult, began: number): void {
    this.#results.push(result);
    this.#coverage.add(result.seed);
    const count = this.#results.length;
    if (count % 100 === 0) console.log(`${count} of ${this.#runs}, ${((count / (performance.now() - began)) * 60_000).toFixed(0)} a minute: ${this.#counts()}`);
  }

  #counts(): string {
    const counts = new Map<string, number>();
    for (const { verdict } of this.#results) counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
    return [...counts].map(([verdict, count]) => `${count} ${verdict}`).join(", ");
  }

  /** By what differs. */
  #kinds(): Map<string, Kind> {
    const kinds = new Map<string, Kind>();
    for (const result of this.#results.toSorted((one, other) => one.seed - other.seed)) {
      const { difference, seed, verdict } = result;
      if (verdict !== "new" || difference === null) continue;
      const kind = kinds.get(difference.what) ?? { count: 0, seed, result, keys: new Map<string, number>() };
      kind.count++;
      kind.keys.set(keyOf(difference), (kind.keys.get(keyOf(difference)) ?? 0) + 1);
      kinds.set(difference.what, kind);
    }
    return new Map([...kinds].toSorted(([, one], [, other]) => other.count - one.count));
  }

  #summary(kinds: ReadonlyMap<string, Kind>, seconds: number): void {
    const { reached, all } = this.#coverage.cells;
    console.log(`\n${this.#results.length} runs in ${seconds.toFixed(0)} s, ${((this.#results.length / seconds) * 60).toFixed(0)} a minute: ${this.#counts()}`);
    console.log(`moves by states: ${reached} of ${all} reached (${((100 * reached) / all).toFixed(1)} %)`);
    if (this.#table) for (const line of this.#coverage.lines()) console.log(`  ${line}`);
    const known = new Map<string, number>();
    for (const result of this.#results) for (const name of result.known) known.set(name, (known.get(name) ?? 0) + 1);
    for (const [name, count] of known) console.log(`known  ${String(count).padStart(5)}  ${name}`);
    for (const [what, { count, keys, seed }] of kinds) {
      console.log(`new    ${String(count).padStart(5)}  ${what} (seed ${seed})`);
      for (const [key, often] of [...keys].toSorted(([, one], [, other]) => other - one).slice(0, 3)) console.log(`              ${String(often).padStart(4)} ${key.slice(what.length + 1)}`);
    }
    for (const { problem } of this.#results.filter(({ verdict }) => verdict === "faulty").slice(0, 5)) console.log(`faulty: ${problem}`);
  }

  /** Writes the least script of each kind. */
  async #file(pool: Pool<Task>, kinds: ReadonlyMap<string, Kind>, folder: string): Promise<void> {
    mkdirSync(folder, { recursive: true });
    const all = [...kinds];
    const tasks = all.map(([what, { seed }]): Task => ({ kind: "shrink", seed, key: what, profile: this.#profile }));
    await pool.run<Shrunk>(tasks, () => this.#interrupted, (index, { inputs, text }) => {
      const [what, { count }] = all[index]!;
      const path = join(folder, `${String(index + 1).padStart(3, "0")}-${nameOf(what)}.pkt`);
      writeFileSync(path, `// ${count} of ${this.#results.length} runs\n${text}`);
      console.log(`${path}: ${inputs} inputs`);
    });
  }
}

/** Verdicts that a machine that was late may have led to. */
const LATE_VERDICTS: ReadonlySet<CaseResult["verdict"]> = new Set(["new", "unstable", "disturbed"]);

const nameOf = (what: string): string => what.toLowerCase().replace(/[^a-z0-9]+/g, "-").slice(0, 60).replace(/^-|-$/g, "");

process.exitCode = await main();
