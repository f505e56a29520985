import type { CloseReason } from "../core/index.ts";

/** What a stream is ready for, as poll(2) tells it of a socket. */
export interface StreamReadiness {
  /** Reading gives something now: at least `readLowWater` bytes, or the end. POLLIN */
  readonly isReadable: boolean;
  /** Reading gives the end of the stream, and nothing else ever again. */
  readonly isAtEnd: boolean;
  /** There is room for a write that is worth it, or writing would fail at once. POLLOUT */
  readonly isWritable: boolean;
  /** The peer has ended its direction, whether or not all of it was read, or nothing more is to be read here. POLLRDHUP */
  readonly isPeerEnded: boolean;
  /** Both directions have ended. POLLHUP */
  readonly isHungUp: boolean;
  /** Urgent data is ahead, see {@link StreamConnection.urgent}. POLLPRI */
  readonly isUrgent: boolean;
  /** Why the connection broke; null while it did not. POLLERR */
  readonly error: CloseReason | null;
}

/** What is to be known of a stream for that. */
export interface ReadinessFacts {
  /** It was established at some time. */
  readonly isOpen: boolean;
  readonly isClosed: boolean;
  readonly error: CloseReason | null;
  readonly hasEnoughToRead: boolean;
  readonly readable: number;
  /** The peer's end arrived, or reading was given up. */
  readonly isPeerEnded: boolean;
  /** Nothing more will be written. */
  readonly isEnding: boolean;
  readonly hasRoom: boolean;
  readonly isUrgent?: boolean;
}

export function readinessOf(stream: ReadinessFacts): StreamReadiness {
  const { isClosed, isEnding, isPeerEnded } = stream;
  const isAtEnd = stream.readable === 0 && (isPeerEnded || isClosed);
  return {
    isReadable: isAtEnd || isPeerEnded || isClosed || stream.hasEnoughToRead,
    isAtEnd,
    isWritable: isClosed || isEnding || (stream.isOpen && stream.hasRoom),
    isPeerEnded: isPeerEnded || isClosed,
    isHungUp: isClosed || (isEnding && isPeerEnded),
    isUrgent: stream.isUrgent === true,
    error: stream.error,
  };
}

/**
 * Whether so many bytes wait that the application is to hear of them.
 * @param lowWater bytes that it waits for; half of the buffer will do, since more may never fit
 */
export function isEnoughToRead(waiting: number, lowWater: number, bufferSize: number): boolean {
  return waiting >= lowWater || (waiting > 0 && 2 * waiting >= bufferSize);
}

/** How much a writer may add to `held` bytes in a send buffer, of which `unsent` were never sent; `lowWater`: see TcpConfig `unsentLowWater`. */
export function roomIn(bufferSize: number, held: number, unsent: number, lowWater: number): number {
  let room = bufferSize - held;
  if (lowWater > 0 && lowWater - unsent < room) room = lowWater - unsent;
  return room > 0 ? room : 0;
}

/** Whether there is so much room that a writer is to hear of it: a third of the buffer, so that it is not woken for every ACK, and half of what may be unsent. */
export function isRoomy(bufferSize: number, held: number, unsent: number, lowWater: number): boolean {
  return held * 3 <= bufferSize * 2 && (lowWater === 0 || 2 * unsent < lowWater);
}
