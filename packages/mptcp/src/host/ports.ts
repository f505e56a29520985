import type { RandomSource } from "../core/index.ts";
import { randomBelow } from "../core/index.ts";
import type { FourTuple } from "../tcp/index.ts";
import type { IpAddress } from "../wire/index.ts";

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
 * Picks ephemeral ports: a random one, and from there the next that is free for the destination (RFC 6056 §3.3.1). It is told which of them connections
 * of this host have, so that it costs next to nothing to find the last free one, or none.
 */
export class PortAllocator {
  private readonly random: RandomSource;
  /** By local address and destination. */
  private readonly inUse = new Map<string, PortSet>();

  constructor(random: RandomSource) {
    this.random = random;
  }

  /** Ports that connections have. */
  get size(): number {
    let count = 0;
    for (const ports of this.inUse.values()) count += ports.size;
    return count;
  }

  /** A port for which the four-tuple is free; 0 when none is. */
  pick(table: TupleLookup, local: IpAddress, remote: IpAddress, remotePort: number): number {
    const start = randomBelow(this.random, EPHEMERAL_COUNT);
    const taken = this.inUse.get(keyOf(local, remote, remotePort)) ?? NO_PORTS;
    for (let step = taken.nextFree(start, 0); step < EPHEMERAL_COUNT; step = taken.nextFree(start, step + 1)) {
      const port = EPHEMERAL_FIRST + ((start + step) % EPHEMERAL_COUNT);
      if (table.find(local, port, remote, remotePort) === null) return port;
    }
    return 0;
  }

  /** A connection that was opened from here has its port. */
  take({ localAddress, localPort, remoteAddress, remotePort }: FourTuple): void {
    if (!isEphemeral(localPort)) return;
    const key = keyOf(localAddress, remoteAddress, remotePort);
    let ports = this.inUse.get(key);
    if (ports === undefined) this.inUse.set(key, (ports = new PortSet()));
    ports.add(localPort - EPHEMERAL_FIRST);
  }

  /** Its port is free again. Nothing happens when it had none. */
  release({ localAddress, localPort, remoteAddress, remotePort }: FourTuple): void {
    if (!isEphemeral(localPort)) return;
    const key = keyOf(localAddress, remoteAddress, remotePort);
    const ports = this.inUse.get(key);
    if (ports === undefined) return;
    ports.delete(localPort - EPHEMERAL_FIRST);
    if (ports.size === 0) this.inUse.delete(key);
  }
}

/** A set of ephemeral ports, as numbers from 0: a short list, and a bitmap once there are many. */
class PortSet {
  private few: number[] = [];
  private bits: Uint32Array | null = null;
  private count = 0;

  get size(): number {
    return this.count;
  }

  add(port: number): void {
    if (this.has(port)) return;
    this.count++;
    if (this.bits === null && this.count > FEW) {
      this.bits = new Uint32Array(Math.ceil(EPHEMERAL_COUNT / 32));
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
    if (this.count === EPHEMERAL_COUNT) return EPHEMERAL_COUNT;
    let step = from;
    while (step < EPHEMERAL_COUNT) {
      const port = (start + step) % EPHEMERAL_COUNT;
      // A word that is full is passed over at once.
      if (this.bits !== null && (port & 31) === 0 && this.bits[port >>> 5] === 0xffff_ffff) step += Math.min(32, EPHEMERAL_COUNT - port);
      else if (this.has(port)) step++;
      else return step;
    }
    return EPHEMERAL_COUNT;
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

/** What a source of random numbers is to draw so that `port`, an ephemeral one, is where {@link PortAllocator.pick} begins. */
export function drawOfPort(port: number): number {
  // In the middle of those that come to it, where rounding does no harm.
  return Math.floor(((port - EPHEMERAL_FIRST + 0.5) * 0x1_0000_0000) / EPHEMERAL_COUNT);
}

/** Whether a port is among those that are picked for connections opened from here. */
export function isEphemeral(port: number): boolean {
  return port >= EPHEMERAL_FIRST && port < EPHEMERAL_FIRST + EPHEMERAL_COUNT;
}

/** The range Linux uses. */
const EPHEMERAL_FIRST = 32768;
const EPHEMERAL_COUNT = 60999 - 32768 + 1;
/** Ports of a destination that are looked through one by one. */
const FEW = 64;
const NO_PORTS = new PortSet();
