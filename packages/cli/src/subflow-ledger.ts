import type { AnySocket, MptcpInfo, SubflowInfo } from "mptcp/node";

/** A subflow as it was last seen, and whether it is gone. */
export type SubflowRecord = SubflowInfo & {
  /** Why it ended; null while it is there, and where all ended with the connection. */
  readonly down: string | null;
};

/** Remembers what a connection was: every subflow that there ever was, and its state before it closed. */
export class SubflowLedger {
  private readonly connection: AnySocket;
  private readonly records = new Map<number, SubflowRecord>();
  private info: MptcpInfo;

  constructor(connection: AnySocket) {
    this.connection = connection;
    this.info = connection.mptcp.info();
    this.look();
    connection.on("subflowDown", (subflow: SubflowInfo, reason: string) => this.records.set(subflow.id, { ...subflow, down: reason }));
    for (const event of ["subflowUp", "end", "finish", "close"]) connection.on(event, () => this.look());
  }

  /**
   * Takes down how things are. A connection goes on when its socket is closed, until the peer has acknowledged everything: whoever wants the last state of its subflows
   * looks when each of them ends.
   */
  look(): void {
    const now = this.connection.mptcp.info();
    // A connection that is over has nothing to tell.
    if (now.subflows.length > 0 || now.fallback !== null || now.multipath) this.info = now;
    // The kernel keeps the first one in its list when it is closed, without an end.
    const known = now.subflows.filter((subflow) => subflow.remotePort !== 0);
    for (const subflow of known) this.records.set(subflow.id, { ...subflow, down: this.records.get(subflow.id)?.down ?? null });
  }

  /** The connection as it was when it was last alive. */
  get last(): MptcpInfo {
    return this.info;
  }

  /** By number. */
  get subflows(): readonly SubflowRecord[] {
    return [...this.records.values()].toSorted((a, b) => a.id - b.id);
  }
}
