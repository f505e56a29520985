import type { Observer } from "mptcp";
import { Simulation } from "mptcp/sim";
import type { Link, Nat, PipeOptions, Router, SimHost, SimNode } from "mptcp/sim";
import { IpAddress } from "mptcp/wire";
import type { Plan } from "./plan.ts";
import { UNLIMITED } from "./plan-network.ts";
import type { PlanDirection, PlanHost, PlanInterface, PlanLink } from "./plan-network.ts";
import { mptcpConfig, tcpConfig } from "./protocol.ts";
import type { OwnParts } from "./protocol.ts";

/** The network of a scenario, built and ready to run. */
export interface Network {
  readonly simulation: Simulation;
  readonly hosts: ReadonlyMap<string, SimHost>;
  readonly links: ReadonlyMap<string, Link>;
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
  const nodes = new Map<string, SimNode>();
  const hosts = new Map<string, SimHost>();
  const links = new Map<string, Link>();
  /** The link at the second end of each: another one where there are boxes between. */
  const lastLinks = new Map<string, Link>();
  const settings = { tcp: tcpConfig(plan.protocol, parts), mptcp: mptcpConfig(plan.protocol, parts) };
  for (const host of plan.network.hosts) {
    const made = simulation.addHost(host.name, settings);
    hosts.set(host.name, made);
    nodes.set(host.name, made);
  }
  plan.network.routers.forEach((router, index) => {
    const made: Router | Nat =
      router.natAddress === null
        ? simulation.addRouter(router.name, { addresses: [IpAddress.v4(ROUTER_ADDRESSES + index + 1)] })
        : simulation.addNat(router.name, { external: router.natAddress });
    nodes.set(router.name, made);
  });
  for (const link of linksInOrder(plan)) {
    const [a, b] = link.ends.map((end) => nodes.get(end.node) as SimNode) as [SimNode, SimNode];
    const forward = pipeOptions(link.up, link.mtu);
    const backward = pipeOptions(link.down, link.mtu);
    // A box's first link is its inside.
    const boxes = link.middleboxes.map((make, index) => simulation.addMiddlebox(`${link.name}-box${index + 1}`, make));
    let last = simulation.connect(a, boxes[0] ?? b, { name: link.name, forward, backward });
    links.set(link.name, last);
    for (const node of boxes.length === 0 ? [] : [...boxes.slice(1), b]) last = simulation.connect(last.b, node, { ...pipeOptions(UNLIMITED, link.mtu), name: `${last.b.name}-${node.name}` });
    lastLinks.set(link.name, last);
  }
  const portOf = (host: PlanHost, own: PlanInterface): number => {
    const planned = plan.network.links.find((link) => link.ends.some((end) => end.node === host.name && end.interface === own.name)) as PlanLink;
    const first = links.get(planned.name) as Link;
    return first.a === hosts.get(host.name) ? first.portA : (lastLinks.get(planned.name) as Link).portB;
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

/** 10.254.0.0 */
const ROUTER_ADDRESSES = 0x0afe_0000;
