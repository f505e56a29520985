import { describe, expect, it } from "vitest";
import type { StreamConnection } from "../../src/index.ts";
import { MILLISECOND, SECOND } from "../../src/index.ts";
import { BulkSender, multiPath, patternSource, Simulation, Sink, splitter, coalescer, payloadEditor } from "../../src/sim/index.ts";
import type { AccessPath, MiddleboxFactory } from "../../src/sim/index.ts";

const BYTES = 300_000;
const AT = 100_000;
const PATH: AccessPath = { rate: 20e6, delay: 10 * MILLISECOND, queue: { packets: 60 } };

interface Outcome {
  readonly read: Uint8Array;
  readonly errors: readonly (string | null)[];
  readonly fallbacks: readonly (string | null)[];
  readonly isOver: boolean;
}

/** A transfer from the client without checksums, through boxes on the first of so many paths. */
function transfer(paths: number, boxes: readonly MiddleboxFactory[], seed = 1, multipath = true): Outcome {
  const simulation = new Simulation({ seed });
  const built = multiPath(simulation, { paths: Array.from({ length: paths }, (_, at) => ({ ...PATH, middleboxes: at === 0 ? boxes : [] })), client: { multipath }, server: { multipath } });
  const pieces: Uint8Array[] = [];
  const sink = new Sink({ hash: { update: (bytes) => void pieces.push(bytes.slice()) } });
  const sender = new BulkSender({ bytes: BYTES, source: patternSource });
  const accepted: StreamConnection[] = [];
  built.server.listen(80, (connection) => (accepted.push(connection) > 1 ? new Sink() : sink));
  const client = built.client.connect(built.serverAddresses[0][0], 80, sender);
  const isOver = simulation.runUntil(() => sink.closedAt >= 0 && sender.closedAt >= 0, 60 * SECOND);
  return { read: Uint8Array.from(Buffer.concat(pieces)), errors: [sender.error, sink.error], fallbacks: [client.fallback, accepted[0]?.fallback ?? null], isOver };
}

const sent = patternSource(0, BYTES).toUint8Array();

describe.each(["longer", "shorter"] as const)("data that a box makes %s, without checksums", (length) => {
  const box = (): MiddleboxFactory => payloadEditor({ length, at: AT });

  it("goes on as TCP would deliver it on a lone subflow", () => {
    const { read, errors, fallbacks, isOver } = transfer(1, [box()]);
    expect([isOver, errors]).toEqual([true, [null, null]]);
    expect(fallbacks[1]).toBe("options_lost");
    expect(Buffer.compare(read, transfer(1, [box()], 1, false).read)).toBe(0);
    expect(read.length).not.toBe(BYTES);
  });

  it("ends in an error at both ends where there is another subflow", () => {
    const { read, errors, isOver } = transfer(2, [box()]);
    expect(isOver).toBe(true);
    expect(errors.every((error) => error !== null)).toBe(true);
    expect(read.length).toBeLessThan(BYTES);
  });
});

it("is not what a box does that cuts segments and joins them again", () => {
  for (const options of ["first", "last", "equal"] as const) {
    for (const size of [700, 1399]) {
      for (const paths of [1, 2]) {
        const { read, errors, isOver } = transfer(paths, [splitter({ size, options: "each" }), coalescer({ options, wait: 2_000_000 })], size);
        expect([options, size, paths, isOver, errors]).toEqual([options, size, paths, true, [null, null]]);
        expect(Buffer.compare(read, sent)).toBe(0);
      }
    }
  }
});
