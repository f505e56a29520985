import { setImmediate as turn } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { BatchedSockets } from "../../../src/node/udp/batched-port.ts";
import type { UdpPort } from "../../../src/node/udp/port.ts";
import { createSeal, SEALED_OVERHEAD } from "../../../src/node/udp/sealed/index.ts";
import { udpSystemCalls } from "../../../src/node/udp/system-calls.ts";
import type { UdpSystemCalls } from "../../../src/node/udp/system-calls.ts";
import { Dss, IpAddress, Packet, Payload, sequenceAdd, TCP_FLAG, tcpHeaderLength, TcpSegment } from "../../../src/wire/index.ts";
import { KEY } from "./ends.ts";

const LOCAL = IpAddress.from("127.0.0.1");
const calls = udpSystemCalls();

function segment(length: number, segmentSize: number, sequence = 1): Packet {
  const dss = Object.assign(new Dss(), { dataAckLength: 8, dataAckLow: 77, dsnLength: 8, dsnLow: 1000, subflowSequence: 1, dataLength: length });
  const tcp = Object.assign(new TcpSegment(), { sequence, acknowledgment: 5, flags: TCP_FLAG.ACK, window: 900, mptcp: [dss], segmentSize });
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 7 + (i >> 8)) & 0xff;
  tcp.payload = Payload.of(bytes);
  const packet = new Packet(LOCAL, LOCAL);
  packet.tcp = tcp;
  return packet;
}

interface Opened {
  readonly sockets: BatchedSockets;
  readonly port: UdpPort;
  readonly arrived: Packet[];
  readonly seal: ReturnType<typeof createSeal>;
  rejected: number;
}

const opened: Opened[] = [];

afterEach(async () => {
  for (const { sockets, port } of opened.splice(0)) {
    await port.close();
    await sockets.close();
  }
});

function open(change: Partial<UdpSystemCalls> = {}): Opened {
  const arrived: Packet[] = [];
  const seal = createSeal(KEY, []);
  const listener = { arrived: (packet: Packet) => arrived.push(packet), rejected: () => made.rejected++, erred: () => {}, batchEnd: () => {}, room: () => {} };
  const sockets = new BatchedSockets({ ...(calls as UdpSystemCalls), ...change }, listener, 1500, 1 << 20, seal);
  const made: Opened = { sockets, port: sockets.open(LOCAL, 0), arrived, seal, rejected: 0 };
  sockets.ref();
  opened.push(made);
  return made;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

function send(from: Opened, to: Opened, packet: Packet): void {
  const tcp = packet.tcp as TcpSegment;
  tcp.sourcePort = from.port.port;
  tcp.destinationPort = to.port.port;
  expect(from.port.send(packet, tcp)).toBe(true);
  from.sockets.flush();
}

const octetsOf = (packets: readonly Packet[]): number => packets.reduce((sum, { tcp }) => sum + (tcp?.payload.length ?? 0), 0);

describe.skipIf(calls === null)("batches of sealed datagrams", () => {
  it("wait for the handshake, super-segments too, and are put together again on arrival", async () => {
    const [one, other] = [open(), open()];
    for (const length of [30_000, 40_000, 1]) {
      other.arrived.length = 0;
      const packet = segment(length, 1400);
      send(one, other, packet);
      await until(() => octetsOf(other.arrived) === length);
      expect(Buffer.concat(other.arrived.map(({ tcp }) => tcp?.payload.toUint8Array() ?? new Uint8Array(0))).equals(packet.tcp?.payload.toUint8Array() ?? new Uint8Array(0))).toBe(true);
    }
    expect(other.rejected).toBe(0);
    expect(one.seal.counters.sessions).toBe(1);
  });

  it("lose what was changed on the way, and nothing beside it", async () => {
    const changed: number[] = [];
    const one = open({
      sendmmsg: (...given) => {
        const { bytes } = one.sockets.batch;
        for (const at of changed.splice(0)) bytes[at] = (bytes[at] as number) ^ 4;
        return (calls as UdpSystemCalls).sendmmsg(...given);
      },
    });
    const other = open();
    send(one, other, segment(100, 0));
    await until(() => other.arrived.length === 1);
    other.arrived.length = 0;
    const packet = segment(28_000, 1400, 5000);
    const length = 1400 + tcpHeaderLength(packet.tcp as TcpSegment) - 8 + SEALED_OVERHEAD;
    // The first of a run, two in the middle, in header and tag, and the last.
    changed.push(30, 5 * length + 9, 6 * length + length - 1, 19 * length + 500);
    send(one, other, packet);
    await until(() => octetsOf(other.arrived) === 16 * 1400 && other.rejected === 4);
    const bytes = packet.tcp?.payload.toUint8Array() ?? new Uint8Array(0);
    const got = new Set<number>();
    for (const { tcp } of other.arrived) {
      const at = sequenceAdd(tcp?.sequence ?? 0, -5000);
      expect(Buffer.from(tcp?.payload.toUint8Array() ?? []).equals(bytes.subarray(at, at + (tcp?.payload.length ?? 0)))).toBe(true);
      for (let i = at; i < at + (tcp?.payload.length ?? 0); i += 1400) got.add(i / 1400);
    }
    expect([0, 5, 6, 19].some((i) => got.has(i))).toBe(false);
    expect(got.size).toBe(16);
    expect(other.seal.counters.forged).toBe(4);
  });
});
