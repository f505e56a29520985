/** A program that does on another system what can be done there, and asks for what cannot. Prints what came of it as JSON. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";

const { askedFor } = globalThis as unknown as { readonly askedFor: string[] };
await import("../../../src/index.ts");
const { connect, createServer, createStack, kernelMptcp, tunLink, UdpLink } = await import("../../../src/node/index.ts");
const { choice } = await import("../../../src/node/register/index.ts");
const { main } = await import("../../../../cli/src/main.ts");
const loading = [...askedFor];

const links = (...addresses: readonly string[]): InstanceType<typeof UdpLink>[] => addresses.map((address) => new UdpLink({ addresses: [address] }));
const [ours, theirs] = [links("127.0.0.3", "127.0.0.4"), links("127.0.0.1", "127.0.0.2")];
const [client, server] = [createStack({ links: ours }), createStack({ links: theirs })];
const sum = createHash("sha256");
const listening = server.createServer((socket) => {
  socket.on("data", (data: Buffer) => sum.update(data));
  socket.on("end", () => socket.end(sum.digest("hex")));
});
listening.listen(0);
await once(listening, "listening");

const file = Buffer.alloc(4_000_000, "a file ");
const socket = client.connect({ port: (listening.address() as AddressInfo).port, host: "127.0.0.1" });
await new Promise<void>((resolve) => {
  socket.on("subflowUp", () => {
    if (socket.mptcp.subflows.length === 4) resolve();
  });
});
socket.end(file);
let answer = "";
socket.on("data", (data: Buffer) => (answer += data.toString()));
await once(socket, "end");
const { subflows } = socket.mptcp.info();
const used = subflows.filter(({ bytesSent }) => bytesSent > 0).length;
await Promise.all([client.close(), server.close()]);

const codeOf = (error: unknown): string => `${(error as { readonly code?: string }).code}: ${(error as Error).message}`;
const refused: string[] = [];
for (const attempt of [() => tunLink({ name: "mp0", host: "10.1.0.2" }), () => connect({ via: "kernel", port: 1, host: "127.0.0.1" }), () => createServer({ via: "kernel" })]) {
  try {
    await attempt();
    refused.push("not at all");
  } catch (error) {
    refused.push(codeOf(error));
  }
}
const batched = [...ours, ...theirs].some((link) => link.isBatched);
process.stdout.write(JSON.stringify({ loading, asked: [...new Set(askedFor)], choice, command: typeof main, batched, isSame: answer === createHash("sha256").update(file).digest("hex"), subflows: subflows.length, used, kernel: kernelMptcp(), refused }));
