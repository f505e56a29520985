import type { CloseReason, DecisionDetail } from "../core/index.ts";
import { MILLISECOND, NEVER, SECOND } from "../core/index.ts";
import type { Packet, TcpSegment } from "../wire/index.ts";
import { sequenceAdd, TCP_FLAG } from "../wire/index.ts";
import { configOfKeepAlive, keepAliveOf, trafficClassOf } from "./config.ts";
import type { KeepAlive, StreamSettings, TcpConfig } from "./config.ts";
import type { CongestionContext, CongestionControl, CongestionControlFactory, HandOver } from "./congestion/control.ts";
import { BEFORE_ESTABLISHED } from "./congestion/none.ts";
import type { EcnFeedback } from "./ecn/feedback.ts";
import { answerEcn, askForEcn, rememberEcn } from "./ecn/negotiation.ts";
import type { FastOpenClient } from "./fast-open/client.ts";
import type { FastOpenServer } from "./fast-open/server.ts";
import { handleIcmpError } from "./icmp-errors.ts";
import type { IcmpError } from "./icmp-errors.ts";
import type { TcpEnvironment, TcpOwner } from "./owner.ts";
import { isPacedThroughout } from "./sending/pacing.ts";
import { PathMtu, payloadIn } from "./sending/path-mtu.ts";
import { Receiver } from "./receiving/receiver.ts";
import { handshakeTime } from "./recovery/handshake-time.ts";
import { RttEstimator } from "./recovery/rtt.ts";
import { refuseSynAck, segmentArrives, synchronize } from "./segment-arrives.ts";
import { Sender } from "./sending/sender.ts";
import type { SentSynAck, Service } from "./service.ts";
import type { FourTuple } from "./stream.ts";
import { Tally } from "./tally.ts";
import { TimeWait } from "./time-wait.ts";
import { runTimers } from "./recovery/timeouts.ts";
import { TIMER, TIMERS } from "./timers.ts";
import type { Timer } from "./timers.ts";
import { nextPacket } from "./sending/transmit.ts";

export type TcpState =
  | "LISTEN" | "SYN-SENT" | "SYN-RECEIVED" | "ESTABLISHED" | "FIN-WAIT-1" | "FIN-WAIT-2"
  | "CLOSE-WAIT" | "CLOSING" | "LAST-ACK" | "TIME-WAIT" | "CLOSED";

/**
 * One regular TCP connection (RFC 9293), sans-IO. What it sends comes from its owner, at the moment of transmission.
 *
 * A driver calls {@link TcpConnection.receive} for each packet, {@link TcpConnection.handleTimeout} when `nextTimeout` has come
 * (early calls do nothing), and {@link TcpConnection.pollTransmit} until it returns null after either of them, after any command and
 * whenever the environment's `wake` says so.
 *
 * Positions are stream offsets; -1 is a SYN, and a FIN takes the offset after the last byte.
 */
export class TcpConnection {
  readonly environment: TcpEnvironment;
  readonly tuple: FourTuple;
  /** See {@link TcpConnection.configure}. */
  config: TcpConfig;
  owner: TcpOwner;
  state: TcpState;
  /** Before the handshake is complete there is no window to control: one of its own stands there. */
  congestion: CongestionControl;
  /** What made the controller, or is to make it; null before the handshake is complete, unless somebody chose. */
  congestionFactory: CongestionControlFactory | null = null;
  /** For events: the connection's number on its host and the path index. Set by the owner. */
  connectionId = -1;
  subflowId = 0;
  /** For the host: which link it sends on (-1: none), place in the timer heap (-1: none) and whether it is in the transmit queue. */
  link = -1;
  timerSlot = -1;
  timerAt = NEVER;
  queued = false;
  /** When handleTimeout wants to be called, ns; NEVER when idle. It may be earlier than the first timer. */
  nextTimeout = NEVER;
  /** TTL or hop limit, and DSCP with ECN, of packets sent. */
  hopLimit: number;
  trafficClass: number;
  /** Nagle's algorithm is off. See {@link TcpConnection.setNoDelay}. */
  noDelay: boolean;
  /** Keepalive probes; null: none. See {@link TcpConnection.setKeepAlive}. */
  keepAlive: KeepAlive | null;
  /**
   * The window that the owner gives is not counted from this connection's RCV.NXT but from something that it shares with others, so
   * it is advertised as it is; {@link TcpConnection.receive} accepts up to the largest right edge in any case.
   */
  sharedWindow = false;
  /**
   * Before the handshake is complete the owner has options for a SYN+ACK alone, and an ACK without any would say that the path drops them (RFC 8684
   * §3.7): a segment that is not acceptable then, which may be anybody's, is answered by the SYN+ACK, which says the same (RFC 9293 §3.10.7.4).
   */
  answersBySyn = false;
  /** Whether the answer to our SYN+ACK tells a round-trip time. */
  measuresHandshake = true;
  /** Until then an ACK without data does not complete the handshake of a connection that was opened by the peer, ns; 0: it does. */
  deferredUntil = 0;
  /** TCP Fast Open (RFC 7413); null: the handshake is an ordinary one. */
  fastOpen: FastOpenClient | FastOpenServer | null = null;

