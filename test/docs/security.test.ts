import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
const page = readFileSync(`${root}SECURITY.md`, "utf8");

/** What the page names in brackets: files of tests, each with names, or beginnings or ends of names, of tests in it. */
const claims = Array.from(page.matchAll(/\[(`[^\]]+)\]/g), ([, inside = ""]) => inside).flatMap((inside) =>
  inside.split("; ").map((one) => {
    const path = /`([^`]+)`/.exec(one)?.[1] ?? "";
    return { path, names: Array.from(one.matchAll(/"([^"]+)"/g), ([, name = ""]) => name) };
  }),
);

describe("SECURITY.md", () => {
  test("names the tests that show what it says", () => expect(claims.length).toBeGreaterThan(15));

  test.each(claims)("$path has tests of those names", ({ path, names }) => {
    expect(existsSync(`${root}${path}`), path).toBe(true);
    expect(names.length).toBeGreaterThan(0);
    const source = readFileSync(`${root}${path}`, "utf8");
    const titles = Array.from(source.matchAll(/\b(?:test|it|describe)(?:\.each\([^)]*\))?\(\s*["`](.+?)["`],/g), ([, title = ""]) => title);
    for (const name of names) expect(titles.filter((title) => title.includes(name)).length, name).toBeGreaterThan(0);
  });

  test.each(["README.md", "CONTRIBUTING.md"])("is linked from %s", (other) => {
    expect(readFileSync(`${root}${other}`, "utf8")).toContain("(SECURITY.md)");
  });
});
