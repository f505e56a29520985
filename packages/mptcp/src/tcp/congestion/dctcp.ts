import { MptcpError, numberFrom, parametersFrom } from "../../core/index.ts";
import type { PlainObject } from "../../core/index.ts";
import type { CongestionContext, CongestionControlFactory, LossEvent, MarkEvent } from "./control.ts";
import type { LossBasedParameters } from "./loss-based.ts";
import { NEWRENO_PARAMETERS, NewReno } from "./newreno.ts";

/**
 * Data Center TCP (RFC 8257): grows as standard TCP, and lowers its window by how much of the last window of data was marked, instead of by half. For networks whose
 * queues mark at a low threshold and whose hosts all speak it: what is lost is answered as ever, and so the other controllers get less beside it.
 *
 * ECN has to be spoken at both ends ({@link TcpConfig.ecn}); without, this is standard TCP.
 */
export class Dctcp extends NewReno {
  /** DCTCP.Alpha: the share of marked bytes, smoothed; 0 to 1. */
  private alpha: number;
  /** DCTCP.WindowEnd: offset at which the present window of observation ends; -1 before anything was acknowledged. */
  private windowEnd: number;
  /** DCTCP.BytesAcked and DCTCP.BytesMarked of it. */
  private bytesAcked: number;
  private bytesMarked: number;
  private readonly gain: number;

  constructor(context: CongestionContext, parameters: DctcpParameters = DCTCP_PARAMETERS) {
    super(context, parameters, null, "dctcp");
    // RFC 8257 §4.2: cautious until something is known.
    this.alpha = 1;
    this.windowEnd = -1;
    this.bytesAcked = 0;
    this.bytesMarked = 0;
    this.gain = parameters.gain;
  }

  override get marks(): "each" {
    return "each";
  }

  /** How much is deemed to be marked, 0 to 1. */
  get markedShare(): number {
    return this.alpha;
  }

  /** RFC 8257 §3.3. */
  override onMarked(event: MarkEvent): void {
    this.bytesAcked += event.acked;
    this.bytesMarked += event.marked;
    // It begins with SND.UNA, so that the first acknowledgment is a window of its own.
    if (this.windowEnd < 0) this.windowEnd = Math.max(0, event.una - event.acked);
    if (event.una > this.windowEnd) {
      if (this.bytesAcked > 0) this.alpha = this.alpha * (1 - this.gain) + this.gain * (this.bytesMarked / this.bytesAcked);
      this.windowEnd = event.nxt;
      this.bytesAcked = 0;
      this.bytesMarked = 0;
    }
    if (event.isFirst) this.lowerBy(event.loss);
  }

  /** What is known of marks is newer than the loss that was none, and was no part of the answer to it. */
  override onSpurious(timeout: boolean, now: number, limit: number): void {
    const { alpha, windowEnd, bytesAcked, bytesMarked } = this;
    super.onSpurious(timeout, now, limit);
    this.alpha = alpha;
    this.windowEnd = windowEnd;
    this.bytesAcked = bytesAcked;
    this.bytesMarked = bytesMarked;
  }

  override snapshot(now: number): PlainObject {
    const { alpha, windowEnd, bytesAcked, bytesMarked } = this;
    return { ...super.snapshot(now), alpha, windowEnd, bytesAcked, bytesMarked };
  }

  override restore(state: PlainObject, now: number): void {
    super.restore(state, now);
    this.alpha = numberFrom(state, "alpha");
    this.windowEnd = numberFrom(state, "windowEnd");
    this.bytesAcked = numberFrom(state, "bytesAcked");
    this.bytesMarked = numberFrom(state, "bytesMarked");
  }

  /** cwnd = cwnd * (1 - DCTCP.Alpha / 2), of what is in use. */
  private lowerBy({ window }: LossEvent): void {
    this.prior = null;
    this.cwnd = Math.max(Math.floor(Math.min(this.cwnd, window) * (1 - this.alpha / 2)), 2 * this.mss);
    this.ssthresh = this.cwnd;
  }
}

/** The parameters of {@link Dctcp}. */
export type DctcpParameters = LossBasedParameters & {
  /** g: the weight of the last window of data in the estimate, 0 to 1. */
  readonly gain: number;
};

/** RFC 8257 §4.2: g is 1/16. */
export const DCTCP_PARAMETERS: DctcpParameters = { ...NEWRENO_PARAMETERS, gain: 1 / 16 };

/** RFC 8257 with other parameters than usual, see {@link DctcpParameters}. @throws MptcpError ERR_MPTCP_PARAMETER */
export function dctcpWith(parameters: PlainObject): CongestionControlFactory {
  const all = parametersFrom(DCTCP_PARAMETERS, parameters);
  if (!(all.slowStartLimit > 0)) throw new MptcpError("ERR_MPTCP_PARAMETER", `slowStartLimit: ${all.slowStartLimit}`);
  if (!(all.gain > 0 && all.gain <= 1)) throw new MptcpError("ERR_MPTCP_PARAMETER", `gain: ${all.gain}`);
  return { name: "dctcp", parameters: all, create: (context) => new Dctcp(context, all) };
}

/** RFC 8257: for data centers whose switches mark at a threshold. */
export const dctcp: CongestionControlFactory = dctcpWith({});
