import { NEVER } from "../../core/index.ts";
import { sequenceDifference, TCP_FLAG } from "../../wire/index.ts";
import type { Packet, TcpSegment } from "../../wire/index.ts";
import type { Scheduled } from "../event-queue.ts";
import { middleboxKind } from "./kind.ts";
import type { MiddleboxKind } from "./kind.ts";
import { SegmentMiddlebox } from "./middlebox.ts";
import type { Direction, MiddleboxEnvironment } from "./middlebox.ts";
import { choiceParameter, countParameter, timeParameter } from "../parameters.ts";
import type { ValuesOf } from "../parameters.ts";
import { includes, wayParameter } from "./segment-filter.ts";

const PARAMETERS = {
  wait: timeParameter(2_000_000, "How long an ACK waits for one that says more."),
  most: countParameter(8, 1, 1000, "So many ACKs in a row are dropped at the most; then one leaves at once."),
  options: choiceParameter(["respect", "ignore"], "respect", "Whether an ACK stays that has options other than timestamps and a Data ACK, or every one that is followed by a later one is dropped."),
  direction: wayParameter("Which ACKs are meant"),
};

export type AckFilterParameters = ValuesOf<typeof PARAMETERS>;

/**
 * Drops an ACK without data where one comes behind it that acknowledges more, as modems with a slow way out do (RFC 3449 §5.2.2). Duplicate ACKs, and
 * with `respect` those with SACK blocks, stay.
 */
export class AckFilter extends SegmentMiddlebox implements Scheduled {
  slot = -1;
  readonly background = false;
  private readonly parameters: AckFilterParameters;
  /** What waits, oldest first: one for each connection and direction. */
  private readonly held: Held[] = [];

  constructor(name: string, environment: MiddleboxEnvironment, parameters: AckFilterParameters) {
    super(name, environment);
    this.parameters = parameters;
  }

  fire(now: number): void {
    while ((this.held[0]?.due ?? NEVER) <= now) this.release(0, now);
    this.schedule();
  }

  protected override switchedOff(now: number): void {
    while (this.held.length > 0) this.release(0, now);
    this.schedule();
  }

  protected treat(packet: Packet, segment: TcpSegment, direction: Direction, now: number): void {
    if (!includes(this.parameters.direction, direction)) return this.forward(packet, direction, now);
    const at = this.held.findIndex((held) => isSameFlow(held, packet, segment, direction));
    const held = this.held[at];
    const isPure = segment.flags === TCP_FLAG.ACK && segment.payload.length === 0;
    if (held !== undefined && isPure && this.saysLess(held.segment, segment)) {
      this.drop(held.packet, "filtered", now);
      held.packet = packet;
      held.segment = segment;
      if (++held.dropped >= this.parameters.most) this.release(at, now);
    } else {
      if (held !== undefined) this.release(at, now);
      if (isPure) this.hold(packet, segment, direction, now);
      else this.forward(packet, direction, now);
    }
    this.schedule();
  }

  private hold(packet: Packet, segment: TcpSegment, direction: Direction, now: number): void {
    if (this.held.length === MOST_HELD) this.release(0, now);
    this.held.push({ packet, segment, direction, due: now + this.parameters.wait, dropped: 0 });
  }

  /** Whether everything that one ACK says is said by a later one. */
  private saysLess(one: TcpSegment, later: TcpSegment): boolean {
    if (sequenceDifference(later.acknowledgment, one.acknowledgment) <= 0) return false;
    if (this.parameters.options === "ignore") return true;
    if (one.sackBlocks.length > 0 || one.otherOptions.length > 0) return false;
    return one.mptcp.every((option) => option.kind === "dss" && option.dsnLength === 0 && !option.dataFin);
  }

  private release(at: number, now: number): void {
    const [{ packet, direction }] = this.held.splice(at, 1) as [Held];
    this.forward(packet, direction, now);
  }

  private schedule(): void {
    const due = this.held[0]?.due ?? NEVER;
    if (due === NEVER) this.queue.remove(this);
    else this.queue.schedule(this, due);
  }
}

/** Drops an ACK where one comes behind it that acknowledges more. */
export const ackFilter: MiddleboxKind = middleboxKind(
  "ack-filter",
  "Drops an ACK where one comes behind it that acknowledges more.",
  PARAMETERS,
  (name, environment, parameters) => new AckFilter(name, environment, parameters),
);

interface Held {
  packet: Packet;
  segment: TcpSegment;
  readonly direction: Direction;
  /** When it leaves at the latest, ns. */
  readonly due: number;
  /** How many were dropped in favour of it. */
  dropped: number;
}

function isSameFlow(held: Held, packet: Packet, segment: TcpSegment, direction: Direction): boolean {
  return (
    held.direction === direction &&
    held.segment.sourcePort === segment.sourcePort &&
    held.segment.destinationPort === segment.destinationPort &&
    held.packet.source.equals(packet.source) &&
    held.packet.destination.equals(packet.destination)
  );
}

/** Connections that wait at once; one more, and the oldest ACK leaves. */
const MOST_HELD = 64;
