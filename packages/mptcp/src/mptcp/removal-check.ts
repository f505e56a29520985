import { NEVER } from "../core/index.ts";
import type { TcpSegment } from "../wire/index.ts";
import { MP_RESET_REASON, sequenceLess } from "../wire/index.ts";
import { resetSubflow } from "./subflow-end.ts";
import type { Subflow } from "./subflow.ts";

/**
 * The check of a subflow whose address a REMOVE_ADDR named (RFC 8684 §3.4.2): keepalives go out on it, and when nothing answers it is
 * reset. What the peer had sent before the address went may still arrive and proves nothing.
 */
export class RemovalCheck {
  /** From when on a segment cannot be one that was on its way already, ns. */
  private readonly answerFrom: number;
  /** Our timestamp when the check began (RFC 7323). */
  private readonly timestamp: number;
  private readonly interval: number;
  private probesLeft = PROBES - 1;

  constructor(subflow: Subflow, now: number) {
    const { tcp } = subflow;
    this.answerFrom = now + tcp.srtt;
    this.timestamp = tcp.timestampAt(now);
    this.interval = Math.max(2 * tcp.rto, SHORTEST_CHECK) / PROBES;
    subflow.removalAt = now + this.interval;
    tcp.sendProbe(now);
  }

  /** Whether a segment shows that the path still works: it comes a round trip later, or echoes what we sent since. */
  isDisprovedBy(subflow: Subflow, segment: TcpSegment, now: number): boolean {
    if (now >= this.answerFrom) return true;
    return subflow.tcp.timestamps && segment.hasTimestamps && sequenceLess(this.timestamp, segment.timestampEcho);
  }

  /** `subflow.removalAt` has come: asks once more, or gives the subflow up. */
  onTimeout(subflow: Subflow, now: number): void {
    if (this.probesLeft-- <= 0) {
      subflow.removalAt = NEVER;
      resetSubflow(subflow, "remove_addr", MP_RESET_REASON.unspecified, now);
      return;
    }
    subflow.removalAt = now + this.interval;
    subflow.tcp.sendProbe(now);
  }
}

/** A path may be slow to answer, ns. */
const SHORTEST_CHECK = 400_000_000;
/** Keepalives: the answer to the first may come before it can be told from what was on its way. */
const PROBES = 2;
