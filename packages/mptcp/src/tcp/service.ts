import type { TcpOwner } from "./owner.ts";

/** How a TCP connection serves its owner; see the fields of `TcpConnection`. */
export interface Service {
  readonly owner?: TcpOwner;
  readonly connectionId?: number;
  readonly subflowId?: number;
  readonly noDelay?: boolean;
  readonly sharedWindow?: boolean;
  readonly answersBySyn?: boolean;
  readonly measuresHandshake?: boolean;
  readonly deferredUntil?: number;
}

/** A SYN+ACK that was sent before there was a connection: what the connection has to go on from. */
export interface SentSynAck {
  readonly initialSequence: number;
  /** Our timestamps less the clock in milliseconds. */
  readonly timestampOffset: number;
}
