import { BLOCK, BYTE_ORDER_MAGIC, OPTION } from "./format.ts";
import { epochOfTicks, nanosecondsSince } from "./timestamp.ts";
import type { Epoch } from "./timestamp.ts";
import { readUtf8 } from "./utf8.ts";

/** One packet of a capture. */
export interface CaptureRecord {
  /** Index into {@link CaptureReader.interfaces}. */
  readonly interfaceId: number;
  /** Nanoseconds since {@link CaptureReader.originSeconds}; null when the capture has no time for it, as simple packet blocks have none. */
  readonly at: number | null;
  /** The octets captured, from the link layer's header on; a window on the file. */
  readonly bytes: Uint8Array;
  /** Octets that the frame had; more than `bytes` holds when it was cut short. */
  readonly originalLength: number;
  readonly direction: "in" | "out" | null;
  readonly comments: readonly string[];
}

/** One interface of a capture. */
export interface CaptureInterface {
  readonly name: string;
  readonly description: string;
  /** See {@link LINK_TYPE}. */
  readonly linkType: number;
  /** Octets kept of each packet; 0 when all are. */
  readonly snapLength: number;
}

/** What may be wrong with a capture. */
export type CaptureProblemReason =
  /** Neither pcapng nor pcap. */
  | "not_a_capture"
  /** The file ends within a block or record. */
  | "truncated"
  /** A block's length is no multiple of 4, too small, or its two copies differ. */
  | "bad_block_length"
  | "unsupported_version"
  /** A packet names an interface that was not described. */
  | "unknown_interface"
  /** A packet claims more octets than its block holds. */
  | "bad_packet_length"
  /** The resolution of an interface's times is finer than 10^-19 or 2^-63 s: its packets have no time. */
  | "bad_timestamp";

/** A problem and the octet of the file where it was met. */
export interface CaptureProblem {
  readonly reason: CaptureProblemReason;
  readonly offset: number;
}

/**
 * Reads a capture, pcapng or classic pcap (its forms with nanoseconds and A. Kuznetzov's included), of either byte order, that is in memory as a whole. Never throws: what cannot
 * be read is skipped where its extent is known, else ends the capture, and is listed in {@link problems}.
 *
 * Iterate over it once; {@link interfaces} and {@link problems} fill up on the way.
 *
 * {@link PacketReader} gives the packets in its frames.
 *
 * @example
 * ```ts
 * import { CaptureReader, linkTypeName } from "mptcp/capture";
 *
 * function frames(file: Uint8Array): string[] {
 *   const capture = new CaptureReader(file);
 *   return Array.from(capture, ({ interfaceId, at, originalLength }) => {
 *     const { linkType } = capture.interfaces[interfaceId]!;
 *     return `${at ?? "at no known time"}: ${originalLength} octets of ${linkTypeName(linkType) ?? linkType}`;
 *   });
 * }
 * ```
 */
export class CaptureReader implements Iterable<CaptureRecord> {
  readonly format: "pcapng" | "pcap" | null;
  readonly interfaces: CaptureInterface[] = [];
  /** At most 100, the first ones. */
  readonly problems: CaptureProblem[] = [];
  /**
   * Whole seconds since 1970 from which `at` counts. Set by the first packet that has a time: 0 if that is within 104 days of 1970
   * (virtual time), else the second in which it was captured.
   */
  originSeconds = 0;
  /** Comments of blocks other than packets, such as those after the last packet. */
  readonly comments: string[] = [];
  /** Blocks of pcapng that were passed over (names, secrets, journals, what programs define for themselves), how many by type; the first 100 types. */
  readonly blocksSkipped: ReadonlyMap<number, number>;
  private readonly skipped = new Map<number, number>();
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private little = false;
  private readonly clocks: Clock[] = [];
  /** Index of the first interface of the current section. */
  private sectionStart = 0;
  private hasOrigin = false;

  /** @param originSeconds fixes that of the same name beforehand */
  constructor(bytes: Uint8Array, originSeconds?: number) {
    this.bytes = bytes;
    this.blocksSkipped = this.skipped;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.format = this.detect();
    if (originSeconds !== undefined) {
      this.originSeconds = originSeconds;
      this.hasOrigin = true;
    }
    if (this.format === null) this.problem("not_a_capture", 0);
  }

  *[Symbol.iterator](): Generator<CaptureRecord, void> {
    if (this.format === "pcapng") yield* this.blocks();
    else if (this.format === "pcap") yield* this.classicRecords();
  }

  private detect(): "pcapng" | "pcap" | null {
    if (this.bytes.length < 24) return null;
    const magic = this.view.getUint32(0, true);
    if (magic === BLOCK.sectionHeader) return "pcapng";
    return CLASSIC.has(magic) ? "pcap" : null;
  }

