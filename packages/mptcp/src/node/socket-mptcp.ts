import { isIP } from "node:net";
import { MptcpError } from "../core/index.ts";
import type { DecisionDetail } from "../core/index.ts";
import { MptcpConnection } from "../mptcp/index.ts";
import type { DecisionListener } from "../mptcp/index.ts";
import type { StreamConnection } from "../tcp/index.ts";
import { IpAddress } from "../wire/index.ts";
import { codedError, rethrow } from "./errors.ts";
import type { LocalAddressInfo, MptcpEvents, MptcpInfo, RemoteAddressInfo, SocketMptcp, SubflowInfo, SubflowRequest } from "./mptcp-info.ts";
import type { Runtime } from "./runtime.ts";
import { infoOf, subflowInfo } from "./socket-info.ts";

/** What a socket's part for Multipath TCP needs of the socket. */
export interface MptcpOwner {
  readonly destroyed: boolean;
  emit(event: string, ...values: readonly unknown[]): boolean;
}

/** Multipath TCP as seen from one socket of a stack, after RFC 6897 §5, and the source of its {@link MptcpEvents}. */
export class EngineSocketMptcp implements SocketMptcp, DecisionListener {
  private readonly owner: MptcpOwner;
  private runtime: Runtime | null = null;
  private connection: StreamConnection | null = null;
  /** Before the connection is there: the addresses that it may use, null for all, and those that it may not. */
  private allowed: string[] | null = null;
  private denied: string[] = [];
  /** Subflows that were told to be up. */
  private readonly up = new Set<number>();
  private events: (() => void)[] = [];

  constructor(owner: MptcpOwner, localAddresses: readonly string[] | undefined) {
    this.owner = owner;
    if (localAddresses !== undefined) this.addAddress(...localAddresses);
  }

  // ---- for the socket

  /** The addresses that a connection about to be opened from `bound` may use beside it; null for all. RFC 6897 §5.3.2: what is bound, is meant. */
  restriction(runtime: Runtime, bound: IpAddress | null): readonly IpAddress[] | null {
    const { allowed, denied } = this;
    const named = allowed === null ? null : allowed.map((address) => IpAddress.from(address));
    if (named !== null || bound !== null) return named ?? [];
    if (denied.length === 0) return null;
    return runtime.host.localAddresses().flatMap(({ address }) => (denied.includes(String(address)) ? [] : [address]));
  }

  /**
   * The address to open a connection to `remote` from, where there is a restriction; null for that of the host.
   * @throws MptcpError EADDRNOTAVAIL when none is left
   */
  firstAddress(runtime: Runtime, remote: IpAddress): IpAddress | null {
    if (this.allowed === null && this.denied.length === 0) return null;
    const mayUse = this.restriction(runtime, null) ?? [];
    const fitting = runtime.host.localAddresses().filter(({ address }) => address.family === remote.family && mayUse.some((other) => other.equals(address)));
    const chosen = fitting.find(({ flags }) => !flags.backup) ?? fitting[0];
    if (chosen === undefined) throw new MptcpError("EADDRNOTAVAIL", `none of the local addresses allowed fits ${remote}`);
    return chosen.address;
  }

  /** The connection of the socket, once there is one; null when it is to be forgotten. */
  attach(runtime: Runtime | null, connection: StreamConnection | null): void {
    if (this.connection instanceof MptcpConnection) this.connection.stopListening(this);
    this.runtime = runtime;
    this.connection = connection;
    this.up.clear();
    // The last connection's, of which nobody wants to hear now.
    this.events = [];
    if (!(connection instanceof MptcpConnection)) return;
    connection.listen(this);
    // What was there before somebody listened.
    for (const subflow of connection.subflows) if (subflow.established && connection.multipath) this.onUp(subflow.pathIndex);
  }

  /** The connection's decisions, as they are taken. */
  onDecision(pathIndex: number, detail: DecisionDetail): void {
    switch (detail.kind) {
      case "subflow_established":
        this.onUp(pathIndex);
        break;
      case "subflow_closed":
        if (this.up.delete(pathIndex)) this.tellOf(pathIndex, (info) => this.tell("subflowDown", info, detail.reason));
        break;
      case "priority":
        this.tellOf(pathIndex, (info) => this.tell("subflowBackup", info, detail.direction === "in" ? "remote" : "local"));
        break;
      case "add_addr":
        if (detail.direction === "in") this.onAnnouncement({ id: detail.addressId, address: detail.address, port: detail.port });
        break;
      case "remove_addr":
        if (detail.direction === "in") this.onWithdrawal(detail.addressIds);
        break;
      default:
    }
  }

  private onUp(pathIndex: number): void {
    if (this.up.has(pathIndex)) return;
    this.up.add(pathIndex);
    this.tellOf(pathIndex, (info) => this.tell("subflowUp", info));
  }

  private tellOf(pathIndex: number, tell: (info: SubflowInfo) => void): void {
    const info = this.connection instanceof MptcpConnection ? this.connection.subflowInfo(pathIndex) : null;
    if (info !== null) tell(subflowInfo(info));
  }

