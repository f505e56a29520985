import * as fc from "fast-check";
import { expect, test } from "vitest";
import { MILLISECOND } from "../../../src/core/index.ts";
import { cubic, dctcp, infoOfTcp, linuxTcpInfo, newReno } from "../../../src/tcp/index.ts";
import { Payload } from "../../../src/wire/index.ts";
import { Script } from "../script.ts";
import type { Spec } from "../script.ts";

const number = fc.oneof(fc.constantFrom(0, 1, 5, 1000, 0xfff_fff, 0xff_ffff), fc.nat(0xff_ffff));
const counters = fc.option(fc.tuple(fc.constantFrom(172, 174), fc.array(number, { maxLength: 5 })).map(([kind, values]) => [kind, ...values]), { nil: null });
const ecn = fc.nat(3);
const ace = fc.nat(7);

type Step = { readonly kind: "segment"; readonly spec: Spec; readonly ahead: number } | { readonly kind: "write" | "advance" | "read"; readonly amount: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ flags: fc.constantFrom("A", "A", "A", "A", "AP", "S", "SA", "AF"), ack: fc.nat(12_000), len: fc.constantFrom(0, 0, 100, 1000), ecn, ace, counters, sack: fc.constantFrom([], [2001, 3001], [3001, 5001, 1001, 2001]) })
    .chain((spec) => fc.constantFrom(0, 0, 0, -1000, 1000, 3000).map((ahead): Step => ({ kind: "segment", spec, ahead }))) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("write" as const), amount: fc.constantFrom(100, 1000, 5000) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom("advance" as const, "read" as const), amount: fc.constantFrom(1, 50, 3000) }) },
);

test("nothing that arrives throws, whatever the flags, fields and counters are", () => {
  fc.assert(
    fc.property(fc.boolean(), ecn, ace, counters, fc.constantFrom(newReno, cubic, dctcp), fc.boolean(), fc.array(step, { maxLength: 60 }), (opens, codepoint, first, option, congestion, sack, steps) => {
      const script = new Script({ ecn: "accurate", congestion, simultaneousOpen: true });
      if (opens) script.connect().inject({ flags: "SA", ack: 1, mss: 1000, sackOk: sack, ecn: codepoint, ace: first, counters: option });
      else script.accept({ flags: "S", mss: 1000, sackOk: sack, ecn: codepoint, ace: first, counters: option }).inject({ seq: 1, ack: 1, ace: codepoint * 2, counters: option });
      let seq = 1;
      let marks = 1;
      for (const one of steps) {
        if (one.kind === "segment") {
          const { spec, ahead } = one;
          if (spec.ecn === 3) marks++;
          script.inject({ ...spec, seq: spec.flags!.includes("S") ? 0 : Math.max(0, seq + ahead) });
          if (ahead === 0) seq += spec.len!;
        } else if (one.kind === "write") {
          if (script.state === "ESTABLISHED") script.socket.write(Payload.virtual(one.amount), true, script.now);
          script.poll();
        } else if (one.kind === "advance") script.advance(one.amount * MILLISECOND);
        else script.read();
        const info = infoOfTcp(script.tcp, script.now);
        expect(Number.isFinite(info.congestionWindow)).toBe(true);
        if (info.accurateEcn === null) continue;
        const { delivered, received } = info.accurateEcn;
        expect(received.packets).toBeLessThanOrEqual(marks);
        for (const value of [...Object.values(delivered), ...Object.values(received), ...Object.values(linuxTcpInfo(info))]) expect(Number.isSafeInteger(value)).toBe(true);
        for (const value of [...Object.values(received), delivered.packets, delivered.ce]) expect(value).toBeGreaterThanOrEqual(0);
      }
    }),
    { numRuns: 1000, seed: 9768 },
  );
});
