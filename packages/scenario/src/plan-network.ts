import type { ProfileName } from "mptcp";
import { IpAddress } from "mptcp/wire";
import { LINK_SHAPE } from "./keys/link.ts";
import type { MIDDLEBOX, MiddleboxParameters } from "./keys/middlebox.ts";
import type { INTERFACE, LINK, PATH, TOPOLOGY } from "./keys/network.ts";
import type { SCENARIO } from "./keys/scenario.ts";
import { defaultsOf } from "./keys/section.ts";
import type { Given, Planned } from "./keys/section.ts";
import { problemAt } from "./problems.ts";
import type { FieldPath, Problem } from "./problems.ts";
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
  /** Null: that of the protocol section. */
  readonly profile: ProfileName | null;
  readonly interfaces: readonly PlanInterface[];
}

/** The keys of an interface; it always has an address. */
export interface PlanInterface extends Omit<Planned<typeof INTERFACE.keys>, "address"> {
  readonly address: IpAddress;
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
  /** What stands at the second end, from the first end on. */
  readonly middleboxes: readonly PlanMiddlebox[];
  /** From the first end to the second, and back. */
  readonly up: PlanDirection;
  readonly down: PlanDirection;
}

/** A box on a link. */
export interface PlanMiddlebox {
  /** Of the node, and of the piece of the link behind it: what it draws at random follows from it. */
  readonly name: string;
  /** As the registry of the simulator calls it. */
  readonly kind: string;
  /** All of them, given or default. */
  readonly parameters: MiddleboxParameters;
}

/** The properties of a link in one direction, as the simulator names them. */
export interface PlanDirection extends Omit<LinkShape, Derived> {
  /** ns, one way. */
  readonly delay: number;
  readonly queue: { readonly packets?: number; readonly bytes?: number };
}

/** What a direction does not have from its key alone. */
type Derived = "delay" | "rtt" | "queue";
type LinkShape = Planned<typeof LINK_SHAPE.keys>;
type Path = Planned<typeof PATH.keys>;
type Scenario = Planned<typeof SCENARIO.keys>;

/** The network of a scenario; what does not fit together goes to the problems. */
export function planNetwork(scenario: Scenario, problems: Problem[]): PlanNetwork {
  const { topology } = scenario;
  const network = topology === null ? networkOfPaths(scenario, problems) : networkOfTopology(topology, scenario, problems);
  checkNames(network, topology === null ? ["paths"] : ["topology"], problems);
  return network;
}

/**
 * The shorthand. The client has one interface per path, named like it. Paths without a server address end at one router, behind
 * which the server has one address for all; a path with one leads to an interface of the server's own.
 */
function networkOfPaths(scenario: Scenario, problems: Problem[]): PlanNetwork {
  const six = scenario.ip === 6;
  const client: PlanInterface[] = [];
  const server: PlanInterface[] = [];
  const routers: PlanRouter[] = [];
  const links: PlanLink[] = [];
  let shared = false;
  scenario.paths.forEach((path, index) => {
    const at = ["paths", index];
    const { name, mtu, present, backup } = path;
    const made = (host: number): string => (six ? `fd00:0:0:${index + 1}::${host}` : `10.0.${index + 1}.${host}`);
    const privateAddress = path.nat && !six ? `192.168.${index + 1}.2` : made(2);
    client.push({ name, address: path.client ?? madeUp(privateAddress, [...at, "client"], problems), backup, signal: false, present });
    let far: PlanEnd = { node: HUB, interface: null };
    if (path.server !== null) {
      server.push({ name, address: path.server, backup: false, signal: true, present: true });
      far = { node: "server", interface: name };
    } else shared = true;
    const directions = directionsOf(path, at, problems);
    const middleboxes = boxesOf(path);
    const near: PlanEnd = { node: "client", interface: name };
    if (!path.nat) {
      links.push({ name, path: name, ends: [near, far], mtu, middleboxes, ...directions });
      return;
    }
    if (six) problems.push(problemAt([...at, "nat"], "addresses are translated in IPv4 only"));
    const nat = `${name}-nat`;
    const home = `${name}-home`;
    routers.push({ name: nat, natAddress: madeUp(made(1), at, problems), insideLink: home });
    links.push({ name: home, path: null, ends: [near, { node: nat, interface: null }], mtu, middleboxes: [], up: UNLIMITED, down: UNLIMITED });
    links.push({ name, path: name, ends: [{ node: nat, interface: null }, far], mtu, middleboxes, ...directions });
  });
  if (shared) {
    // Its first interface, so that the client connects to it.
    server.unshift({ name: HUB, address: madeUp(six ? "fd00::1" : "10.0.0.1", [], problems), backup: false, signal: false, present: true });
    routers.push({ name: HUB, natAddress: null, insideLink: null });
    const mtu = Math.max(...scenario.paths.map((path) => path.mtu));
    links.push({ name: HUB, path: null, ends: [{ node: HUB, interface: null }, { node: "server", interface: HUB }], mtu, middleboxes: [], up: UNLIMITED, down: UNLIMITED });
  }
  const hosts = [{ name: "client", profile: null, interfaces: client }, { name: "server", profile: null, interfaces: server }];
  return { hosts, routers, links, client: scenario.workload.from ?? "client", server: scenario.workload.to ?? "server" };
}

