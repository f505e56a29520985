import type { Counters } from "../../core/index.ts";
import { LIMITS } from "../../core/index.ts";
import type { IpAddress } from "../../wire/index.ts";
import type { LocalAddress, Path, RemoteAddress } from "../path-manager.ts";

/** Bounds of a {@link PathTable}. What is beyond them is not taken in, and counted. */
export interface PathTableLimits {
  /** Addresses of each side. */
  readonly addresses: number;
  /** Rows of the mapping table. */
  readonly paths: number;
}

/**
 * The tables of one connection's paths (draft-barre-mptcp-impl §2.3, Tables 1 and 2): the local addresses, the remote addresses, and the
 * mapping table that gives each pair of them a path index. Events go in through the methods; each returns whether a table changed,
 * in which case the path manager is to be told.
 *
 * - Index 1 is the first subflow's, the others count up from there in order of appearance.
 * - An index belongs to one pair for good: both addresses, both address ids and the remote port. A pair that disappears keeps
 *   its row, marked as not present, and has its old index back when it returns. An address that returns under another id makes a new pair.
 * - Addresses of a pair are of one family. A local port of 0 leaves the choice of one to whoever opens the subflow.
 * - A full mapping table retires its oldest row without a subflow that is either not present or known from a join alone; its index is
 *   not given out again.
 */
export class PathTable {
  private readonly limits: PathTableLimits;
  private readonly counters: Counters | null;
  private readonly localTable: LocalAddress[] = [];
  private readonly remoteTable: RemoteAddress[] = [];
  private readonly rows: Row[] = [];
  private lastIndex = 0;
  /** Remote port of the first subflow: the one to join at unless an ADD_ADDR names another. */
  private firstPort = 0;

  /** @param counters where it is counted that a limit bit; null: nowhere */
  constructor(limits: PathTableLimits = DEFAULT_PATH_TABLE_LIMITS, counters: Counters | null = null) {
    this.limits = limits;
    this.counters = counters;
  }

  /** Our addresses, in order of arrival. */
  get local(): readonly LocalAddress[] {
    return this.localTable;
  }

  /** The peer's addresses that we know of, in order of arrival. */
  get remote(): readonly RemoteAddress[] {
    return this.remoteTable;
  }

  /** The mapping table, in order of path index. */
  get paths(): readonly Path[] {
    return this.rows;
  }

  /** The row of a path index; null when there is none. */
  path(index: number): Path | null {
    return this.row(index);
  }

  /**
   * The first subflow: gives it path index 1 and both its addresses a place in their tables. To be called once, before anything else.
   * The flags of its local address follow by `addLocal`, the peer's C flag by `denyInitialRemote`.
   */
  first(
    localAddress: IpAddress,
    localId: number,
    localPort: number,
    remoteAddress: IpAddress,
    remoteId: number,
    remotePort: number,
  ): void {
    this.firstPort = remotePort;
    this.localTable.push({ id: localId, address: localAddress, up: true, flags: NO_FLAGS });
    this.remoteTable.push({ id: remoteId, address: remoteAddress, port: remotePort, joinable: true });
    const row = this.append(localAddress, localId, localPort, remoteAddress, remoteId, remotePort, true);
    if (row === null) return;
    row.open = true;
    row.answered = true;
  }

  /**
   * An address of ours appeared, or its flags or state changed. An id in use for another address is taken over by the new one; an address
   * known under another id keeps that id and takes flags and state: so the first subflow's address stays 0.
   */
  addLocal(address: LocalAddress): boolean {
    const known = this.localTable.findIndex((entry) => entry.address.equals(address.address));
    const at = known >= 0 ? known : this.localTable.findIndex((entry) => entry.id === address.id);
    if (at < 0) {
      if (!this.hasRoom(this.localTable)) return false;
      this.localTable.push(address);
    } else {
      const entry = this.localTable[at] as LocalAddress;
      const changed = known >= 0 && entry.id !== address.id ? { ...address, id: entry.id } : address;
      if (sameLocal(entry, changed)) return false;
      this.localTable[at] = changed;
    }
    this.update();
    return true;
  }

  /** An address of ours is gone. */
  removeLocal(id: number): boolean {
    const at = this.localTable.findIndex((entry) => entry.id === id);
    if (at < 0) return false;
    this.localTable.splice(at, 1);
    this.update();
    return true;
  }

