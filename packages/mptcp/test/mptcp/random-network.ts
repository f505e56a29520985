import { MILLISECOND, SECOND, SeededRandom } from "../../src/core/index.ts";
import type { Observer } from "../../src/core/index.ts";
import { roundRobin } from "../../src/mptcp/index.ts";
import type { MptcpConnection, Version } from "../../src/mptcp/index.ts";
import { multiPath, Simulation } from "../../src/sim/index.ts";
import type { AccessPath, MultiPath } from "../../src/sim/index.ts";
import { CheckedPeer } from "../../src/testing/index.ts";

/** One access path of a random network. Rates in bit/s, times in ms. */
export interface RandomPath {
  readonly rate: number;
  readonly delayMs: number;
  readonly queuePackets: number;
  readonly loss: number;
  readonly duplicate: number;
  readonly detour: number;
  readonly nat: boolean;
  readonly ipv6: boolean;
}

/** Something that happens `afterMs` after the connection was established. */
export interface RandomChange {
  readonly afterMs: number;
  readonly path: number;
  readonly what: "down" | "up" | "rate" | "remove" | "add";
}

export interface RandomNetwork {
  readonly seed: number;
  readonly paths: readonly RandomPath[];
  readonly changes: readonly RandomChange[];
  /** The path that is whole again from `settledMs` on. */
  readonly survivor: number;
  readonly settledMs: number;
  readonly upload: number;
  readonly download: number;
  /** Fixed buffers, bytes; 0: auto-tuned. */
  readonly buffer: number;
  readonly dataSequenceLength: 4 | 8;
  /** Whether the client requires checksums, and so both ends use them. */
  readonly checksum: boolean;
  readonly scheduler: "lowest-time-distance" | "round-robin";
  /** Mappings cover what a write left to send; false unless given. */
  readonly spans?: boolean;
  readonly serverAddresses: number;
  /** What the hosts speak, preferred first; version 1 unless given. */
  readonly versions?: { readonly client: readonly Version[]; readonly server: readonly Version[] };
}

export interface Outcome {
  readonly problems: readonly string[];
  readonly finishedAt: number;
}

/** Draws a network from a seed, for runs without a property-test library. */
export function drawNetwork(seed: number): RandomNetwork {
  const random = new SeededRandom(seed);
  const below = (n: number): number => Math.floor((random.uint32() / 2 ** 32) * n);
  const chance = (percent: number): boolean => below(100) < percent;
  const paths = Array.from({ length: 1 + below(4) }, (): RandomPath => {
    const ipv6 = chance(20);
    return {
      rate: 5e5 * (1 + below(60)),
      delayMs: 1 + below(80),
      queuePackets: 4 + below(60),
      loss: chance(50) ? below(80) / 1000 : 0,
      duplicate: chance(30) ? below(50) / 1000 : 0,
      detour: chance(30) ? below(100) / 1000 : 0,
      nat: !ipv6 && chance(20),
      ipv6,
    };
  });
  const kinds = ["down", "up", "rate", "remove", "add"] as const;
  const changes = Array.from({ length: below(10) }, (): RandomChange => ({ afterMs: below(8000), path: below(paths.length), what: kinds[below(kinds.length)] ?? "up" }));
  const families = new Set(paths.map((path) => path.ipv6));
  return {
    seed,
    paths,
    changes,
    survivor: families.size > 1 ? 0 : below(paths.length),
    settledMs: 10_000,
    upload: chance(20) ? below(3000) : below(400_000),
    download: chance(50) ? 0 : below(400_000),
    buffer: chance(50) ? 4000 + below(60_000) : 0,
    dataSequenceLength: chance(50) ? 4 : 8,
    scheduler: chance(70) ? "lowest-time-distance" : "round-robin",
    serverAddresses: 1,
    checksum: chance(33),
  };
}

/**
 * Runs a transfer in both directions over the network and says what is wrong with it; nothing is the expected outcome.
 * @param observe called when the network is built, before anything happens
 */
