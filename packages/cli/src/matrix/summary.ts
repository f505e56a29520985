import { nameOf, PAIRS } from "@mptcp/testbed/matrix";
import type { MatrixOutcome, MatrixResult } from "@mptcp/testbed/matrix";
import type { Colors } from "../io.ts";

/** All outcomes, the best first. */
export const OUTCOMES = ["multipath", "fallback", "subflow-reset", "error", "broken"] as const satisfies readonly MatrixOutcome[];

/** How many runs came to what. */
export interface MatrixCounts extends Record<MatrixOutcome, number> {
  readonly runs: number;
  /** As it is prescribed. */
  readonly prescribed: number;
  /** Not so, which is known. */
  readonly known: number;
  /** Not so, and not known. */
  readonly unexpected: number;
}

export function countsOf(results: readonly MatrixResult[]): MatrixCounts {
  const count = (holds: (result: MatrixResult) => boolean): number => results.filter(holds).length;
  const of = (outcome: MatrixOutcome): number => count((result) => result.outcome === outcome);
  return {
    runs: results.length,
    multipath: of("multipath"),
    fallback: of("fallback"),
    "subflow-reset": of("subflow-reset"),
    error: of("error"),
    broken: of("broken"),
    prescribed: count(({ problem }) => problem === ""),
    known: count(({ problem, known }) => problem !== "" && known !== ""),
    unexpected: count(({ problem, known }) => problem !== "" && known === ""),
  };
}

/** Runs between the same ends, in the order of the pairs. */
export function byPair(results: readonly MatrixResult[]): readonly { readonly name: string; readonly results: readonly MatrixResult[] }[] {
  return PAIRS.map((pair) => ({ name: nameOf(pair), results: results.filter((result) => nameOf(result) === nameOf(pair)) })).filter((group) => group.results.length > 0);
}

/** A line for each pair of ends, for people. */
export function tableText(results: readonly MatrixResult[], seconds: number, colors: Colors): string {
  const rows = byPair(results).map(({ name, results: own }) => ({ name, counts: countsOf(own) }));
  const columns = ["runs", ...OUTCOMES, "prescribed", "known", "unexpected"] as const;
  const width = Math.max(4, ...rows.map(({ name }) => name.length));
  const head = colors.dim(["ends".padEnd(width), ...columns.map((column) => column.padStart(column.length + 2))].join(""));
  const lines = rows.map(({ name, counts }) => [name.padEnd(width), ...columns.map((column) => shown(String(counts[column]).padStart(column.length + 2), column, counts[column], colors))].join(""));
  const all = countsOf(results);
  const last = all.unexpected === 0 ? colors.green("all as prescribed, or known to differ") : colors.red(`${all.unexpected} not as prescribed`);
  return `${[head, ...lines].join("\n")}\n${all.runs} runs in ${seconds.toFixed(0)} s: ${last}\n`;
}

function shown(text: string, column: string, count: number, colors: Colors): string {
  return count > 0 && (column === "broken" || column === "unexpected") ? colors.red(text) : text;
}
