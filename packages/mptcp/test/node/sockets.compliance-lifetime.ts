import { lookup } from "node:dns";
import { isIP } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { closed, event, SocketBench, text, turns } from "./sockets.bench.ts";
import type { SocketsUnderTest } from "./sockets.bench.ts";

/** What a socket says of itself. */
const state = (socket: Socket): unknown[] => [socket.connecting, socket.pending, socket.readyState, socket.destroyed, socket.closed];

/** Sockets from the first call to the last event: states, errors, closing, timeouts, addresses. */
export function describeLifetime(sut: () => SocketsUnderTest): void {
  const bench = new SocketBench(sut);
  afterEach(() => bench.cleanUp());

  describe("states", () => {
    it("are told by connecting, pending, readyState, destroyed and closed", async () => {
      const { port } = await bench.serve((socket) => socket.resume());
      const client = bench.connect(port);
      expect(state(client)).toEqual([true, true, "opening", false, false]);
      await event(client, "connect");
      expect(state(client)).toEqual([false, false, "open", false, false]);
      client.end();
      expect(client.readyState).toBe("readOnly");
      client.resume();
      await event(client, "end");
      const over = event(client, "close");
      expect(client.readyState).toBe("closed");
      await over;
      expect(state(client)).toEqual([false, true, "closed", true, true]);
    });

    it("after a failure too", async () => {
      const { server, port } = await bench.serve();
      server.close();
      await event(server, "close");
      const client = bench.connect(port);
      const order: string[] = [];
      for (const name of ["connectionAttempt", "connect", "ready", "error", "end", "finish", "close"]) client.on(name, () => order.push(name));
      await event(client, "close");
      expect(order).toEqual(["connectionAttempt", "error", "close"]);
      expect(state(client)).toEqual([false, expect.any(Boolean), "closed", true, true]);
    });

    it("tells its events in Node's order when the peer ends first", async () => {
      const { client, server } = await bench.pair();
      const order: string[] = [];
      for (const name of ["data", "end", "finish", "close", "error"]) client.on(name, () => order.push(name));
      server.end("x");
      await event(client, "close");
      expect(order).toEqual(["data", "end", "finish", "close"]);
    });

    it("connects again after it was closed", async () => {
      const { port } = await bench.serve((socket) => socket.end("hello"));
      const client = bench.connect(port);
      expect(await text(client)).toBe("hello");
      await closed(client);
      client.removeAllListeners("data");
      client.connect(port, sut().host);
      expect(client.connecting).toBe(true);
      expect(await text(client)).toBe("hello");
      expect(client.bytesRead).toBe(5);
      await event(client, "close");
    });

    it("keeps what was given to it by `connect` with a callback, a host and a port as text", async () => {
      const { port } = await bench.serve();
      const { connect, host } = sut();
      for (const open of [(done: () => void) => connect(port, host, done), (done: () => void) => connect({ port, host }, done), (done: () => void) => connect(String(port) as unknown as number, host, done)]) {
        const socket = await new Promise<Socket>((resolve) => {
          const made: Socket = open(() => resolve(made));
        });
        expect(socket.remotePort).toBe(port);
        socket.destroy();
      }
    });
  });

  describe("addresses", () => {
    it("are unknown before, and after as far as Node says so", async () => {
      const { port } = await bench.serve();
      const client = bench.connect(port);
      expect([client.remoteAddress, client.remotePort, client.remoteFamily]).toEqual([undefined, undefined, undefined]);
      await event(client, "connect");
      expect(client.address()).toEqual({ address: client.localAddress, family: "IPv4", port: client.localPort });
    });

    it("looks names up, and says what it found", async () => {
      const { port } = await bench.serve();
      const seen: unknown[][] = [];
      const asked: unknown[] = [];
      const client = bench.connect(port, {
        host: "some.name",
        lookup: (name, options, callback) => {
          asked.push(name, options.family, options.hints);
          process.nextTick(callback, null, [{ address: sut().host, family: 4 }]);
        },
        hints: 0,
      });
      client.on("lookup", (...values: unknown[]) => seen.push(values));
      await event(client, "connect");
      expect(asked.slice(0, 2)).toEqual(["some.name", undefined]);
      expect(seen).toEqual([[null, sut().host, 4, "some.name"]]);
      expect(client.remoteAddress).toBe(sut().host);
    });

    it("says that a name has no address", async () => {
      const client = bench.connect(1, {
        host: "no.such.name",
        lookup: (name, _options, callback) => process.nextTick(callback, Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), { code: "ENOTFOUND", syscall: "getaddrinfo", hostname: name }), []),
      });
      const [error] = await event<[NodeJS.ErrnoException]>(client, "error");
      expect([error.code, error.syscall]).toEqual(["ENOTFOUND", "getaddrinfo"]);
      expect(await closed(client)).toBe(true);
    });

    it("tries the addresses of a name by turns of the families until one answers", async () => {
      const { port } = await bench.serve();
      const { host } = sut();
      const attempts: string[] = [];
      const failed: string[] = [];
      const client = bench.connect(port, {
        host: "two.families",
        autoSelectFamily: true,
        lookup: (_name, _options, callback) => process.nextTick(callback, null, [{ address: "::1", family: 6 }, { address: "::1", family: 6 }, { address: host, family: 4 }]),
      });
      client.on("connectionAttempt", (address: string) => attempts.push(address));
      client.on("connectionAttemptFailed", (address: string, at: number, family: number, error: NodeJS.ErrnoException) => failed.push(`${address} ${at === port} ${family} ${error.syscall}`));
      await event(client, "connect");
      expect([attempts, failed]).toEqual([["::1", host], ["::1 true 6 connect"]]);
      expect(client.autoSelectFamilyAttemptedAddresses).toEqual([`::1:${port}`, `${host}:${port}`]);
      expect(client.remoteAddress).toBe(host);
    });

    it("says of all addresses why none answered", async () => {
      const { server, port } = await bench.serve();
      server.close();
      await event(server, "close");
      const client = bench.connect(port, {
        host: "two.families",
        autoSelectFamily: true,
        lookup: (_name, _options, callback) => process.nextTick(callback, null, [{ address: sut().host, family: 4 }, { address: "::1", family: 6 }]),
      });
      const [error] = await event<[AggregateError & NodeJS.ErrnoException]>(client, "error");
      expect([error.name, error.code, error.errors.length]).toEqual(["AggregateError", "ECONNREFUSED", 2]);
      expect((error.errors as NodeJS.ErrnoException[]).map(({ syscall }) => syscall)).toEqual(["connect", "connect"]);
    });

    it("does not go on when it is destroyed in the look-up", async () => {
      const client = bench.connect(1, { host: "localhost", lookup: (_name, _options, callback) => setImmediate(callback, null, [{ address: sut().host, family: 4 }]) });
      const events: string[] = [];
      for (const name of ["lookup", "connectionAttempt", "error"]) client.on(name, () => events.push(name));
      client.destroy();
      await closed(client);
      await turns();
      expect(events).toEqual([]);
    });

    it("takes localhost as what the machine takes it for", async () => {
      const found = await new Promise<string>((resolve, reject) => lookup("localhost", 4, (error, address) => (error === null ? resolve(address) : reject(error))));
      expect(isIP(found)).toBe(4);
      if (found !== sut().host) return;
      const { port } = await bench.serve();
      const client = bench.connect(port, { host: "localhost", family: 4 });
      await event(client, "connect");
      expect(client.remoteAddress).toBe(found);
    });
  });

  describe("closing", () => {
    it("half, from either side, and the other half later", async () => {
      for (const first of ["client", "server"] as const) {
        const ends = await bench.pair({ allowHalfOpen: true }, { allowHalfOpen: true });
        const [one, other] = first === "client" ? [ends.client, ends.server] : [ends.server, ends.client];
        one.end("over");
        expect(await text(other)).toBe("over");
        await turns();
        expect([one.readyState, other.readyState]).toEqual(["readOnly", "writeOnly"]);
        other.write("still ");
        other.end("here");
        expect(await text(one)).toBe("still here");
        await Promise.all([closed(one), closed(other)]);
      }
    });

    it("by destroySoon, which delivers first", async () => {
      const { client, server } = await bench.pair();
      const got = new Promise<number>((resolve) => {
        let length = 0;
        server.on("data", (chunk: Buffer) => (length += chunk.length));
        server.on("end", () => resolve(length));
      });
      client.write(Buffer.alloc(1_000_000));
      client.destroySoon();
      expect(client.writableEnded).toBe(true);
      await closed(client);
      expect(await got).toBe(1_000_000);
    });

    it("by destroy, which delivers what was written and taken", async () => {
      const { client, server } = await bench.pair();
      const got = text(server);
      await new Promise<void>((resolve) => client.write("all of it", () => resolve()));
      client.destroy();
      expect(await got).toBe("all of it");
      expect(await closed(client)).toBe(false);
    });

    it("by destroy with data unread, which the peer hears as a reset", async () => {
      const { client, server } = await bench.pair({ pauseOnConnect: true });
      const failed = event<[NodeJS.ErrnoException]>(client, "error");
      client.resume();
      await new Promise<void>((resolve) => client.write(Buffer.alloc(100_000), () => resolve()));
      await turns(100);
      server.destroy();
      expect((await failed)[0].code).toMatch(/^(?:ECONNRESET|EPIPE)$/);
    });

    it("by resetAndDestroy in each state", async () => {
      const { client, server } = await bench.pair();
      const reset = event<[NodeJS.ErrnoException]>(server, "error");
      expect(client.resetAndDestroy()).toBe(client);
      expect(client.destroyed).toBe(true);
      expect(await closed(client)).toBe(false);
      expect((await reset)[0].code).toBe("ECONNRESET");
      // Once more, it has nothing to reset.
      expect(client.resetAndDestroy().destroyed).toBe(true);
      const { port } = await bench.serve((socket) => socket.on("error", () => {}));
      const early = bench.connect(port);
      early.resetAndDestroy();
      expect(early.connecting).toBe(true);
      await event(early, "connect");
      expect(await closed(early)).toBe(false);
    });

    it("is told once, whatever is called how often", async () => {
      const { client } = await bench.pair();
      let closes = 0;
      client.on("close", () => closes++);
      client.end();
      client.destroy();
      client.destroy(new Error("too late"));
      client.destroySoon();
      await turns(50);
      expect([closes, client.errored]).toEqual([1, null]);
    });

    it("is not half while data is under way in the other direction", async () => {
      const { client, server } = await bench.pair({ allowHalfOpen: true });
      let received = 0;
      client.on("data", (chunk: Buffer) => (received += chunk.length));
      server.resume();
      server.write(Buffer.alloc(2_000_000));
      client.end();
      await event(server, "end");
      server.end(Buffer.alloc(500_000));
      await closed(client);
      expect(received).toBe(2_500_000);
    });
  });

  describe("abort signals", () => {
    it("aborted before, while connecting, and later", async () => {
      const { port } = await bench.serve((socket) => socket.on("error", () => {}).resume());
      const before = bench.connect(port, { signal: AbortSignal.abort() });
      expect((await event<[Error]>(before, "error"))[0].name).toBe("AbortError");
      const controller = new AbortController();
      const later = bench.connect(port, { signal: controller.signal });
      await event(later, "connect");
      controller.abort(new Error("enough"));
      const [error] = await event<[NodeJS.ErrnoException]>(later, "error");
      expect([error.name, error.code, (error.cause as Error).message]).toEqual(["AbortError", "ABORT_ERR", "enough"]);
      expect(await closed(later)).toBe(true);
    });
  });

  describe("timeouts", () => {
    it("start anew with each octet read or written", async () => {
      const { client, server } = await bench.pair();
      server.pipe(server);
      let timeouts = 0;
      client.setTimeout(600, () => timeouts++);
      const from = performance.now();
      while (performance.now() - from < 900) {
        client.write("x");
        await event(client, "data");
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      expect(timeouts).toBe(0);
      await event(client, "timeout");
      expect(timeouts).toBe(1);
    });

    it("by the option of `connect`, also before it is connected; 0 takes the listener away", async () => {
      const { port } = await bench.serve();
      const client = bench.connect(port, { timeout: 10 });
      expect(client.timeout).toBe(10);
      await event(client, "timeout");
      const listener = (): void => {};
      client.setTimeout(1000, listener);
      expect(client.listenerCount("timeout")).toBe(1);
      client.setTimeout(0, listener);
      expect([client.listenerCount("timeout"), client.timeout]).toEqual([0, 0]);
      for (const wrong of [-1, Number.NaN, Number.POSITIVE_INFINITY]) expect(() => client.setTimeout(wrong)).toThrow(expect.objectContaining({ code: "ERR_OUT_OF_RANGE" }));
    });
  });

  describe("options", () => {
    it("setNoDelay and setKeepAlive at any time, and after the end", async () => {
      const { client, server } = await bench.pair({ noDelay: true, keepAlive: true }, { noDelay: true, keepAlive: true, keepAliveInitialDelay: 1000 });
      for (const socket of [client, server]) {
        expect(socket.setNoDelay().setNoDelay(false).setNoDelay(true).setKeepAlive(true, 5000).setKeepAlive().setKeepAlive(true)).toBe(socket);
        socket.destroy();
        expect(socket.setNoDelay(false).setKeepAlive(false)).toBe(socket);
      }
    });

    it("a local address", async () => {
      const { server, port } = await bench.serve();
      const accepted = event<[Socket]>(server, "connection");
      const { host, localHost = host } = sut();
      const client = bench.connect(port, { localAddress: localHost });
      const [socket] = await accepted;
      expect([socket.remoteAddress, client.localAddress]).toEqual([localHost, localHost]);
      expect(() => sut().connect({ port, host: sut().host, localPort: "1" as unknown as number })).toThrow(expect.objectContaining({ code: "ERR_INVALID_ARG_TYPE" }));
      expect(() => sut().connect({ port, host: sut().host, localAddress: "nowhere" })).toThrow(expect.objectContaining({ code: "ERR_INVALID_IP_ADDRESS" }));
      expect((server.address() as AddressInfo).port).toBe(port);
    });
  });
}
