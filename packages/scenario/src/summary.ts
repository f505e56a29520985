import type { Outcome } from "./spec.ts";
import type { PlanExpect } from "./plan.ts";
import { formatSize } from "./units.ts";

/** What summary.json holds. Additions are welcome, changes of meaning are not. */
export interface Summary {
  readonly scenario: string;
  readonly seed: number;
  readonly outcome: Outcome;
  /** Whether the run ended as the scenario says it should. */
  readonly asExpected: boolean;
  /** One sentence on how the run ended. */
  readonly explanation: string;
  /** Bytes delivered to the receiving application, and bytes that it was to get (null: no fixed number). */
  readonly bytes: number;
  readonly bytesExpected: number | null;
  /** From the start of the connection to the last byte; to the end of the run when not everything arrived. */
  readonly durationSeconds: number;
  /** Over the measurement window. */
  readonly goodputBitsPerSecond: number;
  readonly measured: { readonly fromSeconds: number; readonly toSeconds: number; readonly bytes: number };
  /** What the paths into the receiver could carry as payload, all together, and the share of it that was used. */
  readonly linkPayloadBitsPerSecond: number | null;
  readonly goodputRatio: number | null;
  /** Hexadecimal; null when the content was virtual, and for what was to be sent when that is long and did not all arrive. */
  readonly sha256Sent: string | null;
  readonly sha256Received: string | null;
  /** Whether what arrived equals what was sent, as far as it goes; null when the content was virtual. */
  readonly intact: boolean | null;
  readonly subflows: readonly SubflowSummary[];
  /** The longest gap between two bytes delivered to the application, and when it began. */
  readonly maxStallMs: number;
  readonly maxStallAtSeconds: number | null;
  /** Why Multipath TCP was given up; null when it was not (or not asked for). */
  readonly fallback: string | null;
  readonly multipath: boolean;
  /** From writing to reading (live), or from request to response; null for other work. */
  readonly applicationDelayMs: DelaySummary | null;
  /** Number of events by kind. */
  readonly events: Readonly<Record<string, number>>;
  readonly links: readonly LinkSummary[];
  readonly packetHops: number;
  readonly wallSeconds: number;
}

export interface SubflowSummary {
  readonly id: number;
  readonly name: string;
  /** address:port as the client has it. */
  readonly local: string;
  readonly remote: string;
  readonly backup: boolean;
  /** Payload by the sender of the work, retransmissions included. */
  readonly bytesSent: number;
  /** Sent here after another subflow had carried it. */
  readonly bytesReinjected: number;
  /** Payload that arrived. */
  readonly bytesReceived: number;
  /** Segments. */
  readonly retransmissions: number;
  readonly minRttMs: number | null;
  /** null: it never was established, or it never closed. */
  readonly establishedSeconds: number | null;
  readonly closedSeconds: number | null;
  readonly closeReason: string | null;
}

export interface DelaySummary {
  readonly count: number;
  readonly median: number;
  readonly p95: number;
  readonly max: number;
}

export interface LinkSummary {
  readonly name: string;
  readonly up: PipeSummary;
  readonly down: PipeSummary;
}

export interface PipeSummary {
  readonly packets: number;
  readonly bytes: number;
  readonly droppedQueue: number;
  readonly droppedRandom: number;
  readonly droppedDown: number;
  readonly maxQueuedPackets: number;
}

/** What is counted during a run; {@link summarize} makes sense of it. Times in ns. */
export interface RunFacts {
  readonly scenario: string;
  readonly seed: number;
  readonly bytes: number;
  readonly bytesExpected: number | null;
  /** All that there was to do was done. */
  readonly done: boolean;
  readonly interrupted: boolean;
  /** Error of either end's connection. */
  readonly error: string | null;
  /** The run ended because nothing arrived any more. */
  readonly gaveUp: boolean;
  /** What arrived equals what was sent, as far as it goes; null when that cannot be told. */
  readonly intact: boolean | null;
  /** There is no fixed number of bytes. */
  readonly endless: boolean;
  readonly endedAt: number;
  /** -1: nothing ever arrived. */
  readonly firstByteAt: number;
  readonly lastByteAt: number;
  /** The longest gap so far between two deliveries, and its beginning (-1: none). */
  readonly maxStall: number;
  readonly maxStallAt: number;
  readonly measure: { readonly from: number; readonly to: number; readonly bytes: number };
  readonly linkPayloadRate: number | null;
  readonly sha256Sent: string | null;
  readonly sha256Received: string | null;
  readonly multipath: boolean;
  readonly fallback: string | null;
  /** ns each */
  readonly delays: readonly number[] | null;
  readonly subflows: readonly SubflowSummary[];
  readonly events: Readonly<Record<string, number>>;
  readonly links: readonly LinkSummary[];
  readonly packetHops: number;
  readonly wallSeconds: number;
}

