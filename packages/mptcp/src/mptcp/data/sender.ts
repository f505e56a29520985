import { MptcpError, NEVER, SECOND } from "../../core/index.ts";
import type { BufferConfig, SegmentSlot, StreamSettings } from "../../tcp/index.ts";
import { isRoomy, roomIn, SendQueue, sizeWithin, windowOfPath, withoutQueue } from "../../tcp/index.ts";
import { Payload } from "../../wire/index.ts";
import type { Carrier } from "../context.ts";
import { DEADLINE } from "../deadlines.ts";
import type { ReinjectionCause } from "../decision-log.ts";
import type { Gap } from "./carried.ts";
import { carrierOf, firstCarried, gapAt, largestSegment } from "./carried.ts";
import { Carriers } from "./carriers.ts";
import { FinPace } from "./fin-pace.ts";
import { SentMapping } from "./mappings.ts";
import { ReinjectionQueue } from "./reinjection-queue.ts";
import { RepetitionBudget } from "./repetition-budget.ts";
import type { SenderContext, SenderOptions, UnsentStream } from "./sender-options.ts";
import { SmallSegments } from "./small-segments.ts";

/**
 * The sending half of an MPTCP connection: the shared send queue, the shared window and the reinjections. Subflows pull from it
 * at the moment of transmission (draft-barre-mptcp-impl §3.5.2), so nothing is bound to a path that may have died.
 *
 * Positions are data offsets: 0 is the first byte of the connection.
 */
export class DataSender {
  /** Which subflow carries the next piece. */
  readonly carriers: Carriers;
  private readonly context: SenderContext;
  private buffer: BufferConfig;
  private readonly opportunistic: boolean;
  private readonly penalising: boolean;
  private readonly small: SmallSegments;
  private readonly nagle: "any" | "small";
  private readonly finPace: FinPace;
  private readonly idleTimeout: number | null;
  private readonly pushesAtWindow: boolean;
  private readonly spansWrites: boolean;
  private readonly suspectsCarriers: boolean;
  private readonly probesByOctet: boolean;
  private unsentLowWater: number;

  private readonly queue = new SendQueue();
  private readonly reinjections = new ReinjectionQueue();
  private sndUna = 0;
  private sndNxt = 0;
  private rightEdge = 0;
  private bufferLimit: number;
  /** A write was not taken whole: tell the application when there is room. */
  private applicationBlocked = false;
  private ending = false;
  private finGiven = false;
  private finAcked = false;
  private finWaits = false;

  private hasReinjected = false;
  private reinjectedBytes = 0;
  private reinjectedCount = 0;
  private sentAt = -1;
  private acknowledgedAt = -1;
  private movedAt = -1;

  private timerBackoff = 0;
  private probeBackoff = 0;
  private readonly repetition = new RepetitionBudget();
  private windowBlocked = false;
  /** An octet that was acknowledged goes before new data; see `MptcpConfig.windowProbe`. */
  private octetDue = false;
  /** What waits does so until the peer is heard of, or the application goes on. */
  private isHeld = false;
  /** Everything before this was resent because the window was blocked; not again. */
  private opportunisticNext = 0;
  // The plan made by `offer` for the `take` that may follow.
  private planStart = 0;
  private planLength = 0;
  private planKind: "new" | "queued" | "opportunistic" | "octet" = "new";
  private planIndex = 0;
  private planCarrier: Carrier | null = null;
  /** What the mapping of the last `take` covers beyond what that handed over. */
  private restTaken: Payload | null = null;

