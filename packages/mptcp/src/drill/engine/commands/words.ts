/** The words of a command, one after the other. */
export class Words {
  private readonly words: readonly string[];
  private at = 0;

  constructor(words: readonly string[]) {
    this.words = words;
  }

  get isEmpty(): boolean {
    return this.at >= this.words.length;
  }

  /** The next word; empty where there is none. */
  next(): string {
    return this.words[this.at++] ?? "";
  }

  /** A number of the next word, from 0 to `highest`; null: it is none. */
  number(highest: number): number | null {
    const word = this.next();
    const value = /^(?:\d+|0x[0-9a-f]+)$/i.test(word) ? Number(word) : Number.NaN;
    return value <= highest ? value : null;
  }
}
