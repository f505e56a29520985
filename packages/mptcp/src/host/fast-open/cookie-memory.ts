import type { Counters } from "../../core/index.ts";
import { LIMITS, SECOND } from "../../core/index.ts";
import type { FastOpenAnswer, FastOpenStart, FourTuple } from "../../tcp/index.ts";
import type { IpAddress } from "../../wire/index.ts";

/**
 * What a host remembers of servers for Fast Open: the latest cookie for each pair of its own address and a server's, with the server's MSS (RFC 7413 §4.1.3), and
 * the paths that drop SYNs with the option or with data (§4.2.2), on which the next connections do without.
 */
export class CookieMemory {
  private readonly known = new Map<string, Known>();
  private readonly counters: Counters;

  constructor(counters: Counters) {
    this.counters = counters;
  }

  /** With what a connection begins; null: without Fast Open, since the path or the server is known not to take it. */
  startFor(local: IpAddress, remote: IpAddress, now: number): Pick<FastOpenStart, "cookie" | "experimental" | "mss"> | null {
    const known = this.known.get(keyOf(local, remote));
    if (known === undefined) return { cookie: null, experimental: false, mss: 0 };
    if (now < known.avoidUntil) return null;
    return { cookie: known.cookie, experimental: known.experimental, mss: known.mss };
  }

  /** Pairs of addresses that are remembered. */
  get size(): number {
    return this.known.size;
  }

  /** A SYN+ACK came. */
  learn({ localAddress, remoteAddress }: FourTuple, answer: FastOpenAnswer, now: number): void {
    const key = keyOf(localAddress, remoteAddress);
    const before = this.known.get(key) ?? NOTHING;
    const { cookie, experimental, isDropped, isUnanswered, mss } = answer;
    if (isDropped) this.counters.increment("TcpExtTCPFastOpenBlackhole");
    const drops = isDropped ? before.drops + 1 : cookie !== null ? 0 : before.drops;
    const avoidFor = isDropped ? Math.min(LIMITS.fastOpenAvoidance.default, FIRST_AVOIDANCE * 2 ** Math.min(drops - 1, 20)) : isUnanswered ? FIRST_AVOIDANCE : 0;
    const known: Known = { cookie: cookie?.slice() ?? before.cookie, experimental: cookie === null ? before.experimental : experimental, mss, drops, avoidUntil: avoidFor === 0 ? before.avoidUntil : now + avoidFor };
    // The latest one goes to the end: what is forgotten first is what was used longest ago.
    this.known.delete(key);
    if (this.known.size >= LIMITS.fastOpenCookies.default) this.forgetOldest();
    this.known.set(key, known);
  }

  /** Forgets all. */
  clear(): void {
    this.known.clear();
  }

  private forgetOldest(): void {
    const [oldest] = this.known.keys();
    if (oldest !== undefined) this.known.delete(oldest);
    this.counters.increment(LIMITS.fastOpenCookies.counter);
  }
}

interface Known {
  readonly cookie: Uint8Array | null;
  readonly experimental: boolean;
  readonly mss: number;
  /** How often in a row a SYN with Fast Open was lost where one without was answered. */
  readonly drops: number;
  /** Until when connections do without it, ns. */
  readonly avoidUntil: number;
}

const NOTHING: Known = { cookie: null, experimental: false, mss: 0, drops: 0, avoidUntil: 0 };
/** After one lost SYN, or one unanswered request, ns. */
const FIRST_AVOIDANCE = 60 * SECOND;

function keyOf(local: IpAddress, remote: IpAddress): string {
  return `${local} ${remote}`;
}
