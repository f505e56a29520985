import { Counters, MILLISECOND, NEVER, randomFraction, SECOND, SeededRandom, seededSources } from "../../src/core/index.ts";
import type { DecisionEvent, Observer, RandomSources } from "../../src/core/index.ts";
import { DEFAULT_TCP_CONFIG, newReno, SegmentPool, STREAM_EVENT, TcpConnection, TcpSocket } from "../../src/tcp/index.ts";
import type { FourTuple, InitialNumbers, TcpConfig, TcpEnvironment } from "../../src/tcp/index.ts";
import { IpAddress, Payload, sequenceAdd, TCP_FLAG } from "../../src/wire/index.ts";
import type { Packet, TcpSegment } from "../../src/wire/index.ts";

export { MILLISECOND, SECOND };

export const CLIENT = IpAddress.from("10.0.0.1");
export const SERVER = IpAddress.from("10.0.0.2");

export function configOf(overrides: Partial<TcpConfig> = {}): TcpConfig {
  return { ...DEFAULT_TCP_CONFIG, congestion: newReno, ...overrides };
}

/** A host that has one connection. */
export class TestEnvironment implements TcpEnvironment {
  readonly name: string;
  readonly random: RandomSources;
  readonly initialNumbers: InitialNumbers = {
    sequenceNumber: () => this.random.sequenceNumbers.uint32(),
    timestampOffset: () => this.random.timestampOffsets.uint32(),
  };
  readonly counters = new Counters();
  readonly segments = new SegmentPool();
  readonly memory = { isTight: false, isFull: false };
  readonly observer: Observer | null;
  readonly events: DecisionEvent[] = [];
  wakes = 0;
  closedCalls = 0;

  constructor(name: string, random: RandomSources, observe: boolean) {
    this.name = name;
    this.random = random;
    this.observer = observe ? { event: (event) => void this.events.push(event) } : null;
  }

  orphaned(): boolean {
    return true;
  }

  wake(_tcp: TcpConnection): void {
    this.wakes++;
  }

  closed(_tcp: TcpConnection): void {
    this.closedCalls++;
  }

  snapshot(): never {
    throw new Error("there is no host to restore it");
  }
}

export interface PipeOptions {
  /** One way, ns. */
  delay?: number;
  /** Bits per second; 0: infinite. */
  rate?: number;
  /** Octets that wait at the most. */
  queue?: number;
  /** Chance that a packet is lost, doubled, or delayed by up to `jitter`. */
  loss?: number;
  duplicate?: number;
  reorder?: number;
  jitter?: number;
  /** Cuts payloads into pieces of so many bytes, as a link does with super-segments; 0: does not. */
  cut?: number;
  /** Decides on its own what is lost. */
  drop?: (packet: Packet, index: number) => boolean;
}

/** One direction of a path in virtual time. */
export class TestPipe {
  readonly options: Required<Omit<PipeOptions, "drop">> & { drop: (packet: Packet, index: number) => boolean };
  sent = 0;
  dropped = 0;
  private readonly random: SeededRandom;
  private readonly inFlight: { at: number; order: number; packet: Packet }[] = [];
  private readonly departures: { at: number; length: number }[] = [];
  private departed = 0;
  private queued = 0;
  private free = 0;
  private order = 0;

  constructor(options: PipeOptions, random: SeededRandom) {
    this.options = {
      delay: options.delay ?? MILLISECOND, rate: options.rate ?? 0, queue: options.queue ?? Number.POSITIVE_INFINITY,
      loss: options.loss ?? 0, duplicate: options.duplicate ?? 0, reorder: options.reorder ?? 0, jitter: options.jitter ?? 0, cut: options.cut ?? 0,
      drop: options.drop ?? (() => false),
    };
    this.random = random;
  }

