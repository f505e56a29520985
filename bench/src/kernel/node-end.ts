import { EventEmitter, once } from "node:events";
import { createServer as createWebServer } from "node:http";
import { createServer } from "node:net";
import type { Server as NetServer } from "node:net";
import type { Duplex } from "node:stream";
import { createStack, Socket, tunLink } from "mptcp/node";
import type { Server, Stack } from "mptcp/node";
import { answerLines } from "./answer-lines.ts";
import type { Actions } from "./answer-lines.ts";

/**
 * Node's end of a measurement, in a process of its own: told by lines of JSON on standard input what to do, answers each with a line.
 * After `links` its sockets are the engine's, behind TUN devices in the namespace named; otherwise Node's own, which are the kernel's Multipath
 * TCP when the process runs under mptcpize.
 */
interface Message {
  readonly do: string;
  readonly namespace?: string;
  readonly paths?: number;
  readonly offload?: boolean;
  readonly port?: number;
  readonly bytes?: number;
  readonly count?: number;
}

let stack: Stack | null = null;
const sockets: Duplex[] = [];
const newcomers = new EventEmitter();

const actions: Actions<Message> = {
  async links({ namespace = "", paths = 1, offload = true }) {
    const names = Array.from({ length: paths }, (_, i) => i + 1);
    const links = await Promise.all(
      names.map((n) => tunLink({ name: `tun${n}`, host: `10.${n}.0.2`, kernel: `10.${n}.0.1/24`, namespace: `/run/netns/${namespace}`, offload })),
    );
    stack = createStack({ links });
    return {};
  },
  async listen({ port = 0 }) {
    const server = serve((socket) => {
      // Nothing is to be lost while nobody listens.
      socket.pause();
      sockets.push(socket);
      newcomers.emit("socket");
    });
    await new Promise<void>((resolve) => server.listen(port, resolve));
    return {};
  },
  /** Serves small pages over HTTP. */
  async web({ port = 0, bytes = 0 }) {
    const page = Buffer.alloc(bytes, "multipath ");
    const web = createWebServer((_request, response) => {
      response.writeHead(200, { "content-type": "text/plain", "content-length": page.length });
      response.end(page);
    });
    const server = serve((socket) => web.emit("connection", socket));
    await new Promise<void>((resolve) => server.listen(port, resolve));
    return {};
  },
  /** Until so many connections are there, each with so many subflows. */
  async idle({ count = 1, paths = 1 }) {
    await new Promise<void>((resolve) => {
      const look = setInterval(() => {
        if (sockets.length < count || sockets.some((socket) => subflowsOf(socket) < paths)) return;
        clearInterval(look);
        resolve();
      }, 100);
    });
    return {};
  },
  async memory() {
    for (let i = 0; i < 3; i++) {
      globalThis.gc?.();
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    const { rss, heapUsed, heapTotal, external, arrayBuffers } = process.memoryUsage();
    return { rss, heapUsed, heapTotal, external, arrayBuffers, open: sockets.length };
  },
  async accept() {
    if (sockets.length === 0) await once(newcomers, "socket");
    return {};
  },
  /** Takes so many octets, then says one. */
  async receive({ bytes = 0 }) {
    const socket = theSocket();
    let left = bytes;
    await new Promise<void>((resolve) => {
      const take = (chunk: Uint8Array): void => {
        left -= chunk.length;
        if (left > 0) return;
        socket.off("data", take).pause();
        socket.write("!");
        resolve();
      };
      socket.on("data", take).resume();
    });
    return {};
  },
  /** Gives so many octets, and waits for one. */
  async send({ bytes = 0 }) {
    const socket = theSocket();
    const block = Buffer.alloc(1 << 20);
    for (let left = bytes; left > 0; left -= block.length) {
      if (!socket.write(left < block.length ? block.subarray(0, left) : block)) await once(socket, "drain");
    }
    await new Promise<void>((resolve) => socket.once("data", () => resolve()).resume());
    socket.pause();
    return {};
  },
  /** Gives back what comes. */
  async echo({ count = 0 }) {
    const socket = theSocket();
    let left = count;
    await new Promise<void>((resolve) => {
      const answer = (chunk: Uint8Array): void => {
        socket.write(chunk);
        if (--left > 0) return;
        socket.off("data", answer).pause();
        resolve();
      };
      socket.on("data", answer).resume();
    });
    return {};
  },
  async cpu() {
    const { user, system } = process.cpuUsage();
    return { cpu: (user + system) / 1e6 };
  },
};

function serve(onSocket: (socket: Duplex) => void): Server | NetServer {
  const onConnection = (socket: Duplex): void => {
    socket.on("error", () => {});
    onSocket(socket);
  };
  return stack === null ? createServer({ noDelay: true }, onConnection) : stack.createServer({ noDelay: true }, onConnection);
}

function subflowsOf(socket: Duplex): number {
  return socket instanceof Socket ? socket.mptcp.info().subflows.filter((subflow) => subflow.established).length : 1;
}

function theSocket(): Duplex {
  const socket = sockets.at(-1);
  if (socket === undefined) throw new Error("accept first");
  return socket;
}

answerLines(actions, () => void stack?.close());
