import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createStack, UdpLink } from "../../src/node/index.ts";
import type { Socket, Stack } from "../../src/node/index.ts";
import { UdpEnd } from "./udp-end.ts";

const WAYS = ["batched", "dgram"] as const;
type Way = (typeof WAYS)[number];
const hasBatches = new UdpLink({ addresses: [] }).isBatched;
const stacks: Stack[] = [];

afterEach(async () => {
  await UdpEnd.killAll();
  for (const stack of stacks.splice(0)) await stack.close();
});

function stackOn(way: Way, addresses: readonly string[]): Stack {
  const stack = createStack({ links: addresses.map((address) => new UdpLink({ addresses: [address], batch: way === "batched" })) });
  stacks.push(stack);
  return stack;
}

/** A process with one end of a connection over some links, and the other end here. */
async function connected(way: Way, role: "server" | "client", links: number): Promise<{ readonly there: UdpEnd; readonly here: Socket; readonly port: number }> {
  const [servers, clients] = [["127.0.0.1", "127.0.0.2"].slice(0, links), ["127.0.0.3", "127.0.0.4"].slice(0, links)];
  const there = new UdpEnd(way, { addresses: role === "server" ? servers : clients });
  await there.next("ready");
  let here: Socket;
  let port: number;
  if (role === "server") {
    there.do({ what: "listen" });
    port = (await there.next("listening")).port ?? 0;
    here = stackOn(way, clients).connect(port, "127.0.0.1");
    await Promise.all([once(here, "connect"), there.next("accepted")]);
  } else {
    const server = stackOn(way, servers).createServer().listen(0);
    await once(server, "listening");
    ({ port } = server.address() as AddressInfo);
    there.do({ what: "connect", port });
    [here] = (await once(server, "connection")) as [Socket];
  }
  while (here.mptcp.info().subflows.filter((subflow) => subflow.established).length < links * links) await once(here, "subflowUp");
  return { there, here, port };
}

describe.each(WAYS)("of a process that ends without closing its connections, %s,", (way) => {
  beforeEach(({ skip }) => {
    if (way === "batched" && !hasBatches) skip();
  });

  it.each(["server", "client"] as const)("the other side hears when it exits, without having said anything: the %s", async (role) => {
    const { here, there } = await connected(way, role, 2);
    there.do({ what: "exit" });
    const [error] = (await once(here, "error")) as [NodeJS.ErrnoException];
    expect(error.code).toBe("ECONNRESET");
  });

  it.for(["server", "client"] as const)("the other side hears once it has said something when it is killed, over two links: the %s", { timeout: 20_000 }, async (role, { skip }) => {
    if (way === "dgram" && role === "client") skip("a socket of node:dgram that has many peers hears of no ICMP");
    const { here, there } = await connected(way, role, 2);
    await there.kill();
    here.write("is there anybody?");
    const [error] = (await once(here, "error")) as [NodeJS.ErrnoException];
    expect(error.code).toBe("ECONNRESET");
  });

  it("one that connects from a port that it asked for is refused where nobody listens", { timeout: 20_000 }, async () => {
    for (const host of ["127.0.0.1", "::1"]) {
      const [unused, own] = [await unusedPort(host), await unusedPort(host)];
      const socket = stackOn(way, [host]).connect({ port: unused, host, localPort: own });
      const [error] = (await once(socket, "error")) as [NodeJS.ErrnoException];
      expect(error.code).toBe("ECONNREFUSED");
    }
  });
});

describe.skipIf(process.platform !== "linux").each(WAYS)("descriptors of a process, %s,", (way) => {
  beforeEach(({ skip }) => {
    if (way === "batched" && !hasBatches) skip();
  });

  it("are one for each connection to the same peer; where sockets are shared none more for those to others", async () => {
    const server = stackOn(way, ["127.0.0.1", "127.0.0.2", "127.0.0.5"]).createServer().listen(0);
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const client = stackOn(way, ["127.0.0.3"]);
    const ports = new Set<number>();
    for (const host of ["127.0.0.1", "127.0.0.2", "127.0.0.5"]) {
      const sockets = Array.from({ length: 20 }, () => client.connect({ host, port, multipath: false }));
      await Promise.all(sockets.map((socket) => once(socket, "connect")));
      for (const socket of sockets) ports.add(socket.localPort as number);
    }
    expect(ports.size).toBe(way === "batched" ? 20 : 60);
  });

  it("are closed when a worker is terminated", async ({ skip }) => {
    if (way === "dgram") skip("Node closes its own");
    const server = stackOn(way, ["127.0.0.1"]).createServer((socket) => socket.on("error", () => {})).listen(0);
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const client = new UdpEnd(way, { addresses: ["127.0.0.3"] });
    await client.next("ready");
    const count = async (): Promise<number> => {
      client.do({ what: "descriptors" });
      return (await client.next("descriptors")).count ?? 0;
    };
    const before = await count();
    client.do({ what: "thread", port });
    await client.next("thread");
    expect(await count()).toBeGreaterThanOrEqual(before + 5);
    client.do({ what: "terminate" });
    await client.next("terminated");
    expect(await count()).toBe(before);
  });

  it("are not kept for TIME-WAIT where there are few, and one that is missing is an error of the attempt", async () => {
    const server = stackOn(way, ["127.0.0.1"]).createServer((socket) => socket.on("error", () => {}).resume()).listen(0);
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const client = new UdpEnd(way, { addresses: ["127.0.0.3"] });
    await client.next("ready");
    client.limitDescriptors(120);
    client.do({ what: "visit", port, count: 200, multipath: false });
    expect(await client.next("visited")).toMatchObject({ count: 200 });
    client.do({ what: "descriptors" });
    const { count = 0, usage } = await client.next("descriptors");
    expect(usage?.["timeWaits"]).toBeGreaterThan(190);
    expect(count).toBeLessThan(80);
    client.do({ what: "connect", port, count: 200, multipath: false });
    expect(await client.next("error")).toMatchObject({ code: "EMFILE" });
    // What could be spared was.
    expect(client.told.filter(({ event }) => event === "connected").length).toBeGreaterThan(120 - count);
    // It goes on when there is room again.
    client.do({ what: "close" });
    client.do({ what: "visit", port, count: 1 });
    expect(await client.next("visited")).toMatchObject({ count: 1 });
  });
});

/** A port that was free a moment ago. */
async function unusedPort(host: string): Promise<number> {
  const server = stackOn("dgram", [host]).createServer().listen(0);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await (stacks.pop() as Stack).close();
  return port;
}
