import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import type { KernelMptcpStatus, MptcpInfo } from "../../src/node/index.ts";
import { patternSha } from "./engine-end.ts";
import { KernelLab } from "./kernel-lab.ts";
import { kernelTestObstacle, Namespace } from "./namespace.ts";
import type { Command } from "./peers/kernel-sockets.ts";

const obstacle = kernelTestObstacle();
if (obstacle !== null) console.warn(`tests of the kernel's sockets over several paths are skipped: ${obstacle}`);

const LENGTH = 5_000_000;
const namespaces: Namespace[] = [];
const processes: Peer[] = [];

afterEach(async () => {
  for (const peer of processes.splice(0)) await peer.stop();
  for (const namespace of namespaces.splice(0)) await namespace.close();
  await KernelLab.closeAll();
});

/** peers/kernel-sockets.ts in a namespace. */
class Peer {
  private readonly child: ChildProcess;
  private readonly exited: Promise<unknown>;

  private constructor(namespace: Namespace, execArgv: readonly string[], prefix: readonly string[]) {
    const path = (name: string): string => fileURLToPath(new URL(`./peers/${name}`, import.meta.url));
    const words = [...execArgv, "--conditions=mptcp-source", "--import", pathToFileURL(path("typescript.mjs")).href, path("kernel-sockets.ts")];
    this.child = spawn("ip", ["netns", "exec", namespace.name, ...prefix, process.execPath, ...words], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    this.exited = once(this.child, "exit");
    processes.push(this);
  }

  static async in(namespace: Namespace, execArgv: readonly string[] = [], prefix: readonly string[] = []): Promise<Peer> {
    const peer = new Peer(namespace, execArgv, prefix);
    expect(await peer.answer()).toBe("ready");
    return peer;
  }

  /** Does one thing; rejects with the other end's error. */
  async do<T = unknown>(command: Command): Promise<T> {
    const answer = this.answer<T>();
    this.child.send(command);
    return answer;
  }

  private answer<T>(): Promise<T> {
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null): void => reject(new Error(`the process ended with ${code}`));
      this.child.once("exit", onExit);
      this.child.once("message", (value: { answer?: T; error?: object }) => {
        this.child.off("exit", onExit);
        if (value.error === undefined) resolve(value.answer as T);
        else reject(Object.assign(new Error("the other end failed"), value.error));
      });
    });
  }

  async stop(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill("SIGKILL");
    await this.exited;
  }
}

function makeNamespace(): Namespace {
  const namespace = new Namespace();
  namespaces.push(namespace);
  return namespace;
}

/** Two namespaces with two cables between them: 10.N.0.1 and 10.N.0.2, fd00:N::1 and fd00:N::2. */
function pairOfNamespaces(): [Namespace, Namespace] {
  const pair: [Namespace, Namespace] = [makeNamespace(), makeNamespace()];
  for (const n of [1, 2]) {
    pair[0].run("ip", "link", "add", `path${n}`, "type", "veth", "peer", "name", `path${n}`, "netns", pair[1].name);
    pair.forEach((namespace, i) => {
      namespace.run("ip", "address", "add", `10.${n}.0.${i + 1}/24`, "dev", `path${n}`);
      namespace.run("ip", "address", "add", `fd00:${n}::${i + 1}/64`, "dev", `path${n}`, "nodad");
      namespace.run("ip", "link", "set", `path${n}`, "up");
      namespace.run("ip", "mptcp", "limits", "set", "subflows", "4", "add_addr_accepted", "4");
    });
  }
  return pair;
}

