// An unmodified `http` server and client over Multipath TCP.
//
//   npm run build && node examples/dist/http.js
//
// Both ends are in this process, each with a stack of its own on two UDP links, so that no privileges are needed. On two machines, give each its own
// addresses in place of these.
import { createHash } from "node:crypto";
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { createStack, UdpLink } from "mptcp/node";

const stackOn = (...addresses: string[]) => createStack({ links: addresses.map((address) => new UdpLink({ addresses: [address] })) });

// ---- the server: connections of the stack are handed to an ordinary http.Server

const serverStack = stackOn("127.0.0.1", "127.0.0.2");
const body = Buffer.alloc(4_000_000, "Multipath TCP. ");

const web = http.createServer((request, response) => {
  if (request.method === "POST") {
    const hash = createHash("sha256");
    request.on("data", (chunk: Buffer) => hash.update(chunk));
    request.on("end", () => response.end(hash.digest("hex")));
  } else response.end(body);
});

// The options are those that http.Server sets for sockets of its own.
const server = serverStack.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => web.emit("connection", socket));
server.listen(0);
await once(server, "listening");
const { port } = server.address() as AddressInfo;

// ---- the client: an http.Agent that makes its connections on the stack

const clientStack = stackOn("127.0.0.3", "127.0.0.4");
const connections: ReturnType<typeof clientStack.connect>[] = [];

class MptcpAgent extends http.Agent {
  // An Agent asks this for each connection that it needs.
  override createConnection(options: http.ClientRequestArgs): Socket {
    const socket = clientStack.connect({ port: Number(options.port), host: options.host ?? "localhost", noDelay: true });
    connections.push(socket);
    return socket;
  }
}

const agent = new MptcpAgent({ keepAlive: true });

async function ask(method: string, content?: Buffer): Promise<Buffer> {
  const outgoing = http.request({ agent, method, host: "127.0.0.1", port });
  outgoing.end(content);
  const [response] = (await once(outgoing, "response")) as [http.IncomingMessage];
  console.log(`${method}: ${response.statusCode} ${response.statusMessage}`);
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

const page = await ask("GET");
console.log(`got ${page.length} octets, ${page.equals(body) ? "the same" : "NOT the same"} as those sent`);
const digest = (await ask("POST", body)).toString();
console.log(`sent ${body.length} octets, their SHA-256 is ${digest === createHash("sha256").update(body).digest("hex") ? "right" : "WRONG"}`);

for (const { mptcp } of connections) {
  console.log(`one connection, Multipath TCP: ${mptcp.enabled}, subflows: ${mptcp.subflows.length}`);
  for (const { localAddress, remoteAddress, bytesSent, bytesReceived } of mptcp.subflows) {
    console.log(`  ${localAddress} -> ${remoteAddress}: sent ${bytesSent}, received ${bytesReceived}`);
  }
}

agent.destroy();
server.close();
await clientStack.close();
await serverStack.close();