export function runNetwork(network: RandomNetwork, observe: (simulation: Simulation, built: MultiPath) => void = () => {}, observers: readonly Observer[] = []): Outcome {
  const simulation = new Simulation({ seed: network.seed, observers });
  const settings = hostSettings(network, false, "server");
  const built = multiPath(simulation, { paths: network.paths.map(accessPath), serverAddresses: network.serverAddresses, client: hostSettings(network, network.checksum, "client"), server: settings });
  observe(simulation, built);
  const problems: string[] = [];
  const client = new CheckedPeer(network.upload, network.download);
  const server = new CheckedPeer(network.download, network.upload);
  built.server.listen(80, () => server);
  const first = network.paths[0]?.ipv6 === true ? 6 : 4;
  const address = built.serverAddresses[0]?.find((candidate) => candidate.family === first);
  if (address === undefined) throw new Error("no server address");
  const connection = built.client.connect(address, 80, client) as MptcpConnection;
  if (!simulation.runUntil(() => connection.session.fullyEstablished || connection.closed, 300 * SECOND)) problems.push("never established");
  const start = simulation.now;
  scheduleChanges(network, built, simulation);
  simulation.runUntil(() => client.closedAt >= 0 && server.closedAt >= 0, start + 3600 * SECOND);
  const finishedAt = simulation.now;
  problems.push(...client.problems("client"), ...server.problems("server"));
  if (connection.fallback !== null) problems.push(`fell back: ${connection.fallback}`);
  // TIME-WAIT over, late packets gone: nothing may be left.
  simulation.run(finishedAt + 1200 * SECOND);
  for (const node of [built.client, built.server]) {
    const left = node.host.usage;
    if (left.connections + left.timeWaits + left.pendingJoins + left.tokens + left.timers > 0) problems.push(`${node.name} keeps ${JSON.stringify(left)}`);
  }
  return { problems, finishedAt };
}

function hostSettings(network: RandomNetwork, checksum: boolean, side: "client" | "server"): NonNullable<Parameters<typeof multiPath>[1]["client"]> {
  const buffer = network.buffer === 0 ? {} : { receiveBuffer: fixed(network.buffer), sendBuffer: fixed(network.buffer) };
  return {
    tcp: buffer,
    // No middlebox here swallows options: giving up MP_CAPABLE for lost SYNs would tie the connection to one path.
    mptcp: { dataSequenceLength: network.dataSequenceLength, checksum, capableSyns: 100, ...(network.versions === undefined ? {} : { versions: network.versions[side] }), ...(network.spans === true ? { mappingSpan: "write" } : {}), ...(network.scheduler === "round-robin" ? { scheduler: roundRobin } : {}) },
  };
}

function fixed(bytes: number): { initial: number; max: number; autoTune: boolean } {
  return { initial: bytes, max: bytes, autoTune: false };
}

function accessPath(path: RandomPath): AccessPath {
  return {
    family: path.ipv6 ? 6 : 4,
    rate: path.rate,
    delay: path.delayMs * MILLISECOND,
    queue: { packets: path.queuePackets },
    loss: path.loss,
    duplicate: path.duplicate,
    ...(path.detour === 0 ? {} : { detour: { probability: path.detour, extraDelay: 15 * MILLISECOND } }),
    ...(path.nat ? { nat: {} } : {}),
  };
}

/** Has happen what is to happen to the network, counted from now on. */
export function scheduleChanges(network: RandomNetwork, built: MultiPath, simulation: Simulation): void {
  const start = simulation.now;
  for (const change of network.changes) simulation.at(start + change.afterMs * MILLISECOND, () => apply(change, network, built, simulation));
  simulation.at(start + network.settledMs * MILLISECOND, () => settle(network, built, simulation));
}

function apply(change: RandomChange, network: RandomNetwork, built: MultiPath, simulation: Simulation): void {
  const link = built.access[change.path];
  const addresses = built.clientAddresses[change.path] ?? [];
  const present = addresses.every((address) => built.client.addressesOn(change.path).some((own) => own.equals(address)));
  if (link === undefined) return;
  if (change.what === "down") link.down(simulation.now);
  else if (change.what === "up") link.up(simulation.now);
  else if (change.what === "rate") link.change({ rate: (network.paths[change.path] as RandomPath).rate / 2 }, simulation.now);
  else if (change.what === "remove" && present) for (const address of addresses) built.client.removeAddress(address);
  else if (change.what === "add" && !present) for (const address of addresses) built.client.addAddress(address, { link: change.path });
}

/** From here on the survivor is up, with its address. */
function settle(network: RandomNetwork, built: MultiPath, simulation: Simulation): void {
  apply({ afterMs: 0, path: network.survivor, what: "up" }, network, built, simulation);
  apply({ afterMs: 0, path: network.survivor, what: "add" }, network, built, simulation);
}
