import { CONSTANTS } from "../../../src/drill/system/index.ts";
import type { Call, SocketAddress } from "../../../src/drill/system/index.ts";

/** What a call gives: its value, its errno, or `blocks`. */
export type Given = number | string;

/** What happens in a case. Descriptors are the case's own, and stand for those that the stack gives. Numbers of segments are relative to the first ones of both ends. */
export type Step =
  | { readonly call: Call; readonly gives: Given }
  /** A pipe, whose ends are these descriptors. */
  | { readonly pipe: readonly [number, number]; readonly flags: number }
  /** A call that blocked, by its place among those that did, has returned. */
  | { readonly returned: number; readonly gives: Given }
  | { readonly revents: Call; readonly gives: readonly number[] }
  | { readonly option: Call; readonly gives: number }
  | { readonly arrives: string; readonly sequence?: number; readonly ack?: number; readonly length?: number; readonly mss?: number }
  /** Packets that left, in short. */
  | { readonly leaves: readonly string[] }
  /** Milliseconds. */
  | { readonly passes: number };

/** What a stack answers to a row of calls. Both stacks, the engine's and the kernel's, answer alike. */
export interface CallCase {
  readonly name: string;
  readonly steps: readonly Step[];
}

const {
  AF_INET, AF_INET6, AF_UNSPEC, EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD, EPOLLEXCLUSIVE, EPOLLIN, EPOLLRDHUP, F_DUPFD, F_GETFD, F_GETFL, F_SETFD, F_SETFL, FIONREAD, IPPROTO_MPTCP, IPPROTO_TCP,
  IPPROTO_UDP, MSG_DONTWAIT, MSG_ERRQUEUE, MSG_OOB, MSG_PEEK, MSG_TRUNC, MSG_WAITALL, MSG_NOSIGNAL, O_NONBLOCK, O_RDWR, POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT, POLLRDHUP, SHUT_RD, SHUT_RDWR, SHUT_WR, SIOCOUTQ,
  SO_ERROR, SO_LINGER, SO_RCVTIMEO, SO_REUSEADDR, SO_SNDTIMEO, SOCK_DGRAM, SOCK_NONBLOCK, SOCK_RAW, SOCK_STREAM, SOL_SOCKET, SOL_TCP, TCP_NODELAY,
} = CONSTANTS;

const LOCAL: SocketAddress = { family: AF_INET, address: "192.168.0.1", port: 8080 };
const REMOTE: SocketAddress = { family: AF_INET, address: "192.0.2.1", port: 8080 };
const FOREIGN: SocketAddress = { family: AF_INET, address: "10.9.9.9", port: 8080 };
const LOCAL6: SocketAddress = { family: AF_INET6, address: "fd3d:a0b:17d6::1", port: 8080 };
const NOBODY: SocketAddress = { family: AF_UNSPEC, address: "", port: 0 };

