import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { generateUdpKey } from "mptcp/node";
import { median, spread } from "../statistics.ts";
import { measure } from "./peers.ts";
import type { Measurement, Mode, Order } from "./peers.ts";

/** What to measure. */
export interface UdpBenchOptions {
  readonly rounds: number;
  /** Bytes of a transfer by the engine; the slow ways move less, the raw loop more. */
  readonly bytes: number;
  /** Part of the names of the cases to be measured. */
  readonly only: string;
}

/** One case: rates in Gbit/s and CPU seconds (user and system) per gigabyte, a value for each round. */
export interface UdpBenchRow {
  readonly name: string;
  readonly gigabitsPerSecond: readonly number[];
  readonly senderSecondsPerGigabyte: readonly number[];
  readonly receiverSecondsPerGigabyte: readonly number[];
  /** Of medians: the rate over that of the raw loop; NaN where that was not measured. */
  readonly ratio: number;
}

/**
 * Speed of UDP links between two processes on loopback, beside what the same machine does at the same time without an engine: a loop of
 * system calls with UDP_SEGMENT and UDP_GRO, and node:dgram.
 */
export async function udpRows({ rounds, bytes, only }: UdpBenchOptions): Promise<UdpBenchRow[]> {
  const cases = CASES.filter(({ name }) => name.includes(only));
  const results = new Map<string, Measurement[]>(cases.map(({ name }) => [name, []]));
  // Round after round, so that whatever else the machine does falls on all cases alike.
  for (let i = 0; i < rounds; i++) {
    for (const { name, mode, share, options } of cases) results.get(name)?.push(await transfer({ mode, bytes: Math.round(bytes * share), ...options }));
  }
  const base = median((results.get(BASE) ?? []).map(rate));
  return cases.map(({ name }) => {
    const measurements = results.get(name) ?? [];
    return {
      name,
      gigabitsPerSecond: measurements.map(rate),
      senderSecondsPerGigabyte: measurements.map((one) => (one.senderCpu / one.bytes) * 1e9),
      receiverSecondsPerGigabyte: measurements.map((one) => (one.receiverCpu / one.bytes) * 1e9),
      ratio: median(measurements.map(rate)) / base,
    };
  });
}

/** Prints the rows as a table. */
export function printUdpRows(rows: readonly UdpBenchRow[]): void {
  console.log(`${"".padEnd(50)}${"Gbit/s".padEnd(24)}${"of the raw loop".padEnd(18)}CPU s/GB of sender, receiver`);
  for (const { name, gigabitsPerSecond, ratio, senderSecondsPerGigabyte: out, receiverSecondsPerGigabyte: into } of rows) {
    console.log(`${name.padEnd(50)}${spread(gigabitsPerSecond, 2).padEnd(24)}${ratio.toFixed(3).padEnd(18)}${median(out).toFixed(2)}, ${median(into).toFixed(2)}`);
  }
}

/** Measures and prints all; false when one or two links carry less than 3 Gbit/s. */
export async function measureUdp(rounds: number): Promise<boolean> {
  const rows = await udpRows({ rounds, bytes: 1e9, only: "" });
  printUdpRows(rows);
  return rows.every(({ name, gigabitsPerSecond }) => !GOALS.includes(name) || median(gigabitsPerSecond) >= GOAL);
}

interface Case {
  readonly name: string;
  readonly mode: Mode;
  /** Of the bytes asked for. */
  readonly share: number;
  readonly options: Omit<Order, "mode" | "bytes">;
}

/** Of nobody else. */
const KEY = generateUdpKey();
const BASE = "raw: sendmmsg, UDP_SEGMENT, UDP_GRO";
const CASES: readonly Case[] = [
  { name: BASE, mode: "raw", share: 2, options: {} },
  { name: "raw: node:dgram", mode: "dgram", share: 0.1, options: {} },
  { name: "engine, TCP, one link", mode: "engine", share: 1, options: { links: 1, multipath: false } },
  { name: "engine, MPTCP, one link", mode: "engine", share: 1, options: { links: 1 } },
  { name: "engine, MPTCP, two links", mode: "engine", share: 1, options: { links: 2 } },
  { name: "engine, MPTCP, one link, buffer 208 KiB", mode: "engine", share: 1, options: { links: 1, receiveBuffer: 212_992 } },
  { name: "engine, MPTCP, one link, with a key", mode: "engine", share: 0.3, options: { links: 1, key: KEY } },
  { name: "engine, MPTCP, one link, node:dgram", mode: "engine", share: 0.1, options: { links: 1, batch: false } },
  { name: "engine, MPTCP, one link, node:dgram, with a key", mode: "engine", share: 0.1, options: { links: 1, batch: false, key: KEY } },
  { name: "sockets, MPTCP, one link", mode: "sockets", share: 1, options: { links: 1 } },
  { name: "sockets, MPTCP, two links", mode: "sockets", share: 1, options: { links: 2 } },
];

/** One transfer between two new processes. */
async function transfer(order: Order): Promise<Measurement> {
  const children: ChildProcess[] = [];
  const start = (role: "sender" | "receiver"): ChildProcess => {
    const child = fork(fileURLToPath(new URL("./peers.js", import.meta.url)), [role, JSON.stringify(order)]);
    children.push(child);
    return child;
  };
  try {
    return await measure(start, order);
  } finally {
    for (const child of children) child.kill("SIGKILL");
  }
}

function rate({ bytes, seconds }: Measurement): number {
  return (bytes * 8) / seconds / 1e9;
}

/** Gbit/s. */
const GOAL = 3;
const GOALS = ["engine, MPTCP, one link", "engine, MPTCP, two links"];