  constructor(context: SenderContext, options: SenderOptions) {
    this.context = context;
    this.carriers = new Carriers(context.subflows, options.scheduler);
    this.buffer = options.buffer;
    this.bufferLimit = options.buffer.initial;
    this.opportunistic = options.opportunisticRetransmission;
    this.penalising = options.penalisation;
    this.small = new SmallSegments({ noDelay: options.noDelay, cork: options.cork ?? false }, context.deadlines);
    this.nagle = options.nagle ?? "any";
    this.finPace = new FinPace(options.finPace ?? { dataFinAfterData: null, dataFinTimeout: null });
    this.idleTimeout = options.idleTimeout ?? null;
    this.pushesAtWindow = options.pushesAtWindow ?? false;
    this.spansWrites = options.spansWrites ?? false;
    this.suspectsCarriers = options.suspectsCarriers ?? true;
    this.probesByOctet = options.probesByOctet ?? false;
    this.unsentLowWater = options.unsentLowWater ?? 0;
  }

  // ---- what can be read

  /** Oldest byte without Data ACK; one past the DATA_FIN once that is acknowledged. */
  get una(): number {
    return this.sndUna;
  }

  /** Next byte that was never given to a subflow. */
  get nxt(): number {
    return this.sndNxt;
  }

  /** Right edge of the shared window: the largest DATA_ACK + window seen on any subflow (RFC 8684 §3.3.5). */
  get right(): number {
    return this.rightEdge;
  }

  /** Bytes written and not acknowledged. */
  get buffered(): number {
    return this.queue.length;
  }

  /** Whether the application has ever written anything. */
  get hasData(): boolean {
    return this.queue.end > 0;
  }

  /** Send buffer size now, bytes. */
  get limit(): number {
    return this.bufferLimit;
  }

  /** Bytes that were written and never given to a subflow. */
  get unsent(): number {
    return this.queue.end - this.sndNxt;
  }

  /** Whether a write was not taken whole, and there has not been room since. */
  get waitsForRoom(): boolean {
    return this.applicationBlocked;
  }

  /** Bytes that the application may write now. */
  get writable(): number {
    if (this.ending) return 0;
    return roomIn(this.bufferLimit, this.queue.length, this.queue.end - this.sndNxt, this.unsentLowWater);
  }

  /** Whether there is so much room that a writer is to hear of it. */
  get isRoomy(): boolean {
    return isRoomy(this.bufferLimit, this.queue.length, this.unsent, this.unsentLowWater);
  }

  get isNoDelay(): boolean {
    return this.small.isNoDelay;
  }
  /** Whether subflows send what does not fill a segment, as it comes; else what each of them has in flight of that has it wait there. */
  get sendsSmall(): boolean {
    return this.nagle === "any" || this.small.isNoDelay;
  }
  get isCorked(): boolean {
    return this.small.isCorked;
  }

  /** The application wrote its last byte; the DATA_FIN takes the position after it. */
  get finQueued(): boolean {
    return this.ending;
  }

  get finSent(): boolean {
    return this.finGiven;
  }

  get finAcknowledged(): boolean {
    return this.finAcked;
  }

  /** Whether a DATA_FIN without data is to go out on the next pure ACK. */
  get finDue(): boolean {
    return this.finWaits;
  }

  /** Position of the DATA_FIN, which is one past the last byte. */
  get finOffset(): number {
    return this.queue.end;
  }

  /** Whether all data, but not the DATA_FIN that was sent, is acknowledged. */
  get onlyFinUnacknowledged(): boolean {
    return this.finGiven && this.una === this.queue.end;
  }

  /** One past the last position sent. */
  get sentEnd(): number {
    return this.finGiven ? this.queue.end + 1 : this.nxt;
  }

  /** Whether something was sent twice at connection level, so that subflow and data sequence have come apart. */
  get reinjected(): boolean {
    return this.hasReinjected;
  }

  /** Bytes, and segments, of that. */
  get bytesReinjected(): number {
    return this.reinjectedBytes;
  }
  get reinjectedSegments(): number {
    return this.reinjectedCount;
  }

  /** Whether something waits to be sent again on another subflow. */
  get hasReinjections(): boolean {
    return !this.reinjections.isEmpty;
  }

  /** When data was last given to a subflow, and when the last Data ACK came, ns; -1: never. */
  get lastSentAt(): number {
    return this.sentAt;
  }
  get lastAcknowledgedAt(): number {
    return this.acknowledgedAt;
  }

