import { TCP_FLAG } from "../../wire/index.ts";
import type { TcpSegment } from "../../wire/index.ts";
import { opposite } from "./middlebox.ts";
import type { Direction } from "./middlebox.ts";

/** By what shift the windows of each direction count, as the SYNs said (RFC 7323 §2.2): 0 unless both offer to scale. */
export class WindowScales {
  private readonly offered: [number, number] = [-1, -1];

  /** Takes note of a segment, before anything is changed on it. */
  see(segment: TcpSegment, direction: Direction): void {
    if ((segment.flags & TCP_FLAG.SYN) === 0) return;
    this.offered[direction] = segment.windowScale;
    if ((segment.flags & TCP_FLAG.ACK) === 0) this.offered[opposite(direction)] = -1;
  }

  /** Whether both offered to scale. */
  get areAgreed(): boolean {
    return this.offered[0] >= 0 && this.offered[1] >= 0;
  }

  /** The shift of windows that are announced in a direction. That of a SYN itself is always 0. */
  of(segment: TcpSegment, direction: Direction): number {
    if ((segment.flags & TCP_FLAG.SYN) !== 0 || this.offered[opposite(direction)] < 0) return 0;
    return Math.min(Math.max(0, this.offered[direction]), LARGEST_SHIFT);
  }
}

const LARGEST_SHIFT = 14;