  // statistics
  bytesSent = 0;
  bytesRetransmitted = 0;
  bytesReceived = 0;
  retransmissions = 0;
  segmentsSent = 0;
  segmentsReceived = 0;
  readonly tally = new Tally();

  // ---- for the other files of this room
  sender: Sender;
  readonly receiver: Receiver;
  readonly rtt: RttEstimator;
  readonly pathMtu: PathMtu;
  /** When each timer fires, ns. */
  readonly timers: number[] = new Array<number>(TIMERS).fill(NEVER);
  /** Whether we opened the connection. */
  readonly active: boolean;
  /** Octets of the IP header. */
  readonly ipHeader: 20 | 40;
  /** What was negotiated. */
  sack = false;
  timestamps = false;
  scaling = false;
  /** Null: no ECN is spoken, nor asked for. */
  ecn: EcnFeedback | null = null;
  peerMss = 536;
  synPending = false;
  /** When the SYN (or SYN+ACK) was sent; -1 before, NEVER when it was sent more than once. */
  synSentAt = -1;
  synRetries = 0;
  probePending = false;
  abortPending = false;
  /** Sequence number of a RST to send without ending the connection; -1: none. */
  resetReply = -1;
  /** Timestamp of the segment that it answers; -1: that had none. */
  resetEcho = -1;
  /** Nobody will read what comes from here on: the peer hears of that by a RST. See {@link TcpConnection.refuseText}. */
  refusesText = false;
  /** Our FIN was acknowledged by a segment that brought no FIN of the peer. */
  wasFinWait2 = false;
  /** Keepalive: when the peer was last heard of, and probes since. */
  lastHeard = 0;
  keepAliveProbes = 0;
  /** What was acknowledged when the connection was last looked at as an orphan; -2: it is none, -3: there are too many. */
  orphanUna = -2;
  /** What ICMP said of a connection that then timed out. */
  softError: CloseReason | null = null;
  private reachedEstablished = false;
  /** The owner was told that the connection is over, or ended it itself. */
  private finished = false;
  private payloadLimit = 0;
  /** Added to our timestamp clock (RFC 7323 §7.1). */
  private timestampOffset: number;

  private constructor(environment: TcpEnvironment, owner: TcpOwner, config: TcpConfig, tuple: FourTuple, active: boolean, sent: SentSynAck | null, now: number) {
    this.environment = environment;
    this.owner = owner;
    this.config = config;
    this.tuple = tuple;
    this.active = active;
    this.state = "CLOSED";
    this.congestion = BEFORE_ESTABLISHED;
    this.ipHeader = tuple.localAddress.family === 4 ? 20 : 40;
    this.sender = new Sender(this, sent === null ? environment.initialNumbers.sequenceNumber(tuple, now) : sent.initialSequence);
    this.timestampOffset = sent === null ? environment.initialNumbers.timestampOffset(tuple) : sent.timestampOffset;
    this.receiver = new Receiver(this);
    this.rtt = new RttEstimator(config.initialRto, config.minRto, config.maxRto, config.clockGranularity);
    this.pathMtu = new PathMtu(config.mtu, tuple.localAddress.family);
    this.lastHeard = now;
    this.hopLimit = config.hopLimit;
    this.trafficClass = trafficClassOf(config);
    this.noDelay = config.noDelay;
    this.keepAlive = keepAliveOf(config);
    this.peerMss = this.ipHeader === 20 ? 536 : 1220;
    this.updateMaxPayload();
  }