  /** When a Data ACK last acknowledged something new, ns; -1: never. */
  get advancedAt(): number {
    return this.movedAt;
  }

  /** Whether the peer owes a Data ACK: for data that was written, or for the DATA_FIN. */
  get isOwed(): boolean {
    return this.queue.length > 0 || (this.ending && !this.finAcked);
  }

  /** Whether all data that was ever given to a subflow has its Data ACK. */
  get isCovered(): boolean {
    return this.una >= this.nxt;
  }

  /** Whether data waits for the shared window alone: none is on its way that would bring an answer. */
  private get lacksWindow(): boolean {
    return this.queue.end > this.nxt && this.rightEdge <= this.nxt && this.una >= this.nxt;
  }

  /** Whether an octet may probe a closed window; an initiator's first data has to be new, since it carries the keys (RFC 8684 §3.1). */
  private get mayRepeatOctet(): boolean {
    return this.probesByOctet && (this.nxt > 0 || this.context.session.fullyEstablished);
  }

  /** Whether a subflow that has room would get something to send. */
  get hasWork(): boolean {
    return !this.reinjections.isEmpty || this.nxt < Math.min(this.queue.end, this.rightEdge) || (this.opportunistic && this.una < this.nxt);
  }

  /** What the mapping of the latest {@link DataSender.take} covers beyond the bytes in the slot: they have to come next on that subflow. */
  get rest(): Payload | null {
    return this.restTaken;
  }

  /** Whether {@link DataSender.offer} has anything to look at: what waits, or what could be sent once more. */
  get mayOffer(): boolean {
    return this.nxt < this.queue.end || !this.reinjections.isEmpty || (this.opportunistic && this.una < this.nxt);
  }

  // ---- the application's commands

  /** More is said to come, or not any more. @returns whether what was held back may leave now */
  expectMore(more: boolean): boolean {
    return this.small.onWrite(more);
  }

  /** Takes as much as there is room for. @returns the bytes taken */
  write(payload: Payload, keep: boolean): number {
    this.isHeld = false;
    if (this.ending) throw new MptcpError("ERR_STREAM_WRITE_AFTER_END", "write after end");
    const taken = Math.min(this.writable, payload.length);
    if (taken > 0) this.queue.append(taken === payload.length ? payload : payload.slice(0, taken), keep);
    if (taken < payload.length) this.applicationBlocked = true;
    this.queueOctet();
    return taken;
  }

  /** Nothing more will be written. @returns whether that is news */
  end(): boolean {
    if (this.ending) return false;
    this.isHeld = false;
    this.ending = true;
    return true;
  }

  /** What waits for a subflow is to wait for a Data ACK, or for the application, though there is one now; see `MptcpConfig.joinSends`. */
  hold(): void {
    this.isHeld = this.unsent > 0;
  }

  /** Turns Nagle's algorithm off or on. @returns whether data that it held back may leave now */
  setNoDelay(enable: boolean): boolean {
    return this.small.setNoDelay(enable, this.unsent > 0);
  }

  /** Other settings from now on. */
  configure({ cork, noDelay, sendBuffer, unsentLowWater }: Partial<StreamSettings>): void {
    if (sendBuffer !== undefined) {
      this.buffer = sendBuffer;
      this.bufferLimit = sizeWithin(sendBuffer, this.bufferLimit);
    }
    if (unsentLowWater !== undefined) this.unsentLowWater = unsentLowWater;
    if (cork !== undefined) this.small.setCork(cork);
    if (noDelay !== undefined) this.setNoDelay(noDelay);
  }

  /** Whether the application waits for room and there is some; asked once per change. */
  takeRoom(): boolean {
    if (!this.applicationBlocked || this.writable === 0 || (this.unsentLowWater > 0 && !this.isRoomy)) return false;
    this.applicationBlocked = false;
    return true;
  }

  // ---- pulled by a subflow

