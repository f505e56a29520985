import type { Deadlines } from "../../core/index.ts";
import { makePolicy } from "../../core/index.ts";
import type { BufferConfig, SendQueue } from "../../tcp/index.ts";
import type { MptcpConfig } from "../config.ts";
import type { Carrier } from "../context.ts";
import type { DecisionLog } from "../decision-log.ts";
import type { SubflowTcpConfig } from "../environment.ts";
import type { Scheduler } from "../scheduler.ts";
import type { Session } from "../session.ts";
import type { FinPaceConfig } from "./fin-pace.ts";

/** What the sending half asks of the connection around it. */
export interface SenderContext {
  readonly subflows: readonly Carrier[];
  readonly session: Session;
  readonly deadlines: Deadlines;
  readonly log: DecisionLog;
  /**
   * Whether what was acknowledged by TCP alone may be sent again. Not on an only subflow whose ACKs came without Data ACKs last: the peer may have gone over
   * to regular TCP, which has it all (RFC 8684 §3.7).
   */
  readonly mayRepeat: boolean;
  /** Whether the host's memory is tight: buffers do not grow then. */
  readonly isTight: boolean;
  /** There is room again for an application that waits for some, and nothing was acknowledged. */
  onRoom(): void;
  /** What probes a closed window was queued for a subflow. */
  onWindowProbe(): void;
  /** A subflow has filled its window: those that were refused in its favour may ask again. */
  wakeOthers(full: Carrier): void;
}

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
  /** Whether an octet probes a closed window; see `MptcpConfig.windowProbe`. */
  readonly probesByOctet?: boolean;
  /** See TcpConfig; off, and 0, unless given. */
  readonly cork?: boolean;
  readonly unsentLowWater?: number;
}

/** The options that a configuration comes to. */
export function senderOptions(config: MptcpConfig, subflowConfig: SubflowTcpConfig): SenderOptions {
  return {
    scheduler: makePolicy(config.scheduler),
    buffer: subflowConfig.sendBuffer,
    opportunisticRetransmission: config.opportunisticRetransmission,
    penalisation: config.penalisation,
    noDelay: subflowConfig.noDelay,
    nagle: config.nagle,
    finPace: config,
    idleTimeout: config.dataTimeout,
    pushesAtWindow: subflowConfig.push === "burst",
    spansWrites: config.mappingSpan === "write",
    suspectsCarriers: config.suspectsCarriers,
    probesByOctet: config.windowProbe === "octet",
    cork: subflowConfig.cork,
    unsentLowWater: subflowConfig.unsentLowWater,
  };
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
