import { NEVER, seededSources } from "../../src/core/index.ts";
import type { AddressOptions, ConnectOptions, HostOptions, ListenOptions, Listener } from "../../src/host/index.ts";
import { Host } from "../../src/host/index.ts";
import { MptcpConnection, version1 } from "../../src/mptcp/index.ts";
import type { StreamConnection } from "../../src/tcp/index.ts";
import { Dss, encodePacket, IpAddress, Packet, packetLength, Payload, sequenceAdd, sequenceDifference, TCP_FLAG, TcpSegment } from "../../src/wire/index.ts";
import type { MptcpOption } from "../../src/wire/index.ts";

export const MS = 1_000_000;
const LOCAL = IpAddress.v4(0xc0a80001);
const REMOTE = IpAddress.v4(0xc0000201);
export const PEER_KEY = new Uint8Array(8).fill(0x11);

/** What the hand-made peer puts on a segment; numbers are relative, and the engine's data begins at 1. */
export interface Line {
  readonly seq?: number;
  readonly ack?: number;
  readonly data?: number;
  readonly window?: number;
  readonly dss?: { readonly ack?: number; readonly dsn?: number; readonly long?: boolean; readonly ssn?: number; readonly length?: number; readonly fin?: boolean };
  readonly mptcp?: readonly MptcpOption[];
  /** With timestamps; true unless given. */
  readonly timestamps?: boolean;
  /** The timestamp, ms after the peer's first one; the time unless given. */
  readonly timestamp?: number;
  readonly sack?: readonly number[];
}

/**
 * One host, and a peer whose every segment a test writes. What the host sends is kept as lines in which each octet of its options shows, as a capture of the kernel's would:
 * `. 1:101(100) ack 1 win 63 <nop,nop,TS,dss dack4 1 dsn8 1 ssn 1 dll 100,nop,nop>`.
 */
export class HandPeer {
  readonly host: Host;
  now = 0;
  /** Lines of what the host sent since the last {@link HandPeer.take}, and when, ms. */
  lines: string[] = [];
  times: number[] = [];
  localPort = 0;
  remotePort = 8080;
  readonly session: { local: ReturnType<typeof version1.deriveKeys> | null; readonly remote: ReturnType<typeof version1.deriveKeys> } = { local: null, remote: version1.deriveKeys(PEER_KEY) };
  connection!: StreamConnection;
  private listener: Listener | null = null;
  private readonly isn = 1000;
  private hostIsn = -1;
  private next = 0;
  private expected = 0;
  private hostTimestamp = 0;
  private window = 256;
  private readonly addresses: { readonly local: IpAddress; readonly remote: IpAddress };

  constructor(options: Partial<HostOptions> = {}, address: Partial<AddressOptions> = {}) {
    this.host = new Host({ name: "host", random: seededSources(7), profile: "linux", ...options });
    this.addresses = { local: LOCAL, remote: REMOTE };
    this.host.addAddress(LOCAL, { link: 0, ...address }, 0);
  }

  // ---- the application

  connect(options: ConnectOptions = {}): this {
    this.connection = this.host.connect(REMOTE, this.remotePort, options, this.now);
    this.flush();
    return this;
  }

  listen(options: ListenOptions = {}): this {
    this.localPort = 8080;
    this.remotePort = 40_000;
    this.listener = this.host.listen(8080, options);
    return this;
  }

  accept(): this {
    const connection = this.listener?.accept() ?? null;
    if (connection === null) throw new Error("nothing to accept");
    this.connection = connection;
    return this;
  }

  write(length: number): this {
    this.connection.write(Payload.of(new Uint8Array(length).fill(0x78)), false, this.now);
    this.flush();
    return this;
  }

  read(): number {
    let length = 0;
    for (let payload = this.connection.read(1e9, this.now); payload !== null; payload = this.connection.read(1e9, this.now)) length += payload.length;
    this.flush();
    return length;
  }

  do(act: (connection: StreamConnection, now: number) => void): this {
    act(this.connection, this.now);
    this.flush();
    return this;
  }

  // ---- the peer

