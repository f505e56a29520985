import type { ConnectionSnapshot, JoinRefusal, Observer, RandomSources } from "../core/index.ts";
import { Counters, JOIN_REFUSALS, LIMITS, MptcpError, randomSources, SECOND } from "../core/index.ts";
import type { EndpointId, LocalAddress, MptcpConfig, MptcpEnvironment, SubflowTcpConfig, Timed } from "../mptcp/index.ts";
import { answerFlags, DEFAULT_MPTCP_CONFIG, fullMesh, lia, lowestTimeDistance, MptcpConnection, readCapableAck, readCapableSyn, readJoinSyn } from "../mptcp/index.ts";
import type { KeyMaterial, Version } from "../mptcp/index.ts";
import type { FourTuple, SentSynAck, StreamConnection, TcpConfig, TcpOwner, TcpSocketOptions } from "../tcp/index.ts";
import { cubic, DEFAULT_TCP_CONFIG, SegmentPool, TcpConnection, TcpSocket } from "../tcp/index.ts";
import type { IpAddress, MpJoinSyn, TcpSegment } from "../wire/index.ts";
import { icmpErrorOf, MP_CAPABLE_FLAG, Packet, TCP_FLAG } from "../wire/index.ts";
import { AddressBook } from "./address-book.ts";
import type { HostAddress } from "./address-book.ts";
import { BlackHoles } from "./black-holes.ts";
import { Connections } from "./connections.ts";
import { HeldPorts } from "./held-ports.ts";
import { Lingering } from "./lingering.ts";
import type { Lingerer } from "./lingering.ts";
import { Listener } from "./listener.ts";
import { HostMemory } from "./memory.ts";
import type { AddressOptions, ConnectOptions, HostOptions, HostUsage, ListenOptions } from "./options.ts";
import { Orphans } from "./orphans.ts";
import { PendingJoins } from "./pending-joins.ts";
import { PortAllocator } from "./ports.ts";
import type { TupleLookup } from "./ports.ts";
import { release, restore, save } from "./snapshot/index.ts";
import type { RestoreOptions, Tables } from "./snapshot/index.ts";
import { resetFor } from "./reset.ts";
import type { ResetReason } from "./reset.ts";
import { SynCookies } from "./syn-cookies.ts";
import type { SynCookieMode } from "./syn-cookies.ts";
import { TimeWaits } from "./time-waits.ts";
import type { TimeWaitsOwner, WaitingTuple } from "./time-waits.ts";
import { UsedCookies } from "./used-cookies.ts";
import { TimerHeap } from "./timer-heap.ts";
import { TransmitQueue } from "./transmit-queue.ts";

/**
 * One host: addresses, connections, listeners, tokens. Sans-IO; a driver calls, in this order,
 *
 * 1. {@link Host.receive} for each packet, {@link Host.handleTimeout} when `nextTimeout()` has come,
 * 2. {@link Host.pollTransmit} for each link that has room, until it gives null,
 * 3. {@link Host.pollEvent} until it gives null,
 *
 * and then sleeps until `nextTimeout()`. After an application's command (`write`, `end`, ...) it goes on with 2.
 */
export class Host implements MptcpEnvironment, TimeWaitsOwner {
  readonly name: string;
  readonly random: RandomSources;
  readonly observer: Observer | null;
  readonly counters = new Counters();
  readonly segments = new SegmentPool();
  readonly memory: HostMemory;
  /** The time of the driver's call being handled, ns. */
  now = 0;

  private readonly tcpDefaults: TcpConfig;
  private readonly mptcpDefaults: MptcpConfig;
  private readonly routedConfigs = new WeakMap<SubflowTcpConfig, readonly TcpConfig[]>();
  private readonly addresses = new AddressBook();
  private readonly ports: PortAllocator;
  private readonly heldPorts = new HeldPorts();
  private readonly connections: Connections;
  private readonly orphans: Orphans;
  private readonly lingering: Lingering;
  private readonly timeWaits: TimeWaits;
  /** Whether a four-tuple is in use. */
  private readonly tuples: TupleLookup;
  private readonly pendingJoins: PendingJoins;
  private readonly tokens = new Map<number, MptcpConnection>();
  private readonly listeners = new Map<number, Listener[]>();
  private readonly embryos = new Map<StreamConnection, Listener>();
  private readonly timers = new TimerHeap();
  private readonly queues: TransmitQueue[] = [];
  /** Connections whose address was taken away. */
  private readonly linkless = new TransmitQueue();
  /** RSTs and SYN cookies, which belong to no connection, and those in TIME-WAIT that owe an ACK, by link. */
  private readonly strays: (Packet | WaitingTuple)[][] = [];
  private readonly ready: (StreamConnection | Listener)[] = [];
  private readyHead = 0;
  /** Destinations whose path swallowed SYNs with MP_CAPABLE, and until when to spare them (H5). */
  private readonly blackHoles: BlackHoles;
  private lastConnectionId = 0;
  private readonly synCookieMode: SynCookieMode;
  private cookies: SynCookies | null = null;
  private readonly usedCookies = new UsedCookies();

