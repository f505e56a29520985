import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ChainCampaign } from "../../bench/src/fuzz/chains/campaign.ts";
import { checkChain } from "../../bench/src/fuzz/chains/compare.ts";
import { originOf } from "../../bench/src/fuzz/chains/edits.ts";
import { drawChain } from "../../bench/src/fuzz/chains/plan.ts";
import type { ChainPlan } from "../../bench/src/fuzz/chains/plan.ts";
import { runChain } from "../../bench/src/fuzz/chains/run.ts";
import type { ChainResult } from "../../bench/src/fuzz/chains/run.ts";
import { shrinkChain } from "../../bench/src/fuzz/chains/shrink.ts";
import type { ChainWorld } from "../../bench/src/fuzz/chains/world.ts";
import { octetOf } from "../../bench/src/fuzz/streams.ts";
import { Payload } from "mptcp/wire";

const RUNS = 200;
const QUIET = { rate: 10e6, delay: 10, loss: 0, duplicate: 0, detour: 0, boxes: [] };
const SENDS = { bytes: 20_000, piece: 1e9, pause: 1, reads: 0, every: 1, idle: { at: 0, for: 0 }, closing: "end", after: 0 } as const;
const corpus = JSON.parse(readFileSync(new URL("chains-corpus.json", import.meta.url), "utf8")) as readonly { readonly name: string; readonly plan: ChainPlan }[];

test("200 connections through random chains of middleboxes: what plain TCP through them would have delivered, both ends told, no storm, nothing left", () => {
  const campaign = new ChainCampaign(1);
  while (campaign.runs < RUNS) campaign.step();
  expect(campaign.failures, "npm run fuzz:connections -- --seed 1 --chain <index> --shrink --out out/chain").toEqual([]);
  // Every kind of box stood in the way, and connections of every sort came of it.
  expect(Object.entries(campaign.boxes).filter(([, count]) => count === 0)).toEqual([]);
  expect(campaign.verdicts.whole).toBeGreaterThan(RUNS / 4);
  expect(Math.min(campaign.verdicts.error, campaign.fallbacks, campaign.accompanied)).toBeGreaterThanOrEqual(RUNS / 20);
});

describe("what was found through chains once", () => {
  test.each(corpus)("$name", ({ plan }) => {
    expect(checkChain(plan).failure).toBeNull();
  });
});

test("the same plan gives the same run, also when it was written down and read", () => {
  const plan = drawChain(7, 3);
  const [once, again] = [checkChain(plan), checkChain(JSON.parse(JSON.stringify(plan)) as ChainPlan)];
  expect([again.sent, again.verdict, again.most]).toEqual([once.sent, once.verdict, once.most]);
});

test("a byte that nobody on the way may change is found", () => {
  const plan: ChainPlan = { ...drawChain(7, 3), paths: [QUIET, { ...QUIET, boxes: [{ kind: "nat44", parameters: {}, switches: [] }] }], client: SENDS, server: { ...SENDS, bytes: 0 } };
  const damage = (world: ChainWorld): void => {
    const { server } = world.hosts;
    const receive = server.receive.bind(server);
    server.receive = (packet, port, now): void => {
      const { tcp } = packet;
      if (tcp !== null && tcp.payload.length > 500) tcp.payload = Payload.of(tcp.payload.toUint8Array().map((octet, i) => (i === 77 ? octet ^ 1 : octet)));
      receive(packet, port, now);
    };
  };
  const speaks = { client: { ...plan.speaks.client, checksum: false }, server: { ...plan.speaks.server, checksum: false } };
  expect(runChain({ ...plan, speaks }, { prepare: damage }).failure).toMatch(/^a wrong byte at 77 of/);
  expect(runChain({ ...plan, speaks }).verdict).toBe("whole");
});

test("a plan shrinks to what its failure needs", () => {
  const plan = drawChain(7, 4);
  const needs = (one: ChainPlan): boolean => one.paths.some(({ boxes }) => boxes.some(({ kind }) => kind === "nat44"));
  const failing: ChainPlan = { ...plan, paths: [QUIET, { ...QUIET, loss: 0.02, boxes: [...(plan.paths[0]?.boxes ?? []), { kind: "nat44", parameters: { ports: "random" }, switches: [10] }] }] };
  const check = (one: ChainPlan): ChainResult => ({ ...runChain({ ...one, client: { ...SENDS, bytes: 1 } }), failure: needs(one) ? "there is a NAT" : null });
  const { client, paths } = shrinkChain(failing, check(failing), () => {}, check);
  expect(paths.map(({ boxes, loss }) => [boxes, loss])).toEqual([[[{ kind: "nat44", parameters: {}, switches: [] }], 0]]);
  expect(client.bytes).toBe(0);
});

describe("what was read, beside what was written", () => {
  const written = (at: number): number => octetOf(5, at);
  const octets = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => written(from + i));
  const none = { exchanges: false, insertions: [], removals: [] };

  test("is the same, or none of it", () => {
    expect(originOf(Uint8Array.from(octets(0, 100)), written, null)).toEqual({ places: [100], same: 100 });
    expect(originOf(Uint8Array.from([...octets(0, 50), ...octets(51, 100)]), written, null)).toEqual({ places: [], same: 50 });
    expect(originOf(Uint8Array.from([...octets(0, 50), ...octets(40, 100)]), written, none).places).toEqual([]);
  });

  test("has octets more where a box puts some in, and those alone", () => {
    const read = Uint8Array.from([...octets(0, 50), 42, 42, 42, 42, ...octets(50, 90), 42, 42, 42, 42, ...octets(90, 100)]);
    expect(originOf(read, written, { ...none, insertions: [4] }).places).toEqual([100]);
    expect(originOf(read, written, { ...none, insertions: [3] }).places).toEqual([]);
  });

  test("lacks octets where a box takes some out, also at the end", () => {
    const read = Uint8Array.from([...octets(0, 50), ...octets(53, 100)]);
    const { places, same } = originOf(read, written, { ...none, removals: [4] });
    expect(same).toBe(50);
    expect(places).toEqual(expect.arrayContaining([100, 101, 104]));
    expect(places).not.toContain(105);
  });

  test("has others in their place where a box exchanges some", () => {
    expect(originOf(Uint8Array.from([...octets(0, 50), 1, 2, ...octets(52, 100)]), written, { ...none, exchanges: true })).toEqual({ places: [100], same: 50 });
  });
});
