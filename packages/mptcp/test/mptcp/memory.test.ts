import { expect, test } from "vitest";
import { isData, Pair } from "./pair.ts";

const BUFFER = 65_536;

test.each([false, true])("single octets behind a hole take a small multiple of the receive buffer, and all arrive in the end (checksums: %s)", (checksum) => {
  const receiveBuffer = { initial: BUFFER, max: BUFFER, autoTune: false };
  const pair = new Pair({ clientAddresses: 1, client: { tcp: { noDelay: true }, mptcp: { checksum } }, server: { tcp: { receiveBuffer } } });
  const { client, server } = pair.establish();
  client.write(30_000);
  pair.run(500);
  let first = -1;
  const mend = pair.lose((sent) => {
    if (sent.from !== "client" || !isData(sent)) return false;
    if (first < 0) first = sent.segment.sequence;
    return sent.segment.sequence === first;
  });
  let most = 0;
  for (let i = 0; i < 3000; i++) {
    client.write(1);
    pair.run(i % 100 === 99 ? 1 : 0);
    most = Math.max(most, server.engine.outOfOrderMemory(null) + server.engine.receiver.reorderMemory);
  }
  expect(server.received).toBe(30_000);
  expect(most).toBeGreaterThan(2000);
  expect(most).toBeLessThanOrEqual(4 * BUFFER);
  // The table of mappings is bounded too; what it has no room for is sent again.
  expect(server.engine.subflows[0]?.mappingsRemembered).toBeLessThanOrEqual(1024);
  mend();
  expect(pair.runUntil(() => server.received === 33_000)).toBe(true);
  expect([server.corrupt, server.established.length, server.engine.outOfOrderMemory(null)]).toEqual([false, 1, 0]);
});

test("subflows share what data out of order may take", () => {
  const receiveBuffer = { initial: BUFFER, max: BUFFER, autoTune: false };
  const pair = new Pair({ clientAddresses: 4, server: { tcp: { receiveBuffer } }, client: { tcp: { noDelay: true } } });
  const { client, server } = pair.establish();
  client.write(200_000);
  pair.run(1000);
  expect(server.established.length).toBe(4);
  // Half of the packets are late, on every path: holes on subflows and between them.
  let count = 0;
  pair.lose((sent) => sent.from === "client" && isData(sent) && count++ % 2 === 0, 3000);
  let most = 0;
  for (let i = 0; i < 4000; i++) {
    client.write(1 + (i % 3));
    pair.run(i % 50 === 49 ? 2 : 0);
    most = Math.max(most, server.engine.outOfOrderMemory(null) + server.engine.receiver.reorderMemory);
  }
  expect(most).toBeLessThanOrEqual(4 * BUFFER + 1000);
  expect(pair.runUntil(() => server.received === 200_000 + 7999)).toBe(true);
  expect(server.corrupt).toBe(false);
});
