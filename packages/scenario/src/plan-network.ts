import { IpAddress } from "mptcp/wire";
import { lossValue } from "./plan-reader.ts";
import type { LossValue, Reader } from "./plan-reader.ts";
import { problemAt } from "./problems.ts";
import type { FieldPath } from "./problems.ts";
import type { LinkShape, LinkSpec, PathSpec, ScenarioSpec, TopologySpec } from "./spec.ts";
import { didYouMean } from "./suggest.ts";

/** Hosts, routers and links. The first host connects, the second listens, unless the workload says otherwise. */
export interface PlanNetwork {
  readonly hosts: readonly PlanHost[];
  readonly routers: readonly PlanRouter[];
  readonly links: readonly PlanLink[];
  readonly client: string;
  readonly server: string;
}

export interface PlanHost {
  readonly name: string;
  readonly interfaces: readonly PlanInterface[];
}

export interface PlanInterface {
  readonly name: string;
  readonly address: IpAddress;
  readonly backup: boolean;
  readonly signal: boolean;
  readonly present: boolean;
}

export interface PlanRouter {
  readonly name: string;
  /** The address that translated packets carry; null for a plain router. */
  readonly natAddress: IpAddress | null;
  /** For a translator: the link on whose far side the private addresses are. */
  readonly insideLink: string | null;
}

export interface PlanEnd {
  readonly node: string;
  /** null at a router. */
  readonly interface: string | null;
}

export interface PlanLink {
  readonly name: string;
  /** The path of the shorthand that this link is; null for other links. */
  readonly path: string | null;
  readonly ends: readonly [PlanEnd, PlanEnd];
  readonly mtu: number;
  /** From the first end to the second, and back. */
  readonly up: PlanDirection;
  readonly down: PlanDirection;
}

export interface PlanDirection {
  /** bit/s; Infinity: transmission takes no time. */
  readonly rate: number;
  /** ns, one way. */
  readonly delay: number;
  readonly queue: { readonly packets?: number; readonly bytes?: number };
  readonly loss: LossValue;
  readonly jitter: number;
}

/** The network of a scenario; problems go to the reader. */
export function planNetwork(spec: ScenarioSpec, reader: Reader): PlanNetwork {
  const network = spec.topology === undefined ? networkOfPaths(spec, reader) : networkOfTopology(spec.topology, spec, reader);
  checkNames(network, spec.topology === undefined ? ["paths"] : ["topology"], reader);
  return network;
}

/**
 * The shorthand. The client has one interface per path, named like it. Paths without a server address end at one router, behind
 * which the server has one address for all; a path with one leads to an interface of the server's own.
 */
function networkOfPaths(spec: ScenarioSpec, reader: Reader): PlanNetwork {
  const six = spec.ip === 6;
  const client: PlanInterface[] = [];
  const server: PlanInterface[] = [];
  const routers: PlanRouter[] = [];
  const links: PlanLink[] = [];
  let shared = false;
  (spec.paths ?? []).forEach((path, index) => {
    const at = ["paths", index];
    const made = (host: number): string => (six ? `fd00:0:0:${index + 1}::${host}` : `10.0.${index + 1}.${host}`);
    const privateAddress = path.nat === true && !six ? `192.168.${index + 1}.2` : made(2);
    const present = path.present ?? true;
    const backup = path.backup ?? false;
    client.push({ name: path.name, address: address(path.client ?? privateAddress, [...at, "client"], reader), backup, signal: false, present });
    let far: PlanEnd = { node: HUB, interface: null };
    if (path.server !== undefined) {
      server.push({ name: path.name, address: address(path.server, [...at, "server"], reader), backup: false, signal: true, present: true });
      far = { node: "server", interface: path.name };
    } else shared = true;
    const shape = shapeOf(path, at, reader);
    const near: PlanEnd = { node: "client", interface: path.name };
    const mtu = path.mtu ?? 1500;
    if (path.nat !== true) {
      links.push({ name: path.name, path: path.name, ends: [near, far], mtu, ...shape });
      return;
    }
    if (six) reader.problems.push(problemAt([...at, "nat"], "addresses are translated in IPv4 only"));
    const nat = `${path.name}-nat`;
    const home = `${path.name}-home`;
    routers.push({ name: nat, natAddress: address(made(1), at, reader), insideLink: home });
    links.push({ name: home, path: null, ends: [near, { node: nat, interface: null }], mtu, up: UNLIMITED, down: UNLIMITED });
    links.push({ name: path.name, path: path.name, ends: [{ node: nat, interface: null }, far], mtu, ...shape });
  });
  if (shared) {
    // Its first interface, so that the client connects to it.
    server.unshift({ name: HUB, address: address(six ? "fd00::1" : "10.0.0.1", [], reader), backup: false, signal: false, present: true });
    routers.push({ name: HUB, natAddress: null, insideLink: null });
    const mtu = Math.max(...(spec.paths ?? []).map((path) => path.mtu ?? 1500));
    links.push({ name: HUB, path: null, ends: [{ node: HUB, interface: null }, { node: "server", interface: HUB }], mtu, up: UNLIMITED, down: UNLIMITED });
  }
  const hosts = [{ name: "client", interfaces: client }, { name: "server", interfaces: server }];
  return { hosts, routers, links, client: spec.workload.from ?? "client", server: spec.workload.to ?? "server" };
}

