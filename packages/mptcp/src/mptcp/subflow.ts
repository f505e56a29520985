import type { CloseReason } from "../core/index.ts";
import { NEVER } from "../core/index.ts";
import type { CongestionContext, CongestionControl, SegmentRole, SegmentSlot, TcpConnection, TcpOwner } from "../tcp/index.ts";
import { reassemblyMemory } from "../tcp/index.ts";
import type { Payload, TcpSegment } from "../wire/index.ts";
import { CheckedStream } from "./checked-stream.ts";
import type { MptcpConnection } from "./connection.ts";
import { onJoinConnected } from "./joins.ts";
import { ReceivedMappings, SentMappings } from "./mapping.ts";
import { dataOptionSpace, writeOptions } from "./options-out.ts";
import { readHandshake, readOptions, readRegular, readWithoutOptions } from "./options-in.ts";
import { acknowledgedRegular, fallBack, offerRegular, takeRegular } from "./regular-tcp.ts";
import type { RemovalCheck } from "./removal-check.ts";
import type { SchedulableSubflow } from "./scheduler.ts";
import { onTcpClosed, resetSubflow } from "./subflow-end.ts";

/**
 * Where a subflow stands. `pre-established` is the initiator of a join whose third ACK is not confirmed yet: it may not
 * send data (RFC 8684 §3.2).
 */
export type SubflowPhase = "handshake" | "pre-established" | "established" | "closed";

/**
 * One subflow: the owner of a regular TCP connection on behalf of an MPTCP connection. It translates between subflow
 * sequence and data sequence, writes and reads the options, and leaves every decision to the connection.
 */
export class Subflow implements TcpOwner, SchedulableSubflow {
  /** Path index: 1 is the first subflow. */
  readonly id: number;
  readonly connection: MptcpConnection;
  /** Whether this subflow began with MP_CAPABLE (else with MP_JOIN). */
  readonly first: boolean;
  /** Whether we sent the SYN. */
  readonly initiator: boolean;
  readonly localAddressId: number;
  remoteAddressId: number;
  phase: SubflowPhase = "handshake";
  tcp!: TcpConnection;

  /** B flag: what the peer asked of us, and what we asked of the peer. Either makes the subflow a backup. */
  peerBackup = false;
  localBackup: boolean;

  /** MP_JOIN nonces (RFC 8684 §3.2). */
  localNonce = 0;
  remoteNonce = 0;
  /** When to send the third ACK of a join again, ns. */
  joinAckAt = NEVER;
  joinAckTries = 0;

  /** Why the SYN+ACK of a join was not acceptable: once established, so that there can be one, a RST says so (§3.2). */
  refusal: string | null = null;

  readonly sent = new SentMappings();
  readonly received = new ReceivedMappings();
  /** In place of `received` when checksums are in use. */
  checked: CheckedStream | null = null;
  /** Data offset of a mapping whose checksum was wrong; -1: all was well so far. */
  failedAt = -1;
  /** A retransmission timeout since the last new acknowledgment: not for new data while another subflow lives. */
  stale = false;
  /** When a silence that a tail loss probe noticed has lasted for a retransmission timeout, ns. */
  silentAt = NEVER;
  /** Named in a REMOVE_ADDR (§3.4.2): the check of whether it is gone, and when that goes on, ns. */
  removalCheck: RemovalCheck | null = null;
  removalAt = NEVER;
  /** Data that we sent was acknowledged by a segment with a Data ACK: options pass in both directions (§3.7). */
  private dataAckSeen = false;
  /** The segment being processed carried a Data ACK. */
  segmentHadDataAck = false;
  /** The segment being processed carried options of Multipath TCP. */
  private segmentHadOptions = false;
  /** Bytes received without a mapping since the last mapped one. */
  private unmapped = 0;
  /** An MP_PRIO waits for the next pure ACK. */
  priorityPending = false;
  /** Reason for MP_TCPRST on the RST that `tcp.abort` sends; -1 for none. */
  resetReason = -1;
  /** The RST, or an ACK, is to carry MP_FASTCLOSE. */
  fastclose = false;
  penalisedAt = Number.NEGATIVE_INFINITY;
  bytesReinjected = 0;

