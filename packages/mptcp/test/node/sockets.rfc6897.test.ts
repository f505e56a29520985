import { once } from "node:events";
import type * as net from "node:net";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createStack } from "../../src/node/index.ts";
import type { MptcpInfo, RemoteAddressInfo, Server, ServerOptions, Socket, SocketConnectOptions, Stack, SubflowInfo } from "../../src/node/index.ts";
import { MemoryLink } from "./memory-link.ts";
import { event, SocketBench, turns } from "./sockets.bench.ts";
import { checkBlockLists } from "./sockets.compliance-server.ts";

let links: { readonly client: MemoryLink[]; readonly server: MemoryLink[] };
let client: Stack;
let server: Stack;

beforeEach(() => {
  const pairs = [0, 1, 2].map((path) => MemoryLink.pair(`10.0.${path}.1`, `10.0.${path}.2`));
  links = { client: pairs.map(([one]) => one), server: pairs.map(([, other]) => other) };
  client = createStack({ links: links.client });
  // One address, so that there are as many paths as the client has addresses; its other links carry packets to it.
  server = createStack({ links: links.server.map((driver, at) => ({ driver, addresses: at === 0 ? driver.addresses : [] })) });
});

afterEach(async () => {
  await client.close();
  await server.close();
});

async function listen(options: ServerOptions = {}, host?: string): Promise<Server> {
  const listener = server.createServer(options);
  if (host === undefined) listener.listen(80);
  else listener.listen(80, host);
  await once(listener, "listening");
  return listener;
}

/** A connected pair, with `count` subflows at the client. */
async function pair(count: number, options: Partial<SocketConnectOptions> = {}, prepare: (socket: Socket) => void = () => {}): Promise<{ socket: Socket; peer: Socket }> {
  const listener = await listen();
  const accepted = event<[Socket]>(listener, "connection");
  const socket = client.connect({ port: 80, host: "10.0.0.2", ...options });
  prepare(socket);
  const [peer] = await accepted;
  peer.on("error", () => {});
  await until(socket, "subflowUp", () => socket.mptcp.subflows.length >= count);
  listener.close();
  return { socket, peer };
}

async function until(socket: Socket, name: string, holds: () => boolean): Promise<void> {
  while (!holds()) await event(socket, name);
}

/** The paths of a socket's established subflows, as last octet but one of the local addresses. */
const paths = (socket: Socket): string[] => socket.mptcp.subflows.map(({ localAddress }) => localAddress.split(".")[2] ?? "").toSorted();

