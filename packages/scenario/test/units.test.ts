import { describe, expect, it } from "vitest";
import { formatRate, formatSize, formatTime, parseProbability, parseProgress, parseRate, parseSize, parseTime } from "../src/units.ts";

const value = (parsed: { ok: true; value: unknown } | { ok: false; problem: string }): unknown => (parsed.ok ? parsed.value : parsed.problem);

describe("units", () => {
  it("reads rates in SI prefixes of bits per second", () => {
    expect(value(parseRate("8 Mb/s"))).toBe(8e6);
    expect(value(parseRate("5Mb/s"))).toBe(5e6);
    expect(value(parseRate("2.5 Gbit/s"))).toBe(2.5e9);
    expect(value(parseRate("64 kb/s"))).toBe(64e3);
  });

  it("reads times as whole nanoseconds", () => {
    expect(value(parseTime("20 ms"))).toBe(20_000_000);
    expect(value(parseTime("0.3 us"))).toBe(300);
    expect(value(parseTime("1.5s"))).toBe(1_500_000_000);
    expect(value(parseTime("2 min"))).toBe(120_000_000_000);
    expect(value(parseTime("0.5min"))).toBe(30_000_000_000);
    expect(value(parseTime("0"))).toMatch(/no unit/);
    expect(value(parseTime(0))).toBe(0);
  });

  it("tells KB from KiB", () => {
    expect(value(parseSize("16 MiB"))).toBe(16 * 1024 * 1024);
    expect(value(parseSize("500 KB"))).toBe(500_000);
    expect(value(parseSize("1.5 KiB"))).toBe(1536);
    expect(value(parseSize("0.3 B"))).toMatch(/whole number/);
  });

  it("refuses what is not a quantity, and says how to write it", () => {
    expect(value(parseRate("8 Mbps"))).toMatch(/"Mbps" is no unit of a rate; known are b\/s/);
    expect(value(parseRate("8 MB/s"))).toMatch(/no unit of a rate/);
    expect(value(parseRate(8))).toMatch(/has no unit; a rate is written like "8 Mb\/s"/);
    expect(value(parseRate("0 Mb/s"))).toMatch(/above 0/);
    expect(value(parseRate("fast"))).toMatch(/is not a rate/);
    expect(value(parseTime("-3 ms"))).toMatch(/is not a time/);
    expect(value(parseTime("3 minutes"))).toMatch(/no unit of a time/);
    expect(value(parseSize("99999999999 GiB"))).toMatch(/too large/);
    expect(value(parseSize(null))).toMatch(/is not a size/);
  });

  it("reads probabilities and progress", () => {
    expect(value(parseProbability("1 %"))).toBe(0.01);
    expect(value(parseProbability(0.25))).toBe(0.25);
    expect(value(parseProbability("0.01"))).toMatch(/not a probability/);
    expect(value(parseProbability("120 %"))).toMatch(/between 0 and 1/);
    expect(value(parseProgress("received 1/3"))).toEqual({ kind: "fraction", value: 1 / 3 });
    expect(value(parseProgress("received 50 %"))).toEqual({ kind: "fraction", value: 0.5 });
    expect(value(parseProgress("received 5 MB"))).toEqual({ kind: "bytes", value: 5e6 });
    expect(value(parseProgress("sent 1/3"))).toMatch(/not a progress/);
    expect(value(parseProgress("received 4/3"))).toMatch(/at most 1/);
    expect(value(parseProgress("received 1/0"))).toMatch(/at most 1/);
  });

  it("writes quantities for people", () => {
    expect(formatRate(8e6)).toBe("8 Mb/s");
    expect(formatRate(7_654_321)).toBe("7.65 Mb/s");
    expect(formatSize(16 * 1024 * 1024)).toBe("16 MiB");
    expect(formatTime(20_500_000)).toBe("20.5 ms");
  });
});
