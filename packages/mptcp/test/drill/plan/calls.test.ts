import { describe, expect, test } from "vitest";
import type { CallStep, PlanOptions } from "../../../src/drill/index.ts";
import { planned } from "../run/running.ts";

function step(line: string, options: PlanOptions = {}): CallStep {
  const [first] = planned(`0 ${line}`, options).steps;
  if (first?.kind !== "call") throw new Error("no call");
  return first;
}
const call = (line: string, options: PlanOptions = {}): unknown => step(line, options).call;
const octets = (...values: readonly number[]): Uint8Array => Uint8Array.from(values);
const V4 = { family: 2, address: "192.168.0.1", port: 8080 };

describe("a call of a script is that of the stack", () => {
  test.each([
    ["socket(..., SOCK_STREAM|SOCK_NONBLOCK, IPPROTO_MPTCP) = 3", { name: "socket", domain: 2, type: 2049, protocol: 262 }],
    ["bind(3, ..., ...) = 0", { name: "bind", fd: 3, address: V4 }],
    ["connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)", { name: "connect", fd: 3, address: { ...V4, address: "192.0.2.1" } }],
    ['connect(3, {sa_family = AF_INET, sin_port = htons(13000), sin_addr = inet_addr("192.0.2.7")}, ...) = 0', { name: "connect", fd: 3, address: { family: 2, address: "192.0.2.7", port: 13_000 } }],
    ["connect(4, AF_UNSPEC, ...) = 0", { name: "connect", fd: 4, address: { family: 0, address: "", port: 0 } }],
    ["accept4(3, ..., ..., SOCK_NONBLOCK) = 4", { name: "accept", fd: 3, flags: 2048 }],
    ['write(4, "ab\\n", 4) = 4', { name: "write", fd: 4, data: [octets(97, 98, 10, 0)] }],
    ["write(4, NULL, 2) = -1 EFAULT", { name: "write", fd: 4, data: [octets(0, 0)], isNowhere: true }],
    ["read(4, NULL, 2) = -1 EFAULT", { name: "read", fd: 4, lengths: [2], isNowhere: true }],
    ["writev(4, [{NULL, 2}, {..., 0}], 2) = -1 EFAULT", { name: "writev", fd: 4, data: [octets(0, 0), octets()], isNowhere: true }],
    ["writev(4, [{..., 1}, {..., 2}], 2) = 3", { name: "writev", fd: 4, data: [octets(0), octets(0, 0)] }],
    ["recv(4, ..., 100, MSG_PEEK) = 10", { name: "recv", fd: 4, length: 100, flags: 2 }],
    ["sendto(3, ..., 2, MSG_FASTOPEN, ..., ...) = 2", { name: "sendto", fd: 3, data: octets(0, 0), flags: 0x2000_0000, address: { ...V4, address: "192.0.2.1" } }],
    ["sendmsg(4, {msg_name(...)=..., msg_iov(1)=[{..., 2}], msg_flags=0}, 0) = 2", { name: "sendmsg", fd: 4, address: null, data: [octets(0, 0)], control: [], flags: 0 }],
    ["shutdown(4, SHUT_WR) = 0", { name: "shutdown", fd: 4, how: 1 }],
    ["fcntl(3, F_SETFL, O_RDWR | O_NONBLOCK) = 0", { name: "fcntl", fd: 3, command: 4, argument: 2050 }],
    ["fcntl(3, F_GETFL) = 0x2 (flags O_RDWR)", { name: "fcntl", fd: 3, command: 3, argument: 0 }],
    ["ioctl(4, SIOCINQ, [1000]) = 0", { name: "ioctl", fd: 4, request: 0x541b, argument: null }],
    ["ioctl(4, FIONBIO, [1]) = 0", { name: "ioctl", fd: 4, request: 0x5421, argument: 1 }],
    ["setsockopt(4, SOL_SOCKET, SO_SNDBUF, [200000], 4) = 0", { name: "setsockopt", fd: 4, level: 1, option: 7, value: octets(0x40, 0x0d, 3, 0) }],
    ["setsockopt(4, SOL_SOCKET, SO_LINGER, {onoff=1, linger=5}, 8) = 0", { name: "setsockopt", fd: 4, level: 1, option: 13, value: octets(1, 0, 0, 0, 5, 0, 0, 0) }],
    ["setsockopt(4, SOL_SOCKET, SO_RCVTIMEO, {tv_sec=1, tv_usec=2}, 16) = 0", { name: "setsockopt", fd: 4, level: 1, option: 20, value: octets(1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0) }],
    ['setsockopt(4, SOL_TCP, TCP_CONGESTION, "reno", 4) = 0', { name: "setsockopt", fd: 4, level: 6, option: 13, value: octets(114, 101, 110, 111) }],
    ["setsockopt(4, SOL_TCP, TCP_NOTSENT_LOWAT, [0xffffffff], 4) = 0", { name: "setsockopt", fd: 4, level: 6, option: 25, value: octets(255, 255, 255, 255) }],
    ["getsockopt(3, SOL_SOCKET, SO_ERROR, [0], [4]) = 0", { name: "getsockopt", fd: 3, level: 1, option: 4, value: new Uint8Array(4) }],
    ["poll([{fd=4, events=POLLIN|POLLOUT, revents=POLLIN}], 1, 0) = 1", { name: "poll", descriptors: [{ fd: 4, events: 5 }], timeout: 0 }],
    ["epoll_create(1) = 5", { name: "epoll_create", flags: 0 }],
    ["epoll_ctl(5, EPOLL_CTL_ADD, 4, {events=EPOLLOUT|EPOLLET, fd=4}) = 0", { name: "epoll_ctl", epoll: 5, operation: 1, fd: 4, event: { events: 0x8000_0004, data: 4n } }],
    ["epoll_wait(5, {events=EPOLLIN, fd=4}, 1, -1) = 1", { name: "epoll_wait", epoll: 5, count: 1, timeout: -1 }],
    ["pipe([5, 6]) = 0", { name: "pipe", flags: 0 }],
    ["splice(4, NULL, 6, NULL, 99, 0) = 99", { name: "splice", input: 4, output: 6, length: 99, flags: 0 }],
    ['open("/tmp/testfile", O_RDONLY) = 5', { name: "open", path: "/tmp/testfile", flags: 0 }],
    ["sendfile(4, 5, [0], 5) = 5", { name: "sendfile", output: 4, input: 5, offset: 0, length: 5 }],
    ["sendfile(4, 5, NULL, 5) = 5", { name: "sendfile", output: 4, input: 5, offset: null, length: 5 }],
  ])("%s", (line, expected) => {
    expect(call(line)).toEqual(expected);
  });
});

