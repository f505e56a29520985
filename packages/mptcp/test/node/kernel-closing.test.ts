import { afterEach, describe, expect, it } from "vitest";
import { Subflow } from "../../src/mptcp/subflow.ts";
import { MP_RESET_REASON } from "../../src/wire/index.ts";
import { patternSha } from "./engine-end.ts";
import type { Connected } from "./kernel-lab.ts";
import { KernelLab, mptcpOf, subflowsOf } from "./kernel-lab.ts";
import { COMBINATIONS } from "./kernel-matrix.ts";
import { kernelTestObstacle } from "./namespace.ts";

const obstacle = kernelTestObstacle();
if (obstacle !== null) console.warn(`tests against the kernel are skipped: ${obstacle}`);

afterEach(() => KernelLab.closeAll());

describe.skipIf(obstacle !== null).each(COMBINATIONS.map((combination) => ({ name: String(combination), combination })))("closing with two subflows, $name", ({ combination }) => {
  it("closes from our side first, while the kernel still sends", async () => {
    const lab = await combination.lab(2);
    const { peer, stream } = await combination.connectAll(lab, 2);
    const before = stream.received;
    stream.send(1000, true);
    // The kernel reads the end and sends on: half close.
    expect(await peer.do("receive", { bytes: -1 })).toMatchObject({ received: 1000 });
    stream.restart();
    const sent = await peer.do("send", { bytes: 1_000_000 });
    await stream.until(() => stream.received === before + 1_000_000);
    expect(stream.sha).toBe(sent.sha);
    expect(stream.connection.closed).toBe(false);
    await peer.do("close");
    await stream.closed();
    expect([stream.error, stream.connection.fallback]).toEqual([null, null]);
    expect(lab.events.filter((event) => event.kind === "data_fin").map((event) => event.direction)).toEqual(["out", "in"]);
    await lab.until(() => lab.namespace.counter("MPTcpExtMPCurrEstab") === 0);
    await lab.agree();
    expect(lab.namespace.counter("MPTcpExtMPRstTx") + lab.namespace.counter("MPTcpExtMPRstRx")).toBe(0);
  });

  it("is closed from the kernel's side first, and sends on", async () => {
    const lab = await combination.lab(2);
    const { peer, stream } = await combination.connectAll(lab, 2);
    await peer.do("shutdown");
    await stream.ended();
    expect(stream.connection.closed).toBe(false);
    const start = stream.written;
    stream.send(1_000_000, true);
    expect(await peer.do("receive", { bytes: -1 })).toMatchObject({ received: 1_000_000, sha: patternSha(1_000_000, start) });
    await peer.do("close");
    await stream.closed();
    expect(stream.error).toBeNull();
    expect(lab.events.filter((event) => event.kind === "data_fin").map((event) => event.direction)).toEqual(["in", "out"]);
    await lab.until(() => lab.namespace.counter("MPTcpExtMPCurrEstab") === 0);
    await lab.agree();
    expect(lab.namespace.counter("MPTcpExtMPRstTx") + lab.namespace.counter("MPTcpExtMPRstRx")).toBe(0);
  });

  it.each(["reset", "ack"] as const)("breaks the connection by MP_FASTCLOSE on a %s", async (fastclose) => {
    const lab = await combination.lab(2, { mptcp: { fastclose } });
    const { peer, stream } = await combination.connectAll(lab, 2);
    stream.abort();
    await lab.counted("MPTcpExtMPFastcloseRx");
    expect(await peer.do("receive", { bytes: -1 })).toMatchObject({ error: "ConnectionResetError" });
    await stream.closed();
    await lab.until(() => lab.namespace.counter("MPTcpExtMPCurrEstab") === 0);
    // On each subflow, or on one; the kernel may have forgotten the connection when the second comes.
    expect(lab.engine.runtime.host.counters.value("MPTcpExtMPFastcloseTx")).toBe(fastclose === "reset" ? 2 : 1);
    expect(lab.namespace.counter("MPTcpExtMPFastcloseRx")).toBeLessThanOrEqual(fastclose === "reset" ? 2 : 1);
    // Resets that answer what arrives for a subflow that is closed are not counted by either.
    await lab.agree(["MPTcpExtMPFastcloseRx", "MPTcpExtMPRstTx", "MPTcpExtMPRstRx"]);
  });

  it("is broken by the kernel's MP_FASTCLOSE", async () => {
    const lab = await combination.lab(2);
    const { peer, stream } = await combination.connectAll(lab, 2);
    await peer.do("abort");
    await stream.closed();
    expect(stream.error).toBe("ECONNRESET");
    // The kernel says it on each subflow; the first ends the connection here.
    expect(lab.namespace.counter("MPTcpExtMPFastcloseTx")).toBe(2);
    expect(lab.engine.runtime.host.counters.value("MPTcpExtMPFastcloseRx")).toBe(1);
    await lab.until(() => lab.namespace.counter("MPTcpExtMPCurrEstab") === 0);
    await lab.agree(["MPTcpExtMPFastcloseTx", "MPTcpExtMPRstTx"]);
  });
});

