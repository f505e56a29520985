/**
 * Proportional Rate Reduction (RFC 9937, which made RFC 6937 a standard): during fast recovery what may be in flight goes down to
 * the controller's window, ssthresh in the RFC, in proportion to what is delivered, and up again towards it when losses took more than that.
 */
export class ProportionalRateReduction {
  /** Bytes delivered since recovery began. */
  private delivered = 0;
  /** Bytes sent since recovery began. */
  private out = 0;
  /** Bytes in flight that recovery began with. */
  private recoverFlightSize = 1;

  /** Recovery begins. @param flightSize bytes outstanding and not SACKed before the ACK that began it */
  enter(flightSize: number): void {
    this.delivered = 0;
    this.out = 0;
    this.recoverFlightSize = flightSize < 1 ? 1 : flightSize;
  }

  /** Something was sent during recovery. */
  onSent(bytes: number): void {
    this.out += bytes;
  }

  /**
   * How many bytes may be in flight after an ACK.
   * @param delivered bytes newly acknowledged or SACKed by it
   * @param inFlight bytes in flight after it
   * @param safe whether it advanced the left edge and showed no further loss
   */
  window(delivered: number, inFlight: number, ssthresh: number, mss: number, safe: boolean): number {
    this.delivered += delivered;
    let count: number;
    if (inFlight > ssthresh) {
      // RFC 9937 §6.2: proportional reduction.
      count = Math.ceil((this.delivered * ssthresh) / this.recoverFlightSize) - this.out;
    } else {
      // Conservative reduction bound by default, slow start reduction bound while recovery makes good progress.
      count = Math.max(this.delivered - this.out, delivered);
      if (safe) count += mss;
      if (count > ssthresh - inFlight) count = ssthresh - inFlight;
    }
    // The first retransmission leaves in any case.
    if (this.out === 0 && count < mss) count = mss;
    return inFlight + (count > 0 ? count : 0);
  }
}
