import type { DecisionEvent } from "../core/index.ts";
import { encodePacket, packetLength } from "../wire/index.ts";
import type { Packet } from "../wire/index.ts";
import { describeEvent } from "./events.ts";
import { BLOCK, BYTE_ORDER_MAGIC, OPTION } from "./format.ts";
import { LINK_TYPE } from "./link-types.ts";
import { NO_EPOCH, timestampHigh, timestampLow } from "./timestamp.ts";
import type { Epoch } from "./timestamp.ts";
import { utf8Length, writeUtf8 } from "./utf8.ts";

/** Takes the capture's octets in order. A chunk is the sink's to keep: the writer never touches it again. */
export type CaptureSink = (chunk: Uint8Array) => void;

/** Settings of a {@link PcapngWriter}. */
export interface PcapngWriterOptions {
  /** The moment that `now` = 0 stands for. Default: 1970, as fits virtual time. */
  readonly epoch?: Epoch;
  /** Name of the program, for the section header. */
  readonly application?: string;
  /** Octets collected before the sink is called. Default 65,536. */
  readonly chunkLength?: number;
}

/** One interface of a capture. */
export interface CaptureInterfaceOptions {
  readonly name: string;
  readonly description?: string;
  /** Octets kept of each packet; 0 (default) keeps all. */
  readonly snapLength?: number;
}

/** What goes with one packet. */
export interface PacketNotes {
  /** As seen from the interface. */
  readonly direction?: "in" | "out";
  readonly comments?: readonly string[];
}

/**
 * Writes a pcapng capture with nanosecond timestamps, link type RAW, without doing any I/O: octets go to a sink.
 *
 * Call {@link addInterface} before the first packet of each interface, then {@link packet} for each packet in time order.
 * An event of the decision log, or a remark of any kind, becomes a comment of the next packet; what is left at the end
 * is written by {@link close}. Octets are handed over in chunks; {@link flush} hands over what there is.
 *
 * @example
 * ```ts
 * import { PcapngWriter } from "mptcp/capture";
 * import { IpAddress, Packet } from "mptcp/wire";
 *
 * const chunks: Uint8Array[] = [];
 * const capture = new PcapngWriter((chunk) => chunks.push(chunk));
 * const wifi = capture.addInterface({ name: "wifi" });
 * capture.event({ at: 0, host: "a", connection: 1, subflow: 1, kind: "fallback", reason: "option stripped" });
 * const packet = new Packet(IpAddress.from("10.0.0.1"), IpAddress.from("10.0.0.2"));
 * capture.packet(wifi, packet, 1_000, { direction: "out" });
 * capture.close(1_000);
 * ```
 */
export class PcapngWriter {
  /** Packets written. */
  packets = 0;
  private readonly sink: CaptureSink;
  private readonly epoch: Epoch;
  private readonly chunkLength: number;
  private readonly snapLengths: number[] = [];
  private chunk: Uint8Array;
  private used = 0;
  private pending: string[] = [];
  private suppressed = 0;

  constructor(sink: CaptureSink, options: PcapngWriterOptions = {}) {
    this.sink = sink;
    this.epoch = options.epoch ?? NO_EPOCH;
    this.chunkLength = options.chunkLength ?? 65_536;
    this.chunk = new Uint8Array(this.chunkLength);
    this.sectionHeader(options.application ?? "mptcp");
  }

  /** Declares an interface; returns its number in this capture. */
  addInterface(options: CaptureInterfaceOptions): number {
    const description = options.description ?? "";
    const snapLength = options.snapLength ?? 0;
    const at = this.reserve(64 + textOptionLength(options.name) + textOptionLength(description));
    let i = this.write32(at, BLOCK.interfaceDescription) + 4;
    i = this.write16(i, LINK_TYPE.raw);
    i = this.write16(i, 0);
    i = this.write32(i, snapLength);
    i = this.textOption(i, OPTION.interfaceName, options.name);
    if (description !== "") i = this.textOption(i, OPTION.interfaceDescription, description);
    i = this.optionHead(i, OPTION.timestampResolution, 1);
    // Ten to the minus ninth: nanoseconds; the other three octets pad.
    i = this.write32(i, 9);
    this.endBlock(at, this.optionHead(i, OPTION.endOfOptions, 0));
    this.snapLengths.push(snapLength === 0 ? UNLIMITED : snapLength);
    return this.snapLengths.length - 1;
  }

