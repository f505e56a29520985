import type { DecisionEvent, Observer } from "../../core/index.ts";
import { MptcpConnection } from "../../mptcp/index.ts";
import { TcpSocket } from "../../tcp/index.ts";
import type { StreamConnection } from "../../tcp/index.ts";
import type { Runtime } from "../runtime.ts";
import { tokenText } from "./protocol.ts";
import type { ControlEvent, ControlEventKind, ControlEventOf } from "./protocol.ts";
import { endpointsOf, pairOf, tokenOf, wallClock } from "./state.ts";

/** Who is told: the clients of a control socket. */
export interface Audience {
  /** A path or connection event. */
  onEvent(event: ControlEvent): void;
  /** An entry of the decision log, and how it is told to who wants it. */
  onDecision(entry: DecisionEvent, event: () => ControlEventOf<"decision">): void;
}

/**
 * Makes events of a host's decisions. It observes only while somebody listens, and commands nothing.
 *
 * Events name a connection by its number and by its token. Which one it is, is looked up once in its life.
 */
export class Herald implements Observer {
  readonly milestones = true;
  readonly perSegment: boolean;
  private readonly runtime: Runtime;
  private readonly audience: Audience;
  /** Those that live and were told of, by number: not to look for them again. */
  private readonly known = new Map<number, StreamConnection>();

  /** @param perSegment with what every segment brings */
  constructor(runtime: Runtime, audience: Audience, perSegment: boolean) {
    this.runtime = runtime;
    this.audience = audience;
    this.perSegment = perSegment;
  }

  event(entry: DecisionEvent): void {
    this.audience.onDecision(entry, () => ({
      ...this.base("decision", entry),
      connection: entry.connection < 0 ? null : entry.connection,
      decision: { ...entry },
    }));
    this.translate(entry);
  }

  private translate(entry: DecisionEvent): void {
    switch (entry.kind) {
      case "connection_established":
        this.onOpen(entry, this.runtime.host.byToken(entry.token) ?? this.find(entry.connection));
        break;
      case "fully_established":
        this.tell({ ...this.base("established", entry) });
        break;
      case "connection_closed":
        this.onOver(entry, entry.reason);
        break;
      case "tcp_state":
        this.onState(entry);
        break;
      case "fallback":
        this.tell({ ...this.base("fallback", entry), reason: entry.reason });
        break;
      case "add_addr":
        if (entry.direction === "in" && !entry.echo) this.tell({ ...this.base("announced", entry), addressId: entry.addressId, address: entry.address, port: entry.port === 0 ? null : entry.port });
        break;
      case "remove_addr":
        if (entry.direction === "in") for (const addressId of entry.addressIds) this.tell({ ...this.base("removed", entry), addressId });
        break;
      case "subflow_established":
        this.onSubflow(entry, (of) => ({ ...of, ...this.base("sub-established", entry), initiator: entry.initiator }));
        break;
      case "subflow_closed":
        this.onSubflow(entry, (of) => ({ ...of, ...this.base("sub-closed", entry), reason: entry.reason }));
        break;
      case "priority":
        this.onSubflow(entry, (of) => ({ ...of, ...this.base("sub-priority", entry), backup: entry.backup, by: entry.direction === "in" ? "remote" : "local" }));
        break;
      case "address":
        this.onEndpoint(entry.change, entry.address);
        break;
      default:
    }
  }

  private onEndpoint(change: "added" | "removed", address: string): void {
    const atMicroseconds = wallClock();
    const endpoint = endpointsOf(this.runtime).find((one) => one.address === address);
    if (change === "removed") this.tell({ event: "endpoint-removed", atMicroseconds, address });
    else if (endpoint !== undefined) this.tell({ event: "endpoint-added", atMicroseconds, endpoint });
  }

  private onOpen(entry: DecisionEvent, connection: StreamConnection | null): void {
    if (connection === null) return;
    this.keep(connection);
    const initiator = connection instanceof MptcpConnection ? connection.initiator : connection instanceof TcpSocket && connection.tcp.active;
    this.tell({ ...this.base("created", entry), ...pairOf(connection.tuple), initiator, multipath: connection.multipath });
  }

  private onOver(entry: DecisionEvent, reason: string): void {
    this.tell({ ...this.base("closed", entry), reason });
    this.known.delete(entry.connection);
  }

  /** Plain TCP has no events but those of its one TCP connection. */
  private onState(entry: Extract<DecisionEvent, { readonly kind: "tcp_state" }>): void {
    if (entry.subflow !== 0 || entry.connection < 0) return;
    if (entry.to === "ESTABLISHED") this.onOpen(entry, this.find(entry.connection));
    if (entry.to !== "TIME-WAIT" && entry.to !== "CLOSED") return;
    // After TIME-WAIT it is over already, and an attempt that failed never began.
    const socket = entry.from === "TIME-WAIT" ? null : this.find(entry.connection);
    if (socket instanceof TcpSocket && socket.connectedAt >= 0) this.onOver(entry, entry.to === "TIME-WAIT" || ORDERLY.has(entry.from) ? "done" : "ECONNRESET");
    this.known.delete(entry.connection);
  }

  private onSubflow(entry: DecisionEvent, event: (of: SubflowFields) => ControlEvent): void {
    const connection = this.find(entry.connection);
    // Regular TCP has no subflows, after fallback either.
    if (!(connection instanceof MptcpConnection) || !connection.multipath) return;
    const view = connection.subflows.find(({ pathIndex }) => pathIndex === entry.subflow);
    if (view === undefined) return;
    const { backup, localAddressId, pathIndex, remoteAddressId } = view;
    this.tell(event({ subflow: pathIndex, ...pairOf(view.tcp.tuple), localAddressId, remoteAddressId, backup }));
  }

  private find(id: number): StreamConnection | null {
    const known = this.known.get(id);
    if (known !== undefined) return known;
    const found = id < 0 ? null : this.runtime.host.stream(id);
    if (found !== null && !found.closed) this.keep(found);
    return found;
  }

  private keep(connection: StreamConnection): void {
    // Of those that go on elsewhere nobody tells.
    if (this.known.size >= MOST_KNOWN) this.known.clear();
    this.known.set(connection.id, connection);
  }

  /** What every event says. */
  private base<K extends ControlEventKind>(event: K, entry: DecisionEvent): { readonly event: K; readonly atMicroseconds: number; readonly connection: number; readonly token: string | null } {
    return { event, atMicroseconds: wallClock(), connection: entry.connection, token: this.tokenFor(entry) };
  }

  private tokenFor(entry: DecisionEvent): string | null {
    if (entry.kind === "fully_established") return tokenText(entry.token);
    const connection = this.find(entry.connection);
    return connection === null ? null : tokenOf(connection);
  }

  private tell(event: ControlEvent): void {
    this.audience.onEvent(event);
  }
}

type SubflowFields = Pick<ControlEventOf<"sub-closed">, "subflow" | "localAddress" | "localPort" | "remoteAddress" | "remotePort" | "localAddressId" | "remoteAddressId" | "backup">;

/** States from which a connection is closed with everything acknowledged. */
const ORDERLY: ReadonlySet<string> = new Set(["LAST-ACK", "CLOSING"]);
const MOST_KNOWN = 65_536;
