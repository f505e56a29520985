import { CONSTANTS } from "../../system/index.ts";
import { done, fail } from "../process/outcome.ts";
import type { Outcome } from "../process/outcome.ts";
import { OpenFile } from "./open-file.ts";

/** Files of the machine that programs open by name: what they hold lives as long as the machine. */
export class Files {
  private readonly contents = new Map<string, Content>();

  /** @returns an errno when it cannot be opened */
  open(path: string, flags: number): OpenFile | string {
    if (path === "/dev/null") return new NullDevice(flags);
    if (path === "/dev/zero") return new ZeroDevice(flags);
    if (path === "") return "ENOENT";
    let content = this.contents.get(path);
    if (content === undefined) {
      // Programs of scripts read files that somebody made before them: there is nobody here, so they are full of zeros.
      content = new Content((flags & O_CREAT) === 0 ? new Uint8Array(PREPARED) : new Uint8Array(0));
      this.contents.set(path, content);
    }
    if ((flags & O_TRUNC) !== 0) content.replace(new Uint8Array(0));
    return new RegularFile(content, flags);
  }
}

/** What a file holds, for all that have it open. */
class Content {
  #octets: Uint8Array;

  constructor(octets: Uint8Array) {
    this.#octets = octets;
  }

  get octets(): Uint8Array {
    return this.#octets;
  }

  replace(octets: Uint8Array): void {
    this.#octets = octets;
  }
}

/** A file with a position. */
export class RegularFile extends OpenFile {
  position = 0;
  override readonly mayBeWatched = false;
  private readonly content: Content;

  constructor(content: Content, flags: number) {
    super(flags & (ACCESS | O_NONBLOCK | O_APPEND));
    this.content = content;
  }

  readiness(): number {
    return POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM;
  }

  /** Octets from a place on, without moving the position. */
  at(position: number, length: number): Uint8Array {
    return this.content.octets.subarray(position, position + length);
  }

  override read(length: number): Outcome {
    if ((this.status & ACCESS) === O_WRONLY) return fail("EBADF");
    const data = this.at(this.position, length);
    this.position += data.length;
    return done(data.length, { data });
  }

  override write(data: Uint8Array): Outcome {
    if ((this.status & ACCESS) === O_RDONLY) return fail("EBADF");
    if ((this.status & O_APPEND) !== 0) this.position = this.content.octets.length;
    const end = this.position + data.length;
    if (end > MOST) return fail("EFBIG");
    const octets = new Uint8Array(Math.max(end, this.content.octets.length));
    octets.set(this.content.octets);
    octets.set(data, this.position);
    this.content.replace(octets);
    this.position = end;
    return done(data.length);
  }

  release(): Outcome {
    return done(0);
  }
}

/** /dev/null. */
export class NullDevice extends OpenFile {
  override readonly mayBeWatched = false;

  readiness(): number {
    return POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM;
  }

  override read(_length: number): Outcome {
    return done(0, { data: new Uint8Array(0) });
  }

  override write(data: Uint8Array): Outcome {
    return done(data.length);
  }

  release(): Outcome {
    return done(0);
  }
}

class ZeroDevice extends NullDevice {
  override read(length: number): Outcome {
    return done(length, { data: new Uint8Array(length) });
  }
}

/** The bits of the access mode. */
const ACCESS = 3;
const PREPARED = 1024 * 1024;
const MOST = 64 * 1024 * 1024;
const { O_APPEND, O_CREAT, O_NONBLOCK, O_RDONLY, O_TRUNC, O_WRONLY, POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } = CONSTANTS;
