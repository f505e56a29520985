import type { DecisionDetail } from "../core/index.ts";
import type { FourTuple } from "../tcp/index.ts";
import type { SentMapping } from "./data/mappings.ts";
import type { MptcpEnvironment } from "./environment.ts";

/** A subflow as the log sees it. */
export interface LoggedSubflow {
  readonly pathIndex: number;
}

/** A subflow that was established. */
export interface EstablishedSubflow extends LoggedSubflow {
  readonly tuple: FourTuple;
  readonly backup: boolean;
  readonly initiator: boolean;
  readonly localAddressId: number;
  readonly remoteAddressId: number;
}

/** Why data was sent once more on another subflow. */
export type ReinjectionCause = "tail_loss_probe" | "rto" | "subflow_death" | "remove_addr" | "data_timeout" | "opportunistic";

/** Somebody who wants to hear of one connection's decisions as they are taken; may not command the connection from within. */
export interface DecisionListener {
  /** `pathIndex`: the subflow's; -1 when it concerns none, or all. A subflow that ends is still there when it is told. */
  onDecision(pathIndex: number, detail: DecisionDetail): void;
}

/** One connection's entries in the decision log, and the counters that go with them. Without an observer nothing is built. */
export class DecisionLog {
  private listeners: readonly DecisionListener[] = [];
  private readonly environment: MptcpEnvironment;
  private readonly connection: number;

  constructor(environment: MptcpEnvironment, connection: number) {
    this.environment = environment;
    this.connection = connection;
  }

  /** Tells a listener of this connection's decisions from now on. */
  listen(listener: DecisionListener): void {
    this.listeners = [...this.listeners, listener];
  }

  /** Tells it no more. */
  stopListening(listener: DecisionListener): void {
    this.listeners = this.listeners.filter((other) => other !== listener);
  }

  observe(subflow: LoggedSubflow | null, detail: DecisionDetail): void {
    const pathIndex = subflow === null ? -1 : subflow.pathIndex;
    for (const listener of this.listeners) listener.onDecision(pathIndex, detail);
    const { observer, now, name } = this.environment;
    if (observer === null) return;
    observer.event({ at: now, host: name, connection: this.connection, subflow: pathIndex, ...detail });
  }

  schedule(subflow: LoggedSubflow, mapping: SentMapping, reinjection: boolean, scheduler: string): void {
    const { observer } = this.environment;
    if (observer === null || observer.perSegment !== true) return;
    this.observe(subflow, { kind: "schedule", dataOffset: mapping.dataOffset, length: mapping.length, reinjection, reason: scheduler });
  }

  /** A DSS arrived (RFC 8684 §3.1). Only observers hear of it that ask for it: the log is of decisions. */
  fullyEstablished(token: number): void {
    const { observer, now, name } = this.environment;
    if (observer?.milestones !== true) return;
    observer.event({ at: now, host: name, connection: this.connection, subflow: -1, kind: "fully_established", token });
  }

  /** `carrier`: the subflow that had the data; null when none has it any more. */
  reinjection(carrier: LoggedSubflow | null, from: number, to: number, cause: ReinjectionCause): void {
    this.environment.counters.increment("MPTcpExtMPTCPRetrans");
    this.observe(carrier, { kind: "reinjection", dataOffset: from, length: to - from, cause });
  }

  penalty(subflow: LoggedSubflow & { readonly cwnd: number }): void {
    this.observe(subflow, { kind: "penalise", cwnd: subflow.cwnd, cause: "shared_window_blocked" });
  }

  window(blocked: boolean, right: number): void {
    this.observe(null, { kind: "window", state: blocked ? "blocked" : "open", right });
  }

  dataFin(direction: "in" | "out", dataOffset: number): void {
    this.observe(null, { kind: "data_fin", direction, dataOffset });
  }

  established(subflow: EstablishedSubflow): void {
    const { tuple } = subflow;
    this.observe(subflow, {
      kind: "subflow_established",
      local: `${tuple.localAddress}:${tuple.localPort}`,
      remote: `${tuple.remoteAddress}:${tuple.remotePort}`,
      backup: subflow.backup,
      addressId: subflow.initiator ? subflow.localAddressId : subflow.remoteAddressId,
      initiator: subflow.initiator,
    });
  }
}
