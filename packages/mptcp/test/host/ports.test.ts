import { describe, expect, test } from "vitest";
import type { RandomSource } from "../../src/core/index.ts";
import { SeededRandom } from "../../src/core/index.ts";
import { FourTupleTable } from "../../src/host/four-tuple-table.ts";
import { PortAllocator } from "../../src/host/ports.ts";
import type { FourTuple, TcpConnection } from "../../src/tcp/index.ts";
import { IpAddress } from "../../src/wire/index.ts";

const LOCAL = IpAddress.from("10.0.0.1");
const SERVER = IpAddress.from("192.0.2.1");
const FIRST = 32768;
const LAST = 60999;

function take(table: FourTupleTable, localPort: number, remotePort = 80): void {
  table.add({ tuple: { localAddress: LOCAL, localPort, remoteAddress: SERVER, remotePort } } as TcpConnection);
}

function fixed(value: number): RandomSource {
  return { uint32: () => value, fill: () => {} };
}

describe("ephemeral ports", () => {
  test("lie in the range that Linux uses, at random", () => {
    const ports = new PortAllocator(new SeededRandom(1));
    const table = new FourTupleTable();
    const picked = Array.from({ length: 2000 }, () => ports.pick(table, LOCAL, SERVER, 80));
    expect(Math.min(...picked)).toBeGreaterThanOrEqual(FIRST);
    expect(Math.max(...picked)).toBeLessThanOrEqual(LAST);
    expect(new Set(picked).size).toBeGreaterThan(1800);
  });

  test("reach from the first to the last of the range", () => {
    const table = new FourTupleTable();
    expect(new PortAllocator(fixed(0)).pick(table, LOCAL, SERVER, 80)).toBe(FIRST);
    expect(new PortAllocator(fixed(0xffff_ffff)).pick(table, LOCAL, SERVER, 80)).toBe(LAST);
  });

  test("pass over those in use towards the same destination only, and wrap around", () => {
    const table = new FourTupleTable();
    take(table, LAST);
    take(table, FIRST);
    const ports = new PortAllocator(fixed(0xffff_ffff));
    expect(ports.pick(table, LOCAL, SERVER, 80)).toBe(FIRST + 1);
    expect(ports.pick(table, LOCAL, SERVER, 81)).toBe(LAST);
    expect(ports.pick(table, IpAddress.from("10.0.0.2"), SERVER, 80)).toBe(LAST);
  });

  test("run out", () => {
    const table = new FourTupleTable();
    for (let port = FIRST; port <= LAST; port++) take(table, port);
    expect(new PortAllocator(new SeededRandom(2)).pick(table, LOCAL, SERVER, 80)).toBe(0);
  });

  test("that connections have are not looked at one by one: neither the last free one nor its absence costs look-ups", () => {
    const table = new FourTupleTable();
    const ports = new PortAllocator(new SeededRandom(2));
    const tuple = (localPort: number): FourTuple => ({ localAddress: LOCAL, localPort, remoteAddress: SERVER, remotePort: 80 });
    for (let port = FIRST; port <= LAST; port++) {
      take(table, port);
      ports.take(tuple(port));
    }
    let lookUps = 0;
    const counting = { find: (...tupleOf: Parameters<FourTupleTable["find"]>) => (lookUps++, table.find(...tupleOf)) } as FourTupleTable;
    expect([ports.pick(counting, LOCAL, SERVER, 80), lookUps]).toEqual([0, 0]);
    for (const free of [FIRST, FIRST + 1, FIRST + 12_345, LAST]) {
      ports.release(tuple(free));
      table.remove({ tuple: tuple(free) } as TcpConnection);
      const empty = { find: () => (lookUps++, null) } as unknown as FourTupleTable;
      expect(ports.pick(empty, LOCAL, SERVER, 80)).toBe(free);
      ports.take(tuple(free));
    }
    expect(lookUps).toBe(4);
  });

  test("are given out and taken back in any order", () => {
    const table = new FourTupleTable();
    const random = new SeededRandom(3);
    const ports = new PortAllocator(random);
    const held: TcpConnection[] = [];
    for (let i = 0; i < 5000; i++) {
      if (held.length > 0 && random.uint32() % 3 === 0) {
        const [tcp] = held.splice(random.uint32() % held.length, 1) as [TcpConnection];
        expect(table.remove(tcp)).toBe(true);
        ports.release(tcp.tuple);
        continue;
      }
      const localPort = ports.pick(table, LOCAL, SERVER, 80);
      expect(table.find(LOCAL, localPort, SERVER, 80)).toBeNull();
      const tcp = { tuple: { localAddress: LOCAL, localPort, remoteAddress: SERVER, remotePort: 80 } } as TcpConnection;
      table.add(tcp);
      ports.take(tcp.tuple);
      held.push(tcp);
    }
  });
});
