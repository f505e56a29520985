import { randomFillSync } from "node:crypto";
import { LinkKey } from "../../../src/node/udp/sealed/key.ts";
import { SEALED_HEADER, SEALED_OVERHEAD } from "../../../src/node/udp/sealed/messages.ts";
import { ephemeralKeyPair } from "../../../src/node/udp/sealed/noise.ts";
import { PEER_LIMITS, Seal } from "../../../src/node/udp/sealed/seal.ts";
import type { SealLimits } from "../../../src/node/udp/sealed/seal.ts";
import { SealedPort } from "../../../src/node/udp/sealed/sealed-port.ts";
import { SESSION_LIMITS } from "../../../src/node/udp/sealed/session.ts";
import { IpAddress } from "../../../src/wire/index.ts";

export const KEY = Uint8Array.from({ length: 32 }, (_, i) => i + 1);
export const OTHER_KEY = Uint8Array.from({ length: 32 }, (_, i) => i + 2);
export const ADDRESS = IpAddress.from("192.0.2.1");

/** The time of all ends of a test, ms. */
export interface Clock {
  now: number;
}

export interface EndOptions {
  readonly keys?: readonly Uint8Array[];
  readonly limits?: Partial<SealLimits>;
  /** What the clock on the wall is ahead of the others', ms. */
  readonly ahead?: number;
}

/** One port of a link with a key, without a socket: what it sends is in `sent` until somebody carries it. */
export class End {
  readonly seals: Seal;
  readonly sealed: SealedPort;
  /** Datagrams on their way. */
  sent: Uint8Array[] = [];
  /** All that were ever sent. */
  readonly all: Uint8Array[] = [];
  /** What arrived and opened, as text. */
  readonly got: string[] = [];
  private readonly clock: Clock;
  /** The port of the peer, by which both ends know each other. */
  readonly peerPort: number;

  constructor(clock: Clock, options: EndOptions = {}, peerPort = 1000) {
    this.clock = clock;
    this.peerPort = peerPort;
    const environment = {
      now: () => clock.now,
      wallClock: () => (1_700_000_000_000 + (options.ahead ?? 0) + clock.now) * 1000,
      fillRandom: (target: Uint8Array) => void randomFillSync(target),
      keyPair: ephemeralKeyPair,
    };
    const keys = (options.keys ?? [KEY]).map((key) => new LinkKey(key));
    this.seals = new Seal(keys, environment, { ...SESSION_LIMITS, ...PEER_LIMITS, ...options.limits });
    this.sealed = new SealedPort(this.seals, (datagram) => this.put(datagram.slice()));
  }

  get counters(): Seal["counters"] {
    return this.seals.counters;
  }

  /** Seals `text`, as a port does; `asks`: the peer has to answer. */
  send(text: string, asks = true): void {
    const peer = this.sealed.peer(ADDRESS, this.peerPort);
    peer.prepare(asks, this.clock.now);
    const plain = Buffer.from(text);
    const bytes = new Uint8Array(plain.length + SEALED_OVERHEAD);
    bytes.set(plain, SEALED_HEADER);
    const octets = peer.seal(bytes, 0, plain.length, this.clock.now);
    if (octets > 0) this.put(bytes.subarray(0, octets));
  }

  /** @returns what `SealedPort.open` says */
  receive(datagram: Uint8Array, from = this.peerPort): number {
    // A Buffer, of which `slice` is no copy, and in the middle of another, as datagrams come.
    const bytes = Buffer.alloc(datagram.length + 6).fill(datagram, 3, 3 + datagram.length).subarray(3, 3 + datagram.length);
    const length = this.sealed.open(bytes, 0, bytes.length, ADDRESS, from, 0);
    if (length > 0) this.got.push(Buffer.from(bytes.subarray(0, length)).toString());
    return length;
  }

  /** What is on its way, taken off it. */
  take(): Uint8Array[] {
    const { sent } = this;
    this.sent = [];
    return sent;
  }

  private put(datagram: Uint8Array): void {
    this.sent.push(datagram);
    this.all.push(datagram);
  }
}

/** Carries what is on its way until nothing is. */
export function carry(a: End, b: End): void {
  for (let i = 0; a.sent.length + b.sent.length > 0; i++) {
    if (i > 20) throw new Error("two ends do not come to rest");
    for (const datagram of a.take()) b.receive(datagram);
    for (const datagram of b.take()) a.receive(datagram);
  }
}
