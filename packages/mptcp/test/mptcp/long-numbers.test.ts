import { describe, expect, test } from "vitest";
import { WrapWatch } from "../../src/mptcp/data/wrap-watch.ts";
import { BulkSender, DIRECTION, Middlebox, multiPath, Simulation, Sink } from "../../src/sim/index.ts";
import type { Dss, Packet } from "../../src/wire/index.ts";
import { DataSequenceSpace } from "../../src/wire/index.ts";
import { option, Pair, SECOND } from "./pair.ts";
import type { App, PairOptions, Sent } from "./pair.ts";

const HALF = 2 ** 31;

function establish(options: PairOptions = {}): { pair: Pair; client: App; server: App } {
  const pair = new Pair(options);
  return { pair, ...pair.establish() };
}

function whole(...apps: [App, number][]): void {
  for (const [app, bytes] of apps) expect([app.received, app.corrupt]).toEqual([bytes, false]);
}

function dssOf(sent: Sent): Dss | null {
  return option(sent.segment, "dss");
}

describe("the watch over the rate", () => {
  /** At `rate` bytes per second for so many seconds: where full numbers were due first, seconds; -1: never. */
  function dueAt(rate: number, seconds: number, watch = new WrapWatch()): number {
    for (let ms = 0; ms <= seconds * 1000; ms += 100) if (watch.look((rate * ms) / 1000, ms * 1e6)) return ms / 1000;
    return -1;
  }

  test("asks for full numbers once half of the 32-bit space goes by in two minutes", () => {
    expect(dueAt(HALF / 119, 300)).toBeCloseTo(119, 0);
    expect(dueAt(HALF / 10, 300)).toBeCloseTo(10, 0);
    expect(dueAt(HALF / 121, 3600)).toBe(-1);
  });

  test("hears of a slow stream that gets fast, and does not forget", () => {
    const watch = new WrapWatch();
    expect(dueAt(1e6, 3600, watch)).toBe(-1);
    let due = -1;
    for (let s = 0; due < 0 && s < 60; s++) if (watch.look(3.6e9 + s * 1e8, (3600 + s) * SECOND)) due = s;
    expect(due * 1e8).toBeGreaterThan(HALF * 0.9);
    expect(due * 1e8).toBeLessThan(HALF * 1.1);
    expect(watch.look(3.6e9, 1e6 * SECOND)).toBe(true);
  });
});

/** Notes the lengths of the numbers that pass, in the order in which they change. */
class Meter extends Middlebox {
  readonly lengths: string[] = [];
  longest = 0;

  protected outward(packet: Packet, now: number): void {
    this.note(packet, "dsn", (dss) => dss.dsnLength);
    this.forward(packet, DIRECTION.outward, now);
  }

  protected inward(packet: Packet, now: number): void {
    this.note(packet, "ack", (dss) => dss.dataAckLength);
    this.forward(packet, DIRECTION.inward, now);
  }

  private note(packet: Packet, what: string, lengthOf: (dss: Dss) => number): void {
    this.longest = Math.max(this.longest, packet.length);
    for (const one of packet.tcp?.mptcp ?? []) {
      if (one.kind !== "dss" || lengthOf(one) === 0) continue;
      const text = `${what} ${lengthOf(one)}`;
      if (!this.lengths.includes(text)) this.lengths.push(text);
    }
  }
}

describe("full numbers", () => {
  test.each([
    [1e9, ["dsn 4", "ack 4", "ack 8", "dsn 8"]],
    [100e6, ["dsn 4", "ack 4"]],
  ])("at %d bit/s: more than half of the 32-bit space is sent", (rate, expected) => {
    const simulation = new Simulation({ seed: 3 });
    let meter: Meter | null = null;
    const path = { rate, delay: 1e6, mtu: 65535, queue: { packets: 200 }, middleboxes: [(name: string, environment: ConstructorParameters<typeof Middlebox>[1]) => (meter = new Meter(name, environment))] };
    const tcp = { mtu: 65535 };
    const { client, server, serverAddresses } = multiPath(simulation, { paths: [path], client: { tcp }, server: { tcp }, serverLinks: { mtu: 65535 } });
    const sink = new Sink();
    server.listen(80, () => sink);
    const bytes = 2 ** 31 + 2 ** 28;
    client.connect((serverAddresses[0] as readonly [never])[0], 80, new BulkSender({ bytes }));
    simulation.run(600 * SECOND);
    expect(sink.bytesRead).toBe(bytes);
    const { lengths, longest } = meter as unknown as Meter;
    expect(lengths.toSorted()).toEqual(expected.toSorted());
    expect(longest).toBeLessThanOrEqual(65535);
  }, 60_000);

  test("are due for data and Data ACKs each on their own", () => {
    const { pair, client, server } = establish();
    // What 2^31 bytes within an instant would have done.
    for (let position = 0; position <= HALF; position += 2 ** 27) server.engine.session.onArrived(position, pair.now);
    const mark = pair.sent.length;
    client.write(10_000);
    pair.run(500);
    const lengths = (from: "client" | "server"): string[] => [...new Set(pair.packets((sent) => sent.from === from && dssOf(sent) !== null, mark).map((sent) => `${dssOf(sent)?.dsnLength} ${dssOf(sent)?.dataAckLength}`))].toSorted();
    expect(lengths("client")).toContain("4 4");
    expect(lengths("server")).toEqual(["0 8"]);
    whole([server, 10_000]);
  });

  test("and short ones are understood in any order (RFC 8684 §3.3.1: the length may change with each packet)", () => {
    const { pair, client, server } = establish({ client: { mptcp: { dataSequenceLength: 8 } }, server: { mptcp: { dataSequenceLength: 8 } } });
    let packets = 0;
    let short = 0;
    pair.alter((segment) => {
      for (const one of segment.mptcp) {
        if (one.kind !== "dss" || packets++ % 2 === 0) continue;
        short++;
        Object.assign(one, { ...(one.dsnLength === 0 ? {} : { dsnLength: 4, dsnHigh: 0 }), ...(one.dataAckLength === 0 ? {} : { dataAckLength: 4, dataAckHigh: 0 }) });
      }
    });
    client.write(100_000);
    server.write(100_000);
    client.end();
    server.end();
    pair.run(10_000);
    whole([client, 100_000], [server, 100_000]);
    expect([client.connection.closed, client.connection.error, server.connection.error]).toEqual([true, null, null]);
    expect(short).toBeGreaterThan(50);
  });

  test("and a short one after long ones is read beyond the wrap", () => {
    const space = new DataSequenceSpace(7, 0xffff_fff0);
    const near = 3 * 2 ** 32 + 5;
    for (const position of [near - 1_000_000, near, near + 1_000_000]) {
      expect(space.position(space.high(position), space.low(position))).toBe(position);
      expect(space.positionNear(space.low(position), near)).toBe(position);
    }
  });
});
