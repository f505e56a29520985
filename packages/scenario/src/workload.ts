import { BulkSender, DelayMeter, PacedSender, RequestClient, RequestServer, Sink } from "mptcp/sim";
import type { BaseApplication } from "mptcp/sim";
import type { Payload } from "mptcp/wire";
import { madeUpContent } from "./content.ts";
import type { Content, IncrementalHash } from "./content.ts";
import type { PlanLive, PlanRequest, PlanWorkload } from "./plan.ts";

/** The applications of a run, and how to ask them how far they are. */
export interface Work {
  readonly client: BaseApplication;
  readonly server: BaseApplication;
  /** Whether the server's end sends what is measured. */
  readonly download: boolean;
  /** What the measured direction should carry in all; null: no fixed number. */
  readonly bytesExpected: number | null;
  /** null: nothing to compare. */
  readonly content: Content | null;
  readonly hash: IncrementalHash | null;
  /** The application that gets the data. */
  readonly receiver: Receiver;
  /** Application delays so far, ns; null for work that has none. */
  delays(): readonly number[] | null;
}

/** The receiving application. Times in ns, -1 until they come. */
export interface Receiver {
  readonly bytesRead: number;
  readonly firstByteAt: number;
  readonly lastByteAt: number;
  readonly maxStall: number;
  readonly maxStallAt: number;
  /** Calls `callback` as soon as so many bytes have been read. */
  whenReceived(bytes: number, callback: (now: number) => void): void;
}

/** Makes the applications. `content` is that of a bulk transfer. */
export function makeWork(plan: PlanWorkload, content: Content, hash: IncrementalHash | null): Work {
  if (plan.kind === "request") return requestWork(plan);
  if (plan.kind === "live") return liveWork(plan, content.virtual, hash);
  const sender = new BulkSender({ bytes: content.bytes ?? Number.POSITIVE_INFINITY, source: content.source });
  const sink = new Sink(hash === null ? {} : { hash });
  return {
    client: plan.download ? sink : sender,
    server: plan.download ? sender : sink,
    download: plan.download,
    bytesExpected: content.bytes,
    content: content.virtual ? null : content,
    hash,
    receiver: sink,
    delays: () => null,
  };
}

function liveWork(plan: PlanLive, virtual: boolean, hash: IncrementalHash | null): Work {
  const count = Math.floor(plan.length / plan.interval) + 1;
  const bytes = count === Number.POSITIVE_INFINITY ? null : count * plan.chunkBytes;
  const content = madeUpContent(bytes, virtual);
  const meter = new DelayMeter(plan.chunkBytes);
  const sender = new PacedSender({ size: plan.chunkBytes, interval: plan.interval, count, source: content.source, meter });
  const sink = new Sink({ meter, ...(hash === null ? {} : { hash }) });
  return {
    client: plan.download ? sink : sender,
    server: plan.download ? sender : sink,
    download: plan.download,
    bytesExpected: bytes,
    content: virtual ? null : content,
    hash,
    receiver: sink,
    delays: () => meter.delays,
  };
}

function requestWork(plan: PlanRequest): Work {
  const sizes = { request: plan.requestBytes, response: plan.responseBytes };
  const client = new MeasuredRequestClient({ ...sizes, count: plan.count, thinkTime: plan.interval });
  return {
    client,
    server: new RequestServer(sizes),
    download: true,
    bytesExpected: plan.count * plan.responseBytes,
    content: null,
    hash: null,
    receiver: client,
    delays: () => client.durations,
  };
}

/** A request client that knows when bytes came. Its stalls are waits for a response, not pauses of its own. */
class MeasuredRequestClient extends RequestClient implements Receiver {
  firstByteAt = -1;
  lastByteAt = -1;
  maxStall = 0;
  maxStallAt = -1;
  private responses = 0;
  private readonly marks: { readonly bytes: number; readonly callback: (now: number) => void }[] = [];

  whenReceived(bytes: number, callback: (now: number) => void): void {
    this.marks.push({ bytes, callback });
  }

  protected override onPayload(payload: Payload, now: number): void {
    super.onPayload(payload, now);
    if (this.firstByteAt < 0) this.firstByteAt = now;
    this.lastByteAt = now;
    for (; this.responses < this.durations.length; this.responses++) {
      const duration = this.durations[this.responses] as number;
      if (duration <= this.maxStall) continue;
      this.maxStall = duration;
      this.maxStallAt = now - duration;
    }
    for (const mark of this.marks.splice(0)) {
      if (mark.bytes <= this.bytesRead) mark.callback(now);
      else this.marks.push(mark);
    }
  }
}
