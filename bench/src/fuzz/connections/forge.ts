import type { FourTuple, TcpConnection } from "mptcp";
import { decodePacket, encodePacket, ICMP4_TYPE, ICMP6_TYPE, IpAddress, Packet, packetLength, Payload, positionNear, TCP_FLAG, TCP_OPTION_SPACE, tcpHeaderLength, TcpSegment } from "mptcp/wire";
import type { MptcpOption } from "mptcp/wire";
import { mutate, repairChecksums, repairLength } from "../mutate.ts";
import type { FuzzRandom } from "../random.ts";
import { near, OptionForger, SIGNALS } from "./options.ts";
import type { Knowledge, Signal } from "./options.ts";
import { pick } from "./plan.ts";

/** Kinds of injected packets: columns of the coverage table. */
export const KINDS = ["replay", "fields", "options", "octets", "payload", "ack", "data", "flags", "syn", "fin", "rst", "icmp", ...SIGNALS] as const;
export type Kind = (typeof KINDS)[number];

/** Where a packet goes: a connection of the host, a four-tuple of which it has no more than TIME-WAIT, or one of which it has nothing. */
export interface Aim {
  readonly tuple: FourTuple;
  readonly tcp: TcpConnection | null;
  readonly isWaiting: boolean;
}

/** Makes packets for an attacker who sees the subflow: what it forges is plausible, and what it changes was real. */
export class PathForger {
  private readonly random: FuzzRandom;
  private readonly options: OptionForger;
  private readonly octets = new Uint8Array(70_000);

  constructor(random: FuzzRandom) {
    this.random = random;
    this.options = new OptionForger(random);
  }

  /** @param seen packets that passed, for what is made of real ones @returns null when there is nothing to make it of */
  make(kind: Kind, aim: Aim, known: Knowledge, seen: readonly Packet[], now: number): Packet | null {
    switch (kind) {
      case "replay":
      case "fields":
      case "options":
      case "octets":
      case "payload":
        return this.copied(kind, seen, known);
      case "icmp":
        return icmpError(this.random, aim.tuple, (aim.tcp === null ? this.random.uint32() : (aim.tcp.sender.origin + pick(this.random, [aim.tcp.sender.una, aim.tcp.sender.nxt - 1, aim.tcp.sender.una + near(this.random)])) >>> 0));
      default:
        return this.forged(kind, aim, known, now);
    }
  }

  /** Changes a packet on its way. */
  change(packet: Packet, kind: "fields" | "options" | "payload" | "octets", known: Knowledge): Packet | null {
    const segment = packet.tcp;
    if (segment === null) return packet;
    if (kind === "octets") return this.damaged(packet);
    if (kind === "payload") return this.rewritten(packet);
    if (kind === "options") this.changeOptions(segment, known);
    else for (let n = 1 + this.random.below(3); n > 0; n--) this.changeField(segment);
    fitOptions(segment);
    packet.length = packetLength(packet);
    return packet;
  }

  private copied(kind: "replay" | "fields" | "options" | "octets" | "payload", seen: readonly Packet[], known: Knowledge): Packet | null {
    const original = seen[this.random.below(seen.length)];
    if (original === undefined) return null;
    const copy = original.clone();
    return kind === "replay" ? copy : this.change(copy, kind, known);
  }

  private changeField(segment: TcpSegment): void {
    const { random } = this;
    switch (random.below(10)) {
      case 0:
        segment.sequence = (segment.sequence + near(random)) >>> 0;
        return;
      case 1:
        segment.acknowledgment = (segment.acknowledgment + near(random)) >>> 0;
        return;
      case 2:
        segment.flags ^= 1 << random.below(8);
        return;
      case 3:
        segment.window = pick(random, [0, 1, 65_535, random.below(65_536)]);
        return;
      case 4:
        segment.timestampValue = (segment.timestampValue + near(random)) >>> 0;
        segment.timestampEcho = (segment.timestampEcho + near(random)) >>> 0;
        return;
      case 5:
        segment.hasTimestamps = !segment.hasTimestamps;
        return;
      case 6:
        segment.sackBlocks = [0, 1, 2, 3].map(() => (segment.acknowledgment + near(random)) >>> 0);
        return;
      case 7:
        segment.maximumSegmentSize = pick(random, [0, 1, 8, 500, 65_535]);
        segment.windowScale = pick(random, [-1, 0, 7, 14, 255]);
        return;
      case 8:
        segment.urgentPointer = random.below(65_536);
        segment.flags |= TCP_FLAG.URG;
        return;
      default:
        if (segment.payload.length > 1) segment.payload = segment.payload.slice(random.below(2), 1 + random.below(segment.payload.length));
    }
  }

