import type { CloseReason } from "../core/index.ts";
import { MptcpError, NEVER, SECOND } from "../core/index.ts";
import type { CongestionControlFactory, FourTuple, KeepAlive, StreamConnection, TcpConnection } from "../tcp/index.ts";
import { configOfKeepAlive, STREAM_EVENT } from "../tcp/index.ts";
import type { MptcpOption } from "../wire/index.ts";
import { DataSequenceSpace, MP_CAPABLE_FLAG, Payload } from "../wire/index.ts";
import { AddressManager } from "./address-manager.ts";
import { ChecksumFailure, mappingChecksum } from "./checksum-failure.ts";
import { Closing } from "./closing.ts";
import type { MptcpConfig } from "./config.ts";
import { DataReceiver } from "./data-receiver.ts";
import type { SenderContext } from "./data-sender.ts";
import { DataSender } from "./data-sender.ts";
import { DecisionLog } from "./decision-log.ts";
import type { MptcpEnvironment, SubflowTcpConfig, Timed } from "./environment.ts";
import { retryJoin } from "./joins.ts";
import type { KeyMaterial } from "./keys.ts";
import { deriveKeyMaterial } from "./keys.ts";
import { endSubflow } from "./subflow-end.ts";
import { Subflow } from "./subflow.ts";

/**
 * One Multipath TCP connection (RFC 8684): a byte stream over any number of subflows. Sans-IO. The host makes it, gives it its first
 * subflow, hands joins to it and keeps its timer; subflows report to it as owners of their TCP connections.
 *
 * Once Multipath TCP is given up (`regularTcp`) it is a plain stream over its only subflow.
 */
export class MptcpConnection implements StreamConnection, SenderContext, Timed {
  readonly id: number;
  readonly environment: MptcpEnvironment;
  readonly config: MptcpConfig;
  /** How the TCP of subflows to come is to be. */
  subflowConfig: SubflowTcpConfig;
  /** Whether this end opened the connection. */
  readonly initiator: boolean;
  readonly subflows: Subflow[] = [];
  readonly sender: DataSender;
  readonly receiver: DataReceiver;
  readonly addresses: AddressManager;
  readonly log: DecisionLog;
  readonly closing: Closing;
  readonly failure: ChecksumFailure;
  tuple: FourTuple;

  // keys and sequence spaces
  readonly localKeys: KeyMaterial;
  readonly localSpace: DataSequenceSpace;
  remoteKey: Uint8Array = new Uint8Array(8);
  remoteToken = 0;
  remoteSpace = new DataSequenceSpace(0, 0);
  remoteKnown = false;
  /** The peer's C flag: no joins to its first address and port (RFC 8684 §3.1). */
  remoteDeniesJoin = false;
  /** Checksums are in use: one of the hosts requires them (RFC 8684 §3.1); settled with the handshake. */
  checksums: boolean;

  // state
  /** Multipath TCP is not in use: the peer or the path does not do it, see `fallback`. */
  regularTcp = false;
  fallback: string | null = null;
  /** Data offset of subflow offset 0 in regular TCP. */
  regularOffset = 0;
  infiniteMappingPending = false;
  /** Data and subflow offset that the infinite mapping reaches back to; -1: it begins with the segment that carries it. */
  infiniteFrom = -1;
  /** A DATA_FIN without data is to go out on the next pure ACK. */
  finDue = false;
  /** The third ACK of the handshake was sent. */
  capableAckSent = false;
  /** A DSS arrived: the peer has our key, subflows may be added (RFC 8684 §3.1). */
  fullyEstablished = false;
  /** A second subflow was established at some time. */
  joinedEver = false;
  connectedAt = -1;
  /** When a connection without any subflow is given up, ns. */
  noSubflowAt = NEVER;
  closed = false;
  error: CloseReason | null = null;
  /** Octets of Data ACKs that we send: 8 once the peer sent an 8-octet data sequence number (§3.3.2). */
  dataAckLength: 4 | 8;
  /** The subflow that data arrived on last: the one for window updates. */
  lastReceiver: Subflow | null = null;
  /** Nagle's algorithm is off. */
  noDelay: boolean;
  /** When data last arrived in order, ns; -1: never. */
  lastReceivedAt = -1;

