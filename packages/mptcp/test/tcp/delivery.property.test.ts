import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { TcpConfig } from "../../src/tcp/index.ts";
import { Payload } from "../../src/wire/index.ts";
import { MILLISECOND, Pair, SECOND } from "./harness.ts";

const LONGEST = 200_000;
/** What is written, from the first octet on. */
const WRITTEN = Uint8Array.from({ length: LONGEST }, (_, i) => (i * 131 + (i >> 7)) & 255);

/** One application: writes `total` bytes in pieces, reads whatever comes, closes when it has written everything. */
class Party {
  written = 0;
  received = 0;
  wrong = 0;
  private readonly total: number;
  private readonly piece: number;
  private readonly appetite: number;

  constructor(total: number, piece: number, appetite: number) {
    this.total = total;
    this.piece = piece;
    this.appetite = appetite;
  }

  run(socket: { write(p: Payload, keep: boolean, now: number): number; end(now: number): void; read(max: number, now: number): Payload | null; closed: boolean }, now: number): void {
    while (this.written < this.total && !socket.closed) {
      const length = Math.min(this.piece, this.total - this.written);
      const taken = socket.write(Payload.of(WRITTEN.slice(this.written, this.written + length)), false, now);
      this.written += taken;
      if (taken < length) break;
    }
    if (this.written === this.total) socket.end(now);
    for (let payload = socket.read(this.appetite, now); payload !== null; payload = socket.read(this.appetite, now)) {
      const bytes = payload.toUint8Array();
      for (let i = 0; i < bytes.length; i++) if (bytes[i] !== WRITTEN[this.received + i]) this.wrong++;
      this.received += bytes.length;
    }
  }
}

const path = fc.record({
  delay: fc.integer({ min: 0, max: 100 }).map((ms) => ms * MILLISECOND),
  rate: fc.constantFrom(0, 1e6, 1e7, 1e9),
  queue: fc.constantFrom(4000, 30_000, 1e9),
  loss: fc.constantFrom(0, 0, 0.01, 0.1, 0.25),
  duplicate: fc.constantFrom(0, 0, 0.05),
  reorder: fc.constantFrom(0, 0, 0.05, 0.5),
  jitter: fc.integer({ min: 1, max: 60 }).map((ms) => ms * MILLISECOND),
  cut: fc.constantFrom(0, 0, 536, 1000),
});

const config = fc.record({
  sack: fc.boolean(),
  timestamps: fc.boolean(),
  windowScaling: fc.boolean(),
  noDelay: fc.boolean(),
  segmentationLimit: fc.constantFrom(0, 0, 10_000, 64_000),
  mtu: fc.constantFrom(576, 1500, 9000),
  retries: fc.constant(200),
  synRetries: fc.constant(60),
  maxRto: fc.constant(2 * SECOND),
  receiveBuffer: fc.constantFrom(
    { initial: 3000, max: 3000, autoTune: false }, { initial: 20_000, max: 20_000, autoTune: false }, { initial: 131_072, max: 2 ** 22, autoTune: true },
  ),
  sendBuffer: fc.constantFrom({ initial: 2000, max: 2000, autoTune: false }, { initial: 131_072, max: 2 ** 22, autoTune: true }),
}) satisfies fc.Arbitrary<Partial<TcpConfig>>;

test("every byte arrives once and in order, and both ends close, whatever the path does", () => {
  fc.assert(
    fc.property(
      path, path, config, config, fc.integer({ min: 1, max: 2 ** 31 }), fc.integer({ min: 0, max: LONGEST }), fc.integer({ min: 0, max: 30_000 }), fc.constantFrom(7, 700, 5000, 65_536),
      (forward, backward, client, server, seed, up, down, piece) => {
        const pair = new Pair({ forward, backward, client, server, seed });
        pair.open();
        const a = new Party(piece === 7 ? up % 5000 : up, piece, 4000);
        const b = new Party(piece === 7 ? down % 5000 : down, piece, 1 << 20);
        pair.application = () => {
          a.run(pair.a, pair.now);
          if (pair.server.socket !== null) b.run(pair.b, pair.now);
        };
        const done = pair.runUntil(() => pair.server.socket !== null && pair.a.tcp.state === "CLOSED" && pair.b.tcp.state === "CLOSED", 20_000 * SECOND);
        const outcome = {
          done, wrong: a.wrong + b.wrong, up: b.received, down: a.received, errors: [pair.a.error, pair.b.error], closed: [pair.client.environment.closedCalls, pair.server.environment.closedCalls],
        };
        expect(outcome).toEqual({ done: true, wrong: 0, up: a.written, down: b.written, errors: [null, null], closed: [1, 1] });
        for (const tcp of [pair.a.tcp, pair.b.tcp]) {
          expect(tcp.inFlight).toBe(0);
          expect(tcp.outOfOrderBytes).toBe(0);
          expect(tcp.nextTimeout === Number.POSITIVE_INFINITY || (tcp.handleTimeout(pair.now), tcp.nextTimeout === Number.POSITIVE_INFINITY)).toBe(true);
        }
      },
    ),
    { seed: 20, numRuns: 60 },
  );
});