  private *blocks(): Generator<CaptureRecord, void> {
    let at = 0;
    while (at < this.bytes.length) {
      if (this.bytes.length - at < 12) return this.problem("truncated", at);
      const isSection = this.view.getUint32(at, true) === BLOCK.sectionHeader;
      // A section tells its byte order after its own length.
      if (isSection) {
        const magic = this.view.getUint32(at + 8, true);
        if (magic !== BYTE_ORDER_MAGIC && magic !== SWAPPED_MAGIC) return this.problem("not_a_capture", at);
        this.little = magic === BYTE_ORDER_MAGIC;
      }
      const length = this.uint32(at + 4);
      if (length % 4 !== 0 || length < 12) return this.problem("bad_block_length", at);
      if (length > this.bytes.length - at) return this.problem("truncated", at);
      if (this.uint32(at + length - 4) !== length) return this.problem("bad_block_length", at);
      if (isSection) {
        if (length < 28) return this.problem("bad_block_length", at);
        if (this.uint16(at + 12) !== 1) return this.problem("unsupported_version", at);
        this.sectionStart = this.interfaces.length;
        this.collectComments(at + 24, at + length - 4, this.comments);
      } else {
        const record = this.block(this.uint32(at), at + 8, at + length - 4);
        if (record !== null) yield record;
      }
      at += length;
    }
  }

  /** Reads the block whose body lies in `at` to `end`; null when it is no packet. */
  private block(type: number, at: number, end: number): CaptureRecord | null {
    switch (type) {
      case BLOCK.interfaceDescription:
        if (end - at < 8) this.problem("bad_block_length", at);
        else this.interfaceDescription(at, end);
        return null;
      case BLOCK.enhancedPacket:
        if (end - at < 20) break;
        return this.packetRecord(this.uint32(at), at, at + 4, at + 12, end);
      case BLOCK.packet:
        // The obsolete block has a 16-bit interface number and a drop count before the same fields.
        if (end - at < 20) break;
        return this.packetRecord(this.uint16(at), at, at + 4, at + 12, end);
      case BLOCK.simplePacket:
        if (end - at < 4) break;
        return this.simplePacket(at, end);
      case BLOCK.interfaceStatistics:
        this.collectComments(at + 12, end, this.comments);
        return null;
      default:
        this.skip(type);
        return null;
    }
    this.problem("bad_block_length", at);
    return null;
  }

  private interfaceDescription(at: number, end: number): void {
    let name = "";
    let description = "";
    let resolution = 6;
    let offsetSeconds = 0;
    this.eachOption(at + 8, end, (code, from, length) => {
      if (code === OPTION.interfaceName) name = readUtf8(this.bytes, from, from + length);
      else if (code === OPTION.interfaceDescription) description = readUtf8(this.bytes, from, from + length);
      else if (code === OPTION.timestampResolution && length === 1) resolution = this.bytes[from];
      else if (code === OPTION.timestampOffset && length === 8) offsetSeconds = this.int64(from);
    });
    this.interfaces.push({ name, description, linkType: this.uint16(at), snapLength: this.uint32(at + 4) });
    this.clocks.push({ resolution, offsetSeconds });
  }

  private packetRecord(number: number, at: number, timeAt: number, lengthAt: number, end: number): CaptureRecord | null {
    const interfaceId = this.sectionStart + number;
    const clock = this.clocks[interfaceId];
    if (clock === undefined) return this.refuse("unknown_interface", at);
    const captured = this.uint32(lengthAt);
    const from = lengthAt + 8;
    if (captured > end - from) return this.refuse("bad_packet_length", at);
    const moment = epochOfTicks(this.uint32(timeAt), this.uint32(timeAt + 4), clock.resolution);
    if (moment === null) this.problem("bad_timestamp", at);
    const comments: string[] = [];
    let direction: "in" | "out" | null = null;
    this.eachOption(from + ((captured + 3) & ~3), end, (code, valueAt, length) => {
      if (code === OPTION.comment) comments.push(readUtf8(this.bytes, valueAt, valueAt + length));
      if (code === OPTION.packetFlags && length === 4) direction = DIRECTIONS[this.uint32(valueAt) & 3] ?? null;
    });
    return {
      interfaceId,
      at: moment === null ? null : this.since(moment, clock.offsetSeconds),
      bytes: this.bytes.subarray(from, from + captured),
      originalLength: this.uint32(lengthAt + 4),
      direction,
      comments,
    };
  }

  private simplePacket(at: number, end: number): CaptureRecord | null {
    const link = this.interfaces[this.sectionStart];
    if (link === undefined) return this.refuse("unknown_interface", at);
    const originalLength = this.uint32(at);
    const limit = link.snapLength === 0 ? originalLength : Math.min(originalLength, link.snapLength);
    if (limit > end - at - 4) return this.refuse("bad_packet_length", at);
    const bytes = this.bytes.subarray(at + 4, at + 4 + limit);
    // The block has no timestamp.
    return { interfaceId: this.sectionStart, at: null, bytes, originalLength, direction: null, comments: [] };
  }

