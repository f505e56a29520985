import type { RunPlan } from "./plan.ts";
import { run } from "./run.ts";
import type { RunResult } from "./run.ts";

/**
 * Finds packets of an attack that the failure does not need: by halves, then quarters, and so on, as long as the run still fails in the same way.
 * @returns the numbers of those that can be left out
 */
export function shrink(plan: RunPlan, failed: RunResult, tell: (text: string) => void): Set<number> {
  const shrinking = new Shrinking(plan, failed);
  // With some left out, others may be injected that were not before: they are looked at in the next round.
  for (let left = Number.POSITIVE_INFINITY; shrinking.runs < MOST_RUNS; ) {
    const { numbers } = run(plan, { omitted: shrinking.omitted });
    if (numbers.length >= left) break;
    left = shrinking.reduce(numbers);
    tell(`  ${left} of ${numbers.length} packets are needed`);
  }
  return shrinking.omitted;
}

class Shrinking {
  readonly omitted = new Set<number>();
  runs = 0;
  private readonly plan: RunPlan;
  private readonly wanted: string;

  constructor(plan: RunPlan, failed: RunResult) {
    this.plan = plan;
    this.wanted = kindOf(failed);
  }

  /** @returns how many of `numbers` are left */
  reduce(numbers: readonly number[]): number {
    let needed = [...numbers];
    for (let size = Math.ceil(needed.length / 2); size >= 1 && this.runs < MOST_RUNS; size = size === 1 ? 0 : Math.ceil(size / 2)) {
      for (let at = 0; at < needed.length && this.runs < MOST_RUNS; ) {
        const part = needed.slice(at, at + size);
        if (this.failsWithout(part)) needed = needed.filter((number) => !this.omitted.has(number));
        else at += size;
      }
    }
    return needed.length;
  }

  private failsWithout(part: readonly number[]): boolean {
    this.runs++;
    const omitted = new Set([...this.omitted, ...part]);
    if (kindOf(run(this.plan, { omitted })) !== this.wanted) return false;
    for (const number of part) this.omitted.add(number);
    return true;
  }
}

/** The failure without its numbers. */
function kindOf(result: RunResult): string {
  return (result.failure ?? "").replaceAll(/\d+/g, "#");
}

/** A run costs some hundredths of a second. */
const MOST_RUNS = 500;
