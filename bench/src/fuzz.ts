import { parseArgs } from "node:util";
import { captureTarget } from "./fuzz/capture.ts";
import type { FuzzRun, FuzzTarget } from "./fuzz/target.ts";
import { wireTarget } from "./fuzz/wire.ts";

/**
 * `npm run fuzz -- [--target name] [--count n] [--seed n] [--start n]`: runs every fuzz target, or one. Case number i of
 * a seed is always the same; a failure prints the command that runs it alone, and the exit code is 1.
 */
function main(): void {
  const { values } = parseArgs({
    options: {
      target: { type: "string" },
      count: { type: "string" },
      seed: { type: "string" },
      start: { type: "string" },
      help: { type: "boolean" },
    },
  });
  if (values.help === true) {
    console.log("usage: npm run fuzz -- [--target %s] [--count n] [--seed n] [--start n]", TARGETS.map((one) => one.name).join("|"));
    return;
  }
  const chosen = TARGETS.filter((one) => values.target === undefined || one.name === values.target);
  if (chosen.length === 0) throw new RangeError(`no fuzz target ${String(values.target)}`);
  const seed = integerOf("seed", values.seed, Date.now() % 0x1_0000_0000);
  const start = integerOf("start", values.start, 0);
  for (const target of chosen) {
    if (!fuzz(target, seed, start, integerOf("count", values.count, target.cases))) {
      process.exitCode = 1;
      return;
    }
  }
}

/** Runs cases `start` to `start + count`; false after the first failure. */
function fuzz(target: FuzzTarget, seed: number, start: number, count: number): boolean {
  console.log(`${target.name}: ${count} cases, seed ${seed}`);
  const run = target.start(seed);
  const began = performance.now();
  let shown = began;
  for (let index = start; index < start + count; index++) {
    try {
      run.step(index);
    } catch (error) {
      console.error(`${target.name}: case ${index} failed`);
      console.error(error);
      console.error(`replay: npm run fuzz -- --target ${target.name} --seed ${seed} --start ${index} --count 1`);
      return false;
    }
    if ((index & 0x3fff) === 0 && performance.now() - shown > 5000) {
      shown = performance.now();
      const done = index - start + 1;
      console.log(`  ${done} (${((100 * done) / count).toFixed(0)} %), ${rate(done, shown - began)}`);
    }
  }
  report(run, count, performance.now() - began);
  return true;
}

function report(run: FuzzRun, count: number, milliseconds: number): void {
  console.log(`  ${count} cases in ${(milliseconds / 1000).toFixed(1)} s, ${rate(count, milliseconds)}, no failure`);
  for (const [name, times] of [...run.outcomes].toSorted(([, a], [, b]) => b - a)) {
    console.log(`  ${String(times).padStart(10)}  ${name}`);
  }
}

function rate(cases: number, milliseconds: number): string {
  return `${Math.round((1000 * cases) / milliseconds)} cases/s`;
}

function integerOf(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`--${name} wants a whole number, not ${text}`);
  return value;
}

/** Every target, in the order in which they run. */
const TARGETS: readonly FuzzTarget[] = [wireTarget, captureTarget];

main();