  /** Options left out, doubled, in another order, changed or added. */
  private changeOptions(segment: TcpSegment, known: Knowledge): void {
    const { random } = this;
    const { mptcp } = segment;
    switch (random.below(6)) {
      case 0:
        segment.mptcp = mptcp.filter(() => random.oneIn(2));
        return;
      case 1:
        segment.mptcp = [...mptcp, ...mptcp];
        return;
      case 2:
        segment.mptcp = mptcp.toReversed();
        return;
      case 3:
        segment.mptcp = [...mptcp, this.options.make(pick(random, SIGNALS), known)];
        return;
      case 4:
        segment.mptcp = [this.options.make(pick(random, SIGNALS), known)];
        return;
      default:
        segment.mptcp = mptcp.map((option) => this.changedOption(option));
    }
  }

  private changedOption(option: MptcpOption): MptcpOption {
    const { random } = this;
    if (option.kind !== "dss") {
      const changed: Record<string, unknown> = { ...option };
      for (const [name, value] of Object.entries(changed)) {
        if (name === "kind" || name === "version" || random.oneIn(2)) continue;
        if (typeof value === "boolean") changed[name] = random.oneIn(2);
        else if (value instanceof Uint8Array) changed[name] = random.octets(value.length);
        else if (name === "flags" || name === "addressId" || name === "reason") changed[name] = random.below(256);
      }
      return changed as unknown as MptcpOption;
    }
    const dss = Object.assign(this.options.dss(null), option);
    switch (random.below(6)) {
      case 0:
        dss.dsnLow = (dss.dsnLow + near(random)) >>> 0;
        break;
      case 1:
        dss.dataAckLow = (dss.dataAckLow + near(random)) >>> 0;
        break;
      case 2:
        dss.subflowSequence = (dss.subflowSequence + near(random)) >>> 0;
        break;
      case 3:
        dss.dataLength = pick(random, [0, 1, dss.dataLength + 1, Math.max(0, dss.dataLength - 1), 65_535]) & 0xffff;
        break;
      case 4:
        dss.checksum = dss.checksum < 0 ? random.below(65_536) : random.oneIn(2) ? -1 : (dss.checksum + 1) & 0xffff;
        break;
      default:
        dss.dataFin = !dss.dataFin;
    }
    return dss;
  }

  /**
   * A copy with some octets one higher. All of them change the DSS checksum in the same direction, by less than it takes to come round, so that
   * where there is one it is wrong for sure.
   */
  private rewritten(packet: Packet): Packet | null {
    const segment = packet.tcp as TcpSegment;
    if (segment.payload.length === 0) return null;
    const bytes = Uint8Array.from(segment.payload.toUint8Array());
    let changed = 0;
    for (let n = 1 + this.random.below(8); n > 0; n--) {
      const at = this.random.below(bytes.length);
      if ((bytes[at] as number) === 255) continue;
      bytes[at] = (bytes[at] as number) + 1;
      changed++;
    }
    if (changed === 0) return null;
    segment.payload = Payload.of(bytes);
    return packet;
  }

  /** Damage in the octets, with checksums made right again. */
  private damaged(packet: Packet): Packet | null {
    const { octets, random } = this;
    let length = encodePacket(packet, octets, 0);
    const other = octets.slice(0, length);
    for (let n = 1 + random.below(3); n > 0; n--) length = mutate(random, octets.subarray(0, 2000), Math.min(length, 2000), other);
    repairLength(octets, length);
    repairChecksums(octets, length);
    const decoded = decodePacket(octets, 0, length, COPIED);
    return typeof decoded === "string" ? null : decoded;
  }

  /** A new segment, with the numbers that its receiver finds plausible, or some that are a bit off. */
  private forged(kind: Exclude<Kind, "replay" | "fields" | "options" | "octets" | "payload" | "icmp">, aim: Aim, known: Knowledge, now: number): Packet {
    const { random } = this;
    const packet = emptySegment(aim.tuple);
    const segment = packet.tcp as TcpSegment;
    segment.flags = flagsFor(kind, random);
    segment.window = pick(random, [0, 10, 500, 65_535]);
    if (aim.tcp === null) {
      segment.sequence = random.uint32();
      segment.acknowledgment = random.uint32();
    } else this.number(segment, aim.tcp, now);
    // Most of what ends a connection is a bit off, or there would be nobody left to attack.
    if ((segment.flags & (TCP_FLAG.RST | TCP_FLAG.SYN | TCP_FLAG.FIN)) !== 0 && !random.oneIn(4)) segment.sequence = (segment.sequence + 1 + near(random)) >>> 0;
    if (kind === "data" || (kind === "dss" && !random.oneIn(3)) || random.oneIn(12)) segment.payload = this.payload();
    if (kind === "data" && random.oneIn(2)) segment.mptcp = [this.options.dss(known.subflow)];
    if (isSignal(kind)) segment.mptcp = random.oneIn(6) ? [this.options.make(kind, known), this.options.make(pick(random, SIGNALS), known)] : [this.options.make(kind, known)];
    else if (random.oneIn(5)) segment.mptcp = [this.options.make(pick(random, SIGNALS), known)];
    fitOptions(segment);
    return packet;
  }