function networkOfTopology(topology: Planned<typeof TOPOLOGY.keys>, scenario: Scenario, problems: Problem[]): PlanNetwork {
  const six = scenario.ip === 6;
  let made = 0;
  const hosts = topology.hosts.map((host, hostIndex) => ({
    ...host,
    interfaces: host.interfaces.map((own, index): PlanInterface => {
      made++;
      const at = ["topology", "hosts", hostIndex, "interfaces", index, "address"];
      return { ...own, address: own.address ?? madeUp(six ? `fd00:0:0:${made}::1` : `10.0.${made}.1`, at, problems) };
    }),
  }));
  const routerNames = topology.routers.map((router) => router.name);
  const links = topology.links.map((link, index) => planLink(link, ["topology", "links", index], hosts, routerNames, problems));
  for (const [hostIndex, host] of hosts.entries()) {
    for (const [index, own] of host.interfaces.entries()) {
      const uses = links.filter((link) => link.ends.some((end) => end.node === host.name && end.interface === own.name)).length;
      if (uses !== 1) problems.push(problemAt(["topology", "hosts", hostIndex, "interfaces", index], `an interface is the end of exactly one link; this one of ${uses}`));
    }
  }
  const routers = topology.routers.map(({ name, nat }, index): PlanRouter => {
    const at = ["topology", "routers", index];
    const natAddress = nat ? madeUp(six ? `fd00:0:1:${index + 1}::1` : `100.64.${index + 1}.1`, at, problems) : null;
    const insideLink = links.find((link) => link.ends[1].node === name)?.name ?? null;
    if (nat && insideLink === null) {
      problems.push(problemAt(at, "no link ends here: the side whose addresses are translated is the link that has this router as its second end"));
    }
    return { name, natAddress, insideLink: nat ? insideLink : null };
  });
  return { hosts, routers, links, client: scenario.workload.from ?? hosts[0]?.name ?? "", server: scenario.workload.to ?? hosts[1]?.name ?? "" };
}

function planLink(link: Planned<typeof LINK.keys>, at: FieldPath, hosts: readonly PlanHost[], routers: readonly string[], problems: Problem[]): PlanLink {
  const end = (text: string, index: number): PlanEnd => {
    const [node = "", own] = text.split(".");
    const host = hosts.find((one) => one.name === node);
    const known = [...hosts.flatMap((one) => one.interfaces.map((one2) => `${one.name}.${one2.name}`)), ...routers];
    const valid = own === undefined ? routers.includes(node) : (host?.interfaces.some((one) => one.name === own) ?? false);
    if (!valid) problems.push(problemAt([...at, "ends", index], `there is no "${text}"; ${didYouMean(text, known)}`));
    return { node, interface: own ?? null };
  };
  return { name: link.name, path: null, ends: [end(link.ends[0], 0), end(link.ends[1], 1)], mtu: link.mtu, middleboxes: boxesOf(link), ...directionsOf(link, at, problems) };
}

/** The boxes of a link, named after it and their kind; of several of a kind the second is "wifi-splitter-2". */
function boxesOf(link: Path | Planned<typeof LINK.keys>): PlanMiddlebox[] {
  const boxes: PlanMiddlebox[] = [];
  for (const written of link.middleboxes as readonly Planned<typeof MIDDLEBOX.keys>[]) {
    for (const [kind, parameters] of Object.entries(written)) {
      if (parameters === null) continue;
      const before = boxes.filter((box) => box.kind === kind).length;
      boxes.push({ name: `${link.name}-${kind}${before === 0 ? "" : `-${before + 1}`}`, kind, parameters });
    }
  }
  return boxes;
}

