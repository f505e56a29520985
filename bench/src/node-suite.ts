import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { EXCLUSIONS } from "./node-suite/exclusions.ts";
import type { Via } from "./node-suite/exclusions.ts";
import { reportSuite } from "./node-suite/report.ts";
import type { NamedResult } from "./node-suite/report.ts";
import { runTest } from "./node-suite/run-test.ts";

const USAGE = `usage: npm run node-suite -- FOLDER [--suite net,http] [--via userspace,kernel,net] [--only TEXT] [--jobs n] [--verbose]

Runs Node's own tests (test/parallel/test-net-*.js, ...) over the sockets of this library, by mptcp/register. FOLDER is the folder "test" of Node's sources, of the version that runs:
the source package of a Debian release has it. Its files are read and not changed. A summary for each suite and kind of sockets says how many passed and failed, and how many of the failures are excluded by
bench/src/node-suite/exclusions.ts, with the reason, or unexpected. The exit code is 1 when one is unexpected.`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { suite: { type: "string", default: "net" }, via: { type: "string", default: "userspace" }, only: { type: "string" }, jobs: { type: "string", default: "2" }, verbose: { type: "boolean" }, help: { type: "boolean" } },
  });
  const [given] = positionals;
  if (values.help === true || given === undefined) {
    console.log(USAGE);
    process.exitCode = values.help === true ? 0 : 2;
    return;
  }
  const folder = resolve(given);
  if (!existsSync(join(folder, "parallel")) || !existsSync(join(folder, "common"))) throw new RangeError(`${folder} has no folders "parallel" and "common": it is not that of Node's tests`);
  for (const via of values.via.split(",").map(viaOf)) {
    for (const suite of values.suite.split(",")) {
      const files = readdirSync(join(folder, "parallel")).filter((file) => file.startsWith(`test-${suite}-`) && /\.m?js$/.test(file) && (values.only === undefined || file.includes(values.only)));
      if (!(await runSuite({ folder, suite, via, files, jobs: Number(values.jobs), verbose: values.verbose === true }))) process.exitCode = 1;
    }
  }
}

interface SuiteRun {
  readonly folder: string;
  readonly suite: string;
  readonly via: Via;
  readonly files: readonly string[];
  readonly jobs: number;
  readonly verbose: boolean;
}

/** @returns whether no test failed but for those that are excluded */
async function runSuite({ folder, suite, via, files, jobs, verbose }: SuiteRun): Promise<boolean> {
  const results: NamedResult[] = [];
  let next = 0;
  const work = async (slot: number): Promise<void> => {
    for (let file = files[next++]; file !== undefined; file = files[next++]) results.push({ file, ...(await runTest(folder, file, via, slot)) });
  };
  await Promise.all(Array.from({ length: jobs }, (_, i) => work(i + 1)));
  const { unexpected, lines } = reportSuite(suite, via, results, EXCLUSIONS, verbose);
  console.log(lines.join("\n"));
  return unexpected === 0;
}

function viaOf(text: string): Via {
  if (text === "net" || text === "userspace" || text === "kernel") return text;
  throw new RangeError(`sockets are userspace, kernel or net, not ${JSON.stringify(text)}`);
}

await main();
