import { realpathSync } from "node:fs";
import { relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { problemAt, ScenarioError } from "../problems.ts";

/** What is wrong with a scenario's module as a whole, or at a line and column of it (from 1; 0: nobody knows where). */
export function moduleProblem(source: string, message: string, line = 0, column = 0): ScenarioError {
  return new ScenarioError([{ ...problemAt([], message.replaceAll(/\s*\n\s*/g, " ")), source, line, column, field: "" }]);
}

/**
 * An error that was thrown by a scenario's module, or by what the module called, as one line with the module's place.
 * @param path of the module
 * @param source name of the module, for the message
 * @returns null when the module has no part in it
 */
export function moduleFault(error: unknown, path: string, source: string): ScenarioError | null {
  if (!(error instanceof Error)) return null;
  const loaded = realpathSync(path);
  const place = placeIn(error, pathToFileURL(loaded).href) ?? placeIn(error, loaded);
  return place === null ? null : moduleProblem(source, messageOf(error), place.line, place.column);
}

/** An error that came while a scenario's module was imported: of the module, or of another one that it imports. */
export function importFault(error: unknown, path: string, source: string): ScenarioError {
  const fault = moduleFault(error, path, source);
  if (fault !== null) return fault;
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  // Below the loader's own lines are those who imported the scenario.
  const loader = stack.indexOf("node:internal/modules");
  const other = /(file:\/\/\/[^\s?]+|\/[^\n]+?)(?:\?[^:\s]*)?:(\d+):(\d+)\)?$/m.exec(stack.slice(stack.indexOf("\n    at "), loader < 0 ? 0 : loader));
  if (other === null) return moduleProblem(source, messageOf(error));
  const [, file = "", line, column] = other;
  return moduleProblem(shownPath(file.startsWith("file:") ? fileURLToPath(file) : file), messageOf(error), Number(line), Number(column));
}

/** A path as messages show it: relative where that is shorter. */
export function shownPath(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith("..") || short === "" ? path : short;
}

/** The error as a sentence, with its kind where that says something. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.name === "Error" || error.message === "" ? error.message || error.name : `${error.name}: ${error.message}`;
}

/** The innermost place of a module on the stack: by its URL, or where a source map was at work by its path. */
function placeIn(error: Error, module: string): { line: number; column: number } | null {
  for (const line of (error.stack ?? "").split("\n")) {
    const at = line.indexOf(module);
    // The line of an import that fails stands in front of the stack, without a column. A test runner may add a query to the URL.
    const place = at < 0 ? null : /^(?:\?[^:]*)?:(\d+)(?::(\d+))?\)?$/.exec(line.slice(at + module.length));
    if (place !== null) return { line: Number(place[1]), column: Number(place[2] ?? 1) };
  }
  return null;
}
