import type { CloseReason, Counters, Deadlines, FallbackReason, JoinRefusal, SubflowEndReason } from "../core/index.ts";
import { LIMITS, makePolicy } from "../core/index.ts";
import type { CongestionControlFactory, CouplingGroup, FourTuple, KeepAlive, StreamReadiness, StreamSettings, TcpConnection } from "../tcp/index.ts";
import { changesWindow, readinessOf, reassemblyMemory, STREAM_EVENT } from "../tcp/index.ts";
import type { MpJoinSyn, MptcpOption, Payload } from "../wire/index.ts";
import type { MptcpConfig, PolicyExchange } from "./config.ts";
import type { Carrier } from "./context.ts";
import { HeldEnd } from "./data/held-end.ts";
import { DataReceiver } from "./data/receiver.ts";
import { senderOptions } from "./data/sender-options.ts";
import type { SenderContext } from "./data/sender-options.ts";
import { DataSender } from "./data/sender.ts";
import type { DecisionLog } from "./decision-log.ts";
import type { FailureContext } from "./ending/checksum-failure.ts";
import { ChecksumFailure } from "./ending/checksum-failure.ts";
import { releaseDataFin, repeatDataFin } from "./ending/data-fin.ts";
import type { EndingContext } from "./ending/ending.ts";
import { Ending } from "./ending/ending.ts";
import { isLeft } from "./ending/left.ts";
import type { PatienceContext, PatienceLimits } from "./ending/patience.ts";
import { Patience } from "./ending/patience.ts";
import type { HandOver } from "./ending/regular-stream.ts";
import { DEADLINE } from "./deadlines.ts";
import type { MultipathContext } from "./multipath-context.ts";
import type { LocalAddress, Path } from "./path-manager.ts";
import type { PathsContext, PathSubflow } from "./paths/paths.ts";
import { Paths } from "./paths/paths.ts";
import type { SilenceContext } from "./paths/silence.ts";
import { SilenceWatch } from "./paths/silence.ts";
import type { SignalSubflow } from "./paths/signals.ts";
import type { Session } from "./session.ts";
import type { SubflowContext, SubflowOptions } from "./subflow-context.ts";
import { Subflow } from "./subflow.ts";
import type { Version } from "./version/version.ts";

/**
 * The mediator of a Multipath TCP connection: it owns the parts and the list of subflows, carries what one part says to the others, and
 * wakes subflows. Each part is the only writer of its state, and asks for what it needs of the whole by an interface of its own, all of
 * which are met here.
 *
 * Parts say that something changed ({@link Multipath.mark}, {@link Multipath.subflowsChanged}); after each packet, timeout or command,
 * {@link Multipath.settle} looks once which subflows have something to send.
 */
export class Multipath implements SubflowContext<Subflow>, SenderContext, EndingContext, FailureContext, PatienceContext, PathsContext, SilenceContext {
  readonly session: Session;
  readonly sender: DataSender;
  readonly receiver: DataReceiver;
  readonly paths: Paths;
  readonly ending: Ending;
  readonly failure: ChecksumFailure;
  readonly patience: Patience;
  readonly silence: SilenceWatch;
  private readonly context: MultipathContext;
  private readonly heldEnd: HeldEnd;
  private readonly living: Subflow[] = [];
  /** Of several subflows, the one that data arrived on last, which window updates go out on; null: the first. */
  private lastReceiver: Subflow | null = null;
  /** A second subflow was established at some time, or may have been for the peer. */
  private joinedEver = false;
  /** The path of a subflow dropped options, and nothing has come through since: joins may succeed there without end, and be of no use. */
  private optionsDropped = false;
  /** Pieces of data without a mapping since one came with it. */
  private unmappedPieces = 0;
  /** Something changed that may let a subflow send. */
  private dirty = false;
  private connected = false;

