import { MptcpError } from "../../core/index.ts";
import type { IpAddress } from "../../wire/index.ts";
import type { Link, LinkOptions } from "../link.ts";
import type { Middlebox, MiddleboxFactory } from "../middleboxes/index.ts";
import type { Nat, NatOptions } from "../nat.ts";
import type { SimNode } from "../node.ts";
import type { Router } from "../router.ts";
import type { HostSettings, SimHost } from "../sim-host.ts";
import type { Simulation } from "../simulation.ts";
import { addressOn, familiesOf } from "./addresses.ts";
import type { Families } from "./addresses.ts";

export interface AccessPath extends LinkOptions {
  /** Families of the client's address on this path (default 4). */
  readonly family?: Families;
  /** A NAT between the access link and the router: options without the address, which is the path's. */
  readonly nat?: Omit<NatOptions, "external">;
  /** Middleboxes behind the access link, in the order in which the client's packets meet them; their inside is the client's side. */
  readonly middleboxes?: readonly MiddleboxFactory[];
}

export interface MultiPathOptions {
  /** The client's access links, forward is away from the client. Named `path1`, `path2`, ... unless named. */
  readonly paths: readonly AccessPath[];
  /** Server addresses of each family, each on a link of its own: 1 (default), or one per path. */
  readonly serverAddresses?: number;
  /** The links from the core to the server; ideal by default. Named `server1`, ... */
  readonly serverLinks?: LinkOptions;
  readonly client?: HostSettings;
  readonly server?: HostSettings;
}

/** A list that is not empty, so that its first entry is known to be there. */
export type AtLeastOne<T> = readonly [T, ...T[]];

export interface MultiPath {
  readonly client: SimHost;
  readonly server: SimHost;
  /** By path: the access link, its middleboxes, its NAT if any, its router, and the client's addresses there. */
  readonly access: AtLeastOne<Link>;
  readonly middleboxes: readonly (readonly Middlebox[])[];
  readonly routers: readonly Router[];
  readonly nats: readonly (Nat | null)[];
  readonly clientAddresses: AtLeastOne<AtLeastOne<IpAddress>>;
  readonly core: Router;
  readonly serverLinks: AtLeastOne<Link>;
  readonly serverAddresses: AtLeastOne<AtLeastOne<IpAddress>>;
}

/**
 * A client with an address on each of n access links, through a router each and a core router to a server:
 *
 *     client == path i == (middleboxes) -- (nat i) -- router i -- core -- server j
 *
 * Only access and server links are other than ideal. On path i, from 1, the client is 10.0.i.2 or fd00:0:0:i::2, and a NAT
 * there shows 10.1.i.1; the server is 10.2.j.1 or fd00:0:0:20j::1.
 */
export function multiPath(simulation: Simulation, options: MultiPathOptions): MultiPath {
  const client = simulation.addHost("client", options.client ?? {});
  const server = simulation.addHost("server", options.server ?? {});
  const core = simulation.addRouter("core", routerAddresses(255));
  const ideal: LinkOptions = idealFor(options.paths);
  const access: Link[] = [];
  const middleboxes: Middlebox[][] = [];
  const routers: Router[] = [];
  const nats: (Nat | null)[] = [];
  const clientAddresses: IpAddress[][] = [];
  options.paths.forEach((path, i) => {
    const { family, nat: natOptions, middleboxes: boxes = [], ...link } = path;
    const name = path.name ?? `path${i + 1}`;
    const router = simulation.addRouter(`router${i + 1}`, routerAddresses(i + 1));
    const nat = natOptions === undefined ? null : simulation.addNat(`nat${i + 1}`, { ...natOptions, external: addressOn(4, EXTERNAL + i + 1, 1) });
    const made = boxes.map((make, j) => simulation.addMiddlebox(`box${i + 1}.${j + 1}`, make));
    middleboxes.push(made);
    const [next, ...behind] = [...made, ...(nat === null ? [] : [nat]), router];
    access.push(simulation.connect(client, next as SimNode, { ...link, name }));
    let last = next as SimNode;
    for (const node of behind) {
      simulation.connect(last, node, { ...ideal, name: `${last.name}-${node.name}` });
      last = node;
    }
    simulation.connect(router, core, { ...ideal, name: `router${i + 1}-core` });
    routers.push(router);
    nats.push(nat);
    clientAddresses.push(familiesOf(family ?? 4).map((f) => addressOn(f, i + 1, 2)));
  });
  const serverLinks: Link[] = [];
  const serverAddresses: IpAddress[][] = [];
  for (let j = 0; j < (options.serverAddresses ?? 1); j++) {
    serverLinks.push(simulation.connect(core, server, { ...ideal, ...options.serverLinks, name: `server${j + 1}` }));
    serverAddresses.push(serverFamilies(options, j).map((f) => addressOn(f, SERVER + j + 1, 1)));
  }
  clientAddresses.forEach((addresses, link) => addresses.forEach((address) => client.addAddress(address, { link })));
  serverAddresses.forEach((addresses, link) => addresses.forEach((address) => server.addAddress(address, { link })));
  const known = { client, server, middleboxes, routers, nats, core };
  return { ...known, access: some(access), clientAddresses: some(clientAddresses.map(some)), serverLinks: some(serverLinks), serverAddresses: some(serverAddresses.map(some)) };
}

/** @throws MptcpError ERR_SIM_OPTION for an empty list */
function some<T>(list: readonly T[]): AtLeastOne<T> {
  const [first, ...others] = list;
  if (first === undefined) throw new MptcpError("ERR_SIM_OPTION", "a client and a server have at least one path, and one address, in between");
  return [first, ...others];
}

export interface TwoPathsOptions extends Omit<MultiPathOptions, "paths"> {
  readonly paths: readonly [AccessPath, AccessPath];
}

/** {@link multiPath} with two paths: Wi-Fi and LTE, say. */
export function twoPaths(simulation: Simulation, options: TwoPathsOptions): MultiPath {
  return multiPath(simulation, options);
}

/** With one server interface it has every family that a path has; else interface j has those of path j. */
function serverFamilies(options: MultiPathOptions, j: number): readonly (4 | 6)[] {
  const own = options.paths[j]?.family ?? 4;
  const all = options.paths.flatMap((path) => familiesOf(path.family ?? 4));
  const families = (options.serverAddresses ?? 1) === 1 ? all : [...familiesOf(own)];
  return ([4, 6] as const).filter((family) => families.includes(family));
}

/** A link that changes nothing: no rate, no delay, and an MTU that every path's packets fit. */
function idealFor(paths: readonly AccessPath[]): LinkOptions {
  const mtu = Math.max(1500, ...paths.map((path) => path.mtu ?? 1500));
  return { mtu, segmentation: paths.some((path) => path.segmentation ?? false) };
}

function routerAddresses(host: number): { readonly addresses: readonly IpAddress[] } {
  return { addresses: [addressOn(4, ROUTER, host), addressOn(6, ROUTER, host)] };
}

/** Networks: external sides of NATs, servers, routers. */
const EXTERNAL = 0x100;
const SERVER = 0x200;
const ROUTER = 0xfe00;
