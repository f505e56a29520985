import type { Counters, Deadlines } from "../../core/index.ts";
import { LIMITS, NEVER, SECOND } from "../../core/index.ts";
import type { AddAddress, MptcpOption } from "../../wire/index.ts";
import { mptcpOptionLength } from "../../wire/index.ts";
import type { MptcpConfig } from "../config.ts";
import { DEADLINE } from "../deadlines.ts";
import type { DecisionLog } from "../decision-log.ts";
import type { Session } from "../session.ts";

/** What the signals ask of the connection around them. */
export interface SignalsContext {
  readonly subflows: readonly SignalSubflow[];
  readonly session: Session;
  readonly config: MptcpConfig;
  readonly deadlines: Deadlines;
  readonly log: DecisionLog;
  readonly counters: Counters;
  /** The subflow that a signal for the connection goes out on, where there is one. @param tries how often it has gone out in vain */
  signalCarrier(tries?: number): SignalSubflow | undefined;
}

/** A subflow as the signals see it. */
export interface SignalSubflow {
  readonly pathIndex: number;
  readonly established: boolean;
  readonly localAddressId: number;
  readonly localBackup: boolean;
  /** Whether its retransmission timer has fired, and nothing was acknowledged since. */
  readonly stale: boolean;
  readonly rto: number;
  readonly srtt: number;
  /** Stream offset of the next byte that its TCP expects: what its ACKs acknowledge. */
  readonly receivedOffset: number;
  requestAck(): void;
}

/**
 * What waits to be said to the peer about paths, and its reliability: ADD_ADDR and its echoes, REMOVE_ADDR, MP_PRIO (RFC 8684 §3.4, §3.3.8).
 * Signals go out on pure ACKs.
 */
export class Signals {
  private readonly context: SignalsContext;
  private announcements: Announcement[] = [];
  /** Echoes and REMOVE_ADDRs; each names the subflow that it wants, or null for any. */
  private outbox: Letter[] = [];
  /** Subflows whose new priority the peer has not been told. */
  private priorities: SignalSubflow[] = [];
  /** Ids of our addresses that the peer was told of, and that were not withdrawn. */
  private readonly told: number[] = [];
  private isWaiting = false;
  /** Priorities that the peer was told, of subflows that live. */
  private toldPriorities: ToldPriority[] = [];
  /** Subflows on which signals went out of late, and how many without an acknowledgment of more data between them. */
  private runs: Run[] = [];

  constructor(context: SignalsContext) {
    this.context = context;
  }

  /** Whether something waits for a pure ACK. */
  get waiting(): boolean {
    return this.isWaiting;
  }

  /** Whether something waits for a pure ACK on `subflow` that has room for options of `space` octets, and may go out now. */
  waitsFor(subflow: SignalSubflow, space: number): boolean {
    return this.isWaiting && !this.pauses(subflow) && this.wants(subflow, space);
  }

  /** Ids of our addresses that the peer was told of, and that were not withdrawn. */
  get announcedIds(): readonly number[] {
    return this.told;
  }

  // ---- what is to be said

  /** Announces an address, until its echo comes or the tries are used up; where there is no echo, once on every subflow, those to come too (RFC 6824 §3.4.1). */
  announce(option: AddAddress): void {
    this.announcements = this.announcements.filter((entry) => entry.option.addressId !== option.addressId);
    const hearers = this.repeats(option) ? null : this.context.subflows.filter((subflow) => subflow.established);
    this.announcements.push({ option, due: true, hearers, tries: 0, nextAt: NEVER, isGivenUp: false });
    if (hearers === null || hearers.length === 0) this.request(null);
    else for (const subflow of hearers) this.request(subflow);
  }

  /** Withdraws an address. REMOVE_ADDR has no echo: so it goes out on every subflow that does not use the address. */
  withdraw(addressId: number): void {
    this.forget(addressId);
    const subflows = this.context.subflows.filter((subflow) => subflow.established && subflow.localAddressId !== addressId);
    const option: MptcpOption = { kind: "remove_addr", addressIds: [addressId] };
    for (const subflow of subflows) this.outbox.push({ subflow, option });
    this.context.log.observe(null, { kind: "remove_addr", direction: "out", addressIds: [addressId] });
    for (const subflow of subflows) this.request(subflow);
  }

