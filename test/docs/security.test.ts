import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { LIMITS, MINUTE, SECOND } from "../../packages/mptcp/src/core/index.ts";
import type { Limit } from "../../packages/mptcp/src/core/index.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const page = readFileSync(`${root}SECURITY.md`, "utf8");

/** What the page names in brackets: files of tests, each with names, or beginnings or ends of names, of tests in it. */
const claims = Array.from(page.matchAll(/\[(`[^\]]+)\]/g), ([, inside = ""]) => inside).flatMap((inside) =>
  inside.split("; ").map((one) => {
    const path = /`([^`]+)`/.exec(one)?.[1] ?? "";
    return { path, names: Array.from(one.matchAll(/"([^"]+)"/g), ([, name = ""]) => name) };
  }),
);

/** What the page says of limits, by their names: each stands behind the number that it is. */
const LIMITS_NAMED: readonly (keyof typeof LIMITS)[] = ["challenges", "pendingJoins", "pendingJoinsPerPeer", "hostPendingJoins", "pendingJoinTimeout", "halfOpen", "announcedJoins", "silenceTimeout", "orphanTimeout"];

/** The last number before a limit's name, in the limit's unit; NaN when there is none. */
function numberBefore(name: string): number {
  const [, number = "", unit] = new RegExp(`\\b(\\d+)(?: (s|minutes)\\b)?[^\\d(]*\\((?:RFC \\d+; )?\`${name}\`\\)`).exec(page) ?? [];
  return number === "" ? Number.NaN : Number(number) * (unit === undefined ? 1 : unit === "s" ? SECOND : MINUTE);
}

describe("SECURITY.md", () => {
  test.each(LIMITS_NAMED)("says of %s what the table of limits does", (name) => {
    expect(numberBefore(name)).toBe((LIMITS[name] as Limit).default);
  });

  test("names no other limits", () => {
    const named = Object.keys(LIMITS).filter((name) => page.includes(`\`${name}\`)`));
    expect(named.toSorted()).toEqual(LIMITS_NAMED.toSorted());
  });

  test("names the tests that show what it says", () => expect(claims.length).toBeGreaterThan(15));

  test.each(claims)("$path has tests of those names", ({ path, names }) => {
    expect(existsSync(`${root}${path}`), path).toBe(true);
    expect(names.length).toBeGreaterThan(0);
    const source = readFileSync(`${root}${path}`, "utf8");
    const titles = Array.from(source.matchAll(/\b(?:test|it|describe)(?:\.(?:each|skipIf)\([^)]*\))?\(\s*["`](.+?)["`],/g), ([, title = ""]) => title);
    for (const name of names) expect(titles.filter((title) => title.includes(name)).length, name).toBeGreaterThan(0);
  });

  test.each(["README.md", "CONTRIBUTING.md"])("is linked from %s", (other) => {
    expect(readFileSync(`${root}${other}`, "utf8")).toContain("(SECURITY.md)");
  });
});
