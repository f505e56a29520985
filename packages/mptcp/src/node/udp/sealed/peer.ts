import type { IpAddress } from "../../../wire/index.ts";
import type { LinkKey } from "./key.ts";

import { COOKIE_LIFE, cookieMac, openCookie } from "./cookies.ts";
import { COOKIE, DATA, INITIATION, MESSAGE, RESPONSE, SEALED_HEADER, SEALED_OVERHEAD } from "./messages.ts";
import { Initiator, Responder } from "./noise.ts";
import { isAuthentic } from "./seal.ts";
import type { Seal } from "./seal.ts";
import { OPENED, read32, Session, write32 } from "./session.ts";

/** Sends a datagram to a peer as it is. */
export type Post = (datagram: Uint8Array, remote: IpAddress, remotePort: number) => void;

/** A handshake that begins here. */
interface Initiation {
  readonly handshake: Initiator;
  readonly key: LinkKey;
  readonly message: Uint8Array;
  readonly localIndex: number;
  readonly timestamp: number;
  sentAt: number;
  sends: number;
  /** A cookie was asked for once. */
  isChallenged: boolean;
}

/** What waits for a handshake. */
interface Waiting {
  readonly bytes: Uint8Array;
  readonly since: number;
}

/**
 * One address and port that datagrams are exchanged with by one of our ports: its sessions, as WireGuard has them (§6.3). The current one seals. The previous one
 * still opens what comes late. The next one is a peer's that it has not used yet: only its first datagram shows that the peer has the keys, and not
 * merely an initiation of somebody's.
 *
 * It has no timers: what is due is looked at when something is to be sent, and TCP sends again.
 */
export class SealedPeer {
  readonly remote: IpAddress;
  readonly remotePort: number;
  private readonly seals: Seal;
  private readonly post: Post;
  /** By which we know our own initiations when somebody sends them back. */
  private readonly id = new Uint8Array(ID_LENGTH);
  private current: Session | null = null;
  private previous: Session | null = null;
  private next: Session | null = null;
  /** How {@link SealedPeer.next} was asked for and answered. */
  private answer: { readonly mac: Uint8Array; readonly response: Uint8Array } | null = null;
  private initiation: Initiation | null = null;
  /** What the peer gave us to show that we are here, and when; null: it did not ask. */
  private cookie: { readonly octets: Uint8Array; readonly since: number } | null = null;
  private queue: Waiting[] = [];
  /** Since when data that asks for an answer has had none, ms; -1: it has. */
  private unansweredSince = -1;
  /** When it was last used from here, ms. */
  private usedAt: number;
  /** Of the latest session that the peer began and used. */
  private lastTimestamp = 0;

  constructor(seals: Seal, post: Post, remote: IpAddress, remotePort: number, now: number) {
    this.seals = seals;
    this.post = post;
    this.remote = remote;
    this.remotePort = remotePort;
    this.usedAt = now;
    seals.environment.fillRandom(this.id);
  }

  // ---- out

  /**
   * Begins a handshake where one is due: called before a datagram is put together, since it may send.
   * @param asks whether the datagram asks for an answer
   * @returns whether datagrams can be sealed now, and need not wait
   */
  prepare(asks: boolean, now: number): boolean {
    this.usedAt = now;
    const { current } = this;
    const isUsable = current !== null && current.canSeal(now);
    if (!isUsable || current.isDue(now) || this.isSilent(now)) this.initiate(isUsable, now);
    if (asks && this.unansweredSince < 0) this.unansweredSince = now;
    return isUsable;
  }

  /**
   * Seals the `length` octets at `at` + SEALED_HEADER of `bytes` into a datagram that begins at `at`, and needs SEALED_OVERHEAD octets more. Sends nothing.
   * @returns octets of the datagram; 0 when there is no session yet, and what was to be sealed waits for one
   */
  seal(bytes: Uint8Array, at: number, length: number, now: number): number {
    const { current } = this;
    if (current !== null && current.canSeal(now)) return current.seal(bytes, at, length);
    this.wait(new Uint8Array(bytes.subarray(at + SEALED_HEADER, at + SEALED_HEADER + length)), now);
    return 0;
  }

