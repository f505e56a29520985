import { Coverage } from "./coverage.ts";
import { ATTACKERS, drawPlan } from "./plan.ts";
import type { Attacker } from "./plan.ts";
import { run } from "./run.ts";
import type { RunResult } from "./run.ts";
import type { Extremes } from "./world.ts";

export interface CampaignOptions {
  readonly seed: number;
  /** The first run. */
  readonly first?: number;
  /** Packets to inject, over as many runs as it takes. */
  readonly packets: number;
  readonly attacker?: Attacker | null;
  /** Goes on after a failure. */
  readonly keepGoing?: boolean;
}

export interface Failure {
  readonly index: number;
  readonly attacker: Attacker;
  readonly text: string;
  readonly cause: unknown;
}

/** Runs of one seed, one after the other, and what came of them. */
export class Campaign {
  readonly coverage = new Coverage();
  readonly failures: Failure[] = [];
  readonly runsOf: Record<Attacker, number> = { "off-path": 0, "on-path": 0, peer: 0, nobody: 0 };
  readonly most: Extremes = { instant: 0, answer: 0, connections: 0, pendingJoins: 0, tokens: 0, pathRows: 0, subflows: 0, mappings: 0, excess: Number.NEGATIVE_INFINITY };
  runs = 0;
  injected = 0;
  sent = 0;
  connections = 0;
  waiting = 0;
  private readonly options: CampaignOptions;

  constructor(options: CampaignOptions) {
    this.options = options;
  }

  /** Whether there is more to do. */
  get goesOn(): boolean {
    return this.injected < this.options.packets && (this.failures.length === 0 || this.options.keepGoing === true);
  }

  /** Does one run. */
  step(): void {
    const { attacker = null, first = 0, seed } = this.options;
    const plan = drawPlan(seed, first + this.runs, attacker);
    const result = run(plan);
    this.runs++;
    this.runsOf[plan.attacker]++;
    this.add(result);
    if (result.failure !== null) this.failures.push({ index: plan.index, attacker: plan.attacker, text: result.failure, cause: result.cause });
  }

  /** What was done and found, as lines of text. */
  summary(): string[] {
    const { most } = this;
    const per = (count: number): string => (count / Math.max(1, this.injected)).toFixed(2);
    return [
      `${this.injected} packets injected in ${this.runs} runs (${ATTACKERS.map((who) => `${this.runsOf[who]} ${who}`).join(", ")}), ${this.connections} ends of connections`,
      `${this.sent} packets sent by the hosts, ${per(this.sent)} for each injected; at the most ${most.answer} in answer to one, ${most.instant} in an instant`,
      `held at the most: ${most.connections} TCP connections, ${most.pendingJoins} pending joins, ${most.tokens} tokens; of one connection ${most.subflows} subflows, ${most.pathRows} path rows, ${most.mappings} mappings`,
      `${this.waiting} ends waited for a peer that owed them nothing until their application went`,
      ...this.coverage.table(),
    ];
  }

  private add(result: RunResult): void {
    this.injected += result.injected;
    this.sent += result.sent;
    this.connections += result.connections;
    this.waiting += result.waiting;
    this.coverage.addAll(result.coverage);
    for (const name of Object.keys(this.most) as (keyof Extremes)[]) this.most[name] = Math.max(this.most[name], result.most[name]);
  }
}
