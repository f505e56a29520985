import { describe, expect, test } from "vitest";
import { RepetitionBudget } from "../../src/mptcp/data/repetition-budget.ts";
import { positionNear, sequenceAdd } from "../../src/wire/index.ts";
import type { MptcpOption, Packet } from "../../src/wire/index.ts";
import type { App, Sent } from "./pair.ts";
import { has, isData, option, Pair } from "./pair.ts";

type Dss = Extract<MptcpOption, { kind: "dss" }>;

/** A server in whose name a test acknowledges: TCP acknowledges everything, Data ACKs say what the test wants. */
class DataAcks {
  readonly pair = new Pair();
  readonly client: App;
  /** Data ACK of everything before the loss, low half. */
  private base = 0;
  /** Bytes behind `base` that are acknowledged; -1 while Data ACKs are true. */
  private acknowledged = -1;
  private pattern: Sent | null = null;

  constructor() {
    const { client } = this.pair.establish();
    this.client = client;
    this.pair.alter((segment, sent) => {
      if (sent.from === "client" || this.acknowledged < 0) return;
      const dss = option(segment, "dss");
      if (dss !== null) this.write(dss);
    });
    client.write(400_000);
    this.pair.run(300);
    this.pair.alter((_, sent) => {
      if (sent.from === "server" && has(sent, "dss") && !isData(sent)) this.pattern = sent;
    });
    // Everything that follows is lost behind the acknowledgment of TCP.
    this.base = option(this.pair.packets((sent) => sent.from === "server" && has(sent, "dss")).at(-1)!.segment, "dss")!.dataAckLow;
    this.acknowledged = 0;
    client.write(500_000);
    this.pair.run(100);
  }

  get repeated(): number {
    return this.client.engine.sender.bytesReinjected;
  }

  /** What the window held when all of it was lost, bytes. */
  get outstanding(): number {
    return this.client.engine.sender.nxt - this.client.engine.sender.una;
  }

  /** From now on everything that the client sends arrives, but for each segment that `loses` picks. */
  receiveAll(loses: (i: number) => boolean): void {
    const waiting = new Map<number, number>();
    let count = 0;
    this.pair.interfere((packet, sent) => {
      const dss = sent.from === "client" ? option(sent.segment, "dss") : null;
      if (dss !== null && isData(sent) && dss.dsnLength > 0 && !loses(count++)) {
        const from = positionNear(dss.dsnLow, this.base, this.acknowledged);
        waiting.set(from, Math.max(waiting.get(from) ?? 0, from + sent.segment.payload.length));
        for (let again = true; again; ) {
          again = false;
          for (const [start, end] of waiting) {
            if (start > this.acknowledged) continue;
            waiting.delete(start);
            this.acknowledged = Math.max(this.acknowledged, end);
            again = true;
          }
        }
      }
      return packet;
    });
  }

  /** One Data ACK more, for `bytes` more. */
  acknowledge(bytes: number): void {
    this.acknowledged += bytes;
    const packet = (this.pattern as Sent).packet.clone() as Packet;
    const latest = this.pair.packets((sent) => sent.from === "server").at(-1) as Sent;
    packet.tcp!.acknowledgment = latest.segment.acknowledgment;
    packet.tcp!.sequence = latest.segment.sequence;
    packet.tcp!.timestampValue = latest.segment.timestampValue;
    packet.tcp!.timestampEcho = latest.segment.timestampEcho;
    this.write(option(packet.tcp!, "dss")!);
    this.pair.inject("client", packet);
  }

  private write(dss: Dss): void {
    dss.dataAckLow = sequenceAdd(this.base, this.acknowledged);
  }
}

/** Bytes that the client repeats in 20 s when a whole window was lost behind TCP's acknowledgments, and it arrives when it is repeated. */
function honest(loses: (i: number) => boolean = () => false): { repeated: number; outstanding: number } {
  const acks = new DataAcks();
  const { outstanding } = acks;
  const before = acks.repeated;
  acks.receiveAll(loses);
  acks.pair.run(20_000);
  return { repeated: acks.repeated - before, outstanding };
}

describe("repetition at connection level (RFC 8684 §3.3.6)", () => {
  const losses = honest();

  test("a window lost behind TCP's acknowledgments is repeated once, and everything arrives", () => {
    expect(losses.outstanding).toBeGreaterThan(60_000);
    expect(losses.repeated).toBe(losses.outstanding);
  });

  test.each([
    [10, 100],
    [1, 1000],
  ])("acknowledging octet by octet, every %i ms, draws at most twice what honest losses do", (interval, rate) => {
    const acks = new DataAcks();
    const before = acks.repeated;
    expect(acks.outstanding).toBe(losses.outstanding);
    acks.pair.run(1000);
    for (let i = 0; i < 20 * rate; i++) {
      acks.acknowledge(1);
      acks.pair.run(interval);
    }
    expect(acks.client.engine.sender.una).toBeGreaterThanOrEqual(20 * rate);
    expect(acks.repeated - before).toBeGreaterThanOrEqual(losses.outstanding);
    expect(acks.repeated - before).toBeLessThanOrEqual(2 * losses.repeated);
  });

  test("silence, or one octet per timeout, draws at most that and one segment per timeout", () => {
    for (const octets of [0, 1]) {
      const acks = new DataAcks();
      const before = acks.repeated;
      for (let i = 0; i < 50; i++) {
        acks.pair.run(400);
        acks.acknowledge(octets);
      }
      expect(acks.repeated - before).toBeLessThanOrEqual(2 * losses.repeated + 50 * 1500);
    }
  });
});

describe("the budget of repetitions", () => {
  test("what a timeout finds outstanding may be repeated once, and half of it by the next", () => {
    const budget = new RepetitionBudget();
    budget.onTimeout(1000, 9000, 100);
    expect(budget.bytes).toBe(8000);
    budget.onRepeated(8000);
    budget.onTimeout(1000, 9000, 100);
    expect(budget.bytes).toBe(4000);
    // What was not used is not lost: it may still be needed.
    budget.onTimeout(1000, 9000, 100);
    expect(budget.bytes).toBe(4000);
    for (let i = 0; i < 20; i++) {
      budget.onRepeated(budget.bytes);
      budget.onTimeout(1000, 9000, 100);
    }
    expect(budget.bytes).toBe(100);
  });

  test("what was sent since counts anew, and all of it once everything was acknowledged", () => {
    const budget = new RepetitionBudget();
    budget.onTimeout(0, 1000, 100);
    budget.onRepeated(1000);
    budget.onTimeout(500, 5000, 100);
    expect(budget.bytes).toBe(500 + 4000);
    expect([budget.isRepairing(4999), budget.isRepairing(5000)]).toEqual([true, false]);
    budget.onTimeout(5000, 6000, 100);
    expect(budget.bytes).toBe(1000);
  });

  test("twice what is acknowledged may be repeated beside", () => {
    const budget = new RepetitionBudget();
    budget.onTimeout(0, 1000, 100);
    budget.onRepeated(1000);
    budget.onAcknowledged(10);
    expect(budget.bytes).toBe(20);
  });
});
