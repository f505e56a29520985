import type { JoinRefusal, SubflowEndReason } from "../../core/index.ts";
import { LIMITS, NEVER } from "../../core/index.ts";
import type { FourTuple } from "../../tcp/index.ts";
import type { AddAddress, IpAddress, MpJoinSyn, MpPriority } from "../../wire/index.ts";
import { DEADLINE } from "../deadlines.ts";
import type { LocalAddress, Path, PathControl, PathLimits, PathManager, RemoteAddress } from "../path-manager.ts";
import { JoinPace } from "./join-pace.ts";
import { Signals } from "./signals.ts";
import type { SignalsContext, SignalSubflow } from "./signals.ts";
import { DEFAULT_PATH_TABLE_LIMITS, PathTable } from "./table.ts";
import { Withdrawals } from "./withdrawals.ts";

/** What path management asks of the connection around it. */
export interface PathsContext extends SignalsContext {
  readonly subflows: readonly PathSubflow[];
  /** How many of them there are without joins that arrived and are not verified. */
  readonly verifiedSubflows: number;
  /** The pair of addresses and ports that the connection was opened on. */
  readonly tuple: FourTuple;
  /** Whether the application's connection is over, and whether subflows may be opened: after a regular close for a while, too. */
  readonly closed: boolean;
  readonly mayOpen: boolean;
  /** The host's addresses with their ids and flags. */
  localAddresses(): readonly LocalAddress[];
  /** The peer has shown that it has our keys, as by a DSS. */
  onDss(now: number): void;
  /** Starts a subflow. @param localPort 0: one that is free. @returns false when the host cannot */
  open(path: Path, backup: boolean, localPort: number, now: number): boolean;
  /** The peer removed the address that a subflow leads to: its data goes elsewhere, and it is asked whether the path is gone, or closed. */
  doubt(subflow: PathSubflow, now: number): void;
}

/** A subflow as path management sees it. */
export interface PathSubflow extends SignalSubflow {
  readonly remoteAddressId: number;
  readonly initiator: boolean;
  readonly tuple: FourTuple;
  /** Whether it is established, and neither end of it is closed by us. */
  readonly mayCarryData: boolean;
  /** Closes it with a FIN. */
  close(now: number): void;
  /** The same, since its address goes. */
  closeRemoved(now: number): void;
  /** Ends it with a RST. */
  end(reason: SubflowEndReason, now: number): void;
  /** We ask for it to be a backup, or none any more. @returns whether that is news */
  prioritise(backup: boolean): boolean;
  /** The peer asks for that (MP_PRIO). */
  onPriority(backup: boolean): void;
}

/** A subflow to be, for a join that arrived. */
export interface AdmittedJoin {
  readonly pathIndex: number;
  readonly localAddressId: number;
  readonly backup: boolean;
}

/**
 * The transport's side of path management: owns the tables, exchanges ADD_ADDR, REMOVE_ADDR and MP_PRIO (RFC 8684 §3.4, §3.3.8), and
 * carries out what the connection's path manager asks through {@link PathControl}.
 */
export class Paths implements PathControl {
  /** What waits to be said to the peer. */
  readonly signals: Signals;
  private readonly table: PathTable;
  private readonly context: PathsContext;
  private manager: PathManager;
  private readonly pace: JoinPace;
  private readonly withdrawals = new Withdrawals();
  /** Ids that ADD_ADDRs brought into the table; those learnt from joins are not among them. */
  private accepted: readonly number[] = [];
  /** What the connection may use beside the first address; null: all of the host but what is denied. */
  private allowed: readonly IpAddress[] | null;
  private denied: readonly IpAddress[] = [];
  private established = false;

