import * as fc from "fast-check";
import { expect, it } from "vitest";
import { SeededRandom } from "../../src/core/index.ts";
import { readFastOpen, TCP_FLAG } from "../../src/wire/index.ts";
import { Pair } from "../mptcp/pair.ts";
import type { App, Sent } from "../mptcp/pair.ts";

/** What somebody on the path does to SYNs, and to the rest. */
const path = fc.record({
  stripsRequest: fc.boolean(),
  stripsAnswer: fc.boolean(),
  dropsData: fc.boolean(),
  dropsOption: fc.boolean(),
  /** Octets of a SYN's data that are let through; null: all. */
  cuts: fc.option(fc.integer({ min: 0, max: 900 })),
  stripsMultipath: fc.constantFrom("no", "syn", "synAck", "ack", "all"),
  loss: fc.constantFrom(0, 0.05, 0.15),
  duplicates: fc.constantFrom(0, 0.1),
});

const run = fc.record({
  seed: fc.integer({ min: 1, max: 1e6 }),
  multipath: fc.boolean(),
  checksum: fc.boolean(),
  profile: fc.constantFrom("own" as const, "linux" as const),
  cookies: fc.constantFrom("required" as const, "none" as const),
  changesKeys: fc.boolean(),
  waits: fc.boolean(),
  addresses: fc.constantFrom(1, 2),
  /** Nothing is done to a first connection, which gets a cookie. */
  path,
  sizes: fc.array(fc.record({ client: fc.integer({ min: 0, max: 5000 }), later: fc.integer({ min: 0, max: 20_000 }), server: fc.integer({ min: 0, max: 20_000 }) }), { minLength: 1, maxLength: 3 }),
});

const isSyn = ({ segment }: Sent): boolean => (segment.flags & TCP_FLAG.SYN) !== 0;

it("loses and doubles nothing, whatever is done to SYNs, options and data on the way", () => {
  fc.assert(
    fc.property(run, ({ addresses, changesKeys, checksum, cookies, multipath, path: box, profile, seed, sizes, waits }) => {
      const pair = new Pair({ seed, clientAddresses: addresses, client: { profile, mptcp: { checksum } }, server: { profile }, listen: { multipath, fastOpen: { cookies } } });
      const connect = { multipath, fastOpen: { cookies, waits } };
      converse(pair, connect, { client: 10, later: 0, server: 10 });
      if (changesKeys) pair.hosts.server.setFastOpenKeys([new Uint8Array(16)]);
      interfere(pair, box, seed);
      for (const size of sizes) {
        const [client, server] = converse(pair, connect, size);
        expect([server.received, server.corrupt, client.received, client.corrupt]).toEqual([size.client + size.later, false, size.server, false]);
        pair.run(65_000);
      }
    }),
    { numRuns: Number(process.env["FAST_OPEN_RUNS"] ?? 150) },
  );
}, 120_000);

/** One connection, with data each way, until both have everything. */
function converse(pair: Pair, connect: Parameters<Pair["connect"]>[0], size: { readonly client: number; readonly later: number; readonly server: number }): [App, App] {
  const before = pair.accepted.length;
  const client = pair.connect(connect);
  client.write(size.client);
  // What nobody writes may hold the SYN back.
  if (size.client === 0 && size.later === 0) client.end();
  pair.run(15);
  client.write(size.later);
  expect(pair.runUntil(() => pair.accepted.length > before, 400_000), "accepted").toBe(true);
  const server = pair.accepted.at(-1) as App;
  server.write(size.server);
  pair.runUntil(() => server.received >= size.client + size.later && client.received >= size.server, 3_000_000);
  client.end();
  server.end();
  pair.run(2000);
  return [client, server];
}

function interfere(pair: Pair, box: typeof path extends fc.Arbitrary<infer T> ? T : never, seed: number): void {
  const random = new SeededRandom(seed, "path");
  const chance = (probability: number): boolean => random.uint32() / 2 ** 32 < probability;
  pair.alter((segment, sent) => {
    const fromClient = sent.from === "client";
    if (isSyn(sent) && (fromClient ? box.stripsRequest : box.stripsAnswer)) segment.otherOptions = [];
    if (isSyn(sent) && fromClient && box.cuts !== null) segment.payload = segment.payload.slice(0, Math.min(segment.payload.length, box.cuts));
    const which = isSyn(sent) ? (fromClient ? "syn" : "synAck") : "ack";
    if (box.stripsMultipath === "all" || (box.stripsMultipath === which && (isSyn(sent) || fromClient))) segment.mptcp = [];
  });
  pair.lose((sent) => isSyn(sent) && sent.from === "client" && ((box.dropsData && sent.segment.payload.length > 0) || (box.dropsOption && readFastOpen(sent.segment) !== null)));
  pair.interfere((packet) => (chance(box.loss) ? null : chance(box.duplicates) ? [packet, packet.clone()] : packet));
}
