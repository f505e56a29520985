import { describe, expect, test } from "vitest";
import type { PathTable } from "../../src/mptcp/paths/table.ts";
import { IpAddress } from "../../src/wire/index.ts";
import type { App, PairOptions, Sent, Side } from "./pair.ts";
import { has, isData, isFin, isReset, option, Pair, SECOND } from "./pair.ts";

const isRemoval = (sent: Sent): boolean => has(sent, "remove_addr");

/** A connection with `addresses` at the client, of which it may use those of `allowed`, that has exchanged a byte. */
function establish(addresses: number, allowed: readonly number[] | null, options: PairOptions = {}): { pair: Pair; client: App; server: App } {
  const pair = new Pair({ clientAddresses: addresses, ...options });
  const { client, server } = pair.establish({ mptcp: { localAddresses: allowed === null ? null : allowed.map((index) => pair.address("client", index)) } });
  client.write(1);
  pair.run(500);
  return { pair, client, server };
}

/** Which of the client's addresses its subflows are on. */
function used(pair: Pair, client: App): number[] {
  return client.mptcp.subflows.filter((subflow) => subflow.established).map(({ tcp }) => pair.addresses.client.findIndex((address) => address.equals(tcp.tuple.localAddress)));
}

describe("the local addresses that a connection may use (RFC 6897 §5.3.3)", () => {
  test("are all of the host unless they are restricted; the first subflow's always is one", () => {
    const free = establish(3, null);
    expect(used(free.pair, free.client)).toEqual([0, 1, 2]);
    const none = establish(3, []);
    expect(used(none.pair, none.client)).toEqual([0]);
    const some = establish(3, [2]);
    expect(used(some.pair, some.client)).toEqual([0, 2]);
  });

  test("others are neither announced nor may be joined", () => {
    const pair = new Pair({ clientAddresses: 1, serverAddresses: 2, listen: { mptcp: { localAddresses: [] } } });
    const { client, server } = pair.establish();
    client.write(1);
    pair.run(500);
    expect([client.established, pair.packets((sent) => has(sent, "add_addr"))]).toEqual([[1], []]);
    // A client that guesses the address is refused.
    tableOf(client).addRemote({ id: 2, address: pair.address("server", 1), port: 80, joinable: true });
    const row = client.engine.paths.paths.find((path) => path.remoteAddressId === 2);
    expect(client.engine.paths.open(row?.index ?? -1, false, pair.now)).toBe(true);
    pair.run(500);
    expect([client.established, server.established]).toEqual([[1], [1]]);
    expect(pair.packets(isReset).map((sent) => option(sent.segment, "mp_tcprst")?.reason)).toEqual([3]);
  });

  test("may become more while the connection is open", () => {
    const { pair, client, server } = establish(3, []);
    expect(client.mptcp.allowLocal(pair.address("client", 2), pair.now)).toBe(true);
    pair.run(500);
    expect(used(pair, client)).toEqual([0, 2]);
    expect(client.mptcp.allowLocal(IpAddress.from("203.0.113.9"), pair.now)).toBe(false);
    // Allowed beforehand, it is used when the host has it.
    pair.addAddress("client", "203.0.113.9");
    pair.run(500);
    expect(used(pair, client)).toEqual([0, 2, 3]);
    client.write(100_000);
    pair.run(2000);
    expect([server.received, server.corrupt]).toEqual([100_001, false]);
  });

  test("may become fewer: subflows close in order, the peer hears of it, no data has to go elsewhere", () => {
    const { pair, client, server } = establish(3, null);
    client.write(2_000_000);
    pair.run(300);
    const mark = pair.sent.length;
    expect(client.mptcp.denyLocal(pair.address("client", 1), pair.now)).toBe(true);
    pair.run(300);
    expect(used(pair, client)).toEqual([0, 2]);
    expect(pair.packets((sent) => isRemoval(sent) && sent.client === 1, mark)).toEqual([]);
    expect(new Set(pair.packets(isRemoval, mark).map((sent) => `${sent.from} ${option(sent.segment, "remove_addr")?.addressIds.join()}`))).toEqual(new Set(["client 2"]));
    expect(pair.packets((sent) => isFin(sent) && sent.client === 1, mark).length).toBe(2);
    expect(["client", "server"].map((side) => pair.events[side as Side].flatMap((event) => (event.kind === "subflow_closed" ? [event.reason] : [])))).toEqual([["fin"], ["fin"]]);
    pair.run(10_000);
    expect([server.received, server.corrupt]).toEqual([2_000_001, false]);
    // A shared window that was full for a moment is another matter.
    expect(pair.events.client.flatMap((event) => (event.kind === "reinjection" && event.cause !== "opportunistic" ? [event.cause] : []))).toEqual([]);
    expect(client.mptcp.denyLocal(pair.address("client", 1), pair.now)).toBe(false);
    expect(pair.counter("client", "RmSubflow")).toBe(1);
    // Not even when the host loses it and has it again.
    pair.removeAddress("client", 1);
    pair.addAddress("client", String(pair.address("client", 1)));
    pair.run(500);
    expect(used(pair, client)).toEqual([0, 2]);
    expect(client.mptcp.allowLocal(pair.address("client", 1), pair.now)).toBe(true);
    pair.run(500);
    expect(used(pair, client).toSorted((a, b) => a - b)).toEqual([0, 1, 2]);
  });

  test("may change altogether: break before make, and the peer hears of the old one on the new one", () => {
    const { pair, client, server } = establish(2, []);
    client.write(200_000);
    pair.run(100);
    const mark = pair.sent.length;
    expect(client.mptcp.denyLocal(pair.address("client", 0), pair.now)).toBe(true);
    pair.run(SECOND / 1e6);
    expect([used(pair, client), client.connection.closed]).toEqual([[], false]);
    client.mptcp.allowLocal(pair.address("client", 1), pair.now);
    pair.run(5000);
    expect([used(pair, client), server.received, server.corrupt]).toEqual([[1], 200_001, false]);
    expect(pair.packets(isRemoval, mark).map((sent) => [sent.client, option(sent.segment, "remove_addr")?.addressIds])).toEqual([[1, [0]]]);
  });
});

