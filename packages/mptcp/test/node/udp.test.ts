import { execFileSync, fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createStack, UdpLink } from "../../src/node/index.ts";
import type { Stack } from "../../src/node/index.ts";
import { decodeTcpInUdp, IpAddress } from "../../src/wire/index.ts";

const children: ChildProcess[] = [];
const stacks: Stack[] = [];

/** For the file that is moved, and for what processes keep for the next ones. */
let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "mptcp-udp-"));
});

afterAll(() => rm(folder, { recursive: true }));

afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  for (const stack of stacks.splice(0)) await stack.close();
});

/** Runs one of the scripts in peers/ as a process. */
function run(script: string, ...args: string[]): ChildProcess {
  const path = (name: string): string => fileURLToPath(new URL(`./peers/${name}`, import.meta.url));
  const loader = pathToFileURL(path("typescript.mjs")).href;
  const child = fork(path(script), args, { execArgv: ["--conditions=mptcp-source", "--import", loader] });
  children.push(child);
  return child;
}

/** The next message of a child; rejects when it ends instead. */
function message<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null): void => reject(new Error(`the process ended with ${code}`));
    child.once("exit", onExit);
    child.once("message", (value) => {
      child.off("exit", onExit);
      resolve(value as T);
    });
  });
}

/** How UDP datagrams travel, and what the test runner says where that is not to be had. */
const WAYS = ["batched", "dgram"] as const;
type Way = (typeof WAYS)[number];

const hasBatches = new UdpLink({ addresses: [] }).isBatched;
if (!hasBatches) console.warn("batched UDP links are not tested: they need Linux and koffi");

describe("Multipath TCP between two processes", () => {
  const cases: readonly { readonly to: Way; readonly from: Way; readonly mode: string }[] = [
    { from: "batched", to: "batched", mode: "whole" },
    { from: "batched", to: "batched", mode: "cut" },
    { from: "batched", to: "dgram", mode: "whole" },
    { from: "dgram", to: "batched", mode: "whole" },
    { from: "dgram", to: "dgram", mode: "cut" },
  ];
  for (const { from, to, mode } of cases) {
    it.skipIf(!hasBatches && (from === "batched" || to === "batched"))(`moves a file by two paths${mode === "cut" ? ", of which one is lost half way" : ""}: ${from} to ${to}`, async () => {
      const data = randomBytes(4_000_000);
      const file = join(folder, mode);
      await writeFile(file, data);
      const receiver = run("receiver.ts", to);
      const sender = run("sender.ts", from, file, mode);
      sender.send(await message<{ port: number }>(receiver));
      const ends = [once(receiver, "exit"), once(sender, "exit")];
      const [received, sent] = await Promise.all([
        message<{ digest: string; length: number; hadError: boolean }>(receiver),
        message<{ addresses: string[]; hadError: boolean }>(sender),
      ]);
      expect(received).toEqual({ digest: createHash("sha256").update(data).digest("hex"), length: data.length, hadError: false });
      expect(sent).toEqual({ addresses: ["127.0.0.1", "127.0.0.2"], hadError: false });
      // Both end by themselves once nobody wants anything of them.
      expect((await Promise.all(ends)).map(([code]) => code as unknown)).toEqual([0, 0]);
    });
  }
});

