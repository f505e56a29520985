import * as fc from "fast-check";
import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { PcapngWriter } from "../../src/capture/index.ts";
import { version0, version1 } from "../../src/mptcp/index.ts";
import { CaptureRecorder } from "../../src/sim/index.ts";
import { drawNetwork, runNetwork } from "./random-network.ts";
import type { RandomChange, RandomNetwork, RandomPath } from "./random-network.ts";

const RUNS = 200;

describe("random networks", () => {
  test(`${RUNS} seeded runs deliver every byte once, in order, and close cleanly`, () => {
    const failures: string[] = [];
    for (let seed = 1; seed <= RUNS; seed++) {
      const { problems } = runNetwork(drawNetwork(seed));
      if (problems.length > 0) failures.push(`seed ${seed}: ${problems.join("; ")}`);
    }
    expect(failures, "replay one with runNetwork(drawNetwork(seed))").toEqual([]);
  });

  test("60 of them do with mappings that cover what a write left to send, too", () => {
    const failures: string[] = [];
    for (let seed = 1; seed <= 60; seed++) {
      const { problems } = runNetwork({ ...drawNetwork(seed), spans: true });
      if (problems.length > 0) failures.push(`seed ${seed}: ${problems.join("; ")}`);
    }
    expect(failures).toEqual([]);
  });

  test("100 of them do in version 0, and 100 where version 0 is agreed on or found out", () => {
    const failures: string[] = [];
    const both = [version1, version0];
    const pairs = [{ client: both, server: [version0] }, { client: both, server: [version0, version1] }, { client: [version0], server: both }];
    for (let seed = 1; seed <= 200; seed++) {
      const versions = seed <= 100 ? { client: [version0], server: [version0] } : pairs[seed % 3];
      const { problems } = runNetwork({ ...drawNetwork(seed), ...(versions === undefined ? {} : { versions }) });
      if (problems.length > 0) failures.push(`seed ${seed}: ${problems.join("; ")}`);
    }
    expect(failures).toEqual([]);
  });

  test("whatever the network does, with a path that comes to stay everything arrives (property)", () => {
    fc.assert(
      fc.property(network(), (drawn) => {
        expect(runNetwork(drawn).problems).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });

  test("the same seed gives the same capture, byte for byte", () => {
    for (const seed of [3, 14, 159]) {
      const once = captureOf(drawNetwork(seed));
      expect(once.octets).toBeGreaterThan(10_000);
      expect(captureOf(drawNetwork(seed))).toEqual(once);
      expect(captureOf({ ...drawNetwork(seed), seed: seed + 1 }).digest).not.toBe(once.digest);
    }
  });
});

/** Digest and size of the capture of all links of a run. */
function captureOf(drawn: RandomNetwork): { readonly digest: string; readonly octets: number } {
  const hash = createHash("sha256");
  let octets = 0;
  const writer = new PcapngWriter((chunk) => {
    hash.update(chunk);
    octets += chunk.length;
  });
  runNetwork(drawn, (simulation) => {
    const recorder = new CaptureRecorder(writer);
    for (const link of simulation.links) recorder.link(link);
  });
  writer.close(0);
  return { digest: hash.digest("hex"), octets };
}

function network(): fc.Arbitrary<RandomNetwork> {
  return fc.array(path(), { minLength: 1, maxLength: 4 }).chain((paths) =>
    fc.record({
      seed: fc.integer({ min: 1, max: 1e9 }),
      paths: fc.constant(paths),
      changes: fc.array(change(paths.length), { maxLength: 10 }),
      // Only paths of the first one's family are sure to be usable.
      survivor: fc.constantFrom(...paths.flatMap((candidate, i) => (candidate.ipv6 === paths[0]?.ipv6 ? [i] : []))),
      settledMs: fc.constant(10_000),
      upload: fc.integer({ min: 0, max: 200_000 }),
      download: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 200_000 })),
      buffer: fc.oneof(fc.constant(0), fc.integer({ min: 4000, max: 100_000 })),
      dataSequenceLength: fc.constantFrom(4, 8),
      checksum: fc.boolean(),
      scheduler: fc.constantFrom("lowest-time-distance", "round-robin"),
      serverAddresses: fc.constant(1),
    }),
  );
}

function path(): fc.Arbitrary<RandomPath> {
  const permille = (max: number): fc.Arbitrary<number> => fc.oneof(fc.constant(0), fc.integer({ min: 1, max }).map((n) => n / 1000));
  return fc
    .record({
      rate: fc.integer({ min: 5, max: 500 }).map((n) => n * 1e5),
      delayMs: fc.integer({ min: 1, max: 100 }),
      queuePackets: fc.integer({ min: 3, max: 100 }),
      loss: permille(80),
      duplicate: permille(50),
      detour: permille(100),
      nat: fc.boolean(),
      ipv6: fc.boolean(),
    })
    .map((drawn) => ({ ...drawn, nat: drawn.nat && !drawn.ipv6 }));
}

function change(paths: number): fc.Arbitrary<RandomChange> {
  return fc.record({
    afterMs: fc.integer({ min: 0, max: 8000 }),
    path: fc.integer({ min: 0, max: paths - 1 }),
    what: fc.constantFrom("down", "up", "rate", "remove", "add"),
  });
}
