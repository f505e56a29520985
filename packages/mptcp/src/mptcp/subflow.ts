import type { CloseReason, Counters, Deadlines, FallbackReason, SubflowEndReason } from "../core/index.ts";
import type { CongestionControlFactory, CouplingGroup, FourTuple, KeepAlive, SegmentRole, SegmentSlot, TcpConnection, TcpOwner } from "../tcp/index.ts";
import { SEGMENT_ROLE } from "../tcp/index.ts";
import type { MpReset, MptcpOption, Payload, TcpSegment } from "../wire/index.ts";
import { MP_RESET_REASON, mptcpOptionLength } from "../wire/index.ts";
import type { MptcpConfig } from "./config.ts";
import type { Carrier, InboundOwner } from "./context.ts";
import { addDataFin, addMapping, dssWithAck } from "./data/dss.ts";
import { Inbound } from "./data/inbound.ts";
import { SentMapping, SentMappings } from "./data/mappings.ts";
import { headerGrowth } from "./data/option-space.ts";
import type { DataReceiver } from "./data/receiver.ts";
import { SUBFLOW_DEADLINE, SUBFLOW_DEADLINES } from "./deadlines.ts";
import { mpFail } from "./ending/checksum-failure.ts";
import type { FailureSubflow } from "./ending/checksum-failure.ts";
import type { EndingSubflow } from "./ending/ending.ts";
import type { Opening, OpeningOwner } from "./handshake/opening.ts";
import { CapableOpening, JoinOpening } from "./handshake/opening.ts";
import type { SubflowView } from "./info.ts";
import { OptionReader } from "./option-reader.ts";
import type { PathSubflow } from "./paths/paths.ts";
import { RemovalCheck } from "./paths/removal-check.ts";
import type { Session } from "./session.ts";
import type { SubflowContext, SubflowOptions } from "./subflow-context.ts";
import { equalOctets } from "./version/keys.ts";

/**
 * Where a subflow stands. `pre-established` is the initiator of a join whose third ACK is not confirmed yet: it may not
 * send data (RFC 8684 §3.2). `replaced`: its TCP connection belongs to regular TCP now.
 */
type SubflowPhase = "handshake" | "pre-established" | "established" | "closed" | "replaced";

/**
 * One subflow: the owner of a regular TCP connection on behalf of an MPTCP connection. It translates between subflow sequence and data
 * sequence, reads and writes the options, and tells the connection what happened; nobody else writes its state.
 */
export class Subflow implements TcpOwner, Carrier, InboundOwner, OpeningOwner, EndingSubflow, FailureSubflow, PathSubflow, SubflowView {
  readonly pathIndex: number;
  readonly first: boolean;
  readonly initiator: boolean;
  readonly localAddressId: number;
  private readonly context: SubflowContext<Subflow>;
  readonly deadlines: Deadlines;
  private connection: TcpConnection | null = null;
  private state: SubflowPhase = "handshake";

  /** What the peer's latest MP_PRIO asked for; null: the handshake's B flag stands. */
  private peerPriority: boolean | null = null;
  /** Whether we ask for it to be a backup. */
  private weAskBackup: boolean;

  private readonly opening: Opening;

  // data
  private readonly sentMappings = new SentMappings();
  private readonly inbound: Inbound;
  private readonly reader: OptionReader;
  private isStale = false;
  private penalisedAt = Number.NEGATIVE_INFINITY;
  private reinjectedBytes = 0;
  /** Data that we sent was acknowledged by a segment with a Data ACK: options pass in both directions (RFC 8684 §3.7). */
  private dataAckSeen = false;
  /** Named in a REMOVE_ADDR (§3.4.2): the check of whether it is gone. */
  private removal: RemovalCheck | null = null;

  // the end
  /** Reason for MP_TCPRST on the RST of the TCP connection; -1 for none. */
  private resetReason = -1;
  /** The RST, or an ACK, is to carry MP_FASTCLOSE. */
  private fastclose = false;

