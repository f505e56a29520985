import { CONSTANTS } from "../../system/index.ts";
import type { OpenFile } from "../files/open-file.ts";
import { makePipe } from "../files/pipe.ts";
import { Epoll } from "../polling/epoll.ts";
import { poll } from "../polling/poll.ts";
import type { Handlers } from "./calls.ts";
import { done, fail } from "./outcome.ts";
import type { Outcome } from "./outcome.ts";
import type { Process } from "./process.ts";

/** Calls that are for any descriptor, and that make some. */
export const DESCRIPTOR_CALLS: Handlers<"close" | "fcntl" | "ioctl" | "poll" | "epoll_create" | "epoll_ctl" | "epoll_wait" | "pipe" | "open"> = {
  close: (process, { fd }) => {
    const file = process.descriptors.find(fd);
    const outcome = process.descriptors.close(fd);
    if (file === undefined || outcome === undefined) return fail("EBADF");
    if (outcome === null) return done(0);
    // Nobody watches it any more.
    for (const other of process.descriptors.all()) if (other instanceof Epoll) other.forget(file);
    return outcome;
  },
  fcntl: (process, { argument, command, fd }) => withFile(process, fd, (file) => control(process, fd, file, command, argument)),
  ioctl: (process, { argument, fd, request }) =>
    withFile(process, fd, (file) => {
      if (request === FIONBIO) {
        file.status = argument === null || argument === 0 ? file.status & ~O_NONBLOCK : file.status | O_NONBLOCK;
        return done(0);
      }
      const value = file.control(request);
      return typeof value === "string" ? fail(value) : done(0, { argument: value });
    }),
  poll: ({ descriptors, machine }, call) => poll(descriptors, call.descriptors, call.timeout, machine.now),
  epoll_create: (process, { flags }) => {
    if ((flags & ~O_CLOEXEC) !== 0) return fail("EINVAL");
    return opened(process, new Epoll());
  },
  epoll_ctl: (process, { epoll, event, fd, operation }) => {
    const set = process.descriptors.find(epoll);
    const file = process.descriptors.find(fd);
    if (set === undefined || file === undefined) return fail("EBADF");
    if (!file.mayBeWatched) return fail("EPERM");
    if (!(set instanceof Epoll) || set === file) return fail("EINVAL");
    const error = set.change(operation, fd, file, event);
    return error === null ? done(0) : fail(error);
  },
  epoll_wait: (process, { count, epoll, timeout }) =>
    withFile(process, epoll, (file) => (count <= 0 || !(file instanceof Epoll) ? fail("EINVAL") : file.wait(count, timeout, process.machine.now))),
  pipe: (process, { flags }) => {
    if ((flags & ~(O_CLOEXEC | O_NONBLOCK)) !== 0) return fail("EINVAL");
    const [reader, writer] = makePipe(flags & O_NONBLOCK);
    const first = process.descriptors.open(reader);
    const second = process.descriptors.open(writer);
    return first < 0 || second < 0 ? fail("EMFILE") : done(0, { ends: [first, second] });
  },
  open: (process, { flags, path }) => {
    const file = process.files.open(path, flags);
    return typeof file === "string" ? fail(file) : opened(process, file);
  },
};

function withFile(process: Process, fd: number, act: (file: OpenFile) => Outcome): Outcome {
  const file = process.descriptors.find(fd);
  return file === undefined ? fail("EBADF") : act(file);
}

function opened(process: Process, file: OpenFile): Outcome {
  const fd = process.descriptors.open(file);
  return fd < 0 ? fail("EMFILE") : done(fd);
}

function control(process: Process, fd: number, file: OpenFile, command: number, argument: number): Outcome {
  const { descriptors } = process;
  switch (command) {
    case F_DUPFD: {
      if (argument < 0 || argument >= DESCRIPTORS) return fail("EINVAL");
      const copy = descriptors.open(file, argument);
      return copy < 0 ? fail("EMFILE") : done(copy);
    }
    case F_GETFD:
      return done(descriptors.isClosedOnExec(fd) ? FD_CLOEXEC : 0);
    case F_SETFD:
      descriptors.closeOnExec(fd, (argument & FD_CLOEXEC) !== 0);
      return done(0);
    case F_GETFL:
      return done(file.status);
    case F_SETFL:
      file.status = (file.status & ~SETTABLE) | (argument & SETTABLE);
      return done(0);
    default:
      return fail("EINVAL");
  }
}

const { F_DUPFD, F_GETFD, F_GETFL, F_SETFD, F_SETFL, FD_CLOEXEC, FIONBIO, O_APPEND, O_CLOEXEC, O_NONBLOCK } = CONSTANTS;
/** Of the flags that a file has, those that may be changed. */
const SETTABLE = O_NONBLOCK | O_APPEND;
/** RLIMIT_NOFILE. */
const DESCRIPTORS = 1024;
