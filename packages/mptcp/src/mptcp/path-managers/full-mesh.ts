import type { SubflowEndReason } from "../../core/index.ts";
import { NEVER, SECOND } from "../../core/index.ts";
import type { Path, PathControl, PathManager } from "../path-manager.ts";
import { Announcer } from "./announcer.ts";
import { forgetGone, hasRoom, isJoinable, isPaced, localOf } from "./joinable.ts";
import { Reconciler } from "./reconciler.ts";

/**
 * How a full mesh uses its paths.
 *
 * - `full`: all of them, backup flags of addresses or not.
 * - `backup`: all are opened; those from an address flagged as backup carry data only when no other can.
 * - `single-path`: one at a time, the next one when the last is gone (break before make, RFC 8684 §3.3.3).
 */
export type PathMode = "full" | "backup" | "single-path";

export interface FullMeshOptions {
  /** By default `backup`, which without flagged addresses is the same as `full`. */
  readonly mode?: PathMode;
}

/**
 * A path manager that uses every pair of addresses of one family. It is a `PathManagerFactory`; with options, wrap it:
 * `pathManager: () => fullMesh({ mode: "single-path" })`.
 */
export function fullMesh(options: FullMeshOptions = {}): PathManager {
  return new FullMesh(options.mode ?? "backup");
}

/**
 * Opens a subflow on every joinable path, and again when one died. Only the initiator opens: joins towards it would mostly end at a
 * NAT (draft-barre-mptcp-impl §3.3 does likewise). Both sides announce their addresses.
 *
 * A path that failed is tried again after 1 s, then 2 s, up to 60 s. Where limits allow fewer subflows than there are paths, those
 * that share the fewest addresses with the open ones come first, and regular ones before backup ones.
 */
export class FullMesh extends Reconciler {
  override readonly name: string;
  nextTimeout = NEVER;
  private readonly mode: PathMode;
  private readonly announcer = new Announcer();
  /** What is remembered of paths, by index. */
  private readonly records = new Map<number, PathRecord>();

  constructor(mode: PathMode) {
    super();
    this.mode = mode;
    this.name = mode === "backup" ? "full-mesh" : mode;
  }

  override onSubflowClosed(paths: PathControl, pathIndex: number, reason: SubflowEndReason, now: number): void {
    const record = this.record(pathIndex);
    // An attempt that nobody answered is a failure, however long it took.
    const answered = paths.paths.some((path) => path.index === pathIndex && path.answered);
    this.noteFailure(record, answered, now);
    if (reason === "refused") record.verdict = "refused";
    else if (reason === "fin" || reason === "path_manager") record.verdict = "closed";
    this.reconcile(paths, now);
  }

  /** One more attempt on paths to an announced address that was given up; those that wait for their time go on waiting. */
  onRefreshed(paths: PathControl, remoteAddressId: number, now: number): void {
    for (const path of paths.paths) {
      const record = this.records.get(path.index);
      if (path.remoteAddressId === remoteAddressId && record !== undefined) record.failures = Math.min(record.failures, ANNOUNCED_ATTEMPTS - 1);
    }
    this.reconcile(paths, now);
  }

  handleTimeout(paths: PathControl, now: number): void {
    this.reconcile(paths, now);
  }

  protected override round(paths: PathControl, now: number): void {
    // What was held against a path does not outlive its disappearance.
    forgetGone(this.records, paths);
    this.announcer.update(paths, always, now);
    if (paths.initiator) this.openAll(paths, now);
    this.setPriorities(paths, now);
    this.nextTimeout = paths.initiator ? this.nextRetry(paths, now) : NEVER;
  }

  private openAll(paths: PathControl, now: number): void {
    // Each round opens one path or puts it off, so the rounds end.
    for (let rounds = paths.paths.length; rounds > 0 && hasRoom(paths); rounds--) {
      if (this.mode === "single-path" && hasLiving(paths)) return;
      const path = this.bestCandidate(paths, now);
      if (path === null) return;
      const record = this.record(path.index);
      record.openedAt = now;
      record.verdict = "none";
      record.backup = this.isBackup(paths, path);
      if (!paths.open(path.index, record.backup, now)) this.noteFailure(record, false, now);
    }
  }

