// undici, the HTTP client behind `fetch`, over Multipath TCP: a dispatcher whose connections are those of a stack.
//
//   npm run build && node examples/dist/undici.js
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { createStack, UdpLink } from "mptcp/node";
import { Agent, fetch, request } from "undici";
import type { buildConnector } from "undici";

const stackOn = (...addresses: string[]) => createStack({ links: addresses.map((address) => new UdpLink({ addresses: [address] })) });

// ---- a server to talk to, see http.ts

const serverStack = stackOn("127.0.0.1", "127.0.0.2");
const web = http.createServer((incoming, response) => incoming.pipe(response));
const server = serverStack.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => web.emit("connection", socket));
server.listen(0);
await once(server, "listening");
const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

// ---- the dispatcher

const clientStack = stackOn("127.0.0.3", "127.0.0.4");
const connections: ReturnType<typeof clientStack.connect>[] = [];

/** undici calls this for each connection that it needs, and wants to hear when it is open, or failed. */
const connect = (options: buildConnector.Options, callback: buildConnector.Callback): void => {
  const socket = clientStack.connect({ port: Number(options.port) || 80, host: options.hostname, noDelay: true });
  connections.push(socket);
  socket.once("connect", () => {
    socket.off("error", failed);
    callback(null, socket);
  });
  const failed = (error: Error): void => callback(error, null);
  socket.once("error", failed);
};

const dispatcher = new Agent({ connect, connections: 1, pipelining: 4 });

const content = Buffer.alloc(2_000_000, "Multipath TCP. ");
const echoes = await Promise.all(
  [1, 2, 3, 4].map(async () => {
    const { statusCode, body } = await request(origin, { dispatcher, method: "PUT", body: content });
    return statusCode === 200 && content.equals(Buffer.from(await body.arrayBuffer()));
  }),
);
console.log(`request: ${echoes.filter(Boolean).length} of ${echoes.length} echoes of ${content.length} octets are right`);

const response = await fetch(origin, { dispatcher, method: "POST", body: "hello" });
console.log(`fetch: ${response.status}, "${await response.text()}"`);

for (const { mptcp } of connections) {
  console.log(`one connection, Multipath TCP: ${mptcp.enabled}, subflows: ${mptcp.subflows.length}`);
  for (const { localAddress, remoteAddress, bytesSent, bytesReceived } of mptcp.subflows) {
    console.log(`  ${localAddress} -> ${remoteAddress}: sent ${bytesSent}, received ${bytesReceived}`);
  }
}

await dispatcher.close();
server.close();
await clientStack.close();
await serverStack.close();
