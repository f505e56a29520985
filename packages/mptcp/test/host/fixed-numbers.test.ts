import { describe, expect, test } from "vitest";
import { IpAddress } from "../../src/wire/index.ts";
import { isSyn, Pair } from "../mptcp/pair.ts";
import type { PairOptions } from "../mptcp/pair.ts";

const TWO_PATHS: PairOptions = { clientAddresses: 2 };

/** SYNs and SYN+ACKs so far, as what of them was drawn. */
function drawn(pair: Pair): object[] {
  return pair.packets(isSyn).map(({ from, segment }) => {
    const [option] = segment.mptcp;
    return {
      from,
      port: from === "client" ? segment.sourcePort : undefined,
      sequence: segment.sequence,
      timestamp: segment.timestampValue,
      ...(option?.kind === "mp_capable" && option.senderKey !== null ? { key: BigInt(`0x${Array.from(option.senderKey, (octet) => octet.toString(16).padStart(2, "0")).join("")}`) } : {}),
      ...(option !== undefined && "nonce" in option ? { nonce: option.nonce } : {}),
    };
  });
}

describe("random numbers that are fixed", () => {
  test("are those of the first connection and its subflows, in the order in which they are drawn", () => {
    const pair = new Pair({
      ...TWO_PATHS,
      client: { fixed: { keys: [7n], nonces: [0xaaaa_0001], sequenceNumbers: [1000, 2000], timestampOffsets: [500, 600], ports: [40_001, 40_002] } },
      server: { fixed: { keys: [Uint8Array.of(0, 0, 0, 0, 0, 0, 1, 2)], nonces: [0xbbbb_0001], sequenceNumbers: [3000, 0xffff_ffff], timestampOffsets: [0, 0] } },
    });
    const { client } = pair.establish();
    client.write(1000);
    pair.run(500);
    expect(client.established).toEqual([1, 2]);
    expect(drawn(pair)).toMatchObject([
      { from: "client", port: 40_001, sequence: 1000, timestamp: 500 },
      { from: "server", sequence: 3000, timestamp: 10, key: 0x0102n },
      { from: "client", port: 40_002, sequence: 2000, nonce: 0xaaaa_0001 },
      { from: "server", sequence: 0xffff_ffff, nonce: 0xbbbb_0001 },
    ]);
    expect(client.mptcp.session.local.key).toEqual(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 7));
  });

  test("leave all that is drawn otherwise as it would have been", () => {
    const life = (options: PairOptions): Pair => {
      const pair = new Pair({ ...TWO_PATHS, ...options });
      for (let i = 0; i < 2; i++) pair.establish();
      return pair;
    };
    const plain = drawn(life({})) as { from: string; sequence: number }[];
    const fixed = drawn(life({ client: { fixed: { sequenceNumbers: [5] } } })) as typeof plain;
    const ofClient = (all: typeof plain): number[] => all.filter(({ from }) => from === "client").map(({ sequence }) => sequence);
    expect(fixed.map((one) => ({ ...one, sequence: 0 }))).toEqual(plain.map((one) => ({ ...one, sequence: 0 })));
    expect(ofClient(fixed)).toEqual([5, ...ofClient(plain).slice(1)]);
  });

  test("may be fixed while the host runs, for whatever is opened next", () => {
    const pair = new Pair();
    pair.establish();
    pair.hosts.client.fix({ ports: [50_000], sequenceNumbers: [9] });
    const { client } = pair.establish();
    expect(client.connection.tuple.localPort).toBe(50_000);
    pair.hosts.client.fix({ ports: [50_000] });
    // That one is in use.
    expect(pair.establish().client.connection.tuple.localPort).toBe(50_001);
  });

  test("can be every ephemeral port there is", () => {
    const pair = new Pair();
    const ports = [32_768, 32_769, 45_000, 60_998, 60_999];
    pair.hosts.client.fix({ ports });
    expect(ports.map(() => pair.hosts.client.connect(IpAddress.from("10.2.0.1"), 80, {}, 0).tuple.localPort)).toEqual(ports);
  });

  test("that cannot be drawn are refused, and none is fixed then", () => {
    const { hosts: { client } } = new Pair();
    for (const numbers of [{ keys: [1n << 64n] }, { keys: [new Uint8Array(7)] }, { nonces: [-1] }, { sequenceNumbers: [0.5] }, { ports: [80] }, { cookieSecrets: [new Uint8Array(8)] }]) {
      expect(() => client.fix({ timestampOffsets: [77], ...numbers })).toThrow(expect.objectContaining({ code: "ERR_OUT_OF_RANGE" }));
    }
    expect(client.random.timestampOffsets.uint32()).not.toBe(77);
  });

  test("make SYN cookies that a script can know: the same secret gives the same numbers", () => {
    const cookie = (secret: bigint, seed: number): number => {
      const pair = new Pair({ seed, client: { fixed: { ports: [40_000], sequenceNumbers: [1], keys: [1n], timestampOffsets: [0] } }, server: { synCookies: "always", fixed: { cookieSecrets: [secret] } } });
      pair.establish();
      return pair.packets((sent) => isSyn(sent) && sent.from === "server")[0]!.segment.sequence;
    };
    expect(cookie(5n, 1)).toBe(cookie(5n, 2));
    expect(cookie(5n, 1)).not.toBe(cookie(6n, 1));
  });
});
