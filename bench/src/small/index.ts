import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { interval, median, spread } from "../statistics.ts";
import type { ClientReport, Order, Way, Work } from "./order.ts";

/** What to measure. */
export interface SmallBenchOptions {
  /** Measurements of each way, in turns with one of what it is compared with. */
  readonly pairs: number;
  readonly requests: number;
  readonly octets: number;
  readonly seconds: number;
  /** Part of the names of the cases to be measured. */
  readonly only: string;
  /** Folder of another checkout, built: its sockets take the place of node:net's. Null: none. */
  readonly against: string | null;
}

/** One measurement. Microseconds. */
interface Figures {
  readonly perSecond: number;
  readonly median: number;
  readonly p99: number;
  /** Processor time of a request. */
  readonly client: number;
  readonly server: number;
}

/** A way beside the one it is compared with, a value for each pair. */
export interface SmallBenchRow {
  readonly name: string;
  readonly ours: readonly Figures[];
  readonly base: readonly Figures[];
}

/** Small messages between two processes on loopback: sockets over one UDP link beside those of node:net, pair by pair. */
export async function smallRows(options: SmallBenchOptions): Promise<SmallBenchRow[]> {
  const rows: SmallBenchRow[] = [];
  for (const { name, work, way } of CASES) {
    if (!name.includes(options.only)) continue;
    const base = options.against === null ? "net" : "other";
    const ours: Figures[] = [];
    const theirs: Figures[] = [];
    for (let i = 0; i < options.pairs; i++) {
      // What the machine does meanwhile falls on both alike: neither is always first.
      for (const isOurs of i % 2 === 0 ? [false, true] : [true, false]) (isOurs ? ours : theirs).push(await run(work, isOurs ? way : base, options));
    }
    rows.push({ name, ours, base: theirs });
  }
  return rows;
}

/** Prints the rows: for each figure both ways, and the median of the pairs' ratios with an interval that holds the true one in 95 of 100 cases. */
export function printSmallRows(rows: readonly SmallBenchRow[], base: string): void {
  console.log(`${"".padEnd(58)}${"ours".padEnd(24)}${base.padEnd(24)}ratio of pairs, 95 % interval`);
  for (const { name, ours, base: theirs } of rows) {
    for (const [title, digits, read] of FIGURES) {
      // autocannon knows milliseconds.
      if (name.startsWith("web") && read === timeOf) continue;
      const [a, b] = [ours.map(read), theirs.map(read)];
      const ratios = ratiosOf(a, b);
      console.log(`${`${name}: ${title}`.padEnd(58)}${spread(a, digits).padEnd(24)}${spread(b, digits).padEnd(24)}${median(ratios).toFixed(2)} ${interval(ratios, 2)}`);
    }
  }
}

/** Measures and prints all; false when a message costs more than twice what it does on node:net, or fewer than half the requests are answered. */
export async function measureSmall(pairs: number): Promise<boolean> {
  const rows = await smallRows({ pairs, requests: 10_000, octets: 100, seconds: 2, only: "UDP", against: null });
  printSmallRows(rows, "node:net");
  return rows.every(({ name, ours, base }) => {
    const ratio = (read: (one: Figures) => number): number => median(ratiosOf(ours.map(read), base.map(read)));
    return name === WEB ? ratio((one) => one.perSecond) >= 0.5 : ratio(timeOf) <= 2 && ratio(sum) <= 2;
  });
}

function ratiosOf(ours: readonly number[], base: readonly number[]): number[] {
  return ours.map((one, i) => one / (base[i] ?? NaN));
}

function timeOf(one: Figures): number {
  return one.median;
}

function sum({ client, server }: Figures): number {
  return client + server;
}

/** One measurement between two new processes. */
async function run(work: Work, way: Way, { requests, octets, seconds, against }: SmallBenchOptions): Promise<Figures> {
  const library = way === "other" ? new URL(`file://${against}/packages/mptcp/dist/node/index.js`).href : import.meta.resolve("mptcp/node");
  const order: Order = { work, way, requests, octets, seconds, library };
  const children: ChildProcess[] = [];
  const start = (script: string, ...words: readonly string[]): ChildProcess => {
    const child = fork(fileURLToPath(new URL(script, import.meta.url)), [JSON.stringify(order), ...words], registered(order));
    children.push(child);
    return child;
  };
  try {
    const server = start("./server.js");
    const { port } = (await message(server)) as { readonly port: number };
    const client = start("./client.js", String(port));
    await message(client);
    const before = await serverTime(server);
    const reported = message(client);
    client.send({});
    const report = (await reported) as ClientReport;
    const used = (await serverTime(server)) - before;
    const { requests: count } = report;
    return { perSecond: count / report.seconds, median: report.median, p99: report.p99, client: report.cpu / count, server: used / count };
  } finally {
    // The client first: a server that is gone is an error to it.
    for (const child of children.toReversed()) await stop(child);
  }
}

/** What makes a process use something else than plain TCP beneath node:net; only where the program knows of nothing else. */
function registered({ work, way, library }: Order): { readonly execArgv: string[]; readonly env: NodeJS.ProcessEnv } {
  const isPlain = way === "net" || (work === "echo" && way !== "kernel");
  if (isPlain) return { execArgv: process.execArgv, env: process.env };
  const env = way === "kernel" ? { MPTCP_VIA: "kernel" } : { MPTCP_VIA: "userspace", MPTCP_UDP: "127.0.0.1", MPTCP_REQUIRED: "1" };
  return { execArgv: [...process.execArgv, "--import", new URL("./register/index.js", library).href], env: { ...process.env, ...env } };
}

async function serverTime(server: ChildProcess): Promise<number> {
  const answered = message(server);
  server.send({});
  return ((await answered) as { readonly cpu: number }).cpu;
}

async function message(child: ChildProcess): Promise<unknown> {
  const over = new AbortController();
  const signal = AbortSignal.any([over.signal, AbortSignal.timeout(LONGEST)]);
  const ended = once(child, "exit", { signal }).then(([code, how]) => Promise.reject(new Error(`a process ended with ${code ?? how}`)));
  ended.catch(() => {});
  try {
    const [first] = (await Promise.race([once(child, "message", { signal }), ended])) as unknown[];
    return first;
  } finally {
    over.abort();
  }
}

/** A process that is told to, ends by itself, so that it can write a profile. */
async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  if (child.connected) child.disconnect();
  const late = setTimeout(() => child.kill("SIGKILL"), 5000);
  await exited;
  clearTimeout(late);
}

/** What takes longer hangs, ms. */
const LONGEST = 60_000;
const WEB = "web, UDP";
const CASES: readonly { readonly name: string; readonly work: Work; readonly way: Way }[] = [
  { name: "echo, UDP", work: "echo", way: "udp" },
  { name: WEB, work: "web", way: "udp" },
  { name: "echo, kernel", work: "echo", way: "kernel" },
  { name: "web, kernel", work: "web", way: "kernel" },
];
const FIGURES: readonly (readonly [string, number, (one: Figures) => number])[] = [
  ["requests per second", 0, (one) => one.perSecond],
  ["a request's time, median, µs", 1, timeOf],
  ["CPU µs per request, client", 1, (one) => one.client],
  ["CPU µs per request, server", 1, (one) => one.server],
  ["CPU µs per request, both", 1, sum],
];