  /**
   * The peer announced an address (ADD_ADDR), or forbade joins to its first one. An assigned id keeps its address (RFC 8684 §3.4.1), but
   * port and joinability may change.
   */
  addRemote(address: RemoteAddress): boolean {
    const at = this.remoteTable.findIndex((entry) => entry.id === address.id);
    if (at < 0) {
      const twin = this.remoteTable.some(
        (entry) => entry.joinable && entry.port === address.port && entry.address.equals(address.address),
      );
      if (twin || !this.hasRoom(this.remoteTable)) return false;
      this.remoteTable.push(address);
    } else {
      const known = this.remoteTable[at] as RemoteAddress;
      // RFC 8684 §3.4.1: to give an id to another address, the peer has to remove it first.
      if (!known.address.equals(address.address)) return false;
      if (known.port === address.port && known.joinable === address.joinable) return false;
      this.remoteTable[at] = address;
    }
    this.update();
    return true;
  }

  /** The peer's first address must not be joined (C flag, RFC 8684 §3.1). */
  denyInitialRemote(): boolean {
    const first = this.remoteTable.find((entry) => entry.id === 0);
    return first !== undefined && this.addRemote({ id: 0, address: first.address, port: first.port, joinable: false });
  }

  /** The peer withdrew an address (REMOVE_ADDR). An unknown id is ignored (RFC 8684 §3.4.2). */
  removeRemote(id: number): boolean {
    let changed = false;
    const at = this.remoteTable.findIndex((entry) => entry.id === id);
    if (at >= 0) {
      this.remoteTable.splice(at, 1);
      changed = true;
    }
    for (const row of this.rows) {
      if (row.remoteAddressId !== id || !row.learnt || row.remoteGone) continue;
      row.remoteGone = true;
      changed = true;
    }
    if (changed) this.update();
    return changed;
  }

  /** A subflow was started on a path, or ended. @returns whether that is news */
  markOpen(index: number, open: boolean): boolean {
    const row = this.row(index);
    if (row === null || row.open === open) return false;
    row.open = open;
    // The first subflow's own port was for that subflow; another one on this path picks its own.
    if (open) row.answered = false;
    else row.localPort = 0;
    return true;
  }

  /**
   * A subflow reached the established state on a path. Where a join of the peer's made the path, its address is noted now (RFC 8684 §3.4.1)
   * if the id is new: until then nobody had proven to be the peer.
   * @returns whether it is the path's first time
   */
  markWorked(index: number): boolean {
    const row = this.row(index);
    if (row === null) return false;
    if (row.learnt && !this.remoteTable.some((entry) => entry.id === row.remoteAddressId)) {
      this.addRemote({ id: row.remoteAddressId, address: row.remoteAddress, port: this.firstPort, joinable: true });
    }
    row.answered = true;
    if (row.worked) return false;
    row.worked = true;
    return true;
  }

  /**
   * A join arrived: gives the path index for its subflow, and marks that open. It is the index of a known pair of these addresses without a
   * subflow, so that nobody opens a second one on it, or else a new index.
   *
   * @param remotePort the join's source port
   * @returns 0 when the table is full: refuse the join
   */
  learn(localAddress: IpAddress, localId: number, remoteAddress: IpAddress, remoteId: number, remotePort: number): number {
    let row = this.idleRow(localAddress, localId, remoteAddress, remoteId);
    if (row === null) {
      row = this.append(localAddress, localId, 0, remoteAddress, remoteId, remotePort, true);
      if (row === null) return 0;
    }
    row.open = true;
    row.answered = false;
    row.remoteGone = false;
    this.update();
    return row.index;
  }

  /** Whether a table of addresses takes one more; counts it when not. */
  private hasRoom(table: readonly unknown[]): boolean {
    if (table.length < this.limits.addresses) return true;
    this.counters?.increment(LIMITS.pathAddresses.counter);
    return false;
  }

  private row(index: number): Row | null {
    // Unless rows were retired, a row stands at its index.
    const guess = this.rows[index - 1];
    if (guess !== undefined && guess.index === index) return guess;
    return this.rows.find((row) => row.index === index) ?? null;
  }

  private idleRow(localAddress: IpAddress, localId: number, remoteAddress: IpAddress, remoteId: number): Row | null {
    for (const row of this.rows) {
      if (!row.open && row.joins(localAddress, localId, remoteAddress, remoteId)) return row;
    }
    return null;
  }

