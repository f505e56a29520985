import { readFile } from "node:fs/promises";
import { register } from "node:module";
import { extname } from "node:path";
import { pathToFileURL } from "node:url";
import type { ScenarioModule } from "../live-run.ts";
import type { Override } from "../overrides.ts";
import { callScenario, checkScenario, parseScenario } from "../parse.ts";
import type { LoadedScenario } from "../parse.ts";
import { ScenarioError } from "../problems.ts";
import { allowOwnPackages } from "./package-hooks.ts";
import { importFault, messageOf, moduleFault, moduleProblem, shownPath } from "./module-fault.ts";

/**
 * Loads and checks a scenario from a .yaml, .ts or .js file.
 * @throws ScenarioError naming file, line, column and field of everything that is wrong
 */
export async function loadScenario(path: string, overrides: readonly Override[] = []): Promise<LoadedScenario> {
  const shown = shownPath(path);
  const text = await readText(path, shown);
  if ([".yaml", ".yml"].includes(extname(path))) return parseScenario(text, shown, overrides);
  const scenario = await importScenario(path, shown);
  if (typeof scenario !== "function") return checkScenario(scenario, shown, overrides, text);
  try {
    return callScenario(scenario, shown, overrides, text);
  } catch (error) {
    if (error instanceof ScenarioError) throw error;
    throw moduleFault(error, path, shown) ?? moduleProblem(shown, messageOf(error));
  }
}

async function readText(path: string, shown: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw moduleProblem(shown, `cannot be read: ${messageOf(error)}`);
  }
}

async function importScenario(path: string, shown: string): Promise<ScenarioModule> {
  allowOwnPackages();
  if ([".ts", ".mts"].includes(extname(path))) allowTypeScript();
  try {
    const module = (await import(/* @vite-ignore */ pathToFileURL(path).href)) as { default?: ScenarioModule };
    if (module.default !== undefined) return module.default;
  } catch (error) {
    throw importFault(error, path, shown);
  }
  throw moduleProblem(shown, "the module has no default export");
}

/** Older versions of Node need a hook to read TypeScript; see typescript-hooks.ts. */
function allowTypeScript(): void {
  const features = process.features as { readonly typescript?: string | false };
  if (hooked || (features.typescript !== undefined && features.typescript !== false) || import.meta.url.endsWith(".ts")) return;
  hooked = true;
  // The places of errors are those of the TypeScript.
  process.setSourceMapsEnabled(true);
  register("./typescript-hooks.js", import.meta.url);
}

let hooked = false;
