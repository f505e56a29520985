import { afterEach, describe, expect, it } from "vitest";
import { linuxEndpoints, roundRobin } from "../../src/mptcp/index.ts";
import { cubic } from "../../src/tcp/index.ts";
import { KernelLab, MEGABYTES, mptcpOf } from "./kernel-lab.ts";
import { COMBINATIONS } from "./kernel-matrix.ts";
import { kernelTestObstacle } from "./namespace.ts";

const obstacle = kernelTestObstacle();
if (obstacle !== null) console.warn(`tests against the kernel are skipped: ${obstacle}`);

const LENGTH = MEGABYTES * 1_000_000;

afterEach(() => KernelLab.closeAll());

describe.skipIf(obstacle !== null).each(COMBINATIONS.map((combination) => ({ name: String(combination), combination })))("$name", ({ combination }) => {
  it(`shakes hands and carries ${MEGABYTES} MB each way`, async () => {
    const lab = await combination.lab(1);
    const connected = await combination.connect(lab);
    await lab.exchange(connected, LENGTH);
    expect(connected.stream.connection.multipath).toBe(true);
    expect(connected.stream.connection.fallback).toBeNull();
    const counter = combination.role === "client" ? "MPTcpExtMPCapableACKRX" : "MPTcpExtMPCapableSYNACKRX";
    expect(lab.namespace.counter(counter)).toBe(1);
    await lab.agree();
  });

  it.each([2, 4])(`carries ${MEGABYTES} MB each way over %i subflows`, async (paths) => {
    // In turns, uncoupled and unpaced: where the machine itself is the only bottleneck, chance would decide which path LIA prefers, and which is taken for long enough to be paced.
    const lab = await combination.lab(paths, { mptcp: { scheduler: roundRobin, congestion: cubic, penalisation: false }, tcp: { pacing: "off" } });
    const connected = await combination.connectAll(lab, paths);
    const subflows = mptcpOf(connected.stream).subflows.slice();
    await lab.exchange(connected, LENGTH);
    expect(connected.stream.connection.fallback).toBeNull();
    expect(subflows).toHaveLength(paths);
    for (const { tcp } of subflows) expect(tcp.sender.nxt).toBeGreaterThan(LENGTH / 100);
    for (const link of lab.engine.links) expect(link.counters).toMatchObject({ dropped: 0, refused: 0 });
    await lab.agree();
  });

  it("checks every mapping where the kernel wants checksums", async () => {
    const lab = await combination.lab(2);
    lab.namespace.sysctl("net.mptcp.checksum_enabled", 1);
    const connected = await combination.connectAll(lab, 2);
    expect(mptcpOf(connected.stream).session.checksums).toBe(true);
    await lab.exchangeMuch(connected);
    await lab.agree();
  });

  it("falls back where the kernel does no Multipath TCP, in either role", async () => {
    const lab = await combination.lab(1);
    lab.namespace.sysctl("net.mptcp.enabled", 0);
    const connected = await combination.connect(lab, { mptcp: false });
    await lab.exchange(connected, 1_000_000);
    const { connection } = connected.stream;
    expect([connection.multipath, connection.fallback]).toEqual([false, combination.role === "client" ? "no_mp_capable_in_synack" : null]);
    expect(lab.namespace.counter("MPTcpExtMPCapableSYNRX") + lab.namespace.counter("MPTcpExtMPCapableSYNTX")).toBe(0);
    expect(lab.engine.runtime.host.counters.value("MPTcpExtMPCapableFallbackSYNACK")).toBe(combination.role === "client" ? 1 : 0);
  });

  it("keeps to the C flag of the kernel", async () => {
    const lab = await combination.lab(2);
    lab.namespace.sysctl("net.mptcp.allow_join_initial_addr_port", 0);
    lab.namespace.limits(8, 0);
    const connected = await combination.connect(lab);
    await lab.warmUp(connected);
    expect(mptcpOf(connected.stream).session.peerDeniesJoin).toBe(true);
    await lab.exchangeMuch(connected);
    expect(lab.namespace.counter("MPTcpExtMPJoinSynRx")).toBe(0);
    await lab.agree();
  });

  it("has the kernel keep to ours", async () => {
    // Nothing is announced: the kernel would join that instead.
    const flags = { signal: false, subflow: false, fullmesh: false };
    const lab = await combination.lab(2, { flags, mptcp: { denyJoinInitialAddress: true, pathManager: linuxEndpoints } });
    lab.namespace.limits(8);
    lab.namespace.endpoint(combination.theirs(2), "subflow");
    const connected = await combination.connect(lab);
    await lab.warmUp(connected);
    await lab.exchangeMuch(connected);
    expect(lab.namespace.counter("MPTcpExtMPJoinSynTx")).toBe(0);
    await lab.agree();
  });

  it.runIf(combination.role === "client")("gets through the kernel's SYN cookies, joins included", async () => {
    const lab = await combination.lab(2);
    lab.namespace.sysctl("net.ipv4.tcp_syncookies", 2);
    const connected = await combination.connectAll(lab, 2);
    await lab.exchangeMuch(connected);
    expect(lab.namespace.counter("TcpExtSyncookiesRecv")).toBeGreaterThanOrEqual(1);
    await lab.agree();
  });
});
