import type { Counters } from "../core/index.ts";
import { LIMITS } from "../core/index.ts";
import type { IpAddress } from "../wire/index.ts";

/** How long a black hole is remembered, ns. */
export interface BlackHoleMemory {
  /** The first time; four times as long on each confirmation ... */
  readonly blackholeFirstMemory: number;
  /** ... and this at the most. */
  readonly blackholeMemory: number;
}

/**
 * The destinations whose paths swallow SYNs with MP_CAPABLE: they answered only one without. A server that was away for a while looks alike, so one
 * time is believed for seconds.
 */
export class BlackHoles {
  private readonly known = new Map<string, BlackHole>();
  private readonly defaults: { readonly mptcp: BlackHoleMemory };
  private readonly counters: Counters;

  /** @param defaults of the host, which may change */
  constructor(defaults: { readonly mptcp: BlackHoleMemory }, counters: Counters) {
    this.defaults = defaults;
    this.counters = counters;
  }

  /** Whether plain TCP is to be spoken to a destination now. */
  has(remote: IpAddress, now: number): boolean {
    const known = this.known.get(String(remote));
    return known !== undefined && now < known.until;
  }

  /** Destinations that plain TCP is spoken to now. */
  count(now: number): number {
    let count = 0;
    for (const { until } of this.known.values()) if (now < until) count++;
    return count;
  }

  /** A connection was established that had offered Multipath TCP; `isSwallowed`: by the first SYN that no longer did. */
  learn(remote: IpAddress, isSwallowed: boolean, now: number): void {
    const { known } = this;
    const name = String(remote);
    if (!isSwallowed) {
      known.delete(name);
      return;
    }
    // What is remembered already is not news: a connection tells several events at once, and others began at the same time.
    if (this.has(remote, now)) return;
    this.counters.increment("MPTcpExtBlackhole");
    const times = (known.get(name)?.times ?? 0) + 1;
    known.delete(name);
    if (known.size >= LIMITS.blackholes.default) this.forgetOldest();
    const { blackholeFirstMemory, blackholeMemory } = this.defaults.mptcp;
    known.set(name, { times, until: now + Math.min(blackholeMemory, blackholeFirstMemory * (1 << Math.min(2 * (times - 1), 20))) });
  }

  private forgetOldest(): void {
    const [oldest] = this.known.keys();
    if (oldest !== undefined) this.known.delete(oldest);
    this.counters.increment(LIMITS.blackholes.counter);
  }
}

interface BlackHole {
  /** How often in a row. */
  readonly times: number;
  /** Until when it is spoken to in plain TCP, ns. */
  readonly until: number;
}
