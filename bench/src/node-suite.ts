import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { EXCLUSIONS } from "./node-suite/exclusions.ts";
import type { Via } from "./node-suite/exclusions.ts";
import { runTest } from "./node-suite/run-test.ts";

const USAGE = `usage: npm run node-suite -- FOLDER [--suite net,http] [--via userspace,kernel,net] [--only TEXT] [--jobs n] [--verbose]

Runs Node's own tests (test/parallel/test-net-*.js, ...) over the sockets of this library, by mptcp/register. FOLDER is the folder "test" of Node's sources, of the version that runs:
the source package of a Debian release has it. Its files are read and not changed. The exit code is 1 when a test fails that is not in bench/src/node-suite/exclusions.ts.`;

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
  const missing = new Map(EXCLUSIONS.filter((exclusion) => exclusion.via?.includes(via) ?? via !== "net").map((exclusion) => [`test-${exclusion.test}.js`, exclusion.missing]));
  const failures: string[] = [];
  const lines: string[] = [];
  let next = 0;
  const work = async (slot: number): Promise<void> => {
    for (let file = files[next++]; file !== undefined; file = files[next++]) {
      const { passed, output } = await runTest(folder, file, via, slot);
      if (passed) continue;
      const excluded = missing.get(file);
      if (excluded === undefined) failures.push(file);
      lines.push(excluded === undefined ? `  failed    ${file}: ${verbose ? `\n${output}` : summaryOf(output)}` : `  excluded  ${file}: ${excluded}`);
    }
  };
  await Promise.all(Array.from({ length: jobs }, (_, i) => work(i + 1)));
  console.log(`test-${suite}-* over ${via}: ${files.length - lines.length} of ${files.length} passed`);
  for (const line of lines.toSorted()) console.log(line);
  return failures.length === 0;
}

/** The line that says most. */
function summaryOf(output: string): string {
  return /^.*(?:Error|ended after|Mismatched).*$/m.exec(output)?.[0].slice(0, 160) ?? "(no error was written)";
}

function viaOf(text: string): Via {
  if (text === "net" || text === "userspace" || text === "kernel") return text;
  throw new RangeError(`sockets are userspace, kernel or net, not ${JSON.stringify(text)}`);
}

await main();
