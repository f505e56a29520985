import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { probe, tunLink } from "../../src/node/index.ts";
import type { ProbeOptions, ProbeReport, ProbeRow } from "../../src/node/index.ts";
import { kernelTestObstacle, Namespace, python } from "./namespace.ts";

const obstacle = kernelTestObstacle();
if (obstacle !== null) console.warn(`tests of the probe against the kernel are skipped: ${obstacle}`);
const nftObstacle = obstacle ?? nftTestObstacle();
if (obstacle === null && nftObstacle !== null) console.warn(`tests of the probe through a middlebox are skipped: ${nftObstacle}`);

const namespaces: Namespace[] = [];
const servers: ChildProcess[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.kill("SIGKILL");
    if (server.exitCode === null && server.signalCode === null) await once(server, "exit");
  }
  for (const namespace of namespaces.splice(0)) await namespace.close();
});

/** Why the kernel's packet filter cannot play a middlebox here; null when it can. */
function nftTestObstacle(): string | null {
  if (spawnSync("nft", ["--version"]).status !== 0) return "there is no nft";
  const namespace = new Namespace();
  try {
    filter(namespace, "tcp option mptcp exists reset tcp option mptcp");
    return null;
  } catch (error) {
    return `nft cannot take options away: ${error instanceof Error ? error.message : String(error)}`;
  } finally {
    void namespace.close();
  }
}

/** Rules for what comes into the namespace. */
function filter(namespace: Namespace, ...rules: readonly string[]): void {
  namespace.run("nft", "add table inet box; add chain inet box in { type filter hook prerouting priority -300; }");
  for (const rule of rules) namespace.run("nft", `add rule inet box in ${rule}`);
}

/** A namespace with a server of the kernel on port 4000, and the engine's links to it: 10.1.N.0/24 and fd00:1:N::/64, the kernel at 1. */
async function serve(options: { readonly mptcp?: boolean; readonly address?: string } = {}): Promise<Namespace> {
  const namespace = new Namespace();
  namespaces.push(namespace);
  if (options.mptcp === false) namespace.sysctl("net.mptcp.enabled", 0);
  const script = fileURLToPath(new URL("kernel-server.py", import.meta.url));
  const words = [options.address ?? "0.0.0.0", "4000", options.mptcp === false ? "tcp" : "mptcp"];
  const server = spawn("ip", ["netns", "exec", namespace.name, ...python(script), ...words], { stdio: ["ignore", "pipe", "inherit"] });
  servers.push(server);
  await once(server.stdout as NodeJS.EventEmitter, "data");
  return namespace;
}

async function examine(namespace: Namespace, options: Partial<ProbeOptions> & { readonly count?: number } = {}): Promise<ProbeReport> {
  const { count = 1, ...rest } = options;
  const links = [];
  for (let n = 1; n <= count; n++) {
    links.push(await tunLink({ name: `tun${n}`, host: [`10.1.${n}.2`, `fd00:1:${n}::2`], kernel: [`10.1.${n}.1/24`, `fd00:1:${n}::1/64`], namespace: namespace.path }));
  }
  return probe({ host: "10.1.1.1", port: 4000, timeout: 20_000, ...rest, links });
}

/** The same by the kernel's own sockets, from a process in the namespace. */
function examineByKernel(namespace: Namespace, options: Partial<ProbeOptions> = {}): ProbeReport {
  const path = (name: string): string => fileURLToPath(new URL(`peers/${name}`, import.meta.url));
  const asked = JSON.stringify({ host: "127.0.0.1", port: 4000, timeout: 20_000, ...options });
  const output = namespace.run(process.execPath, "--conditions=mptcp-source", "--import", pathToFileURL(path("typescript.mjs")).href, path("probe.ts"), asked);
  return JSON.parse(output) as ProbeReport;
}

function rowOf(report: ProbeReport, id: string): ProbeRow {
  const rows = report.targets[0]?.rows ?? [];
  const found = rows.find((row) => row.id === id);
  if (found === undefined) throw new Error(`no row ${id} in ${JSON.stringify(rows, null, 1)}`);
  return found;
}

/** Silence is waited for: not long, since the kernel answers at once when it does. */
const SILENCE = { timeout: 3000 };

