import { NEVER } from "../core/index.ts";
import type { BufferConfig, SegmentSlot } from "../tcp/index.ts";
import { SendQueue, windowOfPath, withoutQueue } from "../tcp/index.ts";
import type { Payload } from "../wire/index.ts";
import type { DecisionLog, ReinjectionCause } from "./decision-log.ts";
import { SentMapping } from "./mapping.ts";
import { ReinjectionQueue } from "./reinjection-queue.ts";
import type { ScheduleRequest, Scheduler } from "./scheduler.ts";
import type { Subflow } from "./subflow.ts";

/** What the sending half asks of the connection around it. */
export interface SenderContext {
  readonly subflows: readonly Subflow[];
  readonly opportunisticRetransmission: boolean;
  readonly penalisation: boolean;
  readonly noDelay: boolean;
  /** Whether a data segment may carry the DATA_FIN: not while first data has to carry the keys. */
  readonly mayAttachFin: boolean;
  /** The checksum for a mapping about to be sent, -1 when checksums are not in use. */
  checksumFor(payload: Payload, dataOffset: number, subflowSequence: number, dataLength: number): number;
  /** The deadline of the sender moved to an earlier time. */
  senderTimer(at: number): void;
  readonly log: DecisionLog;
  /** A subflow has filled its window: those that were refused in its favour may ask again. */
  wakeOthers(full: Subflow): void;
}

/**
 * The sending half of an MPTCP connection: the shared send queue, the shared window and the reinjections. Subflows pull from it
 * at the moment of transmission (draft-barre-mptcp-impl §3.5.2), so nothing is bound to a path that may have died.
 *
 * Positions are data offsets: 0 is the first byte of the connection.
 */
export class DataSender {
  readonly queue = new SendQueue();
  readonly reinjections = new ReinjectionQueue();
  /** Oldest byte without DATA_ACK; one past the DATA_FIN once that is acknowledged. */
  unacknowledged = 0;
  /** Next byte that was never given to a subflow. */
  next = 0;
  /** Right edge of the shared window: the largest DATA_ACK + window seen on any subflow (RFC 8684 §3.3.5). */
  right = 0;
  /** The application wrote its last byte; the DATA_FIN takes the position after it. */
  finQueued = false;
  finSent = false;
  finAcknowledged = false;
  /** Send buffer size now, bytes. */
  limit: number;
  /** A write was not taken whole: tell the application when there is room. */
  applicationBlocked = false;
  /** Something was sent twice at connection level, so that subflow and data sequence have come apart. */
  reinjected = false;
  /** Bytes, and segments, of it. */
  bytesReinjected = 0;
  reinjectedSegments = 0;
  /** When data was last given to a subflow, and when the last Data ACK came, ns; -1: never. */
  lastSentAt = -1;
  lastAcknowledgedAt = -1;
  /** When to look for data that no subflow carries any more, ns. */
  timerAt = NEVER;
  scheduler: Scheduler;

  private readonly context: SenderContext;
  private readonly buffer: BufferConfig;
  private timerBackoff = 0;
  /** What was sent up to the last data timeout that found something lost. */
  private recoverTo = 0;
  /** Subflows that acknowledged data which then was missing, and the first position at which one of them may carry data again. */
  private readonly suspects: Suspect[] = [];
  private pardonAt = NEVER;
  private windowBlocked = false;
  /** Everything before this was resent because the window was blocked; not again. */
  private opportunisticNext = 0;
  private readonly usable: Subflow[] = [];
  private usableKnown = false;
  private readonly request: ScheduleRequest = { dataOffset: 0, length: 0, reinjection: false, now: 0 };
  // The plan made by `offer` for the `take` that may follow.
  private planStart = 0;
  private planLength = 0;
  private planKind: "new" | "queued" | "opportunistic" = "new";
  private planIndex = 0;
  private planCarrier: Subflow | null = null;
  // The scheduler's choice for the next segment of new data, and of data sent before, until it is taken.
  private readonly choice: Choice = { subflow: null, offers: 0 };
  private readonly reinjectionChoice: Choice = { subflow: null, offers: 0 };
  /** A subflow was refused in favour of another since the last time that one filled its window. */
  private vetoed = false;

  constructor(context: SenderContext, scheduler: Scheduler, buffer: BufferConfig) {
    this.context = context;
    this.scheduler = scheduler;
    this.buffer = buffer;
    this.limit = buffer.initial;
  }

