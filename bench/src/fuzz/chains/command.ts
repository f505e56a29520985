import { record } from "../recording.ts";
import { ChainCampaign } from "./campaign.ts";
import { checkChain } from "./compare.ts";
import type { ChainPlan } from "./plan.ts";
import { runChain } from "./run.ts";
import { shrinkChain } from "./shrink.ts";

/** Runs of connections through random chains, with progress. @returns whether all went well */
export async function runChains(seed: number, first: number, count: number, keepsGoing: boolean, pause: () => Promise<boolean>): Promise<boolean> {
  console.log(`${count} connections through random chains of middleboxes, seed ${seed}`);
  const campaign = new ChainCampaign(seed, first);
  const began = performance.now();
  let shown = began;
  while (campaign.runs < count) {
    const told = campaign.failures.length;
    campaign.step();
    for (const { cause, index, text } of campaign.failures.slice(told)) {
      console.error(`chain ${index} failed: ${text}`);
      if (cause instanceof Error && cause.name !== "Violation") console.error(cause.stack);
      console.error(`again: npm run fuzz:connections -- --seed ${seed} --chain ${index} --shrink --out out/chain-${seed}-${index}`);
    }
    if (performance.now() - shown > 5000) {
      shown = performance.now();
      console.log(`  ${campaign.runs} of ${count}, ${((1000 * campaign.runs) / (shown - began)).toFixed(0)}/s, ${campaign.failures.length} failures`);
    }
    if (campaign.failures.length > 0 && !keepsGoing) break;
    if ((campaign.runs & 15) === 0 && (await pause())) break;
  }
  for (const line of campaign.summary()) console.log(line);
  return campaign.failures.length === 0;
}

/** Does one run, as it was or as simply as it takes to fail, and writes what happened. @returns whether all went well */
export function replayChain(drawn: ChainPlan, shrinks: boolean, folder: string | null): boolean {
  let plan = drawn;
  let result = checkChain(plan);
  if (shrinks && result.failure !== null) {
    plan = shrinkChain(plan, result, (text) => console.log(text));
    result = checkChain(plan);
  }
  console.log(JSON.stringify(plan));
  if (folder !== null) {
    record(folder, (observer, watch) =>
      void runChain(plan, { observers: [observer], prepare: (world) => void (world.onPacket = watch) }),
    );
  }
  console.log(`${result.verdict ?? "not judged"}: ${result.failure ?? "no failure"}`);
  if (result.cause instanceof Error) console.log(result.cause.stack);
  return result.failure === null;
}
