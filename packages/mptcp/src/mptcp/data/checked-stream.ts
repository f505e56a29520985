import { ReceiveQueue } from "../../tcp/index.ts";
import type { Payload } from "../../wire/index.ts";
import { combineSums, payloadSum } from "../../wire/index.ts";
import type { InboundOwner } from "../context.ts";

/**
 * What arrives on one subflow when checksums are in use (RFC 8684 §3.3.1): the bytes of a mapping are held until all of them are here in
 * order, and go to the connection only when the checksum is right. A mapping is at most 65,535 bytes long, and so is what is held.
 *
 * After a mismatch that is answered by MP_FAIL, everything is held until the peer has gone over to regular TCP.
 */
export class CheckedStream {
  private readonly owner: InboundOwner;
  private readonly unmapped: UnmappedSink;
  private heldBytes = 0;
  private lastMapped = 0;
  private failure = -1;
  private verified = false;
  /** Mappings whose bytes have not all arrived in order, by subflow offset. */
  private readonly mappings: CheckedMapping[] = [];
  /** What is held; small pieces are put together there. */
  private pieces = new ReceiveQueue();

  constructor(unmapped: UnmappedSink, owner: InboundOwner) {
    this.unmapped = unmapped;
    this.owner = owner;
  }

  /** Bytes held. */
  get held(): number {
    return this.heldBytes;
  }

  /** Subflow offset after the last mapping that the peer declared. */
  get mappedEnd(): number {
    return this.lastMapped;
  }

  /** Data offset of a mapping whose checksum was wrong; -1: all was well so far. */
  get failedAt(): number {
    return this.failure;
  }

  /** Whether a checksum was found right. */
  get hasVerified(): boolean {
    return this.verified;
  }

  /** Mappings remembered. */
  get size(): number {
    return this.mappings.length;
  }

  /** A DATA_FIN without data arrived. @returns whether its checksum is right; if it is not, nothing that follows counts */
  verifyFin(dataOffset: number, subflowSequence: number, checksum: number): boolean {
    const isRight = this.owner.session.checksumMatches(0, dataOffset, subflowSequence, 1, checksum);
    if (!isRight) this.failure = dataOffset;
    return isRight;
  }

  /**
   * Records a mapping, or recognises one that is restated.
   * @returns false when it contradicts a known one (a mapping is fixed once declared, §3.3.1)
   */
  add(subflowOffset: number, dataOffset: number, length: number, dataFin: boolean, checksum: number): boolean {
    const { mappings } = this;
    const end = subflowOffset + length;
    if (end > this.lastMapped) this.lastMapped = end;
    if (this.failure >= 0) return true;
    const at = this.upperBound(subflowOffset);
    const before = at > 0 ? (mappings[at - 1] as CheckedMapping) : null;
    if (before !== null && before.end > subflowOffset) return before.restate(subflowOffset, dataOffset, length, dataFin, checksum);
    const next = mappings[at];
    if (next !== undefined && next.subflowOffset < end) return false;
    // Some of its bytes went by before it was declared: it can never be verified, and the peer sends them again.
    if (subflowOffset < this.owner.receivedOffset) return true;
    mappings.splice(at, 0, new CheckedMapping(subflowOffset, dataOffset, length, dataFin, checksum));
    return true;
  }

  /** Bytes of the subflow, in order. */
  onData(payload: Payload, offset: number, now: number): void {
    const { owner } = this;
    let done = 0;
    while (done < payload.length) {
      if (!owner.isLive) return;
      if (this.failure >= 0) {
        this.holdFailed(payload.slice(done, payload.length), now);
        return;
      }
      const at = offset + done;
      const mapping = this.mappings[0];
      if (mapping === undefined || mapping.subflowOffset > at) {
        const end = mapping === undefined ? payload.length : Math.min(payload.length, mapping.subflowOffset - offset);
        if (!this.unmapped.onUnmapped(payload.slice(done, payload.length), end - done, at, now)) return;
        done = end;
        continue;
      }
      const end = Math.min(payload.length, mapping.end - offset);
      if (!this.hold(mapping, payload.slice(done, end), now)) {
        if (end < payload.length) this.keep(payload.slice(end, payload.length));
        owner.onMismatch(mapping.dataOffset, mapping.subflowOffset, now);
        return;
      }
      done = end;
    }
  }

