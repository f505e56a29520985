import { Simulation } from "../../src/sim/index.ts";
import type { Egress, Link, Pipe, SimHost, SimNode } from "../../src/sim/index.ts";
import { IpAddress } from "../../src/wire/index.ts";
import type { Packet } from "../../src/wire/index.ts";
import { giveAddresses, Recorder, startTransfer } from "./small-world.ts";
import type { Traces, World, WorldLink } from "./small-world.ts";

/**
 * Runs a world in two simulations that know nothing of each other but the packets that cross: the nodes in `left` in one, the rest in the other.
 *
 * A direction of a link that is cut is there twice. In the piece that sends it is the queue and the transmitter, and ends at a {@link Gate}; in the
 * piece that receives it is the wire: delay, loss and duplication. What leaves the one within a window arrives in the other only after the
 * window, when that is no longer than the delay of any link that is cut. So the pieces take turns, a window each.
 */
export function runInPieces(world: World, left: ReadonlySet<string>, seed: number, until: number): { readonly traces: Traces; readonly crossed: number } {
  const recorder = new Recorder();
  const cut = world.links.filter(({ ends }) => left.has(ends[0]) !== left.has(ends[1]));
  const pieces = [true, false].map((isLeft) => new Piece(world, seed, (node) => left.has(node) === isLeft, cut, recorder)) as [Piece, Piece];
  const window = Math.min(...cut.map(({ options }) => options.delay ?? 0));
  let crossed = 0;
  for (let at = 0; at <= until; at += window) {
    const end = Math.min(at + window - 1, until);
    for (const piece of pieces) piece.simulation.run(end);
    crossed += pieces[0].handOver(pieces[1]) + pieces[1].handOver(pieces[0]);
  }
  return { traces: recorder.traces, crossed };
}

class Piece {
  readonly simulation: Simulation;
  /** Where packets leave this piece, and where they come in, by the name of the link. */
  private readonly gates = new Map<string, Gate>();
  private readonly entrances = new Map<string, Pipe>();

  constructor(world: World, seed: number, isMine: (node: string) => boolean, cut: readonly WorldLink[], recorder: Recorder) {
    this.simulation = new Simulation({ seed, observers: [recorder] });
    const { simulation } = this;
    const hosts = new Map<string, SimHost>();
    const nodes = new Map<string, SimNode>();
    for (const name of [...world.hosts.keys()].filter(isMine)) hosts.set(name, simulation.addHost(name));
    for (const name of world.routers.filter(isMine)) nodes.set(name, simulation.addRouter(name));
    for (const [name, host] of hosts) nodes.set(name, host);
    for (const link of world.links) {
      if (cut.includes(link)) this.cutLink(link, isMine, nodes, addressesBehind(world, link, isMine, cut), recorder);
      else if (link.ends.every(isMine)) recorder.link(simulation.connect(nodes.get(link.ends[0]) as SimNode, nodes.get(link.ends[1]) as SimNode, { name: link.name, ...link.options }));
    }
    for (const host of hosts.values()) giveAddresses(world, host, simulation);
    for (const transfer of world.transfers) startTransfer(simulation, world, transfer, (name) => hosts.get(name));
  }

  /** Gives the other piece what left this one. @returns how many packets */
  handOver(other: Piece): number {
    let count = 0;
    // In any order: what arrives at the same time is put in order by the names of the links.
    for (const [name, gate] of [...this.gates].toReversed()) {
      const entrance = other.entrances.get(name) as Pipe;
      for (const { packet, at } of gate.left.splice(0)) {
        entrance.send(packet, at);
        count++;
      }
    }
    return count;
  }

  private cutLink({ name, ends, options }: WorldLink, isMine: (node: string) => boolean, nodes: ReadonlyMap<string, SimNode>, behind: readonly IpAddress[], recorder: Recorder): void {
    const gate = new Gate(`gate of ${name}`, behind);
    const isFirst = isMine(ends[0]);
    const { delay = 0, loss = 0, duplicate = 0, ...queue } = options;
    const [outward, inward] = [queue, { delay, loss, duplicate }];
    const link: Link = isFirst
      ? this.simulation.connect(nodes.get(ends[0]) as SimNode, gate, { name, forward: outward, backward: inward })
      : this.simulation.connect(gate, nodes.get(ends[1]) as SimNode, { name, forward: inward, backward: outward });
    recorder.link(link, isFirst ? ["forward entered", "backward delivered"] : ["forward delivered", "backward entered"]);
    this.gates.set(name, gate);
    this.entrances.set(name, isFirst ? link.backward : link.forward);
  }
}

/** Stands at the end of a link for the piece of the network beyond. */
class Gate implements SimNode {
  readonly name: string;
  readonly left: { readonly packet: Packet; readonly at: number }[] = [];
  private readonly addresses: readonly IpAddress[];

  constructor(name: string, addresses: readonly IpAddress[]) {
    this.name = name;
    this.addresses = addresses;
  }

  attach(_egress: Egress): number {
    return 0;
  }

  receive(packet: Packet, _port: number, now: number): void {
    this.left.push({ packet, at: now });
  }

  addressesOn(): readonly IpAddress[] {
    return this.addresses;
  }

  passes(): boolean {
    return false;
  }
}

/** The addresses in the far piece that are reached from its end of a cut link, over its own links. */
function addressesBehind(world: World, link: WorldLink, isMine: (node: string) => boolean, cut: readonly WorldLink[]): IpAddress[] {
  const reached = new Set(link.ends.filter((end) => !isMine(end)));
  const links = new Set<string>();
  for (const node of reached) {
    // Hosts pass nothing on.
    if (world.hosts.has(node)) continue;
    for (const other of world.links) {
      if (cut.includes(other) || !other.ends.includes(node)) continue;
      links.add(other.name);
      for (const end of other.ends) reached.add(end);
    }
  }
  return [...world.hosts.values()].flat().filter(([name]) => links.has(name)).map(([, address]) => IpAddress.from(address));
}
