import type { StreamConnection } from "mptcp";
import type { EventQueue, Scheduled } from "mptcp/sim";
import { SeriesBuilder } from "./record.ts";
import type { Roster, RosterEntry } from "./roster.ts";
import type { Work } from "./workload.ts";

/** Reads the state of a connection on a grid of virtual time into a {@link SeriesBuilder}. */
export class Sampler implements Scheduled {
  slot = -1;
  readonly background = true;
  readonly builder: SeriesBuilder;
  private readonly queue: EventQueue;
  private readonly roster: Roster;
  private readonly work: Work;
  /** End of the newest data given to each subflow of the sender. */
  private readonly offsets = new Map<RosterEntry, number>();
  private lastAt = -1;

  /** @param interval ns */
  constructor(queue: EventQueue, roster: Roster, work: Work, interval: number) {
    this.queue = queue;
    this.roster = roster;
    this.work = work;
    this.builder = new SeriesBuilder(interval);
  }

  fire(now: number): void {
    this.sample(now);
    this.queue.schedule(this, now + this.builder.interval);
  }

  /** New data up to a stream offset was given to a subflow. */
  scheduled(entry: RosterEntry, end: number): void {
    this.offsets.set(entry, end);
  }

  /** One row, at most one per moment. */
  sample(now: number): void {
    if (now === this.lastAt) return;
    this.lastAt = now;
    const { roster, work, builder } = this;
    roster.refresh(now);
    const sender = (work.download ? work.server : work.client).connection as StreamConnection | null;
    const receiver = (work.download ? work.client : work.server).connection as StreamConnection | null;
    builder.row(now, work.receiver.bytesRead, sender?.sendBuffered ?? 0, receiver?.receiveBuffered ?? 0);
    for (const entry of roster.entries) this.addEntry(entry);
  }

  /** The state of a subflow; what earlier subflows on the same path received counts too. */
  private addEntry(entry: RosterEntry): void {
    const { download } = this.work;
    const from = download ? entry.server : entry.client;
    const to = download ? entry.client : entry.server;
    if (from === null || to === null || entry.closedAt >= 0 || from.state === "CLOSED" || !from.established) return;
    let received = 0;
    let first = entry;
    for (const other of this.roster.entries) {
      if (other.id !== entry.id) continue;
      if (received === 0) first = other;
      received += (download ? other.client : other.server)?.bytesReceived ?? 0;
    }
    this.builder.set(this.builder.subflow(entry.id, first.name), {
      received,
      dataOffset: entry.id === 0 ? from.nextOffset : (this.offsets.get(entry) ?? 0),
      rttMs: from.srtt === 0 ? null : from.srtt / 1e6,
      cwnd: from.congestionWindow,
      inFlight: from.inFlight,
    });
  }
}