  constructor(context: MultipathContext, session: Session) {
    const { config, subflowConfig } = context;
    this.context = context;
    this.session = session;
    this.ending = new Ending(this);
    this.failure = new ChecksumFailure(this);
    this.sender = new DataSender(this, senderOptions(config, subflowConfig));
    this.receiver = new DataReceiver(subflowConfig.receiveBuffer, subflowConfig);
    this.heldEnd = new HeldEnd(config.dataFinDelay, context.deadlines);
    this.paths = new Paths(this, makePolicy(config.pathManager));
    this.patience = new Patience(this);
    this.silence = new SilenceWatch(this);
  }

  // ---- what the parts read

  get subflows(): readonly Subflow[] {
    return this.living;
  }
  get connectionId(): number {
    return this.context.connectionId;
  }
  get config(): MptcpConfig {
    return this.context.config;
  }
  get deadlines(): Deadlines {
    return this.context.deadlines;
  }
  get log(): DecisionLog {
    return this.context.log;
  }
  get counters(): Counters {
    return this.context.environment.counters;
  }
  get tuple(): FourTuple {
    return this.context.tuple;
  }
  get patienceLimits(): PatienceLimits {
    return this.context.subflowConfig;
  }
  get closed(): boolean {
    return this.ending.closed;
  }
  get isConnected(): boolean {
    return this.connected;
  }
  get error(): CloseReason | null {
    return this.ending.error;
  }
  get mayOpen(): boolean {
    return this.ending.mayOpen && !this.isPastJoins;
  }
  /** Whether either end has ended its direction, and no subflow is added any more. */
  private get isPastJoins(): boolean {
    return !this.config.joinsWhileClosing && (this.sender.finQueued || this.receiver.finReached);
  }
  /** Subflows without those whose peer has proven nothing yet. */
  get verifiedSubflows(): number {
    let count = 0;
    for (const subflow of this.living) if (!subflow.unverified) count++;
    return count;
  }
  get mayFallBack(): boolean {
    return !this.joinedEver && this.living.some((subflow) => subflow.first);
  }
  get mayRepeat(): boolean {
    return this.joinedEver || !this.living.some((subflow) => subflow.inDoubt);
  }
  get joinUndecided(): boolean {
    return this.living.some((subflow) => subflow.undecided);
  }
  get endIsHeld(): boolean {
    return this.heldEnd.isHeld;
  }
  get hasSignals(): boolean {
    return this.paths.signals.waiting || this.failure.due;
  }

  localAddresses(): readonly LocalAddress[] {
    return this.context.environment.localAddresses();
  }

  get isTight(): boolean {
    return this.context.environment.memory.isTight;
  }
  get congestion(): CongestionControlFactory {
    return this.context.congestion;
  }
  get couplingGroup(): CouplingGroup {
    return this.context.couplingGroup;
  }

  reassemblyMemory(tcp: TcpConnection): number {
    return reassemblyMemory(this.receiver.limit) - this.receiver.reorderMemory - this.outOfOrderMemory(tcp);
  }

  /** Memory, bytes, of data that is out of order on its subflow, on all of them but one. */
  outOfOrderMemory(except: TcpConnection | null): number {
    let memory = 0;
    for (const subflow of this.living) if (subflow.tcp !== except) memory += subflow.tcp.outOfOrderMemory;
    return memory;
  }

  othersFor(subflow: Subflow): "usable" | "waiting" | "none" {
    if (this.sender.carriers.usable().some((other) => other !== subflow)) return "usable";
    return this.living.some((other) => other !== subflow && other.mayCarryData && !other.stale) ? "waiting" : "none";
  }

  /**
   * The one that takes data, unless it has gone silent and others have not: who sends none does not learn that a path is dead. What has to be repeated
   * goes by one subflow after the other, those first that were heard of last.
   */
  signalCarrier(tries = 0): SignalSubflow | undefined {
    const established = this.living.filter((candidate) => candidate.established);
    if (tries > 0) return established.toSorted((a, b) => b.heardAt - a.heardAt)[(tries - 1) % established.length];
    const usable = this.sender.carriers.usable()[0] as Subflow | undefined;
    if (usable === undefined) return established[0];
    return established.reduce((best, other) => (other.heardAt > best.heardAt + best.baseRto ? other : best), usable);
  }

