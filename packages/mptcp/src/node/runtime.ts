import { MptcpError, randomSources } from "../core/index.ts";
import type { ConnectionSnapshot, RandomSources } from "../core/index.ts";
import { Host, Pump } from "../host/index.ts";
import type { ConnectOptions, HostOptions, Listener, ListenOptions, PumpDriver, RestoreOptions } from "../host/index.ts";
import type { EndpointFlags } from "../mptcp/index.ts";
import type { FourTuple, StreamConnection } from "../tcp/index.ts";
import { STREAM_EVENT } from "../tcp/index.ts";
import { IpAddress } from "../wire/index.ts";
import type { Packet } from "../wire/index.ts";
import { callAtExit, doNotCallAtExit } from "./at-exit.ts";
import type { Leaver } from "./at-exit.ts";
import { rethrow } from "./errors.ts";
import type { Companion, LinkConnections, LinkDriver, LinkHandler } from "./link.ts";
import { engineAddress } from "./local-address.ts";
import { CryptoRandom } from "./random.ts";

export interface RuntimeOptions extends Omit<HostOptions, "name" | "random"> {
  /** Name of the host in logs; "host" unless given. */
  readonly name?: string;
  /** Random numbers for some purposes; cryptographic for those that are not given. */
  readonly random?: Partial<RandomSources>;
  /** A link broke; its addresses are gone already. */
  readonly onLinkFailed?: (driver: LinkDriver, error: Error) => void;
}

/** An address of the host on a link, with what path managers want to know of it. */
export interface LinkAddress {
  readonly address: IpAddress | string;
  readonly flags?: Partial<EndpointFlags>;
}

/** Who hears what happened to a connection: `events` are STREAM_EVENT bits. */
export interface ConnectionHandler {
  onEvents(events: number, now: number): void;
}

/** For a connection that nobody wants to hear of. */
export const DEAF: ConnectionHandler = { onEvents(): void {} };

/**
 * Drives one `Host` on real links: what they bring goes in, what the host has to send is pulled link by link, events go to handlers, and
 * one timer of Node's stands for the host's earliest deadline.
 *
 * Whoever commands `host` or a connection (`write`, `read`, `end`, ...) calls {@link Runtime.poke} afterwards; the commands of one turn of the
 * event loop are worked off together. Exceptions of handlers become uncaught exceptions of the process, as in Node, and leave the
 * runtime whole.
 */
export class Runtime implements Leaver, PumpDriver {
  readonly host: Host;
  private readonly links: (Link | null)[] = [];
  /** Numbers of the links, for the pump. */
  readonly order: number[] = [];
  private readonly handlers = new Map<StreamConnection, ConnectionHandler>();
  /** Those whose peers have acknowledged everything, the end included. */
  private readonly delivered = new WeakSet<StreamConnection>();
  private readonly acceptors = new Map<Listener, (connection: StreamConnection) => ConnectionHandler>();
  /** Those with connections to accept at the end of this turn of the event loop. */
  private readonly accepting = new Set<Listener>();
  /** Those that came before their listener was closed in this turn. */
  private late: { readonly accept: (connection: StreamConnection) => ConnectionHandler; readonly connection: StreamConnection }[] = [];
  private readonly companions = new Set<Companion>();
  private readonly onLinkFailed: ((driver: LinkDriver, error: Error) => void) | null;
  private readonly startedAt = process.hrtime();
  /** What the clock was put forward by, ns. */
  private ahead = 0;
  private readonly timer: Timer;
  private readonly pump: Pump;
  private references = 0;
  private isAcceptDue = false;
  private isPoked = false;
  private isClosing = false;
  private isClosed = false;

  constructor(options: RuntimeOptions = {}) {
    const { name, random, onLinkFailed, ...rest } = options;
    const secure = new CryptoRandom();
    this.host = new Host({ ...rest, name: name ?? "host", random: randomSources(() => secure, random) });
    this.onLinkFailed = onLinkFailed ?? null;
    this.timer = new Timer(() => this.onDeadline());
    this.pump = new Pump(this.host, this);
  }

  /** Nanoseconds since the runtime started, an integer; since one before it started, when connections of that were restored. */
  get now(): number {
    const [seconds, nanoseconds] = process.hrtime(this.startedAt);
    return seconds * 1_000_000_000 + nanoseconds + this.ahead;
  }

