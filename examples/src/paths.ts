// What a program can know and decide of the paths of its connection (RFC 6897): which addresses it may use, more and fewer of them while data flows,
// a backup, and the state in the words of the kernel's MPTCP_INFO and counters.
//
//   npm run build && node examples/dist/paths.js
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createStack, UdpLink } from "mptcp/node";
import type { Socket } from "mptcp/node";

const stackOn = (...addresses: string[]) => createStack({ links: addresses.map((address) => new UdpLink({ addresses: [address] })) });

const serverStack = stackOn("127.0.0.1");
// `required`: a client that speaks TCP alone is dropped.
const server = serverStack.createServer({ multipath: "required" }, (socket) => socket.pipe(socket));
server.listen(0);
await once(server, "listening");
const { port } = server.address() as AddressInfo;

const clientStack = stackOn("127.0.0.3", "127.0.0.4", "127.0.0.5");
// One address to begin with, although the host has three.
const socket = clientStack.connect({ port, host: "127.0.0.1", localAddress: "127.0.0.3", multipath: "required" });
const { mptcp } = socket;
socket.on("subflowUp", ({ id, localAddress }) => console.log(`subflow ${id} from ${localAddress} is up`));
socket.on("subflowDown", ({ id, localAddress }, reason) => console.log(`subflow ${id} from ${localAddress} is down: ${reason}`));
socket.on("subflowBackup", ({ id, backup }, by) => console.log(`subflow ${id} is ${backup === true ? "a backup" : "no backup"} now, by the ${by} end`));
await once(socket, "subflowUp");
await echo(socket, 1_000_000);

mptcp.addAddress("127.0.0.4");
await once(socket, "subflowUp");
mptcp.addAddress("127.0.0.5");
await once(socket, "subflowUp");
mptcp.setBackup(3, true);
await echo(socket, 2_000_000);

// The first address goes, and the connection with it does not.
mptcp.removeAddress("127.0.0.3");
await once(socket, "subflowDown");
await echo(socket, 1_000_000);

const { multipath, extraSubflows, subflowsTotal, localAddrUsed, bytesSent, bytesReceived } = mptcp.info();
console.log({ multipath, extraSubflows, subflowsTotal, localAddrUsed, bytesSent, bytesReceived });
const { MPTcpExtMPJoinSynTx, MPTcpExtMPPrioTx, MPTcpExtRmAddrTx } = clientStack.counters();
console.log({ MPTcpExtMPJoinSynTx, MPTcpExtMPPrioTx, MPTcpExtRmAddrTx });

// A client without Multipath TCP is not served.
const plain = clientStack.connect({ port, host: "127.0.0.1", multipath: false });
plain.on("error", ({ message }) => console.log(`plain TCP: ${message}`));
await new Promise((resolve) => plain.once("close", resolve));

socket.end();
await once(socket, "close");
server.close();
await clientStack.close();
await serverStack.close();

/** Sends `length` octets, and waits until they are back. */
async function echo(to: Socket, length: number): Promise<void> {
  let back = 0;
  const done = new Promise<void>((resolve) => {
    to.on("data", function count(data: Buffer) {
      back += data.length;
      if (back < length) return;
      to.off("data", count);
      resolve();
    });
  });
  to.write(Buffer.alloc(length));
  await done;
  console.log(`echo of ${back} octets over ${mptcp.subflows.map(({ localAddress, backup }) => (backup === true ? `(${localAddress})` : localAddress)).join(" + ")}`);
}
