import { SECOND } from "mptcp";
import type { Observer } from "mptcp";
import { SIDES, Violation } from "../connections/world.ts";
import { judge } from "./judge.ts";
import type { Verdict } from "./judge.ts";
import type { ChainPlan } from "./plan.ts";
import { ChainWorld } from "./world.ts";
import type { ChainExtremes } from "./world.ts";

export interface ChainResult {
  /** What must not be; null when all was well. */
  readonly failure: string | null;
  /** The exception behind it, for its stack. */
  readonly cause: unknown;
  readonly verdict: Verdict | null;
  /** Why Multipath TCP was given up, at either end. */
  readonly fallback: string | null;
  readonly hadCompany: boolean;
  readonly most: ChainExtremes;
  readonly sent: number;
}

export interface ChainOptions {
  readonly observers?: readonly Observer[];
  /** Called when the network is built, before anything happens. */
  readonly prepare?: (world: ChainWorld) => void;
}

/** Runs a plan, and says what is wrong with it. The same plan gives the same run. */
export function runChain(plan: ChainPlan, options: ChainOptions = {}): ChainResult {
  const world = new ChainWorld(plan, options.observers ?? []);
  options.prepare?.(world);
  let failure: string | null = null;
  let cause: unknown = null;
  let verdict: Verdict | null = null;
  let fallback: string | null = null;
  try {
    proceed(world);
    fallback = SIDES.map((side) => world.connectionOf(side)?.fallback ?? null).find((reason) => reason !== null) ?? null;
    verdict = judge(world);
    finish(world);
  } catch (error) {
    failure = error instanceof Violation ? error.message : `an exception: ${String(error)}`;
    cause = error;
  }
  return { failure, cause, verdict, fallback, hadCompany: world.hadCompany, most: world.most, sent: world.sent };
}

/** The applications do as they please for a minute, and then what is left; until both ends are closed, or know nothing more to wait for. */
function proceed(world: ChainWorld): void {
  world.advance(PLEASURE, true);
  // Who is not accepted yet will be in a hurry, too.
  for (const end of [world.ends.client, world.ends.server, ...world.others]) end.hurry(world.now);
  world.advance(LIMIT, true);
}

/** The applications are gone; after the limits of docs/limits.md nothing may be left. */
function finish(world: ChainWorld): void {
  for (const end of world.all) if (!end.stands.closed) end.leave(world.now);
  world.stopListening();
  world.advance(world.now + FORGOTTEN);
  const hanging = world.all.filter((end) => !end.stands.closed);
  if (hanging.length > 0) throw new Violation(`${hanging.length} connections hang after their application went`);
  const left = world.left();
  if (left.length > 0) throw new Violation(`left: ${left.join("; ")}`);
}

const PLEASURE = 60 * SECOND;
/** Until TCP's own patience is over, and Multipath TCP's behind it. */
const LIMIT = 4000 * SECOND;
/** Silence is given up after 15 minutes, an orphan after two at the most, TIME-WAIT is one. */
const FORGOTTEN = 1100 * SECOND;
