import type { CloseReason } from "../core/index.ts";
import { positionNear } from "../wire/index.ts";
import type { TcpConnection } from "./connection.ts";
import { FastOpenServer } from "./fast-open/server.ts";
import { TIMER } from "./timers.ts";

/** An ICMP error about a packet of ours, as the host read it from the message. */
export interface IcmpError {
  readonly kind: "unreachable" | "packet_too_big" | "time_exceeded" | "parameter_problem";
  readonly code: number;
  /** With packet_too_big: the next hop's MTU, 0 when unknown. */
  readonly mtu: number;
  /** Sequence number of the quoted segment, 32 bits. */
  readonly sequence: number;
}

/** RFC 9293 §3.9.2.2, RFC 5461 and RFC 5927: errors end a connection that is being opened, hard ones one that arrives, and none an established one. */
export function handleIcmpError(tcp: TcpConnection, error: IcmpError, now: number): void {
  const sender = tcp.sender;
  if (tcp.state === "CLOSED" || tcp.state === "TIME-WAIT") return;
  // RFC 5927 §4.1: a message about something that is not in flight is forged, or too late.
  const quoted = positionNear(error.sequence, sender.origin, sender.una);
  if (quoted < sender.una || quoted >= sender.nxt) {
    tcp.environment.counters.increment("TcpExtOutOfWindowIcmps");
    tcp.drop("ICMP error about nothing in flight", now);
    return;
  }
  if (error.kind === "packet_too_big") {
    tooBig(tcp, error.mtu, quoted, now);
    return;
  }
  const reason = reasonOf(tcp, error);
  // RFC 9293 §3.9.2.2 has a soft error end nothing. RFC 5461 §4: who connects is better off with an answer, and goes to another address; nobody waits for that where a SYN came in.
  const isHard = reason === "ECONNREFUSED";
  if (tcp.state === "SYN-SENT" || (tcp.state === "SYN-RECEIVED" && endsHalfOpen(tcp, isHard))) tcp.over(reason, null, now);
  else tcp.softError = reason;
}

/** See `TcpConfig.halfOpenErrors`. One of Fast Open is open, once the application has it. */
function endsHalfOpen({ config, fastOpen }: TcpConnection, isHard: boolean): boolean {
  if (config.halfOpenErrors === "hard") return isHard;
  return fastOpen instanceof FastOpenServer && fastOpen.accepts ? fastOpen.waits : !isHard;
}

/** RFC 1191 §6.4, RFC 8201 §5.4: send what was too big again at once, in smaller pieces; this is no congestion. */
function tooBig(tcp: TcpConnection, mtu: number, quoted: number, now: number): void {
  const { sender } = tcp;
  const board = sender.board;
  if (board.count === 0) return;
  const length = board.at(board.indexOf(quoted)).payload.length + tcp.ipHeader + 20;
  const { pathMtu } = tcp;
  if (pathMtu.search.limit(mtu, pathMtu.current)) markOversized(tcp);
  if (!pathMtu.onTooBig(mtu, length, now)) return;
  tcp.environment.counters.increment("TcpExtTCPMTUReduced");
  tcp.updateMaxPayload();
  sender.updateUnit();
  tcp.arm(TIMER.pathMtu, pathMtu.raiseAt);
  markOversized(tcp);
}

/** Deems everything lost that is too long for the path MTU. Super-segments are cut by the link, and only their size changes. */
export function markOversized(tcp: TcpConnection): void {
  const { board, unit } = tcp.sender;
  for (let i = 0; i < board.count; i++) {
    const record = board.at(i);
    if (record.payload.length > unit && !record.sacked && !record.lost) board.sendAgain(record, i);
  }
}

function reasonOf(tcp: TcpConnection, error: IcmpError): CloseReason {
  if (error.kind !== "unreachable") return "EHOSTUNREACH";
  if (tcp.ipHeader === 20) {
    // RFC 792: 0 network, 1 host, 2 protocol, 3 port.
    return error.code === 0 ? "ENETUNREACH" : error.code === 2 || error.code === 3 ? "ECONNREFUSED" : "EHOSTUNREACH";
  }
  // RFC 4443 §3.1: 0 no route, 4 port.
  return error.code === 0 ? "ENETUNREACH" : error.code === 4 ? "ECONNREFUSED" : "EHOSTUNREACH";
}
