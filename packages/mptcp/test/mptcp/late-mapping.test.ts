import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { UnmappedBytes } from "../../src/mptcp/data/unmapped.ts";
import type { MptcpOption } from "../../src/wire/index.ts";
import { Dss, Payload } from "../../src/wire/index.ts";
import { isData, option, Pair } from "./pair.ts";

/** Takes the mapping off every `every`th data segment on the client's second address, and has the next one there declare both. */
function shiftMappings(pair: Pair, every: number): () => number {
  let open: Dss | null = null;
  let segments = 0;
  let shifted = 0;
  const alter = (dss: Dss, change: Partial<Dss>): Dss => Object.assign(new Dss(), dss, change);
  pair.alter((segment, sent) => {
    const dss = option(sent.segment, "dss");
    if (sent.from !== "client" || sent.client !== 1 || !isData(sent) || dss === null) return;
    let altered: Dss | null = null;
    if (open !== null && dss.subflowSequence === open.subflowSequence + open.dataLength && dss.dsnLow === open.dsnLow + open.dataLength) {
      altered = alter(dss, { subflowSequence: open.subflowSequence, dsnLow: open.dsnLow, dataLength: open.dataLength + dss.dataLength });
      open = null;
      shifted++;
    } else if (open === null && ++segments % every === 0) {
      open = dss;
      altered = alter(dss, { dsnLength: 0 });
    }
    if (altered !== null) segment.mptcp = segment.mptcp.map((other): MptcpOption => (other.kind === "dss" ? (altered as Dss) : other));
  });
  return () => shifted;
}

describe("a mapping that comes behind its data (RFC 8684 §3.3.1)", () => {
  test("delivers the data that waited for it, on a subflow that joined", () => {
    const pair = new Pair({ clientAddresses: 2, client: { mptcp: { opportunisticRetransmission: false } } });
    const { client, server } = pair.establish();
    client.write(1000);
    pair.run(300);
    const shifted = shiftMappings(pair, 5);
    client.write(300_000);
    expect(pair.runUntil(() => server.received === 301_000, 20_000)).toBe(true);
    expect(server.corrupt).toBe(false);
    expect(shifted()).toBeGreaterThan(5);
    expect(pair.decisions("client", "reinjection")).toEqual([]);
    expect(pair.decisions("server", "subflow_closed")).toEqual([]);
  });

  test("has what waits taken by any order of ranges, each byte once", () => {
    const range = fc.record({ from: fc.nat(120), length: fc.integer({ min: 1, max: 60 }) });
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 }), fc.array(range, { maxLength: 8 }), (lengths, ranges) => {
        const bytes = new UnmappedBytes();
        let end = 0;
        for (const length of lengths) {
          bytes.add(Payload.of(Uint8Array.from({ length }, (_, i) => end + i)), end);
          end += length;
        }
        const left = new Set(Array.from({ length: end }, (_, i) => i));
        for (const { from, length } of ranges) {
          const deliver = (piece: Payload, offset: number): void => {
            for (const [i, octet] of [...piece.toUint8Array()].entries()) {
              expect(octet).toBe(offset + i);
              expect(left.delete(octet)).toBe(true);
            }
          };
          while (bytes.take(from, from + length, deliver));
          for (let i = from; i < from + length; i++) expect(left.has(i)).toBe(false);
        }
        expect(bytes.isEmpty).toBe(left.size === 0);
      }),
      { seed: 331, numRuns: 200 },
    );
  });
});