  /** How many bytes `subflow` may send now in one segment of at most `limit` bytes; see TcpOwner.offer. */
  offer(subflow: Carrier, limit: number, now: number): number {
    this.planLength = 0;
    if (this.isHeld) return 0;
    if (!this.reinjections.isEmpty && this.planReinjection(subflow, limit, now)) return this.planLength;
    const end = this.queue.end;
    const available = Math.min(end, this.rightEdge) - this.nxt;
    if (available <= 0) {
      if (end > this.nxt) this.noteWindow(true);
      return this.planOpportunistic(subflow, limit, now);
    }
    if (this.octetDue) return this.planOctet(subflow, now);
    // Silly-window avoidance at connection level: a small rest of the shared window is not worth a segment.
    if (end > this.rightEdge && available < limit && available < subflow.mss && this.nxt > this.una) {
      this.noteWindow(true);
      return this.planOpportunistic(subflow, limit, now);
    }
    if (available < subflow.mss && !this.ending && this.small.waits(this.nagle === "any" && this.nxt > this.una, now)) return this.planOpportunistic(subflow, limit, now);
    if (!this.carriers.chooses(subflow, this.carriers.usable(), this.nxt, available, false, now)) return 0;
    this.noteWindow(false);
    this.planKind = "new";
    this.planStart = this.nxt;
    this.planLength = Math.min(limit, available);
    // Of what is cut into segments only later the end is held back, too.
    if (this.small.isHeld && !this.ending && this.planLength > subflow.mss) this.planLength -= this.planLength % subflow.mss;
    return this.planLength;
  }

  /**
   * Hands over what `offer` planned, or the first `length` bytes of it; see TcpOwner.take. The mapping is the slot's tag, for the subflow to keep.
   * @returns whether it was sent before on another subflow
   */
  take(subflow: Carrier, subflowOffset: number, length: number, now: number, slot: SegmentSlot): boolean {
    if (this.planKind === "octet") {
      this.takeOctet(subflow, subflowOffset, now, slot);
      return false;
    }
    const start = this.planStart;
    const fresh = this.planKind === "new";
    const span = fresh && this.spansWrites ? this.spanFrom(start, length, subflow.mss, now) : length;
    if (fresh) {
      this.carriers.followed(false);
      this.sndNxt = start + span;
      this.small.onSent();
      if (this.unsentLowWater > 0 && this.takeRoom()) this.context.onRoom();
    } else {
      if (this.planKind === "queued") {
        this.carriers.followed(true);
        this.reinjections.takeFrom(this.planIndex, length);
      } else {
        this.opportunisticNext = start + length;
        this.context.log.reinjection(this.planCarrier, start, start + length, "opportunistic");
      }
      this.reinjectedBytes += length;
      this.reinjectedCount++;
      this.hasReinjected = true;
    }
    this.sentAt = now;
    this.finPace.onData();
    const { session } = this.context;
    // Not while an initiator's first data has to carry the keys: MP_CAPABLE has no place for it (RFC 8684 §3.1).
    const dataFin = this.ending && start + span === this.queue.end && (session.fullyEstablished || !session.initiator || this.finGiven);
    if (dataFin && !this.finGiven) {
      this.finGiven = true;
      this.context.log.dataFin("out", this.queue.end);
    }
    const payload = this.queue.slice(start, span);
    const mapping = new SentMapping(start, subflowOffset, span, dataFin, session.checksumFor(payload, start, subflowOffset + 1, dataFin ? span + 1 : span));
    this.restTaken = span === length ? null : payload.slice(length, span);
    slot.payload = span === length ? payload : payload.slice(0, length);
    slot.tag = mapping;
    slot.push = start + span === (this.pushesAtWindow ? Math.min(this.queue.end, this.rightEdge) : this.queue.end);
    this.context.log.schedule(subflow, mapping, !fresh, this.carriers.scheduler.name);
    this.armTimer(now);
    if (this.carriers.vetoed && subflow.sendRoom() - length < subflow.mss) {
      this.carriers.forgetVeto();
      this.context.wakeOthers(subflow);
    }
    return !fresh;
  }

