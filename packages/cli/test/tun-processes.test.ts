import { createHash, randomBytes } from "node:crypto";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { patternSha } from "../../mptcp/test/node/engine-end.ts";
import { kernelTestObstacle, Namespace } from "../../mptcp/test/node/namespace.ts";
import { dissect, HAS_TSHARK, values } from "../../../test/captures/tshark.ts";
import { Command } from "./processes.ts";

const obstacle = kernelTestObstacle();
if (obstacle !== null) console.warn(`tests of the command against the kernel are skipped: ${obstacle}`);

const folder = mkdtempSync(join(tmpdir(), "mptcp-cli-tun-"));
const descriptors: number[] = [];
const namespaces: Namespace[] = [];

afterEach(async () => {
  await Command.stopAll();
  for (const descriptor of descriptors.splice(0)) closeSync(descriptor);
  for (const namespace of namespaces.splice(0)) await namespace.close();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const LINKS = ["--tun", "name=mp0,host=10.1.0.2,kernel=10.1.0.1/24", "--tun", "name=mp1,host=10.2.0.2,kernel=10.2.0.1/24"];
const digest = (chunks: readonly Uint8Array[]): string => chunks.reduce((hash, chunk) => hash.update(chunk), createHash("sha256")).digest("hex");

function makeNamespace(): Namespace {
  const namespace = new Namespace();
  namespaces.push(namespace);
  namespace.run("ip", "mptcp", "limits", "set", "subflows", "4", "add_addr_accepted", "4");
  return namespace;
}

function fileOf(bytes: Uint8Array, name: string): number {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  const descriptor = openSync(path, "r");
  descriptors.push(descriptor);
  return descriptor;
}

/** What a program may leave behind in a namespace. The kernel's own note of an address that joined it is none of that. */
function traces(namespace: Namespace): string {
  return ["link", "address", "rule", "route show table all", "-6 route show table all", "mptcp limits"].map((words) => namespace.run("ip", ...words.split(" "))).join("\n");
}

async function listen(namespace: Namespace, port: number, args: readonly string[]): Promise<Command> {
  const command = new Command(["listen", String(port), ...args], { namespace: namespace.name });
  await command.says("listening on");
  return command;
}

describe.skipIf(obstacle !== null)("mptcp over TUN devices, and the kernel", () => {
  it("as a server: the kernel joins the address that an endpoint signals", async () => {
    const namespace = makeNamespace();
    const file = join(folder, "server.pcapng");
    const server = await listen(namespace, PORT, [...LINKS, "--endpoint", "10.2.0.2,signal,id=9", "--limits", "subflows=2", "--pcap", file, "--json"]);
    const peer = namespace.peer();
    expect(await peer.do("connect", { address: "10.1.0.2", port: PORT })).toEqual({});
    await peer.do("send", { bytes: 1_000_000 });
    for (let tries = 0; namespace.counter("MPTcpExtMPJoinSynAckRx") === 0; tries++) {
      expect(tries).toBeLessThan(600);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const sent = await peer.do("send", { bytes: 9_000_000 });
    await peer.do("shutdown");
    expect(await server.code).toBe(0);
    expect(digest([Buffer.concat(server.output).subarray(1_000_000)])).toBe(sent.sha);
    expect(server.summary).toMatchObject({ via: "userspace", bytesRead: 10_000_000, fallback: null, error: null });
    expect(server.summary.subflows.map(({ localAddress }) => localAddress).toSorted()).toEqual(["10.1.0.2", "10.2.0.2"]);
    expect(server.summary.counters).toMatchObject({ MPTcpExtMPJoinSynRx: 1, MPTcpExtMPJoinAckRx: 1, MPTcpExtEchoAdd: 1 });
    expect(namespace.counter("MPTcpExtMPJoinSynAckHMacFailure") + namespace.counter("MPTcpExtAddAddrDrop")).toBe(0);
    if (!HAS_TSHARK) return;
    const packets = await dissect(readFileSync(file), ["tcp.srcport", "frame.interface_name", "tcp.options.mptcp.subtype", "tcp.options.mptcp.addrid", "tcp.checksum.status", "_ws.malformed"]);
    // The kernel looks for routers and groups, too.
    const rows = packets.filter((row) => row["tcp.srcport"] !== "");
    expect(new Set(rows.map((row) => row["frame.interface_name"]))).toEqual(new Set(["mp0", "mp1"]));
    for (const row of rows) expect([row["tcp.checksum.status"], row["_ws.malformed"]]).toEqual(["1", ""]);
    const announced = rows.filter((row) => values(row["tcp.options.mptcp.subtype"]).includes("3"));
    expect(announced.flatMap((row) => values(row["tcp.options.mptcp.addrid"]))).toContain("9");
  });

  it("as a server without an endpoint for the second address: nobody joins", async () => {
    const namespace = makeNamespace();
    const server = await listen(namespace, 5000, [...LINKS, "--endpoint", "10.1.0.2,subflow", "--json"]);
    const peer = namespace.peer();
    await peer.do("connect", { address: "10.1.0.2", port: 5000 });
    await peer.do("send", { bytes: 3_000_000 });
    await peer.do("shutdown");
    expect(await server.code).toBe(0);
    expect(digest(server.output)).toBe(patternSha(3_000_000));
    expect(server.summary.subflows).toHaveLength(1);
    expect(server.summary.counters.MPTcpExtAddAddrTx ?? 0).toBe(0);
  });

  it("as a client: a file goes to the kernel over both devices", async () => {
    const namespace = makeNamespace();
    const data = randomBytes(30_000_000);
    const peer = namespace.peer();
    await peer.do("listen", { address: "0.0.0.0", port: 4000 });
    const accepted = peer.do("accept");
    const client = new Command(["connect", "10.1.0.1", "4000", ...LINKS, "--json"], { namespace: namespace.name, stdin: fileOf(data, "client") });
    expect(await accepted).not.toHaveProperty("error");
    expect(await peer.do("receive", { bytes: -1 })).toMatchObject({ received: data.length, sha: digest([data]) });
    await peer.do("close");
    expect(await client.code).toBe(0);
    expect(client.summary).toMatchObject({ bytesWritten: data.length, fallback: null, error: null });
    expect(new Set(client.summary.subflows.map(({ localAddress }) => localAddress))).toEqual(new Set(["10.1.0.2", "10.2.0.2"]));
  });

  it("with the limits that --limits sets", async () => {
    const namespace = makeNamespace();
    const peer = namespace.peer();
    await peer.do("listen", { address: "0.0.0.0", port: 4000 });
    const accepted = peer.do("accept");
    const client = new Command(["connect", "10.1.0.1", "4000", ...LINKS, "--limits", "subflows=0", "--source", "3000000", "--json"], { namespace: namespace.name });
    expect(await accepted).not.toHaveProperty("error");
    await peer.do("receive", { bytes: -1 });
    await peer.do("close");
    expect(await client.code).toBe(0);
    expect(client.summary.subflows).toHaveLength(1);
    expect(namespace.counter("MPTcpExtMPJoinSynRx")).toBe(0);
  });

  it("says that it was plain TCP, and why", async () => {
    const namespace = makeNamespace();
    const peer = namespace.peer();
    await peer.do("listen", { address: "0.0.0.0", port: 4000, mptcp: false });
    const accepted = peer.do("accept");
    const client = new Command(["connect", "10.1.0.1", "4000", ...LINKS, "--source", "3000000"], { namespace: namespace.name });
    expect(await accepted).not.toHaveProperty("error");
    expect(await peer.do("receive", { bytes: -1 })).toMatchObject({ received: 3_000_000 });
    await peer.do("close");
    expect(await client.code).toBe(0);
    expect(client.stderr).toMatch(/3000000 written in .*, plain TCP \(no_mp_capable_in_synack\)/);
  });

  it.each([["SIGINT", 130], ["SIGTERM", 143]] as const)("leaves no device, address, route or rule after %s, waiting or in the midst of data", async (signal, code) => {
    const namespace = makeNamespace();
    const before = traces(namespace);
    const idle = await listen(namespace, 5000, LINKS);
    expect(namespace.run("ip", "-o", "link")).toMatch(/mp0.*\n.*mp1/);
    idle.signal(signal);
    expect(await idle.code).toBe(code);
    expect(traces(namespace)).toBe(before);
    const peer = namespace.peer();
    await peer.do("listen", { address: "0.0.0.0", port: 4000 });
    const accepted = peer.do("accept");
    const busy = new Command(["connect", "10.1.0.1", "4000", ...LINKS, "--source", "100000000000"], { namespace: namespace.name });
    expect(await accepted).not.toHaveProperty("error");
    await peer.do("receive", { bytes: 1_000_000 });
    busy.signal(signal);
    expect(await busy.code).toBe(code);
    // The kernel heard that this was not all.
    expect(await peer.do("receive", { bytes: -1 })).toMatchObject({ error: "ConnectionResetError" });
    expect(traces(namespace)).toBe(before);
  });

  it("names the remedy where a device cannot be had", async () => {
    const namespace = makeNamespace();
    const unprivileged = new Command(["listen", "5000", ...LINKS], { namespace: namespace.name, unprivileged: true });
    expect(await unprivileged.code).toBe(1);
    expect(unprivileged.stderr).toMatch(/run as root or with CAP_NET_ADMIN/);
    const twice = new Command(["listen", "5000", "--tun", "name=mp0,host=10.1.0.2,kernel=10.1.0.1/24", "--tun", "name=mp0,host=10.2.0.2,kernel=10.2.0.1/24"], { namespace: namespace.name });
    expect(await twice.code).toBe(1);
    expect(twice.stderr).toMatch(/another process holds that device; choose another name/);
    expect(unprivileged.stderr + twice.stderr).not.toMatch(/\n +at /);
    expect(namespace.run("ip", "-o", "link")).not.toMatch(/mp0/);
  });
});

describe.skipIf(obstacle !== null)("mptcp --via kernel", () => {
  it("uses the kernel's sockets at both ends, and says so", async () => {
    const namespace = makeNamespace();
    const data = randomBytes(5_000_000);
    const server = await listen(namespace, 5000, ["--via", "kernel", "--json"]);
    const client = new Command(["connect", "127.0.0.1", "5000", "--via", "kernel"], { namespace: namespace.name, stdin: fileOf(data, "kernel") });
    expect([await client.code, await server.code]).toEqual([0, 0]);
    expect(digest(server.output)).toBe(digest([data]));
    expect(server.summary).toMatchObject({ via: "kernel", bytesRead: data.length, fallback: null, error: null, mptcp: { via: "kernel", multipath: true } });
    expect(server.summary.counters.MPTcpExtMPCapableSYNRX).toBe(1);
    expect(client.stderr).toMatch(/5000000 written in .* Multipath TCP over 1 subflow, by the kernel/);
  });

  it.each([["SIGINT", 130], ["SIGTERM", 143]] as const)("ends on %s", async (signal, code) => {
    const namespace = makeNamespace();
    const server = await listen(namespace, 5000, ["--via", "kernel", "--echo", "--keep", "--json"]);
    const client = new Command(["connect", "127.0.0.1", "5000", "--via", "kernel"], { namespace: namespace.name, stdin: "pipe" });
    client.input.write("hello");
    await client.until(() => client.outputLength === 5);
    server.signal(signal);
    expect(await server.code).toBe(code);
    expect(server.summary).toMatchObject({ connections: 1, bytesRead: 5, bytesWritten: 5 });
    expect(await client.code).toBe(1);
    expect(client.stderr).toMatch(/ECONNRESET|EPIPE/);
  });
});

/** tshark is told to read nothing into the payload of this one. */
const PORT = 5001;
