import { NEVER } from "../../../core/index.ts";
import { CONSTANTS } from "../../system/index.ts";
import type { CallResult } from "../../system/index.ts";
import { getOption, setOption } from "../options/options.ts";
import { DatagramSocket } from "../sockets/datagram-socket.ts";
import { joined } from "../sockets/messages.ts";
import { Socket } from "../sockets/socket.ts";
import { StreamSocket } from "../sockets/stream-socket.ts";
import type { Handlers } from "./calls.ts";
import { attemptOrWait, done, fail, withResult } from "./outcome.ts";
import type { Outcome } from "./outcome.ts";
import type { Process } from "./process.ts";

/** Calls that are for sockets. */
export const SOCKET_CALLS: Handlers<
  | "socket" | "bind" | "connect" | "listen" | "accept" | "getsockname" | "getpeername" | "recv" | "recvfrom" | "send" | "sendto" | "recvmsg" | "sendmsg"
  | "shutdown" | "setsockopt" | "getsockopt"
> = {
  socket: (process, { domain, protocol, type }) => {
    const made = makeSocket(process, domain, type, protocol);
    return typeof made === "string" ? fail(made) : opened(process, made);
  },
  bind: (process, { address, fd }) => withSocket(process, fd, (socket) => outcomeOf(socket.bind(address))),
  connect: (process, { address, fd }) => withSocket(process, fd, (socket) => socket.connect(address)),
  listen: (process, { backlog, fd }) => withSocket(process, fd, (socket) => outcomeOf(socket.listen(backlog))),
  accept: (process, { fd, flags }) => {
    // accept4(2) looks at its flags before the descriptor.
    if ((flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) !== 0) return fail("EINVAL");
    return withSocket(process, fd, (socket) => accept(process, socket, flags));
  },
  getsockname: (process, { fd }) => withSocket(process, fd, (socket) => done(0, { address: socket.localName })),
  getpeername: (process, { fd }) =>
    withSocket(process, fd, ({ peerName }) => (peerName === null ? fail("ENOTCONN") : done(0, { address: peerName }))),
  recv: (process, { fd, flags, isNowhere, length }) =>
    withSocket(process, fd, (socket) => withResult(socket.receive({ length, flags, controlLength: 0, isNowhere }), withoutMessage)),
  recvfrom: (process, { fd, flags, isNowhere, length }) =>
    withSocket(process, fd, (socket) => withResult(socket.receive({ length, flags, controlLength: 0, isNowhere }), withAddress)),
  recvmsg: (process, { controlLength, fd, flags, isNowhere, lengths }) =>
    withSocket(process, fd, (socket) => socket.receive({ length: sum(lengths), flags, controlLength, isNowhere })),
  send: (process, { data, fd, flags, isNowhere }) => withSocket(process, fd, (socket) => socket.send({ data, flags, address: null, control: [], isNowhere })),
  sendto: (process, { address, data, fd, flags, isNowhere }) => withSocket(process, fd, (socket) => socket.send({ data, flags, address, control: [], isNowhere })),
  sendmsg: (process, { address, control, data, fd, flags, isNowhere }) =>
    withSocket(process, fd, (socket) => socket.send({ data: joined(data, sum(data.map(({ length }) => length))), flags, address, control, isNowhere })),
  shutdown: (process, { fd, how }) => withSocket(process, fd, (socket) => outcomeOf(socket.shutdown(how))),
  setsockopt: (process, { fd, isNowhere, level, option, value }) =>
    withSocket(process, fd, (socket) => (isNowhere === true && value.length > 0 ? fail("EFAULT") : setOption(socket, level, option, value))),
  getsockopt: (process, { fd, level, option, value }) => withSocket(process, fd, (socket) => getOption(socket, level, option, value)),
};

function withSocket(process: Process, fd: number, act: (socket: Socket) => Outcome): Outcome {
  const file = process.descriptors.find(fd);
  if (file === undefined) return fail("EBADF");
  return file instanceof Socket ? act(file) : fail("ENOTSOCK");
}

function opened(process: Process, socket: Socket): CallResult {
  const fd = process.descriptors.open(socket);
  return fd < 0 ? fail("EMFILE") : done(fd);
}

/** @returns an errno */
function makeSocket(process: Process, domain: number, typeAndFlags: number, protocol: number): Socket | string {
  const type = typeAndFlags & TYPE;
  if ((typeAndFlags & ~(TYPE | SOCK_NONBLOCK | SOCK_CLOEXEC)) !== 0) return "EINVAL";
  if (domain !== AF_INET && domain !== AF_INET6) return "EAFNOSUPPORT";
  if (type > SOCK_PACKET) return "EINVAL";
  if (protocol < 0 || protocol >= IPPROTO_MAX) return "EINVAL";
  const status = O_RDWR | (typeAndFlags & SOCK_NONBLOCK);
  const { machine } = process;
  if (type === SOCK_STREAM) {
    if (protocol === IPPROTO_MPTCP && machine.sysctls.number("net.mptcp.enabled") === 0) return "ENOPROTOOPT";
    if (protocol === IPPROTO_MPTCP) return new StreamSocket(machine, { domain, type, protocol }, status);
    return protocol === 0 || protocol === IPPROTO_TCP ? new StreamSocket(machine, { domain, type, protocol: IPPROTO_TCP }, status) : "EPROTONOSUPPORT";
  }
  if (type === SOCK_RAW) return "EPROTONOSUPPORT";
  if (type === SOCK_DGRAM && (protocol === 0 || protocol === IPPROTO_UDP)) return new DatagramSocket(machine, process.datagrams, { domain, type, protocol: IPPROTO_UDP }, status);
  return type === SOCK_DGRAM ? "EPROTONOSUPPORT" : "ESOCKTNOSUPPORT";
}

function accept(process: Process, socket: Socket, flags: number): Outcome {
  const attempt = (): CallResult | null => {
    const child = socket.accept(O_RDWR | (flags & SOCK_NONBLOCK));
    if (child === null) return null;
    if (typeof child === "string") return fail(child);
    const result = opened(process, child);
    return result.errno === null ? done(result.value, { address: child.peerName ?? child.localName }) : result;
  };
  if (socket.nonBlocking) return attempt() ?? fail("EAGAIN");
  const { receiveTimeout } = socket.settings;
  return attemptOrWait(attempt, receiveTimeout === 0 ? NEVER : process.machine.now + receiveTimeout, () => fail("EAGAIN"));
}

function outcomeOf(error: string | null): CallResult {
  return error === null ? done(0) : fail(error);
}

/** What recv fills in. */
function withoutMessage({ data, errno, value }: CallResult): CallResult {
  return data === undefined ? { value, errno } : { value, errno, data };
}

function withAddress({ address, data, errno, value }: CallResult): CallResult {
  return data === undefined ? { value, errno } : { value, errno, data, address: address ?? null };
}

function sum(lengths: readonly number[]): number {
  return lengths.reduce((total, length) => total + length, 0);
}

const { AF_INET, AF_INET6, IPPROTO_MPTCP, IPPROTO_TCP, IPPROTO_UDP, O_RDWR, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK, SOCK_RAW, SOCK_STREAM } = CONSTANTS;
/** The bits that are not flags. */
const TYPE = 0xf;
const SOCK_PACKET = 10;
const IPPROTO_MAX = 263;
