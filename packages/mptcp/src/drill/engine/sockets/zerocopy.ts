import { CONSTANTS } from "../../system/index.ts";
import type { ErrorQueue } from "./error-queue.ts";
import type { Settings } from "./settings.ts";

/** What was sent by MSG_ZEROCOPY and is not acknowledged: the program hears of it on the error queue once its buffer may be used again. */
export class ZeroCopies {
  private readonly queue: ErrorQueue;
  private next = 0;
  private readonly sent: { readonly id: number; readonly end: number }[] = [];

  constructor(queue: ErrorQueue) {
    this.queue = queue;
  }

  /** A call sent data up to a position in the stream. */
  add(end: number): void {
    this.sent.push({ id: this.next, end });
    this.next = (this.next + 1) >>> 0;
  }

  /** Everything before a position is done with. @returns whether somebody is to be told */
  release(to: number): boolean {
    let isNew = false;
    for (let first = this.sent[0]; first !== undefined && first.end <= to; first = this.sent[0]) {
      this.sent.shift();
      this.complete(first.id);
      isNew = true;
    }
    return isNew;
  }

  /** A notification takes in the next one while nobody has read it. The engine copies what is sent, as Linux does where the device is none of its own. */
  private complete(id: number): void {
    const { last } = this.queue;
    if (last !== undefined && last.origin === SO_EE_ORIGIN_ZEROCOPY && last.data === id - 1) {
      last.data = id;
      return;
    }
    this.queue.push({
      errno: "", origin: SO_EE_ORIGIN_ZEROCOPY, type: 0, code: SO_EE_CODE_ZEROCOPY_COPIED, info: id, data: id, offender: null, payload: new Uint8Array(0),
    });
  }
}

/** Whether what a call with `flags` sends is told of on the error queue. */
export function isZeroCopy({ settings }: { readonly settings: Settings }, flags: number): boolean {
  return (flags & MSG_ZEROCOPY) !== 0 && settings.get("SO_ZEROCOPY") !== 0;
}

const { MSG_ZEROCOPY, SO_EE_CODE_ZEROCOPY_COPIED, SO_EE_ORIGIN_ZEROCOPY } = CONSTANTS;
