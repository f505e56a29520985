import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { LocalAddress, Path } from "../../../src/mptcp/path-manager.ts";
import { PathTable } from "../../../src/mptcp/paths/table.ts";
import { IpAddress } from "../../../src/wire/index.ts";

const A1 = IpAddress.from("10.0.1.1");
const A2 = IpAddress.from("10.0.2.1");
const A6 = IpAddress.from("2001:db8::1");
const B1 = IpAddress.from("10.1.1.1");
const B2 = IpAddress.from("10.1.2.1");
const B6 = IpAddress.from("2001:db8::2");
const FLAGS = { subflow: false, signal: false, backup: false, fullmesh: false };

function local(id: number, address: IpAddress, up = true): LocalAddress {
  return { id, address, up, flags: FLAGS };
}

function tableWithFirst(): PathTable {
  const table = new PathTable();
  table.first(A1, 0, 40_000, B1, 0, 80);
  return table;
}

/** Rows as text: index, endpoint id, and what is said of them. */
function show(table: PathTable, which: (path: Path) => boolean = (path) => path.present): string[] {
  return table.paths.filter(which).map((path) => {
    const ends = `${path.localAddress}/${path.localAddressId}:${path.localPort} ${path.remoteAddress}/${path.remoteAddressId}:${path.remotePort}`;
    return `${path.index} ${ends}${path.open ? " open" : ""}`;
  });
}

function pairOf(path: Path): string {
  return `${path.localAddressId} ${path.localAddress} ${path.remoteAddressId} ${path.remoteAddress} ${path.remotePort}`;
}

const FIRST = "1 10.0.1.1/0:40000 10.1.1.1/0:80 open";

describe("the mapping table", () => {
  test("begins with the first subflow as index 1", () => {
    const table = tableWithFirst();
    expect(show(table)).toEqual([FIRST]);
    expect(table.local.map((entry) => entry.id)).toEqual([0]);
    expect(table.remote.map((entry) => entry.port)).toEqual([80]);
  });

  test("has every pair of addresses of one family, with the local port to be picked (Table 1)", () => {
    const table = tableWithFirst();
    expect(table.addLocal(local(2, A2))).toBe(true);
    expect(table.addRemote({ id: 3, address: B2, port: 80, joinable: true })).toBe(true);
    expect(show(table)).toEqual([
      FIRST,
      "2 10.0.2.1/2:0 10.1.1.1/0:80",
      "3 10.0.1.1/0:0 10.1.2.1/3:80",
      "4 10.0.2.1/2:0 10.1.2.1/3:80",
    ]);
    table.addLocal(local(4, A6));
    expect(table.paths.length).toBe(4);
    table.addRemote({ id: 5, address: B6, port: 8080, joinable: true });
    expect(show(table)[4]).toBe("5 2001:db8::1/4:0 2001:db8::2/5:8080");
    expect(table.paths.length).toBe(5);
  });

  test("keeps the row of a pair that goes, and gives it its index back when it returns", () => {
    const table = tableWithFirst();
    table.addLocal(local(2, A2));
    expect(table.removeLocal(2)).toBe(true);
    expect(show(table)).toEqual([FIRST]);
    expect(table.path(2)?.present).toBe(false);
    table.addRemote({ id: 3, address: B2, port: 80, joinable: true });
    table.addLocal(local(2, A2));
    expect(show(table).map((row) => row.slice(0, 14))).toEqual(["1 10.0.1.1/0:4", "2 10.0.2.1/2:0", "3 10.0.1.1/0:0", "4 10.0.2.1/2:0"]);
  });

  test("gives an address that returns under another id new indices", () => {
    const table = tableWithFirst();
    table.addLocal(local(2, A2));
    table.removeLocal(2);
    table.addLocal(local(7, A2));
    expect(show(table)[1]).toBe("3 10.0.2.1/7:0 10.1.1.1/0:80");
  });

  test("does not count addresses that are down", () => {
    const table = tableWithFirst();
    table.addLocal(local(2, A2, false));
    expect(table.paths.length).toBe(1);
    expect(table.addLocal(local(2, A2, true))).toBe(true);
    expect(table.path(2)?.present).toBe(true);
    expect(table.addLocal(local(2, A2, true))).toBe(false);
    table.addLocal(local(2, A2, false));
    expect(table.path(2)?.present).toBe(false);
  });

  test("frees the first subflow's port when that subflow is gone", () => {
    const table = tableWithFirst();
    expect(table.markOpen(1, true)).toBe(false);
    expect(table.markOpen(1, false)).toBe(true);
    expect(show(table)).toEqual(["1 10.0.1.1/0:0 10.1.1.1/0:80"]);
    expect(table.markOpen(99, true)).toBe(false);
  });

  test("remembers that a path has worked", () => {
    const table = tableWithFirst();
    expect(table.path(1)?.worked).toBe(false);
    expect(table.markWorked(1)).toBe(true);
    expect(table.markWorked(1)).toBe(false);
    expect(table.path(1)?.worked).toBe(true);
  });
});

