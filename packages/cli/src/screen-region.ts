import type { Output } from "./io.ts";

/**
 * The last lines of a terminal, drawn again and again in their place. They are cut to its columns, and to its rows; both may change between two
 * drawings, and are those of the moment.
 */
export class ScreenRegion {
  private readonly output: Output;
  /** Columns that each line takes which is there now. */
  private drawn: readonly number[] = [];

  constructor(output: Output) {
    this.output = output;
  }

  /** Lines there is room for: the last row is the cursor's. */
  get height(): number {
    return Math.max(1, (this.output.rows ?? USUAL_ROWS) - 1);
  }

  draw(lines: readonly string[]): void {
    const { height } = this;
    const shown = lines.length <= height ? lines : [...lines.slice(0, height - 1), `... and ${lines.length - height + 1} more`];
    // A terminal that has just written its last column does not agree with others on where it is.
    const cut = shown.map((line) => cutTo(line, this.output.columns - 1));
    this.output.write(`${this.wayBack()}${cut.map((line) => `${line}\u001B[K\n`).join("")}\u001B[J`);
    this.drawn = cut.map(widthOf);
  }

  /** Takes the lines away. */
  clear(): void {
    if (this.drawn.length > 0) this.output.write(`${this.wayBack()}\u001B[J`);
    this.drawn = [];
  }

  /** Leaves the lines where they are: the next ones are drawn below. */
  leave(): void {
    this.drawn = [];
  }

  /** To where the first line begins. A terminal that was made narrower has broken the lines that no longer fit. */
  private wayBack(): string {
    const columns = Math.max(1, this.output.columns);
    const rows = this.drawn.reduce((sum, width) => sum + Math.max(1, Math.ceil(width / columns)), 0);
    return rows === 0 ? "" : `\r\u001B[${rows}A`;
  }
}

/** Columns that a text takes on a terminal. */
export function widthOf(text: string): number {
  return text.replaceAll(ESCAPES, "").length;
}

/** The beginning of a text that takes `columns` at the most, with all its colours, so that none is left on. */
export function cutTo(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  let left = Math.max(0, columns);
  return Array.from(text.matchAll(PIECES), ([piece]) => {
    if (piece.startsWith("\u001B")) return piece;
    if (left === 0) return "";
    left--;
    return piece;
  }).join("");
}

/** Colours and other attributes. */
// oxlint-disable-next-line no-control-regex
const ESCAPES = /\u001B\[[\d;]*m/g;
// oxlint-disable-next-line no-control-regex
const PIECES = /\u001B\[[\d;]*m|[\s\S]/g;
/** Of a terminal that does not say. */
const USUAL_ROWS = 24;
