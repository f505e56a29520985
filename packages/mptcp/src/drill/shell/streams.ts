import { type Budget, MAX_VALUE, ShellError } from "./bounds.ts";

/** What a command reads, and how far it has been read. */
export class Input {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** The next line without its end; null when there is none. */
  line(): string | null {
    if (this.#at >= this.#text.length) return null;
    const end = this.#text.indexOf("\n", this.#at);
    const line = this.#text.slice(this.#at, end < 0 ? undefined : end);
    this.#at = end < 0 ? this.#text.length : end + 1;
    return line;
  }

  rest(): string {
    const rest = this.#text.slice(this.#at);
    this.#at = this.#text.length;
    return rest;
  }
}

/** What commands write. */
export class Output {
  readonly #budget: Budget;
  readonly #kept: boolean;
  #text = "";

  /** @param kept whether anybody reads what is written */
  constructor(budget: Budget, kept = true) {
    this.#budget = budget;
    this.#kept = kept;
  }

  write(text: string): void {
    this.#budget.spend(1 + (text.length >> 3));
    if (!this.#kept) return;
    if (this.#text.length + text.length > MAX_VALUE) throw new ShellError(`commands write more than ${MAX_VALUE} characters`);
    this.#text += text;
  }

  get text(): string {
    return this.#text;
  }
}

/** Where a command reads and writes; outputs by the numbers of their descriptors. */
export interface Streams {
  readonly input: Input;
  readonly outputs: ReadonlyMap<number, Output>;
}

/** Lines of a text, without their ends. */
export function linesOf(text: string): string[] {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}
