// A process with a server and a connection that nobody keeps alive: it ends by itself. With the argument "referenced" one end is referenced again, and it
// lives until that is closed.
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createStack, UdpLink } from "../../../src/node/index.ts";

const stack = createStack({ links: [new UdpLink({ addresses: ["127.0.0.1"] }), new UdpLink({ addresses: ["127.0.0.2"] })] });
const server = stack.createServer((socket) => socket.unref());
server.listen(0, "127.0.0.1");
await once(server, "listening");
const socket = stack.connect((server.address() as AddressInfo).port, "127.0.0.1");
await once(socket, "connect");
await once(socket, "subflowUp");
server.unref();
socket.unref();
if (process.argv[2] === "referenced") {
  socket.ref();
  setTimeout(() => {
    process.stdout.write("still here, ");
    socket.unref();
  }, 300).unref();
}
process.stdout.write("unreferenced\n");