  private number(segment: TcpSegment, tcp: TcpConnection, now: number): void {
    const { random } = this;
    const { sender, receiver } = tcp;
    segment.sequence = (receiver.origin + receiver.nxt + pick(random, [0, 0, 0, near(random)])) >>> 0;
    // What was never sent may be acknowledged too.
    segment.acknowledgment = (sender.origin + pick(random, [sender.una, sender.nxt, sender.nxt, sender.una + near(random)])) >>> 0;
    if (tcp.timestamps && !random.oneIn(8)) {
      segment.hasTimestamps = true;
      segment.timestampValue = (receiver.recentTimestamp + pick(random, [0, 0, 1, near(random)])) >>> 0;
      segment.timestampEcho = tcp.timestampAt(now);
    }
    if (random.oneIn(6)) segment.sackBlocks = [0, 1, 2, 3].map(() => (sender.origin + sender.una + near(random)) >>> 0);
  }

  private payload(): Payload {
    return Payload.of(this.random.octets(pick(this.random, [1, 10, 1000, 1400, 20_000])));
  }
}

/**
 * Makes packets for an attacker who sees nothing. A sequence and an acknowledgment number that are both in their windows would be luck, of one in
 * millions (RFC 5961 §1.2), and so would be the one number that a reset or a SYN+ACK needs: it is not to have it. One of them may be right.
 */
export class BlindForger {
  private readonly random: FuzzRandom;
  private readonly options: OptionForger;

  constructor(random: FuzzRandom) {
    this.random = random;
    this.options = new OptionForger(random);
  }

  /** @param old packets of an earlier connection with the same four-tuple */
  make(kind: Kind, aim: Aim, known: Knowledge, old: readonly Packet[]): Packet | null {
    const { random } = this;
    if (kind === "icmp") return icmpError(random, aim.tuple, outsideFlight(random, aim.tcp));
    const replayed = kind === "replay" ? old[random.below(old.length)]?.clone() : undefined;
    if (kind === "replay" && replayed === undefined) return null;
    const packet = replayed ?? this.forged(kind, aim, known);
    const segment = packet.tcp;
    if (segment === null || (aim.tcp !== null && isLucky(aim.tcp, segment))) return null;
    // In TIME-WAIT one SYN in two takes over, as RFC 9293 §3.10.7.4 and RFC 6191 have it.
    return aim.isWaiting && (segment.flags & TCP_FLAG.SYN) !== 0 ? null : packet;
  }

  private forged(kind: Kind, aim: Aim, known: Knowledge): Packet {
    const { random } = this;
    const packet = emptySegment(aim.tuple);
    const segment = packet.tcp as TcpSegment;
    segment.flags = flagsFor(kind, random);
    segment.window = random.below(65_536);
    segment.sequence = random.edge32();
    segment.acknowledgment = random.edge32();
    if (aim.tcp !== null) this.halfRight(segment, aim.tcp);
    if (random.oneIn(2)) {
      segment.hasTimestamps = true;
      segment.timestampValue = random.edge32();
      segment.timestampEcho = random.edge32();
    }
    if (kind === "data" || random.oneIn(5)) segment.payload = Payload.of(random.octets(pick(random, [1, 1, 100, 1400])));
    if (isSignal(kind)) segment.mptcp = [this.options.make(kind, known)];
    else if (random.oneIn(4)) segment.mptcp = [this.options.make(pick(random, SIGNALS), known)];
    fitOptions(segment);
    return packet;
  }

  /** One of the two numbers is in its window, or close to it. */
  private halfRight(segment: TcpSegment, tcp: TcpConnection): void {
    const { random } = this;
    const { sender, receiver } = tcp;
    const which = random.below(4);
    if (which < 2) {
      const width = Math.max(1, receiver.rightEdge - receiver.nxt);
      segment.sequence = (receiver.origin + receiver.nxt + pick(random, [1, -1, random.below(width), width, width + 1, -random.below(100_000), near(random)])) >>> 0;
    } else if (which === 2) segment.acknowledgment = (sender.origin + pick(random, [sender.una, sender.nxt, sender.una - random.below(1000)])) >>> 0;
  }
}

