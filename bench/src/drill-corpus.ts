import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { describeProblem, parseScript, printScript } from "mptcp/drill";

/**
 * `npm run drill:corpus -- FOLDER...`: reads every packet script (`*.pkt`) below the folders, and says what of them cannot be read. A script that can is printed and
 * read once more, which must give the same text. The exit code is 1 if one failed.
 */
function main(): void {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { help: { type: "boolean" } } });
  if (values.help === true || positionals.length === 0) {
    console.log("usage: npm run drill:corpus -- FOLDER...");
    process.exitCode = values.help === true ? 0 : 2;
    return;
  }
  const files = positionals.flatMap(scriptsBelow);
  const began = performance.now();
  const failed = files.filter((file) => !reads(file));
  console.log(`${files.length - failed.length} of ${files.length} scripts can be read (${(performance.now() - began).toFixed(0)} ms)`);
  for (const file of failed) console.log(`  ${file}`);
  if (failed.length > 0 || files.length === 0) process.exitCode = 1;
}

function scriptsBelow(folder: string): string[] {
  if (!statSync(folder).isDirectory()) return [folder];
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".pkt"))
    .toSorted()
    .map((name) => join(folder, name));
}

function reads(file: string): boolean {
  const text = readFileSync(file, "utf8");
  const { script, problems } = parseScript(text);
  for (const problem of problems) console.log(describeProblem(file, text, problem));
  if (problems.length > 0) return false;
  const printed = printScript(script);
  const again = parseScript(printed);
  if (again.problems.length === 0 && printScript(again.script) === printed) return true;
  console.log(`${file}: what is printed of the script is another one`);
  for (const problem of again.problems) console.log(describeProblem(`${file}, printed`, printed, problem));
  return false;
}

main();
