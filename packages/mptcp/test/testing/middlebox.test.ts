import { describe, expect, test } from "vitest";
import { randomBelow, SeededRandom } from "../../src/core/index.ts";
import { DIRECTION, Middlebox, middleboxes } from "../../src/sim/index.ts";
import type { Direction, MiddleboxFactory } from "../../src/sim/index.ts";
import { checkMiddlebox } from "../../src/testing/index.ts";
import type { MiddleboxClaims } from "../../src/testing/index.ts";
import type { MptcpOption, Packet, TcpSegment } from "../../src/wire/index.ts";
import { Packet as PacketClass, packetLength, Payload, TCP_FLAG, TcpSegment as Segment } from "../../src/wire/index.ts";

/** Kinds that say of themselves more than nothing. */
const CLAIMS: Readonly<Record<string, MiddleboxClaims>> = {
  corrupter: { transparent: false, answers: true },
  duplicator: { transparent: false, answers: true, connections: true },
  "isn-randomiser": { rewrites: true },
  nat44: { rewrites: true },
  "payload-editor": { edits: true },
  "proactive-acker": { answers: true, transparent: false, connections: true },
  "rst-injector": { answers: true, connections: false },
  "terminating-proxy": { rewrites: true, answers: true, connections: true },
};

describe("our middleboxes conform", () => {
  test.each(Object.entries(middleboxes))("%s, as it is by default", (name, kind) => {
    expect(checkMiddlebox(kind(), CLAIMS[name])).toEqual([]);
  });

  test.each<[string, Record<string, unknown>, MiddleboxClaims?]>([
    ["option-stripper", { options: ["timestamps", "mss", "sack-permitted", "window-scale"], segments: ["syn", "syn-ack"] }],
    ["option-stripper", { segments: ["third-ack"], afterBytes: 0 }],
    ["option-stripper", { options: ["dss"], afterBytes: 50_000, direction: "outward" }, { connections: false }],
    ["splitter", { size: 300, options: "first" }],
    ["coalescer", { wait: 5_000_000, direction: "inward" }],
    ["coalescer", { options: "first", size: 3000, wait: 1_000_000 }, { connections: false }],
    ["coalescer", { options: "last", size: 3000, wait: 1_000_000 }, { connections: false }],
    ["black-hole", { segments: ["syn"] }, { connections: true }],
    ["black-hole", { segments: ["third-ack"], afterTime: 5_000_000 }],
    ["ack-filter", { options: "ignore", wait: 20_000_000 }],
    ["corrupter", { checksum: "good", octets: 40 }, { edits: true }],
    ["duplicator", { fraction: 1, copies: 3, wait: 7_000_000 }, { transparent: false, answers: true, connections: true }],
    ["ecn-bleacher", { codepoints: "ce", flags: "all" }],
    ["hole-holder", { wait: 3_000_000, packets: 3 }],
    ["hole-holder", { wait: 3_000_000, packets: 3, fate: "drop" }],
    ["isn-randomiser", { sack: "leave", direction: "outward" }, { rewrites: true }],
    ["mss-clamp", { size: 300 }],
    ["nat44", { ports: "random", restartAfter: 400_000_000 }, { rewrites: true, connections: false }],
    ["normaliser", { port: 0, timestamps: "remove" }],
    ["option-duplicator", { copies: 9 }],
    ["option-reorderer", { order: "shuffled" }],
    ["payload-editor", { length: "longer", every: 3000, octets: 700 }, { edits: true }],
    ["payload-editor", { length: "shorter", every: 3000, octets: 700 }, { edits: true }],
    ["proactive-acker", { options: "last", buffer: 5000 }, { answers: true, transparent: false, connections: true }],
    ["reorderer", { fraction: 0.5, wait: 30_000_000 }],
    ["stateful-firewall", { opens: "inside" }],
    ["stateful-firewall", { refusal: "reset", opens: "inside" }, { answers: true }],
    ["syn-ack-rewriter", { options: "add" }],
    ["syn-data-dropper", { what: "segment" }],
    ["window-clamp", { window: 3000 }],
    ["window-scale-rewriter", { scale: 5, windows: "leave" }],
  ])("%s %j", (name, parameters, claims) => {
    expect(checkMiddlebox(middleboxes[name]!(parameters), claims)).toEqual([]);
  });
});

/** A box that does something in both directions. */
function box(handle: (send: (packet: Packet, direction: Direction) => void, packet: Packet, direction: Direction, random: () => number) => void): MiddleboxFactory {
  class Broken extends Middlebox {
    protected outward(packet: Packet, now: number): void {
      this.handle(packet, DIRECTION.outward, now);
    }
    protected inward(packet: Packet, now: number): void {
      this.handle(packet, DIRECTION.inward, now);
    }
    private handle(packet: Packet, direction: Direction, now: number): void {
      handle((out, way) => this.forward(out, way, now), packet, direction, () => this.random.uint32());
    }
  }
  return (name, environment) => new Broken(name, environment);
}

function casesOf(factory: MiddleboxFactory, claims: MiddleboxClaims = {}): string[] {
  return [...new Set(checkMiddlebox(factory, claims).map((one) => one.case))];
}

const hasData = (packet: Packet): boolean => packet.tcp !== null && packet.tcp.payload.length > 0;

