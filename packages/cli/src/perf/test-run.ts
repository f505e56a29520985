import type { AnySocket } from "mptcp/node";
import { SubflowLedger } from "../subflow-ledger.ts";
import { DirectionMeter } from "./figures.ts";
import type { Stream } from "./figures.ts";
import { directionsOf, streamsOf } from "./protocol.ts";
import type { Direction, EndFigures, IntervalFigures, Test } from "./protocol.ts";

/** What one end does in a test, once its connections are there. */
export class TestRun {
  /** Until this end has sent, and received, what it is to. Rejected when a connection breaks, or when nothing moves any more. */
  readonly done: Promise<void>;
  readonly meters: readonly DirectionMeter[];
  private readonly test: Test;
  private readonly clock: () => number;
  private readonly onInterval: (direction: Direction, figures: IntervalFigures) => void;
  private readonly streams: readonly Stream[];
  private readonly cpuAtStart = process.cpuUsage();
  private readonly startedAt: number;
  private readonly timers = new Set<NodeJS.Timeout>();
  private isStopped = false;
  private fail!: (error: Error) => void;

  /**
   * @param role "client" sends what goes up @param sockets by number of stream @param header octets that were sent on each before the data
   * @param onInterval hears of each interval of each direction, as it is over
   */
  constructor(test: Test, role: "client" | "server", sockets: readonly AnySocket[], header: (stream: number) => number, clock: () => number, onInterval: (direction: Direction, figures: IntervalFigures) => void) {
    this.test = test;
    this.clock = clock;
    this.onInterval = onInterval;
    this.startedAt = clock();
    this.streams = sockets.map((socket, number) => ({ number, socket, ledger: new SubflowLedger(socket), header: header(number), received: 0 }));
    const broken = new Promise<never>((_, reject) => (this.fail = reject));
    for (const { socket } of this.streams) socket.on("error", (error: Error) => this.onBroken(error)).on("close", () => this.onBroken(new Error("a connection was closed in the midst of the test")));
    const parts: Promise<void>[] = [];
    this.meters = directionsOf(test).map((direction) => {
      const streams = streamsOf(test, direction).map((number) => this.streams[number] as Stream);
      const isSender = (direction === "up") === (role === "client");
      const meter = new DirectionMeter(direction, isSender ? "sender" : "receiver", streams, clock);
      parts.push(isSender ? this.send(meter, streams) : this.receive(meter, streams));
      return meter;
    });
    if (test.intervalMilliseconds > 0) this.every(test.intervalMilliseconds, () => this.meters.forEach((meter) => meter.isFinished || onInterval(meter.direction, meter.interval())));
    if (test.bytes !== null) this.watch();
    this.done = Promise.race([Promise.all(parts).then(() => {}), broken]);
    // Who asks for it later hears of it all the same.
    this.done.catch(() => {});
  }

  /** Sends no more, and counts no more. */
  finish(): void {
    this.isStopped = true;
    for (const timer of this.timers) clearInterval(timer);
    for (const meter of this.meters) this.conclude(meter, false);
  }

  /** As it is now, or as it was finished. */
  figures(via: EndFigures["via"]): EndFigures {
    const { user, system } = process.cpuUsage(this.cpuAtStart);
    const of = (direction: Direction): EndFigures["up"] => this.meters.find((meter) => meter.direction === direction)?.figures() ?? null;
    return {
      via,
      cpu: { userMicroseconds: user, systemMicroseconds: system, elapsedMicroseconds: Math.round((this.clock() - this.startedAt) * 1e6) },
      up: of("up"),
      down: of("down"),
    };
  }

  /** Breaks off what still is on its way. */
  close(): void {
    this.isStopped = true;
    for (const timer of this.timers) clearInterval(timer);
    for (const { socket } of this.streams) if (!socket.destroyed) socket.resetAndDestroy();
  }

  /** A direction is over. @param hasAll the last octet has come */
  private conclude(meter: DirectionMeter, hasAll: boolean): void {
    const { intervalMilliseconds } = this.test;
    if (meter.isFinished) return;
    // What is left is an interval of its own, unless it is next to nothing.
    if (intervalMilliseconds > 0 && meter.sinceInterval * 1000 > intervalMilliseconds / 10) this.onInterval(meter.direction, meter.interval());
    else if (intervalMilliseconds > 0) meter.extendInterval();
    meter.finish(hasAll);
  }

  /** Sends for the time of the test, or the bytes. */
  private send(meter: DirectionMeter, streams: readonly Stream[]): Promise<void> {
    const { timeMilliseconds, bytes } = this.test;
    if (bytes === null) {
      for (const stream of streams) this.pump(stream, Number.POSITIVE_INFINITY, () => {});
      return new Promise((resolve) => this.after(timeMilliseconds ?? 0, () => {
        this.conclude(meter, false);
        resolve();
      }));
    }
    const share = Math.floor(bytes / streams.length);
    return Promise.all(
      streams.map((stream, at) => new Promise<void>((resolve) => this.pump(stream, at === 0 ? bytes - share * (streams.length - 1) : share, resolve))),
    ).then(() => {});
  }

  private pump({ socket }: Stream, bytes: number, done: () => void): void {
    let left = bytes;
    const write = (): void => {
      while (!this.isStopped && left > 0) {
        const chunk = left >= BLOCK.length ? BLOCK : BLOCK.subarray(0, left);
        left -= chunk.length;
        if (!socket.write(chunk)) {
          socket.once("drain", write);
          return;
        }
      }
      if (left === 0) socket.end(done);
    };
    // What comes on it is nothing that was agreed on; the peer's end is.
    socket.resume();
    write();
  }

  /** Counts for the time of the test from the first octet on, or until everything has come. */
  private async receive(meter: DirectionMeter, streams: readonly Stream[]): Promise<void> {
    const { timeMilliseconds } = this.test;
    let open = streams.length;
    await new Promise<void>((resolve) => {
      for (const stream of streams) {
        stream.socket.on("data", (chunk: Buffer) => {
          if (!meter.isFinished && meter.onReceived(stream, chunk.length) && timeMilliseconds !== null) this.after(timeMilliseconds, resolve);
        });
        stream.socket.once("end", () => {
          if (--open === 0 && timeMilliseconds === null) resolve();
        });
        stream.socket.resume();
      }
      // Where nothing comes at all there is an end, too.
      if (timeMilliseconds !== null) this.after(timeMilliseconds + LATEST, resolve);
    });
    this.conclude(meter, timeMilliseconds === null);
  }

  /** A test of bytes ends in an error when none has moved for a minute. */
  private watch(): void {
    let before = -1;
    this.every(LONGEST_SILENCE, () => {
      const now = this.meters.reduce((sum, meter) => sum + meter.bytes, 0);
      if (now === before) this.fail(new Error(`nothing has come through for ${LONGEST_SILENCE / 1000} s`));
      before = now;
    });
  }

  private onBroken(error: Error): void {
    if (!this.isStopped) this.fail(error);
  }

  private after(milliseconds: number, act: () => void): void {
    this.timers.add(setTimeout(act, milliseconds));
  }

  private every(milliseconds: number, act: () => void): void {
    this.timers.add(setInterval(act, milliseconds));
  }
}

/** What is sent, over and over. */
const BLOCK = Buffer.alloc(131_072, "multipath ");
/** How much later than the time of the test a receiver ends to which nothing came, ms. */
const LATEST = 5000;
/** ms */
const LONGEST_SILENCE = 60_000;
