import { describe, expect, it } from "vitest";
import { memoryOf, MemoryWindow } from "../../src/tcp/receiving/memory-window.ts";

/** The numbers are what Linux 6.18 tells by SO_MEMINFO and TCP_INFO for the same segments, over a TUN device. */
describe("the memory that a packet takes", () => {
  it.each([
    [1, 832], [128, 832], [180, 1280], [600, 1280], [640, 2304], [1460, 2304], [1600, 2304], [1700, 4352], [3600, 4352], [3700, 8448], [4000, 8448], [4100, 8448], [5000, 8448], [8000, 12_544],
    [14_600, 16_640], [16_000, 20_736], [20_000, 20_736], [30_000, 33_024], [33_000, 37_120], [60_000, 61_696],
  ])("%i bytes behind headers of 40: %i", (payload, memory) => {
    expect(memoryOf(payload + 40)).toBe(memory);
  });
});

describe("the window of a buffer of 6,000,000 bytes", () => {
  const opened = (): MemoryWindow => new MemoryWindow(6_000_000, 32 * 1024 * 1024, 1460, 40, 2_998_840, Number.POSITIVE_INFINITY);

  it("is half of it, less a segment", () => {
    expect(opened().select(1024)).toBe(2_999_296);
  });

  it("shrinks for segments that are mostly overhead, and grows by dense ones", () => {
    const window = opened();
    window.onArrival(640, 0);
    window.measure(640, 536, 640);
    expect(window.select(1)).toBeLessThan(1_664_063);
    window.onRead(640);
    expect(window.held).toBe(0);
    window.onArrival(1460, 0);
    window.measure(1460, 640, 1460);
    expect(window.select(1)).toBeGreaterThan(2_900_000);
  });

  it("has small segments in the buffer of the one before them, as long as they fit and that is not read", () => {
    const window = opened();
    window.onArrival(100, 0);
    window.onArrival(10, 0);
    expect(window.held).toBe(832);
    window.onRead(105);
    expect(window.held).toBe(832);
    window.onRead(5);
    expect(window.held).toBe(0);
    window.onArrival(10, 0);
    expect(window.held).toBe(832);
  });

  it("counts what waits for a gap to fill, until that is read too", () => {
    const window = opened();
    window.onEarly(1000, 1000);
    expect(window.held).toBe(2304);
    window.onArrival(1000, 1000);
    expect(window.held).toBe(4608);
    window.onRead(2000);
    expect(window.held).toBe(0);
  });
});