  private *classicRecords(): Generator<CaptureRecord, void> {
    const { little, unit, headerLength } = CLASSIC.get(this.view.getUint32(0, true)) as Classic;
    this.little = little;
    if (this.uint16(4) !== 2) return this.problem("unsupported_version", 4);
    const minor = this.uint16(6);
    // The upper bits of the link type hold the length of a frame check sequence.
    this.interfaces.push({ name: "", description: "", linkType: this.uint32(20) & 0xffff, snapLength: this.uint32(16) });
    let at = 24;
    while (at < this.bytes.length) {
      if (this.bytes.length - at < headerLength) return this.problem("truncated", at);
      let captured = this.uint32(at + 8);
      let originalLength = this.uint32(at + 12);
      // libpcap changed the order of the two with version 2.3; some programs wrote 2.3 and the old order.
      if (minor < 3 || (minor === 3 && captured > originalLength)) [captured, originalLength] = [originalLength, captured];
      const from = at + headerLength;
      if (captured > this.bytes.length - from) return this.problem("truncated", at);
      const moment = { seconds: this.uint32(at), nanoseconds: this.uint32(at + 4) * unit };
      yield {
        interfaceId: 0,
        at: this.since(moment, 0),
        bytes: this.bytes.subarray(from, from + captured),
        originalLength,
        direction: headerLength === MODIFIED_HEADER_LENGTH ? directionOfPacketType(this.bytes[at + 22]) : null,
        comments: [],
      };
      at = from + captured;
    }
  }

  private since(moment: Epoch, offsetSeconds: number): number {
    const shifted = offsetSeconds === 0 ? moment : { ...moment, seconds: moment.seconds + offsetSeconds };
    if (!this.hasOrigin) {
      this.hasOrigin = true;
      this.originSeconds = shifted.seconds < VIRTUAL_TIME_SECONDS ? 0 : shifted.seconds;
    }
    return nanosecondsSince(this.originSeconds, shifted);
  }

  private collectComments(at: number, end: number, target: string[]): void {
    this.eachOption(at, end, (code, from, length) => {
      if (code === OPTION.comment && target.length < MAXIMUM_COMMENTS) target.push(readUtf8(this.bytes, from, from + length));
    });
  }

  /** Calls `each` with code, place and length of every option between `at` and `end`; stops at one that does not fit. */
  private eachOption(at: number, end: number, each: (code: number, from: number, length: number) => void): void {
    let i = at;
    while (i + 4 <= end) {
      const code = this.uint16(i);
      const length = this.uint16(i + 2);
      if (code === OPTION.endOfOptions || length > end - i - 4) return;
      each(code, i + 4, length);
      i += 4 + ((length + 3) & ~3);
    }
  }

  private skip(type: number): void {
    const count = this.skipped.get(type);
    if (count !== undefined || this.skipped.size < MAXIMUM_BLOCK_TYPES) this.skipped.set(type, (count ?? 0) + 1);
  }

  private refuse(reason: CaptureProblemReason, offset: number): null {
    this.problem(reason, offset);
    return null;
  }

  private problem(reason: CaptureProblemReason, offset: number): void {
    if (this.problems.length < MAXIMUM_PROBLEMS) this.problems.push({ reason, offset });
  }

  private uint16(at: number): number {
    return this.view.getUint16(at, this.little);
  }

  private uint32(at: number): number {
    return this.view.getUint32(at, this.little);
  }

  private int64(at: number): number {
    const high = this.view.getInt32(this.little ? at + 4 : at, this.little);
    const low = this.uint32(this.little ? at : at + 4);
    return high * 0x1_0000_0000 + low;
  }
}

/** How an interface's timestamps are to be read. */
interface Clock {
  readonly resolution: number;
  readonly offsetSeconds: number;
}

const SWAPPED_MAGIC = 0x4d3c2b1a;

/** How a classic pcap file is laid out. */
interface Classic {
  readonly little: boolean;
  /** Nanoseconds in a unit of its times' fractions. */
  readonly unit: number;
  /** Octets before each frame. */
  readonly headerLength: number;
}

const MODIFIED_HEADER_LENGTH = 24;
/** By the magic number as it is when read in little-endian order. */
const CLASSIC: ReadonlyMap<number, Classic> = new Map([
  [0xa1b2c3d4, { little: true, unit: 1000, headerLength: 16 }],
  [0xd4c3b2a1, { little: false, unit: 1000, headerLength: 16 }],
  [0xa1b23c4d, { little: true, unit: 1, headerLength: 16 }],
  [0x4d3cb2a1, { little: false, unit: 1, headerLength: 16 }],
  // A. Kuznetzov's libpcap: interface, protocol and packet type behind the usual fields.
  [0xa1b2cd34, { little: true, unit: 1000, headerLength: MODIFIED_HEADER_LENGTH }],
  [0x34cdb2a1, { little: false, unit: 1000, headerLength: MODIFIED_HEADER_LENGTH }],
]);
/** 2^53 nanoseconds, in seconds. */
const VIRTUAL_TIME_SECONDS = 9_007_199;
const MAXIMUM_PROBLEMS = 100;
const MAXIMUM_COMMENTS = 1000;
const MAXIMUM_BLOCK_TYPES = 100;
const DIRECTIONS: readonly (("in" | "out") | null)[] = [null, "in", "out"];

/** Linux's type of a packet: to this host, to all, to a group; to another host, which is seen by chance; from this host. */
function directionOfPacketType(type: number): "in" | "out" | null {
  return type === 4 ? "out" : type < 3 ? "in" : null;
}
