import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import type Compiler from "typescript";
import { exchange, removeForsaken } from "./files.ts";

/** A module as it is published. */
export interface Stripped {
  readonly code: string;
  /** The source map, as JSON. */
  readonly map: string;
}

/**
 * Compiles a module without its comments: V8 keeps the text of what it has loaded, of which half would be comments. The declarations keep theirs, which editors show.
 * @param ts the compiler
 * @param text the module in TypeScript
 * @param target where it goes, `dist/a.js`
 * @param source where it is, `src/a.ts`
 */
export function strip(ts: typeof Compiler, text: string, target: string, source: string): Stripped {
  const options: Compiler.CompilerOptions = { ...OPTIONS, target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext };
  const { outputText, sourceMapText = "" } = ts.transpileModule(text, { compilerOptions: options, fileName: basename(source) });
  const map = { ...(JSON.parse(sourceMapText) as object), sources: [relative(dirname(target), source)] };
  return { code: outputText, map: JSON.stringify(map) };
}

/** Those of tsconfig.base.json that say what is written. */
const OPTIONS: Compiler.CompilerOptions = {
  verbatimModuleSyntax: true,
  rewriteRelativeImportExtensions: true,
  sourceMap: true,
  removeComments: true,
};

/** When a package was last stripped. The compiler writes what has changed since anew. */
const STAMP = "stripped.tsbuildinfo";

/** Takes the comments out of what the compiler has written in a package's `dist`. @returns how many modules that were */
export async function stripPackage(folder: string): Promise<number> {
  const stamp = join(folder, STAMP);
  const since = existsSync(stamp) ? statSync(stamp).mtimeMs : 0;
  const written = removeForsaken(folder).filter((name) => name.endsWith(".js"));
  const modules = written
    .map((name) => ({ target: join(folder, "dist", name), source: join(folder, "src", name.replace(/\.js$/, ".ts")) }))
    .filter(({ target }) => statSync(target).mtimeMs >= since);
  if (modules.length === 0) return 0;
  // It takes half a second to load, and mostly nothing has changed.
  const { default: ts } = await import("typescript");
  for (const { target, source } of modules) {
    const { code, map } = strip(ts, readFileSync(source, "utf8"), target, source);
    exchange(`${target}.map`, map);
    exchange(target, code);
  }
  writeFileSync(stamp, "");
  return modules.length;
}
