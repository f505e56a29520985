import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UdpLink } from "../../src/node/index.ts";
import { kernelTestObstacle, Namespace, python } from "./namespace.ts";
import { UdpEnd } from "./udp-end.ts";

const obstacle = new UdpLink({ addresses: [] }).isBatched ? kernelTestObstacle() : "koffi is not there";
if (obstacle !== null) console.warn(`forged ICMP messages are not tested: ${obstacle}`);

const WAYS = ["batched", "dgram"] as const;
const FAMILIES = [
  { family: "IPv4", SERVER: "127.0.0.1", CLIENT: "127.0.0.3" },
  { family: "IPv6", SERVER: "fd00::1", CLIENT: "fd00::3" },
];
type Quote = "nothing" | "segment" | "probe";

describe.skipIf(obstacle !== null).each(WAYS.flatMap((way) => FAMILIES.map((ends) => ({ way, ...ends }))))("ICMP errors that anybody sends who knows addresses and ports, $way, $family,", ({ way, SERVER, CLIENT }) => {
  let namespace: Namespace;
  let forger: ChildProcess;
  let server: UdpEnd;
  let client: UdpEnd;

  beforeAll(async () => {
    namespace = new Namespace();
    for (const address of ["fd00::1", "fd00::3"]) namespace.run("ip", "address", "add", address, "dev", "lo");
    const options = { namespace: namespace.name };
    forger = spawn("ip", ["netns", "exec", namespace.name, ...python(fileURLToPath(new URL("peers/forge-icmp.py", import.meta.url)))], { stdio: ["pipe", "pipe", "inherit"] });
    server = new UdpEnd(way, { ...options, addresses: [SERVER] });
    client = new UdpEnd(way, { ...options, addresses: [CLIENT] });
    await Promise.all([server.next("ready"), client.next("ready")]);
  });

  afterAll(async () => {
    forger?.kill();
    await UdpEnd.killAll();
    await namespace?.close();
  });

  /** @param sourcePort 0: all of them */
  async function forge(source: string, sourcePort: number, destination: string, destinationPort: number, quotes: readonly Quote[], count = 300): Promise<void> {
    forger.stdin?.write(`${JSON.stringify({ source, sourcePort, destination, destinationPort, count, quotes })}\n`);
    await once(forger.stdout as NodeJS.ReadableStream, "data");
  }

  /** Somebody who has a port, and says nothing. */
  async function silentAt(port: number): Promise<UdpEnd> {
    const silent = new UdpEnd("dgram", { namespace: namespace.name, addresses: [SERVER] });
    await silent.next("ready");
    silent.do({ what: "bind", port });
    await silent.next("listening");
    return silent;
  }

  it("end no connection", async () => {
    server.do({ what: "listen" });
    const { port = 0 } = await server.next("listening");
    client.do({ what: "connect", host: SERVER, port });
    const { port: clientPort = 0 } = await client.next("connected");
    await server.next("accepted");
    const quotes = ["nothing", "segment", "probe"] as const;
    for (let round = 0; round < 5; round++) {
      await Promise.all([client, server].map((end) => end.do({ what: "write" })));
      await forge(CLIENT, clientPort, SERVER, port, quotes);
      await forge(SERVER, port, CLIENT, clientPort, quotes);
      await Promise.all([client.next("data"), server.next("data")]);
    }
    for (const end of [client, server]) expect(end.told.map(({ event }) => event)).not.toContain("close");
  });

  it("end no attempt by a segment that is not its own, and the true one does", { timeout: 20_000 }, async () => {
    const silent = await silentAt(5001);
    client.do({ what: "connect", host: SERVER, port: 5001, localPort: 5002 });
    await silent.next("data");
    await forge(CLIENT, 5002, SERVER, 5001, ["segment", "probe"]);
    client.do({ what: "descriptors" });
    expect((await client.next("descriptors")).usage?.["connections"]).toBe(2);
    expect(client.told.map(({ event }) => event)).not.toContain("error");
    await silent.kill();
    expect(await client.next("error")).toMatchObject({ code: "ECONNREFUSED" });
    await client.next("close");
  });

  it("end neither an attempt nor a connection when they quote nothing, for every port that a question may leave from", { timeout: 30_000 }, async () => {
    server.do({ what: "listen" });
    const { port = 0 } = await server.next("listening");
    client.do({ what: "connect", host: SERVER, port });
    const { port: clientPort = 0 } = await client.next("connected");
    const silent = await silentAt(5003);
    client.do({ what: "connect", host: SERVER, port: 5003, localPort: 5004 });
    // The SYN, what asks, and the SYN again: by then the first error is more than a second old.
    for (let i = 0; i < 3; i++) {
      await silent.next("data");
      await forge(CLIENT, 5004, SERVER, 5003, ["nothing"], 100);
      await forge(CLIENT, clientPort, SERVER, port, ["nothing"], 10);
      for (const peerPort of [5003, port]) await forge(CLIENT, 0, SERVER, peerPort, ["nothing"], 1);
    }
    for (const end of [client, server]) expect(end.told.map(({ event }) => event)).not.toContain("close");
    await silent.kill();
  });
});
