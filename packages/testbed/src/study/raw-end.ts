import { Packet, packetLength, Payload, sequenceAdd, sequenceDifference, TCP_FLAG, TcpSegment } from "mptcp/wire";
import type { IpAddress, MptcpOption, RawTcpOption } from "mptcp/wire";
import { NEVER } from "mptcp";
import { contentOctets, contentOf, sightOf } from "./sight.ts";
import type { Content, Sight } from "./sight.ts";

/** Options of a segment of the probe. */
export interface OptionForm {
  readonly timestamps?: readonly [value: number, echo: number];
  readonly mptcp?: readonly MptcpOption[];
  readonly others?: readonly RawTcpOption[];
}

/** A segment that an end is to send. */
export interface Form extends OptionForm {
  /** An ACK unless given. */
  readonly flags?: number;
  /** Place of the first octet in the stream of the end; unless given, behind what it has sent. */
  readonly at?: number;
  /** What is acknowledged, as a place in the peer's stream; unless given, what has arrived without a hole. */
  readonly acknowledge?: number;
  readonly content?: Content;
  /** Octets of payload. */
  readonly length?: number;
  readonly window?: number;
  readonly maximumSegmentSize?: number;
  readonly windowScale?: number;
  readonly sackPermitted?: boolean;
  readonly trafficClass?: number;
  readonly hopLimit?: number;
}

/** What a script waits for: that something is so, or that a time is over. */
export interface Wait {
  readonly until: () => boolean;
  /** ns */
  readonly for: number;
}

/** What one end of a connection of the probe does. It is gone on with when what it waits for is there. */
export type Script = (end: RawEnd) => Generator<Wait, void, void>;

/** Settings of a {@link RawEnd}. */
export interface RawEndOptions {
  /** Number of the connection, by which its payloads differ from those of others. */
  readonly connection: number;
  readonly local: IpAddress;
  readonly localPort: number;
  /** Initial sequence number. */
  readonly initial: number;
  /** For how long an answer is waited for, ns: more than the path needs both ways. */
  readonly wait: number;
}

/**
 * One end of a connection that is no TCP: it sends what its script says, segment by segment, and takes note of every segment that comes. Sans-IO: packets come by {@link RawEnd.receive} and
 * go by {@link RawEnd.pollTransmit}; {@link RawEnd.handleTimeout} is due at {@link RawEnd.deadline}.
 */
export class RawEnd {
  readonly sent: Sight[] = [];
  readonly seen: Sight[] = [];
  /** ns */
  readonly wait: number;
  /** Initial sequence number of the peer, as it arrived; -1: none did. */
  peerInitial = -1;
  /** How much of the peer's stream has arrived without a hole, and up to where the end's own stream was acknowledged: places. */
  received = 0;
  acknowledged = 0;
  /** Whether a RST arrived. */
  isReset = false;
  /** Whether the script is over. */
  isDone = false;
  deadline = NEVER;
  /** Where the peer is; null as long as nobody knows. */
  peer: { readonly address: IpAddress; readonly port: number } | null = null;
  private readonly options: RawEndOptions;
  private readonly out: Packet[] = [];
  private readonly ahead: [from: number, to: number][] = [];
  private run: Generator<Wait, void, void> | null = null;
  private waiting: Wait | null = null;
  private next = 0;
  private now = 0;

  constructor(options: RawEndOptions) {
    this.options = options;
    this.wait = options.wait;
  }

  start(script: Script, now: number): void {
    this.now = now;
    this.run = script(this);
    this.advance();
  }

  /** A packet of the connection, with a segment. */
  receive(packet: Packet, now: number): void {
    this.now = now;
    const segment = packet.tcp as TcpSegment;
    if ((segment.flags & TCP_FLAG.SYN) !== 0 && this.peerInitial < 0) this.peerInitial = segment.sequence;
    const at = this.placeOf(segment);
    const content = contentOf(segment.payload.toUint8Array(), this.options.connection, at);
    this.seen.push(sightOf(packet, content, now, false));
    this.peer ??= { address: packet.source, port: segment.sourcePort };
    if ((segment.flags & TCP_FLAG.RST) !== 0) this.isReset = true;
    else {
      if ((segment.flags & TCP_FLAG.ACK) !== 0) this.acknowledged = Math.max(this.acknowledged, sequenceDifference(segment.acknowledgment, sequenceAdd(this.options.initial, 1)));
      if (segment.payload.length > 0) this.take(at, at + segment.payload.length);
    }
    this.check();
  }

