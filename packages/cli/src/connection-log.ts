import type { DecisionEvent, Observer } from "mptcp";

/**
 * Follows the engine's decisions to know when its connections are over, and how: a socket may be closed before the peer has
 * acknowledged what was written to it.
 */
export class ConnectionLog implements Observer {
  /** TCP connections, plain ones or subflows, that are neither closed nor in TIME-WAIT. */
  private readonly open = new Set<string>();
  /** Connections that were established and did not end. */
  private readonly living = new Set<number>();
  private readonly waiting: (() => void)[] = [];
  private readonly watchers = new Set<() => void>();
  /** Why the last connection that broke did. */
  private broken: string | null = null;

  event(event: DecisionEvent): void {
    if (ENDS.has(event.kind)) for (const watcher of this.watchers) watcher();
    const wasLiving = this.living.size > 0;
    if (event.kind === "tcp_state") this.onState(event.connection, event.subflow, event.from, event.to);
    else if (event.kind === "connection_established") this.living.add(event.connection);
    else if (event.kind === "connection_closed") {
      // An attempt that failed is no connection, and what was broken off here was so on purpose.
      if (this.living.delete(event.connection) && event.reason !== "done" && event.reason !== "ECONNABORTED") this.broken = event.reason;
    } else return;
    // With the connections over, it counts how long their subflows take.
    if (this.living.size === 0 && (wasLiving || this.open.size === 0)) for (const resolve of this.waiting.splice(0)) resolve();
  }

  /** Calls `watcher` at every change of a subflow's, or TCP connection's, state: at the last one it can still be looked at. @returns how to end that */
  watch(watcher: () => void): () => void {
    this.watchers.add(watcher);
    return () => void this.watchers.delete(watcher);
  }

  /**
   * Until every connection is over. What is lost only in saying goodbye is not waited for.
   * @returns why a connection broke; null when none did
   */
  async settled(): Promise<string | null> {
    while (this.living.size > 0 || this.open.size > 0) {
      // With the connections over, what is left are the FINs of their subflows.
      const isOver = this.living.size === 0;
      let timer: NodeJS.Timeout | null = null;
      const late = new Promise<"late">((resolve) => {
        if (isOver) timer = setTimeout(() => resolve("late"), LONGEST_GOODBYE);
      });
      const outcome = await Promise.race([new Promise<"changed">((resolve) => this.waiting.push(() => resolve("changed"))), late]);
      if (timer !== null) clearTimeout(timer);
      if (outcome === "late") break;
    }
    return this.broken;
  }

  private onState(connection: number, subflow: number, from: string, to: string): void {
    const key = `${connection}.${subflow}`;
    if (to === "ESTABLISHED") {
      this.open.add(key);
      // Plain TCP; a join may be established when its connection is over.
      if (subflow === 0) this.living.add(connection);
    } else if (to === "TIME-WAIT" || to === "CLOSED") {
      this.open.delete(key);
      // Plain TCP has no other end than that of its one TCP connection.
      if (subflow !== 0) return;
      if (this.living.delete(connection) && to === "CLOSED" && !ORDERLY.has(from)) this.broken = "ECONNRESET";
    }
  }
}

/** What a subflow, or a plain TCP connection, comes to an end by. */
const ENDS: ReadonlySet<string> = new Set(["subflow_closed", "tcp_state", "connection_closed"]);
/** States from which a connection is closed with everything acknowledged. */
const ORDERLY: ReadonlySet<string> = new Set(["LAST-ACK", "CLOSING", "TIME-WAIT"]);
/** ms */
const LONGEST_GOODBYE = 2000;