  constructor(context: SubflowContext<Subflow>, options: SubflowOptions) {
    this.context = context;
    this.deadlines = context.deadlines.branch(SUBFLOW_DEADLINES);
    this.inbound = new Inbound(this);
    this.reader = new OptionReader(context, this, this.inbound);
    this.pathIndex = options.pathIndex;
    this.first = options.first;
    this.initiator = options.initiator;
    this.localAddressId = options.localAddressId;
    this.weAskBackup = options.backup;
    this.opening = options.first ? new CapableOpening(this) : new JoinOpening(this, options);
  }

  /** Binds the subflow to its TCP connection. Call once. */
  attach(tcp: TcpConnection): void {
    this.connection = tcp;
    // Nagle runs at connection level, where all the unacknowledged data is seen. The window is the connection's: what arrives on one subflow
    // moves the right edge of all (RFC 8684 §3.3.4).
    tcp.serve({ connectionId: this.context.connectionId, subflowId: this.pathIndex, noDelay: true, sharedWindow: true });
    this.context.onAttached(this);
  }

  /** Its TCP connection. @throws RangeError before there is one */
  get tcp(): TcpConnection {
    if (this.connection === null) throw new RangeError("the subflow has no TCP connection yet");
    return this.connection;
  }

  // ---- what can be read

  get established(): boolean {
    return this.state === "established";
  }
  get isLive(): boolean {
    return this.state !== "closed" && this.state !== "replaced";
  }
  get tuple(): FourTuple {
    return this.tcp.tuple;
  }
  get remoteAddressId(): number {
    return this.opening.remoteAddressId;
  }
  get session(): Session {
    return this.context.session;
  }
  get receiver(): DataReceiver {
    return this.context.receiver;
  }

  /** Whether it is used only when others cannot be: either end asked for that. */
  get backup(): boolean {
    return this.weAskBackup || this.peerBackup;
  }
  get localBackup(): boolean {
    return this.weAskBackup;
  }
  get peerBackup(): boolean {
    return this.peerPriority ?? this.opening.peerBackup;
  }

  get hasRoom(): boolean {
    return this.tcp.canSend();
  }
  get srtt(): number {
    return this.tcp.srtt;
  }
  get minRtt(): number {
    return this.tcp.minRtt;
  }
  get rto(): number {
    return this.tcp.rto;
  }
  get cwnd(): number {
    return this.tcp.congestionWindow;
  }
  get inFlight(): number {
    return this.tcp.inFlight;
  }
  get mss(): number {
    return this.tcp.maxPayload - this.dataOptionSpace();
  }
  get stale(): boolean {
    return this.isStale;
  }
  get sent(): SentMappings {
    return this.sentMappings;
  }
  get receivedOffset(): number {
    return this.tcp.receivedOffset;
  }
  get failedAt(): number {
    return this.inbound.failedAt;
  }
  get isBreakingOff(): boolean {
    return this.fastclose;
  }
  /** Bytes that were sent before on another subflow. */
  get bytesReinjected(): number {
    return this.reinjectedBytes;
  }
  /** Mappings of the peer that are remembered. */
  get mappingsRemembered(): number {
    return this.inbound.size;
  }

  get mayCarryData(): boolean {
    // A subflow that is to close gets no more.
    return this.state === "established" && this.removal === null && !this.tcp.finSent && !this.tcp.closing;
  }

  get contiguous(): boolean {
    return this.tcp.receivedOffset - this.inbound.held === this.context.receiver.next;
  }

  carriedLately(dataOffset: number): boolean {
    return this.sentMappings.carriedLately(dataOffset);
  }

  sendRoom(): number {
    return this.tcp.sendRoom();
  }

  scaledWindow(segment: TcpSegment): number {
    return this.tcp.scaledWindow(segment);
  }

  // ---- commands

  wake(): void {
    this.tcp.wake();
  }

  requestAck(): void {
    this.tcp.requestAck();
  }

