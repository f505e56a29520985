import { describe, expect, test } from "vitest";
import type { Side } from "./pair.ts";
import { isSyn, Pair, SECOND } from "./pair.ts";

/** Two subflows; from 1 s on what `from` sends has no options, SYNs aside. */
function lostOn(from: Side | "both"): { pair: Pair; errors: () => unknown[]; closedAt: (side: Side) => number } {
  const pair = new Pair({ clientAddresses: 2 });
  const { client, server } = pair.establish();
  client.write(1000);
  server.write(1000);
  pair.run(800);
  pair.alter((segment, sent) => {
    if (!isSyn(sent) && sent.at >= SECOND && (from === "both" || sent.from === from)) segment.mptcp = [];
  });
  client.write(5000);
  server.write(5000);
  return {
    pair,
    errors: () => [client.connection.error, server.connection.error],
    closedAt: (side) => (pair.decisions(side, "connection_closed")[0]?.at ?? Number.POSITIVE_INFINITY) / SECOND,
  };
}

describe("two subflows whose options vanish", () => {
  test.each(["client", "server", "both"] as const)("from what the %s sends: an error at both ends in less than half a minute, by the usual limits", (from) => {
    const { pair, errors, closedAt } = lostOn(from);
    pair.run(60_000);
    expect(errors()).toEqual(["ETIMEDOUT", "ETIMEDOUT"]);
    for (const side of ["client", "server"] as const) expect(closedAt(side)).toBeLessThan(30);
  });
});

test("a path that is back before that is used again, and nothing is lost", () => {
  const pair = new Pair({ clientAddresses: 2 });
  const { client, server } = pair.establish();
  client.write(1000);
  pair.run(800);
  const back = pair.alter((segment, sent) => {
    if (!isSyn(sent)) segment.mptcp = [];
  });
  client.write(5000);
  pair.run(10_000);
  back();
  client.end();
  server.end();
  pair.run(60_000);
  expect([server.received, server.corrupt, client.connection.error, server.connection.error]).toEqual([6000, false, null, null]);
});

test("a connection that lost its subflows for another reason waits for its whole minute", () => {
  const pair = new Pair({ clientAddresses: 2 });
  const { client } = pair.establish();
  pair.lose((sent) => isSyn(sent));
  for (const { tcp } of client.mptcp.subflows) tcp.abort(pair.now);
  pair.removeAddress("client", 0);
  pair.removeAddress("client", 1);
  const from = pair.now;
  pair.run(120_000);
  expect(client.connection.error).toBe("ETIMEDOUT");
  expect(((pair.decisions("client", "connection_closed")[0]?.at ?? 0) - from) / SECOND).toBeGreaterThanOrEqual(60);
});

test("a connection whose first subflow is gone says that it cannot become regular TCP, though it never had a second one", () => {
  const pair = new Pair({ clientAddresses: 2 });
  pair.lose((sent) => sent.client === 1 && !isSyn(sent));
  const { client, server } = pair.establish();
  expect([client.engine.mayFallBack, server.engine.mayFallBack]).toEqual([true, true]);
  pair.removeAddress("client", 0);
  pair.run(10);
  expect(client.engine.mayFallBack).toBe(false);
  client.engine.fallBack("options_lost", pair.now);
  expect(client.mptcp.fallback).toBeNull();
});
