import { MptcpError, randomBelow } from "../core/index.ts";
import type { RandomSource } from "../core/index.ts";
import type { Payload } from "../wire/index.ts";
import { BaseApplication, virtualSource } from "./application.ts";
import type { ByteConsumer, ByteSource } from "./application.ts";
import type { Scheduled } from "./event-queue.ts";

export interface BulkSenderOptions {
  /** Bytes to send; Infinity (default): without end. */
  readonly bytes?: number;
  /** Default: virtual bytes. */
  readonly source?: ByteSource;
  /** Whether to end the direction after the last byte (default true). */
  readonly end?: boolean;
  /** Measures how long each block takes from its writing to its reading at the other end. */
  readonly meter?: DelayMeter;
}

/** Writes as fast as the connection takes it. */
export class BulkSender extends BaseApplication {
  readonly bytes: number;
  private readonly source: ByteSource;
  private readonly endsAfter: boolean;
  private readonly meter: DelayMeter | null;

  constructor(options: BulkSenderOptions = {}) {
    super();
    this.bytes = options.bytes ?? Number.POSITIVE_INFINITY;
    this.source = options.source ?? virtualSource;
    this.endsAfter = options.end ?? true;
    this.meter = options.meter ?? null;
  }

  protected act(now: number): void {
    this.readAll(now);
    const remaining = this.bytes - this.bytesWritten;
    // Without end, a gigabyte at a time stands for it: no buffer takes as much.
    if (remaining > 0 && this.writeFrom(this.source, Math.min(remaining, 1e9), now) > 0) this.meter?.written(this.bytesWritten, now);
    if (this.endsAfter && this.bytesWritten === this.bytes) this.end(now);
  }
}

export interface SinkOptions {
  /** Is given every byte in order. */
  readonly hash?: ByteConsumer;
  /** See {@link BulkSenderOptions.meter}. */
  readonly meter?: DelayMeter;
  /** Whether to end our direction when the peer has ended its own (default true). */
  readonly end?: boolean;
}

/** Reads everything at once, and knows when it came. */
export class Sink extends BaseApplication {
  firstByteAt = -1;
  lastByteAt = -1;
  /** The longest time between two deliveries, ns, and when it began. */
  maxStall = 0;
  maxStallAt = -1;
  private isPaused = false;
  private readonly hash: ByteConsumer | null;
  private readonly meter: DelayMeter | null;
  private readonly endsToo: boolean;
  /** What is to be called when so many bytes have come; soonest last. */
  private readonly marks: { readonly bytes: number; readonly callback: (now: number) => void }[] = [];
  private nextMark = Number.POSITIVE_INFINITY;

  constructor(options: SinkOptions = {}) {
    super();
    this.hash = options.hash ?? null;
    this.meter = options.meter ?? null;
    this.endsToo = options.end ?? true;
  }

  /** Calls `callback` once, as soon as `bytes` bytes have been delivered; that is when a scenario changes by progress. */
  whenReceived(bytes: number, callback: (now: number) => void): void {
    this.marks.push({ bytes, callback });
    this.marks.sort((x, y) => y.bytes - x.bytes);
    this.nextMark = (this.marks.at(-1) as { bytes: number }).bytes;
    if (this.nextMark <= this.bytesRead && this.startedAt >= 0) this.host.queue.call(this.host.queue.now, (now) => this.passMarks(now));
  }

  /** Stops reading: the receive buffer fills, and the window closes. */
  pause(): void {
    this.isPaused = true;
  }

  /** Reads again. */
  resume(): void {
    this.isPaused = false;
    this.host.queue.call(this.host.queue.now, (now) => {
      this.act(now);
      this.host.poke();
    });
  }

  protected act(now: number): void {
    if (!this.isPaused) this.readAll(now);
    if (this.bytesRead >= this.nextMark) this.passMarks(now);
  }

  protected override onPayload(payload: Payload, now: number): void {
    if (this.firstByteAt < 0) this.firstByteAt = now;
    else if (now - this.lastByteAt > this.maxStall) {
      this.maxStall = now - this.lastByteAt;
      this.maxStallAt = this.lastByteAt;
    }
    this.lastByteAt = now;
    if (this.hash !== null) this.hash.update(payload.toUint8Array());
    if (this.meter !== null) this.meter.read(this.bytesRead, now);
  }

