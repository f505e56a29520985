import { release } from "node:os";
import { LEAST_GOODPUT, MOST_TIME } from "./compare.ts";
import type { Comparison, Measure } from "./compare.ts";
import type { Ratio } from "./statistics.ts";

/** The page of a comparison, in Markdown. */
export function pageOf(comparisons: readonly Comparison[]): string {
  const rows = comparisons.flatMap(({ condition, measures }) => measures.map((measure) => rowOf(condition.kind, `${condition.name}${condition.family === 6 ? ", IPv6" : ""}`, measure)));
  const all = comparisons.flatMap(({ measures }) => measures);
  const better = comparisons.flatMap(({ condition, measures }) => measures.filter(isBetter).map((measure) => `- ${condition.name}: ${measure.name} ${text(measure.ratio)} of Linux's`));
  const decided = comparisons.filter(({ measures }) => measures.every(({ verdict }) => verdict !== "not decided"));
  const decidedKinds = new Set(decided.map(({ condition }) => condition.kind));
  const undecidedKinds = [...new Set(comparisons.map(({ condition }) => condition.kind))].filter((kind) => !decidedKinds.has(kind));
  return `# Our TCP beside Linux's

This page is written by \`npm run judge\`: what is transferred from one end of a path to the other, under the same conditions, by the kernel (Linux ${release()}) at both ends and by the engine with the profile \`linux\` at both ends,
each with CUBIC, but where BBR is said. The kernel's packets go over two TUN devices whose other ends are a link of the simulator, run by the machine's clock; the engine runs in virtual time over the same link, or through the same devices where the round-trip
time is less than twenty times what the tool itself adds to it.

A row is a figure of a condition: the goodput of bulk transfers, the mean of all runs, or the median and the 99th percentile of the time in which a flow is complete. The ratio is the engine's to Linux's, with the interval that 95 % of
bootstrap resamplings lie in; the control is Linux's own second runs to its first. The engine falls short where the interval lies below ${LEAST_GOODPUT} of the goodput or above ${MOST_TIME} of a time. Where the control's interval reaches as far, nothing is decided.

${decided.length} of ${comparisons.length} conditions are decided${undecidedKinds.length === 0 ? ", of each kind at least one" : `, but none of ${undecidedKinds.join(", ")}`}; of ${all.length} figures ${count(all, "holds")} hold, ${count(all, "falls short")} fall short, ${count(all, "not decided")} are not decided.

| kind | condition | figure | Linux | engine | ratio | control | verdict |
|---|---|---|---|---|---|---|---|
${rows.join("\n")}
${better.length === 0 ? "" : `\n## Where Linux is worse\n\n${better.join("\n")}\n`}`;
}

const count = (measures: readonly Measure[], verdict: Measure["verdict"]): number => measures.filter((one) => one.verdict === verdict).length;

function rowOf(kind: string, name: string, { name: figure, kernel, engine, ratio, control, verdict }: Measure): string {
  const value = (number: number): string => (figure === "goodput" ? `${(number / 1e6).toFixed(2)} Mb/s` : `${(number / 1e6).toFixed(0)} ms`);
  return `| ${kind} | ${name} | ${figure} | ${value(kernel)} | ${value(engine)} | ${text(ratio)} | ${text(control)} | ${verdict} |`;
}

/** A ratio and its interval. */
export const text = ({ value, low, high }: Ratio): string => `${value.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`;

/** Whether the whole interval is on the engine's side, by as much as it may fall short on the other. */
const isBetter = ({ name, ratio }: Measure): boolean => (name === "goodput" ? ratio.low > 1 / LEAST_GOODPUT : ratio.high < 1 / MOST_TIME);
