import { describe, expect, test } from "vitest";
import { CONSTANTS } from "../../../src/drill/system/index.ts";
import { accepted, brief, briefly, bytes, call, finish, ip4, ip6, listening, MILLISECOND, SECOND, stack, WirePeer } from "./wire-peer.ts";

const { AF_INET, AF_INET6, IPPROTO_TCP, MSG_MORE, SOCK_STREAM, SOCK_NONBLOCK, SHUT_WR, SO_ERROR, SO_KEEPALIVE, SO_SNDBUF, SOL_SOCKET, SOL_TCP, TCP_CORK, TCP_NODELAY } = CONSTANTS;

describe.each([4, 6] as const)("a listener of IPv%i", (family) => {
  test("answers a SYN, and a blocking accept returns at the third ACK", () => {
    const target = stack();
    const peer = listening(target, family);
    const started = target.begin({ name: "accept", fd: 3, flags: 0 });
    expect(started.result).toBeNull();
    peer.send("S", { syn: { maximumSegmentSize: 1000 } });
    expect(peer.all()).toEqual(["S. 0:0(0) ack 1"]);
    target.advance(10 * MILLISECOND);
    expect(started.result).toBeNull();
    peer.send(".", { sequence: 1, ack: 1 });
    expect([started.result?.value, started.at]).toEqual([4, 10 * MILLISECOND]);
    expect(started.result?.address).toEqual(family === 4 ? ip4("192.0.2.1", 5000) : ip6("fd3d:fa7b:d17d::1", 5000));
  });

  test("data goes both ways, and the ends close one after the other", () => {
    const target = stack();
    const peer = accepted(target, family);
    expect(brief(target, { name: "write", fd: 4, data: [bytes(100)] })).toBe(100);
    expect(peer.all()).toEqual(["P. 1:101(100) ack 1"]);
    peer.send(".", { sequence: 1, ack: 101, length: 50 });
    expect(call(target, { name: "read", fd: 4, lengths: [1000] })).toMatchObject({ value: 50, data: Uint8Array.from({ length: 50 }, (_, at) => at + 1) });
    target.advance(50 * MILLISECOND);
    peer.all();
    peer.send("F.", { sequence: 51, ack: 101 });
    expect(brief(target, { name: "read", fd: 4, lengths: [1000] })).toBe(0);
    expect(brief(target, { name: "close", fd: 4 })).toBe(0);
    expect(peer.all().at(-1)).toBe("F. 101:101(0) ack 52");
  });
});

describe.each([4, 6] as const)("connect over IPv%i", (family) => {
  const address = family === 4 ? ip4("192.0.2.1", 8080) : ip6("fd3d:fa7b:d17d::1", 8080);
  const domain = family === 4 ? AF_INET : AF_INET6;

  test("blocks until the SYN is answered", () => {
    const target = stack();
    call(target, { name: "socket", domain, type: SOCK_STREAM, protocol: IPPROTO_TCP });
    const started = target.begin({ name: "connect", fd: 3, address });
    const peer = new WirePeer(target, { local: 0, remote: 0 }, family);
    expect(peer.all()).toEqual(["S 0:0(0)"]);
    peer.send("S.", { ack: 1, syn: { maximumSegmentSize: 1000 } });
    expect(briefly(started.result)).toBe(0);
    expect(peer.all()).toEqual([". 1:1(0) ack 1"]);
  });

  test("without blocking it is in progress, then already, then done, then connected", () => {
    const target = stack();
    call(target, { name: "socket", domain, type: SOCK_STREAM | SOCK_NONBLOCK, protocol: IPPROTO_TCP });
    const connect = (): number | string => brief(target, { name: "connect", fd: 3, address });
    const peer = new WirePeer(target, { local: 0, remote: 0 }, family);
    expect([connect(), connect()]).toEqual(["EINPROGRESS", "EALREADY"]);
    peer.all();
    peer.send("S.", { ack: 1 });
    expect([connect(), connect()]).toEqual([0, "EISCONN"]);
  });

  test("a RST refuses it, once", () => {
    const target = stack();
    call(target, { name: "socket", domain, type: SOCK_STREAM | SOCK_NONBLOCK, protocol: IPPROTO_TCP });
    const peer = new WirePeer(target, { local: 0, remote: 0 }, family);
    expect(brief(target, { name: "connect", fd: 3, address })).toBe("EINPROGRESS");
    peer.all();
    peer.send("R.", { ack: 1 });
    const { option } = call(target, { name: "getsockopt", fd: 3, level: SOL_SOCKET, option: SO_ERROR, value: new Uint8Array(4) });
    expect(option).toEqual(Uint8Array.of(111, 0, 0, 0));
    expect(brief(target, { name: "read", fd: 3, lengths: [10] })).toBe(0);
  });

  test("nobody answers: it times out after the retries of the SYN", () => {
    const target = stack();
    target.command(["sysctl", "-q", "net.ipv4.tcp_syn_retries=2"]);
    call(target, { name: "socket", domain, type: SOCK_STREAM, protocol: IPPROTO_TCP });
    const started = target.begin({ name: "connect", fd: 3, address });
    expect([briefly(finish(target, started, 60 * SECOND)), started.at]).toEqual(["ETIMEDOUT", 7 * SECOND]);
  });
});

