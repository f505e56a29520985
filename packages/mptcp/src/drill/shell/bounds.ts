/** Why a shell line cannot go on; it ends with status 2, and its message is among the errors. */
export class ShellError extends Error {}

/** A text that cannot be read; `at` is an index into it. */
export class ShellProblem extends Error {
  readonly at: number;

  constructor(at: number, message: string) {
    super(message);
    this.at = at;
  }
}

/** The longest text that is read, in UTF-16 code units. */
export const MAX_TEXT = 262_144;
/** The longest value of a variable, and the longest output that is held. */
export const MAX_VALUE = 262_144;
/** How deep functions, files, brackets and substitutions may be in one another. */
export const MAX_DEPTH = 40;
/** What a shell line may spend: commands, characters that are written and looked at. */
const MAX_STEPS = 1_000_000;

/** What is left of the steps of a shell line. */
export class Budget {
  #left = MAX_STEPS;

  /** @throws ShellError when nothing is left */
  spend(steps: number): void {
    this.#left -= steps;
    if (this.#left < 0) throw new ShellError("it takes too many steps");
  }
}

/** The text, if it is not too long. */
export function boundedValue(text: string): string {
  if (text.length > MAX_VALUE) throw new ShellError(`a value has more than ${MAX_VALUE} characters`);
  return text;
}
