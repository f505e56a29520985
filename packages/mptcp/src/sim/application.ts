import type { CloseReason } from "../core/index.ts";
import { STREAM_EVENT } from "../tcp/index.ts";
import type { StreamConnection } from "../tcp/index.ts";
import { Payload } from "../wire/index.ts";
import type { NodeEvents } from "./event-queue.ts";

/** What runs at one end of one connection in the simulator. */
export interface Application {
  /** Once, before anything else. An accepted connection is open already, an own one is being opened. */
  start(connection: StreamConnection, host: ApplicationHost): void;
  /** The connection was moved, and is this object from now on. Nothing has happened to it. */
  moved?(connection: StreamConnection, host: ApplicationHost): void;
  /** Something happened: `STREAM_EVENT` bits. Everything may be called on the connection from here. */
  onEvents(events: number, now: number): void;
}

/** What an application may ask of its host. */
export interface ApplicationHost {
  /** Virtual time, and what schedules the application's events. */
  readonly queue: NodeEvents;
  /** To be called after commands to the connection from outside `onEvents`, say from a timer. */
  poke(): void;
}

/** Takes bytes as a hash does; bring your own. */
export interface ByteConsumer {
  update(bytes: Uint8Array): unknown;
}

/** Gives the `length` bytes of a stream from `offset` on. They must not change afterwards. */
export type ByteSource = (offset: number, length: number) => Payload;

/** Bytes that are not there: only their number is. */
export const virtualSource: ByteSource = (_offset, length) => Payload.virtual(length);

/**
 * Real bytes that are a function of their place: each aligned group of four differs from all others within 4 GiB, so that parts
 * exchanged, lost or doubled show.
 */
export const patternSource: ByteSource = (offset, length) => {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) {
    const position = offset + i;
    const word = Math.imul(position >>> 2, 0x9e3779b1);
    bytes[i] = word >>> (8 * (position & 3));
  }
  return Payload.of(bytes);
};

/** The part that all applications share: what has happened when, and closing. Times are ns, -1 until they come. */
export abstract class BaseApplication implements Application {
  bytesRead = 0;
  bytesWritten = 0;
  startedAt = -1;
  connectedAt = -1;
  /** When the peer's end of stream was read. */
  endedAt = -1;
  /** When all we wrote, and our end, was acknowledged. */
  drainedAt = -1;
  closedAt = -1;
  error: CloseReason | null = null;
  /** Called once when the connection is closed. */
  onClosed: ((now: number) => void) | null = null;
  /** Whether we have ended our direction. */
  protected hasEnded = false;
  private boundConnection: StreamConnection | null = null;
  private boundHost: ApplicationHost | null = null;

  /** The connection this application was started on. */
  get connection(): StreamConnection {
    return this.boundConnection as StreamConnection;
  }

  protected get host(): ApplicationHost {
    return this.boundHost as ApplicationHost;
  }

  start(connection: StreamConnection, host: ApplicationHost): void {
    this.boundConnection = connection;
    this.boundHost = host;
    this.startedAt = host.queue.now;
    this.act(host.queue.now);
  }

  moved(connection: StreamConnection, host: ApplicationHost): void {
    this.boundConnection = connection;
    this.boundHost = host;
  }

  onEvents(events: number, now: number): void {
    const { connection } = this;
    if (this.connectedAt < 0 && (events & STREAM_EVENT.connected) !== 0) this.connectedAt = now;
    if (this.drainedAt < 0 && (events & STREAM_EVENT.drained) !== 0) this.drainedAt = now;
    if (!connection.closed || connection.readable > 0) this.act(now);
    if (this.endedAt < 0 && connection.ended) {
      this.endedAt = now;
      this.onEnd(now);
    }
    if (this.closedAt < 0 && connection.closed) {
      this.closedAt = now;
      this.error = connection.error;
      this.onClosed?.(now);
    }
  }

  /** Reads and writes what can be read and written now. */
  protected abstract act(now: number): void;

  /** The peer has ended its direction, and all of it was read. By default we end ours. */
  protected onEnd(now: number): void {
    this.end(now);
  }

  /** Ends our direction, once. */
  protected end(now: number): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    if (!this.connection.closed) this.connection.end(now);
  }

  /** Reads everything and gives it to `onPayload`. */
  protected readAll(now: number): void {
    const { connection } = this;
    for (let payload = connection.read(READ_SIZE, now); payload !== null; payload = connection.read(READ_SIZE, now)) {
      this.bytesRead += payload.length;
      this.onPayload(payload, now);
    }
  }

  protected onPayload(_payload: Payload, _now: number): void {}

  /** Writes up to `length` bytes of `source` from where we are; returns the bytes taken. Less than `length`: a `writable` event will come. */
  protected writeFrom(source: ByteSource, length: number, now: number): number {
    const { connection } = this;
    if (connection.closed || this.hasEnded) return 0;
    const end = this.bytesWritten + length;
    while (this.bytesWritten < end) {
      // With no room at all one byte is still offered: the refusal is what makes the connection call again.
      const size = Math.min(end - this.bytesWritten, Math.max(1, connection.writable), WRITE_SIZE);
      const taken = connection.write(source(this.bytesWritten, size), true, now);
      this.bytesWritten += taken;
      if (taken < size) break;
    }
    return this.bytesWritten - (end - length);
  }
}

const READ_SIZE = 1 << 20;
const WRITE_SIZE = 1 << 16;