  /** Bytes that the application may write now. */
  get writable(): number {
    if (this.finQueued) return 0;
    return Math.max(0, this.limit - (this.queue.end - this.queue.start));
  }

  write(payload: Payload, keep: boolean): number {
    const taken = Math.min(this.writable, payload.length);
    if (taken > 0) this.queue.append(taken === payload.length ? payload : payload.slice(0, taken), keep);
    if (taken < payload.length) this.applicationBlocked = true;
    return taken;
  }

  /** Position of the DATA_FIN, which is one past the last byte. */
  get finOffset(): number {
    return this.queue.end;
  }

  /** Whether everything, the DATA_FIN included if there is to be one, was given to subflows. */
  get allSent(): boolean {
    return this.next === this.queue.end && (!this.finQueued || this.finSent);
  }

  /** One past the last position sent. */
  get sentEnd(): number {
    return this.finSent ? this.queue.end + 1 : this.next;
  }

  /** Whether a subflow that has room would get something to send. */
  get hasWork(): boolean {
    return !this.reinjections.isEmpty || this.next < Math.min(this.queue.end, this.right) || (this.context.opportunisticRetransmission && this.unacknowledged < this.next);
  }

  /** The set of subflows, or the state of one, changed. */
  subflowsChanged(): void {
    this.choice.subflow = null;
    this.reinjectionChoice.subflow = null;
    this.usableKnown = false;
  }

  // ---- pulled by a subflow

  /** How many bytes `subflow` may send now in one segment of at most `limit` bytes; see TcpOwner.offer. */
  offer(subflow: Subflow, limit: number, now: number): number {
    this.planLength = 0;
    if (!this.reinjections.isEmpty && this.planReinjection(subflow, limit, now)) return this.planLength;
    const end = this.queue.end;
    const available = Math.min(end, this.right) - this.next;
    if (available <= 0) {
      if (end > this.next) this.noteWindow(true);
      return this.planOpportunistic(subflow, limit, now);
    }
    // Silly-window avoidance at connection level: a small rest of the shared window is not worth a segment.
    if (end > this.right && available < limit && available < subflow.mss && this.next > this.unacknowledged) {
      this.noteWindow(true);
      return this.planOpportunistic(subflow, limit, now);
    }
    // Nagle at connection level: the subflows' own is off, since it would see each subflow alone.
    if (!this.context.noDelay && !this.finQueued && available < subflow.mss && this.next > this.unacknowledged) return this.planOpportunistic(subflow, limit, now);
    if (!this.chosen(subflow, this.usableSubflows(), this.next, available, false, now)) return 0;
    this.noteWindow(false);
    this.planKind = "new";
    this.planStart = this.next;
    this.planLength = Math.min(limit, available);
    return this.planLength;
  }

  /** Hands over what `offer` planned, or the first `length` bytes of it; see TcpOwner.take. */
  take(subflow: Subflow, subflowOffset: number, length: number, now: number, slot: SegmentSlot): void {
    const start = this.planStart;
    const fresh = this.planKind === "new";
    if (fresh) this.choice.subflow = null;
    else if (this.planKind === "queued") this.reinjectionChoice.subflow = null;
    if (fresh) {
      this.next = start + length;
    } else {
      if (this.planKind === "queued") this.reinjections.takeFrom(this.planIndex, length);
      else {
        this.opportunisticNext = start + length;
        this.context.log.reinjection(this.planCarrier, start, start + length, "opportunistic");
      }
      subflow.bytesReinjected += length;
      this.bytesReinjected += length;
      this.reinjectedSegments++;
      this.reinjected = true;
    }
    this.lastSentAt = now;
    const dataFin = this.finQueued && start + length === this.queue.end && this.context.mayAttachFin;
    if (dataFin && !this.finSent) {
      this.finSent = true;
      this.context.log.dataFin("out", this.queue.end);
    }
    const payload = this.queue.slice(start, length);
    const mapping = new SentMapping(start, subflowOffset, length, dataFin, this.context.checksumFor(payload, start, subflowOffset + 1, dataFin ? length + 1 : length));
    subflow.sent.push(mapping);
    slot.payload = payload;
    slot.tag = mapping;
    slot.push = start + length === this.queue.end;
    this.context.log.schedule(subflow, mapping, !fresh, this.scheduler.name);
    this.armTimer(now);
    if (this.vetoed && subflow.tcp.sendRoom() - length < subflow.mss) {
      this.vetoed = false;
      this.context.wakeOthers(subflow);
    }
  }

