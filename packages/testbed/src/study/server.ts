import type { RandomSource, RandomSources, StreamConnection } from "mptcp";
import { TCP_FLAG } from "mptcp/wire";
import type { IpAddress, Packet } from "mptcp/wire";
import { ControlHost } from "./control-host.ts";
import { experimentOf } from "./experiments.ts";
import { RawEnd } from "./raw-end.ts";
import { packSight } from "./sight.ts";

/** Settings of a {@link StudyServer}. */
export interface StudyServerOptions {
  readonly address: IpAddress;
  /** Where clients say what they are going to do, and ask what came of it. */
  readonly controlPort: number;
  /** Ports on which experiments may be made; null: on any other one. */
  readonly ports: readonly number[] | null;
  /** Octets of the largest packet. */
  readonly mtu: number;
  readonly random: RandomSources;
}

/**
 * The server's half of the probe, sans-IO: packets and the time come in, packets go out. It answers nobody but whom it has promised to over a connection of TCP: the sender of a
 * SYN alone, whose address may be forged, gets nothing.
 */
export class StudyServer {
  /** Experiments that were carried out. */
  experiments = 0;
  private readonly options: StudyServerOptions;
  private readonly control: ControlHost;
  private readonly ends = new Map<string, Armed>();
  /** Ends of the clients that were used before: what still comes from there belongs to an experiment that is over. */
  private readonly used = new Map<string, number>();
  private readonly random: RandomSource;

  constructor(options: StudyServerOptions) {
    this.options = options;
    this.random = options.random.sequenceNumbers;
    this.control = new ControlHost("server", options.address, options.mtu, options.random, false, {
      message: (message, connection, now) => this.hear(message, connection, now),
      closed: () => {},
    });
    this.control.listen(options.controlPort);
  }

  receive(packet: Packet, now: number): void {
    const segment = packet.tcp;
    if (segment === null) return;
    if (segment.destinationPort === this.options.controlPort) return this.control.receive(packet, now);
    const armed = this.ends.get(`${packet.source} ${segment.destinationPort}`);
    if (armed === undefined) return;
    const from = `${packet.source}:${segment.sourcePort}`;
    if (armed.from === null) {
      const isSyn = (segment.flags & (TCP_FLAG.SYN | TCP_FLAG.ACK | TCP_FLAG.RST)) === TCP_FLAG.SYN;
      if (this.used.has(from) || !(isSyn || armed.takesStrays)) return;
      armed.from = from;
      this.use(from, now);
    }
    if (armed.from === from) armed.end.receive(packet, now);
  }

  nextTimeout(): number {
    let next = this.control.nextTimeout();
    for (const { end } of this.ends.values()) next = Math.min(next, end.deadline);
    return next;
  }

  handleTimeout(now: number): void {
    this.control.handleTimeout(now);
    for (const { end } of this.ends.values()) if (end.deadline <= now) end.handleTimeout(now);
  }

  pollTransmit(): Packet | null {
    for (const { end } of this.ends.values()) {
      const own = end.pollTransmit();
      if (own !== null) return own;
    }
    return this.control.pollTransmit();
  }

  private hear(message: unknown, connection: StreamConnection, now: number): void {
    if (typeof message !== "object" || message === null) return;
    const { n, ask } = message as { readonly n?: unknown; readonly ask?: unknown };
    if (!isCount(n, 0xffff_ffff)) return;
    const answer = ask === "hello" ? this.hello(connection) : ask === "arm" ? this.arm(message, connection, now) : ask === "report" ? this.report(message, connection) : { error: "unknown question" };
    this.control.say(connection, n, { n, ...answer }, now);
  }

  private hello({ tuple }: StreamConnection): object {
    return { version: STUDY_VERSION, seenAs: String(tuple.remoteAddress) };
  }

  private arm(message: object, { tuple }: StreamConnection, now: number): object {
    const { port, experiment: name, connection, wait } = message as Readonly<Record<string, unknown>>;
    const experiment = typeof name === "string" ? experimentOf(name) : undefined;
    if (experiment === undefined) return { error: `the server knows no experiment ${String(name)}` };
    if (!isCount(port, 65_535) || !isCount(connection, 0xffff_ffff) || !isCount(wait, LONGEST_WAIT)) return { error: "a number is missing" };
    if (port === this.options.controlPort || this.options.ports?.includes(port) === false) return { error: `the server is not open at port ${port}` };
    const key = `${tuple.remoteAddress} ${port}`;
    const before = this.ends.get(key);
    if (before?.connection === connection) return { ok: true };
    this.ends.delete(key);
    if (this.ends.size >= MOST_ENDS) this.ends.delete(this.ends.keys().next().value as string);
    const end = new RawEnd({ connection, local: this.options.address, localPort: port, initial: this.random.uint32(), wait });
    this.ends.set(key, { end, connection, from: null, takesStrays: name === "stray" });
    this.experiments++;
    end.start(experiment.server, now);
    return { ok: true };
  }

  private report(message: object, { tuple }: StreamConnection): object {
    const { port, connection } = message as Readonly<Record<string, unknown>>;
    const armed = this.ends.get(`${tuple.remoteAddress} ${String(port)}`);
    if (armed === undefined || armed.connection !== connection) return { error: "the server knows nothing of it" };
    return { sent: armed.end.sent.slice(0, MOST_TOLD).map(packSight), seen: armed.end.seen.slice(0, MOST_TOLD).map(packSight) };
  }

  private use(from: string, now: number): void {
    this.used.set(from, now);
    for (const [other, since] of this.used) {
      if (this.used.size <= MOST_USED && now - since < USED_FOR) break;
      this.used.delete(other);
    }
  }
}

/** An experiment that a client has announced. */
interface Armed {
  readonly end: RawEnd;
  readonly connection: number;
  /** The address and port of its first segment. */
  from: string | null;
  readonly takesStrays: boolean;
}

const isCount = (value: unknown, most: number): value is number => typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= most;

/** Of the experiments and of how they are told of: both ends need the same one. */
export const STUDY_VERSION = 1;
/** ns */
export const LONGEST_WAIT = 10e9;
const MOST_ENDS = 256;
/** Segments of one connection that are told of: as many as a message holds. */
const MOST_TOLD = 80;
const MOST_USED = 4096;
/** ns */
const USED_FOR = 120e9;
