import type { Colors } from "../io.ts";
import { countsOf, timeOf, type ScriptReport } from "./report.ts";

/** A script for people: a line, and below it what is wrong. */
export function scriptText(report: ScriptReport, colors: Colors, shown: { readonly target: boolean; readonly explain: boolean }): string {
  const { verdict, file, target, text, warnings, printed, explanation } = report;
  const mark = { passed: colors.green("✓"), failed: colors.red("✗"), faulty: colors.yellow("!") }[verdict];
  const on = shown.target && target !== null ? ` on the ${target}` : "";
  const lines = [`${mark} ${file}${on}${verdict === "faulty" ? colors.yellow(": not run") : ""} ${colors.dim(durationText(timeOf(report)))}`];
  const add = (texts: readonly string[], paint: (text: string) => string = String): void => void lines.push(...texts.flatMap((one) => one.split("\n")).map((line) => paint(`    ${line}`)));
  add(printed);
  add(warnings, colors.yellow);
  if (text !== "") add([text]);
  if (shown.explain && explanation.length > 0) add(["what the stack decided:", ...explanation.map((line) => `  ${line}`)], colors.dim);
  return `${lines.join("\n")}\n`;
}

/** The last line: how many scripts came to what, and how long all took. */
export function summaryText(reports: readonly ScriptReport[], seconds: number, interrupted: boolean, colors: Colors): string {
  const { passed, failed, faulty } = countsOf(reports);
  const parts = [failed > 0 ? colors.red(`${failed} failed`) : "", faulty > 0 ? colors.yellow(`${faulty} not run`) : "", passed > 0 ? colors.green(`${passed} passed`) : ""].filter((part) => part !== "");
  return `${parts.length === 0 ? "no script was run" : parts.join(", ")} ${colors.dim(`(${durationText(seconds * 1e6)})`)}${interrupted ? ", interrupted" : ""}\n`;
}

/** Scripts that took longest, by what they took it for. */
export function profileText(reports: readonly ScriptReport[], colors: Colors): string {
  const slowest = reports.toSorted((a, b) => timeOf(b) - timeOf(a)).slice(0, 10);
  const head = colors.bold(["all", "read", "set up", "run", "script"].map((name) => name.padStart(9)).join(" "));
  const lines = slowest.map((report) => `${[timeOf(report), report.profile.read, report.profile.setUp, report.profile.run, report.scriptMicroseconds].map((time) => durationText(time).padStart(9)).join(" ")}  ${report.file}`);
  return `${head}\n${lines.join("\n")}\n`;
}

/** `12 ms`, `1.5 s`. */
export function durationText(microseconds: number): string {
  if (microseconds >= 1e6) return `${(microseconds / 1e6).toFixed(microseconds >= 1e7 ? 0 : 1)} s`;
  return microseconds >= 1e4 ? `${Math.round(microseconds / 1e3)} ms` : `${(microseconds / 1e3).toFixed(1)} ms`;
}
