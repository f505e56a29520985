import { countsOf, timeOf, type ScriptReport, type TargetName } from "./report.ts";

/**
 * Reports as JUnit's XML, which continuous integration reads: a suite for each stack, a case for each script. A script that was not run is an error, one that failed is a
 * failure, with everything that is known as its text.
 */
export function junit(reports: readonly ScriptReport[], interrupted = false): string {
  const targets = [...new Set(reports.map(({ target }) => target))];
  const suites = targets.map((target) => suite(target, reports.filter((report) => report.target === target)));
  const { failed, faulty } = countsOf(reports);
  const stopped = interrupted ? '  <!-- interrupted: not all scripts were run -->\n' : "";
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="mptcp drill" tests="${reports.length}" failures="${failed}" errors="${faulty}" time="${seconds(reports)}">\n${stopped}${suites.join("")}</testsuites>\n`;
}

function suite(target: TargetName | null, reports: readonly ScriptReport[]): string {
  const { failed, faulty } = countsOf(reports);
  const head = `  <testsuite name="${target ?? "scripts"}" tests="${reports.length}" failures="${failed}" errors="${faulty}" skipped="0" time="${seconds(reports)}">\n`;
  return `${head}${reports.map(testcase).join("")}  </testsuite>\n`;
}

function testcase(report: ScriptReport): string {
  const { file, verdict, kind, message, text, line, target } = report;
  const at = line === null ? "" : ` line="${line}"`;
  const head = `    <testcase classname="${escape([target ?? "scripts", ...foldersOf(file)].join("."))}" name="${escape(file)}" file="${escape(file)}"${at} time="${seconds([report])}"`;
  const said = [...report.printed, ...report.warnings, ...report.explanation];
  const output = said.length === 0 ? "" : `      <system-out>${escape(said.join("\n"))}</system-out>\n`;
  if (verdict === "passed") return output === "" ? `${head}/>\n` : `${head}>\n${output}    </testcase>\n`;
  const element = verdict === "failed" ? "failure" : "error";
  return `${head}>\n      <${element} type="${escape(kind ?? element)}" message="${escape(message ?? "")}">${escape(text)}</${element}>\n${output}    </testcase>\n`;
}

function foldersOf(file: string): string[] {
  return file.split("/").slice(0, -1).filter((part) => part !== "" && part !== "." && part !== "..");
}

function seconds(reports: readonly ScriptReport[]): string {
  return (reports.reduce((total, report) => total + timeOf(report), 0) / 1e6).toFixed(6);
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;" };

/** Text for elements and attributes. What XML 1.0 has no way to say (§2.2: most control characters, halves of surrogate pairs) becomes U+FFFD. */
export function escape(text: string): string {
  // oxlint-disable-next-line no-control-regex -- they are what XML does not have
  const sayable = text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ud800-\udfff\ufffe\uffff]/gu, "\ufffd");
  return sayable.replace(/[&<>"'\t\r\n]/g, (character) => ENTITIES[character]!);
}
