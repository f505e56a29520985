import { LIMITS, MILLISECOND, NEVER, SECOND } from "../../core/index.ts";
import type { Payload } from "../../wire/index.ts";
import { sequenceAdd, sequenceDifference, sequenceLess } from "../../wire/index.ts";
import { FastOpenClient } from "../fast-open/client.ts";
import { AckPace } from "./ack-pace.ts";
import { ReceiverRtt } from "./buffer-tuning.ts";
import type { TcpConnection } from "../connection.ts";
import { MemoryWindow } from "./memory-window.ts";
import { announcedMss, TIMESTAMP_SPACE } from "../negotiation.ts";
import { ReassemblyQueue } from "./reassembly.ts";
import type { ByteRange } from "./reassembly.ts";
import { TIMER } from "../timers.ts";

/** The receiving half of a connection: what arrived, what is expected, and what the peer has been told. Positions are stream offsets. */
export class Receiver {
  readonly queue = new ReassemblyQueue(0);
  readonly rtt = new ReceiverRtt();
  /** Sequence number of offset 0. */
  origin = 0;
  /** RCV.NXT. */
  nxt = 0;
  /** Largest right edge ever advertised, and largest window. */
  rightEdge = 0;
  largestWindow = 0;
  /** What our window field is multiplied by. */
  scale = 1;
  /** Offset of the peer's FIN once seen, in order or not; -1 before. */
  finOffset = -1;
  /** RCV.UP: offset behind the last urgent octet that the peer told of; -1 before. */
  urgentEnd = -1;
  /** Last.ACK.sent of RFC 7323. */
  lastAck = 0;
  /** TS.Recent. */
  recentTimestamp = 0;
  /** Send an ACK with the next poll. */
  ackNow = false;
  /** It leaves ahead of whatever else there is to send. */
  ackFirst = false;
  /** Another ACK follows the next segment, whatever that acknowledges. */
  ackAgain = false;
  /** Without SACK: duplicate ACKs to send beside that one, since the peer counts them. */
  duplicateAcks = 0;
  /** Largest payload seen of one segment: our estimate of the peer's MSS. */
  segmentSize = 0;
  /** What the window follows from where the memory of packets is counted; null elsewhere. */
  memory: MemoryWindow | null = null;
  private readonly tcp: TcpConnection;
  /** Decides when what arrives in order is acknowledged, where that is adaptive; null before anything arrived. */
  private pace: AckPace | null = null;
  /** Bytes of the buffer that are not offered, since they fill no segment. */
  private unoffered = 0;
  /** What a SYN would offer if its field had the room. */
  private firstWindow = 0;
  private challengedAt = Number.NEGATIVE_INFINITY;
  /** An out-of-order segment arrived since the last ACK. */
  private gapToReport = false;
  private recentTimestampAt = -1;
  /** Segments that are still acknowledged at once, so that the peer's slow start is not slowed down. */
  private quickAcks = QUICK_ACKS;
  /** A duplicate to report (RFC 2883): start and end, which are the same when there is none. */
  private duplicateStart = 0;
  private duplicateEnd = 0;
  /** Offsets inside ranges that arrived last, newest first (RFC 2018 §4). */
  private readonly recent: number[] = [];
  /** Token bucket of ACKs to segments that were not acceptable. */
  private challengeTokens = 0;
  private challengeRefill = 0;

  constructor(tcp: TcpConnection) {
    this.tcp = tcp;
  }

  /** Whether the peer's FIN was received in order. */
  get finished(): boolean {
    return this.finOffset >= 0 && this.nxt > this.finOffset;
  }

  private get hasDuplicate(): boolean {
    return this.duplicateEnd > this.duplicateStart;
  }

  /** Something is out of order, or a duplicate has to be reported. */
  get hasSackBlocks(): boolean {
    return this.tcp.sack && (this.hasDuplicate || this.queue.bytes > 0 || this.finOffset > this.nxt);
  }

  /** Option octets that all SACK blocks take, four at the most. */
  get sackSpace(): number {
    if (!this.hasSackBlocks) return 0;
    const isFinApart = this.finOffset > this.nxt && this.rangeWithFin(this.finOffset)?.start === this.finOffset;
    return 4 + 8 * Math.min(4, this.queue.ranges + (this.hasDuplicate ? 1 : 0) + (isFinApart ? 1 : 0));
  }

  // ---- timestamps (RFC 7323)