  constructor(context: PathsContext, manager: PathManager) {
    this.context = context;
    this.table = new PathTable(DEFAULT_PATH_TABLE_LIMITS, context.counters);
    this.signals = new Signals(context);
    this.manager = manager;
    this.pace = new JoinPace(context.config.announcedJoins);
    this.allowed = context.config.localAddresses;
    const { localAddress, localPort, remoteAddress, remotePort } = context.tuple;
    // The first subflow: its flags come from the host's entry, its id here is 0.
    this.table.first(localAddress, 0, localPort, remoteAddress, 0, remotePort);
    for (const entry of context.localAddresses()) if (this.mayUse(entry.address)) this.table.addLocal(entry);
  }

  // ---- PathControl: what can be read

  get initiator(): boolean {
    return this.context.session.initiator;
  }
  get local(): readonly LocalAddress[] {
    return this.table.local;
  }
  get remote(): readonly RemoteAddress[] {
    return this.table.remote;
  }
  get paths(): readonly Path[] {
    return this.table.paths;
  }
  get openSubflows(): number {
    return this.context.verifiedSubflows;
  }
  mayJoinAnnounced(now: number): boolean {
    if (this.pace.mayJoin(now)) return true;
    const { counters, deadlines } = this.context;
    if (!deadlines.has(DEADLINE.joinPace)) counters.increment(LIMITS.announcedJoins.counter);
    deadlines.set(DEADLINE.joinPace, this.pace.nextAt);
    return false;
  }
  get limits(): PathLimits {
    return this.context.config.limits;
  }

  /** ADD_ADDRs of the peer that were taken into the table. */
  get acceptedAddresses(): number {
    return this.accepted.length;
  }

  // ---- PathControl: what a path manager asks

  /** @param localPort 0: that of the path, or one that is free */
  open(pathIndex: number, backup: boolean, now: number, localPort = 0): boolean {
    const { context } = this;
    const path = this.table.path(pathIndex);
    if (path === null || path.open || !path.present || !context.mayOpen || !context.session.fullyEstablished) return false;
    // The limit counts subflows beside one; a connection that has lost all may always open one.
    if (context.verifiedSubflows > this.limits.subflows) return false;
    const announced = path.remoteAddressId !== 0;
    if (announced && !this.mayJoinAnnounced(now)) return false;
    if (!context.open(path, backup, localPort === 0 ? path.localPort : localPort, now)) return false;
    this.table.markOpen(pathIndex, true);
    if (announced) this.pace.take();
    context.counters.increment("MPTcpExtMPJoinSynTx");
    context.log.observe(this.subflowOn(pathIndex) ?? null, { kind: "path_manager", action: "open", pathIndex, detail: `${path.localAddress} -> ${path.remoteAddress}:${path.remotePort}` });
    return true;
  }

  close(pathIndex: number, now: number): void {
    const subflow = this.subflowOn(pathIndex);
    if (subflow === undefined) return;
    if (subflow.established) subflow.close(now);
    else subflow.end("path_manager", now);
  }

  announce(addressId: number, port: number): void {
    const { session } = this.context;
    const local = this.local.find((entry) => entry.id === addressId);
    if (local === undefined || !session.remoteKnown) return;
    this.signals.announce(session.version.addAddress(session.keysOut, { addressId, address: local.address, port }));
  }

  withdraw(addressId: number): void {
    this.signals.withdraw(addressId);
  }

  setBackup(pathIndex: number, backup: boolean): void {
    const subflow = this.subflowOn(pathIndex);
    if (subflow === undefined || !subflow.prioritise(backup)) return;
    this.context.log.observe(subflow, { kind: "priority", direction: "out", backup });
    this.signals.prioritise(subflow);
  }

  // ---- from the application

  /** Another path manager decides from now on: it begins with the tables as they are. */
  exchange(manager: PathManager, now: number): void {
    this.manager = manager;
    if (this.established && this.context.mayOpen) manager.onEstablished(this, now);
    this.armManager();
  }

  /** Other limits hold: there may be room for what they forbade. */
  onLimits(now: number): void {
    this.changed(now);
  }

  /** The name of the path manager that decides. */
  get managerName(): string {
    return this.manager.name;
  }