  waitsFor(subflow: Subflow, space: number): boolean {
    return this.failure.isDueOn(subflow) || this.paths.signals.waitsFor(subflow, space);
  }

  takeSignal(subflow: Subflow, space: number, now: number): MptcpOption | null {
    if (this.failure.isDueOn(subflow)) return this.failure.takeOption();
    return this.paths.signals.take(subflow, space, now);
  }

  // ---- what the application reads

  get sendBuffered(): number {
    return this.sender.buffered;
  }
  get receiveBuffered(): number {
    return this.receiver.buffered;
  }
  get writable(): number {
    return this.ending.closed ? 0 : this.sender.writable;
  }
  get readable(): number {
    return this.receiver.readable;
  }
  get ended(): boolean {
    return this.receiver.readable === 0 && (this.receiver.finReached || this.receiver.isDiscarding || this.ending.closed);
  }
  get unsent(): number {
    return this.sender.unsent;
  }
  get readiness(): StreamReadiness {
    const { ending, receiver, sender } = this;
    const { hasEnoughToRead, readable } = receiver;
    const isPeerEnded = receiver.finReached || receiver.isDiscarding;
    return readinessOf({ isOpen: this.connected, isClosed: ending.closed, error: ending.error, hasEnoughToRead, readable, isPeerEnded, isEnding: sender.finQueued, hasRoom: sender.isRoomy });
  }
  get small(): Pick<StreamSettings, "noDelay" | "cork"> {
    return { noDelay: this.sender.isNoDelay, cork: this.sender.isCorked };
  }
  get hasArrived(): boolean {
    return this.receiver.finReached;
  }
  get isEnding(): boolean {
    return this.sender.finQueued;
  }
  get isOwed(): boolean {
    return this.sender.isOwed;
  }

  // ---- the application's commands

  write(payload: Payload, keep: boolean, now: number, more = false): number {
    if (this.ending.closed && !this.sender.finQueued) return 0;
    const taken = this.sender.write(payload, keep);
    if (this.sender.expectMore(more) || taken > 0) this.mark();
    if (taken > 0) this.failure.onNewData(now);
    this.settle(now);
    return taken;
  }

  end(now: number): void {
    if (this.ending.closed || !this.sender.end()) return;
    this.mark();
    this.settle(now);
  }

  abandon(now: number): void {
    if (this.ending.closed) {
      this.patience.abandon();
      return;
    }
    if (this.readable > 0 && this.context.subflowConfig.unreadAtClose !== "drop") {
      this.abort(now);
      return;
    }
    this.patience.abandon();
    this.sender.end();
    this.mark();
    this.settle(now);
  }

  read(max: number, now: number): Payload | null {
    const { receiver } = this;
    const payload = receiver.read(max);
    if (payload === null) return null;
    const from = this.lastReceiver ?? this.living[0];
    if (from === undefined || this.ending.closed) return payload;
    if (!this.isTight) receiver.consumed(payload.length, this.longestRtt(), from.tcp.maxPayload, now);
    this.offerWindow(from);
    for (const subflow of this.living) subflow.tcp.onRead(payload.length, receiver.readable === 0);
    return payload;
  }

  peek(max: number, skip: number): Payload | null {
    return this.receiver.peek(max, skip);
  }

  stopReading(_now: number): void {
    this.receiver.discard();
    this.offerWindow();
    this.raise(STREAM_EVENT.readable);
  }

  abort(now: number): void {
    this.ending.abort(now);
    this.settle(now);
  }

  setNoDelay(enable: boolean, now: number): void {
    // RFC 6897 §4.4.2: the whole connection is meant; Nagle runs over all of its data.
    if (this.sender.setNoDelay(enable)) this.mark();
    for (const subflow of this.living) subflow.tcp.setNoDelay(this.sender.sendsSmall);
    this.settle(now);
  }

