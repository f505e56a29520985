import { type Budget, ShellError } from "./bounds.ts";

/** A pattern that was read. */
export type Pattern =
  /** One character of those that `has` says. */
  | { readonly kind: "one"; has(character: string): boolean }
  | { readonly kind: "row"; readonly members: readonly Pattern[] }
  | { readonly kind: "choice"; readonly members: readonly Pattern[] }
  | { readonly kind: "repeat"; readonly of: Pattern; readonly least: number; readonly most: number }
  | { readonly kind: "group"; readonly of: Pattern; readonly index: number }
  | { readonly kind: "edge"; holds(text: string, at: number): boolean };

/** Where a pattern was found. */
export interface Match {
  readonly start: number;
  readonly end: number;
  /** The text of each group, the whole first; empty for one that took no part. */
  readonly groups: readonly string[];
}

type Next = (at: number) => boolean;

/** How deep a pattern may go on behind itself. */
const MAX_DEPTH = 800;

/** Patterns are ours and not the language's, so that what a script looks for can be bounded: each step costs of the budget. */
export class Matcher {
  readonly #budget: Budget;
  #text = "";
  #groups: ([number, number] | undefined)[] = [];
  #depth = 0;

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  /** The first place from `from` on where the pattern is; null: none. */
  find(pattern: Pattern, text: string, from = 0): Match | null {
    for (let start = from; start <= text.length; start++) {
      const match = this.#begin(pattern, text, start, () => true);
      if (match !== null) return match;
    }
    return null;
  }

  /** Whether the pattern is all of the text. */
  isAll(pattern: Pattern, text: string): boolean {
    return this.#begin(pattern, text, 0, (at) => at === text.length) !== null;
  }

  #begin(pattern: Pattern, text: string, start: number, accepts: Next): Match | null {
    this.#text = text;
    this.#groups = [];
    this.#depth = 0;
    let end = -1;
    const found = this.#match(pattern, start, (at) => {
      if (!accepts(at)) return false;
      end = at;
      return true;
    });
    if (!found) return null;
    const groups = Array.from({ length: Math.max(1, this.#groups.length) }, (_, index) => (index === 0 ? text.slice(start, end) : this.#group(index)));
    return { start, end, groups };
  }

  #group(index: number): string {
    const range = this.#groups[index];
    return range === undefined ? "" : this.#text.slice(...range);
  }

  #match(pattern: Pattern, at: number, next: Next): boolean {
    this.#budget.spend(1);
    if (++this.#depth > MAX_DEPTH) throw new ShellError("a pattern takes too many steps");
    const matched = this.#kinds(pattern, at, next);
    this.#depth--;
    return matched;
  }

  #kinds(pattern: Pattern, at: number, next: Next): boolean {
    switch (pattern.kind) {
      case "one":
        return at < this.#text.length && pattern.has(this.#text[at]!) && next(at + 1);
      case "edge":
        return pattern.holds(this.#text, at) && next(at);
      case "row":
        return this.#row(pattern.members, 0, at, next);
      case "choice":
        return pattern.members.some((member) => this.#match(member, at, next));
      case "group": {
        const before = this.#groups[pattern.index];
        const matched = this.#match(pattern.of, at, (end) => {
          const outer = this.#groups[pattern.index];
          this.#groups[pattern.index] = [at, end];
          if (next(end)) return true;
          this.#groups[pattern.index] = outer;
          return false;
        });
        if (!matched) this.#groups[pattern.index] = before;
        return matched;
      }
      default:
        return pattern.of.kind === "one" ? this.#run(pattern.of, pattern.least, pattern.most, at, next) : this.#repeat(pattern.of, pattern.least, pattern.most, at, next);
    }
  }

  #row(members: readonly Pattern[], index: number, at: number, next: Next): boolean {
    const member = members[index];
    return member === undefined ? next(at) : this.#match(member, at, (end) => this.#row(members, index + 1, end, next));
  }

  /** As many single characters as there are, and then fewer: without going deeper for each. */
  #run(of: Pattern & { kind: "one" }, least: number, most: number, at: number, next: Next): boolean {
    let count = 0;
    while (count < most && at + count < this.#text.length && of.has(this.#text[at + count]!)) count++;
    this.#budget.spend(count);
    for (; count >= least; count--) {
      this.#budget.spend(1);
      if (next(at + count)) return true;
    }
    return false;
  }

  #repeat(of: Pattern, least: number, most: number, at: number, next: Next): boolean {
    if (most > 0 && this.#match(of, at, (end) => (end > at || least > 0) && this.#repeat(of, Math.max(0, least - 1), most - 1, end, next))) return true;
    return least <= 0 && next(at);
  }
}