  /** Sends a DATA_FIN that no data carries, when it is time; true when the caller should ask subflows for pure ACKs. */
  releaseFin(now: number): boolean {
    if (!this.finQueued || this.finSent || this.next < this.queue.end) return false;
    this.finSent = true;
    this.context.log.dataFin("out", this.queue.end);
    this.armTimer(now);
    return true;
  }

  // ---- what arrives

  /**
   * A DATA_ACK arrived.
   * @param position next data offset that the peer expects
   * @param right position + the window that came with it
   * @returns whether anything moved: more may be sent
   */
  acknowledge(position: number, right: number, now: number): boolean {
    if (position > this.sentEnd) return false;
    this.lastAcknowledgedAt = now;
    let moved = false;
    if (right > this.right) {
      this.right = right;
      moved = true;
    }
    if (position > this.unacknowledged) {
      moved = true;
      this.unacknowledged = position;
      this.queue.release(Math.min(position, this.queue.end));
      if (this.finSent && position === this.queue.end + 1) this.finAcknowledged = true;
      if (!this.reinjections.isEmpty) this.reinjections.dropBefore(position);
      this.timerBackoff = 0;
      this.timerAt = position < this.sentEnd ? now + this.dataTimeout() : NEVER;
      // What is missing behind the first gap does not wait for a timeout of its own: the peer would have acknowledged it with the first.
      if (position < this.recoverTo) this.resendHead();
      if (position >= this.pardonAt) this.pardon();
      this.tuneBuffer();
    }
    return moved;
  }

  /** Queues what `subflow` carries and no DATA_ACK covers, to be sent on others. */
  reinject(subflow: Subflow, cause: ReinjectionCause): void {
    const { sent } = subflow;
    const avoid = cause === "subflow_death" ? 0 : subflow.id;
    let first = -1;
    let last = -1;
    for (let i = 0; i < sent.size; i++) {
      const mapping = sent.at(i);
      const from = Math.max(mapping.dataOffset, this.unacknowledged);
      const to = mapping.dataOffset + mapping.length;
      if (from >= to) continue;
      this.reinjections.add(from, to, avoid);
      if (first < 0) first = from;
      last = to;
    }
    if (first >= 0) this.context.log.reinjection(subflow, first, last, cause);
  }

  // ---- timers

  /**
   * The guard against data that a subflow acknowledged but no DATA_ACK covers (RFC 8684 §3.3.6): a middlebox acknowledged it, or
   * the receiver dropped it. Sends the head again, on any subflow, unless a subflow still carries it.
   * @returns true when subflows should be woken
   */
  handleTimeout(now: number): boolean {
    if (now < this.timerAt) return false;
    if (this.unacknowledged >= this.sentEnd) {
      this.timerAt = NEVER;
      return false;
    }
    if (this.resendHead()) {
      this.recoverTo = this.next;
      this.suspectCarriers();
    }
    if (this.timerBackoff < 6) this.timerBackoff++;
    this.timerAt = now + this.dataTimeout();
    this.context.senderTimer(this.timerAt);
    return true;
  }

  // ---- inside

  /** Queues the head of the window up to the next byte that a subflow carries, unless a living one carries the head itself. */
  private resendHead(): boolean {
    const from = this.unacknowledged;
    let to = this.next;
    let carried = false;
    let stale = 0;
    for (const subflow of this.context.subflows) {
      const { sent } = subflow;
      for (let i = 0; i < sent.size; i++) {
        const mapping = sent.at(i);
        if (mapping.dataOffset + mapping.length <= from) continue;
        if (mapping.dataOffset <= from) {
          if (subflow.stale) stale = subflow.id;
          else carried = true;
        } else if (mapping.dataOffset < to) to = mapping.dataOffset;
      }
    }
    if (!carried && from < to) {
      // A subflow that timed out sends it again anyway.
      this.reinjections.add(from, to, stale);
      if (stale === 0) this.reinjections.allowAll(from, to);
      this.context.log.reinjection(null, from, to, "data_timeout");
      return true;
    }
    return false;
  }

  private armTimer(now: number): void {
    if (this.timerAt !== NEVER) return;
    this.timerAt = now + this.dataTimeout();
    this.context.senderTimer(this.timerAt);
  }