  noteTimestamp(value: number, now: number): void {
    this.recentTimestamp = value;
    this.recentTimestampAt = now;
  }

  /** PAWS (RFC 7323 §5.3 R1): whether a timestamp is older than what was received before. */
  isOldTimestamp(value: number, now: number): boolean {
    if (!sequenceLess(value, this.recentTimestamp)) return false;
    // RFC 7323 §5.5: after 24 days TS.Recent says nothing, and takes any other value.
    return this.recentTimestampAt >= 0 && now - this.recentTimestampAt < TIMESTAMP_LIFETIME;
  }

  /** RFC 7323 §4.3: TS.Recent follows segments that reach back to the last ACK sent. */
  updateTimestamp(value: number, offset: number, now: number): void {
    if (offset <= this.lastAck && !this.isOldTimestamp(value, now)) this.noteTimestamp(value, now);
  }

  // ---- data

  /**
   * Takes the payload of an acceptable segment, and its FIN.
   * @param offset stream offset of its first byte
   * @param push whether it had PSH
   */
  accept(payload: Payload, offset: number, fin: boolean, push: boolean, echo: number, now: number): void {
    let start = offset;
    let end = offset + payload.length;
    const length = payload.length;
    if (length > this.segmentSize) this.segmentSize = Math.min(length, this.tcp.config.mtu);
    if (length > 0) {
      const { tally } = this.tcp;
      tally.dataSegmentsReceived++;
      tally.dataReceivedAt = now;
    }
    // What lies beyond the window is cut off, and with it the FIN (RFC 9293 §3.10.7.4), unless nothing waits to be read, so that there is room for all of a segment.
    if (end > this.rightEdge && !(this.tcp.config.beyondWindow === "whole" && this.rightEdge > this.nxt && this.tcp.owner.unreadBytes(this.tcp) === 0)) {
      end = this.rightEdge > start ? this.rightEdge : start;
      fin = false;
      this.ackNow = true;
    }
    if (this.finOffset >= 0 && end > this.finOffset) end = this.finOffset > start ? this.finOffset : start;
    if (fin && this.finOffset < 0 && end >= this.nxt && end >= this.queue.highest) {
      this.finOffset = end;
      if (start === end && end > this.nxt) this.noteRecent(end);
    }
    const isPaced = fin && offset <= this.nxt && this.tcp.config.acknowledging === "adaptive";
    if (fin && !isPaced) this.ackNow = true;
    if (start < this.nxt && length > 0) {
      this.noteDuplicate(start, end < this.nxt ? end : this.nxt);
      start = this.nxt;
      if (!isPaced) this.ackNow = true;
    }
    if (start < end) {
      const part = payload.slice(start - offset, end - offset);
      if (start === this.nxt) {
        this.deliver(part, start, push, isPaced, echo, now);
        if (this.rightEdge < this.nxt) this.rightEdge = this.nxt;
      } else this.store(part, start, push);
    } else if (length > 0 && !isPaced) {
      this.ackNow = true;
    }
  }

  /** Takes what came with the peer's SYN: the SYN+ACK acknowledges it, and it says nothing of the pace of what follows. */
  acceptEarly(payload: Payload, now: number): void {
    const { tcp } = this;
    this.nxt = payload.length;
    this.segmentSize = Math.min(payload.length, tcp.config.mtu);
    tcp.bytesReceived += payload.length;
    tcp.tally.dataSegmentsReceived++;
    tcp.tally.dataReceivedAt = now;
    if (this.memory !== null) this.memory.onArrival(payload.length, 0);
    tcp.owner.onData(tcp, payload, 0, now);
  }

  /** @param ends whether a FIN is behind it, with which it is decided when both are acknowledged */
  private deliver(payload: Payload, offset: number, push: boolean, ends: boolean, echo: number, now: number): void {
    const tcp = this.tcp;
    const filled = this.queue.bytes > 0;
    this.nxt = offset + payload.length;
    tcp.bytesReceived += payload.length;
    this.measureRtt(payload.length, echo, now);
    tcp.owner.onData(tcp, payload, offset, now);
    if (filled) {
      this.noteOverlap();
      this.drain(now);
    }
    if (this.memory !== null) this.memory.onArrival(payload.length, this.nxt - offset - payload.length);
    if (tcp.state === "CLOSED") return;
    if (tcp.config.acknowledging === "adaptive") {
      this.paceAck(payload.length, push, filled, ends, now);
      return;
    }
    // RFC 9293 §3.8.6.3, RFC 5681 §4.2: at once when a gap is or was there, else every second full segment.
    if (filled || this.nxt - this.lastAck > this.segmentSize) {
      this.ackNow = true;
    } else if (this.quickAcks > 0) {
      this.ackNow = true;
    } else if (tcp.timers[TIMER.delayedAck] === NEVER) {
      tcp.arm(TIMER.delayedAck, now + this.ackDelay());
    }
    if (this.quickAcks > 0) this.quickAcks--;
  }

