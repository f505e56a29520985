import type { Deadlines } from "../../core/index.ts";
import { DEADLINE } from "../deadlines.ts";

/**
 * What a segment with data says of an end: the peer's DATA_FIN, and the Data ACK of ours. Both may be left for a moment, so that the data is acknowledged first,
 * with everything else as it was (see `MptcpConfig.dataFinDelay`).
 */
export class HeldEnd {
  private readonly delay: number;
  private readonly deadlines: Deadlines;
  /** Data offset of the peer's DATA_FIN; -1: only ours was acknowledged. */
  private dataOffset = -1;
  private held = false;

  /** @param delay ns; 0: nothing is held */
  constructor(delay: number, deadlines: Deadlines) {
    this.delay = delay;
    this.deadlines = deadlines;
  }

  /** Whether something is left for later. */
  get isHeld(): boolean {
    return this.held;
  }

  /** @param dataOffset of the peer's DATA_FIN; -1: ours was acknowledged. @returns false when it is to be dealt with at once */
  hold(dataOffset: number, now: number): boolean {
    if (this.delay === 0) return false;
    if (dataOffset >= 0) this.dataOffset = dataOffset;
    if (!this.held) this.deadlines.set(DEADLINE.heldEnd, now + this.delay);
    this.held = true;
    return true;
  }

  /** It is dealt with now. @returns the data offset of the peer's DATA_FIN, or -1 */
  release(): number {
    const { dataOffset } = this;
    this.held = false;
    this.dataOffset = -1;
    this.deadlines.clear(DEADLINE.heldEnd);
    return dataOffset;
  }
}
