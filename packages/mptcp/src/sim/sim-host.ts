import { MptcpError, NEVER } from "../core/index.ts";
import type { ConnectionSnapshot, RandomSources } from "../core/index.ts";
import { Host, Pump } from "../host/index.ts";
import type { ConnectOptions, HostOptions, ListenOptions, Listener, PumpDriver, RestoreOptions } from "../host/index.ts";
import type { EndpointFlags } from "../mptcp/index.ts";
import type { StreamConnection } from "../tcp/index.ts";
import type { IpAddress, Packet } from "../wire/index.ts";
import type { Application } from "./application.ts";
import { NodeEvents } from "./event-queue.ts";
import type { EventQueue, Scheduled } from "./event-queue.ts";
import type { Egress, EgressListener, SimNode } from "./node.ts";

export interface SimHostOptions extends HostOptions {
  /**
   * A full link pushes back: the host is not asked for packets while so many wait in its own queue to the link. Default 0: never,
   * the drop-tail queue drops.
   */
  readonly backpressure?: number;
}

/** Everything of a host but its place in a simulation. */
export interface HostSettings extends Omit<SimHostOptions, "name" | "random" | "observer"> {
  /** Sources of random numbers for some purposes. For the others the host has its own, which follow from the seed and its name. */
  readonly random?: Partial<RandomSources>;
}

export interface InterfaceAddressOptions {
  /** Port of the node, in the order of links; default 0. */
  readonly link?: number;
  /** Default: that of the link. */
  readonly mtu?: number;
  readonly flags?: Partial<EndpointFlags>;
}

/**
 * Drives a `Host` in virtual time: what the links bring goes in, what the host has to send is pulled link by link, events
 * go to applications, and one entry in the event queue stands for the host's earliest timer.
 *
 * Whoever calls the host or one of its connections from elsewhere than an application's callback calls {@link SimHost.poke} afterwards.
 */
export class SimHost implements SimNode, Scheduled, EgressListener, PumpDriver {
  readonly name: string;
  readonly host: Host;
  readonly queue: NodeEvents;
  slot = -1;
  readonly background = false;
  /** Called when addresses came or went, so that routes can follow. */
  onAddresses: (() => void) | null = null;
  private readonly backpressure: number;
  /** By port. */
  private readonly interfaces: Interface[] = [];
  /** Ports in the order in which they are asked for packets: by the names of the links. */
  private ports: readonly number[] = [];
  private readonly handlers = new Map<StreamConnection | Listener, Handler>();
  private readonly pump: Pump;

  constructor(queue: EventQueue, options: SimHostOptions) {
    const { backpressure, ...hostOptions } = options;
    this.name = options.name;
    this.queue = new NodeEvents(queue, options.name);
    this.host = new Host(hostOptions);
    this.backpressure = backpressure ?? 0;
    this.pump = new Pump(this.host, this);
  }

  // ---- the node

  attach(egress: Egress): number {
    egress.listener = this;
    const port = this.interfaces.push(new Interface(this, egress)) - 1;
    this.ports = [...this.ports, port].toSorted((x, y) => (this.nameOf(x) < this.nameOf(y) ? -1 : 1));
    return port;
  }

  addressesOn(port: number): readonly IpAddress[] {
    return this.interfaces[port]?.addresses ?? [];
  }

  passes(): boolean {
    return false;
  }

  private nameOf(port: number): string {
    return (this.interfaces[port] as Interface).egress.name;
  }

  receive(packet: Packet, port: number, now: number): void {
    this.host.receive(packet, port, now);
    this.work(now);
  }

  /** The host's timer. It may come early: a deadline that moves back leaves the entry where it is. */
  fire(now: number): void {
    this.queue.remove(this);
    if (this.host.nextTimeout() <= now) this.host.handleTimeout(now);
    this.work(now);
  }

  egressChanged(_egress: Egress, now: number): void {
    if (this.backpressure > 0) this.work(now);
  }

  // ---- addresses

  /** Gives the host an address on one of its links. @throws MptcpError ERR_SIM_OPTION when there is no such link */
  addAddress(address: IpAddress, options: InterfaceAddressOptions = {}): void {
    const link = options.link ?? 0;
    const at = this.interfaces[link];
    if (at === undefined) throw new MptcpError("ERR_SIM_OPTION", `${this.name} has no link ${link}`);
    at.addresses.push(address);
    const { mtu, maxPacket } = at.egress;
    this.host.addAddress(
      address,
      {
        link,
        mtu: options.mtu ?? mtu,
        segmentationLimit: maxPacket > mtu ? maxPacket - MOST_HEADERS : 0,
        ...(options.flags === undefined ? {} : { flags: options.flags }),
      },
      this.queue.now,
    );
    this.onAddresses?.();
    this.poke();
  }