  // ---- links

  /**
   * Starts `driver` and gives the host `addresses` on it; the driver's own where none are given.
   * @throws MptcpError ERR_MPTCP_RUNTIME_CLOSED; RangeError for text that is no address; what the driver throws
   */
  addLink(driver: LinkDriver, addresses: readonly (IpAddress | string | LinkAddress)[] = driver.addresses ?? []): void {
    this.assertOpen();
    const entries = addresses.map(parseAddress);
    // A number that is free again is given again: devices may come and go for years.
    const free = this.links.indexOf(null);
    const link = new Link(this, driver, free < 0 ? this.links.length : free);
    driver.start(link);
    if (free < 0) this.order.push(link.index);
    this.links[link.index] = link;
    if (this.references > 0) driver.ref();
    else driver.unref();
    for (const { address, flags } of entries) this.addAddress(driver, address, flags);
  }

  /** Takes a link's addresses away, as the host does when an interface goes down, and closes the driver. */
  removeLink(driver: LinkDriver): Promise<void> {
    const at = this.links.findIndex((link) => link?.driver === driver);
    if (at < 0) return Promise.resolve();
    const link = this.links[at] as Link;
    const { now } = this;
    for (const address of link.addresses) this.host.removeAddress(address, now);
    this.links[at] = null;
    link.isOpen = false;
    for (const address of link.addresses) this.note("removed", address);
    this.poke();
    return driver.close();
  }

  /** Gives the host one more address on a link, or other flags to one that is there. @throws MptcpError ERR_MPTCP_NO_LINK when `driver` was not added */
  addAddress(driver: LinkDriver, address: IpAddress, flags?: Partial<EndpointFlags>): void {
    const link = this.linkOf(driver);
    if (!link.addresses.some((own) => own.equals(address))) link.addresses.push(address);
    this.host.addAddress(
      address,
      {
        link: link.index,
        mtu: driver.mtu,
        segmentationLimit: driver.segmentationLimit,
        ...(flags === undefined ? {} : { flags }),
        ...(driver.ports === undefined ? {} : { ports: driver.ports }),
      },
      this.now,
    );
    this.note("added", address);
    this.poke();
  }

  /** Takes one address of a link away. */
  removeAddress(driver: LinkDriver, address: IpAddress): void {
    const link = this.linkOf(driver);
    const at = link.addresses.findIndex((own) => own.equals(address));
    if (at < 0) return;
    link.addresses.splice(at, 1);
    this.host.removeAddress(address, this.now);
    this.note("removed", address);
    this.poke();
  }

  /** The links that there are, and the addresses on each. */
  get linkAddresses(): readonly { readonly driver: LinkDriver; readonly addresses: readonly IpAddress[] }[] {
    return this.links.flatMap((link) => (link === null ? [] : [{ driver: link.driver, addresses: link.addresses.slice() }]));
  }

  /** From now on `companion`, which adds links and takes them away, keeps the process alive when links do, and is closed with them. @returns the end of that */
  accompany(companion: Companion): () => void {
    this.assertOpen();
    this.companions.add(companion);
    if (this.references > 0) companion.ref();
    return () => this.companions.delete(companion);
  }

  // ---- connections

  /** Opens a connection whose events go to `handler`. @throws MptcpError as Host.connect does */
  connect(remote: IpAddress, port: number, options: ConnectOptions, handler: ConnectionHandler): StreamConnection {
    this.assertOpen();
    const connection = this.host.connect(remote, port, options, this.now);
    this.attach(connection, handler);
    this.poke();
    return connection;
  }

  /** Accepts connections; `accept` gives each its handler. @throws MptcpError as Host.listen does */
  listen(port: number, options: ListenOptions, accept: (connection: StreamConnection) => ConnectionHandler): Listener {
    this.assertOpen();
    const listener = this.host.listen(port, options);
    this.acceptors.set(listener, accept);
    return listener;
  }

  /** Stops listening. Connections that wait for the end of this turn of the event loop are accepted, as Node would have done by now; others that are not yet, are reset. */
  unlisten(listener: Listener): void {
    const accept = this.acceptors.get(listener);
    this.acceptors.delete(listener);
    if (this.accepting.delete(listener) && accept !== undefined) {
      for (let next = listener.accept(); next !== null; next = listener.accept()) this.late.push({ accept, connection: next });
    }
    listener.close(this.now);
    this.poke();
  }