/** Both directions of a link: what is said of the whole, and what a direction says for itself. */
function directionsOf(link: Path | Planned<typeof LINK.keys>, at: FieldPath, problems: Problem[]): { up: PlanDirection; down: PlanDirection } {
  const upDelay = delayOf(link, link.up);
  const downDelay = delayOf(link, link.down);
  const direction = (own: Given<typeof LINK_SHAPE.keys>, delay: number, which: "up" | "down"): PlanDirection => {
    const shape: LinkShape = { ...link, ...own };
    if (shape.rate === Number.POSITIVE_INFINITY && shape.queue !== null && shape.queue.bdp !== null) {
      problems.push(problemAt([...at, ...(own.queue === undefined ? [] : [which]), "queue", "bdp"], "needs a rate"));
    }
    return { ...underived(shape), delay, queue: queueOf(shape, upDelay + downDelay, link.mtu) };
  };
  return { up: direction(link.up, upDelay, "up"), down: direction(link.down, downDelay, "down") };
}

/** Those properties of a link that are options of the simulator as they are. */
function underived(fields: LinkShape): Omit<LinkShape, Derived> {
  const { delay: _delay, rtt: _rtt, queue: _queue, ...keys } = LINK_SHAPE.keys;
  return Object.fromEntries(Object.keys(keys).map((name) => [name, fields[name as keyof typeof keys]])) as Omit<LinkShape, Derived>;
}

/** The delay of one direction given alone replaces whatever the whole link says. */
function delayOf(whole: LinkShape, own: Given<typeof LINK_SHAPE.keys>): number {
  const { delay = null, rtt = null } = own.delay !== undefined || own.rtt !== undefined ? own : whole;
  return delay ?? Math.round((rtt ?? 0) / 2);
}

function queueOf({ discipline, queue, rate }: LinkShape, rtt: number, mtu: number): PlanDirection["queue"] {
  if (queue !== null && queue.packets !== null) return { packets: queue.packets };
  if (queue !== null && queue.bytes !== null) return { bytes: queue.bytes };
  if (rate === Number.POSITIVE_INFINITY || (discipline !== null && queue === null)) return {};
  // One bandwidth-delay product unless something else is said, and never too small for a burst of an initial window.
  const bytes = ((rate / 8) * (rtt / 1e9)) * (queue?.bdp ?? 1);
  return { packets: Math.max(queue === null ? MINIMUM_QUEUE : 1, Math.ceil(bytes / mtu)) };
}

/** An address that is made up here, of which there are not endlessly many. */
function madeUp(text: string, at: FieldPath, problems: Problem[]): IpAddress {
  const parsed = IpAddress.parse(text);
  if (parsed !== null) return parsed;
  problems.push(problemAt(at, `${JSON.stringify(text)} is not an IP address`));
  return IpAddress.v4(0);
}

function checkNames(network: PlanNetwork, at: FieldPath, problems: Problem[]): void {
  const boxes = network.links.flatMap((one) => one.middleboxes.map((box) => box.name));
  const link = twice([...network.links.map((one) => one.name), ...boxes]);
  if (link !== undefined) problems.push(problemAt(at, `the name "${link}" is used twice`));
  const node = twice([...[...network.hosts, ...network.routers].map((one) => one.name), ...boxes]);
  if (node !== undefined && node !== link) problems.push(problemAt(at, `the name "${node}" is used twice`));
  for (const host of network.hosts) {
    const own = twice(host.interfaces.map((one) => one.name));
    if (own !== undefined && own !== link) problems.push(problemAt(at, `the name "${own}" is used twice`));
  }
  const all = network.hosts.flatMap((host) => host.interfaces.map((own) => own.address.toString()));
  const duplicate = twice(all);
  if (duplicate !== undefined) problems.push(problemAt(at, `the address ${duplicate} is used twice`));
}

function twice(names: readonly string[]): string | undefined {
  return names.find((name, index) => names.indexOf(name) !== index);
}

const HUB = "core";
const UNLIMITED: PlanDirection = { ...underived(defaultsOf(LINK_SHAPE).otherwise), delay: 0, queue: {} };
const MINIMUM_QUEUE = 20;
