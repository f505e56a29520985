import type { PipeOptions } from "mptcp/sim";
import type { Condition, Workload } from "./condition.ts";

/** A symmetric path without faults; the queue of one bandwidth-delay product, of 20 packets at the least. */
interface Path {
  /** Mb/s. */
  readonly rate: number;
  /** ms. */
  readonly rtt: number;
}

/** What a condition differs in from a path without faults and Linux's choices. */
type Difference = Partial<Omit<Condition, "name" | "kind" | "forward" | "backward">> & { readonly forward?: PipeOptions; readonly backward?: PipeOptions };

const MS = 1e6;
const SECOND = 1e9;
const DEFAULT: Path = { rate: 20, rtt: 40 };
const SHORT: Path = { rate: 50, rtt: 40 };

function condition(kind: string, name: string, path: Path, workload: Workload, { forward, backward, ...rest }: Difference = {}): Condition {
  const base: PipeOptions = { rate: path.rate * 1e6, delay: (path.rtt / 2) * MS, queue: { packets: Math.max(20, Math.ceil((path.rate * 1e3 * path.rtt) / 8 / 1500)) } };
  return { name, kind, family: 4, workload, ...rest, forward: { ...base, ...forward }, backward: { ...base, queue: { packets: 1000 }, ...backward } };
}

const bulk = (seconds: number): Workload => ({ kind: "bulk", time: seconds * SECOND });
/** As many flows as take `share` of the link, no more than a hundred in a second. */
const flows = (count: number, segments: number, { rate }: Path = DEFAULT, share = 0.2): Workload => ({
  kind: "flows", count, segments, every: Math.max(10 * MS, Math.round((segments * 1500 * 8e3) / rate / share)),
});
/** A path on which one run is unlike the other, since chance decides: a shorter round trip has more happen in the same time, and more runs are made. */
const CHANCE: Path = { rate: 20, rtt: 20 };
const chance = (kind: string, name: string, difference: Difference, path: Path = CHANCE): Condition => condition(kind, name, path, bulk(40), { runs: 2, ...difference });
const family = (at: number): 4 | 6 => (at % 2 === 0 ? 4 : 6);