  /** Withdraws an address once more, on one subflow: what asks for it may come from anybody who knows the token. */
  withdrawAgain(addressId: number): void {
    this.outbox.push({ subflow: null, option: { kind: "remove_addr", addressIds: [addressId] } });
    this.context.log.observe(null, { kind: "remove_addr", direction: "out", addressIds: [addressId] });
    this.request(null);
  }

  /** Withdraws an address that went while no subflow could carry the news: on the next one. */
  withdrawLater(addressId: number): void {
    this.forget(addressId);
    this.outbox.push({ subflow: null, option: { kind: "remove_addr", addressIds: [addressId] } });
    this.update();
  }

  /** Tells the peer the priority of a subflow, on that subflow. */
  prioritise(subflow: SignalSubflow): void {
    this.toldPriorities = this.toldPriorities.filter((entry) => entry.subflow !== subflow);
    this.say(subflow);
  }

  /**
   * Data arrives on a subflow that we made a backup, while others could carry it: the peer may not have heard, since nothing acknowledges an
   * MP_PRIO. Says it again, a few times at the most.
   */
  onDataOnBackup(subflow: SignalSubflow, now: number): void {
    const told = this.toldPriorities.find((entry) => entry.subflow === subflow);
    if (told === undefined || told.left <= 0 || now < told.at + 2 * subflow.rto) return;
    if (!this.context.subflows.some((other) => other.established && !other.localBackup)) return;
    told.left--;
    // Until it has left again.
    told.at = NEVER;
    this.say(subflow);
  }

  private say(subflow: SignalSubflow): void {
    if (!this.priorities.includes(subflow)) this.priorities.push(subflow);
    this.request(subflow);
  }

  /** Echoes an ADD_ADDR, on `subflow`; null: it asks for no ACK, and there is one such at the most. */
  echo(subflow: SignalSubflow | null, option: AddAddress): void {
    if (subflow === null) {
      if (!this.outbox.some((letter) => letter.subflow === null && letter.option.kind === "add_addr")) this.outbox.push({ subflow, option });
      this.update();
      return;
    }
    if (this.outbox.length >= LIMITS.echoes.default) {
      this.context.counters.increment(LIMITS.echoes.counter);
      return;
    }
    this.outbox.push({ subflow, option });
    this.request(subflow);
  }

  // ---- what happened

  /** The echo of an ADD_ADDR came: it is not said again. */
  onEcho(option: AddAddress): void {
    this.announcements = this.announcements.filter((entry) => entry.option.addressId !== option.addressId || !entry.option.address.equals(option.address));
    this.update();
  }

  onSubflowClosed(subflow: SignalSubflow): void {
    this.outbox = this.outbox.filter((entry) => entry.subflow !== subflow);
    this.priorities = this.priorities.filter((entry) => entry !== subflow);
    this.toldPriorities = this.toldPriorities.filter((entry) => entry.subflow !== subflow);
    this.runs = this.runs.filter((entry) => entry.subflow !== subflow);
    for (const announcement of this.announcements) leave(announcement, subflow);
    this.update();
  }

  /** A subflow was established: it may carry what nobody could carry before. */
  onSubflowEstablished(subflow: SignalSubflow): void {
    // RFC 8684 §3.4.1: an ADD_ADDR may be refreshed; a path that takes no such option may have been the only one.
    for (const announcement of this.announcements) {
      if (announcement.hearers !== null && !announcement.hearers.includes(subflow)) announcement.hearers.push(subflow);
      if (announcement.isGivenUp || announcement.hearers !== null) announcement.due = true;
    }
    this.update();
    if (this.isWaiting && this.wants(subflow, ANY_SPACE)) subflow.requestAck();
  }

  // ---- pure ACKs

  /** The next option for a pure ACK on `subflow` that fits into `space` octets; null when there is none. */
  take(subflow: SignalSubflow, space: number, now: number): MptcpOption | null {
    if (this.pauses(subflow)) return null;
    const option = this.next(subflow, space, now);
    if (option !== null) this.count(subflow, now);
    return option;
  }

  private next(subflow: SignalSubflow, space: number, now: number): MptcpOption | null {
    const { counters } = this.context;
    if (this.priorities.includes(subflow)) {
      this.priorities = this.priorities.filter((entry) => entry !== subflow);
      this.update();
      counters.increment("MPTcpExtMPPrioTx");
      const told = this.toldPriorities.find((entry) => entry.subflow === subflow);
      if (told === undefined) this.toldPriorities.push({ subflow, at: now, left: PRIORITY_REPEATS });
      else told.at = now;
      return { kind: "mp_prio", backup: subflow.localBackup, addressId: -1 };
    }
    return this.takeLetter(subflow, space) ?? this.takeAnnouncement(subflow, space, now);
  }

