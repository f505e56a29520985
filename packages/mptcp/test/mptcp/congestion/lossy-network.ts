import { SeededRandom } from "../../../src/core/index.ts";
import { CouplingGroup } from "../../../src/tcp/index.ts";
import type { CongestionControl, CongestionControlFactory } from "../../../src/tcp/index.ts";
import { ack, contextOf, lossOf, MILLISECOND, MSS, SECOND } from "../../tcp/congestion/ack-clock.ts";

/** A path of fixed round-trip time (ms) that loses each segment with a fixed probability. */
export interface LossyPath {
  readonly rtt: number;
  readonly loss: number;
}

/** Segments per second on each path, and on all of them. */
export interface Rates {
  readonly rates: readonly number[];
  readonly total: number;
}

/** A model of one connection over several lossy paths: each path sends its window once per round trip. */
export class LossyNetwork {
  private readonly paths: readonly LossyPath[];
  private readonly controls: readonly CongestionControl[];
  private readonly random: SeededRandom;

  constructor(congestion: CongestionControlFactory, paths: readonly LossyPath[], seed: number) {
    const group = new CouplingGroup();
    this.paths = paths;
    this.controls = paths.map(() => congestion.create(contextOf(10, { group })));
    this.random = new SeededRandom(seed);
  }

  /** Runs for so many seconds; a tenth of it is for settling and not counted. */
  run(seconds: number): Rates {
    const next = this.paths.map(() => 0);
    const delivered = this.paths.map(() => 0);
    const end = seconds * SECOND;
    for (;;) {
      const i = next.indexOf(Math.min(...next));
      const now = next[i] as number;
      if (now >= end) break;
      const segments = this.round(i, now);
      if (now >= end / 10) delivered[i] = (delivered[i] as number) + segments;
      next[i] = now + (this.paths[i] as LossyPath).rtt * MILLISECOND;
    }
    const rates = delivered.map((segments) => segments / (0.9 * seconds));
    return { rates, total: rates.reduce((sum, rate) => sum + rate, 0) };
  }

  /** One round trip of path `i`: returns the segments delivered. */
  private round(i: number, now: number): number {
    const path = this.paths[i] as LossyPath;
    const control = this.controls[i] as CongestionControl;
    const srtt = path.rtt * MILLISECOND;
    const window = Math.max(1, Math.floor(control.window / MSS));
    let lost = 0;
    for (let segment = 0; segment < window; segment++) {
      if (this.random.uint32() < path.loss * 2 ** 32) lost++;
      else if (lost === 0) control.onAck(ack(MSS, { priorInFlight: control.window, srtt, now }));
    }
    if (lost > 0) {
      control.onLoss(lossOf(window * MSS, { srtt, now }));
      control.onRecovered(Number.POSITIVE_INFINITY, now);
    }
    return window - lost;
  }
}

/**
 * A model of connections that meet at one bottleneck: all have its round-trip time (ms), and what their windows exceed its capacity
 * (segments) by is lost, each segment to whomever chance hits in proportion to the windows.
 *
 * @param connections congestion control and number of subflows of each connection
 * @returns the share of the delivered segments that each connection got
 */
export function sharesOfBottleneck(
  connections: readonly (readonly [CongestionControlFactory, number])[],
  capacity: number,
  rounds: number,
  seed: number,
): number[] {
  const random = new SeededRandom(seed);
  const srtt = 50 * MILLISECOND;
  const owners: number[] = [];
  const controls: CongestionControl[] = [];
  connections.forEach(([congestion, count], owner) => {
    const group = new CouplingGroup();
    for (let i = 0; i < count; i++) {
      owners.push(owner);
      controls.push(congestion.create(contextOf(10, { group })));
    }
  });
  const delivered = connections.map(() => 0);
  for (let round = 0; round < rounds; round++) {
    const now = round * srtt;
    const windows = controls.map((control) => Math.max(1, Math.floor(control.window / MSS)));
    const total = windows.reduce((sum, window) => sum + window, 0);
    const lost = windows.map(() => 0);
    for (let excess = total - capacity; excess > 0; excess--) {
      let at = (random.uint32() / 2 ** 32) * total;
      const hit = windows.findIndex((window) => (at -= window) < 0);
      lost[hit] = (lost[hit] as number) + 1;
    }
    controls.forEach((control, i) => {
      const window = windows[i] as number;
      if (round >= rounds / 10) delivered[owners[i] as number] = (delivered[owners[i] as number] as number) + window;
      if ((lost[i] as number) === 0) control.onAck(ack(window * MSS, { priorInFlight: control.window, srtt, now }));
      else {
        control.onLoss(lossOf(window * MSS, { srtt, now }));
        control.onRecovered(Number.POSITIVE_INFINITY, now);
      }
    });
  }
  const sum = delivered.reduce((a, b) => a + b, 0);
  return delivered.map((segments) => segments / sum);
}
