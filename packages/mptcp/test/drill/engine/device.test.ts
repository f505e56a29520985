import { expect, test } from "vitest";
import { CONSTANTS, MPTCP_INFO_FIELDS, readStructure, TCP_INFO_FIELDS } from "../../../src/drill/system/index.ts";
import type { Target } from "../../../src/drill/system/index.ts";
import { decodePacket, IpAddress, Packet, packetLength, encodePacket, icmpUnreachable } from "../../../src/wire/index.ts";
import { accepted, brief, bytes, call, int32, ip4, ip6, listening, MILLISECOND, stack } from "./wire-peer.ts";

const {
  AF_INET, AF_INET6, IP_RECVERR, IP_TOS, IP_TTL, IPPROTO_MPTCP, IPPROTO_TCP, MPTCP_INFO, MPTCP_TCPINFO, MSG_ERRQUEUE, MSG_PEEK, SO_PROTOCOL, SOCK_DGRAM, SOCK_NONBLOCK, SOCK_STREAM, SOL_IP, SOL_MPTCP, SOL_SOCKET, SOL_TCP,
  TCP_INFO,
} = CONSTANTS;

function counters(target: Target, pattern: string): Record<string, number> {
  const parsed = JSON.parse(target.command(["nstat", "-aj", pattern]).output) as { readonly kernel: Record<string, number> };
  return parsed.kernel;
}

test.each([
  ["the checksum of TCP", 36, { TcpInErrs: 1, TcpInCsumErrors: 1 }, "Tcp*"],
  ["the checksum of IPv4", 10, { IpInReceives: 1, IpInHdrErrors: 1 }, "Ip[IO]*"],
])("a packet with %s wrong is dropped and counted", (_, at, counted, pattern) => {
  const target = stack();
  const octets = listening(target).octets("S");
  octets[at] = ((octets[at] ?? 0) + 1) & 255;
  target.inject(octets);
  expect(target.take()).toBeNull();
  expect(counters(target, pattern === "Tcp*" ? "Tcp*" : "IpIn*")).toEqual(counted);
});

test("what is for another address is dropped and counted", () => {
  const target = stack({}, { local: ["192.168.7.7/16"] });
  const peer = listening(stack());
  target.inject(peer.octets("S"));
  expect(target.take()).toBeNull();
  expect(counters(target, "IpIn*")).toEqual({ IpInReceives: 1, IpInAddrErrors: 1 });
});

test("with a device that segments, packets may be larger than the MSS, and say what they stand for", () => {
  const target = stack({}, { segmentation: true });
  const peer = accepted(target);
  call(target, { name: "write", fd: 4, data: [bytes(5000)] });
  const packet = target.take();
  expect([packet?.octets.length, packet?.segmentSize]).toEqual([5040, 1000]);
  expect(peer.all()).toEqual([]);
  const alone = stack({}, { segmentation: false });
  accepted(alone);
  call(alone, { name: "write", fd: 4, data: [bytes(5000)] });
  expect([alone.take()?.octets.length, alone.take()?.segmentSize]).toEqual([1040, 0]);
});

test("TTL and TOS that are set on a listener are those of its answers and of connections to come", () => {
  const target = stack();
  call(target, { name: "socket", domain: AF_INET, type: SOCK_STREAM, protocol: 0 });
  for (const [option, value] of [[IP_TTL, 9], [IP_TOS, 0x28]] as const) call(target, { name: "setsockopt", fd: 3, level: SOL_IP, option, value: int32(value) });
  call(target, { name: "bind", fd: 3, address: ip4("192.168.0.1", 8080) });
  call(target, { name: "listen", fd: 3, backlog: 1 });
  target.inject(listening(stack()).octets("S"));
  const octets = target.take()?.octets ?? new Uint8Array(20);
  expect([octets[1], octets[8]]).toEqual([0x28, 9]);
});

