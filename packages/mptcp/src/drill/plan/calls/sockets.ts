import { CONSTANTS, type Call } from "../../system/index.ts";
import type { Arguments, PlannedCall } from "./arguments.ts";

/** Octets of the longest path (PATH_MAX). */
const MAX_PATH = 4096;

/** Calls that make sockets, name them and end them. */

export function planSocket(args: Arguments): PlannedCall {
  const domain = args.isEllipsis(0) ? CONSTANTS[args.settings.ipVersion === "ipv4" ? "AF_INET" : "AF_INET6"]! : args.number(0, "a protocol family", 0);
  return { call: { name: "socket", domain, type: args.number(1, "a type of sockets", 0), protocol: args.number(2, "a protocol", 0) }, descriptor: true };
}

export function planBind(args: Arguments): PlannedCall {
  return { call: { name: "bind", fd: args.descriptor(0), address: args.address(1, "local") } };
}

export function planConnect(args: Arguments): PlannedCall {
  return { call: { name: "connect", fd: args.descriptor(0), address: args.address(1, "remote") } };
}

export function planListen(args: Arguments): PlannedCall {
  return { call: { name: "listen", fd: args.descriptor(0), backlog: args.number(1, "a backlog") } };
}

export function planAccept(args: Arguments): PlannedCall {
  return { call: { name: "accept", fd: args.descriptor(0), flags: 0 }, descriptor: true };
}

export function planAccept4(args: Arguments): PlannedCall {
  return { call: { name: "accept", fd: args.descriptor(0), flags: args.number(3, "flags", 0) }, descriptor: true };
}

export function planName(name: "getsockname" | "getpeername"): (args: Arguments) => PlannedCall {
  return (args) => ({ call: { name, fd: args.descriptor(0) } });
}

export function planShutdown(args: Arguments): PlannedCall {
  return { call: { name: "shutdown", fd: args.descriptor(0), how: args.number(1, "a direction") } };
}

export function planClose(args: Arguments): PlannedCall {
  return { call: { name: "close", fd: args.descriptor(0) } };
}

/** `mp_join_accept(5) = 6` of older scripts: from then on `sock(6)` is the subflow that `sock(5)` was. */
export function planJoinAccept(args: Arguments): PlannedCall {
  args.descriptor(0);
  return { call: null };
}

export function planFcntl(args: Arguments): PlannedCall {
  const argument = args.action.parameters.length > 2 ? args.number(2, "an argument") : 0;
  return { call: { name: "fcntl", fd: args.descriptor(0), command: args.number(1, "a command", 0), argument } };
}

export function planPipe(args: Arguments): PlannedCall {
  const ends = args.elements(args.at(0), "the ends of a pipe").map((end) => args.values.number(end, "a descriptor", 0, 0xffff));
  const call: Call = { name: "pipe", flags: args.action.parameters.length > 1 ? args.number(1, "flags", 0) : 0 };
  return ends.length === 2 ? { call, filled: [{ kind: "ends", ends: [ends[0]!, ends[1]!], place: args.at(0).place }] } : { call };
}

export function planOpen(args: Arguments): PlannedCall {
  const path = String.fromCharCode(...args.values.string(args.at(0), "a path").subarray(0, MAX_PATH));
  return { call: { name: "open", path, flags: args.number(1, "flags", 0) }, descriptor: true };
}

export function planSplice(args: Arguments): PlannedCall {
  return { call: { name: "splice", input: args.descriptor(0), output: args.descriptor(2), length: args.octets(4), flags: args.number(5, "flags", 0) } };
}

export function planSendfile(args: Arguments): PlannedCall {
  const offset = args.isNull(2) && args.at(2).kind === "symbol" ? null : args.values.number(args.single(args.at(2), "an offset"), "an offset", 0, 2 ** 40);
  return { call: { name: "sendfile", output: args.descriptor(0), input: args.descriptor(1), offset, length: args.octets(3) } };
}