describe("the address tables", () => {
  test("keep the id of the first subflow's address, and take flags over", () => {
    const table = tableWithFirst();
    expect(table.addLocal({ id: 9, address: A1, up: true, flags: { ...FLAGS, backup: true } })).toBe(true);
    expect(table.local).toEqual([{ id: 0, address: A1, up: true, flags: { ...FLAGS, backup: true } }]);
    expect(table.addLocal({ id: 9, address: A1, up: true, flags: { ...FLAGS, backup: true } })).toBe(false);
  });

  test("refuse another address under an assigned remote id, but take another port (RFC 8684 §3.4.1)", () => {
    const table = tableWithFirst();
    table.addRemote({ id: 3, address: B2, port: 80, joinable: true });
    expect(table.addRemote({ id: 3, address: B6, port: 80, joinable: true })).toBe(false);
    expect(table.addRemote({ id: 3, address: B2, port: 80, joinable: true })).toBe(false);
    expect(table.addRemote({ id: 3, address: B2, port: 81, joinable: true })).toBe(true);
    expect(show(table)[1]).toBe("3 10.0.1.1/0:0 10.1.2.1/3:81");
    expect(table.path(2)?.present).toBe(false);
  });

  test("do not take one remote address and port twice", () => {
    const table = tableWithFirst();
    expect(table.addRemote({ id: 4, address: B1, port: 80, joinable: true })).toBe(false);
    expect(table.addRemote({ id: 4, address: B1, port: 81, joinable: true })).toBe(true);
  });

  test("hold no path to the peer's first address when it forbids joins, but the first", () => {
    const table = tableWithFirst();
    expect(table.denyInitialRemote()).toBe(true);
    table.addLocal(local(2, A2));
    table.addRemote({ id: 3, address: B2, port: 80, joinable: true });
    expect(show(table)).toEqual([FIRST, "2 10.0.1.1/0:0 10.1.2.1/3:80", "3 10.0.2.1/2:0 10.1.2.1/3:80"]);
  });

  test("ignore the removal of what they do not have", () => {
    const table = tableWithFirst();
    expect(table.removeLocal(5)).toBe(false);
    expect(table.removeRemote(5)).toBe(false);
  });

  test("are bounded, and so is the mapping table", () => {
    const table = new PathTable({ addresses: 4, paths: 6 });
    table.first(A1, 0, 40_000, B1, 0, 80);
    for (let id = 1; id < 256; id++) {
      table.addLocal(local(id, IpAddress.v4(0x0a020000 + id)));
      table.addRemote({ id, address: IpAddress.v4(0x0a030000 + id), port: 80, joinable: true });
    }
    expect(table.local.length).toBe(4);
    expect(table.remote.length).toBe(4);
    expect(table.paths.length).toBe(6);
    expect(table.learn(A2, 77, B2, 77, 5000)).toBe(0);
    for (let id = 1; id < 256; id++) {
      table.removeLocal(id);
      table.removeRemote(id);
    }
    for (let i = 0; i < 100; i++) {
      table.addLocal(local(1, IpAddress.v4(0x0a040000 + i)));
      table.removeLocal(1);
    }
    expect(table.paths.length).toBe(6);
    expect(table.path(1)?.open).toBe(true);
    expect((table.paths.at(-1) as Path).index).toBeGreaterThan(100);
  });
});