  /**
   * Goes on with a connection that was saved, whose events go to `handler`: nobody tells it what has happened before. A runtime without connections
   * goes on with the clock of the one that saved it.
   * @throws MptcpError as Host.restore does: ERR_MPTCP_SNAPSHOT_TIME when this runtime has connections and is younger than the one that saved it
   */
  restore(snapshot: ConnectionSnapshot, options: RestoreOptions, handler: ConnectionHandler): StreamConnection {
    this.assertOpen();
    const { usage } = this.host;
    const isIdle = usage.connections + usage.pendingJoins + usage.tokens + usage.timers === 0;
    const ahead = this.ahead;
    if (isIdle && Number.isFinite(snapshot.now)) this.ahead += Math.max(0, snapshot.now - this.now);
    let connection: StreamConnection;
    try {
      connection = this.host.restore(snapshot, options, this.now);
    } catch (error) {
      this.ahead = ahead;
      throw error;
    }
    this.attach(connection, handler);
    this.poke();
    return connection;
  }

  /** Lets go of a connection that goes on elsewhere, without a word to its peer. */
  release(connection: StreamConnection): void {
    this.forget(connection);
    this.host.release(connection);
  }

  /** From now on the events of `connection` go to `handler`. */
  attach(connection: StreamConnection, handler: ConnectionHandler): void {
    if (this.handlers.size === 0) callAtExit(this);
    this.handlers.set(connection, handler);
  }

  private forget(connection: StreamConnection): void {
    if (this.handlers.delete(connection) && this.handlers.size === 0) doNotCallAtExit(this);
  }

  // ---- the loop

  /** Has the engine look at what was commanded, once the caller is done. */
  poke(): void {
    if (this.pump.running || this.isPoked || this.isClosed) return;
    this.isPoked = true;
    queueMicrotask(this.onPoke);
  }

  /** One more reason to keep the process alive while links may bring something. */
  ref(): void {
    if (this.references++ > 0) return;
    for (const link of this.links) link?.driver.ref();
    for (const companion of this.companions) companion.ref();
    this.timer.ref();
  }

  /** One reason fewer. */
  unref(): void {
    if (--this.references > 0) return;
    for (const link of this.links) link?.driver.unref();
    for (const companion of this.companions) companion.unref();
    this.timer.unref();
  }

  /** Resets what is open, closes all links and stops for ever. */
  async close(): Promise<void> {
    if (this.isClosed || this.isClosing) return;
    this.isClosing = true;
    // Called by an application that the loop has called: the resets leave once that is through.
    if (this.pump.running) await Promise.resolve();
    this.reset(() => true);
    try {
      this.work();
    } catch (error) {
      rethrow(error);
    }
    doNotCallAtExit(this);
    this.isClosed = true;
    this.timer.stop();
    const drivers = this.links.filter((link) => link !== null).map((link) => link.driver);
    for (const link of this.links) if (link !== null) link.isOpen = false;
    this.links.length = 0;
    this.order.length = 0;
    const companions = Array.from(this.companions);
    this.companions.clear();
    await Promise.all([...companions, ...drivers].map((one) => one.close()));
  }

  /** Resets connections that are open, `which` of them, and those that listeners have. */
  private reset(which: (connection: StreamConnection) => boolean): void {
    const { now } = this;
    for (const listener of Array.from(this.acceptors.keys())) listener.close(now);
    this.acceptors.clear();
    for (const connection of Array.from(this.handlers.keys())) if (!connection.closed && which(connection)) connection.abort(now);
  }

  /**
   * The process exits: what is open is reset, as far as links send without waiting. A peer that has all that we had to say may still be reading it, and hears
   * nothing. Nobody here is told any more, and the process may have been exited from anywhere, a listener that the loop has called for one.
   */
  leave(): void {
    if (this.isClosed) return;
    this.isClosing = true;
    this.reset((connection) => !this.delivered.has(connection));
    this.pump.transmit(this.now);
    for (const link of this.links) link?.flush();
  }

  private readonly onPoke = (): void => {
    this.isPoked = false;
    this.work();
  };

