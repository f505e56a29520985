import { createHash } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

// What one process made of a source no other need make again. It is kept by what was read, by the compiler's version and by this file, so it is never stale.
const cache = new URL("../../../node_modules/.cache/mptcp-sources/", import.meta.url);
const { version } = createRequire(import.meta.url)("rolldown/package.json");
const self = await readFile(fileURLToPath(import.meta.url), "utf8");

/** The workspace's packages are their TypeScript sources, as in `vitest.config.ts`. */
export function resolve(specifier, context, nextResolve) {
  return nextResolve(specifier, { ...context, conditions: [...context.conditions, "mptcp-source"] });
}

/** A TypeScript module without its types, and with a map that leads from a stack to its lines. */
export async function load(url, context, nextLoad) {
  if (!url.startsWith("file:") || !/\.m?ts$/.test(url)) return nextLoad(url, context);
  const path = fileURLToPath(url);
  const text = await readFile(path, "utf8");
  const kept = new URL(createHash("sha256").update(`${version}\n${self}\n${path}\n${text}`).digest("hex"), cache);
  const known = await readFile(kept, "utf8").catch(() => null);
  const source = known ?? (await compile(path, text));
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

async function compile(path, text) {
  const { transform } = await import("rolldown/utils");
  const { code, map, errors } = await transform(path, text, { lang: "ts", sourcemap: true, typescript: { onlyRemoveTypeImports: true }, tsconfig: false });
  if (errors.length > 0) throw new Error(`${path}: ${errors[0].message}`);
  return `${code}\n//# sourceMappingURL=data:application/json;base64,${Buffer.from(JSON.stringify({ ...map, sources: [path] })).toString("base64")}\n`;
}
