import { NEVER, SECOND } from "../../core/index.ts";
import type { TcpConnection } from "../connection.ts";
import { PHASE } from "../phase.ts";
import { TIMER } from "../timers.ts";

/** The state of tail loss probes (RFC 8985 §7). */
export class TailLossProbe {
  /** SND.NXT when the probe in flight was sent (TLP.end_seq); -1: none. */
  end = -1;
  isRetransmission = false;
  /** The timer fired: the probe leaves with the next poll. */
  pending = false;
  /** RTT samples that existed when the last probe left: the first one needs none (§7.3). */
  private samples = -1;

  /** (Re)starts the timer after new data was sent or acknowledged (§7.2). */
  schedule(tcp: TcpConnection, now: number): void {
    const { sender, rtt } = tcp;
    const board = sender.board;
    if (!tcp.sack || sender.phase !== PHASE.open || board.sackedBytes > 0 || board.count === 0 || this.end >= 0 || sender.timeouts > 0 || sender.una < 0) {
      if (tcp.timers[TIMER.tailProbe] !== NEVER) tcp.disarm(TIMER.tailProbe);
      return;
    }
    let timeout = SECOND;
    if (rtt.srtt > 0) {
      const { delayedAck, tailProbeAlone, tailProbeSlack } = tcp.config;
      timeout = 2 * rtt.srtt;
      // One segment in flight: its acknowledgment may be delayed.
      timeout += board.count === 1 && sender.nxt - sender.una <= sender.unit ? (tailProbeAlone ?? delayedAck) : tailProbeSlack;
    }
    let at = now + timeout;
    const retransmission = tcp.timers[TIMER.retransmission] as number;
    if (at > retransmission) at = retransmission;
    tcp.arm(TIMER.tailProbe, at);
  }

  /** The timer fired: whether a probe may be sent (§7.3). */
  allowed(samples: number): boolean {
    return this.end < 0 && samples > this.samples;
  }

  /** The probe leaves. RFC 8985 §7.3: then the retransmission timer alone runs. */
  sent(tcp: TcpConnection, isRetransmission: boolean): void {
    this.end = tcp.sender.nxt;
    this.isRetransmission = isRetransmission;
    this.samples = tcp.rtt.samples;
    if (tcp.timers[TIMER.tailProbe] !== NEVER) tcp.disarm(TIMER.tailProbe);
  }

  /** Fast or RTO recovery begins (§7.1). */
  reset(): void {
    this.end = -1;
    this.isRetransmission = false;
    this.pending = false;
  }

  /**
   * An ACK arrived (§7.4.2).
   * @param duplicateSack whether it reports a duplicate that ends where the probe does
   * @param duplicate whether it is a duplicate ACK without SACK blocks
   * @returns whether the probe repaired a loss that congestion control has to hear of
   */
  onAck(ack: number, duplicateSack: boolean, duplicate: boolean): boolean {
    if (this.end < 0 || ack < this.end) return false;
    if (!this.isRetransmission || duplicateSack) {
      this.end = -1;
    } else if (ack > this.end) {
      this.end = -1;
      return true;
    } else if (duplicate) {
      this.end = -1;
    }
    return false;
  }
}
