import { LIMITS, NEVER } from "../core/index.ts";
import type { Timed } from "../mptcp/index.ts";
import type { FourTuple, TcpConnection, TimeWait, TimeWaitEnvironment } from "../tcp/index.ts";
import type { IpAddress, Packet, TcpSegment } from "../wire/index.ts";
import { FourTupleTable } from "./four-tuple-table.ts";

/** What the table tells its host. */
export interface TimeWaitsOwner extends TimeWaitEnvironment {
  /** A connection has left TIME-WAIT: nothing is kept of it any more. */
  onTimeWaitOver(entry: WaitingTuple): void;
  /** The table wants to be looked at earlier than before. */
  schedule(timed: Timed): void;
}

/**
 * The connections of a host in TIME-WAIT. There is room for so many; where one more comes, the one that would have ended first ends now
 * (Linux counts TCPTimeWaitOverflow, and does without the new one).
 */
export class TimeWaits implements Timed {
  private readonly owner: TimeWaitsOwner;
  private readonly limit: number;
  private readonly table = new FourTupleTable<WaitingTuple>();
  /** By length of TIME-WAIT, ns: nearly always there is one length. */
  private readonly rows = new Map<number, Row>();

  /** @param limit connections that may be in TIME-WAIT at a time */
  constructor(owner: TimeWaitsOwner, limit: number) {
    this.owner = owner;
    this.limit = limit;
  }

  get size(): number {
    return this.table.size;
  }

  find(localAddress: IpAddress, localPort: number, remoteAddress: IpAddress, remotePort: number): WaitingTuple | null {
    return this.table.find(localAddress, localPort, remoteAddress, remotePort);
  }

  /** Takes a connection in that has nothing left to send but perhaps an ACK. Null: there is room for none. */
  add(tcp: TcpConnection, now: number): WaitingTuple | null {
    if (this.table.size >= this.limit) {
      this.owner.counters.increment(LIMITS.timeWaits.counter);
      const oldest = this.oldest();
      if (oldest !== null) this.remove(oldest, now);
    }
    const { owesAck, timeWaitEnd, config } = tcp;
    const entry = new WaitingTuple(tcp.retire(now), this.rowOf(config.timeWait), owesAck);
    if (this.limit === 0) {
      this.tellEnd(entry, now);
      return null;
    }
    this.table.add(entry);
    entry.row.push(entry, timeWaitEnd);
    this.owner.schedule(this);
    return entry;
  }

  /** A segment arrived. @returns whether the connection owes an ACK that it did not owe before */
  receive(entry: WaitingTuple, segment: TcpSegment, now: number): boolean {
    const { answer, restart, over } = entry.state.receive(segment, this.owner, now);
    if (over) {
      this.remove(entry, now);
      return false;
    }
    if (restart) {
      entry.row.remove(entry);
      entry.row.push(entry, now + entry.row.duration);
    }
    if (!answer || entry.owes) return false;
    entry.owes = true;
    return true;
  }

  /** The connection is over, or gives way to a new one. */
  remove(entry: WaitingTuple, now: number): void {
    if (!this.table.remove(entry)) return;
    entry.owes = false;
    entry.row.remove(entry);
    this.tellEnd(entry, now);
    this.owner.onTimeWaitOver(entry);
  }

  // ---- Timed

  get nextTimeout(): number {
    return this.oldest()?.until ?? NEVER;
  }

  handleTimeout(now: number): void {
    for (let entry = this.oldest(); entry !== null && entry.until <= now; entry = this.oldest()) this.remove(entry, now);
  }

  // ---- inside

  private tellEnd(entry: WaitingTuple, now: number): void {
    const { observer, name } = this.owner;
    const { connectionId, subflowId } = entry.state;
    observer?.event({ at: now, host: name, connection: connectionId, subflow: subflowId, kind: "tcp_state", from: "TIME-WAIT", to: "CLOSED" });
  }

  private rowOf(duration: number): Row {
    let row = this.rows.get(duration);
    if (row === undefined) {
      row = new Row(duration);
      this.rows.set(duration, row);
    }
    return row;
  }

  /** The next one to end. */
  private oldest(): WaitingTuple | null {
    let oldest: WaitingTuple | null = null;
    for (const { first } of this.rows.values()) {
      if (first !== null && (oldest === null || first.until < oldest.until)) oldest = first;
    }
    return oldest;
  }
}

/** A connection in TIME-WAIT, and its place in the table. */
export class WaitingTuple {
  readonly state: TimeWait;
  readonly row: Row;
  /** When it ends, ns. */
  until = 0;
  /** An ACK is to be sent. */
  owes: boolean;
  earlier: WaitingTuple | null = null;
  later: WaitingTuple | null = null;

  constructor(state: TimeWait, row: Row, owes: boolean) {
    this.state = state;
    this.row = row;
    this.owes = owes;
  }

  get tuple(): FourTuple {
    return this.state.tuple;
  }

  /** The ACK that it owes. */
  takeAcknowledgment(now: number): Packet {
    this.owes = false;
    return this.state.acknowledgment(now);
  }
}

/** Those whose TIME-WAIT has one length, in the order in which they end. */
class Row {
  readonly duration: number;
  first: WaitingTuple | null = null;
  private last: WaitingTuple | null = null;

  constructor(duration: number) {
    this.duration = duration;
  }

  /** Puts one at the end, or where it belongs if it began before the last ones. */
  push(entry: WaitingTuple, until: number): void {
    let before = this.last;
    while (before !== null && before.until > until) before = before.earlier;
    const after = before === null ? this.first : before.later;
    entry.until = until;
    entry.earlier = before;
    entry.later = after;
    if (before === null) this.first = entry;
    else before.later = entry;
    if (after === null) this.last = entry;
    else after.earlier = entry;
  }

  remove(entry: WaitingTuple): void {
    if (entry.earlier === null) this.first = entry.later;
    else entry.earlier.later = entry.later;
    if (entry.later === null) this.last = entry.earlier;
    else entry.later.earlier = entry.earlier;
    entry.earlier = null;
    entry.later = null;
  }
}