describe("a middlebox is found out that", () => {
  test("loses packets without a word; with one it may", () => {
    const leaky = (loses: (packet: Packet) => boolean): MiddleboxFactory =>
      box((send, packet, direction, random) => {
        if (!loses(packet) || random() % 20 !== 0) send(packet, direction);
      });
    const [found] = checkMiddlebox(leaky(hasData));
    expect(found?.case).toBe("loss");
    expect(found?.problem).toMatch(/^byte \d+ of \S+ > \S+ does not come out; in all \d+ bytes of payload and 0 packets without payload are missing, and it told of 0 lost packets$/);
    expect(found?.contract).toMatch(/Middlebox\.drop/);
    expect(found?.advice).toMatch(/Call `drop/);
    expect(casesOf(leaky((packet) => !hasData(packet)))).toEqual(["loss"]);
    class Honest extends Middlebox {
      protected outward(packet: Packet, now: number): void {
        if (randomBelow(this.random, 20) === 0) this.drop(packet, "black_hole", now);
        else this.forward(packet, DIRECTION.outward, now);
      }
      protected inward(packet: Packet, now: number): void {
        this.forward(packet, DIRECTION.inward, now);
      }
    }
    expect(checkMiddlebox((name, environment) => new Honest(name, environment))).toEqual([]);
  });

  test("repeats bytes", () => {
    const twice = box((send, packet, direction) => {
      const copy = packet.clone();
      send(packet, direction);
      if (hasData(copy)) send(copy, direction);
    });
    expect(casesOf(twice)).toEqual(["bytes"]);
    expect(casesOf(twice, { transparent: false, connections: true })).toEqual([]);
  });

  test("changes bytes, in place or in a copy", () => {
    const change = (inPlace: boolean): MiddleboxFactory =>
      box((send, packet, direction) => {
        if (packet.tcp !== null && hasData(packet)) {
          const bytes = inPlace ? packet.tcp.payload.toUint8Array() : packet.tcp.payload.toUint8Array().slice();
          bytes[0]! ^= 1;
          packet.tcp.payload = Payload.of(bytes);
        }
        send(packet, direction);
      });
    expect(casesOf(change(false))).toEqual(["bytes", "connection"]);
    expect(casesOf(change(true))).toEqual(expect.arrayContaining(["ownership", "bytes", "connection"]));
    // No claim makes it right that a wrong byte is delivered.
    expect(casesOf(change(false), { transparent: false })).toEqual(["connection"]);
  });

  test("makes packets of its own", () => {
    const injector = box((send, packet, direction) => {
      if (packet.tcp !== null && packet.tcp.payload.length > 1000) {
        const reset = new PacketClass(packet.source, packet.destination);
        const { sourcePort, destinationPort, sequence } = packet.tcp;
        reset.tcp = Object.assign(new Segment(), { sourcePort, destinationPort, sequence, flags: TCP_FLAG.RST });
        reset.length = packetLength(reset);
        send(reset, direction);
        send(reset.clone(), direction);
      }
      send(packet, direction);
    });
    expect(casesOf(injector, { connections: false })).toEqual(["out of thin air"]);
    expect(casesOf(injector, { connections: false, answers: true })).toEqual([]);
    expect(casesOf(injector, { answers: true })).toEqual(["connection"]);
  });

  test("sends packets back", () => {
    const mirror = box((send, packet, direction) => send(packet, direction === 0 ? 1 : 0));
    expect(casesOf(mirror)).toEqual(["out of thin air", "connection"]);
  });

  test("changes what it has sent on, or sends it twice", () => {
    let last: Packet | null = null;
    const meddler = box((send, packet, direction) => {
      if (last !== null) last.trafficClass = 0x20;
      last = packet;
      send(packet, direction);
    });
    expect(casesOf(meddler)).toEqual(["ownership"]);
    const again = box((send, packet, direction) => {
      send(packet, direction);
      if (!hasData(packet)) send(packet, direction);
    });
    expect(casesOf(again)).toEqual(expect.arrayContaining(["ownership", "out of thin air"]));
  });

  test("changes options that packets share", () => {
    const strip = box((send, packet, direction) => {
      if (packet.tcp !== null) (packet.tcp.mptcp as MptcpOption[]).length = 0;
      send(packet, direction);
    });
    expect(casesOf(strip)).toContain("throws");
  });

  test("lowers the hop limit, or leaves a length untrue", () => {
    expect(
      casesOf(
        box((send, packet, direction) => {
          packet.hopLimit--;
          send(packet, direction);
        }),
      ),
    ).toEqual(["hop limit"]);
    expect(
      casesOf(
        box((send, packet, direction) => {
          if (packet.tcp !== null) packet.tcp.hasTimestamps = false;
          send(packet, direction);
        }),
        { connections: false },
      ),
    ).toEqual(["length"]);
  });

  test("is not the same again with the same seed", () => {
    const shared = new SeededRandom(1);
    const moody = box((send, packet, direction) => {
      if (randomBelow(shared, 10) > 0) send(packet, direction);
    });
    expect(casesOf(moody, { transparent: false })).toEqual(["the same again"]);
  });

  test("remembers every connection that ever was", () => {
    class Hoarder extends Middlebox {
      readonly known = new Map<string, TcpSegment>();
      protected outward(packet: Packet, now: number): void {
        if (packet.tcp !== null) this.known.set(`${packet.source}:${packet.tcp.sourcePort}`, packet.tcp);
        this.forward(packet, DIRECTION.outward, now);
      }
      protected inward(packet: Packet, now: number): void {
        this.forward(packet, DIRECTION.inward, now);
      }
    }
    const hoarder: MiddleboxFactory = (name, environment) => new Hoarder(name, environment);
    expect(casesOf(hoarder, { flows: 1000 })).toEqual(["memory"]);
  });
});