  // ---- what the SYN carries (RFC 8684 §B.2)

  /** The first bytes, for a SYN, which stay here; none when there are none and nothing more will be written, null when there may be. */
  early(most: number): Payload | null {
    const { end } = this.queue;
    return end === 0 ? (this.ending ? Payload.EMPTY : null) : this.queue.slice(0, Math.min(most, end));
  }

  /** The SYN+ACK acknowledged `length` bytes of them: the data sequence space begins behind. Nothing else was sent yet. */
  forgetEarly(length: number): void {
    this.queue.dropFront(length);
  }

  // ---- the DATA_FIN

  /** Sends a DATA_FIN that no data carries, when it is time; true when the caller should ask subflows for pure ACKs. */
  releaseFin(now: number): boolean {
    if (!this.ending || this.finGiven || !this.isAllGiven) return false;
    this.finGiven = true;
    this.finWaits = true;
    this.context.log.dataFin("out", this.queue.end);
    this.armTimer(now);
    return true;
  }

  /** Whether a pure ACK carries the DATA_FIN: each does from its release until it is acknowledged, `stillOut` until that is looked at. */
  takeFin(stillOut: boolean): boolean {
    if (!this.finGiven || (this.finAcked && !stillOut) || !this.isAllGiven) return false;
    this.finWaits = false;
    return true;
  }

  /** The DATA_FIN did not fit onto the ACK that it was taken for. */
  returnFin(): void {
    this.finWaits = true;
  }

  // ---- what arrives

  /** The window that came with the end of the handshake opens the shared one. */
  openWindow(right: number): void {
    if (right > this.rightEdge) this.rightEdge = right;
  }

  /**
   * A DATA_ACK arrived.
   * @param position next data offset that the peer expects
   * @param right position + the window that came with it
   * @returns whether anything moved: more may be sent
   */
  acknowledge(position: number, right: number, now: number): boolean {
    if (position > this.sentEnd) return false;
    this.acknowledgedAt = now;
    let moved = this.isHeld;
    this.isHeld = false;
    if (right > this.rightEdge) {
      this.rightEdge = right;
      moved = true;
    }
    const { deadlines } = this.context;
    if (position > this.una) {
      moved = true;
      if (this.repetition.isRepairing(position)) this.repetition.onAcknowledged(position - this.una);
      this.sndUna = position;
      this.movedAt = now;
      this.queue.release(Math.min(position, this.queue.end));
      if (this.finGiven && position === this.queue.end + 1) this.finAcked = true;
      if (!this.reinjections.isEmpty) this.reinjections.dropBefore(position);
      this.timerBackoff = 0;
      this.probeBackoff = 0;
      if (position === this.queue.end && !this.ending) this.finPace.onAllAcknowledged();
      deadlines.set(DEADLINE.data, position < this.sentEnd || (this.mayRepeatOctet && this.lacksWindow) ? now + this.dataTimeout() : NEVER);
      // What stands at the head now was missing too, or the peer would have acknowledged it with the first gap: it waits for no timeout of its own.
      if (this.repetition.isRepairing(position)) this.repeat(gapAt(this.context.subflows, position, this.nxt));
      this.carriers.onAcknowledged(position);
      this.tuneBuffer();
    }
    if (this.rightEdge > this.nxt) {
      deadlines.clear(DEADLINE.windowProbe);
      if (this.una >= this.sentEnd) deadlines.clear(DEADLINE.data);
    }
    return moved;
  }