const gives = (call: Call, given: Given = 0): Step => ({ call, gives: given });
const socket = (fd: Given, type = SOCK_STREAM, protocol = IPPROTO_TCP, domain = AF_INET): Step => gives({ name: "socket", domain, type, protocol }, fd);
const bind = (fd: number, address: SocketAddress, given: Given = 0): Step => gives({ name: "bind", fd, address }, given);
const connect = (fd: number, address: SocketAddress, given: Given): Step => gives({ name: "connect", fd, address }, given);
const listen = (fd: number, given: Given = 0, backlog = 8): Step => gives({ name: "listen", fd, backlog }, given);
const accept = (fd: number, given: Given, flags = 0): Step => gives({ name: "accept", fd, flags }, given);
const read = (fd: number, length: number, given: Given): Step => gives({ name: "read", fd, lengths: [length] }, given);
const recv = (fd: number, length: number, flags: number, given: Given): Step => gives({ name: "recv", fd, length, flags }, given);
const send = (fd: number, length: number, flags: number, given: Given): Step => gives({ name: "send", fd, data: new Uint8Array(length), flags: flags | (MSG_NOSIGNAL) }, given);
const shutdown = (fd: number, how: number, given: Given = 0): Step => gives({ name: "shutdown", fd, how }, given);
const close = (fd: number, given: Given = 0): Step => gives({ name: "close", fd }, given);
const fcntl = (fd: number, command: number, argument: number, given: Given): Step => gives({ name: "fcntl", fd, command, argument }, given);
const set = (fd: number, level: number, option: number, value: Uint8Array, given: Given = 0): Step => gives({ name: "setsockopt", fd, level, option, value }, given);
const word = (...values: number[]): Uint8Array => new Uint8Array(Int32Array.from(values).buffer);
const poll = (fd: number, events: number, revents: number): Step => ({ revents: { name: "poll", descriptors: [{ fd, events }], timeout: 0 }, gives: [revents] });
const error = (fd: number, given: number): Step => ({ option: { name: "getsockopt", fd, level: SOL_SOCKET, option: SO_ERROR, value: new Uint8Array(4) }, gives: given });
const epollCtl = (epoll: number, operation: number, fd: number, events: number, given: Given = 0): Step => gives({ name: "epoll_ctl", epoll, operation, fd, event: { events, data: BigInt(fd) } }, given);
const epollWait = (epoll: number, timeout: number, given: Given): Step => gives({ name: "epoll_wait", epoll, count: 8, timeout }, given);

const nowhere = (call: Call & { readonly isNowhere?: boolean }, given: Given = "EFAULT"): Step => gives({ ...call, isNowhere: true } as Call, given);

const reusing = (fd: number): Step => set(fd, SOL_SOCKET, SO_REUSEADDR, word(1));
/** A listener, descriptor 3. */
const LISTENER: readonly Step[] = [socket(3), reusing(3), bind(3, LOCAL), listen(3)];
/** That, and a connection, descriptor 4. */
const ACCEPTED: readonly Step[] = [
  ...LISTENER, { arrives: "S", mss: 1000 }, { leaves: ["S. 0:0(0) ack 1"] }, { arrives: ".", sequence: 1, ack: 1 }, accept(3, 4),
];
const ALL = (POLLIN) | (POLLOUT) | (POLLRDHUP);