describe("a subflow that is closed while data flows", () => {
  test("gets no more data; the FIN follows what it carries", () => {
    const { pair, client, server } = establish(2, null);
    client.write(3_000_000);
    pair.run(200);
    const mark = pair.sent.length;
    client.mptcp.closeSubflow(2, pair.now);
    pair.run(200);
    expect(client.established).toEqual([1]);
    expect(pair.packets((sent) => sent.client === 1 && isFin(sent), mark).length).toBe(2);
    pair.run(10_000);
    expect([server.received, server.corrupt]).toEqual([3_000_001, false]);
    expect(pair.packets((sent) => sent.client === 1 && isData(sent), mark + 100)).toEqual([]);
  });
});

describe("options of an open connection", () => {
  test("setNoDelay lets go of what Nagle held back at connection level", () => {
    const { pair, client, server } = establish(2, null);
    client.write(10);
    pair.run(1);
    client.write(10);
    pair.run(1);
    const mark = pair.sent.length;
    client.mptcp.setNoDelay(true, pair.now);
    pair.run(1);
    expect(pair.packets((sent) => sent.from === "client" && isData(sent), mark)).toHaveLength(1);
    pair.run(100);
    expect(server.received).toBe(21);
  });

  test("setKeepAlive asks on every subflow, those opened later too, and finds out that the peer is gone", () => {
    const { pair, client } = establish(2, []);
    client.mptcp.setKeepAlive({ idle: 5 * SECOND, interval: SECOND, probes: 3 }, pair.now);
    client.mptcp.allowLocal(pair.address("client", 1), pair.now);
    pair.run(500);
    expect(used(pair, client)).toEqual([0, 1]);
    const mark = pair.sent.length;
    pair.run(12_000);
    expect(new Set(pair.packets((sent) => sent.from === "client", mark).map((sent) => sent.client))).toEqual(new Set([0, 1]));
    pair.lose(() => true);
    pair.run(20_000);
    expect(client.established).toEqual([]);
    const before = establish(1, null);
    before.client.mptcp.setKeepAlive({ idle: SECOND, interval: SECOND, probes: 3 }, before.pair.now);
    before.client.mptcp.setKeepAlive(null, before.pair.now);
    const quiet = before.pair.sent.length;
    before.pair.run(60_000);
    expect(before.pair.sent.length).toBe(quiet);
  });
});

/** The tables of a connection's paths. */
function tableOf(app: App): PathTable {
  return (app.engine.paths as unknown as { readonly table: PathTable }).table;
}

describe("the only address, when it goes before the connection is fully established", () => {
  test("is waited for, as regular TCP does", () => {
    for (const multipath of [true, false]) {
      for (const after of [0, 5, 15, 25, 35]) {
        const pair = new Pair();
        const client = pair.connect({ multipath });
        pair.run(after);
        pair.removeAddress("client", 0);
        pair.run(2000);
        expect([client.connection.closed, client.connection.error]).toEqual([false, null]);
        pair.addAddress("client", "10.1.0.1");
        client.write(100);
        pair.run(10_000);
        const [server] = pair.accepted;
        expect([server?.received, client.connection.multipath]).toEqual([100, multipath]);
      }
    }
  });

  test("and never returns: ETIMEDOUT, as regular TCP says", () => {
    for (const multipath of [true, false]) {
      const pair = new Pair();
      const client = pair.connect({ multipath });
      pair.run(5);
      pair.removeAddress("client", 0);
      pair.run(130_000);
      expect(client.connection.error).toBe("ETIMEDOUT");
    }
  });
});
