import { setImmediate as turn } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { inNamespace } from "../../src/node/tun/device.ts";
import { systemCalls } from "../../src/node/tun/system-calls.ts";
import { BatchedSockets } from "../../src/node/udp/batched-port.ts";
import type { PortListener, UdpPort } from "../../src/node/udp/port.ts";
import { udpSystemCalls } from "../../src/node/udp/system-calls.ts";
import type { UdpSystemCalls } from "../../src/node/udp/system-calls.ts";
import { IpAddress, Packet, Payload, TCP_FLAG, TcpSegment } from "../../src/wire/index.ts";
import { kernelTestObstacle, Namespace } from "./namespace.ts";
import { UdpEnd } from "./udp-end.ts";

const calls = udpSystemCalls();
const obstacle = calls === null ? "koffi is not there" : kernelTestObstacle();
if (obstacle !== null) console.warn(`UDP links over paths of the kernel are not tested: ${obstacle}`);

const NEAR = IpAddress.from("10.77.0.1");
const FAR = IpAddress.from("10.77.0.2");
const PORT = 5000;
const LENGTH = 60_000;

/** Two namespaces with a cable between them. */
describe.skipIf(obstacle !== null)("batched UDP sockets over a path of the kernel's", () => {
  let near: Namespace;
  let far: Namespace;

  beforeAll(() => {
    near = new Namespace();
    far = new Namespace();
    near.run("ip", "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", far.name);
    near.run("ip", "address", "add", `${NEAR}/24`, "dev", "wire");
    far.run("ip", "address", "add", `${FAR}/24`, "dev", "wire");
    far.run("ip", "address", "add", "fe80::1/64", "dev", "wire", "nodad");
    near.run("ip", "address", "add", "fe80::2/64", "dev", "wire", "nodad");
    for (const one of [near, far]) one.run("ip", "link", "set", "wire", "up");
  });

  afterAll(async () => {
    await UdpEnd.killAll();
    await near?.close();
    await far?.close();
  });

  /** One end, whose socket is in `namespace`. */
  async function open(namespace: Namespace, local: IpAddress): Promise<{ sockets: BatchedSockets; port: UdpPort; state: { bytes: number; rooms: number }; close(): Promise<void> }> {
    const state = { bytes: 0, rooms: 0 };
    const listener: PortListener = {
      arrived: ({ tcp }) => (state.bytes += tcp?.payload.length ?? 0),
      rejected: () => {},
      erred: () => {},
      batchEnd: () => {},
      room: () => state.rooms++,
    };
    const sockets = new BatchedSockets(calls as UdpSystemCalls, listener, 1500, 4 << 20);
    const port = inNamespace(await systemCalls(), namespace.path, () => sockets.open(local, PORT));
    sockets.ref();
    const close = async (): Promise<void> => {
      await port.close();
      await sockets.close();
    };
    return { sockets, port, state, close };
  }

  function packet(): Packet {
    const made = new Packet(NEAR, FAR);
    const payload = Payload.of(new Uint8Array(LENGTH).fill(7));
    made.tcp = Object.assign(new TcpSegment(), { sourcePort: PORT, destinationPort: PORT, flags: TCP_FLAG.ACK, segmentSize: 1448, payload });
    return made;
  }

  async function until(condition: () => boolean): Promise<void> {
    while (!condition()) await turn();
  }

  it("hold back what a slow device does not take, and lose nothing", async ({ skip }) => {
    try {
      near.run("tc", "qdisc", "add", "dev", "wire", "root", "tbf", "rate", "100mbit", "burst", "64kb", "limit", "4mb");
    } catch {
      skip("tc cannot make a token bucket filter");
    }
    const [here, there] = [await open(near, NEAR), await open(far, FAR)];
    try {
      let taken = 0;
      for (const goal of [1, 2, 3]) {
        while (here.port.send(packet(), packet().tcp as TcpSegment)) taken++;
        await until(() => here.state.rooms >= goal);
      }
      here.sockets.flush();
      await until(() => there.state.bytes === taken * LENGTH);
      // More than the socket's own buffer took at first.
      expect(taken).toBeGreaterThan(3);
    } finally {
      near.run("tc", "qdisc", "del", "dev", "wire", "root");
      await here.close();
      await there.close();
    }
  });

  it.each(["batched", "dgram"] as const)("take link-local addresses with their zone, %s", async (way) => {
    const ends = [far, near].map(({ name }, i) => new UdpEnd(way, { namespace: name, addresses: [`fe80::${i + 1}%wire`] })) as [UdpEnd, UdpEnd];
    const [server, client] = ends;
    await Promise.all(ends.map((end) => end.next("ready")));
    server.do({ what: "listen" });
    const { port = 0 } = await server.next("listening");
    client.do({ what: "connect", host: "fe80::1", port });
    await client.next("connected");
    for (const [from, to] of [[client, server], [server, client]] as const) {
      from.do({ what: "write", text: "over one link alone" });
      expect(await to.next("data")).toMatchObject({ text: "over one link alone" });
    }
    await UdpEnd.killAll();
  });

  it("send fragments where the path's MTU is smaller than the link's", async () => {
    const [here, there] = [await open(near, NEAR), await open(far, FAR)];
    try {
      for (const one of [near, far]) one.run("ip", "link", "set", "wire", "mtu", "1300");
      expect(here.port.send(packet(), packet().tcp as TcpSegment)).toBe(true);
      here.sockets.flush();
      await until(() => there.state.bytes === LENGTH);
      for (const one of [near, far]) expect(one.counter("IpFragFails")).toBe(0);
      expect(near.counter("IpFragCreates")).toBeGreaterThan(0);
    } finally {
      for (const one of [near, far]) one.run("ip", "link", "set", "wire", "mtu", "1500");
      await here.close();
      await there.close();
    }
  });
});