describe("enable, force and forbid (RFC 6897 §5.3.2)", () => {
  it("says after the connection is open what came of it", async () => {
    const { socket, peer } = await pair(3);
    for (const { mptcp } of [socket, peer]) {
      expect([mptcp.enabled, mptcp.info().multipath, mptcp.info().via]).toEqual([true, true, "userspace"]);
      expect(mptcp.connectionId).toBe(mptcp.info().token);
      expect(mptcp.connectionId).toBeGreaterThan(0);
    }
    expect(socket.mptcp.connectionId).not.toBe(peer.mptcp.connectionId);
  });

  it("never speaks it where it is forbidden", async () => {
    await listen();
    const socket = client.connect({ port: 80, host: "10.0.0.2", multipath: false });
    expect([socket.mptcp.enabled, socket.mptcp.connectionId, socket.mptcp.localAddresses]).toEqual([false, null, null]);
    await once(socket, "connect");
    expect([socket.mptcp.enabled, socket.mptcp.connectionId, socket.mptcp.info().fallback]).toEqual([false, null, null]);
    expect(socket.mptcp.info()).toMatchObject({ token: 0, subflowsTotal: 1, extraSubflows: 0 });
    expect([socket.mptcp.addAddress("10.0.1.1"), socket.mptcp.removeAddress("10.0.0.1"), socket.mptcp.setBackup(1, true)]).toEqual([false, false, false]);
    expect(Object.keys(client.counters()).filter((name) => name.startsWith("MPTcpExt"))).toEqual([]);
  });

  it("resets a connection that falls back where it is required, with a code and the reason", async () => {
    const listener = await listen({ multipath: false });
    const lost = new Promise<NodeJS.ErrnoException>((resolve) => {
      listener.on("connection", (accepted) => accepted.on("error", resolve));
    });
    const socket = client.connect({ port: 80, host: "10.0.0.2", multipath: "required" });
    const events: string[] = [];
    for (const name of ["connect", "fallback"]) socket.on(name, () => events.push(name));
    socket.write("not to be sent");
    const [error] = await event<[Error & { code: string; reason: string }]>(socket, "error");
    expect(error).toMatchObject({ code: "ERR_MPTCP_REQUIRED", reason: "no_mp_capable_in_synack", message: "Multipath TCP is required and not in use: no_mp_capable_in_synack" });
    expect((await lost).code).toBe("ECONNRESET");
    expect(events).toEqual(["fallback"]);
    const capable = await new Promise<boolean>((resolve) => {
      listener.close();
      server.createServer({ multipath: "required" }, (accepted) => resolve(accepted.mptcp.enabled)).listen(81);
      client.connect({ port: 81, host: "10.0.0.2", multipath: "required" });
    });
    expect(capable).toBe(true);
  });

  it("resets it also where it falls back after it was open", async () => {
    const { socket, peer } = await pair(1, { localAddress: "10.0.0.1", multipath: "required" });
    // A middlebox that takes the options off from now on.
    const [link] = links.server;
    const send = link?.send.bind(link);
    if (link !== undefined && send !== undefined) {
      link.send = (packet) => {
        if (packet.tcp !== null) packet.tcp.mptcp = [];
        return send(packet);
      };
    }
    socket.write("hello");
    const [error] = await event<[Error & { code: string; reason: string }]>(socket, "error");
    expect([error.code, error.reason]).toEqual(["ERR_MPTCP_REQUIRED", "no_data_ack"]);
    // The peer still hopes for another subflow.
    peer.destroy();
  });

  it("drops at a server that requires it who does not speak it", async () => {
    const listener = await listen({ multipath: "required" });
    let connections = 0;
    listener.on("connection", () => connections++);
    const dropped = event<[{ remoteAddress: string }]>(listener, "drop");
    const socket = client.connect({ port: 80, host: "10.0.0.2", multipath: false });
    const [error] = await event<[NodeJS.ErrnoException]>(socket, "error");
    expect([error.code, (await dropped)[0].remoteAddress, connections]).toEqual(["ECONNRESET", "10.0.0.1", 0]);
  });
});