/** Makes the summary of a run. */
export function summarize(facts: RunFacts, expect: PlanExpect): Summary {
  const stall = longestStall(facts);
  const outcome = outcomeOf(facts, stall.length);
  const end = facts.done && !facts.endless && facts.lastByteAt >= 0 ? facts.lastByteAt : facts.endedAt;
  const from = Math.min(facts.measure.from, end);
  const to = Math.min(facts.measure.to, end);
  const goodput = to > from ? (facts.measure.bytes * 8e9) / (to - from) : 0;
  const { verdict, asExpected } = judge(facts, expect, outcome, stall.length);
  return {
    scenario: facts.scenario,
    seed: facts.seed,
    outcome,
    asExpected,
    explanation: `${explain(facts, outcome, stall)}${verdict}`,
    bytes: facts.bytes,
    bytesExpected: facts.bytesExpected,
    durationSeconds: end / 1e9,
    goodputBitsPerSecond: goodput,
    measured: { fromSeconds: from / 1e9, toSeconds: to / 1e9, bytes: facts.measure.bytes },
    linkPayloadBitsPerSecond: facts.linkPayloadRate,
    goodputRatio: facts.linkPayloadRate === null ? null : goodput / facts.linkPayloadRate,
    sha256Sent: facts.sha256Sent,
    sha256Received: facts.sha256Received,
    intact: facts.intact,
    subflows: facts.subflows,
    maxStallMs: stall.length / 1e6,
    maxStallAtSeconds: stall.at < 0 ? null : stall.at / 1e9,
    fallback: facts.fallback,
    multipath: facts.multipath,
    applicationDelayMs: facts.delays === null || facts.delays.length === 0 ? null : delaySummary(facts.delays),
    events: facts.events,
    links: facts.links,
    packetHops: facts.packetHops,
    wallSeconds: facts.wallSeconds,
  };
}

/** Median, 95th percentile and maximum in ms of delays in ns, by nearest rank. */
export function delaySummary(delays: readonly number[]): DelaySummary {
  const sorted = delays.toSorted((a, b) => a - b);
  const rank = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]! / 1e6;
  return { count: sorted.length, median: rank(0.5), p95: rank(0.95), max: rank(1) };
}

/** The gap after the last byte counts too when more should have come. */
function longestStall(facts: RunFacts): { length: number; at: number } {
  const tail = facts.done || facts.lastByteAt < 0 ? 0 : facts.endedAt - facts.lastByteAt;
  return tail > facts.maxStall ? { length: tail, at: facts.lastByteAt } : { length: facts.maxStall, at: facts.maxStallAt };
}

function outcomeOf(facts: RunFacts, stall: number): Outcome {
  if (facts.intact === false) return "corrupt";
  if (facts.done) return "completed";
  if (facts.interrupted) return "interrupted";
  if (facts.error !== null) return "broken";
  if (facts.gaveUp || facts.lastByteAt < 0) return "stalled";
  const quiet = facts.endedAt - facts.lastByteAt;
  return quiet >= STALLED_AFTER && quiet >= stall ? "stalled" : "unfinished";
}

function explain(facts: RunFacts, outcome: Outcome, stall: { length: number; at: number }): string {
  const share = facts.bytesExpected === null ? formatSize(facts.bytes) : `${formatSize(facts.bytes)} of ${formatSize(facts.bytesExpected)}`;
  switch (outcome) {
    case "completed":
      return facts.bytesExpected === null ? `The work ran to its end: ${share} arrived.` : `All ${formatSize(facts.bytes)} arrived${facts.sha256Sent === null ? "" : " unchanged"}.`;
    case "stalled":
      return facts.lastByteAt < 0 ? "Nothing arrived at all." : `The transfer stalled: after ${seconds(facts.lastByteAt)} nothing more arrived for ${seconds(stall.length)}; ${share} had come.`;
    case "broken":
      return `The connection broke (${facts.error ?? ""}) after ${seconds(facts.endedAt)}; ${share} had arrived.`;
    case "unfinished":
      return `The time was over while data still flowed; ${share} had arrived.`;
    case "corrupt":
      return "What arrived is not what was sent: the hashes differ.";
    case "interrupted":
      return `Interrupted after ${seconds(facts.endedAt)}; ${share} had arrived.`;
  }
}

/** Holds the run against what the scenario expects of it. */
function judge(facts: RunFacts, expect: PlanExpect, outcome: Outcome, stall: number): { verdict: string; asExpected: boolean } {
  const complaints: string[] = [];
  if (!expect.outcomes.includes(outcome)) complaints.push(`expected ${expect.outcomes.join(" or ")}, not ${outcome}`);
  if (expect.maxStall !== null && stall > expect.maxStall) complaints.push(`a pause of ${milliseconds(stall)} is longer than the ${milliseconds(expect.maxStall)} allowed`);
  if (expect.minStall !== null && stall < expect.minStall) complaints.push(`the longest pause was ${milliseconds(stall)}, at least ${milliseconds(expect.minStall)} was expected`);
  if (expect.fallback === true && facts.fallback === null) complaints.push("Multipath TCP was expected to be given up");
  if (expect.fallback === false && facts.fallback !== null) complaints.push(`Multipath TCP was given up (${facts.fallback})`);
  if (complaints.length > 0) return { verdict: ` Not as expected: ${complaints.join("; ")}.`, asExpected: false };
  return { verdict: outcome === "completed" ? "" : " That is what this scenario expects.", asExpected: true };
}

function seconds(time: number): string {
  return `${(time / 1e9).toFixed(2)} s`;
}

function milliseconds(time: number): string {
  return `${(time / 1e6).toFixed(0)} ms`;
}

/** Without a limit of its own, a run that got nothing for so long at its end has stalled. */
const STALLED_AFTER = 2e9;
