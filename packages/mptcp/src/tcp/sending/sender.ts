import { MILLISECOND, NEVER } from "../../core/index.ts";
import { Payload } from "../../wire/index.ts";
import type { Packet } from "../../wire/index.ts";
import type { CongestionControl } from "../congestion/control.ts";
import type { TcpConnection } from "../connection.ts";
import { TIMESTAMP_SPACE } from "../negotiation.ts";
import { DeliveryRate } from "../recovery/delivery-rate.ts";
import type { SegmentSlot } from "../owner.ts";
import { burstOfWindow, Pacer } from "./pacing.ts";
import { probePayload } from "./path-mtu.ts";
import { PHASE } from "../phase.ts";
import type { Phase } from "../phase.ts";
import { ProportionalRateReduction } from "../recovery/prr.ts";
import { DUP_THRESH, Rack } from "../recovery/rack.ts";
import { Scoreboard } from "../recovery/scoreboard.ts";
import type { SentSegment } from "./sent-segment.ts";
import { buildDataSegment } from "./segment-builder.ts";
import { LIMITED_BY } from "../tally.ts";
import { SpuriousRecovery } from "../recovery/spurious.ts";
import { TailLossProbe } from "../recovery/tail-loss-probe.ts";
import { TIMER } from "../timers.ts";

/** The sending half of a connection: what may leave now, and what is outstanding. Positions are stream offsets. */
export class Sender {
  readonly board: Scoreboard;
  readonly rack = new Rack();
  readonly prr = new ProportionalRateReduction();
  /** What Proportional Rate Reduction lets be in flight during fast recovery, bytes; -1 while none is under way. */
  recoveryWindow = -1;
  /** Spaces out what leaves; null unless congestion control gives a rate, or pacing is on. */
  pacer: Pacer | null = null;
  readonly probe: TailLossProbe;
  readonly spurious = new SpuriousRecovery();
  /** The measurement of the delivery rate; null unless congestion control wants it. */
  rates: DeliveryRate | null = null;
  /** Sequence number of offset 0. */
  readonly origin: number;
  /** SND.UNA and SND.NXT; -1 is our SYN. */
  una = -1;
  nxt = -1;
  /** SND.UP: offset behind the last octet that was written as urgent; 0: none was. */
  urgentEnd = 0;
  /** SND.WND, bytes, and the largest ever seen. */
  window = 0;
  maxWindow = 0;
  /** SND.WL1 (receive offset) and SND.WL2. */
  wl1 = -1;
  wl2 = -1;
  /** What the peer's window field is multiplied by. */
  scale = 1;
  /** The owner wants to close once it has nothing more to send. */
  closing = false;
  /** Offset of our FIN once it was sent; -1 before. */
  finOffset = -1;
  /** Payload bytes of a full segment, options deducted, at the last transmission. */
  unit = 536;

  phase: Phase = PHASE.open;
  /** SND.NXT when the current, or last, recovery began. */
  recoveryPoint = -1;
  /** FlightSize, bytes, from which the current, or last, fast recovery worked out its threshold. */
  recoveryFlight = 0;
  /** Without SACK: duplicate ACKs in a row, and the bytes that they say were delivered. */
  duplicateAcks = 0;
  duplicateBytes = 0;
  /** Consecutive timeouts without new acknowledgment. */
  timeouts = 0;
  /** By how often the RTO is doubled; until the next sample (RFC 6298 §5.5, Karn). */
  backoff = 0;
  /** The first lost segment may leave whatever the window says. */
  forceRetransmission = false;
  /** What does not fill a segment is held back: until that is taken back, or until a write with which nothing more is said to come. */
  isCorked = false;
  hasMore = false;
  /** What was written last is not to be pushed to the peer's application, since more is said to come. */
  isUnpushed = false;
  /** The persist timer overrides silly-window avoidance once. */
  forceSmall = false;
  persistBackoff = 0;
  /** Persist probes since anything was heard from the peer. */
  persistUnanswered = 0;
  /** When the latest series of timeouts, or of probes without answer, began, ns. */
  silentFrom = 0;
  /** The window was full when offsets below this were sent (RFC 7661). */
  limitedUntil = 0;
  /** The most bytes that were outstanding in this round trip, which ends when the offset `roundEnd` is acknowledged. */
  largestFlight = 0;
  private roundEnd = 0;
  /** When everything sent had been acknowledged, ns. */
  idleSince = 0;
  /** The present pause has done to the congestion window what it does: what waits now waits for the peer. */
  private pauseCounted = false;
  private readonly tcp: TcpConnection;
  /** End of the last segment that was not full (Minshall's variation of Nagle's algorithm); none lies behind our SYN at first. */
  private smallEnd = -1;

