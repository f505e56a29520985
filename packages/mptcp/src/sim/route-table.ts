import { MptcpError } from "../core/index.ts";
import type { IpAddress } from "../wire/index.ts";

/** No route to the destination. */
export const NO_ROUTE = -1;

/**
 * Longest-prefix routes of one router, to one port or to several of equal cost.
 *
 * The table proper is read seldom: a direct-mapped cache by address hash answers for every packet, first by identity.
 */
export class RouteTable {
  private readonly hosts = new Map<string, HostRoute>();
  private readonly prefixes: PrefixRoute[] = [];
  private readonly groups: (readonly number[])[] = [];

  private mask = INITIAL_CACHE - 1;
  private keys: (IpAddress | null)[] = emptyKeys(INITIAL_CACHE);
  private values = new Int32Array(INITIAL_CACHE);
  private conflicts = 0;

  /**
   * What to do with packets for `address`: a port (0 or more), {@link NO_ROUTE}, or below that a group of ports of equal cost,
   * to be resolved by {@link RouteTable.group}.
   */
  lookUp(address: IpAddress): number {
    const slot = address.hash & this.mask;
    const key = this.keys[slot] as IpAddress | null;
    if (key === address || (key !== null && key.equals(address))) return this.values[slot] as number;
    return this.fill(address, slot, key);
  }

  /** The ports of a group that {@link RouteTable.lookUp} named. */
  group(value: number): readonly number[] {
    return this.groups[-2 - value] as readonly number[];
  }

  /**
   * Sets the route to `prefix` of `length` bits; no ports: packets there are unreachable.
   * A computed host route never replaces one that was set.
   * @throws MptcpError ERR_SIM_OPTION when the length does not fit the family
   */
  set(prefix: IpAddress, length: number, ports: readonly number[], computed = false): void {
    const bits = prefix.family === 4 ? 32 : 128;
    if (!(Number.isInteger(length) && length >= 0 && length <= bits)) {
      throw new MptcpError("ERR_SIM_OPTION", `a prefix of ${length} bits`);
    }
    const value = this.valueOf(ports);
    if (length === bits) {
      const key = prefix.toString();
      if (!computed || this.hosts.get(key)?.computed !== false) this.hosts.set(key, { value, computed });
    } else {
      const at = this.prefixes.findIndex((route) => route.length <= length);
      this.prefixes.splice(at < 0 ? this.prefixes.length : at, 0, { prefix, length, value });
    }
    this.clearCache(this.mask + 1);
  }

  /** Forgets the computed routes. */
  clearComputed(): void {
    for (const [key, route] of this.hosts) if (route.computed) this.hosts.delete(key);
    this.clearCache(this.mask + 1);
  }

  private fill(address: IpAddress, slot: number, key: IpAddress | null): number {
    const value = this.search(address);
    if (key !== null && ++this.conflicts > this.mask && this.mask + 1 < MAX_CACHE) {
      this.clearCache(2 * (this.mask + 1));
      slot = address.hash & this.mask;
    }
    this.keys[slot] = address;
    this.values[slot] = value;
    return value;
  }

  private search(address: IpAddress): number {
    const host = this.hosts.get(address.toString());
    if (host !== undefined) return host.value;
    for (const route of this.prefixes) if (hasPrefix(address, route.prefix, route.length)) return route.value;
    return NO_ROUTE;
  }

  private valueOf(ports: readonly number[]): number {
    if (ports.length === 0) return NO_ROUTE;
    if (ports.length === 1) return ports[0] as number;
    const same = this.groups.findIndex((group) => group.length === ports.length && group.every((port, i) => port === ports[i]));
    return -2 - (same >= 0 ? same : this.groups.push([...ports]) - 1);
  }

  private clearCache(size: number): void {
    this.mask = size - 1;
    this.keys = emptyKeys(size);
    this.values = new Int32Array(size);
    this.conflicts = 0;
  }
}

/** Whether the first `length` bits of `address` are those of `prefix`. */
export function hasPrefix(address: IpAddress, prefix: IpAddress, length: number): boolean {
  if (address.family !== prefix.family) return false;
  if (address.family === 4) return wordMatches(address.w3, prefix.w3, length);
  return (
    wordMatches(address.w0, prefix.w0, length) &&
    wordMatches(address.w1, prefix.w1, length - 32) &&
    wordMatches(address.w2, prefix.w2, length - 64) &&
    wordMatches(address.w3, prefix.w3, length - 96)
  );
}

function wordMatches(a: number, b: number, bits: number): boolean {
  if (bits <= 0) return true;
  return bits >= 32 ? a === b : (a ^ b) >>> (32 - bits) === 0;
}

function emptyKeys(count: number): (IpAddress | null)[] {
  return Array.from({ length: count }, () => null);
}

interface HostRoute {
  readonly value: number;
  readonly computed: boolean;
}

interface PrefixRoute {
  readonly prefix: IpAddress;
  readonly length: number;
  readonly value: number;
}

const INITIAL_CACHE = 64;
const MAX_CACHE = 65536;
