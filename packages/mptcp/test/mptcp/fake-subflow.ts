import type { DecisionEvent } from "../../src/core/index.ts";
import { Counters, Deadlines } from "../../src/core/index.ts";
import type { Carrier } from "../../src/mptcp/context.ts";
import { SentMapping, SentMappings } from "../../src/mptcp/data/mappings.ts";
import type { SenderContext } from "../../src/mptcp/data/sender-options.ts";
import { DataSender } from "../../src/mptcp/data/sender.ts";
import { DEADLINE, DEADLINES } from "../../src/mptcp/deadlines.ts";
import { DecisionLog } from "../../src/mptcp/decision-log.ts";
import type { MptcpEnvironment } from "../../src/mptcp/environment.ts";
import type { Scheduler } from "../../src/mptcp/scheduler.ts";
import { lowestTimeDistance } from "../../src/mptcp/schedulers/index.ts";
import type { Session } from "../../src/mptcp/session.ts";
import type { BufferConfig, SegmentSlot } from "../../src/tcp/index.ts";
import { Payload } from "../../src/wire/index.ts";

export const MS = 1_000_000;
/** What the application writes: byte i of the stream is BITS[i mod its length], with no short period. */
export const BITS = Uint8Array.from({ length: 1 << 16 }, (_, i) => (i * 7 + (i >> 8) * 13) & 255);

/** What the data sender sees of a subflow, without a TCP connection beneath. */
export class FakeSubflow implements Carrier {
  readonly pathIndex: number;
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
  rto = 300 * MS;
  woken = 0;
  penalties = 0;
  probes = 0;

  constructor(pathIndex: number, values: Partial<FakeSubflow> = {}) {
    this.pathIndex = pathIndex;
    Object.assign(this, values);
  }

  get hasRoom(): boolean {
    return this.room;
  }

  /** As the type that the sender asks for. */
  get subflow(): Carrier {
    return this;
  }

  sendRoom(): number {
    return this.room ? this.window : 0;
  }

  wake(): void {
    this.woken++;
  }

  sendProbe(): void {
    this.probes++;
  }

  carriedLately(dataOffset: number): boolean {
    return this.sent.carriedLately(dataOffset);
  }

  penalise(now: number): boolean {
    if (now - this.penalisedAt < this.srtt) return false;
    this.penalisedAt = now;
    this.penalties++;
    return true;
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
  readonly subflows: Carrier[] = [];
  readonly session: Session;
  readonly deadlines = new Deadlines(DEADLINES);
  readonly log: DecisionLog;
  isTight = false;
  readonly mayRepeat = true;
  readonly sender: DataSender;
  readonly events: DecisionEvent[] = [];
  readonly slot: SegmentSlot = { payload: Payload.EMPTY, tag: null, push: false };
  /** A DSS came from the peer: data may carry the DATA_FIN. */
  fullyEstablished = true;
  now = 0;
  /** Bytes received in order. */
  received = 0;
  private readonly window: number;
  private readonly arrived = new Set<number>();
  private written = 0;
  /** How often there was room again without an acknowledgment. */
  rooms = 0;

  onWindowProbe(): void {}

  onRoom(): void {
    this.rooms++;
  }

  constructor(options: SenderBenchOptions = {}) {
    const environment = { observer: { perSegment: true, event: (event: DecisionEvent) => this.events.push(event) }, now: 0, name: "test", counters: new Counters() };
    this.window = options.window ?? 100_000;
    this.log = new DecisionLog(environment as unknown as MptcpEnvironment, 1);
    const isConfirmed = (): boolean => this.fullyEstablished;
    const session = {
      checksumFor: (): number => -1,
      initiator: true,
      get fullyEstablished(): boolean {
        return isConfirmed();
      },
    };
    this.session = session as unknown as Session;
    this.sender = new DataSender(this, {
      scheduler: lowestTimeDistance(),
      buffer: options.buffer ?? { initial: 100_000, max: 100_000, autoTune: false },
      opportunisticRetransmission: options.opportunistic ?? true,
      penalisation: options.penalise ?? true,
      noDelay: options.noDelay ?? false,
    });
    this.sender.openWindow(options.right ?? 100_000);
  }

  set scheduler(scheduler: Scheduler) {
    this.sender.carriers.exchange(scheduler);
  }

  /** When the sender looks for lost data, ns. */
  get timerAt(): number {
    return this.deadlines.at(DEADLINE.data);
  }

  wakeOthers(full: Carrier): void {
    for (const subflow of this.subflows) if (subflow !== full) subflow.wake();
  }

  add(id: number, values: Partial<FakeSubflow> = {}): FakeSubflow {
    const fake = new FakeSubflow(id, values);
    this.subflows.push(fake.subflow);
    this.sender.carriers.changed();
    return fake;
  }

  remove(fake: FakeSubflow): void {
    this.subflows.splice(this.subflows.indexOf(fake.subflow), 1);
    this.sender.carriers.changed();
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
    while (this.timerAt <= until) {
      this.now = Math.max(this.now, this.timerAt);
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
      this.sender.carriers.changed();
    }
    while (this.arrived.delete(this.received)) this.received++;
    this.sender.acknowledge(this.received, this.received + this.window, this.now);
  }

  timeOut(fake: FakeSubflow): void {
    if (fake.stale || fake.sent.size === 0) return;
    fake.stale = true;
    this.sender.carriers.changed();
    this.sender.reinject(fake.subflow, "rto");
  }

  die(fake: FakeSubflow): void {
    this.remove(fake);
    this.sender.reinject(fake.subflow, "subflow_death");
    fake.sent.clear();
  }
}

/** Lets a subflow pull one segment; the data range that it got, or null. Checks the bytes handed over. */
export function pull(bench: SenderBench, fake: FakeSubflow, limit: number, now = bench.now): { from: number; to: number } | null {
  const length = bench.sender.offer(fake.subflow, limit, now);
  if (length === 0) return null;
  if (length > limit) throw new Error(`offered ${length}, more than ${limit}`);
  bench.sender.take(fake.subflow, fake.end, length, now, bench.slot);
  if (bench.slot.tag instanceof SentMapping) fake.sent.push(bench.slot.tag);
  fake.end += length;
  const mapping = fake.sent.at(fake.sent.size - 1);
  const { payload } = bench.slot;
  if (bench.slot.tag !== mapping || payload.length !== length) throw new Error("the slot does not hold the mapping and its bytes");
  const bytes = payload.toUint8Array();
  for (let i = 0; i < length; i++) if (bytes[i] !== BITS[(mapping.dataOffset + i) & 0xffff]) throw new Error(`wrong byte at ${mapping.dataOffset + i}`);
  return { from: mapping.dataOffset, to: mapping.dataOffset + mapping.length };
}
