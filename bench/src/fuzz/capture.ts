import { CaptureReader, PcapngWriter } from "mptcp/capture";
import { decodePacket } from "mptcp/wire";
import { mutate } from "./mutate.ts";
import { randomPacket } from "./packets.ts";
import { FuzzRandom } from "./random.ts";
import { FuzzFailure, Outcomes } from "./target.ts";
import type { FuzzRun, FuzzTarget } from "./target.ts";

/** The capture reader under damaged files: it never throws, never yields more packets than a file can hold. */
export const captureTarget: FuzzTarget = {
  name: "capture",
  cases: 200_000,
  start: (seed) => new CaptureRun(seed),
};

class CaptureRun implements FuzzRun {
  readonly outcomes = new Outcomes();
  private readonly seed: number;
  private readonly random = new FuzzRandom();
  private readonly file = new Uint8Array(16_384);

  constructor(seed: number) {
    this.seed = seed;
  }

  step(index: number): void {
    const random = this.random;
    random.start(this.seed, index);
    let length = this.write();
    for (let count = random.below(6); count > 0; count--) length = mutate(random, this.file, length, this.file.subarray(0, length));
    const file = this.file.subarray(0, length);
    const reader = new CaptureReader(file);
    let records = 0;
    for (const record of reader) {
      records++;
      if (Number.isNaN(record.at)) throw new FuzzFailure("a time that is no number", file);
      const packet = decodePacket(record.bytes, 0, record.bytes.length);
      this.outcomes.add(typeof packet === "string" ? packet : "packet");
    }
    if (records > length / 12) throw new FuzzFailure(`${records} packets in ${length} octets`, file);
    for (const problem of reader.problems) this.outcomes.add(`problem: ${problem.reason}`);
  }

  private write(): number {
    const random = this.random;
    let length = 0;
    const writer = new PcapngWriter(
      (chunk) => {
        const kept = chunk.subarray(0, this.file.length - length);
        this.file.set(kept, length);
        length += kept.length;
      },
      { chunkLength: 2048 },
    );
    const links = 1 + random.below(2);
    for (let i = 0; i < links; i++) writer.addInterface({ name: `link ${i}`, snapLength: random.oneIn(4) ? 64 : 0 });
    for (let i = random.below(6); i > 0; i--) {
      if (random.oneIn(3)) writer.comment("a remark");
      writer.packet(random.below(links), randomPacket(random), random.uint32(), random.oneIn(2) ? { direction: "in" } : {});
    }
    writer.close(0);
    return length;
  }
}
