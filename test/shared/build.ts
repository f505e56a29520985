import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Compiles what was changed since the last time, so that what is run is what is there. */
export function build(): void {
  const packages = ["mptcp", "scenario", "testbed", "cli"].map((name) => join(ROOT, "packages", name));
  // The command has parts of all packages in it, and is what a build writes last.
  const stale = Math.max(...packages.map((folder) => newest(join(folder, "src"), ".ts"))) > newest(join(ROOT, "packages/cli/dist"), ".js");
  if (!stale) return;
  const compiled = run("node_modules/typescript/bin/tsc", "-b");
  const bundled = run("tools/dist/build/main.js");
  if (bundled.status !== 0) throw new Error(`the command cannot be built: ${compiled.stdout}${bundled.stderr}`);
}

const run = (...words: readonly string[]) => spawnSync(process.execPath, words, { cwd: ROOT, encoding: "utf8" });

function newest(folder: string, ending: string): number {
  if (!existsSync(folder)) return 0;
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(ending));
  return Math.max(0, ...files.map((name) => statSync(join(folder, name)).mtimeMs));
}