  constructor(options: HostOptions) {
    this.name = options.name;
    this.random = typeof options.random === "function" ? randomSources(options.random) : options.random;
    this.observer = options.observer ?? null;
    this.tcpDefaults = { ...DEFAULT_TCP_CONFIG, congestion: cubic, ...options.tcp };
    this.mptcpDefaults = { ...DEFAULT_MPTCP_CONFIG, scheduler: lowestTimeDistance, congestion: lia, pathManager: fullMesh, ...options.mptcp };
    this.pendingJoins = new PendingJoins(options.pendingJoins ?? LIMITS.hostPendingJoins.default, options.pendingJoinsPerPeer ?? LIMITS.pendingJoinsPerPeer.default);
    this.connections = new Connections({
      connections: options.connections ?? LIMITS.connections.default,
      connectionsPerPeer: options.connectionsPerPeer ?? LIMITS.connectionsPerPeer.default,
    });
    const { memory = LIMITS.memory.default } = options;
    const memoryPressure = options.memoryPressure ?? Math.min(LIMITS.memoryPressure.default, 0.75 * memory);
    this.memory = new HostMemory(this.counters, { memoryPressure, memory }, () => this.buffered());
    this.orphans = new Orphans(options.orphans ?? LIMITS.orphans.default);
    this.lingering = new Lingering(this.counters, options.lingering ?? LIMITS.lingering.default);
    this.timeWaits = new TimeWaits(this, options.timeWaits ?? LIMITS.timeWaits.default);
    this.tuples = { find: (local, localPort, remote, remotePort) => this.connections.find(local, localPort, remote, remotePort) ?? this.timeWaits.find(local, localPort, remote, remotePort) };
    this.blackHoles = new BlackHoles(this.mptcpDefaults, this.counters);
    this.ports = new PortAllocator(this.random.ports);
    this.synCookieMode = options.synCookies ?? "auto";
  }

  // ---- addresses

  /** Gives the host an address on a link (`link` is the driver's number for it, small integers from 0). */
  addAddress(address: IpAddress, options: AddressOptions, now: number): void {
    this.now = now;
    const entry = this.addresses.add(address, options);
    for (const listeners of this.listeners.values()) {
      for (const listener of listeners) this.listenAlsoOn(listener, entry);
    }
    // Connections that sat on this address when it went may go on.
    for (const tcp of this.connections.all()) {
      if (tcp.link < 0 && tcp.tuple.localAddress.equals(address)) {
        tcp.link = entry.link;
        this.wake(tcp);
      }
    }
    for (const connection of Array.from(this.tokens.values())) connection.addLocal(entry, now);
  }

  /** Takes an address away: REMOVE_ADDR goes out on other subflows, those on it end at once. */
  removeAddress(address: IpAddress, now: number): void {
    this.now = now;
    if (!this.addresses.remove(address)) return;
    for (const listeners of this.listeners.values()) {
      for (const listener of listeners) this.heldPorts.release(listener, address);
    }
    for (const table of [this.connections, this.pendingJoins]) {
      for (const tcp of table.all()) if (tcp.tuple.localAddress.equals(address)) tcp.link = NO_LINK;
    }
    for (const connection of Array.from(this.tokens.values())) connection.removeLocal(address, now);
  }

  localAddresses(): readonly LocalAddress[] {
    return this.addresses.entries;
  }

  // ---- opening

  /**
   * Opens a port for connections.
   * @throws MptcpError EADDRINUSE, or what the port source of an address throws
   */
  listen(port: number, options: ListenOptions = {}): Listener {
    if (!Number.isInteger(port) || port < 1 || port > 65535) throw new MptcpError("ERR_SOCKET_BAD_PORT", `port should be 1 to 65535, got ${port}`);
    const others = this.listeners.get(port) ?? [];
    for (const other of others) {
      if (other.address === null || options.address === undefined || other.address.equals(options.address)) throw new MptcpError("EADDRINUSE", `port ${port} is in use`);
    }
    const listener = new Listener(port, options, { tcp: this.tcpDefaults, mptcp: this.mptcpDefaults }, (closing, now) => {
      const rest = (this.listeners.get(port) ?? []).filter((entry) => entry !== closing);
      if (rest.length === 0) this.listeners.delete(port);
      else this.listeners.set(port, rest);
      this.heldPorts.release(closing);
      for (const [embryo, owner] of Array.from(this.embryos)) if (owner === closing) embryo.abort(now);
    });
    try {
      for (const entry of this.addresses.entries) {
        if (options.address === undefined || options.address.equals(entry.address)) this.heldPorts.hold(listener, entry, port);
      }
    } catch (error) {
      this.heldPorts.release(listener);
      throw error;
    }
    this.listeners.set(port, [...others, listener]);
    return listener;
  }