  // Timed
  nextTimeout = NEVER;
  timerSlot = -1;
  timerAt = NEVER;

  private events = 0;
  /** Makes the congestion controller of a subflow. */
  readonly makeCongestion: CongestionControlFactory;
  private probeAt = NEVER;
  private probeBackoff = 0;
  private finished = false;

  constructor(
    environment: MptcpEnvironment,
    options: { id: number; initiator: boolean; config: MptcpConfig; tcp: SubflowTcpConfig; keys: KeyMaterial; tuple: FourTuple },
  ) {
    this.environment = environment;
    this.id = options.id;
    this.log = new DecisionLog(environment, options.id);
    this.initiator = options.initiator;
    this.config = options.config;
    this.noDelay = options.tcp.noDelay;
    this.makeCongestion = options.config.congestion();
    this.subflowConfig = options.tcp;
    this.localKeys = options.keys;
    this.localSpace = new DataSequenceSpace(options.keys.idsnHigh, options.keys.idsnLow);
    this.tuple = options.tuple;
    this.dataAckLength = options.config.dataSequenceLength;
    this.checksums = options.config.checksum;
    this.closing = new Closing(this);
    this.failure = new ChecksumFailure(this);
    this.sender = new DataSender(this, options.config.scheduler(), options.tcp.sendBuffer);
    this.receiver = new DataReceiver(options.tcp.receiveBuffer);
    this.addresses = new AddressManager(this, options.config.pathManager());
  }

  // ---- the application's calls

  get multipath(): boolean {
    return !this.regularTcp;
  }
  get writable(): number {
    return this.closed ? 0 : this.sender.writable;
  }
  get readable(): number {
    return this.receiver.queue.length;
  }
  get ended(): boolean {
    return this.receiver.queue.length === 0 && (this.receiver.finReached || this.closed);
  }

  write(payload: Payload, keep: boolean, now: number): number {
    if (this.sender.finQueued) throw new MptcpError("ERR_STREAM_WRITE_AFTER_END", "write after end");
    if (this.closed) return 0;
    const taken = this.sender.write(payload, keep);
    if (taken > 0) this.wakeSubflows(now);
    return taken;
  }

  end(now: number): void {
    if (this.sender.finQueued || this.closed) return;
    this.sender.finQueued = true;
    if (this.regularTcp) {
      for (const subflow of this.subflows) subflow.tcp.close(now);
      return;
    }
    this.releaseFin(now);
    this.wakeSubflows(now);
  }

  read(max: number, now: number): Payload | null {
    const payload = this.receiver.queue.read(max);
    if (payload === null) return null;
    const from = this.lastReceiver ?? this.subflows[0];
    if (from === undefined || this.closed) return payload;
    this.receiver.consumed(payload.length, this.longestRtt(), from.tcp.maxPayload, now);
    if (this.receiver.updateWorthwhile(from.tcp.maxPayload)) this.sendWindowUpdate(from);
    return payload;
  }

  abort(now: number): void {
    if (!this.closed) this.closing.abort(now);
  }

  setNoDelay(enable: boolean, now: number): void {
    this.noDelay = enable;
    // RFC 6897 §4.4.2: the whole connection is meant; Nagle runs over all of its data.
    if (enable) this.wakeSubflows(now);
  }

  setKeepAlive(keepAlive: KeepAlive | null, now: number): void {
    // RFC 6897 §4.4.1: an option of the socket applies to all subflows, those to come too.
    this.subflowConfig = { ...this.subflowConfig, ...configOfKeepAlive(keepAlive) };
    for (const subflow of this.subflows) subflow.tcp.setKeepAlive(keepAlive, now);
  }

  takeEvents(): number {
    const { events } = this;
    this.events = 0;
    return events;
  }

  /** Notes an event for the application (STREAM_EVENT). */
  raise(event: number): void {
    // The application looks once at all that happened since the last look.
    const quiet = this.events === 0;
    this.events |= event;
    if (quiet || (event & (STREAM_EVENT.connected | STREAM_EVENT.closed)) !== 0) this.environment.notify(this);
  }

