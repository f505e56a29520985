import type { Exclusion, Via } from "./exclusions.ts";
import type { TestResult } from "./run-test.ts";

/** The result of one of Node's tests, by the name of its file. */
export interface NamedResult extends TestResult {
  readonly file: string;
}

/** What came of a suite over one kind of sockets. */
export interface SuiteReport {
  /** Failures of tests that are not excluded. */
  readonly unexpected: number;
  /** The summary, and a line for each test that is not as most are. */
  readonly lines: readonly string[];
}

/** Holds the results of a suite against what is excluded. A test that is, and passes all the same, is named, and is no failure. */
export function reportSuite(suite: string, via: Via, results: readonly NamedResult[], exclusions: readonly Exclusion[], isVerbose = false): SuiteReport {
  const missing = new Map(exclusions.filter((exclusion) => exclusion.via.includes(via)).map((exclusion) => [`test-${exclusion.test}.js`, exclusion.missing]));
  const failed = results.filter(({ passed }) => !passed);
  const unexpected = failed.filter(({ file }) => !missing.has(file));
  const details = results.flatMap(({ file, passed, output }) => {
    const reason = missing.get(file);
    if (reason !== undefined) return [passed ? `  passed      ${file}, though it is excluded: ${reason}` : `  excluded    ${file}: ${reason}`];
    return passed ? [] : [`  unexpected  ${file}: ${isVerbose ? `\n${output}` : summaryOf(output)}`];
  });
  const counts = `${results.length - failed.length} of ${results.length} passed, ${failed.length} failed: ${failed.length - unexpected.length} excluded, ${unexpected.length} unexpected`;
  return { unexpected: unexpected.length, lines: [`test-${suite}-* over ${via}: ${counts}`, ...details.toSorted()] };
}

/** The line that says most. */
function summaryOf(output: string): string {
  return /^.*(?:Error|ended after|Mismatched).*$/m.exec(output)?.[0].slice(0, 160) ?? "(no error was written)";
}
