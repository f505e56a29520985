// An unmodified `https` server and client over Multipath TCP: TLS runs over a connection of several paths as over any other.
//
//   npm run build && node examples/dist/https.js
import { once } from "node:events";
import https from "node:https";
import type http from "node:http";
import type { AddressInfo, Socket } from "node:net";
import tls from "node:tls";
import { createStack, UdpLink } from "mptcp/node";
import { generate } from "selfsigned";

const stackOn = (...addresses: string[]) => createStack({ links: addresses.map((address) => new UdpLink({ addresses: [address] })) });

// A certificate for this run. Yours comes from an authority, and then the client needs no `ca`.
const certificate = await generate([{ name: "commonName", value: "example.test" }], {
  extensions: [{ name: "subjectAltName", altNames: [{ type: 2, value: "example.test" }] }],
});

// ---- the server: connections of the stack are handed to an ordinary https.Server, which does TLS over them

const serverStack = stackOn("127.0.0.1", "127.0.0.2");
const body = Buffer.alloc(4_000_000, "Multipath TCP, and nobody reads it. ");
const web = https.createServer({ key: certificate.private, cert: certificate.cert }, (_request, response) => response.end(body));
// Without `allowHalfOpen` TLS would stop writing when the client has said its last word.
const server = serverStack.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => web.emit("connection", socket));
server.listen(0);
await once(server, "listening");
const { port } = server.address() as AddressInfo;

// ---- the client: TLS over a connection of the stack

const clientStack = stackOn("127.0.0.3", "127.0.0.4");
const connection = clientStack.connect({ port, host: "127.0.0.1", noDelay: true });

class MptcpAgent extends https.Agent {
  override createConnection(options: http.RequestOptions): Socket {
    return tls.connect({ socket: connection, servername: options.host ?? "", ca: certificate.cert });
  }
}

const agent = new MptcpAgent({ keepAlive: true });
// RFC 6897 §6.1: the certificate is compared with the name that was asked for, never with addresses of subflows.
const outgoing = https.get({ agent, host: "example.test", path: "/" });
const [response] = (await once(outgoing, "response")) as [http.IncomingMessage];
const { authorized } = response.socket as tls.TLSSocket;
const chunks: Buffer[] = [];
for await (const chunk of response) {
  if (chunks.length === 0) console.log(`GET: ${response.statusCode}, ${(response.socket as tls.TLSSocket).getProtocol()}, certificate ${authorized ? "accepted" : "REFUSED"}`);
  chunks.push(chunk as Buffer);
}
const page = Buffer.concat(chunks);
console.log(`got ${page.length} octets, ${page.equals(body) ? "the same" : "NOT the same"} as those sent`);

const { mptcp } = connection;
console.log(`one connection, Multipath TCP: ${mptcp.enabled}, subflows: ${mptcp.subflows.length}`);
for (const { localAddress, remoteAddress, bytesSent, bytesReceived } of mptcp.subflows) {
  console.log(`  ${localAddress} -> ${remoteAddress}: sent ${bytesSent}, received ${bytesReceived}`);
}

agent.destroy();
server.close();
await clientStack.close();
await serverStack.close();
