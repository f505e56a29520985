import { NEVER, seededSources } from "../../core/index.ts";
import { Host, Pump } from "../../host/index.ts";
import type { Listener, PumpDriver } from "../../host/index.ts";
import { fixedBuffer, STREAM_EVENT } from "../../tcp/index.ts";
import type { StreamConnection } from "../../tcp/index.ts";
import { Packet, packetLength, TCP_FLAG } from "../../wire/index.ts";
import type { IpAddress, TcpSegment } from "../../wire/index.ts";
import type { Scheduled } from "../event-queue.ts";
import { middleboxKind } from "./kind.ts";
import type { MiddleboxKind } from "./kind.ts";
import { DIRECTION, opposite, SegmentMiddlebox } from "./middlebox.ts";
import type { Direction, MiddleboxEnvironment } from "./middlebox.ts";
import { countParameter, octetsParameter } from "../parameters.ts";
import type { ValuesOf } from "../parameters.ts";

const PARAMETERS = {
  port: countParameter(0, 0, 65_535, "Connections to this port are terminated, others pass; 0: all are."),
  buffer: octetsParameter(262_144, 2048, 1_073_741_824, "How many octets of a connection it holds for each end and direction."),
  connections: countParameter(1024, 1, 16_384, "How many it carries at once; SYNs beyond are dropped."),
};

export type TerminatingProxyParameters = ValuesOf<typeof PARAMETERS>;

/**
 * Terminates TCP, unseen: whoever opens a connection through it has one with the box, which answers in the name of the other end and opens one of its own to that end, in
 * the name of the first. Each is a whole TCP of the engine's, with its own sequence numbers, windows, options and retransmissions; nothing but the bytes goes from one to the
 * other, and no option of Multipath TCP. Segments of connections that it has not seen begin draw a RST, as of a host that knows nothing of them.
 */
export class TerminatingProxy extends SegmentMiddlebox {
  private readonly port: number;
  private readonly limit: number;
  private readonly ends: readonly [ProxyEnd, ProxyEnd];
  /** Each half with the other one. */
  private readonly halves = new Map<StreamConnection, Half>();

  constructor(name: string, environment: MiddleboxEnvironment, parameters: TerminatingProxyParameters) {
    super(name, environment);
    this.port = parameters.port;
    this.limit = parameters.connections;
    const seed = this.random.uint32();
    const end = (direction: Direction, side: string): ProxyEnd => {
      const buffer = fixedBuffer(parameters.buffer);
      const tcp = { sendBuffer: buffer, receiveBuffer: buffer };
      const host = new Host({ name: `${name} ${side}`, random: seededSources(seed, [side]), multipath: false, synCookies: "never", tcp });
      return new ProxyEnd(this.queue, host, {
        send: (packet, now) => this.forward(packet, opposite(direction), now),
        accept: (connection, now) => this.accept(connection, direction, now),
        advance: (connection, now) => this.advance(connection, now),
      });
    };
    this.ends = [end(DIRECTION.outward, "inside"), end(DIRECTION.inward, "outside")];
  }

  /** Connections that it carries, both halves of each. */
  get carried(): number {
    return this.halves.size / 2;
  }

  protected treat(packet: Packet, segment: TcpSegment, direction: Direction, now: number): void {
    if (this.port !== 0 && segment.sourcePort !== this.port && segment.destinationPort !== this.port) return this.forward(packet, direction, now);
    const end = this.ends[direction];
    const isOpening = (segment.flags & (TCP_FLAG.SYN | TCP_FLAG.ACK | TCP_FLAG.RST)) === TCP_FLAG.SYN;
    if (isOpening && (this.port === 0 || segment.destinationPort === this.port)) {
      if (this.halves.size / 2 >= this.limit) return this.drop(packet, "firewall", now);
      end.listen(packet.destination, segment.destinationPort, this.largestPacket(opposite(direction)), now);
    }
    // To a host of the time before Multipath TCP its options are nothing.
    segment.mptcp = NO_OPTIONS;
    packet.length = packetLength(packet);
    this.changed++;
    end.receive(packet, now);
  }

  protected override standBy(packet: Packet, direction: Direction, now: number): void {
    if (packet.tcp !== null && this.carried > 0) this.treat(packet, packet.tcp, direction, now);
    else this.forward(packet, direction, now);
  }

  /** An end has a connection that came in a direction: the other end opens one onwards. */
  private accept(connection: StreamConnection, direction: Direction, now: number): void {
    const { localAddress, localPort, remoteAddress, remotePort } = connection.tuple;
    const far = this.ends[opposite(direction)];
    const other = far.connect(remoteAddress, remotePort, localAddress, localPort, this.largestPacket(direction), now);
    if (other === null) {
      connection.abort(now);
      return;
    }
    this.halves.set(connection, { end: this.ends[direction], connection, other, isEnded: false });
    this.halves.set(other, { end: far, connection: other, other: connection, isEnded: false });
    far.work(now);
  }

