import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Compiles what was changed since the last time, so that what is run is what is there. */
export function build(): void {
  const stale = ["mptcp", "scenario", "cli"].some((name) => {
    const folder = join(ROOT, "packages", name);
    return newest(join(folder, "src"), ".ts") > newest(join(folder, "dist"), ".js");
  });
  if (!stale) return;
  const { status, stdout } = spawnSync(process.execPath, [join(ROOT, "node_modules/typescript/bin/tsc"), "-b"], { cwd: ROOT, encoding: "utf8" });
  if (status !== 0 && !existsSync(join(ROOT, "packages/cli/dist/main.js"))) throw new Error(`the command cannot be built: ${stdout}`);
}

function newest(folder: string, ending: string): number {
  if (!existsSync(folder)) return 0;
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(ending));
  return Math.max(0, ...files.map((name) => statSync(join(folder, name)).mtimeMs));
}
