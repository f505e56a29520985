import { seededSources } from "../../src/core/index.ts";
import { TcpSocket } from "../../src/tcp/index.ts";
import type { FourTuple, TcpConfig, TcpConnection, TcpState } from "../../src/tcp/index.ts";
import { aceFlags, aceOf, Packet, Payload, sequenceAdd, sequenceDifference, TCP_FLAG, TCP_OPTION, TcpSegment } from "../../src/wire/index.ts";
import { CLIENT, configOf, SERVER, TestEnvironment } from "./harness.ts";
import { expect } from "vitest";

/** A segment as a script writes it; numbers are relative to the initial sequence number of their direction (SYN is 0). */
export interface Spec {
  /** Letters of S A F R P U E W. */
  flags?: string;
  seq?: number;
  ack?: number;
  /** Unscaled. */
  win?: number;
  len?: number;
  mss?: number;
  ws?: number;
  sackOk?: boolean;
  ts?: readonly [value: number, echo: number];
  /** The urgent pointer. */
  urg?: number;
  /** Of the other direction. */
  sack?: readonly number[];
  /** The ECN field of the packet. */
  ecn?: number;
  /** AE, CWR and ECE as a number of three bits. */
  ace?: number;
  /** The option of accurate ECN: its kind, and the counters in the order of the wire; null: none. */
  counters?: readonly number[] | null;
}

/** One connection, and a peer that says what the script says. */
export class Script {
  now = 0;
  readonly environment: TestEnvironment;
  readonly config: TcpConfig;
  socket!: TcpSocket;
  /** Initial sequence number of the peer. */
  readonly peerIss: number;
  private readonly out: Packet[] = [];

  constructor(config: Partial<TcpConfig> = {}, peerIss = 0xffff_fff0) {
    this.environment = new TestEnvironment("host", seededSources(3), true);
    this.config = configOf(config);
    this.peerIss = peerIss;
  }

  get tcp(): TcpConnection {
    return this.socket.tcp;
  }

  get state(): TcpState {
    return this.tcp.state;
  }

  /** Our initial sequence number. */
  get iss(): number {
    return sequenceAdd(this.tcp.sender.origin, -1);
  }

  /** Active open, up to SYN-SENT with the SYN in the outbox. */
  connect(): this {
    this.socket = TcpSocket.connect({ ...this.options(), tuple: TUPLE }, this.now);
    this.poll();
    return this;
  }

  /** Passive open by the given SYN. */
  accept(syn: Spec): this {
    const segment = new TcpSegment();
    this.fill(segment, { flags: "S", win: 65535, ...syn }, 0);
    const packet = new Packet(SERVER, CLIENT);
    packet.trafficClass = syn.ecn ?? 0;
    packet.tcp = segment;
    this.socket = TcpSocket.accept({ ...this.options(), tuple: TUPLE }, packet, this.now);
    this.poll();
    return this;
  }

  /** Passive open, handshake done; nothing in the outbox. The peer's window is `win`, the MSS 1000 unless said otherwise. */
  established(syn: Spec = {}, win = 65535): this {
    this.accept({ mss: 1000, sackOk: true, ...syn });
    this.take();
    this.inject({ flags: "A", seq: 1, ack: 1, win, ...(syn.ts === undefined ? {} : { ts: syn.ts }) });
    expect(this.state).toBe("ESTABLISHED");
    return this;
  }

  /** As `established`, with a handshake that took `rtt`: the first sample. */
  establishedAfter(rtt: number, syn: Spec = {}, win = 65535): this {
    this.accept({ mss: 1000, sackOk: true, ...syn });
    this.take();
    this.advance(rtt);
    this.inject({ flags: "A", seq: 1, ack: 1, win, ...(syn.ts === undefined ? {} : { ts: syn.ts }) });
    expect(this.state).toBe("ESTABLISHED");
    return this;
  }

