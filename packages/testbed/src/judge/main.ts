import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { kernelObstacle } from "../kernel/index.ts";
import type { Comparison } from "./compare.ts";
import { CONDITIONS } from "./conditions.ts";
import { Judge } from "./judge.ts";
import { engineDigest, KeptRuns } from "./kept-runs.ts";
import { pageOf, text } from "./page.ts";

const USAGE = `usage: npm run judge -- [--only TEXT ...] [--list] [--repeat 3] [--more 4] [--threads N] [--through] [--keep FILE] [--out PAGE.md] [--json FILE]
Transfers the same by this machine's kernel and by the engine, under many conditions of a path, and says where the engine is worse than Linux. It needs root.
  --only TEXT   the conditions whose kind or name has TEXT; may be given several times
  --list        name the conditions, and end
  --repeat N    runs of each bulk transfer, of each stack
  --more N      so many times as many runs at the most where the kernel's own differ by too much to say anything; 1 for none
  --threads N   runs by the machine's clock at the same time: four for each processor unless given, since they mostly wait
  --through     the engine's packets, too, go over the devices, to a client that is the kernel
  --keep FILE   where runs are kept: a judge that was stopped goes on where it was, and another state of the engine is compared with the same runs of the kernel
  --out, --json where the table goes, again after each condition
Exit codes: 0 the engine is as good in all that is decided; 1 it falls short somewhere; 2 it cannot be run; 130 interrupted.`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: "string", multiple: true, default: [] },
      list: { type: "boolean", default: false },
      repeat: { type: "string", default: "3" },
      more: { type: "string", default: "4" },
      threads: { type: "string", default: String(4 * availableParallelism()) },
      through: { type: "boolean", default: false },
      keep: { type: "string" },
      out: { type: "string" },
      json: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  const [repetitions, mostTimes, threads] = [Number(values.repeat), Number(values.more), Number(values.threads)];
  const chosen = CONDITIONS.filter(({ kind, name }) => values.only.length === 0 || values.only.some((part) => kind.includes(part) || name.includes(part)));
  if (values.help || ![repetitions, mostTimes, threads].every((number) => Number.isSafeInteger(number) && number > 0)) {
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
  const comparisons = new Map<string, Comparison>();
  const judge = new Judge({ conditions: chosen, repetitions, mostTimes, threads, isThroughTool: values.through, kept: new KeptRuns(values.keep ?? null, engineDigest()) }, (comparison) => {
    comparisons.set(comparison.condition.name, comparison);
    report(comparison, comparisons.size, chosen.length);
    const inOrder = chosen.flatMap(({ name }) => comparisons.get(name) ?? []);
    if (values.out !== undefined) writeFileSync(values.out, pageOf(inOrder));
    if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(inOrder, null, 2)}\n`);
  });
  let isInterrupted = false;
  const over = new AbortController();
  const interrupted = once(process, "SIGINT", { signal: over.signal }).then(
    () => void (isInterrupted = true),
    () => {},
  );
  await Promise.race([judge.run(), interrupted]);
  over.abort();
  judge.stop();
  if (isInterrupted) process.exit(130);
  return [...comparisons.values()].some(({ measures }) => measures.some(({ verdict }) => verdict === "falls short")) ? 1 : 0;
}

function report({ condition, measures, addedDelay, isThroughTool }: Comparison, count: number, of: number): void {
  for (const { name, ratio, control, verdict } of measures) {
    console.log(`${`${count}/${of}`.padStart(6)}  ${condition.name.padEnd(48)} ${name.padEnd(8)} ${text(ratio).padEnd(22)} control ${text(control).padEnd(22)} ${verdict}`);
  }
  if (addedDelay !== null) console.log(`        added delay: median ${(addedDelay.median / 1e3).toFixed(0)} us, 99 % ${(addedDelay.p99 / 1e3).toFixed(0)} us, largest ${(addedDelay.largest / 1e3).toFixed(0)} us${isThroughTool ? "; the engine went through the tool" : ""}`);
}

process.exitCode = await main();