  // ---- handshake

  /** Flags of the MP_CAPABLE that we send. */
  get capableFlags(): number {
    return MP_CAPABLE_FLAG.H | (this.checksums ? MP_CAPABLE_FLAG.A : 0) | (this.config.denyJoinInitialAddress ? MP_CAPABLE_FLAG.C : 0);
  }

  /** The first subflow; its TCP connection is set by the caller. Call once. */
  addFirstSubflow(): Subflow {
    const { localAddress, localPort, remoteAddress, remotePort } = this.tuple;
    this.addresses.setFirst(localAddress, localPort, remoteAddress, remotePort);
    // MP_CAPABLE has no B flag: a path manager that wants the first subflow as a backup says so by MP_PRIO.
    const subflow = new Subflow(this, 1, { first: true, initiator: this.initiator, localAddressId: 0, remoteAddressId: 0, backup: false });
    this.subflows.push(subflow);
    return subflow;
  }

  adoptRemoteKey(key: Uint8Array, deniesJoin: boolean): void {
    const keys = deriveKeyMaterial(key.slice());
    this.remoteKey = keys.key;
    this.remoteToken = keys.token;
    this.remoteSpace = new DataSequenceSpace(keys.idsnHigh, keys.idsnLow);
    this.remoteKnown = true;
    this.remoteDeniesJoin = deniesJoin;
    if (deniesJoin) this.addresses.denyInitialRemote();
  }

  /** The TCP handshake of the first subflow is complete. */
  onFirstEstablished(subflow: Subflow, now: number): void {
    subflow.phase = "established";
    this.connectedAt = now;
    // The window of the handshake's last segment opens the shared window.
    this.sender.right = this.regularTcp ? NEVER : Math.max(this.sender.right, subflow.tcp.peerWindow);
    this.sender.subflowsChanged();
    this.log.observe(subflow, { kind: "connection_established", multipath: !this.regularTcp, token: this.localKeys.token });
    this.raise(STREAM_EVENT.connected | STREAM_EVENT.writable);
    // RFC 8684 §3.1: no subflow may be added before a DSS arrived; an ACK now lets the initiator add some without data.
    if (!this.initiator && !this.regularTcp) {
      subflow.tcp.requestAck();
      this.addresses.onEstablished(now);
    }
    if (this.sender.finQueued) {
      if (this.regularTcp) subflow.tcp.close(now);
      else this.releaseFin(now);
    }
    if (!this.regularTcp) this.log.established(subflow);
  }

  /** A DSS, or MP_CAPABLE with data, arrived. */
  onDss(now: number): void {
    if (this.fullyEstablished) return;
    this.fullyEstablished = true;
    this.addresses.onEstablished(now);
  }

  // ---- data

  /** Octets of the DSS on a data segment. */
  get dssLength(): number {
    return 4 + this.dataAckLength + this.config.dataSequenceLength + (this.checksums ? 8 : 6);
  }

  onDataAck(position: number, right: number, now: number): void {
    const { sender } = this;
    const finBefore = sender.finAcknowledged;
    const una = sender.unacknowledged;
    if (!sender.acknowledge(position, right, now)) return;
    if (sender.timerAt < this.nextTimeout) this.arm(sender.timerAt);
    if (sender.unacknowledged > una) this.probeBackoff = 0;
    if (this.probeAt !== NEVER && sender.right > sender.next) this.probeAt = NEVER;
    if (sender.applicationBlocked && sender.writable > 0) {
      sender.applicationBlocked = false;
      this.raise(STREAM_EVENT.writable);
    }
    if (sender.finAcknowledged && !finBefore) {
      this.raise(STREAM_EVENT.drained);
      this.closeWhenDone(now);
    }
  }

