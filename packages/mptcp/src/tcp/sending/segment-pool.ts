import { Payload } from "../../wire/index.ts";
import { SentSegment } from "./sent-segment.ts";

/**
 * Records of sent segments that are used again. A host has one pool for all of its connections, so that an idle connection keeps none.
 */
export class SegmentPool {
  private readonly free: SentSegment[] = [];
  private readonly limit: number;

  /** @param limit records kept at the most */
  constructor(limit = POOL_LIMIT) {
    this.limit = limit;
  }

  /** Records that wait to be used again. */
  get size(): number {
    return this.free.length;
  }

  /** A record whose fields say nothing yet. */
  take(): SentSegment {
    return this.free.length > 0 ? (this.free.pop() as SentSegment) : new SentSegment();
  }

  /** Takes a record back that nobody holds any more. */
  give(record: SentSegment): void {
    record.payload = Payload.EMPTY;
    record.tag = null;
    if (this.free.length < this.limit) this.free.push(record);
  }
}

/** Enough for the acknowledgments of some large windows that come in a row. */
const POOL_LIMIT = 2048;
