import { describe, expect, it } from "vitest";
import { MILLISECOND, SECOND, SeededRandom } from "../../src/core/index.ts";
import type { RandomSources } from "../../src/core/index.ts";
import { BulkSender, PacedSender, Simulation, Sink } from "../../src/sim/index.ts";
import { IpAddress } from "../../src/wire/index.ts";
import type { TcpSegment } from "../../src/wire/index.ts";
import { runInPieces } from "./cut.ts";
import { buildWorld, Recorder, SMALL_WORLD } from "./small-world.ts";
import type { Traces, World } from "./small-world.ts";

const UNTIL = 3 * SECOND;

function run(seed: number, order: number, world: World = SMALL_WORLD, add: (simulation: Simulation) => void = () => {}): { traces: Traces; meetings: number } {
  const recorder = new Recorder();
  const simulation = new Simulation({ seed, observers: [recorder] });
  buildWorld(world, simulation, order, recorder);
  add(simulation);
  simulation.run(UNTIL);
  return { traces: recorder.traces, meetings: recorder.meetings };
}

describe("a run depends on the network and the seed alone", () => {
  it("not on the order in which nodes, links and connections were made", () => {
    for (const seed of [1, 2, 3]) {
      const given = run(seed, 0);
      expect(given.traces.size).toBeGreaterThan(4 * SMALL_WORLD.links.length);
      // Packets of several links do meet at a node: it is their order that is at stake.
      expect(given.meetings).toBeGreaterThan(100);
      for (const order of [1, 2, 3, 4]) expect(run(seed, order).traces).toEqual(given.traces);
    }
    expect(run(1, 0).traces).not.toEqual(run(2, 0).traces);
  });

  it("not on what else there is", () => {
    const alone = run(5, 0);
    const others = (simulation: Simulation): void => {
      // Names before, between and after those of the world.
      const [a, m, z] = [simulation.addHost("aaron"), simulation.addHost("mary"), simulation.addHost("zoe")];
      simulation.connect(z, m, { rate: 12e6, delay: 10 * MILLISECOND, loss: 0.02, jitter: MILLISECOND });
      simulation.connect(a, m, { name: "between", rate: 12e6, delay: 10 * MILLISECOND, duplicate: 0.1 });
      z.addAddress(IpAddress.from("10.9.1.1"));
      m.addAddress(IpAddress.from("10.9.1.2"));
      m.addAddress(IpAddress.from("10.9.2.2"), { link: 1 });
      a.addAddress(IpAddress.from("10.9.2.1"));
      const sink = new Sink();
      m.listen(80, () => sink);
      z.connect(IpAddress.from("10.9.1.2"), 80, new BulkSender({ bytes: 300_000 }));
      const random = simulation.randomFor("aaron types");
      a.connect(IpAddress.from("10.9.2.2"), 80, new PacedSender({ size: 50, interval: MILLISECOND, maxInterval: 20 * MILLISECOND, random, count: 50 }));
      // Somebody who comes while the others are at work.
      simulation.at(SECOND, () => {
        const late = simulation.addHost("late");
        simulation.connect(late, m, { delay: MILLISECOND });
        late.addAddress(IpAddress.from("10.9.3.1"));
        m.addAddress(IpAddress.from("10.9.3.2"), { link: 2 });
        late.connect(IpAddress.from("10.9.3.2"), 80, new BulkSender({ bytes: 50_000 }));
        expect(sink.bytesRead).toBeGreaterThan(0);
      });
    };
    const among = run(5, 0, SMALL_WORLD, others);
    for (const [name, trace] of alone.traces) expect([name, among.traces.get(name)]).toEqual([name, trace]);
    expect(among.traces.has("decisions of late")).toBe(true);
  });

  it("not on whether it runs in one piece or in two that hand each other the packets", () => {
    for (const seed of [1, 2, 3]) {
      const whole = run(seed, 0);
      const pieces = runInPieces(SMALL_WORLD, new Set(["alice", "bob", "carol", "dora", "left", "right"]), seed, UNTIL);
      expect(pieces.crossed).toBeGreaterThan(1000);
      expect(pieces.traces).toEqual(whole.traces);
    }
  });

  it("lets one purpose of one host have another source: the others draw what they drew", () => {
    const syn = (random: Partial<RandomSources>): TcpSegment => {
      const simulation = new Simulation({ seed: 3 });
      const [a, b] = [simulation.addHost("a", { random }), simulation.addHost("b")];
      const link = simulation.connect(a, b);
      a.addAddress(IpAddress.from("10.0.0.1"));
      const seen: TcpSegment[] = [];
      link.forward.addTap({ entered: (packet) => seen.push(packet.tcp as TcpSegment), delivered: () => {}, dropped: () => {} });
      a.connect(IpAddress.from("10.0.0.2"), 80, new Sink());
      return seen[0] as TcpSegment;
    };
    const [plain, other] = [syn({}), syn({ sequenceNumbers: new SeededRandom(1000) })];
    expect(other.sequence).not.toBe(plain.sequence);
    expect([other.sourcePort, other.timestampValue]).toEqual([plain.sourcePort, plain.timestampValue]);
  });

  it("and refuses two nodes or two links of one name; links without a name are numbered", () => {
    const simulation = new Simulation();
    const [a, b] = [simulation.addHost("a"), simulation.addRouter("b")];
    expect(() => simulation.addRouter("a")).toThrow("there is a node a already");
    expect(() => simulation.addHost("b")).toThrow("there is a node b already");
    expect(simulation.addHost("c").name).toBe("c");
    expect([simulation.connect(a, b), simulation.connect(a, b), simulation.connect(b, a), simulation.connect(a, b)].map(({ name }) => name)).toEqual(["a-b", "a-b-2", "b-a", "a-b-3"]);
    expect(() => simulation.connect(a, b, { name: "a-b-2" })).toThrow("there is a link a-b-2 already");
    expect(() => simulation.connect(a, b, { name: "wrong", backward: { delay: -1 } })).toThrow("delay");
    expect(simulation.connect(a, b, { name: "wrong" }).name).toBe("wrong");
    expect(simulation.links.length).toBe(5);
  });
});