  /** Sends a datagram that holds nothing. */
  sendEmpty(now: number): void {
    if (this.current === null || !this.current.canSeal(now)) return;
    const datagram = new Uint8Array(SEALED_OVERHEAD);
    this.post(datagram.subarray(0, this.current.seal(datagram, 0, 0)), this.remote, this.remotePort);
  }

  /** What waits for the handshake that a datagram begins of which `quote` is the beginning; null where it does not begin the one that is under way. */
  waiting(quote: Uint8Array): Uint8Array | null {
    const { initiation, queue } = this;
    // The index of the session is as long as a sequence number is.
    if (initiation === null || quote.length < INITIATION.noise) return null;
    const begun = initiation.message.subarray(0, Math.min(quote.length, INITIATION.mac2));
    return isSame(begun, quote) ? (queue[0]?.bytes ?? null) : null;
  }

  private isSilent(now: number): boolean {
    return this.unansweredSince >= 0 && now - this.unansweredSince >= this.seals.limits.silence;
  }

  private wait(bytes: Uint8Array, now: number): void {
    const { limits, counters } = this.seals;
    this.dropStale(now);
    if (this.queue.length >= limits.queue || this.seals.queued + bytes.length > limits.queueOctets) {
      counters.overflowed++;
      return;
    }
    this.queue.push({ bytes, since: now });
    this.seals.queued += bytes.length;
  }

  /** What waited so long has been sent again, or soon is. */
  private dropStale(now: number): void {
    const { seals, queue } = this;
    let stale = 0;
    while (stale < queue.length && now - (queue[stale] as Waiting).since >= seals.limits.queueTimeout) seals.queued -= (queue[stale++] as Waiting).bytes.length;
    if (stale > 0) queue.splice(0, stale);
  }

  /** There is a session: what waited leaves. @returns whether anything did */
  private flush(now: number): boolean {
    const { queue, seals } = this;
    const { current } = this;
    if (queue.length === 0 || current === null) return false;
    this.queue = [];
    for (const { bytes } of queue) {
      seals.queued -= bytes.length;
      if (!current.canSeal(now)) continue;
      const datagram = new Uint8Array(bytes.length + SEALED_OVERHEAD);
      datagram.set(bytes, SEALED_HEADER);
      current.seal(datagram, 0, bytes.length);
      this.post(datagram, this.remote, this.remotePort);
    }
    return true;
  }

  // ---- the handshakes that begin here

  private initiate(isUsable: boolean, now: number): void {
    const { limits } = this.seals;
    const { initiation, next } = this;
    // The peer has just begun one: its first datagram will be here soon. What may be a recording of somebody's stops none that is under way.
    if (!isUsable && initiation === null && next !== null && now - next.createdAt < limits.retryAfter) return;
    if (initiation !== null && now - initiation.sentAt < limits.retryAfter * 2 ** (initiation.sends - 1)) return;
    if (initiation !== null && initiation.sends < limits.sends) this.sendInitiation(initiation, now);
    else this.sendInitiation((this.initiation = this.begin(now)), now);
  }

  private sendInitiation(initiation: Initiation, now: number): void {
    initiation.sends++;
    initiation.sentAt = now;
    this.post(initiation.message, this.remote, this.remotePort);
  }

  private begin(now: number): Initiation {
    const { seals } = this;
    const { key } = seals;
    const handshake = new Initiator(key.psk, seals.environment.keyPair(), PROLOGUE);
    const localIndex = this.newIndex();
    const timestamp = seals.timestamp();
    const message = new Uint8Array(INITIATION.length);
    message[0] = MESSAGE.initiation;
    write32(message, INITIATION.sender, localIndex);
    message.set(handshake.write(payloadOf(timestamp, this.id)), INITIATION.noise);
    message.set(key.mac(message.subarray(0, INITIATION.mac)), INITIATION.mac);
    const { cookie } = this;
    if (cookie !== null && now - cookie.since < COOKIE_LIFE) message.set(cookieMac(cookie.octets, message), INITIATION.mac2);
    return { handshake, key, message, localIndex, timestamp, sentAt: now, sends: 0, isChallenged: false };
  }

