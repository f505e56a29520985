import { median, spread } from "../statistics.ts";
import { engineBulk, kernelBulk } from "./bulk.ts";
import type { Direction, Transfer } from "./bulk.ts";
import { obstacle } from "./ground.ts";
import { idleMemory } from "./memory.ts";
import { pingPong, requests } from "./requests.ts";

/**
 * The engine behind TUN devices and this machine's kernel over veth, side by side: what the one does is measured in turns with what the
 * other does, since machines are shared. Prints medians with spread, ratios, and what they should be.
 * @returns whether all ratios are as they should be
 */
export async function measureKernel(rounds: number): Promise<boolean> {
  const reason = obstacle();
  if (reason !== null) {
    console.log(`against the kernel: skipped, ${reason}`);
    return true;
  }
  const verdicts: boolean[] = [];
  for (const paths of [1, 2]) {
    for (const direction of ["in", "out"] as const) verdicts.push(await bulk(direction, paths, rounds));
  }
  verdicts.push(await web(rounds), await latency(rounds), await memory());
  return verdicts.every(Boolean);
}

async function bulk(direction: Direction, paths: number, rounds: number): Promise<boolean> {
  const engine: Transfer[] = [];
  const kernel: Transfer[] = [];
  for (let i = 0; i < rounds; i++) {
    engine.push(await engineBulk(direction, { paths, bytes: BYTES }));
    kernel.push(await kernelBulk(direction, { paths, bytes: BYTES }));
  }
  const ours = median(rates(engine));
  const ratio = ours / median(rates(kernel));
  const title = `bulk ${direction}, ${paths} ${paths === 1 ? "path" : "paths"}`;
  const met = ratio >= 0.4 && ours >= 6;
  console.log(`${title}: engine ${spread(rates(engine), 1)} Gbit/s, kernel ${spread(rates(kernel), 1)} Gbit/s, ratio ${ratio.toFixed(2)} ${verdict(met, ">= 0.4, and 6 Gbit/s")}`);
  console.log(`  processor time of the end, s/GB: engine ${spread(cpu(engine), 2)}, kernel ${spread(cpu(kernel), 2)}`);
  return met;
}

function rates(transfers: readonly Transfer[]): number[] {
  return transfers.map((transfer) => transfer.rate);
}

function cpu(transfers: readonly Transfer[]): number[] {
  return transfers.map((transfer) => transfer.cpuPerGigabyte);
}

async function web(rounds: number): Promise<boolean> {
  const { engine, kernel } = await turns(rounds, (sockets) => requests(sockets, 10_000));
  const ratio = median(engine.map((run) => run.perSecond)) / median(kernel.map((run) => run.perSecond));
  const met = ratio >= 0.25;
  const text = (runs: typeof engine): string => `${spread(runs.map((run) => run.perSecond), 0)}/s with ${median(runs.map((run) => run.cpuPerThousand)).toFixed(2)} s of processor per 1000`;
  console.log(`HTTP requests, a connection each, ab -c 100: engine ${text(engine)}, kernel ${text(kernel)}, ratio ${ratio.toFixed(2)} ${verdict(met, ">= 0.25")}`);
  return met;
}

async function latency(rounds: number): Promise<boolean> {
  const { engine, kernel } = await turns(rounds, (sockets) => pingPong(sockets, 10_000));
  const ratio = median(engine.map((run) => run.median)) / median(kernel.map((run) => run.median));
  const met = ratio <= 2.5;
  const text = (runs: typeof engine): string => `${spread(runs.map((run) => run.median), 1)} us (99 %: ${median(runs.map((run) => run.p99)).toFixed(0)} us)`;
  console.log(`1-octet ping-pong, Node server: engine ${text(engine)}, kernel ${text(kernel)}, ratio ${ratio.toFixed(2)} ${verdict(met, "<= 2.5")}`);
  return met;
}

async function memory(): Promise<boolean> {
  const { resident, heap } = await idleMemory(IDLE_CONNECTIONS, 2);
  const met = resident <= 20_000;
  console.log(`${IDLE_CONNECTIONS} idle connections of two subflows: ${(resident / 1000).toFixed(1)} KB resident each, ${(heap / 1000).toFixed(1)} KB of heap ${verdict(met, "<= 20 KB")}`);
  return met;
}

async function turns<Result>(rounds: number, measure: (sockets: "engine" | "kernel") => Promise<Result>): Promise<{ readonly engine: readonly Result[]; readonly kernel: readonly Result[] }> {
  const engine: Result[] = [];
  const kernel: Result[] = [];
  for (let i = 0; i < rounds; i++) {
    engine.push(await measure("engine"));
    kernel.push(await measure("kernel"));
  }
  return { engine, kernel };
}

function verdict(met: boolean, target: string): string {
  return met ? `(${target}: yes)` : `(${target}: NO)`;
}

const BYTES = 2e9;
const IDLE_CONNECTIONS = 10_000;
