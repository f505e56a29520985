import type { SubflowEndReason } from "../../core/index.ts";
import type { PathControl, PathManager } from "../path-manager.ts";

/**
 * A path manager that makes the subflows what they should be, over and over: after each event one round over the tables. Calls into
 * `PathControl` may call back at once; the outermost one then goes round again, so that no round runs inside another.
 */
export abstract class Reconciler implements PathManager {
  abstract readonly name: string;
  private established = false;
  private working = false;
  private again = false;

  onEstablished(paths: PathControl, now: number): void {
    this.established = true;
    this.reconcile(paths, now);
  }

  onAddresses(paths: PathControl, now: number): void {
    this.reconcile(paths, now);
  }

  abstract onSubflowClosed(paths: PathControl, pathIndex: number, reason: SubflowEndReason, now: number): void;

  /** Brings everything up to date, once subflows may be opened. */
  protected reconcile(paths: PathControl, now: number): void {
    if (!this.established) return;
    this.again = true;
    if (this.working) return;
    this.working = true;
    while (this.again) {
      this.again = false;
      this.round(paths, now);
    }
    this.working = false;
  }

  /** Looks at the tables once and does what is to be done. */
  protected abstract round(paths: PathControl, now: number): void;
}
