import type { Counters } from "../../core/index.ts";
import { LIMITS, SECOND } from "../../core/index.ts";
import type { FastOpenDecision, TcpConnection } from "../../tcp/index.ts";
import type { Packet, TcpSegment } from "../../wire/index.ts";
import { readFastOpen } from "../../wire/index.ts";
import type { CookieKeys } from "./cookie-keys.ts";

/** How a listener takes Fast Open (RFC 7413). */
export interface FastOpenListen {
  /** Connections at the most that are open by their SYN's data and whose third ACK has not come; the listener's default unless given. TCP_FASTOPEN */
  readonly pending?: number;
  /**
   * Whether a SYN's data is taken only with a cookie; `required` unless given. `none`: from everybody, **who may be anybody under any address** (RFC 7413 §7.3): for
   * networks that let no such packets in. TCP_FASTOPEN_NO_COOKIE
   */
  readonly cookies?: "required" | "none";
}

/**
 * A listener's Fast Open: which SYNs are taken with their data, and how many of those may wait for their third ACK (RFC 7413 §4.2). A connection that was reset before
 * counts on for a while, since resets are what a flood of SYNs from made-up addresses brings (§5.1).
 */
export class FastOpenAdmission {
  private readonly options: FastOpenListen;
  private readonly counters: Counters;
  private readonly waiting = new Set<TcpConnection>();
  /** When those that were reset are forgotten, ns, the earliest first. */
  private resets: number[] = [];

  constructor(options: FastOpenListen, counters: Counters) {
    this.options = options;
    this.counters = counters;
  }

  /** What is done with a SYN; null: nothing, it is one as any other. */
  decide(packet: Packet, syn: TcpSegment, keys: CookieKeys, now: number): FastOpenDecision | null {
    const { counters } = this;
    const option = readFastOpen(syn);
    const isOpen = this.options.cookies === "none" && syn.payload.length > 0;
    if (option === null && !isOpen) return null;
    if (this.isFull(now)) {
      counters.increment(LIMITS.fastOpenPending.counter);
      return null;
    }
    const experimental = option?.experimental ?? false;
    if (isOpen) return { accepts: true, cookie: null, experimental };
    if (option === null) return null;
    const { destination, source } = packet;
    if (option.cookie.length === 0) {
      counters.increment("TcpExtTCPFastOpenCookieReqd");
      return { accepts: false, cookie: keys.cookieFor(source, destination, now), experimental };
    }
    switch (keys.verdictOf(option.cookie, source, destination, now)) {
      case "valid":
        counters.increment("TcpExtTCPFastOpenPassive");
        return { accepts: true, cookie: null, experimental };
      case "old":
        counters.increment("TcpExtTCPFastOpenPassive");
        counters.increment("TcpExtTCPFastOpenPassiveAltKey");
        return { accepts: true, cookie: keys.cookieFor(source, destination, now), experimental };
      case "invalid":
        counters.increment("TcpExtTCPFastOpenPassiveFail");
        return { accepts: false, cookie: keys.cookieFor(source, destination, now), experimental };
    }
  }

  /** A connection was opened by its SYN's data. */
  onOpened(tcp: TcpConnection): void {
    this.waiting.add(tcp);
  }

  /** Connections that count. */
  get pending(): number {
    return this.waiting.size + this.resets.length;
  }

  private isFull(now: number): boolean {
    const most = this.options.pending ?? LIMITS.fastOpenPending.default;
    if (this.pending < most) return false;
    this.sweep(now);
    return this.pending >= most;
  }

  /** Looks which of them have come to an end, the one or the other. */
  private sweep(now: number): void {
    for (const tcp of Array.from(this.waiting)) {
      if (tcp.state === "SYN-RECEIVED") continue;
      this.waiting.delete(tcp);
      if (tcp.state === "CLOSED" && tcp.sender.una < 0) this.resets.push(now + RESET_MEMORY);
    }
    this.resets = this.resets.filter((until) => until > now);
  }
}

/** How long a connection that was reset before its third ACK counts on, ns. */
const RESET_MEMORY = 60 * SECOND;