describe("local addresses (RFC 6897 §5.3.3)", () => {
  it("are all unless one is bound or some are named", async () => {
    const { socket } = await pair(3);
    expect(paths(socket)).toEqual(["0", "1", "2"]);
    expect(socket.mptcp.localAddresses?.map(({ address }) => address).toSorted()).toEqual(["10.0.0.1", "10.0.1.1", "10.0.2.1"]);
  });

  it("is the bound one alone, and more when more are named", async () => {
    const { socket } = await pair(1, { localAddress: "10.0.0.1" });
    socket.write("x");
    await turns(50);
    expect([paths(socket), socket.mptcp.localAddresses]).toEqual([["0"], [{ id: 0, address: "10.0.0.1", backup: false }]]);
    expect(socket.mptcp.addAddress("10.0.2.1")).toBe(true);
    await event(socket, "subflowUp");
    expect(paths(socket)).toEqual(["0", "2"]);
    expect(socket.mptcp.addAddress("192.0.2.1")).toBe(false);
    expect(() => socket.mptcp.addAddress("nonsense")).toThrow(expect.objectContaining({ code: "ERR_INVALID_IP_ADDRESS" }));
  });

  it("can be named before `connect`, by an option or a call, and taken back", async () => {
    const named = await pair(1, { localAddresses: ["10.0.1.1"] });
    await turns(50);
    expect([paths(named.socket), named.socket.localAddress]).toEqual([["1"], "10.0.1.1"]);
    const called = await pair(2, {}, ({ mptcp }) => {
      expect(mptcp.localAddresses).toBe(null);
      mptcp.addAddress("10.0.0.1", "10.0.1.1", "10.0.2.1");
      mptcp.removeAddress("10.0.1.1");
      expect(mptcp.localAddresses?.map(({ address }) => address)).toEqual(["10.0.0.1", "10.0.2.1"]);
    });
    await turns(50);
    expect(paths(called.socket)).toEqual(["0", "2"]);
    for (const localAddresses of [["192.0.2.1"], ["::1"], []]) {
      const [error] = await event<[NodeJS.ErrnoException]>(client.connect({ port: 80, host: "10.0.0.2", localAddresses }), "error");
      expect(error.code).toBe("EADDRNOTAVAIL");
    }
    const denied = await pair(2, {}, ({ mptcp }) => void mptcp.removeAddress("10.0.0.1"));
    await turns(50);
    expect(paths(denied.socket)).toEqual(["1", "2"]);
  });

  it("of a listener are its own where it is bound, and those named besides", async () => {
    for (const [at, driver] of links.server.entries()) if (at > 0) for (const address of driver.addresses) server.runtime.addAddress(driver, address);
    const bound = await listen({}, "10.0.0.2");
    const accepted = event<[Socket]>(bound, "connection");
    const socket = client.connect(80, "10.0.0.2");
    const [peer] = await accepted;
    await event(socket, "subflowUp");
    await turns(50);
    expect(peer.mptcp.localAddresses?.map(({ address }) => address)).toEqual(["10.0.0.2"]);
    expect([peer.mptcp.info().addAddrSignal, socket.mptcp.info().addAddrAccepted]).toEqual([0, 0]);
    peer.mptcp.addAddress("10.0.1.2");
    const [{ address }] = await event<[RemoteAddressInfo]>(socket, "addressAnnounced");
    expect(address).toBe("10.0.1.2");
    await until(peer, "subflowUp", () => paths(peer).includes("1"));
    expect(peer.mptcp.subflows.every(({ localAddress }) => localAddress !== "10.0.2.2")).toBe(true);
  });

  it("go while data flows: nothing is lost, the peer hears of it", async () => {
    const { socket, peer } = await pair(3);
    let received = 0;
    peer.on("data", (data: Buffer) => (received += data.length));
    socket.write(Buffer.alloc(2_000_000));
    const down = event<[SubflowInfo, string]>(socket, "subflowDown");
    const withdrawn = event<[RemoteAddressInfo]>(peer, "addressWithdrawn");
    expect(socket.mptcp.removeAddress("10.0.0.1")).toBe(true);
    expect(socket.mptcp.removeAddress("10.0.0.1")).toBe(false);
    const [subflow, reason] = await down;
    expect([subflow.localAddress, reason]).toEqual(["10.0.0.1", "fin"]);
    expect((await withdrawn)[0]).toMatchObject({ id: 0, address: "10.0.0.1" });
    socket.end();
    await event(peer, "end");
    expect(received).toBe(2_000_000);
  });
});