  private takeLetter(subflow: SignalSubflow, space: number): MptcpOption | null {
    for (let i = 0; i < this.outbox.length; i++) {
      const entry = this.outbox[i] as Letter;
      const { option } = entry;
      if (!isFor(entry, subflow, space)) continue;
      this.outbox.splice(i, 1);
      this.context.counters.increment(option.kind === "add_addr" ? "MPTcpExtEchoAddTx" : "MPTcpExtRmAddrTx");
      this.update();
      return option;
    }
    return null;
  }

  private takeAnnouncement(subflow: SignalSubflow, space: number, now: number): MptcpOption | null {
    const { counters, log } = this.context;
    if (!this.mayAnnounce(subflow)) return null;
    for (const announcement of this.announcements) {
      const { option } = announcement;
      if (!isFresh(announcement, subflow) || mptcpOptionLength(option) > space) continue;
      announcement.due = false;
      announcement.tries++;
      if (announcement.hearers === null) announcement.nextAt = now + this.interval(subflow.rto, announcement.tries);
      leave(announcement, subflow);
      announcement.isGivenUp = false;
      this.arm();
      counters.increment("MPTcpExtAddAddrTx");
      const { addressId, address, port } = option;
      if (!this.told.includes(addressId)) this.told.push(addressId);
      log.observe(subflow, { kind: "add_addr", direction: "out", addressId, address: String(address), port, echo: false });
      this.update();
      return option;
    }
    return null;
  }

  /** How long the echo of an ADD_ADDR is waited for, which left `tries` times. */
  private interval(rto: number, tries: number): number {
    const { addAddrPace, addAddrTimeout } = this.context.config;
    const doubled = 2 ** Math.min(tries - 1, 30);
    return addAddrPace === "rto" ? Math.min(rto * doubled, addAddrTimeout) : Math.min(Math.max(addAddrTimeout, 2 * rto) * doubled, LONGEST_INTERVAL);
  }

  // ---- their pace

  /**
   * RFC 8684 §3, §3.4.1: no more than two duplicate ACKs in a row for the sake of signals, in case somebody on the way takes them for a sign of
   * congestion. What more there is waits for a round trip, or for an ACK that acknowledges more data.
   */
  private count(subflow: SignalSubflow, now: number): void {
    let run = this.runs.find((entry) => entry.subflow === subflow);
    if (run === undefined) this.runs.push((run = { subflow, acknowledged: -1, length: 0, until: 0 }));
    if (run.acknowledged !== subflow.receivedOffset || now >= run.until) run.length = 0;
    run.acknowledged = subflow.receivedOffset;
    run.length++;
    run.until = now + (subflow.srtt > 0 ? subflow.srtt : subflow.rto);
    if (run.length >= LIMITS.signalsInARow.default) {
      this.arm();
      if (this.wants(subflow, ANY_SPACE)) this.context.counters.increment(LIMITS.signalsInARow.counter);
    }
    // What is left follows on an ACK of its own.
    else if (this.wants(subflow, ANY_SPACE)) subflow.requestAck();
  }

  /** Whether as many signals in a row went out on `subflow` as may. */
  private pauses(subflow: SignalSubflow): boolean {
    const run = this.runs.find((entry) => entry.subflow === subflow);
    return run !== undefined && run.length >= LIMITS.signalsInARow.default && run.acknowledged === subflow.receivedOffset;
  }

  private endRuns(now: number): void {
    const over = this.runs.filter((run) => now >= run.until);
    if (over.length === 0) return;
    this.runs = this.runs.filter((run) => now < run.until);
    for (const { subflow } of over) if (this.wants(subflow, ANY_SPACE)) subflow.requestAck();
  }

  // ---- time

  handleTimeout(now: number): void {
    if (!this.context.deadlines.take(DEADLINE.announcement, now)) return;
    this.endRuns(now);
    for (const announcement of this.announcements) {
      if (now < announcement.nextAt) continue;
      announcement.nextAt = NEVER;
      if (announcement.tries > this.context.config.addAddrRetries) {
        announcement.isGivenUp = true;
        this.context.counters.increment(LIMITS.addAddrRetries.counter);
        continue;
      }
      announcement.due = true;
      this.update();
      this.context.signalCarrier(announcement.tries)?.requestAck();
    }
    this.announcements = this.announcements.filter((entry) => entry.due || entry.nextAt !== NEVER || entry.isGivenUp || entry.hearers !== null);
    this.update();
    this.arm();
  }

