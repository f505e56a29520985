import { compareRecordings } from "./compare.ts";
import type { FuzzCase, FuzzInput } from "./generate.ts";
import { describeCase, judge, recordCase, recordKernel, type Profile } from "./run-case.ts";

/** The least that shows a kind of difference: a script with both recordings. */
export interface Shrunk {
  readonly text: string;
  readonly inputs: number;
}

/** Tries of a script that is made smaller. */
const MOST_TRIES = 60;
/** ms. */
const SHORT_TAIL = 60;

/**
 * Leaves out inputs of a case for as long as the same difference is there (delta debugging, from the end and from halves to single inputs). What comes first matters in
 * most kinds less than what was just before.
 */
export function shrink(one: FuzzCase, what: string, profile: Profile): Shrunk {
  let tries = 0;
  const differenceOf = (inputs: readonly FuzzInput[], tail = one.tail): ReturnType<typeof judge>["difference"] => {
    tries++;
    const candidate = { ...one, inputs, tail };
    try {
      const kernel = recordKernel(candidate, profile);
      if (kernel === null) return null;
      const { difference } = judge(compareRecordings(candidate, kernel, recordCase(candidate, "engine", profile)));
      return difference?.what === what ? difference : null;
    } catch {
      return null;
    }
  };
  let inputs = one.inputs;
  const tail = one.tail > SHORT_TAIL && differenceOf(inputs, SHORT_TAIL) !== null ? SHORT_TAIL : one.tail;
  for (let size = Math.ceil(inputs.length / 2); size >= 1 && tries < MOST_TRIES; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = inputs.length - size; from >= 0 && tries < MOST_TRIES; from -= size) {
      const fewer = inputs.filter((_, index) => index < from || index >= from + size);
      if (differenceOf(fewer, tail) !== null) {
        inputs = fewer;
        from = Math.min(from, inputs.length);
      }
    }
  }
  const least = { ...one, inputs, tail };
  const difference = differenceOf(inputs, tail) ?? { state: "opening", tag: "nothing", what: `${what}: not seen again`, goesOn: false, kernel: "", engine: "" };
  return { text: describeCase(least, difference, profile), inputs: inputs.length };
}
