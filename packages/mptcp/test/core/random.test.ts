import { describe, expect, it } from "vitest";
import { randomSources, SeededRandom, seededSources } from "../../src/core/index.ts";
import type { RandomPurpose, RandomSource } from "../../src/core/index.ts";

function draws(random: RandomSource, count: number): number[] {
  return Array.from({ length: count }, () => random.uint32());
}

/** Bits set in a 32-bit number. */
function weight(value: number): number {
  let bits = 0;
  for (let rest = value; rest !== 0; rest &= rest - 1) bits++;
  return bits;
}

describe("SeededRandom", () => {
  it("gives the same numbers on every machine", () => {
    expect(draws(new SeededRandom(1), 3)).toEqual([393288148, 2174103013, 3814759091]);
    expect(draws(new SeededRandom(1, "node", "client", "keys"), 3)).toEqual([3311404856, 1681532835, 1217268937]);
  });

  it("gives each name, each seed and each division into names a stream of its own", () => {
    const streams = [
      ...Array.from({ length: 50_000 }, (_, i) => new SeededRandom(1, "link", `path${i}>`, "loss")),
      ...Array.from({ length: 50_000 }, (_, seed) => new SeededRandom(seed, "link", "path>", "loss")),
      ...[2 ** 32 + 1, -1].map((seed) => new SeededRandom(seed, "link", "path>", "loss")),
      ...[["ab", "c"], ["a", "bc"], ["abc"], ["ab", "c", ""], ["", "ab", "c"]].map((names) => new SeededRandom(1, ...names)),
    ];
    expect(new Set(streams.map((stream) => draws(stream, 4).join())).size).toBe(streams.length);
  });

  it("keeps streams of like names apart in every bit", () => {
    const count = 4000;
    const flips = Array.from({ length: 8 }, () => 0);
    for (let i = 0; i < count; i++) {
      const [one, other] = [draws(new SeededRandom(7, `node${i}`), 8), draws(new SeededRandom(7, `node${i + 1}`), 8)];
      one.forEach((value, at) => (flips[at] = (flips[at] as number) + weight(value ^ (other[at] as number))));
    }
    // Half of the bits differ; the mean of 128,000 of them is off by 0.0014 times a normal variable.
    for (const sum of flips) expect(Math.abs(sum / (32 * count) - 0.5)).toBeLessThan(0.007);
  });

  it("has the mean of uniform numbers over the first draws of many streams", () => {
    const count = 20_000;
    const mean = Array.from({ length: count }, (_, i) => (new SeededRandom(3, "link", `a${i}-b`, "jitter").uint32() / 2 ** 32)).reduce((sum, value) => sum + value, 0) / count;
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.01);
  });
});

describe("sources by purpose", () => {
  const PURPOSES = Object.keys(seededSources(1)) as RandomPurpose[];

  it("are a stream for each", () => {
    expect(PURPOSES.length).toBeGreaterThanOrEqual(6);
    const sources = seededSources(1, ["host"]);
    expect(new Set(PURPOSES.map((purpose) => sources[purpose].uint32())).size).toBe(PURPOSES.length);
  });

  it("take one that is fixed, and leave the others as they are", () => {
    for (const fixed of PURPOSES) {
      const zero: RandomSource = { uint32: () => 0, fill: (target) => target.fill(0) };
      const [plain, changed] = [seededSources(1, ["host"]), seededSources(1, ["host"], { [fixed]: zero })];
      for (const purpose of PURPOSES) expect(draws(changed[purpose], 3)).toEqual(purpose === fixed ? [0, 0, 0] : draws(plain[purpose], 3));
    }
  });

  it("are made once, by name", () => {
    const asked: RandomPurpose[] = [];
    randomSources((purpose) => {
      asked.push(purpose);
      return new SeededRandom(1);
    });
    expect(asked.toSorted()).toEqual(PURPOSES.toSorted());
  });
});