  /** Queues what `subflow` carries and no DATA_ACK covers, to be sent on others. */
  reinject(subflow: Carrier, cause: ReinjectionCause): void {
    const { sent } = subflow;
    const avoid = cause === "subflow_death" ? 0 : subflow.pathIndex;
    let first = -1;
    let last = -1;
    for (let i = 0; i < sent.size; i++) {
      const mapping = sent.at(i);
      const from = Math.max(mapping.dataOffset, this.una);
      const to = mapping.dataOffset + mapping.length;
      if (from >= to) continue;
      this.reinjections.add(from, to, avoid);
      if (first < 0) first = from;
      last = to;
    }
    if (first >= 0) this.context.log.reinjection(subflow, first, last, cause);
    if (cause === "subflow_death") this.reinjections.forget(subflow.pathIndex);
  }

  // ---- timers

  /**
   * The guard against data that a subflow acknowledged but no DATA_ACK covers (RFC 8684 §3.3.6): a middlebox acknowledged it, or
   * the receiver dropped it. Sends the head again, on any subflow, unless a subflow still carries it.
   * @returns whether it was time, and something is not acknowledged
   */
  handleTimeout(now: number): boolean {
    const { deadlines } = this.context;
    if (!deadlines.take(DEADLINE.data, now)) return false;
    if (this.una >= this.sentEnd) {
      this.queueOctet();
      this.armProbe(now);
      return false;
    }
    if (this.context.mayRepeat) this.repairHead();
    if (this.timerBackoff < 6) this.timerBackoff++;
    deadlines.set(DEADLINE.data, now + this.dataTimeout());
    // Linux looks for data first, and says its end again once there is nothing else to look for.
    if (this.finGiven && !this.finAcked && (this.idleTimeout === null || this.onlyFinUnacknowledged)) this.finWaits = true;
    return true;
  }

  /** RFC 9293 §3.8.6.1 at connection level: the shared window is closed and nothing is in flight that would bring an answer. */
  armProbe(now: number): void {
    const { deadlines, subflows } = this.context;
    if (deadlines.has(DEADLINE.windowProbe)) return;
    if (!this.lacksWindow || (this.mayRepeatOctet && !this.octetDue)) return;
    let rto = 0;
    for (const subflow of subflows) if (subflow.established) rto = Math.max(rto, subflow.rto);
    if (rto === 0) return;
    deadlines.set(DEADLINE.windowProbe, now + Math.min(rto * (1 << this.probeBackoff), LONGEST_PROBE_INTERVAL));
  }

  /** The shared window stayed closed: a lost update is repaired by the answer to a probe (draft-barre §3.4.3), on whichever path works. */
  probe(now: number): boolean {
    if (!this.context.deadlines.take(DEADLINE.windowProbe, now) || this.rightEdge > this.nxt) return false;
    if (this.probeBackoff < 10) this.probeBackoff++;
    for (const subflow of this.context.subflows) if (subflow.established) subflow.sendProbe(now);
    this.armProbe(now);
    return true;
  }

  /** The shared window is closed, and all that was sent is acknowledged: an octet goes to a subflow, to leave as soon as its window lets it. */
  private queueOctet(): void {
    if (!this.lacksWindow || this.octetDue || !this.mayRepeatOctet) return;
    this.octetDue = true;
    this.context.onWindowProbe();
  }

  private planOctet(subflow: Carrier, now: number): number {
    const start = this.una - 1;
    if (!this.carriers.chooses(subflow, this.carriers.usable(), start, 1, false, now)) return 0;
    this.planKind = "octet";
    this.planStart = start;
    this.planLength = 1;
    return 1;
  }

  /** The octet has a number that was acknowledged. Its content is gone: the next octet stands for it, which the peer drops as a duplicate. */
  private takeOctet(subflow: Carrier, subflowOffset: number, now: number, slot: SegmentSlot): void {
    const start = this.planStart;
    const payload = this.queue.slice(start + 1, 1);
    const mapping = new SentMapping(start, subflowOffset, 1, false, this.context.session.checksumFor(payload, start, subflowOffset + 1, 1));
    this.carriers.followed(false);
    this.octetDue = false;
    this.hasReinjected = true;
    this.sentAt = now;
    this.restTaken = null;
    slot.payload = payload;
    slot.tag = mapping;
    slot.push = true;
    this.context.log.schedule(subflow, mapping, true, this.carriers.scheduler.name);
  }

