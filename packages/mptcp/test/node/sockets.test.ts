import * as net from "node:net";
import { createStack, UdpLink } from "../../src/node/index.ts";
import type { Stack } from "../../src/node/index.ts";
import { MemoryLink } from "./memory-link.ts";
import { describeSockets } from "./sockets.compliance.ts";
import type { SocketsUnderTest } from "./sockets.bench.ts";

/** Two hosts, seen as one `net`: what connects is one, what listens is the other. */
function ofStacks(client: Stack, server: Stack, host: string, localHost = host): SocketsUnderTest {
  return {
    connect: client.connect as unknown as typeof net.connect,
    createServer: server.createServer as unknown as typeof net.createServer,
    host,
    localHost,
    close: async () => {
      await client.close();
      await server.close();
    },
  };
}

describeSockets("node:net", () => ({ connect: net.connect, createServer: net.createServer, host: "127.0.0.1", close: () => Promise.resolve() }));

describeSockets("Multipath TCP, two paths in memory", () => {
  const [a, b] = MemoryLink.pair("10.0.0.1", "10.0.0.2");
  const [c, d] = MemoryLink.pair("10.0.1.1", "10.0.1.2");
  return ofStacks(createStack({ links: [a, c] }), createStack({ links: [b, d] }), "10.0.0.2", "10.0.0.1");
});

describeSockets("Multipath TCP over UDP", () => {
  const links = (): UdpLink[] => [new UdpLink({ addresses: ["127.0.0.1"] }), new UdpLink({ addresses: ["127.0.0.2"] })];
  return ofStacks(createStack({ links: links() }), createStack({ links: links() }), "127.0.0.1");
});

describeSockets("plain TCP over UDP", () => {
  const options = { links: [new UdpLink({ addresses: ["127.0.0.1"] })] };
  const client = createStack(options);
  const server = createStack({ links: [new UdpLink({ addresses: ["127.0.0.1"] })] });
  const connect = (first: net.TcpNetConnectOpts | number, second?: string | (() => void), third?: () => void): unknown => {
    const given = typeof first === "object" ? first : { port: first, ...(typeof second === "string" ? { host: second } : {}) };
    return client.connect({ ...(given as { port: number }), multipath: false }, typeof second === "function" ? second : third);
  };
  return { ...ofStacks(client, server, "127.0.0.1"), connect: connect as unknown as typeof net.connect };
});
