import type { BufferConfig, StreamSettings } from "../../tcp/index.ts";
import { ReceiveBufferTuner } from "../../tcp/index.ts";

/**
 * The receive window of a connection: how much the peer may send beyond what arrived in order. It belongs to the connection and not to a
 * subflow (RFC 8684 §3.3.4), and to regular TCP after it.
 */
export class ReceiveWindow {
  private readonly tuner: ReceiveBufferTuner;
  private rightEdge: number;
  private clamp: number;
  private nearlyClosed = false;

  /**
   * @param clamp most that is offered, bytes; 0: as there is room
   * @param share what of the buffer is offered, see {@link ReceiveBufferTuner}
   */
  constructor(buffer: BufferConfig, clamp = 0, share = 1) {
    this.tuner = new ReceiveBufferTuner(buffer, INITIAL_FLIGHT, share);
    this.clamp = clamp;
    this.rightEdge = this.roomFor(0);
  }

  /** Another buffer, or clamp, from now on. What was offered is not taken back (RFC 8684 §3.3.4). */
  configure({ receiveBuffer, windowClamp }: Partial<StreamSettings>): void {
    if (receiveBuffer !== undefined) this.tuner.configure(receiveBuffer);
    if (windowClamp !== undefined) this.clamp = windowClamp;
  }

  /** Receive buffer size now, bytes. */
  get limit(): number {
    return this.tuner.size;
  }

  /** The most that the application has read in one round trip, bytes. */
  get readPerRound(): number {
    return this.tuner.readPerRound;
  }

  /** Right edge as advertised so far; it never moves left. */
  get right(): number {
    return this.rightEdge;
  }

  /**
   * The window to advertise now, in bytes from `next`; moves the right edge.
   * @param next next byte expected in order
   * @param waiting bytes that the application has not read
   */
  advertise(next: number, waiting: number): number {
    const edge = next + this.roomFor(waiting);
    if (edge > this.rightEdge) this.rightEdge = edge;
    const window = this.rightEdge - next;
    // The window field's scale may turn a small rest into nothing.
    if (window < Math.min(NEARLY_CLOSED, this.limit / 2)) this.nearlyClosed = true;
    return window;
  }

  /** Whether what the application read since the last advertisement is worth an update. `segment`: bytes of a full one. */
  updateWorthwhile(next: number, waiting: number, segment: number): boolean {
    const edge = next + this.roomFor(waiting);
    const remaining = this.rightEdge - next;
    const gain = edge - this.rightEdge;
    // RFC 9293 §3.8.6.2.2 asks for at least a segment; doubling what the peer has left keeps updates rare while data flows.
    return gain >= Math.min(segment, this.limit / 2) && gain >= remaining;
  }

  /** Whether the window was advertised as closed, or nearly so, since this was last asked: the next opening is worth an update everywhere. */
  takeClosed(): boolean {
    const { nearlyClosed } = this;
    this.nearlyClosed = false;
    return nearlyClosed;
  }

  /**
   * The application took `bytes`. D7: the bytes it takes in the longest round-trip time of the subflows are sum(bw_i) * max(RTT), so
   * the buffer grows to twice that (draft-barre-mptcp-impl §3.4.1).
   * @param longestRtt ns, as seen by the receiver; 0 when unknown
   */
  consumed(bytes: number, longestRtt: number, segment: number, now: number): void {
    this.tuner.onRead(bytes, longestRtt, segment, now);
  }

  /** What may be offered while `waiting` bytes are not read. */
  private roomFor(waiting: number): number {
    const room = this.limit - waiting;
    if (this.clamp > 0 && this.clamp < room) return this.clamp;
    return room > 0 ? room : 0;
  }
}

/** Less than a full segment, bytes. */
const NEARLY_CLOSED = 1460;
/** What a sender's first flight may bring (RFC 6928), bytes. */
const INITIAL_FLIGHT = 10 * 1460;
