import { ReceiveQueue } from "../tcp/index.ts";
import type { Payload } from "../wire/index.ts";
import { combineSums, dssChecksumMatches, payloadSum } from "../wire/index.ts";
import type { Subflow } from "./subflow.ts";

/**
 * What arrives on one subflow when checksums are in use (RFC 8684 §3.3.1): the bytes of a mapping are held until all of them are here in
 * order, and go to the connection only when the checksum is right. A mapping is at most 65,535 bytes long, and so is what is held.
 *
 * After a mismatch that is answered by MP_FAIL, everything is held until the peer has gone over to regular TCP.
 */
export class CheckedStream {
  /** Bytes held. */
  held = 0;
  /** Subflow offset after the last mapping that the peer declared. */
  mappedEnd = 0;
  private readonly subflow: Subflow;
  /** Mappings whose bytes have not all arrived in order, by subflow offset. */
  private readonly mappings: CheckedMapping[] = [];
  /** What is held; small pieces are put together there. */
  private pieces = new ReceiveQueue();

  constructor(subflow: Subflow) {
    this.subflow = subflow;
  }

  /** Mappings remembered. */
  get size(): number {
    return this.mappings.length;
  }

  /**
   * Records a mapping, or recognises one that is restated.
   * @returns false when it contradicts a known one (a mapping is fixed once declared, §3.3.1)
   */
  add(subflowOffset: number, dataOffset: number, length: number, dataFin: boolean, checksum: number): boolean {
    const { mappings } = this;
    const end = subflowOffset + length;
    if (end > this.mappedEnd) this.mappedEnd = end;
    if (this.subflow.failedAt >= 0) return true;
    const at = this.upperBound(subflowOffset);
    const before = at > 0 ? (mappings[at - 1] as CheckedMapping) : null;
    if (before !== null && before.end > subflowOffset) return before.restate(subflowOffset, dataOffset, length, dataFin, checksum);
    const next = mappings[at];
    if (next !== undefined && next.subflowOffset < end) return false;
    // Some of its bytes went by before it was declared: it can never be verified, and the peer sends them again.
    if (subflowOffset < this.subflow.tcp.receivedOffset) return true;
    mappings.splice(at, 0, new CheckedMapping(subflowOffset, dataOffset, length, dataFin, checksum));
    return true;
  }

  /** Bytes of the subflow, in order. */
  onData(payload: Payload, offset: number, now: number): void {
    const { subflow } = this;
    const { connection } = subflow;
    let done = 0;
    while (done < payload.length) {
      if (subflow.phase === "closed") return;
      if (connection.regularTcp) {
        connection.deliver(connection.regularOffset + offset + done, payload.slice(done, payload.length), now);
        return;
      }
      if (subflow.failedAt >= 0) {
        this.holdFailed(payload.slice(done, payload.length), now);
        return;
      }
      const at = offset + done;
      const mapping = this.mappings[0];
      if (mapping === undefined || mapping.subflowOffset > at) {
        const end = mapping === undefined ? payload.length : Math.min(payload.length, mapping.subflowOffset - offset);
        subflow.onUnmapped(payload.slice(done, end), at, now);
        done = end;
        continue;
      }
      const end = Math.min(payload.length, mapping.end - offset);
      this.hold(mapping, payload.slice(done, end), now);
      done = end;
    }
  }

  /** Hands over what is held, as part of the regular stream that begins at the first byte held; nothing is checked any more. */
  release(dataOffset: number, now: number): void {
    const { pieces } = this;
    this.pieces = new ReceiveQueue();
    this.held = 0;
    this.mappings.length = 0;
    this.deliver(pieces, dataOffset, now);
  }

  /** Data offset of the first byte held; `otherwise` when there is none. */
  start(otherwise: number): number {
    return this.held === 0 ? otherwise : this.subflow.failedAt >= 0 ? this.subflow.failedAt : (this.mappings[0] as CheckedMapping).dataOffset;
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

  private hold(mapping: CheckedMapping, piece: Payload, now: number): void {
    mapping.sum = combineSums(mapping.sum, this.held, payloadSum(piece));
    this.pieces.push(piece);
    this.held += piece.length;
    if (this.held < mapping.length) return;
    this.mappings.shift();
    const { connection } = this.subflow;
    const { dataOffset } = mapping;
    const dataLength = mapping.length + (mapping.dataFin ? 1 : 0);
    if (!checksumMatches(this.subflow, mapping.sum, dataOffset, mapping.subflowOffset + 1, dataLength, mapping.checksum)) {
      this.subflow.failedAt = dataOffset;
      connection.failure.onMismatch(this.subflow, dataOffset, mapping.subflowOffset, now);
      return;
    }
    const { pieces } = this;
    this.pieces = new ReceiveQueue();
    this.held = 0;
    this.deliver(pieces, dataOffset, now);
    if (mapping.dataFin) connection.onDataFin(dataOffset + mapping.length, now);
  }

  private holdFailed(piece: Payload, now: number): void {
    const { connection } = this.subflow;
    this.pieces.push(piece);
    this.held += piece.length;
    connection.failure.onMoreData(this.subflow, this.held > connection.receiver.limit + LONGEST_MAPPING, now);
  }

  private deliver(pieces: ReceiveQueue, dataOffset: number, now: number): void {
    let at = dataOffset;
    for (let piece = pieces.read(Number.POSITIVE_INFINITY); piece !== null; piece = pieces.read(Number.POSITIVE_INFINITY)) {
      this.subflow.connection.deliver(at, piece, now);
      at += piece.length;
    }
  }
}

/** Whether a checksum that the peer sent is right; positions as in `mappingChecksum`, of the peer's sequence space. */
export function checksumMatches(subflow: Subflow, sum: number, dataOffset: number, subflowSequence: number, dataLength: number, checksum: number): boolean {
  const { remoteSpace } = subflow.connection;
  return dssChecksumMatches(checksum, sum, remoteSpace.high(dataOffset), remoteSpace.low(dataOffset), subflowSequence >>> 0, dataLength);
}

class CheckedMapping {
  readonly subflowOffset: number;
  readonly dataOffset: number;
  /** Bytes on the subflow, the DATA_FIN not counted. */
  readonly length: number;
  dataFin: boolean;
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
