import { CONSTANTS } from "../../system/index.ts";
import type { ErrorQueue } from "./error-queue.ts";

/** What SO_TIMESTAMPING asks for (linux/net_tstamp.h), as far as there is something to tell without hardware. */
export const TIMESTAMPING = { transmitSoftware: 0x2, software: 0x10, ids: 0x80, scheduled: 0x100, acknowledged: 0x200, withoutData: 0x800, idsFromNow: 0x1_0000 } as const;

/** When what was written left, and when it was acknowledged: told on the error queue, of the last octet of each write. */
export class TransmitTimestamps {
  private readonly queue: ErrorQueue;
  private flags = 0;
  /** The position that octets are counted from. */
  private base = 0;
  private readonly toLeave: Marked[] = [];
  private readonly toBeAcknowledged: Marked[] = [];

  constructor(queue: ErrorQueue) {
    this.queue = queue;
  }

  /** SO_TIMESTAMPING was set, when so much was written and so much acknowledged. */
  configure(flags: number, written: number, acknowledged: number): void {
    if ((flags & TIMESTAMPING.ids) !== 0 && (this.flags & TIMESTAMPING.ids) === 0) this.base = (flags & TIMESTAMPING.idsFromNow) === 0 ? acknowledged : written;
    this.flags = flags;
  }

  /** A call wrote up to a position. */
  add(end: number): void {
    const { flags } = this;
    if ((flags & (TIMESTAMPING.transmitSoftware | TIMESTAMPING.scheduled)) !== 0) this.toLeave.push({ end, flags });
    if ((flags & TIMESTAMPING.acknowledged) !== 0) this.toBeAcknowledged.push({ end, flags });
  }

  /** So much has left and so much was acknowledged. @returns whether somebody is to be told */
  settle(left: number, acknowledged: number, now: number): boolean {
    let isNew = false;
    for (let first = this.toLeave[0]; first !== undefined && first.end <= left; first = this.toLeave[0]) {
      this.toLeave.shift();
      if ((first.flags & TIMESTAMPING.scheduled) !== 0) this.tell(KIND.scheduled, first, now);
      if ((first.flags & TIMESTAMPING.transmitSoftware) !== 0) this.tell(KIND.sent, first, now);
      isNew = true;
    }
    for (let first = this.toBeAcknowledged[0]; first !== undefined && first.end <= acknowledged; first = this.toBeAcknowledged[0]) {
      this.toBeAcknowledged.shift();
      this.tell(KIND.acknowledged, first, now);
      isNew = true;
    }
    return isNew;
  }

  private tell(kind: number, { end, flags }: Marked, now: number): void {
    this.queue.push({
      errno: "ENOMSG", origin: SO_EE_ORIGIN_TIMESTAMPING, type: 0, code: 0, info: kind, data: (flags & TIMESTAMPING.ids) === 0 ? 0 : (end - 1 - this.base) >>> 0, offender: null,
      // The packet that it is about comes along, unless it is not wanted.
      payload: new Uint8Array((flags & TIMESTAMPING.withoutData) === 0 ? 1 : 0),
      ...((flags & TIMESTAMPING.software) === 0 ? {} : { at: now }),
    });
  }
}

interface Marked {
  readonly end: number;
  readonly flags: number;
}

/** SCM_TSTAMP_SND, SCM_TSTAMP_SCHED, SCM_TSTAMP_ACK. */
const KIND = { sent: 0, scheduled: 1, acknowledged: 2 } as const;
const { SO_EE_ORIGIN_TIMESTAMPING } = CONSTANTS;