  /**
   * How long an ACK may wait for a second segment, ns: a quarter of a round trip at the most, since a longer pause would be what limits a sender with
   * a small window, and passes for its round-trip time.
   */
  ackDelay(): number {
    const { delayedAck } = this.tcp.config;
    const rtt = this.tcp.receiverRtt;
    return rtt === 0 ? delayedAck : Math.min(delayedAck, Math.max(rtt / ACK_DELAYS_IN_ROUND_TRIP, SHORTEST_ACK_DELAY));
  }

  /** The same as Linux decides it. */
  private paceAck(length: number, push: boolean, filled: boolean, ends: boolean, now: number): void {
    const { tcp } = this;
    const { config, timers } = tcp;
    const window = this.rightEdge - this.nxt;
    const pace = (this.pace ??= new AckPace(config, window));
    const { segment } = pace;
    pace.onArrival(length, push, this.announced, window, tcp.sender.timeout, now);
    if (this.memory?.measure(length, segment, pace.segment) === true) pace.onWider();
    if (ends && !filled) return;
    const armed = timers[TIMER.delayedAck] as number;
    const due = filled || this.isUrgent(pace) ? now : pace.due(armed, tcp.rtt.srtt, now);
    if (due <= now) this.ackNow = true;
    else if (due !== armed) tcp.arm(TIMER.delayedAck, due);
  }

  /** Our MSS, less timestamps. */
  private get announced(): number {
    const { config, ipHeader, timestamps } = this.tcp;
    return announcedMss(config, ipHeader) - (timestamps ? TIMESTAMP_SPACE : 0);
  }

  /** A segment came early: memory is counted where it is what the window follows from. */
  private countEarly(memory: MemoryWindow, gap: number, length: number, push: boolean): void {
    memory.onEarly(gap, length);
    const pace = (this.pace ??= new AckPace(this.tcp.config, this.rightEdge - this.nxt));
    const { segment } = pace;
    pace.measure(length, push, this.announced);
    // RFC 5681 §2: without SACK an ACK whose window is another is no duplicate.
    if (this.tcp.sack && memory.measure(length, segment, pace.segment, true)) pace.onWider();
  }

  /** Whether what arrived is acknowledged at once. Where memory counts, an ACK is worth one only if it offers as much as the last one. */
  private isUrgent(pace: AckPace): boolean {
    const { memory } = this;
    const owed = this.nxt - this.lastAck;
    if (memory === null || !pace.isMoreThanOne(owed)) return pace.isUrgent(owed, null);
    // There is no hurry to tell the peer that there is not much room.
    if (memory.isScarce) pace.onScarce();
    return pace.isUrgent(owed, memory.isKept(this.scale));
  }

  /**
   * The peer's FIN is in order. It is acknowledged at once, unless the application is to end as well and the pace is adaptive: then the ACK waits for that, as any
   * would. No SACK block is left to send then, since nothing can follow; Linux forgets a duplicate, too.
   */
  onFin(mayAnswer: boolean, now: number): void {
    const { tcp } = this;
    if (tcp.config.acknowledging === "steady") {
      this.ackNow = true;
      return;
    }
    this.duplicateStart = this.duplicateEnd;
    const armed = tcp.timers[TIMER.delayedAck] as number;
    const isFull = this.memory !== null && this.memory.isFull;
    let due = now;
    if (mayAnswer && this.pace !== null && !isFull) {
      this.pace.onFin();
      if (!this.isUrgent(this.pace)) due = this.pace.due(armed, tcp.rtt.srtt, now);
    }
    if (due <= now) this.ackNow = true;
    else if (due !== armed) tcp.arm(TIMER.delayedAck, due);
  }

  /** An ACK that waited is due. */
  onAckDue(): void {
    this.ackNow = true;
    this.pace?.onDue(this.tcp.sender.timeout);
  }

