import type { RandomSource } from "../core/index.ts";
import { randomBelow } from "../core/index.ts";
import type { IpAddress } from "../wire/index.ts";

/**
 * Who gives out the local ports of an address, where the host does not: behind each port of a link over UDP there is a socket. A port is
 * held once by each connection on it and once by each listener.
 */
export interface PortSource {
  /**
   * Takes a port that nobody holds, for one connection to `remote`, and holds it.
   * @returns 0 when there is none
   */
  allocate(local: IpAddress, remote: IpAddress, remotePort: number): number;
  /**
   * Holds a port once more, or takes it for the first time.
   * @throws MptcpError EADDRINUSE, EACCES or EADDRNOTAVAIL when it cannot be had
   */
  hold(local: IpAddress, port: number): void;
  /** Lets go of it once. */
  release(local: IpAddress, port: number): void;
}

/** Says whether a four-tuple is in use. */
export interface TupleLookup {
  /** What uses it; null when nothing does. */
  find(localAddress: IpAddress, localPort: number, remoteAddress: IpAddress, remotePort: number): object | null;
}

/** Picks ephemeral ports: a random one, and from there the next that is free for the destination (RFC 6056 §3.3.1). */
export class PortAllocator {
  private readonly random: RandomSource;

  constructor(random: RandomSource) {
    this.random = random;
  }

  /** A port for which the four-tuple is free; 0 when none is. */
  pick(table: TupleLookup, local: IpAddress, remote: IpAddress, remotePort: number): number {
    const start = randomBelow(this.random, EPHEMERAL_COUNT);
    for (let i = 0; i < EPHEMERAL_COUNT; i++) {
      const port = EPHEMERAL_FIRST + ((start + i) % EPHEMERAL_COUNT);
      if (table.find(local, port, remote, remotePort) === null) return port;
    }
    return 0;
  }
}

/** The range Linux uses. */
const EPHEMERAL_FIRST = 32768;
const EPHEMERAL_COUNT = 60999 - 32768 + 1;
