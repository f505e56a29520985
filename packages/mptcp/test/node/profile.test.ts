import { once } from "node:events";
import { afterEach, describe, expect, it } from "vitest";
import type { ProfileName } from "../../src/host/index.ts";
import { createStack } from "../../src/node/index.ts";
import type { Stack } from "../../src/node/index.ts";
import { TCP_FLAG } from "../../src/wire/index.ts";
import { MemoryLink } from "./memory-link.ts";

const open: Stack[] = [];

afterEach(async () => {
  for (const stack of open.splice(0)) await stack.close();
});

/** Keeps the windows of SYNs and SYN+ACKs that leave on a link. */
function noting(link: MemoryLink, windows: number[]): MemoryLink {
  const send = link.send.bind(link);
  link.send = (packet) => {
    if (packet.tcp !== null && (packet.tcp.flags & TCP_FLAG.SYN) !== 0) windows.push(packet.tcp.window);
    return send(packet);
  };
  return link;
}

/** The windows that a connection begins with, the client's and the server's. */
async function windowsOf(stacks: ProfileName, sockets?: ProfileName): Promise<number[]> {
  const found: number[] = [];
  const [a, b] = MemoryLink.pair("10.0.0.1", "10.0.0.2");
  const client = createStack({ links: [noting(a, found)], profile: stacks });
  const server = createStack({ links: [noting(b, found)], profile: stacks });
  open.push(client, server);
  const profile = sockets === undefined ? {} : { profile: sockets };
  const listener = server.createServer(profile, (socket) => socket.resume()).listen(80);
  await once(listener, "listening");
  const socket = client.connect({ port: 80, host: "10.0.0.2", ...profile });
  await once(socket, "connect");
  socket.destroy();
  return found.slice(0, 2);
}

describe("a profile of sockets", () => {
  it("is that of the stack, or one of their own", async () => {
    const linux = [64_240, 65_160];
    const own = await windowsOf("own");
    expect(own).not.toEqual(linux);
    expect(await windowsOf("linux")).toEqual(linux);
    expect(await windowsOf("own", "linux")).toEqual(linux);
  });
});
