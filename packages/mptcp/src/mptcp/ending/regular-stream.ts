import type { CloseReason, Counters, FallbackReason } from "../../core/index.ts";
import { MptcpError } from "../../core/index.ts";
import type { BufferConfig, CongestionControlFactory, CouplingGroup, KeepAlive, SegmentRole, SegmentSlot, SendQueue, StreamBuffers, StreamReadiness, StreamSettings, TcpConnection, TcpOwner } from "../../tcp/index.ts";
import { changesWindow, isEnoughToRead, isRoomy, readinessOf, reassemblyMemory, roomIn, SEGMENT_ROLE, sizeWithin, STREAM_EVENT, windowOfPath, withoutQueue } from "../../tcp/index.ts";
import type { TcpSegment } from "../../wire/index.ts";
import { Payload } from "../../wire/index.ts";
import { INFINITE_MAPPING_LENGTH, infiniteMapping } from "../data/dss.ts";
import { headerGrowth } from "../data/option-space.ts";
import type { UnreadStream } from "../data/receiver.ts";
import type { UnsentStream } from "../data/sender-options.ts";
import type { DecisionLog } from "../decision-log.ts";
import type { SubflowView } from "../info.ts";
import type { Session } from "../session.ts";
import { mpFail } from "./checksum-failure.ts";

/** What a stream of regular TCP asks of the connection around it. */
export interface RegularContext {
  readonly log: DecisionLog;
  readonly counters: Counters;
  readonly sendBuffer: BufferConfig;
  /** What controls the congestion, and the group that the controller may join. */
  readonly congestion: CongestionControlFactory;
  readonly couplingGroup: CouplingGroup;
  /** Notes an event for the application (STREAM_EVENT). */
  raise(event: number): void;
  /** The handshake is complete. */
  onEstablished(now: number): void;
  /** Nothing of the connection is needed any more. */
  forget(): void;
}

/** What regular TCP takes over from Multipath TCP. */
export interface HandOver {
  readonly reason: FallbackReason;
  readonly tcp: TcpConnection;
  /** TCP connections of joins that were under way. They are reset, and have nothing to do any more but to send their RST. */
  readonly joins: readonly TcpConnection[];
  readonly session: Session;
  readonly unsent: UnsentStream;
  readonly unread: UnreadStream;
  /** Data that was held back, and the data offset of its first byte. */
  readonly held: { readonly pieces: readonly Payload[]; readonly dataOffset: number };
  /** Data offset of subflow offset 0 in what arrives. */
  readonly arrivingOffset: number;
  /** Octets of the subflow that went on the SYN and lie before data offset 0. */
  readonly sentEarly: number;
  /** Whether the handshake was over: the peer may be told by an infinite mapping (RFC 8684 §3.7). */
  readonly isEstablished: boolean;
  /** Whether the peer is told. */
  readonly declares: boolean;
  /** With a Data ACK, the last one, beside the infinite mapping. */
  readonly acknowledges: boolean;
  /** The offset that the infinite mapping reaches back to; -1: what the subflow has acknowledged. */
  readonly infiniteFrom: number;
  /** What was taken for sending at once is not put together with what was taken at another time; see `MptcpConfig.mappingSpan`. */
  readonly keepsWritesApart: boolean;
  /** MP_FAILs that are still answered, and whether one is due at once. */
  readonly answers: number;
  readonly answerNow: boolean;
}

/**
 * A connection that has become regular TCP (RFC 8684 §3.7): a plain stream over its first subflow, whose TCP connection it owns from here on.
 * Nothing of Multipath TCP is asked any more; what is left of it are an infinite mapping and answers to MP_FAIL.
 */
export class RegularStream implements TcpOwner, SubflowView {
  readonly pathIndex = 1;
  readonly first = true;
  readonly localAddressId = 0;
  readonly remoteAddressId = 0;
  readonly backup = false;
  readonly stale = false;
  readonly bytesReinjected = 0;
  readonly fallback: FallbackReason;
  readonly tcp: TcpConnection;
  private readonly context: RegularContext;
  private readonly session: Session;

  // what is sent
  private readonly queue: SendQueue;
  private nxt: number;
  private una: number;
  private limit: number;
  private ending: boolean;
  private applicationWaits: boolean;
  private unsentLowWater: number;
  private drained = false;
  private sentAt: number;
  private acknowledgedAt: number;
  /** Data segments carry the infinite mapping, until one that never went without it is acknowledged. */
  private isDeclaring: boolean;
  private hasDeclared = false;
  private readonly acknowledges: boolean;
  private readonly keepsWritesApart: boolean;
  /** The subflow offset that the infinite mapping begins at, and the one up to which segments left without it. */
  private readonly infiniteFrom: number;
  private readonly sentWithout: number;

