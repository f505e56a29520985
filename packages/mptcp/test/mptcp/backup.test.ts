import { describe, expect, test } from "vitest";
import { Dss } from "../../src/wire/index.ts";
import type { App } from "./pair.ts";
import { isData, MS, Pair } from "./pair.ts";

/** A regular path of 30 ms each way, and a backup of 150 ms. */
function establish(): { pair: Pair; client: App; server: App } {
  const pair = new Pair({ clientAddresses: 1, delay: (client) => (client === 0 ? 30 : 150) * MS });
  const { client, server } = pair.establish();
  pair.addAddress("client", "10.1.0.2", { backup: true });
  client.write(200_000);
  pair.run(5000);
  expect(server.received).toBe(200_000);
  expect(client.mptcp.subflows.map((subflow) => [subflow.established, subflow.backup])).toEqual([[true, false], [true, true]]);
  expect(onBackup(pair, 0)).toEqual([]);
  return { pair, client, server };
}

/** Data that the client sent on the backup. */
function onBackup(pair: Pair, mark: number): number[] {
  return pair.packets((sent) => sent.from === "client" && sent.client === 1 && isData(sent), mark).map((sent) => sent.at / MS);
}

describe("a backup (RFC 8684 §3.3.8)", () => {
  test("carries nothing when the regular path is silent for less than its timeout", () => {
    const { pair, client, server } = establish();
    const mark = pair.sent.length;
    // 160 ms: more than two round trips, so that a tail loss probe goes out, and less than the timeout.
    const slow = pair.interfere((packet, sent) => {
      if (sent.from !== "server" || sent.client !== 0) return packet;
      pair.enqueue("client", packet, 130 * MS);
      return null;
    });
    client.write(20_000);
    pair.run(1000);
    slow();
    pair.run(1000);
    expect(pair.decisions("client", "retransmission").map((event) => event.cause)).toContain("tlp");
    expect(pair.decisions("client", "rto")).toEqual([]);
    expect(server.received).toBe(220_000);
    expect(onBackup(pair, mark)).toEqual([]);
  });

  test("carries nothing more once the path that timed out acknowledges again", () => {
    const { pair, client, server } = establish();
    const mark = pair.sent.length;
    const outage = pair.lose((sent) => sent.client === 0);
    client.write(100_000);
    pair.run(150);
    outage();
    const [path] = client.mptcp.subflows;
    expect(pair.runUntil(() => path?.stale === true, 1000)).toBe(true);
    expect(pair.runUntil(() => path?.stale === false, 1000)).toBe(true);
    // An initial window of it was sent at the timeout.
    expect(onBackup(pair, mark).length).toBeGreaterThan(0);
    expect(client.engine.sender.hasReinjections).toBe(true);
    const back = pair.sent.length;
    pair.run(5000);
    expect(server.received).toBe(300_000);
    expect(onBackup(pair, back)).toEqual([]);
  });

  test("carries nothing when a peer acknowledges late at connection level only", () => {
    const { pair, client, server } = establish();
    const mark = pair.sent.length;
    let frozen = -1;
    const late = pair.alter((segment, sent) => {
      if (sent.from !== "server") return;
      segment.mptcp = segment.mptcp.map((option) => {
        if (option.kind !== "dss") return option;
        if (frozen < 0) frozen = option.dataAckLow;
        return Object.assign(new Dss(), option, { dataAckLow: frozen });
      });
    });
    client.write(30_000);
    pair.runUntil(() => pair.decisions("client", "reinjection").length > 0, 5000);
    expect(pair.decisions("client", "reinjection").map((event) => event.cause)).toEqual(["data_timeout"]);
    late();
    client.write(300_000);
    pair.run(5000);
    expect(server.received).toBe(530_000);
    expect(onBackup(pair, mark)).toEqual([]);
  });
});
