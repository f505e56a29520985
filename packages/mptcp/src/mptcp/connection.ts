import type { CloseReason, ConnectionSnapshot, DeadlineOwner, FallbackReason, JoinRefusal, Reason } from "../core/index.ts";
import { Deadlines, FALLBACK_REASONS, MptcpError } from "../core/index.ts";
import type { CongestionControlFactory, FourTuple, KeepAlive, StreamConnection, StreamReadiness, StreamSettings, TcpInfo } from "../tcp/index.ts";
import { checkSettings, configOfKeepAlive, CouplingGroup, infoOfTcp, STREAM_EVENT } from "../tcp/index.ts";
import type { IpAddress, MpJoinSyn, Payload } from "../wire/index.ts";
import type { MptcpConfig, PolicyExchange } from "./config.ts";
import { DEADLINES } from "./deadlines.ts";
import type { DecisionListener } from "./decision-log.ts";
import { DecisionLog } from "./decision-log.ts";
import type { HandOver, RegularContext } from "./ending/regular-stream.ts";
import { LateJoin } from "./ending/late-join.ts";
import { RegularStream } from "./ending/regular-stream.ts";
import type { MptcpEnvironment, SubflowTcpConfig, Timed } from "./environment.ts";
import type { AddressesInfo, ConnectionInfo, PoliciesInfo, SubflowInfo, SubflowView } from "./info.ts";
import { addressesOf, infoOfMultipath, infoOfRegular, infoOfSubflow, policiesOf } from "./info.ts";
import type { MultipathContext } from "./multipath-context.ts";
import { Multipath } from "./multipath.ts";
import type { LocalAddress, PathLimits } from "./path-manager.ts";
import type { Paths } from "./paths/paths.ts";
import { Session } from "./session.ts";
import type { Subflow } from "./subflow.ts";
import type { KeyMaterial, Version } from "./version/version.ts";

/** What a connection is made with. */
export interface MptcpConnectionOptions {
  /** Number of the connection on its host, from 1. */
  readonly id: number;
  /** Whether this end opens it. */
  readonly initiator: boolean;
  readonly config: MptcpConfig;
  readonly tcp: SubflowTcpConfig;
  /** The one that answers the peer's SYN, or that is offered; and keys of it. */
  readonly version: Version;
  readonly keys: KeyMaterial;
  /** The pair of addresses and ports of the first subflow. */
  readonly tuple: FourTuple;
}

/**
 * One Multipath TCP connection (RFC 8684) as applications and hosts see it: a byte stream over any number of subflows. Sans-IO. The host
 * makes it, gives it its first subflow, hands joins to it and keeps its timer; subflows report to it as owners of their TCP connections.
 *
 * Behind it is a `Multipath`, or once Multipath TCP was given up (`fallback`) a `RegularStream`, a plain stream over the first
 * subflow. Each call goes to the one that is there.
 */
export class MptcpConnection implements StreamConnection, Timed, DeadlineOwner, MultipathContext, RegularContext {
  readonly id: number;
  readonly environment: MptcpEnvironment;
  /** Whether this end opened the connection. */
  readonly initiator: boolean;
  readonly tuple: FourTuple;
  readonly log: DecisionLog;
  readonly deadlines: Deadlines;
  /** The version, the keys and what else the two ends agreed on. */
  readonly session: Session;
  /** The subflows' congestion controllers, as far as they are coupled. */
  readonly couplingGroup = new CouplingGroup();
  private mptcpConfig: MptcpConfig;
  private congestionFactory: CongestionControlFactory;
  private tcpConfig: SubflowTcpConfig;
  private stream: Multipath | RegularStream;
  private openedAt = -1;
  private events = 0;

  constructor(environment: MptcpEnvironment, options: MptcpConnectionOptions) {
    const { config, initiator, keys } = options;
    this.environment = environment;
    this.id = options.id;
    this.initiator = initiator;
    this.mptcpConfig = config;
    this.tuple = options.tuple;
    this.log = new DecisionLog(environment, options.id);
    this.deadlines = new Deadlines(DEADLINES, this);
    this.congestionFactory = config.congestion;
    this.tcpConfig = options.tcp;
    this.session = new Session({ version: options.version, initiator, keys, config });
    this.stream = new Multipath(this, this.session);
  }

