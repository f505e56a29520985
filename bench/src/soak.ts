import { parseArgs } from "node:util";
import { soakRound } from "./soak/simulated.ts";
import type { SoakTotals } from "./soak/simulated.ts";
import { soakUdp } from "./soak/udp.ts";

/**
 * `npm run soak -- [--minutes n] [--udp] [--seed n]`: connections are opened, moved and closed, and paths are cut, for that long; nothing may be lost, and
 * in the end nothing left. In virtual time, or with `--udp` over the loopback interface. The exit code of a failure is 1.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { minutes: { type: "string", default: "1" }, seed: { type: "string", default: "1" }, udp: { type: "boolean", default: false } } });
  const milliseconds = Number(values.minutes) * 60_000;
  const seed = Number(values.seed);
  if (!(milliseconds > 0) || !Number.isSafeInteger(seed)) throw new RangeError("usage: npm run soak -- [--minutes n] [--udp] [--seed n]");
  const began = performance.now();
  let shown = began;
  const tell = (totals: SoakTotals): void => {
    if (performance.now() - shown < 5000) return;
    shown = performance.now();
    console.log(line(totals, shown - began));
  };
  const totals = values.udp ? await soakUdp(seed, milliseconds, tell) : simulated(seed, milliseconds, tell);
  console.log(`${line(totals, performance.now() - began)}; nothing lost, nothing left`);
}

function simulated(seed: number, milliseconds: number, tell: (totals: SoakTotals) => void): SoakTotals {
  const until = performance.now() + milliseconds;
  const totals: SoakTotals = { connections: 0, bytes: 0, cuts: 0, moves: 0 };
  for (let round = 0; performance.now() < until; round++) {
    try {
      const one = soakRound(seed, round, CONNECTIONS);
      for (const name of Object.keys(totals) as (keyof SoakTotals)[]) totals[name] += one[name];
    } catch (error) {
      console.error(`seed ${seed}, round ${round}`);
      throw error;
    }
    tell(totals);
  }
  return totals;
}

function line(totals: SoakTotals, milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(0)} s: ${totals.connections} connections, ${(totals.bytes / 1e6).toFixed(1)} MB, ${totals.cuts} cuts, ${totals.moves} moves`;
}

/** Connections of one round in virtual time. */
const CONNECTIONS = 300;

await main();
