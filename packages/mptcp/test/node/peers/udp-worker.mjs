// A worker thread of udp-end.mjs with a stack of its own, and some connections to one port.
import { once } from "node:events";
import { workerData } from "node:worker_threads";
import { createStack, UdpLink } from "mptcp/node";

const { way, port } = workerData;
const stack = createStack({ links: [new UdpLink({ addresses: ["127.0.0.1"], batch: way !== "dgram" })] });
for (let i = 0; i < 5; i++) await once(stack.connect(port, "127.0.0.1"), "connect");
process.stdout.write("connected");