  /** Bytes of the connection, from any subflow. */
  deliver(dataOffset: number, payload: Payload, now: number): void {
    if (this.closed) return;
    const elsewhere = dataOffset > this.receiver.next ? this.outOfOrderMemory(null) : 0;
    if (this.receiver.insert(dataOffset, payload, elsewhere) === 0) return;
    this.lastReceivedAt = now;
    this.raise(STREAM_EVENT.readable);
    if (this.receiver.finReached) this.onEnd(now);
  }

  /** Memory, bytes, of data that is out of order on its subflow, on all of them but one. */
  outOfOrderMemory(except: TcpConnection | null): number {
    let memory = 0;
    for (const subflow of this.subflows) if (subflow.tcp !== except) memory += subflow.tcp.outOfOrderMemory;
    return memory;
  }

  onDataFin(dataOffset: number, now: number): void {
    const { receiver } = this;
    if (receiver.finOffset >= 0 || dataOffset < receiver.next) {
      // A repeated DATA_FIN asks for the Data ACK that got lost.
      if (receiver.finReached) this.acknowledgeOnAll();
      return;
    }
    // An end before data that is there already is none.
    if (dataOffset < receiver.reorder.highest) return;
    receiver.finOffset = dataOffset;
    this.log.dataFin("in", dataOffset);
    if (!this.sender.finSent) this.closing.passive = true;
    if (receiver.finReached) this.onEnd(now);
  }

  /** Everything the peer had to say arrived. */
  private onEnd(now: number): void {
    this.raise(STREAM_EVENT.readable);
    this.acknowledgeOnAll();
    this.closeWhenDone(now);
  }

  private acknowledgeOnAll(): void {
    if (this.regularTcp) return;
    for (const subflow of this.subflows) if (subflow.established) subflow.tcp.requestAck();
  }

  /** Sends a DATA_FIN without data, once the peer is known to have our key, or there is no data that could carry the key to it. */
  private releaseFin(now: number): void {
    if (!this.fullyEstablished && (this.connectedAt < 0 || this.sender.queue.end > 0)) return;
    if (!this.sender.releaseFin(now)) return;
    this.finDue = true;
    for (const subflow of this.sender.usableSubflows()) subflow.tcp.requestAck();
  }

  private sendWindowUpdate(from: Subflow): void {
    // RFC 8684 §3.3.4 and draft-barre §3.4.3: the update that ends a zero window goes out on every subflow.
    if (this.receiver.wasClosed) {
      this.receiver.wasClosed = false;
      for (const subflow of this.subflows) if (subflow.established || this.regularTcp) subflow.tcp.requestAck();
    } else from.tcp.requestAck();
  }

  private longestRtt(): number {
    let longest = 0;
    for (const subflow of this.subflows) {
      const rtt = subflow.tcp.receiverRtt;
      if (subflow.established && rtt > longest) longest = rtt;
    }
    return longest;
  }

  /** A subflow that was refused data in favour of `full` may have it now. */
  wakeOthers(full: Subflow): void {
    for (const subflow of this.sender.usableSubflows()) if (subflow !== full && subflow.tcp.canSend()) subflow.tcp.wake();
  }

  /** Asks every subflow that has room to look for data: what arrived on one may unblock another (draft-barre §3.5.2). */
  wakeSubflows(now: number): void {
    if (this.regularTcp) {
      for (const subflow of this.subflows) subflow.tcp.wake();
      return;
    }
    const { sender } = this;
    if (sender.hasWork) {
      const usable = sender.usableSubflows();
      for (let i = 0; i < usable.length; i++) {
        const subflow = usable[i] as Subflow;
        if (subflow.tcp.canSend()) subflow.tcp.wake();
      }
    }
    this.armProbe(now);
  }

  afterInput(subflow: Subflow, now: number): void {
    if (this.regularTcp && subflow.tcp.finAcknowledged && !this.sender.finAcknowledged) {
      this.sender.finAcknowledged = true;
      this.raise(STREAM_EVENT.drained);
    }
    if (this.sender.finQueued && !this.sender.finSent && !this.regularTcp) this.releaseFin(now);
    this.wakeSubflows(now);
  }