  private onDeadline(): void {
    if (this.isClosed) return;
    const { now } = this;
    try {
      if (this.host.nextTimeout() <= now) this.host.handleTimeout(now);
    } finally {
      // Which also sets the timer again.
      this.work();
    }
  }

  /** A link's call: everything that can be done now is done. */
  work(): void {
    if (this.pump.running || this.isClosed) return;
    try {
      this.pump.run();
      for (const link of this.links) link?.flush();
    } finally {
      // Also after an exception of an observer or a scheduler of the application's.
      this.timer.aim(this.host.nextTimeout(), this);
    }
  }

  // ---- PumpDriver

  time(): number {
    return this.now;
  }

  hasRoom(index: number): boolean {
    const link = this.links[index] ?? null;
    return link !== null && !link.isBlocked;
  }

  send(index: number, packet: Packet): void {
    this.links[index]?.send(packet);
  }

  dispatch(ready: StreamConnection | Listener, now: number): void {
    if (!("accept" in ready)) {
      this.tell(ready, now);
      return;
    }
    if (!this.acceptors.has(ready)) return;
    this.accepting.add(ready);
    if (this.isAcceptDue) return;
    this.isAcceptDue = true;
    setImmediate(this.onAccept);
  }

  /**
   * Connections wait in their listener's queue until all that arrived in this turn of the event loop is worked off, as they do in the kernel until
   * Node looks: so a burst that came while the loop was blocked brings no more than the backlog.
   */
  private readonly onAccept = (): void => {
    this.isAcceptDue = false;
    const listeners = Array.from(this.accepting);
    const { late } = this;
    this.accepting.clear();
    this.late = [];
    if (this.isClosed) return;
    const { now } = this;
    for (const { accept, connection } of late) this.take(accept, connection, now);
    for (const listener of listeners) {
      for (let next = listener.accept(); next !== null; next = listener.accept()) this.take(this.acceptors.get(listener), next, now);
    }
    this.work();
  };

  private take(accept: ((connection: StreamConnection) => ConnectionHandler) | undefined, connection: StreamConnection, now: number): void {
    try {
      const handler = accept?.(connection);
      // Nobody listens any more: a server closed while it took another one.
      if (handler === undefined) connection.abort(now);
      // Where it was taken and given up at once, somebody else looks after it already.
      else if (!this.handlers.has(connection)) this.attach(connection, handler);
    } catch (error) {
      connection.abort(now);
      rethrow(error);
      return;
    }
    // What happened before somebody was there to hear of it.
    this.tell(connection, now);
  }

  private tell(connection: StreamConnection, now: number): void {
    const handler = this.handlers.get(connection);
    if (handler === undefined) return;
    const events = connection.takeEvents();
    if (connection.closed) this.forget(connection);
    if (events === 0) return;
    if ((events & STREAM_EVENT.drained) !== 0) this.delivered.add(connection);
    try {
      handler.onEvents(events, now);
    } catch (error) {
      rethrow(error);
    }
  }

  /** A link's call. */
  linkFailed(driver: LinkDriver, error: Error): void {
    void this.removeLink(driver);
    this.onLinkFailed?.(driver, error);
  }

  /** Tells who observes of an address of the host, once it is there, or gone. */
  private note(change: "added" | "removed", address: IpAddress): void {
    const { host, now } = this;
    host.observer?.event({ at: now, host: host.name, connection: -1, subflow: -1, kind: "address", change, address: String(address) });
  }

  private linkOf(driver: LinkDriver): Link {
    const link = this.links.find((entry) => entry?.driver === driver);
    if (link === undefined || link === null) throw new MptcpError("ERR_MPTCP_NO_LINK", `${driver.name} is no link of this runtime`);
    return link;
  }

  private assertOpen(): void {
    if (this.isClosing) throw new MptcpError("ERR_MPTCP_RUNTIME_CLOSED", "the runtime is closed");
  }
}

/** A driver's handler, and what the runtime knows of the link. */
class Link implements LinkHandler, LinkConnections {
  readonly connections: LinkConnections = this;
  readonly driver: LinkDriver;
  readonly index: number;
  readonly addresses: IpAddress[] = [];
  isOpen = true;
  /** The device took no more: nothing is asked of the host for this link. */
  isBlocked = false;
  private readonly runtime: Runtime;
  private waiting: Packet | null = null;
  private isDirty = false;