  /** The peer asks whether we are where we say we are: the same initiation leaves again, with the cookie. @returns whether it was asked for */
  onCookie(reply: Uint8Array, now: number): boolean {
    const { initiation, seals } = this;
    if (initiation === null || initiation.isChallenged || read32(reply, COOKIE.receiver) !== initiation.localIndex) {
      seals.counters.unknown++;
      return false;
    }
    const octets = openCookie(reply, initiation.message, initiation.key);
    if (octets === null) {
      seals.counters.foreign++;
      return false;
    }
    this.cookie = { octets, since: now };
    // Once: otherwise the peer could have us send without end.
    initiation.isChallenged = true;
    initiation.message.set(cookieMac(octets, initiation.message), INITIATION.mac2);
    this.post(initiation.message, this.remote, this.remotePort);
    return true;
  }

  /** The peer's answer. @returns whether it was one */
  onResponse(message: Uint8Array, now: number): boolean {
    const { initiation, seals } = this;
    if (initiation === null || read32(message, RESPONSE.receiver) !== initiation.localIndex) {
      seals.counters.unknown++;
      return false;
    }
    if (!isAuthentic(initiation.key, message)) {
      seals.counters.foreign++;
      return false;
    }
    this.initiation = null;
    if (initiation.handshake.read(message.subarray(RESPONSE.noise, RESPONSE.mac)) === null) {
      seals.counters.forged++;
      return false;
    }
    const { localIndex, timestamp } = initiation;
    this.use(new Session({ keys: initiation.handshake.keys(), isInitiator: true, localIndex, remoteIndex: read32(message, RESPONSE.sender), timestamp, now }, seals.limits));
    this.unansweredSince = -1;
    // The peer may not use the keys before it has heard of them.
    if (!this.flush(now)) this.sendEmpty(now);
    return true;
  }

  /** From now on `session` seals. */
  private use(session: Session): void {
    this.setPrevious(this.current);
    this.current = session;
    this.seals.counters.sessions++;
  }

  private setPrevious(session: Session | null): void {
    this.previous?.forget();
    this.previous = session;
  }

  // ---- those that the peer begins

  /**
   * An initiation whose MAC is by `key` came from the peer.
   * @returns whether it is, or was, answered; it may be somebody else's all the same, until its keys are used
   */
  onInitiation(message: Uint8Array, key: LinkKey, now: number): boolean {
    const { seals } = this;
    const mac = new Uint8Array(message.subarray(INITIATION.mac, INITIATION.mac2));
    if (this.answer !== null && this.next !== null && this.answer.mac.every((octet, i) => octet === mac[i])) {
      // The answer was lost, or the initiation came twice.
      this.post(this.answer.response, this.remote, this.remotePort);
      return true;
    }
    const handshake = new Responder(key.psk, PROLOGUE);
    const payload = handshake.read(message.subarray(INITIATION.noise, INITIATION.mac));
    if (payload === null) {
      seals.counters.forged++;
      return false;
    }
    const timestamp = timestampOf(payload);
    const floor = this.next === null ? this.lastTimestamp : Math.max(this.lastTimestamp, this.next.timestamp);
    if (timestamp <= floor || seals.wasAnswered(mac) || isSame(payload.subarray(TIMESTAMP_LENGTH), this.id)) {
      seals.counters.replayed++;
      return false;
    }
    if (this.next === null && !seals.admits(this.remote)) {
      seals.counters.refused++;
      return false;
    }
    return this.respond(handshake, key, message, mac, timestamp, now);
  }

  private respond(handshake: Responder, key: LinkKey, message: Uint8Array, mac: Uint8Array, timestamp: number, now: number): boolean {
    const { seals } = this;
    const noise = handshake.write(seals.environment.keyPair(), EMPTY);
    if (noise === null) {
      seals.counters.forged++;
      return false;
    }
    const localIndex = this.newIndex();
    const remoteIndex = read32(message, INITIATION.sender);
    const response = new Uint8Array(RESPONSE.length);
    response[0] = MESSAGE.response;
    write32(response, RESPONSE.sender, localIndex);
    write32(response, RESPONSE.receiver, remoteIndex);
    response.set(noise, RESPONSE.noise);
    response.set(key.mac(response.subarray(0, RESPONSE.mac)), RESPONSE.mac);
    this.setNext(new Session({ keys: handshake.keys(), isInitiator: false, localIndex, remoteIndex, timestamp, now }, seals.limits));
    this.answer = { mac, response };
    seals.remember(mac);
    this.post(response, this.remote, this.remotePort);
    return true;
  }