  /** Active open: SYN-SENT. The SYN leaves with the next pollTransmit; the environment is not woken for it. */
  static connect(environment: TcpEnvironment, owner: TcpOwner, config: TcpConfig, tuple: FourTuple, now: number, fastOpen: FastOpenClient | null = null): TcpConnection {
    const tcp = new TcpConnection(environment, owner, config, tuple, true, null, now);
    tcp.fastOpen = fastOpen;
    tcp.sender.nxt = 0;
    tcp.ecn = askForEcn(config);
    tcp.setState("SYN-SENT", now);
    tcp.synPending = true;
    if (fastOpen !== null && fastOpen.patience > 0) tcp.timers[TIMER.retransmission] = tcp.nextTimeout = now + fastOpen.patience;
    return tcp;
  }

  /**
   * Passive open from a SYN that arrived: SYN-RECEIVED. `owner.onSegment` is not called for that SYN.
   * @param sent the SYN+ACK, where one was sent already
   */
  static accept(environment: TcpEnvironment, owner: TcpOwner, config: TcpConfig, tuple: FourTuple, syn: Packet, now: number, sent: SentSynAck | null = null): TcpConnection {
    const tcp = new TcpConnection(environment, owner, config, tuple, false, sent, now);
    tcp.sender.nxt = 0;
    tcp.segmentsReceived = 1;
    if (syn.tcp !== null) {
      synchronize(tcp, syn.tcp, now);
      tcp.ecn = sent === null ? answerEcn(config, syn.tcp, syn.trafficClass & 3) : rememberEcn(config, syn.tcp);
    }
    tcp.setState("SYN-RECEIVED", now);
    tcp.synPending = sent === null;
    if (sent !== null) {
      // The window that it offered, and the timer that it would have started; when it left is not known.
      tcp.receiver.synWindow(now);
      tcp.synSentAt = NEVER;
      tcp.measuresHandshake = false;
      tcp.sender.armRetransmission(now);
    }
    return tcp;
  }

  // ---- the driver's calls

  /** A packet for this connection arrived. */
  receive(packet: Packet, now: number): void {
    const segment = packet.tcp;
    if (segment === null || this.state === "CLOSED" || this.state === "LISTEN") return;
    this.segmentsReceived++;
    if (this.ecn !== null) this.ecn.arriving = packet.trafficClass & 3;
    segmentArrives(this, segment, now);
    this.owner.onInput(this, now);
    this.notify();
  }

  /** The next packet to send now, or null. Call until null. */
  pollTransmit(now: number): Packet | null {
    return nextPacket(this, now);
  }

  /** Does whatever is due at `now`. Early calls only recompute `nextTimeout`. */
  handleTimeout(now: number): void {
    runTimers(this, now);
    this.owner.onInput(this, now);
    let next = NEVER;
    for (let i = 0; i < TIMERS; i++) if ((this.timers[i] as number) < next) next = this.timers[i] as number;
    this.nextTimeout = next;
    this.notify();
  }

  /** An ICMP error about a packet of ours. */
  handleIcmp(error: IcmpError, now: number): void {
    handleIcmpError(this, error, now);
    this.owner.onInput(this, now);
    this.notify();
  }

  /** A segment that is acceptable arrived: the peer lives. Others may be anybody's, and prove nothing. */
  heard(now: number): void {
    this.lastHeard = now;
    this.keepAliveProbes = 0;
    this.sender.persistUnanswered = 0;
  }

  // ---- the owner's commands

  /** Who owns the connection from now on, and how; what is not named stays as it is. */
  serve(owned: Service): void {
    if (owned.owner !== undefined) this.owner = owned.owner;
    if (owned.connectionId !== undefined) this.connectionId = owned.connectionId;
    if (owned.subflowId !== undefined) this.subflowId = owned.subflowId;
    if (owned.noDelay !== undefined) this.noDelay = owned.noDelay;
    if (owned.sharedWindow !== undefined) this.sharedWindow = owned.sharedWindow;
    if (owned.answersBySyn !== undefined) this.answersBySyn = owned.answersBySyn;
    if (owned.measuresHandshake !== undefined) this.measuresHandshake = owned.measuresHandshake;
    if (owned.deferredUntil !== undefined) this.deferredUntil = owned.deferredUntil;
  }