test("TCP_INFO tells of the connection as far as the buffer is long", () => {
  const target = stack();
  const peer = accepted(target);
  call(target, { name: "write", fd: 4, data: [bytes(2500)] });
  peer.all();
  const info = (length: number): Uint8Array => call(target, { name: "getsockopt", fd: 4, level: SOL_TCP, option: TCP_INFO, value: new Uint8Array(length) }).option ?? new Uint8Array(0);
  expect(info(10).length).toBe(10);
  const fields = readStructure(TCP_INFO_FIELDS, info(500));
  expect(Object.fromEntries(["tcpi_state", "tcpi_unacked", "tcpi_snd_mss", "tcpi_snd_cwnd", "tcpi_bytes_sent"].map((name) => [name, Number(fields.get(name))]))).toEqual({
    tcpi_state: 1, tcpi_unacked: 3, tcpi_snd_mss: 1000, tcpi_snd_cwnd: 10, tcpi_bytes_sent: 2500,
  });
});

test("a peer without Multipath TCP makes a listener's connection one of plain TCP", () => {
  const target = stack();
  const peer = listening(target, 4, IPPROTO_MPTCP);
  peer.send("S");
  peer.all();
  peer.send(".", { sequence: 1, ack: 1 });
  expect(brief(target, { name: "accept", fd: 3, flags: 0 })).toBe(4);
  expect(call(target, { name: "getsockopt", fd: 4, level: SOL_SOCKET, option: SO_PROTOCOL, value: new Uint8Array(4) }).option).toEqual(int32(IPPROTO_TCP));
  expect(brief(target, { name: "getsockopt", fd: 4, level: SOL_MPTCP, option: MPTCP_INFO, value: new Uint8Array(100) })).toBe("EOPNOTSUPP");
});

test("a socket of Multipath TCP asks for it, and tells of its subflows", () => {
  const target = stack();
  call(target, { name: "socket", domain: AF_INET, type: SOCK_STREAM | SOCK_NONBLOCK, protocol: IPPROTO_MPTCP });
  expect(brief(target, { name: "connect", fd: 3, address: ip4("192.0.2.1", 8080) })).toBe("EINPROGRESS");
  const syn = decodePacket(target.take()?.octets ?? new Uint8Array(0), 0, 64);
  expect(typeof syn === "string" ? syn : syn.tcp?.mptcp.length).toBe(1);
  const { option } = call(target, { name: "getsockopt", fd: 3, level: SOL_MPTCP, option: MPTCP_INFO, value: new Uint8Array(100) });
  expect(readStructure(MPTCP_INFO_FIELDS, option ?? new Uint8Array(0)).get("mptcpi_subflows_max")).toBe(2n);
  const asked = new Uint8Array(16 + 300);
  new DataView(asked.buffer).setUint32(0, 16, true);
  new DataView(asked.buffer).setUint32(12, 250, true);
  const told = call(target, { name: "getsockopt", fd: 3, level: SOL_MPTCP, option: MPTCP_TCPINFO, value: asked }).option ?? new Uint8Array(0);
  // One subflow, in SYN-SENT.
  expect([new DataView(told.buffer).getUint32(4, true), told[16]]).toEqual([1, 2]);
});

test.each([[4, AF_INET, ip4("192.168.0.1", 9), ip4("192.0.2.1", 7)], [6, AF_INET6, ip6("fd3d:a0b:17d6::1", 9), ip6("fd3d:fa7b:d17d::1", 7)]] as const)(
  "datagrams over IPv%i come and go, each as a whole",
  (_family, domain, local, remote) => {
    const target = stack();
    call(target, { name: "socket", domain, type: SOCK_DGRAM, protocol: 0 });
    call(target, { name: "bind", fd: 3, address: local });
    const started = target.begin({ name: "recvfrom", fd: 3, length: 3, flags: 0 });
    expect(brief(target, { name: "sendto", fd: 3, data: bytes(5), flags: 0, address: remote })).toBe(5);
    const sent = target.take()?.octets ?? new Uint8Array(0);
    // The answer is what was sent, with its ends exchanged.
    target.inject(answerOf(sent));
    expect(started.result).toEqual({ value: 3, errno: null, data: bytes(3), address: remote });
    target.inject(answerOf(sent));
    expect(brief(target, { name: "recv", fd: 3, length: 10, flags: MSG_PEEK })).toBe(5);
    expect(brief(target, { name: "recv", fd: 3, length: 10, flags: 0 })).toBe(5);
  },
);

