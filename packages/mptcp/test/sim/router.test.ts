import { describe, expect, it } from "vitest";
import { SECOND } from "../../src/core/index.ts";
import type { DecisionEvent } from "../../src/core/index.ts";
import { addressOn, flowHash, NO_ROUTE, Router, RouteTable, Simulation } from "../../src/sim/index.ts";
import { icmpErrorOf, ICMP4_TYPE, ICMP6_TYPE, IpAddress } from "../../src/wire/index.ts";
import { Collector, tcpPacket } from "./support.ts";

const at = (text: string): IpAddress => IpAddress.from(text);

describe("RouteTable", () => {
  it("prefers the longest prefix, in both families", () => {
    const table = new RouteTable();
    table.set(at("0.0.0.0"), 0, [0]);
    table.set(at("10.1.0.0"), 16, [2]);
    table.set(at("10.0.0.0"), 8, [1]);
    table.set(at("10.1.2.3"), 32, [3]);
    table.set(at("fd00:1::"), 33, [5]);
    table.set(at("fd00::"), 16, [4]);
    const look = (text: string): number => table.lookUp(at(text));
    expect(["1.2.3.4", "10.2.0.0", "10.1.9.9", "10.1.2.3"].map(look)).toEqual([0, 1, 2, 3]);
    expect(["fd00:1:7fff::", "fd00:1:8000::", "fd00:2::", "::1"].map(look)).toEqual([5, 4, 4, NO_ROUTE]);
  });

  it("answers right after a change and under conflicts in its cache", () => {
    const table = new RouteTable();
    const addresses = Array.from({ length: 3000 }, (_, i) => addressOn(i % 2 === 0 ? 4 : 6, i, 1));
    addresses.forEach((address, i) => table.set(address, address.family === 4 ? 32 : 128, [i]));
    for (let round = 0; round < 3; round++) addresses.forEach((address, i) => expect(table.lookUp(address)).toBe(i));
    table.set(addresses[7] as IpAddress, 128, [99]);
    // Not the same object, but the same address.
    expect(table.lookUp(at((addresses[7] as IpAddress).toString()))).toBe(99);
  });

  it("keeps a route set by hand against a computed one", () => {
    const table = new RouteTable();
    table.set(at("10.0.0.1"), 32, [1]);
    table.set(at("10.0.0.1"), 32, [2], true);
    table.set(at("10.0.0.2"), 32, [2], true);
    expect(table.lookUp(at("10.0.0.1"))).toBe(1);
    table.clearComputed();
    expect([table.lookUp(at("10.0.0.1")), table.lookUp(at("10.0.0.2"))]).toEqual([1, NO_ROUTE]);
    table.set(at("10.0.0.1"), 32, []);
    expect(table.lookUp(at("10.0.0.1"))).toBe(NO_ROUTE);
  });
});

interface Line {
  readonly simulation: Simulation;
  readonly left: Collector;
  readonly right: Collector;
  readonly routers: readonly Router[];
  readonly events: DecisionEvent[];
}

/** left - r1 - r2 - right; the middle link has an MTU of 1280. */
function line(family: 4 | 6, icmp = true): Line {
  const events: DecisionEvent[] = [];
  const simulation = new Simulation({ observers: [{ event: (event) => events.push(event) }] });
  const left = simulation.add(new Collector("left", addressOn(family, 1, 1)));
  const right = simulation.add(new Collector("right", addressOn(family, 2, 1)));
  const routers = [1, 2].map((i) => simulation.addRouter(`r${i}`, { icmp, addresses: [addressOn(4, 99, i), addressOn(6, 99, i)] }));
  const [first, second] = routers as [Router, Router];
  simulation.connect(left, first, { delay: 1000 });
  simulation.connect(first, second, { delay: 1000, mtu: 1280 });
  simulation.connect(second, right, { delay: 1000 });
  simulation.computeRoutes();
  return { simulation, left, right, routers, events };
}

