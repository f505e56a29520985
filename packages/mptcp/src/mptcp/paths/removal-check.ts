import type { Deadlines } from "../../core/index.ts";
import type { TcpSegment } from "../../wire/index.ts";
import { sequenceLess } from "../../wire/index.ts";
import { SUBFLOW_DEADLINE } from "../deadlines.ts";

/** The TCP connection of a subflow under check. */
export interface CheckedTcp {
  readonly srtt: number;
  readonly rto: number;
  readonly timestamps: boolean;
  timestampAt(now: number): number;
  sendProbe(now: number): void;
}

/**
 * The check of a subflow whose address a REMOVE_ADDR named (RFC 8684 §3.4.2): keepalives go out on it, and when nothing answers it is
 * reset. What the peer had sent before the address went may still arrive and proves nothing.
 */
export class RemovalCheck {
  private readonly tcp: CheckedTcp;
  private readonly deadlines: Deadlines;
  /** From when on a segment cannot be one that was on its way already, ns. */
  private readonly answerFrom: number;
  /** Our timestamp when the check began (RFC 7323). */
  private readonly timestamp: number;
  private readonly interval: number;
  private probesLeft = PROBES - 1;

  /** @param deadlines the subflow's */
  constructor(tcp: CheckedTcp, deadlines: Deadlines, now: number) {
    this.tcp = tcp;
    this.deadlines = deadlines;
    this.answerFrom = now + tcp.srtt;
    this.timestamp = tcp.timestampAt(now);
    this.interval = Math.max(2 * tcp.rto, SHORTEST_CHECK) / PROBES;
    this.ask(now);
  }

  /** Whether a segment shows that the path still works: it comes a round trip later, or echoes what we sent since. */
  isDisprovedBy(segment: TcpSegment, now: number): boolean {
    if (now >= this.answerFrom) return true;
    return this.tcp.timestamps && segment.hasTimestamps && sequenceLess(this.timestamp, segment.timestampEcho);
  }

  /** The deadline has come: asks once more. @returns false when it was asked often enough */
  askAgain(now: number): boolean {
    if (this.probesLeft-- <= 0) return false;
    this.ask(now);
    return true;
  }

  private ask(now: number): void {
    this.deadlines.set(SUBFLOW_DEADLINE.removal, now + this.interval);
    this.tcp.sendProbe(now);
  }
}

/** A path may be slow to answer, ns. */
const SHORTEST_CHECK = 400_000_000;
/** Keepalives: the answer to the first may come before it can be told from what was on its way. */
const PROBES = 2;