describe.skipIf(obstacle !== null)("sockets of the kernel between two hosts", () => {
  it.each([
    ["IPv4", "10.1.0.1", "10.2.0.2", "10.1.0.2"],
    ["IPv6", "fd00:1::1", "fd00:2::2", "fd00:1::2"],
  ])("tell of two subflows, %s", async (_family, host, second, first) => {
    const [here, there] = pairOfNamespaces();
    there.run("ip", "mptcp", "endpoint", "add", second, "dev", "path2", "subflow");
    if (host.includes(":")) there.run("ip", "-6", "route", "add", "fd00:1::/64", "via", "fd00:2::1", "dev", "path2", "metric", "2048");
    const server = await Peer.in(here);
    const client = await Peer.in(there);
    const { port } = await server.do<AddressInfo>({ do: "listen", host: host.includes(":") ? "::" : "0.0.0.0" });
    await client.do({ do: "connect", host, port });
    await server.do({ do: "accepted" });
    // The kernel joins once the other end has acknowledged data.
    await client.do({ do: "send", bytes: 1000 });
    const seen = await client.do<MptcpInfo>({ do: "subflows", count: 2 });
    expect(seen).toMatchObject({ via: "kernel", multipath: true, fallback: null, subflowsTotal: 2, extraSubflows: 1, extraSubflowsMax: 4, addAddrAcceptedMax: 4, localAddrUsed: 1 });
    expect(seen.subflows.map((subflow) => subflow.id)).toEqual([1, 2]);
    expect(seen.subflows.map(({ localAddress, remoteAddress, remotePort, state, established, backup }) => ({ localAddress, remoteAddress, remotePort, state, established, backup }))).toEqual([
      { localAddress: first, remoteAddress: host, remotePort: port, state: "ESTABLISHED", established: true, backup: false },
      // The kernel joins to the address it knows of.
      { localAddress: second, remoteAddress: host, remotePort: port, state: "ESTABLISHED", established: true, backup: false },
    ]);
    const other = await server.do<MptcpInfo>({ do: "subflows", count: 2 });
    expect(other.subflows.map((subflow) => [subflow.remoteAddress, subflow.localPort])).toEqual([[first, port], [second, port]]);
    // Each has a token of its own; what one has written, the other awaits.
    expect(seen.token).not.toBe(other.token);
    expect(seen.writeSequence).toBe(other.receiveNext);

    const [ours, theirs] = await Promise.all([client, server].map((end) => end.do<{ received: number; sha: string }>({ do: "exchange", bytes: LENGTH })));
    expect([ours, theirs]).toEqual([0, 1].map(() => ({ received: LENGTH, sha: patternSha(LENGTH) })));
    const after = await client.do<MptcpInfo>({ do: "info" });
    // As it was when the socket was closed: some of what it sent may have been under way.
    expect(after).toMatchObject({ bytesReceived: LENGTH, fallback: null });
    expect(after.bytesAcknowledged).toBeLessThanOrEqual(after.bytesSent);
    expect(after.bytesSent).toBeLessThanOrEqual(LENGTH);
    expect(there.counter("MPTcpExtMPJoinSynAckRx")).toBe(1);
    expect(there.counter("MPTcpExtMPCapableFallbackSYNACK")).toBe(0);
  });

  it("tell which subflow is a backup", async () => {
    const [here, there] = pairOfNamespaces();
    there.run("ip", "mptcp", "endpoint", "add", "10.2.0.2", "dev", "path2", "subflow", "backup", "id", "7");
    const server = await Peer.in(here);
    const client = await Peer.in(there);
    const { port } = await server.do<AddressInfo>({ do: "listen", host: "0.0.0.0" });
    await client.do({ do: "connect", host: "10.1.0.1", port });
    await server.do({ do: "accepted" });
    await client.do({ do: "send", bytes: 1000 });
    const seen = await client.do<MptcpInfo>({ do: "subflows", count: 2 });
    expect(seen.subflows.map((subflow) => [subflow.localAddress, subflow.backup])).toEqual([["10.1.0.2", false], ["10.2.0.2", true]]);
    const other = await server.do<MptcpInfo>({ do: "subflows", count: 2 });
    expect(other.subflows.map((subflow) => [subflow.remoteAddress, subflow.backup])).toEqual([["10.1.0.2", false], ["10.2.0.2", true]]);
  });

  it("say what to do where the kernel's Multipath TCP is switched off, and pick plain TCP", async () => {
    const namespace = makeNamespace();
    namespace.sysctl("net.mptcp.enabled", 0);
    const peer = await Peer.in(namespace);
    const before = await peer.do<number>({ do: "descriptors" });
    expect(await peer.do<KernelMptcpStatus>({ do: "status" })).toMatchObject({ available: false, remedy: "as root: sysctl net.mptcp.enabled=1" });
    const refusal = { code: "ERR_MPTCP_KERNEL", message: expect.stringMatching(/switched off.*sysctl net\.mptcp\.enabled=1/) as string };
    expect(await peer.do({ do: "try", via: "kernel" })).toEqual([refusal, refusal]);
    expect(await peer.do({ do: "try", via: "auto" })).toEqual(["tcp", "tcp"]);
    expect(await peer.do({ do: "descriptors" })).toBe(before);
    namespace.sysctl("net.mptcp.enabled", 1);
    expect(await peer.do({ do: "try", via: "auto" })).toEqual(["kernel", "kernel"]);
  });

  it("are not taken for missing where only descriptors are, and leak none then", async () => {
    const peer = await Peer.in(makeNamespace(), [], ["prlimit", "--nofile=256"]);
    // koffi itself needs one, to be loaded.
    expect(await peer.do({ do: "status" })).toEqual({ available: true });
    const outcome = { vias: ["kernel", "kernel"], codes: ["EMFILE", "EMFILE"] };
    expect(await peer.do({ do: "run out of descriptors" })).toEqual(outcome);
    const before = await peer.do<number>({ do: "descriptors" });
    expect(await peer.do({ do: "run out of descriptors" })).toEqual(outcome);
    expect(await peer.do({ do: "descriptors" })).toBe(before);
  });

  it("say what to do where koffi is missing, and pick plain TCP", async () => {
    const hide = fileURLToPath(new URL("./peers/without-koffi.cjs", import.meta.url));
    const peer = await Peer.in(makeNamespace(), ["--require", hide]);
    const refusal = { code: "ERR_MPTCP_KERNEL", message: expect.stringMatching(/koffi is missing; npm install koffi@3/) as string };
    expect(await peer.do({ do: "try", via: "kernel" })).toEqual([refusal, refusal]);
    expect(await peer.do({ do: "try", via: "auto" })).toEqual(["tcp", "tcp"]);
    expect(await peer.do({ do: "try", via: "userspace" })).toMatchObject([{ code: "ERR_MPTCP_NO_STACK" }, { code: "ERR_MPTCP_NO_STACK" }]);
  });
});

