/**
 * Forward RTO-Recovery (RFC 5682): after a timeout the first acknowledgment has new data leave instead of what is deemed lost, and what the next one says shows
 * whether the timeout was spurious: data arrived that was sent before it, and not again since. It needs neither timestamps nor a peer that reports duplicates.
 */
export class ForwardRto {
  /** Whether it may still turn out that the timeout was spurious. */
  isRunning = false;
  /** Whether new data leaves although something is deemed lost (step 2b). */
  sendsNew = false;
  /** Where what the timeout had sent again first ends, as a stream offset; -1: nothing has been yet. */
  private resentEnd = -1;

  /** A timeout: step 1. @param isFirst whether no recovery was under way; else it goes on only where it was already running */
  begin(isFirst: boolean): void {
    this.isRunning ||= isFirst;
    this.sendsNew = false;
    this.resentEnd = -1;
  }

  /** Something is sent again, up to the stream offset `end`. */
  onRetransmission(end: number): void {
    if (this.isRunning && this.resentEnd < 0) this.resentEnd = end;
  }

  /** Whether all that step 1 had sent again is acknowledged, where SND.UNA is `una`. */
  hasArrived(una: number): boolean {
    return this.resentEnd >= 0 && una >= this.resentEnd;
  }

  /** Conventional recovery goes on. */
  stop(): void {
    this.isRunning = false;
    this.sendsNew = false;
  }

  /**
   * An acknowledgment during the recovery from a timeout.
   * @returns whether the timeout was spurious
   */
  onAck({ original, advanced, behind, newData, sack }: ForwardAck): boolean {
    if (original) {
      this.stop();
      return true;
    }
    if (newData === "sent") {
      // Steps 3a of §2.1 and §3.1: what was sent before the timeout would have come first.
      if (behind) this.stop();
    } else if (advanced === "whole") {
      // Step 2b. RFC 5682: without new data to send recovery goes on as usual.
      if (newData === "ready") this.sendsNew = true;
      else this.stop();
    } else if (!sack && (advanced === "part" || behind)) {
      // Step 2a of §2.1. With SACK what is SACKed is known, and the next acknowledgment is waited for (§3.1).
      this.stop();
    }
    return false;
  }
}

/** What an acknowledgment says. */
export interface ForwardAck {
  /** It is about data that was sent before the timeout, and not again since. */
  readonly original: boolean;
  /** It acknowledges new data, but not all that was outstanding at the timeout: all that the timeout had sent again first, or not even that. */
  readonly advanced: "whole" | "part" | "no";
  /** It says that something arrived behind a gap. */
  readonly behind: boolean;
  /** "sent": new data has left since the timeout; "ready": it may leave now. */
  readonly newData: "sent" | "ready" | "none";
  readonly sack: boolean;
}
