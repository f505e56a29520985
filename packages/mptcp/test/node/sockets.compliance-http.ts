import { once } from "node:events";
import * as http from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { SocketBench } from "./sockets.bench.ts";
import type { SocketsUnderTest } from "./sockets.bench.ts";

/** What Node's HTTP, whose parser is in C++ and reads from the handle beneath a socket, makes of the sockets. */
export function describeHttp(sut: () => SocketsUnderTest): void {
  const bench = new SocketBench(sut);
  afterEach(() => bench.cleanUp());

  describe("http, of a request that comes whole with its body,", () => {
    it("tells the data, and does what was put off then, before the end", async () => {
      const seen: string[] = [];
      const finished = new Promise<void>((resolve) => {
        web.once("request", (request, response) => {
          request.once("data", () => {
            seen.push(`data, complete ${request.complete}`);
            process.nextTick(() => seen.push(`next tick, complete ${request.complete}`));
            void Promise.resolve().then(() => seen.push(`promise, complete ${request.complete}`));
          });
          request.once("end", () => seen.push("end"));
          response.once("finish", resolve);
          request.once("end", () => response.end());
        });
      });
      await post();
      await finished;
      expect(seen).toEqual(["data, complete false", "next tick, complete false", "promise, complete false", "end"]);
    });

    it("leaves it paused where its reader paused it and answered", async () => {
      const isPaused = new Promise<boolean>((resolve) => {
        web.once("request", (request, response) => {
          request.once("data", () => {
            request.pause();
            response.once("finish", () => resolve(request.isPaused()));
            response.end();
          });
        });
      });
      await post();
      expect(await isPaused).toBe(true);
    });
  });

  const web = http.createServer();

  async function post(): Promise<void> {
    const { port } = await bench.serve((socket) => web.emit("connection", socket), { allowHalfOpen: true, noDelay: true });
    const client = bench.connect(port).resume();
    client.write(`POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1000\r\n\r\n${"x".repeat(1000)}`);
    await once(client, "end");
  }
}
