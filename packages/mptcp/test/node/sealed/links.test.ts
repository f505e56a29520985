import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import type { RemoteInfo } from "node:dgram";
import { once } from "node:events";
import { accessSync, constants, mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { createStack, generateUdpKey, UdpLink } from "../../../src/node/index.ts";
import type { Server, Socket, Stack, UdpLinkOptions } from "../../../src/node/index.ts";

const KEY = generateUdpKey();
const OTHER_KEY = generateUdpKey();
const hasBatches = new UdpLink({ addresses: [] }).isBatched;
if (!hasBatches) console.warn("batched UDP links with a key are not tested: they need Linux and koffi");

const closing: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

type Way = "batched" | "dgram";

interface Made {
  readonly stack: Stack;
  readonly links: readonly UdpLink[];
}

function stackOn(way: Way, addresses: readonly string[], options: Partial<UdpLinkOptions>, more: object = {}): Made {
  const links = addresses.map((address) => new UdpLink({ addresses: [address], batch: way === "batched", ...options }));
  const stack = createStack({ links, ...more });
  closing.push(() => stack.close());
  return { stack, links };
}

async function listen({ stack }: Made, onConnection: (socket: Socket) => unknown): Promise<{ readonly server: Server; readonly port: number }> {
  const server = stack.createServer(onConnection).listen(0);
  await once(server, "listening");
  return { server, port: (server.address() as AddressInfo).port };
}

/** Sends `data` and reads to the end. @returns the digest of what came */
async function exchange(socket: Socket, data: Uint8Array): Promise<string> {
  const hash = createHash("sha256");
  socket.on("data", (chunk: Uint8Array) => hash.update(chunk));
  socket.end(data);
  await once(socket, "end");
  return hash.digest("hex");
}

const digest = (data: Uint8Array): string => createHash("sha256").update(data).digest("hex");

/** Stands between a client and a server, as a NAT does, and keeps what passes. */
class Tap {
  readonly outer = createSocket("udp4");
  readonly inner = createSocket("udp4");
  readonly passed: Uint8Array[] = [];
  private client: RemoteInfo | null = null;

  async open(serverPort: number): Promise<number> {
    this.outer.on("message", (bytes, from) => {
      this.client = from;
      this.passed.push(bytes);
      this.inner.send(bytes, serverPort, "127.0.0.1");
    });
    this.inner.on("message", (bytes) => {
      this.passed.push(bytes);
      if (this.client !== null) this.outer.send(bytes, this.client.port, this.client.address);
    });
    for (const socket of [this.outer, this.inner]) {
      socket.bind(0, "127.0.0.1");
      await once(socket, "listening");
    }
    closing.unshift(() => (this.outer.close(), this.inner.close(), undefined));
    return this.outer.address().port;
  }
}

const PAIRS: readonly (readonly [Way, Way])[] = [
  ["batched", "batched"],
  ["batched", "dgram"],
  ["dgram", "batched"],
  ["dgram", "dgram"],
];

describe("Multipath TCP over UDP links with a key", () => {
  it.skipIf(!hasBatches).each(PAIRS.slice(0, 1))("moves 20 MB both ways over two links, of which one is lost: %s and %s", bothWays(20_000_000));
  it.each(PAIRS.filter((pair) => hasBatches || !pair.includes("batched")).slice(hasBatches ? 1 : 0))("moves 4 MB both ways over two links, of which one is lost: %s and %s", bothWays(4_000_000));

  function bothWays(length: number): (to: Way, from: Way) => Promise<void> {
    return async (to, from) => {
      const [up, down] = [randomBytes(length), randomBytes(length)];
      const server = stackOn(to, ["127.0.0.1", "127.0.0.2"], { key: KEY });
      const client = stackOn(from, ["127.0.0.3", "127.0.0.4"], { key: Buffer.from(KEY, "base64") });
      let atServer: Promise<string> | null = null;
      const { port } = await listen(server, (socket) => (atServer = exchange(socket, down)));
      const socket = client.stack.connect({ port, host: "127.0.0.1" });
      await once(socket, "connect");
      while (socket.mptcp.info().subflows.filter((subflow) => subflow.established).length < 4) await once(socket, "subflowUp");
      let seen = 0;
      socket.on("data", (chunk: Uint8Array) => {
        seen += chunk.length;
        if (seen > length / 4 && seen - chunk.length <= length / 4) void client.links[0]?.close();
      });
      expect(await exchange(socket, up)).toBe(digest(down));
      expect(await (atServer as Promise<string> | null)).toBe(digest(up));
      for (const link of [...server.links, ...client.links]) {
        expect(link.mtu).toBe(1468);
        expect(link.sealed?.sessions).toBeGreaterThanOrEqual(2);
        expect(link.sealed).toMatchObject({ plain: 0, foreign: 0, forged: 0, replayed: 0, refused: 0 });
      }
    };
  }

  describe.each(hasBatches ? (["batched", "dgram"] as const) : (["dgram"] as const))("%s", (way) => {
    it("puts nothing on the wire that can be read, and no datagram that is longer than the path's MTU", async () => {
      const server = stackOn(way, ["127.0.0.1"], { key: KEY });
      const client = stackOn(way, ["127.0.0.1"], { key: KEY, keepAlive: 5 });
      const data = Buffer.alloc(300_000, "all of this is secret; ");
      const { port } = await listen(server, (socket) => socket.pipe(socket));
      const tap = new Tap();
      const socket = client.stack.connect({ port: await tap.open(port), host: "127.0.0.1", multipath: false });
      expect(await exchange(socket, data)).toBe(digest(data));
      expect(tap.passed.length).toBeGreaterThan(400);
      expect(Math.max(...tap.passed.map(({ length }) => length))).toBe(1472);
      const types = new Set(tap.passed.map((bytes) => Buffer.from(bytes.subarray(0, 4)).toString("hex")));
      expect([...types].toSorted()).toEqual(["01000000", "02000000", "04000000"]);
      for (const bytes of tap.passed) expect(bytes.length).toBeGreaterThanOrEqual(32);
      const wire = Buffer.concat(tap.passed).toString("latin1");
      expect(wire).not.toContain("secret");
      // No header of TCP: what the sockets' own datagrams would begin with (data offset 5 to 15).
      expect(tap.passed.some((bytes) => (bytes[0] as number) >>> 4 >= 5)).toBe(false);
      expect(compressibility(Buffer.concat(tap.passed.filter(({ length }) => length === 1472)))).toBeLessThan(0.01);
    });

    it("keeps a NAT's binding by sealed datagrams, in an idle connection", async () => {
      const server = stackOn(way, ["127.0.0.1"], { key: KEY });
      const client = stackOn(way, ["127.0.0.1"], { key: KEY, keepAlive: 5 });
      const { port } = await listen(server, () => {});
      const tap = new Tap();
      const socket = client.stack.connect({ port: await tap.open(port), host: "127.0.0.1", multipath: false });
      await once(socket, "connect");
      while (tap.passed.filter(({ length }) => length === 32).length < 5) await once(tap.outer, "message");
      expect(tap.passed.some(({ length }) => length < 32)).toBe(false);
      expect(server.links[0]?.dropped).toBe(0);
      socket.destroy();
    });

    it("is not reached with another key, or without one: the connection times out, and the counters tell why", async () => {
      const server = stackOn(way, ["127.0.0.1"], { key: KEY });
      const { port } = await listen(server, () => expect.unreachable());
      const attempt = async (to: number, options: Partial<UdpLinkOptions>): Promise<void> => {
        const client = stackOn(way, ["127.0.0.2"], options, { tcp: { synRetries: 0 } });
        const [error] = (await once(client.stack.connect(to, "127.0.0.1"), "error")) as [NodeJS.ErrnoException];
        expect(error.code).toBe("ETIMEDOUT");
        expect(client.links[0]?.dropped).toBe(0);
      };
      // The other way round: who has no key sees what is no TCP.
      const plain = stackOn(way, ["127.0.0.1"], {});
      const open = await listen(plain, () => expect.unreachable());
      await Promise.all([attempt(port, { key: OTHER_KEY }), attempt(port, {}), attempt(open.port, { key: KEY })]);
      expect(server.links[0]?.sealed).toMatchObject({ sessions: 0, foreign: 1, plain: 1 });
      expect(server.links[0]?.dropped).toBe(2);
      expect([plain.links[0]?.dropped, plain.links[0]?.sealed]).toEqual([1, null]);
    });

    it("goes from one key to another while both are in use", async () => {
      const server = stackOn(way, ["127.0.0.1"], { key: KEY, otherKeys: [OTHER_KEY] });
      const { port } = await listen(server, (socket) => socket.end("hello"));
      for (const key of [KEY, OTHER_KEY]) {
        const socket = stackOn(way, ["127.0.0.2"], { key }).stack.connect(port, "127.0.0.1");
        expect(String((await once(socket, "data"))[0])).toBe("hello");
        socket.destroy();
      }
    });

    it("goes on with a connection that was moved, by keys of its own", async () => {
      const server = stackOn(way, ["127.0.0.1"], { key: KEY });
      const got: Buffer[] = [];
      const { port } = await listen(server, (socket) => socket.on("data", (chunk: Buffer) => got.push(chunk)).on("end", () => socket.end("thanks")));
      const first = stackOn(way, ["127.0.0.2"], { key: KEY });
      const socket = first.stack.connect(port, "127.0.0.1");
      await once(socket, "connect");
      await new Promise<void>((resolve) => socket.write("before, ", () => resolve()));
      const snapshot = socket.detach();
      await first.stack.close();
      // What is saved is TCP's alone: the second would use the numbers of a session again.
      const second = stackOn(way, ["127.0.0.2"], { key: KEY });
      const moved = second.stack.restore(structuredClone(snapshot));
      moved.end("after");
      expect(String((await once(moved, "data"))[0])).toBe("thanks");
      expect(String(Buffer.concat(got))).toBe("before, after");
      expect(second.links[0]?.sealed).toMatchObject({ sessions: 1, forged: 0, replayed: 0 });
      expect(server.links[0]?.sealed).toMatchObject({ sessions: 2, forged: 0, replayed: 0 });
    });

    it("hears at once that nobody has the port open, as without a key", async () => {
      const holder = createSocket("udp4");
      holder.bind(0, "127.0.0.1");
      await once(holder, "listening");
      const { port } = holder.address();
      holder.close();
      await once(holder, "close");
      const [error] = (await once(stackOn(way, ["127.0.0.1"], { key: KEY }).stack.connect(port, "127.0.0.1"), "error")) as [NodeJS.ErrnoException];
      expect(error.code).toBe("ECONNREFUSED");
    });
  });

  it("is refused a key that is none, also where a variable is not set, and an MTU that leaves too little", () => {
    const wrong: object[] = [{ key: "a passphrase" }, { key: undefined }, { key: null }, { otherKeys: [KEY] }, { key: KEY, otherKeys: ["x"] }];
    for (const options of wrong) {
      expect(() => new UdpLink({ addresses: [], ...options })).toThrow(expect.objectContaining({ code: "ERR_INVALID_ARG_VALUE" }) as Error);
    }
    expect(() => new UdpLink({ addresses: [], key: KEY, mtu: 607 })).toThrow(expect.objectContaining({ code: "ERR_OUT_OF_RANGE" }) as Error);
    expect(new UdpLink({ addresses: [], key: KEY, mtu: 608 }).mtu).toBe(576);
  });

  const canCapture = process.getuid?.() === 0 && exists("/usr/bin/dumpcap");
  if (!canCapture) console.warn("UDP links with a key are not looked at by dumpcap: that needs it, and root");

  it.skipIf(!canCapture || !hasBatches)("shows nothing to who captures the loopback device", async () => {
    const server = stackOn("batched", ["127.0.0.1"], { key: KEY });
    const client = stackOn("batched", ["127.0.0.2"], { key: KEY });
    const { port } = await listen(server, (socket) => socket.pipe(socket));
    const folder = mkdtempSync(join(tmpdir(), "mptcp-sealed-"));
    closing.push(() => rmSync(folder, { recursive: true }));
    const file = join(folder, "lo.pcapng");
    const dumpcap = spawn("/usr/bin/dumpcap", ["-q", "-i", "lo", "-f", `udp port ${port}`, "-c", "40", "-w", file], { stdio: ["ignore", "ignore", "pipe"] });
    closing.push(() => void dumpcap.kill("SIGKILL"));
    const ended = once(dumpcap, "exit");
    while (!String((await once(dumpcap.stderr, "data"))[0]).includes("File:"));
    dumpcap.stderr.resume();
    const data = Buffer.alloc(2_000_000, "all of this is secret; ");
    const socket = client.stack.connect(port, "127.0.0.1");
    expect(await exchange(socket, data)).toBe(digest(data));
    await ended;
    const captured = readFileSync(file);
    expect(captured.length).toBeGreaterThan(100_000);
    expect(captured.includes("secret")).toBe(false);
  });
});

function exists(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** By how much single octets are more frequent than in noise: the chi-squared statistic's excess, per octet. */
function compressibility(bytes: Uint8Array): number {
  // Behind the counter, which is no secret.
  const counts = new Float64Array(256);
  let total = 0;
  for (let at = 0; at < bytes.length; at++) {
    if (at % 1472 < 16) continue;
    counts[bytes[at] as number]!++;
    total++;
  }
  let excess = 0;
  for (const count of counts) excess += (count - total / 256) ** 2 / (total / 256);
  return Math.abs(excess - 255) / total;
}