  /** Takes an address away, and the host knows: an interface went down, or got another address. */
  removeAddress(address: IpAddress): void {
    for (const { addresses } of this.interfaces) {
      const index = addresses.findIndex((own) => own.equals(address));
      if (index >= 0) addresses.splice(index, 1);
    }
    this.host.removeAddress(address, this.queue.now);
    this.onAddresses?.();
    this.poke();
  }

  // ---- applications

  /** Opens a connection for `application`. @throws MptcpError as Host.connect does */
  connect(remote: IpAddress, port: number, application: Application, options: ConnectOptions = {}): StreamConnection {
    const connection = this.host.connect(remote, port, options, this.queue.now);
    this.start(connection, application);
    this.poke();
    return connection;
  }

  /** Accepts connections on `port`; `accept` gives each its application. @throws MptcpError EADDRINUSE */
  listen(port: number, accept: (connection: StreamConnection, now: number) => Application, options: ListenOptions = {}): Listener {
    const listener = this.host.listen(port, options);
    this.handlers.set(listener, { kind: "listener", listener, accept });
    return listener;
  }

  /**
   * A connection of this host, or of another one, goes on here; `application` is the one that had it and goes on with it, or another.
   * @throws MptcpError as Host.restore does
   */
  restore(snapshot: ConnectionSnapshot, application: Application, options: RestoreOptions = {}): StreamConnection {
    const connection = this.host.restore(snapshot, options, this.queue.now);
    this.handlers.set(connection, { kind: "connection", connection, application });
    application.moved?.(connection, this);
    this.poke();
    return connection;
  }

  /** Lets go of a connection that goes on elsewhere, without a word to its peer. @returns the application that had it; null: none */
  release(connection: StreamConnection): Application | null {
    const handler = this.handlers.get(connection);
    this.handlers.delete(connection);
    this.host.release(connection);
    return handler?.kind === "connection" ? handler.application : null;
  }

  /** Drives the host after commands from outside. Does nothing while it is at work: it will see them. */
  poke(): void {
    this.work(this.queue.now);
  }

  private start(connection: StreamConnection, application: Application): void {
    this.handlers.set(connection, { kind: "connection", connection, application });
    application.start(connection, this);
  }

  // ---- the driver

  /** Everything that can be done at `now`. */
  private work(now: number): void {
    if (this.pump.running) return;
    this.pump.run();
    // Timers that follow from a smoothed round-trip time may have a fraction; virtual time has none.
    const at = Math.ceil(this.host.nextTimeout());
    if (at < this.queue.timeOf(this)) this.queue.schedule(this, at < now ? now : at);
  }

  // ---- PumpDriver

  get order(): readonly number[] {
    return this.ports;
  }

  time(): number {
    return this.queue.now;
  }

  hasRoom(link: number, now: number): boolean {
    return this.backpressure === 0 || (this.interfaces[link] as Interface).hasRoom(this.backpressure, now);
  }

  send(link: number, packet: Packet, now: number): void {
    (this.interfaces[link] as Interface).egress.send(packet, now);
  }

  dispatch(ready: StreamConnection | Listener, now: number): void {
    const handler = this.handlers.get(ready);
    if (handler === undefined) return;
    if (handler.kind === "connection") {
      this.tell(handler.connection, handler.application, now);
      return;
    }
    for (let next = handler.listener.accept(); next !== null; next = handler.listener.accept()) {
      const application = handler.accept(next, now);
      this.start(next, application);
      // What happened before somebody was there to hear of it.
      this.tell(next, application, now);
    }
  }

  private tell(connection: StreamConnection, application: Application, now: number): void {
    const events = connection.takeEvents();
    if (events !== 0) application.onEvents(events, now);
    if (connection.closed) this.handlers.delete(connection);
  }
}

type Handler =
  | { readonly kind: "connection"; readonly connection: StreamConnection; readonly application: Application }
  | {
      readonly kind: "listener";
      readonly listener: Listener;
      readonly accept: (connection: StreamConnection, now: number) => Application;
    };

/** One of the host's links. In the event queue it waits for room. */
class Interface implements Scheduled {
  slot = -1;
  readonly background = false;
  readonly addresses: IpAddress[] = [];
  readonly egress: Egress;
  private readonly owner: SimHost;

  constructor(owner: SimHost, egress: Egress) {
    this.owner = owner;
    this.egress = egress;
  }

  /** Whether fewer than `limit` packets wait in the queue to the link; else the owner is called as soon as that is so. */
  hasRoom(limit: number, now: number): boolean {
    const at = this.egress.roomAt(limit, now);
    if (at <= now) return true;
    const { queue } = this.owner;
    if (at !== NEVER && queue.timeOf(this) !== at) queue.schedule(this, at);
    return false;
  }

  fire(): void {
    this.owner.poke();
  }
}

/** IPv6 and TCP headers at their longest: what a super-segment must leave free below 65535. */
const MOST_HEADERS = 100;
