import { expect, test } from "vitest";
import type { CallResult } from "../../../src/drill/index.ts";
import { FakeTarget } from "./fake-target.ts";
import { told } from "./running.ts";

const octets = (...values: readonly number[]): Uint8Array => Uint8Array.from(values);
const giving = (result: Partial<CallResult>): FakeTarget => new FakeTarget({ call: () => result });
/** The first line of how a script of one call fails, without the place. */
const outcome = (call: string, result: Partial<CallResult>): string => told(`0 ${call}`, giving(result)).split("\n")[0]!.replace(/^x\.pkt:1:3: /, "");
const error = (errno: number, origin: number): Uint8Array => octets(errno, 0, 0, 0, origin, 0, 1, 0, 2, 0, 0, 0, 3, 0, 0, 0);
const MESSAGE = "recvmsg(3, {msg_name(...)=..., msg_iov(1)=[{..., 10}], msg_flags=0, msg_control=[{cmsg_level=SOL_TCP, cmsg_type=TCP_CM_INQ, cmsg_data=9000}]}, 0) = 10";
const QUEUE = "recvmsg(3, {msg_name(...)=..., msg_iov(1)=[{..., 0}], msg_flags=MSG_ERRQUEUE, msg_control=[{cmsg_level=SOL_IP, cmsg_type=IP_RECVERR, cmsg_data={ee_errno=EMSGSIZE, ee_origin=SO_EE_ORIGIN_ZEROCOPY, ee_info=2, ee_data=3}}]}, MSG_ERRQUEUE) = 0";

test.each<[string, Partial<CallResult>, string]>([
  ["read(3, ..., 10) = 10", { value: 10 }, "passed"],
  ["read(3, ..., 10) = ...", { value: 3 }, "passed"],
  ["read(3, ..., 10) = 10", { value: 9 }, "read gave 9, not 10"],
  ["read(3, ..., 10) = -1", { value: -1, errno: "EIO" }, "passed"],
  ["read(3, ..., 10) = -1 EAGAIN (Try again)", { value: -1, errno: "EIO" }, "read gave -1 EIO, not -1 EAGAIN"],
  ["read(3, ..., 10) = -1 EAGAIN", { value: 0 }, "read gave 0, not -1 EAGAIN"],
  ["getsockopt(3, SOL_SOCKET, SO_ERROR, [0], [4]) = 0", { option: octets(0, 0, 0, 0) }, "passed"],
  ["getsockopt(3, SOL_SOCKET, SO_ERROR, [0], [4]) = 0", { option: octets(104, 0, 0, 0) }, "getsockopt: the value of the option is 104, not 0"],
  ["getsockopt(3, SOL_IP, IP_TTL, [64], [4]) = 0", { option: octets(64) }, "getsockopt: the length of the option is 1, not 4"],
  ["getsockopt(3, SOL_TCP, TCP_NOTSENT_LOWAT, [0xffffffff], [4]) = 0", { option: octets(255, 255, 255, 255) }, "passed"],
  ['getsockopt(3, SOL_TCP, TCP_CONGESTION, "reno", [16]) = 0', { option: octets(114, 101, 110, 111, 0, 0) }, "passed"],
  ['getsockopt(3, SOL_TCP, TCP_CONGESTION, "reno", [16]) = 0', { option: octets(99, 117, 98, 105, 99) }, 'getsockopt: the value of the option is "cubic", not "reno"'],
  ["ioctl(3, SIOCINQ, [1000]) = 0", { argument: 1000 }, "passed"],
  ["ioctl(3, SIOCINQ, [1000]) = 0", { argument: 999 }, "ioctl: the value given is 999, not 1000"],
  ["poll([{fd=3, events=POLLIN, revents=POLLIN}], 1, 0) = 1", { value: 1, revents: [1] }, "passed"],
  ["poll([{fd=3, events=POLLIN, revents=POLLIN}], 1, 0) = 1", { value: 1, revents: [25] }, "poll: revents of descriptor 1 is POLLIN|POLLERR|POLLHUP, not POLLIN"],
  ["poll([{fd=3, events=POLLIN, revents=0}], 1, 0) = 0", { revents: [0] }, "passed"],
  ["epoll_wait(5, {events=EPOLLIN, fd=4}, 1, 0) = 1", { value: 1, events: [{ events: 1, data: 4n }] }, "passed"],
  ["epoll_wait(5, {events=EPOLLIN, fd=4}, 1, 0) = 1", { value: 1, events: [{ events: 1, data: 5n }] }, "epoll_wait: event 1 is of 5, not of 4"],
  ["epoll_wait(5, {events=EPOLLIN|EPOLLET, fd=4}, 1, 0) = 1", { value: 1, events: [{ events: 4, data: 4n }] }, "epoll_wait: event 1 is EPOLLOUT, not EPOLLIN|EPOLLET"],
  ["epoll_wait(5, {events=0, ptr=0}, 1, 0) = 0", { events: [] }, "passed"],
  [MESSAGE, { value: 10, flags: 0, control: [{ level: 6, type: 36, data: octets(0x28, 0x23, 0, 0) }] }, "passed"],
  [MESSAGE, { value: 10, flags: 0, control: [{ level: 6, type: 36, data: octets(1, 0, 0, 0) }] }, "recvmsg: control message 1: cmsg_data is 1, not 9000"],
  [MESSAGE, { value: 10, flags: 0, control: [] }, "recvmsg: there are 0 control messages, not 1"],
  [MESSAGE, { value: 10, flags: 32, control: [] }, "recvmsg: msg_flags is MSG_TRUNC, not 0"],
  [QUEUE, { flags: 0x2000, control: [{ level: 0, type: 11, data: error(90, 5) }] }, "passed"],
  [QUEUE, { flags: 0x2000, control: [{ level: 0, type: 11, data: error(90, 2) }] }, "recvmsg: control message 1: ee_origin is 2, not 5"],
  [QUEUE, { flags: 0x2000, control: [{ level: 41, type: 25, data: error(90, 5) }] }, "recvmsg: control message 1: cmsg_level is 41, not 0"],
])("%s: %#", (call, result, expected) => {
  expect(outcome(call, result)).toBe(expected);
});

