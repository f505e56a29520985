import { randomFillSync } from "node:crypto";
import type { RandomSource } from "mptcp";

/** Randomness of the system's: sequence numbers of the probe must not be guessed by others. */
export class SystemRandom implements RandomSource {
  private readonly word = new Uint32Array(1);

  uint32(): number {
    randomFillSync(this.word);
    return this.word[0] as number;
  }

  fill(target: Uint8Array): void {
    randomFillSync(target);
  }
}
