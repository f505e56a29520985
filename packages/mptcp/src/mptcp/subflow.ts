import { SUBFLOW_END_REASONS, type CloseReason, type Counters, type Deadlines, type Reason, type SubflowEndReason } from "../core/index.ts";
import { SEGMENT_ROLE, type CongestionControlFactory, type CouplingGroup, type FourTuple, type SegmentRole, type SegmentSlot, type StreamBuffers, type TcpConnection, type TcpOwner } from "../tcp/index.ts";
import { MP_RESET_REASON, TCP_OPTION_SPACE, type MpReset, type Payload, type TcpSegment } from "../wire/index.ts";
import type { MptcpConfig } from "./config.ts";
import type { Carrier, InboundOwner } from "./context.ts";
import { noteFault, type DataFault } from "./data/faults.ts";
import { Inbound } from "./data/inbound.ts";
import { SentMapping, SentMappings } from "./data/mappings.ts";
import { headerGrowth } from "./data/option-space.ts";
import type { DataReceiver } from "./data/receiver.ts";
import { Span } from "./data/span.ts";
import { SUBFLOW_DEADLINE, SUBFLOW_DEADLINES } from "./deadlines.ts";
import type { FailureSubflow } from "./ending/checksum-failure.ts";
import type { EndingSubflow } from "./ending/ending.ts";
import { LateJoin } from "./ending/late-join.ts";
import { isMute } from "./ending/left.ts";
import { OptionLoss, type OptionLossSubflow } from "./ending/option-loss.ts";
import type { PatienceSubflow } from "./ending/patience.ts";
import { EarlyData } from "./handshake/early-data.ts";
import { CapableOpening, JoinOpening, type Opening, type OpeningOwner } from "./handshake/opening.ts";
import type { SubflowView } from "./info.ts";
import { OptionReader } from "./option-reader.ts";
import { writeDss, writeFastclose, writeReset } from "./option-writer.ts";
import type { PathSubflow } from "./paths/paths.ts";
import { LifeCheck, type SilentSubflow } from "./paths/silence.ts";
import { RemovalCheck } from "./paths/removal-check.ts";
import { Staleness, type StaleSubflow } from "./paths/staleness.ts";
import type { Session } from "./session.ts";
import type { SubflowContext, SubflowOptions } from "./subflow-context.ts";
import { equalOctets } from "./version/keys.ts";

/**
 * Where a subflow stands. `pre-established` is the initiator of a join whose third ACK is not confirmed yet: it may not
 * send data (RFC 8684 §3.2).
 */
type SubflowPhase = "handshake" | "pre-established" | "established" | "closed";

/**
 * One subflow: the owner of a regular TCP connection on behalf of an MPTCP connection. It translates between subflow sequence and data
 * sequence, reads and writes the options, and tells the connection what happened; nobody else writes its state.
 */
export class Subflow implements TcpOwner, Carrier, InboundOwner, OpeningOwner, EndingSubflow, FailureSubflow, OptionLossSubflow, PatienceSubflow, PathSubflow, SilentSubflow, StaleSubflow, SubflowView {
  readonly pathIndex: number;
  readonly first: boolean;
  readonly initiator: boolean;
  readonly localAddressId: number;
  readonly context: SubflowContext<Subflow>;
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
  /** What of the last of them is still to be sent. */
  private span: Span | null = null;
  private readonly inbound: Inbound;
  private readonly reader: OptionReader;
  private readonly staleness: Staleness<Subflow>;
  private readonly optionLoss: OptionLoss;
  /** Asked for the first time when it is silent while others carry data. */
  private life: LifeCheck | null = null;
  private penalisedAt = Number.NEGATIVE_INFINITY;
  private reinjectedBytes = 0;
  /** Pieces of data without a mapping since the last one with. */
  private unmappedPieces = 0;
  /** What went with the SYNs. */
  readonly early = new EarlyData();
  /** Named in a REMOVE_ADDR (§3.4.2): the check of whether it is gone. */
  private removal: RemovalCheck | null = null;

