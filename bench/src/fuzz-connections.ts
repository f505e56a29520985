import { readFileSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { parseArgs } from "node:util";
import { replayChain, runChains } from "./fuzz/chains/command.ts";
import { drawChain } from "./fuzz/chains/plan.ts";
import type { ChainPlan } from "./fuzz/chains/plan.ts";
import { Campaign } from "./fuzz/connections/campaign.ts";
import { ATTACKERS, drawPlan } from "./fuzz/connections/plan.ts";
import type { Attacker, RunPlan } from "./fuzz/connections/plan.ts";
import { run } from "./fuzz/connections/run.ts";
import { shrink } from "./fuzz/connections/shrink.ts";
import type { World } from "./fuzz/connections/world.ts";
import { record } from "./fuzz/recording.ts";

const HELP = `usage: npm run fuzz:connections -- [--chains n] [--packets n] [--seed n] [--first n] [--attacker ${ATTACKERS.join("|")}] [--keep-going]
       npm run fuzz:connections -- --seed n --chain n [--shrink] [--out folder]
       npm run fuzz:connections -- --plan file [--shrink] [--out folder]
       npm run fuzz:connections -- --seed n --run n [--attacker name] [--shrink] [--out folder]

Whole connections in virtual time. First 5,000 of them through random chains of middleboxes, with applications that do as they please: what
arrives is what plain TCP through the same chain would have brought, and both ends know of the end. Then connections under attack: five
million packets from off the path, from the path of one subflow and from the peer itself. --chains or --packets alone does one of the two.
A failure prints the command that does its run again; with --out that writes the decision log and a capture, with --shrink it
leaves out what is not needed. --plan does a run through a chain that stands in a file, as --chain prints it. Ctrl-C ends with the summary so far.`;

/** @returns the exit code */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      chains: { type: "string" },
      packets: { type: "string" },
      seed: { type: "string" },
      first: { type: "string", default: "0" },
      attacker: { type: "string" },
      "keep-going": { type: "boolean", default: false },
      chain: { type: "string" },
      plan: { type: "string" },
      run: { type: "string" },
      shrink: { type: "boolean", default: false },
      out: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const seed = integerOf("seed", values.seed ?? String(Date.now() % 100_000));
  const attacker = attackerOf(values.attacker);
  if (values.run !== undefined) return replay(drawPlan(seed, integerOf("run", values.run), attacker), values.shrink, values.out ?? null);
  if (values.chain !== undefined || values.plan !== undefined) {
    const plan = values.plan === undefined ? drawChain(seed, integerOf("chain", values.chain ?? "")) : (JSON.parse(readFileSync(values.plan, "utf8")) as ChainPlan);
    return replayChain(plan, values.shrink, values.out ?? null) ? 0 : 1;
  }
  const interruption = new Interruption();
  // Who names one of the two wants that one.
  const onlyAttacks = values.packets !== undefined || values.attacker !== undefined;
  const chains = integerOf("chains", values.chains ?? (onlyAttacks ? "0" : "5000"));
  const packets = integerOf("packets", values.packets ?? (values.chains === undefined || onlyAttacks ? "5000000" : "0"));
  const first = integerOf("first", values.first);
  const areWell = chains === 0 || (await runChains(seed, first, chains, values["keep-going"], () => interruption.look()));
  if (packets === 0 || interruption.came || !(areWell || values["keep-going"])) return areWell ? 0 : 1;
  const campaign = new Campaign({ seed, first, packets, attacker, keepGoing: values["keep-going"] });
  await runAll(campaign, packets, seed, values.attacker === undefined ? "" : ` --attacker ${values.attacker}`, interruption);
  for (const line of campaign.summary()) console.log(line);
  return areWell && campaign.failures.length === 0 ? 0 : 1;
}

/** Ctrl-C, which is heard between two turns of the event loop. */
class Interruption {
  came = false;

  constructor() {
    process.once("SIGINT", () => void (this.came = true));
  }

  /** @returns whether it came */
  async look(): Promise<boolean> {
    await setImmediate();
    return this.came;
  }
}

async function runAll(campaign: Campaign, packets: number, seed: number, rest: string, interruption: Interruption): Promise<void> {
  console.log(`${packets} packets, seed ${seed}`);
  const began = performance.now();
  let shown = began;
  let told = 0;
  while (campaign.goesOn && !interruption.came) {
    campaign.step();
    for (; told < campaign.failures.length; told++) {
      const { attacker, cause, index, text } = campaign.failures[told] as (typeof campaign.failures)[number];
      console.error(`run ${index} (${attacker}) failed: ${text}`);
      if (cause instanceof Error && cause.name !== "Violation") console.error(cause.stack);
      console.error(`again: npm run fuzz:connections -- --seed ${seed} --run ${index}${rest} --shrink --out out/fuzz-${seed}-${index}`);
    }
    if (performance.now() - shown > 5000) {
      shown = performance.now();
      const share = ((100 * campaign.injected) / packets).toFixed(0);
      console.log(`  ${campaign.injected} packets (${share} %) in ${campaign.runs} runs, ${Math.round((1000 * campaign.injected) / (shown - began))} packets/s, ${campaign.failures.length} failures`);
    }
    if ((campaign.runs & 15) === 0) await interruption.look();
  }
}

/** Does one run, as it was or with as few packets as it takes to fail, and writes what happened. */
function replay(plan: RunPlan, shrinks: boolean, folder: string | null): number {
  console.log(JSON.stringify(plan, null, 1));
  let result = run(plan);
  let omitted: ReadonlySet<number> = new Set();
  if (shrinks && result.failure !== null) {
    omitted = shrink(plan, result, (text) => console.log(text));
    result = run(plan, { omitted });
  }
  if (folder !== null) {
    // What the attack sent has a comment.
    record(folder, (observer, watch) => {
      const prepare = (world: World): void => {
        world.onPacket = (packet, side, direction, injected, now): void => watch(packet, side, direction, now, injected ? "injected" : undefined);
      };
      run(plan, { omitted, observers: [observer], prepare });
    });
  }
  console.log(`${result.injected} packets injected: ${result.failure ?? "no failure"}`);
  if (result.cause instanceof Error) console.log(result.cause.stack);
  return result.failure === null ? 0 : 1;
}

function attackerOf(name: string | undefined): Attacker | null {
  if (name === undefined) return null;
  const found = ATTACKERS.find((one) => one === name);
  if (found === undefined) throw new RangeError(`no attacker ${name}`);
  return found;
}

function integerOf(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`--${name} wants a whole number, not ${text}`);
  return value;
}

process.exitCode = await main();