describe.skipIf(obstacle !== null)("sockets of the kernel at one end, this engine at the other", () => {
  it.each(["10.1.0.2", "fd00:1::2"])("connect to the engine at %s", async (host) => {
    const lab = await KernelLab.make();
    const peer = await Peer.in(lab.namespace);
    lab.engine.listen(4000);
    const accepted = lab.engine.accept();
    await peer.do({ do: "connect", host, port: 4000 });
    const stream = await accepted;
    stream.send(LENGTH, true);
    const theirs = await peer.do({ do: "exchange", bytes: LENGTH });
    await stream.ended();
    expect(theirs).toEqual({ received: LENGTH, sha: patternSha(LENGTH) });
    expect([stream.received, stream.sha]).toEqual([LENGTH, patternSha(LENGTH)]);
    expect(stream.connection.fallback).toBeNull();
    expect(await peer.do({ do: "info" })).toMatchObject({ via: "kernel", multipath: true, bytesReceived: LENGTH });
    expect(lab.namespace.counter("MPTcpExtMPCapableSYNACKRX")).toBe(1);
  });

  it("accept from the engine, with two subflows that it opens", async () => {
    const lab = await KernelLab.make({ links: 2 });
    lab.namespace.run("ip", "mptcp", "limits", "set", "subflows", "4", "add_addr_accepted", "4");
    lab.namespace.run("ip", "mptcp", "endpoint", "add", "10.2.0.1", "dev", "tun2", "signal");
    const peer = await Peer.in(lab.namespace);
    const { port } = await peer.do<AddressInfo>({ do: "listen", host: "0.0.0.0" });
    const stream = lab.engine.connect("10.1.0.1", port);
    await stream.connected();
    stream.send(LENGTH, true);
    await peer.do({ do: "accepted" });
    const theirs = await peer.do({ do: "exchange", bytes: LENGTH });
    await stream.ended();
    expect(theirs).toEqual({ received: LENGTH, sha: patternSha(LENGTH) });
    expect([stream.received, stream.sha]).toEqual([LENGTH, patternSha(LENGTH)]);
    const seen = await peer.do<MptcpInfo>({ do: "info" });
    expect(seen).toMatchObject({ multipath: true, fallback: null });
    expect(lab.namespace.counter("MPTcpExtMPJoinAckRx")).toBeGreaterThanOrEqual(1);
    expect(lab.namespace.counter("MPTcpExtMPJoinAckHMacFailure")).toBe(0);
  });

  it("say so when the engine's listener does not do Multipath TCP", async () => {
    const lab = await KernelLab.make();
    const peer = await Peer.in(lab.namespace);
    lab.engine.listen(4000, { multipath: false });
    const accepted = lab.engine.accept();
    await peer.do({ do: "connect", host: "10.1.0.2", port: 4000 });
    await accepted;
    expect(await peer.do({ do: "info" })).toMatchObject({ via: "kernel", multipath: false, fallback: "kernel_fallback", token: 0, subflowsTotal: 1 });
  });

  it("accept an engine that speaks plain TCP", async () => {
    const lab = await KernelLab.make();
    const peer = await Peer.in(lab.namespace);
    const { port } = await peer.do<AddressInfo>({ do: "listen", host: "10.1.0.1" });
    const stream = lab.engine.connect("10.1.0.1", port, { multipath: false });
    await stream.connected();
    stream.send(1000, true);
    expect(await peer.do({ do: "accepted" })).toMatchObject({ via: "kernel", multipath: false, fallback: "not_requested", token: 0, subflowsTotal: 1 });
    expect(await peer.do({ do: "exchange", bytes: 1000 })).toEqual({ received: 1000, sha: patternSha(1000) });
    expect(await peer.do({ do: "info" })).toMatchObject({ fallback: "not_requested", bytesSent: 1000 });
  });
});
