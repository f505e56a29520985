import { afterEach, describe, expect, it } from "vitest";
import { roundRobin } from "../../src/mptcp/index.ts";
import { IpAddress } from "../../src/wire/index.ts";
import { KernelLab, subflowsOf } from "./kernel-lab.ts";
import { kernelTestObstacle } from "./namespace.ts";

const obstacle = kernelTestObstacle();
if (obstacle !== null) console.warn(`tests against the kernel are skipped: ${obstacle}`);

afterEach(() => KernelLab.closeAll());

describe.skipIf(obstacle !== null)("two subflows with the kernel", () => {
  it.each([
    { address: "10.1.0.1", offload: true },
    { address: "fd00:1::1", offload: true },
    { address: "10.1.0.1", offload: false },
  ])("joins the kernel's server at $address from a second device, offload $offload", async ({ address, offload }) => {
    // In turns: how much each path gets is not to depend on how fast this machine is.
    const lab = await KernelLab.make({ links: 2, offload, mptcp: { scheduler: roundRobin } });
    const connected = await lab.client(address);
    await lab.warmUp(connected);
    await lab.until(() => subflowsOf(connected.stream) === 2);
    await lab.counted("MPTcpExtMPJoinAckRx");
    expect(lab.namespace.counter("MPTcpExtMPJoinAckHMacFailure")).toBe(0);
    const before = lab.engine.links.map((link) => link.counters.packetsOut);
    await lab.exchangeMuch(connected);
    // A super-segment is as long as 45 others.
    lab.engine.links.forEach((link, i) => expect(link.counters.packetsOut - (before[i] ?? 0)).toBeGreaterThan(offload ? 5 : 20));
  });

  it("joins as a backup", async () => {
    const lab = await KernelLab.make();
    const connected = await lab.client();
    await lab.warmUp(connected);
    const link = await lab.engine.link({ name: "tun2", host: [], kernel: "10.2.0.1/24", namespace: lab.namespace.path });
    lab.engine.runtime.addAddress(link, IpAddress.from("10.2.0.2"), { subflow: true, signal: false, backup: true, fullmesh: false });
    await lab.until(() => subflowsOf(connected.stream) === 2);
    await lab.counted("MPTcpExtMPJoinSynBackupRx");
    await lab.exchangeMuch(connected);
  });
});
