import { packetLength, Payload, positionNear, sequenceAdd, TCP_FLAG } from "../../wire/index.ts";
import type { Packet, TcpSegment } from "../../wire/index.ts";
import { FlowTable } from "./flow-table.ts";
import { opposite, SegmentMiddlebox } from "./middlebox.ts";
import type { Direction } from "./middlebox.ts";
import { pieceOf } from "./pieces.ts";

/** A place in a stream where bytes are replaced by others: positions count from the first byte of the stream. */
export interface StreamEdit {
  readonly at: number;
  /** At least one. */
  readonly removed: number;
  readonly inserted: Uint8Array;
}

/**
 * What a box changed in one direction of a connection, and where everything else is since. The new bytes stand at the first of those that they
 * replace, so that a stream that is cut in other pieces when it is sent again comes out as it did.
 */
export class StreamEdits {
  /** The position that comes next of what has come so far: to tell what is new from what is sent again. */
  seen = 0;
  private readonly edits: StreamEdit[] = [];
  /** By how much everything is moved by edits that are forgotten. */
  private base = 0;
  private readonly initial: number;

  /** @param initial the sequence number of the first byte */
  constructor(initial: number) {
    this.initial = initial;
  }

  get isEmpty(): boolean {
    return this.base === 0 && this.edits.length === 0;
  }

  positionOf(sequence: number): number {
    return positionNear(sequence, this.initial, this.seen);
  }

  /** Edits lie behind all earlier ones. Of very many the oldest are forgotten but for their length. */
  add(edit: StreamEdit): void {
    this.edits.push(edit);
    if (this.edits.length <= MOST_EDITS) return;
    const { inserted, removed } = this.edits.shift() as StreamEdit;
    this.base += inserted.length - removed;
  }

  /** The number behind the box of what has this one before it. */
  forth(sequence: number): number {
    const position = this.positionOf(sequence);
    let moved = this.base;
    for (const { at, removed, inserted } of this.edits) {
      if (at >= position) break;
      moved += inserted.length - Math.min(removed, position - at);
    }
    return sequenceAdd(sequence, moved);
  }

  /** The number before the box of what has this one behind it: of the first byte that is not all there yet. */
  back(sequence: number): number {
    const position = this.positionOf(sequenceAdd(sequence, -this.base));
    let moved = 0;
    for (const { at, removed, inserted } of this.edits) {
      const start = at + moved;
      if (position < start || (position === start && inserted.length > 0)) break;
      if (position < start + inserted.length) return sequenceAdd(this.initial, at);
      moved += inserted.length - removed;
    }
    return sequenceAdd(this.initial, position - moved);
  }

  /** What leaves of a payload that begins at a position. */
  apply(from: number, payload: Payload): Payload {
    const to = from + payload.length;
    const parts: Uint8Array[] = [];
    let next = from;
    for (const { at, removed, inserted } of this.edits) {
      if (at >= to || at + removed <= from) continue;
      if (at > next) parts.push(payload.slice(next - from, at - from).toUint8Array());
      if (at >= from) parts.push(inserted);
      next = Math.min(at + removed, to);
    }
    if (next === from && parts.length === 0) return payload;
    if (next < to) parts.push(payload.slice(next - from, payload.length).toUint8Array());
    const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let offset = 0;
    for (const part of parts) {
      bytes.set(part, offset);
      offset += part.length;
    }
    return Payload.of(bytes);
  }
}

/** Both directions of a connection, by direction of the sender. */
class EditedFlow {
  readonly edits: [StreamEdits | null, StreamEdits | null] = [null, null];
  readonly initial: [number, number] = [-1, -1];
}

/**
 * A box that changes what connections carry, and keeps sequence numbers, acknowledgments and SACK blocks right for both ends. A subclass says what is changed in what is new. What
 * gets too long for the next link is cut. Switched off, it changes nothing new and goes on with what it has moved.
 */
export abstract class StreamEditor extends SegmentMiddlebox {
  private readonly flows = new FlowTable(() => new EditedFlow());

  /** The edits in a payload that begins at a position of a stream, which is new from its first byte on: in order, none across its end. */
  protected abstract editsOf(packet: Packet, segment: TcpSegment, direction: Direction, position: number, now: number): readonly StreamEdit[];

  protected treat(packet: Packet, segment: TcpSegment, direction: Direction, now: number): void {
    this.edit(packet, segment, direction, now, true);
  }

  protected override standBy(packet: Packet, direction: Direction, now: number): void {
    if (packet.tcp === null) this.forward(packet, direction, now);
    else this.edit(packet, packet.tcp, direction, now, false);
  }

  private edit(packet: Packet, segment: TcpSegment, direction: Direction, now: number, takesNew: boolean): void {
    const flow = this.flows.of(packet, segment, direction);
    this.begin(flow, segment, direction);
    const own = flow.edits[direction] ?? new StreamEdits(segment.sequence);
    flow.edits[direction] = own;
    const position = own.positionOf(segment.sequence);
    const { payload } = segment;
    if (payload.length > 0) {
      if (takesNew && position >= own.seen) for (const edit of this.editsOf(packet, segment, direction, position, now)) own.add(edit);
      own.seen = Math.max(own.seen, position + payload.length);
    }
    const peer = flow.edits[opposite(direction)];
    if (own.isEmpty && (peer === null || peer.isEmpty)) return this.forward(packet, direction, now);
    segment.payload = own.apply(position, payload);
    segment.sequence = own.forth(segment.sequence);
    if (peer !== null && (segment.flags & TCP_FLAG.ACK) !== 0) {
      segment.acknowledgment = peer.back(segment.acknowledgment);
      if (segment.sackBlocks.length > 0) segment.sackBlocks = segment.sackBlocks.map((edge) => peer.back(edge));
    }
    if (segment.payload.length !== payload.length) segment.segmentSize = 0;
    this.forwardFitting(packet, segment, direction, now);
  }

  private begin(flow: EditedFlow, segment: TcpSegment, direction: Direction): void {
    if ((segment.flags & TCP_FLAG.SYN) === 0 || flow.initial[direction] === segment.sequence) return;
    flow.initial[direction] = segment.sequence;
    flow.edits[direction] = new StreamEdits(sequenceAdd(segment.sequence, 1));
    if ((segment.flags & TCP_FLAG.ACK) !== 0) return;
    flow.initial[opposite(direction)] = -1;
    flow.edits[opposite(direction)] = null;
  }

  /** In two packets, where one does not fit the link any more. */
  private forwardFitting(packet: Packet, segment: TcpSegment, direction: Direction, now: number): void {
    const { length } = segment.payload;
    const most = this.largestPacket(direction) - (packetLength(packet) - length);
    if (length <= most) return this.forwardChanged(packet, direction, now);
    for (let from = 0; from < length; from += most) this.forwardChanged(pieceOf(packet, segment, from, Math.min(from + most, length)), direction, now);
  }
}

const MOST_EDITS = 256;