  /** Data leaves. */
  onDataSent(now: number): void {
    const { active, config, fastOpen } = this.tcp;
    const isRejected = fastOpen instanceof FastOpenClient && fastOpen.acknowledged < fastOpen.synData;
    if (this.pace === null && this.ackNow && active && this.nxt === 0 && config.acknowledging === "adaptive" && !isRejected) {
      // The third ACK waited for data, which answers the SYN+ACK.
      this.pace = new AckPace(config, this.rightEdge);
      this.pace.onAnswered(this.rightEdge, now);
    }
    this.pace?.onDataSent(now);
  }

  /** The application took `bytes`. Whether what it read is to be acknowledged now. */
  isReadAcknowledged(bytes: number, isEmpty: boolean): boolean {
    return this.pace !== null && this.pace.onRead(bytes, isEmpty, this.nxt - this.lastAck);
  }

  /** RFC 2883 §4: of what arrived in order the first part that was there already is reported as a duplicate, unless what lies before it was one. */
  private noteOverlap(): void {
    const start = this.queue.lowest;
    if (start < 0 || start >= this.nxt || this.hasDuplicate) return;
    const range = this.queue.rangeAt(start);
    if (range !== null) this.noteDuplicate(start, Math.min(range.end, this.nxt));
  }

  /** Hands over what is in order now. */
  private drain(now: number): void {
    const tcp = this.tcp;
    for (;;) {
      if (tcp.state === "CLOSED") return;
      const offset = this.nxt;
      const payload = this.queue.pop(offset);
      if (payload === null) return;
      this.nxt = offset + payload.length;
      tcp.bytesReceived += payload.length;
      tcp.owner.onData(tcp, payload, offset, now);
    }
  }

  private store(payload: Payload, offset: number, push: boolean): void {
    this.tcp.tally.outOfOrderSegments++;
    this.queue.limit = this.tcp.environment.memory.isFull ? 0 : this.tcp.owner.reassemblyMemory(this.tcp);
    const { refusals } = this.queue;
    const stored = this.queue.insert(offset, payload);
    if (this.queue.refusals > refusals) this.tcp.environment.counters.increment(LIMITS.outOfOrder.counter);
    // RFC 5681 §4.2: an out-of-order segment is acknowledged at once.
    if (this.gapToReport && !this.tcp.sack) this.duplicateAcks++;
    this.gapToReport = true;
    this.ackNow = true;
    if (stored > 0) {
      this.noteRecent(offset);
      if (this.memory !== null) this.countEarly(this.memory, offset - this.nxt, payload.length, push);
    }
    // RFC 2883 §4.2, §4.3: the second block is the range around it, which is the newest.
    const { repeatedStart, repeatedEnd } = this.queue;
    this.noteDuplicate(repeatedStart, repeatedEnd);
    if (stored === 0 && repeatedStart < repeatedEnd) this.noteRecent(offset);
  }

  private measureRtt(length: number, echo: number, now: number): void {
    const tcp = this.tcp;
    if (echo >= 0 && tcp.timestamps) {
      // Our clock ticks in milliseconds: round up, since too small a value would keep the buffer small.
      const ticks = sequenceDifference(tcp.timestampAt(now), echo);
      if (length >= this.segmentSize && ticks >= 0) this.rtt.sample((ticks + 1) * MILLISECOND);
    } else {
      this.rtt.onData(this.nxt, this.rightEdge - this.nxt, now);
    }
  }

  // ---- acknowledgments

  /** The next segments are acknowledged at once, or as late as may be. @returns whether an ACK waits that is to leave now */
  setQuickAck(enable: boolean): boolean {
    this.quickAcks = enable ? QUICK_ACKS : 0;
    this.pace?.setQuick(enable);
    return enable && this.tcp.timers[TIMER.delayedAck] !== NEVER;
  }

  /** Spends a token for an ACK in answer to a segment that was not acceptable (RFC 5961 §7). `hasData`: whether that is more than an ACK. */
  challenge(now: number, hasData = false): void {
    const { challengeInterval } = this.tcp.config;
    if (challengeInterval > 0) {
      if (!hasData) {
        if (now - this.challengedAt < challengeInterval) {
          this.tcp.environment.counters.increment(LIMITS.challenges.counter);
          return;
        }
        this.challengedAt = now;
      }
      this.ackNow = true;
      return;
    }
    if (now >= this.challengeRefill) {
      this.challengeTokens = LIMITS.challenges.default;
      this.challengeRefill = now + SECOND;
    }
    if (this.challengeTokens <= 0) {
      this.tcp.environment.counters.increment(LIMITS.challenges.counter);
      return;
    }
    this.challengeTokens--;
    this.ackNow = true;
  }