describe.each([4, 6] as const)("a router, IPv%i", (family) => {
  const from = addressOn(family, 1, 1);
  const to = addressOn(family, 2, 1);

  it("forwards and lowers the hop limit", () => {
    const { simulation, left, right } = line(family);
    left.egresses[0]?.send(tcpPacket(500, 1, from, to), 0);
    simulation.run();
    expect(right.times).toEqual([3000]);
    expect(right.arrivals[0]?.packet.hopLimit).toBe(62);
  });

  it("reports an expired hop limit, from the router where it expired", () => {
    const { simulation, left, right, routers } = line(family);
    const packet = tcpPacket(500, 77, from, to);
    packet.hopLimit = 2;
    left.egresses[0]?.send(packet, 0);
    simulation.run();
    expect(right.arrivals).toEqual([]);
    const report = left.arrivals[0]?.packet;
    expect(report?.source.toString()).toBe(addressOn(family, 99, 2).toString());
    expect(report?.icmp?.type).toBe(family === 4 ? ICMP4_TYPE.timeExceeded : ICMP6_TYPE.timeExceeded);
    expect(report?.icmp && icmpErrorOf(report.icmp, family)?.quoted.sequence).toBe(77);
    expect(routers.map((router) => router.droppedHopLimit)).toEqual([0, 1]);
  });

  it("reports a packet that is too big, with the MTU", () => {
    const { simulation, left, events } = line(family);
    left.egresses[0]?.send(tcpPacket(1400, 5, from, to), 0);
    left.egresses[0]?.send(tcpPacket(1280, 6, from, to), 0);
    simulation.run();
    const icmp = left.arrivals[0]?.packet.icmp;
    expect(left.arrivals.length).toBe(1);
    expect(icmp && icmpErrorOf(icmp, family)).toMatchObject({ kind: "too_big", mtu: 1280, quoted: { sequence: 5, length: 1400 } });
    expect(events).toMatchObject([{ kind: "packet_lost", cause: "mtu", length: 1400, host: "r1" }]);
  });

  it("reports what has no route", () => {
    const { simulation, left } = line(family);
    left.egresses[0]?.send(tcpPacket(500, 5, from, addressOn(family, 50, 1)), 0);
    simulation.run();
    const icmp = left.arrivals[0]?.packet.icmp;
    expect(icmp && icmpErrorOf(icmp, family)).toMatchObject({ kind: "unreachable", code: 0 });
  });

  it("is silent when told to be: a black hole", () => {
    const { simulation, left, routers } = line(family, false);
    left.egresses[0]?.send(tcpPacket(1400, 5, from, to), 0);
    simulation.run();
    expect(left.arrivals).toEqual([]);
    expect(routers.map((router) => router.droppedTooBig)).toEqual([1, 0]);
  });

  it("limits the rate of its reports (RFC 4443 §2.4)", () => {
    const { simulation, left, routers } = line(family);
    for (let i = 0; i < 200; i++) left.egresses[0]?.send(tcpPacket(1400, i, from, to), 0);
    simulation.run();
    expect(routers[0]?.icmpSent).toBe(50);
    simulation.run(simulation.now + SECOND / 100);
    for (let i = 0; i < 200; i++) left.egresses[0]?.send(tcpPacket(1400, i, from, to), simulation.now);
    simulation.run();
    expect(routers[0]?.icmpSent).toBe(60);
  });

  it("does not report from nowhere: no route back, no error about an error", () => {
    const { simulation, left, routers } = line(family);
    left.egresses[0]?.send(tcpPacket(1400, 5, addressOn(family, 51, 1), to), 0);
    simulation.run();
    expect(routers[0]?.icmpSent).toBe(0);
    left.egresses[0]?.send(tcpPacket(500, 5, from, addressOn(family, 50, 1)), simulation.now);
    simulation.run();
    const report = left.arrivals[0]?.packet;
    if (report === undefined) throw new Error("no report");
    report.source = from;
    report.destination = addressOn(family, 50, 1);
    left.egresses[0]?.send(report, simulation.now);
    simulation.run();
    expect(routers[0]?.icmpSent).toBe(1);
  });
});