  /** One more address of the host that the connection may use (RFC 6897 §5.3.3). @returns false when the host does not have it now */
  allowLocal(address: IpAddress, now: number): boolean {
    this.denied = this.denied.filter((other) => !other.equals(address));
    if (this.allowed !== null && !this.mayUse(address)) this.allowed = [...this.allowed, address];
    const entry = this.context.localAddresses().find((candidate) => candidate.address.equals(address));
    if (entry === undefined) return false;
    this.addLocal(entry, now);
    return true;
  }

  /**
   * The connection is not to use an address of the host any more (RFC 6897 §5.3.3): its subflows close, what they carry is delivered first
   * or goes elsewhere, and the peer hears of it. @returns false when it did not use it
   */
  denyLocal(address: IpAddress, now: number): boolean {
    if (!this.denied.some((other) => other.equals(address))) this.denied = [...this.denied, address];
    if (this.allowed !== null) this.allowed = this.allowed.filter((other) => !other.equals(address));
    const entry = this.local.find((candidate) => candidate.address.equals(address));
    if (entry === undefined) return false;
    this.table.removeLocal(entry.id);
    this.withdrawals.add(address, entry.id, now);
    const { subflows } = this.context;
    const isOther = (subflow: PathSubflow): boolean => subflow.established && subflow.localAddressId !== entry.id;
    if (subflows.some(isOther)) this.signals.withdraw(entry.id);
    else this.signals.withdrawLater(entry.id);
    // RFC 6897 §5.3.3: other paths are opened before these are closed.
    this.changed(now);
    for (const subflow of subflows.slice()) {
      if (!subflow.tuple.localAddress.equals(address)) continue;
      this.context.counters.increment("MPTcpExtRmSubflow");
      if (subflow.established) subflow.closeRemoved(now);
      else this.close(subflow.pathIndex, now);
    }
    return true;
  }

  // ---- from the connection

  /** The peer's first address must not be joined (C flag, RFC 8684 §3.1). */
  denyInitialRemote(): void {
    this.table.denyInitialRemote();
  }

  /** Addresses may be announced; and once more when subflows may be opened (RFC 8684 §3.1). */
  onEstablished(now: number): void {
    if (this.established) this.manager.onAddresses(this, now);
    else this.manager.onEstablished(this, now);
    this.established = true;
    this.armManager();
  }

  /** A join arrived: gives its subflow a path, or says why there is none. */
  admitJoin(option: MpJoinSyn, tuple: FourTuple, now: number): AdmittedJoin | JoinRefusal {
    if (!this.mayUse(tuple.localAddress)) {
      this.onJoinToRemoved(tuple.localAddress, now);
      return "address_not_allowed";
    }
    // Both ends open the same pair of addresses at once: that of who opened the connection is the one that stays.
    if (this.initiator && this.crosses(tuple)) return "crossing";
    const local = this.local.find((entry) => entry.address.equals(tuple.localAddress));
    const localAddressId = local?.id ?? 0;
    const pathIndex = this.table.learn(tuple.localAddress, localAddressId, tuple.remoteAddress, option.addressId, tuple.remotePort);
    if (pathIndex === 0) return "too_many_paths";
    this.table.markOpen(pathIndex, true);
    return { pathIndex, localAddressId, backup: local?.flags.backup ?? false };
  }

  /** A join came to an address that is gone, or not to be used: the peer may have missed that it was withdrawn. */
  onJoinToRemoved(address: IpAddress, now: number): void {
    const id = this.withdrawals.onJoin(address, now);
    // The id may be another address's by now.
    if (id >= 0 && !this.context.closed && !this.local.some((entry) => entry.id === id)) this.signals.withdrawAgain(id);
  }

  /** A join was verified: its path works, and may carry what nobody could carry before. */
  onJoined(subflow: PathSubflow): void {
    this.table.markWorked(subflow.pathIndex);
    this.signals.onSubflowEstablished(subflow);
  }