  /** Ask the owner for data again at the next poll. */
  wake(): void {
    if (this.state !== "CLOSED") this.environment.wake(this);
  }

  /** Send FIN once the owner offers nothing more. */
  close(now: number): void {
    if (this.sender.closing || this.state === "CLOSED") return;
    // RFC 9293 §3.10.4: before the handshake is complete the close is queued, like the data.
    this.sender.closing = true;
    // Nothing can come any more: who waits here waits for acknowledgments alone.
    if (this.receiver.finished) this.watchOrphan(now);
    this.environment.wake(this);
  }

  /**
   * Closes, and nobody waits for the connection any more: what is to be sent is sent, and when that makes no progress for
   * `orphanTimeout`, or the peer leaves its own side open, the connection is given up with ETIMEDOUT and a RST.
   */
  abandon(now: number): void {
    this.close(now);
    if (this.orphanUna === -2) this.watchOrphan(now);
  }

  /** From here on nobody reads: where `unreadAtClose` says so, new data is answered by a RST, since it is lost (RFC 1122 §4.2.2.13). */
  refuseText(): void {
    this.refusesText = this.config.unreadAtClose !== "drop";
  }

  /** RFC 9293 §3.10.5: send RST (when the peer knows of us, after both FINs only if it tells `more`, as of unread data) and be CLOSED; the owner hears nothing. The RST passes through segmentOptions. */
  abort(now: number, more = false): void {
    if (this.state === "CLOSED") return;
    this.abortPending = HEARD_OF.has(this.state) || (more && (this.state === "CLOSING" || this.state === "LAST-ACK"));
    this.end(now);
  }

  /** The SYN+ACK that is being looked at is of no use: the peer forgets it by a RST, and the SYN is sent once more. */
  refuseSynAck(segment: TcpSegment, now: number): void {
    // With another number: what is still under way of the attempt before is told from this one.
    this.sender = new Sender(this, this.environment.initialNumbers.sequenceNumber(this.tuple, now));
    this.sender.nxt = 0;
    refuseSynAck(this, segment, now);
  }

  /** Send a pure ACK at the next poll, even if a delayed ACK would wait. */
  requestAck(): void {
    if (this.state === "CLOSED" || this.state === "SYN-SENT") return;
    this.receiver.ackNow = true;
    this.environment.wake(this);
  }

  /** Send a pure ACK ahead of the next segment, a FIN perhaps, even if that says the same. */
  requestAckAhead(): void {
    if (this.state === "CLOSED" || this.state === "SYN-SENT") return;
    this.receiver.ackNow = true;
    this.receiver.ackFirst = true;
    this.environment.wake(this);
  }

  /** Send a pure ACK after the next segment, a FIN perhaps, even if that says the same. */
  requestAckAfter(): void {
    if (this.state === "CLOSED" || this.state === "SYN-SENT") return;
    this.receiver.ackAgain = true;
    this.environment.wake(this);
  }

  /** The owner refused a segment: an ACK says what is expected, as often as after one that is not acceptable (RFC 5961 §7). */
  challenge(now: number): void {
    this.receiver.challenge(now);
    this.wake();
  }

  /** The owner's receive window grew: send an update when it is worth one (silly-window avoidance, RFC 9293 §3.8.6.2.2). */
  windowUpdated(now: number): void {
    switch (this.state) {
      case "ESTABLISHED":
      case "FIN-WAIT-1":
      case "FIN-WAIT-2":
        if (this.receiver.updateIsDue(now)) this.requestAck();
        break;
      default:
    }
  }

  /** The application took `bytes` of what arrived here; `isEmpty`: and nothing is left for it. */
  onRead(bytes: number, isEmpty: boolean): void {
    if (this.receiver.isReadAcknowledged(bytes, isEmpty)) this.requestAck();
  }

