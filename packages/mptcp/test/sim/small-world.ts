import { createHash } from "node:crypto";
import { formatEvent } from "../../src/capture/index.ts";
import { MICROSECOND, MILLISECOND, SeededRandom } from "../../src/core/index.ts";
import type { DecisionEvent } from "../../src/core/index.ts";
import { BulkSender, Echo, PacedSender, Simulation, Sink } from "../../src/sim/index.ts";
import type { Application, Link, PipeOptions, PipeTap, SimHost, SimNode } from "../../src/sim/index.ts";
import { encodePacket, IpAddress } from "../../src/wire/index.ts";
import type { Packet } from "../../src/wire/index.ts";

/** A network and what goes on in it, as data: so that it can be put together in any order, and in pieces. */
export interface World {
  /** Names of hosts, with their addresses and the names of the links on which they are. */
  readonly hosts: ReadonlyMap<string, readonly (readonly [link: string, address: string])[]>;
  readonly routers: readonly string[];
  readonly links: readonly WorldLink[];
  readonly transfers: readonly Transfer[];
}

export interface WorldLink {
  readonly name: string;
  readonly ends: readonly [string, string];
  readonly options: PipeOptions;
}

export interface Transfer {
  readonly from: string;
  readonly to: string;
  readonly port: number;
  readonly multipath: boolean;
  /** Bytes sent; 0: small writes at random times, and an echo. */
  readonly bytes: number;
}

/** Even numbers, so that much happens at the same time. */
const EVEN: PipeOptions = { rate: 12e6, delay: 10 * MILLISECOND, queue: { packets: 30 } };
const IDEAL: PipeOptions = {};

/**
 * Four clients, routers with equal-cost paths between them, two servers. Bad weather on some links; on others such regularity that packets
 * meet in the same nanosecond, from the SYNs on: those of Alice and Carol at one router, those of Alice and Dora at the next.
 */
export const SMALL_WORLD: World = {
  hosts: new Map([
    ["alice", [["alice-left", "10.0.1.1"], ["alice-right", "10.0.2.1"]]],
    ["bob", [["bob-left", "10.0.3.1"], ["bob-right", "10.0.4.1"]]],
    ["carol", [["carol-left", "10.0.5.1"], ["carol-right", "10.0.6.1"]]],
    ["dora", [["dora-right", "10.0.7.1"]]],
    ["sam", [["sam-near", "10.1.1.1"]]],
    ["tom", [["tom-near", "10.1.2.1"], ["tom-far", "10.1.3.1"]]],
  ]),
  routers: ["left", "right", "near", "far"],
  links: [
    { name: "alice-left", ends: ["alice", "left"], options: EVEN },
    { name: "alice-right", ends: ["alice", "right"], options: EVEN },
    { name: "carol-left", ends: ["carol", "left"], options: EVEN },
    { name: "carol-right", ends: ["carol", "right"], options: EVEN },
    { name: "dora-right", ends: ["dora", "right"], options: EVEN },
    { name: "bob-left", ends: ["bob", "left"], options: { ...EVEN, loss: 0.01, duplicate: 0.01 } },
    { name: "bob-right", ends: ["bob", "right"], options: { ...EVEN, detour: { probability: 0.05, extraDelay: 3 * MILLISECOND }, jitter: MILLISECOND } },
    { name: "left-near", ends: ["left", "near"], options: { ...EVEN, rate: 24e6, delay: 2 * MILLISECOND, duplicate: 0.01 } },
    { name: "right-near", ends: ["right", "near"], options: { ...EVEN, rate: 24e6, delay: 2 * MILLISECOND, loss: { p: 0.005, r: 0.4 } } },
    { name: "near-far", ends: ["near", "far"], options: IDEAL },
    { name: "far-near", ends: ["far", "near"], options: IDEAL },
    { name: "sam-near", ends: ["sam", "near"], options: IDEAL },
    { name: "tom-near", ends: ["near", "tom"], options: { ...EVEN, delay: 100 * MICROSECOND } },
    { name: "tom-far", ends: ["far", "tom"], options: { ...EVEN, delay: 100 * MICROSECOND } },
  ],
  transfers: [
    { from: "alice", to: "sam", port: 80, multipath: true, bytes: 400_000 },
    { from: "alice", to: "tom", port: 81, multipath: true, bytes: 200_000 },
    { from: "carol", to: "sam", port: 85, multipath: true, bytes: 300_000 },
    { from: "dora", to: "sam", port: 86, multipath: true, bytes: 100_000 },
    { from: "bob", to: "sam", port: 82, multipath: false, bytes: 200_000 },
    { from: "bob", to: "tom", port: 83, multipath: true, bytes: 300_000 },
    { from: "alice", to: "sam", port: 84, multipath: false, bytes: 0 },
  ],
};

/** Digests: by link and direction of what entered and of what arrived, and by host of what was decided. */
export type Traces = ReadonlyMap<string, string>;

