import { DeviceKinds } from "./kinds.ts";
import { isDefaultRoute, readAddress, readDefaultRoute, readLink, RTM } from "./netlink-messages.ts";
import type { AddressFacts, LinkFacts, RouteFacts } from "./netlink-messages.ts";
import type { NetlinkSocket } from "./netlink-socket.ts";
import type { NetworkState } from "./network-state.ts";

/**
 * The network as rtnetlink tells it. An event says which table has changed, and that one is asked for anew: so there is one way from the kernel to the state, and
 * lost or doubled events do no harm.
 */
export class NetlinkNetwork {
  private readonly socket: NetlinkSocket;
  private readonly kinds = new DeviceKinds();
  private links: readonly LinkFacts[] = [];
  private addresses: readonly AddressFacts[] = [];
  /** null: there are more than are worth a look. */
  private routes: readonly RouteFacts[] | null = [];
  private readonly changed = new Set<Table>(TABLES);

  constructor(socket: NetlinkSocket) {
    this.socket = socket;
  }

  /** Whether {@link NetlinkNetwork.read} may bring something new. */
  get isChanged(): boolean {
    return this.changed.size > 0;
  }

  /** Notes what events say. */
  takeEvents(): void {
    const isWhole = this.socket.events((bytes, message) => {
      if (message.type === RTM.newLink || message.type === RTM.deleteLink) this.changed.add("links");
      else if (message.type === RTM.newAddress || message.type === RTM.deleteAddress) this.changed.add("addresses");
      else if ((message.type === RTM.newRoute || message.type === RTM.deleteRoute) && isDefaultRoute(bytes, message)) this.changed.add("routes");
    });
    if (isWhole) return;
    for (const table of TABLES) this.changed.add(table);
  }

  /** Asks for the tables that have changed. What cannot be had stays as it was, and is asked for again at the next call. */
  read(): NetworkState {
    if (this.changed.has("links")) {
      const links = this.ask("links", RTM.getLink, readLinks, MOST_DEVICES);
      if (links !== null && links !== "too many") this.links = links;
    }
    if (this.changed.has("addresses")) {
      const addresses = this.ask("addresses", RTM.getAddress, readAddresses, MOST_ADDRESSES);
      if (addresses !== null && addresses !== "too many") this.addresses = addresses;
    }
    if (this.changed.has("routes")) this.readRoutes();
    return this.state();
  }

  private readRoutes(): void {
    // Routers of the Internet's core have a million routes; who has so many needs nobody to pick devices.
    if (this.routes === null) {
      this.changed.delete("routes");
      return;
    }
    const routes = this.ask("routes", RTM.getRoute, readDefaultRoute, MOST_ROUTES);
    if (routes === "too many") this.routes = null;
    else if (routes !== null) this.routes = routes;
  }

  /** The entries of one table; null when they could not be had. What is too much is not asked for again before it changes. */
  private ask<T>(table: Table, type: number, read: (...message: Parameters<Parameters<NetlinkSocket["dump"]>[2]>) => readonly T[], most: number): readonly T[] | "too many" | null {
    this.changed.delete(table);
    for (let tries = 1; ; tries++) {
      const entries: T[] = [];
      const outcome = this.socket.dump(type, most, (bytes, message) => entries.push(...read(bytes, message)));
      if (outcome === "whole") return entries;
      if (outcome === "cut") return "too many";
      if (tries < TRIES) continue;
      this.changed.add(table);
      return outcome === "failed" ? null : entries;
    }
  }

  private state(): NetworkState {
    const { links, routes } = this;
    const kinds = this.kinds.of(links);
    const addresses = byIndex(this.addresses);
    const routesOf = routes === null ? null : byIndex(routes);
    const devices = links.map((link, at) => ({
      index: link.index,
      name: link.name,
      kind: kinds[at] as (typeof kinds)[number],
      isUp: link.isUp,
      isRunning: link.isRunning,
      mtu: link.mtu,
      addresses: (addresses.get(link.index) ?? []).map(({ address }) => address),
      defaultRoutes: routesOf === null ? null : (routesOf.get(link.index) ?? []).map(({ route }) => route),
    }));
    return { devices: devices.toSorted((a, b) => a.index - b.index), isWhole: true };
  }
}

type Table = "links" | "addresses" | "routes";

function readLinks(...[bytes, message]: Parameters<typeof readLink>): readonly LinkFacts[] {
  const link = message.type === RTM.newLink ? readLink(bytes, message) : null;
  return link === null ? [] : [link];
}

function readAddresses(...[bytes, message]: Parameters<typeof readAddress>): readonly AddressFacts[] {
  const address = message.type === RTM.newAddress ? readAddress(bytes, message) : null;
  return address === null ? [] : [address];
}

function byIndex<T extends { readonly index: number }>(entries: readonly T[]): ReadonlyMap<number, readonly T[]> {
  const groups = new Map<number, T[]>();
  for (const entry of entries) {
    const group = groups.get(entry.index);
    if (group === undefined) groups.set(entry.index, [entry]);
    else group.push(entry);
  }
  return groups;
}

const TABLES: readonly Table[] = ["links", "addresses", "routes"];
/** Requests in a row for a table that goes on changing, or that there is no answer to. */
const TRIES = 3;
/** Entries that are looked at. Of devices and addresses a machine with more shows what it had before. */
const MOST_DEVICES = 4096;
const MOST_ADDRESSES = 16_384;
/** Of all kinds, among which default routes are looked for. */
const MOST_ROUTES = 20_000;
