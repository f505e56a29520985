import type { IpAddress } from "../../../wire/index.ts";
import { COOKIE, DATA, INITIATION, isPlain, MESSAGE, RESPONSE } from "./messages.ts";
import { SealedPeer } from "./peer.ts";
import type { Post } from "./peer.ts";
import type { Seal } from "./seal.ts";

/**
 * The peers of one UDP port of ours, by address and port: since the ports of UDP are those of TCP, each is one connection or subflow, and its keys are its own.
 * Knows no sockets.
 */
export class SealedPort {
  private readonly seals: Seal;
  private readonly post: Post;
  /** By port. */
  private readonly peers = new Map<number, SealedPeer[]>();
  /** The one last asked for. */
  private last: SealedPeer | null = null;

  constructor(seals: Seal, post: Post) {
    this.seals = seals;
    this.post = post;
  }

  /** The clock, ms. */
  get now(): number {
    return this.seals.environment.now();
  }

  /** Whom a datagram for this address and port is sealed for. */
  peer(remote: IpAddress, remotePort: number): SealedPeer {
    return this.find(remote, remotePort) ?? this.add(new SealedPeer(this.seals, this.post, remote, remotePort, this.now));
  }

  /** Sends the peer a datagram that holds nothing, or what begins a handshake. */
  keepAlive(remote: IpAddress, remotePort: number): void {
    const peer = this.peer(remote, remotePort);
    if (peer.prepare(false, this.now)) peer.sendEmpty(this.now);
  }

  /** Begins a handshake with the peer that nobody goes on with, from another port than this one: whether there is anybody is to be seen. */
  ask(remote: IpAddress, remotePort: number, post: Post): void {
    new SealedPeer(this.seals, post, remote, remotePort, this.now).prepare(false, this.now);
  }

  /**
   * What an error is about that quotes the beginning of a datagram for this address and port.
   * @returns the beginning of the segment that waits for the handshake which the datagram begins; nothing where it begins none that is under way
   */
  waiting(quote: Uint8Array, remote: IpAddress, remotePort: number): Uint8Array {
    return this.find(remote, remotePort)?.waiting(quote) ?? NOTHING;
  }

  /**
   * Opens the datagram in octets `from` to `end` of `bytes`, and writes what was sealed in it at `target`, which is not behind `from`.
   * @returns its octets; 0 for a datagram that was for us; -1 for one that was not, and is counted. Never throws
   */
  open(bytes: Uint8Array, from: number, end: number, remote: IpAddress, remotePort: number, target: number): number {
    const { counters } = this.seals;
    const length = end - from;
    const type = length > DATA.sealed && bytes[from + 1] === 0 && bytes[from + 2] === 0 && bytes[from + 3] === 0 ? bytes[from] : 0;
    if (type === MESSAGE.data) {
      const peer = this.find(remote, remotePort);
      if (peer !== null) return peer.open(bytes, from, end, target, this.now);
      counters.unknown++;
    } else if (type === MESSAGE.initiation && length === INITIATION.length) {
      return this.onInitiation(bytes.subarray(from, end), remote, remotePort) ? 0 : -1;
    } else if (type === MESSAGE.response && length === RESPONSE.length) {
      const peer = this.find(remote, remotePort);
      if (peer !== null) return peer.onResponse(bytes.subarray(from, end), this.now) ? 0 : -1;
      counters.unknown++;
    } else if (type === MESSAGE.cookie && length === COOKIE.length) {
      const peer = this.find(remote, remotePort);
      if (peer !== null) return peer.onCookie(bytes.subarray(from, end), this.now) ? 0 : -1;
      counters.unknown++;
    } else if (length > 0 && isPlain(bytes[from] as number)) {
      counters.plain++;
    } else {
      counters.forged++;
    }
    return -1;
  }

  /** One hash, and no state, for who has no key; no state either for what is not answered. */
  private onInitiation(message: Uint8Array, remote: IpAddress, remotePort: number): boolean {
    const { seals, now } = this;
    const key = seals.authenticate(message.subarray(0, INITIATION.mac2));
    if (key === null) {
      seals.counters.foreign++;
      return false;
    }
    const known = this.find(remote, remotePort);
    if (seals.isLoaded && known?.isEstablished !== true && !seals.cookies.accepts(message, remote, remotePort, now)) {
      seals.counters.challenged++;
      this.post(seals.cookies.reply(message, key, remote, remotePort, now), remote, remotePort);
      return true;
    }
    const peer = known ?? new SealedPeer(seals, this.post, remote, remotePort, now);
    if (!peer.onInitiation(message, key, now)) return false;
    if (known === null) this.add(peer);
    return true;
  }

  /** Drops old keys, and peers of which nothing is left. */
  sweep(): void {
    const { now } = this;
    for (const [port, peers] of this.peers) {
      const rest = peers.filter((peer) => !peer.sweep(now));
      if (rest.length === 0) this.peers.delete(port);
      else if (rest.length < peers.length) this.peers.set(port, rest);
    }
    this.last = null;
  }

  /** Forgets everything. */
  close(): void {
    for (const peers of this.peers.values()) for (const peer of peers) peer.close();
    this.peers.clear();
    this.last = null;
  }

  private find(remote: IpAddress, remotePort: number): SealedPeer | null {
    const { last } = this;
    if (last !== null && last.remotePort === remotePort && last.remote.equals(remote)) return last;
    const peers = this.peers.get(remotePort);
    if (peers === undefined) return null;
    for (const peer of peers) if (peer.remote.equals(remote)) return (this.last = peer);
    return null;
  }

  private add(peer: SealedPeer): SealedPeer {
    const peers = this.peers.get(peer.remotePort);
    if (peers === undefined) this.peers.set(peer.remotePort, [peer]);
    else peers.push(peer);
    return peer;
  }
}

const NOTHING = new Uint8Array(0);