function networkOfTopology(topology: TopologySpec, spec: ScenarioSpec, reader: Reader): PlanNetwork {
  let made = 0;
  const hosts = topology.hosts.map((host, hostIndex) => ({
    name: host.name,
    interfaces: host.interfaces.map((own, index): PlanInterface => {
      made++;
      const text = own.address ?? (spec.ip === 6 ? `fd00:0:0:${made}::1` : `10.0.${made}.1`);
      return {
        name: own.name,
        address: address(text, ["topology", "hosts", hostIndex, "interfaces", index, "address"], reader),
        backup: own.backup ?? false,
        signal: own.signal ?? false,
        present: own.present ?? true,
      };
    }),
  }));
  const routerNames = (topology.routers ?? []).map((router) => router.name);
  const links = topology.links.map((link, index) => planLink(link, ["topology", "links", index], hosts, routerNames, reader));
  for (const [hostIndex, host] of hosts.entries()) {
    for (const [index, own] of host.interfaces.entries()) {
      const uses = links.filter((link) => link.ends.some((end) => end.node === host.name && end.interface === own.name)).length;
      if (uses !== 1) reader.problems.push(problemAt(["topology", "hosts", hostIndex, "interfaces", index], `an interface is the end of exactly one link; this one of ${uses}`));
    }
  }
  const routers = (topology.routers ?? []).map((router, index): PlanRouter => {
    const at = ["topology", "routers", index];
    const natAddress = router.nat === true ? address(spec.ip === 6 ? `fd00:0:1:${index + 1}::1` : `100.64.${index + 1}.1`, at, reader) : null;
    const insideLink = links.find((link) => link.ends[1].node === router.name)?.name ?? null;
    if (natAddress !== null && insideLink === null) {
      reader.problems.push(problemAt(at, "no link ends here: the side whose addresses are translated is the link that has this router as its second end"));
    }
    return { name: router.name, natAddress, insideLink: natAddress === null ? null : insideLink };
  });
  return { hosts, routers, links, client: spec.workload.from ?? hosts[0]?.name ?? "", server: spec.workload.to ?? hosts[1]?.name ?? "" };
}

function planLink(link: LinkSpec, at: FieldPath, hosts: readonly PlanHost[], routers: readonly string[], reader: Reader): PlanLink {
  const end = (text: string, index: number): PlanEnd => {
    const [node = "", own] = text.split(".");
    const host = hosts.find((one) => one.name === node);
    const known = [...hosts.flatMap((one) => one.interfaces.map((one2) => `${one.name}.${one2.name}`)), ...routers];
    const valid = own === undefined ? routers.includes(node) : (host?.interfaces.some((one) => one.name === own) ?? false);
    if (!valid) reader.problems.push(problemAt([...at, "ends", index], `there is no "${text}"; ${didYouMean(text, known)}`));
    return { node, interface: own ?? null };
  };
  return { name: link.name, path: null, ends: [end(link.ends[0], 0), end(link.ends[1], 1)], mtu: link.mtu ?? 1500, ...shapeOf(link, at, reader) };
}

