import { BulkSender, patternSource } from "../sim/index.ts";
import type { Payload } from "../wire/index.ts";

/**
 * One end of a checked transfer: sends a pattern, and checks that the peer's pattern arrives, each byte once and in order. The two directions end
 * apart from each other.
 */
export class CheckedPeer extends BulkSender {
  /** Bytes that the peer sends. */
  readonly expected: number;
  /** Offset of the first byte that was not the right one; -1 while all were. */
  wrongAt = -1;

  /** @param bytes what this end sends @param expected what the peer sends */
  constructor(bytes: number, expected: number) {
    super({ bytes, source: patternSource });
    this.expected = expected;
  }

  /** What is wrong when all should be over, in words; nothing is the expected outcome. */
  problems(name: string): string[] {
    const problems: string[] = [];
    if (this.wrongAt >= 0) problems.push(`${name}: byte ${this.wrongAt} is wrong`);
    if (this.closedAt < 0) problems.push(`${name} did not close`);
    if (this.error !== null) problems.push(`${name} broke: ${this.error}`);
    if (this.bytesRead !== this.expected) problems.push(`${name} read ${this.bytesRead} of ${this.expected} bytes`);
    return problems;
  }

  /** The other direction goes on after the peer has ended its own. */
  protected override onEnd(): void {}

  protected override onPayload(payload: Payload): void {
    if (this.wrongAt >= 0) return;
    const from = this.bytesRead - payload.length;
    const want = patternSource(from - (from % 4), payload.length + (from % 4)).toUint8Array().subarray(from % 4);
    const got = payload.toUint8Array();
    for (let i = 0; i < got.length; i++) {
      if (got[i] === want[i]) continue;
      this.wrongAt = from + i;
      return;
    }
  }
}
