// A process of its own with one stack over UDP, which does what its parent says and tells what happens: `udp-end.mjs way address...`, where way is "batched"
// or "dgram". See ../udp-end.ts.
import { createSocket } from "node:dgram";
import { readdirSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { createStack, UdpLink } from "mptcp/node";

const [, , way, ...addresses] = process.argv;
const stack = createStack({ links: addresses.map((address) => new UdpLink({ addresses: [address], batch: way !== "dgram" })) });
const sockets = new Set();
let worker = null;

const tell = (event, more = {}) => process.send({ event, ...more });

function watch(socket) {
  sockets.add(socket);
  socket.on("data", (chunk) => tell("data", { text: String(chunk) }));
  socket.on("error", ({ code }) => tell("error", { code }));
  socket.on("close", () => {
    sockets.delete(socket);
    tell("close");
  });
}

const ORDERS = {
  listen({ port = 0 }) {
    const server = stack.createServer((socket) => {
      watch(socket);
      tell("accepted");
    });
    server.listen(port, () => tell("listening", { port: server.address().port }));
  },
  /** A port that is somebody's who does not speak TCP. */
  bind({ port }) {
    const socket = createSocket(addresses[0].includes(":") ? "udp6" : "udp4");
    socket.on("message", () => tell("data"));
    socket.bind(port, addresses[0], () => tell("listening"));
  },
  /** One after the other, until the last one is there or one fails; each is told of. */
  async connect({ count = 1, ...options }) {
    for (let i = 0; i < count; i++) {
      const socket = stack.connect({ host: "127.0.0.1", ...options });
      watch(socket);
      socket.on("subflowUp", () => tell("subflow"));
      const isThere = await new Promise((resolve) => socket.once("connect", () => resolve(true)).once("close", () => resolve(false)));
      if (!isThere) break;
      tell("connected", { port: socket.localPort });
    }
  },
  /** One after the other, each closed before the next one. */
  async visit({ count = 1, ...options }) {
    let closed = 0;
    for (; closed < count; closed++) {
      const socket = stack.connect({ host: "127.0.0.1", ...options });
      socket.on("error", ({ code }) => tell("error", { code }));
      socket.end("x").resume();
      await new Promise((resolve) => socket.once("close", resolve));
    }
    tell("visited", { count: closed });
  },
  write({ text = "x" }) {
    for (const socket of sockets) socket.write(text);
  },
  close() {
    for (const socket of sockets) socket.destroy();
  },
  exit() {
    process.exit(0);
  },
  descriptors() {
    let count = -1;
    try {
      count = readdirSync("/proc/self/fd").length;
    } catch {
      // There is none left to look.
    }
    tell("descriptors", { count, usage: stack.runtime.host.usage });
  },
  /** A worker thread with connections to `port`. */
  thread({ port }) {
    worker = new Worker(new URL("udp-worker.mjs", import.meta.url), { workerData: { way, port }, stdout: true });
    worker.stdout.once("data", () => tell("thread"));
  },
  async terminate() {
    await worker.terminate();
    tell("terminated");
  },
};

process.on("message", ({ what, ...options }) => void ORDERS[what](options));
tell("ready");
