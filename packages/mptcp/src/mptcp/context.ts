import type { Payload } from "../wire/index.ts";
import type { MptcpConfig } from "./config.ts";
import type { SentMapping } from "./data/mappings.ts";
import type { DataReceiver } from "./data/receiver.ts";
import type { SchedulableSubflow } from "./scheduler.ts";
import type { DataFault } from "./data/faults.ts";
import type { Session } from "./session.ts";

/**
 * What the parts of a connection may ask of what is around them. The connection and its subflows implement these interfaces, and a part knows
 * nothing else of either.
 *
 * @module
 */

/** What the sending half sees of a subflow. */
export interface Carrier extends SchedulableSubflow {
  /** Verified by both ends. */
  readonly established: boolean;
  /** Whether data may be given to it: established, not being removed, not closing. */
  readonly mayCarryData: boolean;
  /** A retransmission timeout since the last new acknowledgment: not for new data while another subflow lives. */
  readonly stale: boolean;
  /** The smallest round-trip time of late, ns; 0 before the first sample. */
  readonly minRtt: number;
  /** Retransmission timeout with backoff, ns. */
  readonly rto: number;
  /** What it carries: the mappings that it has not fully acknowledged, oldest first. */
  readonly sent: SentMappingList;
  /** Whether one of the latest mappings that it acknowledged covers a data offset. A guess: not all are remembered. */
  carriedLately(dataOffset: number): boolean;
  /** Bytes of new data that congestion window and peer's window leave room for now. */
  sendRoom(): number;
  /** Has it ask for data again. */
  wake(): void;
  /** Has it send a segment without payload that the peer must answer. */
  sendProbe(now: number): void;
  /** Halves its congestion window, once per round-trip time at the most. @returns whether it was done */
  penalise(now: number): boolean;
}

export interface SentMappingList {
  readonly size: number;
  /** The i-th oldest, from 0. */
  at(i: number): SentMapping;
}

/** What the arriving half of a subflow asks of the subflow. */
export interface InboundOwner {
  readonly session: Session;
  readonly config: Pick<MptcpConfig, "beyondWindow" | "mappingFaults">;
  readonly receiver: DataReceiver;
  /** Stream offset of the next byte that its TCP expects. */
  readonly receivedOffset: number;
  /** Whether the subflow still owns its TCP connection: not ended, and not given to regular TCP. */
  readonly isLive: boolean;
  /** Bytes of the connection. */
  deliver(dataOffset: number, payload: Payload, now: number): void;
  /** @param onData it came on a segment with data */
  onDataFin(dataOffset: number, onData: boolean, now: number): void;
  /**
   * Bytes in order that no mapping covers are at the head of `rest`; `total` of them since the last mapped ones.
   * @returns false when nothing more of `rest` is the subflow's: it has ended, or the TCP connection has another owner, who got all of it
   */
  onUnmapped(rest: Payload, offset: number, total: number, now: number): boolean;
  /** Bytes that a mapping covers came after such without. */
  onMapped(): void;
  /** A mapping's checksum is wrong; it began at these offsets. */
  onMismatch(dataOffset: number, subflowOffset: number, now: number): void;
  /** Data arrived behind a mapping that failed; `tooMuch`: more than may be held. */
  onMoreData(tooMuch: boolean, now: number): void;
  /** Something was dropped or refused. What lies beyond the window may be a question of the peer's: it is answered. */
  note(fault: DataFault, now: number): void;
}
