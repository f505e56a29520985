import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import type { RandomSource } from "../core/index.ts";
import { MILLISECOND, SECOND } from "../core/index.ts";
import type { Version } from "../mptcp/index.ts";
import type { SentSynAck, TcpConfig } from "../tcp/index.ts";
import { acceptsAccurate, announcedMss, asksForAccurate, reflectedFlags, trafficClassOf, windowScaleFor } from "../tcp/index.ts";
import { ACE, aceOf, ipHeaderLength, Packet, sequenceAdd, sequenceLess, TCP_FLAG, tcpHeaderLength, TcpSegment } from "../wire/index.ts";
import type { HostNumbers } from "./initial-numbers.ts";
import { putAddress, putWord } from "./tuple-hash.ts";

/** When a host answers SYNs without remembering them: when a listener has no room for more (as Linux), for all, or not at all. */
export type SynCookieMode = "auto" | "always" | "never";

/** What a listener offers in a SYN+ACK. */
export interface SynCookieOffer {
  readonly config: TcpConfig;
  /** Flags of the MP_CAPABLE, without those that the peer brings in; -1: plain TCP. */
  readonly capableFlags: number;
  readonly version: Version;
  /** Whether that is not the highest that the listener speaks. */
  readonly isEarlier: boolean;
  /** The peer sent the C flag: no joins to its first address (RFC 8684 §3.1). */
  readonly peerDeniesJoin: boolean;
  /** Whether the connection that a key makes could be told from others by its token. */
  readonly isFree: (key: Uint8Array) => boolean;
}

/** What an ACK with a valid cookie says. */
export interface CookieHandshake {
  /** Tells this handshake from all others for as long as its cookie is good. */
  readonly id: number;
  /** The SYN, as far as it is remembered. */
  readonly syn: Packet;
  readonly sent: SentSynAck;
  /** Our key, when the SYN+ACK carried one; null for plain TCP. */
  readonly key: Uint8Array | null;
  /** Whether the SYN+ACK was of another version than the highest that the listener speaks. */
  readonly isEarlier: boolean;
  readonly peerDeniesJoin: boolean;
}

/**
 * SYN cookies (RFC 4987 §3.6): everything that a listener has to know of a SYN goes out with the SYN+ACK and comes back with the ACK, so that
 * SYNs from made-up addresses cost no memory.
 *
 * - The initial sequence number has 24 bits of MACs over the four-tuple, the peer's number and the time, and 8 bits for MSS and time. The peer's number
 *   is left out of 8 of them: they tell a later segment, whose first one was lost, from one that has nothing to do with a cookie.
 * - The low bits of our timestamp hold window scale and SACK; a peer without timestamps does without these, as with Linux.
 * - Whether accurate ECN is spoken the flags of the ACK say (RFC 9768 §5.1); a SYN that asks for that of RFC 3168 is answered without.
 * - Our MP_CAPABLE key comes out of the same MAC; the third ACK echoes both keys, so that a listener needs no state (RFC 8684 §3.1).
 *
 * A cookie is good for 30 to 60 s.
 */
export class SynCookies {
  private readonly secret = new Uint8Array(32);
  private readonly message = new Uint8Array(48);

  private readonly numbers: Pick<HostNumbers, "offsetBetween">;

  constructor(random: RandomSource, numbers: Pick<HostNumbers, "offsetBetween">) {
    random.fill(this.secret);
    this.numbers = numbers;
  }

  /** The SYN+ACK that answers `packet`. */
  answer(packet: Packet, syn: TcpSegment, offer: SynCookieOffer, now: number): Packet {
    const { config } = offer;
    const slot = Math.floor(now / SLOT);
    const mss = mssIndex(syn.maximumSegmentSize);
    let bits = ((slot & 7) << 5) | (mss << 2) | stateOf(offer);
    const mark = this.mark(packet, syn, slot);
    let digest = this.digest(packet, syn, syn.sequence, slot, bits);
    if ((bits & STATE) !== STATE_OF.plain && !offer.isFree(keyOf(digest))) {
      // H3: as no other key can be drawn, the connection does without Multipath TCP.
      bits &= ~STATE;
      digest = this.digest(packet, syn, syn.sequence, slot, bits);
    }
    const segment = new TcpSegment();
    segment.sourcePort = syn.destinationPort;
    segment.destinationPort = syn.sourcePort;
    segment.flags = TCP_FLAG.SYN | TCP_FLAG.ACK;
    if (acceptsAccurate(config) && asksForAccurate(syn)) segment.flags |= reflectedFlags(packet.trafficClass & 3);
    segment.sequence = ((bits << 24) | (mark << 16) | macOf(digest)) >>> 0;
    segment.acknowledgment = sequenceAdd(syn.sequence, 1);
    const buffer = config.receiveBuffer;
    segment.window = Math.min(65535, buffer.autoTune ? Math.min(buffer.initial, buffer.max) : buffer.initial);
    segment.maximumSegmentSize = announcedMss(config, packet.source.family === 4 ? 20 : 40);
    if (config.timestamps && syn.hasTimestamps) {
      segment.hasTimestamps = true;
      segment.timestampEcho = syn.timestampValue;
      segment.sackPermitted = config.sack && syn.sackPermitted;
      const scaled = config.windowScaling && syn.windowScale >= 0;
      if (scaled) segment.windowScale = windowScaleFor(config);
      segment.timestampValue = stamped(clockOf(this.numbers.offsetBetween(packet.destination, packet.source), now), (scaled ? Math.min(syn.windowScale, 14) : NO_SCALE) | (segment.sackPermitted ? SACK : 0));
    }
    if ((bits & STATE) !== STATE_OF.plain) {
      segment.mptcp = [offer.version.capableSynAck(offer.capableFlags, keyOf(digest))];
    }
    const answer = new Packet(packet.destination, packet.source);
    answer.hopLimit = config.hopLimit;
    answer.trafficClass = trafficClassOf(config);
    answer.tcp = segment;
    answer.length = ipHeaderLength(answer) + tcpHeaderLength(segment);
    return answer;
  }

