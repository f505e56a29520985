import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** The rows of docs/features.md, each with what it names as modules and as tests. */
const rows = readFileSync(join(root, "docs/features.md"), "utf8")
  .split("\n")
  .filter((line) => /^\| [A-Z]\d+ /.test(line))
  .map((line) => {
    const [, id = "", , , modules = "", tests = ""] = line.split("|").map((cell) => cell.trim());
    return { id, modules, tests };
  });

/** Names of a cell that are not there: below a folder, in the repository, or beside the one before. `*` stands for anything in a file's name. */
function missing(cell: string, folder: string): string[] {
  let beside = folder;
  return (cell === "" ? [] : cell.split(", ")).filter((name) => {
    const found = [folder, ".", beside].find((place) => isThere(join(root, place, name)));
    if (found !== undefined) beside = dirname(join(found, name));
    return found === undefined;
  });
}

function isThere(path: string): boolean {
  if (!path.includes("*")) return existsSync(path);
  const [start = "", end = ""] = basename(path).split("*");
  return existsSync(dirname(path)) && readdirSync(dirname(path)).some((name) => name.startsWith(start) && name.endsWith(end));
}

describe("docs/features.md", () => {
  test("has rows", () => expect(rows.length).toBeGreaterThan(60));

  test.each(rows)("$id names modules and tests that are there", ({ modules, tests }) => {
    expect(missing(modules, "packages/mptcp/src")).toEqual([]);
    expect(missing(tests, "packages/mptcp/test")).toEqual([]);
  });
});