describe.skipIf(obstacle !== null)("the probe, with the kernel at the other end", () => {
  it.each(["10.1.1.1", "fd00:1:1::1"])("finds Multipath TCP at %s", async (host) => {
    const server = await serve({ address: host.includes(":") ? "::" : "0.0.0.0" });
    const report = await examine(server, { host });
    expect(report).toMatchObject({ multipath: true, reachable: true, via: "userspace", targets: [{ address: host, outcome: "multipath", version: 1 }] });
    for (const id of ["tcp", "mp_capable", "dss", "option.mss", "option.window_scale", "option.sack", "option.timestamps"]) expect(rowOf(report, id)).toMatchObject({ id, state: "ok" });
    expect(rowOf(report, "join").came).toMatch(/not tried/);
    expect(rowOf(report, "version_0")).toMatchObject({ state: "note", came: "SYN+ACK without MP_CAPABLE" });
    expect(rowOf(report, "data_fin").state).toBe("ok");
    expect(server.counter("MPTcpExtMPCapableACKRX")).toBe(1);
  });

  it("sends data and opens a second subflow", async () => {
    const server = await serve();
    const report = await examine(server, { count: 2, send: "HEAD / HTTP/1.0\r\n\r\n" });
    expect(rowOf(report, "tcp_data")).toMatchObject({ state: "ok", did: "sent 19 octets in plain TCP" });
    expect(rowOf(report, "dss")).toMatchObject({ state: "ok", did: "sent first data, with MP_CAPABLE and both keys" });
    expect(rowOf(report, "join")).toMatchObject({ state: "ok", came: "SYN+ACK with MP_JOIN and the right HMAC, from 10.1.1.1 to 10.1.2.2" });
    expect(rowOf(report, "data")).toMatchObject({ state: "ok", came: "DATA_ACK up to 19, and 6 octets in answer" });
    expect(server.counter("MPTcpExtMPJoinAckRx")).toBe(1);
    expect(server.counter("MPTcpExtMPJoinAckHMacFailure")).toBe(0);
  });

  it("opens a second subflow without a word of data", async () => {
    const server = await serve();
    const report = await examine(server, { count: 2 });
    expect(rowOf(report, "dss").state).toBe("ok");
    expect(rowOf(report, "join").state).toBe("ok");
  });

  it("tells of a peer that refuses joins", async () => {
    const server = await serve();
    server.run("ip", "mptcp", "limits", "set", "subflows", "0");
    const refused = await examine(server, { count: 2 });
    expect(rowOf(refused, "join")).toMatchObject({ state: "warn", came: expect.stringContaining("RST") as string });
    expect(refused.multipath).toBe(true);
  });

  it("tells of the C flag and of checksums", async () => {
    const server = await serve();
    server.sysctl("net.mptcp.allow_join_initial_addr_port", 0);
    server.sysctl("net.mptcp.checksum_enabled", 1);
    const report = await examine(server, { count: 2 });
    expect(rowOf(report, "mp_capable").came).toMatch(/checksums required; no joins to this address \(C flag\)/);
    expect(rowOf(report, "join")).toMatchObject({ state: "note", came: expect.stringContaining("not tried: the peer forbids joins") as string });
    expect(report.multipath).toBe(true);
  });

  it("finds TCP alone where Multipath TCP is off", async () => {
    const report = await examine(await serve({ mptcp: false }));
    expect(report).toMatchObject({ multipath: false, reachable: true, targets: [{ outcome: "tcp", version: null }] });
    expect(rowOf(report, "mp_capable")).toMatchObject({ state: "fail", came: "SYN+ACK without MP_CAPABLE" });
  });

  it("tells what a peer leaves of the other options", async () => {
    const server = await serve();
    for (const name of ["tcp_timestamps", "tcp_sack", "tcp_window_scaling"]) server.sysctl(`net.ipv4.${name}`, 0);
    const report = await examine(server);
    expect(rowOf(report, "option.timestamps")).toMatchObject({ state: "note", came: "none" });
    expect(rowOf(report, "option.sack")).toMatchObject({ state: "note", came: "none" });
    expect(rowOf(report, "option.window_scale")).toMatchObject({ state: "warn", came: "none" });
    expect(report.multipath).toBe(true);
  });

  it("tells refusal from silence", async () => {
    const server = await serve();
    const refused = await examine(server, { port: 4001 });
    expect(refused).toMatchObject({ multipath: false, reachable: false, targets: [{ outcome: "unreachable" }] });
    expect(rowOf(refused, "tcp")).toMatchObject({ state: "fail", came: "RST" });
    const silent = await examine(server, { host: "10.1.1.77", ...SILENCE });
    expect(rowOf(silent, "tcp").came).toMatch(/^silence, to \d SYNs?$/);
  });

  it("ends when it is told to", async () => {
    const server = await serve();
    const controller = new AbortController();
    const asked = examine(server, { host: "10.1.1.77", signal: controller.signal });
    setImmediate(() => controller.abort(new Error("enough")));
    await expect(asked).rejects.toThrow("enough");
  });
});

