import { expect, test } from "vitest";
import { isData, Pair } from "./pair.ts";

test("bytesSent of a subflow counts what left, repetitions once each", () => {
  const pair = new Pair();
  const { client, server } = pair.establish();
  pair.lose(isData, 3);
  client.write(50_000);
  pair.run(5000);
  expect(server.received).toBe(50_000);
  const left = pair.packets((sent) => sent.from === "client").reduce((total, { segment }) => total + segment.payload.length, 0);
  const [subflow] = client.mptcp.info(pair.now).subflows;
  expect(subflow).toMatchObject({ bytesSent: left, bytesRetransmitted: left - 50_000, bytesAcknowledged: 50_000 });
  expect(left).toBeGreaterThan(50_000);
});