/** Whether a blind attacker would have to be lucky to send this. */
function isLucky(tcp: TcpConnection, segment: TcpSegment): boolean {
  const { sender, receiver } = tcp;
  const { flags } = segment;
  if (tcp.state === "SYN-SENT") return (flags & TCP_FLAG.ACK) !== 0 && segment.acknowledgment === sender.origin;
  const offset = positionNear(segment.sequence, receiver.origin, receiver.nxt);
  if ((flags & TCP_FLAG.RST) !== 0) return offset === receiver.nxt;
  // A SYN with the number of the first one is that one again.
  if ((flags & TCP_FLAG.SYN) !== 0 && tcp.state === "SYN-RECEIVED") return offset === -1;
  // Twice the window to the left: what was acknowledged lately is answered, and may be looked at.
  const width = Math.max(receiver.largestWindow, 65_536);
  const end = offset + segment.payload.length + 1;
  const inWindow = end >= receiver.nxt - 2 * width && offset <= receiver.rightEdge + 1;
  if (!inWindow) return false;
  const ack = positionNear(segment.acknowledgment, sender.origin, sender.una);
  return (flags & TCP_FLAG.ACK) !== 0 && ack <= sender.nxt && ack >= sender.una - sender.maxWindow - 1;
}

function outsideFlight(random: FuzzRandom, tcp: TcpConnection | null): number {
  for (;;) {
    const sequence = random.edge32();
    if (tcp === null) return sequence;
    const at = positionNear(sequence, tcp.sender.origin, tcp.sender.una);
    if (at < tcp.sender.una || at >= tcp.sender.nxt) return sequence;
  }
}

/** An ICMP error of a made-up router about a segment of the receiver's. */
function icmpError(random: FuzzRandom, tuple: FourTuple, sequence: number): Packet {
  const ours = sameAddress(tuple.localAddress);
  const theirs = sameAddress(tuple.remoteAddress);
  const quoted = new Packet(ours, theirs);
  const segment = new TcpSegment();
  segment.sourcePort = tuple.localPort;
  segment.destinationPort = tuple.remotePort;
  segment.sequence = sequence;
  quoted.tcp = segment;
  quoted.length = packetLength(quoted);
  const body = new Uint8Array(quoted.length);
  encodePacket(quoted, body, 0);
  const v4 = ours.family === 4;
  const types: readonly number[] = v4 ? Object.values(ICMP4_TYPE) : Object.values(ICMP6_TYPE);
  const packet = new Packet(random.oneIn(2) ? theirs : ours, ours);
  const isCut = random.oneIn(8);
  packet.icmp = {
    type: pick(random, types),
    code: random.oneIn(3) ? 4 : random.below(16),
    word: pick(random, [0, 68, 500, 1280, 1400, random.uint32()]),
    body: isCut ? body.slice(0, random.below(body.length)) : body,
  };
  return packet;
}

/** An address of its own: what is forged shares nothing with the connection that it is meant for. */
function sameAddress(address: IpAddress): IpAddress {
  const { family, w0, w1, w2, w3 } = address;
  return family === 4 ? IpAddress.v4(w3) : IpAddress.v6(w0, w1, w2, w3);
}

function emptySegment(tuple: FourTuple): Packet {
  const packet = new Packet(sameAddress(tuple.remoteAddress), sameAddress(tuple.localAddress));
  const segment = new TcpSegment();
  segment.sourcePort = tuple.remotePort;
  segment.destinationPort = tuple.localPort;
  packet.tcp = segment;
  return packet;
}

function flagsFor(kind: Kind, random: FuzzRandom): number {
  const { ACK, FIN, PSH, RST, SYN } = TCP_FLAG;
  switch (kind) {
    case "syn":
      return random.oneIn(3) ? SYN | ACK : SYN;
    case "fin":
      return FIN | ACK;
    case "rst":
    case "tcprst":
      return random.oneIn(2) ? RST : RST | ACK;
    case "flags":
      return random.below(256);
    case "capable":
    case "join":
      return pick(random, [SYN, SYN, SYN | ACK, ACK]);
    case "fastclose":
      return random.oneIn(3) ? RST : ACK;
    default:
      return random.oneIn(3) ? ACK | PSH : ACK;
  }
}

/** Leaves out options from the end until the rest has room in the header. */
function fitOptions(segment: TcpSegment): void {
  while (tcpHeaderLength(segment) > 20 + TCP_OPTION_SPACE && segment.mptcp.length > 0) segment.mptcp = segment.mptcp.slice(0, -1);
  if (tcpHeaderLength(segment) > 20 + TCP_OPTION_SPACE) segment.sackBlocks = [];
}

function isSignal(kind: Kind): kind is Signal {
  return (SIGNALS as readonly string[]).includes(kind);
}

const COPIED = { copy: true } as const;
