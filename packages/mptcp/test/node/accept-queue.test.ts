import { once } from "node:events";
import { afterEach, describe, expect, it } from "vitest";
import { createStack } from "../../src/node/index.ts";
import type { Server, Socket, Stack } from "../../src/node/index.ts";
import { MemoryLink } from "./memory-link.ts";
import { turns } from "./sockets.bench.ts";

const open: Stack[] = [];

/** Two stacks, whose SYNs are sent again after a few milliseconds. */
function stacks(): { client: Stack; server: Stack } {
  const [a, b] = MemoryLink.pair("10.0.0.1", "10.0.0.2");
  const client = createStack({ links: [a], tcp: { initialRto: 5_000_000, minRto: 5_000_000 } });
  const server = createStack({ links: [b], synCookies: "never" });
  open.push(client, server);
  return { client, server };
}

afterEach(async () => {
  for (const stack of open.splice(0)) await stack.close();
});

async function listen(server: Server, backlog: number): Promise<void> {
  server.listen({ port: 80, backlog });
  await once(server, "listening");
}

describe("the accept queue", () => {
  it("holds no more than the backlog of what comes in one turn of the event loop; the others' SYNs are not answered, and sent again", async () => {
    const { client, server } = stacks();
    const perTurn: number[] = [];
    let turn = 0;
    const listener = server.createServer((socket) => {
      perTurn[turn] = (perTurn[turn] ?? 0) + 1;
      socket.on("error", () => {}).resume();
    });
    await listen(listener, 4);
    const sockets = Array.from({ length: 20 }, () => client.connect(80, "10.0.0.2"));
    const connected = Promise.all(sockets.map((socket) => once(socket, "connect")));
    const accepted = (): number => perTurn.reduce((sum, count) => sum + count, 0);
    for (; accepted() < 20; turn++) await turns(1);
    await connected;
    await turns(3);
    expect(accepted()).toBe(20);
    expect(Math.max(...perTurn.filter((count) => count !== undefined))).toBeLessThanOrEqual(4);
    const { TcpExtListenOverflows = 0 } = server.counters();
    expect(TcpExtListenOverflows).toBeGreaterThanOrEqual(16);
  });

  it("is emptied at the end of a turn, also while the application's listeners open others", async () => {
    const { client, server } = stacks();
    const seen: Socket[] = [];
    const listener = server.createServer((socket) => {
      seen.push(socket);
      socket.resume();
      if (seen.length < 10) client.connect(80, "10.0.0.2");
    });
    await listen(listener, 1);
    client.connect(80, "10.0.0.2");
    while (seen.length < 10) await turns(1);
    expect(seen).toHaveLength(10);
  });

  it("is reset when the server closes before it was emptied", async () => {
    const { client, server } = stacks();
    let accepted = 0;
    const listener = server.createServer((socket) => {
      accepted++;
      socket.resume();
      listener.close();
    });
    await listen(listener, 10);
    const sockets = Array.from({ length: 5 }, () => client.connect(80, "10.0.0.2"));
    const codes: string[] = [];
    for (const socket of sockets) socket.on("error", (error: NodeJS.ErrnoException) => codes.push(error.code ?? ""));
    while (codes.length < 4) await turns(1);
    await turns();
    expect(accepted).toBe(1);
    expect(codes).toEqual(["ECONNRESET", "ECONNRESET", "ECONNRESET", "ECONNRESET"]);
  });

  it("lets data in that came before the connection was accepted", async () => {
    const { client, server } = stacks();
    const heard = new Promise<string>((resolve) => {
      const listener = server.createServer({ pauseOnConnect: true }, (socket) => {
        expect(socket.isPaused()).toBe(true);
        socket.once("data", (chunk: Buffer) => resolve(String(chunk)));
        socket.resume();
      });
      listener.listen({ port: 80, backlog: 1 });
      listener.once("listening", () => client.connect(80, "10.0.0.2").end("early"));
    });
    expect(await heard).toBe("early");
  });
});
