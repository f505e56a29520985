import { Dss, positionNear } from "../../wire/index.ts";
import type { Session } from "../session.ts";
import type { SentMapping } from "./mappings.ts";

/**
 * Reads and writes the Data Sequence Signal (RFC 8684 §3.3). What is read are facts in stream offsets, without any effect.
 */

/** What a DSS, or MP_CAPABLE with data, says of the data on a subflow. */
export interface MappingFacts {
  /** Relative subflow sequence number as sent: a checksum covers it. 0 with a DATA_FIN alone. */
  readonly subflowSequence: number;
  /** Where the mapping begins on the subflow, and in the connection; the latter is negative or NaN when that lies nowhere. */
  readonly subflowOffset: number;
  readonly dataOffset: number;
  /** Bytes, the DATA_FIN not counted. */
  readonly length: number;
  readonly dataFin: boolean;
  /** 16 bits; -1 without. */
  readonly checksum: number;
}

/** The facts of one DSS. One object per reader, reused. */
export class DssFacts implements MappingFacts {
  /** Data offset that the peer expects next; -1 without a Data ACK, or with one that makes no sense. */
  acknowledged = -1;
  /** Whether a Data ACK was there. */
  hasDataAck = false;
  /** A mapping, one without end (RFC 8684 §3.7), or none. */
  kind: "none" | "mapping" | "infinite" = "none";
  /** Whether the data sequence number has 8 octets. */
  long = false;
  subflowSequence = 0;
  subflowOffset = 0;
  dataOffset = 0;
  length = 0;
  dataFin = false;
  checksum = -1;

  /**
   * @param offset the segment's, on the subflow
   * @param una the oldest data offset of ours without Data ACK
   * @param nxt the next data offset that we expect
   */
  read(dss: Dss, session: Session, offset: number, una: number, nxt: number): void {
    const { localSpace, remoteSpace } = session;
    this.hasDataAck = dss.dataAckLength !== 0;
    this.acknowledged = -1;
    if (this.hasDataAck) {
      const position = dss.dataAckLength === 8 ? localSpace.position(dss.dataAckHigh, dss.dataAckLow) : localSpace.positionNear(dss.dataAckLow, una);
      if (position >= 0) this.acknowledged = position;
    }
    if (dss.dsnLength === 0) {
      this.kind = "none";
      return;
    }
    this.kind = dss.dataLength === 0 ? "infinite" : "mapping";
    this.long = dss.dsnLength === 8;
    this.dataOffset = this.long ? remoteSpace.position(dss.dsnHigh, dss.dsnLow) : remoteSpace.positionNear(dss.dsnLow, nxt);
    this.subflowSequence = dss.subflowSequence;
    this.subflowOffset = positionNear(dss.subflowSequence, 1, Math.max(0, offset));
    this.length = dss.dataLength - (dss.dataFin ? 1 : 0);
    this.dataFin = dss.dataFin;
    this.checksum = dss.checksum;
  }

  /** MP_CAPABLE with data: its parameters imply the start of both sequence spaces (RFC 8684 §3.1). */
  startOfStream(length: number, checksum: number): void {
    this.kind = "mapping";
    this.long = false;
    this.subflowSequence = 1;
    this.subflowOffset = 0;
    this.dataOffset = 0;
    this.length = length;
    this.dataFin = false;
    this.checksum = checksum;
  }
}

/** A DSS with the Data ACK for `acknowledgment`, the next data offset that we expect. */
export function dssWithAck(session: Session, acknowledgment: number): Dss {
  const dss = new Dss();
  const { remoteSpace } = session;
  dss.dataAckLength = session.dataAckLength;
  dss.dataAckLow = remoteSpace.low(acknowledgment);
  if (dss.dataAckLength === 8) dss.dataAckHigh = remoteSpace.high(acknowledgment);
  return dss;
}

/** Adds the mapping of a piece of data. @param dataFin whether the DATA_FIN follows its last byte */
export function addMapping(dss: Dss, session: Session, mapping: SentMapping, dataFin: boolean): void {
  const checksum = dataFin && !mapping.dataFin && mapping.checksum >= 0 ? checksumOfOneMore(mapping.checksum) : mapping.checksum;
  declare(dss, session, mapping.dataOffset, mapping.subflowOffset + 1, mapping.length + (dataFin ? 1 : 0), checksum);
  dss.dataFin = dataFin;
}

/** The checksum of a mapping that is longer by one and has the same data: its length is one of the words that are summed up (RFC 1624). */
function checksumOfOneMore(checksum: number): number {
  const sum = (~checksum & 0xffff) + 1;
  return ~((sum & 0xffff) + (sum >>> 16)) & 0xffff;
}

/** Adds a DATA_FIN without data (RFC 8684 §3.3.3): subflow sequence 0 and length 1. `position`: the data offset after the last byte. */
export function addDataFin(dss: Dss, session: Session, position: number): void {
  declare(dss, session, position, 0, 1, session.checksumFor(null, position, 0, 1));
  dss.dataFin = true;
}

/**
 * A mapping without end (RFC 8684 §3.7): from `subflowOffset` on, which is `dataOffset` of the connection, both count alike.
 * @param acknowledgment the next data offset that we expect, for a Data ACK beside it; -1: none
 */
export function infiniteMapping(session: Session, dataOffset: number, subflowOffset: number, acknowledgment: number): Dss {
  const dss = acknowledgment < 0 ? new Dss() : dssWithAck(session, acknowledgment);
  declare(dss, session, dataOffset, subflowOffset + 1, 0, session.checksums ? 0 : -1);
  return dss;
}

/** Octets of {@link infiniteMapping} without Data ACK at the most: kind, length, flags, 8-octet data sequence number, subflow sequence number, length. */
export const INFINITE_MAPPING_LENGTH = 18;

function declare(dss: Dss, session: Session, dataOffset: number, subflowSequence: number, dataLength: number, checksum: number): void {
  const { localSpace } = session;
  dss.dsnLength = session.dsnLength;
  dss.dsnLow = localSpace.low(dataOffset);
  if (dss.dsnLength === 8) dss.dsnHigh = localSpace.high(dataOffset);
  dss.subflowSequence = subflowSequence >>> 0;
  dss.dataLength = dataLength;
  dss.checksum = checksum;
}
