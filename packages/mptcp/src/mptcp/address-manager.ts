import { NEVER } from "../core/index.ts";
import type { FourTuple } from "../tcp/index.ts";
import type { AddAddress, IpAddress, MpJoinSyn, MptcpOption } from "../wire/index.ts";
import { mptcpOptionLength } from "../wire/index.ts";
import type { MptcpConnection } from "./connection.ts";
import { addAddressHmac, equalOctets } from "./keys.ts";
import type { LocalAddress, Path, PathControl, PathLimits, PathManager, RemoteAddress } from "./path-manager.ts";
import { PathTable } from "./path-managers/path-table.ts";
import { RemovalCheck } from "./removal-check.ts";
import { endSubflow } from "./subflow-end.ts";
import { Subflow } from "./subflow.ts";

/**
 * The transport's side of path management: owns the tables, exchanges ADD_ADDR, REMOVE_ADDR and MP_PRIO (RFC 8684 §3.4, §3.3.8), and
 * carries out what the connection's path manager asks through {@link PathControl}.
 */
export class AddressManager implements PathControl {
  readonly table = new PathTable();
  private readonly connection: MptcpConnection;
  private readonly manager: PathManager;
  private announcements: Announcement[] = [];
  /** Echoes and REMOVE_ADDRs that wait for a pure ACK; each names the subflow it wants, or null for any. */
  private outbox: { subflow: Subflow | null; option: MptcpOption }[] = [];
  /** ADD_ADDRs of the peer that were taken into the table. */
  acceptedAddresses = 0;
  /** Ids of our addresses that the peer was told of, and that were not withdrawn. */
  readonly announcedIds: number[] = [];
  /** What the connection may use beside the first address; null: all of the host but what is denied. */
  private allowed: readonly IpAddress[] | null;
  private denied: readonly IpAddress[] = [];
  private established = false;
  hasSignals = false;

  constructor(connection: MptcpConnection, manager: PathManager) {
    this.connection = connection;
    this.manager = manager;
    this.allowed = connection.config.localAddresses;
  }

  // ---- PathControl

  get initiator(): boolean {
    return this.connection.initiator;
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
    return this.connection.subflows.length;
  }
  get limits(): PathLimits {
    return this.connection.config.limits;
  }

  /** @param localPort 0: that of the path, or one that is free */
  open(pathIndex: number, backup: boolean, now: number, localPort = 0): boolean {
    const { connection } = this;
    const path = this.paths.find((row) => row.index === pathIndex);
    if (path === undefined || path.open || !path.present || !connection.mayOpen || connection.regularTcp || !connection.fullyEstablished) return false;
    // The limit counts subflows beside one; a connection that has lost all may always open one.
    if (connection.subflows.length > this.limits.subflows) return false;
    const subflow = new Subflow(connection, pathIndex, { first: false, initiator: true, localAddressId: path.localAddressId, remoteAddressId: path.remoteAddressId, backup });
    subflow.localNonce = connection.environment.random.nonces.uint32();
    const tcp = connection.environment.connectTcp(subflow, localPort === 0 ? path : { ...path, localPort }, connection.subflowConfig, now);
    if (tcp === null) return false;
    subflow.attach(tcp);
    connection.subflows.push(subflow);
    this.table.markOpen(pathIndex, true);
    connection.environment.counters.increment("MPTcpExtMPJoinSynTx");
    connection.log.observe(subflow, { kind: "path_manager", action: "open", pathIndex, detail: `${path.localAddress} -> ${path.remoteAddress}:${path.remotePort}` });
    return true;
  }

  close(pathIndex: number, now: number): void {
    const subflow = this.subflowOn(pathIndex);
    if (subflow === undefined) return;
    if (subflow.established) {
      subflow.tcp.close(now);
      this.connection.sender.subflowsChanged();
    } else endSubflow(subflow, "path_manager", now);
  }

  announce(addressId: number, port: number, now: number): void {
    const local = this.local.find((entry) => entry.id === addressId);
    if (local === undefined || !this.connection.remoteKnown) return;
    this.announcements = this.announcements.filter((entry) => entry.option.addressId !== addressId);
    const { localKeys, remoteKey } = this.connection;
    const named = { addressId, address: local.address, port };
    const hmac = addAddressHmac(localKeys.key, remoteKey, named);
    const option: AddAddress = { kind: "add_addr", version: 1, echo: false, ...named, hmac };
    this.announcements.push({ option, due: true, tries: 0, nextAt: NEVER });
    this.signal(null, now);
  }