describe("a join that arrived", () => {
  test("gets the index of its pair when that is known and idle", () => {
    const table = tableWithFirst();
    table.addLocal(local(2, A2));
    expect(table.learn(A2, 2, B1, 0, 5555)).toBe(2);
    expect(show(table)[1]).toBe("2 10.0.2.1/2:0 10.1.1.1/0:80 open");
  });

  test("gets an index of its own otherwise, and the peer's address is noted once the join is established", () => {
    const table = tableWithFirst();
    expect(table.learn(A1, 0, B1, 0, 5555)).toBe(2);
    expect(table.learn(A1, 0, B2, 6, 5556)).toBe(3);
    expect(table.remote.map((entry) => entry.id)).toEqual([0]);
    expect(table.markWorked(3)).toBe(true);
    expect(table.remote.map((entry) => [entry.id, String(entry.address), entry.port])).toEqual([
      [0, "10.1.1.1", 80],
      [6, "10.1.2.1", 80],
    ]);
    table.markOpen(3, false);
    expect(table.learn(A1, 0, B2, 6, 6666)).toBe(3);
  });

  test("keeps the address that the peer announced, if the join came from elsewhere (a NAT)", () => {
    const table = tableWithFirst();
    table.addRemote({ id: 6, address: B2, port: 80, joinable: true });
    const natted = IpAddress.from("192.0.2.7");
    const index = table.learn(A1, 0, natted, 6, 5556);
    expect(table.remote.map((entry) => String(entry.address))).toEqual(["10.1.1.1", "10.1.2.1"]);
    expect(table.path(index)).toMatchObject({ open: true, present: true });
    table.removeRemote(6);
    expect(table.path(index)).toMatchObject({ open: true, present: false });
  });

  test("always finds room, however many joins came and failed before", () => {
    const table = tableWithFirst();
    for (let i = 1; i <= 2000; i++) {
      const index = table.learn(A1, 0, IpAddress.v4(0x0a050000 + i), i & 255, 5000);
      expect(index).toBe(i + 1);
      table.markOpen(index, false);
    }
    expect([table.paths.length, table.remote.length, table.path(1)?.open]).toEqual([512, 1, true]);
  });

  test("makes no path between families", () => {
    expect(tableWithFirst().learn(A6, 4, B1, 0, 5555)).toBe(0);
  });
});

describe("whatever happens", () => {
  const ADDRESSES = [A1, A2, A6, IpAddress.from("10.0.3.1"), B1, B2, B6];
  const id = fc.integer({ min: 0, max: 4 });
  const address = fc.constantFrom(...ADDRESSES);
  const port = fc.constantFrom(80, 81);
  const step = fc.oneof(
    fc.record({ kind: fc.constant("addLocal" as const), id, address, up: fc.boolean() }),
    fc.record({ kind: fc.constant("removeLocal" as const), id }),
    fc.record({ kind: fc.constant("addRemote" as const), id, address, port, joinable: fc.boolean() }),
    fc.record({ kind: fc.constant("removeRemote" as const), id }),
    fc.record({ kind: fc.constant("markOpen" as const), index: fc.integer({ min: 1, max: 12 }), open: fc.boolean() }),
    fc.record({ kind: fc.constant("learn" as const), id, address, remoteId: id, remote: address, port }),
  );
  type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

  function apply(table: PathTable, event: Step): boolean {
    switch (event.kind) {
      case "addLocal":
        return table.addLocal(local(event.id, event.address, event.up));
      case "removeLocal":
        return table.removeLocal(event.id);
      case "addRemote":
        return table.addRemote(event);
      case "removeRemote":
        return table.removeRemote(event.id);
      case "markOpen":
        return table.markOpen(event.index, event.open);
      case "learn":
        return table.learn(event.address, event.id, event.remote, event.remoteId, event.port) !== 0;
    }
  }

  test.each([512, 5])("an index never means two pairs, nor is given twice (%i rows)", (paths) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const table = new PathTable({ addresses: 4, paths });
        table.first(A1, 0, 40_000, B1, 0, 80);
        const pairs = new Map<number, string>();
        let highest = 0;
        for (const event of steps) {
          const before = JSON.stringify([table.local, table.remote, table.paths]);
          const changed = apply(table, event);
          if (!changed) expect(JSON.stringify([table.local, table.remote, table.paths])).toBe(before);
          for (const path of table.paths) {
            expect(path.localAddress.family).toBe(path.remoteAddress.family);
            if (pairs.has(path.index)) expect(pairOf(path)).toBe(pairs.get(path.index));
            else {
              expect(path.index).toBeGreaterThan(highest);
              pairs.set(path.index, pairOf(path));
              highest = path.index;
            }
          }
          expect(table.paths.length).toBeLessThanOrEqual(paths);
          expect(table.paths.map((path) => path.index)).toEqual(table.paths.map((path) => path.index).toSorted((a, b) => a - b));
        }
      }),
      { seed: 5, numRuns: 300 },
    );
  });

  test("the pairs present are those of the addresses that are up and joinable, and those learnt", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const table = new PathTable();
        table.first(A1, 0, 40_000, B1, 0, 80);
        for (const event of steps) if (event.kind !== "learn") apply(table, event);
        const expected = new Set<string>();
        for (const mine of table.local) {
          for (const theirs of table.remote) {
            if (!mine.up || !theirs.joinable || mine.address.family !== theirs.address.family) continue;
            expected.add(`${mine.id} ${mine.address} ${theirs.id} ${theirs.address} ${theirs.port}`);
          }
        }
        const present = table.paths.filter((path) => path.present && path.index !== 1).map(pairOf);
        const first = pairOf(table.path(1) as Path);
        expected.delete(first);
        expect(new Set(present)).toEqual(expected);
        expect(present.length).toBe(expected.size);
      }),
      { seed: 6, numRuns: 300 },
    );
  });
});
