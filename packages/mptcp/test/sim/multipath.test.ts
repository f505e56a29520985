import { describe, expect, it } from "vitest";
import { CaptureReader, PcapngWriter } from "../../src/capture/index.ts";
import type { CaptureRecord } from "../../src/capture/index.ts";
import { MILLISECOND, SECOND } from "../../src/core/index.ts";
import type { DecisionEvent } from "../../src/core/index.ts";
import { BulkSender, CaptureRecorder, chain, DelayMeter, DIRECTION, Middlebox, PacedSender, Simulation, Sink, twoPaths } from "../../src/sim/index.ts";
import type { Scheduler } from "../../src/mptcp/index.ts";
import type { MiddleboxEnvironment } from "../../src/sim/index.ts";
import { decodePacket, IpAddress, Packet } from "../../src/wire/index.ts";

const WIFI = { rate: 20e6, delay: 10 * MILLISECOND, queue: { packets: 60 } };
const LTE = { rate: 10e6, delay: 30 * MILLISECOND, queue: { packets: 100 } };

/** Takes turns without a memory of its own: whoever has least in flight. */
const leastInFlight: Scheduler = {
  name: "least in flight",
  select: (subflows) => subflows.filter(({ hasRoom }) => hasRoom).toSorted((x, y) => x.inFlight - y.inFlight)[0] ?? null,
};

function first(addresses: readonly (readonly IpAddress[])[]): IpAddress {
  return addresses[0]?.[0] as IpAddress;
}

describe("Multipath TCP in the simulator", () => {
  it("uses both paths, and goes on over one when the other goes silent", () => {
    const events: DecisionEvent[] = [];
    const simulation = new Simulation({ seed: 4, observers: [{ event: (event) => events.push(event) }] });
    const { client, server, access, serverAddresses } = twoPaths(simulation, { paths: [WIFI, LTE] });
    const sink = new Sink();
    const meter = new DelayMeter(8192);
    const bytes = 20_000_000;
    server.listen(80, () => sink);
    client.connect(first(serverAddresses), 80, new BulkSender({ bytes, meter }));
    sink.whenReceived(bytes / 2, (now) => access[0]?.down(now));
    simulation.run(5 * SECOND);
    const [wifi, lte] = access.map((link) => link.forward.bytesDelivered) as [number, number];
    expect(wifi).toBeGreaterThan(5_000_000);
    expect(lte).toBeGreaterThan(2_000_000);
    simulation.run(120 * SECOND);
    expect(sink.bytesRead).toBe(bytes);
    expect(sink.closedAt).toBeGreaterThan(0);
    expect(events.some((event) => event.kind === "link" && event.host === "path1>" && event.change === "down")).toBe(true);
    expect(events.some((event) => event.kind === "packet_lost" && event.cause === "down")).toBe(true);
  });

  it("downloads too: the server may be the one that writes", () => {
    const simulation = new Simulation();
    const { client, server, access, serverAddresses } = twoPaths(simulation, { paths: [WIFI, LTE], serverAddresses: 2 });
    const meter = new DelayMeter(8192);
    server.listen(80, () => new BulkSender({ bytes: 10_000_000, meter }));
    const sink = new Sink({ meter });
    client.connect(first(serverAddresses), 80, sink);
    simulation.run(30 * SECOND);
    expect(sink.bytesRead).toBe(10_000_000);
    expect(sink.error).toBeNull();
    for (const link of access) expect(link.backward.bytesDelivered).toBeGreaterThan(1_000_000);
    expect(meter.delays.length).toBe(Math.floor(10_000_000 / 8192));
    expect(Math.min(...meter.delays)).toBeGreaterThan(10 * MILLISECOND);
  });

  it("asks a link again when another one has sent: turn by turn, a burst leaves at once", () => {
    const simulation = new Simulation();
    const { client, server, access, serverAddresses } = twoPaths(simulation, { paths: [WIFI, LTE], client: { mptcp: { scheduler: () => leastInFlight } } });
    server.listen(80, () => new Sink());
    const burst = new PacedSender({ size: 14 * 1432, interval: 2 * SECOND });
    client.connect(first(serverAddresses), 80, burst);
    const sent = access.map((link) => {
      const times: number[] = [];
      link.forward.addTap({ entered: (packet, _departure, now) => packet.length > 1000 && times.push(now), delivered: () => {}, dropped: () => {} });
      return times;
    });
    simulation.run(1.9 * SECOND);
    for (const times of sent) times.length = 0;
    simulation.run(4 * SECOND);
    const [wifi, lte] = sent as [number[], number[]];
    // 14 segments in turns, and all in the same instant.
    expect(wifi.length).toBeGreaterThanOrEqual(6);
    expect(lte.length).toBeGreaterThanOrEqual(6);
    expect(new Set([...wifi, ...lte]).size).toBe(1);
  });

  it("streams from the server at the server's pace", () => {
    const simulation = new Simulation();
    const { client, server, serverAddresses } = twoPaths(simulation, { paths: [WIFI, LTE] });
    const stream = new PacedSender({ size: 10_000, interval: 40 * MILLISECOND, count: 50 });
    server.listen(80, () => stream);
    const sink = new Sink();
    client.connect(first(serverAddresses), 80, sink);
    simulation.run(10 * SECOND);
    expect(sink.bytesRead).toBe(500_000);
    expect(sink.lastByteAt - sink.firstByteAt).toBeGreaterThan(49 * 40 * MILLISECOND - 20 * MILLISECOND);
    expect(sink.maxStall).toBeLessThan(60 * MILLISECOND);
  });
});