test("what was not read is answered by RST at close", () => {
  const target = stack();
  const peer = accepted(target);
  peer.send(".", { sequence: 1, ack: 1, length: 50 });
  peer.all();
  expect(brief(target, { name: "close", fd: 4 })).toBe(0);
  expect(peer.all()).toEqual(["R. 1:1(0) ack 51"]);
});

test("after shutdown of writing nothing can be written, and what comes can be read", () => {
  const target = stack();
  const peer = accepted(target);
  expect(brief(target, { name: "shutdown", fd: 4, how: SHUT_WR })).toBe(0);
  expect(peer.all()).toEqual(["F. 1:1(0) ack 1"]);
  expect(brief(target, { name: "write", fd: 4, data: [bytes(1)] })).toBe("EPIPE");
  peer.send(".", { sequence: 1, ack: 2, length: 50 });
  expect(brief(target, { name: "read", fd: 4, lengths: [1000] })).toBe(50);
});

test("after a RST the error is given once, then the end", () => {
  const target = stack();
  const peer = accepted(target);
  peer.send(".", { sequence: 1, ack: 1, length: 50 });
  peer.send("R", { sequence: 51 });
  const read = (): number | string => brief(target, { name: "read", fd: 4, lengths: [1000] });
  expect([read(), read(), read()]).toEqual([50, "ECONNRESET", 0]);
  expect(brief(target, { name: "write", fd: 4, data: [bytes(1)] })).toBe("EPIPE");
});

test("a blocking write returns once there was room for all of it", () => {
  const target = stack();
  const peer = accepted(target);
  const started = target.begin({ name: "write", fd: 4, data: [bytes(300_000)] });
  expect(started.result).toBeNull();
  let acknowledged = 0;
  for (let rounds = 0; rounds < 1000 && started.result === null; rounds++) {
    for (const packet of peer.all()) acknowledged = Math.max(acknowledged, Number(/:(\d+)\(/.exec(packet)?.[1]));
    peer.send(".", { sequence: 1, ack: acknowledged });
    target.advance(target.now + MILLISECOND);
  }
  expect(started.result?.value).toBe(300_000);
});

test("an option that says nothing about the window sends nothing", () => {
  const target = stack();
  const peer = accepted(target);
  for (const [level, option] of [[SOL_TCP, TCP_NODELAY], [SOL_TCP, TCP_CORK], [SOL_SOCKET, SO_SNDBUF], [SOL_SOCKET, SO_KEEPALIVE]] as const) {
    expect(brief(target, { name: "setsockopt", fd: 4, level, option, value: Uint8Array.of(1, 0, 0, 0) })).toBe(0);
  }
  expect(peer.all()).toEqual([]);
});

test("MSG_MORE and TCP_CORK hold back what does not fill a segment until more comes", () => {
  const target = stack();
  const peer = accepted(target);
  expect(brief(target, { name: "send", fd: 4, data: bytes(400), flags: MSG_MORE })).toBe(400);
  expect(peer.all()).toEqual([]);
  expect(brief(target, { name: "send", fd: 4, data: bytes(700), flags: MSG_MORE })).toBe(700);
  expect(peer.all()).toEqual([". 1:1001(1000) ack 1"]);
  expect(brief(target, { name: "send", fd: 4, data: bytes(10), flags: 0 })).toBe(10);
  peer.send(".", { sequence: 1, ack: 1001 });
  expect(peer.all()).toEqual(["P. 1001:1111(110) ack 1"]);
});

test("a socket that is closed before its SYN was answered knows nothing of the answer", () => {
  const target = stack();
  call(target, { name: "socket", domain: AF_INET, type: SOCK_STREAM | SOCK_NONBLOCK, protocol: IPPROTO_TCP });
  call(target, { name: "connect", fd: 3, address: ip4("192.0.2.1", 8080) });
  const peer = new WirePeer(target, { local: 0, remote: 0 });
  peer.all();
  expect(brief(target, { name: "close", fd: 3 })).toBe(0);
  peer.send("S.", { ack: 1 });
  expect(peer.all()).toEqual(["R 1:1(0)"]);
});

test("a socket that is closed while a write waits ends when the write returns, as in Linux", () => {
  const target = stack();
  const peer = accepted(target, 4);
  call(target, { name: "setsockopt", fd: 4, level: SOL_SOCKET, option: SO_SNDBUF, value: Uint8Array.from([0, 32, 0, 0]) });
  const started = target.begin({ name: "write", fd: 4, data: [bytes(100_000)] });
  peer.all();
  expect([brief(target, { name: "close", fd: 4 }), brief(target, { name: "close", fd: 4 }), started.result]).toEqual([0, "EBADF", null]);
  peer.send(".", { sequence: 1, ack: 1, window: 60_000 });
  expect(peer.all().filter((segment) => segment.startsWith("F"))).toEqual([]);
  peer.send("R.", { sequence: 1, ack: 1 });
  expect(started.result?.value).toBeGreaterThan(0);
  // Nothing is left of it.
  target.advance(target.now + 60 * SECOND);
  expect(peer.all()).toEqual([]);
  target.close();
});
