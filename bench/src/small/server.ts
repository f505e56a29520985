import type { AddressInfo } from "node:net";
import { HOST, orderOf, processorTime, socketsOf } from "./order.ts";
import type { Order } from "./order.ts";

// The server of the bench of small messages: run as `server.js order`, with an IPC channel to who measures. Answers each message there with its processor time.

/** Answers a request once all of it is there. @returns its port */
async function echo(order: Order): Promise<number> {
  const { createServer } = await socketsOf(order);
  const answer = Buffer.alloc(order.octets, "answer ");
  const server = createServer((socket) => {
    let due = order.octets;
    socket.on("error", () => {});
    socket.on("data", (chunk: Uint8Array) => {
      due -= chunk.length;
      if (due > 0) return;
      due = order.octets;
      socket.write(answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  return (server.address() as AddressInfo).port;
}

async function web(): Promise<number> {
  const { fastify } = await import("fastify");
  const server = fastify();
  server.get("/", async () => ({ hello: "world" }));
  await server.listen({ port: 0, host: HOST });
  return (server.server.address() as AddressInfo).port;
}

const order = orderOf(process.argv[2]);
process.on("message", () => process.send?.({ cpu: processorTime() }));
process.on("disconnect", () => process.exit());
process.send?.({ port: await (order.work === "echo" ? echo(order) : web()) });
