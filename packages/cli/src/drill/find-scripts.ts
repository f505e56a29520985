import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { explainFile } from "../remedies.ts";

/** Files that there are, and what is wrong with the others. */
export interface FoundScripts {
  readonly files: readonly string[];
  readonly problems: readonly string[];
}

/** The files that were named, and every `*.pkt` below the folders that were, in the order of their names. */
export function findScripts(paths: readonly string[]): FoundScripts {
  const files: string[] = [];
  const problems: string[] = [];
  for (const path of paths) {
    try {
      const found = statSync(path).isDirectory() ? scriptsBelow(path) : [path];
      if (found.length === 0) problems.push(`${path}: there is no *.pkt below`);
      files.push(...found);
    } catch (error) {
      problems.push(explainFile(path, error as NodeJS.ErrnoException));
    }
  }
  return { files: [...new Set(files)], problems };
}

function scriptsBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".pkt"))
    .toSorted()
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());
}
