import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SECOND } from "../../../src/core/index.ts";
import { fullMesh, pathManagers } from "../../../src/mptcp/path-managers/index.ts";
import { FakePaths } from "../../../src/testing/index.ts";
import { retained } from "../../../src/testing/retained.ts";
import { IpAddress } from "../../../src/wire/index.ts";

const NO_FLAGS = { subflow: false, signal: false, backup: false, fullmesh: false };
const BACKUP = { ...NO_FLAGS, backup: true };

function established(paths: FakePaths): FakePaths {
  paths.establish();
  paths.news();
  return paths;
}

test.each(Object.entries(pathManagers))("%s keeps nothing of joins that failed on paths that are gone", (_, factory) => {
  const paths = new FakePaths(factory.create());
  paths.establish();
  const failedJoins = (from: number, to: number): number => {
    for (let i = from; i < to; i++) paths.die(paths.table.learn(paths.local[0]!.address, 0, IpAddress.v4(0x0b00_0000 + i), 1 + (i % 250), 5000));
    return retained(paths.manager, [paths]);
  };
  // The table has 512 rows.
  const few = failedJoins(0, 1000);
  expect(failedJoins(1000, 5000)).toBeLessThanOrEqual(few);
});

test("every path manager is listed under its own name", () => {
  for (const [name, policy] of Object.entries(pathManagers)) expect([policy.name, policy.create().name]).toEqual([name, name]);
});

describe("the mesh", () => {
  test("is opened when the connection is fully established, and not before", () => {
    const paths = new FakePaths(fullMesh());
    paths.addLocal(1);
    paths.addRemote(1);
    expect(paths.news()).toEqual([]);
    paths.establish();
    expect(paths.openPairs()).toEqual(["0-0", "0-1", "1-0", "1-1"]);
    expect(paths.news()).toContain("announce 1");
  });

  test("begins with the pair that shares no address with the first (Table 1)", () => {
    const paths = new FakePaths(fullMesh());
    paths.addLocal(1);
    paths.addRemote(1);
    paths.limits = { subflows: 1, addAddrAccepted: 8 };
    paths.establish();
    expect(paths.openPairs()).toEqual(["0-0", "1-1"]);
  });

  test("is left to the initiator; the other side announces its addresses", () => {
    const paths = new FakePaths(fullMesh(), false);
    paths.addLocal(1);
    paths.addRemote(1);
    paths.establish();
    expect(paths.news()).toEqual(["announce 1"]);
    paths.addLocal(2);
    expect(paths.news()).toEqual(["announce 2"]);
  });

  test("follows addresses that come and go", () => {
    const paths = established(new FakePaths(fullMesh()));
    paths.addRemote(1);
    expect(paths.news()).toEqual(["open 2"]);
    paths.addLocal(1);
    expect(paths.news()).toEqual(["announce 1", "open 3", "open 4"]);
    paths.removeRemote(1);
    expect(paths.openPairs()).toEqual(["0-0", "1-0"]);
    paths.addRemote(1);
    expect(paths.openPairs()).toEqual(["0-0", "0-1", "1-0", "1-1"]);
    paths.news();
    paths.removeLocal(1);
    expect(paths.openPairs()).toEqual(["0-0", "0-1"]);
    paths.addLocal(1);
    expect(paths.news()).toEqual(["announce 1", "open 3", "open 4"]);
  });

  test("withdraws an address that goes down, ends its subflows and takes it back", () => {
    const paths = new FakePaths(fullMesh());
    paths.addLocal(1);
    established(paths);
    paths.addLocal(1, NO_FLAGS, false);
    expect(paths.news()).toEqual(["withdraw 1", "close 2"]);
    paths.pass(100 * SECOND);
    expect(paths.news()).toEqual([]);
    paths.addLocal(1);
    expect(paths.news()).toEqual(["announce 1", "open 2"]);
  });

  test("does not join what the peer forbids, nor a port nobody listens on", () => {
    const paths = new FakePaths(fullMesh());
    paths.table.denyInitialRemote();
    paths.addLocal(1);
    const joined = paths.table.learn(paths.local[1]!.address, 1, paths.remote[0]!.address, 0, 5555);
    established(paths);
    expect(paths.openPairs()).toEqual(["0-0", "1-0"]);
    paths.die(joined);
    paths.die(1);
    paths.pass(200 * SECOND);
    expect(paths.openPairs()).toEqual([]);
  });

  test("converges for 1 to 4 addresses on each side in whatever order they come and go", () => {
    const change = fc.record({ side: fc.constantFrom("local", "remote"), n: fc.integer({ min: 1, max: 3 }), add: fc.boolean(), wait: fc.integer({ min: 0, max: 3 }) });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), fc.integer({ min: 0, max: 40 }), fc.integer({ min: 1, max: 10 }), (changes, establishAt, fate) => {
        const paths = new FakePaths(fullMesh());
        let joins = 0;
        paths.refuse = () => ++joins % fate === 0 && joins < 30;
        changes.forEach(({ side, n, add, wait }, i) => {
          if (i === establishAt) paths.establish();
          if (side === "local" && add) paths.addLocal(n);
          else if (side === "local") paths.removeLocal(n);
          else if (add) paths.addRemote(n);
          else paths.removeRemote(n);
          paths.pass(wait * SECOND);
        });
        if (changes.length <= establishAt) paths.establish();
        paths.pass(300 * SECOND);
        const expected = paths.local.flatMap((mine) => paths.remote.map((theirs) => `${mine.id}-${theirs.id}`));
        // With a fate of 1 every join fails for a while, and announced addresses are given up.
        if (fate > 1) expect(paths.openPairs()).toEqual(expected.toSorted());
        expect(new Set(paths.openPairs()).size).toBe(paths.openPairs().length);
      }),
      { seed: 7, numRuns: 300 },
    );
  });
});

