import type { Counters, Deadlines } from "../../core/index.ts";
import { SECOND } from "../../core/index.ts";
import type { Carrier } from "../context.ts";
import type { ReinjectionCause } from "../decision-log.ts";
import { SUBFLOW_DEADLINE } from "../deadlines.ts";

/** What the staleness of a subflow, `S`, asks of the connection around it. */
export interface StalenessContext<S> {
  readonly sender: { reinject(subflow: Carrier, cause: ReinjectionCause): void };
  readonly counters: Counters;
  readonly config: { readonly staleTimeouts: number };
  /** Who could carry what a silent subflow carries: a usable one, one that waits for this one's timeout, or nobody. */
  othersFor(subflow: S): "usable" | "waiting" | "none";
  /** The set of usable subflows may be another one now. */
  subflowsChanged(): void;
  /** Subflows may have something to send. */
  mark(): void;
}

/** The subflow that may be stale. */
export interface StaleSubflow extends Carrier {
  readonly deadlines: Deadlines;
  /** Retransmission timeout without backoff, ns. */
  readonly baseRto: number;
  /** Sends what is outstanding again at once. */
  retryNow(now: number): void;
}

/**
 * Whether a subflow is stale: its retransmission timer has fired and nothing new was acknowledged since. Its data goes over others then, and it gets no
 * new data while there are any, until the path shows that it is back.
 */
export class Staleness<S extends StaleSubflow> {
  private readonly context: StalenessContext<S>;
  private readonly subflow: S;
  private stale = false;
  /** Since when it is stale, or when it was last heard of and tried again meanwhile, ns. */
  private triedAt = 0;
  /** Whether others have got what it carries since something new was acknowledged on it. */
  private isHelped = false;

  constructor(context: StalenessContext<S>, subflow: S) {
    this.context = context;
    this.subflow = subflow;
  }

  get isStale(): boolean {
    return this.stale;
  }

  /** Something new was acknowledged. */
  onAcknowledged(): void {
    this.subflow.deadlines.clear(SUBFLOW_DEADLINE.silence);
    this.isHelped = false;
    if (!this.stale) return;
    this.stale = false;
    this.context.counters.increment("MPTcpExtSubflowRecover");
    this.context.subflowsChanged();
  }

  /** Something came on it though it is stale: the path is back, and what is outstanding does not wait for a timeout that has grown long. */
  onSignOfLife(now: number): void {
    const { subflow } = this;
    if (now - this.triedAt < Math.max(SECOND, 2 * subflow.baseRto)) return;
    this.triedAt = now;
    subflow.retryNow(now);
  }

  /** The retransmission timer fired, or would have. @param consecutive how often in a row, from 1 */
  onTimeout(consecutive: number, now: number): void {
    const { context, subflow } = this;
    const { staleTimeouts } = context.config;
    if (!subflow.established || this.stale) return;
    if (staleTimeouts === 0 || consecutive < staleTimeouts) {
      // RFC 8684 §3.3.6: what timed out goes by another path too, however long this one is still believed in.
      if (!this.isHelped && context.othersFor(subflow) === "usable") this.help("rto");
      return;
    }
    this.stale = true;
    this.triedAt = now;
    context.counters.increment("MPTcpExtSubflowStale");
    context.subflowsChanged();
    context.sender.reinject(subflow, "rto");
  }

  /**
   * It went silent: what it carries is sent on others at once, so that a dead path costs two round trips and not a timeout on top. It stays in
   * use, since its data may merely be late. Backups are not used while a path may merely be late (RFC 8684 §3.3.8): where the others are
   * backups, they wait until the retransmission timeout would have come, which the probe has put off.
   */
  onSilent(now: number): void {
    const { context, subflow } = this;
    if (!subflow.established || this.stale) return;
    switch (context.othersFor(subflow)) {
      case "usable":
        this.help("tail_loss_probe");
        break;
      case "waiting":
        subflow.deadlines.set(SUBFLOW_DEADLINE.silence, now + Math.max(0, Math.ceil(subflow.rto - 2 * subflow.srtt)));
        break;
      case "none":
        break;
    }
  }

  private help(cause: ReinjectionCause): void {
    const { context, subflow } = this;
    this.isHelped = true;
    context.sender.reinject(subflow, cause);
    context.mark();
  }
}
