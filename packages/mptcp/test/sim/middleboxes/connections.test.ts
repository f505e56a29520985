import { describe, expect, it } from "vitest";
import { MILLISECOND, SECOND } from "../../../src/core/index.ts";
import { BulkSender, middleboxes, multiPath, patternSource, Simulation, Sink } from "../../../src/sim/index.ts";
import type { AccessPath, MiddleboxFactory, MiddleboxStatistics } from "../../../src/sim/index.ts";
import type { StreamConnection } from "../../../src/tcp/index.ts";
import type { IpAddress } from "../../../src/wire/index.ts";

const BYTES = 600_000;
const PATH: AccessPath = { rate: 20e6, delay: 10 * MILLISECOND, queue: { packets: 60 } };

interface Result {
  readonly fallback: readonly [client: string | null, server: string | null];
  readonly multipath: readonly [client: boolean, server: boolean];
  /** IP octets that left the client, or came to it, over each path, whichever is more. */
  readonly carried: readonly number[];
  readonly boxes: readonly MiddleboxStatistics[];
}

function box(name: string, parameters: Record<string, unknown> = {}): MiddleboxFactory {
  return middleboxes[name]!(parameters);
}

/** One transfer over paths with these boxes; throws unless every byte arrives once and both ends close in good order. */
function transfer(direction: "up" | "down", ...boxes: readonly (readonly MiddleboxFactory[])[]): Result {
  const simulation = new Simulation({ seed: 3 });
  const built = multiPath(simulation, { paths: boxes.map((own) => ({ ...PATH, middleboxes: own })) });
  let read = 0;
  const checker = {
    update(bytes: Uint8Array): void {
      const start = read - (read % 4);
      const want = patternSource(start, read - start + bytes.length).toUint8Array().subarray(read - start);
      for (let i = 0; i < bytes.length; i++) if (bytes[i] !== want[i]) throw new Error(`byte ${read + i} is wrong`);
      read += bytes.length;
    },
  };
  const [sender, sink] = [new BulkSender({ bytes: BYTES, source: patternSource }), new Sink({ hash: checker })];
  let accepted: StreamConnection | null = null;
  built.server.listen(80, (connection) => {
    accepted = connection;
    return direction === "up" ? sink : sender;
  });
  const connection = built.client.connect(built.serverAddresses[0]?.[0] as IpAddress, 80, direction === "up" ? sender : sink);
  simulation.runUntil(() => sink.closedAt >= 0 && sender.closedAt >= 0, 300 * SECOND);
  expect([read, sink.error, sender.error]).toEqual([BYTES, null, null]);
  const server = accepted as StreamConnection | null;
  return {
    fallback: [connection.fallback, server?.fallback ?? null],
    multipath: [connection.multipath, server?.multipath ?? false],
    carried: built.access.map((link) => (direction === "up" ? link.forward : link.backward).bytesDelivered),
    boxes: built.middleboxes.flat().map(({ statistics }) => statistics),
  };
}

const both = ["up", "down"] as const;
const WHOLE = { multipath: [true, true], fallback: [null, null] };

