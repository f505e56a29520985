import { AeadKey, TAG_LENGTH } from "./aead.ts";
import { DATA, MESSAGE, SEALED_OVERHEAD } from "./messages.ts";
import type { SessionKeys } from "./noise.ts";
import { ReplayWindow } from "./replay-window.ts";

/** How long, and how often, the keys of a session are used. */
export interface SessionLimits {
  /** Milliseconds after which the end that began a session begins another (WireGuard §6.1: 120 s). */
  readonly rekeyAfter: number;
  /** The same for the other end, where the first does not. */
  readonly rekeyAfterAsResponder: number;
  /** Milliseconds after which nothing is sealed or opened any more (WireGuard §6.1: 180 s). */
  readonly rejectAfter: number;
  /** Datagrams after which the sender begins another session. */
  readonly rekeyAfterDatagrams: number;
  /**
   * Datagrams after which nothing is sealed or opened any more. RFC 9001 §6.6: 2^23 for AES-GCM, where packets may be as long as ours. Below 2^32, up to which
   * the counter is read.
   */
  readonly rejectAfterDatagrams: number;
}

export const SESSION_LIMITS: SessionLimits = {
  rekeyAfter: 120_000,
  rekeyAfterAsResponder: 150_000,
  rejectAfter: 180_000,
  rekeyAfterDatagrams: 2 ** 22,
  rejectAfterDatagrams: 2 ** 23,
};

/** What a session that was agreed on begins with. */
export interface SessionStart {
  readonly keys: SessionKeys;
  readonly isInitiator: boolean;
  /** The index by which the peer names this session to us, and we to it. */
  readonly localIndex: number;
  readonly remoteIndex: number;
  /** When the initiation was made, by the clock of who made it, µs. */
  readonly timestamp: number;
  /** ms. */
  readonly now: number;
}

/** What became of a datagram that was to be opened: octets of what was in it, or why there are none. */
export const OPENED = { forged: -1, replayed: -2, expired: -3 } as const;

/** The keys of one handshake: a counter for what is sent, a window for what arrives. */
export class Session {
  readonly localIndex: number;
  readonly timestamp: number;
  readonly createdAt: number;
  private readonly isInitiator: boolean;
  private readonly remoteIndex: number;
  private readonly limits: SessionLimits;
  private readonly sendKey: AeadKey;
  private readonly receiveKey: AeadKey;
  private readonly window = new ReplayWindow();
  /** The number of the next datagram; no number is used twice. */
  private counter = 0;

  constructor(start: SessionStart, limits: SessionLimits) {
    this.localIndex = start.localIndex;
    this.remoteIndex = start.remoteIndex;
    this.timestamp = start.timestamp;
    this.createdAt = start.now;
    this.isInitiator = start.isInitiator;
    this.limits = limits;
    this.sendKey = new AeadKey(start.keys.send);
    this.receiveKey = new AeadKey(start.keys.receive);
  }

  isExpired(now: number): boolean {
    return now - this.createdAt >= this.limits.rejectAfter;
  }

  /** Whether another datagram may be sealed. */
  canSeal(now: number): boolean {
    return this.counter < this.limits.rejectAfterDatagrams && !this.isExpired(now);
  }

  /** It is over: its keys are overwritten. */
  forget(): void {
    this.sendKey.forget();
    this.receiveKey.forget();
  }

  /** Whether it is time for another session. */
  isDue(now: number): boolean {
    const { limits } = this;
    const age = now - this.createdAt;
    return age >= (this.isInitiator ? limits.rekeyAfter : limits.rekeyAfterAsResponder) || this.counter >= limits.rekeyAfterDatagrams;
  }

  /**
   * Makes a datagram of the `length` octets at `at` + SEALED_HEADER of `bytes`, from `at` on. Not called unless {@link Session.canSeal}.
   * @returns octets of the datagram
   */
  seal(bytes: Uint8Array, at: number, length: number): number {
    const counter = this.counter++;
    write32(bytes, at, MESSAGE.data << 24);
    write32(bytes, at + DATA.receiver, this.remoteIndex);
    write32(bytes, at + DATA.counter, Math.floor(counter / 0x1_0000_0000));
    write32(bytes, at + DATA.counter + 4, counter);
    const from = at + DATA.sealed;
    this.sendKey.seal(counter, bytes, from, from + length);
    return length + SEALED_OVERHEAD;
  }

  /** Opens the data message in octets `from` to `end`, and writes what it holds at `target`. @returns octets, or one of {@link OPENED} */
  open(bytes: Uint8Array, from: number, end: number, target: number, now: number): number {
    if (this.isExpired(now)) return OPENED.expired;
    if (end - from < DATA.sealed + TAG_LENGTH) return OPENED.forged;
    const counter = read32(bytes, from + DATA.counter + 4);
    if (read32(bytes, from + DATA.counter) !== 0 || counter >= this.limits.rejectAfterDatagrams) return OPENED.forged;
    // Before the cipher, since it costs less; the window moves for what was authenticated alone.
    if (!this.window.allows(counter)) return OPENED.replayed;
    const length = this.receiveKey.open(counter, bytes, from + DATA.sealed, end, target);
    if (length < 0) return OPENED.forged;
    this.window.accept(counter);
    return length;
  }
}

export function read32(bytes: Uint8Array, at: number): number {
  return (((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)) >>> 0;
}

export function write32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