  // ---- the application's calls: StreamConnection

  get multipath(): boolean {
    return this.fallback === null;
  }
  get fallback(): FallbackReason | null {
    return this.stream instanceof RegularStream ? this.stream.fallback : null;
  }
  get writable(): number {
    return this.stream.writable;
  }
  get readable(): number {
    return this.stream.readable;
  }
  get urgent(): 0 {
    return 0;
  }
  get sendBuffered(): number {
    return this.stream.sendBuffered;
  }
  get receiveBuffered(): number {
    return this.stream.receiveBuffered;
  }
  get ended(): boolean {
    return this.stream.ended;
  }
  /** Whether all that the peer has to say has arrived, its end included; it may still have to be read. */
  get hasArrived(): boolean {
    return this.stream.hasArrived;
  }
  /** Whether the application wrote its last byte; what says so may still have to leave. */
  get isEnding(): boolean {
    return this.stream.isEnding;
  }
  /** Whether the peer owes an acknowledgment: of what was written, or of our end. */
  get isOwed(): boolean {
    return this.stream.isOwed;
  }
  get closed(): boolean {
    return this.stream.closed;
  }
  get error(): CloseReason | null {
    return this.stream.error;
  }

  write(payload: Payload, keep: boolean, now: number, more = false): number {
    return this.stream.write(payload, keep, now, more);
  }

  writeUrgent(): never {
    throw new MptcpError("ERR_MPTCP_URGENT", "Multipath TCP has no urgent data");
  }

  end(now: number): void {
    this.stream.end(now);
  }

  abandon(now: number): void {
    this.stream.abandon(now);
  }

  read(max: number, now: number): Payload | null {
    return this.stream.read(max, now);
  }

  abort(now: number): void {
    this.stream.abort(now);
  }

  peek(max: number, skip = 0): Payload | null {
    return this.stream.peek(max, skip);
  }

  stopReading(now: number): void {
    this.stream.stopReading(now);
  }

  get readiness(): StreamReadiness {
    return this.stream.readiness;
  }
  get unsent(): number {
    return this.stream.unsent;
  }
  get settings(): StreamSettings {
    return { ...this.tcpConfig, ...this.stream.small };
  }

  configure(change: Partial<StreamSettings>, now: number): void {
    checkSettings(change);
    // RFC 6897 §4.4.1: an option of the socket applies to all subflows, those to come too.
    this.tcpConfig = { ...this.tcpConfig, ...change };
    this.stream.configure(change, now);
  }

  setQuickAck(enable: boolean, _now: number): void {
    this.stream.setQuickAck(enable);
  }

  setNoDelay(enable: boolean, now: number): void {
    this.stream.setNoDelay(enable, now);
  }

  setKeepAlive(keepAlive: KeepAlive | null, now: number): void {
    this.tcpConfig = { ...this.tcpConfig, ...configOfKeepAlive(keepAlive) };
    this.stream.setKeepAlive(keepAlive, now);
  }

  snapshot(now: number): ConnectionSnapshot {
    return this.environment.snapshot(this, now);
  }

  takeEvents(): number {
    const { events } = this;
    this.events = 0;
    return events;
  }

  // ---- the application's calls: RFC 6897 and MPTCP_INFO

  /** When the connection was opened, ns; -1 before. */
  get connectedAt(): number {
    return this.openedAt;
  }

  /**
   * Whether the path loses SYNs with MP_CAPABLE and no others, as far as one connection can know: the first SYN without it was answered. Where that one was lost
   * too, it is the path, or the peer, that was away.
   */
  get foundBlackHole(): boolean {
    const { stream } = this;
    return stream instanceof RegularStream && stream.fallback === "mp_capable_unanswered" && stream.tcp.synRetransmissions === this.config.capableSyns;
  }