  /**
   * Opens a connection; its `connected` event follows.
   * @throws MptcpError EADDRNOTAVAIL when no local address fits, or no port is free; ENOBUFS when there are too many connections
   */
  connect(remote: IpAddress, port: number, options: ConnectOptions, now: number): StreamConnection {
    this.now = now;
    if (this.isFull(remote)) throw new MptcpError("ENOBUFS", `no room for a connection to ${remote}`);
    const local = options.localAddress ?? this.addresses.choose(remote)?.address;
    const entry = local === undefined ? null : this.addresses.find(local);
    if (local === undefined || entry === null) throw new MptcpError("EADDRNOTAVAIL", `no local address for ${remote}`);
    const wanted = options.localPort ?? 0;
    if (wanted !== 0 && this.tuples.find(local, wanted, remote, port) !== null) throw new MptcpError("EADDRINUSE", `${local}:${wanted} to ${remote}:${port} is in use`);
    const localPort = this.takePort(entry, wanted, remote, port);
    if (localPort === 0) throw new MptcpError("EADDRNOTAVAIL", `no free port for ${remote}:${port}`);
    const tuple: FourTuple = { localAddress: local, localPort, remoteAddress: remote, remotePort: port };
    const tcpConfig = { ...this.tcpDefaults, ...options.tcp };
    if (options.multipath === false) {
      const socket = TcpSocket.connect(this.socketOptions(tcpConfig, tuple), now);
      this.heldPorts.adopt(socket.tcp, entry, localPort);
      this.register(socket.tcp);
      return socket;
    }
    const connection = this.newConnection(true, tuple, tcpConfig, { ...this.mptcpDefaults, ...options.mptcp, ...(options.require === true ? ALWAYS_CAPABLE : {}) });
    const subflow = connection.addFirstSubflow();
    const tcp = TcpConnection.connect(this, subflow, this.routed(connection.subflowConfig, local), tuple, now);
    subflow.attach(tcp);
    if (options.require !== true && this.blackHoles.has(remote, now)) connection.giveUpMultipath("blackhole_remembered", now);
    else this.counters.increment("MPTcpExtMPCapableSYNTX");
    this.heldPorts.adopt(tcp, entry, localPort);
    this.register(tcp);
    return connection;
  }

  // ---- moving

  /**
   * A connection goes on that was saved, here or elsewhere: with its data, its timers and the ids of its addresses. Everything follows as if
   * nothing had been but a pause. Its times are moved to the clock of this host, which is not to be behind the one that it was saved by. The host
   * needs the addresses that it had, under the same ids; those that are missing count as removed, others as added. Whatever goes wrong, nothing
   * has happened.
   *
   * What the host itself knows is not part of it: random numbers, counters, listeners, what paths do to MP_CAPABLE.
   * @throws MptcpError ERR_MPTCP_SNAPSHOT_VERSION, ERR_MPTCP_SNAPSHOT_DAMAGED; ERR_MPTCP_SNAPSHOT_POLICY when it needs a policy of one's own;
   *   ERR_MPTCP_SNAPSHOT_TIME, ERR_MPTCP_SNAPSHOT_ADDRESS; EADDRINUSE when the host has it already, or what a port source throws
   */
  restore(snapshot: ConnectionSnapshot, options: RestoreOptions, now: number): StreamConnection {
    this.now = now;
    return restore(this.tables, snapshot, options, now);
  }

  /** Forgets a connection that goes on elsewhere, without a word to the peer. Nothing may be asked of it any more. */
  release(connection: StreamConnection): void {
    release(this.tables, connection);
  }

  snapshot(connection: StreamConnection, now: number): ConnectionSnapshot {
    return save(this.tables, connection, now);
  }

  // ---- the driver's calls

  /** A packet arrived on `link`. Packets for other hosts are dropped and counted. */
  receive(packet: Packet, link: number, now: number): void {
    this.now = now;
    const { tcp: segment } = packet;
    if (segment === null) {
      if (packet.icmp !== null) this.receiveIcmp(packet, now);
      return;
    }
    if (this.addresses.find(packet.destination) === null) {
      this.counters.increment("IpInAddrErrors");
      if ((segment.flags & TCP_FLAG.SYN) !== 0) this.onStraySyn(packet.destination, segment, now);
      return;
    }
    this.counters.segments.TcpInSegs++;
    this.memory.look(now);
    const tcp =
      this.connections.find(packet.destination, segment.destinationPort, packet.source, segment.sourcePort) ??
      (this.pendingJoins.size === 0 ? null : this.pendingJoins.find(packet.destination, segment.destinationPort, packet.source, segment.sourcePort));
    if (tcp !== null && tcp.state !== "TIME-WAIT") {
      tcp.receive(packet, now);
      this.wake(tcp);
      return;
    }
    // It may not have been polled since.
    if (tcp !== null) this.settle(tcp, now);
    const waiting = this.timeWaits.find(packet.destination, segment.destinationPort, packet.source, segment.sourcePort);
    if (waiting !== null && !waiting.state.mayReuse(segment)) this.receiveWaiting(waiting, segment, link, now);
    else {
      // RFC 9293 §3.10.7.4 and RFC 6191: a new SYN may take over a connection in TIME-WAIT. It says no more, not even an ACK that it owes.
      if (waiting !== null) this.timeWaits.remove(waiting, now);
      this.receiveStray(packet, segment, link, now);
    }
  }

