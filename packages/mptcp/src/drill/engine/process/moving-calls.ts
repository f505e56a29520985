import { CONSTANTS } from "../../system/index.ts";
import type { CallResult } from "../../system/index.ts";
import type { OpenFile } from "../files/open-file.ts";
import { PipeReader, PipeWriter } from "../files/pipe.ts";
import { RegularFile } from "../files/regular-file.ts";
import { joined } from "../sockets/messages.ts";
import { Socket } from "../sockets/socket.ts";
import type { Handlers } from "./calls.ts";
import { done, fail, isBlocked, withResult } from "./outcome.ts";
import type { Outcome } from "./outcome.ts";
import type { Process } from "./process.ts";

/** Calls that move octets through any descriptor, or from one to another. */
export const MOVING_CALLS: Handlers<"read" | "readv" | "write" | "writev" | "splice" | "sendfile"> = {
  read: (process, { fd, isNowhere, lengths }) => read(process, fd, lengths, isNowhere),
  readv: (process, { fd, isNowhere, lengths }) => read(process, fd, lengths, isNowhere),
  write: (process, { data, fd, isNowhere }) => write(process, fd, data, isNowhere),
  writev: (process, { data, fd, isNowhere }) => write(process, fd, data, isNowhere),
  splice: (process, { flags, input, length, output }) => splice(process, input, output, length, flags),
  sendfile: (process, { input, length, offset, output }) => {
    const [from, to] = both(process, input, output);
    if (from === undefined || to === undefined) return fail("EBADF");
    if (!(from instanceof RegularFile)) return fail("EINVAL");
    const data = from.at(offset ?? from.position, Math.min(length, MOST));
    return withResult(to.write(data), (result) => {
      if (offset === null && result.value > 0) from.position += result.value;
      return result;
    });
  },
};

function read(process: Process, fd: number, lengths: readonly number[], isNowhere = false): Outcome {
  const file = process.descriptors.find(fd);
  if (file === undefined) return fail("EBADF");
  const length = lengths.reduce((sum, one) => sum + one, 0);
  if (isNowhere && length > 0) return file instanceof Socket ? file.receive({ length, flags: 0, controlLength: 0, isNowhere }) : fail("EFAULT");
  return withResult(file.read(length), ({ data, errno, value }) => (data === undefined ? { value, errno } : { value, errno, data }));
}

function write(process: Process, fd: number, data: readonly Uint8Array[], isNowhere = false): Outcome {
  const file = process.descriptors.find(fd);
  if (file === undefined) return fail("EBADF");
  const all = joined(data, data.reduce((sum, { length }) => sum + length, 0));
  if (isNowhere && all.length > 0) return file instanceof Socket ? file.send({ data: all, flags: 0, address: null, control: [], isNowhere }) : fail("EFAULT");
  return file.write(all);
}

/** splice(2): one of the two has to be a pipe. What one side has and the other takes is moved in one step. */
function splice(process: Process, input: number, output: number, length: number, flags: number): Outcome {
  const [from, to] = both(process, input, output);
  if (length === 0) return done(0);
  if (from === undefined || to === undefined) return fail("EBADF");
  if ((flags & ~KNOWN) !== 0) return fail("EINVAL");
  const isFromPipe = from instanceof PipeReader;
  const isToPipe = to instanceof PipeWriter;
  if (from instanceof PipeWriter || to instanceof PipeReader) return fail("EBADF");
  if (!isFromPipe && !isToPipe) return fail("EINVAL");
  const most = isToPipe ? Math.min(length, to.channel.room) : length;
  if (most === 0) return fail("EAGAIN");
  return onward(take(from, most, flags), to);
}

/** Reads, and waits only where neither the file nor the call says otherwise. */
function take(from: OpenFile, length: number, flags: number): Outcome {
  if (from instanceof Socket) return from.receive({ length, flags: (flags & SPLICE_F_NONBLOCK) === 0 ? 0 : MSG_DONTWAIT, controlLength: 0, staysBeforeUrgent: true });
  const outcome = from.read(length);
  return isBlocked(outcome) && (flags & SPLICE_F_NONBLOCK) !== 0 ? fail("EAGAIN") : outcome;
}

/** What was read goes on to another file; a socket that has no room for it waits until it has. */
function onward(outcome: Outcome, to: OpenFile): Outcome {
  if (!isBlocked(outcome)) return pass(outcome, to);
  let next: Outcome | null = null;
  const attempt = (): CallResult | null => {
    if (next === null) {
      const result = outcome.attempt();
      if (result === null) return null;
      next = pass(result, to);
    }
    return isBlocked(next) ? next.attempt() : next;
  };
  return { attempt, until: outcome.until, expired: () => (next !== null && isBlocked(next) ? next.expired() : outcome.expired()) };
}

function pass({ data, errno, value }: CallResult, to: OpenFile): Outcome {
  return errno !== null || data === undefined || value <= 0 ? { value, errno } : to.write(data);
}

function both(process: Process, input: number, output: number): readonly [OpenFile | undefined, OpenFile | undefined] {
  return [process.descriptors.find(input), process.descriptors.find(output)];
}

/** Octets that one call moves. */
const MOST = 0x7fff_f000;
const { MSG_DONTWAIT, SPLICE_F_GIFT, SPLICE_F_MORE, SPLICE_F_MOVE, SPLICE_F_NONBLOCK } = CONSTANTS;
const KNOWN = SPLICE_F_GIFT | SPLICE_F_MORE | SPLICE_F_MOVE | SPLICE_F_NONBLOCK;
