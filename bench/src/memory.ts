import { parseArgs } from "node:util";
import { closedConnections } from "./memory/churn.ts";
import type { Figure, Progress } from "./memory/figure.ts";
import { idleConnections } from "./memory/idle.ts";

/**
 * `npm run memory [-- --part N]`: what connections keep when they are idle, and leave when they are closed. Prints a table and JSON;
 * ends with 1 when a bound is passed. `--part 10` measures a tenth of the connections.
 */
function main(): number {
  const { values } = parseArgs({ options: { part: { type: "string" } } });
  const part = Number(values.part ?? 1);
  if (!(part >= 1)) throw new RangeError(`--part wants a number from 1 on, not ${values.part}`);
  const count = (of: number): number => Math.ceil(of / part);
  const figures: Figure[] = [
    ...closedConnections(count(100_000), 1, progress),
    ...closedConnections(count(20_000), 2, progress),
    ...idleConnections(count(10_000), progress),
  ];
  for (const { name, value, bound, unit } of figures) {
    console.log(`${value <= bound ? "ok  " : "OVER"} ${name.padEnd(60)} ${value.toFixed(unit === "%" ? 2 : 0).padStart(9)} ${unit} (at most ${bound})`);
  }
  console.log(JSON.stringify(figures));
  return figures.every(({ value, bound }) => value <= bound) ? 0 : 1;
}

let shown = performance.now();
const progress: Progress = (what, done, of) => {
  if (performance.now() - shown < 5000 && done < of) return;
  shown = performance.now();
  console.error(`  ${what}: ${done} of ${of}`);
};

process.exitCode = main();
