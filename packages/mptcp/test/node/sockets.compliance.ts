import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo, Server, Socket } from "node:net";
import type * as net from "node:net";
import { pipeline } from "node:stream/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { closed } from "./sockets.bench.ts";
import type { SocketsUnderTest } from "./sockets.bench.ts";
import { describeHttp } from "./sockets.compliance-http.ts";
import { describeLifetime } from "./sockets.compliance-lifetime.ts";
import { describeListeners } from "./sockets.compliance-listeners.ts";
import { describeServers } from "./sockets.compliance-server.ts";
import { describeStreams } from "./sockets.compliance-streams.ts";

/** The behaviour of `node:net` that programs rely on, as tests. */
export function describeSockets(name: string, make: () => SocketsUnderTest | Promise<SocketsUnderTest>): void {
  describe(`sockets: ${name}`, () => {
    let sut: SocketsUnderTest;
    beforeAll(async () => {
      sut = await make();
    });
    afterAll(() => sut.close());
    describeStreams(() => sut);
    describeLifetime(() => sut);
    describeListeners(() => sut);
    describeServers(() => sut);
    describeHttp(() => sut);

    async function serve(onConnection: (socket: Socket) => void, options: net.ServerOpts = {}): Promise<{ server: Server; port: number }> {
      const server = sut.createServer(options, onConnection);
      server.listen(0, sut.host);
      await once(server, "listening");
      return { server, port: (server.address() as AddressInfo).port };
    }

    /** A pair of connected sockets; the server takes no more. */
    async function pair(serverOptions: net.ServerOpts = {}, clientOptions: Partial<net.TcpNetConnectOpts> = {}): Promise<{ client: Socket; server: Socket }> {
      const { server, port } = await serve(() => {}, serverOptions);
      const accepted = once(server, "connection") as Promise<[Socket]>;
      const client = sut.connect({ port, host: sut.host, ...clientOptions });
      const [[socket]] = await Promise.all([accepted, once(client, "connect")]);
      server.close();
      return { client, server: socket };
    }

    async function text(socket: Socket): Promise<string> {
      const chunks: Buffer[] = [];
      socket.on("data", (chunk: Buffer) => chunks.push(chunk));
      await once(socket, "end");
      return Buffer.concat(chunks).toString();
    }

    it("echoes, with events in order", async () => {
      const { server, port } = await serve((socket) => socket.pipe(socket));
      const seen: string[] = [];
      const client = sut.connect({ port, host: sut.host });
      for (const event of ["connect", "ready", "data", "end", "finish"]) client.on(event, () => seen.push(event));
      client.on("close", (hadError) => seen.push(`close ${hadError}`));
      client.end("hello");
      await once(client, "close");
      expect(seen.filter((event, at) => event !== "data" && seen.indexOf(event) === at)).toEqual(["connect", "ready", "finish", "end", "close false"]);
      expect(seen).toContain("data");
      server.close();
      await once(server, "close");
    });

    it("moves 4 MiB both ways at once, with a slow reader", async () => {
      // Half open: the end that is done first must not end what the other still writes.
      const { client, server } = await pair({ allowHalfOpen: true }, { allowHalfOpen: true });
      const digest = async (socket: Socket): Promise<string> => {
        const hash = createHash("sha256");
        for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
          hash.update(chunk as Buffer);
          await new Promise((resolve) => setImmediate(resolve));
        }
        return hash.digest("hex");
      };
      const data = randomBytes(4 * 1024 * 1024);
      const expected = createHash("sha256").update(data).digest("hex");
      const [first, second] = await Promise.all([digest(client), digest(server), send(client, data), send(server, data)]);
      expect([first, second]).toEqual([expected, expected]);
      expect(client.bytesRead).toBe(data.length);
      expect(client.bytesWritten).toBe(data.length);
    });

    it("pushes back on a writer whose reader is paused, and drains later", async () => {
      const { client, server } = await pair({ pauseOnConnect: true });
      const chunk = Buffer.alloc(1024 * 1024, "x");
      let written = 0;
      // More than any buffers between the two hold by themselves.
      while (client.writableLength < 8 * 1024 * 1024) {
        written += chunk.length;
        if (client.write(chunk)) await new Promise((resolve) => setImmediate(resolve));
      }
      expect(client.writableNeedDrain).toBe(true);
      expect(client.bytesWritten).toBe(written);
      const drained = once(client, "drain");
      let received = 0;
      server.on("data", (bytes: Buffer) => (received += bytes.length));
      server.resume();
      await drained;
      client.end();
      await once(server, "end");
      expect(received).toBe(written);
    });

    it("delivers what is written before the connection is there", async () => {
      const { server, port } = await serve(async (socket) => socket.end(`got ${await text(socket)}`), { allowHalfOpen: true });
      const client = sut.connect({ port, host: sut.host });
      expect(client.connecting).toBe(true);
      expect(client.pending).toBe(true);
      expect(client.readyState).toBe("opening");
      client.write("a");
      client.write("b");
      client.end("c");
      expect(await text(client)).toBe("got abc");
      server.close();
    });

    it("answers after the other end ended, with allowHalfOpen", async () => {
      const { client, server } = await pair({ allowHalfOpen: true });
      client.end("question");
      expect(await text(server)).toBe("question");
      expect(server.writable).toBe(true);
      expect(server.readyState).toBe("writeOnly");
      server.end("answer");
      expect(await text(client)).toBe("answer");
    });

    it("ends by itself without allowHalfOpen, and then refuses writes with EPIPE", async () => {
      const { client, server } = await pair();
      server.on("error", () => {});
      client.end();
      server.resume();
      await once(server, "end");
      const [error] = await new Promise<[NodeJS.ErrnoException]>((resolve) => {
        server.once("error", (...all) => resolve(all as [NodeJS.ErrnoException]));
        if (server.writableEnded) resolve([Object.assign(new Error("ended"), { code: "EPIPE" })]);
        else server.write("too late");
      });
      expect(error.code).toBe("EPIPE");
      client.resume();
      await closed(client);
    });

    it("reports a write after end", async () => {
      const { client, server } = await pair();
      client.end();
      const failed = once(client, "error");
      client.write("x");
      const [error] = (await failed) as [NodeJS.ErrnoException];
      expect(error.code).toBe("ERR_STREAM_WRITE_AFTER_END");
      server.destroy();
    });

    it("says ECONNREFUSED as Node says it", async () => {
      const { server, port } = await serve(() => {});
      server.close();
      await once(server, "close");
      const client = sut.connect({ port, host: sut.host });
      const [error] = (await once(client, "error")) as [Record<string, unknown>];
      expect(error).toMatchObject({ code: "ECONNREFUSED", syscall: "connect", address: sut.host, port, message: `connect ECONNREFUSED ${sut.host}:${port}` });
      expect(error["errno"]).toBeLessThan(0);
      expect(await closed(client)).toBe(true);
      expect(client.destroyed).toBe(true);
    });

    it("says EADDRINUSE as Node says it", async () => {
      const { server, port } = await serve(() => {});
      const second = sut.createServer().listen(port, sut.host);
      const [error] = (await once(second, "error")) as [Record<string, unknown>];
      expect(error).toMatchObject({ code: "EADDRINUSE", syscall: "listen", address: sut.host, port, message: `listen EADDRINUSE: address already in use ${sut.host}:${port}` });
      expect(second.listening).toBe(false);
      server.close();
    });

    it("says ECONNRESET when the peer resets", async () => {
      const { client, server } = await pair();
      const failed = once(client, "error");
      server.resetAndDestroy();
      const [error] = (await failed) as [NodeJS.ErrnoException];
      expect(error).toMatchObject({ code: "ECONNRESET", syscall: "read", message: "read ECONNRESET" });
      expect(await closed(client)).toBe(true);
    });

    it("closes without an error when destroyed while connecting", async () => {
      const { server, port } = await serve((socket) => socket.on("error", () => {}));
      const client = sut.connect({ port, host: sut.host });
      client.destroy();
      expect(client.connecting).toBe(false);
      expect(await closed(client)).toBe(false);
      server.close();
    });

    it("passes on the error that it is destroyed with", async () => {
      const { client, server } = await pair();
      server.on("error", () => {});
      const failed = once(client, "error");
      client.destroy(new Error("mine"));
      expect(((await failed) as [Error])[0].message).toBe("mine");
      expect(await closed(client)).toBe(true);
      server.destroy();
    });

    it("ends the peer's reading when destroyed", async () => {
      const { client, server } = await pair();
      server.resume();
      client.destroy();
      await closed(server);
      expect(server.destroyed).toBe(true);
    });

    it("is aborted by a signal", async () => {
      const { server, port } = await serve((socket) => socket.on("error", () => {}));
      const controller = new AbortController();
      const client = sut.connect({ port, host: sut.host, signal: controller.signal });
      const failed = once(client, "error");
      controller.abort();
      expect(((await failed) as [NodeJS.ErrnoException])[0].name).toBe("AbortError");
      server.close();
    });

    it("emits timeout after silence, and no sooner than asked", async () => {
      const { client, server } = await pair();
      const from = performance.now();
      expect(client.setTimeout(20)).toBe(client);
      expect(client.timeout).toBe(20);
      await once(client, "timeout");
      expect(performance.now() - from).toBeGreaterThanOrEqual(18);
      expect(client.destroyed).toBe(false);
      client.setTimeout(0);
      expect(() => client.setTimeout("1" as unknown as number)).toThrow(expect.objectContaining({ code: "ERR_INVALID_ARG_TYPE" }));
      client.destroy();
      server.destroy();
    });

    it("knows its addresses", async () => {
      const { client, server } = await pair();
      expect(client.remoteAddress).toBe(sut.host);
      expect(client.remoteFamily).toBe("IPv4");
      expect(client.remotePort).toBe(server.localPort);
      expect(client.localPort).toBe(server.remotePort);
      expect(client.address()).toEqual({ address: server.remoteAddress, family: "IPv4", port: server.remotePort });
      expect(client.localFamily).toBe("IPv4");
      expect([client.pending, client.connecting, client.readyState]).toEqual([false, false, "open"]);
      client.destroy();
      server.destroy();
      expect(client.readyState).toBe("closed");
      expect(sut.createServer().address()).toBe(null);
    });

    it("holds data back while paused", async () => {
      const { client, server } = await pair();
      const got: string[] = [];
      server.on("data", (bytes: Buffer) => got.push(bytes.toString()));
      server.pause();
      await new Promise<void>((resolve) => client.write("one", () => resolve()));
      for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve));
      expect(got).toEqual([]);
      server.resume();
      client.end();
      await once(server, "end");
      expect(got.join("")).toBe("one");
    });

    it("calls back for each write, in order", async () => {
      const { client, server } = await pair();
      server.resume();
      const done: number[] = [];
      for (let i = 0; i < 5; i++) client.write(`${i}`, () => done.push(i));
      await new Promise<void>((resolve) => client.end(resolve));
      expect(done).toEqual([0, 1, 2, 3, 4]);
      await closed(client);
    });

    it("leaves a buffer to its owner once the callback ran", async () => {
      const { client, server } = await pair();
      const buffer = Buffer.alloc(1000, "a");
      await new Promise<void>((resolve) => client.write(buffer, () => resolve()));
      buffer.fill("b");
      client.end();
      expect(await text(server)).toBe("a".repeat(1000));
    });

    it("throws on bad ports and missing ones", () => {
      expect(() => sut.connect({ port: 65_536, host: sut.host })).toThrow(expect.objectContaining({ code: "ERR_SOCKET_BAD_PORT", name: "RangeError" }));
      expect(() => sut.createServer().listen(-1)).toThrow(expect.objectContaining({ code: "ERR_SOCKET_BAD_PORT" }));
      expect(() => sut.connect(null as unknown as net.TcpNetConnectOpts)).toThrow(expect.objectContaining({ code: expect.stringMatching(/^ERR_/) }));
      expect(() => sut.connect({} as net.TcpNetConnectOpts)).toThrow(expect.objectContaining({ code: "ERR_MISSING_ARGS" }));
    });

    it("closes a server after its last connection", async () => {
      const { server, port } = await serve(() => {});
      const accepted = once(server, "connection") as Promise<[Socket]>;
      const client = sut.connect({ port, host: sut.host });
      const [socket] = await accepted;
      await new Promise<void>((resolve, reject) => {
        server.getConnections((error, count) => {
          if (error !== null || count !== 1) reject(error ?? new Error(`${count} connections`));
          else resolve();
        });
      });
      let isClosed = false;
      server.close(() => (isClosed = true));
      expect(server.listening).toBe(false);
      await new Promise((resolve) => setImmediate(resolve));
      expect(isClosed).toBe(false);
      client.on("error", () => {});
      socket.destroy();
      client.resume();
      await once(server, "close");
      expect(isClosed).toBe(true);
    });

    it("complains of a second listen, and of a close without one", async () => {
      const { server } = await serve(() => {});
      expect(() => server.listen(0)).toThrow(expect.objectContaining({ code: "ERR_SERVER_ALREADY_LISTEN" }));
      server.close();
      await once(server, "close");
      const error = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => server.close(resolve));
      expect(error?.code).toBe("ERR_SERVER_NOT_RUNNING");
    });

    it("drops what exceeds maxConnections", async () => {
      const { server, port } = await serve((socket) => socket.on("error", () => {}));
      server.maxConnections = 1;
      const first = sut.connect({ port, host: sut.host });
      await once(server, "connection");
      const dropped = once(server, "drop") as Promise<[{ remotePort: number }]>;
      const second = sut.connect({ port, host: sut.host });
      second.on("error", () => {});
      second.resume();
      expect((await dropped)[0].remotePort).toBeGreaterThan(0);
      await closed(second);
      first.destroy();
      server.close();
      await once(server, "close");
    });

    it("binds to a local port that is asked for", async () => {
      const { server: other, port: free } = await serve(() => {});
      other.close();
      await once(other, "close");
      const { server, port } = await serve((socket) => socket.end());
      const client = sut.connect({ port, host: sut.host, localPort: free });
      await once(client, "connect");
      expect(client.localPort).toBe(free);
      client.resume();
      await closed(client);
      server.close();
    });

    it("goes through a pipeline", async () => {
      const { client, server } = await pair();
      const received = text(server);
      await pipeline(["a", "b", "c"], client);
      expect(await received).toBe("abc");
    });

    it("can be unreferenced and referenced", async () => {
      const { client, server } = await pair();
      expect(client.unref()).toBe(client);
      expect(client.ref()).toBe(client);
      expect(client.setNoDelay()).toBe(client);
      expect(client.setKeepAlive(true, 1000)).toBe(client);
      client.destroy();
      server.destroy();
    });
  });
}

async function send(socket: Socket, data: Buffer): Promise<void> {
  for (let at = 0; at < data.length; at += 100_000) {
    if (!socket.write(data.subarray(at, at + 100_000))) await once(socket, "drain");
  }
  socket.end();
}