  withdraw(addressId: number, now: number): void {
    this.forgetAnnouncement(addressId);
    // Reliability: REMOVE_ADDR has no echo, so that it goes out on every subflow that does not use the address.
    const subflows = this.connection.subflows.filter((subflow) => subflow.established && subflow.localAddressId !== addressId);
    const option: MptcpOption = { kind: "remove_addr", addressIds: [addressId] };
    for (const subflow of subflows) this.outbox.push({ subflow, option });
    this.connection.log.observe(null, { kind: "remove_addr", direction: "out", addressIds: [addressId] });
    for (const subflow of subflows) this.signal(subflow, now);
  }

  setBackup(pathIndex: number, backup: boolean, now: number): void {
    const subflow = this.subflowOn(pathIndex);
    if (subflow === undefined || subflow.localBackup === backup) return;
    subflow.localBackup = backup;
    subflow.priorityPending = true;
    this.connection.sender.subflowsChanged();
    this.connection.log.observe(subflow, { kind: "priority", direction: "out", backup });
    this.signal(subflow, now);
  }

  // ---- from the connection

  /** Fills the tables for the first subflow. Its flags come from the host's entry; its id here is 0. */
  setFirst(localAddress: IpAddress, localPort: number, remoteAddress: IpAddress, remotePort: number): void {
    this.table.first(localAddress, 0, localPort, remoteAddress, 0, remotePort);
    for (const entry of this.connection.environment.localAddresses()) if (this.mayUse(entry.address)) this.table.addLocal(entry);
  }

  // ---- from the application

  /** One more address of the host that the connection may use (RFC 6897 §5.3.3). @returns false when the host does not have it now */
  allowLocal(address: IpAddress, now: number): boolean {
    this.denied = this.denied.filter((other) => !other.equals(address));
    if (this.allowed !== null && !this.mayUse(address)) this.allowed = [...this.allowed, address];
    const entry = this.connection.environment.localAddresses().find((candidate) => candidate.address.equals(address));
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
    const { subflows } = this.connection;
    const isOther = (subflow: Subflow): boolean => subflow.established && subflow.localAddressId !== entry.id;
    if (subflows.some(isOther)) this.withdraw(entry.id, now);
    else this.withdrawLater(entry.id);
    // RFC 6897 §5.3.3: other paths are opened before these are closed.
    this.changed(now);
    for (const subflow of subflows.slice()) {
      if (!subflow.tcp.tuple.localAddress.equals(address)) continue;
      this.connection.environment.counters.increment("MPTcpExtRmSubflow");
      this.close(subflow.id, now);
    }
    return true;
  }