/** Before there is a connection. */
const ALONE: readonly CallCase[] = [
  {
    name: "socket refuses what there is not",
    steps: [
      socket("EAFNOSUPPORT", SOCK_STREAM, 0, 99), socket("EINVAL", 11, 0), socket("EINVAL", 0x101, 0), socket("EINVAL", SOCK_STREAM, -1), socket("EINVAL", SOCK_STREAM, 263),
      socket("EPROTONOSUPPORT", SOCK_STREAM, IPPROTO_UDP), socket("EPROTONOSUPPORT", SOCK_DGRAM, IPPROTO_TCP), socket("EPROTONOSUPPORT", SOCK_DGRAM, IPPROTO_MPTCP),
      socket("EPROTONOSUPPORT", SOCK_RAW, 0), socket("ESOCKTNOSUPPORT", 5, 0), socket("ESOCKTNOSUPPORT", 0, 0),
    ],
  },
  {
    name: "what is no descriptor is a bad one, and what is no socket is none",
    steps: [
      read(9999, 1, "EBADF"), close(9999, "EBADF"), bind(9999, LOCAL, "EBADF"), fcntl(9999, F_GETFL, 0, "EBADF"), accept(9999, "EBADF"), epollWait(9999, 0, "EBADF"),
      gives({ name: "epoll_create", flags: 0 }, 3), bind(3, LOCAL, "ENOTSOCK"), recv(3, 1, 0, "ENOTSOCK"), read(3, 1, "EINVAL"), shutdown(3, SHUT_WR, "ENOTSOCK"),
    ],
  },
  {
    name: "bind checks the address, whether it is bound, and who else has the port",
    steps: [
      socket(3), bind(3, FOREIGN, "EADDRNOTAVAIL"), bind(3, LOCAL6, "EAFNOSUPPORT"), bind(3, LOCAL), bind(3, LOCAL, "EINVAL"), bind(3, FOREIGN, "EADDRNOTAVAIL"),
      socket(4), bind(4, LOCAL, "EADDRINUSE"), bind(4, { ...LOCAL, port: 8081 }),
      socket(5, SOCK_STREAM, IPPROTO_TCP, AF_INET6), bind(5, LOCAL, "EINVAL"), bind(5, { ...LOCAL6, address: "::" }, "EADDRINUSE"), bind(5, { ...LOCAL6, address: "::", port: 8082 }),
      socket(6), bind(6, { ...LOCAL, address: "0.0.0.0" }, "EADDRINUSE"), bind(6, { ...LOCAL, address: "224.0.0.1" }), socket(7), bind(7, { ...NOBODY, address: "0.0.0.0" }),
    ],
  },
  {
    name: "who would reuse an address may, unless one of the two listens",
    steps: [
      socket(3), reusing(3), bind(3, LOCAL), socket(4), reusing(4), bind(4, LOCAL), listen(3), listen(4, "EADDRINUSE"),
      socket(5), reusing(5), bind(5, LOCAL, "EADDRINUSE"),
    ],
  },
  { name: "UDP has ports of its own", steps: [socket(3), bind(3, LOCAL), socket(4, SOCK_DGRAM, 0), bind(4, LOCAL)] },
  {
    name: "a socket that is not connected neither reads nor writes",
    steps: [
      socket(3), read(3, 10, "ENOTCONN"), recv(3, 10, MSG_PEEK, "ENOTCONN"), recv(3, 10, MSG_OOB, "EINVAL"), recv(3, 10, MSG_ERRQUEUE, "EAGAIN"), send(3, 1, 0, "EPIPE"),
      send(3, 0, 0, "EPIPE"), send(3, 1, MSG_OOB, "EPIPE"), accept(3, "EINVAL"), shutdown(3, 7, "EINVAL"), shutdown(3, SHUT_WR, "ENOTCONN"), gives({ name: "getpeername", fd: 3 }, "ENOTCONN"),
      poll(3, ALL, (POLLHUP) | (POLLOUT)),
    ],
  },
  {
    name: "connect refuses where nobody is",
    steps: [
      socket(3, (SOCK_STREAM) | (SOCK_NONBLOCK)), connect(3, LOCAL6, "EAFNOSUPPORT"), connect(3, { ...REMOTE, address: "224.0.0.1" }, "ENETUNREACH"), connect(3, { ...REMOTE, address: "255.255.255.255" }, "ENETUNREACH"),
      connect(3, FOREIGN, "ENETUNREACH"), socket(4, (SOCK_STREAM) | (SOCK_NONBLOCK), IPPROTO_TCP, AF_INET6), connect(4, REMOTE, "EINVAL"),
      connect(4, { family: AF_INET6, address: "ff02::1", port: 1 }, "ENETUNREACH"), connect(3, NOBODY, 0),
    ],
  },
  {
    name: "a listener takes connections alone",
    steps: [
      ...LISTENER, listen(3, 0, 3), bind(3, LOCAL, "EINVAL"), connect(3, REMOTE, "EISCONN"), read(3, 1, "ENOTCONN"), send(3, 1, 0, "EPIPE"), gives({ name: "getpeername", fd: 3 }, "ENOTCONN"), poll(3, ALL, 0),
      fcntl(3, F_SETFL, O_NONBLOCK, 0), accept(3, "EAGAIN"), accept(3, "EINVAL", 1), shutdown(3, SHUT_WR), accept(3, "EAGAIN"), shutdown(3, SHUT_RD), accept(3, "EINVAL"),
      shutdown(3, SHUT_RD, "ENOTCONN"), listen(3), accept(3, "EAGAIN"),
    ],
  },
  {
    name: "flags of descriptors, and copies of them",
    steps: [
      socket(3, (SOCK_STREAM) | (SOCK_NONBLOCK)), fcntl(3, F_GETFL, 0, (O_RDWR) | (O_NONBLOCK)), fcntl(3, F_SETFL, O_RDWR, 0),
      fcntl(3, F_GETFL, 0, O_RDWR), fcntl(3, F_GETFD, 0, 0), fcntl(3, F_SETFD, 1, 0), fcntl(3, F_GETFD, 0, 1), fcntl(3, F_DUPFD, 10, 10),
      fcntl(10, F_GETFD, 0, 0), fcntl(10, F_SETFL, O_NONBLOCK, 0), fcntl(3, F_GETFL, 0, (O_RDWR) | (O_NONBLOCK)), close(3), bind(10, LOCAL),
      gives({ name: "ioctl", fd: 10, request: FIONREAD, argument: null }, 0), gives({ name: "ioctl", fd: 10, request: SIOCOUTQ, argument: null }, 0),
    ],
  },
  {
    name: "options that are none, and values that are too short",
    steps: [
      socket(3), set(3, SOL_TCP, 9999, word(1), "ENOPROTOOPT"), set(3, 77, 1, word(1), "ENOPROTOOPT"), set(3, SOL_TCP, TCP_NODELAY, new Uint8Array(2), "EINVAL"),
      set(3, SOL_SOCKET, SO_LINGER, word(1), "EINVAL"), set(3, SOL_SOCKET, SO_RCVTIMEO, word(1, 0, 0), "EINVAL"),
      set(3, SOL_SOCKET, SO_SNDTIMEO, word(1, 0, 1_000_000, 0), "EDOM"), gives({ name: "getsockopt", fd: 3, level: SOL_TCP, option: 9999, value: word(0) }, "ENOPROTOOPT"),
    ],
  },
  {
    name: "UDP sends where it is told, and what it is asked to",
    steps: [
      socket(3, SOCK_DGRAM, 0), send(3, 1, 0, "EDESTADDRREQ"), recv(3, 1, MSG_DONTWAIT, "EAGAIN"), listen(3, "EOPNOTSUPP"), accept(3, "EOPNOTSUPP"), gives({ name: "getpeername", fd: 3 }, "ENOTCONN"),
      gives({ name: "sendto", fd: 3, data: word(1), flags: 0, address: LOCAL6 }, "EAFNOSUPPORT"), gives({ name: "sendto", fd: 3, data: word(1), flags: 0, address: { ...REMOTE, port: 0 } }, "EINVAL"),
      gives({ name: "sendto", fd: 3, data: new Uint8Array(65_508), flags: 0, address: REMOTE }, "EMSGSIZE"), connect(3, REMOTE, 0), send(3, 8, 0, 8), poll(3, ALL, POLLOUT),
    ],
  },
  {
    name: "what epoll takes and what not",
    steps: [
      gives({ name: "epoll_create", flags: 1 }, "EINVAL"), gives({ name: "epoll_create", flags: 0 }, 3), socket(4), epollCtl(3, EPOLL_CTL_MOD, 4, EPOLLIN, "ENOENT"), epollCtl(3, EPOLL_CTL_ADD, 4, EPOLLIN),
      epollCtl(3, EPOLL_CTL_ADD, 4, EPOLLIN, "EEXIST"), epollCtl(3, EPOLL_CTL_ADD, 3, EPOLLIN, "EINVAL"), epollCtl(3, EPOLL_CTL_ADD, 9999, EPOLLIN, "EBADF"), epollCtl(3, 9, 4, EPOLLIN, "EINVAL"),
      epollCtl(4, EPOLL_CTL_ADD, 3, EPOLLIN, "EINVAL"), epollCtl(3, EPOLL_CTL_MOD, 4, (EPOLLIN) | (EPOLLEXCLUSIVE), "EINVAL"), epollCtl(3, EPOLL_CTL_DEL, 4, 0), epollCtl(3, EPOLL_CTL_DEL, 4, 0, "ENOENT"),
      epollCtl(3, EPOLL_CTL_ADD, 4, (EPOLLRDHUP) | (EPOLLEXCLUSIVE), "EINVAL"), epollWait(3, 0, 0), gives({ name: "epoll_wait", epoll: 3, count: 0, timeout: 0 }, "EINVAL"), epollWait(4, 0, "EINVAL"),
    ],
  },
  {
    name: "poll tells of descriptors that are none, and leaves negative ones out",
    steps: [poll(9999, POLLIN, POLLNVAL), poll(-1, POLLIN, 0)],
  },
  {
    name: "a pipe holds what was written until it is read, and ends with its writer",
    steps: [
      { pipe: [3, 4], flags: O_NONBLOCK }, read(3, 10, "EAGAIN"), gives({ name: "write", fd: 4, data: [word(1, 2)] }, 8), read(3, 5, 5), read(3, 5, 3), read(4, 1, "EBADF"), gives({ name: "write", fd: 3, data: [word(1)] }, "EBADF"),
      poll(3, POLLIN, 0), poll(4, POLLOUT, POLLOUT), close(4), read(3, 5, 0), poll(3, POLLIN, POLLHUP),
    ],
  },
];