describe("computed routes", () => {
  it("take the least cost, and share among equals by flow", () => {
    const simulation = new Simulation();
    const a = simulation.add(new Collector("a", addressOn(4, 1, 1)));
    const b = simulation.add(new Collector("b", addressOn(4, 2, 1)));
    const [left, top, bottom, slow, right] = ["left", "top", "bottom", "slow", "right"].map((name) => simulation.addRouter(name)) as Router[];
    if (!left || !top || !bottom || !slow || !right) throw new Error("unreachable");
    simulation.connect(a, left);
    for (const middle of [top, bottom]) {
      simulation.connect(left, middle, { delay: 10 });
      simulation.connect(middle, right, { delay: 10 });
    }
    const expensive = simulation.connect(left, slow, { cost: 5 });
    simulation.connect(slow, right);
    simulation.connect(right, b);
    for (let port = 1; port <= 400; port++) {
      const packet = tcpPacket(100, port, addressOn(4, 1, 1), addressOn(4, 2, 1));
      if (packet.tcp !== null) packet.tcp.sourcePort = port;
      a.egresses[0]?.send(packet, 0);
    }
    simulation.run();
    expect(b.arrivals.length).toBe(400);
    expect(expensive.forward.packetsDelivered).toBe(0);
    const over = simulation.link("left-top").forward.packetsDelivered;
    expect(Math.abs(over - 200)).toBeLessThan(4 * 10);
    expect(over + simulation.link("left-bottom").forward.packetsDelivered).toBe(400);
  });

  it("keep all packets of a flow on one way", () => {
    const packet = tcpPacket(100, 1);
    const other = tcpPacket(1400, 2);
    expect(flowHash(packet, 5)).toBe(flowHash(other, 5));
    expect(flowHash(packet, 5)).not.toBe(flowHash(packet, 6));
  });

  it("let the choice of next hop be replaced", () => {
    const router = new Router("r", { nextHop: (packet, choices) => (packet.tcp?.sequence ?? 0) % choices });
    const got: number[] = [];
    for (let port = 0; port < 3; port++) {
      router.attach({ name: `${port}`, mtu: 1500, maxPacket: 1500, send: () => got.push(port), roomAt: (_, now) => now, listener: null });
    }
    router.addRoute(addressOn(4, 2, 0), 24, 0, 1, 2);
    for (let i = 0; i < 6; i++) router.receive(tcpPacket(100, i, addressOn(4, 1, 1), addressOn(4, 2, 1)), 0, 0);
    expect(got).toEqual([0, 1, 2, 0, 1, 2]);
  });

  it("reach an address over its own interface, and never through another host", () => {
    const simulation = new Simulation();
    const client = simulation.add(new Collector("client", addressOn(4, 1, 1)));
    // Two interfaces with an address each.
    const server = simulation.add(
      new (class extends Collector {
        override addressesOn(port?: number): readonly IpAddress[] {
          return [addressOn(4, 2, 1 + (port ?? 0))];
        }
      })("server"),
    );
    const [r1, r2] = [simulation.addRouter("r1"), simulation.addRouter("r2")];
    simulation.connect(client, r1);
    simulation.connect(r1, server, { name: "one" });
    simulation.connect(r1, r2);
    simulation.connect(r2, server, { name: "two" });
    for (const host of [1, 2]) client.egresses[0]?.send(tcpPacket(100, host, addressOn(4, 1, 1), addressOn(4, 2, host)), 0);
    simulation.run();
    expect(server.arrivals.map(({ packet, port }) => [packet.tcp?.sequence, port])).toEqual([[1, 0], [2, 1]]);
  });
});