  private onAnnouncement(address: RemoteAddressInfo): void {
    const port = address.port === 0 ? (this.connection?.tuple.remotePort ?? 0) : address.port;
    // A repetition, since our echo was lost, is no news.
    if (this.remoteAddresses.some((known) => known.id === address.id && known.address === address.address && known.port === port)) return;
    this.tell("addressAnnounced", { ...address, port });
  }

  private onWithdrawal(ids: readonly number[]): void {
    for (const known of this.remoteAddresses) if (ids.includes(known.id)) this.tell("addressWithdrawn", known);
  }

  /** Emits once the engine has done what it is doing: a listener may command it again. */
  private tell<E extends keyof MptcpEvents>(event: E, ...values: MptcpEvents[E]): void {
    this.events.push(() => this.owner.emit(event, ...values));
    if (this.events.length === 1) queueMicrotask(() => this.flush());
  }

  private flush(): void {
    const { events, connection } = this;
    this.events = [];
    for (const emit of events) {
      if (this.owner.destroyed || this.connection !== connection) return;
      try {
        emit();
      } catch (error) {
        // A listener's, and so the application's. The others hear of the rest all the same.
        rethrow(error);
      }
    }
  }

  // ---- SocketMptcp

  get enabled(): boolean {
    return this.connection !== null && this.connection.multipath;
  }

  get connectionId(): number | null {
    const { connection } = this;
    return connection instanceof MptcpConnection && connection.multipath ? connection.session.local.token : null;
  }

  get localAddresses(): readonly LocalAddressInfo[] | null {
    const { connection, allowed } = this;
    if (connection instanceof MptcpConnection) return connection.addresses.local.map(({ id, address, backup }) => ({ id, address: String(address), backup }));
    if (connection !== null) return [{ id: 0, address: String(connection.tuple.localAddress), backup: false }];
    return allowed === null ? null : allowed.map((address) => ({ id: 0, address, backup: false }));
  }

  get remoteAddresses(): readonly RemoteAddressInfo[] {
    const { connection } = this;
    if (connection instanceof MptcpConnection) return connection.addresses.remote.map(({ id, address, port }) => ({ id, address: String(address), port }));
    return connection === null ? [] : [{ id: 0, address: String(connection.tuple.remoteAddress), port: connection.tuple.remotePort }];
  }

  get subflows(): readonly SubflowInfo[] {
    return this.info().subflows.filter((subflow) => subflow.established);
  }

  info(): MptcpInfo {
    return infoOf(this.connection, this.runtime?.now ?? 0);
  }

  addAddress(...addresses: readonly string[]): boolean {
    const parsed = addresses.map(parse);
    const { connection, runtime } = this;
    if (connection === null || runtime === null) {
      const texts = parsed.map(String);
      this.denied = this.denied.filter((address) => !texts.includes(address));
      this.allowed = Array.from(new Set([...(this.allowed ?? []), ...texts]));
      return true;
    }
    if (!(connection instanceof MptcpConnection)) return false;
    let isDone = false;
    for (const address of parsed) if (connection.allowLocal(address, runtime.now)) isDone = true;
    runtime.poke();
    return isDone;
  }

  removeAddress(...addresses: readonly string[]): boolean {
    const parsed = addresses.map(parse);
    const { connection, runtime } = this;
    if (connection === null || runtime === null) {
      const texts = parsed.map(String);
      this.denied = Array.from(new Set([...this.denied, ...texts]));
      if (this.allowed !== null) this.allowed = this.allowed.filter((address) => !texts.includes(address));
      return true;
    }
    if (!(connection instanceof MptcpConnection)) return false;
    let isDone = false;
    for (const address of parsed) if (connection.denyLocal(address, runtime.now)) isDone = true;
    runtime.poke();
    return isDone;
  }

  addSubflow(request: SubflowRequest): boolean {
    const { connection, runtime } = this;
    const local = IpAddress.parse(request.localAddress);
    const remote = IpAddress.parse(request.remoteAddress);
    if (!(connection instanceof MptcpConnection) || runtime === null || local === null || remote === null) return false;
    const path = { local, remote, remotePort: request.remotePort ?? 0, localPort: request.localPort ?? 0 };
    const isDone = connection.openSubflow(path, request.backup ?? false, runtime.now);
    runtime.poke();
    return isDone;
  }

  removeSubflow(id: number): boolean {
    const { connection, runtime } = this;
    if (!(connection instanceof MptcpConnection) || runtime === null) return false;
    const isDone = connection.closeSubflow(id, runtime.now);
    runtime.poke();
    return isDone;
  }

  setBackup(id: number, backup: boolean): boolean {
    const { connection, runtime } = this;
    if (!(connection instanceof MptcpConnection) || runtime === null) return false;
    const isDone = connection.setBackup(id, backup, runtime.now);
    runtime.poke();
    return isDone;
  }
}

function parse(text: string): IpAddress {
  const address = isIP(text) === 0 ? null : IpAddress.parse(text);
  if (address === null) throw codedError(TypeError, "ERR_INVALID_IP_ADDRESS", `Invalid IP address: ${text}`);
  return address;
}