  /** @param verified false: a join that arrived and never proved anything, which is no news for a path manager */
  onSubflowClosed(subflow: PathSubflow, reason: SubflowEndReason, verified: boolean, now: number): void {
    this.table.markOpen(subflow.pathIndex, false);
    this.signals.onSubflowClosed(subflow);
    if (!verified) {
      this.changed(now);
      return;
    }
    if (!this.established || !this.context.mayOpen) return;
    this.manager.onSubflowClosed(this, subflow.pathIndex, reason, now);
    this.armManager();
  }

  /** The host got an address (or it changed). */
  addLocal(entry: LocalAddress, now: number): void {
    if (!this.mayUse(entry.address) || !this.table.addLocal(entry)) return;
    this.withdrawals.remove(entry.address);
    this.changed(now);
  }

  /** The host lost an address: subflows on it are gone without a word, the peer hears of it on the others. */
  removeLocal(address: IpAddress, now: number): void {
    const { context } = this;
    const entry = this.local.find((candidate) => candidate.address.equals(address));
    if (entry === undefined) return;
    // As long as no other subflow may be opened the first one waits for its address to return, as regular TCP does.
    if (entry.id === 0 && !context.session.fullyEstablished) return;
    this.table.removeLocal(entry.id);
    for (const subflow of context.subflows.slice()) {
      if (!subflow.tuple.localAddress.equals(address)) continue;
      context.counters.increment("MPTcpExtRmSubflow");
      subflow.end("address_removed", now);
    }
    if (context.closed) return;
    this.withdrawals.add(address, entry.id, now);
    this.signals.withdraw(entry.id);
    this.changed(now);
    // While no subflow could carry the news: tell the peer on the next one.
    if (!context.subflows.some((subflow) => subflow.established)) this.signals.withdrawLater(entry.id);
  }

  // ---- from the peer

  onAddAddress(subflow: PathSubflow, option: AddAddress, now: number): void {
    const { counters, log, session } = this.context;
    if (option.echo) {
      counters.increment("MPTcpExtEchoAdd");
      if (option.port !== 0) counters.increment("MPTcpExtPortAdd");
      this.signals.onEcho(option);
      return;
    }
    if (!session.version.acceptsAddress(session.keysIn, option)) {
      // RFC 8684 §3.4.1: silently ignored.
      counters.increment("MPTcpExtAddAddrDrop");
      return;
    }
    counters.increment("MPTcpExtAddAddr");
    if (option.port !== 0) counters.increment("MPTcpExtPortAdd");
    log.observe(subflow, { kind: "add_addr", direction: "in", addressId: option.addressId, address: String(option.address), port: option.port, echo: false });
    // Of an initiator that believes its first answer that has been decided.
    const { confirmedBy, firstAnswer } = this.context.config;
    if (confirmedBy === "keys" && (firstAnswer === "doubted" || !session.initiator)) this.context.onDss(now);
    const echo = session.version.echoOf(option);
    if (echo !== null) this.signals.echo(this.echoCarrier(subflow), echo);
    const port = option.port === 0 ? subflow.tuple.remotePort : option.port;
    if (!this.mayLeadTo(option, port)) {
      counters.increment("AddAddrUnusable");
      return;
    }
    const known = this.remote.some((entry) => entry.id === option.addressId);
    if (!known && this.accepted.length >= this.limits.addAddrAccepted) {
      counters.increment(LIMITS.addAddrAccepted.counter);
      return;
    }
    if (!this.table.addRemote({ id: option.addressId, address: option.address, port, joinable: true })) {
      if (known && this.established && this.context.mayOpen) {
        this.manager.onRefreshed?.(this, option.addressId, now);
        this.armManager();
      }
      return;
    }
    if (!known) this.accepted = [...this.accepted, option.addressId];
    this.changed(now);
  }