  setKeepAlive(keepAlive: KeepAlive | null, now: number): void {
    for (const subflow of this.living) subflow.tcp.setKeepAlive(keepAlive, now);
  }

  setQuickAck(enable: boolean): void {
    for (const subflow of this.living) subflow.tcp.setQuickAck(enable);
  }

  /** Other settings from now on, of the subflows that there are as well. */
  configure(change: Partial<StreamSettings>, now: number): void {
    const { receiver, sender } = this;
    for (const subflow of this.living) subflow.tcp.configure(change, now);
    if (change.noDelay !== undefined) this.setNoDelay(change.noDelay, now);
    sender.configure(change);
    receiver.configure(change);
    this.patience.onLimits(now);
    if (changesWindow(change)) this.offerWindow();
    if (sender.takeRoom()) this.onRoom();
    if (change.readLowWater !== undefined && receiver.hasEnoughToRead) this.raise(STREAM_EVENT.readable);
    this.mark();
    this.settle(now);
  }

  /** Other policies decide from now on; what is not named stays. */
  exchange(policies: PolicyExchange, now: number): void {
    const { congestion, pathManager, scheduler } = policies;
    if (scheduler !== undefined) this.sender.carriers.exchange(makePolicy(scheduler));
    if (congestion !== undefined) for (const subflow of this.living) subflow.tcp.replaceCongestion(congestion, now);
    if (pathManager !== undefined) this.paths.exchange(makePolicy(pathManager), now);
    this.mark();
    this.settle(now);
  }

  /** What the application asks of the paths. @returns what `command` does */
  command<T>(command: (paths: Paths) => T, now: number): T {
    const result = command(this.paths);
    this.settle(now);
    return result;
  }

  // ---- the host's commands

  /** The first subflow; its TCP connection is attached by the caller. Call once. */
  addFirstSubflow(triesEarlier = false): Subflow {
    // MP_CAPABLE has no B flag: a path manager that wants the first subflow as a backup says so by MP_PRIO.
    return this.make({ pathIndex: 1, first: true, initiator: this.session.initiator, localAddressId: 0, remoteAddressId: 0, backup: false, nonce: 0, triesEarlier });
  }

  /** The peer's SYN offered Multipath TCP. */
  onOffer(flags: number, key: Uint8Array | null): void {
    this.session.onOffer(flags, key);
    if (key !== null && this.session.peerDeniesJoin) this.paths.denyInitialRemote();
  }

  /** A SYN with MP_JOIN arrived for the connection's token (RFC 8684 §3.2). The host makes the TCP connection for the subflow returned. */
  acceptJoin(option: MpJoinSyn, tuple: FourTuple, now: number): Subflow | JoinRefusal {
    const { config, environment } = this.context;
    // After a regular close the peer may come back for the Data ACK of its DATA_FIN.
    if (this.ending.error !== null) return "not_multipath";
    const isByAck = config.joinRefusal === "ack";
    if (!this.session.remoteKnown) return isByAck ? "unknown_token" : "not_yet";
    if (!isByAck && this.verifiedSubflows > config.limits.subflows) return "too_many_subflows";
    // RFC 8684 §3.1: who sets the C flag does not accept subflows to the address and port that it was sent from.
    const { localAddress, localPort } = this.tuple;
    if (config.denyJoinInitialAddress && tuple.localPort === localPort && tuple.localAddress.equals(localAddress)) return "initial_address_denied";
    const admitted = this.paths.admitJoin(option, tuple, now);
    if (typeof admitted === "string") return admitted;
    const pending = this.living.filter((subflow) => subflow.unverified);
    if (pending.length >= config.pendingJoins) (pending[0] as Subflow).displace(now);
    if (option.backup) this.counters.increment("MPTcpExtMPJoinSynBackupRx");
    const subflow = this.make({
      ...admitted,
      first: false,
      initiator: false,
      remoteAddressId: option.addressId,
      nonce: environment.random.nonces.uint32(),
      peer: { nonce: option.nonce, backup: option.backup },
    });
    subflow.awaitAck(now + config.pendingJoinTimeout);
    return subflow;
  }

