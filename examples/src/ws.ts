// WebSockets (the package `ws`, unmodified) over Multipath TCP.
//
//   npm run build && node examples/dist/ws.js
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { createStack, UdpLink } from "mptcp/node";
import { WebSocket, WebSocketServer } from "ws";

const stackOn = (...addresses: string[]) => createStack({ links: addresses.map((address) => new UdpLink({ addresses: [address] })) });

// ---- the server: http over the stack, and ws on top of it, as it always is

const serverStack = stackOn("127.0.0.1", "127.0.0.2");
const web = http.createServer();
const sockets = new WebSocketServer({ server: web });
sockets.on("connection", (socket) => {
  socket.on("message", (message, isBinary) => socket.send(message, { binary: isBinary }));
});
const server = serverStack.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => web.emit("connection", socket));
server.listen(0);
await once(server, "listening");
const { port } = server.address() as AddressInfo;

// ---- the client: ws takes a function that makes the connection

const clientStack = stackOn("127.0.0.3", "127.0.0.4");
const connection = clientStack.connect({ port, host: "127.0.0.1", noDelay: true });
const client = new WebSocket(`ws://127.0.0.1:${port}/`, { createConnection: () => connection });
await once(client, "open");

client.send("hello");
const [greeting] = (await once(client, "message")) as [Buffer];
console.log(`echo: "${greeting.toString()}"`);

const large = Buffer.alloc(4_000_000, "Multipath TCP. ");
client.send(large);
const [echo] = (await once(client, "message")) as [Buffer];
console.log(`echo of ${echo.length} octets: ${echo.equals(large) ? "the same" : "NOT the same"}`);

client.ping();
await once(client, "pong");
console.log("pong");

const { mptcp } = connection;
console.log(`one connection, Multipath TCP: ${mptcp.enabled}, subflows: ${mptcp.subflows.length}`);
for (const { localAddress, remoteAddress, bytesSent, bytesReceived } of mptcp.subflows) {
  console.log(`  ${localAddress} -> ${remoteAddress}: sent ${bytesSent}, received ${bytesReceived}`);
}

client.close(1000, "done");
const [code, reason] = (await once(client, "close")) as [number, Buffer];
console.log(`closed: ${code} ${reason.toString()}`);
server.close();
await clientStack.close();
await serverStack.close();
