import { createSocket, Socket } from "node:dgram";
import { once } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { BatchedSockets } from "../../src/node/udp/batched-port.ts";
import { copyRun, findRun } from "../../src/node/udp/coalesce.ts";
import type { Run } from "../../src/node/udp/coalesce.ts";
import type { PathError, PortListener, UdpPort } from "../../src/node/udp/port.ts";
import { SendBatch } from "../../src/node/udp/send-batch.ts";
import { udpSystemCalls } from "../../src/node/udp/system-calls.ts";
import type { UdpSystemCalls } from "../../src/node/udp/system-calls.ts";
import { Dss, encodeTcpInUdp, IpAddress, Packet, Payload, sequenceAdd, TCP_FLAG, tcpHeaderLength, tcpInUdpLength, TcpSegment } from "../../src/wire/index.ts";

const LOCAL = IpAddress.from("127.0.0.1");
const ACK = TCP_FLAG.ACK;

/** A data segment of Multipath TCP; `segmentSize` 0: not to be cut. */
function segment(length: number, segmentSize: number, change: Partial<TcpSegment> = {}): Packet {
  const dss = new Dss();
  Object.assign(dss, { dataAckLength: 8, dataAckLow: 77, dsnLength: 8, dsnLow: 1000, subflowSequence: 1, dataLength: length });
  const tcp = Object.assign(new TcpSegment(), { sequence: 0xffff_f000, acknowledgment: 5, flags: ACK | TCP_FLAG.PSH, window: 900, hasTimestamps: true, timestampValue: 9, mptcp: [dss], segmentSize }, change);
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 7 + (i >> 8)) & 0xff;
  tcp.payload = length === 0 ? Payload.EMPTY : Payload.of(bytes);
  const packet = new Packet(LOCAL, LOCAL);
  packet.tcp = tcp;
  return packet;
}

/** The same, cut as TSO would cut it. */
function cut(packet: Packet): Packet[] {
  const { payload, segmentSize, sequence, flags } = packet.tcp as TcpSegment;
  const size = segmentSize === 0 ? payload.length || 1 : segmentSize;
  const pieces: Packet[] = [];
  for (let from = 0; from < payload.length || pieces.length === 0; from += size) {
    const isLast = from + size >= payload.length;
    const piece = packet.clone();
    Object.assign(piece.tcp as TcpSegment, {
      sequence: sequenceAdd(sequence, from),
      payload: payload.slice(from, Math.min(from + size, payload.length)),
      flags: isLast ? flags : flags & ~(TCP_FLAG.PSH | TCP_FLAG.FIN),
    });
    pieces.push(piece);
  }
  return pieces;
}

function encode(packet: Packet): Buffer {
  const bytes = Buffer.alloc(tcpInUdpLength(packet));
  encodeTcpInUdp(packet, bytes, 0);
  return bytes;
}

describe("segments that mean the same as one", () => {
  const run: Run = { count: 0, headerLength: 0, payloadLength: 0, flags: 0 };

  /** What the kernel coalesces: equally long datagrams behind each other. */
  function found(packets: readonly Packet[]): { readonly run: Run; readonly payload: Uint8Array } {
    const datagrams = packets.map(encode);
    const bytes = Buffer.concat([Buffer.alloc(3), ...datagrams, Buffer.alloc(100, 0xff)]);
    const length = datagrams[0]?.length ?? 0;
    const end = 3 + datagrams.reduce((sum, one) => sum + one.length, 0);
    findRun(bytes, 3, end, length, run);
    const payload = new Uint8Array(Math.max(0, run.payloadLength));
    copyRun(bytes, 3, length, run, payload, 0);
    return { run: { ...run }, payload };
  }

  it("are found whatever was cut, wherever the sequence numbers are", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20_000 }), fc.integer({ min: 200, max: 1460 }), fc.nat(0xffff_ffff), fc.boolean(), (length, size, sequence, fin) => {
        const packet = segment(length, size, { sequence, flags: ACK | TCP_FLAG.PSH | (fin ? TCP_FLAG.FIN : 0) });
        const { run: all, payload } = found(cut(packet));
        expect(all).toMatchObject({ count: Math.ceil(length / size), payloadLength: length, flags: packet.tcp?.flags });
        expect(Buffer.from(payload).equals((packet.tcp as TcpSegment).payload.toUint8Array())).toBe(true);
      }),
    );
  });

  const other = (change: (tcp: TcpSegment) => void): number => {
    const pieces = cut(segment(4000, 1000));
    change((pieces[2] as Packet).tcp as TcpSegment);
    return found(pieces).run.count;
  };

  it.each<[string, (tcp: TcpSegment) => void]>([
    ["another acknowledgment", (tcp) => (tcp.acknowledgment = 6)],
    ["another window", (tcp) => (tcp.window = 901)],
    ["another timestamp", (tcp) => (tcp.timestampValue = 10)],
    ["another mapping", (tcp) => Object.assign((tcp.mptcp = [Object.assign(new Dss(), tcp.mptcp[0])])[0] as Dss, { dsnLow: 3000 })],
    ["a gap", (tcp) => (tcp.sequence = sequenceAdd(tcp.sequence, 1))],
    ["a SYN", (tcp) => (tcp.flags |= TCP_FLAG.SYN)],
    ["a RST", (tcp) => (tcp.flags |= TCP_FLAG.RST)],
    ["an echo of congestion", (tcp) => (tcp.flags |= TCP_FLAG.ECE)],
  ])("end before %s", (_, change) => {
    expect(other(change)).toBe(2);
  });

  it.each([TCP_FLAG.PSH, TCP_FLAG.FIN])("end behind a segment with flag %i", (flag) => {
    expect(other((tcp) => (tcp.flags |= flag))).toBe(3);
  });

  it("are a single one without payload, behind PSH, or of what is no TCP", () => {
    expect(found([segment(0, 0), segment(0, 0)]).run.count).toBe(1);
    expect(found([segment(500, 0), segment(500, 0, { sequence: sequenceAdd(0xffff_f000, 500) })]).run.count).toBe(1);
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), fc.integer({ min: 1, max: 100 }), (bytes, length) => {
        findRun(bytes, 0, bytes.length, length, run);
        expect(run.count * length).toBeLessThan(bytes.length + length);
      }),
    );
  });
});

