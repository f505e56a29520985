import { changesLength, editsBytes } from "./edits.ts";
import type { BoxPlan, ChainPlan, EndPlan, ProtocolPlan } from "./plan.ts";
import { runChain } from "./run.ts";
import type { ChainOptions, ChainResult } from "./run.ts";

/**
 * Runs a plan, and where its connection broke or hangs plain TCP through the same chains, one after the other: where TCP works, Multipath TCP does, and where TCP tells
 * both ends of the end.
 */
export function checkChain(plan: ChainPlan, options: ChainOptions = {}): ChainResult {
  const result = runChain(plan, options);
  const isBroken = result.verdict === "error" && isComparable(plan);
  if (result.failure !== null || !(isBroken || result.verdict === "hangs")) return result;
  const alone = plan.paths.map((path) => runChain(overTcp({ ...plan, paths: [path] })).verdict);
  if (isBroken && alone.every((verdict) => verdict === "whole")) return { ...result, failure: "the connection breaks where plain TCP goes through, over each of its paths" };
  return result.verdict === "hangs" && !alone.includes("hangs") ? { ...result, failure: "an end hangs, with something to tell, where plain TCP does not" } : result;
}

function overTcp(plan: ChainPlan): ChainPlan {
  return { ...plan, speaks: { client: plain(plan.speaks.client), server: plain(plan.speaks.server) } };
}

/**
 * Whether both ends mean to end in order, and every box does the same from the first packet to the last, so that a run of other packets meets the same; and no box is of those for which
 * RFC 8684 §3.7 leaves no way back.
 */
function isComparable({ client, server, paths }: ChainPlan): boolean {
  return isGraceful(client) && isGraceful(server) && paths.every(({ boxes }) => boxes.every((box) => isSteady(box) && !leavesNoWay(box)));
}

function plain(protocol: ProtocolPlan): ProtocolPlan {
  return { ...protocol, versions: [] };
}

function isGraceful({ closing }: EndPlan): boolean {
  return closing !== "abort" && closing !== "abandon";
}

function isSteady({ parameters, switches }: BoxPlan): boolean {
  const began = (name: string): boolean => ((parameters[name] as number | undefined) ?? 0) > 0;
  return switches.length === 0 && !began("afterTime") && !began("afterBytes") && !began("restartAfter");
}

/** What is lost with its options tells nobody why; what has another length, or another content, has no checksum to fall back by, or no mapping. */
function leavesNoWay(box: BoxPlan): boolean {
  return box.kind === "black-hole" || changesLength(box) || editsBytes(box);
}