describe.skipIf(nftObstacle !== null)("the probe, through a middlebox", () => {
  it("that takes the option from SYNs", async () => {
    const server = await serve();
    filter(server, "tcp flags & syn == syn reset tcp option mptcp");
    const report = await examine(server);
    expect(report.targets[0]).toMatchObject({ outcome: "tcp", version: null });
    expect(rowOf(report, "mp_capable").came).toBe("SYN+ACK without MP_CAPABLE");
  });

  it("that takes the options from all that follows", async () => {
    const server = await serve();
    filter(server, "tcp flags & syn == 0 reset tcp option mptcp");
    const report = await examine(server, { send: "hello", ...SILENCE });
    expect(rowOf(report, "mp_capable").state).toBe("ok");
    expect(rowOf(report, "dss").state).toBe("fail");
    expect(report.targets[0]).toMatchObject({ outcome: "tcp" });
    const quiet = await examine(server, SILENCE);
    expect(rowOf(quiet, "dss").state).toBe("fail");
    expect(quiet.multipath).toBe(false);
  });

  it("that swallows, or resets, what follows with options", async () => {
    const server = await serve();
    filter(server, "tcp flags & syn == 0 tcp option mptcp exists drop");
    const silent = await examine(server, { send: "hello", ...SILENCE });
    expect(rowOf(silent, "tcp_data").state).toBe("ok");
    expect(rowOf(silent, "mp_capable").state).toBe("ok");
    expect(rowOf(silent, "dss")).toMatchObject({ state: "fail", came: "silence" });
    expect(silent).toMatchObject({ multipath: false, reachable: true });
    server.run("nft", "flush chain inet box in");
    server.run("nft", "add chain inet box input { type filter hook input priority 0; }; add rule inet box input tcp flags & syn == 0 tcp option mptcp exists reject with tcp reset");
    const reset = await examine(server, { send: "hello", ...SILENCE });
    expect(rowOf(reset, "dss")).toMatchObject({ state: "fail", came: "RST" });
    expect(reset).toMatchObject({ multipath: false, reachable: true });
  });

  it("that swallows SYNs with the option", async () => {
    const server = await serve();
    filter(server, "tcp flags & syn == syn tcp option mptcp exists drop");
    const report = await examine(server, SILENCE);
    expect(rowOf(report, "mp_capable")).toMatchObject({ state: "fail", came: expect.stringMatching(/^silence, to \d SYNs?$/) as string, verdict: "a black hole for SYNs with the option; plain TCP passes" });
    expect(rowOf(report, "version_0").came).toBe("silence");
    expect(report).toMatchObject({ multipath: false, reachable: true });
  });

  it("that takes MP_JOIN from the second path", async () => {
    const server = await serve();
    filter(server, "iifname tun2 reset tcp option mptcp");
    const report = await examine(server, { count: 2 });
    expect(report.multipath).toBe(true);
    expect(rowOf(report, "join")).toMatchObject({ state: "warn" });
  });

  it("that is this host, with its own address in place of the engine's", async () => {
    const server = await serve();
    const host = new Namespace();
    namespaces.push(host);
    host.run("ip", "link", "add", "uplink", "type", "veth", "peer", "name", "uplink", "netns", server.name);
    for (const [namespace, address] of [[host, "198.18.1.2/24"], [server, "198.18.1.1/24"]] as const) {
      namespace.run("ip", "address", "add", address, "dev", "uplink");
      namespace.run("ip", "link", "set", "uplink", "up");
    }
    // As docs/probe.md has it.
    host.sysctl("net.ipv4.ip_forward", 1);
    host.run("nft", "add table ip mptcp_probe");
    host.run("nft", "add chain ip mptcp_probe out { type nat hook postrouting priority srcnat; }");
    host.run("nft", "add rule ip mptcp_probe out ip saddr 10.1.0.0/16 masquerade");
    const report = await examine(host, { count: 2, host: "198.18.1.1" });
    expect(report).toMatchObject({ multipath: true, targets: [{ version: 1 }] });
    expect(rowOf(report, "dss").state).toBe("ok");
    expect(rowOf(report, "join").state).toBe("ok");
  });

  it("that lowers the MSS", async () => {
    const server = await serve();
    server.run("nft", "add table inet box; add chain inet box out { type filter hook output priority 0; }; add rule inet box out tcp flags & syn == syn tcp option maxseg size set 1200");
    const report = await examine(server);
    expect(rowOf(report, "option.mss")).toMatchObject({ state: "note", came: "MSS 1200" });
    expect(report.multipath).toBe(true);
  });
});

