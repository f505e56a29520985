import { readCapture } from "./pcapng.ts";
import type { PacketPlace } from "./pcapng.ts";

/** A TCP segment of a capture, as offsets into the file. */
export interface SegmentPlace {
  readonly packet: PacketPlace;
  readonly tcp: number;
  readonly options: number;
  readonly payload: number;
  readonly end: number;
  readonly syn: boolean;
  readonly ack: boolean;
  readonly sourcePort: number;
}

/** A Multipath TCP option of a capture. */
export interface OptionPlace {
  readonly segment: SegmentPlace;
  readonly at: number;
  readonly length: number;
  readonly subtype: number;
}

/** A copy of a capture in which packets can be altered, to see whether that is noticed. */
export class Editor {
  file: Buffer;
  readonly segments: readonly SegmentPlace[];
  readonly options: readonly OptionPlace[];

  constructor(original: Buffer) {
    this.file = Buffer.from(original);
    this.segments = readCapture(this.file).packets.map((packet) => this.segment(packet));
    this.options = this.segments.flatMap((segment) => this.optionsOf(segment));
  }

  /** The first option that fits. @throws Error when there is none, as then nothing would be altered */
  option(subtype: number, length: number, fits: (option: OptionPlace) => boolean = () => true): OptionPlace {
    return found(this.options.find((option) => option.subtype === subtype && option.length === length && fits(option)));
  }

  /** A DSS with mapping (18 octets: Data ACK and data sequence number of 4 each) on a segment with data, from the middle of the transfer. */
  mapping(): OptionPlace {
    const all = this.options.filter(({ subtype, length, segment }) => subtype === 2 && length === 18 && segment.payload < segment.end);
    return found(all[all.length >> 1]);
  }

  /** Inverts the lowest bit of an octet, and makes the checksums right again. */
  flip(segment: SegmentPlace, at: number): void {
    this.file.writeUInt8(this.file.readUInt8(at) ^ 1, at);
    this.repair(segment);
  }

  /** Sets bits of an octet, or clears them, and makes the checksums right again. */
  set(segment: SegmentPlace, at: number, bits: number): void {
    this.file.writeUInt8(this.file.readUInt8(at) | bits, at);
    this.repair(segment);
  }

  clear(segment: SegmentPlace, at: number, bits: number): void {
    this.file.writeUInt8(this.file.readUInt8(at) & ~bits, at);
    this.repair(segment);
  }

  add32(segment: SegmentPlace, at: number, difference: number): void {
    this.file.writeUInt32BE((this.file.readUInt32BE(at) + difference) >>> 0, at);
    this.repair(segment);
  }

  /** Puts a copy of a packet, made from the altered file, at the end, and undoes what was altered. */
  appendInstead(segment: SegmentPlace, original: Buffer): void {
    const { blockStart, blockEnd } = segment.packet;
    this.file = Buffer.concat([original, this.file.subarray(blockStart, blockEnd)]);
  }

  /** Computes the TCP checksum (RFC 9293 §3.1) anew. */
  repair({ packet, tcp, end }: SegmentPlace): void {
    const { file } = this;
    const v4 = file.readUInt8(packet.start) >> 4 === 4;
    const addresses = v4 ? file.subarray(packet.start + 12, packet.start + 20) : file.subarray(packet.start + 8, packet.start + 40);
    file.writeUInt16BE(0, tcp + 16);
    let sum = 6 + (end - tcp);
    for (const part of [addresses, file.subarray(tcp, end)]) {
      for (let i = 0; i < part.length; i += 2) sum += part.readUInt8(i) * 256 + (part[i + 1] ?? 0);
    }
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
    file.writeUInt16BE(~sum & 0xffff, tcp + 16);
  }

  private segment(packet: PacketPlace): SegmentPlace {
    const { file } = this;
    const first = file.readUInt8(packet.start);
    const tcp = packet.start + (first >> 4 === 4 ? (first & 15) * 4 : 40);
    const flags = file.readUInt8(tcp + 13);
    return {
      packet, tcp,
      options: tcp + 20,
      payload: tcp + (file.readUInt8(tcp + 12) >> 4) * 4,
      end: packet.start + packet.length,
      syn: (flags & 0x02) !== 0,
      ack: (flags & 0x10) !== 0,
      sourcePort: file.readUInt16BE(tcp),
    };
  }

  private optionsOf(segment: SegmentPlace): OptionPlace[] {
    const { file } = this;
    const list: OptionPlace[] = [];
    for (let at = segment.options; at < segment.payload; ) {
      const kind = file.readUInt8(at);
      if (kind === 0) break;
      const length = kind === 1 ? 1 : file.readUInt8(at + 1);
      if (kind === 30) list.push({ segment, at, length, subtype: file.readUInt8(at + 2) >> 4 });
      at += length;
    }
    return list;
  }
}

function found<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("the capture has nothing of that kind");
  return value;
}
