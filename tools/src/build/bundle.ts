import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import type { InputOptions, OutputChunk, Plugin } from "rolldown";
import { exchange, removeForsaken } from "./files.ts";

/**
 * Writes the modules of the command to `packages/cli/dist` as a few files, since it is Node's work on each module of some three hundred that the command's start
 * would consist of. What only some commands need is in files of its own. Parts of the library and of the testbed are in there with it; they are the same sources.
 * @param packages the folder of all packages
 * @returns how many files that were; 0 when nothing has changed
 */
export async function bundleCommand(packages: string): Promise<number> {
  const cli = join(packages, "cli");
  const dist = join(cli, "dist");
  if (isFresh(packages, join(dist, "main.js"))) return 0;
  const chunks = [...(await bundled(cli, commandOf(packages))), ...(await bundled(cli, scenariosOf(packages)))];
  // What is entered comes last: whoever starts the command meanwhile has the old files or the new ones.
  for (const { fileName, code, map } of chunks.toSorted((one, other) => rank(one) - rank(other))) {
    if (map !== null) exchange(join(dist, `${fileName}.map`), mapIn(cli, dist, map));
    exchange(join(dist, fileName), code);
  }
  removeForsaken(cli, new Set(chunks.map(({ fileName }) => fileName)));
  return chunks.length;
}

const rank = ({ name, isEntry }: OutputChunk): number => (name === "main" ? 2 : Number(isEntry));

async function bundled(cli: string, options: InputOptions): Promise<readonly OutputChunk[]> {
  // It takes a third of a second to load, and mostly nothing has changed.
  const { rolldown } = await import("rolldown");
  const bundle = await rolldown({ ...options, platform: "node", resolve: { conditionNames: ["mptcp-source"] }, tsconfig: join(cli, "tsconfig.json"), experimental: { attachDebugInfo: "none", nativeMagicString: true } });
  // Names of functions and classes stay what they are, for stack traces.
  const { output } = await bundle.generate({ dir: join(cli, "dist"), format: "esm", sourcemap: true, keepNames: true, comments: { legal: true, annotation: false, jsdoc: false } });
  await bundle.close();
  return output.filter((one) => one.type === "chunk");
}

/** The command, and the threads that it starts. */
function commandOf(packages: string): InputOptions {
  const src = join(packages, "cli/src");
  return {
    input: { main: join(src, "main.ts"), worker: join(src, "drill/worker.ts"), thread: join(src, "emulate/thread.ts"), "matrix-worker": join(src, "matrix/matrix-worker.ts") },
    // What others wrote stays what the manifest says it needs: of another version when there is one, and with its licence.
    external: /^(?!@?mptcp\b)[^./]/,
    plugins: [apart(SCENARIOS), placesOf(packages)],
  };
}

/** The commands that load modules of their users, which import the library: both have to have the same one, so that it is not part of these. */
function scenariosOf(packages: string): InputOptions {
  const src = join(packages, "cli/src");
  return { input: Object.fromEntries(SCENARIOS.map((name) => [name, join(src, `${name}.ts`)])), external: /^[^./]/ };
}

const SCENARIOS = ["run-command", "list-command"];

/** Leaves modules of the command out, which are files beside it. */
function apart(names: readonly string[]): Plugin {
  return {
    name: "apart",
    resolveId: (id, from) => (from !== undefined && names.some((name) => id === `./${name}.ts`) ? { id: id.replace(/\.ts$/, ".js"), external: "relative" } : null),
  };
}

/** What a module of another package looks for from where it is (its manifest, koffi) is looked for from there, wherever that package is installed. */
function placesOf(packages: string): Plugin {
  return {
    name: "places",
    transform(code, id, { magicString }) {
      const [folder = "", src, ...path] = relative(packages, id).split(sep);
      if (folder === "cli" || folder === ".." || src !== "src" || magicString === undefined || !code.includes("import.meta.url")) return null;
      const { name } = JSON.parse(readFileSync(join(packages, folder, "package.json"), "utf8")) as { readonly name: string };
      const place = `new URL(${JSON.stringify(path.join("/").replace(/\.ts$/, ".js"))}, import.meta.resolve(${JSON.stringify(name)})).href`;
      return { code: magicString.replaceAll("import.meta.url", place) };
    },
  };
}

/** A source map leads to the sources of its package. Those of others it brings with it, since where they are installed is not known here. */
function mapIn(cli: string, dist: string, map: NonNullable<OutputChunk["map"]>): string {
  const isOwn = map.sources.map((source) => resolve(dist, source).startsWith(join(cli, "src") + sep));
  // A file that only passes on what others have has none.
  return JSON.stringify({ ...map, sourcesContent: map.sourcesContent?.map((text, i) => (isOwn[i] === true ? null : text)) });
}

/** Whether it was written after the sources that it is made from, and after what makes it. */
function isFresh(packages: string, target: string): boolean {
  const written = statSync(target, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const sources = readdirSync(packages).map((name) => join(packages, name, "src"));
  const made = [...sources, dirname(fileURLToPath(import.meta.url))].flatMap((folder) => readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => join(folder, name)));
  return made.every((path) => statSync(path).mtimeMs < written);
}
