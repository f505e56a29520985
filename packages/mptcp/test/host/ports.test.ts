import { describe, expect, test } from "vitest";
import { FixableRandom, SeededRandom } from "../../src/core/index.ts";
import { FourTupleTable } from "../../src/host/four-tuple-table.ts";
import type { PortRange } from "../../src/host/ports.ts";
import { EPHEMERAL_PORTS, PortAllocator } from "../../src/host/ports.ts";
import type { FourTuple, TcpConnection } from "../../src/tcp/index.ts";
import { IpAddress } from "../../src/wire/index.ts";

const LOCAL = IpAddress.from("10.0.0.1");
const SERVER = IpAddress.from("192.0.2.1");
const FIRST = 32768;
const LAST = 60999;

function take(table: FourTupleTable, localPort: number, remotePort = 80): void {
  table.add({ tuple: { localAddress: LOCAL, localPort, remoteAddress: SERVER, remotePort } } as TcpConnection);
}

/** An allocator with the secret of a seed. @param ports that are picked first, where they are free */
function allocator(seed: number, ports: readonly number[] = [], range: PortRange = EPHEMERAL_PORTS): PortAllocator {
  const fixed = new FixableRandom(new SeededRandom(seed));
  fixed.fix(ports);
  return new PortAllocator(fixed, range);
}

/** Where one begins for a destination. */
function firstOf(seed: number, remotePort: number): number {
  return allocator(seed).pick(new FourTupleTable(), LOCAL, SERVER, remotePort);
}

describe("ephemeral ports", () => {
  test("lie in the range that Linux uses, each once before one comes again", () => {
    const ports = allocator(1);
    const table = new FourTupleTable();
    const all = LAST - FIRST + 1;
    const picked = Array.from({ length: all + 1 }, () => ports.pick(table, LOCAL, SERVER, 80));
    expect(Math.min(...picked)).toBe(FIRST);
    expect(Math.max(...picked)).toBe(LAST);
    expect(new Set(picked.slice(0, all)).size).toBe(all);
    expect(picked[all]).toBe(picked[0]);
  });

  test("begin where nobody can guess, elsewhere for each destination and secret", () => {
    const begins = Array.from({ length: 200 }, (_, i) => firstOf(1, i + 1));
    expect(new Set(begins).size).toBeGreaterThan(195);
    expect(Math.max(...begins) - Math.min(...begins)).toBeGreaterThan(20_000);
    expect(firstOf(2, 1)).not.toBe(begins[0]);
    expect(firstOf(1, 1)).toBe(begins[0]);
  });

  test("lie in a range of the host's own", () => {
    const ports = allocator(1, [], [2000, 2009]);
    const table = new FourTupleTable();
    const picked = Array.from({ length: 10 }, () => {
      const port = ports.pick(table, LOCAL, SERVER, 80);
      take(table, port);
      return port;
    });
    expect(picked.toSorted((a, b) => a - b)).toEqual([2000, 2001, 2002, 2003, 2004, 2005, 2006, 2007, 2008, 2009]);
    expect(ports.pick(table, LOCAL, SERVER, 80)).toBe(0);
    expect(() => allocator(1, [], [2000, 1999])).toThrow("range of ports");
  });

  test("pass over those in use towards the same destination only, and wrap around", () => {
    const table = new FourTupleTable();
    take(table, LAST);
    take(table, FIRST);
    const ports = allocator(1, [LAST, LAST, LAST]);
    expect(ports.pick(table, LOCAL, SERVER, 80)).toBe(FIRST + 1);
    expect(ports.pick(table, LOCAL, SERVER, 81)).toBe(LAST);
    expect(ports.pick(table, IpAddress.from("10.0.0.2"), SERVER, 80)).toBe(LAST);
  });

  test("run out", () => {
    const table = new FourTupleTable();
    for (let port = FIRST; port <= LAST; port++) take(table, port);
    expect(allocator(2).pick(table, LOCAL, SERVER, 80)).toBe(0);
  });

  test("that connections have are not looked at one by one: neither the last free one nor its absence costs look-ups", () => {
    const table = new FourTupleTable();
    const ports = allocator(2);
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
    const ports = allocator(3);
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
