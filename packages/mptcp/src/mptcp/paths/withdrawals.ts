import { SECOND } from "../../core/index.ts";
import type { IpAddress } from "../../wire/index.ts";

/**
 * Addresses that the peer was told are gone. A REMOVE_ADDR rides on an ACK and has no echo (RFC 8684 §3.4.2): who joins such an address all the same
 * has not heard of it.
 */
export class Withdrawals {
  private entries: readonly Withdrawal[] = [];

  /** An address was withdrawn. */
  add(address: IpAddress, id: number, now: number): void {
    this.entries = [...this.without(address), { address, id, saidAt: now, left: REPEATS }].slice(-MOST);
  }

  /** It is in use again. */
  remove(address: IpAddress): void {
    if (this.entries.length > 0) this.entries = this.without(address);
  }

  /** A join came to an address. @returns the id to withdraw once more; -1: none */
  onJoin(address: IpAddress, now: number): number {
    const entry = this.entries.find((one) => one.address.equals(address));
    // A SYN that crossed the news proves nothing.
    if (entry === undefined || entry.left === 0 || now - entry.saidAt < SHORTEST_INTERVAL) return -1;
    this.entries = [...this.without(address), { ...entry, saidAt: now, left: entry.left - 1 }];
    return entry.id;
  }

  private without(address: IpAddress): readonly Withdrawal[] {
    return this.entries.filter((entry) => !entry.address.equals(address));
  }
}

interface Withdrawal {
  readonly address: IpAddress;
  readonly id: number;
  /** When it was last said, ns. */
  readonly saidAt: number;
  /** How often it may be said again. */
  readonly left: number;
}

const REPEATS = 3;
const SHORTEST_INTERVAL = SECOND;
/** Addresses that are remembered; a host that wanders gives up many. */
const MOST = 16;
