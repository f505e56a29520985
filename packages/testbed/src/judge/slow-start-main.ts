import { parseArgs } from "node:util";
import { kernelObstacle } from "../kernel/index.ts";
import { measureSlowStart, MOST_RATIO, ROUND_TRIPS } from "./slow-start.ts";

const USAGE = `usage: npm run slow-start -- [--tries 3]
The beginning of a transfer from the engine to this machine's kernel over TUN devices of 50 Mb/s each: whether super-segments, of which the kernel acknowledges each once, slow it down. It needs root, and takes a minute or two.
Exit codes: 0 it takes no more than ${MOST_RATIO} of the time without them; 1 it does somewhere; 2 it cannot be run.`;

/** @returns the exit code */
function main(): number {
  const { values } = parseArgs({ options: { tries: { type: "string", default: "3" }, help: { type: "boolean", default: false } } });
  const tries = Number(values.tries);
  if (values.help || !Number.isSafeInteger(tries) || tries < 1) {
    console.log(USAGE);
    return values.help ? 0 : 2;
  }
  const obstacle = kernelObstacle();
  if (obstacle !== null) {
    console.error(`the kernel is not to be had here: ${obstacle}`);
    return 2;
  }
  const results = [1, 2].flatMap((paths) => ROUND_TRIPS.map((rtt) => ({ paths: paths as 1 | 2, rtt }))).map(({ paths, rtt }) => {
    const result = measureSlowStart(rtt, paths, tries);
    const { whole, cut, ratio, given } = result;
    console.log(`${paths === 1 ? "one path" : "two paths"}, RTT ${rtt} ms: ${(whole / 1e6).toFixed(0)} ms in ${given.whole.join(" + ")} packets, without super-segments ${(cut / 1e6).toFixed(0)} ms in ${given.cut.join(" + ")}: ${ratio.toFixed(3)}`);
    return result;
  });
  const worst = Math.max(...results.map(({ ratio }) => ratio));
  console.log(`at most ${worst.toFixed(3)} of the time without (${MOST_RATIO}: ${worst <= MOST_RATIO ? "yes" : "NO"})`);
  return worst <= MOST_RATIO ? 0 : 1;
}

process.exitCode = main();
