import { BlockList, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { closed, event, SocketBench, turns } from "./sockets.bench.ts";
import type { SocketsUnderTest } from "./sockets.bench.ts";

const countOf = (server: Server): Promise<number> =>
  new Promise((resolve, reject) => {
    server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
  });

/** Servers: listening, accepting, dropping, closing. */
export function describeServers(sut: () => SocketsUnderTest): void {
  const bench = new SocketBench(sut);
  afterEach(() => bench.cleanUp());

  describe("listening", () => {
    it("tells by event, callback and property; the address while it lasts", async () => {
      const server = sut().createServer();
      expect([server.listening, server.address()]).toEqual([false, null]);
      await new Promise<void>((resolve) => expect(server.listen(0, sut().host, 10, resolve)).toBe(server));
      expect(server.listening).toBe(true);
      const address = server.address() as AddressInfo;
      expect([address.address, address.family]).toEqual([sut().host, "IPv4"]);
      expect(address.port).toBeGreaterThan(0);
      const over = new Promise<void>((resolve) => server.close(() => resolve()));
      expect([server.listening, server.address()]).toEqual([false, null]);
      await over;
      // And again, on the same port.
      server.listen({ port: address.port, host: sut().host });
      await event(server, "listening");
      expect((server.address() as AddressInfo).port).toBe(address.port);
      server.close();
      await event(server, "close");
    });

    it("fails on an address that is not the host's", async () => {
      const server = sut().createServer();
      server.listen(0, "192.0.2.77");
      const [error] = await event<[NodeJS.ErrnoException & { address?: string }]>(server, "error");
      expect([error.code, error.syscall, error.address, server.listening]).toEqual(["EADDRNOTAVAIL", "listen", "192.0.2.77", false]);
    });

    it("is closed by a signal", async () => {
      const controller = new AbortController();
      const server = sut().createServer();
      server.listen({ port: 0, host: sut().host, signal: controller.signal });
      await event(server, "listening");
      controller.abort();
      await event(server, "close");
      const late = sut().createServer();
      late.listen({ port: 0, host: sut().host, signal: AbortSignal.abort() });
      await event(late, "close");
      expect([server.listening, late.listening]).toEqual([false, false]);
    });

    it("can be unreferenced, and disposed of", async () => {
      const { server } = await bench.serve();
      expect(server.unref()).toBe(server);
      expect(server.ref()).toBe(server);
      await server[Symbol.asyncDispose]();
      expect(server.listening).toBe(false);
      await server[Symbol.asyncDispose]();
    });
  });

  describe("accepting", () => {
    it("gives each connection a socket with its options, in the order of arrival", async () => {
      const { server, port } = await bench.serve(() => {}, { allowHalfOpen: true, pauseOnConnect: true });
      for (let i = 0; i < 3; i++) {
        const accepted = event<[Socket]>(server, "connection");
        const client = bench.connect(port);
        const [socket] = await accepted;
        expect([socket.allowHalfOpen, socket.isPaused(), socket.connecting, socket.readyState]).toEqual([true, true, false, "open"]);
        if (client.connecting) await event(client, "connect");
        expect([socket.remotePort, socket.localPort]).toEqual([client.localPort, port]);
      }
      expect(await countOf(server)).toBe(3);
    });

    it("counts what is open", async () => {
      const { server, port } = await bench.serve((socket) => socket.resume());
      const clients = [bench.connect(port), bench.connect(port)];
      while ((await countOf(server)) < 2) await event(server, "connection");
      expect(server.getConnections(() => {})).toBe(server);
      clients[0]?.end();
      while ((await countOf(server)) > 1) await turns(1);
      clients[1]?.destroy();
      while ((await countOf(server)) > 0) await turns(1);
    });

    it("drops what exceeds maxConnections, says whom, and takes more when there is room", async () => {
      const { server, port } = await bench.serve((socket) => socket.on("error", () => {}).resume());
      server.maxConnections = 1;
      const accepted = event<[Socket]>(server, "connection");
      const first = bench.connect(port);
      await accepted;
      const dropped = event<[Record<string, unknown>]>(server, "drop");
      const second = bench.connect(port);
      second.on("error", () => {});
      const localPort = new Promise((resolve) => {
        second.once("connect", () => resolve(second.localPort));
        second.once("close", () => resolve(null));
      });
      second.resume();
      const [data] = await dropped;
      expect(data).toMatchObject({ localAddress: sut().host, localPort: port, localFamily: "IPv4", remoteFamily: "IPv4", remotePort: expect.any(Number) });
      const known = await localPort;
      if (known !== null) expect(data["remotePort"]).toBe(known);
      await closed(second);
      first.end();
      first.resume();
      while ((await countOf(server)) > 0) await turns(1);
      const again = event<[Socket]>(server, "connection");
      bench.connect(port);
      await again;
    });

    it("lets through what a listener throws away, and goes on", async () => {
      const { server, port } = await bench.serve((socket) => socket.destroy());
      for (let i = 0; i < 3; i++) {
        const client = bench.connect(port);
        client.on("error", () => {});
        client.resume();
        await event(client, "close");
      }
      while ((await countOf(server)) > 0) await turns(1);
      expect(server.listening).toBe(true);
    });

    it("takes many at once", async () => {
      const { server, port } = await bench.serve((socket) => socket.end(`${socket.remotePort}`));
      const all = await Promise.all(
        Array.from({ length: 100 }, async () => {
          const client = bench.connect(port);
          const [data] = await event<[Buffer]>(client, "data");
          const isMine = data.toString() === `${client.localPort}`;
          await event(client, "close");
          return isMine;
        }),
      );
      expect(all.filter(Boolean)).toHaveLength(100);
      while ((await countOf(server)) > 0) await turns(1);
    });
  });

  describe("closing", () => {
    it("refuses who comes later, and keeps who is there", async () => {
      const { server, port } = await bench.serve((socket) => socket.pipe(socket));
      const accepted = event(server, "connection");
      const client = bench.connect(port);
      await accepted;
      const order: string[] = [];
      server.on("close", () => order.push("event"));
      server.close((error) => order.push(`callback ${error?.message}`));
      const late = bench.connect(port);
      expect((await event<[NodeJS.ErrnoException]>(late, "error"))[0].code).toBe("ECONNREFUSED");
      client.write("still here");
      expect((await event<[Buffer]>(client, "data"))[0].toString()).toBe("still here");
      expect(order).toEqual([]);
      client.end();
      await event(server, "close");
      expect(order).toEqual(["event", "callback undefined"]);
    });

    it("twice, or never opened, ends in ERR_SERVER_NOT_RUNNING in the callback alone", async () => {
      const { server } = await bench.serve();
      const results = await Promise.all([new Promise((resolve) => server.close(resolve)), new Promise((resolve) => server.close(resolve))]);
      expect(results.map((error) => (error as NodeJS.ErrnoException | undefined)?.code)).toEqual([undefined, "ERR_SERVER_NOT_RUNNING"]);
      const never = await new Promise((resolve) => sut().createServer().close(resolve));
      expect((never as NodeJS.ErrnoException).code).toBe("ERR_SERVER_NOT_RUNNING");
    });
  });

  describe("block lists", () => {
    // Node has the option since 22.13; what it does not know is ignored.
    it.runIf("blockList" in createServer({ blockList: new BlockList() } as object))("keep peers out at both ends", () => checkBlockLists(bench, sut().host));
  });
}

/** A block list at the server keeps connections from its listeners and closes them, one at the client refuses to connect. */
export async function checkBlockLists(bench: SocketBench, host: string): Promise<void> {
  const blockList = new BlockList();
  blockList.addSubnet(host, 8, "ipv4");
  let accepted = 0;
  const { port } = await bench.serve(() => accepted++, { blockList } as object);
  const client = bench.connect(port);
  client.on("error", () => {});
  client.resume();
  await closed(client);
  expect(accepted).toBe(0);
  const barred = bench.connect(port, { blockList } as object);
  const [error] = await event<[NodeJS.ErrnoException]>(barred, "error");
  expect(error.code).toBe("ERR_IP_BLOCKED");
}
