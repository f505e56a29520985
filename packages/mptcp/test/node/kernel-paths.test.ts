import { afterEach, describe, expect, it } from "vitest";
import { MptcpConnection, roundRobin } from "../../src/mptcp/index.ts";
import { IpAddress } from "../../src/wire/index.ts";
import { patternSha } from "./engine-end.ts";
import type { Stream } from "./engine-end.ts";
import type { Connected } from "./kernel-lab.ts";
import { KernelLab, subflowsOf } from "./kernel-lab.ts";
import { kernelTestObstacle } from "./namespace.ts";

const obstacle = kernelTestObstacle();
if (obstacle !== null) console.warn(`tests against the kernel are skipped: ${obstacle}`);

afterEach(() => KernelLab.closeAll());

/** The kernel sends something, which lets the engine open subflows, and takes something. */
async function warmUp({ peer, stream }: Connected, bytes = 100_000): Promise<void> {
  const before = stream.received;
  stream.send(bytes);
  expect(await peer.do("receive", { bytes })).toMatchObject({ received: bytes });
  await peer.do("send", { bytes });
  await stream.until(() => stream.received === before + bytes);
}

function mptcpOf(stream: Stream): MptcpConnection {
  const { connection } = stream;
  if (!(connection instanceof MptcpConnection)) throw new Error("not a Multipath TCP connection");
  return connection;
}

/** Bytes that left on each subflow of the engine. */
function sentBySubflow(stream: Stream): number[] {
  return mptcpOf(stream).subflows.map((subflow) => subflow.tcp.sender.nxt);
}