  /** Whether the peer answered what was offered without Multipath TCP, and nothing is left to offer. */
  get isDeclined(): boolean {
    return this.initiator && this.fallback === "no_mp_capable_in_synack" && !this.config.versions.some((version) => version.number < this.session.version.number);
  }

  /** The state of the connection, as plain data. */
  info(now: number): ConnectionInfo {
    const { stream } = this;
    return stream instanceof Multipath ? infoOfMultipath(stream, this.openedAt, now) : infoOfRegular(stream, this.openedAt, now);
  }

  /** The state of the subflow on a path, as plain data; null when there is none. */
  subflowInfo(pathIndex: number): SubflowInfo | null {
    const subflow = this.subflows.find((candidate) => candidate.pathIndex === pathIndex);
    return subflow === undefined ? null : infoOfSubflow(subflow);
  }

  tcpInfo(pathIndex: number, now: number): TcpInfo | null {
    const subflow = this.subflows.find((candidate) => candidate.pathIndex === pathIndex);
    return subflow === undefined ? null : infoOfTcp(subflow.tcp, now);
  }

  /** The addresses that the connection knows, as plain data. */
  get addresses(): AddressesInfo {
    return addressesOf(this.stream instanceof Multipath ? this.stream.paths : null, this.tuple);
  }

  /**
   * Exchanges policies, also while data flows; nothing is lost and nothing sent twice for it. After fallback only congestion control is left to
   * exchange.
   */
  exchange(policies: PolicyExchange, now: number): void {
    this.mptcpConfig = { ...this.mptcpConfig, ...policies };
    if (policies.congestion !== undefined) this.congestionFactory = policies.congestion;
    this.stream.exchange(policies, now);
  }

  /**
   * Other limits hold from now on. Where they allow more, the path manager looks what there is to open; where they allow less, what is there stays, as in
   * Linux.
   */
  limit(limits: PathLimits, now: number): void {
    this.mptcpConfig = { ...this.mptcpConfig, limits };
    this.whileOpen((paths) => {
      paths.onLimits(now);
      return true;
    }, now);
  }

  /** What decides in the connection, by name; null for what regular TCP does without. */
  get policies(): PoliciesInfo {
    return policiesOf(this.mptcpConfig, this.stream instanceof Multipath ? this.stream : null);
  }

  /** Announces an address of ours to the peer (ADD_ADDR), with a port where it is not 0. @returns false when the connection has no address of that id */
  announceLocal(addressId: number, port: number, now: number): boolean {
    return this.whileOpen((paths) => {
      const isOurs = paths.local.some((entry) => entry.id === addressId);
      if (isOurs) paths.announce(addressId, port);
      return isOurs;
    }, now);
  }

  /** Takes an announcement back (REMOVE_ADDR); the address goes on being used. @returns false when it was not announced */
  withdrawLocal(addressId: number, now: number): boolean {
    return this.whileOpen((paths) => {
      const isTold = paths.signals.announcedIds.includes(addressId);
      if (isTold) paths.withdraw(addressId);
      return isTold;
    }, now);
  }

  /** One more address of the host that the connection may use (RFC 6897 §5.3.3). @returns false when the host does not have it now */
  allowLocal(address: IpAddress, now: number): boolean {
    return this.whileOpen((paths) => paths.allowLocal(address, now), now);
  }

  /** The connection is not to use an address of the host any more (RFC 6897 §5.3.3). @returns false when it did not use it */
  denyLocal(address: IpAddress, now: number): boolean {
    return this.whileOpen((paths) => paths.denyLocal(address, now), now);
  }

  /**
   * Opens one more subflow.
   * @param path the pair of addresses; a remote port of 0 is any that the peer's address is known with, a local port of 0 one that is free
   * @returns false when the connection does not know the pair, has a subflow there, or may not open any
   */
  openSubflow(path: { readonly local: IpAddress; readonly remote: IpAddress; readonly remotePort?: number; readonly localPort?: number }, backup: boolean, now: number): boolean {
    return this.whileOpen((paths) => {
      const row = paths.paths.find(
        (candidate) =>
          !candidate.open && candidate.present && candidate.localAddress.equals(path.local) && candidate.remoteAddress.equals(path.remote) &&
          (path.remotePort === undefined || path.remotePort === 0 || candidate.remotePort === path.remotePort),
      );
      return row !== undefined && paths.open(row.index, backup, now, path.localPort ?? 0);
    }, now);
  }