  // what arrives
  private readonly unread: UnreadStream;
  private received: number;
  private finReached: boolean;
  private receivedAt: number;
  private isDiscarding: boolean;
  private readLowWater: number;
  private readonly arrivingOffset: number;
  private readonly sentEarly: number;

  private answers: number;
  private answeredAt: number;
  private answerDue: boolean;

  private isEstablished: boolean;
  /** It was regular TCP before its handshake, which the peer began, was over: Linux has it as a socket of TCP. */
  private readonly fellOpening: boolean;
  private isClosed = false;
  private reason: CloseReason | null = null;
  private isForgotten = false;

  constructor(context: RegularContext, from: HandOver, now: number) {
    const { unsent, unread } = from;
    this.context = context;
    this.fallback = from.reason;
    this.tcp = from.tcp;
    this.session = from.session;
    this.queue = unsent.queue;
    this.nxt = unsent.nxt;
    this.una = unsent.una;
    this.limit = unsent.limit;
    this.ending = unsent.isEnding;
    this.applicationWaits = unsent.applicationWaits;
    this.unsentLowWater = unsent.unsentLowWater;
    this.sentAt = unsent.lastSentAt;
    this.acknowledgedAt = unsent.lastAcknowledgedAt;
    this.isDeclaring = from.isEstablished && from.declares;
    this.acknowledges = from.acknowledges;
    this.infiniteFrom = from.infiniteFrom >= 0 ? from.infiniteFrom : from.tcp.ackedOffset - from.sentEarly;
    this.sentWithout = from.tcp.nextOffset;
    this.unread = unread;
    this.received = unread.nxt;
    this.finReached = unread.finReached;
    this.receivedAt = unread.lastReceivedAt;
    this.isDiscarding = unread.isDiscarding;
    this.readLowWater = unread.readLowWater;
    this.arrivingOffset = from.arrivingOffset;
    this.sentEarly = from.sentEarly;
    this.answers = from.answers;
    this.answeredAt = now;
    this.answerDue = false;
    this.isEstablished = from.isEstablished;
    this.fellOpening = !from.isEstablished && !from.session.initiator;
    this.keepsWritesApart = from.keepsWritesApart && !this.fellOpening;
  }

  /** Begins, once it is the owner of its TCP connection. */
  start(from: HandOver, now: number): void {
    const { hasMore, isCorked } = from.unsent;
    if (hasMore || isCorked) this.tcp.holdBack(isCorked, hasMore);
    let at = from.held.dataOffset;
    for (const piece of from.held.pieces) {
      this.insert(at, piece, now);
      at += piece.length;
    }
    if (!this.isEstablished) return;
    // RFC 8684 §3.7: from here on the subflow's ACKs clear the send buffer.
    this.onAcknowledged(this.tcp, this.tcp.ackedOffset, now);
    if (this.ending) this.tcp.close(now);
    if (from.answerNow) this.answer(now);
    // A peer that waits for a Data ACK, and has nothing to send, learns by an ACK without one.
    if (from.declares) this.tcp.requestAck();
    this.tcp.wake();
  }

  // ---- what can be read

  /** The TCP connection, as the subflow that it was; none once it is over. */
  get subflows(): readonly SubflowView[] {
    return this.isForgotten ? [] : [this];
  }
  get initiator(): boolean {
    return this.session.initiator;
  }
  get established(): boolean {
    return this.isEstablished;
  }
  get mayCarryData(): boolean {
    return this.isEstablished && !this.isClosed && !this.tcp.finSent;
  }
  get closed(): boolean {
    return this.isClosed;
  }
  get error(): CloseReason | null {
    return this.reason;
  }
  get writable(): number {
    return this.isClosed || this.ending ? 0 : roomIn(this.limit, this.queue.length, this.unsent, this.unsentLowWater);
  }
  get readable(): number {
    return this.unread.queue.length;
  }
  get ended(): boolean {
    return this.unread.queue.length === 0 && (this.finReached || this.isDiscarding || this.isClosed);
  }
  get unsent(): number {
    return this.queue.end - this.nxt;
  }
  get readiness(): StreamReadiness {
    const { ending: isEnding, isClosed, isEstablished: isOpen, readable, reason: error } = this;
    return readinessOf({ isOpen, isClosed, error, hasEnoughToRead: this.hasEnoughToRead, readable, isPeerEnded: this.finReached || this.isDiscarding, isEnding, hasRoom: this.isRoomy });
  }
  get small(): Pick<StreamSettings, "noDelay" | "cork"> {
    return { noDelay: this.tcp.noDelay, cork: this.tcp.sender.isCorked };
  }
  get hasArrived(): boolean {
    return this.finReached;
  }
  get isEnding(): boolean {
    return this.ending;
  }
  get isOwed(): boolean {
    return this.queue.length > 0 || (this.ending && !this.tcp.finAcknowledged);
  }