  /** What was held back for 200 ms may leave. @returns whether it is time */
  stopHolding(now: number): boolean {
    return this.small.handleTimeout(now);
  }

  // ---- the end of Multipath TCP

  /**
   * Gives the stream to regular TCP (RFC 8684 §3.7). Nothing is to be asked of this object any more.
   * @param declared bytes at the end of what was given to the subflow that its TCP has not got yet
   */
  handOver(declared: number): UnsentStream {
    return {
      queue: this.queue,
      nxt: Math.max(this.una, this.nxt - declared),
      una: this.una,
      limit: this.bufferLimit,
      isEnding: this.ending,
      isNoDelay: this.small.isNoDelay,
      isCorked: this.small.isCorked,
      hasMore: this.small.hasMore,
      unsentLowWater: this.unsentLowWater,
      applicationWaits: this.applicationBlocked,
      lastSentAt: this.sentAt,
      lastAcknowledgedAt: this.acknowledgedAt,
    };
  }

  // ---- inside

  /** Whether all data was given to subflows: what a mapping may cover counts as given where mappings span writes, though Nagle's algorithm holds it back there. */
  private get isAllGiven(): boolean {
    return this.nxt === this.queue.end || (this.spansWrites && this.queue.end <= this.rightEdge && this.carriers.usable().length > 0);
  }

  /** How much the mapping of new data that begins at `start` covers: all that may leave by the shared window, in whole segments where a small end has to wait. */
  private spanFrom(start: number, length: number, mss: number, now: number): number {
    const span = Math.min(this.queue.end, this.rightEdge, start + LONGEST_SPAN - (LONGEST_SPAN % mss)) - start;
    if (span <= length) return length;
    const end = span % mss;
    return end > 0 && span > mss && !this.ending && this.small.waits(this.nagle === "any" && this.nxt > this.una, now) ? Math.max(length, span - end) : span;
  }

  /** A data timeout: what stands at the head of the window is sent again, unless it is on its way. */
  private repairHead(): void {
    const gap = gapAt(this.context.subflows, this.una, this.nxt);
    if (gap.to <= this.una) return;
    this.repetition.onTimeout(this.una, this.nxt, largestSegment(this.context.subflows));
    this.repeat(gap);
    if (this.suspectsCarriers) this.carriers.suspect(this.una, this.nxt);
  }

  /** Queues what is missing at the head of the window, or as much of it as may be repeated. */
  private repeat(gap: Gap): void {
    const from = this.una;
    const to = Math.min(gap.to, from + this.repetition.bytes);
    if (from >= to) return;
    // A subflow that timed out sends it again anyway.
    this.repetition.onRepeated(this.reinjections.add(from, to, gap.stale));
    if (gap.stale === 0) this.reinjections.allowAll(from, to);
    this.context.log.reinjection(null, from, to, "data_timeout");
  }

  private armTimer(now: number): void {
    const { deadlines } = this.context;
    if (!deadlines.has(DEADLINE.data)) deadlines.set(DEADLINE.data, now + this.dataTimeout());
  }

  private dataTimeout(): number {
    const pace = this.onlyFinUnacknowledged ? this.finPace.interval(this.timerBackoff) : null;
    if (pace !== null) return pace;
    let timeout = 0;
    let inFlight = 0;
    for (const subflow of this.context.subflows) {
      if (!subflow.established) continue;
      inFlight += subflow.inFlight;
      if (subflow.rto > timeout && !subflow.stale) timeout = subflow.rto;
    }
    if (this.idleTimeout !== null && inFlight === 0) timeout = this.idleTimeout;
    return (timeout === 0 ? DATA_TIMEOUT_WITHOUT_RTO : timeout) * (1 << this.timerBackoff);
  }

