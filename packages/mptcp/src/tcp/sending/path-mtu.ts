import { NEVER, SECOND } from "../../core/index.ts";
import type { TcpConnection } from "../connection.ts";
import { clampedMss, TIMESTAMP_SPACE } from "../negotiation.ts";
import { TIMER } from "../timers.ts";
import { MtuSearch } from "./mtu-search.ts";

/**
 * The path MTU of one connection: what ICMP says (RFC 1191, RFC 8201), what silence suggests when full-sized segments vanish
 * and no ICMP message comes (RFC 4821, RFC 2923), and what larger segments find out later. Sizes in octets of IP packet.
 */
export class PathMtu {
  /** Largest packet that we send now. */
  current: number;
  /** When a larger packet may be tried again, ns; NEVER while the link's MTU is in use. */
  raiseAt = NEVER;
  /** Finds out how much larger packets may be. */
  readonly search = new MtuSearch();
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
    this.lower(next, now + RAISE_INTERVAL);
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
    // A path that was merely down looks the same, so the first suspicion is checked soon.
    this.lower(next, now + (this.blackHoles <= 1 ? FIRST_RAISE : RAISE_INTERVAL));
    return true;
  }

  /** Time to try more again (RFC 1191 §6.3, RFC 8201 §4: not before ten minutes after a message). @param searches whether by probes, and not by all segments */
  raise(searches: boolean): void {
    this.raiseAt = NEVER;
    if (searches) this.search.begin(this.link);
    else this.current = this.link;
  }

  /** The probe arrived. */
  onProbeDelivered(): void {
    this.current = this.search.delivered();
  }

  /** Nothing larger is to be tried for now: not before ten minutes are over (RFC 8899 §5.1.1, PMTU_RAISE_TIMER). */
  onSearched(now: number): void {
    this.search.end();
    this.raiseAt = this.current < this.link ? now + RAISE_INTERVAL : NEVER;
  }

  private lower(size: number, raiseAt: number): void {
    this.search.end();
    this.current = size;
    this.raiseAt = raiseAt;
  }
}

/** Payload octets of a full segment in packets of `mtu` octets. */
export function payloadIn(tcp: TcpConnection, mtu: number): number {
  const mss = clampedMss(Math.min(tcp.peerMss, mtu - tcp.ipHeader - TCP_HEADER), tcp.config.maxSegmentSize);
  return tcp.timestamps ? mss - TIMESTAMP_SPACE : mss;
}

/**
 * Payload octets of the probe that is due; 0 when none is, or when the search is over.
 * @param unit payload octets of other segments
 */
export function probePayload(tcp: TcpConnection, unit: number, now: number): number {
  const { pathMtu } = tcp;
  const { search } = pathMtu;
  if (search.isOutstanding) return 0;
  const size = search.next(pathMtu.current);
  const more = size === 0 ? 0 : payloadIn(tcp, size) - tcp.maxPayload;
  if (more > 0) return unit + more;
  // The peer, or a setting, wants no larger ones, or the search has ended.
  pathMtu.onSearched(now);
  tcp.arm(TIMER.pathMtu, pathMtu.raiseAt);
  return 0;
}

/** An acknowledgment came: the probe may have arrived. */
export function noteProbe(tcp: TcpConnection): void {
  const { pathMtu, sender } = tcp;
  if (sender.una < pathMtu.search.probeEnd) return;
  pathMtu.onProbeDelivered();
  tcp.environment.counters.increment("TcpExtTCPMTUPSuccess");
  tcp.updateMaxPayload();
}

/** Whether all that is lost is a probe, which tells of the path's MTU and of no congestion (RFC 4821 §7.6.1). */
export function isProbeLost({ environment, pathMtu, sender }: TcpConnection): boolean {
  const { search } = pathMtu;
  if (!search.isOutstanding) return false;
  const { board } = sender;
  if (board.lostCount !== 1 || !search.covers(board.at(board.firstLost()))) return false;
  search.lost();
  environment.counters.increment("TcpExtTCPMTUPFail");
  return true;
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
const TCP_HEADER = 20;
