import { once } from "node:events";
import * as http from "node:http";
import type { Socket as NetSocket } from "node:net";
import type { Duplex } from "node:stream";
import * as tls from "node:tls";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createStack } from "../../src/node/index.ts";
import type { Socket, Stack } from "../../src/node/index.ts";
import { binding } from "../../src/node/handle/node-streams.ts";
import { MemoryLink } from "./memory-link.ts";
import { event, uncaught } from "./sockets.bench.ts";

let client: Stack;
let server: Stack;
let web: http.Server;

beforeEach(() => {
  const [a, b] = MemoryLink.pair("10.0.0.1", "10.0.0.2");
  client = createStack({ links: [a] });
  server = createStack({ links: [b] });
  web = http.createServer();
});

afterEach(async () => {
  await client.close();
  await server.close();
});

const POST = `POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1000\r\n\r\n${"x".repeat(1000)}`;
const net = (socket: Socket): NetSocket & Duplex => socket as unknown as NetSocket & Duplex;

/** Has what `over` makes of accepted connections serve `web`. */
async function serve(over: (socket: NetSocket) => NetSocket = (socket) => socket): Promise<void> {
  const listener = server.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => web.emit("connection", over(net(socket)))).listen(80);
  await once(listener, "listening");
}

describe("node's HTTP parser on a handle of the engine", () => {
  it("is as it was for the next socket, which may be of the system", async () => {
    const { HTTPParser } = binding("http_parser") as { readonly HTTPParser: { readonly kOnBody: number } };
    await serve();
    const callbacks = new Promise<unknown[]>((resolve) => {
      web.once("request", (request, response) => {
        const { parser } = request.socket as unknown as { readonly parser: Readonly<Record<number, unknown>> };
        const during = parser[HTTPParser.kOnBody];
        request.socket.once("close", () => resolve([during, parser[HTTPParser.kOnBody]]));
        request.resume().once("end", () => response.end());
      });
    });
    client.connect(80, "10.0.0.2").resume().end(POST);
    const [during, after] = (await callbacks) as [() => void, () => void];
    expect(after.name).toBe("parserOnBody");
    expect(during).not.toBe(after);
  });

  it("goes on where something that was put off throws: that is an uncaught exception, and contexts are as they were", async () => {
    await serve();
    web.on("request", (request, response) => {
      request.once("data", () =>
        process.nextTick(() => {
          throw new Error("put off");
        }),
      );
      request.resume().once("end", () => response.end("answer"));
    });
    const thrown = await uncaught(async () => {
      const socket = client.connect(80, "10.0.0.2");
      let answer = "";
      socket.on("data", (chunk: Buffer) => (answer += chunk.toString()));
      socket.write(POST);
      await event(socket, "end");
      expect(answer).toMatch(/^HTTP\/1.1 200 OK\r\n.*answer/s);
    });
    expect(thrown.map(String)).toEqual(["Error: put off"]);
  });

  it("does what was put off ahead of the end below TLS, too", async () => {
    const settings = { ciphers: "PSK-AES128-GCM-SHA256", minVersion: "TLSv1.2", maxVersion: "TLSv1.2" } as const;
    const key = Buffer.from("0123456789abcdef");
    await serve((socket) => new tls.TLSSocket(socket, { isServer: true, secureContext: tls.createSecureContext(settings), pskCallback: () => key } as tls.TLSSocketOptions));
    const isComplete = new Promise<boolean>((resolve) => {
      web.once("request", (request, response) => {
        request.once("data", () => process.nextTick(() => resolve(request.complete)));
        request.once("end", () => response.end());
      });
    });
    const secured = tls.connect({ ...settings, socket: net(client.connect(80, "10.0.0.2")), pskCallback: () => ({ psk: key, identity: "client" }), checkServerIdentity: () => undefined });
    secured.resume().write(POST);
    expect(await isComplete).toBe(false);
    await event(secured, "end");
  });
});