  constructor(tcp: TcpConnection, initialSequence: number) {
    this.tcp = tcp;
    this.board = new Scoreboard(tcp.environment.segments);
    this.origin = (initialSequence + 1) >>> 0;
    this.probe = new TailLossProbe();
  }

  /**
   * How far below SND.UNA an ACK may lie that is still under way (RFC 5961 §5.2): the peer's window bounds what was ever in flight, and nothing precedes the
   * first octet but our SYN, which only the answer of an opened connection acknowledges.
   */
  get oldAcks(): number {
    return Math.min(this.maxWindow, this.una + (this.tcp.active ? 1 : 0));
  }

  /** Bytes in flight: the pipe less what duplicate ACKs say was delivered. */
  get inFlight(): number {
    return this.board.pipe - this.duplicateBytes;
  }

  /** Bytes that may be in flight: the controller's window, or what Proportional Rate Reduction makes of it. */
  get congestionWindow(): number {
    return this.recoveryWindow >= 0 ? this.recoveryWindow : this.tcp.congestion.window;
  }

  /** Current retransmission timeout with backoff, ns. */
  get timeout(): number {
    const { rtt, config } = this.tcp;
    const timeout = rtt.rto * 2 ** Math.min(this.backoff, 30);
    return timeout > config.maxRto ? config.maxRto : timeout;
  }

  /** A controller begins, or takes over. */
  controlledBy(control: CongestionControl, now: number): void {
    if (!control.usesPrr) this.recoveryWindow = -1;
    if (!control.wantsSamples) {
      this.rates = null;
    } else if (this.rates === null) {
      this.rates = new DeliveryRate(control, now);
      this.board.forgetStamps();
    } else {
      this.rates.control = control;
    }
    this.board.rates = this.rates;
    this.pacer = control.pacingRate === null && this.tcp.config.pacing === "off" ? null : new Pacer(this.nxt > 0 ? 0 : this.tcp.config.initialWindowSegments * this.unit);
  }

  /** Whether new data may leave in this state. */
  get open(): boolean {
    const state = this.tcp.state;
    return (state === "ESTABLISHED" || state === "CLOSE-WAIT" || (state === "SYN-RECEIVED" && this.tcp.established)) && this.finOffset < 0;
  }

  /** Urgent data is on its way, or is to leave: what lies before its end carries URG (RFC 9293 §3.8.5). */
  get isUrgent(): boolean {
    return this.urgentEnd > this.una;
  }

  /** Bytes that the congestion window leaves room for; 0 unless it is a full segment, or nothing is in flight. */
  congestionRoom(): number {
    const inFlight = this.inFlight;
    const room = Math.floor(this.congestionWindow - inFlight);
    if (room >= this.unit) return room;
    return inFlight <= 0 ? this.unit : 0;
  }

  /** The same, as far as pacing lets it leave now. */
  pacedRoom(): number {
    const room = this.congestionRoom();
    return this.pacer === null ? room : this.pacer.within(room, this.unit);
  }