  /** A segment with our ACK field left. */
  onAckSent(): void {
    if (this.duplicateAcks > 0 && this.lastAck === this.nxt) {
      this.duplicateAcks--;
      return;
    }
    this.lastAck = this.nxt;
    this.pace?.onSent();
    this.ackNow = this.ackAgain;
    this.ackAgain = false;
    this.ackFirst = false;
    this.gapToReport = false;
    this.duplicateAcks = 0;
    if (this.tcp.timers[TIMER.delayedAck] !== NEVER) this.tcp.disarm(TIMER.delayedAck);
  }

  /** What left was an ACK of `offset` alone: the rest is acknowledged by the next one. */
  onEarlierAck(offset: number): void {
    this.lastAck = offset;
    this.ackNow = true;
  }

  /** RFC 2883: the next ACK reports [start, end), which arrived again; it may reach back to the peer's SYN, and further. */
  noteDuplicate(start: number, end: number): void {
    if (end <= start || !this.tcp.config.duplicateSack) return;
    this.duplicateStart = start;
    this.duplicateEnd = end;
  }

  /** The SACK blocks of an ACK that has room for `most`: a duplicate first, then ranges, the newest first (RFC 2018 §4, RFC 2883 §4). */
  takeSackBlocks(most: number): number[] {
    const blocks: number[] = [];
    const origin = this.origin;
    let left = most;
    if (this.hasDuplicate) {
      blocks.push(sequenceAdd(origin, this.duplicateStart), sequenceAdd(origin, this.duplicateEnd));
      left--;
      this.duplicateStart = this.duplicateEnd;
    }
    const recent = this.recent;
    let kept = 0;
    for (let i = 0; i < recent.length; i++) {
      const offset = recent[i] as number;
      const range = this.rangeWithFin(offset);
      if (range === null || this.listed(range.start, kept)) continue;
      recent[kept++] = offset;
      if (left-- > 0) blocks.push(sequenceAdd(origin, range.start), sequenceAdd(origin, range.end));
    }
    recent.length = kept;
    return blocks;
  }

  /** Whether one of the first `n` recent offsets lies in the range that starts at `start`. */
  private listed(start: number, n: number): boolean {
    for (let i = 0; i < n; i++) if (this.rangeWithFin(this.recent[i] as number)?.start === start) return true;
    return false;
  }

  /** What arrived out of order around an offset: a FIN takes the number behind the last octet (RFC 9293 §3.4), and is reported as well. */
  private rangeWithFin(offset: number): ByteRange | null {
    const { finOffset } = this;
    const isFin = offset === finOffset && offset > this.nxt;
    const range = this.queue.rangeAt(isFin ? offset - 1 : offset);
    if (range === null) return isFin ? { start: offset, end: offset + 1 } : null;
    return range.end === finOffset ? { start: range.start, end: finOffset + 1 } : range;
  }

  private noteRecent(offset: number): void {
    const recent = this.recent;
    for (let i = Math.min(recent.length, MOST_RECENT - 1); i > 0; i--) recent[i] = recent[i - 1] as number;
    recent[0] = offset;
  }

  // ---- the window

  /** The window field of a SYN or SYN+ACK, unscaled. */
  synWindow(now: number): number {
    const { tcp } = this;
    let room = Math.max(0, Math.floor(tcp.owner.receiveWindow(tcp, now)));
    if (tcp.config.offeredWindow === "half") {
      const segment = this.announced;
      this.unoffered = room > segment ? room % segment : 0;
      room -= this.unoffered;
    }
    this.firstWindow = room;
    const window = Math.min(65535, room);
    if (window > this.rightEdge - this.nxt) this.rightEdge = this.nxt + window;
    if (window > this.largestWindow) this.largestWindow = window;
    return window;
  }

