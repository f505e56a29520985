import type { Place } from "../syntax/ast.ts";
import type { Problem } from "../syntax/problems.ts";

/** What cannot be carried out as it is written. Thrown inside planning alone, where each event has one at most. */
export class Refused {
  readonly problem: Problem;

  /** @param message a clause without a full stop */
  constructor(place: Place, message: string) {
    this.problem = { place, message };
  }
}