function shapeOf(spec: PathSpec | LinkSpec, at: FieldPath, reader: Reader): { up: PlanDirection; down: PlanDirection } {
  const up = { ...spec, ...spec.up };
  const down = { ...spec, ...spec.down };
  // The delay of one direction given alone replaces whatever the whole link says.
  const delayOf = (whole: LinkShape, own: LinkShape | undefined): number => {
    const shape = own?.delay !== undefined || own?.rtt !== undefined ? own : whole;
    return shape.delay !== undefined ? reader.time(shape.delay, 0) : Math.round(reader.time(shape.rtt, 0) / 2);
  };
  const upDelay = delayOf(spec, spec.up);
  const downDelay = delayOf(spec, spec.down);
  const direction = (shape: LinkShape, delay: number, which: "up" | "down"): PlanDirection => {
    if (shape.rate === undefined && shape.queue?.bdp !== undefined) {
      reader.problems.push(problemAt([...at, ...(spec[which]?.queue === undefined ? [] : [which]), "queue", "bdp"], "needs a rate"));
    }
    const rate = shape.rate === undefined ? Number.POSITIVE_INFINITY : reader.rate(shape.rate);
    return {
      rate,
      delay,
      queue: queueOf(shape, rate, upDelay + downDelay, spec.mtu ?? 1500, reader),
      loss: shape.loss === undefined ? 0 : lossValue(shape.loss, reader),
      jitter: reader.time(shape.jitter, 0),
    };
  };
  return { up: direction(up, upDelay, "up"), down: direction(down, downDelay, "down") };
}

function queueOf(shape: LinkShape, rate: number, rtt: number, mtu: number, reader: Reader): PlanDirection["queue"] {
  const { queue } = shape;
  if (queue?.packets !== undefined) return { packets: queue.packets };
  if (queue?.bytes !== undefined) return { bytes: reader.size(queue.bytes) };
  if (rate === Number.POSITIVE_INFINITY) return {};
  // One bandwidth-delay product unless something else is said, and never too small for a burst of an initial window.
  const bytes = ((rate / 8) * (rtt / 1e9)) * (queue?.bdp ?? 1);
  return { packets: Math.max(queue?.bdp === undefined ? MINIMUM_QUEUE : 1, Math.ceil(bytes / mtu)) };
}

function address(text: string, at: FieldPath, reader: Reader): IpAddress {
  const parsed = IpAddress.parse(text);
  if (parsed !== null) return parsed;
  reader.problems.push(problemAt(at, `${JSON.stringify(text)} is not an IP address`));
  return IpAddress.v4(0);
}

function checkNames(network: PlanNetwork, at: FieldPath, reader: Reader): void {
  const link = twice(network.links.map((one) => one.name));
  if (link !== undefined) reader.problems.push(problemAt(at, `the name "${link}" is used twice`));
  const node = twice([...network.hosts, ...network.routers].map((one) => one.name));
  if (node !== undefined) reader.problems.push(problemAt(at, `the name "${node}" is used twice`));
  for (const host of network.hosts) {
    const own = twice(host.interfaces.map((one) => one.name));
    if (own !== undefined && own !== link) reader.problems.push(problemAt(at, `the name "${own}" is used twice`));
  }
  const all = network.hosts.flatMap((host) => host.interfaces.map((own) => own.address.toString()));
  const duplicate = twice(all);
  if (duplicate !== undefined) reader.problems.push(problemAt(at, `the address ${duplicate} is used twice`));
}

function twice(names: readonly string[]): string | undefined {
  return names.find((name, index) => names.indexOf(name) !== index);
}

const HUB = "core";
const UNLIMITED: PlanDirection = { rate: Number.POSITIVE_INFINITY, delay: 0, queue: {}, loss: 0, jitter: 0 };
const MINIMUM_QUEUE = 20;
