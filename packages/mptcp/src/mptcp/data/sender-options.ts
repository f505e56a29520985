import type { BufferConfig, SendQueue } from "../../tcp/index.ts";
import type { Scheduler } from "../scheduler.ts";
import type { FinPaceConfig } from "./fin-pace.ts";

/** What is settled when the sending half is made. */
export interface SenderOptions {
  readonly scheduler: Scheduler;
  readonly buffer: BufferConfig;
  readonly opportunisticRetransmission: boolean;
  readonly penalisation: boolean;
  /** Nagle's algorithm is off. */
  readonly noDelay: boolean;
  /** What has to be unacknowledged for Nagle's algorithm to hold a small segment back; see `MptcpConfig.nagle`. */
  readonly nagle?: "any" | "small";
  /** When a DATA_FIN is sent again; by the subflows unless given. */
  readonly finPace?: FinPaceConfig;
  /** When data is looked for that no subflow carries; see `MptcpConfig.dataTimeout`. */
  readonly idleTimeout?: number | null;
  /** Whether who acknowledged what then was missing is kept off data; true unless given. See `MptcpConfig.suspectsCarriers`. */
  readonly suspectsCarriers?: boolean;
  /** A mapping covers what may leave now, not what fits into a segment; see `MptcpConfig.mappingSpan`. */
  readonly spansWrites?: boolean;
  /** What fills the shared window carries PSH, too; see `TcpConfig.push`. */
  readonly pushesAtWindow?: boolean;
  /** See TcpConfig; off, and 0, unless given. */
  readonly cork?: boolean;
  readonly unsentLowWater?: number;
}

/** What regular TCP goes on with when the connection falls back. */
export interface UnsentStream {
  readonly queue: SendQueue;
  /** Next byte that was never given to a subflow, and the oldest one without an acknowledgment. */
  readonly nxt: number;
  readonly una: number;
  /** Send buffer, bytes. */
  readonly limit: number;
  readonly isEnding: boolean;
  readonly isNoDelay: boolean;
  readonly isCorked: boolean;
  readonly hasMore: boolean;
  readonly unsentLowWater: number;
  readonly applicationWaits: boolean;
  readonly lastSentAt: number;
  readonly lastAcknowledgedAt: number;
}
