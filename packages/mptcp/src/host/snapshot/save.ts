import { GraphWriter, MptcpError } from "../../core/index.ts";
import type { ConnectionSnapshot, PlainObject, Stand } from "../../core/index.ts";
import { MptcpConnection } from "../../mptcp/index.ts";
import { CouplingMember } from "../../tcp/index.ts";
import type { StreamConnection, TcpConnection } from "../../tcp/index.ts";
import { CLASSES, CONSTANT_NAMES } from "./classes.ts";
import { seal } from "./format.ts";
import { OwnParts } from "./own-parts.ts";
import { policyStand } from "./policies.ts";
import type { Tables } from "./tables.ts";
import { partsOf, tcpsOf } from "./tables.ts";

/**
 * All of a connection as plain data, and where it stands in the tables of its host. Changes nothing.
 * @throws MptcpError ERR_MPTCP_SNAPSHOT_CLOSED, ERR_MPTCP_SNAPSHOT_UNSUPPORTED
 */
export function save(tables: Tables, connection: StreamConnection, now: number): ConnectionSnapshot {
  if (connection.closed) throw new MptcpError("ERR_MPTCP_SNAPSHOT_CLOSED", "the connection is closed: there is nothing to go on with");
  return new Saving(tables, connection).run(now);
}

class Saving {
  private readonly tables: Tables;
  private readonly connection: StreamConnection;
  private readonly tcps: readonly TcpConnection[];
  private readonly own: OwnParts;
  private readonly writer: GraphWriter;
  /** What is the host's, by what it is called. */
  private readonly hosts = new Map<unknown, string>();
  private readonly portSources = new Map<unknown, string>();

  constructor(tables: Tables, connection: StreamConnection) {
    const { host } = tables;
    this.tables = tables;
    this.connection = connection;
    this.tcps = tcpsOf(tables, connection);
    this.writer = new GraphWriter(CLASSES, (value, holder, key) => this.outside(value, holder, key));
    this.own = new OwnParts(this.tcps);
    for (const [name, value] of Object.entries(partsOf(host))) this.hosts.set(value, name);
    for (const { address, ports } of tables.addresses.entries) if (ports !== null) this.portSources.set(ports, String(address));
  }

  run(now: number): ConnectionSnapshot {
    const { connection, tables, writer } = this;
    const reference = writer.add(connection, "connection");
    const host: PlainObject = {
      isKnown: connection instanceof MptcpConnection && tables.tokens.find(connection.session.local.token) === connection,
      addresses: tables.addresses.entries.map(({ address, id }) => [String(address), id]),
      connected: tables.connections.all().filter((tcp) => this.tcps.includes(tcp)).map((tcp) => this.tcp(tcp)),
      pending: Array.from(tables.pendingJoins.all()).filter((tcp) => this.tcps.includes(tcp)).map((tcp) => this.tcp(tcp)),
      waiting: [...tables.queues, tables.linkless].flatMap((queue) => queue?.all() ?? []).filter((tcp) => this.tcps.includes(tcp)).map((tcp) => this.tcp(tcp)),
      timers: this.timers(),
      isOrphan: tables.orphans.has(connection),
      orphans: this.tcps.filter((tcp) => tables.orphans.has(tcp)).map((tcp) => this.tcp(tcp)),
      isReady: tables.isReady(connection),
    };
    const objects = writer.finish();
    // Schedulers and path managers of one's own were found meanwhile.
    return seal({ objects, connection: reference, host, made: this.own.saved(now, writer) }, now);
  }

  private tcp(tcp: TcpConnection): PlainObject {
    return this.writer.add(tcp, `tcp ${tcp.tuple.localAddress}:${tcp.tuple.localPort}`);
  }

  /** In the order of the heap, which decides about what is due at the same time. */
  private timers(): readonly PlainObject[] {
    return this.tables.timers.all().flatMap(({ timed, at }): PlainObject[] => {
      if (timed === (this.connection as unknown)) return [{ connection: true, at }];
      const tcp = this.tcps.find((one) => one === timed);
      return tcp === undefined ? [] : [{ tcp: this.tcp(tcp), at }];
    });
  }

  private outside(value: object, holder: string, key: string): Stand | null {
    const host = this.hosts.get(value);
    if (host !== undefined) return { host };
    const ports = this.portSources.get(value);
    if (ports !== undefined) return { ports };
    const constant = CONSTANT_NAMES.get(value);
    if (constant !== undefined) return { constant };
    if (holder === "DecisionLog" && key === "listeners" && (value as readonly unknown[]).length > 0) {
      throw new MptcpError("ERR_MPTCP_SNAPSHOT_UNSUPPORTED", "has listeners of decisions: take them away by stopListening first");
    }
    return this.own.stand(value, holder, key, this.connection) ?? (value instanceof CouplingMember ? null : policyStand(value, key));
  }
}