  private bestCandidate(paths: PathControl, now: number): Path | null {
    const alone = !hasLiving(paths);
    let best: Path | null = null;
    let bestCost = Number.POSITIVE_INFINITY;
    for (const path of paths.paths) {
      if (!this.mayOpen(paths, path, alone)) continue;
      if ((this.records.get(path.index)?.retryAt ?? 0) > now) continue;
      const cost = this.cost(paths, path);
      if (cost < bestCost && isPaced(paths, path, now)) {
        best = path;
        bestCost = cost;
      }
    }
    return best;
  }

  private mayOpen(paths: PathControl, path: Path, alone: boolean): boolean {
    if (!isJoinable(paths, path)) return false;
    const record = this.records.get(path.index);
    if (record === undefined) return true;
    // RFC 8684 §3.6: no further attempt after a reset that the peer calls permanent.
    if (record.verdict === "refused") return false;
    // What one side closed in good order stays closed, unless nothing else is left.
    if (record.verdict === "closed" && !alone) return false;
    // RFC 8684 §3.4.1: an announced address that never answered is not tried for ever.
    return path.worked || path.remoteAddressId === 0 || record.failures < ANNOUNCED_ATTEMPTS;
  }

  /** Regular paths before backup ones, then those with the fewest addresses in use already. */
  private cost(paths: PathControl, path: Path): number {
    const backup = this.mode !== "full" && localOf(paths, path)?.flags.backup === true;
    let cost = backup ? BACKUP_COST : 0;
    for (const other of paths.paths) {
      if (!other.open) continue;
      if (other.localAddressId === path.localAddressId) cost++;
      if (other.remoteAddressId === path.remoteAddressId) cost++;
    }
    return cost;
  }

  /** Whether the subflow on a path is to be a backup one. */
  private isBackup(paths: PathControl, path: Path): boolean {
    return this.mode === "backup" && localOf(paths, path)?.flags.backup === true;
  }

  /** Follows changed flags of our addresses with MP_PRIO. */
  private setPriorities(paths: PathControl, now: number): void {
    for (const path of paths.paths) {
      if (!path.open || !path.present) continue;
      const backup = this.isBackup(paths, path);
      const record = this.records.get(path.index);
      if ((record?.backup ?? false) === backup) continue;
      this.record(path.index).backup = backup;
      paths.setBackup(path.index, backup, now);
    }
  }

  private noteFailure(record: PathRecord, answered: boolean, now: number): void {
    if (answered && now - record.openedAt >= LONG_LIFE) record.failures = 0;
    record.retryAt = now + Math.min(FIRST_RETRY * (1 << Math.min(record.failures, 10)), LAST_RETRY);
    record.failures++;
    record.backup = false;
  }

  /** The earliest time at which a path may be tried again. */
  private nextRetry(paths: PathControl, now: number): number {
    const alone = !hasLiving(paths);
    if (!hasRoom(paths) || (this.mode === "single-path" && !alone)) return NEVER;
    let next = NEVER;
    for (const path of paths.paths) {
      const retryAt = this.records.get(path.index)?.retryAt ?? 0;
      if (retryAt > now && retryAt < next && this.mayOpen(paths, path, alone)) next = retryAt;
    }
    return next;
  }

  private record(pathIndex: number): PathRecord {
    let record = this.records.get(pathIndex);
    if (record === undefined) {
      record = { openedAt: 0, failures: 0, retryAt: 0, backup: false, verdict: "none" };
      this.records.set(pathIndex, record);
    }
    return record;
  }
}

interface PathRecord {
  /** When its latest subflow was started, ns; 0 for the first subflow. */
  openedAt: number;
  /** Failures in a row. */
  failures: number;
  /** Not to be tried before, ns. */
  retryAt: number;
  /** Whether its subflow was made a backup. */
  backup: boolean;
  /** How its latest subflow ended, if that matters: in good order, or refused for good. */
  verdict: "none" | "closed" | "refused";
}

/** Whether a subflow is open on a path that is still there. */
function hasLiving(paths: PathControl): boolean {
  return paths.paths.some((path) => path.open && path.present);
}

function always(): boolean {
  return true;
}

const FIRST_RETRY = SECOND;
const LAST_RETRY = 60 * SECOND;
/** A subflow that lived so long was no failure: the next retry is quick again. */
const LONG_LIFE = 60 * SECOND;
/** Attempts in a row on an announced address that has never worked. */
const ANNOUNCED_ATTEMPTS = 4;
/** More than any sum of shared addresses. */
const BACKUP_COST = 1_000_000;