  onRemoveAddress(addressIds: readonly number[], now: number): void {
    const { context } = this;
    context.counters.increment("MPTcpExtRmAddr", addressIds.length);
    context.log.observe(null, { kind: "remove_addr", direction: "in", addressIds });
    for (const id of addressIds) {
      this.table.removeRemote(id);
      this.accepted = this.accepted.filter((other) => other !== id);
      for (const subflow of context.subflows.slice()) {
        if (subflow.remoteAddressId !== id) continue;
        // RFC 8684 §3.4.2: ask on the path first, and let its data go elsewhere at once. A join that is under way there has nothing to lose.
        if (subflow.established) context.doubt(subflow, now);
        else if (subflow.initiator && id !== 0) subflow.end("remove_addr", now);
      }
    }
    this.changed(now);
  }

  onPriority(subflow: PathSubflow, option: MpPriority): void {
    const { counters, log, session, subflows } = this.context;
    const { backup, addressId } = option;
    if (!session.version.acceptsPriority(option)) {
      counters.increment("PriorityForeignForm");
      return;
    }
    counters.increment("MPTcpExtMPPrioRx");
    for (const other of subflows) {
      if (addressId >= 0 ? other.remoteAddressId !== addressId : other !== subflow) continue;
      other.onPriority(backup);
      log.observe(other, { kind: "priority", direction: "in", backup });
    }
  }

  // ---- time

  handleTimeout(now: number): void {
    this.signals.handleTimeout(now);
    const { deadlines, mayOpen } = this.context;
    if (deadlines.take(DEADLINE.joinPace, now)) this.changed(now);
    if (!deadlines.take(DEADLINE.pathManager, now) || !mayOpen) return;
    this.manager.handleTimeout?.(this, now);
    this.armManager();
  }

  // ---- inside

  /** Whether a join of ours between the same addresses is under way. */
  private crosses({ localAddress, remoteAddress }: FourTuple): boolean {
    return this.context.subflows.some((other) => other.initiator && !other.established && other.tuple.localAddress.equals(localAddress) && other.tuple.remoteAddress.equals(remoteAddress));
  }

  /** Whether an announced address may be another of the peer's. It is echoed in any case, so that it is not announced again. */
  private mayLeadTo(option: AddAddress, port: number): boolean {
    const { session, tuple } = this.context;
    const { address, addressId } = option;
    const isFirst = address.equals(tuple.remoteAddress);
    // Id 0 is that of the first subflow's address.
    if (addressId === 0 && !(isFirst && (option.port === 0 || option.port === tuple.remotePort))) return false;
    // RFC 8684 §3.1: what the C flag forbids is not announced back.
    if (isFirst && port === tuple.remotePort && session.peerDeniesJoin) return false;
    if (!address.isUnicast || (address.isLoopback && !tuple.remoteAddress.isLoopback)) return false;
    // An address of ours would lead back to us, unless the peer is where we are: two processes of one machine over its loopback.
    return !this.isOurs(address) || this.isOurs(tuple.remoteAddress);
  }

  /** Where the echo of an ADD_ADDR that came on `subflow` leaves; null: with the next pure ACK that there is. */
  private echoCarrier(subflow: PathSubflow): PathSubflow | null {
    if (this.context.config.addAddrEcho === "arrival") return subflow;
    const open = this.context.subflows.filter((other) => other.mayCarryData);
    return open.find((other) => !other.stale) ?? open[0] ?? null;
  }

  private isOurs(address: IpAddress): boolean {
    return this.context.localAddresses().some((entry) => entry.address.equals(address));
  }

  private mayUse(address: IpAddress): boolean {
    if (this.denied.some((other) => other.equals(address))) return false;
    if (this.allowed === null || address.equals(this.context.tuple.localAddress)) return true;
    return this.allowed.some((other) => other.equals(address));
  }

  private changed(now: number): void {
    if (!this.established || !this.context.mayOpen) return;
    this.manager.onAddresses(this, now);
    this.armManager();
  }

  private armManager(): void {
    this.context.deadlines.set(DEADLINE.pathManager, this.context.mayOpen ? (this.manager.nextTimeout ?? NEVER) : NEVER);
  }

  private subflowOn(pathIndex: number): PathSubflow | undefined {
    return this.context.subflows.find((subflow) => subflow.pathIndex === pathIndex);
  }
}
