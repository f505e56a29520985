import type { Call } from "mptcp/drill";
import type { Descriptors } from "./descriptors.ts";
import { Memory } from "../system/memory.ts";
import { NR } from "../system/system.ts";
import type { System } from "../system/system.ts";

/** How a call may be made: here; here if there is something for it, and else by a thread; by a thread. */
export type Way = "here" | "if ready" | "thread";

/** What can become of a call, by what it is and by the descriptor that it is made on. */
export function wayOf(system: System, descriptors: Descriptors, call: Call): Way {
  const blocks = (fd: number): boolean => {
    const flags = system.call(NR.fcntl, descriptors.own(fd), F_GETFL, 0);
    return flags >= 0 && (flags & O_NONBLOCK) === 0;
  };
  switch (call.name) {
    case "accept":
    case "read":
    case "readv":
      return blocks(call.fd) ? "if ready" : "here";
    case "recv":
    case "recvfrom":
    case "recvmsg":
      if ((call.flags & (MSG_DONTWAIT | MSG_ERRQUEUE)) !== 0 || !blocks(call.fd)) return "here";
      return (call.flags & (MSG_WAITALL | MSG_OOB)) !== 0 ? "thread" : "if ready";
    case "connect":
    case "write":
    case "writev":
      return blocks(call.fd) ? "thread" : "here";
    case "send":
    case "sendto":
    case "sendmsg":
      return (call.flags & MSG_DONTWAIT) === 0 && blocks(call.fd) ? "thread" : "here";
    case "splice":
      return blocks(call.input) || blocks(call.output) ? "thread" : "here";
    case "sendfile":
      return blocks(call.output) ? "thread" : "here";
    case "poll":
    case "epoll_wait":
      return call.timeout === 0 ? "here" : "thread";
    case "close":
      return lingers(system, descriptors.own(call.fd)) ? "thread" : "here";
    default:
      return "here";
  }
}

/** Whether there is something to be read or accepted on `fd`, so that a call does not wait. */
export function isReady(system: System, fd: number): boolean {
  const poll = new Memory(system).room(8 + 16);
  poll.view.setInt32(0, fd, true);
  poll.view.setUint16(4, POLLIN, true);
  return system.call(NR.ppoll, poll.address, 1, poll.address + 8, 0, 8) === 1 && (poll.view.getUint16(6, true) & (POLLIN | POLLHUP)) !== 0;
}

function lingers(system: System, fd: number): boolean {
  const memory = new Memory(system);
  const linger = memory.room(8);
  const length = memory.room(4);
  length.view.setUint32(0, 8, true);
  return system.call(NR.getsockopt, fd, SOL_SOCKET, SO_LINGER, linger.address, length.address) === 0 && linger.view.getInt32(0, true) !== 0 && linger.view.getInt32(4, true) > 0;
}

const F_GETFL = 3;
const O_NONBLOCK = 0o4000;
const MSG_OOB = 0x1;
const MSG_DONTWAIT = 0x40;
const MSG_WAITALL = 0x100;
const MSG_ERRQUEUE = 0x2000;
const POLLIN = 0x1;
const POLLHUP = 0x10;
const SOL_SOCKET = 1;
const SO_LINGER = 13;