  /** Bytes that the peer's window leaves room for; where they are fewer than `wanted`, by the one that the owner shares among connections, if it is larger. */
  windowRoom(wanted: number): number {
    const own = this.una + this.window - this.nxt;
    if (own >= wanted) return own;
    const shared = this.tcp.owner.peerWindow(this.tcp);
    if (shared <= this.window) return own;
    this.window = shared;
    return this.una + shared - this.nxt;
  }

  /** Whether there is nothing to do here unless the owner has data. Who measures the delivery rate hears of every look for data that found none. */
  private get isIdle(): boolean {
    return this.board.count === 0 && !this.closing && this.rates === null;
  }

  /** Asks the owner for the option space that a data segment needs now. */
  updateUnit(): void {
    const { tcp } = this;
    let others = tcp.owner.dataOptionSpace(tcp) + (tcp.config.sackOn === "all" ? tcp.receiver.sackSpace : 0);
    if (tcp.ecn !== null) others += tcp.ecn.space(tcp, others + (tcp.timestamps ? TIMESTAMP_SPACE : 0));
    const unit = tcp.maxPayload - others;
    this.unit = unit < 1 ? 1 : unit;
  }

  /** The next segment with payload or FIN to send now, or null. */
  next(now: number): Packet | null {
    if (this.probe.pending) {
      const packet = this.sendTailProbe(now);
      if (packet !== null) return packet;
    }
    if (this.pacer !== null && this.pacer.holds(this.tcp, now)) return null;
    if (this.board.lostCount > 0) return this.spurious.forward.sendsNew ? this.forward(now) : this.retransmission(now);
    if (!this.open || (this.isIdle && !this.tcp.owner.mayOffer(this.tcp))) return null;
    if (this.tcp.pathMtu.search.isOn) {
      const packet = this.sendMtuProbe(now);
      if (packet !== "other data") return packet;
    }
    return this.newData(now, false);
  }

  /** Arms the retransmission timer from now. */
  armRetransmission(now: number): void {
    this.tcp.arm(TIMER.retransmission, now + this.timeout);
  }

  /** RFC 5682 §2.1 and §3.1, step 2b: new data instead of what is deemed lost; if there is none after all, that. */
  private forward(now: number): Packet | null {
    const packet = this.open ? this.newData(now, false) : null;
    if (packet !== null || this.nxt > this.recoveryPoint || this.congestionRoom() <= 0) return packet;
    this.spurious.forward.stop();
    return this.retransmission(now);
  }

  private retransmission(now: number): Packet | null {
    const board = this.board;
    const index = board.firstLost();
    if (index < 0) return null;
    const record = board.at(index);
    // The options may have grown since the segment was made, and the path MTU may have shrunk.
    this.updateUnit();
    const unit = this.unit;
    const inFlight = this.inFlight;
    if (this.phase === PHASE.loss && this.timeouts > 0 && inFlight > 0 && !this.forceRetransmission && this.tcp.config.timerSends === "segment") return null;
    let room = Math.floor(this.congestionWindow - inFlight);
    if (this.forceRetransmission || inFlight <= 0) room = Math.max(room, unit + 1);
    if (record.length > room && (record.payload.length <= unit || room < unit)) return null;
    const most = Math.max(unit, Math.min(this.largestSegment(), Math.floor(room / unit) * unit));
    if (record.payload.length > most) board.split(index, most);
    else if (this.tcp.config.repackaging) this.repackage(index, unit);
    this.forceRetransmission = false;
    return this.resend(record, this.phase === PHASE.loss ? "rto" : "fast", now);
  }

  /**
   * Puts what is lost behind a segment into it, as far as that makes one segment that the peer's window has room for. What has different tags stays apart; a FIN alone
   * goes with any data.
   */
  private repackage(index: number, unit: number): void {
    const { board } = this;
    const record = board.at(index);
    while (index + 1 < board.count) {
      const next = board.at(index + 1);
      const isApart = next.payload.length > 0 && next.tag !== record.tag;
      if (!next.lost || isApart || record.payload.length + next.payload.length > unit || next.end > this.una + this.window) return;
      board.join(index);
    }
  }

