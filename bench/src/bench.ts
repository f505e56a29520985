import { measureKernel } from "./kernel/index.ts";
import { measureSimulation } from "./simulation.ts";
import { measureSmall } from "./small/index.ts";
import { measureUdp } from "./udp/index.ts";

const MEASUREMENTS: Readonly<Record<string, () => Promise<boolean> | boolean>> = {
  simulation() {
    measureSimulation(Number(process.env["BENCH_ROUNDS"] ?? 3));
    return true;
  },
  kernel: () => measureKernel(Number(process.env["BENCH_ROUNDS"] ?? 5)),
  udp: () => measureUdp(Number(process.env["BENCH_ROUNDS"] ?? 5)),
  small: () => measureSmall(Number(process.env["BENCH_ROUNDS"] ?? 20)),
};

/** `npm run bench [-- NAME...]`: all measurements, or some. Ends with 1 when a ratio is not what it should be, 2 for an unknown name. */
async function main(): Promise<number> {
  const names = process.argv.slice(2);
  const unknown = names.filter((name) => MEASUREMENTS[name] === undefined);
  if (unknown.length > 0) {
    console.error(`there is no ${unknown.join(", ")}; there are ${Object.keys(MEASUREMENTS).join(", ")}`);
    return 2;
  }
  let isMet = true;
  for (const [name, measure] of Object.entries(MEASUREMENTS)) {
    if (names.length > 0 && !names.includes(name)) continue;
    console.log(`-- ${name}`);
    isMet = (await measure()) && isMet;
  }
  return isMet ? 0 : 1;
}

process.exitCode = await main();
