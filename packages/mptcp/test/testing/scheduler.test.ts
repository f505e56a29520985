import { describe, expect, test } from "vitest";
import { lowestTimeDistance, schedulers } from "../../src/mptcp/index.ts";
import type { SchedulableSubflow, Scheduler, SchedulerFactory } from "../../src/mptcp/index.ts";
import { checkScheduler } from "../../src/testing/index.ts";
import type { SchedulerClaims } from "../../src/testing/index.ts";

const withRoom = (subflows: readonly SchedulableSubflow[]): SchedulableSubflow[] => subflows.filter((subflow) => subflow.hasRoom);

/** The cases in which schedulers with this `select` fail. */
function broken(select: Scheduler["select"], claims: SchedulerClaims = {}): string[] {
  return casesOf(() => ({ name: "broken", select }), claims);
}

function casesOf(factory: SchedulerFactory, claims: SchedulerClaims = {}): string[] {
  return [...new Set(checkScheduler(factory, claims).map((found) => found.case))];
}

/** Ours, with what they claim where that is not to use all paths. */
const CLAIMS: Readonly<Record<string, SchedulerClaims>> = {};

describe("our schedulers conform", () => {
  test.each(Object.entries(schedulers))("%s", (name, factory) => {
    expect(checkScheduler(factory, CLAIMS[name] ?? { usesAllPathsWithin: 400 })).toEqual([]);
  });
});

describe("a scheduler is found out that", () => {
  test("starves a path", () => {
    const firstOnly: Scheduler["select"] = (subflows) => subflows.find((subflow) => subflow.hasRoom && subflow.pathIndex === 1) ?? null;
    const found = checkScheduler(() => ({ name: "first only", select: firstOnly }));
    expect(new Set(found.map((one) => one.case))).toEqual(new Set(["choosing nothing", "starving", "transfer"]));
    expect(found.find((one) => one.case === "starving")?.problem).toMatch(/^nothing was chosen for a second from path \d+ \((room|full), srtt \d+ ms, \d+ of \d+ bytes\)/);
  });

  test("chooses a subflow without room", () => {
    expect(broken((subflows, request) => (request.now % 2 === 0 ? (subflows[0] ?? null) : null))).toContain("choice");
  });

  test("chooses what was not offered", () => {
    expect(
      casesOf(() => {
        let old: SchedulableSubflow | null = null;
        return {
          name: "late",
          select: (subflows) => {
            const chosen = old ?? withRoom(subflows)[0] ?? null;
            old = withRoom(subflows)[0] ?? null;
            return chosen;
          },
        };
      }),
    ).toContain("choice");
  });

  test("writes into the list, a subflow or the request", () => {
    expect(broken((subflows) => subflows.toReversed().find(({ hasRoom }) => hasRoom) ?? null)).toEqual([]);
    expect(broken((subflows) => (subflows as SchedulableSubflow[]).pop() ?? null)).toContain("throws");
    expect(broken((subflows) => withRoom(subflows).map((subflow) => Object.assign(subflow, { chosen: true }))[0] ?? null)).toContain("throws");
    expect(
      broken((subflows, request) => {
        request.length = 0;
        return withRoom(subflows)[0] ?? null;
      }),
    ).toContain("writing");
  });

  test("chooses differently for the same inputs", () => {
    let turn = 0;
    expect(broken((subflows) => withRoom(subflows)[turn++ % Math.max(1, withRoom(subflows).length)] ?? null)).toEqual(["the same again"]);
  });

  test("waits without saying so, or for ever", () => {
    // Waits for the shortest round-trip time, like a caricature of BLEST.
    const patient = (subflows: readonly SchedulableSubflow[]): SchedulableSubflow | null => {
      const best = subflows.toSorted((x, y) => x.srtt - y.srtt)[0];
      return best?.hasRoom === true ? best : null;
    };
    expect(broken(patient)).toContain("choosing nothing");
    expect(broken(patient, { waits: true })).not.toContain("choosing nothing");
    expect(broken(() => null, { waits: true })).toEqual(expect.arrayContaining(["starving", "choosing nothing", "transfer"]));
  });

  test("leaves a path unused that it claims to use", () => {
    // Only the first two paths, while they live.
    const two = (subflows: readonly SchedulableSubflow[]): SchedulableSubflow | null => withRoom(subflows)[0] ?? null;
    const greedy: SchedulerFactory = () => ({ name: "two", select: (subflows) => two(subflows.length > 2 ? subflows.slice(0, 2) : subflows) });
    expect(checkScheduler(greedy, { usesAllPathsWithin: 400 })).toContainEqual(expect.objectContaining({ case: "unused path", problem: "of 3 paths only 1, 2 carried any of 400 segments" }));
    expect(checkScheduler(greedy).map((found) => found.case)).not.toContain("unused path");
  });

  test("throws", () => {
    const factory: SchedulerFactory = () => {
      const inner = lowestTimeDistance();
      return {
        name: "throws",
        select: (subflows, request) => {
          if (subflows.length === 0) throw new Error("no subflows");
          return inner.select(subflows, request);
        },
      };
    };
    expect(checkScheduler(factory)[0]).toMatchObject({ case: "throws", problem: "random states: Error: no subflows" });
  });
});