  private resend(record: SentSegment, cause: "rto" | "fast" | "tlp", now: number): Packet | null {
    const tcp = this.tcp;
    const { search } = tcp.pathMtu;
    if (search.isOutstanding && record.offset < search.probeEnd) search.forget();
    const prior = this.inFlight;
    this.board.resent(record, now);
    if (this.rates !== null) this.rates.onSent(record, prior, this.inFlight, now);
    if (this.phase === PHASE.recovery) this.prr.onSent(record.length);
    if (this.phase !== PHASE.open) this.spurious.onRetransmission(record.offset, record.length, tcp.timestamps ? tcp.timestampAt(now) : -1);
    tcp.retransmissions++;
    tcp.bytesRetransmitted += record.payload.length;
    tcp.environment.counters.segments.TcpRetransSegs++;
    if (tcp.environment.observer !== null) {
      tcp.emit({ kind: "retransmission", offset: record.offset, length: record.payload.length, cause }, now);
    }
    // RFC 6675 §6: a recovery that began late has a whole timeout before it for the first hole to be filled.
    if (tcp.timers[TIMER.retransmission] === NEVER || (this.phase === PHASE.recovery && record === this.board.at(0))) this.armRetransmission(now);
    return this.build(record, now);
  }

  /** @param beyond ignore the congestion window, for a tail loss probe */
  private newData(now: number, beyond: boolean): Packet | null {
    const tcp = this.tcp;
    this.updateUnit();
    const unit = this.unit;
    if (tcp.config.slowStartAfterIdle && this.board.count === 0 && !this.pauseCounted && this.rates === null) this.restartAfterIdle(now);
    const congestion = beyond ? unit : this.congestionRoom();
    if (congestion <= 0) {
      this.limitedUntil = this.nxt;
      return null;
    }
    const largest = beyond ? unit : this.largestSegment();
    const window = this.windowRoom(largest);
    if (window <= 0) {
      if (this.tcp.owner.mayOffer(tcp)) {
        this.noteClosedWindow(now);
        this.pauseCounted = true;
      }
      this.waitForWindow(now);
      return null;
    }
    let limit = congestion < largest ? congestion : largest;
    if (limit > unit) limit -= limit % unit;
    const partial = limit < largest;
    if (limit > window) limit = window;
    let length = tcp.owner.offer(tcp, limit, now);
    if (!this.open) return null;
    if (length <= 0) return this.nothingOffered(beyond, now);
    if (partial && length >= limit && this.defers(congestion, now)) {
      this.limitedUntil = this.nxt;
      return null;
    }
    if (length > limit) length = limit;
    // RFC 8985 §7.3: a probe is the next segment, which Nagle's algorithm does not hold back.
    length = beyond && length < window ? Math.min(length, unit) : this.portion(length, window, now);
    return length === 0 ? null : this.take(length, window, now);
  }

  /**
   * A segment that is larger than the path is known to take, where there is so much data behind it that its loss shows by duplicate ACKs. Acknowledgments make
   * room for it: nothing else leaves until there is enough.
   */
  private sendMtuProbe(now: number): Packet | null | "other data" {
    const { tcp } = this;
    if (this.phase !== PHASE.open) return "other data";
    this.updateUnit();
    const length = probePayload(tcp, this.unit, now);
    const wanted = length + DUP_THRESH * this.unit;
    if (length === 0 || this.congestionWindow < wanted || this.una + this.window - this.nxt < wanted || tcp.owner.offer(tcp, wanted, now) < wanted || !this.open) return "other data";
    if (this.congestionWindow - this.inFlight < length) return null;
    const { search } = tcp.pathMtu;
    search.sent(this.nxt, this.nxt + length);
    const packet = this.take(length, wanted, now);
    // The owner may have had less to say in one segment.
    if (packet?.tcp?.payload.length !== length) search.forget();
    return packet;
  }