  /**
   * Whether `packet`, an ACK for which there is no connection, carries a cookie of ours: null when it does not, or no more. `later`: it seems to
   * acknowledge one, and is not the first segment behind the SYN, which alone brings everything back.
   */
  check(packet: Packet, ack: TcpSegment, now: number): CookieHandshake | "later" | null {
    const cookie = sequenceAdd(ack.acknowledgment, -1);
    const initial = sequenceAdd(ack.sequence, -1);
    const bits = cookie >>> 24;
    const current = Math.floor(now / SLOT);
    const age = (current - (bits >>> 5)) & 7;
    if (age > 1 || age > current) return null;
    if (this.mark(packet, ack, current - age) !== ((cookie >>> 16) & 0xff)) return null;
    const digest = this.digest(packet, ack, initial, current - age, bits);
    if (macOf(digest) !== (cookie & 0xffff)) return "later";
    const syn = new TcpSegment();
    syn.sourcePort = ack.sourcePort;
    syn.destinationPort = ack.destinationPort;
    // RFC 9768 §5.1: who speaks accurate ECN says 2 or more.
    syn.flags = TCP_FLAG.SYN | (aceOf(ack) >= 2 ? ACE : 0);
    syn.sequence = initial;
    syn.window = ack.window;
    syn.maximumSegmentSize = SEGMENT_SIZES[(bits >>> 2) & 7] as number;
    if (ack.hasTimestamps) {
      syn.hasTimestamps = true;
      syn.timestampValue = ack.timestampValue;
      const scale = ack.timestampEcho & 15;
      if (scale !== NO_SCALE) syn.windowScale = scale;
      syn.sackPermitted = (ack.timestampEcho & SACK) !== 0;
    }
    const whole = new Packet(packet.source, packet.destination);
    whole.tcp = syn;
    whole.length = ipHeaderLength(whole) + tcpHeaderLength(syn);
    return {
      id: idOf(digest),
      syn: whole,
      sent: { initialSequence: cookie, timestampOffset: this.numbers.offsetBetween(packet.destination, packet.source) },
      key: (bits & STATE) === STATE_OF.plain ? null : keyOf(digest),
      isEarlier: (bits & STATE) === STATE_OF.earlier,
      peerDeniesJoin: (bits & STATE) === STATE_OF.denying,
    };
  }

  /** Eight bits that all segments of a peer's connection acknowledge, as long as we have sent nothing but a cookie. */
  private mark(packet: Packet, segment: TcpSegment, slot: number): number {
    return this.digest(packet, segment, 0, slot, MARK)[0] as number;
  }

  /** The MAC of one handshake, 32 octets; what it is used for are different parts of it. */
  private digest(packet: Packet, segment: TcpSegment, initial: number, slot: number, bits: number): Uint8Array {
    const { message } = this;
    putAddress(message, 0, packet.source);
    putAddress(message, 16, packet.destination);
    putWord(message, 32, (segment.sourcePort << 16) | segment.destinationPort);
    putWord(message, 36, initial);
    putWord(message, 40, slot);
    putWord(message, 44, bits | (packet.source.family << 8));
    return hmac(sha256, this.secret, message);
  }
}

function macOf(digest: Uint8Array): number {
  return ((digest[0] as number) << 8) | (digest[1] as number);
}

function idOf(digest: Uint8Array): number {
  let id = 0;
  for (let i = 16; i < 22; i++) id = id * 256 + (digest[i] as number);
  return id;
}

function keyOf(digest: Uint8Array): Uint8Array {
  return digest.slice(8, 16);
}

/** What our timestamp would be now (RFC 7323 §5.4). */
function clockOf(offset: number, now: number): number {
  return (offset + Math.floor(now / MILLISECOND)) >>> 0;
}

/** The latest timestamp, not after `clock`, with `low` in its six low bits. */
function stamped(clock: number, low: number): number {
  const value = ((clock & ~63) | low) >>> 0;
  return sequenceLess(clock, value) ? sequenceAdd(value, -64) : value;
}

/** The largest of the sizes that is not above what the peer announced. */
function mssIndex(size: number): number {
  let index = 0;
  while (index + 1 < SEGMENT_SIZES.length && (SEGMENT_SIZES[index + 1] as number) <= size) index++;
  return index;
}

function stateOf({ capableFlags, isEarlier, peerDeniesJoin }: SynCookieOffer): number {
  if (capableFlags < 0) return STATE_OF.plain;
  if (isEarlier) return STATE_OF.earlier;
  return peerDeniesJoin ? STATE_OF.denying : STATE_OF.capable;
}

/**
 * The cookie's first octet: three bits of time, three of MSS, and two of these: plain TCP; Multipath TCP in the listener's highest version, where the peer may have denied joins;
 * or in an earlier version.
 */
const STATE = 3;
const STATE_OF = { plain: 0, capable: 1, earlier: 2, denying: 3 } as const;
const SLOT = 30 * SECOND;
/** In place of the first octet, where the MAC is that of the mark: no cookie has as much. */
const MARK = 0x10000;
/** Common ones: without an option, over IPv6, tunnels, PPPoE, Ethernet, IPv6 over Ethernet, jumbo frames. */
const SEGMENT_SIZES = [536, 1220, 1300, 1380, 1428, 1440, 1460, 8940] as const;
/** In the low bits of a timestamp: window scale, and SACK. */
const NO_SCALE = 15;
const SACK = 16;