/** Takes down what happens, for each link and each host on its own. */
export class Recorder {
  readonly perSegment = true;
  /** How often packets came to a node over two links in the same nanosecond. */
  meetings = 0;
  private readonly hashes = new Map<string, ReturnType<typeof createHash>>();
  private readonly lastArrival = new Map<SimNode, readonly [at: number, link: string]>();

  event(event: DecisionEvent): void {
    const what = event.kind === "packet_lost" ? `${event.host} ${event.cause} losses` : `decisions of ${event.host}`;
    this.hash(what).update(`${formatEvent(event)}\n`);
  }

  /** @param parts which ends are of interest: of a link that was cut, a piece has one end of each direction */
  link(link: Link, parts: readonly string[] = ["forward entered", "forward delivered", "backward entered", "backward delivered"]): void {
    for (const direction of ["forward", "backward"] as const) {
      const target = direction === "forward" ? link.b : link.a;
      const tap = (what: "entered" | "delivered") => (packet: Packet, now: number): void => {
        if (what === "delivered") this.meet(target, link.name, now);
        if (parts.includes(`${direction} ${what}`)) this.add(`${link.name} ${direction} ${what}`, packet, now);
      };
      const [entered, delivered] = [tap("entered"), tap("delivered")];
      const watcher: PipeTap = { entered: (packet, _departure, now) => entered(packet, now), delivered, dropped: () => {} };
      link[direction].addTap(watcher);
    }
  }

  /** By what was watched, in the order of the names. */
  get traces(): Traces {
    return new Map([...this.hashes].map(([name, hash]) => [name, hash.copy().digest("hex")] as const).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }

  private add(name: string, packet: Packet, now: number): void {
    const octets = new Uint8Array(packet.length);
    encodePacket(packet, octets, 0);
    this.hash(name).update(`${now}\n`).update(octets);
  }

  private meet(node: SimNode, link: string, now: number): void {
    const last = this.lastArrival.get(node);
    if (last !== undefined && last[0] === now && last[1] !== link) this.meetings++;
    this.lastArrival.set(node, [now, link]);
  }

  private hash(name: string): ReturnType<typeof createHash> {
    let hash = this.hashes.get(name);
    if (hash === undefined) {
      hash = createHash("sha256");
      this.hashes.set(name, hash);
    }
    return hash;
  }
}

/** An order of `items` drawn from `seed`; 0: the given one. */
export function shuffled<T>(items: readonly T[], seed: number): T[] {
  const random = new SeededRandom(seed);
  const keyed = items.map((item) => [seed === 0 ? 0 : random.uint32(), item] as const);
  return keyed.toSorted(([x], [y]) => x - y).map(([, item]) => item);
}

/** Makes the applications of a transfer and opens its connection; in a piece of the network the end that is there. */
export function startTransfer(simulation: Simulation, world: World, transfer: Transfer, host: (name: string) => SimHost | undefined): void {
  const [from, to] = [host(transfer.from), host(transfer.to)];
  const { port, multipath, bytes } = transfer;
  const random = simulation.randomFor(`typist to port ${port}`);
  const client = (): Application => (bytes > 0 ? new BulkSender({ bytes }) : new PacedSender({ size: 90, interval: 5 * MILLISECOND, maxInterval: 30 * MILLISECOND, random, count: 60 }));
  to?.listen(port, () => (bytes > 0 ? new Sink() : new Echo()), { multipath });
  const remote = (world.hosts.get(transfer.to) as readonly (readonly [string, string])[])[0] as readonly [string, string];
  from?.connect(IpAddress.from(remote[1]), port, client(), { multipath });
}

/** Puts the world together in an order drawn from `order`. Each host's own addresses and connections keep theirs. */
export function buildWorld(world: World, simulation: Simulation, order: number, recorder: Recorder): void {
  const hosts = new Map<string, SimHost>();
  const nodes = new Map<string, SimNode>();
  for (const name of shuffled([...world.hosts.keys(), ...world.routers], order)) {
    if (world.hosts.has(name)) {
      const host = simulation.addHost(name);
      hosts.set(name, host);
      nodes.set(name, host);
    } else nodes.set(name, simulation.addRouter(name));
  }
  for (const { name, ends, options } of shuffled(world.links, order)) {
    recorder.link(simulation.connect(nodes.get(ends[0]) as SimNode, nodes.get(ends[1]) as SimNode, { name, ...options }));
  }
  for (const host of shuffled([...hosts.values()], order)) giveAddresses(world, host, simulation);
  // Connections of different hosts in any order, those of one host in theirs.
  for (const from of shuffled([...hosts.keys()], order)) {
    for (const transfer of world.transfers) if (transfer.from === from) startTransfer(simulation, world, transfer, (name) => hosts.get(name));
  }
}

/** Gives a host its addresses, on the links that the simulation has. */
export function giveAddresses(world: World, host: SimHost, simulation: Simulation): void {
  for (const [linkName, address] of world.hosts.get(host.name) ?? []) {
    const link = simulation.link(linkName);
    host.addAddress(IpAddress.from(address), { link: link.a === host ? link.portA : link.portB });
  }
}