  /** Something happened to one half: what can be moved is moved, both ways. */
  private advance(connection: StreamConnection, now: number): void {
    const half = this.halves.get(connection);
    const other = half === undefined ? undefined : this.halves.get(half.other);
    if (half === undefined || other === undefined) return;
    move(half, now);
    move(other, now);
    if (connection.closed) {
      if (connection.error !== null) half.other.abort(now);
      if (half.other.closed || connection.error !== null) {
        this.halves.delete(connection);
        this.halves.delete(half.other);
      }
    }
    other.end.work(now);
  }
}

/** Terminates TCP, unseen, and opens connections of its own. */
export const terminatingProxy: MiddleboxKind = middleboxKind(
  "terminating-proxy",
  "Terminates TCP, unseen, and opens connections of its own.",
  PARAMETERS,
  (name, environment, parameters) => new TerminatingProxy(name, environment, parameters),
);

interface Half {
  readonly end: ProxyEnd;
  readonly connection: StreamConnection;
  readonly other: StreamConnection;
  /** Whether the other was told that no more comes. */
  isEnded: boolean;
}

/** From one half to the other, as much as goes. */
function move(half: Half, now: number): void {
  const { connection, other } = half;
  // A write that is not taken whole is what brings the word that there is room again.
  for (let bytes = connection.peek(MOST_AT_ONCE); bytes !== null && !other.closed; bytes = connection.peek(MOST_AT_ONCE)) {
    const taken = other.write(bytes, true, now);
    if (taken > 0) connection.read(taken, now);
    if (taken < bytes.length) break;
  }
  if (!connection.ended || half.isEnded || connection.readable > 0) return;
  half.isEnded = true;
  if (!other.closed) other.end(now);
}

interface ProxyEvents {
  send(packet: Packet, now: number): void;
  accept(connection: StreamConnection, now: number): void;
  advance(connection: StreamConnection, now: number): void;
}

/** One face of the proxy: a host that has whatever addresses the other side has. */
class ProxyEnd implements PumpDriver, Scheduled {
  slot = -1;
  readonly background = false;
  readonly order: readonly number[] = [0];
  private readonly queue: MiddleboxEnvironment["queue"];
  private readonly host: Host;
  private readonly events: ProxyEvents;
  private readonly pump: Pump;
  private readonly listeners = new Map<number, Listener>();
  private readonly addresses = new Set<string>();
  private wakeAt = NEVER;

  constructor(queue: MiddleboxEnvironment["queue"], host: Host, events: ProxyEvents) {
    this.queue = queue;
    this.host = host;
    this.events = events;
    this.pump = new Pump(host, this);
  }

  fire(now: number): void {
    this.wakeAt = NEVER;
    if (this.host.nextTimeout() <= now) this.host.handleTimeout(now);
    this.work(now);
  }

  receive(packet: Packet, now: number): void {
    this.host.receive(packet, 0, now);
    this.work(now);
  }

  /** Answers at an address and a port from now on. */
  listen(address: IpAddress, port: number, largestPacket: number, now: number): void {
    this.have(address, largestPacket, now);
    if (!this.listeners.has(port)) this.listeners.set(port, this.host.listen(port));
  }

  /** A connection from an address and port to others; null when they are in use. */
  connect(from: IpAddress, fromPort: number, to: IpAddress, toPort: number, largestPacket: number, now: number): StreamConnection | null {
    this.have(from, largestPacket, now);
    try {
      return this.host.connect(to, toPort, { localAddress: from, localPort: fromPort }, now);
    } catch {
      return null;
    }
  }

  /** Everything that can be done now. */
  work(now: number): void {
    if (this.pump.running) return;
    this.pump.run();
    const at = Math.max(now, Math.ceil(this.host.nextTimeout()));
    if (at >= this.wakeAt) return;
    this.wakeAt = at;
    this.queue.schedule(this, at);
  }

  time(): number {
    return this.queue.now;
  }

  hasRoom(): boolean {
    return true;
  }

  send(_link: number, packet: Packet, now: number): void {
    this.events.send(packet, now);
  }

  dispatch(ready: StreamConnection | Listener, now: number): void {
    if ("accept" in ready) {
      for (let next = ready.accept(); next !== null; next = ready.accept()) {
        this.events.accept(next, now);
        this.events.advance(next, now);
      }
    } else if ((ready.takeEvents() & ~STREAM_EVENT.subflows) !== 0) this.events.advance(ready, now);
  }

  private have(address: IpAddress, largestPacket: number, now: number): void {
    const name = String(address);
    if (this.addresses.has(name)) return;
    this.addresses.add(name);
    this.host.addAddress(address, { link: 0, mtu: Math.min(largestPacket, USUAL_MTU) }, now);
  }
}

const NO_OPTIONS: readonly never[] = [];
const USUAL_MTU = 1500;
/** Octets. */
const MOST_AT_ONCE = 65_536;