  /** Does what is due. The connection settles afterwards, if it is still in Multipath TCP then. */
  handleTimeout(now: number): void {
    const { heldEnd, sender } = this;
    if (heldEnd.isHeld && this.deadlines.take(DEADLINE.heldEnd, now)) this.takeHeldEnd(now);
    if (sender.handleTimeout(now)) {
      if (sender.finDue) repeatDataFin(this, now);
      this.mark();
    }
    if (sender.probe(now) && this.config.windowProbe === "segment") this.onWindowProbe();
    this.ending.handleTimeout(now);
    this.failure.handleTimeout(now);
    this.ending.release(now);
    this.ending.giveUpAlone(this.awaitsLastAck, now);
    this.silence.handleTimeout(now);
    const verdict = this.patience.handleTimeout(now);
    if (verdict !== null) this.ending.giveUp(verdict, now);
    this.paths.handleTimeout(now);
    if (sender.stopHolding(now)) this.mark();
    // Last: a subflow may find that the connection is to be regular TCP, and gives it away with everything above.
    for (const subflow of this.living.slice()) if (this.living.includes(subflow)) subflow.handleTimeout(now);
  }

  // ---- what the parts ask for

  open(path: Path, backup: boolean, localPort: number, now: number): boolean {
    const { config, environment, subflowConfig } = this.context;
    const { localAddress, remoteAddress, remotePort } = path;
    const subflow = this.make({
      pathIndex: path.index,
      first: false,
      initiator: true,
      localAddressId: path.localAddressId,
      remoteAddressId: path.remoteAddressId,
      backup,
      nonce: environment.random.nonces.uint32(),
    });
    const synRetries = Math.min(subflowConfig.synRetries, config.joinSynRetries);
    const tcp = environment.connectTcp(subflow, { localAddress, localPort, remoteAddress, remotePort }, subflowConfig, synRetries, now);
    if (tcp === null) return false;
    subflow.attach(tcp);
    return true;
  }

  doubt(subflow: PathSubflow, now: number): void {
    const doubted = this.living.find((other) => other === subflow);
    if (doubted === undefined) return;
    if (this.config.removedAddress === "ask") doubted.askWhetherGone(now);
    else {
      this.counters.increment("MPTcpExtRmSubflow");
      doubted.closeRemoved(now);
    }
    this.sender.reinject(doubted, "remove_addr");
  }

  raise(event: number): void {
    this.context.raise(event);
  }

  get abandoned(): boolean {
    return this.patience.abandoned;
  }

  orphaned(): boolean {
    return this.context.orphaned();
  }

  linger(now: number): void {
    this.context.linger(now);
  }

  forget(): void {
    this.context.forget();
  }

  fallBack(reason: FallbackReason, now: number, arrivingOffset = 0): void {
    this.hand(reason, { arrivingOffset, infiniteFrom: -1, answers: 0, answerNow: false }, now);
  }

  failOver(reason: FallbackReason, answers: number, answerNow: boolean, now: number): void {
    const { nxt, una } = this.sender;
    // RFC 8684 §3.7: the mapping acts retroactively, from what was acknowledged on.
    this.hand(reason, { arrivingOffset: 0, infiniteFrom: Math.min(una, nxt), answers, answerNow }, now);
  }

