import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { SECOND } from "../../src/core/index.ts";
import { uvErrno } from "../../src/node/errno.ts";
import type { StreamHandle } from "../../src/node/handle/index.ts";
import { nodeStreams } from "../../src/node/handle/node-streams.ts";
import type { HandleRequest } from "../../src/node/handle/node-streams.ts";
import { createStack } from "../../src/node/index.ts";
import type { Socket, Stack } from "../../src/node/index.ts";
import type { StreamConnection } from "../../src/tcp/index.ts";
import { MemoryLink } from "./memory-link.ts";
import { event } from "./sockets.bench.ts";

const streams = nodeStreams();

let client: Stack;
let server: Stack;
let peer: Socket;
let handle: StreamHandle;

beforeEach(async () => {
  const [one, other] = MemoryLink.pair("10.0.0.1", "10.0.0.2");
  client = createStack({ links: [one] });
  server = createStack({ links: [other] });
  const listener = server.createServer({ pauseOnConnect: true });
  listener.listen(80);
  await once(listener, "listening");
  const socket = client.connect({ port: 80, host: "10.0.0.2" });
  [[peer]] = await Promise.all([event<[Socket]>(listener, "connection"), once(socket, "connect")]);
  handle = socket._handle as unknown as StreamHandle;
});

afterEach(async () => {
  await client.close();
  await server.close();
});

type Complete = (status: number) => void;

/** Both ways of Node's streams, whichever of them this Node has: how a request is given, and how the streams know that it will be completed. */
describe.each([
  { node: "before 24.22", given: (oncomplete: Complete): HandleRequest => ({ oncomplete }), isLater: (result: unknown) => result === 0 && streams.state[streams.lastWriteWasAsync] === 1 },
  { node: "since 24.22", given: () => null, isLater: (result: unknown) => typeof result === "object" },
])("a write as Node gives it $node", ({ given, isLater }) => {
  it("is through at once while there is room, and later where there is none, so that what waits is bounded", async () => {
    const statuses: number[] = [];
    let notice = (): void => {};
    const completed = new Promise<void>((resolve) => (notice = resolve));
    const complete = (status: number): void => {
      statuses.push(status);
      notice();
    };
    const write = (): ReturnType<StreamHandle["writeBuffer"]> => handle.writeBuffer(given(complete), Buffer.alloc(65_536));
    let result = write();
    for (let written = 1; !isLater(result); result = write()) {
      expect([result, streams.state[streams.bytesWritten]]).toEqual([0, 65_536]);
      expect(++written).toBeLessThan(1000);
    }
    if (typeof result === "object") {
      // As Node's streams do then; a status would be that of a write that is through already.
      expect(result).toMatchObject({ writeStatus: null });
      result.oncomplete = complete;
    }
    expect(statuses).toEqual([]);
    peer.resume();
    await completed;
    expect(statuses).toEqual([0]);
    expect([handle.writeUtf8String(given(complete), "ä"), streams.state[streams.lastWriteWasAsync], streams.state[streams.bytesWritten]]).toEqual([0, 0, 2]);
  });

  it("fails by libuv's number, and is not completed besides", () => {
    const unwanted = (): never => expect.unreachable();
    expect(handle.shutdown({})).toBe(1);
    for (const write of [() => handle.writeLatin1String(given(unwanted), "late"), () => handle.writev(given(unwanted), [Buffer.from("la"), Buffer.from("te")], true)]) {
      expect([write(), streams.state[streams.lastWriteWasAsync]]).toEqual([uvErrno("EPIPE"), 0]);
    }
  });
});

it("keepalive is as Node says it: of 24 with an interval and a count, before with its own", () => {
  const set = vi.spyOn(handle.connection as StreamConnection, "setKeepAlive");
  handle.setKeepAlive(true, 5);
  handle.setKeepAlive(true, 0, 20, 3);
  handle.setKeepAlive(false, 0);
  handle.setKeepAlive(true, 0, undefined, undefined);
  expect(set.mock.calls.map(([keepAlive]) => keepAlive)).toEqual([
    { idle: 5 * SECOND, interval: SECOND, probes: 10 },
    { idle: 5 * SECOND, interval: 20 * SECOND, probes: 3 },
    null,
    { idle: 7200 * SECOND, interval: SECOND, probes: 10 },
  ]);
});

it("does what a listener put off before it gives the next of two pieces that wait, as between two reads of libuv's", async () => {
  const { connection } = peer._handle as unknown as StreamHandle;
  for (const [text, octets] of [["one", 3], ["two", 6]] as const) {
    handle.writeUtf8String({ oncomplete: () => {} }, text);
    while (connection!.readable < octets) await new Promise((resolve) => setImmediate(resolve));
  }
  const seen: string[] = [];
  const all = new Promise<void>((resolve) => {
    peer.on("data", (data) => {
      seen.push(String(data));
      process.nextTick(() => seen.push("next tick"));
      void Promise.resolve().then(() => seen.push("promise"));
      if (seen.includes("two")) setImmediate(resolve);
    });
  });
  peer.resume();
  await all;
  expect(seen).toEqual(["one", "next tick", "promise", "two", "next tick", "promise"]);
});