  constructor(runtime: Runtime, driver: LinkDriver, index: number) {
    this.runtime = runtime;
    this.driver = driver;
    this.index = index;
  }

  receive(packet: Packet): void {
    if (!this.isOpen) return;
    try {
      this.runtime.host.receive(packet, this.index, this.runtime.now);
    } catch (error) {
      // An observer's or a scheduler's: the driver goes on with the packets that came together with this one.
      rethrow(error);
    }
  }

  batchEnd(): void {
    this.runtime.work();
  }

  room(): void {
    this.isBlocked = false;
    const { waiting } = this;
    this.waiting = null;
    if (!this.isOpen) return;
    if (waiting !== null) this.send(waiting);
    this.runtime.work();
  }

  failed(error: Error): void {
    if (this.isOpen) this.runtime.linkFailed(this.driver, error);
  }

  phaseOf(ends: FourTuple): "opening" | "open" | null {
    return this.isOpen ? this.runtime.host.phaseOf(ends) : null;
  }

  opened(): readonly FourTuple[] {
    return this.isOpen ? this.runtime.host.openedBy(this.index) : [];
  }

  portClosed(ends: FourTuple, isCertain: boolean): void {
    if (this.isOpen) this.runtime.host.portClosed(ends, isCertain, this.runtime.now);
  }

  send(packet: Packet): void {
    this.isDirty = true;
    try {
      if (this.driver.send(packet)) return;
    } catch (error) {
      // That packet is lost.
      rethrow(error);
      return;
    }
    this.isBlocked = true;
    this.waiting = packet;
  }

  flush(): void {
    if (!this.isDirty) return;
    this.isDirty = false;
    this.driver.flush();
  }
}

/** One deadline on Node's timers. A deadline that moves later stays armed where it is: the early call finds nothing to do. */
class Timer {
  private readonly expired: () => void;
  private timeout: NodeJS.Timeout | null = null;
  private immediate: NodeJS.Immediate | null = null;
  private armedFor = Number.POSITIVE_INFINITY;
  private isReferenced = false;

  constructor(expired: () => void) {
    this.expired = expired;
  }

  /**
   * @param at ns; NEVER disarms by and by
   * @param clock asked when there is something to arm
   */
  aim(at: number, clock: { readonly now: number }): void {
    if (at >= this.armedFor || this.immediate !== null) return;
    const { now } = clock;
    if (this.timeout !== null) clearTimeout(this.timeout);
    this.timeout = null;
    this.armedFor = at;
    if (at <= now) {
      this.onTimeout();
      return;
    }
    // Up to a millisecond late; a loop that spins for less is not worth its heat.
    const delay = Math.min(Math.ceil((at - now) / 1_000_000), LONGEST_DELAY);
    this.timeout = setTimeout(this.onTimeout, delay);
    if (!this.isReferenced) this.timeout.unref();
  }

  ref(): void {
    this.isReferenced = true;
    this.timeout?.ref();
    this.immediate?.ref();
  }

  unref(): void {
    this.isReferenced = false;
    this.timeout?.unref();
    this.immediate?.unref();
  }

  stop(): void {
    if (this.timeout !== null) clearTimeout(this.timeout);
    // An immediate stays, and finds nothing to do: if one is cleared while an application throws, Node 20 throws for ever.
    this.timeout = null;
    this.armedFor = Number.POSITIVE_INFINITY;
  }

  /**
   * Node runs timers before it looks at sockets. After an application blocked the loop, acknowledgments may wait there: they are read
   * first, so that the block is not taken for a loss.
   */
  private readonly onTimeout = (): void => {
    this.timeout = null;
    this.immediate = setImmediate(this.onImmediate);
    if (!this.isReferenced) this.immediate.unref();
  };

  private readonly onImmediate = (): void => {
    this.immediate = null;
    this.armedFor = Number.POSITIVE_INFINITY;
    this.expired();
  };
}

function parseAddress(entry: IpAddress | string | LinkAddress): { readonly address: IpAddress; readonly flags?: Partial<EndpointFlags> } {
  if (typeof entry === "string" || entry instanceof IpAddress) return { address: engineAddress(entry) };
  const address = engineAddress(entry.address);
  return entry.flags === undefined ? { address } : { address, flags: entry.flags };
}

/** Node's longest timer, ms. */
const LONGEST_DELAY = 0x7fff_ffff;
