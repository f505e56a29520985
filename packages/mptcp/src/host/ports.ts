import type { FixableRandom } from "../core/index.ts";
import { MptcpError } from "../core/index.ts";
import type { FourTuple } from "../tcp/index.ts";
import type { IpAddress } from "../wire/index.ts";
import { TupleHash } from "./tuple-hash.ts";

/**
 * Who gives out the local ports of an address, where the host does not: behind each port of a link over UDP there is a socket. A port is
 * held once by each connection on it, until that is in TIME-WAIT, and once by each listener.
 */
export interface PortSource {
  /**
   * Takes a port for one connection that is opened from here to `remotePort` of `remote`, and holds it. Connections to other peers may be on it: all four
   * numbers tell connections apart.
   * @param isFree whether the host has no connection between a port of `local` and that peer, TIME-WAIT included: none but such a port may be taken
   * @returns 0 when there is none
   * @throws MptcpError with the system's code, EMFILE for one, when a port cannot be had for other reasons
   */
  allocate(local: IpAddress, remote: IpAddress, remotePort: number, isFree: (port: number) => boolean): number;
  /**
   * Holds a port once more, or takes it for the first time.
   * @param peer of a connection that is opened from there; none for a listener, and for what comes in
   * @throws MptcpError EADDRINUSE, EACCES or EADDRNOTAVAIL when it cannot be had
   */
  hold(local: IpAddress, port: number, peer?: PortPeer): void;
  /**
   * Lets go of it once.
   * @param isWaiting the connection is in TIME-WAIT: late segments may come that the host would answer, while the port is open still. The host needs it no more
   */
  release(local: IpAddress, port: number, isWaiting?: boolean): void;
}

/** The other end of a connection. */
export type PortPeer = Pick<FourTuple, "remoteAddress" | "remotePort">;

/** Says whether a four-tuple is in use. */
export interface TupleLookup {
  /** What uses it; null when nothing does. */
  find(localAddress: IpAddress, localPort: number, remoteAddress: IpAddress, remotePort: number): object | null;
}

/**
 * Picks ephemeral ports in an order that others cannot guess, and that goes through all of them before it begins anew, so that the peer's TIME-WAIT has as long
 * as can be: from a number that the addresses and the port of the destination hash to, and a counter that few destinations share, on to the next one that is free
 * (double-hash port selection, RFC 6056 §3.3.4). It is told which of them connections of this host have, so that it costs next to nothing to find the last free one, or none.
 */
export class PortAllocator {
  private readonly random: FixableRandom;
  private readonly hash: TupleHash;
  private readonly first: number;
  private readonly count: number;
  private readonly picked = new Uint32Array(COUNTERS);
  private readonly noPorts: PortSet;
  /** By local address and destination. */
  private readonly inUse = new Map<string, PortSet>();

  /**
   * @param random what is fixed of it is picked next; beneath is the secret
   * @param range the first and the last port
   */
  constructor(random: FixableRandom, [first, last]: PortRange) {
    if (!(Number.isInteger(first) && Number.isInteger(last) && first >= 1 && first <= last && last <= 65535)) throw new MptcpError("ERR_OUT_OF_RANGE", `a range of ports is 1 to 65535, got ${first} to ${last}`);
    this.random = random;
    this.hash = new TupleHash(random.beneath);
    this.first = first;
    this.count = last - first + 1;
    this.noPorts = new PortSet(this.count);
  }

  /** Ports that connections have. */
  get size(): number {
    let count = 0;
    for (const ports of this.inUse.values()) count += ports.size;
    return count;
  }

  /** A port for which the four-tuple is free; 0 when none is. */
  pick(table: TupleLookup, local: IpAddress, remote: IpAddress, remotePort: number): number {
    const taken = this.inUse.get(keyOf(local, remote, remotePort)) ?? this.noPorts;
    const fixed = this.random.takeFixed();
    if (fixed !== null) return this.nextFree(taken, Math.max(0, Math.min(this.count - 1, fixed - this.first)), table, local, remote, remotePort).port;
    const [offset, other] = this.hash.of(local, 0, remote, remotePort);
    const counter = other % COUNTERS;
    const picked = this.picked[counter] as number;
    const { port, steps } = this.nextFree(taken, (offset + picked) % this.count, table, local, remote, remotePort);
    this.picked[counter] = picked + steps + 1;
    return port;
  }