  private arm(): void {
    let next = NEVER;
    for (const announcement of this.announcements) next = Math.min(next, announcement.nextAt);
    for (const run of this.runs) if (run.length >= LIMITS.signalsInARow.default) next = Math.min(next, run.until);
    this.context.deadlines.set(DEADLINE.announcement, next);
  }

  // ---- inside

  /** Whether an ADD_ADDR is repeated until its echo comes. */
  private repeats(option: AddAddress): boolean {
    return this.context.session.version.echoOf(option) !== null;
  }

  private forget(addressId: number): void {
    this.announcements = this.announcements.filter((entry) => entry.option.addressId !== addressId);
    const at = this.told.indexOf(addressId);
    if (at >= 0) this.told.splice(at, 1);
  }

  /** Asks for a pure ACK that will carry what waits. */
  private request(subflow: SignalSubflow | null): void {
    this.update();
    (subflow ?? this.context.signalCarrier())?.requestAck();
  }

  private wants(subflow: SignalSubflow, space: number): boolean {
    if (this.priorities.includes(subflow)) return true;
    for (const letter of this.outbox) if (isFor(letter, subflow, space)) return true;
    for (const entry of this.announcements) if (isFresh(entry, subflow) && mptcpOptionLength(entry.option) <= space && this.mayAnnounce(subflow)) return true;
    return false;
  }

  /** An announcement does not go along with something else on a path that may be dead, while there is another: that would cost the time until it is repeated. */
  private mayAnnounce(subflow: SignalSubflow): boolean {
    return !subflow.stale || this.context.signalCarrier()?.stale !== false;
  }

  private update(): void {
    this.isWaiting = this.outbox.length > 0 || this.announcements.some((entry) => entry.due) || this.priorities.length > 0;
  }
}

interface Letter {
  readonly subflow: SignalSubflow | null;
  readonly option: MptcpOption;
}

/** Whether a letter may go out on a subflow, on an ACK with `space` octets for options. */
function isFor({ subflow: wanted, option }: Letter, subflow: SignalSubflow, space: number): boolean {
  if ((wanted !== null && wanted !== subflow) || mptcpOptionLength(option) > space) return false;
  // RFC 8684 §3.4.2: not on a subflow that uses the address.
  return option.kind !== "remove_addr" || !option.addressIds.includes(subflow.localAddressId);
}

/** Whether an ADD_ADDR is to leave on `subflow`. */
function isFresh({ due, hearers }: Announcement, subflow: SignalSubflow): boolean {
  return due && (hearers === null || hearers.length === 0 || hearers.includes(subflow));
}

/** An ADD_ADDR has left on a subflow, or cannot any more. */
function leave(announcement: Announcement, subflow: SignalSubflow): void {
  const { hearers } = announcement;
  if (hearers === null) return;
  const at = hearers.indexOf(subflow);
  if (at >= 0) hearers.splice(at, 1);
  announcement.due = hearers.length > 0;
}

/** An MP_PRIO that left. */
interface ToldPriority {
  readonly subflow: SignalSubflow;
  /** When, ns. */
  at: number;
  /** How often it may be said again. */
  left: number;
}

/** Signals in a row on one subflow. */
interface Run {
  readonly subflow: SignalSubflow;
  /** What the latest of them acknowledged, stream offset. */
  acknowledged: number;
  length: number;
  /** Until when the next one is of the same row, ns. */
  until: number;
}

/** An ADD_ADDR that was not echoed yet. */
interface Announcement {
  readonly option: AddAddress;
  /** To be sent with the next pure ACK, of one of the hearers where there are such. */
  due: boolean;
  /** Where there is no echo: the subflows that it was not said on yet; null: it is said until it is echoed. */
  readonly hearers: SignalSubflow[] | null;
  tries: number;
  /** When to send it again, ns. */
  nextAt: number;
  /** It was said as often as it may be, and not echoed: it waits for another subflow. */
  isGivenUp: boolean;
}

/** Between one ADD_ADDR and its repetition, ns. */
const LONGEST_INTERVAL = 60 * SECOND;
const ANY_SPACE = 40;
/** MP_PRIOs said again when the peer goes on sending. */
const PRIORITY_REPEATS = 3;
