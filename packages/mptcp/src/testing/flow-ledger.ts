import type { Packet, TcpSegment } from "../wire/index.ts";
import { streamByte } from "./traffic.ts";

/** What went into a box and did not come out. */
export interface Missing {
  /** Octets of payload. */
  readonly bytes: number;
  /** Packets without payload. */
  readonly packets: number;
  /** One of them, in words; empty when nothing is missing. */
  readonly example: string;
}

/** Keeps account of what goes into a box and what comes out, by flow: each direction of a connection is one. */
export class FlowLedger {
  private readonly flows = new Map<string, Flow>();

  /** A packet goes in on a side. */
  putIn(packet: Packet, side: 0 | 1): void {
    const key = keyOf(packet);
    let flow = this.flows.get(key);
    if (flow === undefined) {
      flow = new Flow(key, side, packet.tcp?.sequence ?? 0);
      this.flows.set(key, flow);
    }
    if (packet.tcp !== null && packet.tcp.payload.length > 0) flow.putIn(packet.tcp);
    else flow.emptyIn++;
  }

  /** A packet comes out on a side. @returns what in it nobody put in, or on that side */
  takeOut(packet: Packet, side: 0 | 1): string[] {
    const key = keyOf(packet);
    const flow = this.flows.get(key);
    if (flow === undefined) return [`a packet comes out of ${key}, and none went in`];
    const problems: string[] = [];
    if (side === flow.side) problems.push(`a packet of ${key} goes back where it came from`);
    if (packet.tcp !== null && packet.tcp.payload.length > 0) problems.push(...flow.takeOut(packet.tcp));
    else if (++flow.emptyOut > flow.emptyIn) problems.push(`more packets without payload come out of ${key} than went in`);
    return problems;
  }

  /** Bytes that came out more than once, or as others. */
  altered(): string[] {
    return [...this.flows.values()].flatMap((flow) => flow.altered());
  }

  /** What is missing when all should have come out. */
  missing(): Missing {
    let bytes = 0;
    let packets = 0;
    let example = "";
    for (const flow of this.flows.values()) {
      const lost = flow.lost();
      const lostPackets = Math.max(0, flow.emptyIn - flow.emptyOut);
      bytes += lost.count;
      packets += lostPackets;
      if (example === "" && lost.count > 0) example = `byte ${lost.first} of ${flow.key} does not come out`;
      else if (example === "" && lostPackets > 0) example = `${lostPackets} packets without payload of ${flow.key} do not come out`;
    }
    return { bytes, packets, example };
  }
}

class Flow {
  readonly key: string;
  readonly side: 0 | 1;
  /** Packets without payload. */
  emptyIn = 0;
  emptyOut = 0;
  private readonly first: number;
  /** By offset from the first sequence number: whether the byte went in, and how often it came out. */
  private readonly wentIn = new Uint8Array(LARGEST_STREAM);
  private readonly cameOut = new Uint8Array(LARGEST_STREAM);
  /** Offset of a byte that came out as another one, and of one that came out twice; -1 while there is none. */
  private wrong = -1;
  private repeated = -1;
  private end = 0;

  constructor(key: string, side: 0 | 1, first: number) {
    this.key = key;
    this.side = side;
    this.first = first;
  }

  putIn(segment: TcpSegment): void {
    const from = this.offset(segment);
    this.end = Math.max(this.end, from + segment.payload.length);
    this.wentIn.fill(1, from, from + segment.payload.length);
  }

  takeOut(segment: TcpSegment): string[] {
    const from = this.offset(segment);
    const bytes = segment.payload.toUint8Array();
    let invented = -1;
    for (let i = 0; i < bytes.length; i++) {
      if (this.wentIn[from + i] !== 1) invented = from + i;
      else if ((++(this.cameOut[from + i] as number)) > 1) this.repeated = from + i;
      if (bytes[i] !== streamByte((segment.sequence + i) >>> 0)) this.wrong = from + i;
    }
    return invented < 0 ? [] : [`byte ${invented} of ${this.key} comes out, and did not go in before`];
  }

  altered(): string[] {
    const problems: string[] = [];
    if (this.repeated >= 0) problems.push(`byte ${this.repeated} of ${this.key} comes out ${this.cameOut[this.repeated]} times`);
    if (this.wrong >= 0) problems.push(`byte ${this.wrong} of ${this.key} is another one when it comes out`);
    return problems;
  }

  lost(): { readonly count: number; readonly first: number } {
    let count = 0;
    let first = -1;
    for (let i = this.end - 1; i >= 0; i--) {
      if (this.wentIn[i] !== 1 || (this.cameOut[i] as number) > 0) continue;
      count++;
      first = i;
    }
    return { count, first };
  }

  private offset(segment: TcpSegment): number {
    return (segment.sequence - this.first) >>> 0;
  }
}

function keyOf(packet: Packet): string {
  const { tcp } = packet;
  if (tcp !== null) return `${packet.source}:${tcp.sourcePort} > ${packet.destination}:${tcp.destinationPort}`;
  return `${packet.source} > ${packet.destination} (${packet.icmp === null ? `protocol ${packet.opaque?.protocol}` : "ICMP"})`;
}

/** More than any stream of the made-up traffic. */
const LARGEST_STREAM = 65_536;
