import type { DecisionEvent } from "../../src/core/index.ts";
import { NEVER, SeededRandom, seededSources } from "../../src/core/index.ts";
import type { ConnectOptions, HostOptions, ListenOptions, Listener, PumpDriver } from "../../src/host/index.ts";
import { Host, Pump } from "../../src/host/index.ts";
import { MptcpConnection } from "../../src/mptcp/index.ts";
import { Multipath } from "../../src/mptcp/multipath.ts";
import { EventQueue } from "../../src/sim/index.ts";
import type { Egress, MiddleboxFactory } from "../../src/sim/index.ts";
import type { StreamConnection } from "../../src/tcp/index.ts";
import { STREAM_EVENT } from "../../src/tcp/index.ts";
import type { MptcpOption, TcpSegment } from "../../src/wire/index.ts";
import { IpAddress, packetLength, Payload, TCP_FLAG, TCP_OPTION_SPACE, tcpHeaderLength } from "../../src/wire/index.ts";
import type { Packet } from "../../src/wire/index.ts";

export const MS = 1_000_000;
export const SECOND = 1000 * MS;
export const PORT = 80;

export type Side = "client" | "server";

/** A packet that a host sent. */
export interface Sent {
  readonly at: number;
  readonly from: Side;
  /** Which of the client's addresses, and which of the server's, from 0. */
  readonly client: number;
  readonly server: number;
  /** As it was sent, before any interference. */
  readonly segment: TcpSegment;
  readonly packet: Packet;
  /** Nothing of it arrived. */
  lost: boolean;
}

/** What the network does with a packet: pass it (changed or not), lose it, or deliver several. */
export type Interference = (packet: Packet, sent: Sent) => Packet | null | readonly Packet[];

export interface PairOptions {
  readonly clientAddresses?: readonly string[] | number;
  readonly serverAddresses?: readonly string[] | number;
  /** One way, by indices of the addresses, ns; 10 ms unless given. */
  readonly delay?: (client: number, server: number) => number;
  readonly client?: Partial<HostOptions>;
  readonly server?: Partial<HostOptions>;
  readonly listen?: ListenOptions;
  /** Accept connections at once; true unless given. */
  readonly accept?: boolean;
  readonly seed?: number;
}

/** Two hosts in virtual time. Every address of one reaches every address of the other; each address has a link of its own. */
export class Pair {
  now = 0;
  readonly hosts: Readonly<Record<Side, Host>>;
  readonly addresses: Readonly<Record<Side, IpAddress[]>>;
  readonly events: Readonly<Record<Side, DecisionEvent[]>> = { client: [], server: [] };
  readonly listener: Listener;
  /** Connections that the server accepted. */
  readonly accepted: App[] = [];
  /** Every packet that a host sent. */
  readonly sent: Sent[] = [];
  accept: boolean;
  private readonly delay: (client: number, server: number) => number;
  private readonly interferences: Interference[] = [];
  /** What middleboxes do later. */
  private readonly queue = new EventQueue();
  private readonly apps = new Map<StreamConnection, App>();
  private readonly pumps: Readonly<Record<Side, Pump>>;
  /** Packets sent and events told so far. */
  private moves = 0;
  private readonly inFlight: { readonly at: number; readonly to: Side; readonly packet: Packet }[] = [];

  constructor(options: PairOptions = {}) {
    const seed = options.seed ?? 1;
    const host = (side: Side, salt: number): Host =>
      new Host({ name: side, random: seededSources(seed * 2 + salt), observer: { perSegment: true, event: (event) => this.events[side].push(event) }, ...options[side] });
    this.hosts = { client: host("client", 0), server: host("server", 1) };
    this.addresses = { client: parseAll(options.clientAddresses ?? 1, "10.1.0."), server: parseAll(options.serverAddresses ?? 1, "10.2.0.") };
    for (const side of ["client", "server"] as const) this.addresses[side].forEach((address, link) => this.hosts[side].addAddress(address, { link }, 0));
    this.delay = options.delay ?? (() => 10 * MS);
    this.accept = options.accept ?? true;
    this.pumps = { client: new Pump(this.hosts.client, this.driver("client")), server: new Pump(this.hosts.server, this.driver("server")) };
    this.listener = this.hosts.server.listen(PORT, options.listen);
  }