  // the end
  /** Reason for MP_TCPRST on the RST of the TCP connection; -1 for none. */
  private resetReason = -1;
  /** Whether that says that the condition passes (flag T). */
  private resetPasses = false;
  /** The RST, or an ACK, is to carry MP_FASTCLOSE. */
  private fastclose = false;
  /** It is to close; what was written until then, and Nagle's algorithm holds back, goes before its FIN. One mapping covers it, where mappings span writes. */
  private hasLastMapping = false;
  /** The join that goes on without it, until its third ACK comes. */
  private heir: LateJoin | null = null;
  /** It ended since its path drops options. */
  private hasLostOptions = false;

  constructor(context: SubflowContext<Subflow>, options: SubflowOptions) {
    this.context = context;
    this.deadlines = context.deadlines.branch(SUBFLOW_DEADLINES);
    this.inbound = new Inbound(this);
    this.reader = new OptionReader(context, this, this.inbound);
    this.optionLoss = new OptionLoss(context, this, this.reader);
    this.staleness = new Staleness<Subflow>(context, this);
    this.pathIndex = options.pathIndex;
    this.first = options.first;
    this.initiator = options.initiator;
    this.localAddressId = options.localAddressId;
    this.weAskBackup = options.backup;
    this.opening = options.first ? new CapableOpening(this, options.triesEarlier === true) : new JoinOpening(this, options);
  }

