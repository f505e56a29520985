import type { Counters } from "../../core/index.ts";
import type { CongestionControlFactory, CouplingGroup, SegmentRole, StreamBuffers, TcpConnection, TcpOwner } from "../../tcp/index.ts";
import { SEGMENT_ROLE } from "../../tcp/index.ts";
import type { TcpSegment } from "../../wire/index.ts";
import { MP_RESET_REASON, TCP_FLAG } from "../../wire/index.ts";
import { joinSynAck, readJoinAck, resetReasonOf } from "../handshake/join.ts";
import type { Nonces } from "../handshake/join.ts";
import type { Session } from "../session.ts";

/** What a late join asks of the connection that it is for. */
export interface LateJoinContext {
  readonly session: Session;
  readonly counters: Counters;
  readonly congestion: CongestionControlFactory;
  readonly couplingGroup: CouplingGroup;
}

/**
 * A join for a connection that is over, or has become regular TCP, where joins are refused by their third ACK. RFC 8684 §3.7 leaves such a connection one subflow, so
 * that none comes of it; its SYN is answered like any other's.
 */
export class LateJoin implements TcpOwner {
  readonly waitsForRoom = false;
  private readonly context: LateJoinContext;
  private readonly options: LateJoinOptions;
  private connection: TcpConnection | null = null;
  /** What the RST is to say (RFC 8684 §3.6). */
  private reason: number = MP_RESET_REASON.administrativelyProhibited;

  constructor(context: LateJoinContext, options: LateJoinOptions) {
    this.context = context;
    this.options = options;
  }

  /** Binds it to its TCP connection, which may have had another owner. Call once. */
  attach(tcp: TcpConnection): void {
    this.connection = tcp;
    tcp.serve({ owner: this, connectionId: -1, subflowId: 0, answersBySyn: true });
  }

  /** A newer join needs its room. */
  displace(now: number): void {
    this.refuse(MP_RESET_REASON.lackOfResources, now);
  }

  onSegment(_tcp: TcpConnection, segment: TcpSegment, _offset: number, now: number): boolean {
    if ((segment.flags & TCP_FLAG.SYN) !== 0) return true;
    const { counters, session } = this.context;
    const { nonces } = this.options;
    const verdict = readJoinAck(segment, session.version, session.keysIn, nonces.peer, nonces.own);
    if (verdict === "bad_hmac") counters.increment("MPTcpExtMPJoinAckHMacFailure");
    else counters.increment("MPTcpExtMPJoinRejected");
    this.refuse(verdict === "verified" ? MP_RESET_REASON.administrativelyProhibited : resetReasonOf(verdict), now);
    return false;
  }

  segmentOptions(_tcp: TcpConnection, segment: TcpSegment, role: SegmentRole): void {
    const { session } = this.context;
    const { addressId, backup, nonces } = this.options;
    if (role === SEGMENT_ROLE.synAck) segment.mptcp = [joinSynAck(session.version, session.keysOut, nonces, addressId, backup)];
    else if (role === SEGMENT_ROLE.reset && session.version.explainsResets) segment.mptcp = [{ kind: "mp_tcprst", transient: false, reserved: 0, reason: this.reason }];
  }

  congestionControl(): CongestionControlFactory {
    return this.context.congestion;
  }

  couplingGroup(): CouplingGroup {
    return this.context.couplingGroup;
  }

  receiveWindow(): number {
    return this.options.window;
  }

  peerWindow(): number {
    return 0;
  }

  unreadBytes(): null {
    return null;
  }

  buffers(): StreamBuffers {
    return { sendBuffer: 0, receiveBuffer: this.options.window, unsent: 0, readPerRound: 0 };
  }

  // ---- what never comes: it ends with the first segment behind its SYN

  dataOptionSpace(): number {
    return 0;
  }
  mayOffer(): boolean {
    return false;
  }
  offer(): number {
    return 0;
  }
  take(): void {}
  synData(): null {
    return null;
  }
  onSynDataAcknowledged(): void {}
  onOpenedEarly(): void {}
  reassemblyMemory(): number {
    return 0;
  }
  onData(): void {}
  onFin(): void {}
  onAcknowledged(): void {}
  onInput(): void {}
  onEstablished(): void {}
  onRetransmissionTimeout(): void {}
  onTailLossProbe(): void {}
  onClosed(): void {}

  private refuse(reason: number, now: number): void {
    this.reason = reason;
    this.connection?.abort(now);
  }
}

/** What its SYN+ACK says. */
export interface LateJoinOptions {
  readonly nonces: Nonces;
  readonly addressId: number;
  readonly backup: boolean;
  /** The window, bytes. */
  readonly window: number;
}
