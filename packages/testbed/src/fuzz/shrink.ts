import type { Difference } from "./compare.ts";
import type { FuzzCase, FuzzInput } from "./generate.ts";
import { describeCase, judgeCase, recordKernel, type Profile } from "./run-case.ts";

/** The least that shows a kind of difference: a script with both recordings. */
export interface Shrunk {
  readonly text: string;
  readonly inputs: number;
}

/** Tries of a script that is made smaller. */
const MOST_TRIES = 60;
/** ms. */
const SHORT_TAIL = 60;

/** Leaves out inputs of a case for as long as the same difference is there: halves, then less, from the end on (delta debugging). */
export function shrink(one: FuzzCase, what: string, profile: Profile): Shrunk {
  const attempts = new Attempts(one, what, profile);
  const tail = one.tail > SHORT_TAIL && attempts.difference(one.inputs, SHORT_TAIL) !== null ? SHORT_TAIL : one.tail;
  const inputs = attempts.least(tail);
  const least = { ...one, inputs, tail };
  const difference = attempts.difference(inputs, tail) ?? { state: "opening", tag: "nothing", earlier: [], what: `${what}: not seen again`, goesOn: false, kernel: "", engine: "" };
  return { text: describeCase(least, difference, profile), inputs: inputs.length };
}

/** Tries smaller cases. */
class Attempts {
  readonly #one: FuzzCase;
  readonly #what: string;
  readonly #profile: Profile;
  #left = MOST_TRIES;

  constructor(one: FuzzCase, what: string, profile: Profile) {
    this.#one = one;
    this.#what = what;
    this.#profile = profile;
  }

  /** The difference that is looked for, where these inputs show it. */
  difference(inputs: readonly FuzzInput[], tail: number): Difference | null {
    this.#left--;
    const candidate = { ...this.#one, inputs, tail };
    try {
      const kernel = recordKernel(candidate, this.#profile);
      if (kernel === null) return null;
      const { difference } = judgeCase(candidate, kernel, this.#profile);
      return difference?.what === this.#what ? difference : null;
    } catch {
      // What is left is no script any more, or one that cannot be carried out.
      return null;
    }
  }

  least(tail: number): readonly FuzzInput[] {
    let { inputs } = this.#one;
    for (let size = Math.ceil(inputs.length / 2); size > 0; size = size === 1 ? 0 : Math.ceil(size / 2)) inputs = this.#without(inputs, size, tail);
    return inputs;
  }

  /** What is left when each part of `size` inputs that is not needed is left out. */
  #without(all: readonly FuzzInput[], size: number, tail: number): readonly FuzzInput[] {
    let inputs = all;
    for (let from = all.length - size; from >= 0; from -= size) {
      const fewer = inputs.filter((_, index) => index < from || index >= from + size);
      if (this.#left > 0 && this.difference(fewer, tail) !== null) inputs = fewer;
    }
    return inputs;
  }
}
