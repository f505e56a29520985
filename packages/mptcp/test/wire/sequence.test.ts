import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  DataSequenceSpace,
  positionNear,
  sequenceAdd,
  sequenceDifference,
  sequenceLess,
  sequenceLessOrEqual,
} from "../../src/wire/index.ts";
import { uint32 } from "./arbitraries.ts";

const TWO_32 = 2n ** 32n;
const TWO_64 = 2n ** 64n;

/** Integers with the edges of 32 and 53 bits well represented. */
const integer = fc.oneof(
  fc.maxSafeInteger(),
  fc.integer({ min: -10, max: 10 }),
  fc
    .tuple(fc.integer({ min: -(2 ** 20), max: 2 ** 20 }), fc.integer({ min: -3, max: 3 }))
    .map(([high, low]) => high * 2 ** 32 + low),
  fc.integer({ min: 0, max: 3 }).map((n) => Number.MAX_SAFE_INTEGER - n),
);

const edge32 = fc.oneof(uint32, fc.constantFrom(0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 31 + 1, 2 ** 32 - 2, 2 ** 32 - 1));

function modulo(value: bigint, modulus: bigint): bigint {
  return ((value % modulus) + modulus) % modulus;
}

describe("32-bit sequence arithmetic", () => {
  it("adds modulo 2^32", () => {
    fc.assert(
      fc.property(edge32, integer, (sequence, n) => {
        expect(BigInt(sequenceAdd(sequence, n))).toBe(modulo(BigInt(sequence) + BigInt(n), TWO_32));
      }),
      { seed: 1, numRuns: 2000 },
    );
  });

  it("measures the shorter way round", () => {
    fc.assert(
      fc.property(edge32, edge32, (a, b) => {
        const difference = sequenceDifference(a, b);
        expect(difference).toBeGreaterThanOrEqual(-(2 ** 31));
        expect(difference).toBeLessThan(2 ** 31);
        expect(sequenceAdd(b, difference)).toBe(a);
        expect(sequenceLess(a, b)).toBe(difference < 0);
        expect(sequenceLessOrEqual(a, b)).toBe(difference <= 0);
      }),
      { seed: 2, numRuns: 2000 },
    );
  });

  it("finds the position that a sequence number stands for", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER - 2 ** 33 }),
        edge32,
        fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
        (near, origin, distance) => {
          const position = near + distance;
          expect(positionNear(sequenceAdd(origin, position), origin, near)).toBe(position);
        },
      ),
      { seed: 3, numRuns: 2000 },
    );
  });
});

describe("DataSequenceSpace", () => {
  it("gives the 64-bit number of every position, before the start too", () => {
    fc.assert(
      fc.property(edge32, edge32, integer, (high, low, position) => {
        const space = new DataSequenceSpace(high, low);
        const expected = modulo(BigInt(high) * TWO_32 + BigInt(low) + 1n + BigInt(position), TWO_64);
        expect(BigInt(space.high(position)) * TWO_32 + BigInt(space.low(position))).toBe(expected);
      }),
      { seed: 4, numRuns: 5000 },
    );
  });

  it("gives the position of every 64-bit number, NaN beyond 2^53", () => {
    fc.assert(
      fc.property(edge32, edge32, edge32, edge32, (idsnHigh, idsnLow, high, low) => {
        const space = new DataSequenceSpace(idsnHigh, idsnLow);
        const distance = modulo(BigInt(high) * TWO_32 + BigInt(low) - BigInt(idsnHigh) * TWO_32 - BigInt(idsnLow), TWO_64);
        const expected = BigInt.asIntN(64, distance) - 1n;
        const isSafe = expected >= BigInt(Number.MIN_SAFE_INTEGER) && expected <= BigInt(Number.MAX_SAFE_INTEGER);
        const position = space.position(high, low);
        if (isSafe) expect(BigInt(position)).toBe(expected);
        else expect(position).toBeNaN();
      }),
      { seed: 5, numRuns: 5000 },
    );
  });

  it("turns positions into numbers and back", () => {
    fc.assert(
      fc.property(edge32, edge32, integer, (high, low, position) => {
        const space = new DataSequenceSpace(high, low);
        expect(space.position(space.high(position), space.low(position))).toBe(position);
      }),
      { seed: 6, numRuns: 5000 },
    );
  });

  it("tells apart the positions on both sides of 2^53", () => {
    for (const low of [0, 1, 0xffff_ffff]) {
      const space = new DataSequenceSpace(7, low);
      const at = (position: bigint): number => {
        const number = modulo(7n * TWO_32 + BigInt(low) + 1n + position, TWO_64);
        return space.position(Number(number / TWO_32), Number(number % TWO_32));
      };
      for (let n = 1n; n < 5n; n++) {
        expect(at(2n ** 53n - n)).toBe(Number(2n ** 53n - n));
        expect(at(2n ** 53n - 1n + n)).toBeNaN();
        expect(at(-(2n ** 53n) + n)).toBe(Number(-(2n ** 53n) + n));
        expect(at(-(2n ** 53n) + 1n - n)).toBeNaN();
      }
    }
  });

  it("finds positions from the lower half alone", () => {
    fc.assert(
      fc.property(
        edge32,
        edge32,
        fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER - 2 ** 33 }),
        fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
        (high, low, near, distance) => {
          const space = new DataSequenceSpace(high, low);
          expect(space.positionNear(space.low(near + distance), near)).toBe(near + distance);
        },
      ),
      { seed: 7, numRuns: 2000 },
    );
  });
});
