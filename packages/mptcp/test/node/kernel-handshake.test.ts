import { afterEach, describe, expect, it } from "vitest";
import { KernelLab } from "./kernel-lab.ts";
import { kernelTestObstacle } from "./namespace.ts";

const obstacle = kernelTestObstacle();
if (obstacle !== null) console.warn(`tests against the kernel are skipped: ${obstacle}`);

const LENGTH = 10_000_000;

afterEach(() => KernelLab.closeAll());

describe.skipIf(obstacle !== null)("one subflow with the kernel", () => {
  it("carries 10 MB each way in plain packets, with a server and with a client of the kernel", async () => {
    const lab = await KernelLab.make({ offload: false });
    await lab.exchange(await lab.client(), LENGTH);
    const second = await KernelLab.make({ offload: false });
    await second.exchange(await second.server(), LENGTH);
  });

  it("works when the server speaks first, and when nobody speaks", async () => {
    const lab = await KernelLab.make();
    const { peer, stream } = await lab.client();
    const sent = peer.do("send", { bytes: 100_000 });
    await stream.until(() => stream.received === 100_000);
    await sent;
    expect(stream.connection.fallback).toBeNull();
    await peer.do("shutdown");
    await stream.ended();
    stream.end();
    expect(await peer.do("receive", { bytes: -1 })).toMatchObject({ received: 0 });
    await stream.closed();
    expect(stream.error).toBeNull();

    const silent = await lab.client("fd00:1::1");
    silent.stream.end();
    expect(await silent.peer.do("receive", { bytes: -1 })).toMatchObject({ received: 0 });
    await silent.peer.do("close");
    await silent.stream.closed();
    expect(silent.stream.error).toBeNull();
    expect(silent.stream.connection.fallback).toBeNull();
  });

  it("falls back where the kernel's server does not do Multipath TCP", async () => {
    const lab = await KernelLab.make();
    lab.namespace.sysctl("net.mptcp.enabled", 0);
    const peer = lab.namespace.peer();
    await peer.do("listen", { address: "10.1.0.1", port: 4000, mptcp: false });
    const accepted = peer.do("accept");
    const stream = lab.engine.connect("10.1.0.1", 4000);
    await accepted;
    await lab.exchange({ peer, stream }, 1_000_000);
    expect(stream.connection.multipath).toBe(false);
    expect(stream.connection.fallback).not.toBeNull();
  });

  it("falls back where the kernel's client does not do Multipath TCP", async () => {
    const lab = await KernelLab.make();
    lab.engine.listen(4000);
    const peer = lab.namespace.peer();
    const accepted = lab.engine.accept();
    await peer.do("connect", { address: "10.1.0.2", port: 4000, mptcp: false });
    const stream = await accepted;
    await lab.exchange({ peer, stream }, 1_000_000);
    expect(stream.connection.multipath).toBe(false);
  });

  it("lets the kernel fall back where the engine's listener does not do Multipath TCP", async () => {
    const lab = await KernelLab.make();
    const connected = await lab.server("10.1.0.2", { multipath: false });
    await lab.exchange(connected, 1_000_000);
    expect(lab.namespace.counter("MPTcpExtMPCapableFallbackSYNACK")).toBe(1);
  });

  it("works with a server that answers by SYN cookies", async () => {
    const lab = await KernelLab.make();
    lab.namespace.sysctl("net.ipv4.tcp_syncookies", 2);
    const connected = await lab.client();
    await lab.exchange(connected, 1_000_000);
    expect(lab.namespace.counter("TcpExtSyncookiesRecv")).toBe(1);
    expect(connected.stream.connection.fallback).toBeNull();
    expect(lab.namespace.counter("MPTcpExtMPCapableACKRX")).toBe(1);
  });
});
