import { readdirSync, realpathSync, statSync } from "node:fs";
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
  const found: string[] = [];
  walk(folder, found, new Set());
  return found.toSorted();
}

/** Each folder once, since links may lead back. A link that leads nowhere is a script, so that it is said to be none. */
function walk(folder: string, found: string[], seen: Set<string>): void {
  const real = realpathSync(folder);
  if (seen.has(real)) return;
  seen.add(real);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    const isFolder = entry.isDirectory() || (entry.isSymbolicLink() && statSync(path, { throwIfNoEntry: false })?.isDirectory() === true);
    if (isFolder) walk(path, found, seen);
    else if (entry.name.endsWith(".pkt")) found.push(path);
  }
}