  /** Gives the first subflow's TCP connection to regular TCP, and ends the others. */
  private hand(reason: FallbackReason, how: Pick<HandOver, "arrivingOffset" | "infiniteFrom" | "answers" | "answerNow">, now: number): void {
    const first = this.living.find((subflow) => subflow.first);
    if (first === undefined) return;
    const held = first.replace();
    const isEstablished = this.session.remoteKnown && this.connected;
    const others = this.living.filter((subflow) => subflow !== first);
    this.living.length = 0;
    this.deadlines.close();
    // Regular TCP goes on over the first subflow alone: joins that are under way are given up.
    for (const subflow of others) subflow.end("fallback", now);
    const { config, session, sender, receiver } = this;
    const arrivingOffset = how.arrivingOffset - first.early.received;
    const acknowledges = reason === "mp_fail" && config.mappingFaults === "regular";
    const joins = others.filter((subflow) => !subflow.hasHeir).map((subflow) => subflow.tcp);
    this.context.becomeRegular({ reason, tcp: first.tcp, joins, session, unsent: sender.handOver(first.declared), unread: receiver.handOver(), held, isEstablished, declares: config.regularNotice === "declared" || acknowledges, acknowledges, keepsWritesApart: config.mappingSpan === "write", ...how, arrivingOffset, sentEarly: first.early.sent }, now);
    this.dirty = false;
  }

  // ---- what the parts tell: the handshake

  onVersion(version: Version): void {
    this.context.changeVersion(version);
  }

  onAgreed(flags: number, key: Uint8Array): void {
    this.session.onAgreed(flags, key);
    if (this.session.peerDeniesJoin) this.paths.denyInitialRemote();
  }

  onKeysReturned(flags: number, key: Uint8Array): void {
    this.session.onKeysReturned(flags, key);
    if (this.session.peerDeniesJoin) this.paths.denyInitialRemote();
  }

  onFirstEstablished(subflow: Subflow, now: number): void {
    this.connected = true;
    // The window of the handshake's last segment opens the shared window.
    this.sender.openWindow(subflow.tcp.peerWindow);
    this.subflowsChanged();
    this.context.onEstablished(now);
    // RFC 8684 §3.1: no subflow may be added before a DSS arrived; an ACK now lets the initiator add some without data.
    if (!this.session.initiator) {
      if (this.config.confirmedBy === "keys") this.onDss(now);
      if (this.config.confirmHandshake) subflow.requestAck();
      this.paths.onEstablished(now);
    }
    if (this.sender.finQueued) releaseDataFin(this, now);
    this.log.established(subflow);
  }

  onOpenedEarly(now: number): void {
    this.context.onOpenedEarly(now);
  }

  whyNotJoin(subflow: Subflow): SubflowEndReason | null {
    if (this.isPastJoins) return "past_joins";
    return this.verifiedSubflows - (subflow.unverified ? 0 : 1) <= this.config.limits.subflows ? null : "too_many_subflows";
  }

  onJoinVerified(tcp: TcpConnection): void {
    this.context.environment.joined(tcp);
  }

  onJoined(subflow: Subflow, now: number): void {
    this.joinedEver = true;
    if (this.config.joinSends === "heard" && !subflow.initiator && !this.living.some((other) => other !== subflow && other.mayCarryData)) this.sender.hold();
    this.failure.onJoined(now);
    this.paths.onJoined(subflow);
    if (!this.optionsDropped) this.ending.onCompany();
    this.subflowsChanged();
    this.log.established(subflow);
    this.raise(STREAM_EVENT.subflows);
    if (this.ending.closed) subflow.close(now);
    else if (this.sender.finSent && !this.sender.finAcknowledged) subflow.requestAck();
  }

  /** The peer has our keys, as a DSS shows: subflows may be added (RFC 8684 §3.1). */
  onDss(now: number): void {
    if (!this.session.onDss()) return;
    this.log.fullyEstablished(this.session.local.token);
    this.paths.onEstablished(now);
  }

  // ---- what the parts tell: data

  onDataAck(position: number, right: number, onData: boolean, now: number): void {
    const { sender } = this;
    const finBefore = sender.finAcknowledged;
    const { una } = sender;
    if (!sender.acknowledge(position, right, now)) return;
    this.session.onAcknowledged(position, now);
    if (this.optionsDropped && sender.una > una) this.onProgress();
    if (sender.takeRoom()) this.raise(STREAM_EVENT.writable);
    if (sender.isCovered) for (const subflow of this.living) subflow.onAllCovered();
    if (sender.finAcknowledged && !finBefore) {
      this.raise(STREAM_EVENT.drained);
      if (!(onData && this.heldEnd.hold(-1, now))) this.closeWhenDone(now);
    }
  }