  /** Binds the subflow to its TCP connection. Call once. */
  attach(tcp: TcpConnection): void {
    this.connection = tcp;
    // The window is the connection's: what arrives on one subflow moves the right edge of all (RFC 8684 §3.3.4).
    const { config, connectionId, sender } = this.context;
    const measuresHandshake = this.first || this.initiator || config.joinRoundTrip === "handshake";
    tcp.serve({ connectionId, subflowId: this.pathIndex, noDelay: sender.sendsSmall, sharedWindow: true, answersBySyn: config.halfOpenAnswer === "syn_ack", measuresHandshake });
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
  /** A join of ours whose third ACK is not confirmed yet. */
  get undecided(): boolean {
    return this.state === "pre-established";
  }
  get isLive(): boolean {
    return this.state !== "closed";
  }
  /** A join that arrived and whose third ACK has not: anybody who knows the token may have sent its SYN. */
  get unverified(): boolean {
    return !this.first && !this.initiator && this.state === "handshake";
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
  get baseRto(): number {
    return this.tcp.rtt.rto;
  }
  get heardAt(): number {
    return this.tcp.established ? this.tcp.lastHeard : -1;
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
    return this.staleness.isStale;
  }
  get sent(): SentMappings {
    return this.sentMappings;
  }
  /** Bytes that it has declared a mapping for and not given to its TCP. */
  get declared(): number {
    return this.span === null ? 0 : this.span.length;
  }
  get receivedOffset(): number {
    return this.tcp.receivedOffset - this.early.received;
  }
  get failedAt(): number {
    return this.inbound.failedAt;
  }
  get latestMapped(): number {
    return this.inbound.latestMapped;
  }
  get hasVerified(): boolean {
    return this.inbound.hasVerified;
  }
  get mappedEnd(): number {
    return this.inbound.mappedEnd;
  }
  get peerFinished(): boolean {
    return this.tcp.peerFinished;
  }
  /** Whether its last ACKs came without options, and it is not clear yet why. */
  get inDoubt(): boolean {
    return this.reader.bareSegments > 0;
  }
  get isBreakingOff(): boolean {
    return this.fastclose;
  }
  /** Whether the peer may take a join for established that was never confirmed to us. */
  get mayBeConfirmed(): boolean {
    return this.opening.mayBeConfirmed;
  }
  /** Whether its TCP connection serves a join that nothing comes of. */
  get hasHeir(): boolean {
    return this.heir !== null;
  }
  /** Whether it ended because its path drops options, as this end or the peer has found. */
  get lostOptions(): boolean {
    return this.hasLostOptions;
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
    return this.state === "established" && this.removal === null && !this.tcp.finSent && (!this.tcp.closing || this.hasLastMapping);
  }

  get mayRevert(): boolean {
    return this.mayFallBack && this.contiguous;
  }

  get contiguous(): boolean {
    return this.receivedOffset - this.inbound.held === this.context.receiver.nxt;
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

  /** Data was written that a SYN which has not left yet may carry. */
  wakeSyn(): void {
    if (this.tcp.fastOpen !== null && this.tcp.state === "SYN-SENT") this.tcp.wake();
  }

  requestAck(): void {
    this.tcp.requestAck();
  }

  requestAckAhead(): void {
    this.tcp.requestAckAhead();
  }

  sendProbe(now: number): void {
    this.tcp.sendProbe(now);
  }

  retryNow(now: number): void {
    this.tcp.retryNow(now);
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

  /** The third ACK of a join that arrived has to come by then, ns. */
  awaitAck(until: number): void {
    this.deadlines.set(SUBFLOW_DEADLINE.verification, until);
  }

  /** A newer join needs the room of this one, whose third ACK has not come. */
  displace(now: number): void {
    if (this.heir !== null) this.heir.displace(now);
    else this.reset("join_displaced", MP_RESET_REASON.lackOfResources, now);
  }

  /** The peer removed the address that it leads to: asks on the path whether it is gone (RFC 8684 §3.4.2). */
  askWhetherGone(now: number): void {
    this.removal ??= new RemovalCheck(this.tcp, this.deadlines, now);
    this.context.subflowsChanged();
  }

  /** Its address goes, at either end, and it is closed without a question. */
  closeRemoved(now: number): void {
    if (this.context.config.removedAddress === "close") this.tcp.requestAckAhead();
    this.close(now);
  }

  lookForLife(now: number): void {
    if (this.removal !== null || this.tcp.closing) return;
    const { tcp } = this;
    this.life ??= new LifeCheck();
    switch (this.life.look(tcp.lastHeard, tcp.receivedOffset + tcp.ackedOffset, this.baseRto, now)) {
      case "ask":
        this.context.counters.increment("TcpExtTCPKeepAlive");
        tcp.sendProbe(now);
        break;
      case "gone":
        // By a RST without a reason: it is no reason to keep off that path.
        this.end("silent", now);
        break;
      case "nothing":
        break;
    }
  }

  close(now: number): void {
    this.hasLastMapping = !this.tcp.closing && this.mayCarryData && this.config.mappingSpan === "write" && this.context.sender.unsent > 0;
    // No application waits on a subflow: a peer that does not answer its FIN is not waited for.
    this.tcp.abandon(now);
    this.context.subflowsChanged();
  }

  reset(reason: SubflowEndReason, code: number, now: number): void {
    if (!this.isLive) return;
    const { counter, transient }: Reason = SUBFLOW_END_REASONS[reason];
    this.resetReason = code;
    this.hasLostOptions = OPTIONS_LOST.has(reason);
    this.resetPasses = transient ?? false;
    if (counter !== null) this.context.counters.increment(counter);
    this.context.counters.increment("MPTcpExtMPRstTx");
    this.end(reason, now);
  }

  breakOff(reason: SubflowEndReason, now: number): void {
    // RFC 8684 §3.5: MP_FASTCLOSE says the peer's key, which is not for who has proven nothing yet.
    this.fastclose = !this.unverified;
    this.end(reason, now);
  }

  askToBreakOff(): void {
    this.fastclose = true;
    this.tcp.requestAck();
  }

  end(reason: SubflowEndReason, now: number): void {
    if (!this.isLive) return;
    const handshake = this.state !== "established";
    if (this.unverified && this.resetReason < 0 && this.config.joinRefusal === "ack") this.leaveToItself();
    else this.tcp.abort(now, true);
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
    this.state = "closed";
    this.deadlines.close();
    return this.inbound.handOver(this.context.receiver.nxt);
  }

  // ---- time

  handleTimeout(now: number): void {
    this.opening.handleTimeout(now);
    if (this.deadlines.take(SUBFLOW_DEADLINE.verification, now)) this.reset("join_expired", MP_RESET_REASON.lackOfResources, now);
    if (this.deadlines.take(SUBFLOW_DEADLINE.silence, now)) this.staleness.onTimeout(1, now);
    if (this.deadlines.take(SUBFLOW_DEADLINE.doubt, now)) this.optionLoss.judge(now);
    if (this.deadlines.take(SUBFLOW_DEADLINE.removal, now) && this.removal !== null && !this.removal.askAgain(now)) {
      this.reset("remove_addr", MP_RESET_REASON.unspecified, now);
    }
  }

  // ---- TcpOwner: sending

  dataOptionSpace(): number {
    const { session } = this.context;
    // MP_CAPABLE with data, 22 octets or 24, replaces the first DSS (RFC 8684 §3.1).
    if (session.version.dataCarriesKeys && this.first && this.initiator && !session.fullyEstablished) return headerGrowth(Math.max(session.checksums ? 24 : 22, session.dssLength), this.tcp);
    return headerGrowth(session.dssLength, this.tcp);
  }

  mayOffer(): boolean {
    return this.span !== null || this.context.sender.mayOffer;
  }

  offer(_tcp: TcpConnection, limit: number, now: number): number {
    // What was declared comes first, also on a subflow that gets nothing new any more.
    if (this.span !== null) return Math.min(limit, this.span.length);
    if (!this.mayCarryData || this.context.closed) return 0;
    const length = this.context.sender.offer(this, limit, now);
    if (length === 0) this.endMappings();
    return length;
  }

  take(_tcp: TcpConnection, offset: number, length: number, now: number, slot: SegmentSlot): void {
    if (this.span !== null) {
      this.takeDeclared(this.span, length, slot);
      return;
    }
    const { sender } = this.context;
    if (sender.take(this, offset - this.early.sent, length, now, slot)) this.reinjectedBytes += length;
    this.endMappings();
    const mapping = slot.tag as SentMapping;
    this.sentMappings.push(mapping);
    if (sender.rest === null) return;
    this.span = new Span(mapping, sender.rest, slot.push);
    slot.push = false;
  }

  synData(_tcp: TcpConnection, most: number): Payload | null {
    return this.context.sender.early(most);
  }

  onSynDataAcknowledged(_tcp: TcpConnection, length: number): void {
    this.early.sent = length;
    this.context.sender.forgetEarly(length);
  }

  onOpenedEarly(_tcp: TcpConnection, length: number, now: number): void {
    this.early.received = length;
    this.context.onOpenedEarly(now);
  }

  peerWindow(): number {
    const { config, sender } = this.context;
    return config.peerWindow === "shared" && sender.unsent > 0 ? sender.right - sender.nxt : 0;
  }

  get waitsForRoom(): boolean {
    return this.context.sender.waitsForRoom;
  }

  /** What arrives goes on to the connection at once. */
  unreadBytes(): null {
    return null;
  }

  receiveWindow(): number {
    return this.context.receiver.advertise();
  }

  buffers(): StreamBuffers {
    const { receiver, sender } = this.context;
    return { sendBuffer: sender.limit, receiveBuffer: receiver.limit, unsent: sender.unsent, readPerRound: receiver.readPerRound };
  }

  reassemblyMemory(tcp: TcpConnection): number {
    return this.context.reassemblyMemory(tcp);
  }

  segmentOptions(tcp: TcpConnection, segment: TcpSegment, role: SegmentRole, tag: object | null, offset: number, space: number, now: number): void {
    switch (role) {
      case SEGMENT_ROLE.syn:
        this.opening.writeSyn(segment);
        return;
      case SEGMENT_ROLE.synAck:
        this.opening.writeSynAck(segment);
        return;
      case SEGMENT_ROLE.reset:
        writeReset(this.context, { isFastclose: this.fastclose, reason: this.resetReason, passes: this.resetPasses, failedAt: this.failedAt }, segment);
        return;
      default:
    }
    const { session } = this.context;
    if (!session.remoteKnown || isMute(this.context, tcp, role)) return;
    if (this.fastclose) {
      writeFastclose(this.context, segment);
      return;
    }
    if (this.opening.write(segment, tag, offset)) return;
    writeDss(this.context, this, segment, role, tag, space, now);
  }

  // ---- TcpOwner: arrivals

  onSegment(_tcp: TcpConnection, segment: TcpSegment, at: number, now: number): boolean {
    const offset = at - this.early.received;
    // What arrives on one subflow may unblock another (draft-barre §3.5.2).
    this.context.mark();
    this.reader.begin(segment);
    if (this.state !== "established") {
      const verdict = this.opening.read(segment, offset, now);
      if (verdict !== "next") return verdict === "accept";
    }
    if (this.staleness.isStale) this.staleness.onSignOfLife(now);
    if (this.first && this.initiator && !this.context.session.fullyEstablished && this.reader.disowns(segment, offset, now) && this.revert(now)) return true;
    if (this.removal !== null && this.removal.isDisprovedBy(segment, now)) this.keep();
    return segment.mptcp.length > 0 ? this.reader.read(segment, offset, now) : this.optionLoss.onBareSegment(segment, offset, now);
  }

  onData(_tcp: TcpConnection, payload: Payload, at: number, now: number): void {
    const offset = at - this.early.received;
    if (offset < 0) {
      this.context.deliverEarly(payload, now);
      return;
    }
    this.context.onArrival(this);
    if (this.weAskBackup) this.context.paths.signals.onDataOnBackup(this, now);
    this.inbound.onData(payload, offset, now);
  }

  onFin(tcp: TcpConnection, now: number): void {
    this.context.takeHeldEnd(now);
    const { failure } = this.context;
    const hasFailed = failure.isWaiting(this);
    if (hasFailed || (this.optionLoss.finIsBare && this.mayRevert && this.context.config.subflowFin === "always")) {
      if (hasFailed) failure.revert(now);
      else this.context.fallBack("options_lost", now);
      // The FIN is regular TCP's, which owns the connection now.
      tcp.owner.onFin(tcp, now);
      return;
    }
    // A FIN concerns its subflow alone (RFC 8684 §3.3.3): close our side of it too. Of a peer that has said all it had to say it ends the last subflow
    // only in its own direction: what we have to say follows, and our FIN after it.
    const { closed, config, receiver, sender } = this.context;
    if (config.subflowFin === "open" && !closed) {
      if (!sender.finSent && !receiver.finReached && this.inbound.held === 0 && !this.reader.hadFinAlone) this.close(now);
    } else if (closed || !receiver.finReached || this.context.othersFor(this) !== "none") this.close(now);
  }

  onAcknowledged(_tcp: TcpConnection, upTo: number, now: number): void {
    const to = upTo - this.early.sent;
    this.staleness.onAcknowledged();
    if (!this.optionLoss.isDisproven && to > 0 && !this.optionLoss.onFirstAcknowledged(now)) return;
    this.sentMappings.acknowledge(to);
    if (this.context.sender.isCovered) this.onAllCovered();
  }

  /** All data that was ever sent has its Data ACK: nobody will ask who carried it. */
  onAllCovered(): void {
    if (this.sentMappings.size === 0) this.sentMappings.clear();
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
    this.staleness.onSilent(now);
    this.context.settle(now);
  }

  onRetransmissionTimeout(_tcp: TcpConnection, consecutive: number, now: number): void {
    this.staleness.onTimeout(consecutive, now);
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
        if (option.kind === "mp_tcprst" && session.version.explainsResets) {
          counters.increment("MPTcpExtMPRstRx");
          this.onExplainedReset(option, reason, now);
          return;
        }
      }
      // With its SYN+ACK the peer spoke Multipath TCP, and a RST of its own would say why.
      this.hasLostOptions = this.undecided && segment.mptcp.length === 0;
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
    this.hasLostOptions = option.reason === MP_RESET_REASON.middleboxInterference;
    this.leave(reason, `${reason}_${option.reason}`, error, now);
  }

  // ---- InboundOwner

  deliver(dataOffset: number, payload: Payload, now: number): void {
    this.context.deliver(dataOffset, payload, now);
  }

  onDataFin(dataOffset: number, onData: boolean, now: number): void {
    this.context.onDataFin(dataOffset, onData, now);
  }

  revert(now: number): boolean {
    if (!this.mayFallBack) return false;
    this.context.fallBack("options_lost", now, this.context.receiver.nxt - this.receivedOffset);
    return true;
  }

  /** In-order bytes that no mapping covers (RFC 8684 §3.3.1, §3.7). */
  onUnmapped(rest: Payload, offset: number, total: number, now: number): boolean {
    const { context, tcp } = this;
    const isLenient = context.config.mappingFaults === "regular" && !context.closed;
    if (this.mayFallBack && (isLenient || offset === context.receiver.nxt)) {
      // The one stream that there is goes on without mappings.
      context.fallBack(offset === 0 ? "options_lost_on_data" : "options_lost", now, context.receiver.nxt - offset);
      tcp.owner.onData(tcp, rest, offset + this.early.received, now);
      return false;
    }
    context.counters.increment("MPTcpExtDSSNoMapping");
    if (isLenient) {
      const { middleboxInterference, mptcpSpecific, unspecified } = MP_RESET_REASON;
      this.reset("no_mapping", this.inbound.prolong(rest, now) ? unspecified : this.reader.segmentHadMapping ? mptcpSpecific : middleboxInterference, now);
      return false;
    }
    // Sent again on another subflow it may come with a mapping. Here it did not, time after time.
    const pieces = Math.max(++this.unmappedPieces, context.countUnmapped());
    if (total <= context.receiver.limit && pieces < context.config.unmappedPieces) return true;
    this.reset("no_mapping", MP_RESET_REASON.middleboxInterference, now);
    return false;
  }

  onMapped(): void {
    this.unmappedPieces = 0;
  }

  onMismatch(dataOffset: number, subflowOffset: number, now: number): void {
    this.context.failure.onMismatch(this, dataOffset, subflowOffset, now);
  }

  onMoreData(tooMuch: boolean, now: number): void {
    this.context.failure.onMoreData(this, tooMuch, now);
  }

  note(fault: DataFault, now: number): void {
    noteFault(fault, this.context, this, now);
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
  get finSent(): boolean {
    return this.context.sender.finSent;
  }
  get signalDue(): boolean {
    return this.context.hasSignals && this.context.waitsFor(this, TCP_OPTION_SPACE);
  }

  refuseSynAck(segment: TcpSegment, now: number): boolean {
    // What went with the SYN would come twice.
    if (this.tcp.fastOpen !== null) return false;
    this.tcp.refuseSynAck(segment, now);
    return true;
  }

  onProgress(): void {
    this.state = this.opening.stage;
  }

  whyNotJoin(): SubflowEndReason | null {
    return this.context.whyNotJoin(this);
  }

  onJoinVerified(): void {
    this.deadlines.clear(SUBFLOW_DEADLINE.verification);
    this.context.onJoinVerified(this.tcp);
  }

  onJoined(now: number): void {
    this.state = this.opening.stage;
    this.context.onJoined(this, now);
  }

  // ---- inside: what it notices

  /** Whether the connection never had, and does not get, another subflow, and sent nothing twice: both levels count alike (RFC 8684 §3.7). */
  private get mayFallBack(): boolean {
    const { context } = this;
    return this.first && context.mayFallBack && !context.closed && !context.sender.reinjected && !context.joinUndecided;
  }

  /** A subflow named in a REMOVE_ADDR still works: it stays (RFC 8684 §3.4.2). */
  private keep(): void {
    this.removal = null;
    this.deadlines.clear(SUBFLOW_DEADLINE.removal);
    this.context.subflowsChanged();
  }

  /** Its last mapping, if it was to have one more, is there, or there is nothing for it to cover. */
  private endMappings(): void {
    if (this.hasLastMapping) this.context.subflowsChanged();
    this.hasLastMapping = false;
  }

  private takeDeclared(span: Span, length: number, slot: SegmentSlot): void {
    slot.tag = span.mapping;
    slot.push = span.pushesAfter(length);
    slot.payload = span.take(length);
    if (span.length === 0) this.span = null;
  }

  // ---- inside: the end

  /** The connection has no use for it, and nobody has proven anything yet: its third ACK is what is refused. */
  private leaveToItself(): void {
    const { nonces } = this.opening;
    if (nonces === null) return;
    this.heir = new LateJoin(this.context, { nonces, addressId: this.localAddressId, backup: this.weAskBackup, window: this.receiveWindow() });
    this.heir.attach(this.tcp);
  }

  /** `text`: the reason in full, for the decision log. */
  private leave(reason: SubflowEndReason, text: string, error: CloseReason | null, now: number): void {
    if (!this.isLive) return;
    const verified = !this.unverified;
    this.state = "closed";
    this.deadlines.close();
    this.removal = null;
    this.span = null;
    this.tcp.congestion.release();
    this.context.onSubflowEnded(this, verified, reason, text, error, now);
    this.sentMappings.clear();
  }
}

/** Ends of a subflow that show that options do not pass on its path. */
const OPTIONS_LOST: ReadonlySet<SubflowEndReason> = new Set(["no_mapping", "no_data_ack", "options_lost", "no_mp_join_in_ack"]);
