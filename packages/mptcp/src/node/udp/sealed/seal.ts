import { timingSafeEqual } from "node:crypto";
import type { IpAddress } from "../../../wire/index.ts";
import { Cookies } from "./cookies.ts";
import { MAC_LENGTH } from "./key.ts";
import type { LinkKey } from "./key.ts";
import type { EphemeralKeyPair } from "./noise.ts";
import type { SessionLimits } from "./session.ts";

/** What a link with a key has counted. */
export interface SealCounters {
  /** Sessions that both ends have used. */
  sessions: number;
  /** Datagrams in the clear that arrived: of a peer without a key. */
  plain: number;
  /** Handshake messages whose MAC is not by our key: of a peer with another one. */
  foreign: number;
  /** Data of no session that there is: of a peer from before a restart, say. */
  unknown: number;
  /** What did not open by the session's key, or was no message at all. */
  forged: number;
  /** What had arrived before, is older than the window for that, or is our own. */
  replayed: number;
  /** Initiations that were answered by a cookie, since `cookiesFrom` sessions were pending. */
  challenged: number;
  /** Initiations that were not answered, since as many as may be, in all or of their address, were pending. */
  refused: number;
  /** Segments that found no room to wait for a handshake. */
  overflowed: number;
}

export interface SealLimits extends SessionLimits {
  /** Sessions that peers have begun and not used yet, all in all. */
  readonly pending: number;
  /** Those of one address. */
  readonly pendingPerAddress: number;
  /** So many, and who begins another has to show that it is where it says it is. */
  readonly cookiesFrom: number;
  /** Milliseconds that a session waits for its first use. */
  readonly pendingTimeout: number;
  /** Initiations that are remembered, lest they are answered twice. */
  readonly remembered: number;
  /** Datagrams that wait for the handshake with one peer, and octets of all that wait. */
  readonly queue: number;
  readonly queueOctets: number;
  /** Milliseconds that a datagram waits: then its segment has been sent again. */
  readonly queueTimeout: number;
  /** Milliseconds until an initiation is repeated; each time twice as long. */
  readonly retryAfter: number;
  /** How often the same one is sent, before another is made. */
  readonly sends: number;
  /** Milliseconds without an answer to data after which a new handshake is tried: the peer may have begun anew. */
  readonly silence: number;
  /** Milliseconds after its last use that a peer is forgotten. */
  readonly forgetAfter: number;
}

/** What comes from outside: the tests' is their own. */
export interface SealEnvironment {
  /** Milliseconds, steady. */
  readonly now: () => number;
  /** Microseconds since 1970. */
  readonly wallClock: () => number;
  readonly fillRandom: (target: Uint8Array) => void;
  readonly keyPair: () => EphemeralKeyPair;
}

/**
 * What all peers of a link have in common: keys, limits, counters. Without time, randomness or sockets of its own.
 */
export class Seal {
  readonly environment: SealEnvironment;
  readonly limits: SealLimits;
  readonly counters: SealCounters = { sessions: 0, plain: 0, foreign: 0, unknown: 0, forged: 0, replayed: 0, challenged: 0, refused: 0, overflowed: 0 };
  readonly cookies: Cookies;
  /** Octets that wait for handshakes. */
  queued = 0;
  private readonly keys: readonly LinkKey[];
  /** MACs of initiations that were answered. */
  private readonly answered = new Set<string>();
  private lastTimestamp = 0;
  /** Sessions that wait for their first use, by address. */
  private readonly waiting = new Map<string, number>();
  private waitingCount = 0;

  /** @param keys the first is for what begins here, any for what peers begin */
  constructor(keys: readonly LinkKey[], environment: SealEnvironment, limits: SealLimits) {
    this.keys = keys;
    this.cookies = new Cookies(environment.fillRandom);
    this.environment = environment;
    this.limits = limits;
  }

  get key(): LinkKey {
    return this.keys[0] as LinkKey;
  }

  /** Sessions that wait for their first use. */
  get pending(): number {
    return this.waitingCount;
  }

  /** Whether so many wait that cookies are asked for. */
  get isLoaded(): boolean {
    return this.waitingCount >= this.limits.cookiesFrom;
  }

  /** Whether another session may wait for its first use. */
  admits(remote: IpAddress): boolean {
    return this.waitingCount < this.limits.pending && (this.waiting.get(String(remote)) ?? 0) < this.limits.pendingPerAddress;
  }

  /** So many more sessions with `remote`, 1 or -1, wait for their first use. */
  countPending(remote: IpAddress, change: number): void {
    if (change === 0) return;
    const name = String(remote);
    const count = (this.waiting.get(name) ?? 0) + change;
    if (count === 0) this.waiting.delete(name);
    else this.waiting.set(name, count);
    this.waitingCount += change;
  }

  /** Whose MAC is at the end of `message`; null: nobody's that we know. */
  authenticate(message: Uint8Array): LinkKey | null {
    for (const key of this.keys) if (isAuthentic(key, message)) return key;
    return null;
  }

  /** When an initiation is made, µs since 1970: later with each. */
  timestamp(): number {
    this.lastTimestamp = Math.max(this.lastTimestamp + 1, Math.floor(this.environment.wallClock()));
    return this.lastTimestamp;
  }

  random32(): number {
    const four = new Uint8Array(4);
    this.environment.fillRandom(four);
    return new DataView(four.buffer).getUint32(0);
  }

  /** Whether an initiation with this MAC was answered before. */
  wasAnswered(mac: Uint8Array): boolean {
    return this.answered.has(textOf(mac));
  }

  /** An initiation is answered; the oldest that were are forgotten. */
  remember(mac: Uint8Array): void {
    const { answered } = this;
    answered.add(textOf(mac));
    if (answered.size > this.limits.remembered) answered.delete(answered.values().next().value as string);
  }
}

/** Whether the MAC at the end of `message` is by `key`. */
export function isAuthentic(key: LinkKey, message: Uint8Array): boolean {
  const at = message.length - MAC_LENGTH;
  return timingSafeEqual(key.mac(message.subarray(0, at)), message.subarray(at));
}

function textOf(mac: Uint8Array): string {
  return Buffer.from(mac.buffer, mac.byteOffset, mac.length).toString("latin1");
}

export const PEER_LIMITS = {
  pending: 4096,
  pendingPerAddress: 1024,
  cookiesFrom: 256,
  pendingTimeout: 10_000,
  remembered: 4096,
  queue: 64,
  queueOctets: 4 * 1024 * 1024,
  queueTimeout: 900,
  retryAfter: 1000,
  sends: 3,
  silence: 5000,
  forgetAfter: 60_000,
} as const;