describe("subflows and events", () => {
  it("are told by typed events, once each, at both ends", async () => {
    const listener = await listen();
    const told: string[] = [];
    const note = (who: string, socket: Socket): void => {
      socket.on("connect", () => told.push(`${who} connect`));
      socket.on("subflowUp", ({ id, established, state }) => told.push(`${who} up ${id} ${established} ${state}`));
      socket.on("subflowDown", ({ id, established }, reason) => told.push(`${who} down ${id} ${established} ${reason}`));
      socket.on("subflowBackup", ({ id, backup }, by) => told.push(`${who} backup ${id} ${backup} ${by}`));
    };
    listener.on("connection", (accepted) => note("server", accepted));
    const accepted = event<[Socket]>(listener, "connection");
    const socket = client.connect(80, "10.0.0.2");
    note("client", socket);
    const [peer] = await accepted;
    await until(socket, "subflowUp", () => socket.mptcp.subflows.length === 3);
    await until(peer, "subflowUp", () => peer.mptcp.subflows.length === 3);
    const { id } = socket.mptcp.subflows.find(({ localAddress }) => localAddress === "10.0.1.1") as SubflowInfo;
    const twin = peer.mptcp.subflows.find(({ remoteAddress }) => remoteAddress === "10.0.1.1") as SubflowInfo;
    socket.mptcp.setBackup(id, true);
    await event(peer, "subflowBackup");
    expect([socket, peer].map(({ mptcp }) => mptcp.subflows.filter(({ backup }) => backup === true).length)).toEqual([1, 1]);
    socket.mptcp.setBackup(id, false);
    await event(peer, "subflowBackup");
    const gone = Promise.all([event(socket, "subflowDown"), event(peer, "subflowDown")]);
    expect(peer.mptcp.removeSubflow(twin.id)).toBe(true);
    await gone;
    expect(told[0]).toBe("client connect");
    const of = (who: string, word: string): string[] => told.filter((line) => line.startsWith(`${who} ${word}`));
    for (const who of ["client", "server"]) expect(of(who, "up").map((line) => line.split(" ").slice(3).join(" "))).toEqual(["true ESTABLISHED", "true ESTABLISHED", "true ESTABLISHED"]);
    expect([of("client", "backup"), of("server", "backup")]).toEqual([
      [`client backup ${id} true local`, `client backup ${id} false local`],
      [`server backup ${twin.id} true remote`, `server backup ${twin.id} false remote`],
    ]);
    expect([of("client", "down"), of("server", "down")]).toEqual([[`client down ${id} false fin`], [`server down ${twin.id} false fin`]]);
    expect(socket.mptcp.info().subflows.map((subflow) => subflow.id)).not.toContain(id);
  });

  it("may be opened by the application, from a port of its choice", async () => {
    const { socket } = await pair(3);
    const { id, localAddress, remoteAddress } = socket.mptcp.subflows.find((subflow) => subflow.localAddress === "10.0.2.1") as SubflowInfo;
    expect(socket.mptcp.addSubflow({ localAddress, remoteAddress })).toBe(false);
    socket.mptcp.removeSubflow(id);
    await event(socket, "subflowDown");
    expect(socket.mptcp.addSubflow({ localAddress, remoteAddress, remotePort: 81 })).toBe(false);
    expect(socket.mptcp.addSubflow({ localAddress, remoteAddress, localPort: 40_404, backup: true })).toBe(true);
    const [subflow] = await event<[SubflowInfo]>(socket, "subflowUp");
    expect([subflow.localPort, subflow.backup, socket.mptcp.setBackup(99, true), socket.mptcp.removeSubflow(99)]).toEqual([40_404, true, false, false]);
  });

  it("end with their link, and data goes on", async () => {
    const { socket, peer } = await pair(3);
    const [lost] = links.client;
    const down = event<[SubflowInfo, string]>(socket, "subflowDown");
    if (lost !== undefined) void client.runtime.removeLink(lost);
    expect((await down)[1]).toBe("address_removed");
    socket.end("after all");
    expect((await event<[Buffer]>(peer, "data"))[0].toString()).toBe("after all");
  });
});