  // ---- applications

  /** Opens a connection from the client's first address to the server's first. */
  connect(options: ConnectOptions & { readonly to?: number; readonly from?: number } = {}): App {
    const { to = 0, from = 0, ...rest } = options;
    const connection = this.hosts.client.connect(this.address("server", to), PORT, { localAddress: this.address("client", from), ...rest }, this.now);
    return this.appOf(connection, "client");
  }

  /** Opens a connection and lets everything settle; both ends. */
  establish(options: ConnectOptions = {}): { client: App; server: App } {
    const client = this.connect(options);
    this.run(200);
    const server = this.accepted[this.accepted.length - 1];
    if (server === undefined) throw new Error("nothing accepted");
    return { client, server };
  }

  address(side: Side, index: number): IpAddress {
    const address = this.addresses[side][index];
    if (address === undefined) throw new Error(`no address ${index}`);
    return address;
  }

  /** Gives a host one more address. @returns its index */
  addAddress(side: Side, text: string, flags: { backup?: boolean } = {}): number {
    const address = IpAddress.from(text);
    const known = this.addresses[side].findIndex((entry) => entry.equals(address));
    const index = known >= 0 ? known : this.addresses[side].push(address) - 1;
    this.hosts[side].addAddress(address, { link: index, flags }, this.now);
    return index;
  }

  removeAddress(side: Side, index: number): void {
    this.hosts[side].removeAddress(this.address(side, index), this.now);
  }

  // ---- the network

  /** Adds a rule; packets pass through all of them in order. @returns what takes it away again */
  interfere(rule: Interference): () => void {
    this.interferences.push(rule);
    return () => {
      const at = this.interferences.indexOf(rule);
      if (at >= 0) this.interferences.splice(at, 1);
    };
  }

  /**
   * Leads the packets that a test picks through a middlebox of its own; its inside is the client's. What it sends at once is subject to the
   * rules behind it, what it sends later is not. @returns what takes it away again
   */
  middlebox(make: MiddleboxFactory, which: (sent: Sent) => boolean = () => true): () => void {
    const box = make(`box${this.interferences.length}`, { queue: this.queue, random: new SeededRandom(this.interferences.length), observer: null });
    /** What came out at once; null while nothing goes in. */
    let out: Packet[] | null = null;
    for (const to of ["client", "server"] as const) {
      const egress: Egress = {
        name: to,
        mtu: 65_535,
        maxPacket: 65_535,
        send: (packet, now) => {
          if (out === null) this.arriveAfter(to, packet, now);
          else out.push(packet);
        },
        roomAt: (_, now) => now,
        listener: null,
      };
      box.attach(egress);
    }
    return this.interfere((packet, sent) => (which(sent) ? throughBox(packet, sent) : packet));

    function throughBox(packet: Packet, sent: Sent): readonly Packet[] {
      const sentOn: Packet[] = [];
      out = sentOn;
      box.receive(packet, sent.from === "client" ? 0 : 1, sent.at);
      out = null;
      return sentOn;
    }
  }

  /** Loses the packets that a test picks, the first `times` of them. */
  lose(which: (sent: Sent) => boolean, times = Number.POSITIVE_INFINITY): () => void {
    let left = times;
    return this.interfere((packet, sent) => {
      if (left <= 0 || !which(sent)) return packet;
      left--;
      return null;
    });
  }

  /** Changes a packet's segment on the way. */
  alter(change: (segment: TcpSegment, sent: Sent) => void): () => void {
    return this.interfere((packet, sent) => {
      if (packet.tcp !== null) {
        change(packet.tcp, sent);
        packet.length = packetLength(packet);
      }
      return packet;
    });
  }

  /** Delivers a packet to a host as if it came from the network, now. */
  inject(to: Side, packet: Packet): void {
    this.deliver(to, packet);
    this.drain();
  }

  /** Delivers a packet to a host after `delay` ns. */
  enqueue(to: Side, packet: Packet, delay: number): void {
    const at = this.now + delay;
    let place = this.inFlight.length;
    while (place > 0 && (this.inFlight[place - 1] as { at: number }).at > at) place--;
    this.inFlight.splice(place, 0, { at, to, packet });
  }