/** Waits until one subflow is left, and has the rest of the session go well. */
async function goesOn(lab: KernelLab, connected: Connected): Promise<void> {
  await lab.until(() => subflowsOf(connected.stream) === 1);
  await lab.exchangeMuch(connected);
}

describe.skipIf(obstacle !== null).each(COMBINATIONS.map((combination) => ({ name: String(combination), combination })))("losing a subflow, $name", ({ combination }) => {
  it("resets one with a reason, and goes on", async () => {
    const lab = await combination.lab(2);
    const connected = await combination.connectAll(lab, 2);
    const [, second] = mptcpOf(connected.stream).subflows;
    if (second instanceof Subflow) second.reset("path_manager", MP_RESET_REASON.administrativelyProhibited, lab.engine.runtime.now);
    lab.engine.runtime.poke();
    await goesOn(lab, connected);
    await lab.agree();
    expect(lab.namespace.counter("MPTcpExtMPRstRx")).toBe(1);
  });

  it("has one reset by the kernel, and goes on", async () => {
    const lab = await combination.lab(2);
    const connected = await combination.connectAll(lab, 2);
    const [, second] = mptcpOf(connected.stream).subflows;
    const { localAddress, localPort } = second?.tcp.tuple ?? {};
    lab.namespace.run("ss", "-K", "dst", combination.family(2) === 6 ? `[${localAddress}]` : String(localAddress), "dport", "=", String(localPort));
    await lab.until(() => lab.events.some((event) => event.kind === "subflow_closed" && event.subflow === second?.pathIndex));
    await lab.until(() => subflowsOf(connected.stream) >= 1);
    await lab.exchangeMuch(connected);
  });

  it("goes on when a path is cut while data flows", async () => {
    const lab = await combination.lab(2, { offload: false });
    // The kernel gives a silent subflow up after one timeout rather than four.
    lab.namespace.sysctl("net.mptcp.stale_loss_cnt", 1);
    // Linux takes a device's IPv6 addresses away when it goes down, and the other path may end at one of them.
    if (combination.family(1) === 6) lab.namespace.run("ip", "address", "add", `${combination.theirs(1)}/128`, "dev", "lo", "nodad");
    const connected = await combination.connectAll(lab, 2);
    const { peer, stream } = connected;
    const [length, start, before] = [20_000_000, stream.written, stream.received];
    stream.restart();
    stream.send(length, true);
    // The kernel moves what a dead subflow held piece by piece, one each timeout: with more of it the test would last.
    const back = 1_000_000;
    const answer = peer.do("exchange", { bytes: back });
    await stream.until(() => stream.received > before + 500_000);
    lab.namespace.run("ip", "link", "set", "tun1", "down");
    const { received, sha, sent, sentSha } = await answer;
    await stream.ended();
    expect([received, sha, sent, stream.received - before, stream.sha]).toEqual([length, patternSha(length, start), back, back, sentSha]);
    expect(stream.connection.fallback).toBeNull();
    // What was under way on the dead path is counted by nobody.
    await lab.agree(["MPTcpExtMPRstTx", "MPTcpExtMPRstRx"]);
  });

  it("keeps to the smaller MTU of one path", async () => {
    const lab = await combination.lab(2, { mtus: [1500, 1280], offload: false });
    const connected = await combination.connectAll(lab, 2);
    const sizes = [0, 0];
    lab.engine.links.forEach((link, i) => {
      const send = link.send.bind(link);
      link.send = (packet) => {
        sizes[i] = Math.max(sizes[i] as number, packet.length);
        return send(packet);
      };
    });
    await lab.exchangeMuch(connected);
    expect(sizes).toEqual([1500, 1280]);
    for (const link of lab.engine.links) expect(link.counters.refused).toBe(0);
    await lab.agree();
  });
});