  /** Ends a subflow without ending the connection. @returns false when there is none on that path */
  closeSubflow(pathIndex: number, now: number): boolean {
    return this.withSubflow(pathIndex, (paths) => paths.close(pathIndex, now), now);
  }

  /** Makes a subflow a backup, or none any more, and tells the peer (MP_PRIO). @returns false when there is none on that path */
  setBackup(pathIndex: number, backup: boolean, now: number): boolean {
    return this.withSubflow(pathIndex, (paths) => paths.setBackup(pathIndex, backup), now);
  }

  /** Tells a listener of the connection's decisions as they are taken, from now on. */
  listen(listener: DecisionListener): void {
    this.log.listen(listener);
  }

  /** Tells a listener no more. */
  stopListening(listener: DecisionListener): void {
    this.log.stopListening(listener);
  }

  /** The subflows that are open, or being opened; after fallback the TCP connection that is left. */
  get subflows(): readonly SubflowView[] {
    return this.stream.subflows;
  }

  // ---- the host's calls

  /** How the TCP of subflows to come is to be. */
  get subflowConfig(): SubflowTcpConfig {
    return this.tcpConfig;
  }

  /** The first subflow; the host attaches its TCP connection. Call once. @param triesEarlier whether an earlier version is offered where the first is not answered */
  addFirstSubflow(triesEarlier = false): Subflow {
    return this.engine.addFirstSubflow(triesEarlier);
  }

  /** The peer's SYN offered Multipath TCP; `key`: null where the version's SYN carries none. */
  onOffer(flags: number, key: Uint8Array | null): void {
    this.engine.onOffer(flags, key);
  }

  /** Does without Multipath TCP, for a reason that the host knows. */
  giveUpMultipath(reason: FallbackReason, now: number): void {
    if (this.stream instanceof Multipath) this.stream.fallBack(reason, now);
  }

  /** A SYN with MP_JOIN arrived for the connection's token (RFC 8684 §3.2). The host makes the TCP connection for the subflow returned. */
  acceptJoin(option: MpJoinSyn, tuple: FourTuple, now: number): Subflow | LateJoin | JoinRefusal {
    const { session, stream } = this;
    if (stream instanceof Multipath) return stream.acceptJoin(option, tuple, now);
    // Linux forgets a connection at once that is let go of before all was read.
    if (this.config.joinRefusal === "syn" || stream.closed || stream.tcp.refusesText || !session.remoteKnown) return "not_multipath";
    const { environment, subflowConfig } = this;
    const entry = environment.localAddresses().find(({ address }) => address.equals(tuple.localAddress));
    return new LateJoin(this, {
      nonces: { own: environment.random.nonces.uint32(), peer: option.nonce },
      addressId: tuple.localAddress.equals(this.tuple.localAddress) ? 0 : (entry?.id ?? 0),
      backup: entry?.flags.backup ?? false,
      window: subflowConfig.receiveBuffer.initial,
    });
  }

  /** A SYN with MP_JOIN arrived for the connection's token, to an address that is not the host's (any more). */
  onJoinToRemoved(address: IpAddress, now: number): void {
    if (this.stream instanceof Multipath) this.stream.command((paths) => paths.onJoinToRemoved(address, now), now);
  }

  /** The host got an address (or it changed). */
  addLocal(entry: LocalAddress, now: number): void {
    if (this.stream instanceof Multipath) this.stream.command((paths) => paths.addLocal(entry, now), now);
  }

  /**
   * The host lost an address. Regular TCP has no others: it stays, as with Linux, until the address is back or retransmission gives up
   * (RFC 9293 §3.8.3).
   */
  removeLocal(address: IpAddress, now: number): void {
    if (this.stream instanceof Multipath) this.stream.command((paths) => paths.removeLocal(address, now), now);
  }