  private planReinjection(subflow: Carrier, limit: number, now: number): boolean {
    const { reinjections } = this;
    reinjections.dropBefore(this.una);
    const size = Math.min(reinjections.size, REINJECTIONS_SEARCHED);
    for (let i = 0; i < size; i++) {
      const avoid = reinjections.avoid(i);
      if (avoid === subflow.pathIndex) continue;
      const start = reinjections.start(i);
      const length = reinjections.end(i) - start;
      const among = avoid === 0 ? this.carriers.usable() : this.carriers.usable().filter((other) => other.pathIndex !== avoid);
      // Its carrier is usable again, and the others are backups, which are not used for what is merely late (RFC 8684 §3.3.8).
      if (among.length === 0) continue;
      if (!this.carriers.chooses(subflow, among, start, length, true, now)) return false;
      this.planKind = "queued";
      this.planIndex = i;
      this.planStart = start;
      this.planLength = Math.min(limit, length);
      return true;
    }
    return false;
  }

  /**
   * D6: nothing new may be sent because the shared window (or the send buffer) is full of data that waits for a slower
   * subflow. Resend that here, and penalise the slow one (NSDI'12 §4.2).
   */
  private planOpportunistic(subflow: Carrier, limit: number, now: number): number {
    if (!this.opportunistic || this.una >= this.nxt) return 0;
    const windowFull = this.queue.end > this.rightEdge && this.rightEdge - this.nxt < subflow.mss;
    const bufferFull = this.applicationBlocked && this.bufferLimit - this.queue.length < subflow.mss;
    if (!(windowFull || bufferFull) || subflow.srtt === 0 || !this.carriers.usable().includes(subflow)) return 0;
    const start = Math.max(this.una, this.opportunisticNext);
    if (start >= this.nxt) return 0;
    const head = carrierOf(this.context.subflows, this.una, subflow);
    if (head === null || head === subflow || head.srtt <= subflow.srtt) return 0;
    const mapping = firstCarried(head, start);
    if (mapping === null) return 0;
    if (this.penalising && head.penalise(now)) this.context.log.penalty(head);
    const from = Math.max(start, mapping.dataOffset);
    this.planKind = "opportunistic";
    this.planStart = from;
    this.planLength = Math.min(limit, mapping.dataOffset + mapping.length - from);
    this.planCarrier = head;
    return this.planLength;
  }

  private noteWindow(blocked: boolean): void {
    if (blocked === this.windowBlocked) return;
    this.windowBlocked = blocked;
    this.context.log.window(blocked, this.rightEdge);
  }

  /** D7: the send buffer holds twice what all paths together carry in the longest round-trip time (draft-barre §3.5.1). */
  private tuneBuffer(): void {
    if (!this.buffer.autoTune || this.bufferLimit >= this.buffer.max || this.context.isTight) return;
    if (this.queue.end - this.queue.start < this.bufferLimit / 4) return;
    let longest = 0;
    for (const subflow of this.context.subflows) if (subflow.established && subflow.srtt > longest) longest = subflow.srtt;
    let need = 0;
    let carried = 0;
    for (const subflow of this.context.subflows) {
      if (!subflow.established || subflow.srtt === 0) continue;
      need += (subflow.cwnd * longest) / subflow.srtt;
      carried += (windowOfPath(subflow.cwnd, subflow.srtt, subflow.minRtt) * longest) / subflow.srtt;
    }
    const wanted = Math.min(this.buffer.max, Math.floor(withoutQueue(2 * need, 2 * carried)));
    if (wanted > this.bufferLimit) this.bufferLimit = wanted;
  }
}

/** Bytes that one mapping covers at the most: its length has 16 bits, and counts a DATA_FIN. */
const LONGEST_SPAN = 65_000;
/** Until a subflow has measured its round-trip time. */
const DATA_TIMEOUT_WITHOUT_RTO = SECOND;
const LONGEST_PROBE_INTERVAL = 60 * SECOND;
/** Ranges at the front of the reinjection queue looked through for one that a given subflow may send. */
const REINJECTIONS_SEARCHED = 8;