  private nothingOffered(beyond: boolean, now: number): Packet | null {
    const { tcp } = this;
    if (this.rates !== null && !beyond) this.rates.onApplicationLimited(this.inFlight);
    if (this.board.count > 0 && tcp.owner.waitsForRoom) tcp.tally.limit(LIMITED_BY.buffer, now);
    return this.mayFinish ? this.finish(now) : null;
  }

  /** Whether a FIN may leave: one that is due before the handshake is complete waits for that. */
  private get mayFinish(): boolean {
    return this.closing && this.tcp.state !== "SYN-RECEIVED";
  }

  /**
   * How much of what the owner offers leaves now: silly-window avoidance of the sender (RFC 9293 §3.8.6.2.1) and Nagle's
   * algorithm (§3.7.4).
   */
  private portion(length: number, window: number, now: number): number {
    const unit = this.unit;
    if (length >= unit) {
      if (length === unit) return length;
      const tail = length % unit;
      return tail === 0 || this.mayBeSmall() ? length : length - tail;
    }
    if (length >= window) {
      // The peer's window, not the data, is what is small.
      if (this.forceSmall || 2 * length >= this.maxWindow) return length;
      this.noteClosedWindow(now);
      this.waitForWindow(now);
      return 0;
    }
    return this.mayBeSmall() ? length : this.holdBack(now);
  }

  /** Minshall: a small segment waits only for an earlier small one. Urgent data waits for nothing, as in Linux. */
  private mayBeSmall(): boolean {
    if (this.closing || this.forceSmall || this.isUrgent) return true;
    return !(this.isCorked || this.hasMore) && (this.tcp.noDelay || this.smallEnd <= this.una);
  }

  /** Nothing leaves now; and what waits for more to come does not wait for ever. */
  private holdBack(now: number): 0 {
    const { tcp } = this;
    if (!(this.isCorked || this.hasMore) || tcp.timers[TIMER.cork] !== NEVER) return 0;
    const isTimed = tcp.config.holding === "timeout";
    // What is in flight brings an acknowledgment, with which this is looked at again.
    if (!isTimed || this.board.count === 0) tcp.arm(TIMER.cork, now + (isTimed ? Math.max(this.timeout, LONGEST_CORK) : LONGEST_CORK));
    return 0;
  }

  /** An acknowledgment came: what was to wait for more does not go on waiting, where it waits for a timeout. */
  onHeard(): void {
    if (this.tcp.config.holding === "timeout") this.hasMore = false;
  }

  /** What was held back has waited for long enough. */
  onCorkDue(): void {
    this.isUnpushed = false;
    this.pushOut();
  }

  /** What waits leaves now, whether it fills a segment or not. */
  pushOut(): void {
    if (this.tcp.owner.mayOffer(this.tcp)) this.forceSmall = true;
  }

  /**
   * A super-segment waits to become larger while acknowledgments follow each other so closely that more will make room for it at once. After a pause
   * nothing waits: the duplicate ACKs of RFC 3042 and the ACKs of a slow path let out what they have room for.
   */
  private defers(congestion: number, now: number): boolean {
    const { config, rtt, tally } = this.tcp;
    if (this.phase !== PHASE.open || this.inFlight <= 0 || now - tally.dataSentAt > LONGEST_DEFERRAL) return false;
    if (congestion * config.superSegmentDivisor >= this.congestionWindow) return false;
    // Linux does not wait for an acknowledgment that is half a round trip away, and more than a millisecond.
    return config.superSegments === "large" || now - this.board.at(0).sentAt - MILLISECOND >= rtt.srtt / 2;
  }

