import type { TcpSegment } from "../../wire/index.ts";
import { addFastOpen, TCP_OPTION_SPACE, tcpHeaderLength } from "../../wire/index.ts";
import type { TcpConnection } from "../connection.ts";

/** What a listener decided of a SYN with a Fast Open option, or with data. */
export interface FastOpenDecision {
  /** The SYN's data is taken, and the application may answer before the third ACK. */
  readonly accepts: boolean;
  /** A cookie for the SYN+ACK; null: none. */
  readonly cookie: Uint8Array | null;
  readonly experimental: boolean;
}

/** The listener's side of TCP Fast Open (RFC 7413) for one connection. */
export class FastOpenServer {
  private readonly decision: FastOpenDecision;
  private taken = 0;
  private isWaiting = false;

  constructor(decision: FastOpenDecision) {
    this.decision = decision;
  }

  /** Octets of the SYN's data that were taken. */
  get acknowledged(): number {
    return this.taken;
  }

  /** Whether the connection waits for the application to accept it. */
  get waits(): boolean {
    return this.isWaiting;
  }

  setWaits(waits: boolean): void {
    this.isWaiting = waits;
  }

  get accepts(): boolean {
    return this.decision.accepts;
  }

  /** Puts the cookie onto the first SYN+ACK; one that is sent again has none (RFC 7413 §4.2.2). */
  writeSynAck(tcp: TcpConnection, segment: TcpSegment): void {
    const { cookie, experimental } = this.decision;
    if (cookie === null || tcp.synRetransmissions > 0) return;
    const others = segment.otherOptions;
    addFastOpen(segment, { cookie, experimental });
    if (tcpHeaderLength(segment) - TCP_HEADER > TCP_OPTION_SPACE) segment.otherOptions = others;
  }

  /**
   * The connection is open for the application before its handshake is complete: it has the SYN's data, and may answer (RFC 7413 §4.2.2). Once it is in its
   * host's tables.
   */
  open(tcp: TcpConnection, syn: TcpSegment, now: number): void {
    if (!this.decision.accepts || tcp.state !== "SYN-RECEIVED") return;
    const { receiver } = tcp;
    receiver.synWindow(now);
    const length = Math.min(syn.payload.length, Math.max(0, receiver.rightEdge));
    this.taken = length;
    tcp.openForData(length, now);
    if (tcp.environment.observer !== null) tcp.emit({ kind: "fast_open", role: "server", sent: syn.payload.length, acknowledged: length, cookie: this.decision.cookie !== null }, now);
    if (length > 0 && tcp.state === "SYN-RECEIVED") receiver.acceptEarly(syn.payload.slice(0, length), now);
    tcp.wake();
  }
}

const TCP_HEADER = 20;