describe.skipIf(obstacle !== null)("the probe, by the kernel's own sockets", () => {
  it("finds Multipath TCP, and data acknowledged at its level", async () => {
    const namespace = await serve();
    const report = examineByKernel(namespace, { send: "hello" });
    expect(report).toMatchObject({ via: "kernel", multipath: true, reachable: true, targets: [{ address: "127.0.0.1", outcome: "multipath", version: 1 }] });
    expect(rowOf(report, "mp_capable").state).toBe("ok");
    expect(rowOf(report, "data")).toMatchObject({ state: "ok", came: "DATA_ACK of them, and 6 octets in answer" });
    expect(rowOf(report, "counters").came).toMatch(/MPTcpExtMPCapableSYNACKRX 1\b/);
    expect(examineByKernel(namespace)).toMatchObject({ multipath: true });
  });

  it("tells of the second subflow that the kernel opened", async () => {
    const namespace = await serve();
    namespace.run("ip", "address", "add", "10.9.0.1/32", "dev", "lo");
    namespace.run("ip", "mptcp", "endpoint", "add", "10.9.0.1", "subflow");
    const report = examineByKernel(namespace, { send: "hello" });
    expect(rowOf(report, "join")).toMatchObject({ state: "ok", came: expect.stringContaining("10.9.0.1 to 127.0.0.1") as string });
  });

  it("finds TCP alone, and nobody", async () => {
    const namespace = await serve();
    const server = namespace.peer();
    await server.do("listen", { address: "127.0.0.1", port: 4002, mptcp: false });
    const plain = examineByKernel(namespace, { port: 4002 });
    expect(plain).toMatchObject({ multipath: false, reachable: true, targets: [{ outcome: "tcp" }] });
    expect(rowOf(plain, "mp_capable")).toMatchObject({ state: "fail", came: "SYN+ACK without MP_CAPABLE" });
    const nobody = examineByKernel(namespace, { port: 4001 });
    expect(nobody).toMatchObject({ multipath: false, reachable: false });
    expect(rowOf(nobody, "tcp")).toMatchObject({ state: "fail", came: "ECONNREFUSED" });
  });

  it.skipIf(nftObstacle !== null)("finds a black hole, and that the kernel remembers it", async () => {
    const namespace = await serve();
    filter(namespace, "tcp flags & syn == syn tcp option mptcp exists drop");
    const report = examineByKernel(namespace);
    expect(rowOf(report, "mp_capable")).toMatchObject({ state: "fail", came: "silence to SYNs with the option, an answer to one without" });
    expect(report).toMatchObject({ multipath: false, reachable: true });
    expect(rowOf(examineByKernel(namespace), "mp_capable")).toMatchObject({ state: "unknown", came: "the kernel did not ask" });
  });

  it("names the remedy where the kernel's Multipath TCP is off", async () => {
    const namespace = await serve({ mptcp: false });
    expect(() => examineByKernel(namespace)).toThrow(/ERR_MPTCP_KERNEL/);
  });
});