describe.each(WAYS)("UDP links, %s", (way) => {
  beforeEach(({ skip }) => {
    if (way === "batched" && !hasBatches) skip();
  });

  function stackOn(...addresses: string[]): Stack {
    const stack = createStack({ links: addresses.map((address) => new UdpLink({ addresses: [address], keepAlive: 10, batch: way === "batched" })) });
    stacks.push(stack);
    return stack;
  }

  it("opens connections from the port of a UDP socket, and lets go of it", async () => {
    const [client, server] = [stackOn("127.0.0.1"), stackOn("127.0.0.1")];
    const listener = server.createServer((peer) => peer.on("error", () => {})).listen(0);
    await once(listener, "listening");
    const { port } = listener.address() as AddressInfo;
    const accepted = once(listener, "connection") as Promise<[{ remotePort: number }]>;
    const socket = client.connect(port, "127.0.0.1");
    await once(socket, "connect");
    const localPort = socket.localPort as number;
    expect((await accepted)[0].remotePort).toBe(localPort);
    expect(await bindTo(localPort)).toBe("EADDRINUSE");
    expect(await bindTo(port)).toBe("EADDRINUSE");
    socket.resetAndDestroy();
    await once(socket, "close");
    listener.close();
    await once(listener, "close");
    expect(await bindTo(localPort)).toBe("bound");
    expect(await bindTo(port)).toBe("bound");
  });

  it("carries both families, and a port for each local address", async () => {
    const server = stackOn("127.0.0.1", "127.0.0.2", "::1");
    const client = stackOn("127.0.0.1", "::1");
    const listener = server.createServer((socket) => socket.end(String(socket.localAddress))).listen(0);
    await once(listener, "listening");
    const { port } = listener.address() as AddressInfo;
    for (const host of ["127.0.0.1", "127.0.0.2", "::1"]) {
      const socket = client.connect(port, host);
      const chunks: Buffer[] = [];
      for await (const chunk of socket) chunks.push(chunk as Buffer);
      expect(String(Buffer.concat(chunks))).toBe(host);
    }
    listener.close();
  });

  it("moves megabytes both ways at once within one process", async () => {
    const data = randomBytes(3_000_000);
    const server = stackOn("127.0.0.1");
    const client = stackOn("127.0.0.1");
    const listener = server.createServer((socket) => socket.pipe(socket)).listen(0);
    await once(listener, "listening");
    const socket = client.connect((listener.address() as AddressInfo).port, "127.0.0.1");
    socket.end(data);
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).equals(data)).toBe(true);
    listener.close();
  });

  it("says that a port is in use, and that an address is not this machine's", async () => {
    const holder = createSocket("udp4");
    holder.bind(0, "127.0.0.1");
    await once(holder, "listening");
    // What Node says of an interface that is not there is the system's word for an argument that makes no sense.
    const nowhere = way === "batched" ? "EADDRNOTAVAIL" : "EINVAL";
    for (const [address, code] of [["127.0.0.1", "EADDRINUSE"], ["192.0.2.1", "EADDRNOTAVAIL"], ["fe80::1%nowhere", nowhere]] as const) {
      const listener = stackOn(address).createServer();
      listener.listen(holder.address().port);
      const [error] = (await once(listener, "error")) as [NodeJS.ErrnoException];
      expect(error.code).toBe(code);
    }
    holder.close();
  });

  it("refuses a local port that is none", async () => {
    for (const localPort of [70_000, -1, 1.5]) {
      const [error] = (await once(stackOn("127.0.0.1").connect({ port: 5000, host: "127.0.0.1", localPort }), "error").catch((reason: unknown) => [reason])) as [Error];
      expect(error).toMatchObject({ code: "EINVAL", syscall: "bind" });
    }
  });

  it("refuses an MTU that is none, and addresses that stand for others", () => {
    for (const mtu of [0, -5, Number.NaN, 575, 1500.5, 65_536]) {
      expect(() => new UdpLink({ addresses: ["127.0.0.1"], mtu, batch: way === "batched" })).toThrow(expect.objectContaining({ code: "ERR_OUT_OF_RANGE" }) as Error);
    }
    for (const address of ["0.0.0.0", "::"]) {
      expect(() => new UdpLink({ addresses: [address], batch: way === "batched" })).toThrow(expect.objectContaining({ code: "EADDRNOTAVAIL" }) as Error);
    }
  });

  it("takes v4-mapped addresses for the IPv4 addresses in them, and none with a zone", async () => {
    const link = new UdpLink({ addresses: ["::ffff:127.0.0.1", IpAddress.from("::ffff:7f00:2")], batch: way === "batched" });
    expect(link.addresses.map(String)).toEqual(["127.0.0.1", "127.0.0.2"]);
    const server = stackOn("::ffff:127.0.0.1").createServer((socket) => socket.end("hello")).listen(0);
    await once(server, "listening");
    const socket = stackOn("127.0.0.2").connect((server.address() as AddressInfo).port, "127.0.0.1");
    expect(String((await once(socket, "data"))[0])).toBe("hello");
    expect(() => new UdpLink({ addresses: ["127.0.0.1%lo"], batch: way === "batched" })).toThrow(RangeError);
  });

  it("hears from the system that nobody is there", async () => {
    const socket = stackOn("127.0.0.1").connect(await unusedPort(), "127.0.0.1");
    const [error] = (await once(socket, "error")) as [NodeJS.ErrnoException];
    expect(error.code).toBe("ECONNREFUSED");
  });

  it("notices that the peer's process is gone", async () => {
    const receiver = run("receiver.ts", way);
    const { port } = await message<{ port: number }>(receiver);
    const socket = stackOn("127.0.0.3").connect({ port, host: "127.0.0.1", multipath: false });
    await once(socket, "connect");
    receiver.kill("SIGKILL");
    await once(receiver, "exit");
    socket.write("is there anybody?");
    const [error] = (await once(socket, "error")) as [NodeJS.ErrnoException];
    expect(error.code).toBe("ECONNRESET");
  });

  it.skipIf(process.platform !== "linux")("keeps its descriptors from the processes that this one starts", async () => {
    const server = stackOn("127.0.0.1").createServer().listen(0);
    await once(server, "listening");
    const inherited = execFileSync("/bin/ls", ["-l", "/proc/self/fd"], { encoding: "utf8" });
    expect(inherited).not.toMatch(/eventpoll|UDP/);
    server.close();
  });

  it("survives peers that no datagram can be sent to: port 0, and where no route leads", async () => {
    const client = stackOn("127.0.0.1");
    await expect(once(client.connect(0, "127.0.0.1"), "connect")).rejects.toMatchObject({ code: "ECONNREFUSED" });
    // The system refuses this one a socket of the loopback device.
    const socket = client.connect({ port: 5000, host: "192.0.2.1", timeout: 50 });
    await once(socket, "timeout");
    socket.destroy();
    await once(socket, "close");
    const server = client.createServer((peer) => peer.end("still there")).listen(0);
    await once(server, "listening");
    const other = stackOn("127.0.0.2").connect((server.address() as AddressInfo).port, "127.0.0.1");
    expect(String((await once(other, "data"))[0])).toBe("still there");
  });

  it("does not take what is no TCP for TCP, and answers nothing to it", async () => {
    const server = stackOn("127.0.0.1");
    const listener = server.createServer().listen(0);
    await once(listener, "listening");
    const { port } = listener.address() as AddressInfo;
    const stranger = createSocket("udp4");
    const answers: Uint8Array[] = [];
    stranger.on("message", (bytes) => answers.push(bytes));
    // STUN, a keep-alive, nothing, a truncated header; and an ACK for no connection, which is answered by RST.
    const datagrams = [Buffer.from("000100002112a442000000000000000000000000", "hex"), Buffer.from([0]), Buffer.alloc(0), Buffer.from("5010", "hex")];
    const stray = Buffer.from("5010ffff0000000100000002", "hex");
    for (const datagram of [...datagrams, stray]) stranger.send(datagram, port, "127.0.0.1");
    await once(stranger, "message");
    const local = IpAddress.from("127.0.0.1");
    const reset = decodeTcpInUdp(answers[0]!, 0, answers[0]!.length, local, port, local, stranger.address().port);
    expect(typeof reset === "string" ? reset : reset.tcp).toMatchObject({ flags: 4, sequence: 2, sourcePort: port });
    expect(answers.length).toBe(1);
    stranger.close();
    listener.close();
  });

  it("keeps a NAT's binding alive while a connection is idle", async () => {
    const client = stackOn("127.0.0.1");
    const peer = createSocket("udp4");
    peer.bind(0, "127.0.0.1");
    await once(peer, "listening");
    const got: Uint8Array[] = [];
    peer.on("message", (bytes) => got.push(bytes));
    const socket = client.connect(peer.address().port, "127.0.0.1");
    while (!got.some((bytes) => bytes.length === 1)) await once(peer, "message");
    // The SYN came first, laid out as the draft has it: data offset, flags, window; sequence; acknowledgment 0; options.
    expect(got[0]![0]! >>> 4).toBeGreaterThanOrEqual(6);
    expect(got[0]![1]).toBe(2);
    expect(Array.from(got[0]!.subarray(8, 12))).toEqual([0, 0, 0, 0]);
    socket.destroy();
    peer.close();
  });
});

/** A UDP port of 127.0.0.1 that was free a moment ago. */
async function unusedPort(): Promise<number> {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  socket.close();
  await once(socket, "close");
  return port;
}

/** Tries to bind a UDP socket of its own. */
async function bindTo(port: number): Promise<string> {
  const socket = createSocket("udp4");
  return new Promise((resolve) => {
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "error"));
    socket.once("listening", () => {
      socket.close(() => resolve("bound"));
    });
    socket.bind({ address: "127.0.0.1", port, exclusive: true });
  });
}
