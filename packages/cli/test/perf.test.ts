import { once } from "node:events";
import { Readable } from "node:stream";
import * as fc from "fast-check";
import { createStack, UdpLink } from "mptcp/node";
import type { Socket, Stack } from "mptcp/node";
import { afterEach, describe, expect, it } from "vitest";
import { Malformed } from "../src/perf/check.ts";
import { OtherVersion, readAnswer, readHello, readWord } from "../src/perf/protocol.ts";
import type { DirectionFigures, EndFigures } from "../src/perf/protocol.ts";
import { start } from "./started.ts";
import type { Started } from "./started.ts";

const SERVER = ["--udp", "local=127.0.0.1", "--udp", "local=127.0.0.2"];
const CLIENT = ["--udp", "local=127.0.0.3", "--udp", "local=127.0.0.4"];
const running: Started[] = [];
const stacks: Stack[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) {
    server.interrupt();
    await server.code;
  }
  for (const stack of stacks.splice(0)) await stack.close();
});

const empty = (): Readable => Readable.from([]);
async function serve(port: number, ...flags: readonly string[]): Promise<Started> {
  const server = start(["perf", "--server", "--port", String(port), ...SERVER, ...flags], empty());
  running.push(server);
  await server.until("listening on 127.0.0.1");
  return server;
}
const client = (port: number, ...flags: readonly string[]): Started => start(["perf", "--client", "127.0.0.1", "-p", String(port), ...CLIENT, ...flags], empty());

/** A stack of the test's on an address, to say what no mptcp perf would. */
function stackAt(address: string): Stack {
  const stack = createStack({ links: [new UdpLink({ addresses: [address] })] });
  stacks.push(stack);
  return stack;
}

interface Result {
  readonly error: string | null;
  readonly goodputBitsPerSecond: { readonly up: number | null; readonly down: number | null };
  readonly client: EndFigures;
  readonly server: EndFigures;
}

