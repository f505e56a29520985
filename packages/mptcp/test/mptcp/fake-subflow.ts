import type { DecisionEvent } from "../../src/core/index.ts";
import { Counters } from "../../src/core/index.ts";
import type { SenderContext } from "../../src/mptcp/data-sender.ts";
import { DataSender } from "../../src/mptcp/data-sender.ts";
import { DecisionLog } from "../../src/mptcp/decision-log.ts";
import type { MptcpEnvironment } from "../../src/mptcp/environment.ts";
import { SentMappings } from "../../src/mptcp/mapping.ts";
import { lowestTimeDistance } from "../../src/mptcp/schedulers/index.ts";
import type { Subflow } from "../../src/mptcp/subflow.ts";
import type { BufferConfig, SegmentSlot } from "../../src/tcp/index.ts";
import { Payload } from "../../src/wire/index.ts";

export const MS = 1_000_000;
/** What the application writes: byte i of the stream is BITS[i mod its length], with no short period. */
export const BITS = Uint8Array.from({ length: 1 << 16 }, (_, i) => (i * 7 + (i >> 8) * 13) & 255);

/** What the data sender sees of a subflow, without a TCP connection beneath. */
export class FakeSubflow {
  readonly id: number;
  readonly sent = new SentMappings();
  /** Bytes of the subflow so far; and of those, acknowledged ones. */
  end = 0;
  acknowledged = 0;
  room = true;
  /** Bytes that congestion window and peer's window leave, when there is room. */
  window = 1_000_000;
  established = true;
  mayCarryData = true;
  stale = false;
  backup = false;
  srtt = 20 * MS;
  minRtt = 0;
  cwnd = 10_000;
  inFlight = 0;
  mss = 1000;
  penalisedAt = Number.NEGATIVE_INFINITY;
  bytesReinjected = 0;
  woken = 0;
  penalties = 0;
  readonly tcp = {
    rto: 300 * MS,
    sendRoom: (): number => (this.room ? this.window : 0),
    wake: (): void => {
      this.woken++;
    },
    reduceWindow: (): void => {
      this.penalties++;
    },
  };

  constructor(id: number, values: Partial<FakeSubflow> = {}) {
    this.id = id;
    Object.assign(this, values);
  }

  get hasRoom(): boolean {
    return this.room;
  }

  /** As the type that the sender asks for. */
  get subflow(): Subflow {
    return this as unknown as Subflow;
  }
}

export interface SenderBenchOptions {
  readonly right?: number;
  readonly noDelay?: boolean;
  readonly opportunistic?: boolean;
  readonly penalise?: boolean;
  readonly buffer?: BufferConfig;
  /** Receive window that comes with DATA_ACKs of `arrive`. */
  readonly window?: number;
}

/** A data sender with fake subflows, the bytes written and a receiver that knows only which bytes it has. */
export class SenderBench implements SenderContext {
  readonly subflows: Subflow[] = [];
  readonly opportunisticRetransmission: boolean;
  readonly penalisation: boolean;
  readonly noDelay: boolean;
  readonly log: DecisionLog;
  readonly sender: DataSender;
  readonly events: DecisionEvent[] = [];
  readonly timers: number[] = [];
  readonly slot: SegmentSlot = { payload: Payload.EMPTY, tag: null, push: false };
  mayAttachFin = true;
  now = 0;
  /** Bytes received in order. */
  received = 0;
  private readonly window: number;
  private readonly arrived = new Set<number>();
  private written = 0;

  constructor(options: SenderBenchOptions = {}) {
    const environment = { observer: { perSegment: true, event: (event: DecisionEvent) => this.events.push(event) }, now: 0, name: "test", counters: new Counters() };
    this.window = options.window ?? 100_000;
    this.opportunisticRetransmission = options.opportunistic ?? true;
    this.penalisation = options.penalise ?? true;
    this.noDelay = options.noDelay ?? false;
    this.log = new DecisionLog(environment as unknown as MptcpEnvironment, 1);
    this.sender = new DataSender(this, lowestTimeDistance(), options.buffer ?? { initial: 100_000, max: 100_000, autoTune: false });
    this.sender.right = options.right ?? 100_000;
  }