test("descriptors of the script are those that the stack gave, until they are closed", () => {
  let next = 20;
  const stack = new FakeTarget({ call: (call) => (call.name === "pipe" ? { ends: [31, 32] } : call.name === "socket" || call.name === "epoll_create" ? next++ : 0) });
  const text = "0 socket(..., SOCK_STREAM, 0) = 3\n+0 epoll_create(1) = 4\n+0 pipe([5, 6]) = 0\n+0 epoll_ctl(4, EPOLL_CTL_ADD, 3, {events=EPOLLIN, fd=3}) = 0\n+0 splice(3, NULL, 6, NULL, 1, 0) = 0\n+0 poll([{fd=5, events=POLLIN}], 1, 0) = 0\n+0 close(3) = 0\n+0 close(3) = 0";
  expect(told(text, stack)).toBe("passed");
  expect(stack.calls.slice(3)).toMatchObject([{ epoll: 21, fd: 20, event: { data: 3n } }, { input: 20, output: 32 }, { descriptors: [{ fd: 31 }] }, { fd: 20 }, { fd: 100_003 }]);
});

test("assertions see what the stack tells of the socket, and say what is not so", () => {
  const information = new Uint8Array(248);
  information[0] = 4;
  const stack = (): FakeTarget => new FakeTarget({ call: (call) => (call.name === "getsockopt" ? (call.level === 6 ? { option: information } : { value: -1, errno: "EOPNOTSUPP" }) : 13) });
  expect(told("0 socket(..., SOCK_STREAM, 0) = 3\n+0 %{ assert tcpi_state == 4 }%", stack())).toBe("passed");
  expect(told("0 socket(..., SOCK_STREAM, 0) = 3\n+0 %{ assert tcpi_state == 1, tcpi_state }%", stack())).toContain("x.pkt:2:4: it is not so that tcpi_state == 1: 4 == 1\n");
});

test("a shell line that fails says so, with what it wrote", () => {
  const stack = new FakeTarget({ command: () => ({ status: 2, output: "", errors: "no such endpoint\n" }) });
  expect(told("0 `ip mptcp endpoint delete id 10`", stack)).toContain("x.pkt:1:3: the shell line ended with status 2: no such endpoint\n");
});