describe.skipIf(obstacle !== null)("two subflows with the kernel", () => {
  it.each([
    { address: "10.1.0.1", offload: true },
    { address: "fd00:1::1", offload: true },
    { address: "10.1.0.1", offload: false },
  ])("joins the kernel's server at $address from a second device, offload $offload", async ({ address, offload }) => {
    // In turns: how much each path gets is not to depend on how fast this machine is.
    const lab = await KernelLab.make({ links: 2, offload, mptcp: { scheduler: roundRobin } });
    const connected = await lab.client(address);
    await warmUp(connected);
    await lab.until(() => subflowsOf(connected.stream) === 2);
    await lab.counted("MPTcpExtMPJoinAckRx");
    expect(lab.namespace.counter("MPTcpExtMPJoinAckHMacFailure")).toBe(0);
    const before = lab.engine.links.map((link) => link.counters.packetsOut);
    await lab.exchange10(connected);
    lab.engine.links.forEach((link, i) => expect(link.counters.packetsOut - (before[i] ?? 0)).toBeGreaterThan(20));
  });

  it("is joined by the kernel's client from a second endpoint", async () => {
    const lab = await KernelLab.make({ links: 2 });
    lab.namespace.run("ip", "mptcp", "limits", "set", "subflows", "4");
    lab.namespace.run("ip", "mptcp", "endpoint", "add", "10.2.0.1", "subflow");
    const connected = await lab.server();
    await warmUp(connected);
    await lab.until(() => subflowsOf(connected.stream) === 2);
    expect(lab.namespace.counter("MPTcpExtMPJoinSynAckRx")).toBe(1);
    await lab.exchange10(connected);
  });

  it("announces an address that the kernel's client joins and echoes", async () => {
    const lab = await KernelLab.make({ links: 2 });
    lab.namespace.run("ip", "mptcp", "limits", "set", "subflows", "4", "add_addr_accepted", "4");
    const connected = await lab.server();
    await warmUp(connected);
    await lab.until(() => subflowsOf(connected.stream) === 2);
    await lab.counted("MPTcpExtAddAddr");
    await lab.counted("MPTcpExtEchoAddTx");
    expect(lab.namespace.counter("MPTcpExtMPJoinSynAckRx")).toBe(1);
    expect(lab.engine.runtime.host.counters.value("MPTcpExtEchoAdd")).toBeGreaterThanOrEqual(1);
    await lab.exchange10(connected);
  });

  it("joins an address that the kernel's server announces, and echoes it", async () => {
    const lab = await KernelLab.make({ links: 2 });
    lab.namespace.run("ip", "mptcp", "limits", "set", "subflows", "4");
    lab.namespace.run("ip", "mptcp", "endpoint", "add", "10.2.0.1", "signal");
    const connected = await lab.client();
    await warmUp(connected);
    // Two of ours to two of the kernel's.
    await lab.until(() => subflowsOf(connected.stream) === 4);
    await lab.counted("MPTcpExtEchoAdd");
    await lab.counted("MPTcpExtMPJoinAckRx", 3);
    await lab.exchange10(connected);
  });

  it("tells the kernel that an address is gone", async () => {
    const lab = await KernelLab.make({ links: 2 });
    const connected = await lab.client();
    await warmUp(connected);
    await lab.until(() => subflowsOf(connected.stream) === 2);
    const second = lab.engine.links[1];
    if (second !== undefined) lab.engine.runtime.removeAddress(second, IpAddress.from("10.2.0.2"));
    await lab.until(() => subflowsOf(connected.stream) === 1);
    await lab.counted("MPTcpExtRmAddr");
    await lab.exchange10(connected);
  });

  it("hears from the kernel that an address is gone", async () => {
    const lab = await KernelLab.make({ links: 2 });
    lab.namespace.run("ip", "mptcp", "limits", "set", "subflows", "4");
    lab.namespace.run("ip", "mptcp", "endpoint", "add", "10.2.0.1", "id", "7", "subflow");
    const connected = await lab.server();
    await warmUp(connected);
    await lab.until(() => subflowsOf(connected.stream) === 2);
    lab.namespace.run("ip", "mptcp", "endpoint", "delete", "id", "7");
    await lab.until(() => subflowsOf(connected.stream) === 1);
    expect(lab.engine.runtime.host.counters.value("MPTcpExtRmAddr")).toBe(1);
    await lab.exchange10(connected);
  });

  it("makes a subflow a backup and is told so", async () => {
    const lab = await KernelLab.make({ links: 2 });
    lab.namespace.run("ip", "mptcp", "limits", "set", "subflows", "4");
    lab.namespace.run("ip", "mptcp", "endpoint", "add", "10.2.0.1", "id", "7", "subflow");
    const connected = await lab.server();
    await warmUp(connected);
    await lab.until(() => subflowsOf(connected.stream) === 2);
    lab.namespace.run("ip", "mptcp", "endpoint", "change", "id", "7", "backup");
    await lab.until(() => lab.engine.runtime.host.counters.value("MPTcpExtMPPrioRx") >= 1);
    // What is a backup for the kernel carries no data of ours, unless this machine stalls so long that the other path looks dead: then once more.
    const shares: number[][] = [];
    for (let round = 0; round < 5 && shares.at(-1)?.[1] !== 0; round++) {
      const before = sentBySubflow(connected.stream);
      await warmUp(connected, 1_000_000);
      shares.push(sentBySubflow(connected.stream).map((bytes, i) => bytes - (before[i] ?? 0)));
    }
    expect(shares.at(-1)).toEqual([1_000_000, 0]);

    const connection = mptcpOf(connected.stream);
    const [path] = connection.addresses.paths;
    connection.addresses.setBackup(path?.index ?? 0, true, lab.engine.runtime.now);
    lab.engine.runtime.poke();
    await lab.counted("MPTcpExtMPPrioRx");
    await lab.exchange10(connected);
  });

  it("joins as a backup", async () => {
    const lab = await KernelLab.make();
    const connected = await lab.client();
    await warmUp(connected);
    const link = await lab.engine.link({ name: "tun2", host: [], kernel: "10.2.0.1/24", namespace: lab.namespace.path });
    lab.engine.runtime.addAddress(link, IpAddress.from("10.2.0.2"), { subflow: true, signal: false, backup: true, fullmesh: false });
    await lab.until(() => subflowsOf(connected.stream) === 2);
    await lab.counted("MPTcpExtMPJoinSynBackupRx");
    await lab.exchange10(connected);
  });

  it("joins no initial address that the kernel keeps to itself", async () => {
    const lab = await KernelLab.make({ links: 2 });
    lab.namespace.sysctl("net.mptcp.allow_join_initial_addr_port", 0);
    const connected = await lab.client();
    await warmUp(connected);
    expect(mptcpOf(connected.stream).remoteDeniesJoin).toBe(true);
    await lab.exchange10(connected);
    expect(lab.namespace.counter("MPTcpExtMPJoinSynRx")).toBe(0);
  });

  it("keeps its own initial address to itself", async () => {
    const lab = await KernelLab.make({ links: 2, mptcp: { denyJoinInitialAddress: true } });
    lab.namespace.run("ip", "mptcp", "limits", "set", "subflows", "4");
    lab.namespace.run("ip", "mptcp", "endpoint", "add", "10.2.0.1", "subflow");
    const connected = await lab.server();
    await warmUp(connected);
    await lab.exchange10(connected);
    expect(lab.namespace.counter("MPTcpExtMPJoinSynTx")).toBe(0);
    expect(connected.stream.connection.fallback).toBeNull();
  });

  it.each(["client", "server"] as const)("goes on as a %s when a path is cut while data flows", async (role) => {
    const lab = await KernelLab.make({ links: 2, offload: false });
    // The kernel gives a silent subflow up after one timeout rather than four.
    lab.namespace.sysctl("net.mptcp.stale_loss_cnt", 1);
    if (role === "server") lab.namespace.run("ip", "mptcp", "limits", "set", "subflows", "4", "add_addr_accepted", "4");
    const connected = await lab[role]();
    await warmUp(connected);
    await lab.until(() => subflowsOf(connected.stream) === 2);
    const { peer, stream } = connected;
    const length = 20_000_000;
    const start = stream.written;
    stream.send(length, true);
    // The kernel moves what a dead subflow held piece by piece, one each timeout: with more of it the test would last.
    const back = 3_000_000;
    const answer = peer.do("exchange", { bytes: back });
    await stream.until(() => stream.received > 500_000);
    lab.namespace.run("ip", "link", "set", "tun1", "down");
    expect(await answer).toMatchObject({ received: length, sha: patternSha(length, start), sent: back });
    await stream.ended();
    expect(stream.received).toBe(back + 100_000);
  });

  it("loses one subflow to a reset and goes on", async () => {
    const lab = await KernelLab.make({ links: 2 });
    const connected = await lab.client();
    await warmUp(connected);
    await lab.until(() => subflowsOf(connected.stream) === 2);
    const closedBefore = lab.events.filter((event) => event.kind === "subflow_closed").length;
    lab.namespace.run("ss", "-K", "dst", "10.2.0.2");
    await lab.until(() => lab.events.filter((event) => event.kind === "subflow_closed").length > closedBefore);
    await lab.exchange10(connected);
  });
});
