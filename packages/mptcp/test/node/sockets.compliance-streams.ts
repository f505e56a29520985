import type { Socket } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { afterEach, describe, expect, it } from "vitest";
import { closed, event, SocketBench, text, turns } from "./sockets.bench.ts";
import type { SocketsUnderTest } from "./sockets.bench.ts";

/** Sockets as streams: encodings, corks, counters, back-pressure, ends. */
export function describeStreams(sut: () => SocketsUnderTest): void {
  const bench = new SocketBench(sut);
  afterEach(() => bench.cleanUp());

  describe("encodings and counters", () => {
    it("decodes characters that are cut in two by chunks", async () => {
      const { client, server } = await bench.pair();
      server.setEncoding("utf8");
      const got: string[] = [];
      server.on("data", (chunk: unknown) => {
        expect(typeof chunk).toBe("string");
        got.push(chunk as string);
      });
      const words = "añ€𝄞 ".repeat(20_000);
      const bytes = Buffer.from(words);
      for (let at = 0; at < bytes.length; at += 4099) client.write(bytes.subarray(at, at + 4099));
      client.end();
      await event(server, "end");
      expect(got.join("")).toBe(words);
    });

    it("encodes strings as told", async () => {
      const { client, server } = await bench.pair();
      client.write("café", "latin1");
      client.write("aGVsbG8=", "base64");
      client.write("0aff", "hex");
      client.setDefaultEncoding("utf16le");
      client.end("é");
      const chunks: Buffer[] = [];
      server.on("data", (chunk: Buffer) => chunks.push(chunk));
      await event(server, "end");
      expect(Buffer.concat(chunks)).toEqual(Buffer.concat([Buffer.from("café", "latin1"), Buffer.from("hello"), Buffer.of(10, 255), Buffer.from("é", "utf16le")]));
      // Octets, not characters.
      expect([client.bytesWritten, server.bytesRead]).toEqual([13, 13]);
    });

    it("counts what was written from the first write on, connected or not", async () => {
      const { port } = await bench.serve((socket) => socket.resume());
      const client = bench.connect(port);
      client.write("€");
      client.write(Buffer.alloc(5));
      expect([client.bytesWritten, client.bytesRead]).toEqual([8, 0]);
      await event(client, "connect");
      expect(client.bytesWritten).toBe(8);
      client.end("x");
      await event(client, "finish");
      expect(client.bytesWritten).toBe(9);
      await closed(client);
      expect(client.bytesWritten).toBe(9);
    });

    it("takes views of all kinds, and refuses what is none", async () => {
      const { client, server } = await bench.pair();
      client.write(new Uint8Array([97, 98]));
      client.write(new Uint8Array(Buffer.from("xcdx")).subarray(1, 3));
      expect(() => client.write(5 as unknown as string)).toThrow(expect.objectContaining({ code: "ERR_INVALID_ARG_TYPE" }));
      expect(() => client.write(null as unknown as string)).toThrow(expect.objectContaining({ code: "ERR_STREAM_NULL_VALUES" }));
      client.end();
      expect(await text(server)).toBe("abcd");
    });

    it("has the high-water mark that it is given", async () => {
      const { client } = await bench.pair({}, { highWaterMark: 5000 } as object);
      expect([client.writableHighWaterMark, client.readableHighWaterMark]).toEqual([5000, 5000]);
    });
  });

  describe("writing", () => {
    it("holds corked writes back, and lets them go together", async () => {
      const { client, server } = await bench.pair();
      client.cork();
      const done: string[] = [];
      client.write("a", () => done.push("a"));
      client.write("b", () => done.push("b"));
      expect([client.writableLength, client.writableCorked]).toEqual([2, 1]);
      await turns();
      expect([server.bytesRead, done]).toEqual([0, []]);
      client.uncork();
      const [first] = await event<[Buffer]>(server, "data");
      expect(first.toString()).toBe("ab");
      expect(done).toEqual(["a", "b"]);
    });

    it("uncorks when it ends", async () => {
      const { client, server } = await bench.pair();
      client.cork();
      client.write("a");
      client.end("b");
      expect(await text(server)).toBe("ab");
    });

    it("says by `write` and `drain` when there is too much, at both ends", async () => {
      const { client, server } = await bench.pair();
      const flood = (socket: Socket): number => {
        let written = 0;
        while (socket.write(Buffer.alloc(65_536))) written++;
        return written;
      };
      client.pause();
      server.pause();
      // Until nothing is taken any more in a row of turns.
      const fill = async (socket: Socket): Promise<void> => {
        for (let quiet = 0; quiet < 20; quiet++) {
          if (flood(socket) > 0) quiet = 0;
          await turns(1);
        }
      };
      await Promise.all([fill(client), fill(server)]);
      expect([client.writableNeedDrain, server.writableNeedDrain]).toEqual([true, true]);
      expect(client.writableLength).toBeGreaterThanOrEqual(client.writableHighWaterMark);
      const drained = Promise.all([event(client, "drain"), event(server, "drain")]);
      client.resume();
      server.resume();
      await drained;
      expect([client.writableNeedDrain, server.writableNeedDrain]).toEqual([false, false]);
      client.end();
      server.end();
      await Promise.all([closed(client), closed(server)]);
      expect([client.bytesRead, server.bytesRead]).toEqual([server.bytesWritten, client.bytesWritten]);
    });

    it("calls back for every write, also where the socket is destroyed before", async () => {
      const { client, server } = await bench.pair({ pauseOnConnect: true });
      server.on("error", () => {});
      client.on("error", () => {});
      const results: (string | undefined)[] = [];
      while (client.writableLength < 12 * 1024 * 1024) client.write(Buffer.alloc(1024 * 1024), (error) => results.push((error as NodeJS.ErrnoException | null | undefined)?.code));
      const before = results.length;
      client.write("last", (error) => results.push((error as NodeJS.ErrnoException | null | undefined)?.code));
      client.destroy();
      await closed(client);
      await turns();
      expect(results.length).toBeGreaterThan(before);
      // ECANCELED since Node 22, whose streams let a write that waits know what the handle says.
      expect(results.at(-1)).toMatch(/^(ERR_STREAM_DESTROYED|ECANCELED)$/);
    });

    it("refuses a write once it is destroyed, in the callback and not by an event", async () => {
      const { client } = await bench.pair();
      const errors: Error[] = [];
      client.on("error", (error) => errors.push(error));
      client.destroy();
      const [error] = await new Promise<[NodeJS.ErrnoException]>((resolve) => {
        client.write("x", (...values) => resolve(values as unknown as [NodeJS.ErrnoException]));
      });
      expect([error.code, errors]).toEqual(["ERR_STREAM_DESTROYED", []]);
    });

    it("reports a write after end in the callback first, then as an event", async () => {
      const { client } = await bench.pair();
      const order: string[] = [];
      client.on("error", (error: NodeJS.ErrnoException) => order.push(`event ${error.code}`));
      client.on("close", (hadError: boolean) => order.push(`close ${hadError}`));
      client.end();
      client.write("x", (error) => order.push(`callback ${(error as NodeJS.ErrnoException).code}`));
      await event(client, "close");
      expect(order).toEqual(["callback ERR_STREAM_WRITE_AFTER_END", "event ERR_STREAM_WRITE_AFTER_END", "close true"]);
    });

    it("`end` with data and a callback, and a second `end`", async () => {
      const { client, server } = await bench.pair();
      const got = text(server);
      await new Promise<void>((resolve) => client.end("bye", resolve));
      expect([client.writableEnded, client.writableFinished]).toEqual([true, true]);
      const error = await new Promise<unknown>((resolve) => client.end(resolve as () => void));
      expect((error as NodeJS.ErrnoException | undefined)?.code).toBe("ERR_STREAM_ALREADY_FINISHED");
      expect(await got).toBe("bye");
    });
  });

  describe("reading", () => {
    it("goes by `readable` and `read`", async () => {
      const { client, server } = await bench.pair();
      const got: string[] = [];
      server.on("readable", () => {
        for (let piece = server.read(5) as Buffer | null; piece !== null; piece = server.read(5) as Buffer | null) {
          got.push(piece.toString());
          if (got.length === 1) server.unshift(Buffer.from("HELLO"));
        }
        for (let rest = server.read() as Buffer | null; rest !== null; rest = server.read() as Buffer | null) got.push(rest.toString());
      });
      client.end("hello world");
      await event(server, "end");
      expect([got[0], got.slice(1).join("")]).toEqual(["hello", "HELLO world"]);
      expect([server.readableEnded, server.read()]).toEqual([true, null]);
    });

    it("goes by iteration, which ends the socket when it is left", async () => {
      const { client, server } = await bench.pair();
      client.on("error", () => {});
      client.write("one");
      for await (const chunk of server) {
        expect((chunk as Buffer).toString()).toBe("one");
        break;
      }
      expect(server.destroyed).toBe(true);
    });

    it("stops and goes on by `pause` and `resume`, with nothing lost", async () => {
      const { client, server } = await bench.pair();
      let received = 0;
      let pauses = 0;
      server.on("data", (chunk: Buffer) => {
        received += chunk.length;
        if (pauses++ % 3 !== 0) return;
        server.pause();
        expect(server.isPaused()).toBe(true);
        setImmediate(() => server.resume());
      });
      client.end(Buffer.alloc(3_000_000));
      await event(server, "end");
      expect([received, server.bytesRead]).toEqual([3_000_000, 3_000_000]);
      expect(pauses).toBeGreaterThan(3);
    });

    it("leaves what arrived before the end to a late reader", async () => {
      const { client, server } = await bench.pair({ allowHalfOpen: true });
      client.end("late");
      await event(client, "finish");
      await turns(100);
      expect(server.readableEnded).toBe(false);
      expect(await text(server)).toBe("late");
    });

    it("is piped through and back", async () => {
      const { port } = await bench.serve((socket) => socket.pipe(socket));
      const client = bench.connect(port);
      const sent = Array.from({ length: 200 }, (_, i) => `line ${i}\n`.repeat(50));
      const answer = text(client);
      await pipeline(Readable.from(sent), client);
      expect(await answer).toBe(sent.join(""));
    });
  });
}
