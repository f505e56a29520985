/**
 * The window that Linux offers: what a receive buffer holds is counted by the memory that packets take, and how much of the buffer is on offer follows from how much of
 * that memory is data (`tcp_win_from_space`, `scaling_ratio`). RFC 9293 §3.8.6.2.2 leaves it open. Packets cost what they do where a device hands over one buffer for each, as a
 * TUN device does.
 */
export class MemoryWindow {
  /** Memory of the buffer, bytes. */
  private size: number;
  /** The most that it may become. */
  private readonly largest: number;
  /** Our MSS, less timestamps. */
  private readonly announced: number;
  /** Octets of headers before the data of a segment. */
  private readonly headers: number;
  /** What of the memory is data, in 256ths. */
  private ratio = 128;
  /** The most that is ever offered, and what is offered until data shows that there is memory for more (`rcv_ssthresh`). */
  private clamp: number;
  private threshold: number;
  /** The window as it was offered last. */
  private offered: number;
  /** Estimate of the peer's segment size. */
  private segment: number;
  /** Memory taken by what waits to be read, and by what waits for a gap to fill. */
  private taken = 0;
  private early = 0;
  /** Packets in order that are not read: where each ends, counted in all bytes that arrived in order, and its memory. */
  private readonly ends: number[] = [];
  private readonly costs: number[] = [];
  private arrived = 0;
  private read = 0;
  /** What waits for a gap to fill: where it begins, counted as the ends are, its length and its memory; and what room is left behind the last one. */
  private readonly waiting: { readonly start: number; readonly length: number; readonly cost: number }[] = [];
  private earlyTailroom = 0;
  /** Bytes that still fit into the buffer of the last packet. */
  private tailroom = 0;

  /**
   * @param size memory of the buffer, bytes
   * @param window what the SYN, or SYN+ACK, offers, if its field has the room
   * @param most what the field of any segment can offer
   */
  constructor(size: number, largest: number, announced: number, headers: number, window: number, most: number) {
    this.size = size;
    this.largest = largest;
    this.announced = announced;
    this.headers = headers;
    this.offered = window;
    const full = this.windowOf(size);
    this.clamp = Math.min(full, most);
    // One segment is reserved.
    if (this.clamp > 2 * announced && this.clamp + announced > full) this.clamp = Math.max(2 * announced, full - announced);
    this.threshold = Math.min(window, this.clamp);
    this.segment = Math.max(SMALLEST_SEGMENT, Math.min(announced, window >> 1, USUAL_SEGMENT));
  }

  /** Memory that is taken, bytes. */
  get held(): number {
    return this.taken + this.early;
  }

  /** Whether it takes more than there is. */
  get isFull(): boolean {
    return this.held > this.size;
  }

  /** Whether less than half of it is free. */
  get isScarce(): boolean {
    return this.windowOf(this.size - this.held) < Math.min(this.clamp, this.windowOf(this.size)) >> 1;
  }

  /** Whether as much can be offered as was. */
  isKept(scale: number): boolean {
    return this.select(scale) >= this.offered;
  }

  /** Another size of the buffer, bytes of memory. */
  resize(size: number): void {
    if (size === this.size) return;
    const isLarger = size > this.size;
    this.size = size;
    if (isLarger) this.clamp = this.windowOf(size);
  }

  /** Data arrived in order; what waited for it is in order as well. @param filled bytes of that */
  onArrival(length: number, filled: number): void {
    this.queue(length, memoryOf(length + this.headers));
    if (filled > 0) this.fill(filled);
  }

  /** Data arrived behind a gap of so many bytes. */
  onEarly(gap: number, length: number): void {
    const { waiting } = this;
    const start = this.arrived + gap;
    const last = waiting.at(-1);
    const isBehind = last !== undefined && last.start + last.length === start && length <= this.earlyTailroom;
    const cost = isBehind ? 0 : memoryOf(length + this.headers);
    this.earlyTailroom = isBehind ? this.earlyTailroom - length : tailroomOf(length + this.headers);
    this.early += cost;
    waiting.push({ start, length, cost });
  }

  /**
   * A segment shows how much of the memory is data, and whether there is enough of it for a larger window.
   * @param before the estimate of the peer's segment size, bytes, without it
   * @param after and with it
   * @param isEarly whether it came behind a gap: then it counts however short it is
   * @returns whether there is
   */
  measure(length: number, before: number, after: number, isEarly = false): boolean {
    const cost = memoryOf(length + this.headers);
    this.segment = after;
    if (length >= before && length !== before) {
      const ratio = Math.min(255, Math.max(1, Math.floor((length * 256) / cost)));
      if (ratio !== this.ratio) {
        this.ratio = ratio;
        this.limit(Math.max(LEAST_CLAMP, this.windowOf(this.size)));
      }
    }
    return (isEarly || length >= WORTH_GROWING) && this.grow(length, cost);
  }

  /** The application took `bytes`. */
  onRead(bytes: number): void {
    this.read += bytes;
    const { costs, ends } = this;
    let count = 0;
    while (count < ends.length && (ends[count] as number) <= this.read) this.taken -= costs[count++] as number;
    if (count === 0) return;
    ends.splice(0, count);
    costs.splice(0, count);
  }

