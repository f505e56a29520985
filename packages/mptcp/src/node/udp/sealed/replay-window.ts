/** A power of two; RFC 6479 §2: the word that is being filled is not counted on. */
const WORDS = 128;
const MASK = WORDS - 1;

/**
 * Which of the latest counters have arrived, so that none is taken twice: RFC 6479, a ring of words that slides by whole words. Counters that are older than
 * {@link ReplayWindow.SIZE} are refused, whether they have arrived or not.
 */
export class ReplayWindow {
  /** How far a counter may be behind the highest one. */
  static readonly SIZE = (WORDS - 1) * 32;
  private readonly words = new Uint32Array(WORDS);
  /** The highest counter, -1 before the first. */
  private highest = -1;

  /** Whether `counter` may still come. */
  allows(counter: number): boolean {
    if (counter > this.highest) return true;
    if (this.highest - counter >= ReplayWindow.SIZE) return false;
    return ((this.words[(counter >>> 5) & MASK] as number) & (1 << (counter & 31))) === 0;
  }

  /** `counter`, which is allowed and below 2^32, has arrived; only for what was authenticated. */
  accept(counter: number): void {
    const { words } = this;
    if (counter > this.highest) {
      const from = this.highest < 0 ? -1 : this.highest >>> 5;
      const fresh = Math.min((counter >>> 5) - from, WORDS);
      for (let i = 0; i < fresh; i++) words[((counter >>> 5) - i) & MASK] = 0;
      this.highest = counter;
    }
    const at = (counter >>> 5) & MASK;
    words[at] = (words[at] as number) | (1 << (counter & 31));
  }
}