  /** The host has no room for a closed connection that somebody may come back to. */
  stopLingering(now: number): void {
    if (this.stream instanceof Multipath) this.stream.ending.stopLingering(now);
  }

  get nextTimeout(): number {
    return this.deadlines.nextTimeout;
  }

  handleTimeout(now: number): void {
    if (this.stream instanceof Multipath) this.stream.handleTimeout(now);
    // A subflow's timeout may have made it regular TCP.
    if (this.stream instanceof Multipath) {
      this.stream.settle(now);
      this.deadlines.settle();
    }
  }

  /** It goes on elsewhere: nothing is due here any more. */
  onMovedAway(): void {
    this.deadlines.close();
  }

  onEarlierDeadline(): void {
    this.environment.schedule(this);
  }

  // ---- MultipathContext, RegularContext

  get connectionId(): number {
    return this.id;
  }
  get counters(): MptcpEnvironment["counters"] {
    return this.environment.counters;
  }
  get sendBuffer(): SubflowTcpConfig["sendBuffer"] {
    return this.tcpConfig.sendBuffer;
  }

  /** The policies in it are those in use. */
  get config(): MptcpConfig {
    return this.mptcpConfig;
  }

  /** What controls the congestion of its subflows, those to come too. */
  get congestion(): CongestionControlFactory {
    return this.congestionFactory;
  }

  raise(event: number): void {
    // The application looks once at all that happened since the last look.
    const quiet = this.events === 0;
    this.events |= event;
    if (quiet || (event & (STREAM_EVENT.connected | STREAM_EVENT.closed)) !== 0) this.environment.notify(this);
  }

  changeVersion(version: Version): void {
    this.environment.changeVersion(this, version);
  }

  onOpenedEarly(now: number): void {
    this.openedAt = now;
    this.raise(STREAM_EVENT.connected | STREAM_EVENT.writable);
  }

  onEstablished(now: number): void {
    if (this.openedAt < 0) this.openedAt = now;
    this.log.observe(this.subflows[0] ?? null, { kind: "connection_established", multipath: this.multipath, token: this.session.local.token });
    this.raise(STREAM_EVENT.connected | STREAM_EVENT.writable);
  }

  orphaned(): boolean {
    return this.environment.orphaned(this);
  }

  linger(now: number): void {
    this.environment.lingers(this, now);
  }

  forget(): void {
    this.environment.finished(this);
  }

  becomeRegular(handOver: HandOver, now: number): void {
    const { reason, session, tcp, joins } = handOver;
    const regular = new RegularStream(this, handOver, now);
    this.stream = regular;
    // What is small waits here from now on, no longer in the shared queue.
    tcp.serve({ owner: regular, noDelay: handOver.unsent.isNoDelay, sharedWindow: false, answersBySyn: false });
    for (const join of joins) join.serve({ owner: regular });
    const { counter, confirmedCounter = counter }: Reason = FALLBACK_REASONS[reason];
    const counted = session.fullyEstablished ? confirmedCounter : counter;
    if (counted !== null) this.counters.increment(counted);
    this.log.observe(null, { kind: "fallback", reason });
    this.raise(STREAM_EVENT.fallback);
    regular.start(handOver, now);
  }

  // ---- inside

  private get engine(): Multipath {
    if (this.stream instanceof RegularStream) throw new RangeError("the connection is regular TCP already");
    return this.stream;
  }

  private whileOpen(command: (paths: Paths) => boolean, now: number): boolean {
    const { stream } = this;
    return stream instanceof Multipath && !stream.closed && stream.command(command, now);
  }

  private withSubflow(pathIndex: number, command: (paths: Paths) => void, now: number): boolean {
    const { stream } = this;
    if (!(stream instanceof Multipath) || !stream.subflows.some((subflow) => subflow.pathIndex === pathIndex)) return false;
    stream.command(command, now);
    return true;
  }
}