  /** What is held, and the data offset of its first byte; `otherwise` when nothing is. Nothing is checked any more. */
  handOver(otherwise: number): { readonly pieces: readonly Payload[]; readonly dataOffset: number } {
    const dataOffset = this.heldBytes === 0 ? otherwise : this.failure >= 0 ? this.failure : (this.mappings[0] as CheckedMapping).dataOffset;
    const taken = this.takePieces();
    this.mappings.length = 0;
    return { pieces: taken, dataOffset };
  }

  /** Index of the first mapping that starts after `subflowOffset`. */
  private upperBound(subflowOffset: number): number {
    const { mappings } = this;
    let low = 0;
    let high = mappings.length;
    if (high === 0 || (mappings[high - 1] as CheckedMapping).subflowOffset <= subflowOffset) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((mappings[middle] as CheckedMapping).subflowOffset <= subflowOffset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** @returns false when all of a mapping has come and its checksum is wrong */
  private hold(mapping: CheckedMapping, piece: Payload, now: number): boolean {
    mapping.sum = combineSums(mapping.sum, this.heldBytes, payloadSum(piece));
    this.keep(piece);
    if (this.heldBytes < mapping.length) return true;
    this.unmapped.onMapped();
    this.mappings.shift();
    const { owner } = this;
    const { dataOffset } = mapping;
    const dataLength = mapping.length + (mapping.dataFin ? 1 : 0);
    if (mapping.checksum >= 0 && !owner.session.checksumMatches(mapping.sum, dataOffset, mapping.subflowOffset + 1, dataLength, mapping.checksum)) {
      this.failure = dataOffset;
      return false;
    }
    this.verified = true;
    let at = dataOffset;
    for (const verified of this.takePieces()) {
      owner.deliver(at, verified, now);
      at += verified.length;
    }
    if (mapping.dataFin) owner.onDataFin(dataOffset + mapping.length, true, now);
    return true;
  }

  private keep(piece: Payload): void {
    this.pieces.push(piece);
    this.heldBytes += piece.length;
  }

  private holdFailed(piece: Payload, now: number): void {
    this.keep(piece);
    this.owner.onMoreData(this.heldBytes > this.owner.receiver.limit + LONGEST_MAPPING, now);
  }

  private takePieces(): Payload[] {
    const { pieces } = this;
    this.pieces = new ReceiveQueue();
    this.heldBytes = 0;
    const taken: Payload[] = [];
    for (let piece = pieces.read(Number.POSITIVE_INFINITY); piece !== null; piece = pieces.read(Number.POSITIVE_INFINITY)) taken.push(piece);
    return taken;
  }
}

/** Who hears of bytes that no mapping covers, `length` of them at the head of `rest`, and of such that one does. */
interface UnmappedSink {
  /** @returns false when nothing more of `rest` is the subflow's */
  onUnmapped(rest: Payload, length: number, offset: number, now: number): boolean;
  onMapped(): void;
}

export class CheckedMapping {
  readonly subflowOffset: number;
  readonly dataOffset: number;
  /** Bytes on the subflow, the DATA_FIN not counted. */
  readonly length: number;
  dataFin: boolean;
  /** -1: it has none, and is taken as it is. */
  checksum: number;
  /** Partial sum of what arrived in order. */
  sum = 0;

  constructor(subflowOffset: number, dataOffset: number, length: number, dataFin: boolean, checksum: number) {
    this.subflowOffset = subflowOffset;
    this.dataOffset = dataOffset;
    this.length = length;
    this.dataFin = dataFin;
    this.checksum = checksum;
  }

  get end(): number {
    return this.subflowOffset + this.length;
  }

  /** Whether these values are this mapping's. A retransmission may add the DATA_FIN that was not known at first. */
  restate(subflowOffset: number, dataOffset: number, length: number, dataFin: boolean, checksum: number): boolean {
    if (subflowOffset !== this.subflowOffset || dataOffset !== this.dataOffset || length !== this.length) return false;
    if (dataFin && !this.dataFin) {
      this.dataFin = true;
      this.checksum = checksum;
      return true;
    }
    return dataFin === this.dataFin ? checksum === this.checksum : true;
  }
}

/** Data-Level Length has 16 bits. */
const LONGEST_MAPPING = 65535;
