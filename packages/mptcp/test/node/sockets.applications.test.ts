import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import * as http from "node:http";
import type { AddressInfo, Socket as NetSocket } from "node:net";
import type { Duplex } from "node:stream";
import * as tls from "node:tls";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { connect, createServer, createStack, setDefaultStack, Socket } from "../../src/node/index.ts";
import type { Stack } from "../../src/node/index.ts";
import { MemoryLink } from "./memory-link.ts";

let client: Stack;
let server: Stack;

beforeEach(() => {
  const [a, b] = MemoryLink.pair("10.0.0.1", "10.0.0.2");
  const [c, d] = MemoryLink.pair("10.0.1.1", "10.0.1.2");
  client = createStack({ links: [a, c] });
  server = createStack({ links: [b, d] });
});

afterEach(async () => {
  setDefaultStack(null);
  await client.close();
  await server.close();
});

describe("unmodified protocols over the sockets", () => {
  it("http: keep-alive, large bodies both ways, several requests at once", async () => {
    const web = http.createServer((request, response) => {
      const hash = createHash("sha256");
      request.on("data", (chunk: Buffer) => hash.update(chunk));
      request.on("end", () => {
        response.setHeader("x-digest", hash.digest("hex"));
        response.end(Buffer.alloc(500_000, request.url));
      });
    });
    let connections = 0;
    const listener = server.createServer((socket) => {
      connections++;
      web.emit("connection", socket);
    });
    listener.listen(80);
    await once(listener, "listening");
    const agent = new http.Agent({ keepAlive: true, maxSockets: 2 });
    // What `http` does for its own sockets, with ours.
    Object.assign(agent, { createConnection: () => client.connect(80, "10.0.0.2") as unknown as NetSocket });
    const bodies = await Promise.all(
      ["/a", "/b", "/c", "/d", "/e"].map(async (path) => {
        const body = randomBytes(300_000);
        const request = http.request({ agent, host: "10.0.0.2", path, method: "POST" });
        request.end(body);
        const [response] = (await once(request, "response")) as [http.IncomingMessage];
        expect(response.headers["x-digest"]).toBe(createHash("sha256").update(body).digest("hex"));
        const chunks: Buffer[] = [];
        for await (const chunk of response) chunks.push(chunk as Buffer);
        return Buffer.concat(chunks);
      }),
    );
    expect(bodies.map((body) => [body.length, body.subarray(0, 2).toString()])).toEqual(["/a", "/b", "/c", "/d", "/e"].map((path) => [500_000, path]));
    expect(connections).toBe(2);
    agent.destroy();
    listener.close();
  });

  it("tls: a handshake with a pre-shared key, and data both ways", async () => {
    const key = Buffer.from("0123456789abcdef");
    const settings = { ciphers: "PSK-AES128-GCM-SHA256", minVersion: "TLSv1.2", maxVersion: "TLSv1.2" } as const;
    const listener = server.createServer((socket) => {
      const secured = new tls.TLSSocket(socket as unknown as NetSocket, {
        isServer: true,
        secureContext: tls.createSecureContext(settings),
        pskCallback: () => key,
      } as tls.TLSSocketOptions);
      secured.pipe(secured);
    });
    listener.listen(443);
    await once(listener, "listening");
    const data = randomBytes(400_000);
    const secured = tls.connect({
      ...settings,
      socket: client.connect(443, "10.0.0.2") as unknown as NetSocket & Duplex,
      pskCallback: () => ({ psk: key, identity: "client" }),
      checkServerIdentity: () => undefined,
    });
    await once(secured, "secureConnect");
    secured.write(data);
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of secured) {
      chunks.push(chunk as Buffer);
      length += (chunk as Buffer).length;
      if (length === data.length) break;
    }
    expect(Buffer.concat(chunks).equals(data)).toBe(true);
    listener.close();
  });
});

describe("what the sockets have beyond net", () => {
  it("tells of subflows, adds one and removes one", async () => {
    const listener = server.createServer((socket) => socket.resume()).listen(80);
    await once(listener, "listening");
    const socket = client.connect(80, "10.0.0.2");
    const established = (): number => socket.mptcp.info().subflows.filter((subflow) => subflow.established).length;
    while (established() < 2) await once(socket, "subflowUp");
    const { multipath, fallback, token, subflows } = socket.mptcp.info();
    expect([multipath, fallback]).toEqual([true, null]);
    expect(token).toBeGreaterThan(0);
    expect(subflows.map(({ localAddress, remotePort }) => [localAddress, remotePort])).toContainEqual(["10.0.1.1", 80]);
    const second = subflows.find((subflow) => subflow.localAddress === "10.0.1.1");
    expect(socket.mptcp.removeSubflow(second?.id ?? -1)).toBe(true);
    while (socket.mptcp.info().subflows.some((subflow) => subflow.id === second?.id)) await once(socket, "subflowDown");
    expect(socket.mptcp.addSubflow({ localAddress: second?.localAddress ?? "", remoteAddress: second?.remoteAddress ?? "", backup: true })).toBe(true);
    while (!socket.mptcp.info().subflows.some((subflow) => subflow.established && subflow.backup)) await once(socket, "subflowUp");
    expect(socket.mptcp.addSubflow({ localAddress: "10.9.9.9", remoteAddress: "10.0.0.2" })).toBe(false);
    expect(socket.mptcp.removeSubflow(99)).toBe(false);
    socket.destroy();
    listener.close();
  });

  it("says why Multipath TCP is not in use", async () => {
    const listener = server.createServer({ multipath: false }, (socket) => socket.resume()).listen(80);
    await once(listener, "listening");
    const socket = client.connect(80, "10.0.0.2");
    const [reason] = (await once(socket, "fallback")) as [string];
    expect(socket.mptcp.info()).toMatchObject({ multipath: false, fallback: reason });
    expect(reason).not.toBe("");
    const plain = client.connect({ port: 80, host: "10.0.0.2", multipath: false });
    await once(plain, "connect");
    expect(plain.mptcp.info()).toMatchObject({ multipath: false, fallback: null, token: 0, subflowsTotal: 1 });
    socket.destroy();
    plain.destroy();
    listener.close();
  });

  it("uses the default stack where none is given", async () => {
    expect(() => connect(80, "10.0.0.2")).toThrow(expect.objectContaining({ code: "ERR_MPTCP_NO_STACK" }));
    setDefaultStack(server);
    const listener = createServer((socket) => socket.end("hello")).listen(0, "10.0.0.2");
    await once(listener, "listening");
    setDefaultStack(client);
    const socket = connect((listener.address() as AddressInfo).port, "10.0.0.2");
    const [data] = (await once(socket, "data")) as [Buffer];
    expect(data.toString()).toBe("hello");
    const bare = new Socket();
    bare.connect((listener.address() as AddressInfo).port, "10.0.0.2");
    await once(bare, "connect");
    bare.destroy();
    socket.destroy();
    listener.close();
  });
});
