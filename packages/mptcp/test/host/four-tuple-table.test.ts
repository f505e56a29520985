import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FourTupleTable } from "../../src/host/four-tuple-table.ts";
import type { FourTuple, TcpConnection } from "../../src/tcp/index.ts";
import { IpAddress } from "../../src/wire/index.ts";

function connection(localAddress: IpAddress, localPort: number, remoteAddress: IpAddress, remotePort: number): TcpConnection {
  const tuple: FourTuple = { localAddress, localPort, remoteAddress, remotePort };
  return { tuple } as TcpConnection;
}

/** Another object for the same address, as it comes with a packet. */
function copy(of: IpAddress): IpAddress {
  return IpAddress.from(String(of));
}

function find(table: FourTupleTable, { tuple }: TcpConnection): TcpConnection | null {
  return table.find(copy(tuple.localAddress), tuple.localPort, copy(tuple.remoteAddress), tuple.remotePort);
}

const address = fc.oneof(
  fc.nat(3).map((i) => IpAddress.v4(0x0a00_0001 + i)),
  fc.nat(3).map((i) => IpAddress.v6(0x2001_0db8, 0, 0, 1 + i)),
);
// IPv4-mapped and IPv4 addresses have the same last word, and few ports make many near misses.
const mapped = fc.nat(3).map((i) => IpAddress.v6(0, 0, 0, 0x0a00_0001 + i));
const port = fc.integer({ min: 1, max: 4 });
const tuple = fc.tuple(fc.oneof(address, mapped), port, fc.oneof(address, mapped), port);

describe("connections by four-tuple", () => {
  test("are found by it and by nothing else, as connections come and go", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(tuple, fc.boolean()), { maxLength: 200 }), (steps) => {
        const table = new FourTupleTable();
        const model = new Map<string, TcpConnection>();
        for (const [[localAddress, localPort, remoteAddress, remotePort], add] of steps) {
          const key = `${localAddress} ${localPort} ${remoteAddress} ${remotePort}`;
          const known = model.get(key) ?? null;
          expect(table.find(localAddress, localPort, remoteAddress, remotePort)).toBe(known);
          if (add && known === null) {
            const tcp = connection(localAddress, localPort, remoteAddress, remotePort);
            table.add(tcp);
            model.set(key, tcp);
          } else if (!add && known !== null) {
            expect(table.remove(known)).toBe(true);
            expect(table.remove(known)).toBe(false);
            model.delete(key);
          }
          expect(table.size).toBe(model.size);
        }
        for (const tcp of model.values()) expect(find(table, tcp)).toBe(tcp);
        expect(new Set(table.all())).toEqual(new Set(model.values()));
      }),
      { seed: 4, numRuns: 100 },
    );
  });

  test("leave a small table behind, and stay where they are while it shrinks", () => {
    const table = new FourTupleTable();
    const [local, remote] = [IpAddress.from("10.0.0.1"), IpAddress.from("10.0.0.2")];
    const all = Array.from({ length: 20_000 }, (_, i) => connection(local, 1 + i, remote, 80));
    for (const tcp of all) table.add(tcp);
    expect(table.capacity).toBeGreaterThanOrEqual(20_000);
    for (const tcp of all.slice(100)) table.remove(tcp);
    expect(table.capacity).toBeLessThanOrEqual(1024);
    expect(all.filter((tcp) => find(table, tcp) === tcp)).toEqual(all.slice(0, 100));
  });

  test("are told apart by each part of it", () => {
    const table = new FourTupleTable();
    const [a, b, c] = [IpAddress.from("10.0.0.1"), IpAddress.from("10.0.0.2"), IpAddress.from("10.0.0.3")];
    const all = [connection(a, 1, b, 2), connection(a, 2, b, 1), connection(b, 1, a, 2), connection(c, 1, b, 2), connection(a, 1, c, 2), connection(a, 1, b, 3), connection(a, 3, b, 2)];
    for (const tcp of all) table.add(tcp);
    for (const tcp of all) expect(find(table, tcp)).toBe(tcp);
    expect(table.find(a, 9, b, 2)).toBeNull();
  });

  test("survive growth by the thousand, evenly spread", () => {
    const table = new FourTupleTable();
    const server = IpAddress.from("192.0.2.1");
    const all: TcpConnection[] = [];
    for (let i = 0; i < 20_000; i++) all.push(connection(server, 443, IpAddress.v4(0x0a00_0000 + (i >> 4)), 32768 + (i & 15)));
    for (const tcp of all) table.add(tcp);
    expect(table.size).toBe(20_000);
    for (const tcp of all) expect(find(table, tcp)).toBe(tcp);
    const { buckets } = table as unknown as { buckets: ({ next: unknown } | null)[] };
    let longest = 0;
    for (const bucket of buckets) {
      let length = 0;
      for (let entry = bucket; entry !== null; entry = entry.next as { next: unknown } | null) length++;
      longest = Math.max(longest, length);
    }
    expect(longest).toBeLessThan(12);
    for (const tcp of all) expect(table.remove(tcp)).toBe(true);
    expect(table.all()).toEqual([]);
  });

  test("may go while all of them are walked", () => {
    const table = new FourTupleTable();
    for (let i = 1; i < 50; i++) table.add(connection(IpAddress.v4(1), i, IpAddress.v4(2), 80));
    for (const tcp of table.all()) table.remove(tcp);
    expect(table.size).toBe(0);
  });
});