  protected override onEnd(now: number): void {
    if (this.endsToo) this.end(now);
  }

  private passMarks(now: number): void {
    for (let mark = this.marks.at(-1); mark !== undefined && mark.bytes <= this.bytesRead; mark = this.marks.at(-1)) {
      this.marks.pop();
      mark.callback(now);
    }
    this.nextMark = this.marks.at(-1)?.bytes ?? Number.POSITIVE_INFINITY;
  }
}

/** Writes back what it reads, and reads no more than it can write. */
export class Echo extends BaseApplication {
  private pending: Payload | null = null;

  protected act(now: number): void {
    const { connection } = this;
    for (;;) {
      this.pending ??= connection.read(ECHO_SIZE, now);
      if (this.pending === null || connection.closed || this.hasEnded) return;
      const taken = connection.write(this.pending, true, now);
      this.bytesWritten += taken;
      this.bytesRead += taken;
      if (taken < this.pending.length) {
        this.pending = this.pending.slice(taken, this.pending.length);
        // `ended` is true while the last bytes are still ours to write.
        return;
      }
      this.pending = null;
      if (connection.ended) this.end(now);
    }
  }

  protected override onEnd(now: number): void {
    if (this.pending === null) this.end(now);
  }
}

export interface RequestOptions {
  /** Bytes of each request and response (at least 1). */
  readonly request: number;
  readonly response: number;
  /** How many, one after the other; Infinity: without end. Default 1. */
  readonly count?: number;
  /** Pause between a response and the next request, ns (default 0). */
  readonly thinkTime?: number;
}

/** Sends requests of one size and waits for each response, whose size both ends know. Ends after the last. */
export class RequestClient extends BaseApplication implements Scheduled {
  slot = -1;
  readonly background = false;
  /** From the first byte of each request written to the last byte of its response read, ns. The first may include the handshake. */
  readonly durations: number[] = [];
  private readonly options: Required<RequestOptions>;
  private requestedAt = -1;
  private waitsFor = 0;
  private unsent = 0;

  constructor(options: RequestOptions) {
    super();
    this.options = { count: 1, thinkTime: 0, ...options };
    this.unsent = options.request;
  }

  fire(now: number): void {
    this.unsent = this.options.request;
    this.act(now);
    this.host.poke();
  }

  protected act(now: number): void {
    this.send(now);
    this.readAll(now);
  }

  protected override onPayload(payload: Payload, now: number): void {
    this.waitsFor -= payload.length;
    if (this.waitsFor > 0 || this.requestedAt < 0) return;
    this.durations.push(now - this.requestedAt);
    this.requestedAt = -1;
    if (this.durations.length >= this.options.count) this.end(now);
    else if (this.options.thinkTime > 0) this.host.queue.schedule(this, now + this.options.thinkTime);
    else {
      this.unsent = this.options.request;
      this.send(now);
    }
  }

  private send(now: number): void {
    if (this.unsent === 0) return;
    const taken = this.writeFrom(virtualSource, this.unsent, now);
    this.unsent -= taken;
    if (taken === 0 || this.requestedAt >= 0) return;
    this.requestedAt = now;
    this.waitsFor = this.options.response;
  }
}

/** Answers each request of one size with a response of one size. */
export class RequestServer extends BaseApplication {
  /** Requests read whole. */
  requests = 0;
  private readonly options: Pick<RequestOptions, "request" | "response">;

  constructor(options: Pick<RequestOptions, "request" | "response">) {
    super();
    this.options = options;
  }

  protected act(now: number): void {
    this.readAll(now);
    this.requests = Math.floor(this.bytesRead / this.options.request);
    const owed = this.requests * this.options.response - this.bytesWritten;
    if (owed > 0) this.writeFrom(virtualSource, owed, now);
    if (this.connection.ended) this.onEnd(now);
  }

  protected override onEnd(now: number): void {
    if (this.bytesWritten === this.requests * this.options.response) this.end(now);
  }
}