  /** Earliest time at which handleTimeout wants to be called, ns; NEVER when nothing is pending. */
  nextTimeout(): number {
    return this.timers.next;
  }

  handleTimeout(now: number): void {
    this.now = now;
    this.timers.floor = now + 1;
    for (let timed = this.timers.due(now); timed !== null; timed = this.timers.due(now)) {
      timed.handleTimeout(now);
      this.timers.file(timed);
      if (timed instanceof TcpConnection) this.wake(timed);
    }
    this.timers.floor = 0;
  }

  /** Whether pollTransmit may have something for `link`. */
  hasOutput(link: number): boolean {
    return this.linkless.size > 0 || (this.queues[link]?.size ?? 0) > 0 || (this.strays[link]?.length ?? 0) > 0;
  }

  /** The next packet for `link`, or null. What one link sends may give another something to send: poll all until all give null. */
  pollTransmit(link: number, now: number): Packet | null {
    this.now = now;
    const stray = this.nextStray(link, now);
    if (stray !== null) return stray;
    if (this.linkless.size > 0) this.discardLinkless(now);
    const queue = this.queues[link];
    if (queue === undefined) return null;
    for (let tcp = queue.first(); tcp !== null; tcp = queue.first()) {
      if (tcp.link === link) {
        const packet = tcp.pollTransmit(now);
        if (packet !== null) {
          queue.rotate();
          this.counters.segments.TcpOutSegs++;
          return packet;
        }
      }
      queue.shift();
      tcp.queued = false;
      if (tcp.link === link) this.settle(tcp, now);
      else this.wake(tcp);
    }
    return null;
  }

  /** The next packet of no connection for a link. */
  private nextStray(link: number, now: number): Packet | null {
    const strays = this.strays[link];
    if (strays === undefined) return null;
    for (let stray = strays.shift(); stray !== undefined; stray = strays.shift()) {
      if (stray instanceof Packet) return stray;
      if (!stray.owes) continue;
      this.counters.segments.TcpOutSegs++;
      return stray.takeAcknowledgment(now);
    }
    return null;
  }

  /** A connection has nothing to send now: what it waits for is time, or the next packet. */
  private settle(tcp: TcpConnection, now: number): void {
    if (tcp.state !== "TIME-WAIT" || !(this.connections.remove(tcp) || this.pendingJoins.remove(tcp))) {
      this.timers.file(tcp);
      return;
    }
    this.timers.remove(tcp);
    this.orphans.remove(tcp);
    const { link } = tcp;
    const entry = this.timeWaits.add(tcp, now);
    if (entry === null) {
      this.heldPorts.release(tcp);
      this.ports.release(tcp.tuple);
    } else {
      this.heldPorts.pass(tcp, entry);
      if (entry.owes) this.straysOf(link).push(entry);
    }
  }

  /** A late segment for a connection in TIME-WAIT. */
  private receiveWaiting(waiting: WaitingTuple, segment: TcpSegment, link: number, now: number): void {
    const strays = this.straysOf(this.addresses.find(waiting.tuple.localAddress)?.link ?? link);
    if (strays.length >= LIMITS.strays.default) this.counters.increment(LIMITS.strays.counter);
    else if (this.timeWaits.receive(waiting, segment, now)) strays.push(waiting);
  }

  /** What has no link to leave by, since its address was taken away, is lost. */
  private discardLinkless(now: number): void {
    for (let tcp = this.linkless.first(); tcp !== null; tcp = this.linkless.first()) {
      if (tcp.link < 0) while (tcp.pollTransmit(now) !== null) this.counters.increment("IpOutNoRoutes");
      this.linkless.shift();
      tcp.queued = false;
      if (tcp.link < 0) this.settle(tcp, now);
      else this.wake(tcp);
    }
  }

  /** A connection or a listener that something happened to: ask it by `takeEvents()` or `accept()`. */
  pollEvent(): StreamConnection | Listener | null {
    if (this.readyHead === this.ready.length) {
      // An array that is cut to nothing loses its room, and would need new room at the next event.
      while (this.ready.length > 0) this.ready.pop();
      this.readyHead = 0;
      return null;
    }
    return this.ready[this.readyHead++] as StreamConnection | Listener;
  }

