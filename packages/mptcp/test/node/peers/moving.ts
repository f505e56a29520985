// A process of its own that has the sending end of a connection for a while: `moving.ts first batch file` connects to the port that the parent
// sends, hands its connection over half way and ends; `moving.ts second batch file` waits for that, and goes on. Batch: see sender.ts.
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { createStack, UdpLink } from "../../../src/node/index.ts";
import type { Socket, SocketSnapshot } from "../../../src/node/index.ts";

/** Octets. */
const HALF_WAY = 3_000_000;
const [, , part, batch, file = ""] = process.argv;
const stack = createStack({ links: ["127.0.0.1", "127.0.0.2"].map((address) => new UdpLink({ addresses: [address], batch: batch !== "dgram", sharePorts: false })) });
process.send?.("ready");
if (part === "first") await first();
else await second();

async function first(): Promise<void> {
  const [{ port }] = (await once(process, "message")) as [{ port: number }];
  const socket = stack.connect({ port, host: "127.0.0.1" });
  await once(socket, "connect");
  while (socket.mptcp.info().subflows.filter((subflow) => subflow.established).length < 2) await once(socket, "subflowUp");
  for await (const chunk of createReadStream(file)) {
    const hasRoom = socket.write(chunk as Buffer, () => {});
    // Some of it in the stream, some in the connection's buffer, some on its way.
    if (socket.bytesWritten > HALF_WAY && !hasRoom) break;
    if (!hasRoom) await once(socket, "drain");
  }
  const snapshot = socket.detach();
  process.send?.(snapshot, () => process.exit(0));
}

async function second(): Promise<void> {
  const [snapshot] = (await once(process, "message")) as [SocketSnapshot];
  const socket: Socket = stack.restore(snapshot);
  const closed = once(socket, "close");
  for await (const chunk of createReadStream(file, { start: snapshot.bytesWritten })) if (!socket.write(chunk as Buffer)) await once(socket, "drain");
  socket.end();
  socket.resume();
  const [hadError] = (await closed) as [boolean];
  const { subflows } = socket.mptcp.info();
  process.send?.({ hadError, bytesWritten: socket.bytesWritten, subflows: subflows.length }, () => process.disconnect());
}