export interface PacedSenderOptions {
  /** Bytes of each write. */
  readonly size: number;
  /** Time between two writes, ns. With `maxInterval`, at least. */
  readonly interval: number;
  /** With `random` (see `Simulation.randomFor`): the time between two writes is uniform in [interval, maxInterval], ns. */
  readonly maxInterval?: number;
  readonly random?: RandomSource;
  /** Writes; Infinity (default): without end. The direction is ended after the last. */
  readonly count?: number;
  readonly source?: ByteSource;
  /** See {@link BulkSenderOptions.meter}. */
  readonly meter?: DelayMeter;
}

/**
 * A source that is limited by itself and not by the network: a live stream (large writes, fixed interval), or somebody who
 * types (some bytes, random intervals). What the connection does not take at once is written as soon as it does.
 * What comes back is taken as an echo of what was sent.
 */
export class PacedSender extends BaseApplication implements Scheduled {
  slot = -1;
  readonly background = false;
  /** From each write until as many bytes as were sent by then had come back, ns. */
  readonly echoDelays: number[] = [];
  /** Most bytes that waited for room. */
  maxBacklog = 0;
  private readonly options: PacedSenderOptions;
  private readonly count: number;
  private readonly times: number[] = [];
  private produced = 0;

  /** @throws MptcpError ERR_SIM_OPTION for a range of intervals without a source of randomness */
  constructor(options: PacedSenderOptions) {
    super();
    if (options.maxInterval !== undefined && options.random === undefined) {
      throw new MptcpError("ERR_SIM_OPTION", "maxInterval needs random");
    }
    this.options = options;
    this.count = options.count ?? Number.POSITIVE_INFINITY;
  }

  /** Ends the direction after what was produced so far. */
  stop(): void {
    this.host.queue.remove(this);
    if (!this.connection.closed) this.end(this.host.queue.now);
    this.host.poke();
  }

  fire(now: number): void {
    this.produce(now);
    this.act(now);
    this.host.poke();
  }

  override onEvents(events: number, now: number): void {
    const wasConnected = this.connectedAt >= 0;
    super.onEvents(events, now);
    if (!wasConnected && this.connectedAt >= 0 && this.produced === 0) this.host.queue.schedule(this, now);
    if (this.closedAt >= 0) this.host.queue.remove(this);
  }

  protected act(now: number): void {
    this.readAll(now);
    const { size, source, meter } = this.options;
    const owed = this.produced * size - this.bytesWritten;
    if (owed > 0) {
      this.writeFrom(source ?? virtualSource, owed, now);
      meter?.written(this.produced * size, now);
      this.maxBacklog = Math.max(this.maxBacklog, this.produced * size - this.bytesWritten);
    }
    if (this.produced === this.count && this.bytesWritten === this.count * size) this.end(now);
  }

  protected override onPayload(_payload: Payload, now: number): void {
    while (this.bytesRead >= (this.echoDelays.length + 1) * this.options.size && this.echoDelays.length < this.times.length) {
      this.echoDelays.push(now - (this.times[this.echoDelays.length] as number));
    }
  }

  private produce(now: number): void {
    const { interval, maxInterval, random } = this.options;
    this.produced++;
    this.times.push(now);
    if (this.produced === this.count) return;
    const extra = maxInterval === undefined || random === undefined ? 0 : randomBelow(random, maxInterval - interval + 1);
    this.host.queue.schedule(this, now + interval + extra);
  }
}

/** How long each block of a stream took from the write that completed it to the read that completed it. */
export class DelayMeter {
  /** ns, by block. */
  readonly delays: number[] = [];
  /** Bytes. */
  readonly block: number;
  private readonly writtenAt: number[] = [];

  /** @param block bytes; 8192 in the literature's measurements of application delay */
  constructor(block = 8192) {
    this.block = block;
  }

  /** The writer has written `total` bytes so far. */
  written(total: number, now: number): void {
    while ((this.writtenAt.length + 1) * this.block <= total) this.writtenAt.push(now);
  }

  /** The reader has read `total` bytes so far. */
  read(total: number, now: number): void {
    while ((this.delays.length + 1) * this.block <= total && this.delays.length < this.writtenAt.length) {
      this.delays.push(now - (this.writtenAt[this.delays.length] as number));
    }
  }
}

const ECHO_SIZE = 1 << 16;