  constructor(connection: MptcpConnection, id: number, options: { first: boolean; initiator: boolean; localAddressId: number; remoteAddressId: number; backup: boolean }) {
    this.connection = connection;
    this.id = id;
    this.first = options.first;
    this.initiator = options.initiator;
    this.localAddressId = options.localAddressId;
    this.remoteAddressId = options.remoteAddressId;
    this.localBackup = options.backup;
  }

  /** Binds the subflow to its TCP connection. */
  attach(tcp: TcpConnection): void {
    const { connection } = this;
    this.tcp = tcp;
    tcp.connectionId = connection.id;
    tcp.subflowId = this.id;
    // Nagle runs at connection level, where all the unacknowledged data is seen.
    tcp.noDelay = true;
    // The window is the connection's: what arrives on one subflow moves the right edge of all (RFC 8684 §3.3.4).
    tcp.sharedWindow = !connection.regularTcp;
  }

  // ---- what a scheduler sees

  get backup(): boolean {
    return this.peerBackup || this.localBackup;
  }
  get hasRoom(): boolean {
    return this.tcp.canSend();
  }
  get srtt(): number {
    return this.tcp.srtt;
  }
  /** The smallest round-trip time of late, ns; 0 before the first sample. */
  get minRtt(): number {
    return this.tcp.rtt.min;
  }
  get cwnd(): number {
    return this.tcp.congestion.cwnd;
  }
  get inFlight(): number {
    return this.tcp.inFlight;
  }
  get mss(): number {
    return this.tcp.maxPayload - dataOptionSpace(this);
  }

  get established(): boolean {
    return this.phase === "established";
  }

  /** Whether data may be given to it: established, not being removed, not closing. */
  get mayCarryData(): boolean {
    if (this.phase !== "established" || this.removalAt !== NEVER || this.tcp.finSent) return false;
    // A subflow that is to close gets no more; a stream that has no other is sent to its end.
    return !this.tcp.closing || this.connection.regularTcp;
  }

  /** Whether what arrived on it is the connection's stream without a gap or a repetition, as regular TCP needs it (RFC 8684 §3.7). */
  get contiguous(): boolean {
    const held = this.checked === null ? 0 : this.checked.held;
    return this.tcp.receivedOffset - held === this.connection.receiver.next;
  }

  // ---- TcpOwner: sending

  dataOptionSpace(): number {
    return dataOptionSpace(this);
  }

  offer(_tcp: TcpConnection, limit: number, now: number): number {
    const { connection } = this;
    if (!this.mayCarryData || connection.closed) return 0;
    return connection.regularTcp ? offerRegular(connection, limit) : connection.sender.offer(this, limit, now);
  }

  take(_tcp: TcpConnection, offset: number, length: number, now: number, slot: SegmentSlot): void {
    const { connection } = this;
    if (connection.regularTcp) takeRegular(connection, length, slot, now);
    else connection.sender.take(this, offset, length, now, slot);
  }

  segmentOptions(_tcp: TcpConnection, segment: TcpSegment, role: SegmentRole, tag: object | null, offset: number, space: number, now: number): void {
    writeOptions(this, segment, role, tag, offset, space, now);
  }

  receiveWindow(): number {
    return this.connection.receiver.advertise();
  }

  reassemblyMemory(tcp: TcpConnection): number {
    const { connection } = this;
    return reassemblyMemory(connection.receiver.limit) - connection.receiver.reorder.memory - connection.outOfOrderMemory(tcp);
  }

  // ---- TcpOwner: arrivals

  onSegment(tcp: TcpConnection, segment: TcpSegment, offset: number, now: number): boolean {
    this.segmentHadOptions = segment.mptcp.length > 0;
    this.segmentHadDataAck = false;
    if (this.connection.regularTcp) {
      if (segment.mptcp.length > 0) readRegular(this, segment, now);
      return true;
    }
    if (this.phase !== "established") {
      const verdict = readHandshake(this, segment, offset, now);
      if (verdict !== "continue") return verdict === "accept";
    }
    if (this.removalCheck !== null && this.removalCheck.isDisprovedBy(this, segment, now)) this.connection.removalDisproved(this);
    if (segment.mptcp.length > 0) return readOptions(this, tcp, segment, offset, now);
    if (this.failedAt >= 0) readWithoutOptions(this, segment, offset, now);
    return true;
  }