  checksumFor(): number {
    return -1;
  }

  wakeOthers(full: Subflow): void {
    for (const subflow of this.subflows) if (subflow !== full) subflow.tcp.wake();
  }

  senderTimer(at: number): void {
    this.timers.push(at);
  }

  add(id: number, values: Partial<FakeSubflow> = {}): FakeSubflow {
    const fake = new FakeSubflow(id, values);
    this.subflows.push(fake.subflow);
    this.sender.subflowsChanged();
    return fake;
  }

  remove(fake: FakeSubflow): void {
    this.subflows.splice(this.subflows.indexOf(fake.subflow), 1);
    this.sender.subflowsChanged();
  }

  write(length: number): number {
    const bytes = Uint8Array.from({ length }, (_, i) => BITS[(this.written + i) & 0xffff] as number);
    const taken = this.sender.write(Payload.of(bytes), false);
    this.written += taken;
    return taken;
  }

  kinds<K extends DecisionEvent["kind"]>(kind: K): Extract<DecisionEvent, { kind: K }>[] {
    return this.events.filter((event): event is Extract<DecisionEvent, { kind: K }> => event.kind === kind);
  }

  /** Time passes, in steps of the sender's timer. */
  advance(by: number): void {
    const until = this.now + by;
    while (this.sender.timerAt <= until) {
      this.now = Math.max(this.now, this.sender.timerAt);
      this.sender.handleTimeout(this.now);
    }
    this.now = until;
  }

  /** The subflow's peer acknowledges all of it; the receiver gets the data too, or a middlebox swallowed it. */
  arrive(fake: FakeSubflow, delivered: boolean): void {
    if (delivered) {
      for (let i = 0; i < fake.sent.size; i++) {
        const mapping = fake.sent.at(i);
        for (let at = mapping.dataOffset; at < mapping.dataOffset + mapping.length; at++) if (at >= this.received) this.arrived.add(at);
      }
    }
    fake.sent.acknowledge(fake.end);
    fake.acknowledged = fake.end;
    if (fake.stale) {
      fake.stale = false;
      this.sender.subflowsChanged();
    }
    while (this.arrived.delete(this.received)) this.received++;
    this.sender.acknowledge(this.received, this.received + this.window, this.now);
  }

  timeOut(fake: FakeSubflow): void {
    if (fake.stale || fake.sent.size === 0) return;
    fake.stale = true;
    this.sender.subflowsChanged();
    this.sender.reinject(fake.subflow, "rto");
  }

  die(fake: FakeSubflow): void {
    this.remove(fake);
    this.sender.reinject(fake.subflow, "subflow_death");
    this.sender.reinjections.forget(fake.id);
    fake.sent.clear();
  }
}

/** Lets a subflow pull one segment; the data range that it got, or null. Checks the bytes handed over. */
export function pull(bench: SenderBench, fake: FakeSubflow, limit: number, now = bench.now): { from: number; to: number } | null {
  const length = bench.sender.offer(fake.subflow, limit, now);
  if (length === 0) return null;
  if (length > limit) throw new Error(`offered ${length}, more than ${limit}`);
  bench.sender.take(fake.subflow, fake.end, length, now, bench.slot);
  fake.end += length;
  const mapping = fake.sent.at(fake.sent.size - 1);
  const { payload } = bench.slot;
  if (bench.slot.tag !== mapping || payload.length !== length) throw new Error("the slot does not hold the mapping and its bytes");
  const bytes = payload.toUint8Array();
  for (let i = 0; i < length; i++) if (bytes[i] !== BITS[(mapping.dataOffset + i) & 0xffff]) throw new Error(`wrong byte at ${mapping.dataOffset + i}`);
  return { from: mapping.dataOffset, to: mapping.dataOffset + mapping.length };
}