  sendProbe(now: number): void {
    this.tcp.sendProbe(now);
  }

  setKeepAlive(keepAlive: KeepAlive | null, now: number): void {
    this.tcp.setKeepAlive(keepAlive, now);
  }

  penalise(now: number): boolean {
    if (now - this.penalisedAt < this.srtt) return false;
    this.penalisedAt = now;
    this.tcp.reduceWindow(now);
    return true;
  }

  prioritise(backup: boolean): boolean {
    if (this.weAskBackup === backup) return false;
    this.weAskBackup = backup;
    this.context.subflowsChanged();
    return true;
  }

  onPriority(backup: boolean): void {
    this.peerPriority = backup;
    this.context.subflowsChanged();
  }

  /** The peer removed the address that it leads to: asks on the path whether it is gone (RFC 8684 §3.4.2). */
  askWhetherGone(now: number): void {
    this.removal ??= new RemovalCheck(this.tcp, this.deadlines, now);
    this.context.subflowsChanged();
  }

  close(now: number): void {
    this.tcp.close(now);
    this.context.subflowsChanged();
  }

  reset(reason: SubflowEndReason, code: number, now: number): void {
    if (!this.isLive) return;
    this.resetReason = code;
    this.context.counters.increment("MPTcpExtMPRstTx");
    this.end(reason, now);
  }

  breakOff(now: number): void {
    this.fastclose = true;
    this.end("aborted", now);
  }

  askToBreakOff(): void {
    this.fastclose = true;
    this.tcp.requestAck();
  }

  end(reason: SubflowEndReason, now: number): void {
    if (!this.isLive) return;
    const handshake = this.state !== "established";
    this.tcp.abort(now);
    if (handshake && !this.first) {
      const { tuple } = this.tcp;
      this.context.log.observe(this, { kind: "join_refused", reason, local: String(tuple.localAddress), remote: String(tuple.remoteAddress) });
    }
    this.leave(reason, reason, "ECONNABORTED", now);
  }

  onReset(reason: SubflowEndReason, now: number): void {
    this.leave(reason, reason, "ECONNRESET", now);
  }

  /** Gives its TCP connection to regular TCP. Nothing is to be asked of this object any more. */
  replace(): { readonly pieces: readonly Payload[]; readonly dataOffset: number } {
    this.state = "replaced";
    this.deadlines.close();
    return this.inbound.handOver(this.context.receiver.next);
  }

  // ---- time

  handleTimeout(now: number): void {
    this.opening.handleTimeout(now);
    if (this.deadlines.take(SUBFLOW_DEADLINE.silence, now)) this.onTimeout();
    if (this.deadlines.take(SUBFLOW_DEADLINE.removal, now) && this.removal !== null && !this.removal.askAgain(now)) {
      this.reset("remove_addr", MP_RESET_REASON.unspecified, now);
    }
  }

  // ---- TcpOwner: sending

  dataOptionSpace(): number {
    const { session } = this.context;
    const timestamps = this.tcp.timestamps;
    // MP_CAPABLE with data, 22 octets or 24, replaces the first DSS (RFC 8684 §3.1).
    if (this.first && this.initiator && !session.fullyEstablished) return headerGrowth(Math.max(session.checksums ? 24 : 22, session.dssLength), timestamps);
    return headerGrowth(session.dssLength, timestamps);
  }

  offer(_tcp: TcpConnection, limit: number, now: number): number {
    if (!this.mayCarryData || this.context.closed) return 0;
    return this.context.sender.offer(this, limit, now);
  }

  take(_tcp: TcpConnection, offset: number, length: number, now: number, slot: SegmentSlot): void {
    if (this.context.sender.take(this, offset, length, now, slot)) this.reinjectedBytes += length;
    this.sentMappings.push(slot.tag as SentMapping);
  }

  receiveWindow(): number {
    return this.context.receiver.advertise();
  }

  reassemblyMemory(tcp: TcpConnection): number {
    return this.context.reassemblyMemory(tcp);
  }