  /** Send a segment without payload that the peer must answer with its ACK and window (sequence SND.UNA - 1). */
  sendProbe(_now: number): void {
    if (!this.reachedEstablished || this.state === "CLOSED" || this.state === "TIME-WAIT") return;
    this.probePending = true;
    this.environment.wake(this);
  }

  /** The path answers again: the oldest segment, if one is outstanding, is sent again at once, and intervals start anew. */
  retryNow(now: number): void {
    if (this.sender.board.count === 0) return;
    this.sender.backoff = 0;
    this.arm(TIMER.retransmission, now);
  }

  /**
   * It was restored where the clock shows `shift` ns more, and all its times were moved by that. The timestamps that the peer sees go on as
   * they were, or it would drop our segments as old (RFC 7323 §5).
   */
  onClockMoved(shift: number): void {
    this.timestampOffset = sequenceAdd(this.timestampOffset, -Math.floor(shift / MILLISECOND));
  }

  /** It goes on elsewhere: nothing leaves here any more, not even a RST, and nothing is due. */
  onMovedAway(): void {
    this.state = "CLOSED";
    this.finished = true;
    this.timers.fill(NEVER);
    this.nextTimeout = NEVER;
  }

  /** Turns Nagle's algorithm (RFC 9293 §3.7.4) off or on. What it held back leaves at the next poll. */
  setNoDelay(enable: boolean): void {
    this.noDelay = enable;
    if (!enable) return;
    // As Linux does it, once, though what follows is held back again.
    if (this.sender.isCorked) this.sender.pushOut();
    this.wake();
  }

  /** Holds back what does not fill a segment, or does not any more; what was held back leaves at the next poll. `null`: as it is. */
  holdBack(cork: boolean | null, more: boolean | null): void {
    const { sender } = this;
    if (cork !== null) sender.isCorked = cork;
    if (more !== null) {
      sender.hasMore = more;
      sender.isUnpushed = more;
    }
    if (sender.isCorked || sender.hasMore) return;
    this.disarm(TIMER.cork);
    this.wake();
  }

  /** What the owner offers is urgent up to `end`, a stream offset, from now on (RFC 9293 §3.10.2). */
  markUrgent(end: number): void {
    this.sender.urgentEnd = end;
    this.wake();
  }

  /**
   * Other settings from now on. Those that are the stream's are its owner's to follow: Nagle's algorithm, the cork, buffers, marks, the clamp of the window.
   */
  configure(change: Partial<StreamSettings>, now: number): void {
    const config = (this.config = { ...this.config, ...configOfKeepAlive(this.keepAlive), ...change });
    this.hopLimit = config.hopLimit;
    this.trafficClass = trafficClassOf(config);
    this.updateMaxPayload();
    if (change.keepAliveIdle !== undefined || change.keepAliveInterval !== undefined || change.keepAliveProbes !== undefined) this.setKeepAlive(keepAliveOf(config), now);
    if (change.userTimeout === undefined) return;
    if (config.userTimeout > 0 && (this.sender.board.count > 0 || this.timers[TIMER.persist] !== NEVER)) this.arm(TIMER.user, now + config.userTimeout);
    else this.disarm(TIMER.user);
  }

  /** Acknowledges at once, what waits for it too; or lets ACKs wait as long as they may. It holds for a while, as in Linux: many segments change it. */
  setQuickAck(enable: boolean): void {
    if (this.receiver.setQuickAck(enable)) this.requestAck();
  }

  /** Turns keepalive probes (RFC 9293 §3.8.4) on, counted from when the peer was last heard of, or off. */
  setKeepAlive(keepAlive: KeepAlive | null, now: number): void {
    this.keepAlive = keepAlive;
    this.keepAliveProbes = 0;
    if (keepAlive === null) this.disarm(TIMER.keepAlive);
    else if (this.reachedEstablished && this.state !== "CLOSED" && this.state !== "TIME-WAIT") this.arm(TIMER.keepAlive, Math.max(now, this.lastHeard + keepAlive.idle));
  }

  /** Penalisation: asks congestion control for half of the window, not below one segment. */
  reduceWindow(now: number): void {
    if (this.congestion === BEFORE_ESTABLISHED) return;
    const { sender } = this;
    const window = Math.max(sender.unit, Math.floor(sender.congestionWindow / 2));
    if (sender.recoveryWindow >= 0) sender.recoveryWindow = window;
    this.congestion.onPenalty(window, now);
  }