  /**
   * Writes `packet` as seen on an interface at `now`, nanoseconds since the driver started.
   *
   * @throws RangeError for an unknown interface; EncodeError when the packet cannot be encoded
   */
  packet(interfaceId: number, packet: Packet, now: number, notes: PacketNotes = NO_NOTES): void {
    const snapLength = this.snapLengthOf(interfaceId);
    const length = packetLength(packet);
    const comments = this.takeComments(notes.comments);
    const at = this.reserve(ENHANCED_PACKET_OVERHEAD + length + 3 + commentsLength(comments));
    encodePacket(packet, this.chunk, at + ENHANCED_PACKET_HEADER);
    this.enhancedPacket(at, interfaceId, length, Math.min(length, snapLength), now, notes, comments);
  }

  /** Writes the `length` octets of `bytes` from `offset` on, an IP packet; the rest as for {@link packet}. */
  octets(
    interfaceId: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    now: number,
    notes: PacketNotes = NO_NOTES,
  ): void {
    const snapLength = this.snapLengthOf(interfaceId);
    const comments = this.takeComments(notes.comments);
    const at = this.reserve(ENHANCED_PACKET_OVERHEAD + length + 3 + commentsLength(comments));
    this.chunk.set(bytes.subarray(offset, offset + length), at + ENHANCED_PACKET_HEADER);
    this.enhancedPacket(at, interfaceId, length, Math.min(length, snapLength), now, notes, comments);
  }

  /** Keeps `text` as a comment of the next packet. Of more than 1000 that wait only the number is kept. */
  comment(text: string): void {
    if (this.pending.length < MAXIMUM_PENDING) this.pending.push(text);
    else this.suppressed++;
  }

  /** Keeps an event of the decision log, as a line of text, as a comment of the next packet. */
  event(event: DecisionEvent): void {
    this.comment(describeEvent(event));
  }

  /** Hands over what has been written so far. */
  flush(): void {
    if (this.used === 0) return;
    const full = this.chunk.subarray(0, this.used);
    this.chunk = EMPTY;
    this.used = 0;
    this.sink(full);
  }

  /** Writes the comments that no packet carried, in a statistics block of each interface's end, and flushes. */
  close(now: number): void {
    const comments = this.takeComments(undefined);
    if (comments.length > 0 && this.snapLengths.length > 0) {
      const at = this.reserve(64 + commentsLength(comments));
      let i = this.write32(at, BLOCK.interfaceStatistics) + 4;
      i = this.write32(i, 0);
      i = this.write32(i, timestampHigh(this.epoch, now));
      i = this.write32(i, timestampLow(this.epoch, now));
      for (const comment of comments) i = this.textOption(i, OPTION.comment, comment);
      this.endBlock(at, this.optionHead(i, OPTION.endOfOptions, 0));
    }
    this.flush();
  }

  private sectionHeader(application: string): void {
    const at = this.reserve(64 + textOptionLength(application));
    let i = this.write32(at, BLOCK.sectionHeader) + 4;
    i = this.write32(i, BYTE_ORDER_MAGIC);
    i = this.write16(i, 1);
    i = this.write16(i, 0);
    // The section's length is not known beforehand: all ones.
    i = this.write32(i, 0xffff_ffff);
    i = this.write32(i, 0xffff_ffff);
    i = this.textOption(i, OPTION.userApplication, application);
    this.endBlock(at, this.optionHead(i, OPTION.endOfOptions, 0));
  }