  /** `n` data segments of `length` bytes must have been sent, from `seq` on. */
  expectData(seq: number, n: number, length = 1000): this {
    for (let i = 0; i < n; i++) this.expect({ seq: seq + i * length, len: length });
    return this;
  }

  /** A segment of the peer arrives. */
  inject(spec: Spec): this {
    const segment = new TcpSegment();
    this.fill(segment, { flags: "A", win: 65535, ...spec }, this.iss);
    const packet = new Packet(SERVER, CLIENT);
    packet.trafficClass = spec.ecn ?? 0;
    packet.tcp = segment;
    packet.length = 40 + segment.payload.length;
    this.tcp.receive(packet, this.now);
    this.poll();
    return this;
  }

  /** Time passes; timers run when they are due. */
  advance(duration: number): this {
    const until = this.now + duration;
    while (this.tcp.nextTimeout <= until) {
      this.now = Math.max(this.now, this.tcp.nextTimeout);
      this.tcp.handleTimeout(this.now);
      this.poll();
    }
    this.now = until;
    return this;
  }

  /** The application writes `length` virtual bytes. */
  write(length: number): this {
    expect(this.socket.write(Payload.virtual(length), true, this.now)).toBe(length);
    this.poll();
    return this;
  }

  /** The application writes `length` virtual bytes as urgent data. */
  writeUrgent(length: number): this {
    expect(this.socket.writeUrgent(Payload.virtual(length), true, this.now)).toBe(length);
    this.poll();
    return this;
  }

  read(max = Number.MAX_SAFE_INTEGER): number {
    let total = 0;
    for (let payload = this.socket.read(max, this.now); payload !== null && total < max; payload = total < max ? this.socket.read(max - total, this.now) : null) total += payload.length;
    this.poll();
    return total;
  }

  end(): this {
    this.socket.end(this.now);
    this.poll();
    return this;
  }

  abort(): this {
    this.socket.abort(this.now);
    this.poll();
    return this;
  }

  /** The next packet that was sent. */
  take(): TcpSegment {
    return this.takePacket().tcp as TcpSegment;
  }

  private takePacket(): Packet {
    const packet = this.out.shift();
    if (packet === undefined) throw new Error("nothing was sent");
    return packet;
  }

  /** The flags of everything in the outbox, as letters. */
  sent(): string[] {
    return this.out.map((packet) => lettersOf((packet.tcp as TcpSegment).flags));
  }

  /** How many packets wait in the outbox. */
  get pending(): number {
    return this.out.length;
  }

  /** The next packet must be so. */
  expect(spec: Spec): this {
    const packet = this.takePacket();
    const segment = packet.tcp as TcpSegment;
    const seen: Spec = {};
    if (spec.ecn !== undefined) seen.ecn = packet.trafficClass & 3;
    if (spec.ace !== undefined) seen.ace = aceOf(segment);
    if (spec.counters !== undefined) seen.counters = countersOf(segment);
    if (spec.flags !== undefined) seen.flags = lettersOf(segment.flags);
    if (spec.seq !== undefined) seen.seq = sequenceDifference(segment.sequence, this.iss);
    if (spec.ack !== undefined) seen.ack = sequenceDifference(segment.acknowledgment, this.peerIss);
    if (spec.win !== undefined) seen.win = segment.window;
    if (spec.len !== undefined) seen.len = segment.payload.length;
    if (spec.mss !== undefined) seen.mss = segment.maximumSegmentSize;
    if (spec.ws !== undefined) seen.ws = segment.windowScale;
    if (spec.sackOk !== undefined) seen.sackOk = segment.sackPermitted;
    if (spec.ts !== undefined) seen.ts = [spec.ts[0] < 0 ? spec.ts[0] : segment.timestampValue, segment.timestampEcho];
    if (spec.urg !== undefined) seen.urg = segment.urgentPointer;
    if (spec.sack !== undefined) seen.sack = segment.sackBlocks.map((block) => sequenceDifference(block, this.peerIss));
    expect(seen).toEqual(spec);
    return this;
  }