  onArrival(subflow: Subflow): void {
    // Where there is one subflow, there is nothing to choose from.
    if (this.living.length > 1) this.lastReceiver = subflow;
  }

  /** Bytes of the connection, from any subflow. */
  deliver(dataOffset: number, payload: Payload, now: number): void {
    if (this.ending.closed) return;
    this.unmappedPieces = 0;
    const elsewhere = dataOffset > this.receiver.nxt ? (this.context.environment.memory.isFull ? Number.POSITIVE_INFINITY : this.outOfOrderMemory(null)) : 0;
    const { refusals } = this.receiver;
    if (this.receiver.insert(dataOffset, payload, elsewhere, now) === 0) {
      if (this.receiver.refusals > refusals) this.counters.increment(LIMITS.outOfOrder.counter);
      return;
    }
    this.session.onArrived(this.receiver.nxt, now);
    if (this.optionsDropped) this.onProgress();
    if (this.receiver.hasEnoughToRead) this.raise(STREAM_EVENT.readable);
    if (this.receiver.finReached) this.onEnd(now);
  }

  deliverEarly(payload: Payload, now: number): void {
    if (this.ending.closed) return;
    this.receiver.insertEarly(payload, now);
    if (this.receiver.hasEnoughToRead) this.raise(STREAM_EVENT.readable);
  }

  /** A piece of data came without a mapping. @returns how many did, on whichever subflow, since one came with it */
  countUnmapped(): number {
    return ++this.unmappedPieces;
  }

  onDataFin(dataOffset: number, onData: boolean, now: number): void {
    if (!(onData && !this.receiver.finReached && this.heldEnd.hold(dataOffset, now))) this.takeDataFin(dataOffset, now);
  }

  takeHeldEnd(now: number): void {
    if (!this.heldEnd.isHeld) return;
    const dataOffset = this.heldEnd.release();
    if (dataOffset >= 0) this.takeDataFin(dataOffset, now);
    if (!this.ending.closed) this.closeWhenDone(now);
  }

  onFastclose(subflow: Subflow, withReset: boolean, now: number): void {
    this.ending.onFastclose(subflow, withReset, this.awaitsLastAck, now);
  }

  private takeDataFin(dataOffset: number, now: number): void {
    const { receiver } = this;
    if (!receiver.insertFin(dataOffset, this.config.dataFinBelowData)) {
      if (receiver.finReached && this.config.repeatedDataFin === "acknowledged") this.acknowledgeOnAll();
      return;
    }
    if (this.optionsDropped) this.onProgress();
    this.log.dataFin("in", dataOffset);
    this.ending.onPeerFin(!this.sender.finSent);
    if (receiver.finReached) this.onEnd(now);
  }

  // ---- what the parts tell: subflows

  onAttached(subflow: Subflow): void {
    this.living.push(subflow);
  }

  subflowsChanged(): void {
    this.sender.carriers.changed();
    this.dirty = true;
  }

  mark(): void {
    this.dirty = true;
  }

  onSubflowEnded(subflow: Subflow, verified: boolean, reason: SubflowEndReason, text: string, error: CloseReason | null, now: number): void {
    const { ending, living, paths, sender } = this;
    this.log.observe(subflow, { kind: "subflow_closed", reason: text });
    const at = living.indexOf(subflow);
    if (at < 0) return;
    living.splice(at, 1);
    this.patience.onSubflowGone(subflow);
    if (this.lastReceiver === subflow) this.lastReceiver = null;
    this.subflowsChanged();
    if (ending.closed) {
      ending.onSubflowGone(error === null, now);
      if (ending.mayOpen) paths.onSubflowClosed(subflow, reason, verified, now);
      return;
    }
    sender.reinject(subflow, "subflow_death");
    // RFC 8684 §3.7: the peer may have sent on it what it sent on the first subflow too, so that both levels do not count alike.
    if (subflow.mayBeConfirmed) this.joinedEver = true;
    const isAlone = !living.some((other) => other.established);
    // Of a join that proves nothing, anybody may be the sender.
    if (subflow.lostOptions && (verified || isAlone)) this.optionsDropped = true;
    this.raise(STREAM_EVENT.subflows);
    if (living.length === 0 && !this.session.fullyEstablished) {
      ending.onFailedToStart(error ?? "ECONNRESET", now);
      return;
    }
    paths.onSubflowClosed(subflow, reason, verified, now);
    // A join that is under way is not yet company: without end, one after the other could fail.
    if (isAlone) ending.onAlone(this.optionsDropped, now);
  }

