import type { Observer } from "mptcp";
import { middleboxes, Simulation } from "mptcp/sim";
import type { Link, Middlebox, MiddleboxKind, Nat, PipeOptions, Router, SimHost, SimNode } from "mptcp/sim";
import { IpAddress } from "mptcp/wire";
import type { Plan } from "./plan.ts";
import type { PlanDirection, PlanEnd, PlanHost, PlanInterface, PlanLink } from "./plan-network.ts";
import { mptcpConfig, tcpConfig } from "./protocol.ts";
import type { OwnParts } from "./protocol.ts";

/** The network of a scenario, built and ready to run. */
export interface Network {
  readonly simulation: Simulation;
  readonly hosts: ReadonlyMap<string, SimHost>;
  readonly links: ReadonlyMap<string, Link>;
  readonly middleboxes: ReadonlyMap<string, Middlebox>;
  readonly client: SimHost;
  readonly server: SimHost;
  /** Where the client connects to. */
  readonly serverAddress: IpAddress;
  /** Where the client connects from. */
  readonly clientAddress: IpAddress;
  /** Gives a host one of its planned addresses (again), or takes it away; false when it is so already. The observer hears of it. */
  addAddress(host: string, interfaceName: string): boolean;
  removeAddress(host: string, interfaceName: string): boolean;
}

/** Builds nodes, links and addresses. What each of them draws at random follows from the seed and its name. */
export function buildNetwork(plan: Plan, seed: number, parts: OwnParts, observer: Observer | null): Network {
  const simulation = new Simulation({ seed, observers: observer === null ? [] : [observer] });
  const hosts = new Map<string, SimHost>();
  for (const host of plan.network.hosts) {
    const profile = host.profile ?? plan.protocol.profile;
    hosts.set(host.name, simulation.addHost(host.name, { profile, fastOpen: plan.protocol.fastOpen, tcp: tcpConfig(plan.protocol, parts, profile), mptcp: mptcpConfig(plan.protocol, parts, profile) }));
  }
  const { links, middleboxes: boxes, ports } = buildLinks(plan, simulation, (host) => hosts.get(host) as SimHost, {});
  const portOf = (host: PlanHost, own: PlanInterface): number => {
    const end = plan.network.links.flatMap((link) => link.ends).find((one) => one.node === host.name && one.interface === own.name) as PlanEnd;
    return ports.get(end) as number;
  };
  const find = (hostName: string, interfaceName: string): { sim: SimHost; host: PlanHost; own: PlanInterface } => {
    const host = plan.network.hosts.find((one) => one.name === hostName) as PlanHost;
    const own = host.interfaces.find((one) => one.name === interfaceName) as PlanInterface;
    return { sim: hosts.get(hostName) as SimHost, host, own };
  };
  const clientAddress = addressOf(plan, plan.network.client, null);
  const assigned = new Set<PlanInterface>();
  const add = (hostName: string, interfaceName: string): boolean => {
    const { sim, host, own } = find(hostName, interfaceName);
    if (assigned.has(own)) return false;
    assigned.add(own);
    sim.addAddress(own.address, { link: portOf(host, own), flags: { subflow: true, signal: own.signal, backup: own.backup } });
    return true;
  };
  const remove = (hostName: string, interfaceName: string): boolean => {
    const { sim, own } = find(hostName, interfaceName);
    if (!assigned.delete(own)) return false;
    sim.removeAddress(own.address);
    return true;
  };
  const report = (hostName: string, interfaceName: string, change: "added" | "removed"): void => {
    const address = find(hostName, interfaceName).own.address.toString();
    observer?.event({ at: simulation.now, host: hostName, connection: -1, subflow: -1, kind: "address", change, address });
  };
  for (const host of plan.network.hosts) {
    for (const own of host.interfaces) if (own.present) add(host.name, own.name);
  }
  return {
    simulation,
    hosts,
    links,
    middleboxes: boxes,
    client: hosts.get(plan.network.client) as SimHost,
    server: hosts.get(plan.network.server) as SimHost,
    serverAddress: addressOf(plan, plan.network.server, clientAddress.family),
    clientAddress,
    addAddress: (hostName, interfaceName) => {
      const done = add(hostName, interfaceName);
      if (done) report(hostName, interfaceName, "added");
      return done;
    },
    removeAddress: (hostName, interfaceName) => {
      const done = remove(hostName, interfaceName);
      if (done) report(hostName, interfaceName, "removed");
      return done;
    },
  };
}

