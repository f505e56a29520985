import { SECOND } from "../../core/index.ts";
import type { AckEvent, CongestionContext, ConnectionCongestion } from "../../tcp/index.ts";
import { NewReno } from "../../tcp/index.ts";

/**
 * The controller of one subflow whose additive increase depends on the other subflows of its connection; slow start and decrease are
 * those of standard TCP. It keeps what a coupled formula reads of each subflow, and the list of all.
 *
 * A coupled algorithm of your own is a subclass that says after how many acknowledged bytes the window grows by one segment.
 *
 * @example
 * ```ts
 * // All subflows together grow like one TCP, whatever their number.
 * class Shared extends CoupledControl {
 *   override readonly name = "shared";
 *   protected override bytesPerSegment(): number {
 *     let total = 0;
 *     for (const member of this.group) total += member.used(this.now);
 *     return Math.max(total, this.cwnd);
 *   }
 * }
 * const shared = coupled((context, group) => new Shared(context, group));
 * ```
 */
export abstract class CoupledControl extends NewReno {
  /** Controllers of the connection's living subflows, this one among them, in order of creation. */
  protected readonly group: CoupledControl[];
  /** Smoothed round-trip time, ns; 0 until the first acknowledgment brought one. */
  rtt: number;
  /** Time of the latest acknowledgment, ns. */
  protected now: number;
  /** Bytes in flight at the latest acknowledgment, if they were fewer than the window allowed; else Infinity. */
  private unlimitedFlight: number;

  constructor(context: CongestionContext, group: CoupledControl[]) {
    super(context);
    this.group = group;
    this.rtt = 0;
    this.now = 0;
    this.unlimitedFlight = Number.POSITIVE_INFINITY;
  }

  override onAck(ack: AckEvent): void {
    this.now = ack.now;
    this.rtt = ack.srtt;
    this.unlimitedFlight = ack.cwndLimited ? Number.POSITIVE_INFINITY : ack.priorInFlight;
    super.onAck(ack);
  }

  override release(): void {
    const at = this.group.indexOf(this);
    if (at >= 0) this.group.splice(at, 1);
  }

  /** Bytes that this subflow really keeps in the network, for the sums of a coupled formula; 0 for one without RTT, or idle. */
  used(now: number): number {
    if (this.rtt === 0 || now - this.now > IDLE_TIME + IDLE_ROUNDS * this.rtt) return 0;
    // RFC 6356 §3: ssthresh stands for the window in fast recovery, and is it here; what is in flight stands for a window not filled.
    return Math.min(this.cwnd, this.unlimitedFlight);
  }

  /** `used` in segments of this subflow's size, at least 1 unless it is 0. */
  segments(now: number): number {
    const window = this.used(now);
    return window === 0 ? 0 : Math.max(Math.floor(window / this.mss), 1);
  }
}

/** Makes a coupled algorithm out of the controller of one subflow; `group` is the list that it shares with the others. */
export function coupled(
  create: (context: CongestionContext, group: CoupledControl[]) => CoupledControl,
): ConnectionCongestion {
  return () => {
    const group: CoupledControl[] = [];
    return (context) => {
      const control = create(context, group);
      group.push(control);
      return control;
    };
  };
}

/** Without acknowledgment for so long a subflow has nothing in flight: else its retransmission timer would have fired. */
const IDLE_TIME = SECOND;
const IDLE_ROUNDS = 3;
