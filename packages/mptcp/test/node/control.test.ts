import * as fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { CONTROL_PROTOCOL, controlSchema, EVENTS, METHODS } from "../../src/node/control/index.ts";
import type { ControlOptions } from "../../src/node/control/index.ts";
import type { StackOptions } from "../../src/node/index.ts";
import { userspace } from "../../src/mptcp/index.ts";
import { expectMessage, isMessage, Lab } from "./control-lab.ts";
import { MemoryLink } from "./memory-link.ts";

const labs: Lab[] = [];
function lab(options: Omit<StackOptions, "links"> = {}, control: ControlOptions = {}): Lab {
  const made = new Lab(options, control);
  labs.push(made);
  return made;
}
afterEach(async () => {
  for (const one of labs.splice(0)) await one.close();
});

describe("the schema of the control protocol", () => {
  // `npm run docs` writes it.
  it("docs/control.schema.json is what the tables give", async () => {
    await expect(`${JSON.stringify(controlSchema(), null, 1)}\n`).toMatchFileSnapshot("../../../../docs/control.schema.json");
  });

  it("knows every method and every event, and nothing else", () => {
    for (const method of Object.keys(METHODS)) expect(isMessage({ id: 1, method, params: { connection: 0 } })).toBe(false);
    expectMessage({ id: "a", method: "status" });
    expect(isMessage({ id: 1, method: "constructor", params: {} })).toBe(false);
    expect(isMessage({ id: 1, method: "status", params: {}, more: 1 })).toBe(false);
    expect(Object.keys(EVENTS)).toContain("sub-established");
  });
});

describe("a client of a control", () => {
  it("is greeted, and asks for the state of the host and of its connections", async () => {
    const made = lab();
    await made.connect(4);
    const speaker = made.speaker();
    const status = await speaker.ask("status", { counters: true });
    expect(speaker.messages[0]).toMatchObject({ hello: { protocol: CONTROL_PROTOCOL, package: "mptcp", pid: process.pid, name: "client", title: "lab" } });
    expect(status).toMatchObject({
      name: "client",
      limits: { subflows: 8, addAddrAccepted: 8 },
      scheduler: { name: "lowest-time-distance" },
      congestion: { name: "lia" },
      pathManager: { name: "full-mesh" },
      counters: { MPTcpExtMPCapableSYNTX: 1 },
    });
    expect(status.endpoints.map(({ address, link }) => [address, link])).toEqual([["10.0.0.1", "memory 10.0.0.1"], ["10.1.0.1", "memory 10.1.0.1"]]);
    const [connection] = status.connections;
    expect(connection).toMatchObject({ connection: 1, initiator: true, multipath: true, fallback: null, fullyEstablished: true, bytesSent: 5, bytesReceived: 5, localAddress: "10.0.0.1", remoteAddress: "10.0.0.2" });
    expect(connection?.token).toMatch(/^[0-9a-f]{8}$/);
    expect(connection?.subflows.map(({ localAddress, remoteAddress }) => `${localAddress} ${remoteAddress}`)).toEqual(["10.0.0.1 10.0.0.2", "10.1.0.1 10.0.0.2", "10.0.0.1 10.1.0.2", "10.1.0.1 10.1.0.2"]);
    for (const subflow of connection?.subflows ?? []) expect(subflow.rttMicroseconds).toBeGreaterThan(0);
    // Without being asked for, counters are left out.
    expect(await speaker.ask("status", { connection: 1 })).not.toHaveProperty("counters");
    expect((await speaker.ask("status", { token: connection?.token as string })).connections).toHaveLength(1);
    expect(await speaker.refusal("status", { connection: 2 })).toEqual({ code: "no-connection", message: "there is no connection 2" });
  });

  it("hears nothing of keys", async () => {
    const made = lab();
    await made.connect();
    const speaker = made.speaker();
    await speaker.ask("subscribe", { events: ["created", "established"], decisions: [] });
    await made.connect(1, 81);
    await speaker.ask("status", {});
    const { host } = made.client.runtime;
    const said = JSON.stringify(speaker.messages);
    for (const connection of host.streams()) {
      const { session } = connection as unknown as { session: { keysOut: Record<string, { key: Uint8Array }>; local: { key: Uint8Array } } };
      const key = Buffer.from(session.local.key);
      expect(said).not.toContain(key.toString("hex"));
      expect(said).not.toContain(key.toString("base64"));
      expect(said).not.toContain(String(key.readBigUInt64BE()));
    }
  });

  it("sees regular TCP, too, and cannot command its paths", async () => {
    const made = lab();
    const server = made.server.createServer((socket) => socket.pipe(socket));
    await new Promise<void>((resolve) => server.listen(80, () => resolve()));
    const speaker = made.speaker();
    await speaker.ask("subscribe", {});
    const socket = made.client.connect({ port: 80, host: "10.0.0.2", multipath: false });
    await new Promise((resolve) => socket.once("connect", resolve));
    const { connections } = await speaker.ask("status", {});
    expect(connections).toMatchObject([{ connection: 1, token: null, multipath: false, fallback: null, scheduler: null, limits: null, subflows: [{ subflow: 1, localAddress: "10.0.0.1" }] }]);
    expect((await speaker.refusal("subflow.remove", { connection: 1, subflow: 1 })).code).toBe("not-multipath");
    socket.end();
    socket.resume();
    await speaker.until(() => speaker.kinds().includes("closed"));
    expect(speaker.events).toMatchObject([{ event: "created", connection: 1, token: null, multipath: false, initiator: true }, { event: "closed", connection: 1, reason: "done" }]);
  });
});

