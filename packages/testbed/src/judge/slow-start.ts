import type { Condition } from "./condition.ts";
import { SEGMENT } from "./condition.ts";
import { runCondition } from "./run.ts";

/** How long the beginning of a transfer to the kernel takes, with super-segments and without; ns. */
export interface SlowStartResult {
  readonly rtt: number;
  readonly paths: 1 | 2;
  /** The least of all tries: what the machine adds is never negative. */
  readonly whole: number;
  readonly cut: number;
  /** The engine's with super-segments to without. */
  readonly ratio: number;
  /** Packets that the kernel was given on each path, with super-segments and without: what shows that there were such, and that all paths were used. */
  readonly given: { readonly whole: readonly number[]; readonly cut: readonly number[] };
}

/** Round-trip times that are measured, ms. */
export const ROUND_TRIPS = [20, 50, 100, 200, 300] as const;
/** What the first may be of the second. */
export const MOST_RATIO = 1.1;

/**
 * The engine sends three times what the paths hold to the kernel, once over devices and paths that take super-segments and acknowledge each once, once over others; in turns.
 * @throws MptcpError where the kernel cannot be had
 */
export function measureSlowStart(rtt: number, paths: 1 | 2, tries: number): SlowStartResult {
  let [whole, cut] = [NEVER, NEVER];
  for (let at = 1; at <= tries; at++) {
    cut = quicker(cut, transfer(rtt, paths, false, at));
    whole = quicker(whole, transfer(rtt, paths, true, at));
  }
  return { rtt, paths, whole: whole.time, cut: cut.time, ratio: whole.time / cut.time, given: { whole: whole.given, cut: cut.given } };
}

interface Transfer {
  /** ns from the SYN to the end. */
  readonly time: number;
  readonly given: readonly number[];
}

const NEVER: Transfer = { time: Number.POSITIVE_INFINITY, given: [] };
const quicker = (one: Transfer, other: Transfer): Transfer => (other.time < one.time ? other : one);

function transfer(rtt: number, paths: 1 | 2, segmentation: boolean, seed: number): Transfer {
  const capacity = (RATE * rtt) / 8000;
  const pipe = { rate: RATE, delay: (rtt / 2) * 1e6, queue: { packets: Math.max(50, Math.ceil(capacity / 1500)) } };
  const condition: Condition = {
    name: "slow start", kind: "slow start", family: 4, forward: pipe, backward: pipe, paths,
    workload: { kind: "flows", count: 1, segments: Math.ceil((3 * capacity * paths) / SEGMENT), every: 1e9 },
    ...(segmentation ? { segmentation } : {}),
  };
  const { flows, given } = runCondition(condition, { server: "engine", client: "kernel", seed, isReal: true, congestion: "cubic" });
  const flow = flows[0];
  return flow === undefined || flow.endedAt === null ? NEVER : { time: flow.endedAt - flow.startedAt, given };
}

/** Bits per second of each path. */
const RATE = 50e6;
