import type { Packet, TcpSegment } from "../wire/index.ts";
import type { TcpConfig } from "./config.ts";
import type { CongestionControl } from "./congestion/control.ts";
import type { TcpEnvironment, TcpOwner } from "./owner.ts";
import type { FourTuple } from "./stream.ts";

export type TcpState =
  | "LISTEN" | "SYN-SENT" | "SYN-RECEIVED" | "ESTABLISHED" | "FIN-WAIT-1" | "FIN-WAIT-2"
  | "CLOSE-WAIT" | "CLOSING" | "LAST-ACK" | "TIME-WAIT" | "CLOSED";

/** CONTRACT: the public face of a regular TCP connection (RFC 9293). The body replaces this declaration. */
export declare class TcpConnection {
  /** Active open: SYN-SENT. The SYN leaves with the next pollTransmit. */
  static connect(environment: TcpEnvironment, owner: TcpOwner, config: TcpConfig, tuple: FourTuple, now: number): TcpConnection;
  /** Passive open from a SYN that arrived: SYN-RECEIVED. `owner.onSegment` is not called for that SYN. */
  static accept(environment: TcpEnvironment, owner: TcpOwner, config: TcpConfig, tuple: FourTuple, syn: Packet, now: number): TcpConnection;

  readonly tuple: FourTuple;
  readonly config: TcpConfig;
  readonly congestion: CongestionControl;
  owner: TcpOwner;
  state: TcpState;
  /** For events: the connection's number on its host and the path index. Set by the owner. */
  connectionId: number;
  subflowId: number;
  /** For the host: which link it sends on, place in the timer heap (-1: none) and whether it is in the transmit queue. */
  link: number;
  timerSlot: number;
  timerAt: number;
  queued: boolean;

  // -- the driver's calls
  receive(packet: Packet, now: number): void;
  /** The next packet to send now, or null. Call until null. */
  pollTransmit(now: number): Packet | null;
  /** When handleTimeout wants to be called, ns; NEVER when idle. */
  nextTimeout: number;
  handleTimeout(now: number): void;
  /** An ICMP error about a packet of ours. `sequence` is the quoted 32-bit sequence number. */
  handleIcmp(error: IcmpError, now: number): void;

  // -- the owner's commands
  /** Ask the owner for data again at the next poll. */
  wake(): void;
  /** Send FIN once the owner offers nothing more. */
  close(now: number): void;
  /** Send RST (when the peer knows of us) and be CLOSED; the owner hears nothing. The RST passes through segmentOptions. */
  abort(now: number): void;
  /** Send a pure ACK at the next poll, even if a delayed ACK would wait. */
  requestAck(): void;
  /** The owner's receive window grew: send an update when it is worth one (silly-window avoidance, RFC 9293 §3.8.6.2.2). */
  windowUpdated(now: number): void;
  /** Send a segment without payload that the peer must answer with its ACK and window (sequence sndUna - 1). */
  sendProbe(now: number): void;
  /** Penalisation: halve cwnd and lower ssthresh to it, not below one segment. */
  reduceWindow(now: number): void;

  // -- what one can read
  /** Whether state, congestion window and the peer's window would let new data leave now. */
  canSend(): boolean;
  /** Bytes of new data that congestion window and peer's window leave room for now. */
  sendRoom(): number;
  /** Payload bytes of a full segment without MPTCP options: MSS less timestamps. */
  get maxPayload(): number;
  /** Stream offsets: oldest unacknowledged, next to send; next expected from the peer. */
  get ackedOffset(): number;
  get nextOffset(): number;
  get receivedOffset(): number;
  /** Bytes in flight as loss recovery sees it (RFC 6675's pipe). */
  get inFlight(): number;
  /** ns; 0 before the first sample. */
  get srtt(): number;
  get minRtt(): number;
  /** ns */
  get rto(): number;
  /** Consecutive RTOs without new acknowledgment; 0 when all is well. */
  get backoff(): number;
  /** SYNs or SYN+ACKs sent again so far. */
  get synRetransmissions(): number;
  /** `segment.window` scaled as negotiated. */
  scaledWindow(segment: TcpSegment): number;
  /** Both FINs exchanged or being so. */
  get finSent(): boolean;
  get finAcknowledged(): boolean;
  /** Whether ESTABLISHED was reached. */
  get established(): boolean;
  // statistics
  bytesSent: number; // payload, retransmissions included
  bytesRetransmitted: number;
  bytesReceived: number;
  retransmissions: number; // segments
  segmentsSent: number;
  segmentsReceived: number;
}

export interface IcmpError {
  readonly kind: "unreachable" | "packet_too_big" | "time_exceeded" | "parameter_problem";
  readonly code: number;
  /** With packet_too_big: the next hop's MTU, 0 when unknown. */
  readonly mtu: number;
  /** Sequence number of the quoted segment, 32 bits. */
  readonly sequence: number;
}
