import type { BufferConfig } from "../tcp/index.ts";
import { reassemblyMemory, ReassemblyQueue, ReceiveBufferTuner, ReceiveQueue } from "../tcp/index.ts";
import type { Payload } from "../wire/index.ts";

/**
 * The receiving half of an MPTCP connection: reorders by data sequence, and owns the one receive window that all subflows
 * share (RFC 8684 §3.3.4). Positions are data offsets.
 */
export class DataReceiver {
  readonly queue = new ReceiveQueue();
  readonly reorder = new ReassemblyQueue(0);
  /** Next byte expected in order. */
  next = 0;
  /** Right edge of the window as advertised so far; never moves left. */
  right: number;
  /** Position of the peer's DATA_FIN; -1 until it is known. */
  finOffset = -1;
  /** The window was advertised as closed, or nearly so: the next opening is worth an update on every subflow. */
  wasClosed = false;

  private readonly tuner: ReceiveBufferTuner;

  constructor(buffer: BufferConfig) {
    this.tuner = new ReceiveBufferTuner(buffer, INITIAL_FLIGHT);
    this.right = this.tuner.size;
  }

  /** Receive buffer size now, bytes. */
  get limit(): number {
    return this.tuner.size;
  }

  /** Whether the peer's DATA_FIN and everything before it arrived. */
  get finReached(): boolean {
    return this.finOffset >= 0 && this.next === this.finOffset;
  }

  /** The DATA_ACK: the next position expected, past the DATA_FIN once that is reached. */
  get acknowledgment(): number {
    return this.finReached ? this.next + 1 : this.next;
  }

  /** Bytes that wait for the application or for a gap to fill. */
  get buffered(): number {
    return this.queue.length + this.reorder.bytes;
  }

  /** The window to advertise now, in bytes from `next`; moves the right edge. */
  advertise(): number {
    const edge = this.next + Math.max(0, this.limit - this.queue.length);
    if (edge > this.right) this.right = edge;
    const window = this.right - this.next;
    // The window field's scale may turn a small rest into nothing.
    if (window < Math.min(NEARLY_CLOSED, this.limit / 2)) this.wasClosed = true;
    return window;
  }

  /** Whether what the application read since the last advertisement is worth a window update. */
  updateWorthwhile(segment: number): boolean {
    const edge = this.next + Math.max(0, this.limit - this.queue.length);
    const remaining = this.right - this.next;
    const gain = edge - this.right;
    // RFC 9293 §3.8.6.2.2 asks for at least a segment; doubling what the peer has left keeps updates rare while data flows.
    return gain >= Math.min(segment, this.limit / 2) && gain >= remaining;
  }

  /** Whether data that ends at `end` lies within the window; what does not is dropped (RFC 8684 §3.3.4). */
  acceptable(end: number): boolean {
    return end <= this.right;
  }

  /**
   * Bytes of the connection arrived on some subflow; duplicates are dropped.
   * @param elsewhere memory, bytes, that the subflows hold in data out of order
   * @returns how many became readable
   */
  insert(offset: number, payload: Payload, elsewhere = 0): number {
    let from = offset;
    if (this.finOffset >= 0 && from + payload.length > this.finOffset) {
      if (from >= this.finOffset) return 0;
      payload = payload.slice(0, this.finOffset - from);
    }
    if (from + payload.length <= this.next) return 0;
    if (from < this.next) {
      payload = payload.slice(this.next - from, payload.length);
      from = this.next;
    }
    if (from > this.next) {
      this.reorder.limit = reassemblyMemory(this.limit) - elsewhere;
      this.reorder.insert(from, payload);
      return 0;
    }
    const before = this.next;
    this.queue.push(payload);
    this.next += payload.length;
    if (this.reorder.bytes > 0) {
      let run = this.reorder.pop(this.next);
      while (run !== null) {
        this.queue.push(run);
        this.next += run.length;
        run = this.reorder.pop(this.next);
      }
    }
    return this.next - before;
  }

  /**
   * The application took `bytes`. D7: the bytes it takes in the longest round-trip time of the subflows are sum(bw_i) * max(RTT), so
   * the buffer grows to twice that (draft-barre-mptcp-impl §3.4.1).
   * @param longestRtt ns, as seen by the receiver; 0 when unknown
   */
  consumed(bytes: number, longestRtt: number, segment: number, now: number): void {
    this.tuner.onRead(bytes, longestRtt, segment, now);
  }
}

/** Less than a full segment, bytes. */
const NEARLY_CLOSED = 1460;
/** What a sender's first flight may bring (RFC 6928), bytes. */
const INITIAL_FLIGHT = 10 * 1460;
