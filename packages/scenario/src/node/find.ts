import { existsSync, readdirSync, statSync } from "node:fs";
import { extname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { didYouMean } from "../suggest.ts";

/** A scenario that was asked for does not exist. */
export class ScenarioNotFound extends Error {
  readonly code = "ERR_SCENARIO_NOT_FOUND";
}

/** The folder of the scenarios that come with the project: beside this package's code when installed, at the root of a checkout. */
export function scenariosFolder(): string {
  const places = ["../../scenarios", "../../../../scenarios"].map((place) => fileURLToPath(new URL(place, import.meta.url)));
  const found = places.find((place) => existsSync(place));
  if (found === undefined) throw new ScenarioNotFound(`no folder of scenarios; looked at ${places.join(" and ")}`);
  return found;
}

/** Names of the scenarios in a folder, in alphabetical order. */
export function scenarioNames(folder: string = scenariosFolder()): string[] {
  return readdirSync(folder)
    .filter((file) => EXTENSIONS.includes(extname(file)))
    .map((file) => file.slice(0, -extname(file).length))
    .toSorted();
}

/**
 * The file of a scenario, given its name or a path to it.
 * @throws ScenarioNotFound with the names that come near
 */
export function findScenario(nameOrPath: string, folder: string = scenariosFolder()): string {
  const isPath = nameOrPath.includes("/") || nameOrPath.includes("\\") || EXTENSIONS.includes(extname(nameOrPath));
  if (isPath) {
    const path = resolve(nameOrPath);
    if (existsSync(path) && statSync(path).isDirectory()) throw new ScenarioNotFound(`${nameOrPath}: is a folder; give a file in it`);
    if (!EXTENSIONS.includes(extname(path))) throw new ScenarioNotFound(`${nameOrPath}: a scenario is a file ending in ${EXTENSIONS.join(", ")}`);
    if (!existsSync(path)) throw new ScenarioNotFound(`${nameOrPath}: no such file`);
    return path;
  }
  const found = EXTENSIONS.map((extension) => join(folder, nameOrPath + extension)).find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new ScenarioNotFound(`there is no scenario "${nameOrPath}"; ${didYouMean(nameOrPath, scenarioNames(folder))}`);
}

const EXTENSIONS: readonly string[] = [".yaml", ".yml", ".ts", ".mts", ".js", ".mjs"];
