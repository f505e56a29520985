import { readFile } from "node:fs/promises";
import type { LoadHook } from "node:module";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

/** Lets versions of Node that cannot read TypeScript import it, with the compiler that is installed beside the file or beside us. */
export const load: LoadHook = async (url, context, nextLoad) => {
  if (!url.startsWith("file:") || !/\.m?ts$/.test(url)) return nextLoad(url, context);
  const path = fileURLToPath(url);
  const source = compilerFor(path).transpileModule(await readFile(path, "utf8"), {
    fileName: path,
    compilerOptions: { target: LATEST_TARGET, module: LATEST_MODULE, inlineSourceMap: true },
  }).outputText;
  return { format: "module", source, shortCircuit: true };
};

interface Compiler {
  transpileModule(text: string, options: { fileName: string; compilerOptions: Record<string, unknown> }): { outputText: string };
}

function compilerFor(path: string): Compiler {
  for (const place of [path, fileURLToPath(import.meta.url)]) {
    try {
      return createRequire(place)("typescript") as Compiler;
    } catch {
      // Not installed there.
    }
  }
  throw new Error(`Node ${process.versions.node} cannot read TypeScript by itself: install "typescript", use Node 22.18 or later, or write the scenario in JavaScript`);
}

/** ts.ScriptTarget.ESNext and ts.ModuleKind.ESNext. */
const LATEST_TARGET = 99;
const LATEST_MODULE = 99;
