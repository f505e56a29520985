import { checkChain } from "./compare.ts";
import type { BoxPlan, ChainPlan, EndPlan, PathPlan, ProtocolPlan } from "./plan.ts";
import type { ChainResult } from "./run.ts";

/**
 * Simplifies a plan as long as it fails in the same way: fewer paths, boxes, parameters and switches, applications that do less.
 * @param check what runs a plan
 * @returns the simplest plan that was found
 */
export function shrinkChain(plan: ChainPlan, failed: ChainResult, tell: (text: string) => void, check: (plan: ChainPlan) => ChainResult = checkChain): ChainPlan {
  const wanted = kindOf(failed);
  let best = plan;
  let runs = 0;
  for (let isBetter = true; isBetter && runs < MOST_RUNS; ) {
    isBetter = false;
    for (const simpler of simplerThan(best)) {
      if (++runs > MOST_RUNS) break;
      if (kindOf(check(simpler)) !== wanted) continue;
      best = simpler;
      isBetter = true;
      break;
    }
  }
  tell(`  ${runs} runs to find the simplest plan`);
  return best;
}

/** The failure without its numbers. */
function kindOf(result: ChainResult): string {
  return (result.failure ?? "").replaceAll(/\d+/g, "#");
}

/** Plans that are simpler by one thing, those that are simplest first. */
function* simplerThan(plan: ChainPlan): Generator<ChainPlan> {
  if (plan.paths.length > 1) for (let i = 0; i < plan.paths.length; i++) yield { ...plan, paths: without(plan.paths, i) };
  for (const [i, path] of plan.paths.entries()) for (const simpler of simplerPaths(path)) yield { ...plan, paths: plan.paths.with(i, simpler) };
  for (const side of ["client", "server"] as const) {
    for (const simpler of simplerEnds(plan[side])) yield { ...plan, [side]: simpler };
    for (const simpler of simplerProtocols(plan.speaks[side])) yield { ...plan, speaks: { ...plan.speaks, [side]: simpler } };
  }
}

function* simplerPaths(path: PathPlan): Generator<PathPlan> {
  for (let i = 0; i < path.boxes.length; i++) yield { ...path, boxes: without(path.boxes, i) };
  for (const name of ["loss", "duplicate", "detour"] as const) if (path[name] > 0) yield { ...path, [name]: 0 };
  if (path.rate !== USUAL_RATE) yield { ...path, rate: USUAL_RATE };
  if (path.delay !== USUAL_DELAY) yield { ...path, delay: USUAL_DELAY };
  for (const [i, box] of path.boxes.entries()) for (const simpler of simplerBoxes(box)) yield { ...path, boxes: path.boxes.with(i, simpler) };
}

function* simplerBoxes(box: BoxPlan): Generator<BoxPlan> {
  for (let i = 0; i < box.switches.length; i++) yield { ...box, switches: without(box.switches, i) };
  for (const name of Object.keys(box.parameters)) yield { ...box, parameters: Object.fromEntries(Object.entries(box.parameters).filter(([other]) => other !== name)) };
  for (const [name, value] of Object.entries(box.parameters)) {
    if (Array.isArray(value) && value.length > 1) for (let i = 0; i < value.length; i++) yield { ...box, parameters: { ...box.parameters, [name]: without(value as readonly string[], i) } };
  }
}

function* simplerEnds(end: EndPlan): Generator<EndPlan> {
  for (const fewer of [0, 1, Math.floor(end.bytes / 4), Math.floor(end.bytes / 2), end.bytes - 1000]) if (fewer >= 0 && fewer < end.bytes) yield { ...end, bytes: fewer };
  if (end.piece < end.bytes) yield { ...end, piece: 1e9 };
  if (end.reads > 0) yield { ...end, reads: 0 };
  if (end.idle.for > 0) yield { ...end, idle: { at: 0, for: 0 } };
  for (const closing of ["late", "end"] as const) if (end.closing !== closing && end.closing !== "late") yield { ...end, closing };
}

function* simplerProtocols(protocol: ProtocolPlan): Generator<ProtocolPlan> {
  if (protocol.versions.length > 1 || protocol.versions[0] === 0) yield { ...protocol, versions: [1] };
  if (protocol.checksum) yield { ...protocol, checksum: false };
  if (protocol.buffer > 0) yield { ...protocol, buffer: 0 };
  if (protocol.scheduler !== USUAL_SCHEDULER) yield { ...protocol, scheduler: USUAL_SCHEDULER };
  if (protocol.pathManager !== USUAL_PATH_MANAGER) yield { ...protocol, pathManager: USUAL_PATH_MANAGER };
  if (!protocol.timestamps) yield { ...protocol, timestamps: true };
  if (!protocol.sack) yield { ...protocol, sack: true };
}

function without<T>(list: readonly T[], index: number): T[] {
  return list.filter((_, i) => i !== index);
}

const USUAL_RATE = 10e6;
const USUAL_DELAY = 10;
const USUAL_SCHEDULER = "lowest-time-distance";
const USUAL_PATH_MANAGER = "full-mesh";
const MOST_RUNS = 1500;
