import { describe, expect, it } from "vitest";
import { MILLISECOND, MptcpError, randomBelow, SECOND } from "../../../src/core/index.ts";
import type { DecisionEvent } from "../../../src/core/index.ts";
import { chain, DIRECTION, Middlebox, middleboxes, patternSource, Simulation, Sink, BulkSender } from "../../../src/sim/index.ts";
import type { MiddleboxFactory } from "../../../src/sim/index.ts";
import { IpAddress } from "../../../src/wire/index.ts";
import type { Packet } from "../../../src/wire/index.ts";
import { BoxBench, data, segment } from "./bench.ts";

/** Loses one packet in `n` on the way out, and doubles what comes in. */
class Rough extends Middlebox {
  protected outward(packet: Packet, now: number): void {
    if (randomBelow(this.random, 20) === 0) this.drop(packet, "black_hole", now);
    else this.forward(packet, DIRECTION.outward, now);
  }

  protected inward(packet: Packet, now: number): void {
    const copy = packet.clone();
    this.forward(packet, DIRECTION.inward, now);
    this.forward(copy, DIRECTION.inward, now);
  }
}

const rough: MiddleboxFactory<Rough> = (name, environment) => new Rough(name, environment);

/** client - box - server; the box's inside is the client's. */
function transfer(seed: number): { readonly events: readonly DecisionEvent[]; readonly box: Rough; readonly sink: Sink; readonly finishedAt: number } {
  const events: DecisionEvent[] = [];
  const simulation = new Simulation({ seed, observers: [{ event: (event) => events.push(event) }] });
  const [client, server] = [simulation.addHost("client"), simulation.addHost("server")];
  const box = simulation.addMiddlebox("rough", rough);
  simulation.connect(client, box, { rate: 10e6, delay: 5 * MILLISECOND });
  simulation.connect(box, server);
  client.addAddress(IpAddress.from("10.0.0.1"));
  server.addAddress(IpAddress.from("10.0.0.2"));
  const sink = new Sink();
  server.listen(80, () => sink);
  client.connect(IpAddress.from("10.0.0.2"), 80, new BulkSender({ bytes: 300_000, source: patternSource }));
  simulation.run(60 * SECOND);
  return { events, box, sink, finishedAt: sink.closedAt };
}

describe("a middlebox", () => {
  it("of one's own stands between two links, draws from a source of its own, and tells what it drops", () => {
    const { events, box, sink } = transfer(1);
    expect(sink.bytesRead).toBe(300_000);
    const { seen, sent, dropped } = box.statistics;
    expect(dropped).toBeGreaterThan(5);
    const lost = events.filter((event) => event.kind === "packet_lost" && event.host === "rough");
    expect(lost).toHaveLength(dropped);
    expect(lost[0]).toMatchObject({ cause: "black_hole", connection: -1 });
    // What came in was doubled, what went out was not.
    expect(sent).toBeGreaterThan(seen - dropped);
  });

  it("does the same with the same seed, and another thing with another one", () => {
    const [one, again, other] = [transfer(1), transfer(1), transfer(2)];
    expect([again.finishedAt, again.box.statistics]).toEqual([one.finishedAt, one.box.statistics]);
    expect([other.finishedAt, other.box.statistics]).not.toEqual([one.finishedAt, one.box.statistics]);
  });

  it("keeps the hop limit, passes everything that is not its business, and is not seen by routes", () => {
    const bench = new BoxBench(middleboxes["option-stripper"]!());
    const packet = data(1, 100);
    packet.hopLimit = 17;
    expect(bench.outward(packet)).toEqual([packet]);
    expect(packet.hopLimit).toBe(17);
    const icmp = segment({});
    icmp.tcp = null;
    icmp.icmp = { type: 8, code: 0, word: 0, body: new Uint8Array(4) };
    icmp.length = 32;
    expect(bench.inward(icmp)).toEqual([icmp]);
    expect(bench.box.statistics).toEqual({ seen: 2, sent: 2, changed: 0, dropped: 0 });
    expect([bench.box.addressesOn(), bench.box.passes(0, 1), bench.box.passes(1, 0), bench.box.passes(1, 1)]).toEqual([[], true, true, false]);
  });

  it("has two ports", () => {
    const simulation = new Simulation();
    const { client, routers } = chain(simulation, { routers: 1 });
    const box = simulation.addMiddlebox("box", rough);
    simulation.connect(client, box);
    box.receive(data(1, 10), 0, 0);
    expect(box.statistics.sent).toBe(0);
    simulation.connect(box, routers[0]!);
    expect(() => simulation.connect(box, routers[0]!, { name: "more" })).toThrow(new MptcpError("ERR_SIM_OPTION", "box is a middlebox: a third link, more>, has no port"));
  });
});