  /** What the host remembers, by number of entries. */
  get usage(): HostUsage {
    return { connections: this.connections.size, orphans: this.orphans.size, lingering: this.lingering.size, timeWaits: this.timeWaits.size, pendingJoins: this.pendingJoins.size, tokens: this.tokens.size, ports: this.ports.size, timers: this.timers.size };
  }

  // ---- TcpEnvironment, MptcpEnvironment

  wake(tcp: TcpConnection): void {
    if (tcp.queued) return;
    tcp.queued = true;
    (tcp.link < 0 ? this.linkless : this.queueOf(tcp.link)).push(tcp);
  }

  schedule(timed: Timed): void {
    this.timers.fileFor(timed);
  }

  closed(tcp: TcpConnection): void {
    this.forget(tcp);
  }

  orphaned(orphan: object): boolean {
    return this.orphans.add(orphan);
  }

  lingers(connection: Lingerer, now: number): void {
    this.lingering.add(connection, now);
  }

  onTimeWaitOver(entry: WaitingTuple): void {
    this.heldPorts.release(entry);
    this.ports.release(entry.tuple);
  }

  finished(connection: StreamConnection): void {
    if (!(connection instanceof MptcpConnection)) return;
    this.orphans.remove(connection);
    this.lingering.remove(connection);
    this.tokens.delete(connection.session.local.token);
    this.timers.removeFor(connection);
  }

  connectTcp(owner: TcpOwner, endpoint: EndpointId, config: SubflowTcpConfig, now: number): TcpConnection | null {
    const { localAddress, remoteAddress, remotePort } = endpoint;
    if (this.isFull(remoteAddress)) return null;
    const entry = this.addresses.find(localAddress);
    if (entry === null) return null;
    if (endpoint.localPort !== 0 && this.tuples.find(localAddress, endpoint.localPort, remoteAddress, remotePort) !== null) return null;
    let localPort = 0;
    try {
      localPort = this.takePort(entry, endpoint.localPort, remoteAddress, remotePort);
    } catch (error) {
      if (!(error instanceof MptcpError)) throw error;
    }
    if (localPort === 0) return null;
    const tuple: FourTuple = { localAddress, localPort, remoteAddress, remotePort };
    const tcp = TcpConnection.connect(this, owner, this.routed(config, localAddress), tuple, now);
    this.heldPorts.adopt(tcp, entry, localPort);
    return this.register(tcp);
  }

  /** Queues a connection for pollEvent; one whose handshake completed goes to its listener first. */
  readonly notify = (connection: StreamConnection): void => {
    const listener = this.embryos.get(connection);
    if (listener !== undefined) {
      if (connection.closed) {
        this.embryos.delete(connection);
        listener.halfOpen--;
      } else if (this.isEstablished(connection)) {
        this.embryos.delete(connection);
        listener.halfOpen--;
        listener.deliver(connection);
        this.ready.push(listener, connection);
      }
      // Until then nobody is to hear of it; its events stay set for the first look.
      return;
    }
    // Once, when it is established: later events must not prolong the memory.
    if (connection instanceof MptcpConnection && connection.connectedAt === this.now && (connection.multipath || connection.fallback === "mp_capable_unanswered")) {
      this.blackHoles.learn(connection.tuple.remoteAddress, !connection.multipath, this.now);
    }
    this.ready.push(connection);
  };

  // ---- arrivals without a connection

  private receiveStray(packet: Packet, segment: TcpSegment, link: number, now: number): void {
    if ((segment.flags & TCP_FLAG.RST) !== 0) return;
    if (!this.heldPorts.mayHold(this.addresses.find(packet.destination), segment.destinationPort)) {
      this.sendReset(packet, link, null);
      return;
    }
    if ((segment.flags & (TCP_FLAG.SYN | TCP_FLAG.ACK)) === TCP_FLAG.SYN) {
      const join = readJoinSyn(segment);
      // RFC 8684 §3.2: a join is matched by its token alone, never by a listener.
      const answered = join !== null ? this.acceptJoin(packet, segment, join, link, now) : this.acceptSyn(packet, segment, link, now);
      if (answered) return;
    } else if ((segment.flags & (TCP_FLAG.SYN | TCP_FLAG.ACK)) === TCP_FLAG.ACK && this.acceptCookie(packet, segment, now)) return;
    this.sendReset(packet, link, null);
  }

  /** A SYN came to an address that is not ours: if it is a join, its sender may not know that the address is gone. */
  private onStraySyn(destination: IpAddress, segment: TcpSegment, now: number): void {
    const join = readJoinSyn(segment);
    if (join !== null && join !== "malformed") this.tokens.get(join.token)?.onJoinToRemoved(destination, now);
  }