  /** RFC 5681 §4.1: a pause takes half of the window for each retransmission timeout that it lasts, down to the initial window. */
  private restartAfterIdle(now: number): void {
    const { tcp, timeout } = this;
    const { dataSentAt } = tcp.tally;
    if (dataSentAt < 0 || now - dataSentAt <= timeout || !tcp.owner.mayOffer(tcp)) return;
    this.pauseCounted = true;
    let { window } = tcp.congestion;
    const least = Math.min(window, tcp.config.initialWindowSegments * tcp.maxPayload);
    for (let left = now - dataSentAt - timeout; left > 0 && window > least; left -= timeout) window /= 2;
    tcp.congestion.onIdleRestart(now - this.idleSince, now, Math.max(window, least));
  }

  private take(length: number, window: number, now: number): Packet | null {
    const tcp = this.tcp;
    const slot = SLOT;
    const offset = this.nxt;
    slot.payload = Payload.EMPTY;
    slot.tag = null;
    slot.push = false;
    tcp.owner.take(tcp, offset, length, now, slot);
    if (this.isUnpushed && tcp.config.holding === "timeout") slot.push = false;
    tcp.tally.onData(now);
    const payload = slot.payload;
    if (!this.open || payload.length === 0) return null;
    const end = offset + payload.length;
    this.nxt = end;
    // The FIN rides on the last data, if that is known to be the last.
    const fin = this.mayFinish && window > payload.length && tcp.owner.offer(tcp, 1, now) === 0 && this.open;
    if (!this.open) return null;
    // RFC 9293 §3.7.4: the last part of a super-segment is a small segment, too, on the wire.
    if (payload.length % this.unit !== 0) this.smallEnd = end;
    if (this.board.count === 0) {
      tcp.congestion.onIdleRestart(now - this.idleSince, now, Number.POSITIVE_INFINITY);
      this.pauseCounted = false;
      if (this.pacer !== null && now - tcp.tally.dataSentAt > this.timeout) this.pacer.onRestart(tcp);
    }
    this.forceSmall = false;
    this.persistBackoff = 0;
    const record = this.board.push(offset, payload, fin, slot.tag, slot.push, now);
    slot.payload = Payload.EMPTY;
    slot.tag = null;
    return this.sent(record, now);
  }

  private finish(now: number): Packet | null {
    return this.sent(this.board.push(this.nxt, Payload.EMPTY, true, null, false, now), now);
  }

  /** Book-keeping for a segment that leaves for the first time. */
  private sent(record: SentSegment, now: number): Packet | null {
    const tcp = this.tcp;
    this.nxt = record.offset + record.length;
    const flight = this.nxt - this.una;
    if (flight > this.largestFlight || this.una >= this.roundEnd) {
      this.largestFlight = flight;
      this.roundEnd = this.nxt;
    }
    if (record.fin) {
      this.finOffset = this.nxt - 1;
      tcp.setState(tcp.state === "CLOSE-WAIT" ? "LAST-ACK" : "FIN-WAIT-1", now);
    }
    if (this.phase === PHASE.recovery) this.prr.onSent(record.length);
    if (this.rates !== null) this.rates.onFirstSent(record, this.inFlight, now);
    if (tcp.timers[TIMER.persist] !== NEVER) tcp.disarm(TIMER.persist);
    if (tcp.timers[TIMER.cork] !== NEVER) tcp.disarm(TIMER.cork);
    if (tcp.timers[TIMER.retransmission] === NEVER) {
      this.armRetransmission(now);
      if (tcp.config.userTimeout > 0) tcp.arm(TIMER.user, now + tcp.config.userTimeout);
    }
    this.probe.schedule(tcp, now);
    return this.build(record, now);
  }

  private build(record: SentSegment, now: number): Packet | null {
    const { length } = record.payload;
    this.tcp.bytesSent += length;
    if (length > 0) {
      const { tally } = this.tcp;
      tally.dataSegmentsSent++;
      tally.dataSentAt = now;
      this.tcp.receiver.onDataSent(now);
    }
    if (this.pacer !== null) this.pacer.sent(this.tcp, record.length, now);
    return buildDataSegment(this.tcp, record, now);
  }