test("an ICMP error about a datagram is on the error queue of who asked for it, and is told once", () => {
  const target = stack();
  call(target, { name: "socket", domain: AF_INET, type: SOCK_DGRAM | SOCK_NONBLOCK, protocol: 0 });
  call(target, { name: "setsockopt", fd: 3, level: SOL_IP, option: IP_RECVERR, value: int32(1) });
  call(target, { name: "connect", fd: 3, address: ip4("192.0.2.1", 7) });
  call(target, { name: "send", fd: 3, data: bytes(5), flags: 0 });
  const sent = target.take()?.octets ?? new Uint8Array(0);
  const packet = decodePacket(sent, 0, sent.length);
  if (typeof packet === "string") throw new Error(packet);
  target.inject(octetsOf(icmpUnreachable(packet, IpAddress.from("192.0.2.1"), "port") as Packet));
  expect(brief(target, { name: "recv", fd: 3, length: 10, flags: 0 })).toBe("ECONNREFUSED");
  expect(brief(target, { name: "recv", fd: 3, length: 10, flags: 0 })).toBe("EAGAIN");
  const { control, data } = call(target, { name: "recvmsg", fd: 3, lengths: [10], controlLength: 100, flags: MSG_ERRQUEUE });
  expect(data).toEqual(bytes(5));
  expect(Array.from(control?.[0]?.data.subarray(0, 7) ?? [])).toEqual([111, 0, 0, 0, 2, 3, 3]);
});

test("a datagram to a port that nobody has is answered by an ICMP error", () => {
  const target = stack();
  call(target, { name: "socket", domain: AF_INET, type: SOCK_DGRAM, protocol: 0 });
  call(target, { name: "sendto", fd: 3, data: bytes(5), flags: 0, address: ip4("192.0.2.1", 7) });
  const answer = answerOf(target.take()?.octets ?? new Uint8Array(0));
  call(target, { name: "close", fd: 3 });
  target.inject(answer);
  expect(target.take()?.octets.subarray(20, 22)).toEqual(Uint8Array.of(3, 3));
});

test("the same calls and packets have the same octets leave, and another seed others", () => {
  const run = (seed: number): string => {
    const target = stack({ seed });
    accepted(target);
    call(target, { name: "socket", domain: AF_INET, type: SOCK_STREAM | SOCK_NONBLOCK, protocol: IPPROTO_MPTCP });
    call(target, { name: "connect", fd: 5, address: ip4("192.0.2.1", 8080) });
    return String(target.take()?.octets);
  };
  expect(run(3)).toBe(run(3));
  expect(run(3)).not.toBe(run(4));
});

test("what is decided is told once, as lines, as the caller describes it", () => {
  const target = stack({ describe: (event) => event.kind });
  accepted(target);
  expect(target.explain()).toEqual(["tcp_state", "tcp_state"]);
  expect(target.explain()).toEqual([]);
  const plain = stack();
  accepted(plain);
  expect(plain.explain()[0]).toBe("0 tcp_state from=CLOSED to=SYN-RECEIVED");
});

test("time goes on as far as it is told, or until something left", () => {
  const target = stack();
  const peer = accepted(target);
  call(target, { name: "write", fd: 4, data: [bytes(10)] });
  peer.all();
  target.advance(10 * MILLISECOND);
  expect(target.now).toBe(10 * MILLISECOND);
  target.advance(10_000 * MILLISECOND);
  // The probe of the tail, or the retransmission.
  expect(target.now).toBeLessThan(1100 * MILLISECOND);
  expect(peer.all()).toEqual(["P. 1:11(10) ack 1"]);
});

/** A datagram with its ends exchanged, which leaves every checksum as it was. */
function answerOf(octets: Uint8Array): Uint8Array {
  const isV4 = (octets[0] ?? 0) >> 4 === 4;
  const [at, size, header] = isV4 ? [12, 4, 20] : [8, 16, 40];
  const answer = octets.slice();
  answer.set(octets.subarray(at + size, at + 2 * size), at);
  answer.set(octets.subarray(at, at + size), at + size);
  answer.set(octets.subarray(header + 2, header + 4), header);
  answer.set(octets.subarray(header, header + 2), header + 2);
  return answer;
}

function octetsOf(packet: Packet): Uint8Array {
  const octets = new Uint8Array(packetLength(packet));
  encodePacket(packet, octets, 0);
  return octets;
}