  private acceptJoin(packet: Packet, segment: TcpSegment, join: MpJoinSyn | "malformed", link: number, now: number): boolean {
    if (join === "malformed") {
      this.refuseJoin("malformed_join", packet, link);
      return true;
    }
    this.counters.increment("MPTcpExtMPJoinSynRx");
    const connection = this.tokens.get(join.token);
    if (connection === undefined) {
      this.refuseJoin("unknown_token", packet, link);
      return true;
    }
    const tuple = tupleOf(packet, segment);
    const subflow = this.isFull(tuple.remoteAddress) ? "host_full" : connection.acceptJoin(join, tuple, now);
    if (typeof subflow === "string") {
      connection.log.observe(null, { kind: "join_refused", reason: `code_${JOIN_REFUSALS[subflow].code}`, local: String(tuple.localAddress), remote: String(tuple.remoteAddress) });
      this.refuseJoin(subflow, packet, link);
      return true;
    }
    subflow.attach(TcpConnection.accept(this, subflow, this.routed(connection.subflowConfig, tuple.localAddress), tuple, packet, now));
    this.heldPorts.hold(subflow.tcp, this.addresses.find(tuple.localAddress), tuple.localPort);
    this.place(subflow.tcp);
    this.pendingJoins.add(subflow.tcp, subflow, now);
    return true;
  }

  private refuseJoin(refusal: JoinRefusal, packet: Packet, link: number): void {
    const why = JOIN_REFUSALS[refusal];
    this.counters.increment(why.counter);
    this.sendReset(packet, link, why);
  }

  private acceptSyn(packet: Packet, segment: TcpSegment, link: number, now: number): boolean {
    const listener = this.listenerFor(packet.destination, segment.destinationPort);
    if (listener === null) return false;
    const { hasRoom } = listener;
    const stateless = this.synCookieMode === "always" || (this.synCookieMode === "auto" && !hasRoom);
    if (listener.isFull || !(hasRoom || stateless)) {
      this.counters.increment("TcpExtListenOverflows");
      return true;
    }
    if (this.isFull(packet.source)) return true;
    const offer = listener.options.multipath === false ? NO_OFFER : readCapableSyn(segment, listener.mptcp.version);
    if (offer.kind === "offer") this.counters.increment("MPTcpExtMPCapableSYNRX");
    if (stateless) this.sendCookie(listener, packet, segment, offer.kind === "offer" ? offer.flags : null, link, now);
    else this.admit(listener, packet, segment, offer.kind !== "offer" ? null : { keys: this.drawKeys(listener.mptcp.version), flags: offer.flags, key: offer.key }, null, now);
    return true;
  }

  /** Makes the connection for a SYN. `capable`: our keys and what the SYN offered; null for plain TCP. `sent`: the SYN+ACK, if it left already. */
  private admit(listener: Listener, packet: Packet, segment: TcpSegment, capable: { keys: KeyMaterial; flags: number; key: Uint8Array | null } | null, sent: SentSynAck | null, now: number): TcpConnection {
    const tuple = tupleOf(packet, segment);
    let accepted: StreamConnection;
    let tcp: TcpConnection;
    if (capable !== null) {
      const connection = this.newConnection(false, tuple, listener.tcp, listener.mptcp, capable.keys);
      const subflow = connection.addFirstSubflow();
      connection.onOffer(capable.flags, capable.key);
      accepted = connection;
      this.embryos.set(accepted, listener);
      tcp = TcpConnection.accept(this, subflow, this.routed(connection.subflowConfig, tuple.localAddress), tuple, packet, now, sent);
      subflow.attach(tcp);
    } else {
      const socket = TcpSocket.accept({ ...this.socketOptions(listener.tcp, tuple), sent }, packet, now);
      accepted = socket;
      this.embryos.set(accepted, listener);
      ({ tcp } = socket);
    }
    this.heldPorts.hold(tcp, this.addresses.find(tuple.localAddress), tuple.localPort);
    this.register(tcp);
    listener.halfOpen++;
    return tcp;
  }

  /** Answers a SYN without remembering it. `offered`: the flags of its MP_CAPABLE; null for plain TCP. */
  private sendCookie(listener: Listener, packet: Packet, segment: TcpSegment, offered: number | null, link: number, now: number): void {
    const { checksum, denyJoinInitialAddress, version } = listener.mptcp;
    this.cookies ??= new SynCookies(this.random.cookieSecrets);
    listener.cookieSentAt = now;
    if (!listener.hasRoom) this.counters.increment("TcpExtTCPReqQFullDoCookies");
    this.counters.increment("TcpExtSyncookiesSent");
    const answer = this.cookies.answer(packet, segment, {
      config: this.routed(listener.tcp, packet.destination),
      capableFlags: offered === null ? -1 : answerFlags(checksum, denyJoinInitialAddress, offered),
      version,
      peerDeniesJoin: offered !== null && (offered & MP_CAPABLE_FLAG.C) !== 0,
      isFree: (key) => !this.tokens.has(version.deriveKeys(key).token),
    }, now);
    this.sendStray(answer, link);
  }

