import type { Pipe } from "mptcp/sim";
import type { Network } from "./build-network.ts";
import type { Plan } from "./plan.ts";
import type { PlanLink } from "./plan-network.ts";
import type { Roster, RosterEntry } from "./roster.ts";
import type { LinkSummary, PipeSummary, RunFacts, SubflowSummary } from "./summary.ts";
import type { Work } from "./workload.ts";

/** Everything that {@link countFacts} looks at. */
export interface RunState {
  readonly plan: Plan;
  readonly seed: number;
  readonly network: Network;
  readonly work: Work;
  readonly roster: Roster;
  readonly interrupted: boolean;
  readonly gaveUp: boolean;
  /** Bytes delivered within the measurement window. */
  readonly measured: number;
  readonly hashes: { readonly sent: string | null; readonly received: string; readonly intact: boolean } | null;
  readonly events: Readonly<Record<string, number>>;
  readonly wallSeconds: number;
}

/** Reads the outcome of a run off its parts. */
export function countFacts(state: RunState): RunFacts {
  const { plan, network, work, roster } = state;
  const { receiver } = work;
  const { now } = network.simulation;
  const endless = work.bytesExpected === null;
  const quiet = now - Math.max(0, receiver.lastByteAt);
  const error = work.client.error ?? work.server.error;
  const ranToItsEnd = endless && now >= plan.duration && error === null && receiver.bytesRead > 0 && quiet < QUIET;
  const done = endless ? ranToItsEnd : receiver.bytesRead >= (work.bytesExpected ?? 0);
  // The stream objects exist once the connection was opened, respectively accepted.
  const ends = [work.client, work.server].filter((end) => end.startedAt >= 0).map((end) => end.connection);
  return {
    scenario: plan.name,
    seed: state.seed,
    bytes: receiver.bytesRead,
    bytesExpected: work.bytesExpected,
    done,
    interrupted: state.interrupted,
    error,
    gaveUp: state.gaveUp,
    intact: state.hashes?.intact ?? null,
    endless,
    endedAt: now,
    firstByteAt: receiver.firstByteAt,
    lastByteAt: receiver.lastByteAt,
    maxStall: receiver.maxStall,
    maxStallAt: receiver.maxStallAt,
    measure: { from: plan.measure.from, to: plan.measure.to, bytes: state.measured },
    linkPayloadRate: payloadRate(plan, work.download),
    sha256Sent: state.hashes?.sent ?? null,
    sha256Received: state.hashes?.received ?? null,
    multipath: ends[0]?.multipath ?? false,
    fallback: plan.protocol.multipath ? (ends.map((end) => end.fallback).find((reason) => reason !== null) ?? null) : null,
    delays: work.delays(),
    subflows: roster.entries.map((entry) => subflowSummary(entry, work.download)),
    events: state.events,
    links: plan.network.links.map((link) => linkSummary(link, network, now)),
    packetHops: network.simulation.statistics.packetHops,
    wallSeconds: state.wallSeconds,
  };
}

function subflowSummary(entry: RosterEntry, download: boolean): SubflowSummary {
  const { tuple } = entry.client;
  const sender = download ? entry.server : entry.client;
  const receiver = download ? entry.client : entry.server;
  const subflow = download ? entry.serverSubflow : entry.clientSubflow;
  const minRtt = sender?.minRtt ?? 0;
  return {
    id: entry.id,
    name: entry.name,
    local: endpoint(tuple.localAddress.toString(), tuple.localPort),
    remote: endpoint(tuple.remoteAddress.toString(), tuple.remotePort),
    backup: entry.clientSubflow?.backup ?? false,
    bytesSent: sender?.bytesSent ?? 0,
    bytesReinjected: subflow?.bytesReinjected ?? 0,
    bytesReceived: receiver?.bytesReceived ?? 0,
    retransmissions: sender?.retransmissions ?? 0,
    minRttMs: minRtt > 0 && minRtt < Number.POSITIVE_INFINITY ? minRtt / 1e6 : null,
    establishedSeconds: entry.establishedAt < 0 ? null : entry.establishedAt / 1e9,
    closedSeconds: entry.closedAt < 0 ? null : entry.closedAt / 1e9,
    closeReason: entry.closeReason,
  };
}

function endpoint(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

function linkSummary(planned: PlanLink, network: Network, now: number): LinkSummary {
  const link = network.links.get(planned.name);
  if (link === undefined) throw new RangeError(`no link named ${planned.name}`);
  return { name: planned.name, up: pipeSummary(link.forward, now), down: pipeSummary(link.backward, now) };
}

function pipeSummary(pipe: Pipe, now: number): PipeSummary {
  const counts = pipe.statistics(now);
  return {
    packets: counts.packetsDelivered,
    bytes: counts.bytesDelivered,
    droppedQueue: counts.droppedQueue,
    droppedRandom: counts.droppedRandom,
    droppedDown: counts.droppedDown,
    maxQueuedPackets: counts.maxQueuedPackets,
  };
}

/**
 * What the links could carry as payload in full segments, bit/s: of the paths, or of a topology's links at the receiving host; one only for
 * plain TCP. null when a rate has no bound.
 */
function payloadRate(plan: Plan, download: boolean): number | null {
  const { network, protocol } = plan;
  const receiver = download ? network.client : network.server;
  const paths = network.links.filter((link) => link.path !== null);
  const candidates = paths.length > 0 ? paths : network.links.filter((link) => link.ends.some((end) => end.node === receiver));
  const used = protocol.multipath ? candidates : candidates.slice(0, 1);
  let sum = 0;
  for (const link of used) {
    const towardsFirst = paths.length > 0 ? download : link.ends[0].node === receiver;
    const { rate } = towardsFirst ? link.down : link.up;
    const version = network.hosts[0]?.interfaces[0]?.address.family ?? 4;
    const headers = (version === 4 ? 20 : 40) + TCP_HEADER + (protocol.timestamps === false ? 0 : TIMESTAMPS) + (protocol.multipath ? DSS : 0);
    sum += (rate * (link.mtu - headers)) / link.mtu;
  }
  return sum === Number.POSITIVE_INFINITY || sum === 0 ? null : sum;
}

const TCP_HEADER = 20;
const TIMESTAMPS = 12;
/** A DSS with four-octet numbers and without checksum, padded. */
const DSS = 20;
/** An endless transfer that got nothing for so long has stalled, ns. */
const QUIET = 2e9;
