import type { SubflowEndReason } from "../../../src/core/index.ts";
import type { EndpointFlags, LocalAddress, Path, PathControl, PathLimits, PathManager, RemoteAddress } from "../../../src/mptcp/path-manager.ts";
import { PathTable } from "../../../src/mptcp/paths/table.ts";
import { IpAddress } from "../../../src/wire/index.ts";

export const SECOND = 1_000_000_000;
export const NO_FLAGS: EndpointFlags = { subflow: false, signal: false, backup: false, fullmesh: false };

/** The n-th address of the one and of the other side. */
export function localAddress(n: number): IpAddress {
  return IpAddress.v4(0x0a000001 + n * 256);
}
export function remoteAddress(n: number): IpAddress {
  return IpAddress.v4(0x0a010001 + n * 256);
}

/**
 * A transport with a path table and no packets: what the manager asks is carried out at once and written down. Subflows come to be as
 * soon as they are opened, unless `refuse` says otherwise.
 */
export class FakePaths implements PathControl {
  readonly initiator: boolean;
  readonly table = new PathTable();
  readonly manager: PathManager;
  limits: PathLimits = { subflows: 32, addAddrAccepted: 8 };
  now = 0;
  /** What was asked, as text. */
  log: string[] = [];
  /** Whether a join on that path fails, right away. */
  refuse: (path: Path) => boolean = () => false;
  private established = false;

  constructor(manager: PathManager, initiator = true, flags: EndpointFlags = NO_FLAGS) {
    this.manager = manager;
    this.initiator = initiator;
    this.table.first(localAddress(0), 0, 40_000, remoteAddress(0), 0, 80);
    this.table.addLocal({ id: 0, address: localAddress(0), up: true, flags });
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
  mayJoinAnnounced(): boolean {
    return true;
  }
  get openSubflows(): number {
    return this.paths.filter((path) => path.open).length;
  }

  open(pathIndex: number, backup: boolean): boolean {
    const path = this.table.path(pathIndex);
    if (path === null || path.open || this.openSubflows > this.limits.subflows) return false;
    this.log.push(`open ${pathIndex}${backup ? " backup" : ""}`);
    if (this.refuse(path)) return false;
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

  establish(): void {
    this.established = true;
    this.manager.onEstablished(this, this.now);
  }

  addLocal(n: number, flags: EndpointFlags = NO_FLAGS, up = true): void {
    if (this.table.addLocal({ id: n, address: localAddress(n), up, flags })) this.changed();
  }

  /** As the transport does it: subflows on the address are over. */
  removeLocal(n: number): void {
    const gone = this.local.find((entry) => entry.id === n);
    this.table.removeLocal(n);
    for (const path of this.paths) if (gone !== undefined && path.open && path.localAddressId === n) this.die(path.index, "address_removed");
    this.changed();
  }

  addRemote(n: number, port = 80): void {
    if (this.table.addRemote({ id: n, address: remoteAddress(n), port, joinable: true })) this.changed();
  }

  removeRemote(n: number): void {
    this.table.removeRemote(n);
    for (const path of this.paths) if (path.open && path.remoteAddressId === n) this.die(path.index, "remove_addr");
    this.changed();
  }

  die(pathIndex: number, reason: SubflowEndReason = "ETIMEDOUT"): void {
    if (this.table.markOpen(pathIndex, false)) this.manager.onSubflowClosed(this, pathIndex, reason, this.now);
  }

  /** Lets time pass, with the manager's timeouts. */
  pass(time: number): void {
    const end = this.now + time;
    for (let calls = 0; (this.manager.nextTimeout ?? Infinity) <= end; calls++) {
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

  private changed(): void {
    if (this.established) this.manager.onAddresses(this, this.now);
  }
}