  /** A segment of the peer arrives. `flags` as in tcpdump: `S`, `.`, `P.`, `F.`, `R.`. */
  send(flags: string, line: Line = {}): this {
    const segment = new TcpSegment();
    segment.sourcePort = this.remotePort;
    segment.destinationPort = this.localPort;
    for (const letter of flags) segment.flags |= FLAGS[letter] as number;
    const syn = (segment.flags & TCP_FLAG.SYN) !== 0;
    const seq = line.seq ?? (syn ? 0 : this.next);
    segment.sequence = sequenceAdd(this.isn, seq);
    if ((segment.flags & TCP_FLAG.ACK) !== 0) segment.acknowledgment = sequenceAdd(this.hostIsn, line.ack ?? this.expected);
    segment.window = line.window ?? (syn ? 65535 : this.window);
    if (line.window !== undefined && !syn) this.window = line.window;
    segment.payload = Payload.of(new Uint8Array(line.data ?? 0).fill(0x79));
    if (syn) {
      segment.maximumSegmentSize = 1460;
      segment.sackPermitted = true;
      segment.windowScale = 8;
    }
    if (line.timestamps !== false) {
      segment.hasTimestamps = true;
      segment.timestampValue = 5000 + (line.timestamp ?? Math.floor(this.now / MS));
      segment.timestampEcho = this.hostTimestamp;
    }
    segment.sackBlocks = (line.sack ?? []).map((edge) => sequenceAdd(this.hostIsn, edge));
    segment.mptcp = [...(line.dss === undefined ? [] : [this.dss(line.dss)]), ...(line.mptcp ?? [])];
    this.next = Math.max(this.next, seq + (line.data ?? 0) + (syn ? 1 : 0) + (flags.includes("F") ? 1 : 0));
    const packet = new Packet(this.addresses.remote, this.addresses.local);
    packet.tcp = segment;
    packet.length = packetLength(packet);
    this.host.receive(packet, 0, this.now);
    this.flush();
    return this;
  }

  /** Goes through the handshake of a connection that the host opens. */
  establish(multipath = true): this {
    this.connect({ multipath });
    this.send("S.", multipath ? { mptcp: [CAPABLE] } : {});
    return this;
  }

  /** Goes through the handshake of a connection that the peer opens. */
  open(multipath = true): this {
    this.send("S", multipath ? { mptcp: [{ ...CAPABLE, senderKey: null }] } : {});
    this.send(".", multipath ? { mptcp: [this.keys()] } : {});
    return this.accept();
  }

  /** MP_CAPABLE with both keys. */
  keys(dataLength = -1): MptcpOption {
    return { ...CAPABLE, receiverKey: this.local.key, dataLength };
  }

  // ---- time

  /** `ms` go by. */
  pass(ms: number): this {
    const end = this.now + ms * MS;
    for (;;) {
      const next = this.host.nextTimeout();
      if (next > end || next === NEVER) break;
      this.now = Math.max(this.now, next);
      this.host.handleTimeout(this.now);
      this.flush();
    }
    this.now = end;
    return this;
  }

  /** The lines since the last time. */
  take(): string[] {
    const { lines } = this;
    this.lines = [];
    this.times = [];
    return lines;
  }

  /** The times of those lines, ms, rounded down. */
  takeTimes(): number[] {
    const times = this.times.map((time) => Math.floor(time));
    this.take();
    return times;
  }

  private get local(): ReturnType<typeof version1.deriveKeys> {
    if (this.session.local === null) throw new Error("the host's key is not known");
    return this.session.local;
  }

  private dss(line: NonNullable<Line["dss"]>): Dss {
    const dss = new Dss();
    const { local } = this;
    const { remote } = this.session;
    if (line.ack !== undefined) {
      dss.dataAckLength = 4;
      dss.dataAckLow = sequenceAdd(local.idsnLow, line.ack);
    }
    if (line.dsn !== undefined) {
      dss.dsnLength = line.long === true ? 8 : 4;
      dss.dsnLow = sequenceAdd(remote.idsnLow, line.dsn);
      dss.dsnHigh = remote.idsnHigh + (dss.dsnLow < remote.idsnLow ? 1 : 0);
      dss.subflowSequence = line.ssn ?? line.dsn;
      dss.dataLength = line.length ?? 0;
    }
    dss.dataFin = line.fin ?? false;
    return dss;
  }

  private flush(): void {
    while (this.host.pollEvent() !== null);
    for (;;) {
      const packet = this.host.pollTransmit(0, this.now);
      if (packet === null) return;
      if (packet.tcp !== null) this.note(packet, packet.tcp);
    }
  }

