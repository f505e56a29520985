import { numberFrom, objectFrom, plainNumber, SECOND } from "../../core/index.ts";
import type { PlainObject } from "../../core/index.ts";
import type { AckEvent, CongestionControl, LossEvent } from "./control.ts";

/**
 * The coupled controllers of one connection: each subflow's controller that reads what the others do is a member, whatever its own
 * algorithm is. Every connection has a group of its own; controllers that are not coupled leave it alone.
 */
export class CouplingGroup {
  private readonly list: CouplingMember[] = [];

  /** Those of the connection's living subflows, in the order of joining. */
  get members(): readonly CouplingMember[] {
    return this.list;
  }

  /** Takes a controller in. @param mss payload bytes of its full segment */
  join(control: CongestionControl, mss: number, rule: CouplingRule): CouplingMember {
    const member = new CouplingMember(this, control, mss, rule);
    // Where the connection was restored, places are kept for those that are made again.
    const kept = this.list.indexOf(KEPT);
    if (kept >= 0) this.list[kept] = member;
    else this.list.push(member);
    return member;
  }

  /** Lets a member go; one that left already is no matter. */
  leave(member: CouplingMember): void {
    const at = this.list.indexOf(member);
    if (at >= 0) this.list.splice(at, 1);
  }
}

/** What a group knows of one subflow. The controller reports acknowledgments by {@link CouplingMember.onAck}. */
export class CouplingMember {
  readonly group: CouplingGroup;
  readonly control: CongestionControl;
  /** Payload bytes of a full segment. */
  readonly mss: number;
  readonly rule: CouplingRule;
  /** Smoothed round-trip time, ns; 0 until the first acknowledgment brought one. */
  rtt: number;
  /** Smallest recent round-trip time, ns; 0 likewise. */
  minRtt: number;
  /** Time of the latest acknowledgment, ns. */
  now: number;
  /** Bytes in flight at the latest acknowledgment, if they were fewer than the window allowed; else Infinity. */
  private unlimitedFlight: number;

  constructor(group: CouplingGroup, control: CongestionControl, mss: number, rule: CouplingRule) {
    this.group = group;
    this.control = control;
    this.mss = mss;
    this.rule = rule;
    this.rtt = 0;
    this.minRtt = 0;
    this.now = 0;
    this.unlimitedFlight = Number.POSITIVE_INFINITY;
  }

  /** Notes an acknowledgment, before the controller answers it. */
  onAck(ack: AckEvent): void {
    this.now = ack.now;
    this.rtt = ack.srtt;
    this.minRtt = ack.minRtt;
    this.unlimitedFlight = ack.cwndLimited ? Number.POSITIVE_INFINITY : ack.priorInFlight;
    this.rule.onAck(this, ack);
  }

  /** Bytes that the subflow really keeps in the network, for the sums of a coupled formula; 0 for one without RTT, or idle. */
  window(now: number): number {
    if (this.rtt === 0 || now - this.now > IDLE_TIME + IDLE_ROUNDS * this.rtt) return 0;
    // RFC 6356 §3: ssthresh in fast recovery, which the window is here, and what is in flight for a window that is not filled.
    return Math.min(this.control.window, this.unlimitedFlight);
  }

  /** `window` in segments of this subflow's size, at least 1 unless the window is 0. */
  segments(now: number): number {
    const window = this.window(now);
    return window === 0 ? 0 : Math.max(Math.floor(window / this.mss), 1);
  }

  /** See {@link CongestionControl.snapshot}: a controller saves its member with its own state. */
  snapshot(now: number): PlainObject {
    return { rtt: this.rtt, minRtt: this.minRtt, sinceAck: now - this.now, unlimitedFlight: plainNumber(this.unlimitedFlight), rule: this.rule.snapshot(now) };
  }

  /** @throws MptcpError ERR_MPTCP_STATE */
  restore(state: PlainObject, now: number): void {
    this.rtt = numberFrom(state, "rtt");
    this.minRtt = numberFrom(state, "minRtt");
    this.now = now - numberFrom(state, "sinceAck");
    this.unlimitedFlight = numberFrom(state, "unlimitedFlight");
    this.rule.restore(objectFrom(state, "rule"), now);
  }

  /** The subflow is gone. */
  leave(): void {
    this.group.leave(this);
  }
}

/**
 * How the window of one subflow grows in view of the others: what makes a coupled controller out of one that is not. Slow start is
 * the controller's own.
 *
 * @example
 * ```ts
 * // All subflows together grow like one TCP, whatever their number.
 * class Shared extends CouplingRule {
 *   readonly name = "shared";
 *   bytesPerSegment(member: CouplingMember): number {
 *     let total = 0;
 *     for (const other of member.group.members) total += other.window(member.now);
 *     return Math.max(total, member.control.window);
 *   }
 * }
 * const shared = coupled(() => new Shared());
 * ```
 */
export abstract class CouplingRule {
  /** The name of the coupled controller. */
  abstract readonly name: string;

  /**
   * How many bytes must be acknowledged in congestion avoidance for the window to grow as much as it would alone in one window's
   * worth: by one segment with standard TCP. At least the window, or the controller is more aggressive than it would be alone.
   */
  abstract bytesPerSegment(member: CouplingMember): number;

  /** What a loss or a timeout leaves of the window, bytes. Called once for each. @param own what the controller alone would keep */
  reduced(_member: CouplingMember, _loss: LossEvent, own: number): number {
    return own;
  }

  /** An acknowledgment arrived; the member knows its round-trip time already, the window has not grown yet. */
  onAck(_member: CouplingMember, _ack: AckEvent): void {}

  /** What the rule remembers, see {@link CongestionControl.snapshot}. */
  snapshot(_now: number): PlainObject {
    return {};
  }

  /** @throws MptcpError ERR_MPTCP_STATE */
  restore(_state: PlainObject, _now: number): void {}
}

/** A member that is to come, in a group that is being restored. */
const KEPT = undefined as unknown as CouplingMember;
/** Without acknowledgment for so long a subflow has nothing in flight: else its retransmission timer would have fired. */
const IDLE_TIME = SECOND;
const IDLE_ROUNDS = 3;
