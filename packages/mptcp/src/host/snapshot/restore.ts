import { damaged, GraphReader, MptcpError } from "../../core/index.ts";
import type { ConnectionSnapshot, PlainObject, PlainValue, SnapshotBody, Stand } from "../../core/index.ts";
import { MptcpConnection } from "../../mptcp/index.ts";
import { TcpConnection, TcpSocket } from "../../tcp/index.ts";
import type { StreamConnection } from "../../tcp/index.ts";
import type { PendingJoin } from "../pending-joins.ts";
import { CLASSES, CONSTANTS } from "./classes.ts";
import { open } from "./format.ts";
import { Remaking } from "./own-parts.ts";
import { policyOf } from "./policies.ts";
import type { OwnPolicies } from "./policies.ts";
import { partsOf } from "./tables.ts";
import type { Tables } from "./tables.ts";

/** What a connection is restored with. */
export interface RestoreOptions {
  /** Policies that are not the library's. */
  readonly policies?: OwnPolicies;
}

/** Restores a connection; see `Host.restore`. Until everything is known to be right the host's tables are not touched. */
export function restore(tables: Tables, snapshot: ConnectionSnapshot, options: RestoreOptions, now: number): StreamConnection {
  return new Restoring(tables, open(snapshot), options.policies ?? {}).run(snapshot.now, now);
}

class Restoring {
  private readonly tables: Tables;
  private readonly body: SnapshotBody;
  private readonly policies: OwnPolicies;
  private readonly reader: GraphReader;
  private readonly connection: StreamConnection;
  private readonly remaking: Remaking;
  private readonly connected: readonly TcpConnection[];
  private readonly pending: readonly TcpConnection[];

  constructor(tables: Tables, body: SnapshotBody, policies: OwnPolicies) {
    this.tables = tables;
    this.body = body;
    this.policies = policies;
    this.remaking = new Remaking(body.made);
    this.reader = new GraphReader(body.objects, CLASSES, (stand, put) => this.inside(stand, put));
    const connection = this.reader.get<object>(body.connection, Object);
    if (!(connection instanceof MptcpConnection) && !(connection instanceof TcpSocket)) throw damaged("there is no connection in it");
    this.connection = connection;
    this.connected = this.tcps("connected");
    this.pending = this.tcps("pending");
  }

  run(then: number, now: number): StreamConnection {
    const { connection, tables } = this;
    if (now < then) throw new MptcpError("ERR_MPTCP_SNAPSHOT_TIME", `the clock of the host is behind the snapshot's: ${now} ns, and ${then} ns`);
    this.checkAddresses();
    this.checkTables();
    this.reader.shiftTimes(now - then);
    for (const tcp of [...this.connected, ...this.pending]) tcp.onClockMoved(now - then);
    this.remaking.run(this.reader, this.policies, now);
    this.holdPorts();
    this.enter(now - then, now);
    if (connection instanceof MptcpConnection) this.followAddresses(connection, now);
    if (this.body.host.isReady === true) tables.host.notify(connection);
    return connection;
  }

  // ---- what was not saved

  private inside(stand: Stand, put: (value: unknown) => void): void {
    if (this.remaking.wants(stand, put)) return;
    if (typeof stand.host === "string") {
      const parts = partsOf(this.tables.host);
      if (!Object.hasOwn(parts, stand.host)) throw damaged("a part of the host is not known");
      put(parts[stand.host]);
    } else if (typeof stand.constant === "string") {
      const constant = CONSTANTS.get(stand.constant);
      if (constant === undefined) throw damaged(`there is no ${stand.constant}`);
      put(constant);
    } else if (typeof stand.ports === "string") put(this.tables.addresses.entries.find(({ address }) => String(address) === stand.ports)?.ports ?? null);
    else if (stand.policy !== undefined) put(policyOf(stand, this.policies));
    else throw damaged("a value is of no known kind");
  }

  // ---- whether the host can have it

  /** The peer knows our addresses by their ids. */
  private checkAddresses(): void {
    const saved = this.savedAddresses();
    for (const { address, id } of this.tables.addresses.entries) {
      const was = saved.get(String(address));
      if (was !== undefined && was !== id) throw new MptcpError("ERR_MPTCP_SNAPSHOT_ADDRESS", `${address} has id ${id} here, and had ${was}: the peer knows it by that`);
      const other = Array.from(saved).find(([text, known]) => known === id && text !== String(address));
      if (was === undefined && other !== undefined) throw new MptcpError("ERR_MPTCP_SNAPSHOT_ADDRESS", `${address} has id ${id} here, by which the peer knows ${other[0]}`);
    }
  }

