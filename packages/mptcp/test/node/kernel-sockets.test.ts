import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import * as http from "node:http";
import * as net from "node:net";
import type { AddressInfo } from "node:net";
import * as tls from "node:tls";
import { afterEach, describe, expect, it } from "vitest";
import { connect, createServer, createStack, kernelMptcp, KernelServer, KernelSocket, setDefaultStack } from "../../src/node/index.ts";
import type { AnyServer, AnySocket, KernelConnectOptions, Server, Socket, Stack } from "../../src/node/index.ts";
import { MemoryLink } from "./memory-link.ts";
import { describeSockets } from "./sockets.compliance.ts";

const status = kernelMptcp();
if (!status.available) console.warn(`tests of the kernel's sockets are skipped: ${status.reason}; ${status.remedy}`);

if (status.available) {
  for (const multipath of [true, false]) {
    describeSockets(multipath ? "the kernel's Multipath TCP" : "the kernel's sockets without Multipath TCP", () => ({
      // As `net` has them, with one option more.
      connect: ((...given: unknown[]) => (connect as (...all: unknown[]) => unknown)({ ...optionsOf(given), via: "kernel", multipath }, given.find((one) => typeof one === "function"))) as typeof net.connect,
      createServer: ((...given: unknown[]) => {
        const options = typeof given[0] === "object" ? given[0] : {};
        return createServer({ ...options, via: "kernel", multipath }, given.find((one) => typeof one === "function") as (socket: KernelSocket) => void);
      }) as typeof net.createServer,
      host: "127.0.0.1",
      close: () => Promise.resolve(),
    }));
  }
}

function optionsOf([first, second]: readonly unknown[]): object {
  return typeof first === "object" && first !== null ? first : { port: first, ...(typeof second === "string" ? { host: second } : {}) };
}

const servers: net.Server[] = [];
const stacks: Stack[] = [];

afterEach(async () => {
  setDefaultStack(null);
  for (const server of servers.splice(0)) server.close();
  for (const stack of stacks.splice(0)) await stack.close();
});

async function serve(onConnection: (socket: KernelSocket) => void = (socket) => socket.pipe(socket), host = "127.0.0.1"): Promise<{ server: KernelServer; port: number }> {
  const server = createServer({ via: "kernel" }, onConnection);
  servers.push(server);
  server.listen(0, host);
  await once(server, "listening");
  return { server, port: (server.address() as AddressInfo).port };
}

async function opened(options: KernelConnectOptions): Promise<KernelSocket> {
  const socket = connect({ ...options, via: "kernel" });
  await once(socket, "connect");
  return socket;
}

function descriptors(): number {
  return readdirSync("/proc/self/fd").length;
}