test("the addresses that a script leaves out are those of its version of IP", () => {
  const version = (value: string): PlanOptions => ({ options: [{ name: "ip_version", value }] });
  expect(call("bind(3, ..., ...) = 0", version("ipv6"))).toEqual({ name: "bind", fd: 3, address: { family: 10, address: "fd3d:a0b:17d6::1", port: 8080 } });
  expect(call("connect(3, ..., ...) = 0", version("ipv4-mapped-ipv6"))).toEqual({ name: "connect", fd: 3, address: { family: 10, address: "::ffff:192.0.2.1", port: 8080 } });
  expect(call("socket(..., SOCK_STREAM, IPPROTO_TCP) = 3", version("ipv4-mapped-ipv6"))).toMatchObject({ domain: 10 });
});

test("what a call fills in is expected as it is written, and not looked at where there is ... or the call fails", () => {
  expect(step("getsockopt(3, SOL_SOCKET, SO_ERROR, [104], [4]) = 0").expected.filled).toMatchObject([{ kind: "option", value: 104n }, { kind: "optionLength", value: 4 }]);
  expect(step("getsockopt(3, SOL_SOCKET, SO_ERROR, [...], [4]) = 0").expected.filled).toMatchObject([{ kind: "optionLength" }]);
  expect(step("ioctl(4, SIOCOUTQ, [7]) = -1 EINVAL").expected.filled).toEqual([]);
  const message = "recvmsg(3, {msg_name(...)=..., msg_iov(1)=[{..., 10}], msg_flags=MSG_ERRQUEUE, msg_control=[{cmsg_level=CMSG_LEVEL_IP, cmsg_type=CMSG_TYPE_RECVERR, cmsg_data={ee_errno=ENOMSG, ee_data=...}}]}, MSG_ERRQUEUE) = 0";
  expect(step(message).expected.filled).toMatchObject([{ kind: "flags", value: 0x2000 }, { kind: "control", messages: [{ level: 0, type: 11, data: { ee_errno: 42n } }] }]);
  expect(step(message, { options: [{ name: "ip_version", value: "ipv6" }] }).expected.filled).toMatchObject([{}, { messages: [{ level: 41, type: 25 }] }]);
});

test("definitions stand for numbers and for other names; those of the caller count more", () => {
  const script = "--define=SIZE=LENGTH\n--define=LENGTH=5\n0 read(3, ..., SIZE) = SIZE";
  expect(planned(script).steps[0]).toMatchObject({ call: { lengths: [5] }, expected: { value: 5n } });
  expect(planned(script, { options: [{ name: "define", value: "LENGTH=0x10" }] }).steps[0]).toMatchObject({ call: { lengths: [16] } });
});
