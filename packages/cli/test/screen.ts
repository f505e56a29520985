/** What a terminal shows of a text: it breaks lines, scrolls, and knows the escape sequences that the command uses. */
export class Screen {
  /** Everything that was shown, from the first line on: those that went off at the top are there still. */
  private readonly lines: string[][] = [[]];
  private row = 0;
  private column = 0;
  private columns: number;
  private readonly rows: number;

  constructor(columns: number, rows: number) {
    this.columns = columns;
    this.rows = rows;
  }

  /** The lines, without what is blank at their ends and at the bottom. */
  get text(): string[] {
    const lines = this.lines.map((line) => Array.from(line, (character) => character ?? " ").join("").trimEnd());
    while (lines.at(-1) === "") lines.pop();
    return lines;
  }

  write(text: string): this {
    // oxlint-disable-next-line no-control-regex
    for (const [piece, count, letter] of text.matchAll(/\u001B\[\??([\d;]*)([A-Za-z])|[\s\S]/gu)) {
      if (letter !== undefined) this.obey(letter, count ?? "");
      else if (piece === "\n") this.newLine();
      else if (piece === "\r") this.column = 0;
      else if (piece === "\b") this.column = Math.max(0, this.column - 1);
      else if (piece >= " ") this.put(piece);
    }
    return this;
  }

  /** Makes it narrower, as today's terminals do: lines that no longer fit are broken. */
  narrow(columns: number): void {
    const all = this.lines.flatMap((line) => {
      const pieces: string[][] = [];
      for (let at = 0; at === 0 || at < line.length; at += columns) pieces.push(line.slice(at, at + columns));
      return pieces;
    });
    // The cursor was in the first column of the last line, where the tests have it.
    this.lines.splice(0, this.lines.length, ...all);
    this.columns = columns;
    this.row = this.lines.length - 1;
  }

  private obey(letter: string, count: string): void {
    const line = this.lines[this.row] as string[];
    // Nothing above the first row can be reached.
    if (letter === "A") this.row = Math.max(this.row - Number(count || 1), this.lines.length - this.rows, 0);
    else if (letter === "G") this.column = Number(count || 1) - 1;
    else if (letter === "K") line.length = Math.min(line.length, this.column);
    else if (letter === "J") {
      line.length = Math.min(line.length, this.column);
      for (const below of this.lines.slice(this.row + 1)) below.length = 0;
    } else if (letter !== "m" && letter !== "h" && letter !== "l") throw new Error(`this screen does not know ${letter}`);
  }

  private put(character: string): void {
    if (this.column === this.columns) this.newLine();
    const line = this.lines[this.row] as string[];
    while (line.length < this.column) line.push(" ");
    line[this.column++] = character;
  }

  private newLine(): void {
    this.column = 0;
    this.row++;
    if (this.row === this.lines.length) this.lines.push([]);
  }
}
