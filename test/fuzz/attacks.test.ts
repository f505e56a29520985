import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ATTACKS } from "../../bench/src/attacks/list.ts";
import { play, tableOf } from "../../bench/src/attacks/table.ts";

const written = readFileSync(new URL("../../docs/attacks.md", import.meta.url), "utf8").split("\n");

describe("under attack a host keeps within its bounds, friends keep their connections, and nothing is left", () => {
  test.each(ATTACKS.map((attack) => [attack.name, attack] as const))("%s", (_, attack) => {
    const result = play(attack);
    expect(result.problems, JSON.stringify(result.measures)).toEqual([]);
    // npm run attacks -- --write
    expect(written).toContain(tableOf([result])[2]);
  });
});