describe.skipIf(!status.available)("the kernel's sockets", () => {
  it.each(["127.0.0.1", "::1"])("speak Multipath TCP at %s, at both ends, and say so", async (host) => {
    const { server, port } = await serve(undefined, host);
    const accepted = once(server, "connection") as Promise<[KernelSocket]>;
    const client = await opened({ port, host });
    const [socket] = await accepted;
    client.write("x".repeat(1000));
    await once(client, "data");
    expect(client).toBeInstanceOf(net.Socket);
    expect(socket).toBeInstanceOf(KernelSocket);
    expect([server.via, client.mptcp.via, socket.mptcp.via]).toEqual(["kernel", "kernel", "kernel"]);
    for (const end of [client, socket]) {
      expect(end.mptcp.enabled).toBe(true);
      expect(end.mptcp.info()).toMatchObject({ via: "kernel", multipath: true, fallback: null, remoteKeyReceived: true, subflowsTotal: 1, extraSubflows: 0, bytesSent: 1000, bytesReceived: 1000 });
      expect(end.mptcp.connectionId).toBeGreaterThan(0);
      expect(end.mptcp.subflows).toMatchObject([{ id: 1, localAddress: host, remoteAddress: host, state: "ESTABLISHED", established: true, backup: false }]);
      expect(end.mptcp.subflows[0]?.rtt).toBeGreaterThan(0);
      expect(end.mptcp.remoteAddresses).toEqual([{ id: 0, address: host, port: end.remotePort }]);
      expect(end.mptcp.localAddresses).toBeNull();
    }
    expect(client.mptcp.info().sendUnacknowledged).toBe(socket.mptcp.info().receiveNext);
    client.destroy();
    // What was said last stays.
    expect(client.mptcp.info()).toMatchObject({ multipath: true, bytesSent: 1000, bytesReceived: 1000 });
  });

  it("say nothing of Multipath TCP before they are open", () => {
    const socket = new KernelSocket();
    expect(socket.mptcp.info()).toMatchObject({ via: "kernel", multipath: false, fallback: null, token: 0, subflows: [] });
    expect([socket.mptcp.enabled, socket.mptcp.connectionId]).toEqual([false, null]);
    socket.destroy();
  });

  it("fall back to TCP with a peer that has no more, and say so", async () => {
    const { server, port } = await serve();
    const accepted = once(server, "connection") as Promise<[KernelSocket]>;
    const plain = net.connect(port, "127.0.0.1");
    const [socket] = await accepted;
    expect(socket.mptcp.info()).toMatchObject({ via: "kernel", multipath: false, fallback: "not_requested", token: 0, subflowsTotal: 1, subflows: [{ remotePort: plain.localPort, established: true, backup: false }] });
    plain.destroy();

    const other = net.createServer((one) => one.pipe(one)).listen(0, "127.0.0.1");
    servers.push(other);
    await once(other, "listening");
    const client = await opened({ port: (other.address() as AddressInfo).port, host: "127.0.0.1" });
    client.write("hello");
    expect(String(((await once(client, "data")) as [Buffer])[0])).toBe("hello");
    expect(client.mptcp.info()).toMatchObject({ via: "kernel", multipath: false, fallback: "kernel_fallback", token: 0, subflowsTotal: 1, bytesSent: 5, bytesReceived: 5, bytesAcknowledged: 5 });
    expect(client.mptcp.connectionId).toBeNull();
    client.destroy();
    expect(client.mptcp.info()).toMatchObject({ fallback: "kernel_fallback", bytesSent: 5, subflows: [{ remoteAddress: "127.0.0.1" }] });
  });

  it("refuse a peer without Multipath TCP where that is required", async () => {
    const other = net.createServer((one) => one.on("error", () => {})).listen(0, "127.0.0.1");
    servers.push(other);
    await once(other, "listening");
    const client = connect({ via: "kernel", port: (other.address() as AddressInfo).port, host: "127.0.0.1", multipath: "required" });
    const events: string[] = [];
    const written = new Promise((resolve) => client.write("never", resolve));
    for (const event of ["connect", "ready", "error", "close"]) client.on(event, () => events.push(event));
    const closed = new Promise((resolve) => client.once("close", resolve));
    const [error] = (await once(client, "error")) as [NodeJS.ErrnoException];
    expect(error.code).toBe("ERR_MPTCP_REQUIRED");
    expect(await closed).toBe(true);
    expect(events).toEqual(["error", "close"]);
    expect(await written).toMatchObject({ code: "ERR_SOCKET_CLOSED_BEFORE_CONNECTION" });

    const server = createServer({ via: "kernel", multipath: "required" }, (socket) => socket.end("welcome")).listen(0, "127.0.0.1");
    servers.push(server);
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const dropped = once(server, "drop") as Promise<[{ remotePort: number }]>;
    const plain = net.connect(port, "127.0.0.1");
    plain.on("error", () => {});
    expect((await dropped)[0].remotePort).toBeGreaterThan(0);
    if (!plain.closed) await new Promise((resolve) => plain.once("close", resolve));
    const welcome = await opened({ port, host: "127.0.0.1", multipath: "required" });
    expect(String(((await once(welcome, "data")) as [Buffer])[0])).toBe("welcome");
    welcome.destroy();
  });

  it("leave paths to the host, and say how it is told", async () => {
    const { port } = await serve();
    const { mptcp, ...rest } = { mptcp: (await opened({ port, host: "127.0.0.1" })).mptcp };
    expect(rest).toEqual({});
    const refusal = (command: RegExp): unknown => expect.objectContaining({ code: "ERR_MPTCP_KERNEL_PATHS", message: expect.stringMatching(command) as string });
    expect(() => mptcp.addSubflow({ localAddress: "192.0.2.1", remoteAddress: "198.51.100.1", backup: true })).toThrow(refusal(/ip mptcp endpoint add 192\.0\.2\.1 dev DEVICE subflow backup/));
    expect(() => mptcp.addAddress("192.0.2.1")).toThrow(refusal(/ip mptcp endpoint add 192\.0\.2\.1 dev DEVICE subflow/));
    expect(() => mptcp.removeSubflow(1)).toThrow(refusal(/ip mptcp endpoint delete id ID \(that of 127\.0\.0\.1\)/));
    expect(() => mptcp.removeAddress("192.0.2.1")).toThrow(refusal(/ip mptcp endpoint delete/));
    expect(() => mptcp.setBackup(1, true)).toThrow(refusal(/ip mptcp endpoint change id ID backup/));
  });

  it("try the addresses of a name by turns, each with a socket of its own", async () => {
    const { server, port } = await serve();
    const accepted = once(server, "connection") as Promise<[KernelSocket]>;
    // Nobody listens on the first.
    const addresses = [{ address: "::1", family: 6 }, { address: "127.0.0.1", family: 4 }];
    const lookup: net.LookupFunction = (_name, _options, callback) => callback(null, addresses as unknown as string, 0);
    const client = await opened({ port, host: "both.example", autoSelectFamily: true, lookup });
    expect(client.autoSelectFamilyAttemptedAddresses).toEqual([`::1:${port}`, `127.0.0.1:${port}`]);
    expect(client.remoteAddress).toBe("127.0.0.1");
    expect(client.mptcp.enabled).toBe(true);
    expect((await accepted)[0].mptcp.enabled).toBe(true);
    client.destroy();
  });

  it("bind to what is asked for, and say what is wrong as Node does", async () => {
    const { port } = await serve();
    const client = await opened({ port, host: "127.0.0.1", localAddress: "127.0.0.7" });
    expect(client.localAddress).toBe("127.0.0.7");
    client.destroy();
    const foreign = connect({ via: "kernel", port, host: "127.0.0.1", localAddress: "192.0.2.1" });
    expect(((await once(foreign, "error")) as [NodeJS.ErrnoException])[0]).toMatchObject({ code: "EADDRNOTAVAIL", syscall: "bind", message: "bind EADDRNOTAVAIL 192.0.2.1" });
    const server = createServer({ via: "kernel" }).listen(0, "192.0.2.1");
    expect(((await once(server, "error")) as [NodeJS.ErrnoException])[0]).toMatchObject({ code: "EADDRNOTAVAIL", syscall: "listen", message: "listen EADDRNOTAVAIL: address not available 192.0.2.1" });
    for (const unfit of [{ path: "/tmp/none" }, { fd: 0 }]) {
      expect(() => createServer({ via: "kernel" }).listen(unfit as object)).toThrow(expect.objectContaining({ code: "ERR_INVALID_ARG_VALUE" }));
      expect(() => connect({ via: "kernel", ...unfit } as unknown as { via: "kernel"; port: number })).toThrow(expect.objectContaining({ code: "ERR_INVALID_ARG_VALUE" }));
    }
  });

  it("listen on both families, or on one", async () => {
    for (const [options, address, takesV4] of [[{ port: 0 }, "::", true], [{ port: 0, host: "::", ipv6Only: true }, "::", false], [{ port: 0, host: "0.0.0.0" }, "0.0.0.0", true]] as const) {
      const server = createServer({ via: "kernel" }, (socket) => socket.end(String(socket.mptcp.enabled))).listen(options);
      servers.push(server);
      await once(server, "listening");
      expect(server.address()?.address).toBe(address);
      const client = connect({ via: "kernel", port: (server.address() as AddressInfo).port, host: "127.0.0.1" });
      if (takesV4) expect(String(((await once(client, "data")) as [Buffer])[0])).toBe("true");
      else expect(((await once(client, "error")) as [NodeJS.ErrnoException])[0].code).toBe("ECONNREFUSED");
      client.destroy();
    }
  });

  it("leak no descriptor, whatever goes wrong", async () => {
    const { port } = await serve((socket) => {
      socket.on("error", () => {});
      socket.mptcp.info();
      socket.resume();
    });
    const closed = net.createServer().listen(0, "127.0.0.1");
    await once(closed, "listening");
    const { port: nobody } = closed.address() as AddressInfo;
    closed.close();
    await once(closed, "close");
    const all = async (): Promise<void> => {
      const failures: [KernelConnectOptions, string | null][] = [
        [{ port, host: "127.0.0.1" }, null],
        [{ port: nobody, host: "127.0.0.1" }, "ECONNREFUSED"],
        [{ port: nobody, host: "::1" }, "ECONNREFUSED"],
        [{ port, host: "127.0.0.1", localAddress: "192.0.2.1" }, "EADDRNOTAVAIL"],
        [{ port, host: "none.example", lookup: (_name, _options, callback) => callback(Object.assign(new Error("none"), { code: "ENOTFOUND" }), "", 0) }, "ENOTFOUND"],
        [{ port: nobody, host: "two.example", autoSelectFamily: true, lookup: (_name, _options, callback) => callback(null, [{ address: "::1", family: 6 }, { address: "127.0.0.1", family: 4 }] as unknown as string, 0) }, "ECONNREFUSED"],
      ];
      for (const [options, code] of failures) {
        const socket = connect({ ...options, via: "kernel" });
        const [error] = (await once(socket, code === null ? "connect" : "error")) as [NodeJS.ErrnoException | undefined];
        if (code !== null) expect(error?.code).toBe(code);
        socket.mptcp.info();
        socket.destroy();
        if (!socket.closed) await once(socket, "close");
      }
      const early = connect({ via: "kernel", port, host: "127.0.0.1" });
      early.destroy();
      await once(early, "close");
      for (const where of [{ port, host: "127.0.0.1" }, { port: 0, host: "192.0.2.1" }, { port: 0, host: "fd00:dead::1" }]) {
        const server = createServer({ via: "kernel" }).listen(where);
        await once(server, "error");
        expect(server.listening).toBe(false);
      }
      expect(() => new KernelSocket().connect({ port: 70_000 })).toThrow(expect.objectContaining({ code: "ERR_SOCKET_BAD_PORT" }));
      const server = createServer({ via: "kernel" }).listen(0);
      await once(server, "listening");
      server.close();
      await once(server, "close");
    };
    // The first round opens what stays open.
    await all();
    await settled();
    const before = descriptors();
    for (let i = 0; i < 10; i++) await all();
    await settled();
    expect(descriptors()).toBe(before);
  });

  /** Until the servers' ends are closed too. */
  async function settled(): Promise<void> {
    for (const server of servers) {
      for (;;) {
        const count = await new Promise<number>((resolve) => server.getConnections((_error, connections) => resolve(connections)));
        if (count === 0) break;
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
});

describe.skipIf(!status.available)("unmodified protocols over the kernel's sockets", () => {
  it("http: keep-alive, bodies both ways, several requests at once", async () => {
    const web = http.createServer((request, response) => {
      const hash = createHash("sha256");
      request.on("data", (chunk: Buffer) => hash.update(chunk));
      request.on("end", () => response.setHeader("x-digest", hash.digest("hex")).end(Buffer.alloc(500_000, request.url)));
    });
    const seen: boolean[] = [];
    const { port } = await serve((socket) => {
      seen.push(socket.mptcp.enabled);
      web.emit("connection", socket);
    });
    class KernelAgent extends http.Agent {
      override createConnection(options: { host: string; port: number }): net.Socket {
        return connect({ via: "kernel", host: options.host, port: options.port });
      }
    }
    const agent = new KernelAgent({ keepAlive: true, maxSockets: 2 });
    const bodies = await Promise.all(
      ["/a", "/b", "/c", "/d"].map(async (path) => {
        const body = randomBytes(300_000);
        const request = http.request({ agent, host: "127.0.0.1", port, path, method: "POST" });
        request.end(body);
        const [response] = (await once(request, "response")) as [http.IncomingMessage];
        expect(response.headers["x-digest"]).toBe(createHash("sha256").update(body).digest("hex"));
        const chunks: Buffer[] = [];
        for await (const chunk of response) chunks.push(chunk as Buffer);
        return Buffer.concat(chunks).length;
      }),
    );
    expect(bodies).toEqual([500_000, 500_000, 500_000, 500_000]);
    expect(seen).toEqual([true, true]);
    agent.destroy();
  });

  it("tls: a handshake with a pre-shared key, and data both ways", async () => {
    const key = Buffer.from("0123456789abcdef");
    const settings = { ciphers: "PSK-AES128-GCM-SHA256", minVersion: "TLSv1.2", maxVersion: "TLSv1.2" } as const;
    const { port } = await serve((socket) => {
      const secured = new tls.TLSSocket(socket, { isServer: true, secureContext: tls.createSecureContext(settings), pskCallback: () => key } as tls.TLSSocketOptions);
      secured.pipe(secured);
    });
    const data = randomBytes(400_000);
    const below = connect({ via: "kernel", port, host: "127.0.0.1" });
    const secured = tls.connect({ ...settings, socket: below, pskCallback: () => ({ psk: key, identity: "client" }), checkServerIdentity: () => undefined });
    await once(secured, "secureConnect");
    expect(below.mptcp.enabled).toBe(true);
    secured.end(data);
    const chunks: Buffer[] = [];
    for await (const chunk of secured) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).equals(data)).toBe(true);
  });
});

describe("whose Multipath TCP it is", () => {
  it.skipIf(!status.available)("is the kernel's where there is no default stack, with auto", async () => {
    const server: AnyServer = createServer({ via: "auto" }, (socket: AnySocket) => socket.end(socket.mptcp.info().via)).listen(0, "127.0.0.1");
    await once(server, "listening");
    const client: AnySocket = connect({ via: "auto", port: (server.address() as AddressInfo).port, host: "127.0.0.1" });
    expect(String(((await once(client, "data")) as [Buffer])[0])).toBe("kernel");
    expect([server.via, client.mptcp.info().via]).toEqual(["kernel", "kernel"]);
    client.destroy();
    server.close();
  });

  it("is this library's where there is a default stack, with auto, and always unless asked for", async () => {
    const [a, b] = MemoryLink.pair("10.0.0.1", "10.0.0.2");
    const [one, other] = [createStack({ links: [a] }), createStack({ links: [b] })];
    stacks.push(one, other);
    setDefaultStack(other);
    const server: AnyServer = createServer({ via: "auto" }, (socket) => socket.end(socket.mptcp.info().via)).listen(80);
    const same: Server = createServer({ via: "userspace" });
    expect([server.via, same.via, createServer().via]).toEqual(["userspace", "userspace", "userspace"]);
    await once(server, "listening");
    setDefaultStack(one);
    const client: AnySocket = connect({ via: "auto", port: 80, host: "10.0.0.2" });
    const plainly: Socket = connect({ via: "userspace", port: 80, host: "10.0.0.2" });
    for (const socket of [client, plainly, connect(80, "10.0.0.2")]) {
      expect(String(((await once(socket, "data")) as [Buffer])[0])).toBe("userspace");
      expect(socket.mptcp.info().via).toBe("userspace");
      socket.destroy();
    }
    server.close();
  });

  it("is a stack's own with the functions of a stack, which refuse to use another", () => {
    const [a] = MemoryLink.pair("10.0.0.1", "10.0.0.2");
    const stack = createStack({ links: [a] });
    stacks.push(stack);
    const refusal = expect.objectContaining({ code: "ERR_MPTCP_VIA" });
    // What a program without types may do.
    const foreign = { port: 80, host: "10.0.0.2", noDelay: true, via: "kernel" };
    expect(() => stack.connect(foreign)).toThrow(refusal);
    expect(() => stack.createServer(foreign)).toThrow(refusal);
    expect(() => connect({ via: "pigeon" as "auto", port: 80 })).toThrow(refusal);
    expect(() => connect({ port: 80, host: "10.0.0.2" })).toThrow(expect.objectContaining({ code: "ERR_MPTCP_NO_STACK" }));
  });

  it("is nobody's with multipath: false", async () => {
    const server = createServer({ via: "kernel", multipath: false }, (socket) => socket.end(socket.mptcp.via)).listen(0, "127.0.0.1");
    servers.push(server);
    await once(server, "listening");
    const client = connect({ via: "kernel", multipath: false, port: (server.address() as AddressInfo).port, host: "127.0.0.1" });
    expect(String(((await once(client, "data")) as [Buffer])[0])).toBe("tcp");
    expect([server.via, client.mptcp.via]).toEqual(["tcp", "tcp"]);
    expect(client.mptcp.info()).toMatchObject({ via: "tcp", multipath: false, fallback: null, token: 0 });
    client.destroy();
  });
});
