import { afterEach, describe, expect, it } from "vitest";
import { KernelLab } from "./kernel-lab.ts";
import { kernelTestObstacle } from "./namespace.ts";

const obstacle = kernelTestObstacle();
if (obstacle !== null) console.warn(`tests against the kernel are skipped: ${obstacle}`);

afterEach(() => KernelLab.closeAll());

describe.skipIf(obstacle !== null).each(["client", "server"] as const)("closing as a %s of the kernel", (role) => {
  it("closes from our side first, while the kernel still sends", async () => {
    const lab = await KernelLab.make();
    const { peer, stream } = await lab[role]();
    stream.send(1000, true);
    // The kernel reads the end and sends on: half close.
    expect(await peer.do("receive", { bytes: -1 })).toMatchObject({ received: 1000 });
    const sent = await peer.do("send", { bytes: 1_000_000 });
    await stream.until(() => stream.received === 1_000_000);
    expect(stream.sha).toBe(sent.sha);
    expect(stream.connection.closed).toBe(false);
    await peer.do("close");
    await stream.closed();
    expect(stream.error).toBeNull();
    expect(stream.connection.fallback).toBeNull();
    expect(lab.events.map((event) => event.kind)).toContain("data_fin");
    await lab.until(() => lab.namespace.counter("MPTcpExtMPCurrEstab") === 0);
    expect(lab.namespace.counter("MPTcpExtMPRstTx")).toBe(0);
  });

  it("is closed from the kernel's side first, and sends on", async () => {
    const lab = await KernelLab.make();
    const { peer, stream } = await lab[role]();
    stream.send(1000);
    await peer.do("receive", { bytes: 1000 });
    await peer.do("shutdown");
    await stream.ended();
    expect(stream.connection.closed).toBe(false);
    stream.send(1_000_000, true);
    expect(await peer.do("receive", { bytes: -1 })).toMatchObject({ received: 1_000_000 });
    await peer.do("close");
    await stream.closed();
    expect(stream.error).toBeNull();
    await lab.until(() => lab.namespace.counter("MPTcpExtMPCurrEstab") === 0);
  });

  it.each(["reset", "ack"] as const)("breaks the connection by MP_FASTCLOSE on a %s", async (fastclose) => {
    const lab = await KernelLab.make({ mptcp: { fastclose } });
    const { peer, stream } = await lab[role]();
    stream.send(1000);
    await peer.do("receive", { bytes: 1000 });
    await peer.do("send", { bytes: 1000 });
    await stream.until(() => stream.received === 1000);
    stream.abort();
    await lab.counted("MPTcpExtMPFastcloseRx");
    expect(await peer.do("receive", { bytes: -1 })).toMatchObject({ error: "ConnectionResetError" });
    await stream.closed();
  });

  it("is broken by the kernel's MP_FASTCLOSE", async () => {
    const lab = await KernelLab.make();
    const { peer, stream } = await lab[role]();
    stream.send(1000);
    await peer.do("receive", { bytes: 1000 });
    await peer.do("send", { bytes: 1000 });
    await stream.until(() => stream.received === 1000);
    await peer.do("abort");
    await stream.closed();
    expect(stream.error).toBe("ECONNRESET");
    expect(lab.namespace.counter("MPTcpExtMPFastcloseTx")).toBe(1);
    expect(lab.engine.runtime.host.counters.value("MPTcpExtMPFastcloseRx")).toBe(1);
  });
});
