import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CONSTANTS } from "mptcp/drill";
import type { CallResult } from "mptcp/drill";
import { AF_INET, AF_INET6, Bench, IPPROTO_TCP, MSG_DONTWAIT, MS, obstacle, POLLIN, POLLOUT, SOCK_DGRAM, SOCK_NONBLOCK, SOCK_STREAM, SOL_SOCKET, SOL_TCP } from "./bench.ts";

const constant = (name: string): number => CONSTANTS[name] as number;
const octets = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = ({ data }: CallResult): string => new TextDecoder().decode(data);
const word = (value: number): Uint8Array => new Uint8Array(Int32Array.of(value).buffer);

describe.skipIf(obstacle !== null)("system calls of the kernel", () => {
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench();
  });
  afterEach(() => bench.close());

  it("accept and read block until there is something, and return when it came", () => {
    const listener = bench.listener();
    const accept = bench.begin({ name: "accept", fd: listener, flags: 0 });
    bench.arrive({ flags: "S", sequence: 1000, mss: 1000 });
    const { sequence } = bench.segment();
    expect(accept.result).toBeNull();
    bench.arrive({ flags: ".", sequence: 1001, acknowledgment: sequence + 1 });
    const { value: fd, address } = bench.result(accept);
    expect(address).toEqual(bench.at(bench.remote, 40_000));
    const read = bench.begin({ name: "read", fd, lengths: [10] });
    const arrived = bench.target.now + 5 * MS;
    bench.target.advance(arrived);
    expect(read.result).toBeNull();
    bench.arrive({ flags: "P.", sequence: 1001, acknowledgment: sequence + 1, payload: octets("hello") });
    expect(text(bench.result(read))).toBe("hello");
    expect(read.at).toBeGreaterThanOrEqual(arrived);
  });

  it("two calls block at once, each until its own time", () => {
    const listener = bench.listener();
    const { fd } = bench.accepted(listener);
    const [accept, read] = [bench.begin({ name: "accept", fd: listener, flags: 0 }), bench.begin({ name: "read", fd, lengths: [10] })];
    bench.arrive({ flags: "R", sequence: 1001 });
    expect(bench.result(read)).toEqual({ value: -1, errno: "ECONNRESET" });
    expect(accept.result).toBeNull();
  });

  it("fail with the names of errors", () => {
    const fd = bench.socket(IPPROTO_TCP, SOCK_STREAM | SOCK_NONBLOCK);
    expect(bench.give({ name: "read", fd, lengths: [1] })).toBe("ENOTCONN");
    expect(bench.give({ name: "getpeername", fd })).toBe("ENOTCONN");
    expect(bench.give({ name: "listen", fd: 12_345, backlog: 1 })).toBe("EBADF");
    expect(bench.give({ name: "bind", fd, address: bench.at("192.0.2.9", 1) })).toBe("EADDRNOTAVAIL");
    expect(bench.give({ name: "write", fd, data: [octets("x")] })).toBe("EPIPE");
    expect(bench.give({ name: "setsockopt", fd, level: SOL_TCP, option: 9999, value: word(1) })).toBe("ENOPROTOOPT");
    expect(bench.give({ name: "socket", domain: AF_INET, type: SOCK_STREAM, protocol: 999 })).toBe("EINVAL");
    expect(bench.give({ name: "accept", fd: bench.listener(IPPROTO_TCP, SOCK_STREAM | SOCK_NONBLOCK), flags: 0 })).toBe("EAGAIN");
  });

  it("carry octets in vectors, messages and control messages", () => {
    const { fd, isn } = bench.accepted();
    bench.fd({ name: "setsockopt", fd, level: SOL_TCP, option: constant("TCP_INQ"), value: word(1) });
    bench.arrive({ flags: "P.", sequence: 1001, acknowledgment: isn + 1, payload: octets("abcdefghijkl") });
    expect(text(bench.do({ name: "recv", fd, length: 2, flags: constant("MSG_PEEK") }))).toBe("ab");
    expect(text(bench.do({ name: "readv", fd, lengths: [2, 3] }))).toBe("abcde");
    expect(bench.do({ name: "recvfrom", fd, length: 1, flags: 0 })).toEqual({ value: 1, errno: null, data: octets("f"), address: null });
    const message = bench.do({ name: "recvmsg", fd, lengths: [1, 2], controlLength: 64, flags: 0 });
    expect(message).toEqual({ value: 3, errno: null, data: octets("ghi"), address: null, flags: 0, control: [{ level: SOL_TCP, type: constant("TCP_CM_INQ"), data: word(3) }] });
    expect(bench.give({ name: "writev", fd, data: [octets("ab"), octets("c")] })).toBe(3);
    expect(bench.give({ name: "send", fd, data: octets("de"), flags: MSG_DONTWAIT })).toBe(2);
    expect(bench.give({ name: "sendmsg", fd, address: null, data: [octets("f"), octets("gh")], control: [], flags: 0 })).toBe(3);
    expect(bench.give({ name: "sendto", fd, data: octets("i"), flags: 0, address: null })).toBe(1);
  });

  it("carry addresses of both families, and of IPv4 as IPv6 has them", () => {
    const fd = bench.fd({ name: "socket", domain: AF_INET6, type: SOCK_DGRAM, protocol: 0 });
    bench.fd({ name: "bind", fd, address: { family: AF_INET6, address: "::ffff:192.168.0.1", port: 7 } });
    expect(bench.do({ name: "getsockname", fd }).address).toEqual({ family: AF_INET6, address: "::ffff:192.168.0.1", port: 7 });
    expect(bench.give({ name: "sendto", fd, data: octets("ping"), flags: 0, address: { family: AF_INET6, address: "::ffff:192.0.2.1", port: 9 } })).toBe(4);
    expect(Buffer.from(bench.next().octets.subarray(12, 24)).toString("hex")).toBe("c0a80001c000020100070009");
    const six = bench.fd({ name: "socket", domain: AF_INET6, type: SOCK_DGRAM, protocol: 0 });
    const control = [{ level: constant("SOL_IPV6"), type: constant("IPV6_TCLASS"), data: word(0x20) }];
    expect(bench.give({ name: "sendmsg", fd: six, address: { family: AF_INET6, address: "fd3d:fa7b:d17d::1", port: 9 }, data: [octets("x")], control, flags: 0 })).toBe(1);
    expect(Buffer.from(bench.next().octets.subarray(0, 2)).toString("hex")).toMatch(/^620/);
    expect(bench.give({ name: "sendto", fd, data: octets("x"), flags: 0, address: { family: AF_INET6, address: "fd3d:fa7b:d17d::1", port: 9 } })).toBe("EAFNOSUPPORT");
  });

  it("poll and epoll say what is ready, at once or when it is", () => {
    const { fd, isn } = bench.accepted();
    expect(bench.do({ name: "poll", descriptors: [{ fd, events: POLLIN | POLLOUT }, { fd: 4444, events: POLLIN }], timeout: 0 })).toEqual({ value: 2, errno: null, revents: [POLLOUT, constant("POLLNVAL")] });
    const epoll = bench.fd({ name: "epoll_create", flags: 0 });
    const data = 0x1234_5678_9abc_def0n;
    expect(bench.give({ name: "epoll_ctl", epoll, operation: constant("EPOLL_CTL_ADD"), fd, event: { events: constant("EPOLLIN") | constant("EPOLLET"), data } })).toBe(0);
    expect(bench.do({ name: "epoll_wait", epoll, count: 4, timeout: 0 })).toEqual({ value: 0, errno: null, events: [] });
    const started = bench.begin({ name: "epoll_wait", epoll, count: 4, timeout: -1 });
    const polled = bench.begin({ name: "poll", descriptors: [{ fd, events: POLLIN }], timeout: 5000 });
    bench.target.advance(bench.target.now + 2 * MS);
    expect([started.result, polled.result]).toEqual([null, null]);
    bench.arrive({ flags: "P.", sequence: 1001, acknowledgment: isn + 1, payload: octets("x") });
    expect(bench.result(started)).toEqual({ value: 1, errno: null, events: [{ events: constant("EPOLLIN"), data }] });
    expect(bench.result(polled)).toEqual({ value: 1, errno: null, revents: [POLLIN] });
    const late = bench.begin({ name: "poll", descriptors: [], timeout: 5 });
    const before = bench.target.now;
    expect(bench.result(late)).toEqual({ value: 0, errno: null, revents: [] });
    expect(late.at - before).toBeGreaterThan(2 * MS);
  });

  it("set and get options, flags and what waits", () => {
    const { fd, isn } = bench.accepted();
    bench.fd({ name: "setsockopt", fd, level: SOL_SOCKET, option: constant("SO_LINGER"), value: new Uint8Array(Int32Array.of(1, 7).buffer) });
    expect(bench.do({ name: "getsockopt", fd, level: SOL_SOCKET, option: constant("SO_LINGER"), value: new Uint8Array(8) }).option).toEqual(new Uint8Array(Int32Array.of(1, 7).buffer));
    bench.fd({ name: "setsockopt", fd, level: SOL_TCP, option: constant("TCP_CONGESTION"), value: octets("reno") });
    expect(new TextDecoder().decode(bench.do({ name: "getsockopt", fd, level: SOL_TCP, option: constant("TCP_CONGESTION"), value: new Uint8Array(16) }).option)).toMatch(/^reno\0/);
    bench.arrive({ flags: "P.", sequence: 1001, acknowledgment: isn + 1, payload: octets("four") });
    expect(bench.do({ name: "ioctl", fd, request: constant("FIONREAD"), argument: null })).toEqual({ value: 0, errno: null, argument: 4 });
    expect(bench.give({ name: "fcntl", fd, command: constant("F_GETFL"), argument: 0 })).toBe(constant("O_RDWR"));
    expect(bench.give({ name: "fcntl", fd, command: constant("F_SETFL"), argument: constant("O_RDWR") | constant("O_NONBLOCK") })).toBe(0);
    expect(bench.give({ name: "shutdown", fd, how: constant("SHUT_WR") })).toBe(0);
    expect(bench.give({ name: "close", fd })).toBe(0);
    expect(bench.give({ name: "close", fd })).toBe("EBADF");
  });

  it("pipes, files, splice and sendfile carry octets", () => {
    const { fd, isn } = bench.accepted();
    const [out, into] = bench.do({ name: "pipe", flags: 0 }).ends as readonly [number, number];
    expect(bench.give({ name: "write", fd: into, data: [octets("through")] })).toBe(7);
    expect(bench.give({ name: "splice", input: out, output: fd, length: 7, flags: 0 })).toBe(7);
    expect(bench.segment().payload.length).toBe(7);
    bench.arrive({ flags: ".", sequence: 1001, acknowledgment: isn + 8 });
    const file = bench.fd({ name: "open", path: "/proc/version", flags: 0 });
    expect(text(bench.do({ name: "read", fd: file, lengths: [13] }))).toBe("Linux version");
    const zero = bench.fd({ name: "open", path: "/dev/zero", flags: 0 });
    expect(bench.give({ name: "sendfile", output: into, input: zero, offset: null, length: 10 })).toBe(10);
    const blocked = bench.begin({ name: "read", fd: out, lengths: [100] });
    expect(bench.result(blocked).value).toBe(10);
  });

  it("reach nothing that the script did not open", () => {
    expect(bench.give({ name: "close", fd: 0 })).toBe("EBADF");
    expect(bench.give({ name: "write", fd: 1, data: [octets("x")] })).toBe("EBADF");
    expect(bench.give({ name: "open", path: "/tmp/mptcp-testbed-file", flags: constant("O_WRONLY") | constant("O_CREAT") })).toBe("EACCES");
    expect(bench.give({ name: "socket", domain: constant("AF_UNIX"), type: SOCK_STREAM, protocol: 0 })).toBe("EAFNOSUPPORT");
    expect(bench.give({ name: "fcntl", fd: bench.socket(), command: 8, argument: process.pid })).toBe("EPERM");
    expect(bench.give({ name: "ioctl", fd: bench.socket(), request: 0x8914, argument: 0 })).toBe("ENOTTY");
  });
});