describe("mptcp perf", () => {
  it("measures for a time: what the receiver got is the goodput, and both ends tell what they saw", async () => {
    const server = await serve(5601);
    const { code, stdout, stderr } = await over(client(5601, "--time", "0.6", "--interval", "0.2", "--json"));
    expect([code, stderr]).toEqual([0, ""]);
    const result = JSON.parse(stdout) as Result;
    expect(result).toMatchObject({ error: null, client: { via: "userspace", down: null }, server: { down: null } });
    const [sent, received] = [result.client.up, result.server.up] as [DirectionFigures, DirectionFigures];
    expect([sent.role, received.role]).toEqual(["sender", "receiver"]);
    expect(result.goodputBitsPerSecond).toEqual({ up: received.bitsPerSecond, down: null });
    expect(received.bitsPerSecond).toBe(Math.round((received.bytes * 8e6) / received.durationMicroseconds));
    for (const figures of [sent, received]) {
      expect(figures.bytes).toBeGreaterThan(100_000);
      expect(figures.durationMicroseconds).toBeGreaterThanOrEqual(590_000);
      expect(figures.streams).toMatchObject([{ stream: 0, bytes: figures.bytes, subflows: 4, fallback: null }]);
      expect(figures.paths).toHaveLength(4);
      // No interval is lost, and none counted twice.
      expect(figures.intervals.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(figures.bytes);
      expect(figures.intervals.map(({ startMilliseconds }) => startMilliseconds)).toEqual([0, ...figures.intervals.slice(0, -1).map(({ endMilliseconds }) => endMilliseconds)]);
    }
    for (const path of sent.paths) expect(path.rttMicroseconds).toBeGreaterThan(0);
    for (const { cpu } of [result.client, result.server]) expect(cpu.userMicroseconds).toBeGreaterThan(0);
    expect(server.stdout).toMatch(/^test 1 of 127\.0\.0\.3:\d+, 0\.6 s up, 1 connection: .* received, .*b\/s; CPU \d+ %/);
  });

  it("measures a number of bytes, both ways at once, over several connections, to the last octet", async () => {
    const server = await serve(5602, "--json");
    const { code, stdout } = await over(client(5602, "--bytes", "3000001", "--bidir", "--parallel", "2", "--json"));
    expect(code).toBe(0);
    const result = JSON.parse(stdout) as Result;
    for (const figures of [result.client.up, result.client.down, result.server.up, result.server.down]) {
      expect(figures?.bytes).toBe(3_000_001);
      expect(figures?.bitsPerSecond).toBeGreaterThan(0);
      expect(figures?.streams.map(({ bytes }) => bytes)).toEqual([1_500_001, 1_500_000]);
    }
    expect([result.server.up?.role, result.server.down?.role]).toEqual(["receiver", "sender"]);
    expect(JSON.parse(server.stdout)).toMatchObject({ test: 1, error: null, server: result.server });
  });

  it("tells it in rows that fit 80 columns", async () => {
    await serve(5603);
    const { code, stdout } = await over(client(5603, "--reverse", "--bytes", "20MB"));
    expect(code).toBe(0);
    expect(stdout).toMatch(/^connected to 127\.0\.0\.1:5603: 19\.1 MiB down, 1 connection, Multipath TCP\n/);
    expect(stdout).toMatch(/\ndown, sent: server, \d+\.\d\d s +[\d.]+ [kMG]b\/s +19\.1 MiB +[\d.]+ [KM]?i?B\n( {2}127\.0\.0\.\d > 127\.0\.0\.\d .* ms .*B\n){4}/);
    expect(stdout).toMatch(/\ndown, received: client, \d+\.\d\d s +[\d.]+ [kMG]b\/s +19\.1 MiB\n/);
    expect(stdout).toMatch(/\nCPU: client \d+ % \(\d+ % system\), server \d+ % \(\d+ % system\)\n$/);
    for (const line of stdout.split("\n")) expect(line.length).toBeLessThan(80);
  });

  it("serves one test at a time, and goes on when a client is gone", async () => {
    const server = await serve(5604);
    const first = client(5604, "--time", "30");
    while (!first.stdout.includes("connected")) await turn();
    const second = await over(client(5604, "--time", "0.1"));
    expect(second).toEqual({ code: 1, stdout: "", stderr: "127.0.0.1:5604 refuses: busy: it is at the test of another client; try again later\n" });
    first.interrupt();
    expect(await first.code).toBe(130);
    expect(first.stdout).toMatch(/\nup, sent: client, /);
    expect(first.stderr).toBe("interrupted\n");
    while (!server.stdout.includes("test 1")) await turn();
    expect(server.stdout).toMatch(/^test 1 of .*: (the client says: interrupted|read ECONNRESET: .*|it closed the connection|a connection was closed .*)\n$/);
    expect((await over(client(5604, "--bytes", "1000"))).code).toBe(0);
  });

  it("ends after one test with --one-off", async () => {
    const server = await serve(5605, "--one-off");
    expect((await over(client(5605, "--bytes", "1000"))).code).toBe(0);
    expect(await server.code).toBe(0);
  });

  it("says of other peers what they are", async () => {
    const stack = stackAt("127.0.0.1");
    const answer = (message: object): string => `${JSON.stringify(message)}\n`;
    const peers: [(socket: Socket) => void, RegExp][] = [
      [(socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"), /is no server of mptcp perf \(mptcp perf --server\): it says "HTTP\/1\.1 400 Bad Request"$/],
      [(socket) => socket.pipe(socket), /is no server of mptcp perf .*: it sends back what it gets$/],
      [(socket) => socket.end(), /is no server of mptcp perf .*: it closed the connection$/],
      [(socket) => socket.end("\u001B[2J{\n"), /it says "\?\[2J\{"$/],
      [(socket) => socket.end("null\n"), /answer is no object$/],
      [(socket) => socket.end(answer({ protocol: "mptcp-perf", version: 2, kind: "accepted" })), /it speaks version 2 of mptcp-perf, and this program 1$/],
      [(socket) => socket.end(answer({ protocol: "mptcp-perf", version: 1, kind: "accepted", key: "../x" })), /answer\.key is no key$/],
      [(socket) => socket.end(answer({ protocol: "mptcp-perf", version: 1, kind: "refused", message: "not today" })), /refuses: not today$/],
      [(socket) => socket.resetAndDestroy(), /ECONNRESET/],
    ];
    let next: (socket: Socket) => void = () => {};
    const listener = stack.createServer({ allowHalfOpen: true }, (socket) => next(socket.on("error", () => {}).resume())).listen(5606);
    await once(listener, "listening");
    for (const [behaves, message] of peers) {
      next = behaves;
      const { code, stderr } = await over(client(5606, "--bytes", "1000"));
      expect([code, stderr.trimEnd()]).toEqual([1, expect.stringMatching(message)]);
    }
    const waiting = client(5607, "--wait");
    await waiting.until("waiting for 127.0.0.1:5607");
    waiting.interrupt();
    expect(await waiting.code).toBe(130);
    const { code, stderr } = await over(client(5607));
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^connect ECONNREFUSED/)]);
  });

  it("hears nonsense, and serves the next client all the same", async () => {
    const server = await serve(5608);
    const stack = stackAt("127.0.0.5");
    const hello = { protocol: "mptcp-perf", version: 1, kind: "test", test: { direction: "up", streams: 1, timeMilliseconds: 100, bytes: null, intervalMilliseconds: 0 } };
    const nonsense = [
      "GET / HTTP/1.1\r\n\r\n", "\n", "{}\n", "x".repeat(10_000), `${JSON.stringify({ ...hello, version: 9 })}\n`,
      `${JSON.stringify({ ...hello, test: { ...hello.test, streams: 1e9 } })}\n`, `${JSON.stringify({ ...hello, test: { ...hello.test, bytes: 5 } })}\n`,
      `${JSON.stringify({ protocol: "mptcp-perf", version: 1, kind: "stream", key: "0".repeat(32), stream: 0 })}\n`,
      // A test that goes no further, one that is done at once, and one that goes on with what makes no sense.
      `${JSON.stringify(hello)}\n{"kind":"done"}\n`, `${JSON.stringify(hello)}\n{"kind":"result"}\n`, `${JSON.stringify(hello)}\n\u0000\n`, `${JSON.stringify(hello)}\n${"{}\n".repeat(50)}`,
    ];
    for (const text of nonsense) {
      const socket = stack.connect({ host: "127.0.0.1", port: 5608 }).on("error", () => {}).resume();
      socket.end(text);
      await new Promise((resolve) => void socket.once("close", resolve));
    }
    // A client that only sends a beginning is in nobody's way.
    stack.connect({ host: "127.0.0.1", port: 5608 }).on("error", () => {}).write("{");
    const { code, stderr } = await over(client(5608, "--bytes", "1000"));
    expect([code, stderr]).toEqual([0, ""]);
    expect(server.stderr).toMatch(/^127\.0\.0\.5:\d+ is no client of mptcp perf: it says "GET \/ HTTP\/1\.1"$/m);
    expect(server.stderr).toMatch(/^127\.0\.0\.5:\d+ is no client of mptcp perf: it speaks version 9 of mptcp-perf, and this program 1$/m);
  });

  it.each([
    [[], /say which end this is: --server, or --client HOST/],
    [["--server", "--client", "127.0.0.1"], /say which end this is/],
    [["--server", "--time", "5"], /--time is the client's/],
    [["-c", "127.0.0.1", "-1"], /--one-off is the server's/],
    [["-c", "127.0.0.1", "-t", "5", "-n", "5"], /--time and --bytes exclude each other/],
    [["-c", "127.0.0.1", "-R", "--bidir"], /--reverse and --bidir exclude each other/],
    [["-c", "127.0.0.1", "-n", "5 apples"], /apples/],
    [["-c", "127.0.0.1", "-n", "3", "-P", "4"], /each connection carries a byte at the least/],
    [["-c", "127.0.0.1", "-P", "1000"], /Connections are a whole number from 1 to 128/],
    [["-c", "127.0.0.1", "-t", "86400", "-i", "0.1"], /10000 intervals at the most/],
    [["-c", "127.0.0.1"], /no link: give at least one --udp/],
  ] as const)("is told wrongly: %j", async (flags, message) => {
    const links = message.source.includes("no link") ? [] : CLIENT;
    const { code, stderr } = await over(start(["perf", ...flags, ...links], empty()));
    expect([code, stderr.trimEnd()]).toEqual([2, expect.stringMatching(message)]);
  });
});

describe("what a peer says", () => {
  const figures = { via: "kernel", cpu: { userMicroseconds: 1, systemMicroseconds: 2, elapsedMicroseconds: 3 }, down: null, up: {
    role: "receiver", bytes: 1, durationMicroseconds: 1, bitsPerSecond: 8, streams: [{ stream: 0, bytes: 1, subflows: 1, fallback: null }],
    paths: [{ localAddress: "::1", remoteAddress: "::2", bytes: 1, bytesRetransmitted: 0, rttMicroseconds: 0, congestionWindowBytes: 0 }],
    intervals: [{ startMilliseconds: 0, endMilliseconds: 1, bytes: 1, paths: [] }],
  } };
  const messages = [
    { protocol: "mptcp-perf", version: 1, kind: "test", test: { direction: "both", streams: 2, timeMilliseconds: null, bytes: 5000, intervalMilliseconds: 100 } },
    { protocol: "mptcp-perf", version: 1, kind: "stream", key: "0123456789abcdef".repeat(2), stream: 3 },
    { protocol: "mptcp-perf", version: 1, kind: "accepted", key: "0123456789abcdef".repeat(2) },
    { protocol: "mptcp-perf", version: 1, kind: "refused", message: "busy" },
    { kind: "start" }, { kind: "done" }, { kind: "failed", message: "so" }, { kind: "result", figures },
  ];
  const readers = [readHello, readAnswer, readWord];

  it("is read where it is right", () => {
    expect(messages.map((message) => readers.map((read) => outcome(read, message)))).toEqual([
      ["read", "malformed", "malformed"], ["read", "malformed", "malformed"], ["malformed", "read", "malformed"], ["malformed", "read", "malformed"],
      ...Array(4).fill(["malformed", "malformed", "read"]) as string[][],
    ]);
    expect(readWord(messages[7])).toEqual(messages[7]);
  });

  it("is refused in order, whatever is in it", () => {
    const changed = fc.tuple(fc.constantFrom(...messages), fc.nat(), fc.jsonValue()).map(([message, at, value]) => replaced(message, at, value));
    fc.assert(fc.property(fc.oneof(changed, fc.jsonValue()), (message) => {
      for (const read of readers) expect(["read", "malformed", "version"]).toContain(outcome(read, message));
    }), { numRuns: 2000 });
  });
});

/** A copy in which one of the values, or of the objects that hold them, is another one. */
function replaced(message: object, at: number, value: unknown): unknown {
  const places: [Record<string, unknown>, string][] = [];
  const copy = structuredClone(message) as Record<string, unknown>;
  const visit = (holder: Record<string, unknown>): void => {
    for (const [name, inner] of Object.entries(holder)) {
      places.push([holder, name]);
      if (typeof inner === "object" && inner !== null) visit(inner as Record<string, unknown>);
    }
  };
  visit(copy);
  const [holder, name] = places[at % places.length] as [Record<string, unknown>, string];
  holder[name] = value;
  return copy;
}

function outcome(read: (value: unknown) => unknown, message: unknown): string {
  try {
    read(message);
    return "read";
  } catch (error) {
    if (error instanceof OtherVersion) return "version";
    if (error instanceof Malformed) return "malformed";
    throw error;
  }
}

async function over(command: Started): Promise<{ code: number; stdout: string; stderr: string }> {
  const code = await command.code;
  return { code, stdout: command.stdout, stderr: command.stderr };
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
