import { MptcpError } from "../../core/index.ts";
import type { ConnectOptions } from "../../host/index.ts";
import { MptcpConnection } from "../../mptcp/index.ts";
import { STREAM_EVENT } from "../../tcp/index.ts";
import type { StreamConnection } from "../../tcp/index.ts";
import { Packet, Payload, TCP_FLAG, TcpSegment } from "../../wire/index.ts";
import type { IpAddress, MpCapable } from "../../wire/index.ts";
import type { Runtime } from "../runtime.ts";
import type { Sighting, Tap } from "./tap.ts";

/** Where a probe's connections go, and by what. */
export interface Course {
  readonly runtime: Runtime;
  readonly taps: readonly Tap[];
  /** The link of the first subflow, and our address on it. */
  readonly tap: Tap;
  readonly local: IpAddress;
  readonly remote: IpAddress;
  readonly port: number;
  /** Longest wait for one answer, ms. */
  readonly timeout: number;
  readonly signal: AbortSignal | null;
}

/** One connection of the engine, and all packets between the two hosts while it lived. */
export class Trial {
  readonly connection: StreamConnection;
  /** Octets that came. */
  received = 0;
  /** All that was written, and the end, was acknowledged. */
  isDrained = false;
  private readonly course: Course;
  private readonly waiters = new Set<() => void>();
  private isConnected = false;

  constructor(course: Course, options: ConnectOptions) {
    this.course = course;
    for (const tap of course.taps) {
      tap.clear();
      tap.onTraffic = () => this.look();
    }
    this.connection = course.runtime.connect(course.remote, course.port, { localAddress: course.local, ...options }, this);
  }

  onEvents(events: number, now: number): void {
    if ((events & STREAM_EVENT.connected) !== 0) this.isConnected = true;
    if ((events & STREAM_EVENT.drained) !== 0) this.isDrained = true;
    if ((events & STREAM_EVENT.readable) !== 0) {
      for (let payload = this.connection.read(65536, now); payload !== null; payload = this.connection.read(65536, now)) this.received += payload.length;
    }
    this.look();
  }

  /** Whether the handshake is over. */
  get connected(): boolean {
    return this.isConnected && !this.connection.closed;
  }

  /** The connection as one of Multipath TCP; null for plain TCP. */
  get multipath(): MptcpConnection | null {
    return this.connection instanceof MptcpConnection ? this.connection : null;
  }

  /**
   * Waits until `holds`, at most `limit` ms, or as long as an answer may take.
   * @returns whether it holds
   * @throws what the signal was aborted with
   */
  until(holds: () => boolean, limit = this.course.timeout): Promise<boolean> {
    const { signal, timeout: longest } = this.course;
    const timeout = Math.min(limit, longest);
    return new Promise((resolve, reject) => {
      const finish = (act: () => void): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
        this.waiters.delete(check);
        act();
      };
      const check = (): void => {
        if (holds()) finish(() => resolve(true));
      };
      const onAbort = (): void => finish(() => reject(signal?.reason as Error));
      const timer = setTimeout(() => finish(() => resolve(holds())), timeout);
      signal?.addEventListener("abort", onAbort, { once: true });
      this.waiters.add(check);
      if (signal?.aborted === true) onAbort();
      else check();
    });
  }

  write(text: string): void {
    this.connection.write(Payload.of(new TextEncoder().encode(text)), true, this.course.runtime.now);
    this.course.runtime.poke();
  }

  end(): void {
    this.connection.end(this.course.runtime.now);
    this.course.runtime.poke();
  }

  /** Breaks off what is still open. */
  abort(): void {
    if (!this.connection.closed) this.connection.abort(this.course.runtime.now);
    this.course.runtime.poke();
  }

  /** Packets of the first subflow. */
  get first(): readonly Sighting[] {
    return this.course.tap.sightings.filter((sighting) => this.isOfFirst(sighting));
  }

  /** Packets of every other subflow, by link. */
  get others(): readonly Sighting[] {
    return this.course.taps.flatMap((tap) => tap.sightings.filter((sighting) => tap !== this.course.tap || !this.isOfFirst(sighting)));
  }

  /** A port may be shared with a subflow to another address. */
  private isOfFirst(sighting: Sighting): boolean {
    const { localPort, remoteAddress } = this.connection.tuple;
    const { direction, packet } = sighting;
    return portOf(sighting) === localPort && remoteAddress.equals(direction === "in" ? packet.source : packet.destination);
  }

  private look(): void {
    for (const check of Array.from(this.waiters)) check();
  }
}

/** Answer to a hand-made SYN: the segment, or null for silence. */
export async function handMadeSyn(course: Course, option: MpCapable): Promise<TcpSegment | null> {
  const { tap, local, remote, port, timeout, signal, runtime } = course;
  const { random } = runtime.host;
  // What comes to it is for nobody else.
  const used = tap.connections.opened().map((ends) => ends.localPort);
  const localPort = tap.ports === undefined ? FIRST_EPHEMERAL + (random.ports.uint32() % (65536 - FIRST_EPHEMERAL)) : tap.ports.allocate(local, remote, port, (free) => !used.includes(free));
  if (localPort === 0) throw new MptcpError("EADDRNOTAVAIL", `no port is free at ${local}`);
  const syn = segmentTo(course, localPort, TCP_FLAG.SYN);
  const segment = syn.tcp as TcpSegment;
  segment.sequence = random.sequenceNumbers.uint32();
  segment.window = 65535;
  segment.maximumSegmentSize = tap.mtu - (local.family === 4 ? 40 : 60);
  segment.mptcp = [option];
  try {
    return await new Promise<TcpSegment | null>((resolve, reject) => {
      const finish = (act: () => void): void => {
        clearTimeout(timer);
        clearInterval(again);
        tap.expect(localPort, null);
        signal?.removeEventListener("abort", onAbort);
        act();
      };
      const onAbort = (): void => finish(() => reject(signal?.reason as Error));
      const timer = setTimeout(() => finish(() => resolve(null)), timeout);
      const again = setInterval(() => tap.inject(syn.clone()), SYN_INTERVAL);
      signal?.addEventListener("abort", onAbort, { once: true });
      tap.expect(localPort, (packet) => {
        const answer = packet.tcp;
        if (answer === null || !packet.source.equals(remote) || answer.sourcePort !== port || answer.acknowledgment !== ((segment.sequence + 1) >>> 0)) return;
        if ((answer.flags & TCP_FLAG.RST) === 0) {
          // Nothing is to be left half open at the peer.
          const reset = segmentTo(course, localPort, TCP_FLAG.RST);
          (reset.tcp as TcpSegment).sequence = answer.acknowledgment;
          tap.inject(reset);
        }
        finish(() => resolve(answer));
      });
      if (signal?.aborted === true) onAbort();
      else tap.inject(syn.clone());
    });
  } finally {
    tap.ports?.release(local, localPort);
  }
}

function segmentTo(course: Course, localPort: number, flags: number): Packet {
  const packet = new Packet(course.local, course.remote);
  const segment = new TcpSegment();
  segment.sourcePort = localPort;
  segment.destinationPort = course.port;
  segment.flags = flags;
  packet.tcp = segment;
  return packet;
}

function portOf({ direction, packet }: Sighting): number {
  if (packet.tcp === null) return -1;
  return direction === "in" ? packet.tcp.destinationPort : packet.tcp.sourcePort;
}

/** The dynamic ports (RFC 6335 §6). */
const FIRST_EPHEMERAL = 49152;
/** ms; the initial retransmission timeout (RFC 6298 §2). */
const SYN_INTERVAL = 1000;
