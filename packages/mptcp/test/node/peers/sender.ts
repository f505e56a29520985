// A process of its own that sends a file over Multipath TCP in UDP: `sender.ts batch file mode`, where batch is
// "dgram" for a link through node:dgram; the parent sends the port. With mode "cut" the sockets of its first
// address are closed half way, behind the engine's back.
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { createStack, UdpLink } from "../../../src/node/index.ts";

const [, , batch, file = "", mode = ""] = process.argv;
const links = ["127.0.0.1", "127.0.0.2"].map((address) => new UdpLink({ addresses: [address], batch: batch !== "dgram" }));
const stack = createStack({ links });
const [{ port }] = (await once(process, "message")) as [{ port: number }];
const socket = stack.connect({ port, host: "127.0.0.1" });
await once(socket, "connect");
while (socket.mptcp.info().subflows.filter((subflow) => subflow.established).length < 2) await once(socket, "subflowUp");
let sent = 0;
let addresses: string[] = [];
for await (const chunk of createReadStream(file)) {
  const bytes = chunk as Buffer;
  if (!socket.write(bytes)) await once(socket, "drain");
  sent += bytes.length;
  if (addresses.length > 0 || sent < 1_000_000) continue;
  const used = socket.mptcp.info().subflows.filter((subflow) => subflow.bytesSent > 0);
  addresses = Array.from(new Set(used.map((subflow) => subflow.localAddress))).toSorted();
  if (mode === "cut") await links[0]?.close();
}
socket.end();
socket.resume();
const [hadError] = (await once(socket, "close")) as [boolean];
process.send?.({ addresses, hadError }, () => process.disconnect());
