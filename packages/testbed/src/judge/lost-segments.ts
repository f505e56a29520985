import type { LossModel } from "mptcp/sim";
import { TCP_FLAG } from "mptcp/wire";
import type { Packet } from "mptcp/wire";
import { SEGMENT } from "./condition.ts";
import type { LostSegments } from "./condition.ts";

/** Loses the first transmission of certain segments of each flow, whichever packets they come in. */
export class LostSegmentsModel implements LossModel {
  private readonly from: number;
  private readonly to: number;
  private readonly flows = new Map<number, Flow>();

  /** @param octets how long each flow is */
  constructor({ first, count }: LostSegments, octets: number) {
    const start = first >= 0 ? first * SEGMENT : octets + first * SEGMENT;
    this.from = Math.max(start, 0);
    this.to = this.from + count * SEGMENT;
  }

  lose({ tcp }: Packet): boolean {
    if (tcp === null) return false;
    if ((tcp.flags & TCP_FLAG.SYN) !== 0) {
      this.flows.set(tcp.destinationPort, new Flow(tcp.sequence + 1));
      return false;
    }
    const flow = this.flows.get(tcp.destinationPort);
    if (flow === undefined || tcp.payload.length === 0) return false;
    const begin = (tcp.sequence - flow.start) >>> 0;
    const isNew = begin >= flow.seen;
    flow.seen = Math.max(flow.seen, begin + tcp.payload.length);
    return isNew && begin >= this.from && begin < this.to;
  }
}

class Flow {
  readonly start: number;
  /** Octets that have been sent at least once. */
  seen = 0;

  constructor(start: number) {
    this.start = start;
  }
}
