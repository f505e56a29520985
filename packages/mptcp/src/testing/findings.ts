import type { Finding } from "./finding.ts";

/** Collects findings: the first few of each case, since what is broken once is mostly broken often. */
export class Findings {
  /** All of them, in the order in which they were found. */
  readonly list: Finding[] = [];
  private readonly counts = new Map<string, number>();

  add(name: string, problem: string): void {
    const count = (this.counts.get(name) ?? 0) + 1;
    this.counts.set(name, count);
    if (count <= MOST_OF_A_CASE) this.list.push({ case: name, problem });
  }

  /** Calls `run`; an exception is a finding. @param doing what is done, in a few words */
  guard(doing: string, run: () => void): void {
    try {
      run();
    } catch (error) {
      this.add("throws", `${doing}: ${String(error)}`);
    }
  }
}

const MOST_OF_A_CASE = 3;