  /** The first free port from `start` on, counted from the first of the range, and how many there were on the way. */
  private nextFree(taken: PortSet, start: number, table: TupleLookup, local: IpAddress, remote: IpAddress, remotePort: number): { port: number; steps: number } {
    for (let step = taken.nextFree(start, 0); step < this.count; step = taken.nextFree(start, step + 1)) {
      const port = this.first + ((start + step) % this.count);
      if (table.find(local, port, remote, remotePort) === null) return { port, steps: step };
    }
    return { port: 0, steps: 0 };
  }

  /** A connection that was opened from here has its port. */
  take({ localAddress, localPort, remoteAddress, remotePort }: FourTuple): void {
    if (!this.hasInRange(localPort)) return;
    const key = keyOf(localAddress, remoteAddress, remotePort);
    let ports = this.inUse.get(key);
    if (ports === undefined) this.inUse.set(key, (ports = new PortSet(this.count)));
    ports.add(localPort - this.first);
  }

  /** Its port is free again. Nothing happens when it had none. */
  release({ localAddress, localPort, remoteAddress, remotePort }: FourTuple): void {
    if (!this.hasInRange(localPort)) return;
    const key = keyOf(localAddress, remoteAddress, remotePort);
    const ports = this.inUse.get(key);
    if (ports === undefined) return;
    ports.delete(localPort - this.first);
    if (ports.size === 0) this.inUse.delete(key);
  }

  private hasInRange(port: number): boolean {
    return port >= this.first && port < this.first + this.count;
  }
}

/** A set of ephemeral ports, as numbers from 0: a short list, and a bitmap once there are many. */
class PortSet {
  private readonly range: number;
  private few: number[] = [];
  private bits: Uint32Array | null = null;
  private count = 0;

  /** @param range numbers that there are */
  constructor(range: number) {
    this.range = range;
  }

  get size(): number {
    return this.count;
  }

  add(port: number): void {
    if (this.has(port)) return;
    this.count++;
    if (this.bits === null && this.count > FEW) {
      this.bits = new Uint32Array(Math.ceil(this.range / 32));
      for (const known of this.few) this.set(this.bits, known);
      this.few = [];
    }
    if (this.bits === null) this.few.push(port);
    else this.set(this.bits, port);
  }

  delete(port: number): void {
    if (!this.has(port)) return;
    this.count--;
    if (this.bits === null) this.few.splice(this.few.indexOf(port), 1);
    else this.bits[port >>> 5] = (this.bits[port >>> 5] as number) & ~(1 << (port & 31));
  }

  /** The first step from `from` on at which the port `start` + step, modulo their number, is not in the set; their number when there is none. */
  nextFree(start: number, from: number): number {
    if (this.count === this.range) return this.range;
    let step = from;
    while (step < this.range) {
      const port = (start + step) % this.range;
      // A word that is full is passed over at once.
      if (this.bits !== null && (port & 31) === 0 && this.bits[port >>> 5] === 0xffff_ffff) step += Math.min(32, this.range - port);
      else if (this.has(port)) step++;
      else return step;
    }
    return this.range;
  }

  private has(port: number): boolean {
    return this.bits === null ? this.few.includes(port) : ((this.bits[port >>> 5] as number) & (1 << (port & 31))) !== 0;
  }

  private set(bits: Uint32Array, port: number): void {
    bits[port >>> 5] = (bits[port >>> 5] as number) | (1 << (port & 31));
  }
}

function keyOf(local: IpAddress, remote: IpAddress, remotePort: number): string {
  return `${local} ${remote} ${remotePort}`;
}

/** Ports that are picked for connections opened from here: the first and the last one. */
export type PortRange = readonly [first: number, last: number];

/** The range of Linux (ip_local_port_range). */
export const EPHEMERAL_PORTS: PortRange = [32768, 60999];
/** Ports of a destination that are looked through one by one. */
const FEW = 64;
/** Counters of ports that were picked, each shared by the destinations that hash to it: more of them tell less of one another's connections. */
const COUNTERS = 256;