  /** Bytes written and not acknowledged, and bytes that wait for the application. */
  get sendBuffered(): number {
    return this.queue.length;
  }
  get receiveBuffered(): number {
    return this.unread.queue.length;
  }

  /** Whether the peer acknowledged everything, the FIN included. */
  get endAcknowledged(): boolean {
    return this.drained;
  }

  /** Positions of the stream, for the application's eyes. */
  get progress(): StreamProgress {
    return {
      nxt: this.nxt,
      una: this.una,
      received: this.received,
      lastSentAt: this.sentAt,
      lastReceivedAt: this.receivedAt,
      lastAcknowledgedAt: this.acknowledgedAt,
    };
  }

  // ---- the application's commands

  write(payload: Payload, keep: boolean, _now: number, more = false): number {
    if (this.ending) throw new MptcpError("ERR_STREAM_WRITE_AFTER_END", "write after end");
    if (this.isClosed) return 0;
    if (more !== this.tcp.sender.isUnpushed || more !== this.tcp.sender.hasMore) this.tcp.holdBack(null, more);
    const taken = Math.min(this.writable, payload.length);
    if (taken > 0) this.queue.append(taken === payload.length ? payload : payload.slice(0, taken), keep);
    if (taken < payload.length) this.applicationWaits = true;
    if (taken > 0) this.tcp.wake();
    return taken;
  }

  end(now: number): void {
    if (this.ending || this.isClosed) return;
    this.ending = true;
    this.tcp.close(now);
  }

  /** Ends, and nobody waits for anything any more. */
  abandon(now: number): void {
    if (this.isClosed) return;
    const { unreadAtClose } = this.tcp.config;
    const isTcp = unreadAtClose === "reset" || this.fellOpening;
    if (this.readable > 0 && isTcp && unreadAtClose !== "drop") {
      this.breakOff(true, now);
      return;
    }
    this.ending = true;
    this.tcp.abandon(now);
    if (this.readable > 0 || isTcp) this.tcp.refuseText();
  }

  read(max: number, now: number): Payload | null {
    const { queue, window } = this.unread;
    const payload = queue.read(max);
    if (payload === null || this.isClosed) return payload;
    if (!this.tcp.environment.memory.isTight) window.consumed(payload.length, this.isEstablished ? this.tcp.receiverRtt : 0, this.tcp.maxPayload, now);
    this.offerWindow();
    return payload;
  }

  peek(max: number, skip: number): Payload | null {
    return this.unread.queue.peek(max, skip);
  }

  stopReading(_now: number): void {
    this.isDiscarding = true;
    this.unread.queue.clear();
    if (!this.isClosed) this.offerWindow();
    this.context.raise(STREAM_EVENT.readable);
  }

  setNoDelay(enable: boolean): void {
    this.tcp.setNoDelay(enable);
  }

  setQuickAck(enable: boolean): void {
    this.tcp.setQuickAck(enable);
  }

  /** Other settings from now on. */
  configure(change: Partial<StreamSettings>, now: number): void {
    const { tcp, unread } = this;
    tcp.configure(change, now);
    unread.window.configure(change);
    if (change.sendBuffer !== undefined) this.limit = sizeWithin(change.sendBuffer, this.limit);
    if (change.unsentLowWater !== undefined) this.unsentLowWater = change.unsentLowWater;
    if (change.readLowWater !== undefined) this.readLowWater = change.readLowWater;
    if (change.noDelay !== undefined) this.setNoDelay(change.noDelay);
    if (change.cork !== undefined) tcp.holdBack(change.cork, null);
    if (this.isClosed) return;
    if (changesWindow(change)) this.offerWindow();
    this.tellRoom();
    if (change.readLowWater !== undefined && this.hasEnoughToRead) this.context.raise(STREAM_EVENT.readable);
  }

  setKeepAlive(keepAlive: KeepAlive | null, now: number): void {
    this.tcp.setKeepAlive(keepAlive, now);
  }