describe("info and counters", () => {
  it("follow the data", async () => {
    const { socket, peer } = await pair(3);
    const before = socket.mptcp.info();
    peer.resume();
    socket.write(Buffer.alloc(500_000));
    await until(peer, "data", () => peer.bytesRead === 500_000);
    peer.write("thanks");
    await event(socket, "data");
    // The last acknowledgments may be delayed.
    while ([socket, peer].some(({ mptcp }) => mptcp.info().subflows.some(({ bytesInFlight }) => bytesInFlight > 0))) await turns(1);
    const [ours, theirs] = [socket.mptcp.info(), peer.mptcp.info()];
    const difference = (from: string, to: string): bigint => BigInt(`0x${to}`) - BigInt(`0x${from}`);
    expect([ours.bytesSent, ours.bytesAcknowledged, ours.bytesReceived, theirs.bytesReceived, theirs.bytesSent]).toEqual([500_000, 500_000, 6, 500_000, 6]);
    expect([difference(before.writeSequence, ours.writeSequence), difference(before.sendUnacknowledged, ours.sendUnacknowledged), difference(before.receiveNext, ours.receiveNext)]).toEqual([500_000n, 500_000n, 6n]);
    expect([theirs.receiveNext, theirs.sendUnacknowledged]).toEqual([ours.writeSequence, ours.receiveNext]);
    expect(ours).toMatchObject({ via: "userspace", multipath: true, fallback: null, remoteKeyReceived: true, checksumEnabled: false, subflowsTotal: ours.subflows.length, extraSubflows: ours.subflows.length - 1, extraSubflowsMax: 8, localAddrMax: 3 });
    expect(ours.subflows.reduce((total, { bytesSent }) => total + bytesSent, 0)).toBeGreaterThanOrEqual(500_000);
    for (const subflow of ours.subflows) expect(subflow).toMatchObject({ state: "ESTABLISHED", established: true, backup: false, bytesInFlight: 0 });
    for (const name of ["lastDataSent", "lastDataReceived", "lastAckReceived"] as const) expect(ours[name]).toBeGreaterThanOrEqual(0);
    expect(ours.lastDataSent).toBeGreaterThanOrEqual(ours.lastDataReceived);
    expect(JSON.parse(JSON.stringify(ours))).toEqual(ours);
  });

  it("has the same names for plain TCP and before a connection", async () => {
    await listen();
    const unconnected = client.connect({ port: 80, host: "10.0.0.2", multipath: false });
    const names = (info: MptcpInfo): string[] => Object.keys(info).toSorted();
    const early = names(unconnected.mptcp.info());
    unconnected.write("hello");
    await once(unconnected, "connect");
    const socket = client.connect(80, "10.0.0.2");
    await once(socket, "connect");
    expect([early, names(unconnected.mptcp.info())]).toEqual([names(socket.mptcp.info()), names(socket.mptcp.info())]);
    expect(unconnected.mptcp.info()).toMatchObject({ multipath: false, bytesSent: 5 });
    const subflows = unconnected.mptcp.info().subflows;
    expect(subflows).toMatchObject([{ id: 1, localAddress: "10.0.0.1", state: "ESTABLISHED" }]);
    // The wall's clock counts: a machine that stands still for a moment sends again.
    expect(subflows.map(({ bytesSent, bytesRetransmitted }) => bytesSent - bytesRetransmitted)).toEqual([5]);
  });

  it("counts under the kernel's names", async () => {
    await pair(3);
    expect(client.counters()).toMatchObject({ MPTcpExtMPCapableSYNTX: 1, MPTcpExtMPJoinSynTx: expect.any(Number) });
    expect(server.counters()).toMatchObject({ MPTcpExtMPCapableSYNRX: 1, MPTcpExtMPCapableACKRX: 1, MPTcpExtMPJoinSynRx: expect.any(Number), MPTcpExtMPJoinAckRx: expect.any(Number) });
    expect(client.counters()["TcpOutSegs"]).toBeGreaterThan(5);
  });

  it("is one line for console.log", async () => {
    const { socket } = await pair(3);
    expect(inspect(socket)).toMatch(/^Socket \{ 10\.0\.0\.1:\d+ -> 10\.0\.0\.2:80 open, Multipath TCP, subflows: \d, read: 0, written: 0 \}$/);
    socket.destroy();
    expect(inspect(socket)).toContain("destroyed");
  });
});

describe("options of node:net that take effect at once", () => {
  it("`connect` on a socket that is connected is an error", async () => {
    const { socket } = await pair(1);
    const { localPort } = socket;
    socket.connect(80, "10.0.0.2");
    const [error] = await event<[NodeJS.ErrnoException]>(socket, "error");
    expect([error.code, error.message]).toEqual(["EISCONN", `connect EISCONN 10.0.0.2:80 - Local (10.0.0.1:${localPort})`]);
  });

  it("setNoDelay lets go of what Nagle's algorithm holds", async () => {
    const { socket, peer } = await pair(3);
    const got: string[] = [];
    peer.on("data", (data: Buffer) => got.push(data.toString()));
    // Nothing is acknowledged any more, so that the second small write has to wait.
    for (const link of links.server) link.send = () => true;
    socket.write("a");
    await event(peer, "data");
    socket.write("b");
    await turns(50);
    expect(got).toEqual(["a"]);
    socket.setNoDelay(true);
    await event(peer, "data");
    expect(got).toEqual(["a", "b"]);
  });

  it("block lists keep peers out at both ends, and the server tells of them by `drop`", async () => {
    const dropped: unknown[] = [];
    const bench = new SocketBench(() => ({
      connect: client.connect as unknown as typeof net.connect,
      createServer: ((...given: Parameters<Stack["createServer"]>) => server.createServer(...given).on("drop", ({ remoteAddress }) => dropped.push(remoteAddress))) as unknown as typeof net.createServer,
      host: "10.0.0.2",
      close: () => Promise.resolve(),
    }));
    await checkBlockLists(bench, "10.0.0.2");
    expect(dropped).toEqual(["10.0.0.1"]);
    bench.cleanUp();
  });
});
