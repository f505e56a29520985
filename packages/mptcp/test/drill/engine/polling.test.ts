import { expect, test } from "vitest";
import { CONSTANTS } from "../../../src/drill/system/index.ts";
import type { Target } from "../../../src/drill/system/index.ts";
import { accepted, brief, briefly, bytes, call, finish, ip4, MILLISECOND, SECOND, stack, WirePeer } from "./wire-peer.ts";

const {
  EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLLERR, EPOLLET, EPOLLEXCLUSIVE, EPOLLHUP, EPOLLIN, EPOLLONESHOT, EPOLLOUT, EPOLLRDHUP, AF_INET, MSG_ERRQUEUE, MSG_TRUNC, MSG_ZEROCOPY, POLLIN, SO_RCVLOWAT, SO_REUSEPORT, SO_SNDBUF, SO_TIMESTAMPING, SO_ZEROCOPY, SOCK_STREAM, SOL_IP, SOL_SOCKET,
} = CONSTANTS;

function watching(events: number): { readonly target: Target; readonly peer: ReturnType<typeof accepted>; readonly epoll: number } {
  const target = stack();
  const peer = accepted(target);
  const epoll = call(target, { name: "epoll_create", flags: 0 }).value;
  call(target, { name: "epoll_ctl", epoll, operation: EPOLL_CTL_ADD, fd: 4, event: { events, data: 77n } });
  return { target, peer, epoll };
}

/** The events that an epoll tells of at once, as bits. */
function told(target: Target, epoll: number): number[] {
  const { result } = target.begin({ name: "epoll_wait", epoll, count: 8, timeout: 0 });
  return (result?.events ?? []).map(({ events }) => events);
}

test("an epoll that tells of levels does so as long as they hold", () => {
  const { epoll, peer, target } = watching(EPOLLIN);
  expect(told(target, epoll)).toEqual([]);
  peer.send(".", { sequence: 1, ack: 1, length: 5 });
  expect([told(target, epoll), told(target, epoll)]).toEqual([[EPOLLIN], [EPOLLIN]]);
  call(target, { name: "read", fd: 4, lengths: [10] });
  expect(told(target, epoll)).toEqual([]);
});

test("one that tells of edges does so once for each time that something came", () => {
  const { epoll, peer, target } = watching(EPOLLIN | EPOLLOUT | EPOLLET);
  expect([told(target, epoll), told(target, epoll)]).toEqual([[EPOLLOUT], []]);
  peer.send(".", { sequence: 1, ack: 1, length: 5 });
  expect([told(target, epoll), told(target, epoll)]).toEqual([[EPOLLIN | EPOLLOUT], []]);
  peer.send(".", { sequence: 6, ack: 1, length: 5 });
  expect([told(target, epoll), told(target, epoll)]).toEqual([[EPOLLIN | EPOLLOUT], []]);
});

test("EPOLLONESHOT tells once until it is armed again", () => {
  const { epoll, peer, target } = watching(EPOLLIN | EPOLLONESHOT);
  peer.send(".", { sequence: 1, ack: 1, length: 5 });
  expect([told(target, epoll), told(target, epoll)]).toEqual([[EPOLLIN], []]);
  call(target, { name: "epoll_ctl", epoll, operation: EPOLL_CTL_MOD, fd: 4, event: { events: EPOLLIN | EPOLLONESHOT, data: 77n } });
  expect(told(target, epoll)).toEqual([EPOLLIN]);
});

test("EPOLLEXCLUSIVE cannot be changed", () => {
  const { epoll, target } = watching(EPOLLIN | EPOLLEXCLUSIVE);
  expect(brief(target, { name: "epoll_ctl", epoll, operation: EPOLL_CTL_MOD, fd: 4, event: { events: EPOLLIN, data: 0n } })).toBe("EINVAL");
});

test("errors and the end are told of unasked", () => {
  const { epoll, peer, target } = watching(0);
  peer.send("R.", { sequence: 1, ack: 1 });
  expect(told(target, epoll)).toEqual([EPOLLERR | EPOLLHUP]);
});

test("the peer's end is told of to who asks for it", () => {
  const { epoll, peer, target } = watching(EPOLLIN | EPOLLRDHUP);
  peer.send("F.", { sequence: 1, ack: 1 });
  expect(told(target, epoll)).toEqual([EPOLLIN | EPOLLRDHUP]);
});

test("a descriptor that is closed is watched no more", () => {
  const { epoll, peer, target } = watching(EPOLLIN);
  peer.send(".", { sequence: 1, ack: 1, length: 5 });
  call(target, { name: "close", fd: 4 });
  expect(told(target, epoll)).toEqual([]);
});

test("epoll_wait and poll wait for what comes, and no longer than they are told", () => {
  const { epoll, peer, target } = watching(EPOLLIN);
  const started = target.begin({ name: "epoll_wait", epoll, count: 8, timeout: 100 });
  const polled = target.begin({ name: "poll", descriptors: [{ fd: 4, events: POLLIN }], timeout: -1 });
  expect([briefly(finish(target, started, SECOND)), started.at]).toEqual([0, 100 * MILLISECOND]);
  const again = target.begin({ name: "epoll_wait", epoll, count: 8, timeout: -1 });
  peer.send(".", { sequence: 1, ack: 1, length: 5 });
  expect(again.result).toMatchObject({ value: 1, events: [{ events: EPOLLIN, data: 77n }] });
  expect(polled.result).toMatchObject({ value: 1, revents: [POLLIN] });
});