  segmentOptions(_tcp: TcpConnection, segment: TcpSegment, role: SegmentRole, tag: object | null, _offset: number, space: number, now: number): void {
    switch (role) {
      case SEGMENT_ROLE.syn:
        this.opening.writeSyn(segment);
        return;
      case SEGMENT_ROLE.synAck:
        this.opening.writeSynAck(segment);
        return;
      case SEGMENT_ROLE.reset:
        this.writeReset(segment);
        return;
      default:
    }
    const { session } = this.context;
    if (!session.remoteKnown) return;
    if (this.fastclose) {
      this.writeFastclose(segment);
      return;
    }
    if (this.opening.write(segment, tag)) return;
    this.writeDss(segment, role, tag, space, now);
  }

  // ---- TcpOwner: arrivals

  onSegment(_tcp: TcpConnection, segment: TcpSegment, offset: number, now: number): boolean {
    // What arrives on one subflow may unblock another (draft-barre §3.5.2).
    this.context.mark();
    this.reader.begin(segment);
    if (this.state !== "established") {
      const verdict = this.opening.read(segment, offset, now);
      if (verdict !== "next") return verdict === "accept";
    }
    if (this.removal !== null && this.removal.isDisprovedBy(segment, now)) this.keep();
    if (segment.mptcp.length > 0) return this.reader.read(segment, offset, now);
    // A segment without options, behind a mapping that failed: data that the peer has not mapped shows that it has gone over to regular TCP.
    if (this.inbound.failedAt >= 0 && segment.payload.length > 0 && offset >= this.inbound.mappedEnd && this.context.failure.isWaiting(this)) this.context.failure.revert(now);
    return true;
  }

  onData(_tcp: TcpConnection, payload: Payload, offset: number, now: number): void {
    this.context.onArrival(this);
    this.inbound.onData(payload, offset, now);
  }

  onFin(tcp: TcpConnection, now: number): void {
    const { failure } = this.context;
    if (failure.isWaiting(this)) {
      failure.revert(now);
      tcp.owner.onFin(tcp, now);
      return;
    }
    // A FIN concerns its subflow alone (RFC 8684 §3.3.3): close our side of it too.
    this.close(now);
  }

  onAcknowledged(_tcp: TcpConnection, to: number, now: number): void {
    const { context } = this;
    this.deadlines.clear(SUBFLOW_DEADLINE.silence);
    if (this.isStale) {
      this.isStale = false;
      context.counters.increment("MPTcpExtSubflowRecover");
      context.subflowsChanged();
    }
    this.sentMappings.acknowledge(to);
    if (this.dataAckSeen || to === 0) return;
    this.dataAckSeen = this.reader.segmentHadDataAck;
    // RFC 8684 §3.7: an ACK for data without a Data ACK shows that the path drops options; one with an ADD_ADDR in its place does not.
    if (this.reader.segmentHadOptions) return;
    const { sender } = context;
    if (this.first && context.mayFallBack && sender.unacknowledged === 0 && !sender.reinjected && this.contiguous) {
      context.fallBack("no_data_ack", now);
    } else this.reset("no_data_ack", MP_RESET_REASON.middleboxInterference, now);
  }

  onInput(_tcp: TcpConnection, now: number): void {
    this.context.settle(now);
  }

  // ---- TcpOwner: events

  congestionControl(): CongestionControlFactory {
    return this.context.congestion;
  }

  couplingGroup(): CouplingGroup {
    return this.context.couplingGroup;
  }

  onEstablished(_tcp: TcpConnection, now: number): void {
    this.opening.onConnected(now);
    if (!this.first) return;
    this.state = this.opening.stage;
    this.context.onFirstEstablished(this, now);
  }

  onTailLossProbe(_tcp: TcpConnection, now: number): void {
    this.onSilent(now);
    this.context.settle(now);
  }

  onRetransmissionTimeout(): void {
    this.onTimeout();
  }

