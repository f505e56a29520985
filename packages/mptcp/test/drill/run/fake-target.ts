import type { Call, CallResult, CommandOutcome, LeftPacket, SocketAddress, StartedCall, Target } from "../../../src/drill/index.ts";
import { decodePacket, encodePacket, IpAddress, Packet, packetLength, Payload, TCP_FLAG, TcpSegment } from "../../../src/wire/index.ts";

/** What a fake stack does. */
export interface Behaviour {
  /** The result; null: the call goes on until `finish` is called. Without it each call gives 0. */
  call?(call: Call, stack: FakeTarget): Partial<CallResult> | number | null;
  packet?(packet: Packet, stack: FakeTarget): void;
  command?(words: readonly string[]): CommandOutcome;
}

export interface Reply {
  readonly flags?: number;
  readonly sequence?: number;
  readonly ack?: number;
  readonly window?: number;
  readonly length?: number;
  readonly segmentSize?: number;
  /** ns from now. */
  readonly after?: number;
  readonly change?: (segment: TcpSegment, packet: Packet) => void;
}

/** A stack whose reactions a test says, in virtual time. */
export class FakeTarget implements Target {
  readonly name = "engine";
  now = 0;
  /** Calls as they came. */
  readonly calls: Call[] = [];
  /** Packets as they came, decoded with all checksums checked. */
  readonly received: Packet[] = [];
  lastLeft: LeftPacket | null = null;
  explanation: readonly string[] = [];
  closed = false;
  readonly #behaviour: Behaviour;
  #later: { at: number; what: () => void }[] = [];
  readonly #left: LeftPacket[] = [];

  constructor(behaviour: Behaviour = {}) {
    this.#behaviour = behaviour;
  }

  inject(octets: Uint8Array): void {
    const packet = decodePacket(octets, 0, octets.length);
    if (typeof packet === "string") throw new Error(packet);
    this.received.push(packet);
    this.#behaviour.packet?.(packet, this);
  }

  begin(call: Call): StartedCall {
    this.calls.push(call);
    const given = this.#behaviour.call === undefined ? 0 : this.#behaviour.call(call, this);
    const started: { result: CallResult | null; at: number } = { result: null, at: this.now };
    if (given !== null) started.result = wholeResult(given);
    else this.#blocked.push({ call, started });
    return started;
  }

  readonly #blocked: { call: Call; started: { result: CallResult | null; at: number } }[] = [];

  /** Ends a call that goes on. */
  finish(name: string, result: Partial<CallResult> | number, after = 0): void {
    this.later(after, () => {
      const index = this.#blocked.findIndex(({ call }) => call.name === name);
      const [one] = this.#blocked.splice(index, 1);
      one!.started.result = wholeResult(result);
      one!.started.at = this.now;
    });
  }

  advance(until: number): void {
    const next = this.#later.toSorted((one, other) => one.at - other.at)[0];
    if (next === undefined || next.at > until) {
      this.now = Math.max(this.now, until);
      return;
    }
    this.#later = this.#later.filter((one) => one !== next);
    this.now = Math.max(this.now, next.at);
    next.what();
  }

  later(after: number, what: () => void): void {
    if (after === 0) what();
    else this.#later.push({ at: this.now + after, what });
  }

  take(): LeftPacket | null {
    return this.#left.shift() ?? null;
  }

  command(words: readonly string[]): CommandOutcome {
    return this.#behaviour.command?.(words) ?? { status: 0, output: "", errors: "" };
  }

  explain(): readonly string[] {
    return this.explanation;
  }

  close(): void {
    this.closed = true;
  }

  /** A packet leaves. */
  leave(packet: Packet, segmentSize = 0): void {
    const octets = new Uint8Array(packetLength(packet));
    encodePacket(packet, octets, 0);
    this.lastLeft = { at: this.now, octets, segmentSize };
    this.#left.push(this.lastLeft);
  }

  leaveOctets(octets: Uint8Array): void {
    this.#left.push({ at: this.now, octets, segmentSize: 0 });
  }

  /** A SYN leaves from the stack's first address of scripts. */
  open({ address: to, port }: SocketAddress, from: number, sequence: number, change: NonNullable<Reply["change"]>): void {
    const remote = address(to).unmapped();
    const packet = new Packet(address(remote.family === 4 ? "192.168.0.1" : "fd3d:0a0b:17d6::1"), remote);
    const segment = new TcpSegment();
    Object.assign(segment, { sourcePort: from, destinationPort: port, flags: TCP_FLAG.SYN, sequence, window: 65_535 });
    packet.tcp = segment;
    change(segment, packet);
    this.leave(packet);
  }

