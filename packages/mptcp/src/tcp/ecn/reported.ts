import type { AccurateEcnCounters, TcpSegment } from "../../wire/index.ts";
import { aceOf, readAccurateEcn } from "../../wire/index.ts";
import { INITIAL_PACKETS, initialCounters } from "./seen.ts";

/** What an ACK newly covers: link segments, octets, and octets that would be in one. */
export interface Covered {
  readonly segments: number;
  readonly octets: number;
  readonly unit: number;
  /** What is sent is marked as ECN-capable. */
  readonly isCapable: boolean;
  /** The first ACK shows what the peer's ACKs cover. */
  readonly trustsFirst: boolean;
}

/** The sending half of accurate ECN (RFC 9768 §3.2): what the peer says came there with which codepoint. */
export class ReportedCounters {
  /** s.cep: packets that were marked. */
  packets = INITIAL_PACKETS;
  /** s.e0b, s.ceb, s.e1b: octets of payload; worked out from what was acknowledged where no option says so. */
  readonly octets: AccurateEcnCounters = initialCounters();
  /** Whether the peer's options come: not known, they do, they are stripped or not sent, or their fields were cleared on the way (RFC 9768 §3.2.3.2). */
  options: "unknown" | "seen" | "absent" | "cleared" = "unknown";
  /** What the last ACK told of: packets and octets that were newly marked. */
  newPackets = 0;
  newOctets = 0;
  /** The octets and the packets that it told of cannot both be true. */
  contradicts = false;
  /** Packets since the last option, and whether all octets so far are what options said. */
  private sinceOption = 0;
  private isExact = true;
  /** Link segments that an ACK covers, smoothed; 0: none has come. */
  private usual = 0;

  /** The first segment came that may have the option: a SYN+ACK, or what answers ours. */
  onFirst(segment: TcpSegment): void {
    if (!readAccurateEcn(segment, TOLD)) {
      this.options = "absent";
      return;
    }
    // RFC 9768 §3.2.3.2.4: neither counter begins at 0.
    this.options = TOLD.ect0 === 0 || TOLD.ect1 === 0 ? "cleared" : "seen";
  }

  /** An ACK came that no other has overtaken (RFC 9768 §3.2.2.2, Appendix A). */
  onAck(segment: TcpSegment, covered: Covered): void {
    const hasOption = this.options !== "cleared" && readAccurateEcn(segment, TOLD);
    if (hasOption) this.options = "seen";
    else if (this.options === "unknown") this.options = "absent";
    const { octets } = this;
    if (this.usual === 0) this.usual = covered.trustsFirst ? covered.segments : 1;
    const least = (aceOf(segment) - this.packets) & 7;
    const saysMarked = hasOption && TOLD.ce >= 0;
    this.contradicts = false;
    if (saysMarked) {
      const exact = nearest(TOLD.ce, octets.ce);
      const more = exact - octets.ce;
      this.newPackets = packetsOf(least, Math.max(0, more), covered);
      this.sinceOption += this.newPackets;
      // Fewer than eight packets leave no doubt how often the field went round (RFC 9768 §3.2.3.2.5).
      this.contradicts = more > 0 && this.sinceOption === 0 && this.isExact && covered.segments > 0 && covered.segments < 8;
      this.sinceOption = 0;
      this.isExact = true;
      this.newOctets = Math.max(0, more);
      octets.ce = exact;
    } else {
      // An option without that counter says that it is as it was.
      this.newPackets = hasOption ? least : this.safest(least, covered.segments);
      this.sinceOption += this.newPackets;
      this.newOctets = this.newPackets === 0 ? 0 : Math.min(covered.octets, Math.round(this.newPackets * sizeOf(covered)));
      if (this.newOctets > 0) this.isExact = false;
      octets.ce += this.newOctets;
    }
    this.packets += this.newPackets;
    if (hasOption && TOLD.ect0 >= 0) octets.ect0 = nearest(TOLD.ect0, octets.ect0);
    else if (covered.isCapable && !hasOption) octets.ect0 += covered.octets - Math.min(covered.octets, this.newOctets);
    if (hasOption && TOLD.ect1 >= 0) octets.ect1 = nearest(TOLD.ect1, octets.ect1);
    if (covered.segments > 0) this.usual += (covered.segments - this.usual) / 8;
  }

  /**
   * Marked packets by the ACE field alone. Where an ACK covers eight packets or more the field may have gone round, and did in the worst case; not where ACKs
   * always cover many, as far as is known, since then that would be taken for marks (RFC 9768 §3.2.2.5.2, Appendix A.2.1).
   */
  private safest(least: number, segments: number): number {
    if (segments < 8 || this.usual > THINNED) return least;
    return segments - ((segments - least) & 7);
  }
}

/** Of the numbers of packets that the ACE field allows the one that goes best with the octets (RFC 9768 Appendix A.2.2). */
function packetsOf(least: number, octets: number, covered: Covered): number {
  if (octets === 0 || covered.segments < 8) return least;
  const around = Math.round((octets / sizeOf(covered) - least) / 8);
  return least + 8 * Math.max(0, Math.min(around, Math.floor((covered.segments - least) / 8)));
}

/** Payload of the packets that an ACK covers, on average. */
function sizeOf({ segments, octets, unit }: Covered): number {
  return segments > 0 && octets > 0 ? octets / segments : unit;
}

/** The number with these lowest 24 bits that is nearest to what is known. */
function nearest(low: number, known: number): number {
  const ahead = (((low - known) % FIELD) + FIELD) % FIELD;
  const behind = known + ahead - FIELD;
  return ahead >= FIELD / 2 && behind >= 0 ? behind : known + ahead;
}

const FIELD = 2 ** 24;
/** Packets: from here on ACKs are thinned out on the way, or the peer sends few. */
const THINNED = 4;
/** Filled for one segment at a time. */
const TOLD: AccurateEcnCounters = { ect0: -1, ce: -1, ect1: -1 };
