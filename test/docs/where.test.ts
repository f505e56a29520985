import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
const page = readFileSync(`${root}docs/where.md`, "utf8");

/** The questions of the page, each with its steps. */
const questions = page
  .split("\n## ")
  .slice(1)
  .map((part) => {
    const [title = "", ...lines] = part.split("\n");
    return { title, steps: lines.filter((line) => /^\d\. /.test(line)) };
  });

/** The paths that a step names, each with the names that it says are there: those that follow up to the next path. */
function places(step: string): { path: string; names: string[] }[] {
  const found: { path: string; names: string[] }[] = [];
  for (const [, code = ""] of step.matchAll(/`([^`]+)`/g)) {
    if (code.includes("/")) found.push({ path: code, names: [] });
    else found.at(-1)?.names.push(code);
  }
  return found;
}

function pathOf(path: string): string {
  return path.startsWith("packages/") || path.startsWith("docs/") ? `${root}${path}` : `${root}packages/mptcp/src/${path}`;
}

describe("docs/where.md", () => {
  test("answers ten questions in three steps each", () => {
    expect(questions.map(({ steps }) => steps.length)).toEqual(Array.from({ length: 10 }, () => 3));
  });

  test.each(questions)("$title", ({ steps }) => {
    const all = steps.flatMap(places);
    expect(all.length).toBeGreaterThan(0);
    for (const { path, names } of all) {
      expect(existsSync(pathOf(path)), path).toBe(true);
      if (!path.endsWith(".ts")) continue;
      const source = readFileSync(pathOf(path), "utf8");
      for (const name of names) expect(new RegExp(`\\b${name}\\b`).test(source), `${name} in ${path}`).toBe(true);
    }
  });

  test("begins where ARCHITECTURE.md leads: each first step names a part of it", () => {
    const architecture = readFileSync(`${root}ARCHITECTURE.md`, "utf8");
    expect(architecture).toContain("docs/where.md");
    const parts = Array.from(architecture.matchAll(/^## (.*)$|^\*(.*?)\.?\*/gm), ([, heading, word]) => (heading ?? word ?? "").toLowerCase());
    for (const { title, steps } of questions) {
      const [, named = ""] = /^1\. \*([^*]+)\*/.exec(steps[0] ?? "") ?? [];
      expect(parts.some((part) => named !== "" && part.includes(named.toLowerCase())), `${title}: ${named}`).toBe(true);
    }
  });
});
