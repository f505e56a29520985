import { formatRate, formatSize } from "@mptcp/scenario/units";
import type { Summary } from "@mptcp/scenario";
import type { Colors, Output } from "./io.ts";
import { widthOf } from "./screen-region.ts";

/** The outcome of a run as text for people, no wider than their terminal. */
export function summaryText(title: string, summary: Summary, { colors, columns: width }: Pick<Output, "colors" | "columns">): string {
  const room = width === 0 ? Number.POSITIVE_INFINITY : width;
  const verdict = summary.asExpected ? colors.green(summary.outcome) : colors.red(summary.outcome);
  const lines = [`${colors.bold(title)}: ${verdict}`, ...wrapped(summary.explanation, room), ""];
  for (const [label, value] of facts(summary)) {
    const [first = "", ...rest] = wrapped(value, room - FACT);
    lines.push(`  ${label.padEnd(FACT - 2)}${first}`, ...rest.map((line) => " ".repeat(line.length + FACT <= room ? FACT : 2) + line));
  }
  return `${[...lines, "", ...subflowLines(summary, colors, room)].join("\n")}\n`;
}

/** Lines of `columns` at the most, broken between words. */
function wrapped(text: string, room: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= room) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** Rows in columns of equal width; numbers to the right from the second column on. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, index) => Math.max(...rows.map((row) => (row[index] ?? "").length)));
  return rows.map((row) => row.map((cell, index) => (index === 0 ? cell.padEnd(widths[index] ?? 0) : cell.padStart(widths[index] ?? 0))).join("  ").trimEnd());
}

function facts(summary: Summary): [string, string][] {
  const share = summary.goodputRatio === null ? "" : ` (${(100 * summary.goodputRatio).toFixed(0)} % of what the links could carry)`;
  const rows: [string, string][] = [
    ["goodput", formatRate(Math.round(summary.goodputBitsPerSecond)) + share],
    ["delivered", formatSize(summary.bytes) + (summary.bytesExpected === null || summary.bytesExpected === summary.bytes ? "" : ` of ${formatSize(summary.bytesExpected)}`)],
    ["duration", `${summary.durationSeconds.toFixed(2)} s of virtual time, ${summary.packetHops} packet-hops in ${summary.wallSeconds.toFixed(2)} s`],
    ["longest pause", `${summary.maxStallMs.toFixed(0)} ms${summary.maxStallAtSeconds === null ? "" : ` at ${summary.maxStallAtSeconds.toFixed(2)} s`}`],
  ];
  if (summary.applicationDelayMs !== null) {
    const { median, p95, max } = summary.applicationDelayMs;
    rows.push(["application delay", `median ${median.toFixed(0)} ms, 95 % ${p95.toFixed(0)} ms, longest ${max.toFixed(0)} ms`]);
  }
  if (summary.sha256Received !== null) {
    const equal = summary.sha256Sent === summary.sha256Received;
    rows.push(["SHA-256", equal ? `equal, ${summary.sha256Received}` : `what arrived ${summary.intact === true ? "is the beginning of what was sent" : "is NOT what was sent"}`]);
  }
  if (summary.fallback !== null) rows.push(["fallback to TCP", summary.fallback]);
  return rows;
}

function subflowLines(summary: Summary, colors: Colors, room: number): string[] {
  const head = ["subflow", "sent", "received", "reinjected", "retransmitted", "least RTT"];
  const rows = summary.subflows.map((subflow) => [
    subflow.name + (subflow.backup ? " (backup)" : ""),
    formatSize(subflow.bytesSent),
    formatSize(subflow.bytesReceived),
    formatSize(subflow.bytesReinjected),
    `${subflow.retransmissions} ${subflow.retransmissions === 1 ? "segment" : "segments"}`,
    subflow.minRttMs === null ? "-" : `${subflow.minRttMs.toFixed(1)} ms`,
  ]);
  const addresses = summary.subflows.map(({ local, remote }) => `${local} > ${remote}`);
  const whole = table([[...head, "addresses"], ...rows.map((row, at) => [...row, addresses[at] ?? ""])], colors);
  if (whole.every((line) => widthOf(line) <= room)) return whole;
  return [...table([head, ...rows], colors), "", ...table([["subflow", "addresses"], ...rows.map(([name = ""], at) => [name, addresses[at] ?? ""])], colors)];
}

function table(rows: readonly (readonly string[])[], colors: Colors): string[] {
  const [first = "", ...rest] = columns(rows);
  return [`  ${colors.dim(first)}`, ...rest.map((line) => `  ${line}`)];
}

/** Columns before what is said of a fact. */
const FACT = 22;
