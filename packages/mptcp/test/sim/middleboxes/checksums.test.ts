import { describe, expect, it } from "vitest";
import { SeededRandom } from "../../../src/core/index.ts";
import { middleboxes } from "../../../src/sim/index.ts";
import { madeUpTraffic } from "../../../src/testing/traffic.ts";
import { encodePacket, packetLength } from "../../../src/wire/index.ts";
import { BoxBench } from "./bench.ts";
import { checksumOfHeader, checksumOfPacket } from "./checksums.ts";

/** What makes a kind do something to most of the traffic. */
const EAGER: Readonly<Record<string, Record<string, unknown>>> = {
  "coalescer": { wait: 1_000_000_000 }, "corrupter": { fraction: 1, checksum: "good" }, "duplicator": { fraction: 1 }, "ip-header-rewriter": { dscp: 8, hopLimit: 9 }, "mss-clamp": { size: 600 },
  "payload-editor": { length: "longer", every: 100 }, "window-clamp": { window: 100 }, "window-scale-rewriter": { scale: 3 }, "normaliser": { port: 0, timestamps: "remove", size: 600 },
};

describe("what leaves a middlebox is a packet whose checksums are right, by a computation of their own", () => {
  it.each(Object.entries(middleboxes))("%s", (name, kind) => {
    const box = new BoxBench(kind(EAGER[name]));
    const families = new Set<number>();
    for (const { at, side, packet } of madeUpTraffic(new SeededRandom(3), 30)) {
      box.queue.run(at);
      if (side === 0) box.outward(packet);
      else box.inward(packet);
    }
    box.queue.run(box.queue.now + 600e9);
    for (const packet of [...box.out, ...box.in]) {
      if (packet.tcp === null) continue;
      const wire = new Uint8Array(packetLength(packet));
      encodePacket(packet, wire, 0);
      families.add(packet.source.family);
      expect(checksumOfPacket(wire)).toBe(0xffff);
      if (packet.source.family === 4) expect(checksumOfHeader(wire)).toBe(0xffff);
      expect(wire[packet.source.family === 4 ? 8 : 7]).toBe(name === "ip-header-rewriter" ? 9 : 64);
    }
    expect([...families].toSorted()).toEqual([4, 6]);
  });
});
