import type { Writable } from "node:stream";

/**
 * What waits to be written to one client, in the order in which it came. Answers always wait; of events only so many, beyond which they are counted and
 * the client is told how many it lost: so whoever does not read costs neither memory without bound nor anybody's time.
 *
 * It writes when the engine is through with what it is doing, many lines at once.
 */
export class Outbox {
  private readonly stream: Writable;
  private readonly lostEvent: (count: number) => string;
  private lines: Line[] = [];
  private waitingEvents = 0;
  private waitingLength = 0;
  private lost = 0;
  private isBlocked = false;
  private isScheduled = false;
  private roomWaits: (() => void)[] = [];

  /** @param lostEvent the line that tells of events that are lost */
  constructor(stream: Writable, lostEvent: (count: number) => string) {
    this.stream = stream;
    this.lostEvent = lostEvent;
    stream.on("drain", () => {
      this.isBlocked = false;
      this.write();
    });
    stream.on("close", () => this.forget());
  }

  answer(line: string): void {
    this.tellLoss();
    this.put(line, false);
  }

  event(line: string): void {
    if (this.waitingEvents >= MOST_EVENTS || this.waitingLength >= MOST_LENGTH) {
      this.lost++;
      return;
    }
    this.tellLoss();
    this.put(line, true);
  }

  /** Fulfilled when so little waits that the next request may be looked at; or when the client is gone. */
  room(): Promise<void> {
    if (this.waitingLength < ROOM || this.stream.destroyed) return Promise.resolve();
    return new Promise((resolve) => this.roomWaits.push(resolve));
  }

  /** Fulfilled when nothing waits here any more, or the client is gone. */
  async empty(): Promise<void> {
    while (this.lines.length > 0 && !this.stream.destroyed) {
      await new Promise<void>((resolve) => {
        this.roomWaits.push(resolve);
        this.schedule();
      });
    }
  }

  private tellLoss(): void {
    if (this.lost === 0) return;
    const { lost } = this;
    this.lost = 0;
    this.put(this.lostEvent(lost), false);
  }

  private put(text: string, isEvent: boolean): void {
    this.lines.push({ text, isEvent });
    this.waitingLength += text.length;
    if (isEvent) this.waitingEvents++;
    this.schedule();
  }

  private schedule(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    setImmediate(() => {
      this.isScheduled = false;
      this.write();
    });
  }

  private write(): void {
    if (this.isBlocked || this.stream.destroyed) return;
    while (this.lines.length > 0 && !this.isBlocked) {
      let run = "";
      for (const { text, isEvent } of this.lines.splice(0, LINES_AT_ONCE)) {
        run += `${text}\n`;
        this.waitingLength -= text.length;
        if (isEvent) this.waitingEvents--;
      }
      this.isBlocked = !this.stream.write(run);
      // What was lost meanwhile is told now, and not with the next event, which may be long in coming.
      if (this.lines.length === 0) this.tellLoss();
    }
    this.wake();
  }

  private wake(): void {
    if (this.waitingLength >= ROOM && !this.stream.destroyed) return;
    for (const resolve of this.roomWaits.splice(0)) resolve();
  }

  private forget(): void {
    this.lines = [];
    this.waitingLength = 0;
    this.wake();
  }
}

interface Line {
  readonly text: string;
  readonly isEvent: boolean;
}

/** Events that wait for a client at the most ... */
const MOST_EVENTS = 1024;
/** ... and characters of what waits for one, from which on events are lost. */
const MOST_LENGTH = 1024 * 1024;
/** Characters that may wait when the next request is looked at. */
const ROOM = 256 * 1024;
const LINES_AT_ONCE = 64;