describe("a connection that falls back", () => {
  it("is shown as what it is, and told", async () => {
    const made = lab();
    const server = made.server.createServer({ multipath: false }, (socket) => socket.on("error", () => {}).pipe(socket));
    await new Promise<void>((resolve) => server.listen(80, () => resolve()));
    const speaker = made.speaker();
    await speaker.ask("subscribe", {});
    const socket = made.client.connect(80, "10.0.0.2");
    socket.write("hello");
    await new Promise((resolve) => socket.once("data", resolve));
    const { connections } = await speaker.ask("status", {});
    expect(connections).toMatchObject([
      { connection: 1, token: null, multipath: false, fallback: "no_mp_capable_in_synack", established: true, fullyEstablished: false, scheduler: null, congestion: { name: "lia" }, pathManager: null, limits: null, bytesReceived: 5 },
    ]);
    expect(connections[0]?.subflows).toHaveLength(1);
    expect(await speaker.refusal("address.remove", { connection: 1, address: "10.0.0.1" })).toEqual({ code: "not-multipath", message: "connection 1 is regular TCP (no_mp_capable_in_synack)" });
    // Its congestion control is left to exchange.
    expect(await speaker.ask("policy.set", { kind: "congestion", name: "cubic", connection: 1 })).toEqual({ connections: 1 });
    expect((await speaker.ask("status", {})).connections[0]?.congestion.name).toBe("cubic");
    expect((await speaker.refusal("policy.set", { kind: "scheduler", name: "round-robin", connection: 1 })).code).toBe("not-multipath");
    socket.resume().end();
    await speaker.until(() => speaker.kinds().includes("closed"));
    expect(speaker.events).toMatchObject([
      { event: "fallback", connection: 1, token: null, reason: "no_mp_capable_in_synack" },
      { event: "created", connection: 1, token: null, multipath: false, initiator: true },
      { event: "closed", connection: 1, reason: "done" },
    ]);
  });
});