  private note(packet: Packet, segment: TcpSegment): void {
    if (this.hostIsn < 0 && (segment.flags & TCP_FLAG.SYN) !== 0) this.hostIsn = segment.sequence;
    if (this.localPort === 0) this.localPort = segment.sourcePort;
    if (segment.hasTimestamps) this.hostTimestamp = segment.timestampValue;
    for (const option of segment.mptcp) if (option.kind === "mp_capable" && option.senderKey !== null) this.session.local ??= version1.deriveKeys(option.senderKey);
    if (this.session.local === null && this.connection instanceof MptcpConnection) this.session.local = this.connection.session.local;
    const seq = sequenceDifference(segment.sequence, Math.max(0, this.hostIsn));
    const end = seq + segment.payload.length;
    this.expected = Math.max(this.expected, end + (segment.flags & (TCP_FLAG.SYN | TCP_FLAG.FIN) ? 1 : 0));
    const hasAck = (segment.flags & TCP_FLAG.ACK) !== 0;
    const flags = ORDER.filter((letter) => (segment.flags & (FLAGS[letter] as number)) !== 0).join("");
    const bytes = new Uint8Array(packetLength(packet));
    encodePacket(packet, bytes, 0);
    const header = (bytes[32] as number) >>> 4;
    const options = this.options(bytes.subarray(40, 20 + 4 * header));
    this.lines.push(`${flags} ${seq}:${end}(${segment.payload.length})${hasAck ? ` ack ${sequenceDifference(segment.acknowledgment, this.isn)}` : ""} win ${segment.window} <${options}>`);
    this.times.push(this.now / MS);
  }

  private options(octets: Uint8Array): string {
    const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
    const texts: string[] = [];
    for (let i = 0; i < octets.length; ) {
      const kind = octets[i] as number;
      if (kind === 1) {
        texts.push("nop");
        i++;
        continue;
      }
      texts.push(this.option(kind, view, i));
      i += octets[i + 1] as number;
    }
    return texts.join(",");
  }

  private option(kind: number, view: DataView, at: number): string {
    const length = view.getUint8(at + 1);
    switch (kind) {
      case 2:
        return `mss ${view.getUint16(at + 2)}`;
      case 3:
        return `wscale ${view.getUint8(at + 2)}`;
      case 4:
        return "sackOK";
      case 5: {
        const edges: number[] = [];
        for (let i = at + 2; i < at + length; i += 4) edges.push(sequenceDifference(view.getUint32(i), this.isn));
        return `sack ${edges.join(" ")}`;
      }
      case 8:
        return "TS";
      case 30:
        return this.multipath(view, at, length);
      default:
        return `option ${kind}`;
    }
  }

  private multipath(view: DataView, at: number, length: number): string {
    const subtype = view.getUint8(at + 2) >>> 4;
    const flags = view.getUint8(at + 3);
    if (subtype !== 2) return `${NAMES[subtype] ?? subtype} ${length}`;
    let text = "dss";
    let i = at + 4;
    if ((flags & 1) !== 0) {
      const octets = (flags & 2) === 0 ? 4 : 8;
      text += ` dack${octets} ${sequenceDifference(view.getUint32(i + octets - 4), this.session.remote.idsnLow)}`;
      i += octets;
    }
    if ((flags & 4) !== 0) {
      const octets = (flags & 8) === 0 ? 4 : 8;
      text += ` dsn${octets} ${sequenceDifference(view.getUint32(i + octets - 4), this.local.idsnLow)} ssn ${view.getUint32(i + octets)} dll ${view.getUint16(i + octets + 4)}`;
    }
    return (flags & 16) === 0 ? text : `${text} FIN`;
  }
}

const ORDER = ["S", "F", "R", "P", "."];
const FLAGS: Readonly<Record<string, number>> = { S: TCP_FLAG.SYN, F: TCP_FLAG.FIN, R: TCP_FLAG.RST, P: TCP_FLAG.PSH, ".": TCP_FLAG.ACK };
const NAMES = ["mpcapable", "mpjoin", "dss", "addaddr", "rmaddr", "mpprio", "mpfail", "fastclose", "tcprst"];
const CAPABLE = { kind: "mp_capable", version: 1, flags: 1, senderKey: PEER_KEY, receiverKey: null, dataLength: -1, checksum: -1 } as const;
