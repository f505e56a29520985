import { Packet, packetLength, sequenceAdd, sequenceLess, TCP_FLAG, TcpSegment } from "../../wire/index.ts";
import { FlowTable } from "./flow-table.ts";
import { middleboxKind } from "./kind.ts";
import type { MiddleboxKind } from "./kind.ts";
import { DIRECTION, opposite, SegmentMiddlebox } from "./middlebox.ts";
import type { Direction, MiddleboxEnvironment } from "./middlebox.ts";
import { choiceParameter, timeParameter } from "../parameters.ts";
import type { ValuesOf } from "../parameters.ts";

const PARAMETERS = {
  opens: choiceParameter(["both", "inside"], "both", "Who may open connections: hosts on both sides, or those behind the first link alone."),
  refusal: choiceParameter(["drop", "reset"], "drop", "What becomes of segments that do not pass: they are lost, or draw a RST."),
  acks: choiceParameter(["pass", "drop", "correct"], "pass", "What becomes of a segment that acknowledges data which the box has not seen: it passes, is lost, or acknowledges what was seen."),
  timeout: timeParameter(3_600_000_000_000, "After so long without a segment a connection is forgotten."),
  restartAfter: timeParameter(0, "At this time since the start of the simulation all connections are forgotten; 0: never."),
};

export type StatefulFirewallParameters = ValuesOf<typeof PARAMETERS>;

/**
 * Lets only segments of connections pass whose SYN it has seen, as firewalls do that keep state (RFC 2979). What is rerouted over it in the midst of a connection is lost, and so is what
 * it has forgotten. It may also hold acknowledgments against the data that it has seen. It sees nothing while it is switched off.
 */
export class StatefulFirewall extends SegmentMiddlebox {
  private readonly parameters: StatefulFirewallParameters;
  private flows = new FlowTable(() => new Seen());
  private isRestarted = false;

  constructor(name: string, environment: MiddleboxEnvironment, parameters: StatefulFirewallParameters) {
    super(name, environment);
    this.parameters = parameters;
  }

  protected treat(packet: Packet, segment: TcpSegment, direction: Direction, now: number): void {
    const { opens, timeout, restartAfter } = this.parameters;
    if (restartAfter > 0 && now >= restartAfter && !this.isRestarted) {
      this.isRestarted = true;
      this.flows = new FlowTable(() => new Seen());
    }
    const flow = this.flows.of(packet, segment, direction);
    if (now - flow.at > timeout) flow.isOpen = false;
    const isSyn = (segment.flags & (TCP_FLAG.SYN | TCP_FLAG.ACK | TCP_FLAG.RST)) === TCP_FLAG.SYN;
    if (isSyn && (opens === "both" || direction === DIRECTION.outward)) flow.isOpen = true;
    if (!flow.isOpen) return this.refuse(packet, segment, direction, now);
    flow.at = now;
    flow.see(segment, direction);
    if (this.parameters.acks === "pass" || !flow.isUnseen(segment, direction)) return this.forward(packet, direction, now);
    if (this.parameters.acks === "drop") return this.drop(packet, "firewall", now);
    segment.acknowledgment = flow.next[opposite(direction)];
    this.forwardChanged(packet, direction, now);
  }

  private refuse(packet: Packet, segment: TcpSegment, direction: Direction, now: number): void {
    const isAnswered = this.parameters.refusal === "reset" && (segment.flags & TCP_FLAG.RST) === 0;
    this.drop(packet, "firewall", now);
    if (isAnswered) this.forward(resetFor(packet, segment), opposite(direction), now);
  }
}

/** Lets only segments of connections pass whose SYN it has seen. */
export const statefulFirewall: MiddleboxKind = middleboxKind(
  "stateful-firewall",
  "Lets only segments of connections pass whose SYN it has seen.",
  PARAMETERS,
  (name, environment, parameters) => new StatefulFirewall(name, environment, parameters),
);

class Seen {
  isOpen = false;
  /** When it was heard of last, ns. */
  at = 0;
  /** The sequence number behind all that each side has sent, by direction; -1: nothing was seen. */
  readonly next: [number, number] = [-1, -1];

  see({ flags, payload, sequence }: TcpSegment, direction: Direction): void {
    if ((flags & TCP_FLAG.RST) !== 0) return;
    const isSyn = (flags & TCP_FLAG.SYN) !== 0;
    const end = sequenceAdd(sequence, payload.length + Number(isSyn) + Number((flags & TCP_FLAG.FIN) !== 0));
    if (isSyn && (flags & TCP_FLAG.ACK) === 0) this.next[opposite(direction)] = -1;
    if (isSyn || this.next[direction] < 0 || sequenceLess(this.next[direction], end)) this.next[direction] = end;
  }

  /** Whether it acknowledges what the other side has not sent over the box. */
  isUnseen({ acknowledgment, flags }: TcpSegment, direction: Direction): boolean {
    const seen = this.next[opposite(direction)];
    return (flags & (TCP_FLAG.ACK | TCP_FLAG.RST)) === TCP_FLAG.ACK && seen >= 0 && sequenceLess(seen, acknowledgment);
  }
}

/** The RST that an end without the connection would send (RFC 9293 §3.10.7.1). */
function resetFor(packet: Packet, segment: TcpSegment): Packet {
  const hasAck = (segment.flags & TCP_FLAG.ACK) !== 0;
  const length = segment.payload.length + Number((segment.flags & TCP_FLAG.SYN) !== 0) + Number((segment.flags & TCP_FLAG.FIN) !== 0);
  const reset = new Packet(packet.destination, packet.source);
  reset.tcp = Object.assign(new TcpSegment(), {
    sourcePort: segment.destinationPort,
    destinationPort: segment.sourcePort,
    sequence: hasAck ? segment.acknowledgment : 0,
    acknowledgment: hasAck ? 0 : sequenceAdd(segment.sequence, length),
    flags: hasAck ? TCP_FLAG.RST : TCP_FLAG.RST | TCP_FLAG.ACK,
  });
  reset.length = packetLength(reset);
  return reset;
}
