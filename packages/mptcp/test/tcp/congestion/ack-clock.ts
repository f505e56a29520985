import { CouplingGroup } from "../../../src/tcp/congestion/coupling.ts";
import type { AckEvent, CongestionContext, CongestionControl, LossEvent } from "../../../src/tcp/congestion/control.ts";

export const MSS = 1000;
export const MILLISECOND = 1_000_000;
export const SECOND = 1_000_000_000;

/** What a controller is born with on a new connection, with an initial window of so many segments. */
export function contextOf(segments = 10, fields: Partial<CongestionContext> = {}): CongestionContext {
  return { mss: MSS, initialWindow: segments * MSS, handOver: null, group: new CouplingGroup(), srtt: 0, now: 0, ...fields };
}

/** The same for a connection in congestion avoidance: the window is the threshold, both in segments. */
export function avoidingContext(segments: number, fields: Partial<CongestionContext> = {}): CongestionContext {
  const window = segments * (fields.mss ?? MSS);
  return contextOf(10, { handOver: { window, threshold: window }, ...fields });
}

/** A loss with so many bytes in flight. */
export function lossOf(inFlight: number, fields: Partial<LossEvent> = {}): LossEvent {
  return { inFlight, window: inFlight, segment: MSS, isAnswered: false, consecutive: 0, srtt: 100 * MILLISECOND, now: 0, ...fields };
}

/** The retransmission timer with so many bytes in flight. */
export function timeoutOf(inFlight: number, fields: Partial<LossEvent> = {}): LossEvent {
  return lossOf(inFlight, { consecutive: 1, ...fields });
}

/** An acknowledgment of `acked` bytes that arrives while the window is what limits sending. */
export function ack(acked: number, fields: Partial<AckEvent> = {}): AckEvent {
  return {
    acked,
    recovery: "none",
    priorInFlight: acked,
    cwndLimited: true,
    srtt: 100 * MILLISECOND,
    minRtt: 100 * MILLISECOND,
    latestRtt: 100 * MILLISECOND,
    sample: null,
    now: 0,
    ...fields,
  };
}

/** A path of constant delay without loss of its own: acknowledges a window per round trip, `perAck` segments at a time. */
export class AckClock {
  readonly control: CongestionControl;
  readonly rtt: number;
  readonly perAck: number;
  now = 0;

  constructor(control: CongestionControl, rtt: number, perAck = 1) {
    this.control = control;
    this.rtt = rtt;
    this.perAck = perAck;
  }

  /** One round trip: as many acknowledgments as the window had segments at its start, evenly spaced. */
  round(fields: Partial<AckEvent> = {}): void {
    const { control, rtt } = this;
    const start = this.now;
    const acks = Math.max(1, Math.floor(control.window / (MSS * this.perAck)));
    for (let i = 1; i <= acks; i++) {
      this.now = Math.round(start + (rtt * i) / acks);
      const event = { priorInFlight: control.window, srtt: rtt, minRtt: rtt, latestRtt: rtt, now: this.now, ...fields };
      control.onAck(ack(MSS * this.perAck, event));
    }
  }

  rounds(count: number): void {
    for (let i = 0; i < count; i++) this.round();
  }

  /** A loss, and recovery from it in one round trip, as the sender carries it out. */
  lose(): void {
    const { control } = this;
    control.onLoss(lossOf(control.window, { srtt: this.rtt, now: this.now }));
    this.now += this.rtt;
    control.onRecovered(Number.POSITIVE_INFINITY, this.now);
  }
}
