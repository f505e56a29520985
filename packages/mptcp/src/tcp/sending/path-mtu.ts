import { NEVER, SECOND } from "../../core/index.ts";

/**
 * The path MTU of one connection: what ICMP says (RFC 1191, RFC 8201), and what silence suggests when full-sized segments vanish
 * and no ICMP message comes (RFC 4821, RFC 2923). Sizes in octets of IP packet.
 */
export class PathMtu {
  /** Largest packet that we send now. */
  current: number;
  /** When a larger packet may be tried again, ns; NEVER while the link's MTU is in use. */
  raiseAt = NEVER;
  private readonly link: number;
  private readonly family: 4 | 6;
  /** Black holes found: a second one is believed for longer. */
  private blackHoles = 0;

  constructor(link: number, family: 4 | 6) {
    this.link = link;
    this.current = link;
    this.family = family;
  }

  /**
   * A router could not forward a packet of ours.
   * @param mtu next hop's MTU as reported, 0 by old routers
   * @param length length of the packet that was too big, octets
   * @returns whether the path MTU went down
   */
  onTooBig(mtu: number, length: number, now: number): boolean {
    const smallest = this.family === 4 ? SMALLEST_V4 : SMALLEST_V6;
    let next = mtu;
    // RFC 1191 §5: an old router does not say; take the next plateau.
    if (this.family === 4 && next === 0) next = plateauBelow(Math.min(length, this.current));
    // RFC 8201 §4: never below the IPv6 minimum; and no message may raise the value (RFC 1191 §3).
    if (next < smallest) next = smallest;
    if (next >= this.current) return false;
    this.current = next;
    this.raiseAt = now + RAISE_INTERVAL;
    return true;
  }

  /**
   * The retransmission timer fired for a segment of `length` octets, `consecutive` times in a row.
   * @returns whether the path MTU went down
   */
  onTimeout(consecutive: number, length: number, now: number): boolean {
    let next: number;
    if (consecutive >= 2 && this.current > SMALLEST_V6) next = SMALLEST_V6;
    else if (consecutive >= 4 && this.family === 4 && this.current > SMALLEST_V4) next = SMALLEST_V4;
    else return false;
    if (length <= next) return false;
    if (this.raiseAt === NEVER) this.blackHoles++;
    this.current = next;
    // A path that was merely down looks the same, so the first suspicion is checked soon.
    this.raiseAt = now + (this.blackHoles <= 1 ? FIRST_RAISE : RAISE_INTERVAL);
    return true;
  }

  /** Time to try the link's MTU again (RFC 1191 §6.3, RFC 8201 §4: not before ten minutes after a message). */
  raise(): void {
    this.current = this.link;
    this.raiseAt = NEVER;
  }
}

function plateauBelow(length: number): number {
  for (const plateau of PLATEAUS) if (plateau < length) return plateau;
  return SMALLEST_V4;
}

/** RFC 1191 §7.1 allows 68; below 552 (Linux's limit too) a message is more likely an attack on our performance. */
const SMALLEST_V4 = 552;
const SMALLEST_V6 = 1280;
/** RFC 1191 §7.1, table 7-1. */
const PLATEAUS = [32000, 17914, 8166, 4352, 2002, 1492, 1006, 552];
const RAISE_INTERVAL = 600 * SECOND;
const FIRST_RAISE = SECOND;