  private mayUse(address: IpAddress): boolean {
    if (this.denied.some((other) => other.equals(address))) return false;
    if (this.allowed === null || address.equals(this.connection.tuple.localAddress)) return true;
    return this.allowed.some((other) => other.equals(address));
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

  /** The subflow for a join that arrived, on its path; null when a limit forbids it. */
  admitJoin(option: MpJoinSyn, tuple: FourTuple): Subflow | null {
    if (!this.mayUse(tuple.localAddress)) return null;
    const local = this.local.find((entry) => entry.address.equals(tuple.localAddress));
    const localAddressId = local?.id ?? 0;
    const pathIndex = this.table.learn(tuple.localAddress, localAddressId, tuple.remoteAddress, option.addressId, tuple.remotePort);
    if (pathIndex === 0) return null;
    this.table.markOpen(pathIndex, true);
    const backup = local?.flags.backup ?? false;
    const subflow = new Subflow(this.connection, pathIndex, { first: false, initiator: false, localAddressId, remoteAddressId: option.addressId, backup });
    subflow.peerBackup = option.backup;
    return subflow;
  }

  /** A join was verified: its path works, and may carry what nobody could carry before. */
  onJoined(subflow: Subflow): void {
    this.table.markWorked(subflow.id);
    if (this.hasSignals && this.wants(subflow)) subflow.tcp.requestAck();
  }

  onSubflowClosed(subflow: Subflow, reason: string, now: number): void {
    this.table.markOpen(subflow.id, false);
    this.outbox = this.outbox.filter((entry) => entry.subflow !== subflow);
    if (!this.established || !this.connection.mayOpen) return;
    this.manager.onSubflowClosed(this, subflow.id, reason, now);
    this.armManager();
  }

  /** The host got an address (or it changed). */
  addLocal(entry: LocalAddress, now: number): void {
    if (!this.mayUse(entry.address) || !this.table.addLocal(entry)) return;
    this.changed(now);
  }

  /**
   * The host lost an address: subflows on it are gone without a word, the peer hears of it on the others. Regular TCP has no others: it stays, as
   * with Linux, until the address is back or retransmission gives up (RFC 9293 §3.8.3).
   */
  removeLocal(address: IpAddress, now: number): void {
    if (this.connection.regularTcp) return;
    const entry = this.local.find((candidate) => candidate.address.equals(address));
    if (entry === undefined) return;
    this.table.removeLocal(entry.id);
    for (const subflow of this.connection.subflows.slice()) {
      if (!subflow.tcp.tuple.localAddress.equals(address)) continue;
      this.connection.environment.counters.increment("MPTcpExtRmSubflow");
      endSubflow(subflow, "address_removed", now);
    }
    if (this.connection.closed) return;
    this.withdraw(entry.id, now);
    this.changed(now);
    this.pendingWithdrawals(entry.id);
  }

  // ---- from the peer

  onAddAddress(subflow: Subflow, option: AddAddress, now: number): void {
    const { connection } = this;
    const { counters } = connection.environment;
    if (option.echo) {
      counters.increment("MPTcpExtEchoAdd");
      if (option.port !== 0) counters.increment("MPTcpExtPortAdd");
      this.announcements = this.announcements.filter((entry) => entry.option.addressId !== option.addressId || !entry.option.address.equals(option.address));
      this.updateSignals();
      return;
    }
    const expected = addAddressHmac(connection.remoteKey, connection.localKeys.key, option);
    if (option.hmac === null || !equalOctets(option.hmac, expected)) {
      // RFC 8684 §3.4.1: silently ignored.
      counters.increment("MPTcpExtAddAddrDrop");
      return;
    }
    counters.increment("MPTcpExtAddAddr");
    if (option.port !== 0) counters.increment("MPTcpExtPortAdd");
    connection.log.observe(subflow, { kind: "add_addr", direction: "in", addressId: option.addressId, address: String(option.address), port: option.port, echo: false });
    this.queueEcho(subflow, option, now);
    const known = this.remote.some((entry) => entry.id === option.addressId);
    if (!known && this.acceptedAddresses >= this.limits.addAddrAccepted) return;
    const port = option.port === 0 ? subflow.tcp.tuple.remotePort : option.port;
    if (!this.table.addRemote({ id: option.addressId, address: option.address, port, joinable: true })) return;
    if (!known) this.acceptedAddresses++;
    this.changed(now);
  }

  onRemoveAddress(addressIds: readonly number[], now: number): void {
    const { connection } = this;
    connection.environment.counters.increment("MPTcpExtRmAddr", addressIds.length);
    connection.log.observe(null, { kind: "remove_addr", direction: "in", addressIds });
    for (const id of addressIds) {
      if (this.table.removeRemote(id) && id !== 0) this.acceptedAddresses = Math.max(0, this.acceptedAddresses - 1);
      for (const subflow of connection.subflows) {
        if (subflow.remoteAddressId !== id || !subflow.established) continue;
        // RFC 8684 §3.4.2: ask on the path first, and let its data go elsewhere at once.
        subflow.removalCheck ??= new RemovalCheck(subflow, now);
        connection.arm(subflow.removalAt);
        connection.sender.subflowsChanged();
        connection.sender.reinject(subflow, "remove_addr");
      }
    }
    this.changed(now);
    connection.wakeSubflows(now);
  }

  onPriority(subflow: Subflow, backup: boolean, addressId: number, now: number): void {
    const { connection } = this;
    connection.environment.counters.increment("MPTcpExtMPPrioRx");
    for (const other of connection.subflows) {
      if (addressId >= 0 ? other.remoteAddressId === addressId : other === subflow) {
        other.peerBackup = backup;
        connection.log.observe(other, { kind: "priority", direction: "in", backup });
      }
    }
    connection.sender.subflowsChanged();
    connection.wakeSubflows(now);
  }

  // ---- signals on pure ACKs

  /** The next option for a pure ACK on `subflow` that fits into `space` octets; null when there is none. */
  takeSignal(subflow: Subflow, space: number, now: number): MptcpOption | null {
    const { counters } = this.connection.environment;
    if (subflow.priorityPending) {
      subflow.priorityPending = false;
      this.updateSignals();
      counters.increment("MPTcpExtMPPrioTx");
      return { kind: "mp_prio", backup: subflow.localBackup, addressId: -1 };
    }
    for (let i = 0; i < this.outbox.length; i++) {
      const entry = this.outbox[i] as (typeof this.outbox)[number];
      if ((entry.subflow !== null && entry.subflow !== subflow) || mptcpOptionLength(entry.option) > space) continue;
      // RFC 8684 §3.4.2: not on a subflow that uses the address.
      if (entry.option.kind === "remove_addr" && entry.option.addressIds.includes(subflow.localAddressId)) continue;
      this.outbox.splice(i, 1);
      counters.increment(entry.option.kind === "add_addr" ? "MPTcpExtEchoAddTx" : "MPTcpExtRmAddrTx");
      this.updateSignals();
      if (this.wants(subflow)) subflow.tcp.requestAck();
      return entry.option;
    }
    for (const announcement of this.announcements) {
      if (!announcement.due || mptcpOptionLength(announcement.option) > space) continue;
      announcement.due = false;
      announcement.tries++;
      announcement.nextAt = now + Math.max(this.connection.config.addAddrTimeout, 2 * subflow.tcp.rto) * (1 << (announcement.tries - 1));
      this.connection.arm(announcement.nextAt);
      counters.increment("MPTcpExtAddAddrTx");
      if (!this.announcedIds.includes(announcement.option.addressId)) this.announcedIds.push(announcement.option.addressId);
      const { addressId, address, port } = announcement.option;
      this.connection.log.observe(subflow, { kind: "add_addr", direction: "out", addressId, address: String(address), port, echo: false });
      this.updateSignals();
      if (this.wants(subflow)) subflow.tcp.requestAck();
      return announcement.option;
    }
    return null;
  }

  // ---- timers

  get nextTimeout(): number {
    let next = this.managerTimeout;
    for (const announcement of this.announcements) next = Math.min(next, announcement.nextAt);
    return next;
  }

  handleTimeout(now: number): void {
    for (const announcement of this.announcements) {
      if (now < announcement.nextAt) continue;
      announcement.nextAt = NEVER;
      if (announcement.tries > this.connection.config.addAddrRetries) continue;
      announcement.due = true;
      this.signal(null, now);
    }
    this.announcements = this.announcements.filter((entry) => entry.due || entry.nextAt !== NEVER);
    this.updateSignals();
    if (now >= this.managerTimeout) this.manager.handleTimeout?.(this, now);
  }

  /** The manager's deadline, as long as it can do something. */
  private get managerTimeout(): number {
    return this.connection.mayOpen && !this.connection.regularTcp ? (this.manager.nextTimeout ?? NEVER) : NEVER;
  }

  // ---- inside

  private changed(now: number): void {
    if (!this.established || !this.connection.mayOpen) return;
    this.manager.onAddresses(this, now);
    this.armManager();
  }

  private armManager(): void {
    this.connection.arm(this.managerTimeout);
  }

  private subflowOn(pathIndex: number): Subflow | undefined {
    return this.connection.subflows.find((subflow) => subflow.id === pathIndex);
  }

  private queueEcho(subflow: Subflow, option: AddAddress, now: number): void {
    if (this.outbox.length >= MAXIMUM_OUTBOX) return;
    const { addressId, address, port } = option;
    this.outbox.push({ subflow, option: { kind: "add_addr", version: 1, echo: true, addressId, address, port, hmac: null } });
    this.signal(subflow, now);
  }

  /** An address that went while no subflow could carry the news: tell the peer on the next one. */
  private pendingWithdrawals(addressId: number): void {
    if (!this.connection.subflows.some((subflow) => subflow.established)) this.withdrawLater(addressId);
  }

  private withdrawLater(addressId: number): void {
    this.forgetAnnouncement(addressId);
    this.outbox.push({ subflow: null, option: { kind: "remove_addr", addressIds: [addressId] } });
    this.updateSignals();
  }

  private forgetAnnouncement(addressId: number): void {
    this.announcements = this.announcements.filter((entry) => entry.option.addressId !== addressId);
    const at = this.announcedIds.indexOf(addressId);
    if (at >= 0) this.announcedIds.splice(at, 1);
  }

  /** Asks for a pure ACK that will carry what waits. */
  private signal(subflow: Subflow | null, _now: number): void {
    this.updateSignals();
    const carrier = subflow ?? this.connection.sender.usableSubflows()[0] ?? this.connection.subflows.find((candidate) => candidate.established);
    carrier?.tcp.requestAck();
  }

  private wants(subflow: Subflow): boolean {
    return subflow.priorityPending || this.outbox.some((entry) => entry.subflow === null || entry.subflow === subflow) || this.announcements.some((entry) => entry.due);
  }

  private updateSignals(): void {
    this.hasSignals = this.outbox.length > 0 || this.announcements.some((entry) => entry.due) || this.connection.subflows.some((subflow) => subflow.priorityPending);
  }
}

/** An ADD_ADDR that was not echoed yet. */
interface Announcement {
  readonly option: AddAddress;
  /** To be sent with the next pure ACK. */
  due: boolean;
  tries: number;
  /** When to send it again, ns. */
  nextAt: number;
}

/** Echoes that a peer can make us queue. */
const MAXIMUM_OUTBOX = 32;