describe("the kinds of middleboxes", () => {
  it("are described as data", () => {
    for (const [name, kind] of Object.entries(middleboxes)) {
      expect(kind.text, name).toMatch(/^[A-Z].*\.$/);
      expect(JSON.parse(JSON.stringify(kind.parameters)), name).toEqual(kind.parameters);
      for (const parameter of kind.parameters) expect(parameter.text, `${name} ${parameter.name}`).toMatch(/^[A-Z].*\.$/);
    }
    expect(middleboxes["option-stripper"]?.parameters.map(({ name, type, default: usual }) => [name, type, usual])).toEqual([
      ["options", "list", ["mptcp"]],
      ["direction", "choice", "both"],
      ["segments", "list", ["syn", "syn-ack", "third-ack", "data", "ack", "rst"]],
      ["afterTime", "time", 0],
      ["afterBytes", "octets", 0],
    ]);
  });

  it("take their defaults as parameters", () => {
    for (const kind of Object.values(middleboxes)) {
      const usual = Object.fromEntries(kind.parameters.map((parameter) => [parameter.name, parameter.default]));
      expect(() => kind(usual)).not.toThrow();
    }
  });

  it.each([
    ["option-stripper", { option: ["mptcp"] }, "option-stripper has no parameter option; it has options, direction, segments, afterTime, afterBytes"],
    ["option-stripper", { options: "mptcp" }, /^option-stripper: options is a list of mptcp, mss, .* and numbers of kinds, 2 to 255, not "mptcp"$/],
    ["option-stripper", { options: [] }, /options is a list of/],
    ["option-stripper", { options: [1] }, /options is a list of .*, not \[1\]$/],
    ["option-stripper", { options: ["mp_capable", "nop"] }, /options is a list of .*, not \["mp_capable","nop"\]$/],
    ["black-hole", { segments: ["syn", "fin"] }, 'black-hole: segments is a list of syn, syn-ack, third-ack, data, ack, rst, not ["syn","fin"]'],
    ["black-hole", { direction: "up" }, 'black-hole: direction is one of both, outward, inward, not "up"'],
    ["black-hole", { afterTime: -1 }, "black-hole: afterTime is a time in whole nanoseconds, 0 or more, not -1"],
    ["black-hole", { afterBytes: 0.5 }, "black-hole: afterBytes is a whole number of octets, 0 or more, not 0.5"],
    ["splitter", { size: 0 }, "splitter: size is a whole number of octets, 1 to 65495, not 0"],
    ["splitter", { size: "536" }, 'splitter: size is a whole number of octets, 1 to 65495, not "536"'],
    ["splitter", { options: "last" }, 'splitter: options is one of each, first, not "last"'],
    ["coalescer", { wait: null }, "coalescer: wait is a time in whole nanoseconds, 0 or more, not null"],
  ])("%s refuses %j", (name, parameters, message) => {
    const make = (): unknown => middleboxes[name]!(parameters);
    expect(make).toThrow(MptcpError);
    expect(make).toThrow(message);
  });
});
