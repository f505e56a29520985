import { randomFillSync } from "node:crypto";
import type { RandomSource } from "../core/index.ts";

/** Cryptographic randomness in front of a pool, since a call into the system for each number is dear. */
export class CryptoRandom implements RandomSource {
  private readonly pool = new Uint8Array(POOL_LENGTH);
  private used = POOL_LENGTH;

  uint32(): number {
    const at = this.take(4);
    const { pool } = this;
    const value = ((pool[at]! << 24) | (pool[at + 1]! << 16) | (pool[at + 2]! << 8) | pool[at + 3]!) >>> 0;
    pool.fill(0, at, at + 4);
    return value;
  }

  fill(target: Uint8Array): void {
    if (target.length > POOL_LENGTH) {
      randomFillSync(target);
      return;
    }
    const at = this.take(target.length);
    target.set(this.pool.subarray(at, at + target.length));
    // What was given out, a key perhaps, is not kept.
    this.pool.fill(0, at, at + target.length);
  }

  private take(length: number): number {
    if (this.used + length > POOL_LENGTH) {
      randomFillSync(this.pool);
      this.used = 0;
    }
    const at = this.used;
    this.used += length;
    return at;
  }
}

const POOL_LENGTH = 4096;
