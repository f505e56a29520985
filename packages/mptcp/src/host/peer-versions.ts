import type { Counters } from "../core/index.ts";
import { LIMITS } from "../core/index.ts";
import type { Version } from "../mptcp/index.ts";
import { highestOf } from "../mptcp/index.ts";
import type { IpAddress } from "../wire/index.ts";

/** What an initiator begins with. */
export interface FirstOffer {
  readonly version: Version;
  /** Whether an earlier version is offered as well, where a SYN+ACK without MP_CAPABLE answers this one. */
  readonly triesEarlier: boolean;
}

/**
 * Which version peers were found to speak that did not answer the highest (RFC 8684 §3.1, where an initiator may remember it): the question costs a
 * round trip, and is not asked of each peer again and again.
 */
export class PeerVersions {
  private readonly known = new Map<string, PeerVersion>();
  private readonly counters: Counters;

  constructor(counters: Counters) {
    this.counters = counters;
  }

  /** What to offer a destination that may have been spoken to before. */
  offerTo(remote: IpAddress, versions: readonly Version[], now: number): FirstOffer {
    const highest = highestOf(versions);
    const known = this.known.get(String(remote));
    if (versions.length < 2) return { version: highest, triesEarlier: false };
    if (known === undefined || now >= known.until) return { version: highest, triesEarlier: true };
    const spoken = versions.find((version) => version.number === known.version);
    return { version: spoken ?? highest, triesEarlier: false };
  }

  /** A connection was established that had offered Multipath TCP. @param version the one agreed on; null: none of `versions` was answered */
  learn(remote: IpAddress, version: Version | null, versions: readonly Version[], now: number): void {
    if (versions.length < 2) return;
    const { known } = this;
    const name = String(remote);
    if (version === highestOf(versions)) {
      known.delete(name);
      return;
    }
    const before = known.get(name);
    // It is asked again some time, however often it is spoken to meanwhile.
    if (before !== undefined && now < before.until && before.version === (version?.number ?? null)) return;
    known.delete(name);
    if (known.size >= LIMITS.peerVersions.default) this.forgetOldest();
    known.set(name, { version: version?.number ?? null, until: now + LIMITS.peerVersionMemory.default });
  }

  private forgetOldest(): void {
    const [oldest] = this.known.keys();
    if (oldest !== undefined) this.known.delete(oldest);
    this.counters.increment(LIMITS.peerVersions.counter);
  }
}

interface PeerVersion {
  /** Null: none of ours. */
  readonly version: number | null;
  /** ns */
  readonly until: number;
}