  private dataTimeout(): number {
    let timeout = 0;
    for (const subflow of this.context.subflows) if (subflow.established && subflow.tcp.rto > timeout && !subflow.stale) timeout = subflow.tcp.rto;
    return (timeout === 0 ? DATA_TIMEOUT_WITHOUT_RTO : timeout) * (1 << this.timerBackoff);
  }

  /**
   * The head is missing although the subflow that carried it has it acknowledged: a middlebox acknowledges what it loses. Such a path seems
   * fast, and would get the data again and again, so it is kept off the next 64 KiB, twice as much each time, while there is another one. The
   * first time may be a peer that was slow to say so, which is no reason to use a backup (RFC 8684 §3.3.8).
   */
  private suspectCarriers(): void {
    for (const subflow of this.context.subflows) {
      if (!subflow.sent.carriedLately(this.unacknowledged)) continue;
      let suspect = this.suspects.find((entry) => entry.id === subflow.id);
      if (suspect === undefined) {
        suspect = { id: subflow.id, until: 0, offences: 0 };
        this.suspects.push(suspect);
      }
      suspect.until = this.next + (SUSPICION << Math.min(suspect.offences, 14));
      suspect.offences++;
    }
    this.pardon();
  }

  private pardon(): void {
    this.pardonAt = NEVER;
    for (const { until } of this.suspects) if (until > this.unacknowledged && until < this.pardonAt) this.pardonAt = until;
    this.subflowsChanged();
  }

  /** How often the subflow lost what it acknowledged; 0 when it may carry data again. */
  private offencesOf(subflow: Subflow): number {
    for (const entry of this.suspects) if (entry.id === subflow.id) return entry.until > this.unacknowledged ? entry.offences : 0;
    return 0;
  }

  /**
   * Subflows that may carry data, in order of path index: regular ones that are alive, else those that are suspected for the first time, else
   * backup ones, else suspected ones, else those whose last data timed out, so that a connection is never without hope.
   */
  usableSubflows(): readonly Subflow[] {
    if (!this.usableKnown) {
      this.usable.length = 0;
      let best = 16;
      for (const subflow of this.context.subflows) {
        if (!subflow.mayCarryData) continue;
        const offences = this.offencesOf(subflow);
        const rank = (subflow.stale ? 8 : 0) + (offences > 1 ? 4 : 0) + (subflow.backup ? 2 : 0) + (offences === 1 ? 1 : 0);
        if (rank > best) continue;
        if (rank < best) this.usable.length = 0;
        best = rank;
        this.usable.push(subflow);
      }
      this.usable.sort(byPathIndex);
      this.usableKnown = true;
    }
    return this.usable;
  }

  /**
   * Whether `subflow` is to send what is at hand. The scheduler is asked once per segment: its choice stands until it has been followed
   * or cannot be any more, and the subflow that it prefers to the one that asked is woken.
   */
  private chosen(subflow: Subflow, among: readonly Subflow[], dataOffset: number, length: number, reinjection: boolean, now: number): boolean {
    if (among.length === 1) return among[0] === subflow;
    // Two choices stand side by side: a subflow that is refused both must not undo one by asking for the other.
    const choice = reinjection ? this.reinjectionChoice : this.choice;
    const standing = choice.subflow;
    if (standing !== null && standing.hasRoom && among.includes(standing)) {
      if (standing !== subflow) {
        this.vetoed = true;
        return false;
      }
      // Offered and not taken: its TCP has reasons of its own to wait.
      if (choice.offers++ < OFFERS_PER_CHOICE) return true;
    }
    const { request } = this;
    request.dataOffset = dataOffset;
    request.length = length;
    request.reinjection = reinjection;
    request.now = now;
    const selected = this.scheduler.select(among, request) as Subflow | null;
    choice.subflow = selected;
    choice.offers = 0;
    if (selected === subflow) return true;
    this.vetoed = true;
    if (selected !== null && selected.hasRoom) selected.tcp.wake();
    return false;
  }

