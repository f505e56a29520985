/** Something that a conformance suite found wrong. */
export interface Finding {
  /** What was looked at, in a few words: the rule that is broken, or for congestion controllers the run in which it showed. */
  readonly case: string;
  /** What happened. */
  readonly problem: string;
  /** What must be so, and where the contract says it: the interface or class and its member. */
  readonly contract: string;
  /** What to do. */
  readonly advice: string;
}

/** A rule of a contract, as a suite tells it to whoever breaks it. */
export interface Rule {
  /** See {@link Finding.contract}. */
  readonly contract: string;
  /** See {@link Finding.advice}. */
  readonly advice: string;
}

/** The rules of one suite, by name. */
export type Rules<R extends string = string> = Readonly<Record<R, Rule>>;

/** The findings as text for people: for each what happened, what must be so, and what to do. Empty when there is none. */
export function explain(findings: readonly Finding[]): string {
  return findings.map(({ case: name, problem, contract, advice }) => `${name}: ${problem}\n  must be so: ${contract}\n  to do: ${advice}\n`).join("");
}
