import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { CELLS } from "./grid/cells.ts";
import type { Cell } from "./grid/cells.ts";
import { expectedGoodput } from "./grid/formula.ts";
import { runCell } from "./grid/run-cell.ts";
import type { CellResult } from "./grid/run-cell.ts";

const USAGE = `usage: npm run grid [-- --seed 1] [--out PAGE.md]
One flow of plain TCP over each of ${CELLS.length} links, in virtual time: its goodput beside what the literature's formulas expect, and how many of its timeouts were for nothing.
Exit codes: 0 all is as it should be; 1 it is not; 2 a mistake in the command.`;

/** @returns the exit code */
function main(): number {
  const { values } = parseArgs({ options: { seed: { type: "string", default: "1" }, out: { type: "string" }, help: { type: "boolean", default: false } } });
  const seed = Number(values.seed);
  if (values.help || !Number.isSafeInteger(seed)) {
    console.log(USAGE);
    return values.help ? 0 : 2;
  }
  const rows = CELLS.map((cell) => {
    const row: Row = { cell, result: runCell(cell, seed), expected: expectedGoodput(cell) };
    console.log(lineOf(row).join("  "));
    return row;
  });
  const verdict = verdictOf(rows);
  console.log(verdict.text);
  if (values.out !== undefined) writeFileSync(values.out, pageOf(rows, verdict.text));
  return verdict.isMet ? 0 : 1;
}

interface Row {
  readonly cell: Cell;
  readonly result: CellResult;
  readonly expected: number;
}

function lineOf({ cell, result, expected }: Row): readonly string[] {
  return [cell.congestion, mega(cell.rate), String(cell.rtt), String(cell.queue), `${cell.loss * 100} %`, mega(result.goodput), (result.goodput / expected).toFixed(2), String(result.recoveries), String(result.timeouts), String(result.spurious), String(result.undone)];
}

const mega = (bits: number): string => (bits / 1e6).toFixed(2);

function verdictOf(rows: readonly Row[]): { readonly isMet: boolean; readonly text: string } {
  const sum = (of: (result: CellResult) => number): number => rows.reduce((total, { result }) => total + of(result), 0);
  const near = rows.filter(({ result, expected }) => Math.abs(result.goodput / expected - 1) <= MOST_APART).length;
  const [recoveries, timeouts, spurious] = [sum((one) => one.recoveries), sum((one) => one.timeouts), sum((one) => one.spurious)];
  const share = spurious / recoveries;
  const text = `${near} of ${rows.length} cells are within ${MOST_APART * 100} % of the formula; ${timeouts} timeouts in ${recoveries} recoveries, ${spurious} of them (${(share * 100).toFixed(2)} % of the recoveries) for nothing, by what D-SACKs say.`;
  return { isMet: near === rows.length && share < MOST_SPURIOUS, text };
}

const MOST_APART = 0.25;
const MOST_SPURIOUS = 0.02;

function pageOf(rows: readonly Row[], verdict: string): string {
  return `# Plain TCP beside the formulas

This page is written by \`npm run grid\`: one flow of plain TCP over one link, two to ten minutes of virtual time, goodput from second 20 on. The queue is in shares of what the path holds. The formula is the controller's equation of the window
(RFC 5681, RFC 9438), integrated over round trips in which packets are lost at random and where path and queue are full. A timeout was for nothing where the receiver reported what it sent again as a duplicate (D-SACK, RFC 2883).

${verdict}

| controller | Mb/s | RTT, ms | queue | loss | goodput, Mb/s | of the formula | recoveries | timeouts | for nothing | taken back |
|---|---|---|---|---|---|---|---|---|---|---|
${rows.map((row) => `| ${lineOf(row).join(" | ")} |`).join("\n")}
`;
}

process.exitCode = main();