  /** Lets virtual time pass. */
  run(milliseconds: number): void {
    const until = this.now + milliseconds * MS;
    this.drain();
    for (;;) {
      const next = this.nextEvent();
      if (next > until) break;
      this.now = Math.max(this.now, next);
      this.step();
    }
    this.now = until;
  }

  /** Runs until `done` holds, at most for `limit` ms. @returns whether it holds */
  runUntil(done: () => boolean, limit = 60_000): boolean {
    const until = this.now + limit * MS;
    this.drain();
    while (!done()) {
      const next = this.nextEvent();
      if (next > until) {
        this.now = until;
        return false;
      }
      this.now = Math.max(this.now, next);
      this.step();
    }
    return true;
  }

  /** Packets sent so far, or since `from` (an earlier `sent.length`), that pass a test. */
  packets(which: (sent: Sent) => boolean = () => true, from = 0): Sent[] {
    return this.sent.slice(from).filter(which);
  }

  /** The packets as lines of text, see {@link line}. */
  lines(which: (sent: Sent) => boolean = () => true, from = 0): string[] {
    return this.packets(which, from).map(line);
  }

  /** Events of one kind on one side. */
  decisions<K extends DecisionEvent["kind"]>(side: Side, kind: K): Extract<DecisionEvent, { kind: K }>[] {
    return this.events[side].filter((event): event is Extract<DecisionEvent, { kind: K }> => event.kind === kind);
  }

  counter(side: Side, name: string): number {
    return this.hosts[side].counters.value(`MPTcpExt${name}`);
  }

  // ---- inside

  private nextArrival(): number {
    return this.inFlight.length === 0 ? NEVER : (this.inFlight[0] as { at: number }).at;
  }

  /** When something happens next in the network or at a host. */
  private nextEvent(): number {
    return Math.min(this.nextArrival(), this.queue.next, this.hosts.client.nextTimeout(), this.hosts.server.nextTimeout());
  }

  private step(): void {
    if (this.queue.next <= this.now) this.queue.run(this.now);
    while (this.inFlight.length > 0 && this.nextArrival() <= this.now) {
      const arrival = this.inFlight.shift() as (typeof this.inFlight)[number];
      this.deliver(arrival.to, arrival.packet);
      this.drain();
    }
    for (const side of ["client", "server"] as const) if (this.hosts[side].nextTimeout() <= this.now) this.hosts[side].handleTimeout(this.now);
    this.drain();
  }

  private deliver(to: Side, packet: Packet): void {
    const link = this.addresses[to].findIndex((address) => address.equals(packet.destination));
    this.hosts[to].receive(packet, Math.max(0, link), this.now);
  }

  /** Applications look at what happened; packets leave until nobody has any more. */
  private drain(): void {
    for (let before = -1; before !== this.moves; ) {
      before = this.moves;
      for (const side of ["client", "server"] as const) this.pumps[side].run();
    }
  }

  /** What the pump of a host drives: its links always have room. */
  private driver(side: Side): PumpDriver {
    const { addresses } = this;
    return {
      get order(): number[] {
        return addresses[side].map((_, link) => link);
      },
      time: () => this.now,
      hasRoom: () => true,
      send: (_link, packet) => {
        this.moves++;
        this.transmit(side, packet);
      },
      dispatch: (ready) => {
        this.moves++;
        if ("accept" in ready) {
          if (this.accept) this.acceptAll();
        } else this.appOf(ready, side).look();
      },
    };
  }

  acceptAll(): void {
    for (let connection = this.listener.accept(); connection !== null; connection = this.listener.accept()) {
      const app = this.appOf(connection, "server");
      this.accepted.push(app);
      app.look();
    }
  }

