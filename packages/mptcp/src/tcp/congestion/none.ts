import type { PlainObject } from "../../core/index.ts";
import type { CongestionControl } from "./control.ts";

/** The controller of a connection that is not established: no window at all. */
class NoControl implements CongestionControl {
  readonly name: string = "none";

  get window(): number {
    return 0;
  }
  get threshold(): number {
    return Number.POSITIVE_INFINITY;
  }

  get pacingRate(): null {
    return null;
  }
  get usesPrr(): boolean {
    return false;
  }
  get wantsSamples(): boolean {
    return false;
  }

  get marks(): "window" {
    return "window";
  }

  onSent(): void {}
  onIdleRestart(): void {}
  onAck(): void {}
  onSegmentLost(): void {}
  onLoss(): void {}
  onRecovered(): void {}
  onTimeout(): void {}
  onSpurious(): void {}
  onMarked(): void {}
  onPenalty(): void {}
  onMss(): void {}
  release(): void {}
  snapshot(): PlainObject {
    return {};
  }
  restore(): void {}
}

/** One for all connections: it has no state. */
export const BEFORE_ESTABLISHED: CongestionControl = new NoControl();