  onClosed(_tcp: TcpConnection, reason: CloseReason | null, segment: TcpSegment | null, now: number): void {
    const { counters, session } = this.context;
    if (segment !== null) {
      for (const option of segment.mptcp) {
        if (option.kind === "mp_fastclose" && equalOctets(option.receiverKey, session.local.key)) {
          this.onFastclose(true, now);
          return;
        }
        if (option.kind === "mp_fail") counters.increment("MPTcpExtMPFailRx");
        if (option.kind === "mp_tcprst") {
          counters.increment("MPTcpExtMPRstRx");
          this.onExplainedReset(option, reason, now);
          return;
        }
      }
    }
    this.leave(reason ?? "fin", reason ?? "fin", reason, now);
  }

  onFastclose(withReset: boolean, now: number): void {
    this.context.counters.increment("MPTcpExtMPFastcloseRx");
    this.context.onFastclose(this, withReset, now);
  }

  /** RFC 8684 §3.6: a permanent condition is no reason to try that path again. */
  private onExplainedReset(option: MpReset, error: CloseReason | null, now: number): void {
    const reason = option.transient ? "reset" : "refused";
    this.leave(reason, `${reason}_${option.reason}`, error, now);
  }

  // ---- InboundOwner

  deliver(dataOffset: number, payload: Payload, now: number): void {
    this.context.deliver(dataOffset, payload, now);
  }

  onDataFin(dataOffset: number, now: number): void {
    this.context.onDataFin(dataOffset, now);
  }

  /** In-order bytes that no mapping covers (RFC 8684 §3.3.1, §3.7). */
  onUnmapped(rest: Payload, offset: number, total: number, now: number): boolean {
    const { context, tcp } = this;
    if (this.first && context.mayFallBack && offset === 0 && context.receiver.next === 0) {
      // Options pass on SYNs but not on data.
      context.fallBack("options_lost_on_data", now);
      tcp.owner.onData(tcp, rest, offset, now);
      return false;
    }
    context.counters.increment("MPTcpExtDSSNoMapping");
    if (total <= context.receiver.limit) return true;
    this.reset("no_mapping", MP_RESET_REASON.middleboxInterference, now);
    return false;
  }

  onMismatch(dataOffset: number, subflowOffset: number, now: number): void {
    this.context.failure.onMismatch(this, dataOffset, subflowOffset, now);
  }

  onMoreData(tooMuch: boolean, now: number): void {
    this.context.failure.onMoreData(this, tooMuch, now);
  }

  note(event: "beyond_window" | "too_many_mappings" | "mapping_conflict"): void {
    const { counters, log } = this.context;
    switch (event) {
      case "beyond_window":
        counters.increment("MPTcpExtNoDSSInWindow");
        break;
      case "too_many_mappings":
        log.observe(this, { kind: "segment_dropped", reason: "too_many_mappings" });
        break;
      case "mapping_conflict":
        counters.increment("MPTcpExtDSSNotMatching");
        break;
    }
  }

  // ---- OpeningOwner

  get config(): MptcpConfig {
    return this.context.config;
  }
  get counters(): Counters {
    return this.context.counters;
  }
  get synRetransmissions(): number {
    return this.tcp.synRetransmissions;
  }
  get finDue(): boolean {
    return this.context.sender.finDue;
  }

  onAgreed(flags: number, key: Uint8Array): void {
    this.context.onAgreed(flags, key);
  }

  onKeysReturned(flags: number, key: Uint8Array): void {
    this.context.onKeysReturned(flags, key);
  }

  fallBack(reason: FallbackReason, now: number): void {
    this.context.fallBack(reason, now);
  }

  onProgress(): void {
    this.state = this.opening.stage;
  }

  onJoinVerified(): void {
    this.context.onJoinVerified(this.tcp);
  }

  onJoined(now: number): void {
    this.state = this.opening.stage;
    this.context.onJoined(this, now);
  }

  // ---- inside: what it notices

