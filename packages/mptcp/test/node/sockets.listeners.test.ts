import type { LookupAddress } from "node:dns";
import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createStack, Socket } from "../../src/node/index.ts";
import type { LookupFunction, Server, ServerOptions, SocketConnectOptions, Stack } from "../../src/node/index.ts";
import { MemoryLink } from "./memory-link.ts";
import { closed, event, turns, uncaught } from "./sockets.bench.ts";

let links: readonly MemoryLink[];
let client: Stack;
let server: Stack;

beforeEach(() => {
  const [a, b] = MemoryLink.pair("10.0.0.1", "10.0.0.2");
  const [c, d] = MemoryLink.pair("10.0.1.1", "10.0.1.2");
  links = [a, b, c, d];
  client = createStack({ links: [a, c] });
  server = createStack({ links: [b, d] });
});

afterEach(async () => {
  await client.close();
  await server.close();
});

const HOST = "10.0.0.2";
const DEAD = "10.0.0.9";
const of = (socket: Socket): Parameters<typeof closed>[0] => socket as unknown as Parameters<typeof closed>[0];

async function listen(options: ServerOptions = {}): Promise<Server> {
  const listener = server.createServer(options, (socket) => socket.on("error", () => {}).resume()).listen(80);
  await once(listener, "listening");
  return listener;
}

function answer(...addresses: readonly string[]): LookupFunction {
  return (_name, _options, callback) => setImmediate(callback, null, addresses.map((address): LookupAddress => ({ address, family: address.includes(":") ? 6 : 4 })));
}

/** Nothing keeps the process alive. */
async function released(): Promise<void> {
  for (let turn = 0; links.some((link) => link.isReferenced); turn++) {
    if (turn === 10_000) throw new Error("the process is kept alive");
    await turns(1);
  }
}

/** Opens, and waits for the error; whatever else is thrown fails the test. */
async function errorOf(options: Partial<SocketConnectOptions>): Promise<NodeJS.ErrnoException> {
  let error: NodeJS.ErrnoException = new Error("none");
  const thrown = await uncaught(async () => {
    const socket = client.connect({ port: 80, host: HOST, ...options });
    [error] = await event<[NodeJS.ErrnoException]>(socket, "error");
    expect(await closed(of(socket))).toBe(true);
    await turns();
  });
  expect(thrown).toEqual([]);
  await released();
  return error;
}

describe("a socket that a listener destroys while it is dialed", () => {
  it.each(["lookup", "connectionAttempt", "connectionAttemptFailed", "connectionAttemptTimeout"] as const)("in %s, leaves nothing behind", async (name) => {
    const listener = await listen();
    const addresses = name === "connectionAttemptFailed" ? ["fd00::9", HOST] : [DEAD, HOST];
    const attempts: string[] = [];
    const thrown = await uncaught(async () => {
      const socket = client.connect({ port: 80, host: "some.name", lookup: answer(...addresses), autoSelectFamily: true, autoSelectFamilyAttemptTimeout: 10 });
      socket.on("connectionAttempt", (address) => attempts.push(address));
      socket.on(name, () => socket.destroy());
      expect(await closed(of(socket))).toBe(false);
      await turns();
    });
    expect(thrown).toEqual([]);
    expect(attempts).toEqual(name === "lookup" ? [] : addresses.slice(0, 1));
    listener.close();
    await released();
  });

  it.each(["lookup", "connectionAttemptFailed", "connectionAttemptTimeout"] as const)("in %s, and connects again, has one connection", async (name) => {
    const listener = await listen();
    let accepted = 0;
    listener.on("connection", () => accepted++);
    const addresses = name === "connectionAttemptFailed" ? ["fd00::9", HOST] : name === "lookup" ? [HOST] : [DEAD, HOST];
    const socket = client.connect({ port: 80, host: "some.name", lookup: answer(...addresses), autoSelectFamily: true, autoSelectFamilyAttemptTimeout: 10 });
    socket.once(name, () => socket.destroy().connect(80, HOST));
    await event(socket, "connect");
    await turns(50);
    expect([accepted, socket.remoteAddress, socket.destroyed]).toEqual([1, HOST, false]);
    socket.destroy();
    listener.close();
    await released();
  });
});

describe("a listener of data that throws", () => {
  it("is told of the rest, and of the end, also where it began to listen when all was there", async () => {
    const listener = server.createServer((peer) => peer.end(Buffer.alloc(20_000)));
    listener.listen(80);
    await event(listener, "listening");
    const socket = client.connect(80, HOST);
    socket.pause();
    await event(socket, "connect");
    await turns(100);
    let octets = 0;
    const thrown = await uncaught(async () => {
      socket.on("data", (data) => {
        const isFirst = octets === 0;
        octets += data.length;
        if (isFirst) throw new Error("of a listener");
      });
      const end = event(socket, "end");
      socket.resume();
      await end;
    });
    expect([octets, thrown.map((error) => (error as Error).message)]).toEqual([20_000, ["of a listener"]]);
    listener.close();
    await released();
  });
});

