/** What the verification of a capture found. An empty list of problems means that all checks passed. */
export interface CaptureReport {
  readonly problems: readonly string[];
  readonly facts: CaptureFacts;
}

/** How much there was to check, so that a test can tell a clean capture from an empty one. */
export interface CaptureFacts {
  /** TCP segments, and those of them with a Multipath TCP option. */
  segments: number;
  multipathSegments: number;
  ipVersions: Set<number>;
  /** Multipath TCP connections, and TCP connections without it. */
  connections: number;
  plainConnections: number;
  /** Tokens and IDSNs that tshark derived, and that agree. */
  derivedByTshark: number;
  /** MP_JOIN SYNs with a valid token; HMACs of SYN+ACKs and of ACKs that are right. */
  joins: number;
  joinSynAckHmacs: number;
  joinAckHmacs: number;
  /** ADD_ADDR with a valid HMAC (copies included), of so many different addresses; of these echoed. */
  announcements: number;
  addressesAnnounced: number;
  addressesEchoed: number;
  addressesRemoved: number;
  /** Octets of the data sequence numbers seen. */
  dsnOctets: Set<number>;
  dataAckOctets: Set<number>;
  /** Mappings carried by MP_CAPABLE. */
  capableMappings: number;
  /** Checksums of mappings, computed again from the captured bytes. */
  checksums: number;
  /** Payload octets; those sent again on the same subflow; those that another subflow had carried before. */
  payload: number;
  retransmitted: number;
  reinjected: number;
  /** Packets whose data sequence tshark followed as we did. */
  followedByTshark: number;
}

/** Collects problems, all of one kind only up to a limit. */
export class Problems {
  readonly list: string[] = [];
  private readonly counts = new Map<string, number>();

  /** @param kind what the limit is about: the same text for all that differ only in where it happened */
  add(kind: string, where: string): void {
    const count = (this.counts.get(kind) ?? 0) + 1;
    this.counts.set(kind, count);
    if (count <= MOST_OF_A_KIND) this.list.push(`${kind} (${where})`);
    else if (count === MOST_OF_A_KIND + 1) this.list.push(`${kind}: and more`);
  }
}

export function emptyFacts(): CaptureFacts {
  return {
    segments: 0, multipathSegments: 0, ipVersions: new Set(), connections: 0, plainConnections: 0, derivedByTshark: 0,
    joins: 0, joinSynAckHmacs: 0, joinAckHmacs: 0, announcements: 0, addressesAnnounced: 0, addressesEchoed: 0, addressesRemoved: 0,
    dsnOctets: new Set(), dataAckOctets: new Set(), capableMappings: 0, checksums: 0, payload: 0, retransmitted: 0, reinjected: 0, followedByTshark: 0,
  };
}

const MOST_OF_A_KIND = 3;
