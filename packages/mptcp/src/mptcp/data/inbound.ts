import type { Payload } from "../../wire/index.ts";
import type { InboundOwner } from "../context.ts";
import { CheckedStream } from "./checked-stream.ts";
import type { MappingFacts } from "./dss.ts";
import { mostMappings, ReceivedMappings } from "./mappings.ts";
import { UnmappedBytes } from "./unmapped.ts";

/** What is to be done with a segment, by what its mapping says. */
export type MappingVerdict = "accept" | "drop" | "conflict" | "bad_data_fin" | "shifted";

/**
 * What arrives on one subflow on its way from subflow sequence to data sequence (RFC 8684 §3.3.1): the mappings that the peer declared,
 * and the bytes that wait for a mapping or a checksum.
 */
export class Inbound {
  private readonly owner: InboundOwner;
  private readonly mappings = new ReceivedMappings();
  /** In place of `mappings` when checksums are in use. */
  private checked: CheckedStream | null = null;
  private latest = -1;
  /** Bytes received without a mapping since the last mapped one, and where they wait for one; null: there never were any. */
  private unmapped = 0;
  private waiting: UnmappedBytes | null = null;
  /** The mapping of the segment that came last contradicts a known one, and is none. */
  private isContradicted = false;
  /** Of a segment whose mapping ends within it: data offset behind that; -1: it has none. */
  private partEnd = -1;
  /** By which the mapping of the latest data lies behind its segment, where it lies beside it; 0: it does not. */
  private shift = 0;

  constructor(owner: InboundOwner) {
    this.owner = owner;
  }

  /** Data offset of a mapping whose checksum was wrong; -1: all was well so far. */
  get failedAt(): number {
    return this.checked === null ? -1 : this.checked.failedAt;
  }

  /** Bytes received in order that wait for their checksum, or for the peer to go over to regular TCP. */
  get held(): number {
    return this.checked === null ? 0 : this.checked.held;
  }

  /** Subflow offset after the last mapping that the peer declared, where checksums are in use. */
  get mappedEnd(): number {
    return this.checked === null ? 0 : this.checked.mappedEnd;
  }

  /** Whether the checksum of a mapping was found right. */
  get hasVerified(): boolean {
    return this.checked !== null && this.checked.hasVerified;
  }

  /** Data offset of the mapping that came last; -1: none did. */
  get latestMapped(): number {
    return this.latest;
  }

  /** Whether a mapping covers more than has come in order, where checksums are not in use. */
  get isWithinMapping(): boolean {
    return this.mappings.find(this.owner.receivedOffset) >= 0;
  }

  /** Mappings remembered. */
  get size(): number {
    return this.checked === null ? this.mappings.size : this.checked.size;
  }

  /** Records a mapping. `offset` and `length` are the segment's, on the subflow. */
  accept(mapping: MappingFacts, offset: number, length: number, now: number): MappingVerdict {
    const { owner } = this;
    const { receiver, session } = owner;
    const { dataOffset, subflowOffset } = mapping;
    if (!(dataOffset >= 0)) return mapping.length === 0 ? "accept" : "drop";
    // RFC 8684 §3.8: data outside the window is dropped and not acknowledged. A mapping may be longer than the window (§3.3.1): what counts are the
    // bytes that this segment brings, unless a checksum lets none of them count before all are there.
    const brought = session.checksums ? mapping.length : Math.min(mapping.length, offset + length - subflowOffset);
    if (brought > 0 && owner.config.beyondWindow === "refused" && !receiver.acceptable(dataOffset + brought)) {
      owner.note("beyond_window", now);
      return "drop";
    }
    if (mapping.length > 0) this.latest = dataOffset;
    if (session.checksums) return this.acceptChecked(mapping, now);
    if (owner.config.mappingFaults === "reset") {
      const before = this.shift;
      this.shift = shiftOf(subflowOffset - offset, mapping.length, length);
      if (this.shift !== 0) return this.shift === before ? "shifted" : "drop";
    }
    if (mapping.dataFin && (mapping.length > 0 || receiver.acceptable(dataOffset))) owner.onDataFin(dataOffset + mapping.length, length > 0, now);
    if (mapping.length === 0) return "accept";
    if (this.unmapped > 0) this.deliverWaiting(subflowOffset, dataOffset, mapping.length, now);
    // What was retransmitted although it had arrived needs no mapping any more.
    if (subflowOffset < 0 || subflowOffset + mapping.length <= owner.receivedOffset) return "accept";
    if (this.isFull(subflowOffset, this.mappings.size, now)) return "drop";
    return this.mappings.add(subflowOffset, dataOffset, mapping.length) ? "accept" : this.onConflict(now);
  }

  /** A mapping contradicts what is known. */
  private onConflict(now: number): MappingVerdict {
    const { owner } = this;
    owner.note("mapping_conflict", now);
    if (owner.config.mappingFaults === "reset") return "conflict";
    this.isContradicted = true;
    return "accept";
  }