  /** An ACK without a connection: one that answers a cookie makes its connection now. Whether that was so. */
  private acceptCookie(packet: Packet, segment: TcpSegment, now: number): boolean {
    const { cookies } = this;
    const listener = cookies === null ? null : this.listenerFor(packet.destination, segment.destinationPort);
    if (cookies === null || listener === null || now - listener.cookieSentAt > COOKIE_LIFETIME) return false;
    const handshake = cookies.check(packet, segment, now);
    if (handshake === null || handshake === "later" || handshake.syn.tcp === null || this.usedCookies.has(handshake.id)) {
      this.counters.increment("TcpExtSyncookiesFailed");
      // The first segment, which brings the cookie back, was lost: the peer is to send it again. A RST would end what is no fault of its own.
      return handshake === "later" && bringsMore(segment);
    }
    if (listener.isFull) {
      this.counters.increment("TcpExtListenOverflows");
      return true;
    }
    if (this.isFull(packet.source)) return true;
    const keys = handshake.key === null ? null : listener.mptcp.version.deriveKeys(handshake.key);
    // Another connection may have drawn the same token meanwhile: plain TCP, then.
    const capable = keys === null || this.tokens.has(keys.token) ? null : { keys, flags: handshake.peerDeniesJoin ? MP_CAPABLE_FLAG.C : 0, key: null };
    // Only what completes the handshake makes a connection: a half-open one would have to ask for room.
    if (capable !== null && readCapableAck(segment, listener.mptcp.version, capable.keys.key, 0).kind === "wait") {
      this.counters.increment("TcpExtSyncookiesFailed");
      return true;
    }
    this.counters.increment("TcpExtSyncookiesRecv");
    if (this.usedCookies.add(handshake.id, now)) this.counters.increment(LIMITS.usedCookies.counter);
    this.admit(listener, handshake.syn, handshake.syn.tcp, capable, handshake.sent, now).receive(packet, now);
    return true;
  }

  /** Bytes in the buffers of all connections. */
  private buffered(): number {
    let held = 0;
    for (const connection of this.tokens.values()) held += connection.sendBuffered + connection.receiveBuffered;
    for (const { owner, outOfOrderMemory } of this.connections.all()) {
      held += outOfOrderMemory;
      if (owner instanceof TcpSocket) held += owner.sendBuffered + owner.receiveBuffered;
    }
    return held;
  }

  /** Whether one more connection with a peer would be too many; counts it. */
  private isFull(remote: IpAddress): boolean {
    this.memory.look(this.now);
    if (this.memory.isFull) {
      this.counters.increment(LIMITS.connections.counter);
      return true;
    }
    const limit = this.connections.limitFor(remote);
    if (limit !== null) this.counters.increment(limit.counter);
    return limit !== null;
  }

  private receiveIcmp(packet: Packet, now: number): void {
    if (packet.icmp === null) return;
    const error = icmpErrorOf(packet.icmp, packet.source.family);
    if (error === null) return;
    const { quoted } = error;
    const tcp = this.connections.find(quoted.source, quoted.sourcePort, quoted.destination, quoted.destinationPort) ?? this.pendingJoins.find(quoted.source, quoted.sourcePort, quoted.destination, quoted.destinationPort);
    if (tcp === null) {
      // In TIME-WAIT nothing is in flight that an error could be about.
      if (this.timeWaits.find(quoted.source, quoted.sourcePort, quoted.destination, quoted.destinationPort) === null) this.counters.increment("IcmpInErrors");
      return;
    }
    tcp.handleIcmp({ kind: error.kind === "too_big" ? "packet_too_big" : error.kind, code: error.code, mtu: error.mtu, sequence: quoted.sequence }, now);
    this.wake(tcp);
  }

  private sendReset(packet: Packet, link: number, why: ResetReason | null): void {
    const reset = resetFor(packet, why);
    if (reset === null) return;
    this.counters.increment("TcpOutRsts");
    this.sendStray(reset, link);
  }

  /** Sends a packet of no connection. */
  private sendStray(packet: Packet, link: number): void {
    const strays = this.straysOf(link);
    if (strays.length < LIMITS.strays.default) strays.push(packet);
    else this.counters.increment(LIMITS.strays.counter);
  }

  private straysOf(link: number): (Packet | WaitingTuple)[] {
    return (this.strays[link] ??= []);
  }

  private listenerFor(address: IpAddress, port: number): Listener | null {
    const candidates = this.listeners.get(port);
    if (candidates === undefined) return null;
    return candidates.find((listener) => listener.address !== null && listener.address.equals(address)) ?? candidates.find((listener) => listener.address === null) ?? null;
  }

  // ---- inside

  private newConnection(initiator: boolean, tuple: FourTuple, tcp: TcpConfig, config: MptcpConfig, keys = this.drawKeys(config.version)): MptcpConnection {
    const connection = new MptcpConnection(this, { id: this.nextId(), initiator, config, tcp, keys, tuple });
    this.tokens.set(connection.session.local.token, connection);
    return connection;
  }