  /** RFC 8985 §7.3: one new segment if there is one, else the last one again. */
  private sendTailProbe(now: number): Packet | null {
    this.probe.pending = false;
    const board = this.board;
    if (board.count === 0) return null;
    this.tcp.environment.counters.increment("TcpExtTCPLossProbes");
    this.tcp.owner.onTailLossProbe(this.tcp, now);
    if (board.count === 0) return null;
    if (this.open && board.lostCount === 0) {
      const packet = this.newData(now, true);
      if (packet !== null) {
        this.probe.sent(this.tcp, false);
        return packet;
      }
      if (board.count === 0) return null;
    }
    this.updateUnit();
    let index = board.count - 1;
    let record = board.at(index);
    if (record.sacked) return null;
    const excess = record.payload.length - this.unit;
    if (excess > 0) {
      board.split(index, Math.ceil(excess / this.unit) * this.unit);
      record = board.at(++index);
    }
    this.probe.sent(this.tcp, true);
    return this.resend(record, "tlp", now);
  }

  /** Nothing is outstanding, something waits, and the peer's window does not let it go: only the persist timer helps. */
  private waitForWindow(now: number): void {
    const tcp = this.tcp;
    if (this.board.count > 0 || tcp.timers[TIMER.persist] !== NEVER) return;
    if (!this.closing && tcp.owner.offer(tcp, 1, now) <= 0) return;
    if (!this.open) return;
    tcp.arm(TIMER.persist, now + this.persistInterval());
    // RFC 9293 §3.10.8, as TCP_USER_TIMEOUT of Linux: it runs in any state, also while the peer answers that its window is closed.
    if (tcp.config.userTimeout > 0 && tcp.timers[TIMER.user] === NEVER) tcp.arm(TIMER.user, now + tcp.config.userTimeout);
  }

  /** There is something to send, and the peer's window has no room for it. */
  private noteClosedWindow(now: number): void {
    const { tally } = this.tcp;
    tally.begin(now);
    tally.limit(LIMITED_BY.window, now);
  }

  /** RFC 9293 §3.8.6.1: the first probe after one RTO, then at exponentially growing intervals. */
  persistInterval(): number {
    const { rtt, config } = this.tcp;
    return Math.min(config.maxRto, rtt.rto * 2 ** Math.min(this.persistBackoff, 30));
  }

  /**
   * Payload bytes of the largest segment, super-segments included: a multiple of the unit. The urgent pointer is counted from the sequence number of each segment, and whoever cuts a
   * super-segment copies it: there is none while urgent data is outstanding.
   */
  private largestSegment(): number {
    const { unit } = this;
    if (this.isUrgent) return unit;
    let limit = Math.min(this.tcp.config.segmentationLimit, LARGEST_SUPER_SEGMENT);
    // A link that cuts it would change the flags of its parts.
    if (limit <= unit || (this.tcp.ecn !== null && this.tcp.ecn.isWhole)) return unit;
    if (this.pacer !== null) limit = Math.min(limit, this.pacer.burst(this.tcp));
    else if (this.tcp.config.superSegments === "paced") limit = Math.min(limit, Math.max(2 * unit, burstOfWindow(this.tcp, LARGEST_SUPER_SEGMENT)));
    return limit - (limit % unit);
  }
}

/** How long what does not fill a segment is held back at the most, ns; as Linux. */
export const LONGEST_CORK = 200 * MILLISECOND;

/** Data that left so long ago is no burst that goes on, ns; as Linux. */
const LONGEST_DEFERRAL = MILLISECOND;

/** 65,535 octets less an IPv6 and a full TCP header. */
const LARGEST_SUPER_SEGMENT = 65535 - 40 - 60;

/** Filled by one owner at a time. */
const SLOT: SegmentSlot = { payload: Payload.EMPTY, tag: null, push: false };
