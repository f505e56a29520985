import { generateCase } from "./generate.ts";
import { CALLS, PACKETS } from "./moves.ts";
import { STATES } from "./peer.ts";

/** Which moves were made in which states. */
export class Coverage {
  readonly #seen = new Map<string, number>();

  add(seed: number): void {
    for (const { state, tag } of generateCase(seed).inputs) this.#seen.set(`${state}\n${tag}`, (this.#seen.get(`${state}\n${tag}`) ?? 0) + 1);
  }

  /** Cells that were reached, of how many. */
  get cells(): { readonly reached: number; readonly all: number } {
    const moves = Object.keys(PACKETS).concat(Object.keys(CALLS));
    const reached = STATES.flatMap((state) => moves.filter((move) => this.#seen.has(`${state}\n${move}`))).length;
    return { reached, all: STATES.length * moves.length };
  }

  /** A line for each state: how many moves were made, and which were not. */
  lines(): string[] {
    const moves = Object.keys(PACKETS).concat(Object.keys(CALLS));
    return STATES.map((state) => {
      const missing = moves.filter((move) => !this.#seen.has(`${state}\n${move}`));
      return `${state}: ${moves.length - missing.length} of ${moves.length}${missing.length === 0 ? "" : `, not ${missing.slice(0, 6).join("; ")}${missing.length > 6 ? "; ..." : ""}`}`;
    });
  }
}
