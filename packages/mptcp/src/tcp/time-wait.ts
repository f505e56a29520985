import type { Counters, Observer } from "../core/index.ts";
import { LIMITS, MILLISECOND, SECOND } from "../core/index.ts";
import type { MptcpOption } from "../wire/index.ts";
import { Dss, ipHeaderLength, Packet, sequenceAdd, sequenceDifference, sequenceLess, TCP_FLAG, TCP_OPTION_SPACE, tcpHeaderLength, TcpSegment } from "../wire/index.ts";
import type { TcpConnection } from "./connection.ts";
import { SEGMENT_ROLE } from "./owner.ts";
import type { FourTuple } from "./stream.ts";

/** What TIME-WAIT asks of the host. */
export interface TimeWaitEnvironment {
  readonly name: string;
  readonly counters: Counters;
  readonly observer: Observer | null;
}

/** What follows from a segment: nothing, an ACK, an ACK with a new period of 2 MSL (or that without the ACK), or the end. */
export interface TimeWaitVerdict {
  readonly answer: boolean;
  readonly restart: boolean;
  readonly over: boolean;
}

/**
 * What is kept of a connection in TIME-WAIT: its four-tuple, and the numbers that it takes to answer late segments as the connection would have
 * (RFC 9293 §3.10.7.4) and to tell a new one from an old one (RFC 6191). Of Multipath TCP it is the last Data ACK, which a peer that missed it
 * asks for (RFC 8684 §3.3.3). Everything else of the connection can be forgotten.
 *
 * Sequence numbers and timestamps are kept as signed 32-bit numbers, which take no room of their own.
 */
export class TimeWait {
  readonly tuple: FourTuple;
  readonly connectionId: number;
  readonly subflowId: number;
  private readonly hopLimit: number;
  /** With the ECN field, and the flags that accurate ECN counts in. */
  private readonly trafficClass: number;
  private readonly flags: number;
  /** SND.NXT and RCV.NXT. */
  private readonly sent: number;
  private readonly expected: number;
  /** What is left of the window, bytes, and how the field tells it. */
  private readonly window: number;
  private readonly windowField: number;
  /** The largest window that we ever offered, and how old an ACK may be, bytes. */
  private readonly largestWindow: number;
  private readonly oldAcks: number;
  private readonly timestamps: boolean;
  private readonly timestampOffset: number;
  private recentTimestamp: number;
  /** Octets of the Data ACK; 0: none. */
  private readonly dataAckLength: 0 | 4 | 8;
  private readonly dataAckHigh: number;
  private readonly dataAckLow: number;
  /** Token bucket of ACKs to segments that were not acceptable (RFC 5961 §7); the time is in whole seconds. */
  private challengeTokens: number = LIMITS.challenges.default;
  private challengeSecond = -1;

  /** @param tcp a connection in TIME-WAIT that has nothing left to send */
  constructor(tcp: TcpConnection, now: number) {
    const { receiver, sender } = tcp;
    this.tuple = tcp.tuple;
    this.connectionId = tcp.connectionId;
    this.subflowId = tcp.subflowId;
    this.hopLimit = tcp.hopLimit;
    this.trafficClass = tcp.trafficClass | (tcp.ecn === null ? 0 : tcp.ecn.codepoint(tcp));
    this.flags = TCP_FLAG.ACK | (tcp.ecn === null ? 0 : tcp.ecn.lastFlags(tcp));
    this.sent = sequenceAdd(sender.origin, sender.nxt) | 0;
    this.expected = sequenceAdd(receiver.origin, receiver.nxt) | 0;
    this.window = receiver.rightEdge - receiver.nxt;
    this.windowField = Math.min(65535, Math.floor(this.window / receiver.scale));
    this.largestWindow = receiver.largestWindow;
    this.oldAcks = sender.oldAcks;
    this.timestamps = tcp.timestamps;
    this.timestampOffset = (tcp.timestampAt(now) - Math.floor(now / MILLISECOND)) | 0;
    this.recentTimestamp = receiver.recentTimestamp | 0;
    const dss = lastOptions(tcp, now).find((option) => option.kind === "dss");
    this.dataAckLength = dss?.dataAckLength ?? 0;
    this.dataAckHigh = (dss?.dataAckHigh ?? 0) | 0;
    this.dataAckLow = (dss?.dataAckLow ?? 0) | 0;
  }

  /** SND.NXT: the sequence number behind our FIN. */
  get end(): number {
    return this.sent >>> 0;
  }

  /** Whether a SYN for the same four-tuple may start a new connection (RFC 6191 §2, RFC 9293 §3.6.1). `timestamps`: whether that would have them if the SYN has. */
  mayReuse(syn: TcpSegment, timestamps: boolean): boolean {
    if ((syn.flags & (TCP_FLAG.SYN | TCP_FLAG.ACK | TCP_FLAG.RST)) !== TCP_FLAG.SYN) return false;
    const isLater = sequenceLess(this.expected, syn.sequence);
    const hasTimestamps = timestamps && syn.hasTimestamps;
    if (!this.timestamps) return hasTimestamps || isLater;
    if (!hasTimestamps || (syn.timestampValue | 0) === this.recentTimestamp) return isLater;
    return sequenceLess(this.recentTimestamp, syn.timestampValue);
  }

