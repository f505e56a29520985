import { middleboxes } from "mptcp/sim";
import { checkChain } from "./compare.ts";
import type { Verdict } from "./judge.ts";
import { drawChain } from "./plan.ts";
import type { ChainPlan } from "./plan.ts";
import type { ChainResult } from "./run.ts";
import type { ChainExtremes } from "./world.ts";

export interface ChainFailure {
  readonly index: number;
  readonly text: string;
  readonly cause: unknown;
}

/** Runs of one seed through random chains, one after the other, and what came of them. */
export class ChainCampaign {
  readonly failures: ChainFailure[] = [];
  readonly verdicts: Record<Verdict, number> = { whole: 0, left: 0, error: 0, waits: 0, hangs: 0 };
  /** How often each kind of box stood in the way. */
  readonly boxes: Record<string, number> = Object.fromEntries(Object.keys(middleboxes).map((kind) => [kind, 0]));
  readonly most: ChainExtremes = { pathRows: 0, subflows: 0, mappings: 0, excess: Number.NEGATIVE_INFINITY, second: 0, events: 0 };
  runs = 0;
  sent = 0;
  fallbacks = 0;
  /** Runs of connections that had more than one subflow. */
  accompanied = 0;
  private readonly seed: number;
  private readonly first: number;

  constructor(seed: number, first = 0) {
    this.seed = seed;
    this.first = first;
  }

  /** Does one run. */
  step(): void {
    const plan = drawChain(this.seed, this.first + this.runs);
    const result = checkChain(plan);
    this.runs++;
    this.add(plan, result);
    if (result.failure !== null) this.failures.push({ index: plan.index, text: result.failure, cause: result.cause });
  }

  /** What was done and found, as lines of text. */
  summary(): string[] {
    const { most, verdicts } = this;
    return [
      `${this.runs} connections through random chains: ${verdicts.whole} whole, ${verdicts.left} left by an application, ${verdicts.error} with an error, ${verdicts.waits} that wait for a peer that owes them nothing, ${verdicts.hangs} that hang as plain TCP does`,
      `${this.accompanied} with several subflows, ${this.fallbacks} fell back; ${this.sent} packets, ${most.second} in one second at the most, ${most.events} events`,
      `held at the most by a connection: ${most.subflows} subflows, ${most.pathRows} path rows, ${most.mappings} mappings`,
      `boxes: ${Object.entries(this.boxes).map(([kind, count]) => `${kind} ${count}`).join(", ")}`,
    ];
  }

  private add(plan: ChainPlan, { fallback, hadCompany, most, sent, verdict }: ChainResult): void {
    for (const { kind } of plan.paths.flatMap(({ boxes }) => boxes)) this.boxes[kind] = (this.boxes[kind] ?? 0) + 1;
    if (verdict !== null) this.verdicts[verdict]++;
    this.sent += sent;
    if (fallback !== null) this.fallbacks++;
    if (hadCompany) this.accompanied++;
    for (const name of Object.keys(this.most) as (keyof ChainExtremes)[]) this.most[name] = Math.max(this.most[name], most[name]);
  }
}
