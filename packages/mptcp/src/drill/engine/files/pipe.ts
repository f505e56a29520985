import { NEVER } from "../../../core/index.ts";
import { CONSTANTS } from "../../system/index.ts";
import type { CallResult } from "../../system/index.ts";
import { attemptOrWait, done, fail } from "../process/outcome.ts";
import type { Outcome } from "../process/outcome.ts";
import { joined } from "../sockets/messages.ts";
import { OpenFile } from "./open-file.ts";

/** What is between the two ends of a pipe. */
class Channel {
  private pieces: Uint8Array[] = [];
  length = 0;
  hasReader = true;
  hasWriter = true;

  get room(): number {
    return CAPACITY - this.length;
  }

  push(data: Uint8Array): void {
    if (data.length === 0) return;
    this.pieces.push(data.slice());
    this.length += data.length;
  }

  take(most: number): Uint8Array {
    const whole = joined(this.pieces, this.length);
    const taken = whole.subarray(0, most);
    const rest = whole.subarray(taken.length);
    this.pieces = rest.length > 0 ? [rest] : [];
    this.length = rest.length;
    return taken;
  }
}

/** The end of a pipe that is read. */
export class PipeReader extends OpenFile {
  readonly channel: Channel;

  constructor(channel: Channel, status: number) {
    super(O_RDONLY | status);
    this.channel = channel;
  }

  readiness(): number {
    return (this.channel.length > 0 ? POLLIN | POLLRDNORM : 0) | (this.channel.hasWriter ? 0 : POLLHUP);
  }

  override read(length: number): Outcome {
    const { channel } = this;
    const attempt = (): CallResult | null => {
      if (length === 0 || channel.length > 0 || !channel.hasWriter) {
        const data = channel.take(length);
        return done(data.length, { data });
      }
      return null;
    };
    if (this.nonBlocking) return attempt() ?? fail("EAGAIN");
    return attemptOrWait(attempt, NEVER, () => fail("EAGAIN"));
  }

  override write(): Outcome {
    return fail("EBADF");
  }

  release(): Outcome {
    this.channel.hasReader = false;
    return done(0);
  }
}

/** The end that is written. */
export class PipeWriter extends OpenFile {
  readonly channel: Channel;

  constructor(channel: Channel, status: number) {
    super(O_WRONLY | status);
    this.channel = channel;
  }

  readiness(): number {
    const { channel } = this;
    return (channel.room > 0 ? POLLOUT | POLLWRNORM : 0) | (channel.hasReader ? 0 : POLLERR);
  }

  override read(): Outcome {
    return fail("EBADF");
  }

  override write(data: Uint8Array): Outcome {
    const { channel } = this;
    let written = 0;
    const attempt = (): CallResult | null => {
      if (!channel.hasReader) return written > 0 ? done(written) : fail("EPIPE");
      const part = data.subarray(written, written + channel.room);
      channel.push(part);
      written += part.length;
      return written === data.length ? done(written) : null;
    };
    const partly = (): CallResult => (written > 0 ? done(written) : fail("EAGAIN"));
    return this.nonBlocking ? (attempt() ?? partly()) : attemptOrWait(attempt, NEVER, partly);
  }

  release(): Outcome {
    this.channel.hasWriter = false;
    return done(0);
  }
}

export function makePipe(status: number): readonly [PipeReader, PipeWriter] {
  const channel = new Channel();
  return [new PipeReader(channel, status), new PipeWriter(channel, status)];
}

/** Linux's default. */
const CAPACITY = 65_536;
const { O_RDONLY, O_WRONLY, POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } = CONSTANTS;
