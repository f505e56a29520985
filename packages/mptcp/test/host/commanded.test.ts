import { describe, expect, test } from "vitest";
import { schedulers } from "../../src/index.ts";
import type { DecisionEvent } from "../../src/core/index.ts";
import { MptcpConnection } from "../../src/mptcp/index.ts";
import { Pair } from "../mptcp/pair.ts";

const LIMITS = { subflows: 0, addAddrAccepted: 8 };

/** Remembers the kinds of what it is told. */
function recorder(wishes: { readonly perSegment?: boolean; readonly milestones?: boolean } = {}): { readonly kinds: string[]; event(event: DecisionEvent): void } {
  const kinds: string[] = [];
  return { ...wishes, kinds, event: (event) => kinds.push(event.kind) };
}

describe("observers of a host", () => {
  test("come and go, and each hears what it asked for", () => {
    const pair = new Pair();
    const [plain, milestones] = [recorder(), recorder({ milestones: true })];
    const { client } = pair.establish();
    const stop = [pair.hosts.client.observe(plain), pair.hosts.client.observe(milestones)];
    client.write(5000);
    pair.run(300);
    const next = pair.connect();
    pair.run(300);
    next.write(1);
    pair.run(300);
    expect(plain.kinds).toContain("connection_established");
    expect(plain.kinds.filter((kind) => kind === "schedule" || kind === "fully_established")).toEqual([]);
    expect(milestones.kinds.filter((kind) => kind === "schedule" || kind === "fully_established")).toEqual(["fully_established"]);
    // The one that the host was made with hears each segment, and of milestones nothing, as before.
    const own = pair.events.client.map(({ kind }) => kind);
    expect(own).toContain("schedule");
    expect(own).not.toContain("fully_established");
    for (const one of stop) one();
    const before = plain.kinds.length;
    client.write(5000);
    pair.run(300);
    expect(plain.kinds).toHaveLength(before);
    expect(pair.events.client.length).toBeGreaterThan(own.length);
  });

  test("cost nothing where there are none", () => {
    const pair = new Pair({ client: { observer: null } });
    expect(pair.hosts.client.observer).toBeNull();
    const stop = pair.hosts.client.observe(recorder());
    expect(pair.hosts.client.observer).not.toBeNull();
    stop();
    expect(pair.hosts.client.observer).toBeNull();
  });
});

describe("a host that is commanded from outside", () => {
  test("has its connections by number and by token", () => {
    const pair = new Pair();
    const { client } = pair.establish();
    const plain = pair.connect({ multipath: false });
    pair.run(200);
    const host = pair.hosts.client;
    expect(host.streams()).toEqual([client.mptcp, plain.connection]);
    expect([host.stream(1), host.stream(2), host.stream(3)]).toEqual([client.mptcp, plain.connection, null]);
    expect(host.byToken(client.mptcp.session.local.token)).toBe(client.mptcp);
    expect(host.byToken(0)).toBeNull();
  });

  test("makes connections to come by other limits and policies, where nobody says otherwise", () => {
    const pair = new Pair({ listen: { mptcp: { limits: { subflows: 3, addAddrAccepted: 3 } } } });
    const scheduler = schedulers["round-robin"]!;
    for (const host of Object.values(pair.hosts)) host.setDefaults({ mptcp: { limits: LIMITS, scheduler } });
    const { client, server } = pair.establish();
    expect([client, server].map(({ mptcp }) => [mptcp.config.limits.subflows, mptcp.policies.scheduler?.name])).toEqual([[0, "round-robin"], [3, "round-robin"]]);
    expect(pair.hosts.client.mptcpDefaults.limits).toEqual(LIMITS);
  });
});

describe("limits of a connection", () => {
  test("that are raised let it open what they forbade; lowered they take nothing away", () => {
    const pair = new Pair({ clientAddresses: 3, client: { mptcp: { limits: LIMITS } } });
    const { client } = pair.establish();
    client.write(1);
    pair.run(300);
    expect(client.mptcp.subflows).toHaveLength(1);
    client.mptcp.limit({ subflows: 1, addAddrAccepted: 8 }, pair.now);
    pair.run(300);
    expect(client.mptcp.subflows).toHaveLength(2);
    client.mptcp.limit(LIMITS, pair.now);
    pair.run(300);
    expect([client.mptcp.subflows.length, client.mptcp.info(pair.now).extraSubflowsMax]).toEqual([2, 0]);
    // What ends is not opened again.
    client.mptcp.closeSubflow(2, pair.now);
    pair.run(3000);
    expect(client.mptcp.subflows).toHaveLength(1);
  });
});

describe("what decides in a connection", () => {
  test("is told by name; with regular TCP its congestion control is left", () => {
    const pair = new Pair();
    const { client } = pair.establish();
    expect(client.mptcp.policies).toMatchObject({ scheduler: { name: "lowest-time-distance" }, congestion: { name: "lia" }, pathManager: { name: "full-mesh" } });
    client.mptcp.exchange({ scheduler: schedulers["round-robin"]! }, pair.now);
    expect(client.mptcp.policies.scheduler).toEqual({ name: "round-robin", parameters: {} });
    const regular = new Pair({ listen: { multipath: false } });
    const app = regular.connect();
    regular.run(200);
    expect(app.connection).toBeInstanceOf(MptcpConnection);
    expect(app.mptcp.policies).toMatchObject({ scheduler: null, congestion: { name: "lia" }, pathManager: null });
  });
});

describe("announcements that are commanded", () => {
  test("reach the peer, and are taken back", () => {
    const pair = new Pair({ clientAddresses: 2, client: { mptcp: { limits: LIMITS } } });
    const { client, server } = pair.establish();
    client.write(1);
    pair.run(300);
    const known = (): readonly number[] => server.mptcp.addresses.remote.map(({ id }) => id);
    expect(known()).toEqual([0, 2]);
    expect(client.mptcp.withdrawLocal(2, pair.now)).toBe(true);
    pair.run(300);
    expect(known()).toEqual([0]);
    expect(client.mptcp.withdrawLocal(2, pair.now)).toBe(false);
    expect(client.mptcp.announceLocal(2, 0, pair.now)).toBe(true);
    pair.run(300);
    expect(known()).toEqual([0, 2]);
    expect(client.mptcp.announceLocal(7, 0, pair.now)).toBe(false);
  });
});