  /** RFC 9293 §3.10.7.4, for the state TIME-WAIT. */
  receive(segment: TcpSegment, environment: TimeWaitEnvironment, now: number): TimeWaitVerdict {
    const { flags } = segment;
    const offset = sequenceDifference(segment.sequence, this.expected);
    const isReset = (flags & TCP_FLAG.RST) !== 0;
    if (this.timestamps && segment.hasTimestamps && !isReset && sequenceLess(segment.timestampValue, this.recentTimestamp)) {
      // RFC 7323 §5.3 R1.
      environment.counters.increment("TcpExtPAWSEstab");
      return this.refuse("PAWS", environment, now);
    }
    if (isReset) return this.receiveReset(offset, environment, now);
    const end = offset + segment.payload.length + ((flags & TCP_FLAG.FIN) !== 0 ? 1 : 0);
    const isOld = end > offset && end <= 0;
    const isAcceptable = end === offset ? offset >= 0 && offset <= this.window : end > 0 && (offset < this.window || offset === 0);
    if (!isAcceptable && !isOld) return this.refuse("out of window", environment, now);
    if ((flags & TCP_FLAG.SYN) !== 0) {
      // RFC 5961 §4.2.
      environment.counters.increment("TcpExtTCPSYNChallenge");
      return this.refuse("SYN in a synchronized state", environment, now);
    }
    if ((flags & TCP_FLAG.ACK) === 0) {
      this.drop("no ACK", environment, now);
      return NOTHING;
    }
    const ahead = sequenceDifference(segment.acknowledgment, this.sent);
    if (ahead > 0 || ahead < -this.oldAcks) {
      // RFC 5961 §5.2.
      environment.counters.increment("TcpExtTCPChallengeACK");
      return this.refuse("ACK out of range", environment, now);
    }
    // The peer's FIN again restarts 2 MSL, and nothing else. What the window cannot have held lately is answered as any segment that is not acceptable.
    if (isOld) return { answer: -end <= Math.max(this.largestWindow, 65536) || this.mayChallenge(environment, now), restart: end === 0, over: false };
    if (this.timestamps && segment.hasTimestamps && offset <= 0) this.recentTimestamp = segment.timestampValue | 0;
    return NOTHING;
  }

  /** The ACK that answers. */
  acknowledgment(now: number): Packet {
    const segment = new TcpSegment();
    segment.flags = this.flags;
    segment.sourcePort = this.tuple.localPort;
    segment.destinationPort = this.tuple.remotePort;
    segment.sequence = this.sent >>> 0;
    segment.acknowledgment = this.expected >>> 0;
    segment.window = this.windowField;
    segment.hasTimestamps = this.timestamps;
    if (this.timestamps) {
      segment.timestampValue = (this.timestampOffset + Math.floor(now / MILLISECOND)) >>> 0;
      segment.timestampEcho = this.recentTimestamp >>> 0;
    }
    if (this.dataAckLength !== 0) {
      const dss = new Dss();
      dss.dataAckLength = this.dataAckLength;
      dss.dataAckHigh = this.dataAckHigh >>> 0;
      dss.dataAckLow = this.dataAckLow >>> 0;
      segment.mptcp = [dss];
    }
    const packet = new Packet(this.tuple.localAddress, this.tuple.remoteAddress);
    packet.hopLimit = this.hopLimit;
    packet.trafficClass = this.trafficClass;
    packet.tcp = segment;
    packet.length = ipHeaderLength(packet) + tcpHeaderLength(segment);
    return packet;
  }

  /** RFC 5961 §3.2. */
  private receiveReset(offset: number, environment: TimeWaitEnvironment, now: number): TimeWaitVerdict {
    if (offset === 0) return OVER;
    if (offset > 0 && offset < this.window) {
      environment.counters.increment("TcpExtTCPChallengeACK");
      return this.refuse("RST out of sequence", environment, now);
    }
    this.drop("RST out of sequence", environment, now);
    return NOTHING;
  }

  private refuse(reason: string, environment: TimeWaitEnvironment, now: number): TimeWaitVerdict {
    this.drop(reason, environment, now);
    return this.mayChallenge(environment, now) ? ANSWER : NOTHING;
  }

  private drop(reason: string, environment: TimeWaitEnvironment, now: number): void {
    const { observer, name } = environment;
    if (observer !== null) observer.event({ at: now, host: name, connection: this.connectionId, subflow: this.subflowId, kind: "segment_dropped", reason });
  }

  /** Spends a token for an ACK in answer to a segment that was not acceptable. */
  private mayChallenge(environment: TimeWaitEnvironment, now: number): boolean {
    const second = Math.floor(now / SECOND);
    if (second !== this.challengeSecond) {
      this.challengeSecond = second;
      this.challengeTokens = LIMITS.challenges.default;
    }
    if (this.challengeTokens === 0) {
      environment.counters.increment(LIMITS.challenges.counter);
      return false;
    }
    this.challengeTokens--;
    return true;
  }
}

/** What the owner puts onto an ACK that is asked for, when it has no news. */
function lastOptions(tcp: TcpConnection, now: number): readonly MptcpOption[] {
  const segment = new TcpSegment();
  segment.flags = TCP_FLAG.ACK;
  tcp.owner.segmentOptions(tcp, segment, SEGMENT_ROLE.probe, null, tcp.sender.nxt, TCP_OPTION_SPACE, now);
  return segment.mptcp;
}

const NOTHING: TimeWaitVerdict = { answer: false, restart: false, over: false };
const ANSWER: TimeWaitVerdict = { answer: true, restart: false, over: false };
const OVER: TimeWaitVerdict = { answer: false, restart: false, over: true };