describe("what makes no sense is an error of the socket, or of the call, and thrown nowhere else:", () => {
  it("a look-up that answers twice, and one that answers nonsense", async () => {
    const listener = await listen();
    const twice: LookupFunction = (_name, _options, callback) => {
      for (let i = 0; i < 2; i++) setImmediate(callback, null, [{ address: HOST, family: 4 }]);
    };
    const socket = client.connect({ port: 80, host: "some.name", lookup: twice });
    let lookups = 0;
    socket.on("lookup", () => lookups++);
    await event(socket, "connect");
    await turns();
    expect([lookups, client.counters()["MPTcpExtMPCapableSYNTX"]]).toEqual([1, 1]);
    socket.destroy();
    listener.close();
    for (const autoSelectFamily of [true, false]) {
      const nonsense: LookupFunction = (_name, _options, callback) => setImmediate(callback, null, [{} as LookupAddress]);
      expect(await errorOf({ host: "some.name", lookup: nonsense, autoSelectFamily })).toMatchObject({ code: "ERR_INVALID_IP_ADDRESS" });
    }
  });

  it("a look-up that cannot even begin", async () => {
    expect(() => client.connect({ port: 80, host: "some.name", hints: -1 })).toThrow(expect.objectContaining({ code: "ERR_INVALID_ARG_VALUE" }));
    await released();
  });

  it("a local address with a zone that is none of the stack's", async () => {
    expect(await errorOf({ host: "fd00::9", localAddress: "fe80::1%lo" })).toMatchObject({ code: "EADDRNOTAVAIL", syscall: "bind", address: "fe80::1%lo" });
  });

  it("parameters of the engine", async () => {
    const scheduler = (): never => {
      throw new Error("no scheduler");
    };
    expect(await errorOf({ mptcp: { scheduler } })).toMatchObject({ message: "no scheduler" });
    expect(await errorOf({ host: "some.name", lookup: answer(HOST, "10.0.1.2"), autoSelectFamily: true, mptcp: { scheduler } })).toMatchObject({ message: "no scheduler" });
  });

  it("a high-water mark of a server", () => {
    expect(() => server.createServer({ highWaterMark: 1.5 })).toThrow(expect.objectContaining({ code: "ERR_INVALID_ARG_VALUE" }));
    expect(() => server.createServer({ highWaterMark: "x" as unknown as number })).toThrow(expect.objectContaining({ code: "ERR_INVALID_ARG_TYPE" }));
  });

  it("no stack to connect on: the socket may be connected on another one", async () => {
    const listener = await listen();
    const socket = new Socket();
    expect(() => socket.connect(80, HOST)).toThrow(expect.objectContaining({ code: "ERR_MPTCP_NO_STACK" }));
    expect(socket.connecting).toBe(false);
    socket.connect({ port: 80, host: HOST, runtime: client.runtime });
    await event(socket, "connect");
    socket.destroy();
    listener.close();
    await released();
  });
});

describe("a server", () => {
  it("that is closed and listens elsewhere while a name is looked up, listens there alone", async () => {
    const listener = server.createServer();
    const seen: string[] = [];
    listener.on("listening", () => seen.push("listening")).on("error", (error) => seen.push(String(error)));
    listener.listen(80, "localhost");
    listener.close();
    listener.listen(81, HOST);
    await event(listener, "listening");
    // The name is that of another host than the stack: listening there fails, which is noticed if it is tried.
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(listener.address()).toMatchObject({ address: HOST, port: 81 });
    expect(seen).toEqual(["listening"]);
    listener.close();
    await released();
  });

  it("says so when it listens on a name that is none of its addresses, or with options that make no sense", async () => {
    const thrown = await uncaught(async () => {
      const elsewhere = server.createServer().listen(80, "localhost");
      expect((await event<[NodeJS.ErrnoException]>(elsewhere, "error"))[0]).toMatchObject({ code: "EADDRNOTAVAIL", syscall: "listen" });
      const wrong = server.createServer({ localAddresses: ["nowhere"] }).listen(80);
      expect((await event<[Error]>(wrong, "error"))[0].message).toMatch(/nowhere/);
      expect(wrong.listening).toBe(false);
    });
    expect(thrown).toEqual([]);
  });
});

describe("Multipath TCP's events", () => {
  it("are told all the same when a listener of one throws, and none of a connection that is no more", async () => {
    const listener = await listen();
    const socket = client.connect({ port: 80, host: HOST });
    const up: number[] = [];
    socket.on("subflowUp", ({ id }) => {
      up.push(id);
      throw new Error(`of subflow ${id}`);
    });
    const thrown = await uncaught(async () => {
      await event(socket, "connect");
      while (up.length < 4) await turns(1);
    });
    expect(thrown.map(String).toSorted()).toEqual([1, 2, 3, 4].map((id) => `Error: of subflow ${id}`));
    socket.removeAllListeners("subflowUp");
    // The events of the connection that is given up are waiting when the next one begins.
    const down: string[] = [];
    socket.on("subflowDown", (_subflow, reason) => down.push(reason));
    socket.destroy();
    socket.connect(80, HOST);
    await event(socket, "connect");
    await turns();
    expect(down).toEqual([]);
    socket.destroy();
    listener.close();
    await released();
  });
});
