import { MILLISECOND, NEVER } from "../../../core/index.ts";
import { CONSTANTS } from "../../system/index.ts";
import type { CallResult, EpollEvent } from "../../system/index.ts";
import { OpenFile } from "../files/open-file.ts";
import type { Watcher } from "../files/open-file.ts";
import { attemptOrWait, done } from "../process/outcome.ts";
import type { Outcome } from "../process/outcome.ts";

/** A set of files that are watched together (epoll(7)). */
export class Epoll extends OpenFile {
  /** By descriptor and file: a descriptor may come to mean another file. */
  private readonly entries: Entry[] = [];
  /** Entries to look at, the longest waiting first. */
  private ready: Entry[] = [];
  /** Calls that wait for events. */
  waiting = 0;

  constructor() {
    super(O_RDWR);
  }

  readiness(): number {
    return this.ready.some((entry) => (entry.file.readiness() & entry.mask) !== 0) ? POLLIN | POLLRDNORM : 0;
  }

  /** epoll_ctl(2). @returns an errno */
  change(operation: number, fd: number, file: OpenFile, event: EpollEvent | null): string | null {
    const entry = this.entries.find((candidate) => candidate.fd === fd && candidate.file === file);
    switch (operation) {
      case EPOLL_CTL_ADD:
        if (event !== null && isExclusive(event) && ((event.events & ~EXCLUSIVE_MAY) !== 0 || file instanceof Epoll)) return "EINVAL";
        if (entry !== undefined) return "EEXIST";
        if (event === null) return "EFAULT";
        this.add(new Entry(this, fd, file, event));
        return null;
      case EPOLL_CTL_DEL:
        if (entry === undefined) return "ENOENT";
        this.drop(entry);
        return null;
      case EPOLL_CTL_MOD:
        // EPOLLEXCLUSIVE is for EPOLL_CTL_ADD alone.
        if (event !== null && isExclusive(event)) return "EINVAL";
        if (entry === undefined) return "ENOENT";
        if (event === null) return "EFAULT";
        if (entry.isExclusive) return "EINVAL";
        entry.setEvents(event);
        this.offer(entry);
        return null;
      default:
        return "EINVAL";
    }
  }

  /** epoll_wait(2). */
  wait(count: number, timeout: number, now: number): Outcome {
    const attempt = (): CallResult | null => {
      const events = this.collect(count);
      return events.length === 0 ? null : done(events.length, { events });
    };
    if (timeout === 0) return attempt() ?? nothing();
    this.waiting++;
    return attemptOrWait(
      () => {
        const result = attempt();
        if (result !== null) this.waiting--;
        return result;
      },
      timeout < 0 ? NEVER : now + timeout * MILLISECOND,
      () => {
        this.waiting--;
        return nothing();
      },
    );
  }

  /** A file is gone: so is what was watched of it. */
  forget(file: OpenFile): void {
    for (const entry of this.entries.filter((candidate) => candidate.file === file)) this.drop(entry);
  }

  release(): Outcome {
    for (const entry of Array.from(this.entries)) this.drop(entry);
    return done(0);
  }

  /** Something may have happened to the file of an entry. */
  push(entry: Entry): void {
    if (!this.ready.includes(entry)) this.ready.push(entry);
    this.wake(POLLIN | POLLRDNORM);
  }

  private add(entry: Entry): void {
    this.entries.push(entry);
    entry.file.watchers.add(entry);
    this.offer(entry);
  }

  private drop(entry: Entry): void {
    this.entries.splice(this.entries.indexOf(entry), 1);
    this.ready = this.ready.filter((other) => other !== entry);
    entry.file.watchers.delete(entry);
  }

  /** What holds already when it begins to be watched counts as having happened. */
  private offer(entry: Entry): void {
    if ((entry.file.readiness() & entry.mask) !== 0) this.push(entry);
  }

  private collect(most: number): EpollEvent[] {
    const found: EpollEvent[] = [];
    const before = this.ready;
    const again: Entry[] = [];
    let at = 0;
    for (; at < before.length && found.length < most; at++) {
      const entry = before[at] as Entry;
      const events = entry.file.readiness() & entry.mask;
      if (events === 0) continue;
      found.push({ events, data: entry.data });
      if (entry.isOneShot) entry.disable();
      else if (!entry.isEdge) again.push(entry);
    }
    this.ready = [...before.slice(at), ...again];
    return found;
  }
}

/** One file in the set. */
export class Entry implements Watcher {
  readonly fd: number;
  readonly file: OpenFile;
  data = 0n;
  private events = 0;
  private readonly epoll: Epoll;

  constructor(epoll: Epoll, fd: number, file: OpenFile, event: EpollEvent) {
    this.epoll = epoll;
    this.fd = fd;
    this.file = file;
    this.setEvents(event);
  }

  setEvents({ data, events }: EpollEvent): void {
    this.data = data;
    // Errors and the end are told of unasked.
    this.events = (events | EPOLLERR | EPOLLHUP) >>> 0;
  }

  /** The events that are told of; 0 once EPOLLONESHOT has told. */
  get mask(): number {
    return this.events & ~FLAGS;
  }

  get isEdge(): boolean {
    return (this.events & EPOLLET) !== 0;
  }

  get isOneShot(): boolean {
    return (this.events & EPOLLONESHOT) !== 0;
  }

  get isExclusive(): boolean {
    return (this.events & EPOLLEXCLUSIVE) !== 0;
  }

  disable(): void {
    this.events &= FLAGS;
  }

  onWake(events: number): void {
    if (this.mask === 0 || (events !== 0 && (events & this.mask) === 0)) return;
    this.epoll.push(this);
  }
}

function nothing(): CallResult {
  return done(0, { events: [] });
}

function isExclusive({ events }: EpollEvent): boolean {
  return (events & EPOLLEXCLUSIVE) !== 0;
}

const {
  EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD, EPOLLERR, EPOLLET, EPOLLEXCLUSIVE, EPOLLHUP, EPOLLIN, EPOLLONESHOT, EPOLLOUT, EPOLLWAKEUP, O_RDWR, POLLIN, POLLRDNORM,
} = CONSTANTS;
/** Bits that say how an entry is told of, not of what. */
const FLAGS = EPOLLET | EPOLLONESHOT | EPOLLEXCLUSIVE | EPOLLWAKEUP;
/** What may go with EPOLLEXCLUSIVE. */
const EXCLUSIVE_MAY = EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE;
