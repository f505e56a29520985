import type { Finding, Rules } from "./finding.ts";

/** Collects what breaks the rules of one suite: the first few findings of each case, since what is broken once is mostly broken often. */
export class Findings<R extends string = string> {
  /** All of them, in the order in which they were found. */
  readonly list: Finding[] = [];
  private readonly rules: Rules<R | "throws">;
  private readonly counts = new Map<string, number>();

  constructor(rules: Rules<R | "throws">) {
    this.rules = rules;
  }

  /** A rule was broken. @param name the case, when it is not the rule alone */
  add(rule: R | "throws", problem: string, name: string = rule): void {
    const count = (this.counts.get(name) ?? 0) + 1;
    this.counts.set(name, count);
    if (count > MOST_OF_A_CASE) return;
    const { contract, advice } = this.rules[rule];
    this.list.push({ case: name, problem, contract, advice });
  }

  /** Whether one of these rules was broken. */
  has(...rules: readonly R[]): boolean {
    return this.list.some((found) => rules.some((rule) => found.case === rule));
  }

  /** Calls `run`; an exception is a finding. @param doing what is done, in a few words @param name the case, when it is not the rule alone */
  guard(doing: string, run: () => void, name?: string): void {
    try {
      run();
    } catch (error) {
      this.add("throws", name === undefined ? `${doing}: ${String(error)}` : `it throws: ${String(error)}`, name);
    }
  }
}

const MOST_OF_A_CASE = 3;