describe("a path that failed", () => {
  test("is tried again after 1 s, 2 s, ... 60 s", () => {
    const paths = new FakePaths(fullMesh());
    paths.addLocal(1);
    established(paths);
    paths.refuse = () => true;
    paths.die(2);
    const times: number[] = [];
    for (let last = 0; times.length < 9; last = paths.now) {
      const next = paths.manager.nextTimeout as number;
      times.push((next - last) / SECOND);
      paths.pass(next - paths.now);
      expect(paths.news()).toEqual(["open 2"]);
    }
    expect(times).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
    paths.refuse = () => false;
    paths.pass(60 * SECOND);
    expect(paths.openPairs()).toEqual(["0-0", "1-0"]);
    expect(paths.manager.nextTimeout).toBe(Number.POSITIVE_INFINITY);
  });

  test("is tried again soon if its subflow had lived long", () => {
    const paths = new FakePaths(fullMesh());
    paths.addLocal(1);
    established(paths);
    for (let i = 0; i < 5; i++) {
      paths.die(2);
      paths.pass(60 * SECOND);
    }
    expect(paths.openPairs()).toEqual(["0-0", "1-0"]);
    paths.table.markWorked(2);
    paths.pass(100 * SECOND);
    paths.die(2);
    expect(paths.manager.nextTimeout).toBe(paths.now + SECOND);
  });

  test("is not tried for ever when it leads to an announced address that never answered", () => {
    const paths = established(new FakePaths(fullMesh()));
    paths.refuse = () => true;
    paths.addRemote(1);
    paths.pass(1000 * SECOND);
    expect(paths.news()).toEqual(["open 2", "open 2", "open 2", "open 2"]);
    paths.removeRemote(1);
    paths.addRemote(1);
    expect(paths.news()).toEqual(["open 2"]);
    paths.table.markWorked(2);
    paths.pass(1000 * SECOND);
    expect(paths.news().length).toBeGreaterThan(10);
  });

  test("is left alone when it was closed in good order, until nothing else is left", () => {
    const paths = new FakePaths(fullMesh());
    paths.addLocal(1);
    established(paths);
    paths.die(2, "fin");
    paths.pass(300 * SECOND);
    expect(paths.openPairs()).toEqual(["0-0"]);
    paths.die(1, "ETIMEDOUT");
    expect(paths.openPairs()).toEqual(["1-0"]);
  });

  test("is never tried again when the peer's reset was for good (RFC 8684 §3.6)", () => {
    const paths = new FakePaths(fullMesh());
    paths.addLocal(1);
    established(paths);
    paths.die(2, "refused");
    paths.die(1, "refused");
    paths.pass(300 * SECOND);
    expect(paths.openPairs()).toEqual([]);
  });

  test("makes room for another one where limits are tight", () => {
    const paths = new FakePaths(fullMesh());
    paths.addLocal(1);
    paths.addLocal(2);
    paths.limits = { subflows: 1, addAddrAccepted: 8 };
    established(paths);
    expect(paths.openPairs()).toEqual(["0-0", "1-0"]);
    expect(paths.manager.nextTimeout).toBe(Number.POSITIVE_INFINITY);
    paths.die(2);
    expect(paths.openPairs()).toEqual(["0-0", "2-0"]);
    expect(paths.manager.nextTimeout).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("modes", () => {
  test("backup (the default) opens subflows from flagged addresses as backup ones", () => {
    const paths = new FakePaths(fullMesh());
    paths.addLocal(1, BACKUP);
    paths.establish();
    expect(paths.news()).toEqual(["announce 1", "open 2 backup"]);
  });

  test("backup spends a tight limit on regular subflows first", () => {
    const paths = new FakePaths(fullMesh());
    paths.addLocal(1, BACKUP);
    paths.addRemote(1);
    paths.limits = { subflows: 1, addAddrAccepted: 8 };
    paths.establish();
    expect(paths.openPairs()).toEqual(["0-0", "0-1"]);
  });

  test("backup tells the peer when the first subflow is on a flagged address, or a flag changes", () => {
    const paths = new FakePaths(fullMesh(), true, BACKUP);
    paths.addLocal(1);
    paths.establish();
    expect(paths.news()).toEqual(["announce 1", "open 2", "priority 1 backup"]);
    paths.addLocal(1, BACKUP);
    expect(paths.news()).toEqual(["priority 2 backup"]);
    paths.addLocal(1);
    expect(paths.news()).toEqual(["priority 2 regular"]);
  });

  test("full uses flagged addresses like any other", () => {
    const paths = new FakePaths(fullMesh({ mode: "full" }), true, BACKUP);
    paths.addLocal(1, BACKUP);
    paths.establish();
    expect(paths.news()).toEqual(["announce 1", "open 2"]);
  });

  test("single-path opens the next one when the last is gone, at once", () => {
    const paths = new FakePaths(fullMesh({ mode: "single-path" }));
    paths.addLocal(1, BACKUP);
    paths.addLocal(2);
    established(paths);
    expect(paths.openPairs()).toEqual(["0-0"]);
    paths.removeLocal(0);
    expect(paths.openPairs()).toEqual(["2-0"]);
    paths.die(3);
    expect(paths.news()).toEqual(["open 3", "open 2"]);
    paths.pass(100 * SECOND);
    expect(paths.openPairs()).toEqual(["1-0"]);
  });

  test("single-path comes back to its only path after a second", () => {
    const paths = established(new FakePaths(fullMesh({ mode: "single-path" })));
    paths.die(1, "ECONNRESET");
    expect(paths.openPairs()).toEqual([]);
    paths.pass(SECOND);
    expect(paths.openPairs()).toEqual(["0-0"]);
  });

  test("single-path waits for an address when it has none", () => {
    const paths = established(new FakePaths(fullMesh({ mode: "single-path" })));
    paths.removeLocal(0);
    paths.pass(30 * SECOND);
    expect(paths.openPairs()).toEqual([]);
    paths.addLocal(3);
    expect(paths.openPairs()).toEqual(["3-0"]);
  });

  test("single-path leaves a down interface for another", () => {
    const paths = new FakePaths(fullMesh({ mode: "single-path" }));
    paths.addLocal(1);
    established(paths);
    paths.addLocal(0, NO_FLAGS, false);
    expect(paths.news()).toEqual(["withdraw 0", "close 1", "open 2"]);
  });
});