  /** H3: a key whose token is in use is drawn again (RFC 8684 §3.1). */
  private drawKeys(version: Version): KeyMaterial {
    for (;;) {
      const key = new Uint8Array(8);
      this.random.keys.fill(key);
      const keys = version.deriveKeys(key);
      if (!this.tokens.has(keys.token)) return keys;
      this.counters.increment("MPTcpExtTokenCollision");
    }
  }

  private socketOptions(config: TcpConfig, tuple: FourTuple): TcpSocketOptions {
    return { id: this.nextId(), environment: this, config: this.routed(config, tuple.localAddress), tuple, onEvent: this.notify, fallback: null };
  }

  private nextId(): number {
    return ++this.lastConnectionId;
  }

  /** `config` with what the link of `local` says; connections of the same parameters share it. */
  private routed(config: SubflowTcpConfig, local: IpAddress): TcpConfig {
    const entry = this.addresses.find(local);
    const mtu = entry?.mtu ?? this.tcpDefaults.mtu;
    const segmentationLimit = entry?.segmentationLimit ?? 0;
    const known = this.routedConfigs.get(config) ?? [];
    const found = known.find((routed) => routed.mtu === mtu && routed.segmentationLimit === segmentationLimit);
    if (found !== undefined) return found;
    const routed = { ...config, mtu, segmentationLimit };
    this.routedConfigs.set(config, [...known, routed]);
    return routed;
  }

  private register(tcp: TcpConnection): TcpConnection {
    this.connections.add(tcp);
    if (tcp.active) this.ports.take(tcp.tuple);
    this.place(tcp);
    return tcp;
  }

  /** Gives a connection its link. */
  private place(tcp: TcpConnection): void {
    this.assignLink(tcp);
    this.wake(tcp);
  }

  private assignLink(tcp: TcpConnection): void {
    tcp.link = this.addresses.find(tcp.tuple.localAddress)?.link ?? NO_LINK;
  }

  joined(tcp: TcpConnection): void {
    if (this.pendingJoins.remove(tcp)) this.connections.add(tcp);
  }

  /** A local port for a connection, held where the address has a port source; 0 when none is free. */
  private takePort(entry: HostAddress, wanted: number, remote: IpAddress, remotePort: number): number {
    const { address, ports } = entry;
    if (ports === null) return wanted !== 0 ? wanted : this.ports.pick(this.tuples, address, remote, remotePort);
    if (wanted === 0) return ports.allocate(address, remote, remotePort);
    ports.hold(address, wanted);
    return wanted;
  }

  /** A listener on all addresses takes its port on one that came later; where that cannot be, it does without. */
  private listenAlsoOn(listener: Listener, entry: HostAddress): void {
    this.heldPorts.release(listener, entry.address);
    if (listener.address !== null && !listener.address.equals(entry.address)) return;
    try {
      this.heldPorts.hold(listener, entry, listener.port);
    } catch (error) {
      if (!(error instanceof MptcpError)) throw error;
      this.counters.increment("ListenPortsMissing");
    }
  }

  private forget(tcp: TcpConnection): void {
    this.heldPorts.release(tcp);
    this.orphans.remove(tcp);
    if (!this.connections.remove(tcp)) this.pendingJoins.remove(tcp);
    else this.ports.release(tcp.tuple);
    this.timers.remove(tcp);
  }

  private get tables(): Tables {
    const { addresses, connections, heldPorts, linkless, orphans, pendingJoins, ports, queues, timers, tokens } = this;
    return {
      host: this, addresses, connections, heldPorts, linkless, orphans, pendingJoins, ports, queues, timers, tokens,
      isReady: (connection) => this.ready.includes(connection, this.readyHead),
      nextId: () => this.nextId(),
      place: (tcp) => this.assignLink(tcp),
    };
  }

  private isEstablished(connection: StreamConnection): boolean {
    if (connection instanceof MptcpConnection) return connection.connectedAt >= 0;
    return connection instanceof TcpSocket && connection.tcp.established;
  }

  private queueOf(link: number): TransmitQueue {
    return (this.queues[link] ??= new TransmitQueue());
  }
}

const ALWAYS_CAPABLE = { capableSyns: Number.POSITIVE_INFINITY } as const;

function tupleOf(packet: Packet, segment: TcpSegment): FourTuple {
  return { localAddress: packet.destination, localPort: segment.destinationPort, remoteAddress: packet.source, remotePort: segment.sourcePort };
}

/** Whether a segment without its connection is one that the peer sends again until it is acknowledged. */
function bringsMore(segment: TcpSegment): boolean {
  return segment.payload.length > 0 || (segment.flags & TCP_FLAG.FIN) !== 0;
}

const NO_OFFER = { kind: "none" } as const;
/** The link of an address that went away. */
const NO_LINK = -1;
/** Longer than any cookie is good for, ns. */
const COOKIE_LIFETIME = 120 * SECOND;
