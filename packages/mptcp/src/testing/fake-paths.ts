import type { SubflowEndReason } from "../core/index.ts";
import { NEVER } from "../core/index.ts";
import { PathTable } from "../mptcp/index.ts";
import type { EndpointFlags, LocalAddress, Path, PathControl, PathLimits, PathManager, RemoteAddress } from "../mptcp/index.ts";
import { IpAddress } from "../wire/index.ts";

/**
 * A transport with a path table and no packets, to test a path manager on: what the manager asks is carried out at once and written down. Subflows
 * come to be as soon as they are opened, unless `refuse` says otherwise. Addresses go by their ids, 0 for the first subflow's.
 */
export class FakePaths implements PathControl {
  readonly initiator: boolean;
  readonly table = new PathTable();
  readonly manager: PathManager;
  limits: PathLimits = { subflows: 32, addAddrAccepted: 8 };
  /** ns */
  now = 0;
  /** What was asked, as text. */
  log: string[] = [];
  /** Whether a join on that path fails, right away. */
  refuse: (path: Path) => boolean = () => false;
  /** Whether joins to announced addresses may begin, see {@link FakePaths.letJoin}. */
  private joinsMayBegin = true;
  protected established = false;

  constructor(manager: PathManager, initiator = true, flags: EndpointFlags = NO_FLAGS) {
    this.manager = manager;
    this.initiator = initiator;
    this.table.first(localAddress(0), 0, 40_000, remoteAddress(0), 0, 80);
    this.table.addLocal({ id: 0, address: localAddress(0), up: true, flags });
  }

  // ---- what the manager sees and asks

  get local(): readonly LocalAddress[] {
    return this.table.local;
  }
  get remote(): readonly RemoteAddress[] {
    return this.table.remote;
  }
  get paths(): readonly Path[] {
    return this.table.paths;
  }
  mayJoinAnnounced(): boolean {
    return this.joinsMayBegin;
  }
  get openSubflows(): number {
    return this.paths.filter((path) => path.open).length;
  }

  open(pathIndex: number, backup: boolean): boolean {
    const path = this.table.path(pathIndex);
    if (path === null || path.open || !path.present || this.openSubflows > this.limits.subflows) return false;
    this.log.push(`open ${pathIndex}${backup ? " backup" : ""}`);
    if (this.refuse(path) || (path.remoteAddressId !== 0 && !this.joinsMayBegin)) return false;
    return this.table.markOpen(pathIndex, true);
  }

  close(pathIndex: number): void {
    this.log.push(`close ${pathIndex}`);
    this.die(pathIndex, "path_manager");
  }

  announce(addressId: number, port: number): void {
    this.log.push(`announce ${addressId}${port === 0 ? "" : ` port ${port}`}`);
  }

  withdraw(addressId: number): void {
    this.log.push(`withdraw ${addressId}`);
  }

  setBackup(pathIndex: number, backup: boolean): void {
    this.log.push(`priority ${pathIndex} ${backup ? "backup" : "regular"}`);
  }

  // ---- what happens to it

  /** Subflows may be opened from now on. */
  establish(): void {
    this.established = true;
    this.manager.onEstablished(this, this.now);
  }

  /** An address of ours comes, or changes. */
  addLocal(id: number, flags: EndpointFlags = NO_FLAGS, up = true, address = localAddress(id)): void {
    if (this.table.addLocal({ id, address, up, flags })) this.changed();
  }

  /** An address of ours goes. As the transport does it: the subflows on it are over. */
  removeLocal(id: number): void {
    if (!this.table.removeLocal(id)) return;
    for (const path of this.paths) if (path.open && path.localAddressId === id) this.die(path.index, "address_removed");
    this.changed();
  }

  /** The peer announces an address. */
  addRemote(id: number, port = 80): void {
    if (this.table.addRemote({ id, address: remoteAddress(id), port, joinable: true })) this.changed();
  }

  /** The peer withdraws an address, and the subflows to it are over. */
  removeRemote(id: number): void {
    this.table.removeRemote(id);
    for (const path of this.paths) if (path.open && path.remoteAddressId === id) this.die(path.index, "remove_addr");
    this.changed();
  }

  /** The pace of joins to announced addresses lets none begin, or one again. */
  letJoin(may: boolean): void {
    const isNews = may && !this.joinsMayBegin;
    this.joinsMayBegin = may;
    if (isNews) this.changed();
  }

  /** The peer announces an address again that is known. */
  refresh(id: number): void {
    if (this.established && this.remote.some((remote) => remote.id === id)) this.manager.onRefreshed?.(this, id, this.now);
  }

  /** A subflow ends. */
  die(pathIndex: number, reason: SubflowEndReason = "ETIMEDOUT"): void {
    if (this.table.markOpen(pathIndex, false)) this.manager.onSubflowClosed(this, pathIndex, reason, this.now);
  }

  /** Lets time pass, ns, with the manager's timeouts. @throws Error when the manager calls for its timeout again and again */
  pass(time: number): void {
    const end = this.now + time;
    for (let calls = 0; (this.manager.nextTimeout ?? NEVER) <= end; calls++) {
      if (calls > 10_000) throw new Error("the manager's timeout does not move on");
      this.now = Math.max(this.now, this.manager.nextTimeout as number);
      this.manager.handleTimeout?.(this, this.now);
    }
    this.now = end;
  }

  /** The log since the last call. */
  news(): string[] {
    const news = this.log;
    this.log = [];
    return news;
  }

  /** Pairs of address ids with an open subflow, as "local-remote". */
  openPairs(): string[] {
    return this.paths.filter((path) => path.open).map((path) => `${path.localAddressId}-${path.remoteAddressId}`).toSorted();
  }

  protected changed(): void {
    if (this.established) this.manager.onAddresses(this, this.now);
  }
}

/** Our n-th address, and the peer's. */
function localAddress(n: number): IpAddress {
  return IpAddress.v4(0x0a000001 + n * 256);
}
function remoteAddress(n: number): IpAddress {
  return IpAddress.v4(0x0a010001 + n * 256);
}

const NO_FLAGS: EndpointFlags = { subflow: false, signal: false, backup: false, fullmesh: false };