test("SO_RCVLOWAT is what has to be there before a socket is readable", () => {
  const { epoll, peer, target } = watching(EPOLLIN);
  call(target, { name: "setsockopt", fd: 4, level: SOL_SOCKET, option: SO_RCVLOWAT, value: Uint8Array.of(10, 0, 0, 0) });
  peer.send(".", { sequence: 1, ack: 1, length: 5 });
  expect(told(target, epoll)).toEqual([]);
  peer.send(".", { sequence: 6, ack: 1, length: 5 });
  expect(told(target, epoll)).toEqual([EPOLLIN]);
});

test("a full buffer is writable again once a third of it is free", () => {
  const { epoll, peer, target } = watching(EPOLLOUT);
  call(target, { name: "setsockopt", fd: 4, level: SOL_SOCKET, option: SO_SNDBUF, value: Uint8Array.of(0x88, 0x13, 0, 0) });
  call(target, { name: "fcntl", fd: 4, command: 4, argument: 2048 });
  expect(brief(target, { name: "write", fd: 4, data: [bytes(20_000)] })).toBe(10_000);
  peer.all();
  expect(told(target, epoll)).toEqual([]);
  peer.send(".", { sequence: 1, ack: 3001 });
  expect(told(target, epoll)).toEqual([]);
  peer.send(".", { sequence: 1, ack: 4001 });
  expect(told(target, epoll)).toEqual([EPOLLOUT]);
});

test("what was sent by MSG_ZEROCOPY is told of on the error queue once it is acknowledged, several at once", () => {
  const { epoll, peer, target } = watching(EPOLLET);
  call(target, { name: "setsockopt", fd: 4, level: SOL_SOCKET, option: SO_ZEROCOPY, value: Uint8Array.of(1, 0, 0, 0) });
  const send = (): number | string => brief(target, { name: "send", fd: 4, data: bytes(1000), flags: MSG_ZEROCOPY });
  const receive = (): unknown => target.begin({ name: "recvmsg", fd: 4, lengths: [0], controlLength: 100, flags: MSG_ERRQUEUE }).result;
  expect([send(), send(), send()]).toEqual([1000, 1000, 1000]);
  peer.all();
  expect(receive()).toMatchObject({ errno: "EAGAIN" });
  peer.send(".", { sequence: 1, ack: 2001 });
  expect(told(target, epoll)).toEqual([EPOLLERR]);
  const completion = Uint8Array.of(0, 0, 0, 0, 5, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0);
  expect(receive()).toMatchObject({ value: 0, flags: MSG_ERRQUEUE, control: [{ level: SOL_IP, type: 11, data: new Uint8Array([...completion, ...new Uint8Array(16)]) }] });
  expect(told(target, epoll)).toEqual([]);
});

test("SO_TIMESTAMPING tells on the error queue when a write had left and when it was acknowledged", () => {
  const target = stack();
  const peer = accepted(target);
  // Scheduled, sent, acknowledged; ids; times of software.
  const flags = 0x100 | 0x2 | 0x200 | 0x80 | 0x10;
  call(target, { name: "setsockopt", fd: 4, level: SOL_SOCKET, option: SO_TIMESTAMPING, value: Uint8Array.of(flags & 255, flags >> 8, 0, 0) });
  call(target, { name: "write", fd: 4, data: [bytes(500)] });
  target.advance(20 * MILLISECOND);
  peer.send(".", { sequence: 1, ack: 501 });
  const next = (): unknown => {
    const { control = [], flags: answered } = call(target, { name: "recvmsg", fd: 4, lengths: [0], controlLength: 200, flags: MSG_ERRQUEUE });
    const [time, error] = control.map(({ data }) => new DataView(data.buffer, data.byteOffset));
    return [answered, time?.getUint32(8, true), error?.getUint32(0, true), error?.getUint8(4), error?.getUint32(8, true), error?.getUint32(12, true)];
  };
  const truncated = MSG_ERRQUEUE | MSG_TRUNC;
  expect([next(), next(), next()]).toEqual([
    [truncated, 0, 42, 4, 1, 499],
    [truncated, 0, 42, 4, 0, 499],
    [truncated, 20 * MILLISECOND, 42, 4, 2, 499],
  ]);
});

test("sockets that share a port by SO_REUSEPORT share what comes to it, until the last one is closed", () => {
  const target = stack();
  const peer = new WirePeer(target, { local: 8080, remote: 5000 });
  for (const fd of [3, 4]) {
    call(target, { name: "socket", domain: AF_INET, type: SOCK_STREAM, protocol: 0 });
    call(target, { name: "setsockopt", fd, level: SOL_SOCKET, option: SO_REUSEPORT, value: Uint8Array.of(1, 0, 0, 0) });
    expect(brief(target, { name: "bind", fd, address: ip4("192.168.0.1", 8080) })).toBe(0);
    expect(brief(target, { name: "listen", fd, backlog: 1 })).toBe(0);
  }
  call(target, { name: "close", fd: 3 });
  peer.send("S");
  expect(peer.all()).toEqual(["S. 0:0(0) ack 1"]);
  peer.send(".", { sequence: 1, ack: 1 });
  expect(brief(target, { name: "accept", fd: 4, flags: 0 })).toBe(3);
  call(target, { name: "close", fd: 4 });
  peer.remotePort = 5001;
  peer.send("S");
  expect(peer.all()[0]).toMatch(/^R\./);
});
