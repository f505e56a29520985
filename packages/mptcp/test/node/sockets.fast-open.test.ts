import { once } from "node:events";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createStack } from "../../src/node/index.ts";
import type { Server, Socket, Stack } from "../../src/node/index.ts";
import { MemoryLink } from "./memory-link.ts";

let client: Stack;
let server: Stack;
let listener: Server;

beforeEach(async () => {
  const [one, other] = MemoryLink.pair("10.0.0.1", "10.0.0.2");
  client = createStack({ links: [one] });
  server = createStack({ links: [other] });
  listener = server.createServer({ fastOpen: true }, (socket: Socket) => {
    socket.on("error", () => {});
    socket.pipe(socket);
  });
  listener.listen(80);
  await once(listener, "listening");
});

afterEach(async () => {
  await client.close();
  await server.close();
});

/** A connection that says something, hears the same, and ends. */
async function speak(text: string, options: { readonly multipath: boolean; readonly fastOpen?: boolean }): Promise<{ heard: string; read: number }> {
  const socket = client.connect({ port: 80, host: "10.0.0.2", ...options });
  let heard = "";
  socket.on("data", (chunk: Buffer) => (heard += chunk.toString()));
  socket.end(text);
  await once(socket, "close");
  return { heard, read: socket.bytesRead };
}

const active = (): number => client.counters()["TcpExtTCPFastOpenActive"] ?? 0;
const passive = (): number => server.counters()["TcpExtTCPFastOpenPassive"] ?? 0;

it.each([true, false])("sockets send what is written first with the SYN, from the second connection on, with Multipath TCP: %s", async (multipath) => {
  for (let i = 0; i < 3; i++) {
    expect((await speak(`line ${i}`, { multipath, fastOpen: true })).heard).toBe(`line ${i}`);
    expect([active(), passive()]).toEqual([i, i]);
  }
  // Off unless asked for.
  expect((await speak("plain", { multipath })).heard).toBe("plain");
  expect(passive()).toBe(2);
  const long = "x".repeat(100_000);
  expect((await speak(long, { multipath, fastOpen: true })).heard).toBe(long);
  expect(passive()).toBe(3);
});

it("a socket that writes nothing is connected all the same, a little later", async () => {
  await speak("warm", { multipath: true, fastOpen: true });
  listener.close();
  const greeter = server.createServer({ fastOpen: true }, (socket: Socket) => socket.end("hello"));
  greeter.listen(81);
  await once(greeter, "listening");
  const socket = client.connect({ port: 81, host: "10.0.0.2", fastOpen: true });
  const [chunk] = (await once(socket, "data")) as [Buffer];
  expect(chunk.toString()).toBe("hello");
  socket.destroy();
});

it("a socket whose peer is not there hears of it, though it counted as connected", async () => {
  await speak("warm", { multipath: true, fastOpen: true });
  const socket = client.connect({ port: 82, host: "10.0.0.2", fastOpen: true });
  socket.write("nobody");
  const [error] = (await once(socket, "error")) as [NodeJS.ErrnoException];
  expect(error.code).toMatch(/ECONNREFUSED|ECONNRESET/);
});
