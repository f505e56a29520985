import type { Carrier } from "../context.ts";
import type { ScheduleRequest, Scheduler } from "../scheduler.ts";

/**
 * Which subflow carries the next piece: the usable ones, those under suspicion, and the scheduler's choice among them.
 */
export class Carriers {
  private readonly subflows: readonly Carrier[];
  private policy: Scheduler;
  private readonly usableOnes: Carrier[] = [];
  private isKnown = false;
  /** Subflows that acknowledged data which then was missing, and the first position at which one of them may carry data again. */
  private readonly suspects: Suspect[] = [];
  private pardonAt = Number.POSITIVE_INFINITY;
  /** How far the stream is acknowledged. */
  private acknowledged = 0;
  private readonly request: ScheduleRequest = { dataOffset: 0, length: 0, reinjection: false, now: 0 };
  // The scheduler's choice for the next segment of new data, and of data sent before, until it is taken.
  private readonly choice: Choice = { subflow: null, offers: 0 };
  private readonly reinjectionChoice: Choice = { subflow: null, offers: 0 };
  /** A subflow was refused in favour of another since the last time that one filled its window. */
  private hasVetoed = false;

  /** @param subflows the connection's, living: the list is looked at anew after {@link Carriers.changed} */
  constructor(subflows: readonly Carrier[], scheduler: Scheduler) {
    this.subflows = subflows;
    this.policy = scheduler;
  }

  get scheduler(): Scheduler {
    return this.policy;
  }

  /** Another scheduler decides from now on. */
  exchange(scheduler: Scheduler): void {
    this.policy = scheduler;
    this.changed();
  }

  /** The set of subflows, or the state of one, changed. */
  changed(): void {
    this.choice.subflow = null;
    this.reinjectionChoice.subflow = null;
    this.isKnown = false;
  }

  /**
   * Subflows that may carry data, in order of path index: regular ones that are alive, else those that are suspected for the first time, else
   * backup ones, else suspected ones, else those whose last data timed out, so that a connection is never without hope.
   */
  usable(): readonly Carrier[] {
    if (!this.isKnown) {
      this.usableOnes.length = 0;
      let best = 16;
      for (const subflow of this.subflows) {
        if (!subflow.mayCarryData) continue;
        const offences = this.offencesOf(subflow);
        const rank = (subflow.stale ? 8 : 0) + (offences > 1 ? 4 : 0) + (subflow.backup ? 2 : 0) + (offences === 1 ? 1 : 0);
        if (rank > best) continue;
        if (rank < best) this.usableOnes.length = 0;
        best = rank;
        this.usableOnes.push(subflow);
      }
      this.usableOnes.sort(byPathIndex);
      this.isKnown = true;
    }
    return this.usableOnes;
  }

  /**
   * Whether `subflow` is to send what is at hand. The scheduler is asked once per segment: its choice stands until it has been followed
   * or cannot be any more, and the subflow that it prefers to the one that asked is woken.
   */
  chooses(subflow: Carrier, among: readonly Carrier[], dataOffset: number, length: number, reinjection: boolean, now: number): boolean {
    if (among.length === 1) return among[0] === subflow;
    // Two choices stand side by side: a subflow that is refused both must not undo one by asking for the other.
    const choice = reinjection ? this.reinjectionChoice : this.choice;
    const standing = choice.subflow;
    if (standing !== null && standing.hasRoom && among.includes(standing)) {
      if (standing !== subflow) {
        this.hasVetoed = true;
        return false;
      }
      // Offered and not taken: its TCP has reasons of its own to wait.
      if (choice.offers++ < OFFERS_PER_CHOICE) return true;
    }
    const { request } = this;
    request.dataOffset = dataOffset;
    request.length = length;
    request.reinjection = reinjection;
    request.now = now;
    const selected = this.policy.select(among, request) as Carrier | null;
    choice.subflow = selected;
    choice.offers = 0;
    if (selected === subflow) return true;
    this.hasVetoed = true;
    if (selected !== null && selected.hasRoom) selected.wake();
    return false;
  }

  /** The choice was followed: the next piece is a new question. */
  followed(reinjection: boolean): void {
    if (reinjection) this.reinjectionChoice.subflow = null;
    else this.choice.subflow = null;
  }

  /** Whether a subflow was refused in favour of another that has not filled its window since. */
  get vetoed(): boolean {
    return this.hasVetoed;
  }

  /** Those that were refused may ask again. */
  forgetVeto(): void {
    this.hasVetoed = false;
  }

  /**
   * The data at `missing` is not there although the subflow that carried it has it acknowledged: a middlebox acknowledges what it loses. Such
   * a path seems fast, and would get the data again and again, so it is kept off the next 64 KiB, twice as much each time, while there is
   * another one. The first time may be a peer that was slow to say so, which is no reason to use a backup (RFC 8684 §3.3.8).
   * @param next the next position that was never given to a subflow
   */
  suspect(missing: number, next: number): void {
    for (const subflow of this.subflows) {
      if (!subflow.carriedLately(missing)) continue;
      let suspect = this.suspects.find((entry) => entry.pathIndex === subflow.pathIndex);
      if (suspect === undefined) {
        this.makeRoom();
        suspect = { pathIndex: subflow.pathIndex, until: 0, offences: 0 };
        this.suspects.push(suspect);
      }
      suspect.until = next + (SUSPICION << Math.min(suspect.offences, 14));
      suspect.offences++;
    }
    this.pardon();
  }

  /** Of too many suspects the first one whose subflow is gone is forgotten: paths come and go without end on a long connection. */
  private makeRoom(): void {
    if (this.suspects.length < MOST_SUSPECTS) return;
    const gone = this.suspects.findIndex(({ pathIndex }) => !this.subflows.some((subflow) => subflow.pathIndex === pathIndex));
    this.suspects.splice(Math.max(gone, 0), 1);
  }

  /** The stream is acknowledged up to `position`. */
  onAcknowledged(position: number): void {
    this.acknowledged = position;
    if (position >= this.pardonAt) this.pardon();
  }

  private pardon(): void {
    this.pardonAt = Number.POSITIVE_INFINITY;
    for (const { until } of this.suspects) if (until > this.acknowledged && until < this.pardonAt) this.pardonAt = until;
    this.changed();
  }

  /** How often the subflow lost what it acknowledged; 0 when it may carry data again. */
  private offencesOf(subflow: Carrier): number {
    for (const entry of this.suspects) if (entry.pathIndex === subflow.pathIndex) return entry.until > this.acknowledged ? entry.offences : 0;
    return 0;
  }
}

/** A subflow that the scheduler chose, and how often it was offered its piece since. */
interface Choice {
  subflow: Carrier | null;
  offers: number;
}

interface Suspect {
  readonly pathIndex: number;
  /** Kept off data until the stream is acknowledged so far. */
  until: number;
  offences: number;
}

function byPathIndex(a: Carrier, b: Carrier): number {
  return a.pathIndex - b.pathIndex;
}

/** Times that a subflow may be offered what the scheduler chose it for. */
const OFFERS_PER_CHOICE = 2;
/** Paths whose offences are remembered: more than a connection has subflows. */
const MOST_SUSPECTS = 64;
/** Bytes that a subflow is kept off when it lost data for the first time. */
const SUSPICION = 65536;