  /** Nothing (more) was sent. */
  silent(): this {
    expect(this.out.map((packet) => describeSegment(packet, this.iss, this.peerIss))).toEqual([]);
    return this;
  }

  /** Everything sent so far is not looked at. */
  discard(): this {
    this.out.length = 0;
    return this;
  }

  poll(): void {
    for (let packet = this.tcp.pollTransmit(this.now); packet !== null; packet = this.tcp.pollTransmit(this.now)) {
      expect(packet.length).toBeGreaterThanOrEqual(40 + (packet.tcp as TcpSegment).payload.length);
      this.out.push(packet);
    }
  }

  private options(): { id: number; environment: TestEnvironment; config: TcpConfig; onEvent: () => void; fallback: null } {
    return { id: 1, environment: this.environment, config: this.config, onEvent: () => {}, fallback: null };
  }

  private fill(segment: TcpSegment, spec: Spec, iss: number): void {
    segment.sourcePort = TUPLE.remotePort;
    segment.destinationPort = TUPLE.localPort;
    segment.flags = flagsOf(spec.flags ?? "A") | aceFlags(spec.ace ?? 0);
    if (spec.counters !== undefined && spec.counters !== null) {
      const [kind, ...values] = spec.counters as [number, ...number[]];
      segment.otherOptions = [{ kind, data: Uint8Array.from(values.flatMap((value) => [value >>> 16, value >>> 8, value])) }];
    }
    segment.sequence = sequenceAdd(this.peerIss, spec.seq ?? 0);
    segment.acknowledgment = (segment.flags & TCP_FLAG.ACK) === 0 ? 0 : sequenceAdd(iss, spec.ack ?? 0);
    segment.window = spec.win ?? 65535;
    segment.urgentPointer = spec.urg ?? 0;
    segment.payload = Payload.virtual(spec.len ?? 0);
    segment.maximumSegmentSize = spec.mss ?? 0;
    segment.windowScale = spec.ws ?? -1;
    segment.sackPermitted = spec.sackOk ?? false;
    if (spec.ts !== undefined) {
      segment.hasTimestamps = true;
      segment.timestampValue = spec.ts[0];
      segment.timestampEcho = spec.ts[1];
    }
    if (spec.sack !== undefined) segment.sackBlocks = spec.sack.map((block) => sequenceAdd(iss, block));
  }
}

export function flagsOf(letters: string): number {
  let flags = 0;
  for (const letter of letters) {
    flags |= { S: TCP_FLAG.SYN, A: TCP_FLAG.ACK, F: TCP_FLAG.FIN, R: TCP_FLAG.RST, P: TCP_FLAG.PSH, U: TCP_FLAG.URG, E: TCP_FLAG.ECE, W: TCP_FLAG.CWR }[letter] ?? 0;
  }
  return flags;
}

export function lettersOf(flags: number): string {
  return (["S", "F", "R", "P", "A", "U", "E", "W"] as const).filter((letter) => (flags & flagsOf(letter)) !== 0).join("");
}

/** The option of accurate ECN as a script writes it; null without. */
export function countersOf(segment: TcpSegment): number[] | null {
  const option = segment.otherOptions.find(({ kind }) => kind === TCP_OPTION.accurateEcn0 || kind === TCP_OPTION.accurateEcn1);
  if (option === undefined) return null;
  const { data, kind } = option;
  return [kind, ...Array.from({ length: data.length / 3 }, (_, i) => ((data[3 * i] as number) << 16) | ((data[3 * i + 1] as number) << 8) | (data[3 * i + 2] as number))];
}

function describeSegment(packet: Packet, iss: number, peerIss: number): string {
  const segment = packet.tcp as TcpSegment;
  return `${lettersOf(segment.flags)} seq ${sequenceDifference(segment.sequence, iss)} len ${segment.payload.length} ack ${sequenceDifference(segment.acknowledgment, peerIss)}`;
}

const TUPLE: FourTuple = { localAddress: CLIENT, localPort: 40000, remoteAddress: SERVER, remotePort: 80 };
