import { afterEach, describe, expect, it } from "vitest";
import { KernelLab } from "./kernel-lab.ts";
import { kernelTestObstacle } from "./namespace.ts";

const obstacle = kernelTestObstacle();
if (obstacle !== null) console.warn(`tests against the kernel are skipped: ${obstacle}`);

const LENGTH = 10_000_000;

afterEach(() => KernelLab.closeAll());

describe.skipIf(obstacle !== null)("SYN cookies towards the kernel", () => {
  it.each(["10.1.0.2", "fd00:1::2"])("a client of the kernel speaks Multipath TCP with a listener that remembers no SYN, at %s", async (address) => {
    const lab = await KernelLab.make();
    const connected = await lab.server(address, { halfOpen: 0 });
    await lab.exchange(connected, LENGTH);
    const { connection } = connected.stream;
    expect([connection.multipath, connection.fallback]).toEqual([true, null]);
    const { counters } = lab.engine.runtime.host;
    expect(["Sent", "Recv", "Failed"].map((what) => counters.value(`TcpExtSyncookies${what}`))).toEqual([1, 1, 0]);
    expect([lab.namespace.counter("MPTcpExtMPCapableSYNACKRX"), lab.namespace.counter("MPTcpExtMPCapableFallbackSYNACK")]).toEqual([1, 0]);
  });
});