  /**
   * Exchanges congestion control, also while data flows: the new controller goes on from the window and the threshold of the old one. Before
   * the handshake is complete it is what the connection will begin with.
   */
  replaceCongestion(factory: CongestionControlFactory, now: number): void {
    if (this.state === "CLOSED" || this.state === "TIME-WAIT") return;
    this.congestionFactory = factory;
    if (!this.reachedEstablished) return;
    const old = this.congestion;
    this.congestion = factory.create(this.congestionContext({ window: old.window, threshold: old.threshold }, now));
    old.release();
    this.sender.controlledBy(this.congestion, now);
    this.environment.wake(this);
  }

  // ---- what one can read

  /** Whether state, congestion window and the peer's window would let new data leave now. */
  canSend(): boolean {
    return this.sender.open && this.sendRoom() > 0;
  }

  /** Bytes of new data that congestion window and peer's window leave room for now; 0 while pacing holds them back. */
  sendRoom(): number {
    const sender = this.sender;
    if (sender.board.lostCount > 0) return 0;
    const room = sender.pacedRoom();
    const window = sender.windowRoom(room);
    return window < room ? (window > 0 ? window : 0) : room;
  }

  /** Payload bytes of a full segment without MPTCP options: MSS less timestamps. */
  get maxPayload(): number {
    return this.payloadLimit;
  }

  /** Stream offset of the oldest byte not acknowledged. */
  get ackedOffset(): number {
    const { una, finOffset } = this.sender;
    return una < 0 ? 0 : finOffset >= 0 && una > finOffset ? finOffset : una;
  }

  /** Stream offset of the next byte to send. */
  get nextOffset(): number {
    const { nxt, finOffset } = this.sender;
    return nxt < 0 ? 0 : finOffset >= 0 ? finOffset : nxt;
  }

  /** Stream offset of the next byte expected from the peer. */
  get receivedOffset(): number {
    return this.receiver.finished ? this.receiver.finOffset : this.receiver.nxt;
  }

  /** The peer's window as last heard, bytes beyond what it has acknowledged. */
  get peerWindow(): number {
    return this.sender.window;
  }

  /** Bytes that may be in flight: congestion control's window, or during fast recovery what Proportional Rate Reduction makes of it. */
  get congestionWindow(): number {
    return this.sender.congestionWindow;
  }

  /** Bytes in flight as loss recovery sees it (RFC 6675's pipe). */
  get inFlight(): number {
    return this.sender.inFlight;
  }

  /** Smoothed round-trip time, ns; 0 before the first sample. */
  get srtt(): number {
    return this.rtt.srtt;
  }

  /** Smallest recent round-trip time, ns; 0 before the first sample. */
  get minRtt(): number {
    return this.rtt.min;
  }

  /** Round-trip time as the receiving half sees it, ns; 0 when unknown. For buffer tuning. */
  get receiverRtt(): number {
    return this.receiver.rtt.value === 0 ? this.rtt.srtt : this.receiver.rtt.value;
  }

  /** Retransmission timeout with backoff, ns. */
  get rto(): number {
    return this.sender.timeout;
  }

  /** Consecutive RTOs without new acknowledgment; 0 when all is well. */
  get backoff(): number {
    return this.sender.timeouts;
  }

  /** SYNs or SYN+ACKs sent again so far. */
  get synRetransmissions(): number {
    return this.synRetries;
  }

  /** Whether `close` was called: nothing but what the owner still offers, and a FIN, will be sent. */
  get closing(): boolean {
    return this.sender.closing;
  }

  /** Whether the peer's FIN was received in order. */
  get peerFinished(): boolean {
    return this.receiver.finished;
  }

  get finSent(): boolean {
    return this.sender.finOffset >= 0;
  }

  get finAcknowledged(): boolean {
    return this.sender.finOffset >= 0 && this.sender.una > this.sender.finOffset;
  }

  /** Whether an ACK is to be sent, and when TIME-WAIT ends, ns. */
  get owesAck(): boolean {
    return this.receiver.ackNow;
  }
  get timeWaitEnd(): number {
    return this.timers[TIMER.timeWait] as number;
  }