  handleTimeout(now: number): void {
    this.now = now;
    if (now >= this.deadline) this.advance();
  }

  pollTransmit(): Packet | null {
    return this.out.shift() ?? null;
  }

  /** Sends a segment. Nothing where it is not known yet to whom. */
  send(form: Form): void {
    const { peer, options } = this;
    if (peer === null) return;
    const packet = new Packet(options.local, peer.address);
    packet.trafficClass = form.trafficClass ?? 0;
    packet.hopLimit = form.hopLimit ?? HOP_LIMIT;
    const segment = new TcpSegment();
    const { content = "a", length = 0, at = this.next } = form;
    segment.flags = form.flags ?? TCP_FLAG.ACK;
    segment.sourcePort = options.localPort;
    segment.destinationPort = peer.port;
    const isSyn = (segment.flags & TCP_FLAG.SYN) !== 0;
    segment.sequence = isSyn ? options.initial : sequenceAdd(options.initial, 1 + at);
    // Who has not heard of the peer acknowledges a number that means nothing.
    if ((segment.flags & TCP_FLAG.ACK) !== 0) segment.acknowledgment = sequenceAdd(Math.max(0, this.peerInitial), 1 + (form.acknowledge ?? this.received));
    segment.window = form.window ?? WINDOW;
    segment.maximumSegmentSize = form.maximumSegmentSize ?? 0;
    segment.windowScale = form.windowScale ?? -1;
    segment.sackPermitted = form.sackPermitted ?? false;
    if (form.timestamps !== undefined) {
      segment.hasTimestamps = true;
      [segment.timestampValue, segment.timestampEcho] = form.timestamps;
    }
    segment.mptcp = form.mptcp ?? [];
    segment.otherOptions = form.others ?? [];
    segment.payload = Payload.of(contentOctets(content, options.connection, at, length));
    packet.tcp = segment;
    packet.length = packetLength(packet);
    this.next = Math.max(this.next, at + length);
    this.sent.push(sightOf(packet, length === 0 ? "" : content, this.now, true));
    this.out.push(packet);
  }

  /** Waits until something is so, at most for a time (ns; the end's own wait unless given). */
  *until(condition: () => boolean, time = this.wait): Generator<Wait, boolean, void> {
    if (!condition()) yield { until: condition, for: time };
    return condition();
  }

  /** Waits for a time, ns. */
  *pause(time: number): Generator<Wait, void, void> {
    yield { until: () => false, for: time };
  }

  /** Place of a segment's first octet in the stream of the peer. Where no SYN came, a segment counts as its first. */
  private placeOf(segment: TcpSegment): number {
    if ((segment.flags & TCP_FLAG.SYN) !== 0 || this.peerInitial < 0) return 0;
    return sequenceDifference(segment.sequence, sequenceAdd(this.peerInitial, 1));
  }

  private take(from: number, to: number): void {
    this.ahead.push([from, to]);
    for (let at = 0; at >= 0; ) {
      at = this.ahead.findIndex(([start]) => start <= this.received);
      if (at >= 0) this.received = Math.max(this.received, (this.ahead.splice(at, 1)[0] as [number, number])[1]);
    }
  }

  private check(): void {
    if (this.waiting !== null && this.waiting.until()) this.advance();
  }

  private advance(): void {
    const { run } = this;
    if (run === null) return;
    const { done, value } = run.next();
    if (done === true) {
      this.run = null;
      this.waiting = null;
      this.deadline = NEVER;
      this.isDone = true;
    } else {
      this.waiting = value;
      this.deadline = this.now + value.for;
    }
  }
}

/** Less than boxes have it that write another one. */
const HOP_LIMIT = 64;
/** A window that no other segment of the probe says by chance. */
const WINDOW = 60_000;