  // ---- waking

  onWindowProbe(): void {
    this.counters.increment("MPTcpExtWinProbe");
  }

  onRoom(): void {
    this.raise(STREAM_EVENT.writable);
  }

  /** A subflow that was refused data in favour of `full` may have it now. */
  wakeOthers(full: Carrier): void {
    for (const subflow of this.sender.carriers.usable()) if (subflow !== full && subflow.hasRoom) subflow.wake();
  }

  /** Asks every subflow that has room to look for data, if anything may have changed since it was last asked. The one place where subflows are woken. */
  settle(now: number): void {
    if (!this.dirty) return;
    this.dirty = false;
    const { sender } = this;
    if (sender.finQueued && !sender.finSent) releaseDataFin(this, now);
    // The first SYN may wait for what it is to carry.
    if (!this.connected) this.living[0]?.wakeSyn();
    if (sender.hasWork) {
      const usable = sender.carriers.usable();
      for (let i = 0; i < usable.length; i++) {
        const subflow = usable[i] as Carrier;
        if (subflow.hasRoom) subflow.wake();
      }
    }
    sender.armProbe(now);
    if (this.ending.closed) return;
    this.patience.watch(now);
    this.silence.watch(now);
  }

  // ---- inside

  private make(options: SubflowOptions): Subflow {
    return new Subflow(this, options);
  }

  /** Everything the peer had to say arrived. */
  private onEnd(now: number): void {
    this.raise(STREAM_EVENT.readable);
    this.acknowledgeOnAll();
    this.closeWhenDone(now);
    if (this.ending.closed && this.context.config.dataFinAckApart) for (const subflow of this.living) subflow.tcp.requestAckAfter();
  }

  /** Something came through with its options: the subflows that there are, are company. */
  private onProgress(): void {
    this.optionsDropped = false;
    this.ending.onCompany();
  }

  /** Has every subflow send an ACK. */
  acknowledgeOnAll(): void {
    for (const subflow of this.living) if (subflow.established && !isLeft(subflow)) subflow.requestAck();
  }

  /** Whether, with all data acknowledged and the peer's end reached, nothing but the Data ACK of our DATA_FIN is missing. */
  private get awaitsLastAck(): boolean {
    return this.receiver.finReached && this.sender.onlyFinUnacknowledged;
  }

  /** X1: once both DATA_FINs are acknowledged, the connection is closed, and its subflows close with FINs. */
  private closeWhenDone(now: number): void {
    if (this.receiver.finReached && this.sender.finAcknowledged) this.ending.onDone(now);
  }

  /** Tells the peer of a window that has grown, when it is worth an ACK of its own. @param from where it goes out */
  private offerWindow(from: Subflow | undefined = this.lastReceiver ?? this.living[0]): void {
    if (from === undefined || this.ending.closed || !this.receiver.updateWorthwhile(from.tcp.maxPayload)) return;
    // RFC 8684 §3.3.4 and draft-barre §3.4.3: the update that ends a zero window goes out on every subflow.
    if (this.receiver.takeClosed()) this.acknowledgeOnAll();
    else from.requestAck();
  }

  private longestRtt(): number {
    let longest = 0;
    for (const subflow of this.living) {
      const rtt = subflow.tcp.receiverRtt;
      if (subflow.established && rtt > longest) longest = rtt;
    }
    return longest;
  }
}