  /** Another congestion control from now on. */
  exchange({ congestion }: { readonly congestion?: CongestionControlFactory }, now: number): void {
    if (congestion !== undefined) this.tcp.replaceCongestion(congestion, now);
  }

  abort(now: number): void {
    this.breakOff(false, now);
  }

  /** `isUnread`: data that was not read is lost, which a peer hears of after both FINs, too (RFC 1122 §4.2.2.13). */
  private breakOff(isUnread: boolean, now: number): void {
    if (this.isClosed) return;
    this.finish("ECONNABORTED");
    this.tcp.abort(now, isUnread);
    this.leave("aborted");
  }

  // ---- TcpOwner: sending

  dataOptionSpace(): number {
    if (!this.isDeclaring) return 0;
    return headerGrowth(INFINITE_MAPPING_LENGTH + (this.session.checksums ? 2 : 0) + (this.acknowledges ? this.session.dataAckLength : 0), this.tcp);
  }

  mayOffer(): boolean {
    return this.queue.end > this.nxt;
  }

  offer(_tcp: TcpConnection, limit: number): number {
    return this.mayCarryData ? Math.min(limit, this.queue.end - this.nxt) : 0;
  }

  take(_tcp: TcpConnection, _offset: number, length: number, now: number, slot: SegmentSlot): void {
    this.sentAt = now;
    slot.payload = this.queue.slice(this.nxt, length);
    slot.tag = this.keepsWritesApart ? slot.payload : null;
    this.nxt += length;
    slot.push = this.nxt === this.queue.end;
    if (this.unsentLowWater > 0) this.tellRoom();
  }

  segmentOptions(tcp: TcpConnection, segment: TcpSegment, role: SegmentRole): void {
    switch (role) {
      case SEGMENT_ROLE.data:
        if (this.isDeclaring) {
          // RFC 8684 §3.7: one last mapping, of infinite length, tells a peer that still sees our options. It has to survive the loss of a segment.
          if (!this.hasDeclared) this.context.counters.increment("MPTcpExtInfiniteMapTx");
          this.hasDeclared = true;
          segment.mptcp = [infiniteMapping(this.session, this.infiniteFrom, this.infiniteFrom, this.acknowledges ? this.received : -1)];
        }
        // MP_FAIL goes on an ACK.
        if (this.answerDue) tcp.requestAck();
        break;
      case SEGMENT_ROLE.ack:
        if (!this.answerDue) break;
        this.answerDue = false;
        this.context.counters.increment("MPTcpExtMPFailTx");
        segment.mptcp = [mpFail(this.session, this.received)];
        break;
      default:
    }
  }

  synData(_tcp: TcpConnection, most: number): Payload | null {
    const { end } = this.queue;
    return end === 0 ? (this.ending ? Payload.EMPTY : null) : this.queue.slice(0, Math.min(most, end));
  }

  onSynDataAcknowledged(tcp: TcpConnection, length: number, now: number): void {
    this.nxt = length;
    this.sentAt = now;
    this.onAcknowledged(tcp, length, now);
  }

  onOpenedEarly(): void {}

  peerWindow(): number {
    return 0;
  }

  unreadBytes(): number {
    return this.unread.queue.length;
  }

  receiveWindow(): number {
    const { queue, window } = this.unread;
    return window.advertise(this.received, queue.length);
  }

  get waitsForRoom(): boolean {
    return this.applicationWaits;
  }

  buffers(): StreamBuffers {
    const { limit, unread } = this;
    return { sendBuffer: limit, receiveBuffer: unread.window.limit, unsent: this.unsent, readPerRound: unread.window.readPerRound };
  }

  reassemblyMemory(): number {
    return reassemblyMemory(this.unread.window.limit);
  }

  // ---- TcpOwner: arrivals

  onSegment(tcp: TcpConnection, segment: TcpSegment, _offset: number, now: number): boolean {
    for (const option of segment.mptcp) {
      if (option.kind !== "mp_fail") continue;
      this.context.counters.increment("MPTcpExtMPFailRx");
      // The peer asks again: our answer was lost, unless this left before the answer arrived.
      if (this.answers > 0 && now - this.answeredAt > tcp.srtt) this.answer(now);
    }
    return true;
  }

  onData(_tcp: TcpConnection, payload: Payload, offset: number, now: number): void {
    this.insert(this.arrivingOffset + offset, payload, now);
  }

  onFin(): void {
    this.finReached = true;
    this.context.raise(STREAM_EVENT.readable);
  }