  onData(_tcp: TcpConnection, payload: Payload, offset: number, now: number): void {
    const { connection } = this;
    connection.lastReceiver = this;
    if (connection.regularTcp) {
      connection.deliver(connection.regularOffset + offset, payload, now);
      return;
    }
    if (connection.checksums) {
      this.checkedStream().onData(payload, offset, now);
      return;
    }
    let done = 0;
    while (done < payload.length) {
      const at = offset + done;
      const index = this.received.find(at);
      if (index < 0) {
        this.onUnmapped(payload.slice(done, payload.length), at, now);
        return;
      }
      const end = Math.min(payload.length, this.received.end(index) - offset);
      const dataOffset = this.received.dataOffset(index, at);
      // A mapping known from an earlier segment may reach beyond the window (RFC 8684 §3.8).
      if (connection.receiver.acceptable(dataOffset + end - done)) {
        connection.deliver(dataOffset, done === 0 && end === payload.length ? payload : payload.slice(done, end), now);
      } else connection.environment.counters.increment("MPTcpExtNoDSSInWindow");
      done = end;
    }
    this.unmapped = 0;
  }

  checkedStream(): CheckedStream {
    return (this.checked ??= new CheckedStream(this));
  }

  /** In-order bytes that no mapping covers (RFC 8684 §3.3.1, §3.7). */
  onUnmapped(payload: Payload, offset: number, now: number): void {
    const { connection } = this;
    if (this.first && connection.mayFallBack && offset === 0 && connection.receiver.next === 0) {
      // Options pass on SYNs but not on data.
      fallBack(connection, "options_lost_on_data", now);
      connection.deliver(offset, payload, now);
      return;
    }
    this.unmapped += payload.length;
    connection.environment.counters.increment("MPTcpExtDSSNoMapping");
    if (this.unmapped > connection.receiver.limit) resetSubflow(this, "no_mapping", RESET_MIDDLEBOX, now);
  }

  onFin(_tcp: TcpConnection, now: number): void {
    this.connection.onSubflowFin(this, now);
  }

  onAcknowledged(_tcp: TcpConnection, to: number, now: number): void {
    const { connection } = this;
    this.silentAt = NEVER;
    if (this.stale) {
      this.stale = false;
      connection.environment.counters.increment("MPTcpExtSubflowRecover");
      connection.sender.subflowsChanged();
    }
    if (connection.regularTcp) {
      acknowledgedRegular(connection, to, now);
      return;
    }
    this.sent.acknowledge(to);
    if (this.dataAckSeen || to === 0) return;
    this.dataAckSeen = this.segmentHadDataAck;
    // RFC 8684 §3.7: an ACK for data without a Data ACK shows that the path drops options; one with an ADD_ADDR in its place does not.
    if (this.segmentHadOptions) return;
    const { sender } = connection;
    if (this.first && connection.mayFallBack && sender.unacknowledged === 0 && !sender.reinjected && this.contiguous) fallBack(connection, "no_data_ack", now);
    else resetSubflow(this, "no_data_ack", RESET_MIDDLEBOX, now);
  }

  onInput(_tcp: TcpConnection, now: number): void {
    this.connection.afterInput(this, now);
  }

  // ---- TcpOwner: events

  makeCongestion(_tcp: TcpConnection, context: CongestionContext): CongestionControl {
    return this.connection.makeCongestion(context);
  }

  onEstablished(_tcp: TcpConnection, now: number): void {
    if (this.first) this.connection.onFirstEstablished(this, now);
    else onJoinConnected(this, now);
  }

  onTailLossProbe(_tcp: TcpConnection, now: number): void {
    this.connection.onSubflowSilent(this, now);
  }

  onRetransmissionTimeout(_tcp: TcpConnection, _consecutive: number, now: number): void {
    this.connection.onSubflowTimeout(this, now);
  }

  onClosed(_tcp: TcpConnection, reason: CloseReason | null, segment: TcpSegment | null, now: number): void {
    onTcpClosed(this, reason, segment, now);
  }
}

/** MP_TCPRST reason "middlebox interference" (RFC 8684 §3.6). */
const RESET_MIDDLEBOX = 6;
