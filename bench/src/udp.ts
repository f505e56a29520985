import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { measure } from "./udp-peers.ts";
import type { Measurement, Mode, Order } from "./udp-peers.ts";

/**
 * Speed of UDP links between two processes on loopback, beside what the same machine does at the same time without an engine: a loop of
 * system calls with UDP_SEGMENT and UDP_GRO, and node:dgram.
 *
 *     node bench/dist/udp.js [--runs 5] [--megabytes 1000] [--only engine] [--json]
 */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      runs: { type: "string", default: "5" },
      megabytes: { type: "string", default: "1000" },
      only: { type: "string", default: "" },
      json: { type: "boolean", default: false },
    },
  });
  const runs = Number(values.runs);
  const cases = CASES.filter(({ name }) => name.includes(values.only));
  const results = new Map<string, Measurement[]>(cases.map(({ name }) => [name, []]));
  // Round after round, so that whatever else the machine does falls on all cases alike.
  for (let i = 0; i < runs; i++) {
    for (const { name, mode, share, options } of cases) {
      const bytes = Math.round(Number(values.megabytes) * 1e6 * share);
      if (!values.json) process.stderr.write(`\r${i + 1} of ${runs}: ${name}`.padEnd(72));
      results.get(name)?.push(await transfer({ mode, bytes, ...options }));
    }
  }
  if (!values.json) process.stderr.write(`\r${"".padEnd(72)}\r`);
  const rows = cases.map(({ name }) => summary(name, results.get(name) ?? []));
  const base = rows.find(({ name }) => name === BASE)?.gigabitsPerSecond.median ?? Number.NaN;
  if (values.json) {
    console.log(JSON.stringify({ runs, rows: rows.map((row) => ({ ...row, ratio: row.gigabitsPerSecond.median / base })) }, null, 2));
    return;
  }
  console.log(`${"".padEnd(44)}${"Gbit/s (min..max)".padEnd(24)}${`of ${BASE}`.padEnd(22)}CPU s/GB: sender, receiver`);
  for (const { name, gigabitsPerSecond: rate, senderSecondsPerGigabyte: out, receiverSecondsPerGigabyte: into } of rows) {
    const speed = `${rate.median.toFixed(2)} (${rate.min.toFixed(2)}..${rate.max.toFixed(2)})`;
    console.log(`${name.padEnd(44)}${speed.padEnd(24)}${(rate.median / base).toFixed(3).padEnd(22)}${out.median.toFixed(2)}, ${into.median.toFixed(2)}`);
  }
}

interface Case {
  readonly name: string;
  readonly mode: Mode;
  /** Of the bytes asked for. */
  readonly share: number;
  readonly options: Omit<Order, "mode" | "bytes">;
}

interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

interface Row {
  readonly name: string;
  readonly gigabitsPerSecond: Spread;
  readonly senderSecondsPerGigabyte: Spread;
  readonly receiverSecondsPerGigabyte: Spread;
}

const BASE = "raw: sendmmsg, UDP_SEGMENT, UDP_GRO";
const CASES: readonly Case[] = [
  { name: BASE, mode: "raw", share: 2, options: {} },
  { name: "raw: node:dgram", mode: "dgram", share: 0.1, options: {} },
  { name: "engine, TCP, one link", mode: "engine", share: 1, options: { links: 1, multipath: false } },
  { name: "engine, MPTCP, one link", mode: "engine", share: 1, options: { links: 1 } },
  { name: "engine, MPTCP, two links", mode: "engine", share: 1, options: { links: 2 } },
  { name: "engine, MPTCP, one link, 208 KiB buffer", mode: "engine", share: 1, options: { links: 1, receiveBuffer: 212_992 } },
  { name: "engine, MPTCP, one link, node:dgram", mode: "engine", share: 0.1, options: { links: 1, batch: false } },
  { name: "sockets, MPTCP, one link", mode: "sockets", share: 1, options: { links: 1 } },
  { name: "sockets, MPTCP, two links", mode: "sockets", share: 1, options: { links: 2 } },
];

/** One transfer between two new processes. */
async function transfer(order: Order): Promise<Measurement> {
  const children: ChildProcess[] = [];
  const start = (role: "sender" | "receiver"): ChildProcess => {
    const child = fork(fileURLToPath(new URL("./udp-peers.js", import.meta.url)), [role, JSON.stringify(order)]);
    children.push(child);
    return child;
  };
  try {
    return await measure(start, order);
  } finally {
    for (const child of children) child.kill("SIGKILL");
  }
}

function summary(name: string, measurements: readonly Measurement[]): Row {
  return {
    name,
    gigabitsPerSecond: spread(measurements.map(({ bytes, seconds }) => (bytes * 8) / seconds / 1e9)),
    senderSecondsPerGigabyte: spread(measurements.map(({ bytes, senderCpu }) => (senderCpu / bytes) * 1e9)),
    receiverSecondsPerGigabyte: spread(measurements.map(({ bytes, receiverCpu }) => (receiverCpu / bytes) * 1e9)),
  };
}

function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  return { median: sorted[sorted.length >> 1] ?? Number.NaN, min: sorted[0] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN };
}

await main();