const calls = udpSystemCalls();

describe.skipIf(calls === null)("UDP sockets with many datagrams per system call", () => {
  const kernel = calls as UdpSystemCalls;
  /** What the peer, a socket of node:dgram, received. */
  let received: Buffer[] = [];
  let peer: Socket;
  let arrived: Packet[] = [];
  let errors: PathError[] = [];
  let rooms = 0;
  const opened: { readonly sockets: BatchedSockets; readonly ports: UdpPort[] }[] = [];
  const listener: PortListener = {
    arrived: (packet) => arrived.push(packet),
    rejected: () => {},
    erred: (error) => errors.push(error),
    batchEnd: () => {},
    room: () => rooms++,
  };

  beforeEach(async () => {
    received = [];
    arrived = [];
    errors = [];
    rooms = 0;
    peer = createSocket({ type: "udp4", recvBufferSize: 4 << 20 });
    peer.on("message", (bytes) => received.push(bytes));
    peer.bind(0, "127.0.0.1");
    await once(peer, "listening");
  });

  afterEach(async () => {
    peer.close();
    for (const { sockets, ports } of opened.splice(0)) {
      for (const port of ports) await port.close();
      await sockets.close();
    }
  });

  /** A socket whose system calls are changed by `change`. */
  function open(change: Partial<UdpSystemCalls> = {}): { readonly sockets: BatchedSockets; readonly port: UdpPort } {
    const sockets = new BatchedSockets({ ...kernel, ...change }, listener, 1500, 1 << 20);
    const port = sockets.open(LOCAL, 0);
    sockets.ref();
    opened.push({ sockets, ports: [port] });
    return { sockets, port };
  }

  function send(port: UdpPort, packet: Packet, destinationPort = peer.address().port): boolean {
    const tcp = packet.tcp as TcpSegment;
    tcp.sourcePort = port.port;
    tcp.destinationPort = destinationPort;
    return port.send(packet, tcp);
  }

  async function until(condition: () => boolean): Promise<void> {
    while (!condition()) await turn();
  }

  const concat = (packets: readonly Packet[]): Buffer => Buffer.concat(packets.map((packet) => (packet.tcp as TcpSegment).payload.toUint8Array()));

  it("cut a super-segment into the datagrams that its segments would be", async () => {
    const { sockets, port } = open();
    for (const packet of [segment(30_000, 1428), segment(1428 * 5, 1428, { flags: ACK | TCP_FLAG.FIN | TCP_FLAG.CWR }), segment(0, 0), segment(100, 0), segment(63_000, 500), segment(2000, 7)]) {
      received = [];
      expect(send(port, packet)).toBe(true);
      sockets.flush();
      const expected = cut(packet).map(encode);
      for (const datagram of expected.slice(1)) datagram[1] = (datagram[1] as number) & ~TCP_FLAG.CWR;
      await until(() => received.length >= expected.length);
      expect(received.map(String)).toEqual(expected.map(String));
    }
  });

  it("put coalesced segments together again", async () => {
    const one = open();
    const other = open();
    const packet = segment(40_000, 1400);
    send(one.port, packet, other.port.port);
    one.sockets.flush();
    await until(() => concat(arrived).length === 40_000);
    expect(concat(arrived).equals((packet.tcp as TcpSegment).payload.toUint8Array())).toBe(true);
    expect(arrived[0]?.tcp).toMatchObject({ sequence: 0xffff_f000, sourcePort: one.port.port, destinationPort: other.port.port, mptcp: [(packet.tcp as TcpSegment).mptcp[0]] });
    expect(arrived.at(-1)?.tcp?.flags).toBe(ACK | TCP_FLAG.PSH);
    expect(arrived[0]?.length).toBe(20 + tcpHeaderLength(packet.tcp as TcpSegment) + (arrived[0]?.tcp?.payload.length ?? 0));
    // What was read stays as it is while more is read into the same buffers.
    const kept = Buffer.from(concat(arrived));
    const before = arrived.slice();
    send(one.port, segment(40_000, 1400, { sequence: 1 }), other.port.port);
    one.sockets.flush();
    await until(() => concat(arrived).length === 80_000);
    expect(concat(before).equals(kept)).toBe(true);
    // Nor does it keep much else in memory, however little of it has a reader.
    for (const length of [8191, 8192, 16_000, 32_767, 32_768, 60_000]) {
      const from = arrived.length;
      send(one.port, segment(length, 1400), other.port.port);
      one.sockets.flush();
      await until(() => concat(arrived.slice(from)).length === length);
      for (const { tcp } of arrived.slice(from)) expect(tcp?.payload.bytes?.buffer.byteLength).toBeLessThanOrEqual(8 * (tcp?.payload.length ?? 0));
    }
  });

  it("wait for room when a socket takes no more, and lose nothing", async () => {
    let refusals = 3;
    let isRefused = false;
    const { port } = open({
      sendmmsg: (fd, messages, count, flags) => {
        isRefused = refusals-- > 0;
        return isRefused ? -1 : kernel.sendmmsg(fd, messages, Math.min(count, 2), flags);
      },
      errno: () => (isRefused ? EAGAIN : kernel.errno()),
    });
    const packet = segment(60_000, 1428);
    let taken = 0;
    while (send(port, packet)) taken++;
    expect(taken).toBeGreaterThan(0);
    expect(rooms).toBe(0);
    await until(() => rooms > 0);
    expect(refusals).toBeLessThanOrEqual(0);
    const expected = cut(packet).map(encode);
    await until(() => received.length === taken * expected.length);
    expect(received.slice(-expected.length).map(String)).toEqual(expected.map(String));
    expect(send(port, packet)).toBe(true);
  });

  it("do not wait for a socket that was closed", async () => {
    const { sockets, port } = open({ sendmmsg: () => -1, errno: () => EAGAIN });
    const packet = segment(60_000, 1428);
    while (send(port, packet));
    await port.close();
    await until(() => rooms > 0);
    sockets.flush();
  });

  it.each([EMSGSIZE, EINVAL, EIO])("send one by one what the kernel will not cut: error %i", async (errno) => {
    let isRefused = false;
    const { sockets, port } = open({
      sendmmsg: (fd, messages, _count, flags) => {
        const isCut = new DataView(messages.buffer, messages.byteOffset).getUint32(CONTROL_LENGTH, true) > 0;
        isRefused = isCut;
        return isCut ? -1 : kernel.sendmmsg(fd, messages, 1, flags);
      },
      errno: () => (isRefused ? errno : kernel.errno()),
    });
    const packets = [segment(10_000, 1428), segment(9000, 1428, { sequence: 1 })];
    for (const packet of packets) send(port, packet);
    sockets.flush();
    const expected = packets.flatMap(cut).map(encode);
    await until(() => received.length === expected.length);
    expect(received.map(String)).toEqual(expected.map(String));
  });

  it("lose what the kernel refuses for other reasons, and go on", async () => {
    const { sockets, port } = open({ sendmmsg: () => -1, errno: () => EPERM });
    expect(send(port, segment(10_000, 1428))).toBe(true);
    sockets.flush();
    await turn();
    expect(send(port, segment(10_000, 1428))).toBe(true);
    expect(rooms).toBe(0);
  });

  describe("what was said by ICMP stands in the way of a call,", () => {
    const failures: number[] = [];
    const sender = { fd: 1, isOpen: true, segments: true, takeErrors: () => waiting-- > 0, failed: (errno: number) => failures.push(errno) };
    /** Errors in the socket's queue. */
    let waiting = 0;

    function flush(errno: number, isRefused: () => boolean): number {
      let sent = 0;
      const batch = new SendBatch({ ...kernel, sendmmsg: (_fd, _messages, count) => (isRefused() ? -1 : ((sent += count), count)), errno: () => errno });
      for (let i = 0; i < 2; i++) batch.add(sender, 100, LOCAL, 5000 + i);
      batch.flush();
      return sent;
    }

    beforeEach(() => void failures.splice(0));

    it.each([EMSGSIZE, EACCES, EHOSTDOWN, ENOPROTOOPT])("and nothing is lost by it: error %i", (errno) => {
      waiting = 3;
      expect([flush(errno, () => waiting > 0), failures, sender.segments]).toEqual([2, [], true]);
    });

    it("and is never told as the system's own word", () => {
      waiting = 1000;
      expect([flush(EHOSTUNREACH, () => true), failures]).toEqual([0, []]);
      waiting = 0;
      expect([flush(EHOSTUNREACH, () => true), failures]).toEqual([0, [EHOSTUNREACH, EHOSTUNREACH]]);
    });
  });

  it("tell of ICMP by the peer and the beginning of the datagram that it is about, and send the next ones nonetheless", async () => {
    const { sockets, port } = open();
    const closed = createSocket("udp4");
    closed.bind(0, "127.0.0.1");
    await once(closed, "listening");
    const closedPort = closed.address().port;
    await new Promise<void>((resolve) => closed.close(() => resolve()));
    const refused = segment(100, 0, { sequence: 42 });
    // Both peers of one socket, in one batch: the error of the one stands in the way of what goes to the other.
    for (let i = 0; i < 5; i++) {
      send(port, refused, closedPort);
      send(port, segment(100, 0, { sequence: 43 + i }));
    }
    sockets.flush();
    await until(() => received.length === 5 && errors.length === 5);
    for (const error of errors) {
      expect([error.code, String(error.remote), error.remotePort]).toEqual(["ECONNREFUSED", "127.0.0.1", closedPort]);
      expect(error.port === port).toBe(true);
    }
    expect(Buffer.from((errors[0] as PathError).quote).equals(encode(refused).subarray(0, 64))).toBe(true);
    expect(arrived).toEqual([]);
  });

  it("tell of what the system itself refuses, where no route leads, by the datagram that it refused", async () => {
    const { sockets, port } = open();
    const nowhere = IpAddress.from("192.0.2.1");
    const packet = segment(100, 0, { sequence: 42 });
    packet.destination = nowhere;
    send(port, segment(100, 0));
    send(port, packet);
    send(port, segment(100, 0));
    sockets.flush();
    await until(() => received.length === 2 && errors.length === 1);
    // A socket of the loopback device has no other route.
    expect([String(errors[0]?.remote), errors[0]?.remotePort]).toEqual(["192.0.2.1", peer.address().port]);
    expect(Buffer.from((errors[0] as PathError).quote).equals(encode(packet).subarray(0, 20))).toBe(true);
  });

  it("are not looked at while nothing happens", async () => {
    let looks = 0;
    const { port } = open({ recvmmsg: (...given) => (looks++, kernel.recvmmsg(...given)) });
    peer.send(encode(segment(10, 0)), port.port, "127.0.0.1");
    await until(() => arrived.length === 1);
    const before = looks;
    for (let i = 0; i < 100; i++) await turn();
    expect(looks).toBe(before);
  });

  it("are heard of where Node has its handle elsewhere, by an error of node:dgram", async () => {
    const emit = vi.spyOn(Socket.prototype, "emit");
    const errorsOf = (): number => emit.mock.calls.filter((given) => String(given[0]) === "error").length;
    try {
      const usual = open();
      peer.send(encode(segment(10, 0)), usual.port.port, "127.0.0.1");
      await until(() => arrived.length === 1);
      // Of the error that Node would make of each wake-up there is none.
      expect(errorsOf()).toBe(0);
      const hidden = vi.spyOn(Object, "getOwnPropertySymbols").mockReturnValue([]);
      const other = open();
      hidden.mockRestore();
      peer.send(encode(segment(10, 0)), other.port.port, "127.0.0.1");
      await until(() => arrived.length === 2);
      expect(errorsOf()).toBeGreaterThan(0);
    } finally {
      emit.mockRestore();
    }
  });
});

/** Linux' numbers. */
const EPERM = 1;
const EIO = 5;
const EAGAIN = 11;
const EACCES = 13;
const EINVAL = 22;
const EMSGSIZE = 90;
const ENOPROTOOPT = 92;
const EHOSTDOWN = 112;
const EHOSTUNREACH = 113;
/** Of `msg_controllen` in `struct mmsghdr`. */
const CONTROL_LENGTH = 40;