/** What the TCP of engine and kernel is compared under. */
export const CONDITIONS: readonly Condition[] = [
  ...[1, 2, 3, 5, 10].map((count) => condition("tail loss", `the last ${count} of 20 segments lost`, DEFAULT, flows(300, 20), { lost: { first: -count, count } })),
  ...[3, 10, 20].map((count) => condition("burst", `${count} of 60 segments lost in a row`, DEFAULT, flows(150, 60), { lost: { first: 25, count } })),
  chance("burst", "bursts of 5 packets, 1 %", { forward: { loss: { p: 0.002, r: 0.2 } } }),
  ...([[0.01, 0.5], [0.01, 1.5], [0.03, 1], [0.03, 3], [0.1, 0.5], [0.1, 1]] as const).map(([share, rtts], at) =>
    chance("reordering", `${share * 100} % of packets late by ${rtts} RTT`, { forward: { detour: { probability: share, extraDelay: rtts * CHANCE.rtt * MS } }, family: family(at) })),
  ...([[200, 50], [800, 100]] as const).map(([delay, time]) =>
    condition("delay spikes", `${delay} ms slower for ${time} ms every 4 s`, DEFAULT, bulk(24), { changes: { at: 2 * SECOND, every: 4 * SECOND, time: time * MS, forward: { delay: (DEFAULT.rtt / 2 + delay) * MS } } })),
  condition("delay spikes", "a step of 100 ms for 2 s every 4 s", DEFAULT, bulk(24), { changes: { at: 2 * SECOND, every: 4 * SECOND, time: 2 * SECOND, forward: { delay: (DEFAULT.rtt / 2 + 100) * MS } }, family: 6 }),
  ...[0.1, 0.3, 0.5].map((loss, at) => condition("ACK loss", `${loss * 100} % of ACKs lost`, DEFAULT, bulk(15), { backward: { loss }, family: family(at) })),
  chance("ACK loss", "30 % of ACKs and 1 % of data lost", { backward: { loss: 0.3 }, forward: { loss: 0.01 } }),
  condition("loss", "0.01 % of packets lost", DEFAULT, bulk(30), { forward: { loss: 0.0001 } }),
  chance("loss", "0.1 % of packets lost", { forward: { loss: 0.001 } }, DEFAULT),
  ...[0.01, 0.03, 0.05].map((loss, at) => chance("loss", `${loss * 100} % of packets lost`, { forward: { loss }, family: family(at + 1) })),
  ...[1, 10, 100, 300, 600].map((rtt, at) => condition("round-trip time", `RTT ${rtt} ms`, { rate: 20, rtt }, bulk(rtt > 100 ? 30 : 15), { family: family(at) })),
  condition("without SACK", "without SACK, nothing lost", DEFAULT, bulk(15), { tcp: { sack: false } }),
  ...[0.002, 0.01].map((loss, at) => chance("without SACK", `without SACK, ${loss * 100} % lost`, { tcp: { sack: false }, forward: { loss }, family: family(at) }, at === 0 ? DEFAULT : CHANCE)),
  condition("without SACK", "without SACK, 3 of 60 segments lost in a row", DEFAULT, flows(150, 60), { tcp: { sack: false }, lost: { first: 25, count: 3 } }),
  condition("without timestamps", "without timestamps, nothing lost", DEFAULT, bulk(15), { tcp: { timestamps: false } }),
  chance("without timestamps", "without timestamps, 1 % lost", { tcp: { timestamps: false }, forward: { loss: 0.01 } }),
  condition("without timestamps", "without timestamps, the last 3 of 20 segments lost", DEFAULT, flows(300, 20), { tcp: { timestamps: false }, lost: { first: -3, count: 3 } }),
  condition("path MTU", "1400 octets pass, and nobody says so", DEFAULT, bulk(20), { tcp: { mtuProbing: true }, forward: { mtu: 1400 } }),
  condition("path MTU", "1300 octets pass, and nobody says so, IPv6", DEFAULT, bulk(20), { tcp: { mtuProbing: true }, forward: { mtu: 1300 }, family: 6 }),
  condition("path MTU", "100 segments where 1400 octets pass", DEFAULT, flows(100, 100), { tcp: { mtuProbing: true }, forward: { mtu: 1400 } }),
  condition("idle and busy", "20 segments after 3 s of silence", DEFAULT, { kind: "requests", count: 20, segments: 20, every: 3 * SECOND }, { runs: 3 }),
  condition("idle and busy", "300 segments after 3 s of silence", DEFAULT, { kind: "requests", count: 20, segments: 300, every: 3 * SECOND }, { runs: 3 }),
  condition("idle and busy", "20 segments every 100 ms", DEFAULT, { kind: "requests", count: 200, segments: 20, every: 100 * MS }, { family: 6 }),
  // Of the 99th percentile chance alone decides where one SYN in a hundred is lost: these are more, or less.
  ...([[1, 0], [10, 0], [100, 0], [10, 0.004], [1, 0.02], [3, 0.02], [10, 0.02], [30, 0.02], [100, 0.02], [1, 0.05], [10, 0.05], [100, 0.05]] as const).map(([segments, loss], at) =>
    condition("short flows", `${segments} segment${segments === 1 ? "" : "s"}, ${loss * 100} % lost`, SHORT, flows(segments < 30 ? 1500 : 500, segments, SHORT, segments > 50 ? 0.4 : 0.2), { forward: { loss }, family: family(at) })),
  condition("short flows", "10 segments, 2 % lost both ways", SHORT, flows(1500, 10, SHORT), { forward: { loss: 0.02 }, backward: { loss: 0.02 }, family: 6 }),
  ...[0, 0.01].map((loss) => condition("BBR", `BBR, RTT 100 ms, ${loss * 100} % lost`, { rate: 20, rtt: 100 }, bulk(20), { forward: { loss }, congestion: "bbr" })),
  condition("BBR", "BBR, a queue of half of what the path holds", { rate: 20, rtt: 100 }, bulk(20), { forward: { queue: { packets: 84 } }, congestion: "bbr" }),
  condition("BBR", "BBR, 300 segments after 3 s of silence", DEFAULT, { kind: "requests", count: 20, segments: 300, every: 3 * SECOND }, { congestion: "bbr" }),
  ...([[20, 40], [50, 100]] as const).map(([rate, rtt]) =>
    condition("slow start", `the first ${rtt === 40 ? 400 : 2000} segments, RTT ${rtt} ms`, { rate, rtt }, flows(rtt === 40 ? 60 : 20, rtt === 40 ? 400 : 2000, { rate, rtt }, 0.4))),
];
