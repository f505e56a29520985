import { SeededRandom } from "mptcp";
import { capacityOf, PAYLOAD, queueOf } from "./cells.ts";
import type { Cell } from "./cells.ts";

/** How the packets that are lost lie: one in each 1/p, as the closed formulas have it, or each with the probability p. */
export type LossPattern = "periodic" | "random";

/**
 * The goodput that the equations of a controller's window give over a link, integrated in steps of a round trip: RFC 5681 (equations 2 and 4), or RFC 9438 (§4.2, §4.3, §4.6, §4.7).
 * The window falls where a packet is lost and where path and queue are full; what path and queue hold above the path takes time. Bits per second.
 */
export function expectedGoodput(cell: Cell, losses: LossPattern = "random"): number {
  const [capacity, base] = [capacityOf(cell), cell.rtt / 1000];
  const most = capacity + queueOf(cell);
  const random = new SeededRandom(1, "formula");
  const window = cell.congestion === "reno" ? new StandardWindow(most / 2) : new CubicWindow(most * CUBIC_BETA);
  let [time, sent, sinceLoss] = [0, 0, 0];
  for (let round = 0; round < ROUNDS; round++) {
    const packets = window.size;
    const roundTrip = base * Math.max(1, packets / capacity);
    if (round >= WARM_UP) {
      time += roundTrip;
      sent += packets;
    }
    sinceLoss += packets;
    const isLost = cell.loss > 0 && (losses === "periodic" ? sinceLoss >= 1 / cell.loss : random.uint32() / 2 ** 32 < 1 - (1 - cell.loss) ** packets);
    if (isLost) sinceLoss = 0;
    if (isLost || packets > most) window.fall();
    else window.grow(roundTrip);
  }
  return (sent / time) * PAYLOAD * 8;
}

/** Packets, of standard TCP. */
class StandardWindow {
  size: number;

  constructor(size: number) {
    this.size = size;
  }

  grow(_roundTrip: number): void {
    this.size += 1;
  }

  fall(): void {
    this.size = Math.max(2, this.size / 2);
  }
}

class CubicWindow {
  size: number;
  private most: number;
  private estimate: number;
  /** Seconds since the window fell. */
  private time = 0;

  constructor(size: number) {
    this.size = this.estimate = size;
    this.most = size / CUBIC_BETA;
  }

  grow(roundTrip: number): void {
    this.time += roundTrip;
    // Equations 1, 2 and 4; at the most half as much again in a round trip (§4.4).
    const rise = Math.cbrt((this.most * (1 - CUBIC_BETA)) / CUBIC_C);
    const cubic = CUBIC_C * (this.time - rise) ** 3 + this.most;
    this.estimate += this.estimate < this.most ? (3 * (1 - CUBIC_BETA)) / (1 + CUBIC_BETA) : 1;
    this.size = Math.max(this.estimate, Math.min(cubic, 1.5 * this.size));
  }

  fall(): void {
    // §4.7, fast convergence.
    this.most = this.size < this.most ? (this.size * (1 + CUBIC_BETA)) / 2 : this.size;
    this.size = this.estimate = Math.max(2, this.size * CUBIC_BETA);
    this.time = 0;
  }
}

/** RFC 9438 §4.6, §5. */
const CUBIC_BETA = 0.7;
const CUBIC_C = 0.4;
const ROUNDS = 50_000;
/** What came before a window is as it will be. */
const WARM_UP = 2000;
