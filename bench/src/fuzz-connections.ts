import { mkdirSync, openSync, writeSync, closeSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { parseArgs } from "node:util";
import { formatEvent, PcapngWriter } from "mptcp/capture";
import { Campaign } from "./fuzz/connections/campaign.ts";
import { ATTACKERS, drawPlan } from "./fuzz/connections/plan.ts";
import type { Attacker, RunPlan } from "./fuzz/connections/plan.ts";
import { run } from "./fuzz/connections/run.ts";
import { shrink } from "./fuzz/connections/shrink.ts";

const HELP = `usage: npm run fuzz:connections -- [--packets n] [--seed n] [--first n] [--attacker ${ATTACKERS.join("|")}] [--keep-going]
       npm run fuzz:connections -- --seed n --run n [--attacker name] [--shrink] [--out folder]

Connections in virtual time under attack: five million packets from off the path, from the path of one subflow and from the peer itself.
A failure prints the command that does its run again; with --out that writes the decision log and a capture, with --shrink it
leaves out what is not needed. Ctrl-C ends with the summary so far.`;

/** @returns the exit code */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      packets: { type: "string", default: "5000000" },
      seed: { type: "string" },
      first: { type: "string", default: "0" },
      attacker: { type: "string" },
      "keep-going": { type: "boolean", default: false },
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
  const campaign = new Campaign({ seed, first: integerOf("first", values.first), packets: integerOf("packets", values.packets), attacker, keepGoing: values["keep-going"] });
  await runAll(campaign, integerOf("packets", values.packets), seed, values.attacker === undefined ? "" : ` --attacker ${values.attacker}`);
  for (const line of campaign.summary()) console.log(line);
  return campaign.failures.length === 0 ? 0 : 1;
}

async function runAll(campaign: Campaign, packets: number, seed: number, rest: string): Promise<void> {
  const interruption = new AbortController();
  const interrupt = (): void => interruption.abort();
  process.once("SIGINT", interrupt);
  console.log(`${packets} packets, seed ${seed}`);
  const began = performance.now();
  let shown = began;
  let told = 0;
  while (campaign.goesOn && !interruption.signal.aborted) {
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
    // A signal is heard between two turns of the event loop.
    if ((campaign.runs & 15) === 0) await setImmediate();
  }
  process.off("SIGINT", interrupt);
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
  if (folder !== null) record(plan, omitted, folder);
  console.log(`${result.injected} packets injected: ${result.failure ?? "no failure"}`);
  if (result.cause instanceof Error) console.log(result.cause.stack);
  return result.failure === null ? 0 : 1;
}

/** Writes the decision log and a capture at both hosts; the attack's packets have a comment. */
function record(plan: RunPlan, omitted: ReadonlySet<number>, folder: string): void {
  mkdirSync(folder, { recursive: true });
  // Both hold keys and payload.
  const log = openSync(join(folder, "events.jsonl"), "w", 0o600);
  const capture = openSync(join(folder, "capture.pcapng"), "w", 0o600);
  const writer = new PcapngWriter((chunk) => writeSync(capture, chunk));
  const interfaces = { client: writer.addInterface({ name: "client" }), server: writer.addInterface({ name: "server" }) };
  let last = 0;
  run(plan, {
    omitted,
    observers: [{ event: (event) => void writeSync(log, `${formatEvent(event)}\n`) }],
    prepare: (world) => {
      world.onPacket = (packet, side, direction, injected, now): void => {
        last = now;
        writer.packet(interfaces[side], packet, now, { direction, ...(injected ? { comments: ["injected"] } : {}) });
      };
    },
  });
  writer.close(last);
  closeSync(capture);
  closeSync(log);
  console.log(`wrote ${folder}/events.jsonl and ${folder}/capture.pcapng`);
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
