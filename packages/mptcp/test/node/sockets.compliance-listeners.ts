import type { Server, Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { closed, event, SocketBench, text, turns, uncaught } from "./sockets.bench.ts";
import type { SocketsUnderTest } from "./sockets.bench.ts";

/** What listeners may do to the socket, the server that they are called for. */
export function describeListeners(sut: () => SocketsUnderTest): void {
  const bench = new SocketBench(sut);
  afterEach(() => bench.cleanUp());

  /** Writes before the connection is there, and calls `act` in a listener that was there before. @returns the write's error, and the events */
  async function writeEarly(name: "connect" | "ready", act: (socket: Socket) => void): Promise<[string | null | undefined, ...string[]]> {
    const { port } = await bench.serve((socket) => socket.on("error", () => {}).resume());
    const client = bench.connect(port);
    const seen: string[] = [];
    for (const other of ["connect", "ready", "finish", "end"]) client.on(other, () => seen.push(other));
    client.on("error", (error) => seen.push(`error ${error.message}`));
    client.on("close", (hadError) => seen.push(`close ${hadError}`));
    client.once(name, () => act(client));
    let code: string | null | undefined;
    client.write("early", (error) => (code = error === null || error === undefined ? null : (error as NodeJS.ErrnoException).code));
    client.resume();
    await closed(client);
    await turns();
    return [code, ...seen];
  }

  describe("listeners of connect and ready, where something was written before,", () => {
    it.each([
      ["connect", "destroy", ["ERR_SOCKET_CLOSED", "connect", "ready", "close false"]],
      ["connect", "destroy with an error", ["ERR_SOCKET_CLOSED", "connect", "ready", "error mine", "close true"]],
      ["connect", "resetAndDestroy", ["ERR_SOCKET_CLOSED", "connect", "ready", "close false"]],
      ["connect", "end", [null, "connect", "ready", "finish", "end", "close false"]],
      ["ready", "destroy", [null, "connect", "ready", "close false"]],
      ["ready", "end", [null, "connect", "ready", "finish", "end", "close false"]],
    ] as const)("may call, in %s, %s", async (name, what, expected) => {
      const acts = {
        destroy: (socket: Socket) => socket.destroy(),
        "destroy with an error": (socket: Socket) => socket.destroy(new Error("mine")),
        resetAndDestroy: (socket: Socket) => socket.resetAndDestroy(),
        end: (socket: Socket) => socket.end(),
      };
      const thrown = await uncaught(async () => {
        expect(await writeEarly(name, acts[what])).toEqual(expected);
      });
      expect(thrown).toEqual([]);
    });

    it("may destroy the socket after an end that came before, too", async () => {
      const thrown = await uncaught(async () => {
        const { port } = await bench.serve((socket) => socket.on("error", () => {}).resume());
        const client = bench.connect(port);
        client.on("connect", () => client.destroy());
        const codes: unknown[] = [];
        client.write("early", (error) => codes.push((error as NodeJS.ErrnoException).code));
        client.end(((error?: NodeJS.ErrnoException) => codes.push(error?.code)) as () => void);
        expect(await closed(client)).toBe(false);
        await turns();
        expect(codes).toEqual(["ERR_SOCKET_CLOSED", "ERR_SOCKET_CLOSED"]);
      });
      expect(thrown).toEqual([]);
    });
  });

  it("a second connect while the first one is under way is EALREADY", async () => {
    const { port } = await bench.serve((socket) => socket.on("error", () => {}));
    const client = bench.connect(port);
    client.connect(port, sut().host);
    expect((await event<[NodeJS.ErrnoException]>(client, "error"))[0]).toMatchObject({ code: "EALREADY", syscall: "connect" });
    expect(await closed(client)).toBe(true);
  });

  it("a listener of close may connect the socket again", async () => {
    const { port } = await bench.serve((socket) => socket.end("hello"));
    const client = bench.connect(port);
    await new Promise<void>((resolve) => {
      client.once("close", () => {
        client.connect(port, sut().host);
        resolve();
      });
      client.resume();
    });
    expect(await text(client)).toBe("hello");
    expect(await closed(client)).toBe(false);
  });

  describe("what a listener throws is an uncaught exception, and", () => {
    it("of a server's connection: the socket works all the same", async () => {
      let server: Server | null = null;
      let client: Socket | null = null;
      const sockets: Socket[] = [];
      const thrown = await uncaught(async () => {
        const served = await bench.serve((socket) => {
          sockets.push(socket);
          socket.on("data", (chunk) => socket.end(`got ${String(chunk)}`));
          throw new Error("of connection");
        });
        ({ server } = served);
        client = bench.connect(served.port);
        client.write("this");
        expect(await text(client)).toBe("got this");
        // All of them are gone, so that the server is, too.
        server.close();
        await event(server, "close");
      });
      expect(thrown.map(String)).toEqual(["Error: of connection"]);
      expect(sockets.map((socket) => socket.destroyed)).toEqual([true]);
    });

    it("of data: what follows arrives all the same, and the end", async () => {
      let received = 0;
      let calls = 0;
      const thrown = await uncaught(async () => {
        const { client, server } = await bench.pair();
        server.on("data", (chunk: Buffer) => {
          received += chunk.length;
          calls++;
          throw new Error("of data");
        });
        client.end(Buffer.alloc(300_000));
        await event(server, "end");
      });
      expect(thrown).toHaveLength(calls);
      expect(received).toBe(300_000);
    });
  });
}
