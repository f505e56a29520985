/**
 * Forward RTO-Recovery (RFC 5682): after a timeout the first acknowledgment has new data leave instead of what is deemed lost, and what the next one says shows
 * whether the timeout was spurious: data arrived that was sent before it, and not again since. It needs neither timestamps nor a peer that reports duplicates.
 */
export class ForwardRto {
  /** Whether it may still turn out that the timeout was spurious. */
  isRunning = false;
  /** Whether new data leaves although something is deemed lost (step 2b). */
  sendsNew = false;

  /** A timeout: step 1. @param isFirst whether no recovery was under way; else it goes on only where it was already running */
  begin(isFirst: boolean): void {
    this.isRunning ||= isFirst;
    this.sendsNew = false;
  }

  /** Conventional recovery goes on. */
  stop(): void {
    this.isRunning = false;
    this.sendsNew = false;
  }

  /**
   * An acknowledgment during the recovery from a timeout.
   * @param original whether it is about data that was sent before the timeout, and not again since
   * @param advanced whether it acknowledges new data, but not all that was outstanding at the timeout
   * @param behind whether it says that something arrived behind a gap
   * @param newData "sent": new data has left since the timeout; "ready": it may leave now
   * @returns whether the timeout was spurious
   */
  onAck(original: boolean, advanced: boolean, behind: boolean, newData: "sent" | "ready" | "none"): boolean {
    if (original) {
      this.stop();
      return true;
    }
    if (newData === "sent") {
      // Steps 3a of §2.1 and §3.1: what was sent before the timeout would have come first.
      if (behind) this.stop();
    } else if (advanced) {
      // Step 2b. RFC 5682: without new data to send recovery goes on as usual.
      if (newData === "ready") this.sendsNew = true;
      else this.stop();
    }
    return false;
  }
}
