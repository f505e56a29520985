import { CONSTANTS } from "../../system/index.ts";
import { fail } from "../process/outcome.ts";
import type { Outcome } from "../process/outcome.ts";

/** Who is told when something happens to a file: an entry of an epoll. */
export interface Watcher {
  /** Something happened that these events tell of; 0: anything may have. */
  onWake(events: number): void;
}

/** What a descriptor refers to. Descriptors made by fcntl(F_DUPFD) share one. */
export abstract class OpenFile {
  /** The access mode, and O_NONBLOCK. */
  status: number;
  /** Descriptors that refer to it, and calls that wait on it: as in Linux, one that is closed meanwhile ends when they return. */
  references = 0;
  /** Whether epoll may watch it: files that are always ready it does not take. */
  readonly mayBeWatched: boolean = true;
  readonly watchers = new Set<Watcher>();
  private lastReadiness = 0;

  constructor(status: number) {
    this.status = status;
  }

  get nonBlocking(): boolean {
    return (this.status & O_NONBLOCK) !== 0;
  }

  /** The POLL* bits that hold now. */
  abstract readiness(): number;

  /** The last that referred to it is gone. A descriptor is free whatever comes of it, also while it waits. */
  abstract release(): Outcome;

  /** Takes up to `length` octets. */
  read(_length: number): Outcome {
    return fail("EINVAL");
  }

  /** Writes octets, all of them unless it does not block. */
  write(_data: Uint8Array): Outcome {
    return fail("EINVAL");
  }

  /** @returns the value that the request gives; an errno */
  control(_request: number): number | string {
    return "ENOTTY";
  }

  /** Tells who watches that something happened. */
  wake(events: number): void {
    for (const watcher of Array.from(this.watchers)) watcher.onWake(events);
  }

  /** Something happened on the machine. Tells who watches what holds now and did not when last looked at. */
  settle(): void {
    if (this.watchers.size === 0) return;
    const readiness = this.readiness();
    const risen = readiness & ~this.lastReadiness;
    this.lastReadiness = readiness;
    if (risen !== 0) this.wake(risen);
  }
}

const { O_NONBLOCK } = CONSTANTS;