  /** Whether ESTABLISHED was reached. */
  get established(): boolean {
    return this.reachedEstablished;
  }

  /** Bytes stored out of order. */
  get outOfOrderBytes(): number {
    return this.receiver.queue.bytes;
  }

  /** Memory that they take, about, bytes. */
  get outOfOrderMemory(): number {
    return this.receiver.queue.memory;
  }

  /** Largest payload received in one segment, bytes; 0 before the first. */
  get receivedSegmentSize(): number {
    return this.receiver.segmentSize;
  }

  /** `segment.window` scaled as negotiated. */
  scaledWindow(segment: TcpSegment): number {
    return (segment.flags & TCP_FLAG.SYN) !== 0 ? segment.window : segment.window * this.sender.scale;
  }

  // ---- for the other files of this room

  /** Sets a timer. */
  arm(timer: Timer, at: number): void {
    this.timers[timer] = at;
    if (at < this.nextTimeout) {
      this.nextTimeout = at;
      this.environment.wake(this);
    }
  }

  /** Stops a timer; `nextTimeout` stays, since an early call costs little. */
  disarm(timer: Timer): void {
    this.timers[timer] = NEVER;
  }

  /** Whether the state is `state` now; after a call that may have changed it. */
  is(state: TcpState): boolean {
    return this.state === state;
  }

  setState(state: TcpState, now: number): void {
    const from = this.state;
    this.state = state;
    this.emit({ kind: "tcp_state", from, to: state }, now);
  }

  emit(detail: DecisionDetail, now: number): void {
    const observer = this.environment.observer;
    if (observer === null) return;
    observer.event({ at: now, host: this.environment.name, connection: this.connectionId, subflow: this.subflowId, ...detail });
  }

  /** What ICMP said, once: it did not end the connection (RFC 1122 §4.2.3.9). */
  takeSoftError(): CloseReason | null {
    const { softError } = this;
    this.softError = null;
    return softError;
  }

  /** RFC 9293 §3.10.7: a RST with the number that the segment acknowledges answers it. */
  answerByReset(segment: TcpSegment): void {
    this.resetReply = segment.acknowledgment;
    this.resetEcho = segment.hasTimestamps ? segment.timestampValue : -1;
  }

  /** A segment is not processed further. */
  drop(reason: string, now: number): void {
    if (this.environment.observer !== null) this.emit({ kind: "segment_dropped", reason }, now);
  }

  /** Our timestamp at a time (RFC 7323 §5.4: one tick per millisecond). */
  timestampAt(now: number): number {
    return (this.timestampOffset + Math.floor(now / MILLISECOND)) >>> 0;
  }

  /** Recomputes the payload of a full segment after negotiation or a change of the path MTU. */
  updateMaxPayload(): void {
    const limit = payloadIn(this, this.pathMtu.current);
    if (limit === this.payloadLimit) return;
    this.payloadLimit = limit;
    this.congestion.onMss(limit);
  }

  /** The handshake is complete, by `segment`: ESTABLISHED. */
  establish(segment: TcpSegment, now: number): void {
    const sender = this.sender;
    // What the SYN carried may be acknowledged with it.
    sender.una = this.active ? sender.nxt : 0;
    if (sender.timeouts > 0) this.tally.onTimeoutsOver(now);
    sender.timeouts = 0;
    sender.backoff = 0;
    this.synPending = false;
    this.disarm(TIMER.retransmission);
    const time = handshakeTime(this, segment, now);
    if (time >= 0) this.rtt.sample(time, 1, now);
    // RFC 6298 §5.7: a lost SYN makes the first RTO for data at least three seconds.
    else if (this.synRetries > 0 && this.rtt.rto < AFTER_LOST_SYN) this.rtt.rto = AFTER_LOST_SYN;
    if (!this.reachedEstablished) this.prepareSending(now);
    else if (sender.board.count > 0) sender.armRetransmission(now);
    this.setState("ESTABLISHED", now);
    if (this.keepAlive !== null) this.arm(TIMER.keepAlive, now + this.keepAlive.idle);
    if (this.ecn !== null) this.ecn.onEstablished(this, now);
    this.owner.onEstablished(this, now);
  }