  private checkTables(): void {
    const { connection, tables } = this;
    if (connection instanceof MptcpConnection && tables.tokens.has(connection.session.local.token)) throw new MptcpError("EADDRINUSE", "the host has a connection with the same token");
    for (const { tuple } of [...this.connected, ...this.pending]) {
      const { localAddress, localPort, remoteAddress, remotePort } = tuple;
      const other = tables.connections.find(localAddress, localPort, remoteAddress, remotePort) ?? tables.pendingJoins.find(localAddress, localPort, remoteAddress, remotePort);
      if (other !== null) throw new MptcpError("EADDRINUSE", `${localAddress}:${localPort} to ${remoteAddress}:${remotePort} is in use`);
    }
  }

  /** @throws MptcpError as a port source does; then none is held */
  private holdPorts(): void {
    const { addresses, heldPorts } = this.tables;
    const all = [...this.connected, ...this.pending];
    try {
      for (const tcp of all) heldPorts.hold(tcp, addresses.find(tcp.tuple.localAddress), tcp.tuple.localPort, tcp.active ? tcp.tuple : undefined);
    } catch (error) {
      for (const tcp of all) heldPorts.release(tcp);
      throw error;
    }
  }

  // ---- into the tables

  private enter(shift: number, now: number): void {
    const { connection, tables } = this;
    const { host } = this.body;
    if (this.isTaken(connection.id)) this.reader.renumber(tables.nextId());
    for (const tcp of this.connected) {
      tables.connections.add(tcp);
      if (tcp.active) tables.ports.take(tcp.tuple);
    }
    // In the order in which they came, so that the oldest is still the one that makes room.
    for (const tcp of this.pending) tables.pendingJoins.add(tcp, tcp.owner as unknown as PendingJoin, now);
    if (connection instanceof MptcpConnection && host.isKnown === true) tables.tokens.add(connection);
    if (host.isOrphan === true) tables.orphans.takeOver(connection);
    for (const tcp of this.tcps("orphans")) tables.orphans.takeOver(tcp);
    for (const tcp of [...this.connected, ...this.pending]) tables.place(tcp);
    for (const tcp of this.tcps("waiting")) tables.host.wake(tcp);
    for (const filed of listOf(host.timers)) {
      const at = isObject(filed) && typeof filed.at === "number" ? filed.at + shift : Number.NaN;
      if (!isObject(filed) || Number.isNaN(at)) continue;
      if (filed.tcp === undefined) tables.timers.fileAt(connection as MptcpConnection, at);
      else tables.timers.fileAt(this.reader.get(filed.tcp, TcpConnection), at);
    }
  }

  private isTaken(id: number): boolean {
    const { connections, pendingJoins, tokens } = this.tables;
    return [...connections.all(), ...pendingJoins.all()].some((tcp) => tcp.connectionId === id) || Array.from(tokens.all()).some((other) => other.id === id);
  }

  /** The host may have lost and won addresses since. */
  private followAddresses(connection: MptcpConnection, now: number): void {
    const { entries } = this.tables.addresses;
    const saved = this.savedAddresses();
    for (const text of saved.keys()) {
      if (entries.some(({ address }) => String(address) === text)) continue;
      const tcp = [...this.connected, ...this.pending].find(({ tuple }) => String(tuple.localAddress) === text);
      const lost = tcp?.tuple.localAddress ?? connection.addresses.local.find(({ address }) => String(address) === text)?.address;
      if (lost !== undefined) connection.removeLocal(lost, now);
    }
    for (const entry of entries) if (!saved.has(String(entry.address))) connection.addLocal(entry, now);
  }

  private savedAddresses(): ReadonlyMap<string, number> {
    return new Map(listOf(this.body.host.addresses).map((pair) => pair as unknown as [string, number]));
  }

  private tcps(name: string): readonly TcpConnection[] {
    return listOf(this.body.host[name]).map((reference) => this.reader.get(reference, TcpConnection));
  }
}

function listOf(value: PlainValue | undefined): readonly PlainValue[] {
  if (!Array.isArray(value)) throw damaged("a table of the host is missing");
  return value as readonly PlainValue[];
}

function isObject(value: PlainValue): value is PlainObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