  /** RFC 9293 §3.8.6.1 at connection level: the shared window is closed and nothing is in flight that would bring an answer. */
  private armProbe(now: number): void {
    const { sender } = this;
    if (this.probeAt !== NEVER || this.regularTcp) return;
    if (sender.queue.end === sender.next || sender.right > sender.next || sender.unacknowledged < sender.next) return;
    let rto = 0;
    for (const subflow of this.subflows) if (subflow.established) rto = Math.max(rto, subflow.tcp.rto);
    if (rto === 0) return;
    this.probeAt = now + Math.min(rto * (1 << this.probeBackoff), LONGEST_PROBE_INTERVAL);
    this.arm(this.probeAt);
  }

  /** Whether this connection can still become regular TCP: all its data went over the first subflow (RFC 8684 §3.7). */
  get mayFallBack(): boolean {
    return !this.regularTcp && !this.joinedEver;
  }

  // ---- subflows

  onSubflowTimeout(subflow: Subflow, now: number): void {
    if (this.regularTcp || !subflow.established) return;
    if (subflow.stale) return;
    subflow.stale = true;
    this.environment.counters.increment("MPTcpExtSubflowStale");
    this.sender.subflowsChanged();
    this.sender.reinject(subflow, "rto");
    this.wakeSubflows(now);
  }

  /**
   * A subflow went silent: what it carries is sent on others at once, so that a dead path costs two round trips and not a timeout on top.
   * It stays in use, since a tail that is merely late is no reason to leave it. Where the others are backups, a path that may merely be late is
   * usable (RFC 8684 §3.3.8): they wait until the timeout would have come, had the probe not put it off.
   */
  onSubflowSilent(subflow: Subflow, now: number): void {
    if (this.regularTcp || !subflow.established || subflow.stale) return;
    const others = this.sender.usableSubflows().filter((other) => other !== subflow);
    if (others.length === 0) {
      if (!this.subflows.some((other) => other !== subflow && other.mayCarryData && !other.stale)) return;
      subflow.silentAt = now + Math.max(0, Math.ceil(subflow.tcp.rto - 2 * subflow.srtt));
      this.arm(subflow.silentAt);
      return;
    }
    this.sender.reinject(subflow, "tail_loss_probe");
    for (const other of others) other.tcp.wake();
  }

  onSubflowFin(subflow: Subflow, now: number): void {
    if (this.failure.isWaiting(subflow)) this.failure.revert(now);
    if (this.regularTcp) {
      this.receiver.finOffset = this.receiver.next;
      this.onEnd(now);
      return;
    }
    // A FIN concerns its subflow alone (RFC 8684 §3.3.3): close our side of it too.
    subflow.tcp.close(now);
    this.sender.subflowsChanged();
    this.wakeSubflows(now);
  }

  /** Whether subflows may be opened: while the connection lives, and after it for a last Data ACK that may not have arrived. */
  get mayOpen(): boolean {
    return !this.closed || (this.closing.isLingering && !this.finished);
  }

  /** A subflow named in a REMOVE_ADDR still works: it stays (RFC 8684 §3.4.2). */
  removalDisproved(subflow: Subflow): void {
    subflow.removalAt = NEVER;
    subflow.removalCheck = null;
    this.sender.subflowsChanged();
  }

  // ---- closing

  /** X1: once both DATA_FINs are acknowledged, the connection is closed, and its subflows close with FINs. */
  private closeWhenDone(now: number): void {
    if (this.closed || !this.receiver.finReached) return;
    if (this.regularTcp) return;
    if (!this.sender.finAcknowledged) return;
    this.finish(null);
    this.closing.closeSubflowsInTurn(now);
    this.release(now);
  }

  /** The application's connection is over; subflows may still be closing. */
  finish(error: CloseReason | null): void {
    if (this.closed) return;
    this.closed = true;
    this.error = error;
    this.noSubflowAt = NEVER;
    this.log.observe(null, { kind: "connection_closed", reason: error ?? "done" });
    this.raise(STREAM_EVENT.closed | STREAM_EVENT.readable);
  }