describe("commands over a control", () => {
  it("make a subflow a backup, which the peer hears, end it and open it again", async () => {
    const made = lab();
    const socket = await made.connect(4);
    const speaker = made.speaker();
    await speaker.ask("subscribe", {});
    await speaker.ask("subflow.backup", { subflow: 2, backup: true });
    while ((made.server.counters()["MPTcpExtMPPrioRx"] ?? 0) === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(socket.mptcp.subflows.find(({ id }) => id === 2)?.backup).toBe(true);
    expect(speaker.events).toMatchObject([{ event: "sub-priority", subflow: 2, backup: true, by: "local" }]);
    await speaker.ask("subflow.remove", { subflow: 2 });
    await speaker.until(() => speaker.kinds().includes("sub-closed"));
    const { subflow } = await speaker.ask("subflow.add", { localAddress: "10.1.0.1", remoteAddress: "10.0.0.2", backup: true });
    await speaker.until(() => speaker.kinds().includes("sub-established"));
    expect(speaker.events.slice(1)).toMatchObject([
      { event: "sub-closed", subflow: 2, reason: "fin", localAddress: "10.1.0.1", remoteAddress: "10.0.0.2" },
      { event: "sub-established", subflow, localAddress: "10.1.0.1", remoteAddress: "10.0.0.2", backup: true, initiator: true },
    ]);
  });

  it("say why a subflow is not opened", async () => {
    const made = lab();
    await made.connect(4);
    const speaker = made.speaker();
    const why = async (localAddress: string, remoteAddress: string): Promise<string> => (await speaker.refusal("subflow.add", { localAddress, remoteAddress })).message;
    expect(await why("10.0.0.1", "10.0.0.2")).toBe("subflow 1 is there already");
    expect(await why("10.9.0.1", "10.0.0.2")).toBe("the connection has no address 10.9.0.1; it has 10.0.0.1, 10.1.0.1");
    expect(await why("10.0.0.1", "10.9.0.2")).toBe("the peer has not told of 10.9.0.2; it has 10.0.0.2, 10.1.0.2");
    expect(await why("10.0.0.1", "somewhere")).toBe('"somewhere" is no IP address');
    await speaker.ask("limits.set", { subflows: 2 });
    await speaker.ask("subflow.remove", { subflow: 4 });
    expect(await speaker.refusal("subflow.remove", { subflow: 9 })).toMatchObject({ code: "no-subflow" });
  });

  it("take an address from the host and give it back; connections follow", async () => {
    const made = lab();
    const socket = await made.connect(4);
    const speaker = made.speaker();
    await speaker.ask("subscribe", {});
    expect(await speaker.ask("endpoint.remove", { address: "10.1.0.1" })).toMatchObject({ id: 2, address: "10.1.0.1", link: "memory 10.1.0.1" });
    while ((made.server.counters()["MPTcpExtRmAddr"] ?? 0) === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(socket.mptcp.subflows.map(({ localAddress }) => localAddress)).toEqual(["10.0.0.1", "10.0.0.1"]);
    expect(speaker.events).toMatchObject([{ event: "sub-closed", reason: "address_removed" }, { event: "sub-closed", reason: "address_removed" }, { event: "endpoint-removed", address: "10.1.0.1" }]);
    expect(await speaker.refusal("endpoint.remove", { address: "10.1.0.1" })).toEqual({ code: "no-address", message: "the host has no endpoint 10.1.0.1; there are 1 10.0.0.1" });
    // It is known which link it was on.
    expect(await speaker.ask("endpoint.add", { address: "10.1.0.1", backup: true })).toMatchObject({ id: 2, link: "memory 10.1.0.1", backup: true, signal: true, subflow: true });
    await speaker.until(() => speaker.kinds().filter((kind) => kind === "sub-established").length === 2);
    expect(socket.mptcp.subflows.filter(({ backup }) => backup === true).map(({ localAddress }) => localAddress)).toEqual(["10.1.0.1", "10.1.0.1"]);
    // The flag of the endpoint is that of its subflows.
    expect(await speaker.ask("endpoint.change", { id: 2, backup: false })).toMatchObject({ address: "10.1.0.1", backup: false, signal: true });
    expect(socket.mptcp.subflows.filter(({ backup }) => backup === true)).toEqual([]);
    expect(speaker.events.filter(({ event }) => event === "endpoint-added")).toMatchObject([{ endpoint: { id: 2, address: "10.1.0.1", backup: true } }, { endpoint: { id: 2, backup: false } }]);
    // A link that breaks takes its addresses along.
    (made.links[1] as MemoryLink).handler?.failed(new Error("unplugged"));
    await speaker.until(() => speaker.kinds().filter((kind) => kind === "endpoint-removed").length === 2);
    expect(speaker.kinds().at(-1)).toBe("endpoint-removed");
    expect((await speaker.ask("status", {})).endpoints.map(({ address }) => address)).toEqual(["10.0.0.1"]);
  });

  it("give the host an address on a link that the program opens for it, and closes with it", async () => {
    let link: MemoryLink | null = null;
    const openLink = (address: string): Promise<MemoryLink> => (address === "10.3.0.1" ? Promise.resolve((link = new MemoryLink(address))) : Promise.reject(new Error(`bind EADDRNOTAVAIL ${address}`)));
    const made = lab({}, { openLink });
    const speaker = made.speaker();
    expect(await speaker.ask("endpoint.add", { address: "10.3.0.1", id: 7 })).toMatchObject({ id: 7, link: "memory 10.3.0.1" });
    expect(await speaker.refusal("endpoint.add", { address: "10.4.0.1" })).toEqual({ code: "no-link", message: "bind EADDRNOTAVAIL 10.4.0.1" });
    expect((await speaker.refusal("endpoint.add", { address: "10.5.0.1", id: 7 })).message).toBe("address id 7 is in use");
    expect((await speaker.refusal("endpoint.add", { address: "10.5.0.1", link: "eth9" })).message).toBe("there is no link eth9; there are memory 10.0.0.1, memory 10.1.0.1, memory 10.3.0.1");
    // Two clients at once: one link.
    const adding = ["10.3.0.9", "10.3.0.9"].map((address) => made.speaker().answerTo(JSON.stringify({ id: 1, method: "endpoint.add", params: { address } })));
    expect((await Promise.all(adding)).map((answer) => (answer["error"] as { message: string } | undefined)?.message)).toEqual(["bind EADDRNOTAVAIL 10.3.0.9", "10.3.0.9 is being added already"]);
    // Also on a link that is there.
    expect(await speaker.ask("endpoint.add", { address: "10.5.0.1", link: "memory 10.0.0.1" })).toMatchObject({ link: "memory 10.0.0.1" });
    // An address of IPv4 as a socket of IPv6 writes it.
    expect((await speaker.refusal("endpoint.add", { address: "::ffff:10.5.0.1" })).message).toBe("the host has 10.5.0.1 already");
    await speaker.ask("endpoint.remove", { id: 7 });
    expect((link as MemoryLink | null)?.isClosed).toBe(true);
    expect((await lab().speaker().refusal("endpoint.add", { address: "10.3.0.1" })).code).toBe("no-link");
  });

  it("set limits: of connections that are there and of those to come, of listeners too", async () => {
    const made = lab({ mptcp: { limits: { subflows: 0, addAddrAccepted: 8 } } });
    const socket = await made.connect(1);
    const speaker = made.speaker();
    expect(socket.mptcp.subflows).toHaveLength(1);
    await speaker.ask("subscribe", {});
    // There is room now for what was forbidden.
    expect(await speaker.ask("limits.set", { subflows: 2 })).toEqual({ subflows: 2, addAddrAccepted: 8 });
    await speaker.until(() => speaker.kinds().filter((kind) => kind === "sub-established").length === 2);
    expect(socket.mptcp.info().extraSubflowsMax).toBe(2);
    const next = await made.connect(3, 81);
    expect(next.mptcp.info().extraSubflowsMax).toBe(2);
    expect(await speaker.ask("limits.set", { connection: 1, addAddrAccepted: 3 })).toEqual({ subflows: 2, addAddrAccepted: 3 });
    expect((await speaker.ask("status", {})).connections.map(({ limits }) => limits?.addAddrAccepted)).toEqual([3, 8]);
    expect((await speaker.refusal("limits.set", {})).code).toBe("invalid-params");
    expect(await speaker.refusal("subflow.remove", { subflow: 1 })).toEqual({ code: "which-connection", message: "there are 2 connections: name one" });
  });

  it("exchange policies by name and parameters, of one connection or of all", async () => {
    const made = lab();
    await made.connect();
    await made.connect(2, 81);
    const speaker = made.speaker();
    expect((await speaker.ask("policy.list", {})).scheduler).toContain("round-robin");
    expect(await speaker.ask("policy.set", { kind: "scheduler", name: "round-robin", connection: 1 })).toEqual({ connections: 1 });
    expect(await speaker.ask("policy.set", { kind: "congestion", name: "cubic", parameters: { slowStartLimit: 4 } })).toEqual({ connections: 2 });
    expect(await speaker.ask("policy.set", { kind: "pathManager", name: "endpoints" })).toEqual({ connections: 2 });
    const status = await speaker.ask("status", {});
    expect(status).toMatchObject({ scheduler: { name: "lowest-time-distance" }, congestion: { name: "cubic", parameters: { slowStartLimit: 4 } }, pathManager: { name: "endpoints" } });
    expect(status.connections.map(({ scheduler, congestion, pathManager }) => [scheduler?.name, congestion.name, pathManager?.name])).toEqual([["round-robin", "cubic", "endpoints"], ["lowest-time-distance", "cubic", "endpoints"]]);
    expect((await speaker.refusal("policy.set", { kind: "scheduler", name: "__proto__" })).message).toMatch(/^there is no scheduler __proto__; there are .*round-robin/);
    expect((await speaker.refusal("policy.set", { kind: "congestion", name: "cubic", parameters: { alpha: 1 } })).message).toMatch(/^there is no parameter alpha; there are /);
    expect((await speaker.refusal("policy.set", { kind: "scheduler", name: "round-robin", parameters: { weight: 1 } })).message).toBe("round-robin cannot have weight=1");
  });

  it("let another process manage the paths: it hears what the kernel's would, and opens what it likes", async () => {
    const made = lab({ mptcp: { pathManager: userspace } });
    const manager = made.speaker();
    await manager.ask("subscribe", {});
    const socket = await made.connect(1);
    await manager.until(() => manager.kinds().includes("established") && manager.kinds().includes("announced"));
    expect(socket.mptcp.subflows).toHaveLength(1);
    const announced = manager.events.find((event) => event.event === "announced") as { readonly connection: number; readonly address: string };
    const { subflow } = await manager.ask("subflow.add", { connection: announced.connection, localAddress: "10.1.0.1", remoteAddress: announced.address });
    await manager.until(() => manager.kinds().at(-1) === "sub-established");
    await manager.ask("address.announce", { connection: announced.connection, addressId: 2 });
    while ((made.server.counters()["MPTcpExtAddAddr"] ?? 0) === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(socket.mptcp.subflows.map(({ localAddress, remoteAddress }) => `${localAddress} ${remoteAddress}`)).toEqual(["10.0.0.1 10.0.0.2", "10.1.0.1 10.1.0.2"]);
    // What it ends stays so.
    await manager.ask("subflow.remove", { connection: announced.connection, subflow });
    await manager.until(() => manager.kinds().at(-1) === "sub-closed");
    // Unless the one that is chosen next sees to it.
    expect(await manager.ask("policy.set", { kind: "pathManager", name: "full-mesh" })).toEqual({ connections: 1 });
    await manager.until(() => manager.kinds().filter((kind) => kind === "sub-established").length === 5);
  });

  it("say which addresses a connection uses and tells of (RFC 6897)", async () => {
    const made = lab();
    const socket = await made.connect(4);
    const speaker = made.speaker();
    await speaker.ask("address.remove", { address: "10.1.0.1" });
    while (socket.mptcp.subflows.length > 2) await new Promise((resolve) => setImmediate(resolve));
    expect((await speaker.refusal("address.remove", { address: "10.1.0.1" })).message).toBe("the connection did not use 10.1.0.1; it uses 10.0.0.1");
    expect((await speaker.refusal("address.add", { address: "10.7.0.1" })).message).toBe("the host does not have 10.7.0.1; it has 10.0.0.1, 10.1.0.1");
    await speaker.ask("address.add", { address: "10.1.0.1" });
    while (socket.mptcp.subflows.length < 4) await new Promise((resolve) => setImmediate(resolve));
    // What another process's path manager would do: an announcement taken back, and made again with a port.
    await speaker.ask("address.withdraw", { addressId: 2 });
    expect((await speaker.refusal("address.withdraw", { addressId: 2 })).message).toBe("no address of id 2 was announced");
    await speaker.ask("address.announce", { addressId: 2, port: 4000 });
    expect((await speaker.refusal("address.announce", { addressId: 9 })).message).toBe("the connection has no address of id 9; there are 0 10.0.0.1, 2 10.1.0.1");
  });
});

describe("events over a control", () => {
  it("tell the life of a connection, with the kernel's names and in their order", async () => {
    const made = lab();
    const speaker = made.speaker();
    await speaker.ask("subscribe", {});
    const socket = await made.connect(4);
    socket.destroy();
    await speaker.until(() => speaker.kinds().includes("closed"));
    const kinds = speaker.kinds();
    expect(kinds.slice(0, 2)).toEqual(["created", "sub-established"]);
    expect(kinds).toContain("established");
    expect(kinds).toContain("announced");
    expect(kinds.filter((kind) => kind === "sub-established")).toHaveLength(4);
    expect(kinds.indexOf("established")).toBeLessThan(kinds.lastIndexOf("sub-established"));
    const created = speaker.events[0] as { readonly token: string };
    for (const event of speaker.events) expect(event).toMatchObject({ connection: 1, token: created.token });
    expect(speaker.events.find((event) => event.event === "announced")).toMatchObject({ addressId: 2, address: "10.1.0.2", port: null });
  });

  it("are those that were asked for: kinds, a connection, decisions", async () => {
    const made = lab();
    await made.connect();
    const [some, one, decisions, segments] = [made.speaker(), made.speaker(), made.speaker(), made.speaker()];
    await some.ask("subscribe", { events: ["sub-closed"] });
    await one.ask("subscribe", { connection: 1 });
    await decisions.ask("subscribe", { decisions: [] });
    await segments.ask("subscribe", { decisions: ["schedule"] });
    const other = await made.connect(4, 81);
    other.destroy();
    await some.until(() => some.events.length >= 4);
    await decisions.until(() => JSON.stringify(decisions.events).includes("connection_closed"));
    expect(new Set(some.kinds())).toEqual(new Set(["sub-closed"]));
    expect(one.events).toEqual([]);
    const told = decisions.events.map((event) => (event as unknown as { decision: { kind: string } }).decision.kind);
    expect(told).toContain("tcp_state");
    expect(told).not.toContain("schedule");
    expect(segments.events.length).toBeGreaterThan(0);
    expect(new Set(segments.events.map((event) => (event as unknown as { decision: { kind: string } }).decision.kind))).toEqual(new Set(["schedule"]));
    await some.ask("unsubscribe", {});
    const before = some.events.length;
    (await made.connect(4, 82)).destroy();
    await decisions.until(() => decisions.events.filter((event) => JSON.stringify(event).includes("connection_closed")).length === 2);
    expect(some.events).toHaveLength(before);
  });

  it("cost nothing while nobody listens", async () => {
    const made = lab();
    const { host } = made.client.runtime;
    expect(host.observer).toBeNull();
    const speaker = made.speaker();
    await speaker.ask("status", {});
    expect(host.observer).toBeNull();
    await speaker.ask("subscribe", {});
    expect(host.observer).not.toBeNull();
    expect(host.observer?.perSegment).toBe(false);
    speaker.stream.end();
    await speaker.served;
    expect(host.observer).toBeNull();
  });

  it("are told of a connection that came from elsewhere, and keep none from going", async () => {
    const made = lab();
    const socket = await made.connect(4);
    const speaker = made.speaker();
    await speaker.ask("subscribe", {});
    const snapshot = socket.detach();
    expect((await speaker.ask("status", {})).connections).toEqual([]);
    made.client.restore(snapshot);
    const { connections } = await speaker.ask("status", {});
    expect(connections).toHaveLength(1);
    await speaker.ask("subflow.remove", { subflow: 3 });
    await speaker.until(() => speaker.kinds().includes("sub-closed"));
    expect(speaker.events).toMatchObject([{ event: "sub-closed", connection: connections[0]?.connection, token: connections[0]?.token, subflow: 3 }]);
  });

  it("are lost, and counted, for a client that does not read; the others hear all, and nothing waits for it", async () => {
    const made = lab();
    const [deaf, other] = [made.speaker(), made.speaker()];
    await deaf.ask("subscribe", {});
    await other.ask("subscribe", {});
    deaf.stream.pause();
    const event = { event: "removed", atMicroseconds: 1, connection: 1, token: null, addressId: 1 } as const;
    for (let round = 0; round < 10; round++) {
      for (let i = 0; i < 1000; i++) made.core.onEvent(event);
      await other.until(() => other.events.length === (round + 1) * 1000);
    }
    expect(deaf.events).toEqual([]);
    deaf.stream.resume();
    await deaf.until(() => deaf.kinds().includes("lost"));
    const told = deaf.events.reduce((sum, one) => sum + (one.event === "lost" ? one.count : 1), 0);
    expect(told).toBe(10_000);
    // What waited for it are some thousand lines.
    expect(deaf.events.length).toBeLessThan(3000);
    // It goes on with what comes now.
    made.core.onEvent(event);
    await deaf.until(() => deaf.kinds().at(-1) === "removed");
  });
});

describe("what a client says wrong", () => {
  it.each([
    ["no JSON", "{", "invalid-json"],
    ["no object", "[1]", "invalid-request"],
    ["null", "null", "invalid-request"],
    ["nothing", "", "invalid-json"],
    ["no id", '{"method":"status"}', "invalid-request"],
    ["an id that is none", '{"id":1.5,"method":"status"}', "invalid-request"],
    ["an unknown field", '{"id":1,"method":"status","parameters":{}}', "invalid-request"],
    ["a prototype's key", '{"id":1,"method":"status","__proto__":{"params":{}}}', "invalid-request"],
    ["no method", '{"id":1}', "invalid-request"],
    ["an unknown method", '{"id":1,"method":"toString"}', "unknown-method"],
    ["a prototype's method", '{"id":1,"method":"__proto__"}', "unknown-method"],
    ["params that are none", '{"id":1,"method":"status","params":[]}', "invalid-params"],
    ["an unknown parameter", '{"id":1,"method":"status","params":{"all":true}}', "invalid-params"],
    ["a prototype's key as a parameter", '{"id":1,"method":"status","params":{"__proto__":{"connection":1}}}', "invalid-params"],
    ["a parameter of another type", '{"id":1,"method":"status","params":{"connection":"1"}}', "invalid-params"],
    ["a parameter that is missing", '{"id":1,"method":"subflow.remove","params":{}}', "invalid-params"],
    ["a connection by both names", '{"id":1,"method":"status","params":{"connection":1,"token":"00000000"}}', "invalid-params"],
    ["an unknown event", '{"id":1,"method":"subscribe","params":{"events":["lost"]}}', "invalid-params"],
  ])("is answered, and the next request is done: %s", async (_name, line, code) => {
    const speaker = lab().speaker();
    expect((await speaker.answerTo(line))["error"]).toMatchObject({ code });
    expect(await speaker.ask("status", {})).toHaveProperty("name", "client");
  });

  it("ends the conversation where a line does not end", async () => {
    const speaker = lab().speaker();
    const answer = await speaker.answerTo(`{"id":1,"method":"${"x".repeat(70_000)}`);
    expect(answer).toEqual({ id: null, error: { code: "too-long", message: "a line has at most 65536 octets" } });
    await speaker.served;
  });

  it("never throws, whatever it is", async () => {
    const made = lab();
    await made.connect();
    const values = fc.jsonValue({ maxDepth: 3 });
    const keys = fc.constantFrom("connection", "token", "address", "addressId", "id", "subflow", "kind", "name", "parameters", "events", "decisions", "port", "__proto__", "constructor", "backup", "localAddress", "remoteAddress", "subflows");
    const worth = fc.oneof(values, fc.constantFrom<unknown>("10.0.0.1", "10.1.0.1", 1, 2, "scheduler", "round-robin", true, "::", "ffffffff"));
    const request = fc.record({ id: fc.oneof(fc.integer(), values), method: fc.constantFrom(...Object.keys(METHODS), "hasOwnProperty"), params: fc.oneof(values, fc.dictionary(keys, worth)) }, { requiredKeys: [] });
    const line = fc.oneof(fc.string(), fc.json(), request.map((value) => JSON.stringify(value)));
    const before = process.listenerCount("uncaughtException");
    await fc.assert(
      fc.asyncProperty(fc.array(line, { minLength: 1, maxLength: 20 }), async (lines) => {
        const speaker = made.speaker();
        for (const one of lines) speaker.say(one.replaceAll("\n", " "));
        // An answer each, which is of a known form; and it is still there.
        await speaker.ask("policy.list", {});
        expect(speaker.messages.filter((message) => "id" in message)).toHaveLength(lines.length + 1);
        speaker.stream.end();
        await speaker.served;
      }),
      { numRuns: 60 },
    );
    expect(process.listenerCount("uncaughtException")).toBe(before);
  });

  it("may come in pieces, or all at once", async () => {
    const made = lab();
    const speaker = made.speaker();
    const text = Array.from({ length: 200 }, (_, id) => `${JSON.stringify({ id, method: "status", params: {} })}\n`).join("");
    speaker.stream.write(text.slice(0, 4000));
    for (const letter of text.slice(4000, 4100)) {
      speaker.stream.write(letter);
      await new Promise((resolve) => setImmediate(resolve));
    }
    speaker.stream.write(text.slice(4100));
    await speaker.until(() => speaker.messages.length === 201);
    expect(speaker.messages.slice(1).map((message) => message["id"])).toEqual(Array.from({ length: 200 }, (_, id) => id));
  });

  it("does not fill the memory with answers that nobody reads", async () => {
    const made = lab();
    await made.connect(4);
    const speaker = made.speaker();
    await speaker.ask("status", {});
    speaker.stream.pause();
    let answered = 0;
    const run = made.core.run.bind(made.core);
    made.core.run = (method, params) => {
      answered++;
      return run(method, params);
    };
    for (let i = 0; i < 2000; i++) speaker.say('{"id":1,"method":"status"}');
    for (let i = 0; i < 2500; i++) await new Promise((resolve) => setImmediate(resolve));
    // 256 Ki characters are some eighty answers of this host's.
    expect(answered).toBeLessThan(300);
    speaker.stream.resume();
    await speaker.until(() => speaker.messages.length === 2002);
  });
});
