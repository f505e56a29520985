import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { copyRun, findRun } from "../../src/node/udp/coalesce.ts";
import type { Run } from "../../src/node/udp/coalesce.ts";
import { decodeTcpInUdp, IpAddress, TCP_FLAG } from "../../src/wire/index.ts";
import type { TcpSegment } from "../../src/wire/index.ts";

const A = IpAddress.from("192.0.2.1");
const B = IpAddress.from("192.0.2.2");

/** What a segment says, but for where it begins. */
function saying(tcp: TcpSegment): string {
  const { sequence, payload, flags, ...rest } = tcp;
  void sequence;
  void payload;
  // PSH and FIN belong to the last octet.
  return JSON.stringify({ ...rest, flags: flags & ~(TCP_FLAG.PSH | TCP_FLAG.FIN) });
}

/** One datagram's header: data offset, flags, window, numbers, options. */
const header = fc.record({
  words: fc.oneof({ weight: 6, arbitrary: fc.constant(8) }, fc.integer({ min: 0, max: 15 })),
  flags: fc.oneof({ weight: 6, arbitrary: fc.constant(TCP_FLAG.ACK) }, fc.constant(TCP_FLAG.ACK | TCP_FLAG.PSH), fc.integer({ min: 0, max: 255 })),
  step: fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, fc.integer({ min: -2, max: 2 })),
  change: fc.oneof({ weight: 6, arbitrary: fc.constant(-1) }, fc.integer({ min: 0, max: 51 })),
});

describe("runs of coalesced datagrams", () => {
  it("mean what the datagrams mean one by one", () => {
    let merged = 0;
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 90 }), fc.array(header, { minLength: 1, maxLength: 8 }), fc.integer({ min: 0, max: 89 }),
        fc.uint8Array({ minLength: 52, maxLength: 52 }), fc.nat(0xffff_ffff), fc.boolean(),
        (length, headers, missing, first, begin, timestamps) => {
          const template = Uint8Array.from(first);
          if (timestamps) template.set([1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2], 12);
          const total = headers.length * length - Math.min(missing, length - 1);
          const bytes = new Uint8Array(headers.length * length);
          let sequence = begin;
          headers.forEach(({ words, flags, step, change }, i) => {
            const one = new Uint8Array(Math.max(length, 52)).map((_, at) => (i * 31 + at * 7) & 255);
            one.set(template);
            if (change >= 0) one[change] = (one[change] as number) ^ 1;
            one[0] = (words << 4) | ((template[0] as number) & 15);
            one[1] = flags;
            sequence = (sequence + step) >>> 0;
            new DataView(one.buffer).setUint32(4, sequence);
            bytes.set(one.subarray(0, length), i * length);
            sequence = (sequence + Math.max(0, length - (words * 4 - 8))) >>> 0;
          });
          const run: Run = { count: 0, headerLength: 0, payloadLength: 0, flags: 0 };
          for (let at = 0; at < total; at += run.count * length) {
            findRun(bytes, at, total, length, run);
            expect(run.count).toBeGreaterThan(0);
            const ends = Math.min(at + run.count * length, total);
            const singles = Array.from({ length: run.count }, (_, i) => {
              const from = at + i * length;
              return decodeTcpInUdp(bytes, from, Math.min(from + length, ends), A, 1, B, 2);
            });
            if (run.count === 1) continue;
            merged++;
            const whole = decodeTcpInUdp(bytes, at, at + run.headerLength, A, 1, B, 2);
            if (typeof whole === "string" || whole.tcp === null) throw new Error(`a run without a segment: ${String(whole)}`);
            const target = new Uint8Array(run.payloadLength);
            copyRun(bytes, at, length, run, target, 0);
            const payloads: number[] = [];
            let next = whole.tcp.sequence;
            singles.forEach((single, i) => {
              if (typeof single === "string" || single.tcp === null) throw new Error(`a part that is no segment: ${String(single)}`);
              expect(single.tcp.sequence).toBe(next);
              expect(saying(single.tcp)).toBe(saying(whole.tcp as TcpSegment));
              if (i < singles.length - 1) expect(single.tcp.flags & (TCP_FLAG.PSH | TCP_FLAG.FIN)).toBe(0);
              else expect(single.tcp.flags).toBe((run.flags & ~TCP_FLAG.URG) | ((whole.tcp as TcpSegment).flags & TCP_FLAG.AE));
              expect(single.tcp.payload.length).toBeGreaterThan(0);
              payloads.push(...single.tcp.payload.toUint8Array());
              next = (next + single.tcp.payload.length) >>> 0;
            });
            expect(Array.from(target)).toEqual(payloads);
          }
        },
      ),
      { numRuns: 3000 },
    );
    expect(merged).toBeGreaterThan(100);
  });
});
