import { Payload } from "../../wire/index.ts";
import type { TransmissionStamp } from "../recovery/delivery-rate.ts";

/** One segment that was sent and is not cumulatively acknowledged. The objects are pooled: never keep one across an ACK. */
export class SentSegment {
  /** Stream offset of the first byte. */
  offset = 0;
  /** Payload bytes plus one for a FIN. */
  length = 0;
  fin = false;
  payload: Payload = Payload.EMPTY;
  tag: object | null = null;
  push = false;
  /** When it was (last) sent, ns. */
  sentAt = 0;
  /** Number of that transmission: orders what was sent at the same time. */
  serial = 0;
  retransmitted = false;
  sacked = false;
  /** Deemed lost, and not sent again since. */
  lost = false;
  /** Counted in the pipe: neither delivered nor lost. */
  inPipe = false;
  /** Link segments that it makes, as counted when it was SACKed. */
  weight = 0;
  /** What was known when it was sent, for the measurement of the delivery rate; null unless that was ever asked for. */
  stamp: TransmissionStamp | null = null;
  /** Neighbours in the list by time of transmission. */
  older: SentSegment | null = null;
  newer: SentSegment | null = null;

  /** Stream offset after the last byte (and the FIN). */
  get end(): number {
    return this.offset + this.length;
  }
}
