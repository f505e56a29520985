import { afterEach, describe, expect, it } from "vitest";
import { KernelLab } from "./kernel-lab.ts";
import type { Connected } from "./kernel-lab.ts";
import { kernelTestObstacle } from "./namespace.ts";

const obstacle = kernelTestObstacle();
if (obstacle !== null) console.warn(`tests against the kernel are skipped: ${obstacle}`);

const LENGTH = 1_000_000;

afterEach(() => KernelLab.closeAll());

describe.skipIf(obstacle !== null).each([["TCP", false], ["Multipath TCP", true]] as const)("Fast Open with the kernel over %s", (_name, multipath) => {
  async function labOf(): Promise<KernelLab> {
    const lab = await KernelLab.make();
    lab.namespace.sysctl("net.ipv4.tcp_fastopen", 3);
    return lab;
  }

  /** Ends a connection that nothing more is to come of. */
  async function close({ peer, stream }: Connected): Promise<void> {
    stream.end();
    await peer.do("close");
    await stream.closed();
  }

  it("gets a cookie of the kernel's listener, and sends data with the next SYN", async () => {
    const lab = await labOf();
    const connect = { multipath, fastOpen: { waits: true } };
    await close(await lab.client("10.1.0.1", connect, { fastOpen: 5, mptcp: multipath }));
    for (let i = 0; i < 2; i++) {
      const peer = lab.namespace.peer();
      await peer.do("listen", { address: "10.1.0.1", port: 5000 + i, fastOpen: 5, mptcp: multipath });
      const accepted = peer.do("accept");
      const stream = lab.engine.connect("10.1.0.1", 5000 + i, connect);
      stream.send(1000);
      await accepted;
      expect(await peer.do("receive", { bytes: 1000 })).toMatchObject({ received: 1000 });
      await lab.exchange({ peer, stream }, LENGTH);
      expect(stream.connection.multipath).toBe(multipath);
    }
    expect(lab.namespace.counter("TcpExtTCPFastOpenPassive")).toBe(2);
    expect(lab.engine.runtime.host.counters.value("TcpExtTCPFastOpenActive")).toBe(2);
  });

  it("goes on where the kernel refuses a cookie, which gives a new one", async () => {
    const lab = await labOf();
    const connect = { multipath, fastOpen: { waits: true } };
    await close(await lab.client("10.1.0.1", connect, { fastOpen: 5, mptcp: multipath }));
    lab.namespace.sysctl("net.ipv4.tcp_fastopen_key", "01020304-05060708-090a0b0c-0d0e0f10");
    for (const [i, taken] of [[0, 0], [1, 1]] as const) {
      const peer = lab.namespace.peer();
      await peer.do("listen", { address: "10.1.0.1", port: 5000 + i, fastOpen: 5, mptcp: multipath });
      const accepted = peer.do("accept");
      const stream = lab.engine.connect("10.1.0.1", 5000 + i, connect);
      stream.send(1000);
      await accepted;
      expect(await peer.do("receive", { bytes: 1000 })).toMatchObject({ received: 1000 });
      await lab.exchange({ peer, stream }, LENGTH);
      expect([stream.connection.multipath, lab.namespace.counter("TcpExtTCPFastOpenPassive")]).toEqual([multipath, taken]);
    }
  });

  it("gives the kernel a cookie, and takes data with its next SYN", async () => {
    const lab = await labOf();
    await close(await lab.server("10.1.0.2", { multipath, fastOpen: true }, { fastOpen: 10, mptcp: multipath }));
    for (let i = 0; i < 2; i++) {
      const peer = lab.namespace.peer();
      const accepted = lab.engine.accept();
      await peer.do("connect", { address: "10.1.0.2", port: 4000, fastOpen: 1000, mptcp: multipath });
      const stream = await accepted;
      await stream.until(() => stream.received === 1000);
      await lab.exchange({ peer, stream }, LENGTH);
      expect(stream.connection.multipath).toBe(multipath);
    }
    expect(lab.namespace.counter("TcpExtTCPFastOpenActive")).toBe(2);
    expect(lab.engine.runtime.host.counters.value("TcpExtTCPFastOpenPassive")).toBe(2);
  });

  it("loses nothing of a client of the kernel whose cookie is refused", async () => {
    const lab = await labOf();
    await close(await lab.server("10.1.0.2", { multipath, fastOpen: true }, { fastOpen: 10, mptcp: multipath }));
    lab.engine.runtime.host.setFastOpenKeys([new Uint8Array(16).fill(9)]);
    const peer = lab.namespace.peer();
    const accepted = lab.engine.accept();
    await peer.do("connect", { address: "10.1.0.2", port: 4000, fastOpen: 1000, mptcp: multipath });
    const stream = await accepted;
    await stream.until(() => stream.received === 1000);
    await lab.exchange({ peer, stream }, LENGTH);
    expect(lab.namespace.counter("TcpExtTCPFastOpenActiveFail")).toBe(1);
  });
});