  private transmit(from: Side, packet: Packet): void {
    const to: Side = from === "client" ? "server" : "client";
    const source = this.addresses[from].findIndex((address) => address.equals(packet.source));
    const destination = this.addresses[to].findIndex((address) => address.equals(packet.destination));
    const [client, server] = from === "client" ? [source, destination] : [destination, source];
    if (packet.tcp === null) throw new Error("not TCP");
    if (packet.length !== packetLength(packet)) throw new Error(`length ${packet.length}, not ${packetLength(packet)}`);
    if (tcpHeaderLength(packet.tcp) > 20 + TCP_OPTION_SPACE) throw new Error(`options do not fit: ${packet.tcp.mptcp.map((one) => one.kind).join()}`);
    const original = packet.clone();
    const sent: Sent = { at: this.now, from, client, server, packet: original, segment: original.tcp as TcpSegment, lost: false };
    this.sent.push(sent);
    let passing: readonly Packet[] = [packet];
    for (const rule of this.interferences) {
      passing = passing.flatMap((one) => rule(one, sent) ?? []);
    }
    sent.lost = passing.length === 0 || destination < 0;
    if (destination < 0) return;
    for (const one of passing) this.enqueue(to, one, this.delay(client, server));
  }

  /** A packet leaves a middlebox for one side; it takes as long as one from the sender. */
  private arriveAfter(to: Side, packet: Packet, now: number): void {
    const from: Side = to === "client" ? "server" : "client";
    const source = this.addresses[from].findIndex((address) => address.equals(packet.source));
    const destination = this.addresses[to].findIndex((address) => address.equals(packet.destination));
    const [client, server] = from === "client" ? [source, destination] : [destination, source];
    this.enqueue(to, packet, now - this.now + this.delay(client, server));
  }

  private appOf(connection: StreamConnection, side: Side): App {
    let app = this.apps.get(connection);
    if (app === undefined) {
      app = new App(this, connection, side);
      this.apps.set(connection, app);
    }
    return app;
  }
}

/** An application on one end: writes a stream of known bytes, and checks the one that it reads. */
export class App {
  readonly side: Side;
  readonly connection: StreamConnection;
  /** Reads whatever comes. */
  reading = true;
  /** Bytes read, and whether one of them was wrong. */
  received = 0;
  corrupt = false;
  /** What was read, when a test wants it: set to an empty list. */
  kept: Uint8Array[] | null = null;
  /** All {@link STREAM_EVENT} bits so far. */
  seen = 0;
  private readonly pair: Pair;
  private written = 0;
  private wanted = 0;
  private ending = false;

  constructor(pair: Pair, connection: StreamConnection, side: Side) {
    this.pair = pair;
    this.connection = connection;
    this.side = side;
  }

  /** The connection, which must have begun as Multipath TCP. */
  get mptcp(): MptcpConnection {
    if (!(this.connection instanceof MptcpConnection)) throw new Error("a plain TCP socket");
    return this.connection;
  }

  /** The parts behind it, while it is Multipath TCP. */
  get engine(): Multipath {
    return engineOf(this.mptcp);
  }

  /** Path indices of subflows that may carry data. */
  get established(): number[] {
    return this.mptcp.subflows.filter((subflow) => subflow.established).map((subflow) => subflow.pathIndex);
  }

  get connected(): boolean {
    return (this.seen & STREAM_EVENT.connected) !== 0;
  }
  get drained(): boolean {
    return (this.seen & STREAM_EVENT.drained) !== 0;
  }

  /** Writes `length` more bytes, as there is room. */
  write(length: number): void {
    this.wanted += length;
    this.push();
  }

  /** Ends after what was written. */
  end(): void {
    this.ending = true;
    this.push();
  }

  abort(): void {
    this.connection.abort(this.pair.now);
  }

  /** Goes away: what was written is still delivered. */
  abandon(): void {
    this.connection.abandon(this.pair.now);
  }

  look(): void {
    this.seen |= this.connection.takeEvents();
    if (this.reading) this.read();
    this.push();
  }

  /** Reads up to `max` bytes. */
  read(max = Number.POSITIVE_INFINITY): void {
    let left = max;
    while (left > 0) {
      const payload = this.connection.read(Math.min(left, 1 << 20), this.pair.now);
      if (payload === null) return;
      const bytes = payload.toUint8Array();
      for (let i = 0; i < bytes.length; i++) if (bytes[i] !== byteAt(this.received + i)) this.corrupt = true;
      this.kept?.push(bytes.slice());
      this.received += bytes.length;
      left -= bytes.length;
    }
  }

