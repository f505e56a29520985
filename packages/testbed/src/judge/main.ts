import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { kernelObstacle } from "../kernel/index.ts";
import { Pool } from "../pool.ts";
import { compare, wantedRuns } from "./compare.ts";
import type { Comparison, WantedRun } from "./compare.ts";
import type { Condition } from "./condition.ts";
import { CONDITIONS } from "./conditions.ts";
import { pageOf, text } from "./page.ts";
import type { RunResult } from "./run.ts";
import type { Task } from "./worker.ts";

const USAGE = `usage: npm run judge -- [--only TEXT ...] [--list] [--repeat 3] [--threads N] [--through] [--out PAGE.md] [--json FILE]
Transfers the same by this machine's kernel and by the engine, under many conditions of a path, and says where the engine is worse than Linux. It needs root.
  --only TEXT   the conditions whose kind or name has TEXT; may be given several times
  --list        name the conditions, and end
  --repeat N    runs of each bulk transfer, of each stack
  --through     the engine's packets, too, go over the devices, to a client that is the kernel
  --out, --json where the table goes
Exit codes: 0 the engine is as good in all that is decided; 1 it falls short somewhere; 2 it cannot be run; 130 interrupted.`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: "string", multiple: true, default: [] },
      list: { type: "boolean", default: false },
      repeat: { type: "string", default: "3" },
      threads: { type: "string", default: String(availableParallelism()) },
      through: { type: "boolean", default: false },
      out: { type: "string" },
      json: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  const [repetitions, threads] = [Number(values.repeat), Number(values.threads)];
  const chosen = CONDITIONS.filter(({ kind, name }) => values.only.length === 0 || values.only.some((part) => kind.includes(part) || name.includes(part)));
  if (values.help || ![repetitions, threads].every((number) => Number.isSafeInteger(number) && number > 0)) {
    console.log(USAGE);
    return values.help ? 0 : 2;
  }
  if (values.list || chosen.length === 0) {
    for (const { kind, name } of CONDITIONS) console.log(`${kind.padEnd(20)} ${name}`);
    return values.list ? 0 : 2;
  }
  const obstacle = kernelObstacle();
  if (obstacle !== null) {
    console.error(`the kernel is not to be had here: ${obstacle}`);
    return 2;
  }
  const { comparisons, isInterrupted } = await judge(chosen, repetitions, threads, values.through);
  if (values.out !== undefined) writeFileSync(values.out, pageOf(comparisons));
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(comparisons, null, 2)}\n`);
  if (isInterrupted) return 130;
  return comparisons.some(({ measures }) => measures.some(({ verdict }) => verdict === "falls short")) ? 1 : 0;
}

async function judge(chosen: readonly Condition[], repetitions: number, threads: number, through: boolean): Promise<{ readonly comparisons: readonly Comparison[]; readonly isInterrupted: boolean }> {
  let isInterrupted = false;
  const comparisons: Comparison[] = [];
  const pool = new Pool<Task>(threads, new URL("./worker.js", import.meta.url));
  const over = new AbortController();
  const interrupted = once(process, "SIGINT", { signal: over.signal }).then(
    () => void (isInterrupted = true),
    () => {},
  );
  try {
    const one = async (condition: Condition): Promise<void> => {
      const runs: { wanted: WantedRun; result: RunResult }[] = [];
      const carryOut = (wanted: readonly WantedRun[]): Promise<void> =>
        pool.run<RunResult>(wanted.map((run): Task => ({ condition: CONDITIONS.indexOf(condition), wanted: run })), () => isInterrupted, (at, result) => void runs.push({ wanted: wanted[at]!, result }));
      await carryOut(wantedRuns(condition, repetitions, through).filter(({ as }) => as !== "engine"));
      // What the tool adds must not be what is measured.
      const isCoarse = runs.some(({ result }) => 20 * (result.addedDelay?.p99 ?? 0) > roundTripOf(condition));
      await carryOut(wantedRuns(condition, repetitions, through || isCoarse).filter(({ as }) => as === "engine"));
      if (isInterrupted) return;
      comparisons.push(compare(condition, runs));
      report(comparisons.at(-1) as Comparison, comparisons.length, chosen.length);
    };
    const all = async (): Promise<void> => {
      for (const condition of chosen) if (!isInterrupted) await one(condition);
    };
    await Promise.race([all(), interrupted]);
    return { comparisons, isInterrupted };
  } finally {
    over.abort();
    await pool.close();
  }
}

/** ns. */
const roundTripOf = ({ forward, backward }: Condition): number => (forward.delay ?? 0) + (backward.delay ?? 0);

function report({ condition, measures, addedDelay, isThroughTool }: Comparison, count: number, of: number): void {
  for (const { name, ratio, control, verdict } of measures) {
    console.log(`${`${count}/${of}`.padStart(6)}  ${condition.name.padEnd(48)} ${name.padEnd(8)} ${text(ratio).padEnd(22)} control ${text(control).padEnd(22)} ${verdict}`);
  }
  if (addedDelay !== null) console.log(`        added delay: median ${(addedDelay.median / 1e3).toFixed(0)} us, 99 % ${(addedDelay.p99 / 1e3).toFixed(0)} us, largest ${(addedDelay.largest / 1e3).toFixed(0)} us${isThroughTool ? "; the engine went through the tool" : ""}`);
}

process.exitCode = await main();