  private setNext(session: Session | null): void {
    this.seals.countPending(this.remote, Number(session !== null) - Number(this.next !== null));
    if (this.next !== this.current) this.next?.forget();
    this.next = session;
    this.answer = null;
  }

  /** Whether there is a session that both ends have used. */
  get isEstablished(): boolean {
    return this.current !== null;
  }

  // ---- in

  /** Opens the data message in octets `from` to `end` of `bytes`. @returns octets that were written at `target`, 0 for nothing to deliver, -1 when it does not open */
  open(bytes: Uint8Array, from: number, end: number, target: number, now: number): number {
    const { counters } = this.seals;
    const session = this.sessionOf(read32(bytes, from + DATA.receiver));
    if (session === null) {
      counters.unknown++;
      return -1;
    }
    const length = session.open(bytes, from, end, target, now);
    if (length < 0) {
      if (length === OPENED.replayed) counters.replayed++;
      else if (length === OPENED.expired) counters.unknown++;
      else counters.forged++;
      return -1;
    }
    this.unansweredSince = -1;
    if (session === this.next) this.confirm(session, now);
    return length;
  }

  /** The peer has used the session that it began. */
  private confirm(session: Session, now: number): void {
    this.use(session);
    this.setNext(null);
    this.lastTimestamp = session.timestamp;
    this.flush(now);
  }

  private sessionOf(index: number): Session | null {
    const { current, previous, next } = this;
    if (current !== null && current.localIndex === index) return current;
    if (next !== null && next.localIndex === index) return next;
    return previous !== null && previous.localIndex === index ? previous : null;
  }

  // ---- the end

  /** Drops keys that are too old, those of a handshake that nobody has answered too. @returns whether nothing is left */
  sweep(now: number): boolean {
    const { limits } = this.seals;
    if (this.previous?.isExpired(now) === true) this.setPrevious(null);
    if (this.current?.isExpired(now) === true) {
      this.current.forget();
      this.current = null;
    }
    if (this.next !== null && now - this.next.createdAt >= limits.pendingTimeout) this.setNext(null);
    if (this.initiation !== null && now - this.initiation.sentAt >= limits.forgetAfter) this.initiation = null;
    this.dropStale(now);
    if (this.current !== null || this.previous !== null || this.next !== null) return false;
    return this.queue.length === 0 && now - this.usedAt >= limits.forgetAfter;
  }

  close(): void {
    this.setNext(null);
    for (const { bytes } of this.queue) this.seals.queued -= bytes.length;
    this.queue = [];
    this.setPrevious(null);
    this.current?.forget();
    this.current = null;
    this.initiation = null;
  }

  /** A number that none of our sessions has. */
  private newIndex(): number {
    let index = this.seals.random32();
    while (this.sessionOf(index) !== null || this.initiation?.localIndex === index) index = this.seals.random32();
    return index;
  }
}

function payloadOf(timestamp: number, id: Uint8Array): Uint8Array {
  const payload = new Uint8Array(TIMESTAMP_LENGTH + ID_LENGTH);
  write32(payload, 0, Math.floor(timestamp / 0x1_0000_0000));
  write32(payload, 4, timestamp);
  payload.set(id, TIMESTAMP_LENGTH);
  return payload;
}

function timestampOf(payload: Uint8Array): number {
  return read32(payload, 0) * 0x1_0000_0000 + read32(payload, 4);
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.every((octet, i) => octet === b[i]);
}

const PROLOGUE = new TextEncoder().encode("mptcp TCP in UDP sealed v1");
const EMPTY = new Uint8Array(0);
const TIMESTAMP_LENGTH = 8;
const ID_LENGTH = 8;