  /** A subflow named in a REMOVE_ADDR still works: it stays (RFC 8684 §3.4.2). */
  private keep(): void {
    this.removal = null;
    this.deadlines.clear(SUBFLOW_DEADLINE.removal);
    this.context.subflowsChanged();
  }

  private onTimeout(): void {
    const { context } = this;
    if (this.state !== "established" || this.isStale) return;
    this.isStale = true;
    context.counters.increment("MPTcpExtSubflowStale");
    context.subflowsChanged();
    context.sender.reinject(this, "rto");
  }

  /**
   * It went silent: what it carries is sent on others at once, so that a dead path costs two round trips and not a timeout on top. It stays in
   * use, since its data may merely be late. Backups are not used while a path may merely be late (RFC 8684 §3.3.8): where the others are
   * backups, they wait until the retransmission timeout would have come, which the probe has put off.
   */
  private onSilent(now: number): void {
    const { context } = this;
    if (this.state !== "established" || this.isStale) return;
    switch (context.othersFor(this)) {
      case "usable":
        context.sender.reinject(this, "tail_loss_probe");
        context.mark();
        break;
      case "waiting":
        this.deadlines.set(SUBFLOW_DEADLINE.silence, now + Math.max(0, Math.ceil(this.tcp.rto - 2 * this.srtt)));
        break;
      case "none":
        break;
    }
  }

  // ---- inside: what we say

  private writeReset(segment: TcpSegment): void {
    const { session } = this.context;
    if (this.fastclose && session.remoteKnown) this.writeFastclose(segment);
    else if (this.resetReason >= 0 && session.version.explainsResets) {
      const reset: MptcpOption = { kind: "mp_tcprst", transient: false, reserved: 0, reason: this.resetReason };
      // RFC 8684 §3.7: what the peer sent from here on is not trusted.
      segment.mptcp = this.failedAt >= 0 ? [mpFail(session, this.failedAt), reset] : [reset];
    }
  }

  /** RFC 8684 §3.5; counted by segment, as Linux does. */
  private writeFastclose(segment: TcpSegment): void {
    const { counters, session } = this.context;
    counters.increment("MPTcpExtMPFastcloseTx");
    segment.mptcp = [{ kind: "mp_fastclose", receiverKey: session.remote.key }];
  }

  private writeDss(segment: TcpSegment, role: SegmentRole, tag: object | null, space: number, now: number): void {
    const { context } = this;
    const { sender, session } = context;
    const dss = dssWithAck(session, context.receiver.acknowledgment);
    if (tag instanceof SentMapping) addMapping(dss, session, tag);
    else if (sender.takeFin()) addDataFin(dss, session, sender.finOffset);
    if (context.hasSignals) {
      if (role === SEGMENT_ROLE.data) {
        // Signals go on pure ACKs (RFC 8684 §3.4.1); this segment took the place of the one that was asked for.
        this.tcp.requestAck();
      } else if (role === SEGMENT_ROLE.ack) {
        const signal = context.takeSignal(this, space, now);
        if (signal !== null && mptcpOptionLength(signal) + mptcpOptionLength(dss) > space) {
          // No room for both: the Data ACK, and perhaps the DATA_FIN, follow on an ACK of their own.
          if (dss.dataFin) sender.returnFin();
          this.tcp.requestAck();
          segment.mptcp = [signal];
          return;
        }
        if (signal !== null) {
          segment.mptcp = [dss, signal];
          return;
        }
      }
    }
    segment.mptcp = [dss];
  }

  // ---- inside: the end

  /** `text`: the reason in full, for the decision log. */
  private leave(reason: SubflowEndReason, text: string, error: CloseReason | null, now: number): void {
    if (!this.isLive) return;
    this.state = "closed";
    this.deadlines.close();
    this.removal = null;
    this.tcp.congestion.release();
    this.context.onSubflowEnded(this, reason, text, error, now);
    this.sentMappings.clear();
  }
}