  push(packet: Packet, now: number): void {
    const { cut } = this.options;
    const payload = packet.tcp?.payload ?? Payload.EMPTY;
    if (cut === 0 || payload.length <= cut) {
      this.enqueue(packet, now);
      return;
    }
    for (let at = 0; at < payload.length; at += cut) {
      const piece = packet.clone();
      const segment = piece.tcp as TcpSegment;
      segment.sequence = sequenceAdd(segment.sequence, at);
      segment.payload = payload.slice(at, Math.min(payload.length, at + cut));
      if (at + cut < payload.length) segment.flags &= ~(TCP_FLAG.FIN | TCP_FLAG.PSH);
      piece.length -= payload.length - segment.payload.length;
      this.enqueue(piece, now);
    }
  }

  private enqueue(packet: Packet, now: number): void {
    const { rate, delay, queue } = this.options;
    const index = this.sent++;
    while (this.departed < this.departures.length && (this.departures[this.departed] as { at: number }).at <= now) {
      this.queued -= (this.departures[this.departed++] as { length: number }).length;
    }
    if (this.departed > 1000) {
      this.departures.splice(0, this.departed);
      this.departed = 0;
    }
    if (this.queued + packet.length > queue || this.options.drop(packet, index) || this.chance(this.options.loss)) {
      this.dropped++;
      return;
    }
    let at = now;
    if (rate > 0) {
      at = Math.max(now, this.free) + (packet.length * 8 * SECOND) / rate;
      this.free = at;
      this.queued += packet.length;
      this.departures.push({ at, length: packet.length });
    }
    this.insert(at + delay, packet);
    if (this.chance(this.options.duplicate)) this.insert(at + delay + this.options.jitter, packet.clone());
  }

  /** Arrival of the next packet. */
  get next(): number {
    return this.inFlight.length === 0 ? NEVER : (this.inFlight[0] as { at: number }).at;
  }

  pop(): Packet {
    return (this.inFlight.shift() as { packet: Packet }).packet;
  }

  private insert(at: number, packet: Packet): void {
    let arrival = at;
    if (this.chance(this.options.reorder)) arrival += Math.floor(randomFraction(this.random) * this.options.jitter);
    let i = this.inFlight.length;
    while (i > 0 && (this.inFlight[i - 1] as { at: number }).at > arrival) i--;
    this.inFlight.splice(i, 0, { at: arrival, order: this.order++, packet });
  }

  private chance(probability: number): boolean {
    return probability > 0 && randomFraction(this.random) < probability;
  }
}

export interface Endpoint {
  readonly environment: TestEnvironment;
  readonly config: TcpConfig;
  socket: TcpSocket | null;
}

export interface PairOptions {
  client?: Partial<TcpConfig>;
  server?: Partial<TcpConfig>;
  forward?: PipeOptions;
  backward?: PipeOptions;
  seed?: number;
  observe?: boolean;
}

/** Two plain sockets over an in-memory path in virtual time. */
export class Pair {
  now = 0;
  readonly client: Endpoint;
  readonly server: Endpoint;
  readonly forward: TestPipe;
  readonly backward: TestPipe;
  /** Called for every packet that leaves, before the pipe. */
  tap: (packet: Packet, fromClient: boolean, now: number) => void = () => {};
  /** Called after every step: the applications. */
  application: (pair: Pair) => void = () => {};
  steps = 0;

  constructor(options: PairOptions = {}) {
    const seed = options.seed ?? 1;
    this.client = { environment: new TestEnvironment("client", seededSources(seed, ["client"]), options.observe ?? false), config: configOf(options.client), socket: null };
    this.server = { environment: new TestEnvironment("server", seededSources(seed, ["server"]), options.observe ?? false), config: configOf(options.server), socket: null };
    this.forward = new TestPipe(options.forward ?? {}, new SeededRandom(seed, "forward"));
    this.backward = new TestPipe(options.backward ?? options.forward ?? {}, new SeededRandom(seed, "backward"));
  }

  /** Starts the handshake. */
  open(): TcpSocket {
    const tuple: FourTuple = { localAddress: CLIENT, localPort: 40000, remoteAddress: SERVER, remotePort: 80 };
    this.client.socket = TcpSocket.connect(
      { id: 1, environment: this.client.environment, config: this.client.config, tuple, onEvent: () => {}, fallback: null }, this.now,
    );
    this.transmit();
    return this.client.socket;
  }

