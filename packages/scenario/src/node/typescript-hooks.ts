import { readFile } from "node:fs/promises";
import type { LoadHook } from "node:module";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

/** Lets versions of Node that cannot read TypeScript import it, with the compiler that is installed beside the file or beside us. */
export const load: LoadHook = async (url, context, nextLoad) => {
  if (!url.startsWith("file:") || !/\.m?ts$/.test(url)) return nextLoad(url, context);
  const path = fileURLToPath(url);
  const compiler = compilerFor(path);
  const { outputText, diagnostics = [] } = compiler.transpileModule(await readFile(path, "utf8"), {
    fileName: path,
    reportDiagnostics: true,
    compilerOptions: { target: LATEST_TARGET, module: LATEST_MODULE, inlineSourceMap: true },
  });
  const wrong = diagnostics[0];
  if (wrong !== undefined) throw syntaxError(compiler.flattenDiagnosticMessageText(wrong.messageText, " "), url, wrong);
  return { format: "module", source: outputText, shortCircuit: true };
};

/** An error whose stack names the place, as that of an error that was thrown there would. */
function syntaxError(message: string, url: string, { file, start = 0 }: Diagnostic): SyntaxError {
  const error = new SyntaxError(message);
  const at = file?.getLineAndCharacterOfPosition(start);
  if (at !== undefined) error.stack = `SyntaxError: ${message}\n    at ${url}:${at.line + 1}:${at.character + 1}`;
  return error;
}

/** What is used of the compiler. */
interface Compiler {
  transpileModule(
    text: string,
    options: { fileName: string; reportDiagnostics: boolean; compilerOptions: Record<string, unknown> },
  ): { readonly outputText: string; readonly diagnostics?: readonly Diagnostic[] };
  flattenDiagnosticMessageText(text: unknown, newLine: string): string;
}

interface Diagnostic {
  readonly messageText: unknown;
  readonly start?: number | undefined;
  readonly file?: { getLineAndCharacterOfPosition(position: number): { readonly line: number; readonly character: number } } | undefined;
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
