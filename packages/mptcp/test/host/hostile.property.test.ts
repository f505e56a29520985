import { expect, test } from "vitest";
import type { Extremes } from "./hostile.ts";
import { Hostile } from "./hostile.ts";

const SEEDS = 8;
const STEPS = 1500;

test("whole hosts under replayed, changed and made-up segments: nothing throws, hangs, grows or stays", () => {
  const most: Partial<Record<keyof Extremes, number>> = {};
  for (let seed = 1; seed <= SEEDS; seed++) {
    const hostile = new Hostile(seed);
    try {
      hostile.run(STEPS);
    } catch (error) {
      throw new Error(`seed ${seed}, after ${hostile.most.injected} packets: ${String(error)}`, { cause: error });
    }
    for (const [name, value] of Object.entries(hostile.most) as [keyof Extremes, number][]) most[name] = Math.max(most[name] ?? value, value);
    const nothing = { connections: 0, orphans: 0, lingering: 0, timeWaits: 0, pendingJoins: 0, tokens: 0, timers: 0 };
    expect(hostile.end(), `seed ${seed}`).toEqual({ client: nothing, server: nothing, halfOpen: 0 });
  }
  // Six connections at the most, each with nine subflows; those that end wait for their last ACKs.
  expect(most.connections).toBeLessThan(100);
  expect(most.tokens).toBeLessThan(50);
  expect(most.subflows).toBeLessThanOrEqual(9);
  expect(most.paths).toBeLessThan(200);
  expect(most.mappings).toBeLessThan(1000);
  expect(most.excess).toBeLessThanOrEqual(0);
  // The attack got somewhere: joins were under way and subflows established.
  expect(most.pendingJoins).toBeGreaterThan(0);
  expect(most.subflows).toBeGreaterThan(2);
});
