import { describe, expect, test } from "vitest";
import type { ConnectOptions, HostOptions } from "../../src/host/index.ts";
import { sequenceDifference } from "../../src/wire/index.ts";
import { isSyn, MS, Pair } from "../mptcp/pair.ts";
import type { PairOptions, Sent } from "../mptcp/pair.ts";

const ONE_PORT: Partial<HostOptions> = { portRange: [40_000, 40_000] };

/** Connections one after another on one port, each ended by the server first. */
function churn(options: PairOptions, count: number, octets = { up: 1000, down: 1000 }, pause = 0): Pair {
  const pair = new Pair({ ...options, client: { ...ONE_PORT, ...options.client } });
  for (let i = 0; i < count; i++) {
    const { client, server } = pair.establish();
    client.write(octets.up);
    server.write(octets.down);
    pair.run(3000);
    expect([client.received, server.received]).toEqual([octets.down, octets.up]);
    server.end();
    pair.run(500);
    client.end();
    pair.run(500 + pause);
    expect([pair.hosts.client.usage.timeWaits, pair.hosts.server.usage.timeWaits]).toEqual([0, 1]);
  }
  return pair;
}

function syns(pair: Pair, from: "client" | "server"): Sent[] {
  return pair.packets((sent) => isSyn(sent) && sent.from === from);
}

describe("initial numbers", () => {
  const kinds: [string, PairOptions][] = [
    ["plain TCP", { client: { multipath: false }, server: { multipath: false } }],
    ["plain TCP without timestamps", { client: { multipath: false, tcp: { timestamps: false } }, server: { multipath: false } }],
    ["Multipath TCP", {}],
    ["plain TCP under SYN cookies", { client: { multipath: false }, server: { multipath: false, synCookies: "always" } }],
  ];
  test.each(kinds)("RFC 6191: a port is used again at once though the peer is in TIME-WAIT: %s", (_, options) => {
    const pair = churn(options, 8);
    expect([syns(pair, "client").length, syns(pair, "server").length]).toEqual([8, 8]);
    expect(new Set(syns(pair, "client").map(({ segment }) => segment.sourcePort))).toEqual(new Set([40_000]));
  });

  test("RFC 9293 §3.4.1: they go up every 4 us on the same addresses and ports", () => {
    const pair = churn({ client: { multipath: false } }, 3);
    for (const from of ["client", "server"] as const) {
      const [first, second, third] = syns(pair, from) as [Sent, Sent, Sent];
      for (const [earlier, later] of [[first, second], [second, third]] as const) {
        expect(sequenceDifference(later.segment.sequence, earlier.segment.sequence)).toBe(Math.floor(later.at / 4000) - Math.floor(earlier.at / 4000));
      }
    }
  });

  test("RFC 9293 §3.10.7.4: a listener begins behind what the connection in TIME-WAIT sent", () => {
    const pair = churn({ client: { multipath: false } }, 1, { up: 0, down: 4_000_000 });
    const [first] = syns(pair, "server") as [Sent];
    pair.establish();
    const [, second] = syns(pair, "server") as [Sent, Sent];
    expect(Math.floor((second.at - first.at) / 4000)).toBeLessThan(4_000_000);
    expect(sequenceDifference(second.segment.sequence, first.segment.sequence)).toBe(4_000_000 + 2 + 65_536);
  });

  test("RFC 6528: those of other addresses, ports and hosts tell nothing", () => {
    const begin = (seed: number, options: ConnectOptions & { from?: number }, client: Partial<HostOptions> = {}): readonly [number, number] => {
      const pair = new Pair({ seed, clientAddresses: 2, client });
      pair.connect({ multipath: false, localPort: 40_000, ...options });
      pair.run(1);
      const [{ segment }] = syns(pair, "client") as [Sent];
      return [segment.sequence, segment.timestampValue];
    };
    const [sequence, timestamp] = begin(1, {});
    expect(begin(1, {})).toEqual([sequence, timestamp]);
    const others = [begin(2, {}), begin(1, { localPort: 40_001 }), begin(1, { from: 1 })];
    for (const [other] of others) expect(Math.abs(sequenceDifference(other, sequence))).toBeGreaterThan(1000);
    // RFC 7323 §5.4: timestamps are those of a pair of addresses.
    expect(others.map(([, stamp]) => stamp === timestamp)).toEqual([false, true, false]);
  });

  test("timestamps between two addresses go on from connection to connection", () => {
    const pair = churn({ client: { multipath: false } }, 3);
    const sent = pair.packets(({ from, segment }) => from === "client" && segment.hasTimestamps);
    const [first] = sent as [Sent];
    for (const { at, segment } of sent) expect(sequenceDifference(segment.timestampValue, first.segment.timestampValue)).toBe(Math.floor(at / MS) - Math.floor(first.at / MS));
  });
});