  /** Everything was thrown away. */
  clear(): void {
    this.onRead(this.arrived - this.read);
  }

  /**
   * The window to offer now, bytes (`__tcp_select_window`). What was offered before is not looked at: that is not taken back.
   * @param scale what the window field is multiplied by
   */
  select(scale: number): number {
    const all = this.windowOf(this.size);
    const full = Math.min(this.clamp, all);
    const segment = Math.min(this.segment, full);
    let free = this.windowOf(this.size - this.held);
    if (segment <= 0) return 0;
    if (free < full >> 1) {
      free -= ((free % scale) + scale) % scale;
      if (free < all >> 4 || free < segment) return 0;
    }
    free = Math.min(free, this.threshold);
    if (scale > 1) return Math.ceil(free / scale) * scale;
    const window = this.offered;
    if (window <= free - segment || window > free) return free - (free % segment);
    return segment === full && free > window + (full >> 1) ? free : window;
  }

  /** So much was offered. */
  onOffered(window: number): void {
    this.offered = window;
  }

  /** Whether the window has opened so far that the peer is to hear of it. @param left bytes that it may still send */
  isUpdateDue(left: number, scale: number): boolean {
    if (2 * left > this.clamp) return false;
    const window = this.select(scale);
    return window > 0 && window >= 2 * left;
  }

  /** What was early is in order now, as far as `bytes` go. */
  private fill(bytes: number): void {
    const { waiting } = this;
    const end = this.arrived + bytes;
    waiting.sort((one, other) => one.start - other.start);
    let count = 0;
    for (let next = waiting[0]; next !== undefined && next.start < end; next = waiting[++count]) {
      this.early -= next.cost;
      const fresh = Math.min(end, next.start + next.length) - this.arrived;
      if (fresh > 0) this.queue(fresh, next.cost);
    }
    waiting.splice(0, count);
    this.arrived = end;
  }

  /** Data is in order, and took so much memory; it takes none of its own where it fits behind the packet before it. */
  private queue(length: number, cost: number): void {
    const { costs, ends } = this;
    this.arrived += length;
    if (ends.length > 0 && (cost === 0 || length <= this.tailroom)) {
      ends[ends.length - 1] = this.arrived;
      this.tailroom -= length;
      return;
    }
    this.taken += cost;
    ends.push(this.arrived);
    costs.push(cost);
    this.tailroom = tailroomOf(length + this.headers);
  }

  private limit(clamp: number): void {
    if (clamp === this.clamp) return;
    if (clamp < this.clamp) this.threshold = Math.min(this.threshold, clamp);
    else this.threshold = Math.max(this.threshold, Math.min(this.offered, clamp));
    this.clamp = clamp;
  }

  private grow(length: number, cost: number): boolean {
    const room = Math.min(this.clamp, this.windowOf(this.size - this.held)) - this.threshold;
    if (room <= 0) return false;
    const more = this.windowOf(cost) <= length ? 2 * this.announced : this.growth(length, cost);
    if (more > 0) this.threshold += Math.min(room, Math.max(more, 2 * length));
    return more > 0;
  }

  private growth(length: number, cost: number): number {
    let memory = this.windowOf(cost) >> 1;
    let window = this.windowOf(this.largest) >> 1;
    while (this.threshold <= window) {
      if (memory <= length) return 2 * this.segment;
      memory >>= 1;
      window >>= 1;
    }
    return 0;
  }

  private windowOf(memory: number): number {
    return Math.floor((memory * this.ratio) / 256);
  }
}

/** Memory that a packet takes, bytes: a buffer of one of few sizes and what describes it; of a large one, pages besides. */
export function memoryOf(packet: number): number {
  if (HEADROOM + packet < PAGE) return bufferOf(packet) + DESCRIPTION;
  const beside = packet - (PAGE - HEADROOM - SHARED);
  return PAGE + DESCRIPTION + Math.ceil(beside / PAGE) * PAGE;
}

function bufferOf(packet: number): number {
  const needed = Math.ceil((HEADROOM + packet) / 64) * 64 + SHARED;
  if (needed <= SMALLEST_BUFFER) return SMALLEST_BUFFER;
  return needed <= 1024 ? 1024 : 2 ** (32 - Math.clz32(needed - 1));
}

function tailroomOf(packet: number): number {
  return HEADROOM + packet < PAGE ? bufferOf(packet) - SHARED - HEADROOM - packet : 0;
}

const PAGE = 4096;
/** Octets before a packet, of what describes a buffer at its end, and of what describes a packet. */
const HEADROOM = 64;
const SHARED = 320;
const DESCRIPTION = 256;
const SMALLEST_BUFFER = 576;
const USUAL_SEGMENT = 536;
const SMALLEST_SEGMENT = 88;
/** Half of the least buffer. */
const LEAST_CLAMP = 1152;
/** Smaller segments say nothing of the window. */
const WORTH_GROWING = 128;
