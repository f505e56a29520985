import { describe, expect, it, test } from "vitest";
import { coveragePage, Watched, type Cell } from "./suite/coverage.ts";
import { differences, suite, toldByEngine } from "./suite/scripts.ts";

const SCRIPTS = suite();
const seen: ReadonlySet<Cell>[] = [];

describe("scripts on the engine", () => {
  it.each(SCRIPTS.filter(({ on }) => on !== "kernel"))("$name", (script) => {
    for (const profile of script.profiles) {
      let watched: Watched | null = null;
      const outcome = toldByEngine(script, profile, (target) => (watched = new Watched(target)));
      expect(`${profile}: ${outcome}`).toBe(`${profile}: passed`);
      if (profile === script.profiles.at(-1)) seen.push(watched!.seen);
    }
  });
});

test("the table says what the scripts have arrive", async () => {
  await expect(coveragePage(seen)).toMatchFileSnapshot("../scripts/coverage.md");
});

test("the list of differences names scripts that are there, and those for the kernel alone fail on the engine, as those for its own choices do with the profile linux", () => {
  expect([...differences().keys()].filter((name) => !SCRIPTS.some((script) => script.name === name))).toEqual([]);
  expect(SCRIPTS.filter((script) => (script.on === "kernel" || script.on === "own choices") && toldByEngine(script, "linux") === "passed").map(({ name }) => name)).toEqual([]);
});

test("a script begins with the fact and the clause that it stands for", () => {
  expect(SCRIPTS.filter(({ text }) => !/^\/\/ (?:RFC \d+ |POSIX )[^\n]*: [^\n]+\.\n/u.test(text)).map(({ name }) => name)).toEqual([]);
  expect(SCRIPTS.length).toBeGreaterThan(200);
});