/** Swallows every nth packet on the way out. */
class Swallower extends Middlebox {
  private count = 0;
  private readonly every: number;

  constructor(name: string, environment: MiddleboxEnvironment, every: number) {
    super(name, environment);
    this.every = every;
  }

  protected outward(packet: Packet, now: number): void {
    if (++this.count % this.every === 0) this.drop(packet, "black_hole", now);
    else this.forward(packet, DIRECTION.outward, now);
  }

  protected inward(packet: Packet, now: number): void {
    this.forward(packet, DIRECTION.inward, now);
  }
}

it("a middlebox of one's own chains like any other node", () => {
  const simulation = new Simulation();
  const [client, server, router] = [simulation.addHost("client"), simulation.addHost("server"), simulation.addRouter("router")];
  const swallower = simulation.addMiddlebox("swallower", (name, environment) => new Swallower(name, environment, 50));
  simulation.connect(client, swallower, WIFI);
  simulation.connect(swallower, router);
  simulation.connect(router, server);
  client.addAddress(IpAddress.from("10.0.0.1"));
  server.addAddress(IpAddress.from("10.0.0.2"));
  const sink = new Sink();
  server.listen(80, () => sink, { multipath: false });
  client.connect(IpAddress.from("10.0.0.2"), 80, new BulkSender({ bytes: 500_000 }), { multipath: false });
  simulation.run(30 * SECOND);
  expect(swallower.statistics.dropped).toBeGreaterThan(5);
  expect(sink.bytesRead).toBe(500_000);
});

describe("CaptureRecorder", () => {
  it("writes what each end of a link sees", () => {
    const simulation = new Simulation();
    const { client, server, serverAddresses, links } = chain(simulation, { routers: 1, link: { ...WIFI, loss: 0.01 } });
    const chunks: Uint8Array[] = [];
    const writer = new PcapngWriter((chunk) => chunks.push(chunk));
    const [near, far] = links;
    if (near === undefined || far === undefined) throw new Error("no links");
    new CaptureRecorder(writer).link(near, client);
    new CaptureRecorder(writer).link(far, server);
    const sink = new Sink();
    server.listen(80, () => sink, { multipath: false });
    client.connect(serverAddresses[0] as IpAddress, 80, new BulkSender({ bytes: 200_000 }), { multipath: false });
    simulation.run(20 * SECOND);
    writer.close(simulation.now);
    expect(sink.bytesRead).toBe(200_000);

    const bytes = Uint8Array.from(chunks.flatMap((chunk) => [...chunk]));
    const reader = new CaptureReader(bytes);
    const records: CaptureRecord[] = [...reader];
    expect(reader.problems).toEqual([]);
    expect(reader.interfaces.map(({ name }) => name)).toEqual(["client/link1", "server/link2"]);
    const count = (id: number, direction: string): number => records.filter((r) => r.interfaceId === id && r.direction === direction).length;
    const sent = near.forward.statistics(simulation.now);
    expect(count(0, "out")).toBe(sent.packetsIn - sent.droppedQueue);
    expect(count(0, "in")).toBe(near.backward.packetsDelivered);
    expect(count(1, "in")).toBe(far.forward.packetsDelivered);
    expect(count(1, "in")).toBeLessThan(count(0, "out"));
    for (const record of records) expect(decodePacket(record.bytes, 0, record.bytes.length)).toBeInstanceOf(Packet);
  });
});
