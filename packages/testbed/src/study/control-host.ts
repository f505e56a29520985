import { Host, Pump, STREAM_EVENT } from "mptcp";
import type { Listener, PumpDriver, RandomSources, StreamConnection } from "mptcp";
import { Payload } from "mptcp/wire";
import type { IpAddress, Packet } from "mptcp/wire";
import { encodeMessage, MessageReader } from "./messages.ts";

/** Who hears of messages. */
export interface ControlEvents {
  /** A message came over a connection. */
  message(message: unknown, connection: StreamConnection, now: number): void;
  /** A connection is over, or could not be opened. */
  closed(connection: StreamConnection, now: number): void;
}

/**
 * Messages between the two halves of the probe over plain TCP, the engine's own: where TCP passes, whatever boxes do to it, they arrive. Sans-IO as the engine is.
 */
export class ControlHost implements PumpDriver {
  readonly order: readonly number[] = [0];
  private readonly host: Host;
  private readonly pump: Pump;
  private readonly events: ControlEvents;
  private readonly out: Packet[] = [];
  private readonly readers = new Map<StreamConnection, MessageReader>();
  private readonly common: MessageReader | null;
  /** What no connection has taken yet. */
  private readonly unwritten = new Map<StreamConnection, Uint8Array>();
  private now = 0;
  private said = 0;

  /** @param isOneReader all connections are with one peer: what one of them has lost the next one may complete */
  constructor(name: string, address: IpAddress, mtu: number, random: RandomSources, isOneReader: boolean, events: ControlEvents) {
    this.events = events;
    this.common = isOneReader ? new MessageReader() : null;
    // The fewer options, the fewer boxes there are that do not let them pass.
    const tcp = { timestamps: false, sack: false, windowScaling: false };
    this.host = new Host({ name, random, multipath: false, synCookies: "never", tcp });
    this.host.addAddress(address, { link: 0, mtu }, 0);
    this.pump = new Pump(this.host, this);
  }

  listen(port: number): void {
    this.host.listen(port);
  }

  connect(remote: IpAddress, port: number, now: number): StreamConnection {
    this.now = now;
    const connection = this.host.connect(remote, port, {}, now);
    this.pump.run();
    return connection;
  }

  /** @param id of the message: the same for what is said again, so that its parts complete each other */
  say(connection: StreamConnection, id: number, message: unknown, now: number): void {
    this.now = now;
    if (connection.closed) return;
    const bytes = encodeMessage(id, message).toUint8Array();
    const before = this.unwritten.get(connection) ?? new Uint8Array(0);
    // What is said again stands at another place for a box that edits at regular ones.
    const start = before.length + ((this.said++ * 61) % MOST_PADDING);
    const all = new Uint8Array(start + bytes.length);
    all.set(before);
    all.set(bytes, start);
    this.unwritten.set(connection, all);
    this.write(connection);
    this.pump.run();
  }

  close(connection: StreamConnection, now: number): void {
    this.now = now;
    if (!connection.closed) connection.abandon(now);
    this.pump.run();
  }

  receive(packet: Packet, now: number): void {
    this.now = now;
    this.host.receive(packet, 0, now);
    this.pump.run();
  }

  nextTimeout(): number {
    return this.host.nextTimeout();
  }

  handleTimeout(now: number): void {
    this.now = now;
    if (this.host.nextTimeout() <= now) this.host.handleTimeout(now);
    this.pump.run();
  }

  pollTransmit(): Packet | null {
    return this.out.shift() ?? null;
  }

  // ---- of the pump

  time(): number {
    return this.now;
  }

  hasRoom(): boolean {
    return true;
  }

  send(_link: number, packet: Packet): void {
    this.out.push(packet);
  }

  dispatch(ready: StreamConnection | Listener, now: number): void {
    if ("accept" in ready) {
      for (let next = ready.accept(); next !== null; next = ready.accept()) this.look(next, now);
    } else if ((ready.takeEvents() & ~STREAM_EVENT.subflows) !== 0) this.look(ready, now);
  }

  private look(connection: StreamConnection, now: number): void {
    let reader = this.readers.get(connection);
    if (reader === undefined) this.readers.set(connection, (reader = this.common ?? new MessageReader()));
    for (let payload = connection.read(MOST_AT_ONCE, now); payload !== null; payload = connection.read(MOST_AT_ONCE, now)) {
      for (const message of reader.push(payload.toUint8Array())) this.events.message(message, connection, now);
    }
    this.write(connection);
    if (connection.ended && !connection.closed) connection.abandon(now);
    if (!connection.closed) return;
    this.readers.delete(connection);
    this.unwritten.delete(connection);
    this.events.closed(connection, now);
  }

  private write(connection: StreamConnection): void {
    const bytes = this.unwritten.get(connection);
    if (bytes === undefined || connection.closed) return;
    const taken = connection.write(Payload.of(bytes), true, this.now);
    if (taken === bytes.length) this.unwritten.delete(connection);
    else this.unwritten.set(connection, bytes.subarray(taken));
  }
}

const MOST_AT_ONCE = 65_536;
/** Octets between two messages. */
const MOST_PADDING = 67;
