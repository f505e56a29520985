import { addFastOpen, Payload, readFastOpen, sequenceDifference, TCP_OPTION_SPACE, tcpHeaderLength } from "../../wire/index.ts";
import type { TcpSegment } from "../../wire/index.ts";
import type { TcpConnection } from "../connection.ts";
import { clampedMss } from "../negotiation.ts";

/** With what a connection is opened by Fast Open. */
export interface FastOpenStart {
  /** What the server gave earlier; null: it is asked for one; of no octets: the server wants none (RFC 7413 §7.3). */
  readonly cookie: Uint8Array | null;
  readonly experimental: boolean;
  /** The MSS that the server announced, octets; 0: not known. */
  readonly mss: number;
  /** How long the SYN waits for what is written first, where it may carry it, ns; 0: not at all. */
  readonly patience: number;
}

/** What the SYN+ACK says of Fast Open, for the host to remember. */
export interface FastOpenAnswer {
  /** A new cookie; null: none. */
  readonly cookie: Uint8Array | null;
  readonly experimental: boolean;
  readonly mss: number;
  /** Whether a cookie was asked for, and the first SYN was answered without one. */
  readonly isUnanswered: boolean;
  /** Whether only a SYN that had no more of it was answered: the path drops the others (RFC 7413 §4.2.2). */
  readonly isDropped: boolean;
}

/** How the SYN's data fared, see `TcpInfo`. */
export type FastOpenFailure = "no_cookie" | "not_acknowledged" | "syn_repeated";

/**
 * The opener's side of TCP Fast Open (RFC 7413). What the SYN carries is a copy: the data stays the owner's until the SYN+ACK acknowledges it, and what that
 * does not acknowledge leaves at once as any data does, so that a refusal costs nothing but the octets.
 */
export class FastOpenClient {
  private readonly start: FastOpenStart;
  /** Octets of data on the first SYN; -1 before it left. */
  private sent = -1;
  private acked = 0;
  private failure: FastOpenFailure | null = null;
  private isPatient: boolean;

  constructor(start: FastOpenStart) {
    this.start = start;
    this.isPatient = start.patience > 0 && start.cookie !== null;
    if (start.cookie === null) this.failure = "no_cookie";
  }

  /** Octets that left on the SYN, and those of them that the SYN+ACK acknowledged. */
  get synData(): number {
    return Math.max(0, this.sent);
  }
  get acknowledged(): number {
    return this.acked;
  }
  /** Why no data was acknowledged with the SYN; null: some was, or it is not decided. */
  get failed(): FastOpenFailure | null {
    return this.failure;
  }

  /** Whether data may go on the SYN. */
  get mayCarryData(): boolean {
    return this.start.cookie !== null;
  }

  /** How long the SYN waits at the most, ns; 0: it leaves at once. */
  get patience(): number {
    return this.isPatient ? this.start.patience : 0;
  }

  /** The SYN has waited for long enough. */
  onPatienceOver(): void {
    this.isPatient = false;
  }

  /** Whether the SYN waits for the application to write. */
  holdsSyn(tcp: TcpConnection): boolean {
    return this.isPatient && tcp.synSentAt < 0 && tcp.owner.synData(tcp, 1) === null && !tcp.closing;
  }

  /** Puts the option and the data onto the first SYN; one that is sent again has neither (RFC 7413 §4.2.2). */
  writeSyn(tcp: TcpConnection, segment: TcpSegment): void {
    if (tcp.synSentAt >= 0) return;
    this.sent = 0;
    const { cookie, experimental } = this.start;
    if (cookie === null || cookie.length > 0) {
      const others = segment.otherOptions;
      addFastOpen(segment, { cookie: cookie ?? NO_COOKIE, experimental });
      if (tcpHeaderLength(segment) - TCP_HEADER > TCP_OPTION_SPACE) {
        // RFC 7413 §4.2.2: without room for the option it is a handshake as any other.
        segment.otherOptions = others;
        return;
      }
    }
    if (cookie === null) return;
    segment.payload = tcp.owner.synData(tcp, this.roomOn(tcp)) ?? Payload.EMPTY;
    this.sent = segment.payload.length;
    if (this.sent === 0) return;
    tcp.bytesSent += this.sent;
    tcp.tally.dataSegmentsSent++;
  }

  /** Payload octets that the SYN has room for: what the server's MSS allows, or the least that there is (RFC 7413 §4.1.3). */
  roomOn(tcp: TcpConnection): number {
    const most = clampedMss(tcp.pathMtu.current - tcp.ipHeader - TCP_HEADER, tcp.config.maxSegmentSize);
    // Room is left for options that somebody on the path may add.
    if (this.start.mss > 0) return Math.max(0, Math.min(this.start.mss, most) - TCP_OPTION_SPACE);
    return Math.max(0, Math.min(tcp.ipHeader === 20 ? 536 : 1220, most) - USUAL_OPTIONS);
  }

  /** How much of the SYN's data a SYN+ACK acknowledges, octets; -1 when it acknowledges what was never sent. */
  acknowledgedBy(tcp: TcpConnection, segment: TcpSegment): number {
    const acked = sequenceDifference(segment.acknowledgment, tcp.sender.origin);
    return acked >= 0 && acked <= this.synData ? acked : -1;
  }

  /** The SYN+ACK arrived and is taken. */
  onSynAck(tcp: TcpConnection, segment: TcpSegment, acked: number, now: number): void {
    const { counters } = tcp.environment;
    const isRepeated = tcp.synRetransmissions > 0;
    const option = readFastOpen(segment);
    const cookie = option !== null && option.cookie.length > 0 ? option.cookie : null;
    this.acked = acked;
    if (this.sent > 0) {
      const isWhole = acked === this.sent;
      counters.increment(isWhole ? "TcpExtTCPFastOpenActive" : "TcpExtTCPFastOpenActiveFail");
      this.failure = isWhole ? null : isRepeated ? "syn_repeated" : "not_acknowledged";
    }
    const hasAsked = this.start.cookie === null;
    if (tcp.environment.observer !== null) tcp.emit({ kind: "fast_open", role: "client", sent: this.synData, acknowledged: acked, cookie: cookie !== null }, now);
    tcp.environment.onFastOpenAnswer(tcp.tuple, {
      cookie, experimental: option?.experimental ?? false, mss: tcp.peerMss,
      isUnanswered: hasAsked && !isRepeated && cookie === null,
      isDropped: isRepeated && cookie === null && acked === 0 && (hasAsked || this.sent > 0),
    }, now);
  }
}

const NO_COOKIE = new Uint8Array(0);
const TCP_HEADER = 20;
/** MSS, SACK-permitted, timestamps, window scale, a cookie of eight octets and MP_CAPABLE, aligned. */
const USUAL_OPTIONS = 36;
