// An SSH session (the package `ssh2`, unmodified) over Multipath TCP, that lives on when one of its two paths is lost.
//
//   npm run build && node examples/dist/ssh.js
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createStack, UdpLink } from "mptcp/node";
import ssh2 from "ssh2";
import type { ClientChannel, ServerChannel } from "ssh2";

const linksOn = (...addresses: string[]) => addresses.map((address) => new UdpLink({ addresses: [address] }));

// ---- the server: its connections are injected; it knows one user and one command

const serverStack = createStack({ links: linksOn("127.0.0.1", "127.0.0.2") });
const password = randomBytes(12).toString("hex");
const daemon = new ssh2.Server({ hostKeys: [ssh2.utils.generateKeyPairSync("ed25519").private] }, (client) => {
  client.on("authentication", (attempt) => {
    if (attempt.method === "password" && attempt.username === "guest" && attempt.password === password) attempt.accept();
    else attempt.reject(["password"]);
  });
  client.on("session", (acceptSession) => {
    acceptSession().on("exec", (accept, reject, { command }) => {
      if (command === "sha256sum") sha256sum(accept());
      else reject();
    });
  });
});
const server = serverStack.createServer({ noDelay: true }, (socket) => daemon.injectSocket(socket));
server.listen(0);
await once(server, "listening");
const { port } = server.address() as AddressInfo;

function sha256sum(channel: ServerChannel): void {
  const hash = createHash("sha256");
  channel.on("data", (chunk: Buffer) => hash.update(chunk));
  channel.on("end", () => {
    channel.write(hash.digest("hex"));
    channel.exit(0);
    channel.end();
  });
}

// ---- the client: ssh2 takes a connection that is there already

const links = linksOn("127.0.0.3", "127.0.0.4");
const clientStack = createStack({ links });
const connection = clientStack.connect({ port, host: "127.0.0.1", noDelay: true });
const { mptcp } = connection;
connection.on("subflowUp", ({ localAddress, remoteAddress }) => console.log(`  up    ${localAddress} -> ${remoteAddress}`));
connection.on("subflowDown", ({ localAddress, remoteAddress, bytesSent }, reason) => console.log(`  down  ${localAddress} -> ${remoteAddress}, sent ${bytesSent}: ${reason}`));

const client = new ssh2.Client();
client.connect({ sock: connection, username: "guest", password });
await once(client, "ready");
console.log("logged in");

const channel = await new Promise<ClientChannel>((resolve, reject) => {
  client.exec("sha256sum", (error, opened) => (error === undefined ? resolve(opened) : reject(error)));
});
const answer: Buffer[] = [];
channel.on("data", (chunk: Buffer) => answer.push(chunk));
const over = Promise.all([once(channel, "exit") as Promise<[number]>, once(channel, "close")]);

const hash = createHash("sha256");
for (let sent = 0; sent < 64; sent++) {
  if (sent === 32) {
    const [first] = links;
    console.log(`half of it is sent over ${mptcp.subflows.length} subflows; the link of ${first?.addresses.join()} goes`);
    if (first !== undefined) await clientStack.runtime.removeLink(first);
  }
  const block = randomBytes(65_536);
  hash.update(block);
  if (!channel.write(block)) await once(channel, "drain");
}
channel.end();
const [[code]] = await over;
console.log(`sha256sum: exit code ${code}, ${Buffer.concat(answer).toString() === hash.digest("hex") ? "the sum is right" : "the sum is WRONG"}`);
console.log(`one connection, Multipath TCP: ${mptcp.enabled}, subflows: ${mptcp.subflows.length}`);

client.end();
await once(client, "close");
server.close();
await clientStack.close();
await serverStack.close();
