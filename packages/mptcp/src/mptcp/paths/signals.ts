import type { Counters, Deadlines } from "../../core/index.ts";
import { NEVER, SECOND } from "../../core/index.ts";
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
  /** The subflow that a signal for the connection goes out on, where there is one. */
  signalCarrier(): SignalSubflow | undefined;
}

/** A subflow as the signals see it. */
export interface SignalSubflow {
  readonly pathIndex: number;
  readonly established: boolean;
  readonly localAddressId: number;
  readonly localBackup: boolean;
  readonly rto: number;
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

  constructor(context: SignalsContext) {
    this.context = context;
  }

  /** Whether something waits for a pure ACK. */
  get waiting(): boolean {
    return this.isWaiting;
  }

  /** Ids of our addresses that the peer was told of, and that were not withdrawn. */
  get announcedIds(): readonly number[] {
    return this.told;
  }

  // ---- what is to be said

  /** Announces an address, until its echo comes or the tries are used up. */
  announce(option: AddAddress): void {
    this.announcements = this.announcements.filter((entry) => entry.option.addressId !== option.addressId);
    this.announcements.push({ option, due: true, tries: 0, nextAt: NEVER, isGivenUp: false });
    this.request(null);
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

  /** Withdraws an address that went while no subflow could carry the news: on the next one. */
  withdrawLater(addressId: number): void {
    this.forget(addressId);
    this.outbox.push({ subflow: null, option: { kind: "remove_addr", addressIds: [addressId] } });
    this.update();
  }

  /** Tells the peer the priority of a subflow, on that subflow. */
  prioritise(subflow: SignalSubflow): void {
    if (!this.priorities.includes(subflow)) this.priorities.push(subflow);
    this.request(subflow);
  }

  /** Echoes an ADD_ADDR, on the subflow that it came on. */
  echo(subflow: SignalSubflow, option: AddAddress): void {
    if (this.outbox.length >= MAXIMUM_OUTBOX) return;
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
  }

  /** A subflow was established: it may carry what nobody could carry before. */
  onSubflowEstablished(subflow: SignalSubflow): void {
    // RFC 8684 §3.4.1: an ADD_ADDR may be refreshed; a path that takes no such option may have been the only one.
    for (const announcement of this.announcements) if (announcement.isGivenUp) announcement.due = true;
    this.update();
    if (this.isWaiting && this.wants(subflow)) subflow.requestAck();
  }

  // ---- pure ACKs

  /** The next option for a pure ACK on `subflow` that fits into `space` octets; null when there is none. */
  take(subflow: SignalSubflow, space: number, now: number): MptcpOption | null {
    const { counters } = this.context;
    if (this.priorities.includes(subflow)) {
      this.priorities = this.priorities.filter((entry) => entry !== subflow);
      this.update();
      counters.increment("MPTcpExtMPPrioTx");
      return { kind: "mp_prio", backup: subflow.localBackup, addressId: -1 };
    }
    return this.takeLetter(subflow, space) ?? this.takeAnnouncement(subflow, space, now);
  }

  private takeLetter(subflow: SignalSubflow, space: number): MptcpOption | null {
    for (let i = 0; i < this.outbox.length; i++) {
      const entry = this.outbox[i] as Letter;
      const { option } = entry;
      if ((entry.subflow !== null && entry.subflow !== subflow) || mptcpOptionLength(option) > space) continue;
      // RFC 8684 §3.4.2: not on a subflow that uses the address.
      if (option.kind === "remove_addr" && option.addressIds.includes(subflow.localAddressId)) continue;
      this.outbox.splice(i, 1);
      this.context.counters.increment(option.kind === "add_addr" ? "MPTcpExtEchoAddTx" : "MPTcpExtRmAddrTx");
      this.taken(subflow);
      return option;
    }
    return null;
  }

  private takeAnnouncement(subflow: SignalSubflow, space: number, now: number): MptcpOption | null {
    const { config, counters, log, session } = this.context;
    for (const announcement of this.announcements) {
      const { option } = announcement;
      if (!announcement.due || mptcpOptionLength(option) > space) continue;
      announcement.due = false;
      announcement.tries++;
      const repeats = session.version.echoOf(option) !== null;
      announcement.nextAt = repeats ? now + Math.min(Math.max(config.addAddrTimeout, 2 * subflow.rto) * 2 ** Math.min(announcement.tries - 1, 30), LONGEST_INTERVAL) : NEVER;
      announcement.isGivenUp = false;
      this.arm();
      counters.increment("MPTcpExtAddAddrTx");
      const { addressId, address, port } = option;
      if (!this.told.includes(addressId)) this.told.push(addressId);
      log.observe(subflow, { kind: "add_addr", direction: "out", addressId, address: String(address), port, echo: false });
      this.taken(subflow);
      return option;
    }
    return null;
  }

  /** Something was said on `subflow`; what is left follows on an ACK of its own. */
  private taken(subflow: SignalSubflow): void {
    this.update();
    if (this.wants(subflow)) subflow.requestAck();
  }

  // ---- time

  handleTimeout(now: number): void {
    if (!this.context.deadlines.take(DEADLINE.announcement, now)) return;
    for (const announcement of this.announcements) {
      if (now < announcement.nextAt) continue;
      announcement.nextAt = NEVER;
      if (announcement.tries > this.context.config.addAddrRetries) {
        announcement.isGivenUp = true;
        continue;
      }
      announcement.due = true;
      this.request(null);
    }
    this.announcements = this.announcements.filter((entry) => entry.due || entry.nextAt !== NEVER || entry.isGivenUp);
    this.update();
    this.arm();
  }

  private arm(): void {
    let next = NEVER;
    for (const announcement of this.announcements) next = Math.min(next, announcement.nextAt);
    this.context.deadlines.set(DEADLINE.announcement, next);
  }

  // ---- inside

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

  private wants(subflow: SignalSubflow): boolean {
    return this.priorities.includes(subflow) || this.outbox.some((entry) => entry.subflow === null || entry.subflow === subflow) || this.announcements.some((entry) => entry.due);
  }

  private update(): void {
    this.isWaiting = this.outbox.length > 0 || this.announcements.some((entry) => entry.due) || this.priorities.length > 0;
  }
}

interface Letter {
  readonly subflow: SignalSubflow | null;
  readonly option: MptcpOption;
}

/** An ADD_ADDR that was not echoed yet. */
interface Announcement {
  readonly option: AddAddress;
  /** To be sent with the next pure ACK. */
  due: boolean;
  tries: number;
  /** When to send it again, ns. */
  nextAt: number;
  /** It was said as often as it may be, and not echoed: it waits for another subflow. */
  isGivenUp: boolean;
}

/** Echoes that a peer can make us queue. */
const MAXIMUM_OUTBOX = 32;
/** Between one ADD_ADDR and its repetition, ns. */
const LONGEST_INTERVAL = 60 * SECOND;