/** With a connection. */
const CONNECTED: readonly CallCase[] = [
  {
    name: "a connection is not opened again, nor listened on",
    steps: [...ACCEPTED, connect(4, REMOTE, "EISCONN"), listen(4, "EINVAL"), bind(4, LOCAL, "EINVAL"), accept(4, "EINVAL"), shutdown(4, 3, "EINVAL"), poll(4, ALL, POLLOUT)],
  },
  {
    name: "without data a call that may not block tries again later, and others block",
    steps: [
      ...ACCEPTED, recv(4, 10, MSG_DONTWAIT, "EAGAIN"), recv(4, 0, MSG_DONTWAIT, "EAGAIN"), recv(4, 10, MSG_OOB, "EINVAL"), recv(4, 10, MSG_ERRQUEUE, "EAGAIN"), read(4, 10, "blocks"),
      { arrives: ".", sequence: 1, ack: 1, length: 5 }, { returned: 0, gives: 5 },
    ],
  },
  {
    name: "data can be looked at, thrown away and waited for",
    steps: [
      ...ACCEPTED, { arrives: ".", sequence: 1, ack: 1, length: 100 }, poll(4, ALL, (POLLIN) | (POLLOUT)), recv(4, 10, MSG_PEEK, 10), recv(4, 200, MSG_PEEK, 100), recv(4, 40, MSG_TRUNC, 40),
      gives({ name: "ioctl", fd: 4, request: FIONREAD, argument: null }, 0), recv(4, 100, MSG_WAITALL, "blocks"), { arrives: ".", sequence: 101, ack: 1, length: 40 }, { returned: 0, gives: 100 },
    ],
  },
  {
    name: "a buffer at no address fails where there is something to copy, which stays",
    steps: [
      ...ACCEPTED, nowhere({ name: "write", fd: 4, data: [new Uint8Array(10)] }), nowhere({ name: "send", fd: 4, data: new Uint8Array(10), flags: 0 }), nowhere({ name: "recv", fd: 4, length: 10, flags: MSG_DONTWAIT }, "EAGAIN"),
      { arrives: ".", sequence: 1, ack: 1, length: 5 }, nowhere({ name: "read", fd: 4, lengths: [10] }), nowhere({ name: "recvmsg", fd: 4, lengths: [5, 5], controlLength: 0, flags: 0 }),
      nowhere({ name: "setsockopt", fd: 4, level: SOL_TCP, option: TCP_NODELAY, value: word(1) }), nowhere({ name: "write", fd: 4, data: [new Uint8Array(0)] }, 0), read(4, 10, 5),
    ],
  },
  {
    name: "the peer's end is read after its data, and again",
    steps: [
      ...ACCEPTED, { arrives: "F.", sequence: 1, ack: 1, length: 5 }, poll(4, ALL, ALL), read(4, 3, 3), read(4, 10, 2), read(4, 10, 0), read(4, 10, 0), poll(4, ALL, ALL), send(4, 3, 0, 3), shutdown(4, SHUT_WR), send(4, 1, 0, "EPIPE"),
      poll(4, ALL, ALL | (POLLHUP)), shutdown(4, SHUT_WR),
    ],
  },
  {
    name: "once reading is shut the end is read, and writing goes on",
    steps: [...ACCEPTED, shutdown(4, SHUT_RD), read(4, 10, 0), poll(4, ALL, ALL), send(4, 3, 0, 3), shutdown(4, SHUT_RDWR), send(4, 1, 0, "EPIPE"), poll(4, ALL, ALL | (POLLHUP))],
  },
  {
    name: "a reset is an error once",
    steps: [
      ...ACCEPTED, read(4, 10, "blocks"), { arrives: "R.", sequence: 1, ack: 1 }, { returned: 0, gives: "ECONNRESET" }, read(4, 10, 0), send(4, 1, 0, "EPIPE"), poll(4, ALL, ALL | (POLLHUP)), connect(4, REMOTE, "EISCONN"),
      shutdown(4, SHUT_WR, "ENOTCONN"), gives({ name: "getpeername", fd: 4 }, "ENOTCONN"),
    ],
  },
  {
    name: "a reset that nobody waits for is told by poll, SO_ERROR, and a call",
    steps: [...ACCEPTED, { arrives: "R.", sequence: 1, ack: 1 }, poll(4, 0, (POLLERR) | (POLLHUP)), error(4, 104), error(4, 0), poll(4, 0, POLLHUP), send(4, 1, 0, "EPIPE")],
  },
  {
    name: "a reset after the peer's end is a broken pipe",
    steps: [...ACCEPTED, { arrives: "F.", sequence: 1, ack: 1 }, { arrives: "R.", sequence: 2, ack: 1 }, error(4, 32), send(4, 1, 0, "EPIPE")],
  },
  {
    name: "what was read before a reset can be read after it",
    steps: [...ACCEPTED, { arrives: ".", sequence: 1, ack: 1, length: 5 }, { arrives: "R.", sequence: 6, ack: 1 }, read(4, 10, 5), read(4, 10, "ECONNRESET"), read(4, 10, 0)],
  },
  {
    name: "AF_UNSPEC breaks a connection off",
    steps: [...ACCEPTED, connect(4, NOBODY, 0), { leaves: ["R. 1:1(0) ack 1"] }, poll(4, ALL, (POLLERR) | (POLLHUP) | (POLLOUT)), read(4, 10, "ECONNRESET"), read(4, 10, "ENOTCONN")],
  },
  {
    name: "close answers what was not read by a reset",
    steps: [...ACCEPTED, { arrives: ".", sequence: 1, ack: 1, length: 5 }, { leaves: [". 1:1(0) ack 6"] }, close(4), { leaves: ["R. 1:1(0) ack 6"] }],
  },
  { name: "SO_LINGER of no time has close reset", steps: [...ACCEPTED, set(4, SOL_SOCKET, SO_LINGER, word(1, 0)), close(4), { leaves: ["R. 1:1(0) ack 1"] }] },
  {
    name: "SO_LINGER has close wait for the acknowledgment of the end",
    steps: [...ACCEPTED, set(4, SOL_SOCKET, SO_LINGER, word(1, 5)), gives({ name: "close", fd: 4 }, "blocks"), { leaves: ["F. 1:1(0) ack 1"] }, { arrives: ".", sequence: 1, ack: 2 }, { returned: 0, gives: 0 }],
  },
  {
    name: "a call waits as long as SO_RCVTIMEO says",
    steps: [...ACCEPTED, set(4, SOL_SOCKET, SO_RCVTIMEO, word(0, 0, 50_000, 0)), read(4, 10, "blocks"), { passes: 40 }, { returned: 0, gives: "blocks" }, { passes: 30 }, { returned: 0, gives: "EAGAIN" }],
  },
  {
    name: "what waits in a socket that is closed with its listener is reset",
    steps: [...LISTENER, { arrives: "S", mss: 1000 }, { leaves: ["S. 0:0(0) ack 1"] }, { arrives: ".", sequence: 1, ack: 1 }, poll(3, ALL, POLLIN), close(3), { leaves: ["R. 1:1(0) ack 1"] }],
  },
];

export const CALL_CASES: readonly CallCase[] = [...ALONE, ...CONNECTED];