/** What is between the hosts of a scenario. */
export interface BuiltLinks {
  readonly links: ReadonlyMap<string, Link>;
  readonly middleboxes: ReadonlyMap<string, Middlebox>;
  /** The port that each link has at its ends. */
  readonly ports: ReadonlyMap<PlanEnd, number>;
}

/**
 * Builds the routers, links and boxes of a scenario between nodes of the caller's.
 *
 * @param nodeOf the node at an interface of a host
 * @param options what holds for all links, whatever the scenario says
 */
export function buildLinks(plan: Plan, simulation: Simulation, nodeOf: (host: string, own: string) => SimNode, options: PipeOptions): BuiltLinks {
  const routers = new Map<string, SimNode>();
  const links = new Map<string, Link>();
  const boxes = new Map<string, Middlebox>();
  const ports = new Map<PlanEnd, number>();
  plan.network.routers.forEach((router, index) => {
    const made: Router | Nat =
      router.natAddress === null
        ? simulation.addRouter(router.name, { addresses: [IpAddress.v4(ROUTER_ADDRESSES + index + 1)] })
        : simulation.addNat(router.name, { external: router.natAddress });
    routers.set(router.name, made);
  });
  for (const link of linksInOrder(plan)) {
    const [a, b] = link.ends.map((end) => (end.interface === null ? (routers.get(end.node) as SimNode) : nodeOf(end.node, end.interface))) as [SimNode, SimNode];
    const made = connect(simulation, a, b, link, options);
    links.set(link.name, made.link);
    ports.set(link.ends[0], made.first);
    ports.set(link.ends[1], made.last);
    for (const box of made.boxes) boxes.set(box.name, box);
  }
  return { links, middleboxes: boxes, ports };
}

/**
 * Links two nodes, with the boxes of the link at its second end. What leads on from each box takes no time, and the whole costs routes what a link does.
 * @returns the link itself, and the numbers of the ports at both ends
 */
function connect(simulation: Simulation, a: SimNode, b: SimNode, planned: PlanLink, options: PipeOptions): { link: Link; boxes: readonly Middlebox[]; first: number; last: number } {
  const { mtu, name } = planned;
  const boxes = planned.middleboxes.map((box) => simulation.addMiddlebox(box.name, (middleboxes[box.kind] as MiddleboxKind)(box.parameters)));
  const cost = 1 - boxes.length * COST_BEHIND_BOX;
  const link = simulation.connect(a, boxes[0] ?? b, { ...options, name, cost, forward: pipeOptions(planned.up, mtu), backward: pipeOptions(planned.down, mtu) });
  let last = link;
  boxes.forEach((box, index) => {
    last = simulation.connect(box, boxes[index + 1] ?? b, { ...options, name: box.name, cost: COST_BEHIND_BOX, mtu });
  });
  return { link, boxes, first: link.portA, last: last.portB };
}

/** The simulator's options of one direction of a link. */
export function pipeOptions(direction: PlanDirection, mtu: number): PipeOptions {
  return { ...direction, mtu };
}

/** A translator's first port is its inside: those links are made first. */
function linksInOrder(plan: Plan): PlanLink[] {
  const inside = new Set(plan.network.routers.map((router) => router.insideLink));
  return plan.network.links.toSorted((a, b) => Number(inside.has(b.name)) - Number(inside.has(a.name)));
}

/** A host's first address, if there is one a regular one that is there from the start. */
function addressOf(plan: Plan, hostName: string, family: 4 | 6 | null): IpAddress {
  const host = plan.network.hosts.find((one) => one.name === hostName) as PlanHost;
  const fitting = host.interfaces.filter((one) => family === null || one.address.family === family);
  const best = fitting.find((one) => one.present && !one.backup) ?? fitting.find((one) => one.present) ?? (host.interfaces[0] as PlanInterface);
  return best.address;
}

/** A power of two, so that sums of it are exact: links with boxes cost as much as those without. */
const COST_BEHIND_BOX = 2 ** -10;
/** 10.254.0.0 */
const ROUTER_ADDRESSES = 0x0afe_0000;
