import { describe, expect, test } from "vitest";
import { NEVER, SECOND } from "../../src/core/index.ts";
import { pathManagers, userspace } from "../../src/mptcp/index.ts";
import type { PathControl, PathManager, PathManagerFactory } from "../../src/mptcp/index.ts";
import { checkPathManager } from "../../src/testing/index.ts";
import type { PathManagerClaims } from "../../src/testing/index.ts";

/** Ours, with what they claim. `endpoints` uses each path once, and `single-path` none beside another one. */
const CLAIMS: Readonly<Record<string, PathManagerClaims>> = { "full-mesh": { reopensWithin: 10 * SECOND }, full: { reopensWithin: 10 * SECOND } };

describe("our path managers conform", () => {
  test.each(Object.entries({ ...pathManagers, userspace }))("%s", (name, factory) => {
    expect(checkPathManager(factory, CLAIMS[name])).toEqual([]);
  });
});

/** Opens what `wants` says, whenever it is called. */
function simple(wants: (paths: PathControl) => readonly number[], more: Partial<PathManager> = {}): PathManagerFactory {
  return () => {
    const open = (paths: PathControl, now: number): void => {
      for (const index of wants(paths)) paths.open(index, false, now);
    };
    return { name: "simple", onEstablished: open, onAddresses: open, onSubflowClosed: (paths, _index, _reason, now) => open(paths, now), ...more };
  };
}

function joinable(paths: PathControl, limit = paths.limits.subflows): number[] {
  const room = limit + 1 - paths.openSubflows;
  const listens = (id: number, port: number): boolean => paths.remote.some((remote) => remote.id === id && remote.joinable && remote.port === port);
  return paths.paths.filter((path) => path.present && !path.open && listens(path.remoteAddressId, path.remotePort)).map((path) => path.index).slice(0, Math.max(0, room));
}

function casesOf(factory: PathManagerFactory, claims: PathManagerClaims = {}): string[] {
  return [...new Set(checkPathManager(factory, claims).map((one) => one.case))];
}

describe("a path manager is found out that", () => {
  test("opens without limit", () => {
    const found = checkPathManager(simple((paths) => (paths.initiator ? joinable(paths) : [])));
    expect(found.map((one) => one.case)).toContain("attempts");
    expect(found.find((one) => one.case === "attempts")?.problem).toMatch(/^path \d+ is tried \d+ times within a minute, .* while joins are refused at once$/);
  });

  test("opens what cannot be joined, or is open, or is beyond the limit", () => {
    const problems = checkPathManager(simple((paths) => paths.paths.map((path) => path.index))).map(({ problem }) => problem);
    expect(problems).toContainEqual(expect.stringMatching(/is opened, and open already$/));
    const absent = checkPathManager(simple((paths) => paths.paths.filter((path) => !path.open).map((path) => path.index))).map(({ problem }) => problem);
    expect(absent).toContainEqual(expect.stringMatching(/is opened, and one of its addresses is gone$/));
    const many = checkPathManager(simple((paths) => joinable(paths, 99))).map(({ problem }) => problem);
    expect(many).toContainEqual(expect.stringMatching(/is opened beside \d+ others, with a limit of \d+$/));
  });

  test("asks again and again while joins may not begin", () => {
    // Whenever the peer says its address again, and once a second.
    const impatient: PathManagerFactory = () => {
      let next = NEVER;
      const open = (paths: PathControl, now: number): void => {
        const [first] = paths.initiator ? joinable(paths).filter((index) => paths.paths.some((path) => path.index === index && path.remoteAddressId !== 0)) : [];
        next = first === undefined || paths.open(first, false, now) ? NEVER : now + SECOND;
      };
      return { name: "impatient", onEstablished: open, onAddresses: open, onSubflowClosed: () => {}, handleTimeout: open, get nextTimeout() { return next; } };
    };
    expect(checkPathManager(impatient).find((one) => one.case === "attempts")?.problem).toMatch(/is tried \d+ times within a minute/);
  });

  test("does not let go of its timeout, or acts before its time", () => {
    const once = simple(() => [], { nextTimeout: SECOND, handleTimeout: () => {} });
    expect(casesOf(once)).toContain("time");
    expect(casesOf(simple(() => [], { nextTimeout: Number.NaN }))).toContain("time");
    const eager = simple(() => [], { nextTimeout: NEVER, handleTimeout: (paths, now) => void paths.open(2, false, now) });
    expect(casesOf(eager)).toEqual(expect.arrayContaining(["early", "opening"]));
  });

  test("remembers every path that ever was", () => {
    const hoarder: PathManagerFactory = () => {
      const failed = new Map<number, number>();
      const manager = { name: "hoarder", failed, onEstablished: () => {}, onAddresses: () => {}, onSubflowClosed: (_: PathControl, index: number, __: string, now: number) => void failed.set(index, now) };
      return manager;
    };
    expect(casesOf(hoarder)).toEqual(["memory"]);
  });

  test("does not reopen what it claims to", () => {
    expect(casesOf(pathManagers["endpoints"] as PathManagerFactory, { reopensWithin: 600 * SECOND })).toEqual(["reopening"]);
  });

  test("closes what carries a transfer", () => {
    const closer = simple(() => [], {
      onAddresses: (paths, now) => {
        for (const path of paths.paths) if (path.open) paths.close(path.index, now);
      },
    });
    expect(casesOf(closer)).toContain("transfer");
  });
});
