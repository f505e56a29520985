import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UdpLink } from "../../src/node/index.ts";
import { kernelTestObstacle, Namespace } from "./namespace.ts";
import { UdpEnd } from "./udp-end.ts";

const obstacle = new UdpLink({ addresses: [] }).isBatched ? kernelTestObstacle() : "koffi is not there";
if (obstacle !== null) console.warn(`forged ICMP messages are not tested: ${obstacle}`);

const SERVER = "127.0.0.1";
const CLIENT = "127.0.0.3";

describe.skipIf(obstacle !== null).each(["batched", "dgram"] as const)("ICMP errors that anybody sends who knows addresses and ports, %s,", (way) => {
  let namespace: Namespace;
  let forger: ChildProcess;
  let server: UdpEnd;
  let client: UdpEnd;

  beforeAll(async () => {
    namespace = new Namespace();
    const options = { namespace: namespace.name };
    forger = spawn("ip", ["netns", "exec", namespace.name, "python3", "-u", fileURLToPath(new URL("peers/forge-icmp.py", import.meta.url))], { stdio: ["pipe", "pipe", "inherit"] });
    server = new UdpEnd(way, { ...options, addresses: [SERVER] });
    client = new UdpEnd(way, { ...options, addresses: [CLIENT] });
    await Promise.all([server.next("ready"), client.next("ready")]);
  });

  afterAll(async () => {
    forger?.kill();
    await UdpEnd.killAll();
    await namespace?.close();
  });

  async function forge(source: string, sourcePort: number, destination: string, destinationPort: number, quotes: readonly ("nothing" | "segment" | "probe")[]): Promise<void> {
    forger.stdin?.write(`${JSON.stringify({ source, sourcePort, destination, destinationPort, count: 300, quotes })}\n`);
    await once(forger.stdout as NodeJS.ReadableStream, "data");
  }

  it("end no connection", async () => {
    server.do({ what: "listen" });
    const { port = 0 } = await server.next("listening");
    client.do({ what: "connect", port });
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
    // Somebody who has the port, and says nothing.
    const silent = new UdpEnd("dgram", { namespace: namespace.name, addresses: [SERVER] });
    await silent.next("ready");
    silent.do({ what: "bind", port: 5001 });
    await silent.next("listening");
    client.do({ what: "connect", port: 5001, localPort: 5002 });
    await silent.next("data");
    await forge(CLIENT, 5002, SERVER, 5001, ["segment", "probe"]);
    client.do({ what: "descriptors" });
    expect((await client.next("descriptors")).usage?.["connections"]).toBe(2);
    expect(client.told.map(({ event }) => event)).not.toContain("error");
    await silent.kill();
    expect(await client.next("error")).toMatchObject({ code: "ECONNREFUSED" });
  });
});
