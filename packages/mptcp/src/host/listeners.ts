import type { Counters } from "../core/index.ts";
import { MptcpError } from "../core/index.ts";
import { MptcpConnection } from "../mptcp/index.ts";
import type { StreamConnection } from "../tcp/index.ts";
import { TcpSocket } from "../tcp/index.ts";
import type { IpAddress } from "../wire/index.ts";
import type { AddressBook, HostAddress } from "./address-book.ts";
import type { HeldPorts } from "./held-ports.ts";
import { Listener } from "./listener.ts";
import type { Defaults, ListenOptions } from "./options.ts";

/** What listeners need of their host. */
export interface ListenersHost {
  readonly addresses: AddressBook;
  readonly counters: Counters;
  /** The parameters of connections for which a listener says nothing else. */
  readonly defaults: Defaults;
  readonly heldPorts: HeldPorts;
}

/** The listeners of a host by port, and their connections whose handshake is not over yet. */
export class Listeners {
  private readonly host: ListenersHost;
  private readonly ports = new Map<number, Listener[]>();
  private readonly embryos = new Map<StreamConnection, Listener>();

  constructor(host: ListenersHost) {
    this.host = host;
  }

  /** Opens a port, see `Host.listen`. @throws MptcpError ERR_SOCKET_BAD_PORT, EADDRINUSE, or what the port source of an address throws */
  open(port: number, options: ListenOptions): Listener {
    if (!Number.isInteger(port) || port < 1 || port > 65535) throw new MptcpError("ERR_SOCKET_BAD_PORT", `port should be 1 to 65535, got ${port}`);
    const others = this.ports.get(port) ?? [];
    if (others.some((other) => other.excludes(options))) throw new MptcpError("EADDRINUSE", `port ${port} is in use`);
    const { addresses, counters, defaults, heldPorts } = this.host;
    const listener = new Listener(port, options, defaults, counters, (closing, now) => this.close(closing, now));
    try {
      for (const entry of addresses.entries) {
        if (listener.covers(entry.address)) heldPorts.hold(listener, entry, port);
      }
    } catch (error) {
      heldPorts.release(listener);
      throw error;
    }
    this.ports.set(port, [...others, listener]);
    return listener;
  }

  /** Who listens on a port of an address; null when nobody does. */
  find(address: IpAddress, port: number): Listener | null {
    const candidates = this.ports.get(port);
    if (candidates === undefined) return null;
    return candidates.find((listener) => listener.covers(address)) ?? null;
  }

  /** The host has one more address. */
  onAddress(entry: HostAddress): void {
    for (const listeners of this.ports.values()) {
      for (const listener of listeners) this.listenAlsoOn(listener, entry);
    }
  }

  /** The host has lost an address. */
  onAddressGone(address: IpAddress): void {
    for (const listeners of this.ports.values()) {
      for (const listener of listeners) this.host.heldPorts.release(listener, address);
    }
  }

  /** The host's parameters for connections to come are others. */
  onDefaults(): void {
    for (const listeners of this.ports.values()) for (const listener of listeners) listener.onDefaults(this.host.defaults);
  }

  /** A connection that came to a listener has its handshake before it. */
  expect(connection: StreamConnection, listener: Listener): void {
    this.embryos.set(connection, listener);
    listener.onHandshakeBegun();
  }

  /** The listener of a connection whose handshake is not over yet; null for all others. */
  of(connection: StreamConnection): Listener | null {
    return this.embryos.get(connection) ?? null;
  }

  /** Something happened to such a connection. @returns whether its handshake is complete, so that the listener has it now */
  onEvent(connection: StreamConnection, listener: Listener): boolean {
    if (!connection.closed && !isEstablished(connection)) return false;
    this.embryos.delete(connection);
    listener.onHandshakeOver();
    if (connection.closed) return false;
    listener.deliver(connection);
    return true;
  }

  private close(closing: Listener, now: number): void {
    const { port } = closing;
    const rest = (this.ports.get(port) ?? []).filter((entry) => entry !== closing);
    if (rest.length === 0) this.ports.delete(port);
    else this.ports.set(port, rest);
    this.host.heldPorts.release(closing);
    for (const [embryo, owner] of Array.from(this.embryos)) if (owner === closing) embryo.abort(now);
  }

  /** A listener on all addresses takes its port on one that came later; where that cannot be, it does without. */
  private listenAlsoOn(listener: Listener, entry: HostAddress): void {
    const { counters, heldPorts } = this.host;
    heldPorts.release(listener, entry.address);
    if (!listener.covers(entry.address)) return;
    try {
      heldPorts.hold(listener, entry, listener.port);
    } catch (error) {
      if (!(error instanceof MptcpError)) throw error;
      counters.increment("ListenPortsMissing");
    }
  }
}

function isEstablished(connection: StreamConnection): boolean {
  if (connection instanceof MptcpConnection) return connection.connectedAt >= 0;
  return connection instanceof TcpSocket && connection.tcp.established;
}
