import type { ConnectionSnapshot, Observer } from "../core/index.ts";
import { Counters, LIMITS } from "../core/index.ts";
import type { EndpointId, LocalAddress, MptcpConfig, MptcpEnvironment, SubflowTcpConfig, Timed, Version, Versioned } from "../mptcp/index.ts";
import { DEFAULT_MPTCP_CONFIG, fullMesh, lia, lowestTimeDistance, MptcpConnection } from "../mptcp/index.ts";
import type { FastOpenAnswer, FourTuple, InitialNumbers, StreamConnection, TcpConfig, TcpOwner } from "../tcp/index.ts";
import { cubic, DEFAULT_TCP_CONFIG, FastOpenClient, SegmentPool, TcpConnection, TcpSocket } from "../tcp/index.ts";
import type { IpAddress, Packet, TcpSegment } from "../wire/index.ts";
import { icmpErrorOf, TCP_FLAG } from "../wire/index.ts";
import { ActiveOpen } from "./active-open.ts";
import { AddressBook } from "./address-book.ts";
import { BlackHoles } from "./black-holes.ts";
import { endedBy, isOpening, resetFromClosedPort } from "./closed-port.ts";
import { ConnectionFactory } from "./connection-factory.ts";
import { Connections } from "./connections.ts";
import { FastOpen } from "./fast-open/index.ts";
import { HostRandom } from "./fixed-numbers.ts";
import type { FixedNumbers } from "./fixed-numbers.ts";
import { HeldPorts } from "./held-ports.ts";
import { HostNumbers } from "./initial-numbers.ts";
import { Lingering } from "./lingering.ts";
import type { Lingerer } from "./lingering.ts";
import type { Listener } from "./listener.ts";
import { Listeners } from "./listeners.ts";
import { bytesHeld, HostMemory } from "./memory.ts";
import type { OpeningHost } from "./opening-host.ts";
import { Observers } from "./observers.ts";
import type { AddressOptions, ConnectOptions, Defaults, DefaultsChange, HostOptions, HostUsage, ListenOptions } from "./options.ts";
import { Orphans } from "./orphans.ts";
import { PassiveOpen } from "./passive-open.ts";
import { PendingJoins } from "./pending-joins.ts";
import type { PendingJoin } from "./pending-joins.ts";
import { PeerVersions } from "./peer-versions.ts";
import { EPHEMERAL_PORTS, PortAllocator } from "./ports.ts";
import { withProfile } from "./profiles.ts";
import type { TupleLookup } from "./ports.ts";
import { release, restore, save } from "./snapshot/index.ts";
import type { RestoreOptions, Tables } from "./snapshot/index.ts";
import { Strays } from "./strays.ts";
import { TimeWaits } from "./time-waits.ts";
import type { TimeWaitsOwner, WaitingTuple } from "./time-waits.ts";
import { TimerHeap } from "./timer-heap.ts";
import { Tokens } from "./tokens.ts";
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
  readonly random: HostRandom;
  readonly initialNumbers: InitialNumbers;
  /** Who observes, see {@link Host.observe}; null: nobody. */
  observer: Observer | null;
  readonly counters = new Counters();
  readonly segments = new SegmentPool();
  readonly memory: HostMemory;
  /** The time of the driver's call being handled, ns. */
  now = 0;

  private readonly observers = new Observers();
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
  private readonly tokens: Tokens;
  /** The parameters of connections for which nothing else is said. */
  private readonly defaults: Defaults;
  private readonly listeners: Listeners;
  private readonly factory: ConnectionFactory;
  private readonly activeOpen: ActiveOpen;
  private readonly passiveOpen: PassiveOpen;
  private readonly timers = new TimerHeap();
  private readonly queues: TransmitQueue[] = [];
  /** Connections whose address was taken away. */
  private readonly linkless = new TransmitQueue();
  private readonly strays = new Strays(this.counters);
  private readonly ready: (StreamConnection | Listener)[] = [];
  private readyHead = 0;
  /** Destinations whose path swallowed SYNs with MP_CAPABLE, and until when to spare them (H5). */
  private readonly blackHoles: BlackHoles;
  private readonly peerVersions: PeerVersions;
  private readonly fastOpen: FastOpen;

  constructor(options: HostOptions) {
    this.name = options.name;
    const portRange = options.portRange ?? EPHEMERAL_PORTS;
    this.random = new HostRandom(options.random, portRange);
    if (options.fixed !== undefined) this.random.fix(options.fixed);
    if (options.observer) this.observers.add(options.observer);
    this.observer = this.observers.combined;
    const tcp = withProfile<TcpConfig>({ ...DEFAULT_TCP_CONFIG, congestion: cubic }, options.profile, "tcp", options.tcp);
    const mptcp = withProfile<MptcpConfig>({ ...DEFAULT_MPTCP_CONFIG, scheduler: lowestTimeDistance, congestion: lia, pathManager: fullMesh }, options.profile, "mptcp", options.mptcp);
    this.defaults = { tcp, mptcp, multipath: options.multipath ?? true, fastOpen: options.fastOpen ?? false };
    this.tokens = new Tokens(this.random, this.counters);
    this.pendingJoins = new PendingJoins(options.pendingJoins ?? LIMITS.hostPendingJoins.default, options.pendingJoinsPerPeer ?? LIMITS.pendingJoinsPerPeer.default);
    this.connections = new Connections({
      connections: options.connections ?? LIMITS.connections.default,
      connectionsPerPeer: options.connectionsPerPeer ?? LIMITS.connectionsPerPeer.default,
    });
    const { memory = LIMITS.memory.default } = options;
    const memoryPressure = options.memoryPressure ?? Math.min(LIMITS.memoryPressure.default, 0.75 * memory);
    this.memory = new HostMemory(this.counters, { memoryPressure, memory }, () => bytesHeld(this.tokens, this.connections));
    this.orphans = new Orphans(options.orphans ?? LIMITS.orphans.default);
    this.lingering = new Lingering(this.counters, options.lingering ?? LIMITS.lingering.default);
    this.timeWaits = new TimeWaits(this, options.timeWaits ?? LIMITS.timeWaits.default);
    this.tuples = { find: (local, localPort, remote, remotePort) => this.connections.find(local, localPort, remote, remotePort) ?? this.timeWaits.find(local, localPort, remote, remotePort) };
    this.blackHoles = new BlackHoles(this.defaults, this.counters);
    this.peerVersions = new PeerVersions(this.counters);
    this.fastOpen = new FastOpen(this.counters, this.random.fastOpenKeys, options.fastOpenHash);
    const numbers = new HostNumbers(this.random, this.timeWaits);
    this.initialNumbers = numbers;
    this.ports = new PortAllocator(this.random.ports, portRange);
    this.factory = new ConnectionFactory(this, this.addresses, this.tokens, tcp.mtu);
    const { addresses, blackHoles, counters, defaults, factory, fastOpen, heldPorts, peerVersions, ports, strays, tokens, tuples } = this;
    this.listeners = new Listeners({ addresses, counters, defaults, heldPorts });
    const opening: OpeningHost = {
      environment: this, addresses, factory, fastOpen, heldPorts, tokens,
      isFull: (remote) => this.isFull(remote),
      register: (connection) => this.register(connection),
    };
    this.activeOpen = new ActiveOpen({ ...opening, blackHoles, defaults, listeners: this.listeners, peerVersions, ports, tuples });
    this.passiveOpen = new PassiveOpen({ ...opening, defaults, listeners: this.listeners, numbers, strays, awaitAck: (connection, join, now) => this.awaitAck(connection, join, now) }, options.synCookies ?? "auto");
  }

  // ---- addresses

  /** Gives the host an address on a link (`link` is the driver's number for it, small integers from 0). */
  addAddress(address: IpAddress, options: AddressOptions, now: number): void {
    this.now = now;
    const entry = this.addresses.add(address, options);
    this.listeners.onAddress(entry);
    // Connections that sat on this address when it went may go on.
    for (const tcp of this.connections.all()) {
      if (tcp.link < 0 && tcp.tuple.localAddress.equals(address)) {
        tcp.link = entry.link;
        this.heldPorts.move(tcp, entry, tcp.tuple.localPort, tcp.active ? tcp.tuple : undefined);
        this.wake(tcp);
      }
    }
    for (const connection of Array.from(this.tokens.all())) connection.addLocal(entry, now);
  }

  /** Takes an address away: REMOVE_ADDR goes out on other subflows, those on it end at once. */
  removeAddress(address: IpAddress, now: number): void {
    this.now = now;
    if (!this.addresses.remove(address)) return;
    this.listeners.onAddressGone(address);
    for (const table of [this.connections, this.pendingJoins]) {
      for (const tcp of table.all()) if (tcp.tuple.localAddress.equals(address)) tcp.link = NO_LINK;
    }
    for (const connection of Array.from(this.tokens.all())) connection.removeLocal(address, now);
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
    return this.listeners.open(port, options);
  }

  /**
   * Opens a connection; its `connected` event follows.
   * @throws MptcpError EADDRNOTAVAIL when no local address fits, or no port is free; ENOBUFS when there are too many connections
   */
  connect(remote: IpAddress, port: number, options: ConnectOptions, now: number): StreamConnection {
    this.now = now;
    return this.activeOpen.connect(remote, port, options, now);
  }

  // ---- looking on, and commanding from outside

  /**
   * Tells one more observer of what is decided from now on, beside the one that the host was made with. While nobody observes nothing is built.
   * @returns how to stop
   */
  observe(observer: Observer): () => void {
    this.observers.add(observer);
    this.observer = this.observers.combined;
    return () => {
      this.observers.remove(observer);
      this.observer = this.observers.combined;
    };
  }

  /** Every connection of the host, those in the midst of their handshake and those that are over and linger included; by number. */
  streams(): readonly StreamConnection[] {
    const found = new Set<StreamConnection>(this.tokens.all());
    for (const { owner } of this.connections.all()) if (owner instanceof TcpSocket) found.add(owner);
    return Array.from(found).toSorted((a, b) => a.id - b.id);
  }

  /** The connection of that number; null when there is none. */
  stream(id: number): StreamConnection | null {
    for (const connection of this.tokens.all()) if (connection.id === id) return connection;
    const found = this.connections.all().find(({ owner }) => owner instanceof TcpSocket && owner.id === id);
    return found === undefined ? null : (found.owner as TcpSocket);
  }

  /** The connection in Multipath TCP of a token of ours; null when there is none. */
  byToken(token: number): MptcpConnection | null {
    return this.tokens.find(token);
  }

  /**
   * The random numbers that are drawn next, for tests and packet scripts: keys, nonces, sequence numbers, ports, ... **On real networks such connections are
   * anybody's to guess.**
   * @throws MptcpError ERR_OUT_OF_RANGE for a number that cannot be drawn; then none is fixed
   */
  fix(numbers: FixedNumbers): void {
    this.random.fix(numbers);
  }

  /** What connections to come are made with, where whoever opens them or listens for them says nothing else. */
  get tcpDefaults(): TcpConfig {
    return this.defaults.tcp;
  }
  get mptcpDefaults(): MptcpConfig {
    return this.defaults.mptcp;
  }
  get multipathDefault(): boolean {
    return this.defaults.multipath;
  }
  get fastOpenDefault(): boolean {
    return this.defaults.fastOpen;
  }

  /** Makes connections to come otherwise, those of listeners that are there included. Those that are open stay as they are. */
  setDefaults({ fastOpen, mptcp, multipath, synCookies, tcp }: DefaultsChange): void {
    const { defaults } = this;
    defaults.tcp = { ...defaults.tcp, ...tcp };
    defaults.mptcp = { ...defaults.mptcp, ...mptcp };
    if (multipath !== undefined) defaults.multipath = multipath;
    if (fastOpen !== undefined) defaults.fastOpen = fastOpen;
    if (synCookies !== undefined) this.passiveOpen.onCookieMode(synCookies);
    this.listeners.onDefaults();
  }

  /**
   * The keys that Fast Open cookies are made with: one in use, and one whose cookies are still taken, 16 octets or more each; none: such that are drawn, and change.
   * @param listener the keys are this one's alone
   * @throws MptcpError ERR_OUT_OF_RANGE for others
   */
  setFastOpenKeys(keys: readonly Uint8Array[], listener?: Listener): void {
    if (listener === undefined) this.fastOpen.setKeys(keys);
    else listener.setFastOpenKeys(keys.length === 0 ? null : this.fastOpen.keysOf(keys));
  }

  /** Forgets the cookies of servers, and which paths and servers do not take Fast Open. `ip tcp_metrics flush` */
  forgetFastOpen(): void {
    this.fastOpen.memory.clear();
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

  /** Whether the SYN of a connection waits for what is written first (`FastOpenConnect.waits`): who writes need not wait for the handshake. */
  awaitsData(connection: StreamConnection): boolean {
    const tcp = connection instanceof TcpSocket ? connection.tcp : connection instanceof MptcpConnection ? connection.subflows[0]?.tcp : undefined;
    return tcp !== undefined && tcp.state === "SYN-SENT" && tcp.fastOpen instanceof FastOpenClient && tcp.fastOpen.holdsSyn(tcp);
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
      if ((segment.flags & TCP_FLAG.SYN) !== 0) this.passiveOpen.onSynToOther(packet.destination, segment, now);
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
    const hasTimestamps = (this.listeners.find(packet.destination, segment.destinationPort) ?? this.defaults).tcp.timestamps;
    if (waiting !== null && !waiting.state.mayReuse(segment, hasTimestamps)) this.receiveWaiting(waiting, segment, link, now);
    else {
      // RFC 9293 §3.10.7.4 and RFC 6191: a new SYN may take over a connection in TIME-WAIT, whose numbers end before its own begin. It says no more, not
      // even an ACK that it owes.
      this.passiveOpen.receive(packet, segment, link, now);
      if (waiting !== null) this.timeWaits.remove(waiting, now);
    }
  }

  /**
   * The link found out that nobody has the peer's port open, and no TCP is left there that would say so by RST: a connection with that peer ends as by one. What
   * the peer said before may still be read. One whose peer has ended its direction ends without an error where nothing but the acknowledgment of our end is
   * missing, and not before we end ours or write, where nothing is.
   * @param isCertain whether it was the answer to something that nobody else can know of; else it ends attempts alone (RFC 5927 §4.1, §5.2)
   */
  portClosed(ends: FourTuple, isCertain: boolean, now: number): void {
    this.now = now;
    const tcp = this.between(ends);
    if (tcp === null || !(isCertain || isOpening(tcp))) return;
    const last = isOpening(tcp) ? null : this.endingWith(tcp);
    const end = endedBy(tcp, last);
    if (end === "nothing") return;
    tcp.receive(resetFromClosedPort(tcp, end === "connection" && last !== null ? last.session.local.key : null), now);
    this.wake(tcp);
  }

  /** Whether a connection is open, or being opened, between two ends; null when there is none. */
  phaseOf(ends: FourTuple): "opening" | "open" | null {
    const tcp = this.between(ends);
    if (tcp === null || tcp.state === "CLOSED" || tcp.state === "TIME-WAIT") return null;
    return isOpening(tcp) ? "opening" : "open";
  }

  /** The ends of the connections and subflows that were opened from here, by `link`. */
  openedBy(link: number): readonly FourTuple[] {
    return this.connections.all().filter((tcp) => tcp.active && tcp.link === link).map(({ tuple }) => tuple);
  }

  /** Earliest time at which handleTimeout wants to be called, ns; NEVER when nothing is pending. */
  nextTimeout(): number {
    return this.timers.next;
  }

  /** Earliest deadline, ns; NEVER when nothing is pending. Unlike `nextTimeout`, which may be earlier, it costs a look at what moved. */
  earliestDeadline(): number {
    return this.timers.earliest;
  }

  /** @param until deadlines up to then are noticed, ns: those after it are not, where a driver is to be late */
  handleTimeout(now: number, until = now): void {
    this.now = now;
    this.timers.floor = now + 1;
    for (let timed = this.timers.due(until); timed !== null; timed = this.timers.due(until)) {
      timed.handleTimeout(now);
      this.timers.file(timed);
      if (timed instanceof TcpConnection) this.wake(timed);
    }
    this.timers.floor = 0;
  }

  /** Whether pollTransmit may have something for `link`. */
  hasOutput(link: number): boolean {
    return this.linkless.size > 0 || (this.queues[link]?.size ?? 0) > 0 || (this.strays.queues[link]?.length ?? 0) > 0;
  }

  /** The next packet for `link`, or null. What one link sends may give another something to send: poll all until all give null. */
  pollTransmit(link: number, now: number): Packet | null {
    this.now = now;
    const stray = this.strays.next(link, now);
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
      this.heldPorts.retire(tcp);
      if (entry.owes) this.strays.owe(entry, link);
    }
  }

  /** A late segment for a connection in TIME-WAIT. */
  private receiveWaiting(waiting: WaitingTuple, segment: TcpSegment, link: number, now: number): void {
    const outgoing = this.addresses.find(waiting.tuple.localAddress)?.link ?? link;
    if (this.strays.hasRoom(outgoing) && this.timeWaits.receive(waiting, segment, now)) this.strays.owe(waiting, outgoing);
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

  /** Destinations that plain TCP is spoken to now, since their paths swallow MP_CAPABLE. */
  get blackHolesRemembered(): number {
    return this.blackHoles.count(this.now);
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

  onFastOpenAnswer(tuple: FourTuple, answer: FastOpenAnswer, now: number): void {
    this.fastOpen.memory.learn(tuple, answer, now);
  }

  orphaned(orphan: object): boolean {
    return this.orphans.add(orphan);
  }

  lingers(connection: Lingerer, now: number): void {
    this.lingering.add(connection, now);
  }

  onTimeWaitOver(entry: WaitingTuple): void {
    this.ports.release(entry.tuple);
  }

  finished(connection: StreamConnection): void {
    if (!(connection instanceof MptcpConnection)) return;
    this.orphans.remove(connection);
    this.lingering.remove(connection);
    this.tokens.remove(connection);
    this.timers.removeFor(connection);
  }

  changeVersion(connection: Versioned, version: Version): void {
    this.tokens.changeVersion(connection, version);
  }

  connectTcp(owner: TcpOwner, endpoint: EndpointId, config: SubflowTcpConfig, synRetries: number, now: number): TcpConnection | null {
    return this.activeOpen.connectTcp(owner, endpoint, config, synRetries, now);
  }

  /** Queues a connection for pollEvent; one whose handshake completed goes to its listener first. */
  readonly notify = (connection: StreamConnection): void => {
    const listener = this.listeners.of(connection);
    if (listener !== null) {
      // Until then nobody is to hear of it; its events stay set for the first look.
      if (this.listeners.onEvent(connection, listener)) this.ready.push(listener, connection);
      return;
    }
    // Once, when it is established: later events must not prolong the memory.
    if (connection instanceof MptcpConnection && connection.connectedAt === this.now) this.learn(connection);
    this.ready.push(connection);
  };

  // ---- inside

  /** A connection from here is established: its SYNs tell something of the path and of the peer. */
  private learn({ config, foundBlackHole, isDeclined, multipath, session, tuple }: MptcpConnection): void {
    const { remoteAddress } = tuple;
    if (multipath || foundBlackHole) this.blackHoles.learn(remoteAddress, !multipath, this.now);
    if (multipath || isDeclined) this.peerVersions.learn(remoteAddress, multipath ? session.version : null, config.versions, this.now);
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

  /** The Multipath TCP connection that ends with this subflow, its last one; null when it does not, or when it is none. */
  private endingWith(tcp: TcpConnection): MptcpConnection | null {
    for (const connection of this.tokens.all()) {
      if (connection.id !== tcp.connectionId) continue;
      const isLast = this.connections.all().every((other) => other === tcp || other.connectionId !== tcp.connectionId || !other.established);
      return isLast ? connection : null;
    }
    return null;
  }

  private between({ localAddress, localPort, remoteAddress, remotePort }: FourTuple): TcpConnection | null {
    return this.connections.find(localAddress, localPort, remoteAddress, remotePort) ?? this.pendingJoins.find(localAddress, localPort, remoteAddress, remotePort);
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

  private register(tcp: TcpConnection): void {
    this.connections.add(tcp);
    if (tcp.active) this.ports.take(tcp.tuple);
    this.place(tcp);
    this.wake(tcp);
  }

  /** A join that arrived waits for its third ACK. */
  private awaitAck(tcp: TcpConnection, join: PendingJoin, now: number): void {
    this.place(tcp);
    this.wake(tcp);
    this.pendingJoins.add(tcp, join, now);
  }

  /** Gives a connection its link. */
  private place(tcp: TcpConnection): void {
    tcp.link = this.addresses.find(tcp.tuple.localAddress)?.link ?? NO_LINK;
  }

  joined(tcp: TcpConnection): void {
    if (this.pendingJoins.remove(tcp)) this.connections.add(tcp);
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
      nextId: () => this.factory.nextId(),
      place: (tcp) => this.place(tcp),
    };
  }

  private queueOf(link: number): TransmitQueue {
    return (this.queues[link] ??= new TransmitQueue());
  }
}

/** The link of an address that went away. */
const NO_LINK = -1;
