import { createHash } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

// What one process made of a source no other need make again. It is kept by what was read and by the compiler's version, so it is never stale.
const cache = new URL("../../../../../node_modules/.cache/mptcp-peers/", import.meta.url);
const { version } = createRequire(import.meta.url)("typescript/package.json");

export async function load(url, context, nextLoad) {
  if (!url.endsWith(".ts")) return nextLoad(url, context);
  const text = await readFile(fileURLToPath(url), "utf8");
  const kept = new URL(createHash("sha256").update(`${version}\n${text}`).digest("hex"), cache);
  const known = await readFile(kept, "utf8").catch(() => null);
  const source = known ?? (await transpile(text));
  // Who may not write there makes it again.
  if (known === null) await keep(kept, source).catch(() => {});
  return { format: "module", shortCircuit: true, source };
}

async function keep(file, source) {
  await mkdir(cache, { recursive: true });
  const unfinished = `${fileURLToPath(file)}.${process.pid}`;
  await writeFile(unfinished, source);
  await rename(unfinished, file);
}

async function transpile(source) {
  const { default: typescript } = await import("typescript");
  const compilerOptions = { target: typescript.ScriptTarget.ES2023, module: typescript.ModuleKind.ESNext, verbatimModuleSyntax: true };
  return typescript.transpileModule(source, { compilerOptions }).outputText;
}