  /** Table 2: adds the pairs that are new, and notes of all which are present. */
  private update(): void {
    for (const row of this.rows) row.present = this.isPresent(row);
    for (const local of this.localTable) {
      if (!local.up) continue;
      for (const remote of this.remoteTable) {
        if (remote.joinable && remote.address.family === local.address.family) this.ensure(local, remote);
      }
    }
  }

  private ensure(local: LocalAddress, remote: RemoteAddress): void {
    for (const row of this.rows) {
      if (row.remotePort !== remote.port || !row.joins(local.address, local.id, remote.address, remote.id)) continue;
      row.remoteGone = false;
      row.present = true;
      return;
    }
    this.append(local.address, local.id, 0, remote.address, remote.id, remote.port, false);
  }

  private isPresent(row: Row): boolean {
    const local = this.localTable.find((entry) => entry.id === row.localAddressId);
    if (local === undefined || !local.up || !local.address.equals(row.localAddress)) return false;
    if (row.learnt) return !row.remoteGone;
    const remote = this.remoteTable.find((entry) => entry.id === row.remoteAddressId);
    if (remote === undefined || !remote.joinable) return false;
    return remote.port === row.remotePort && remote.address.equals(row.remoteAddress);
  }

  private append(
    localAddress: IpAddress,
    localId: number,
    localPort: number,
    remoteAddress: IpAddress,
    remoteId: number,
    remotePort: number,
    learnt: boolean,
  ): Row | null {
    if (localAddress.family !== remoteAddress.family) return null;
    if (this.rows.length >= this.limits.paths) {
      this.counters?.increment(LIMITS.paths.counter);
      const retired = this.rows.findIndex((row) => !row.open && (!row.present || row.learnt));
      if (retired < 0) return null;
      this.rows.splice(retired, 1);
    }
    const row = new Row(++this.lastIndex, localAddress, localId, localPort, remoteAddress, remoteId, remotePort, learnt);
    this.rows.push(row);
    return row;
  }
}

/** Twice the eight addresses that Linux allows; and room for the pairs of a wandering host. */
export const DEFAULT_PATH_TABLE_LIMITS: PathTableLimits = { addresses: LIMITS.pathAddresses.default, paths: LIMITS.paths.default };

export class Row implements Path {
  readonly index: number;
  readonly localAddress: IpAddress;
  readonly localAddressId: number;
  localPort: number;
  readonly remoteAddress: IpAddress;
  readonly remoteAddressId: number;
  readonly remotePort: number;
  present: boolean;
  open: boolean;
  worked: boolean;
  answered: boolean;
  /** Known from a subflow rather than from the remote table: present until the peer removes its id. */
  readonly learnt: boolean;
  remoteGone: boolean;

  constructor(
    index: number,
    localAddress: IpAddress,
    localId: number,
    localPort: number,
    remoteAddress: IpAddress,
    remoteId: number,
    remotePort: number,
    learnt: boolean,
  ) {
    this.index = index;
    this.localAddress = localAddress;
    this.localAddressId = localId;
    this.localPort = localPort;
    this.remoteAddress = remoteAddress;
    this.remoteAddressId = remoteId;
    this.remotePort = remotePort;
    this.present = true;
    this.open = false;
    this.worked = false;
    this.answered = false;
    this.learnt = learnt;
    this.remoteGone = false;
  }

  /** Whether this row is of that pair, the remote port aside. */
  joins(localAddress: IpAddress, localId: number, remoteAddress: IpAddress, remoteId: number): boolean {
    return (
      this.localAddressId === localId &&
      this.remoteAddressId === remoteId &&
      this.localAddress.equals(localAddress) &&
      this.remoteAddress.equals(remoteAddress)
    );
  }
}

function sameLocal(a: LocalAddress, b: LocalAddress): boolean {
  return (
    a.up === b.up &&
    a.address.equals(b.address) &&
    a.flags.subflow === b.flags.subflow &&
    a.flags.signal === b.flags.signal &&
    a.flags.backup === b.flags.backup &&
    a.flags.fullmesh === b.flags.fullmesh
  );
}

const NO_FLAGS = { subflow: false, signal: false, backup: false, fullmesh: false } as const;