  private planReinjection(subflow: Subflow, limit: number, now: number): boolean {
    const { reinjections } = this;
    reinjections.dropBefore(this.unacknowledged);
    const size = Math.min(reinjections.size, REINJECTIONS_SEARCHED);
    for (let i = 0; i < size; i++) {
      const avoid = reinjections.avoid(i);
      if (avoid === subflow.id) continue;
      const start = reinjections.start(i);
      const length = reinjections.end(i) - start;
      const among = avoid === 0 ? this.usableSubflows() : this.usableSubflows().filter((other) => other.id !== avoid);
      // Its carrier is usable again, and all there is but for backups: what is late comes from there (RFC 8684 §3.3.8).
      if (among.length === 0) continue;
      if (!this.chosen(subflow, among, start, length, true, now)) return false;
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
  private planOpportunistic(subflow: Subflow, limit: number, now: number): number {
    if (!this.context.opportunisticRetransmission || this.unacknowledged >= this.next) return 0;
    const windowFull = this.queue.end > this.right && this.right - this.next < subflow.mss;
    const bufferFull = this.applicationBlocked && this.writable < subflow.mss;
    if (!(windowFull || bufferFull) || subflow.srtt === 0 || !this.usableSubflows().includes(subflow)) return 0;
    const start = Math.max(this.unacknowledged, this.opportunisticNext);
    if (start >= this.next) return 0;
    const head = this.carrierOf(this.unacknowledged, subflow);
    if (head === null || head === subflow || head.srtt <= subflow.srtt) return 0;
    const mapping = this.firstCarried(head, start);
    if (mapping === null) return 0;
    if (this.context.penalisation && now - head.penalisedAt >= head.srtt) {
      head.penalisedAt = now;
      head.tcp.reduceWindow(now);
      this.context.log.penalty(head);
    }
    const from = Math.max(start, mapping.dataOffset);
    this.planKind = "opportunistic";
    this.planStart = from;
    this.planLength = Math.min(limit, mapping.dataOffset + mapping.length - from);
    this.planCarrier = head;
    return this.planLength;
  }

  /** The subflow that carries `offset`: `own` when it does too, else the one with the smallest round-trip time; null when none does. */
  private carrierOf(offset: number, own: Subflow): Subflow | null {
    if (carries(own, offset)) return own;
    let best: Subflow | null = null;
    for (const subflow of this.context.subflows) {
      if (subflow !== own && carries(subflow, offset) && (best === null || subflow.srtt < best.srtt)) best = subflow;
    }
    return best;
  }

  /** The mapping on `subflow` that covers the lowest data at or after `start`. */
  private firstCarried(subflow: Subflow, start: number): SentMapping | null {
    const { sent } = subflow;
    let lowest: SentMapping | null = null;
    for (let i = 0; i < sent.size; i++) {
      const mapping = sent.at(i);
      if (mapping.dataOffset + mapping.length <= start) continue;
      if (mapping.dataOffset <= start) return mapping;
      // Reinjections stand behind data with higher offsets.
      if (lowest === null || mapping.dataOffset < lowest.dataOffset) lowest = mapping;
    }
    return lowest;
  }

  private noteWindow(blocked: boolean): void {
    if (blocked === this.windowBlocked) return;
    this.windowBlocked = blocked;
    this.context.log.window(blocked, this.right);
  }

  /** D7: the send buffer holds twice what all paths together carry in the longest round-trip time (draft-barre §3.5.1). */
  private tuneBuffer(): void {
    if (!this.buffer.autoTune || this.limit >= this.buffer.max) return;
    if (this.queue.end - this.queue.start < this.limit / 4) return;
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
    if (wanted > this.limit) this.limit = wanted;
  }
}

/** A subflow that the scheduler chose, and how often it was offered its piece since. */
interface Choice {
  subflow: Subflow | null;
  offers: number;
}

interface Suspect {
  readonly id: number;
  /** Kept off data until the stream is acknowledged so far. */
  until: number;
  offences: number;
}

function byPathIndex(a: Subflow, b: Subflow): number {
  return a.id - b.id;
}

function carries(subflow: Subflow, offset: number): boolean {
  const { sent } = subflow;
  const size = Math.min(sent.size, MAPPINGS_SEARCHED);
  for (let i = 0; i < size; i++) {
    const mapping = sent.at(i);
    if (mapping.dataOffset <= offset && offset < mapping.dataOffset + mapping.length) return true;
  }
  return false;
}

/** Times that a subflow may be offered what the scheduler chose it for. */
const OFFERS_PER_CHOICE = 2;
/** Bytes that a subflow is kept off when it lost data for the first time. */
const SUSPICION = 65536;
/** Until a subflow has measured its round-trip time. */
const DATA_TIMEOUT_WITHOUT_RTO = 1_000_000_000;
/** Ranges at the front of the reinjection queue looked through for one that a given subflow may send. */
const REINJECTIONS_SEARCHED = 8;
/** The head of the window is carried by one of a subflow's oldest mappings, unless reinjections stand before it. */
const MAPPINGS_SEARCHED = 64;
