import { once } from "node:events";
import type { Socket } from "node:net";
import { HOST, orderOf, processorTime, socketsOf } from "./order.ts";
import type { ClientReport, Order } from "./order.ts";

// The client of the bench of small messages: run as `client.js order port`, with an IPC channel to who measures. It warms up, says so, waits for a word and measures.

/** Requests and answers one after the other. @returns microseconds of each */
function exchange(socket: Socket, count: number, octets: number): Promise<Float64Array> {
  const request = Buffer.alloc(octets, "request ");
  const times = new Float64Array(count);
  return new Promise((resolve, reject) => {
    let done = 0;
    let due = octets;
    let sentAt = performance.now();
    const onData = (chunk: Uint8Array): void => {
      due -= chunk.length;
      if (due > 0) return;
      due = octets;
      const now = performance.now();
      times[done++] = (now - sentAt) * 1000;
      if (done === count) {
        socket.off("data", onData).off("error", reject);
        resolve(times);
        return;
      }
      sentAt = now;
      socket.write(request);
    };
    socket.on("data", onData).on("error", reject);
    socket.write(request);
  });
}

async function echo(order: Order, port: number, begin: () => Promise<void>): Promise<ClientReport> {
  const { requests, octets } = order;
  const socket = (await socketsOf(order)).connect(port, HOST);
  await once(socket, "connect");
  await exchange(socket, WARM_UP, octets);
  await begin();
  const cpu = processorTime();
  const times = await exchange(socket, requests, octets);
  const used = processorTime() - cpu;
  const seconds = times.reduce((sum, one) => sum + one, 0) / 1e6;
  times.sort();
  return { requests, seconds, median: times[requests >> 1] ?? NaN, p99: times[Math.floor(requests * 0.99)] ?? NaN, cpu: used };
}

/** What is used of autocannon, which has no declarations. */
type Autocannon = (options: { readonly url: string; readonly connections: number; readonly amount?: number; readonly duration?: number }) => Promise<{
  readonly requests: { readonly total: number };
  readonly latency: { readonly p50: number; readonly p99: number };
  readonly duration: number;
  readonly errors: number;
  readonly non2xx: number;
}>;

async function web({ seconds }: Order, port: number, begin: () => Promise<void>): Promise<ClientReport> {
  const { default: autocannon } = (await import("autocannon" as string)) as { readonly default: Autocannon };
  const url = `http://${HOST}:${port}/`;
  // What Node has not compiled yet is no measure: the same number for every way, not the same time. What V8 compiled before connections were closed is compiled anew afterwards, hence several runs.
  for (let i = 0; i < RUNS; i++) await autocannon({ url, connections: CONNECTIONS, amount: WARM_UP / RUNS });
  await begin();
  const cpu = processorTime();
  const { requests, latency, duration, errors, non2xx } = await autocannon({ url, connections: CONNECTIONS, duration: seconds });
  if (errors + non2xx > 0) throw new Error(`${errors} requests failed, ${non2xx} were refused`);
  return { requests: requests.total, seconds: duration, median: latency.p50 * 1000, p99: latency.p99 * 1000, cpu: processorTime() - cpu };
}

async function getReady(): Promise<void> {
  process.send?.({ isReady: true });
  await once(process, "message");
}

/** Requests. V8 compiles for some seconds of processor time, in threads of its own that count as well. */
const WARM_UP = 30_000;
const RUNS = 3;
const CONNECTIONS = 10;
const [, , text, port] = process.argv;
const order = orderOf(text);
process.on("disconnect", () => process.exit());
process.send?.(await (order.work === "echo" ? echo(order, Number(port), getReady) : web(order, Number(port), getReady)));