  onAcknowledged(tcp: TcpConnection, to: number, now: number): void {
    const position = Math.min(to - this.sentEarly, this.nxt);
    this.acknowledgedAt = now;
    if (to > this.sentWithout) this.isDeclaring = false;
    if (position > this.una) {
      this.una = position;
      this.queue.release(position);
      this.tuneBuffer(tcp);
    }
    this.tellRoom();
  }

  onInput(tcp: TcpConnection): void {
    if (tcp.finAcknowledged && !this.drained) {
      this.drained = true;
      this.context.raise(STREAM_EVENT.drained);
    }
    tcp.wake();
  }

  // ---- TcpOwner: events

  congestionControl(): CongestionControlFactory {
    return this.context.congestion;
  }

  couplingGroup(): CouplingGroup {
    return this.context.couplingGroup;
  }

  onEstablished(tcp: TcpConnection, now: number): void {
    this.isEstablished = true;
    this.context.onEstablished(now);
    if (this.ending) tcp.close(now);
  }

  onTailLossProbe(): void {}

  onRetransmissionTimeout(): void {}

  onClosed(_tcp: TcpConnection, reason: CloseReason | null): void {
    this.leave(reason ?? "fin", reason);
  }

  // ---- inside

  private insert(dataOffset: number, payload: Payload, now: number): void {
    if (this.isClosed) return;
    const known = this.received - dataOffset;
    if (known < 0 || known >= payload.length) return;
    this.received += payload.length - known;
    this.receivedAt = now;
    // RFC 8684 §3.3.3: there is nothing behind a DATA_FIN.
    if (this.isDiscarding || this.finReached) return;
    this.unread.queue.push(known === 0 ? payload : payload.slice(known, payload.length));
    if (this.hasEnoughToRead) this.context.raise(STREAM_EVENT.readable);
  }

  private get hasEnoughToRead(): boolean {
    return isEnoughToRead(this.readable, this.readLowWater, this.unread.window.limit);
  }
  private get isRoomy(): boolean {
    return isRoomy(this.limit, this.queue.length, this.unsent, this.unsentLowWater);
  }

  /** Who waits for room hears of it. */
  private tellRoom(): void {
    if (!this.applicationWaits || this.writable === 0 || (this.unsentLowWater > 0 && !this.isRoomy)) return;
    this.applicationWaits = false;
    this.context.raise(STREAM_EVENT.writable);
  }

  /** Tells the peer of a window that has grown, when it is worth an ACK of its own. */
  private offerWindow(): void {
    const { queue, window } = this.unread;
    if (!window.updateWorthwhile(this.received, queue.length, this.tcp.maxPayload)) return;
    window.takeClosed();
    this.tcp.requestAck();
  }

  private answer(now: number): void {
    this.answers--;
    this.answeredAt = now;
    this.answerDue = true;
    this.tcp.requestAck();
  }

  /** D7: the send buffer holds twice what the path carries in a round-trip time (draft-barre §3.5.1). */
  private tuneBuffer(tcp: TcpConnection): void {
    const { sendBuffer } = this.context;
    if (!sendBuffer.autoTune || tcp.environment.memory.isTight || this.limit >= sendBuffer.max || this.queue.length < this.limit / 4 || tcp.srtt === 0) return;
    const window = tcp.congestionWindow;
    const wanted = Math.min(sendBuffer.max, Math.floor(withoutQueue(2 * window, 2 * windowOfPath(window, tcp.srtt, tcp.minRtt))));
    if (wanted > this.limit) this.limit = wanted;
  }

  private leave(text: string, error: CloseReason | null = "ECONNABORTED"): void {
    this.tcp.congestion.release();
    this.context.log.observe(this, { kind: "subflow_closed", reason: text });
    this.finish(error);
    if (this.isForgotten) return;
    this.isForgotten = true;
    this.context.forget();
  }

  private finish(error: CloseReason | null): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.reason = error;
    this.context.log.observe(null, { kind: "connection_closed", reason: error ?? "done" });
    this.context.raise(STREAM_EVENT.closed | STREAM_EVENT.readable);
  }
}

/** How far a stream has come. Positions are stream offsets, times ns (-1: never). */
export interface StreamProgress {
  /** Next byte to send, oldest without acknowledgment, next to arrive. */
  readonly nxt: number;
  readonly una: number;
  readonly received: number;
  readonly lastSentAt: number;
  readonly lastReceivedAt: number;
  readonly lastAcknowledgedAt: number;
}
