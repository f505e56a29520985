// A process of its own that receives one stream over Multipath TCP in UDP, and tells its parent the digest: `receiver.ts batch`, where
// batch is "dgram" for a link through node:dgram.
import { createHash } from "node:crypto";
import type { AddressInfo } from "node:net";
import { createStack, UdpLink } from "../../../src/node/index.ts";

const stack = createStack({ links: ["127.0.0.1", "127.0.0.2"].map((address) => new UdpLink({ addresses: [address], batch: process.argv[2] !== "dgram" })) });
const server = stack.createServer((socket) => {
  server.close();
  const hash = createHash("sha256");
  let length = 0;
  socket.on("data", (chunk: Buffer) => {
    hash.update(chunk);
    length += chunk.length;
  });
  socket.on("close", (hadError: boolean) => {
    process.send?.({ digest: hash.digest("hex"), length, hadError }, () => process.disconnect());
  });
});
server.listen(0, () => process.send?.({ port: (server.address() as AddressInfo).port }));