describe("a connection through an option stripper", () => {
  it.each(both)("on its SYN is plain TCP (%s)", (direction) => {
    const { multipath, fallback, boxes } = transfer(direction, [box("option-stripper", { segments: ["syn"] })], []);
    expect([multipath, fallback, boxes[0]?.changed]).toEqual([[false, false], ["no_mp_capable_in_synack", null], 1]);
  });

  it.each(both)("on its SYN+ACK falls back at both ends (%s)", (direction) => {
    const { multipath, fallback, boxes } = transfer(direction, [box("option-stripper", { segments: ["syn-ack"] })], []);
    expect([multipath, fallback, boxes[0]?.changed]).toEqual([[false, false], ["no_mp_capable_in_synack", "no_mp_capable_in_ack"], 1]);
  });

  it.each(both)("on its third ACK falls back at both ends (%s)", (direction) => {
    const { multipath, fallback } = transfer(direction, [box("option-stripper", { segments: ["third-ack"] })], []);
    expect([multipath, fallback[1]]).toEqual([[false, false], "no_mp_capable_in_ack"]);
  });

  it.each([["up", "outward"], ["up", "inward"], ["down", "outward"], ["down", "inward"]] as const)("behind its SYNs falls back at both ends (%s, options lost %s)", (direction, way) => {
    const { multipath } = transfer(direction, [box("option-stripper", { segments: ["data", "ack", "rst"], direction: way })], []);
    expect(multipath).toEqual([false, false]);
  });

  it.each(both)("on its joins keeps to the first path (%s)", (direction) => {
    const result = transfer(direction, [], [box("option-stripper", { options: ["mp_join"] })]);
    expect(result).toMatchObject(WHOLE);
    expect(result.carried[1]).toBeLessThan(20_000);
  });

  it.each(both)("that starts late on one path goes on over the other (%s)", (direction) => {
    const result = transfer(direction, [], [box("option-stripper", { afterBytes: 100_000 })]);
    expect(result).toMatchObject(WHOLE);
    expect(result.carried[1]).toBeGreaterThan(100_000);
  });

  it.each(["timestamps", "window-scale", "sack-permitted", "mss"])("of %s on its SYNs is as good without them", (option) => {
    for (const direction of both) {
      const strip = [box("option-stripper", { options: [option], segments: ["syn", "syn-ack"] })];
      const result = transfer(direction, strip, strip);
      expect(result).toMatchObject(WHOLE);
      expect(Math.min(...result.carried)).toBeGreaterThan(100_000);
      // Only the MSS is in the SYN+ACK without an offer.
      const times = option === "mss" ? 2 : 1;
      expect(result.boxes.map(({ changed }) => changed)).toEqual([times, times]);
    }
  });
});

describe("a connection through boxes that cut and join", () => {
  it.each([["up", "each"], ["up", "first"], ["down", "each"], ["down", "first"]])("uses both paths (%s, options on %s)", (direction, options) => {
    const cut = [box("splitter", { size: 500, options })];
    const result = transfer(direction as "up", cut, cut);
    expect(result).toMatchObject(WHOLE);
    expect(Math.min(...result.carried)).toBeGreaterThan(100_000);
    expect(Math.min(...result.boxes.map(({ changed }) => changed))).toBeGreaterThan(50);
  });

  it.each(both)("that are undone behind it gets its segments back (%s)", (direction) => {
    const undone = [box("splitter", { size: 500 }), box("coalescer", { wait: 50_000 })];
    const boxes = direction === "up" ? undone : undone.toReversed();
    const result = transfer(direction, boxes, boxes);
    expect(result).toMatchObject(WHOLE);
    for (const i of [0, 2]) {
      const [splitting, joining] = (direction === "up" ? result.boxes.slice(i, i + 2) : result.boxes.slice(i, i + 2).toReversed()) as [MiddleboxStatistics, MiddleboxStatistics];
      // Three pieces of each segment: two of them are joined to the first.
      expect(joining.changed).toBeGreaterThan(splitting.changed * 1.9);
    }
  });

  it.each([["up", "first"], ["up", "last"], ["down", "first"], ["down", "last"]])("that lose mappings arrives whole all the same (%s, options of the %s)", (direction, options) => {
    const lossy = [box("splitter", { size: 500 }), box("coalescer", { options, size: 1448, wait: 2_000_000, direction: direction === "up" ? "outward" : "inward" })];
    const { boxes } = transfer(direction as "up", [], direction === "up" ? lossy : lossy.toReversed());
    expect(Math.min(...boxes.map(({ changed }) => changed))).toBeGreaterThan(10);
  });
});

describe("a connection through a black hole", () => {
  it.each(both)("for SYNs with MP_CAPABLE is plain TCP (%s)", (direction) => {
    const { fallback, boxes } = transfer(direction, [box("black-hole", { segments: ["syn"] })], []);
    expect([fallback[0], boxes[0]?.dropped]).toEqual(["mp_capable_unanswered", 3]);
  });

  it.each([["syn"], ["syn-ack"], ["third-ack"], ["data"]])("for %s on the second path keeps to the first", (sort) => {
    for (const direction of both) {
      const result = transfer(direction, [], [box("black-hole", { segments: [sort] })]);
      expect(result).toMatchObject(WHOLE);
      expect(result.carried[0]).toBeGreaterThan(BYTES);
      expect(result.boxes[0]?.dropped).toBeGreaterThan(0);
    }
  });

  it.each(both)("that opens late on one path goes on over the other (%s)", (direction) => {
    const result = transfer(direction, [box("black-hole", { afterTime: 150 * MILLISECOND })], []);
    expect(result).toMatchObject(WHOLE);
    expect(result.boxes[0]?.dropped).toBeGreaterThan(0);
  });
});