  /** Fast Open: the owner may send and receive in SYN-RECEIVED already (RFC 7413 §4.2.2). @param length bytes that came with the SYN */
  openForData(length: number, now: number): void {
    this.prepareSending(now);
    this.owner.onOpenedEarly(this, length, now);
  }

  private prepareSending(now: number): void {
    const { sender } = this;
    sender.updateUnit();
    this.congestionFactory ??= this.owner.congestionControl(this);
    this.congestion = this.congestionFactory.create(this.congestionContext(null, now));
    sender.controlledBy(this.congestion, now);
    sender.idleSince = now;
    this.reachedEstablished = true;
    this.tally.onEstablished(now);
  }

  /** Both sides closed and we closed first, or at the same time. */
  enterTimeWait(now: number): void {
    this.timers.fill(NEVER);
    this.setState("TIME-WAIT", now);
    this.arm(TIMER.timeWait, now + this.config.timeWait);
    this.letGo();
    if (this.finished) return;
    this.finished = true;
    this.owner.onClosed(this, null, null, now);
  }

  /** What is to be kept of it in TIME-WAIT, once nothing is left to send. Nothing can be asked of the connection any more. */
  retire(now: number): TimeWait {
    const rest = new TimeWait(this, now);
    this.state = "CLOSED";
    this.timers.fill(NEVER);
    this.nextTimeout = NEVER;
    return rest;
  }

  /** Begins to watch, or goes on watching, whether the connection that nobody waits for makes progress. */
  watchOrphan(now: number): void {
    if (this.state === "CLOSED" || this.state === "TIME-WAIT" || this.orphanUna === -3) return;
    if (this.orphanUna === -2 && !this.environment.orphaned(this)) {
      // It is given up once what is happening now is over.
      this.orphanUna = -3;
      this.arm(TIMER.orphan, now);
      return;
    }
    this.orphanUna = this.sender.una;
    this.arm(TIMER.orphan, now + this.config.orphanTimeout);
  }

  /** The connection is over, and a peer that may still be there hears of it by a RST. */
  giveUp(reason: CloseReason, now: number): void {
    if (this.reachedEstablished) this.abortPending = true;
    this.over(reason, null, now);
  }

  /** The connection is over: CLOSED, and the owner hears of it. */
  over(reason: CloseReason | null, segment: TcpSegment | null, now: number): void {
    if (this.state === "CLOSED") return;
    const tell = !this.finished;
    if (reason !== null && !this.reachedEstablished) this.environment.counters.increment("TcpAttemptFails");
    this.end(now);
    if (tell) this.owner.onClosed(this, reason, segment, now);
  }

  private congestionContext(handOver: HandOver | null, now: number): CongestionContext {
    // RFC 5681 §2: the SMSS does not count options, and these vary: a window of two segments must hold two of any kind.
    const mss = this.maxPayload;
    // RFC 6928 §2: one segment after more than one lost SYN.
    const segments = this.synRetries > 1 ? 1 : this.config.initialWindowSegments;
    return { mss, initialWindow: segments * mss, handOver, group: this.owner.couplingGroup(this), srtt: this.rtt.srtt, sack: this.sack, isPaced: isPacedThroughout(this.config), now };
  }

  private end(now: number): void {
    this.finished = true;
    this.timers.fill(NEVER);
    this.nextTimeout = NEVER;
    this.setState("CLOSED", now);
    this.letGo();
    // With a RST still to send the 4-tuple is free once it has left.
    if (this.abortPending) this.environment.wake(this);
    else this.environment.closed(this);
  }

  /** Tells the host to look at this connection again, unless nothing can come of it any more. */
  private notify(): void {
    if (this.state !== "CLOSED" || this.abortPending) this.environment.wake(this);
  }

  private letGo(): void {
    this.sender.board.clear();
    this.sender.duplicateBytes = 0;
    this.receiver.queue.clear();
    this.congestion.release();
  }
}

/** States in which the peer has to hear of an abort. */
const HEARD_OF: ReadonlySet<TcpState> = new Set(["SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT"]);
const AFTER_LOST_SYN = 3 * SECOND;
