import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, chmodSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CaptureReader, PacketReader } from "mptcp/capture";
import { createStack, UdpLink } from "mptcp/node";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { kernelTestObstacle, Namespace } from "../../mptcp/test/node/namespace.ts";
import { dissect, HAS_TSHARK, NO_TSHARK, values } from "../../../test/captures/tshark.ts";
import { Command, cpuSeconds, rightsOf } from "./processes.ts";
import type { CommandOptions } from "./processes.ts";

const obstacle = kernelTestObstacle();
if (obstacle !== null) console.warn(`tests in a network namespace are skipped: ${obstacle}`);
if (!HAS_TSHARK) process.stderr.write(NO_TSHARK);

const folder = mkdtempSync(join(tmpdir(), "mptcp-cli-udp-"));
// Captures are written by user nobody.
chmodSync(folder, 0o777);
const descriptors: number[] = [];
const namespaces: Namespace[] = [];

afterEach(async () => {
  await Command.stopAll();
  for (const descriptor of descriptors.splice(0)) closeSync(descriptor);
  for (const namespace of namespaces.splice(0)) await namespace.close();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SERVER = ["--udp", "local=127.0.0.1", "--udp", "local=127.0.0.2"];
const CLIENT = ["--udp", "local=127.0.0.3", "--udp", "local=127.0.0.4"];
const digest = (chunks: readonly Uint8Array[]): string => chunks.reduce((hash, chunk) => hash.update(chunk), createHash("sha256")).digest("hex");

async function listen(port: number, args: readonly string[], options: CommandOptions = {}): Promise<Command> {
  const command = new Command(["listen", String(port), ...args], options);
  await command.says("listening on");
  return command;
}

function fileOf(bytes: Uint8Array, name: string): number {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return opened(path, "r");
}

function opened(path: string, flags: string): number {
  const descriptor = openSync(path, flags);
  descriptors.push(descriptor);
  return descriptor;
}

describe("two processes without privileges, over UDP,", () => {
  it("move a file over several paths", async () => {
    const data = randomBytes(20_000_000);
    const server = await listen(5201, [...SERVER, "--json"], { unprivileged: true });
    expect(rightsOf(server.pid).capabilities).toBe("0000000000000000");
    const client = new Command(["connect", "127.0.0.1", "5201", ...CLIENT, "--json"], { unprivileged: true, stdin: fileOf(data, "plain") });
    expect([await client.code, await server.code]).toEqual([0, 0]);
    expect(digest(server.output)).toBe(digest([data]));
    expect(server.summary).toMatchObject({ via: "userspace", connections: 1, bytesRead: data.length, bytesWritten: 0, fallback: null, error: null });
    expect(client.summary).toMatchObject({ bytesRead: 0, bytesWritten: data.length, fallback: null, error: null });
    expect(client.summary.subflows.length).toBeGreaterThanOrEqual(2);
    expect(client.summary.counters).toMatchObject({ MPTcpExtMPCapableSYNTX: 1, MPTcpExtMPCapableSYNACKRX: 1 });
    expect(client.summary.durationMicroseconds).toBeGreaterThan(0);
    // Nothing of the progress where nobody sees it.
    for (const trace of ["\r", "\u001B", " left"]) expect(client.stderr).not.toContain(trace);
  });

  it.skipIf(obstacle !== null)("survive the loss of a path while a file is moved", async () => {
    const namespace = new Namespace();
    namespaces.push(namespace);
    const data = randomBytes(40_000_000);
    const options = { namespace: namespace.name, unprivileged: true };
    const server = await listen(5201, [...SERVER, "--json"], options);
    const client = new Command(["connect", "127.0.0.1", "5201", ...CLIENT, "--json"], { ...options, stdin: fileOf(data, "cut") });
    await server.until(() => server.outputLength > data.length / 4);
    const before = server.outputLength;
    expect(before).toBeLessThan(data.length);
    // Whatever comes from or goes to one of the client's addresses is lost without a word.
    const cut = ["from", "to"].map((side) => `ip rule add pref 1 ${side} 127.0.0.4 blackhole`).join(" && ");
    namespace.run("sh", "-c", `ip rule add pref 10 lookup local && ${cut} && ip rule del pref 0`);
    expect([await client.code, await server.code]).toEqual([0, 0]);
    expect(digest(server.output)).toBe(digest([data]));
    expect(client.summary).toMatchObject({ bytesWritten: data.length, fallback: null, error: null });
    const lost = client.summary.subflows.filter(({ localAddress }) => localAddress === "127.0.0.4");
    expect(lost.length).toBeGreaterThan(0);
    expect(lost.reduce((sum, { bytesSent }) => sum + bytesSent, 0)).toBeGreaterThan(0);
  });

  it.skipIf(!HAS_TSHARK)("write captures that tshark reads", async () => {
    const data = randomBytes(8_000_000);
    const file = join(folder, "client.pcapng");
    const server = await listen(PORT, SERVER, { unprivileged: true });
    const client = new Command(["connect", "127.0.0.1", String(PORT), ...CLIENT, "--pcap", file, "--json"], { unprivileged: true, stdin: fileOf(data, "captured") });
    expect([await client.code, await server.code]).toEqual([0, 0]);
    const fields = ["frame.interface_name", "frame.comment", "frame.packet_flags_direction", "ip.checksum.status", "tcp.checksum.status", "tcp.options.mptcp.subtype", "tcp.len", "mptcp.stream", "_ws.malformed"] as const;
    const rows = await dissect(readFileSync(file), fields, ["mptcp.analyze_mptcp:TRUE"]);
    expect(new Set(rows.map((row) => row["frame.interface_name"]))).toEqual(new Set(["udp 127.0.0.3", "udp 127.0.0.4"]));
    for (const row of rows) expect([row["ip.checksum.status"], row["tcp.checksum.status"], row["_ws.malformed"]]).toEqual(["1", "1", ""]);
    const sent = rows.filter((row) => row["frame.packet_flags_direction"] === OUT).reduce((sum, row) => sum + Number(row["tcp.len"]), 0);
    expect(sent).toBeGreaterThanOrEqual(data.length);
    const subtypes = rows.flatMap((row) => values(row["tcp.options.mptcp.subtype"]));
    // MP_CAPABLE, MP_JOIN, DSS and ADD_ADDR.
    for (const subtype of ["0", "1", "2", "3"]) expect(subtypes).toContain(subtype);
    expect(new Set(rows.map((row) => row["mptcp.stream"]).filter((stream) => stream !== ""))).toEqual(new Set(["0"]));
    const comments = rows.map((row) => row["frame.comment"]).join("\n");
    expect(comments).toMatch(/connection established, multipath/);
    expect(comments).toMatch(/subflow 127\.0\.0\.\d:\d+ -> 127\.0\.0\.\d:5001 established/);
    expect(client.summary.counters.TcpInSegs).toBe(rows.filter((row) => row["frame.packet_flags_direction"] === IN).length);
  });

  it.skipIf(!HAS_TSHARK)("leave a capture that is whole when they are interrupted, or killed", async () => {
    for (const signal of ["SIGINT", "SIGKILL"] as const) {
      const file = join(folder, `${signal}.pcapng`);
      const server = await listen(5203, [...SERVER, "--pcap", file], { unprivileged: true, stdin: "pipe" });
      const client = new Command(["connect", "127.0.0.1", "5203", ...CLIENT], { unprivileged: true, stdin: "pipe" });
      client.input.write(randomBytes(1_000_000));
      await server.until(() => server.outputLength === 1_000_000);
      // Written as it happens: what was received is in the file soon, with nobody ending anything.
      await payloadReaches(file, 1_000_000);
      server.signal(signal);
      expect(await server.code).toBe(signal === "SIGINT" ? 130 : 137);
      const rows = await dissect(readFileSync(file), ["tcp.len", "_ws.malformed"]);
      expect(rows.reduce((sum, row) => sum + Number(row["tcp.len"]), 0)).toBeGreaterThanOrEqual(1_000_000);
      await Command.stopAll();
    }
  });

  it("use ports of their own where they are given, also over IPv6", async () => {
    const server = await listen(5204, ["--udp", "local=[::1]:5204", "--udp", "local=127.0.0.2:5205", "--json"], { unprivileged: true });
    expect(server.stderr).toContain("listening on [::1]:5204, 127.0.0.2:5205");
    const client = new Command(["connect", "::1", "5204", "--udp", "local=[::1]:5206", "--udp", "local=127.0.0.3:5207", "--source", "30000000", "--json"], { unprivileged: true });
    expect([await client.code, await server.code]).toEqual([0, 0]);
    expect(server.outputLength).toBe(30_000_000);
    const ends = server.summary.subflows.map((subflow) => [subflow.localAddress, subflow.localPort, subflow.remoteAddress, subflow.remotePort]);
    expect(ends).toEqual([
      ["::1", 5204, "::1", 5206],
      ["127.0.0.2", 5205, "127.0.0.3", 5207],
    ]);
    // The port went with the announcement of the address.
    expect(client.summary.counters.MPTcpExtPortAdd ?? 0).toBeGreaterThan(0);
  });
});

describe("a process that is asked to end", () => {
  it.each([["SIGINT", 130], ["SIGTERM", 143]] as const)("by %s closes its connection, and tells the other side that this was not all", async (signal, code) => {
    const server = await listen(5208, [...SERVER, "--json"], { unprivileged: true });
    const client = new Command(["connect", "127.0.0.1", "5208", ...CLIENT, "--json"], { unprivileged: true, stdin: "pipe" });
    client.input.write("the beginning");
    await server.until(() => server.outputLength > 0);
    client.signal(signal);
    expect(await client.code).toBe(code);
    expect(await server.code).toBe(1);
    expect(server.summary.error).toMatch(/ECONNRESET/);
    expect(client.summary).toMatchObject({ bytesWritten: 13, error: null });
    // The ports are free again.
    const next = await listen(5208, SERVER);
    next.signal(signal);
    expect(await next.code).toBe(code);
  });
});

describe("a process whose output nobody takes", () => {
  it("ends by Ctrl-C all the same", async () => {
    const server = await listen(5219, [...SERVER, "--source", "50000000", "--json"]);
    const client = new Command(["connect", "127.0.0.1", "5219", ...CLIENT, "--json"]);
    const exited = once(client.process, "exit");
    await client.until(() => client.outputLength > 0);
    client.pauseReading();
    client.signal("SIGINT");
    expect(await exited).toEqual([130, null]);
    client.resumeReading();
    expect(await server.code).toBe(1);
  });
});

describe("what goes wrong is told in a line, with an exit code:", () => {
  const never = /\n +at |Error:|node:internal/;

  it("the reader of standard output leaves", async () => {
    const server = await listen(5209, SERVER);
    const client = new Command(["connect", "127.0.0.1", "5209", ...CLIENT, "--source", "50000000"]);
    await server.until(() => server.outputLength > 10);
    server.stopReading();
    expect([await client.code, await server.code]).toEqual([1, 1]);
    expect(server.stderr).toMatch(/standard output: its reader has gone \(EPIPE\)\n/);
    expect(client.stderr).toMatch(/ECONNRESET: the other side broke the connection\n/);
    expect(server.stderr + client.stderr).not.toMatch(never);
  });

  it("the disk is full, for output and for a capture", async () => {
    const server = await listen(5210, SERVER, { stdout: opened("/dev/full", "w") });
    const client = new Command(["connect", "127.0.0.1", "5210", ...CLIENT, "--source", "5000000"]);
    expect([await client.code, await server.code]).toEqual([1, 1]);
    expect(server.stderr).toMatch(/standard output: no space left on the device \(ENOSPC\)/);
    expect(server.stderr + client.stderr).not.toMatch(never);
    const capturing = await listen(5210, [...SERVER, "--pcap", "/dev/full"]);
    const other = new Command(["connect", "127.0.0.1", "5210", ...CLIENT, "--source", "500000"]);
    expect([await other.code, await capturing.code]).toEqual([0, 1]);
    expect(capturing.outputLength).toBe(500_000);
    expect(capturing.stderr).toMatch(/--pcap \/dev\/full: no space left .*; the capture is incomplete/);
    expect(capturing.stderr).not.toMatch(never);
  });

  it("standard input cannot be read: the other side does not take it for the end", async () => {
    const server = await listen(5211, SERVER);
    const client = new Command(["connect", "127.0.0.1", "5211", ...CLIENT], { stdin: opened(folder, "r") });
    expect([await client.code, await server.code]).toEqual([1, 1]);
    expect(client.stderr).toMatch(/standard input: is a folder \(EISDIR\)/);
    expect(server.stderr + client.stderr).not.toMatch(never);
  });

  it("the port is taken, the address is not ours, nobody is there, the capture cannot be written", async () => {
    await listen(5212, SERVER);
    for (const [args, code, message] of [
      [["listen", "5212", ...SERVER], 1, /EADDRINUSE.*ss -lunpt/],
      [["listen", "5213", "--udp", "local=192.0.2.9"], 1, /EADDRNOTAVAIL.*ip -brief address/],
      [["connect", "127.0.0.1", "5213", ...CLIENT], 1, /ECONNREFUSED.*mptcp listen/],
      [["connect", "::1", "5213", ...CLIENT], 1, /EADDRNOTAVAIL.*same family/],
      [["connect", "127.0.0.1", "5213", ...CLIENT, "--pcap", join(folder, "none", "x")], 2, /no such file or folder/],
    ] as const) {
      const command = new Command(args);
      expect([await command.code, args]).toEqual([code, args]);
      expect(command.stderr).toMatch(message);
      expect(command.stderr.trimEnd().split("\n")).toHaveLength(1);
    }
  });
});

describe("a process that is killed", () => {
  it("ends the other side's transfer over two links, and a port of one's own is told at once that nobody is there", { timeout: 30_000 }, async () => {
    const server = await listen(5220, SERVER);
    const client = new Command(["connect", "127.0.0.1", "5220", ...CLIENT, "--source", "100000000000"]);
    await server.until(() => server.outputLength > 1_000_000);
    server.signal("SIGKILL");
    expect(await client.code).toBe(1);
    expect(client.stderr).toMatch(/ECONNRESET: the other side broke the connection\n/);
    const bound = new Command(["connect", "127.0.0.1", "5220", "--udp", "local=127.0.0.3:5221"]);
    expect(await bound.code).toBe(1);
    expect(bound.stderr).toMatch(/ECONNREFUSED/);
  });
});

describe("a listener that keeps", () => {
  it("serves many connections at once and uses next to no time while they are idle", async () => {
    const server = await listen(5214, ["--udp", "local=127.0.0.1", "--echo", "--keep", "--json"], { unprivileged: true });
    const stack = createStack({ links: [new UdpLink({ addresses: ["127.0.0.5"] })] });
    try {
      const sockets = Array.from({ length: CONNECTIONS }, () => stack.connect({ host: "127.0.0.1", port: 5214 }));
      await Promise.all(
        sockets.map(async (socket) => {
          socket.write("hello");
          await once(socket, "data");
        }),
      );
      const before = cpuSeconds(server.pid);
      await new Promise((resolve) => setTimeout(resolve, IDLE_SECONDS * 1000));
      const used = cpuSeconds(server.pid) - before;
      expect(sockets.filter((socket) => !socket.destroyed)).toHaveLength(CONNECTIONS);
      expect(used).toBeLessThan(0.01 * IDLE_SECONDS);
    } finally {
      await stack.close();
    }
    server.signal("SIGINT");
    expect(await server.code).toBe(130);
    expect(server.summary).toMatchObject({ connections: CONNECTIONS, bytesRead: 5 * CONNECTIONS, bytesWritten: 5 * CONNECTIONS });
  });
});

/** Waits until a file that somebody else writes has that length. */
async function payloadReaches(path: string, length: number): Promise<void> {
  for (let tries = 0; payloadOf(path) < length; tries++) {
    if (tries === 600) throw new Error(`${path} has ${payloadOf(path)} octets of payload after a minute`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Octets of payload in the capture so far, whose end may be half a packet. */
function payloadOf(path: string): number {
  let sum = 0;
  for (const { packets } of new PacketReader(new CaptureReader(readFileSync(path)))) sum += packets.at(-1)?.packet.tcp?.payload.length ?? 0;
  return sum;
}

/** tshark is told to read nothing into the payload of this one. */
const PORT = 5001;
/** epb_flags */
const IN = "0x00000001";
const OUT = "0x00000002";
const CONNECTIONS = 100;
/** Long enough for what keeps the bindings of NATs alive, every 15 s, to be counted as what it is. */
const IDLE_SECONDS = 30;