  /** A segment leaves that goes the other way than `to`. */
  reply(to: Packet, { flags = TCP_FLAG.ACK, sequence = 0, ack = 0, window = 65_535, length = 0, segmentSize = 0, after = 0, change }: Reply): void {
    const packet = new Packet(to.destination, to.source);
    const segment = new TcpSegment();
    segment.sourcePort = to.tcp!.destinationPort;
    segment.destinationPort = to.tcp!.sourcePort;
    Object.assign(segment, { flags, sequence: sequence >>> 0, acknowledgment: ack >>> 0, window });
    segment.payload = Payload.of(new Uint8Array(length));
    packet.tcp = segment;
    change?.(segment, packet);
    this.later(after, () => this.leave(packet, segmentSize));
  }
}

function wholeResult(given: Partial<CallResult> | number): CallResult {
  return typeof given === "number" ? { value: given, errno: null } : { value: 0, errno: null, ...given };
}

/** Where the fake server begins to count. */
export const ISS = 0xffff_fff0;

/**
 * A server of regular TCP that is as simple as scripts need: it answers a SYN, acknowledges data and FINs, sends what is written in segments of 1000 octets, and closes.
 * Its descriptors are 10 more than those of the script, so that nothing works by chance.
 */
export function server(options: { readonly delay?: number; readonly synAck?: (segment: TcpSegment, packet: Packet) => void; readonly super?: boolean; readonly timestamps?: { readonly first: number; readonly echo: boolean } } = {}): FakeTarget {
  let descriptor = 13;
  let sent = ISS + 1;
  let peer: Packet | null = null;
  let next = 0;
  const after = options.delay ?? 0;
  /** A tick is a millisecond. */
  const stamped = (segment: TcpSegment, now: number, echo: number): void => {
    if (options.timestamps === undefined) return;
    Object.assign(segment, { hasTimestamps: true, timestampValue: options.timestamps.first + Math.round(now / 1e6), timestampEcho: echo });
  };
  return new FakeTarget({
    call(call, stack) {
      switch (call.name) {
        case "socket":
          return descriptor++;
        case "accept":
          if (peer === null) return { value: -1, errno: "EAGAIN" };
          return { value: descriptor++, address: { family: 2, address: String(peer.source), port: peer.tcp!.sourcePort } };
        case "write": {
          if (peer === null) return { value: -1, errno: "ENOTCONN" };
          const length = call.data[0]!.length;
          const size = options.super === true ? length : 1000;
          for (let at = 0; at < length; at += size) {
            const part = Math.min(size, length - at);
            const flags = TCP_FLAG.ACK | (at + part === length ? TCP_FLAG.PSH : 0);
            stack.reply(peer, { flags, sequence: sent, ack: next, length: part, after, segmentSize: options.super === true && length > 1000 ? 1000 : 0 });
            sent += part;
          }
          return length;
        }
        case "read":
          return { value: call.lengths[0]!, data: new Uint8Array(call.lengths[0]!) };
        case "close":
          if (peer !== null && call.fd === 14) stack.reply(peer, { flags: TCP_FLAG.FIN | TCP_FLAG.ACK, sequence: sent++, ack: next, after });
          return 0;
        default:
          return 0;
      }
    },
    packet(packet, stack) {
      const { tcp } = packet;
      if (tcp === null) return;
      if ((tcp.flags & TCP_FLAG.SYN) !== 0) {
        peer = packet;
        next = tcp.sequence + 1;
        const change = (segment: TcpSegment, whole: Packet): void => {
          options.synAck?.(segment, whole);
          if (options.timestamps !== undefined) segment.maximumSegmentSize = 1460;
          stamped(segment, stack.now, tcp.timestampValue);
        };
        stack.reply(packet, { flags: TCP_FLAG.SYN | TCP_FLAG.ACK, sequence: ISS, ack: next, after, change });
        return;
      }
      const length = tcp.payload.length + ((tcp.flags & TCP_FLAG.FIN) !== 0 ? 1 : 0);
      next += length;
      if (length > 0) stack.reply(packet, { sequence: sent, ack: next, after, change: (segment) => stamped(segment, stack.now, tcp.timestampValue) });
    },
  });
}

export const address = (text: string): IpAddress => IpAddress.from(text);
