import { describe, expect, test } from "vitest";
import type { SchedulableSubflow, Scheduler } from "../../../src/mptcp/scheduler.ts";
import { lowestTimeDistance, roundRobin, schedulers, shortestQueue } from "../../../src/mptcp/schedulers/index.ts";

const MILLISECOND = 1_000_000;

function subflow(pathIndex: number, srtt: number, hasRoom = true): SchedulableSubflow {
  return { pathIndex, backup: false, hasRoom, srtt, cwnd: 14_000, inFlight: 0, mss: 1400 };
}

function choices(scheduler: Scheduler, subflows: readonly SchedulableSubflow[], count: number): (number | undefined)[] {
  const request = { dataOffset: 0, length: 1400, reinjection: false, now: 0 };
  return Array.from({ length: count }, () => scheduler.select(subflows, request)?.pathIndex);
}

test("every scheduler is listed under its own name", () => {
  for (const [name, policy] of Object.entries(schedulers)) expect([policy.name, policy.create().name]).toEqual([name, name]);
});

test.each(Object.keys(schedulers))("%s chooses nothing when nothing has room", (name) => {
  const scheduler = (schedulers[name] as (typeof schedulers)[string]).create();
  expect(choices(scheduler, [], 1)).toEqual([undefined]);
  expect(choices(scheduler, [subflow(1, 1, false), subflow(2, 0, false)], 2)).toEqual([undefined, undefined]);
});

describe("lowest time-distance", () => {
  test("takes the shortest round-trip time that has room", () => {
    const near = 10 * MILLISECOND;
    const far = 100 * MILLISECOND;
    expect(choices(lowestTimeDistance(), [subflow(1, far), subflow(2, near), subflow(3, far)], 3)).toEqual([2, 2, 2]);
    expect(choices(lowestTimeDistance(), [subflow(1, far), subflow(2, near, false), subflow(3, far - 1)], 1)).toEqual([3]);
  });

  test("goes by path index among equals", () => {
    expect(choices(lowestTimeDistance(), [subflow(2, 7), subflow(5, 7), subflow(9, 7)], 1)).toEqual([2]);
    expect(choices(lowestTimeDistance(), [subflow(4, 0), subflow(6, 0)], 1)).toEqual([4]);
  });

  test("leaves a subflow without a sample for last, but does use it", () => {
    expect(choices(lowestTimeDistance(), [subflow(1, 0), subflow(2, 900 * MILLISECOND)], 1)).toEqual([2]);
    expect(choices(lowestTimeDistance(), [subflow(1, 0), subflow(2, 900 * MILLISECOND, false)], 1)).toEqual([1]);
  });
});

describe("shortest queue", () => {
  const busy = (pathIndex: number, inFlight: number, cwnd: number, srtt = 20): SchedulableSubflow => ({ ...subflow(pathIndex, srtt * MILLISECOND), inFlight, cwnd });

  test("takes what is through soonest, by bytes in flight, window and round-trip time", () => {
    expect(choices(shortestQueue(), [busy(1, 10_000, 20_000), busy(2, 4000, 20_000)], 1)).toEqual([2]);
    expect(choices(shortestQueue(), [busy(1, 10_000, 20_000), busy(2, 4000, 5000)], 1)).toEqual([1]);
    expect(choices(shortestQueue(), [busy(1, 10_000, 20_000), busy(2, 4000, 20_000, 80)], 1)).toEqual([1]);
  });

  test("keeps to the first one while nothing is in flight, however far it leads", () => {
    expect(choices(shortestQueue(), [busy(1, 0, 20_000, 300), busy(2, 0, 20_000, 1)], 2)).toEqual([1, 1]);
    expect(choices(shortestQueue(), [busy(1, 1000, 20_000), busy(2, 0, 20_000)], 1)).toEqual([2]);
  });
});

describe("round robin", () => {
  test("gives each subflow its turn, whatever its round-trip time", () => {
    const all = [subflow(1, 5), subflow(2, 500), subflow(4, 0)];
    expect(choices(roundRobin(), all, 7)).toEqual([1, 2, 4, 1, 2, 4, 1]);
  });

  test("passes over those without room and takes newcomers in", () => {
    const scheduler = roundRobin();
    expect(choices(scheduler, [subflow(1, 5), subflow(2, 5, false), subflow(3, 5)], 3)).toEqual([1, 3, 1]);
    expect(choices(scheduler, [subflow(2, 5), subflow(3, 5), subflow(7, 5)], 4)).toEqual([2, 3, 7, 2]);
    expect(choices(scheduler, [subflow(1, 5)], 2)).toEqual([1, 1]);
  });

  test("keeps its turn per connection", () => {
    const all = [subflow(1, 5), subflow(2, 5)];
    expect([...choices(roundRobin(), all, 1), ...choices(roundRobin(), all, 1)]).toEqual([1, 1]);
  });
});
