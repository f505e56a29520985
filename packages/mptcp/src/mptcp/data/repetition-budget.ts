/**
 * How much the data timeout may have sent again (RFC 8684 §3.3.6). A peer that acknowledges everything by TCP and nothing by Data ACKs has it
 * sent as often as it is repeated, so that this is bounded whatever the peer does:
 *
 * - what a timeout finds outstanding may be repeated once,
 * - beyond that, twice as much as Data ACKs have acknowledged since,
 * - and each further timeout before all of it is acknowledged may repeat half as much as the one before, one segment at least, or what that one
 *   has left over.
 *
 * Together that is no more than twice the bytes of the stream, and twice what was acknowledged.
 */
export class RepetitionBudget {
  /** What was sent up to the last timeout that found something lost. */
  private end = 0;
  /** What that timeout allowed, and how much of it and of what was acknowledged since is left. */
  private allowed = 0;
  private left = 0;

  /** Whether what is missing at `position` belongs to what the last timeout found lost: it waits for no timeout of its own. */
  isRepairing(position: number): boolean {
    return position < this.end;
  }

  /** Bytes that may be repeated now. */
  get bytes(): number {
    return this.left;
  }

  /** A timeout found something lost of [una, nxt). @param segment bytes of a full segment */
  onTimeout(una: number, nxt: number, segment: number): void {
    const known = this.end - una;
    const again = known > 0 ? Math.max(segment, Math.floor(this.allowed / 2), this.left) : 0;
    this.allowed = again + nxt - Math.max(una, this.end);
    this.left = this.allowed;
    this.end = nxt;
  }

  onAcknowledged(bytes: number): void {
    this.left += ALLOWED_PER_ACKNOWLEDGED * bytes;
  }

  onRepeated(bytes: number): void {
    this.left -= bytes;
  }
}

/** As slow start does: what got through shows that twice as much may. */
const ALLOWED_PER_ACKNOWLEDGED = 2;