  /** Puts header, options and trailer around the octets of a packet, which are in their place already. */
  private enhancedPacket(
    at: number,
    interfaceId: number,
    length: number,
    captured: number,
    now: number,
    notes: PacketNotes,
    comments: readonly string[],
  ): void {
    let i = this.write32(at, BLOCK.enhancedPacket) + 4;
    i = this.write32(i, interfaceId);
    i = this.write32(i, timestampHigh(this.epoch, now));
    i = this.write32(i, timestampLow(this.epoch, now));
    i = this.write32(i, captured);
    i = this.write32(i, length) + captured;
    while ((i - at) % 4 !== 0) this.chunk[i++] = 0;
    for (const comment of comments) i = this.textOption(i, OPTION.comment, comment);
    if (notes.direction !== undefined) {
      i = this.optionHead(i, OPTION.packetFlags, 4);
      i = this.write32(i, notes.direction === "in" ? 1 : 2);
    }
    if (comments.length > 0 || notes.direction !== undefined) i = this.optionHead(i, OPTION.endOfOptions, 0);
    this.endBlock(at, i);
    this.packets++;
  }

  private snapLengthOf(interfaceId: number): number {
    const snapLength = this.snapLengths[interfaceId];
    if (snapLength === undefined) throw new RangeError(`no interface ${interfaceId} in this capture`);
    return snapLength;
  }

  private takeComments(own: readonly string[] | undefined): readonly string[] {
    if (this.pending.length === 0) return own ?? NO_COMMENTS;
    const comments = this.pending;
    if (this.suppressed > 0) comments.push(`and ${this.suppressed} more`);
    if (own !== undefined) comments.push(...own);
    this.pending = [];
    this.suppressed = 0;
    return comments;
  }

  /** Makes room for `length` octets; returns where they go. */
  private reserve(length: number): number {
    if (this.used + length > this.chunk.length) {
      this.flush();
      this.chunk = new Uint8Array(Math.max(length, this.chunkLength));
    }
    return this.used;
  }

  /** Writes both copies of the length of the block from `at` to `end`, and closes it. */
  private endBlock(at: number, end: number): void {
    const length = end + 4 - at;
    this.write32(at + 4, length);
    this.used = this.write32(end, length);
  }

  private textOption(at: number, code: number, text: string): number {
    const cut = optionText(text);
    let i = this.optionHead(at, code, utf8Length(cut));
    i = writeUtf8(cut, this.chunk, i);
    while ((i - at) % 4 !== 0) this.chunk[i++] = 0;
    return i;
  }

  private optionHead(at: number, code: number, length: number): number {
    return this.write16(this.write16(at, code), length);
  }

  private write16(at: number, value: number): number {
    this.chunk[at] = value;
    this.chunk[at + 1] = value >>> 8;
    return at + 2;
  }

  private write32(at: number, value: number): number {
    this.chunk[at] = value;
    this.chunk[at + 1] = value >>> 8;
    this.chunk[at + 2] = value >>> 16;
    this.chunk[at + 3] = value >>> 24;
    return at + 4;
  }
}

function commentsLength(comments: readonly string[]): number {
  let length = 0;
  for (const comment of comments) length += textOptionLength(comment);
  return length;
}

function textOptionLength(text: string): number {
  return 4 + utf8Length(optionText(text)) + 3;
}

/** An option holds 65,535 octets; a UTF-16 unit needs three at most. */
function optionText(text: string): string {
  return text.length > MAXIMUM_TEXT ? text.slice(0, MAXIMUM_TEXT) : text;
}

const NO_NOTES: PacketNotes = {};
const NO_COMMENTS: readonly string[] = [];
const EMPTY = new Uint8Array(0);
/** Octets of an enhanced packet block before the packet's. */
const ENHANCED_PACKET_HEADER = 28;
/** The same, with flags, end of options and the second length. */
const ENHANCED_PACKET_OVERHEAD = ENHANCED_PACKET_HEADER + 8 + 4 + 4;
const UNLIMITED = 0xffff_ffff;
const MAXIMUM_PENDING = 1000;
const MAXIMUM_TEXT = 21_845;