  private push(): void {
    while (this.written < this.wanted && !this.connection.closed) {
      const length = Math.min(this.wanted - this.written, 1 << 16);
      const bytes = Uint8Array.from({ length }, (_, i) => byteAt(this.written + i));
      const taken = this.connection.write(Payload.of(bytes), true, this.pair.now);
      this.written += taken;
      if (taken < length) return;
    }
    if (this.ending && this.written === this.wanted) this.connection.end(this.pair.now);
  }
}

/** The parts behind a connection, which nobody but these tests looks at. */
export function engineOf(connection: MptcpConnection): Multipath {
  const { stream } = connection as unknown as { readonly stream: unknown };
  if (!(stream instanceof Multipath)) throw new Error("the connection has become regular TCP");
  return stream;
}

/** Byte `i` of every stream in these tests. */
export function byteAt(i: number): number {
  return (i * 7 + (i >> 8) * 13 + (i >> 16)) & 255;
}

/** The option of a kind on a segment, or null. */
export function option<K extends MptcpOption["kind"]>(segment: TcpSegment, kind: K): Extract<MptcpOption, { kind: K }> | null {
  for (const candidate of segment.mptcp) if (candidate.kind === kind) return candidate as Extract<MptcpOption, { kind: K }>;
  return null;
}

export function has(sent: Sent, kind: MptcpOption["kind"]): boolean {
  return option(sent.segment, kind) !== null;
}

export function flagLetters(segment: TcpSegment): string {
  let text = "";
  for (const [name, bit] of Object.entries(FLAG_LETTERS)) if ((segment.flags & bit) !== 0) text += name;
  return text;
}

export const isSyn = (sent: Sent): boolean => (sent.segment.flags & TCP_FLAG.SYN) !== 0;
export const isReset = (sent: Sent): boolean => (sent.segment.flags & TCP_FLAG.RST) !== 0;
export const isFin = (sent: Sent): boolean => (sent.segment.flags & TCP_FLAG.FIN) !== 0;
export const isData = (sent: Sent): boolean => sent.segment.payload.length > 0;

/** A packet as a line: direction, path, flags, payload length, MPTCP options; `> 00 SA` is a SYN+ACK from client 0 to server 0. */
export function line(sent: Sent): string {
  const { segment } = sent;
  const length = segment.payload.length === 0 ? "" : ` ${segment.payload.length}`;
  const options = segment.mptcp.map((one) => ` ${optionText(one)}`).join("");
  return `${sent.from === "client" ? ">" : "<"} ${sent.client}${sent.server} ${flagLetters(segment)}${length}${options}`;
}

function optionText(one: MptcpOption): string {
  switch (one.kind) {
    case "mp_capable": {
      const keys = (one.senderKey === null ? "" : "+key") + (one.receiverKey === null ? "" : "+key");
      return `capable${keys}${one.dataLength < 0 ? "" : `(${one.dataLength})`}`;
    }
    case "dss": {
      const parts: string[] = [];
      if (one.dataAckLength !== 0) parts.push("ack");
      if (one.dsnLength !== 0) parts.push(one.dataLength === 0 ? "infinite" : `map ${one.dataLength}@${one.subflowSequence}`);
      if (one.dataFin) parts.push("fin");
      return `dss(${parts.join(" ")})`;
    }
    case "mp_tcprst":
      return `tcprst(${one.reason}${one.transient ? " transient" : ""})`;
    case "add_addr":
      return `add_addr(${one.echo ? "echo " : ""}${one.addressId})`;
    case "remove_addr":
      return `remove_addr(${one.addressIds.join()})`;
    case "mp_prio":
      return `prio(${one.backup ? "backup" : "regular"})`;
    default:
      return one.kind.replace("mp_", "");
  }
}

function parseAll(given: readonly string[] | number, prefix: string): IpAddress[] {
  const texts = typeof given === "number" ? Array.from({ length: given }, (_, i) => `${prefix}${i + 1}`) : given;
  return texts.map((text) => IpAddress.from(text));
}

const FLAG_LETTERS = { S: TCP_FLAG.SYN, F: TCP_FLAG.FIN, R: TCP_FLAG.RST, P: TCP_FLAG.PSH, A: TCP_FLAG.ACK, U: TCP_FLAG.URG } as const;