  /** RFC 8684 §3.3.1: a mapping may come behind its data, which has been waiting for it. */
  private deliverWaiting(subflowOffset: number, dataOffset: number, length: number, now: number): void {
    const { owner, waiting } = this;
    if (waiting === null) return;
    const deliver = (piece: Payload, offset: number): void => owner.deliver(offset - subflowOffset + dataOffset, piece, now);
    while (waiting.take(subflowOffset, subflowOffset + length, deliver));
    if (waiting.isEmpty) this.onMapped();
  }

  /** The same with a checksum: neither data nor DATA_FIN counts before that was found right. */
  private acceptChecked(mapping: MappingFacts, now: number): MappingVerdict {
    const { owner } = this;
    const stream = this.stream();
    const { dataOffset, subflowOffset, length, dataFin, checksum } = mapping;
    if (length === 0) {
      if (!dataFin || stream.failedAt >= 0) return "accept";
      if (owner.config.mappingFaults === "reset" && !stream.verifyFin(dataOffset, mapping.subflowSequence, checksum)) return "bad_data_fin";
      owner.onDataFin(dataOffset, false, now);
      return "accept";
    }
    if (subflowOffset < 0 || subflowOffset + length <= owner.receivedOffset) {
      // All of it was found right, or the subflow waits for what follows a failure.
      if (dataFin && stream.failedAt < 0) owner.onDataFin(dataOffset + length, true, now);
      return "accept";
    }
    if (this.isFull(subflowOffset, stream.size, now)) return "drop";
    return stream.add(subflowOffset, dataOffset, length, dataFin, checksum) ? "accept" : this.onConflict(now);
  }

  /** What comes early and cannot be remembered is not received: the peer sends it again. */
  private isFull(subflowOffset: number, size: number, now: number): boolean {
    const { owner } = this;
    if (subflowOffset <= owner.receivedOffset || size < mostMappings(owner.receiver.limit)) return false;
    owner.note("too_many_mappings", now);
    return true;
  }

  /** Bytes of the subflow, in order. */
  onData(payload: Payload, offset: number, now: number): void {
    const { owner } = this;
    if (owner.session.checksums) {
      this.stream().onData(payload, offset, now);
      return;
    }
    const { mappings } = this;
    let done = 0;
    let partEnd = -1;
    while (done < payload.length) {
      const at = offset + done;
      const index = mappings.find(at);
      if (index < 0 || (this.isContradicted && mappings.end(index) >= offset + payload.length)) {
        this.isContradicted = false;
        this.partEnd = partEnd;
        const rest = payload.slice(done, payload.length);
        if (this.onUnmapped(rest, rest.length, at, now)) (this.waiting ??= new UnmappedBytes()).add(rest, at);
        return;
      }
      if (this.unmapped > 0) this.onMapped();
      const end = Math.min(payload.length, mappings.end(index) - offset);
      const dataOffset = mappings.dataOffset(index, at);
      // A mapping known from an earlier segment may reach beyond the window (RFC 8684 §3.8).
      if (owner.receiver.acceptable(dataOffset + end - done)) {
        owner.deliver(dataOffset, done === 0 && end === payload.length ? payload : payload.slice(done, end), now);
      } else owner.note("beyond_window", now);
      partEnd = dataOffset + end - done;
      done = end;
    }
    this.isContradicted = false;
  }

  /** Bytes that a mapping covers. */
  onMapped(): void {
    if (this.unmapped === 0) return;
    this.unmapped = 0;
    if (this.waiting !== null) this.waiting.clear();
    this.owner.onMapped();
  }

  /** Delivers the bytes without a mapping that a segment ends with as if the mapping of those before them went on. @returns whether there are such before them */
  prolong(rest: Payload, now: number): boolean {
    const { owner, partEnd } = this;
    if (partEnd < 0) return false;
    if (owner.receiver.acceptable(partEnd + rest.length)) owner.deliver(partEnd, rest, now);
    return true;
  }

  /** Bytes in order without a mapping: the first `length` of `rest`. @returns false when nothing more of it is the subflow's */
  onUnmapped(rest: Payload, length: number, offset: number, now: number): boolean {
    this.unmapped += length;
    return this.owner.onUnmapped(rest, offset, this.unmapped, now);
  }

  /** What is held, for regular TCP to go on with, and the data offset of its first byte; `otherwise` when nothing is. */
  handOver(otherwise: number): { readonly pieces: readonly Payload[]; readonly dataOffset: number } {
    if (this.checked === null) return { pieces: [], dataOffset: otherwise };
    return this.checked.handOver(otherwise);
  }

  private stream(): CheckedStream {
    return (this.checked ??= new CheckedStream(this, this.owner));
  }
}

/**
 * By how much a mapping of `mapped` octets that begins `shift` octets behind its segment of `length` lies beside it; 0: it does not. A box that cuts a segment leaves it within its mapping, one that joins
 * segments leaves a mapping within its segment. A mapping as long as its segment that begins elsewhere is that of other octets: a box has changed the length of what came before (RFC 8684 §3.7). Of two in a
 * row that are shifted alike that is sure; boxes that cut and join may once make one.
 */
function shiftOf(shift: number, mapped: number, length: number): number {
  return mapped === length && length > 0 && Math.abs(shift) < length ? shift : 0;
}