  /** Lets the host forget the connection once it is closed and no subflow is left. */
  release(now: number): void {
    if (this.finished || !this.closed || this.subflows.length > 0 || this.closing.lingers(now)) return;
    this.finished = true;
    this.nextTimeout = NEVER;
    this.environment.finished(this);
  }

  // ---- signals to the peer on pure ACKs

  get hasSignals(): boolean {
    return this.addresses.hasSignals || this.failure.due;
  }
  takeSignal(subflow: Subflow, space: number, now: number): MptcpOption | null {
    if (this.failure.due && this.failure.isWaiting(subflow)) return this.failure.takeOption();
    return this.addresses.takeSignal(subflow, space, now);
  }

  // ---- timers

  /** Makes sure that handleTimeout is called no later than `at`. */
  arm(at: number): void {
    if (this.finished || at >= this.nextTimeout) return;
    this.nextTimeout = at;
    this.environment.schedule(this);
  }

  senderTimer(at: number): void {
    this.arm(at);
  }

  handleTimeout(now: number): void {
    if (this.finished) {
      this.nextTimeout = NEVER;
      return;
    }
    if (this.sender.handleTimeout(now)) {
      if (this.sender.finSent && !this.sender.finAcknowledged) {
        this.finDue = true;
        for (const subflow of this.subflows) if (subflow.established) subflow.tcp.requestAck();
      }
      this.wakeSubflows(now);
    }
    if (now >= this.probeAt) this.probe(now);
    for (const subflow of this.subflows.slice()) this.checkSubflow(subflow, now);
    this.closing.handleTimeout(now);
    this.failure.handleTimeout(now);
    this.release(now);
    if (now >= this.noSubflowAt) {
      this.noSubflowAt = NEVER;
      // With all data acknowledged and the peer's end received, only the Data ACK of our DATA_FIN may have been lost.
      const done = this.receiver.finReached && this.sender.finSent && this.sender.unacknowledged === this.sender.finOffset;
      this.finish(done ? null : "ETIMEDOUT");
      for (const subflow of this.subflows.slice()) endSubflow(subflow, "connection_closed", now);
      this.release(now);
    }
    this.addresses.handleTimeout(now);
    this.rearm();
  }

  private checkSubflow(subflow: Subflow, now: number): void {
    if (now >= subflow.joinAckAt) retryJoin(subflow, now);
    if (now >= subflow.silentAt) {
      subflow.silentAt = NEVER;
      this.onSubflowTimeout(subflow, now);
    }
    if (now >= subflow.removalAt) subflow.removalCheck?.onTimeout(subflow, now);
  }

  private probe(now: number): void {
    this.probeAt = NEVER;
    if (this.sender.right > this.sender.next) return;
    if (this.probeBackoff < 10) this.probeBackoff++;
    this.environment.counters.increment("MPTcpExtWinProbe");
    // A lost window update is repaired by the answer to a probe (draft-barre §3.4.3), on whichever path works.
    for (const subflow of this.subflows) if (subflow.established) subflow.tcp.sendProbe(now);
    this.armProbe(now);
  }

  private rearm(): void {
    if (this.finished) return;
    let next = Math.min(this.sender.timerAt, this.probeAt, this.closing.nextTimeout, this.failure.nextTimeout, this.noSubflowAt, this.addresses.nextTimeout);
    for (const subflow of this.subflows) next = Math.min(next, subflow.joinAckAt, subflow.removalAt, subflow.silentAt);
    this.nextTimeout = next;
    this.environment.schedule(this);
  }

  // ---- what the sender asks

  /** The checksum for a mapping about to be sent, -1 when checksums are not in use. */
  checksumFor(payload: Payload | null, dataOffset: number, subflowSequence: number, dataLength: number): number {
    return this.checksums ? mappingChecksum(this.localSpace, payload, dataOffset, subflowSequence, dataLength) : -1;
  }
  get mayAttachFin(): boolean {
    return this.fullyEstablished;
  }
  get opportunisticRetransmission(): boolean {
    return this.config.opportunisticRetransmission;
  }
  get penalisation(): boolean {
    return this.config.penalisation;
  }
}

const LONGEST_PROBE_INTERVAL = 60 * SECOND;
