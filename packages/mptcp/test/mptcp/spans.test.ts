import { expect, test } from "vitest";
import { isData, option, Pair } from "./pair.ts";
import type { PairOptions, Sent } from "./pair.ts";

const SPANS: Pick<PairOptions, "client"> = { client: { mptcp: { mappingSpan: "write" } } };

function mappings(sent: readonly Sent[]): string[] {
  return sent.map(({ segment }) => {
    const dss = option(segment, "dss");
    return dss === null ? "none" : `ssn ${dss.subflowSequence} length ${dss.dataLength}`;
  });
}

test("one mapping covers what is written, on each of its segments, beyond the congestion window too", () => {
  const pair = new Pair(SPANS);
  const { client, server } = pair.establish();
  client.write(100);
  pair.run(300);
  const from = pair.sent.length;
  client.write(40_000);
  pair.run(300);
  expect([server.received, server.corrupt]).toEqual([40_100, false]);
  const data = pair.packets((sent) => sent.from === "client" && isData(sent), from);
  expect(new Set(mappings(data))).toEqual(new Set(["ssn 101 length 40000"]));
});

test("what was declared on a path that dies arrives on the other one, and its rest is sent where it was declared once that lives again", () => {
  const pair = new Pair({ ...SPANS, clientAddresses: 2 });
  const { client, server } = pair.establish();
  client.write(100);
  pair.run(300);
  const heal = pair.lose((sent) => sent.client === 0);
  client.write(400_000);
  expect(pair.runUntil(() => server.received === 400_100, 30_000)).toBe(true);
  heal();
  pair.run(30_000);
  client.write(50_000);
  expect(pair.runUntil(() => server.received === 450_100, 30_000)).toBe(true);
  expect(server.corrupt).toBe(false);
  client.end();
  server.end();
  pair.run(10_000);
  expect([client.connection.closed, client.connection.error, server.connection.error]).toEqual([true, null, null]);
  expect(pair.counter("server", "DSSNotMatching")).toBe(0);
});

test("a connection that becomes regular TCP within a mapping goes on with its rest", () => {
  const pair = new Pair(SPANS);
  const { client, server } = pair.establish();
  client.write(100);
  pair.run(300);
  client.write(200_000);
  pair.run(1);
  pair.alter((segment) => {
    segment.mptcp = [];
  });
  expect(pair.runUntil(() => server.received === 200_100, 30_000)).toBe(true);
  expect([server.corrupt, client.connection.error, server.connection.error]).toEqual([false, null, null]);
  expect((client.mptcp.fallback ?? "none") !== "none").toBe(true);
});