  /** Opens and runs until both ends are established. */
  establish(): this {
    this.open();
    this.runUntil(() => this.client.socket?.tcp.established === true && this.server.socket?.tcp.established === true);
    return this;
  }

  get a(): TcpSocket {
    return this.client.socket as TcpSocket;
  }

  get b(): TcpSocket {
    return this.server.socket as TcpSocket;
  }

  /** Lets everything happen that is due by `until`. */
  runTo(until: number): void {
    for (;;) {
      const next = this.nextEvent();
      if (next > until) break;
      this.step(next);
    }
    this.now = Math.max(this.now, until);
  }

  /** Runs until `done`, at most until `limit`. @returns whether it came to be */
  runUntil(done: () => boolean, limit = this.now + 3600 * SECOND): boolean {
    while (!done()) {
      const next = this.nextEvent();
      if (next > limit) return false;
      this.step(next);
    }
    return true;
  }

  /** Sends what there is to send, at both ends. */
  transmit(): void {
    drain(this.client.socket, (packet) => {
      this.tap(packet, true, this.now);
      this.forward.push(packet, this.now);
    }, this.now);
    drain(this.server.socket, (packet) => {
      this.tap(packet, false, this.now);
      this.backward.push(packet, this.now);
    }, this.now);
  }

  private nextEvent(): number {
    return Math.min(this.forward.next, this.backward.next, this.client.socket?.tcp.nextTimeout ?? NEVER, this.server.socket?.tcp.nextTimeout ?? NEVER);
  }

  private step(at: number): void {
    if (++this.steps > 20_000_000) throw new Error("the simulation does not end");
    this.now = Math.max(this.now, at);
    while (this.forward.next <= at) {
      this.toServer(this.forward.pop());
      this.transmit();
    }
    while (this.backward.next <= at) {
      this.client.socket?.tcp.receive(this.backward.pop(), this.now);
      this.transmit();
    }
    for (const socket of [this.client.socket, this.server.socket]) {
      if (socket !== null && socket.tcp.nextTimeout <= at) socket.tcp.handleTimeout(this.now);
    }
    this.transmit();
    this.application(this);
    this.transmit();
  }

  private toServer(packet: Packet): void {
    if (this.server.socket !== null) {
      this.server.socket.tcp.receive(packet, this.now);
      return;
    }
    const segment = packet.tcp;
    if (segment === null || segment.flags !== 0x02) return;
    const tuple: FourTuple = { localAddress: SERVER, localPort: 80, remoteAddress: CLIENT, remotePort: 40000 };
    this.server.socket = TcpSocket.accept(
      { id: 1, environment: this.server.environment, config: this.server.config, tuple, onEvent: () => {}, fallback: null }, packet, this.now,
    );
  }
}

function drain(socket: TcpSocket | null, send: (packet: Packet) => void, now: number): void {
  if (socket === null) return;
  for (let i = 0; ; i++) {
    if (i > 100_000) throw new Error("pollTransmit does not end");
    const packet = socket.tcp.pollTransmit(now);
    if (packet === null) return;
    send(packet);
  }
}

/** Writes `total` virtual bytes as room appears, then ends if asked to. */
export class BulkWriter {
  written = 0;
  private readonly total: number;
  private readonly end: boolean;

  constructor(total: number, end: boolean) {
    this.total = total;
    this.end = end;
  }

  run(socket: TcpSocket, now: number): void {
    if (socket.closed) return;
    while (this.written < this.total) {
      const taken = socket.write(Payload.virtual(Math.min(this.total - this.written, 1 << 20)), true, now);
      if (taken === 0) return;
      this.written += taken;
    }
    if (this.end) socket.end(now);
  }
}

/** Reads everything; @returns the bytes read. */
export function readAll(socket: TcpSocket, now: number): number {
  let total = 0;
  for (let payload = socket.read(1 << 20, now); payload !== null; payload = socket.read(1 << 20, now)) total += payload.length;
  return total;
}

export { STREAM_EVENT, TcpConnection, TcpSocket };