  /** From now on the memory that packets take counts. @param size of the buffer, bytes */
  countMemory(size: number): void {
    const { config: { receiveBuffer: { autoTune, max } }, ipHeader, timestamps } = this.tcp;
    const options = timestamps ? TIMESTAMP_SPACE : 0;
    const most = this.scale > 1 ? Number.POSITIVE_INFINITY : 65535;
    const first = Math.min(most, this.firstWindow);
    this.memory = new MemoryWindow(size, autoTune ? max : LARGEST_BUFFER, this.announced, ipHeader + TCP_HEADER + options, first, most);
    // All of it is promised, though the field of the SYN had no room to say so.
    if (this.nxt + first > this.rightEdge) this.rightEdge = this.nxt + first;
  }

  /** Nobody reads any more, so that nothing takes memory. */
  forgetMemory(): void {
    this.memory = null;
  }

  /** The window field where memory counts: what was offered is not taken back, as far as the scale can tell. */
  private countedWindow(memory: MemoryWindow): number {
    const { nxt, scale } = this;
    const left = this.rightEdge > nxt ? this.rightEdge - nxt : 0;
    const window = Math.min(65535 * scale, Math.max(memory.select(scale), Math.ceil(left / scale) * scale));
    memory.onOffered(window);
    this.rightEdge = nxt + window;
    if (window > this.largestWindow) this.largestWindow = window;
    return Math.floor(window / scale);
  }

  /** The window field of any other segment. */
  windowField(now: number): number {
    if (this.memory !== null) return this.countedWindow(this.memory);
    const tcp = this.tcp;
    const { nxt, scale, rightEdge } = this;
    const window = this.available(now);
    let field: number;
    if (tcp.sharedWindow) {
      // Before anything has come through, the window is that of TCP's handshake.
      field = tcp.config.offeredWindow === "half" && nxt === 0 && tcp.active ? Math.ceil(window / scale) : Math.floor(window / scale);
    } else {
      let edge = nxt + window;
      // RFC 5681 §2: without SACK an ACK whose window is another is no duplicate.
      if (this.gapToReport && !tcp.sack && rightEdge > nxt && nxt === this.lastAck) edge = rightEdge;
      // RFC 9293 §3.8.6.2.2: the right edge moves by a full segment, or half of the buffer, or not at all.
      if (edge - rightEdge < this.worthwhile) edge = rightEdge;
      field = tcp.config.offeredWindow === "half" ? Math.ceil((edge - nxt) / scale) : Math.floor((edge - nxt) / scale);
      // RFC 7323 §2.4: the scale's granularity must not make the window shrink, as far as one unit is enough for that.
      if (nxt + field * scale < rightEdge && window > 0 && field * scale <= window) field++;
    }
    if (field > 65535) field = 65535;
    const advertised = field * scale;
    if (nxt + advertised > this.rightEdge) this.rightEdge = nxt + advertised;
    if (advertised > this.largestWindow) this.largestWindow = advertised;
    return field;
  }

  /** Whether the owner's window grew enough for an ACK of its own. */
  updateIsDue(now: number): boolean {
    if (this.memory !== null) return this.memory.isUpdateDue(this.rightEdge - this.nxt, this.scale);
    const window = this.available(now);
    const offered = this.rightEdge - this.nxt;
    // Ordinary ACKs will carry it while the peer has half a window left to send.
    return window >= 2 * offered && window - offered >= this.worthwhile;
  }

  /** The owner's window, as far as the field can tell it. */
  private available(now: number): number {
    const window = this.tcp.owner.receiveWindow(this.tcp, now) - this.unoffered;
    const most = 65535 * this.scale;
    return window < 0 ? 0 : window > most ? most : window;
  }

  /** A full segment, or half of the buffer, as far as it was ever on offer. */
  private get worthwhile(): number {
    const segment = this.segmentSize > 0 ? this.segmentSize : this.tcp.maxPayload;
    const half = this.largestWindow / 2;
    return half > 1 && half < segment ? half : segment;
  }
}

const MOST_RECENT = 6;
const TCP_HEADER = 20;
/** What a buffer of Linux may grow to where nobody says its size, bytes. */
const LARGEST_BUFFER = 32 * 1024 * 1024;
/** As many as Linux sends at the start. */
const QUICK_ACKS = 16;
const TIMESTAMP_LIFETIME = 24 * 86400 * SECOND;

/** Below this an ACK that waits costs less than one more ACK, ns. */
const SHORTEST_ACK_DELAY = 1_000_000;
/** Of an ACK that waits: so many fit into a round trip. */
const ACK_DELAYS_IN_ROUND_TRIP = 4;
