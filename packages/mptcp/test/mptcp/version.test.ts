import { describe, expect, test } from "vitest";
import { has, isData, isReset, isSyn, option, Pair } from "./pair.ts";
import type { App, PairOptions } from "./pair.ts";
import { versionX } from "./version-x.ts";

const mptcp = { versions: [versionX] };

/** Both hosts speak version X; the server's second address is joined. */
function establish(options: PairOptions = {}): { pair: Pair; client: App; server: App } {
  const pair = new Pair({ clientAddresses: 1, serverAddresses: 2, client: { mptcp }, server: { mptcp }, ...options });
  const ends = pair.establish();
  ends.client.write(1);
  pair.run(1000);
  return { pair, ...ends };
}

describe("a version is a value: another one with other hashes, option forms and rules", () => {
  test("opens, joins, transfers in both directions and closes", () => {
    const { pair, client, server } = establish();
    expect([client.established, server.established]).toEqual([[1, 2], [1, 2]]);
    client.write(300_000);
    server.write(200_000);
    client.end();
    server.end();
    pair.run(10_000);
    expect([server.received, client.received, server.corrupt, client.corrupt]).toEqual([300_001, 200_000, false, false]);
    expect([client.connection.closed, client.connection.error, server.connection.closed, server.connection.error]).toEqual([true, null, true, null]);
    const used = new Set(pair.packets((sent) => sent.from === "client" && isData(sent)).map((sent) => sent.server));
    expect(used).toEqual(new Set([0, 1]));
  });

  test("has its own tokens and data sequence numbers", () => {
    const { client, server } = establish();
    const { local } = client.mptcp.session;
    expect(versionX.deriveKeys(local.key)).toEqual(local);
    expect(server.mptcp.session.remote).toEqual(local);
    expect(client.mptcp.info(0).token).toBe(local.token);
  });

  test("puts the key onto the SYN, and a DSS onto first data", () => {
    const { pair, client } = establish();
    const [syn] = pair.packets((sent) => isSyn(sent) && sent.from === "client");
    expect(syn === undefined ? null : option(syn.segment, "mp_capable")).toMatchObject({ version: 7, senderKey: client.mptcp.session.local.key });
    const [first] = pair.packets((sent) => isData(sent) && sent.from === "client");
    expect(first?.segment.mptcp.map((one) => one.kind)).toEqual(["dss"]);
  });

  test("announces an address once on each subflow, without HMAC, and waits for no echo", () => {
    const { pair } = establish();
    const announced = pair.packets((sent) => has(sent, "add_addr"));
    expect(announced.map((sent) => [sent.from, sent.server])).toEqual([["server", 0], ["server", 1]]);
    const [sent] = announced;
    expect(sent === undefined ? null : option(sent.segment, "add_addr")).toMatchObject({ version: 0, hmac: null, echo: false });
  });

  test("refuses a join whose HMAC is another version's, by a RST that does not say why", () => {
    const pair = new Pair({ clientAddresses: 2, client: { mptcp }, server: { mptcp } });
    pair.alter((segment) => {
      const join = option(segment, "mp_join_ack");
      if (join !== null) segment.mptcp = [{ ...join, hmac: join.hmac.map((octet) => octet ^ 1) }];
    });
    const { client, server } = pair.establish();
    client.write(1);
    pair.run(2000);
    expect([client.established, server.established]).toEqual([[1], [1]]);
    const resets = pair.packets((sent) => isReset(sent) && sent.from === "server");
    expect(resets.length).toBeGreaterThan(0);
    expect(resets.every((sent) => sent.segment.mptcp.length === 0)).toBe(true);
  });

  test("breaks off with the peer's key", () => {
    const { pair, client, server } = establish();
    client.abort();
    pair.run(500);
    expect([server.connection.closed, server.connection.error]).toEqual([true, "ECONNRESET"]);
    expect(pair.packets((sent) => has(sent, "mp_fastclose")).length).toBeGreaterThan(0);
  });

  test("is regular TCP with a host that speaks version 1 only", () => {
    for (const side of ["client", "server"] as const) {
      const pair = new Pair({ [side]: { mptcp } });
      const { client, server } = pair.establish();
      client.write(50_000);
      client.end();
      server.end();
      pair.run(5000);
      expect([client.connection.fallback, server.received, server.corrupt, client.connection.closed]).toEqual([side === "client" ? "unsupported_version" : "no_mp_capable_in_synack", 50_000, false, true]);
    }
  });

  test("is answered by SYN cookies, too", () => {
    const { pair, client, server } = establish({ server: { mptcp, synCookies: "always" } });
    client.write(10_000);
    pair.run(1000);
    expect([server.received, client.connection.fallback, server.connection.fallback]).toEqual([10_001, null, null]);
  });
});

describe("a SYN that names another version (RFC 8684 §3.1)", () => {
  /** What becomes of a connection whose SYN says that its sender speaks `version` at the highest. */
  function offered(version: number): { answer: number | null; fallback: string | null; received: number } {
    const pair = new Pair();
    pair.alter((segment, sent) => {
      if (isSyn(sent) && sent.from === "client") segment.mptcp = segment.mptcp.map((one) => (one.kind === "mp_capable" ? { ...one, version } : one));
    });
    const { client, server } = pair.establish();
    client.write(1000);
    pair.run(500);
    const [synAck] = pair.packets((sent) => isSyn(sent) && sent.from === "server");
    return { answer: (synAck === undefined ? null : option(synAck.segment, "mp_capable")?.version) ?? null, fallback: client.connection.fallback, received: server.received };
  }

  test("a later one is answered with ours, and the connection is Multipath TCP", () => {
    for (const version of [2, 3, 15]) expect(offered(version)).toEqual({ answer: 1, fallback: null, received: 1000 });
  });

  test("an earlier one gets plain TCP", () => {
    expect(offered(0)).toEqual({ answer: null, fallback: "no_mp_capable_in_synack", received: 1000 });
  });

  test("a SYN+ACK of a version that was not offered is of no use", () => {
    const pair = new Pair();
    pair.alter((segment, sent) => {
      if (isSyn(sent) && sent.from === "server") segment.mptcp = segment.mptcp.map((one) => (one.kind === "mp_capable" ? { ...one, version: 2 } : one));
    });
    expect(pair.establish().client.connection.fallback).toBe("unsupported_version");
  });
});
