import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { obstacle } from "./bench.ts";
import { toldByKernel } from "./suite/on-kernel.ts";

/** The engine passes them with the profile `linux`: packages/mptcp/test/profiles/linux-scripts.test.ts. */
const FOLDER = new URL("../../mptcp/test/profiles/linux/", import.meta.url);
const NAMES = readdirSync(FOLDER).filter((name) => name.endsWith(".pkt"));
const pathOf = (name: string): string => fileURLToPath(new URL(name, FOLDER));

describe.skipIf(obstacle !== null)("scripts of the profile linux are what this machine's kernel does", () => {
  let outcomes: ReadonlyMap<string, string> = new Map();
  beforeAll(async () => {
    outcomes = await toldByKernel(NAMES.map(pathOf));
  }, 300_000);

  it.each(NAMES)("%s", (name) => {
    expect(outcomes.get(pathOf(name))).toBe("passed");
  });
});
