import { afterEach, describe, expect, it } from "vitest";
import { systemCalls } from "../../src/node/tun/system-calls.ts";
import type { SystemCalls } from "../../src/node/tun/system-calls.ts";
import { TunDevice } from "../../src/node/tun/device.ts";
import { TunLink } from "../../src/node/tun/tun-link.ts";
import { checksumIsGood, VNET_HEADER_LENGTH, writeVnetHeader } from "../../src/node/tun/vnet-header.ts";
import { IpAddress, Packet, Payload, TcpSegment } from "../../src/wire/index.ts";
import { NO_CONNECTIONS } from "./memory-link.ts";
import { kernelTestObstacle, Namespace } from "./namespace.ts";

function headerOf(packet: Packet, mtu: number): number[] {
  const target = new Uint8Array(VNET_HEADER_LENGTH).fill(0xee);
  writeVnetHeader(packet, mtu, target, 0);
  return [...target];
}

function segment(length: number, segmentSize = 0, family: 4 | 6 = 4): Packet {
  const [source, destination] = family === 4 ? ["10.0.0.1", "10.0.0.2"] : ["fd00::1", "fd00::2"];
  const packet = new Packet(IpAddress.from(source as string), IpAddress.from(destination as string));
  packet.tcp = new TcpSegment();
  packet.tcp.payload = Payload.virtual(length);
  packet.tcp.segmentSize = segmentSize;
  return packet;
}

describe("the header before packets of a device", () => {
  it("leaves the checksum of a segment to the device", () => {
    expect(headerOf(segment(100), 1500)).toEqual([1, 0, 0, 0, 0, 0, 20, 0, 16, 0]);
    expect(headerOf(segment(100, 0, 6), 1500)).toEqual([1, 0, 0, 0, 0, 0, 40, 0, 16, 0]);
  });

  it("asks for segments that fit the link, or are as small as the sender says", () => {
    expect(headerOf(segment(5000), 1500)).toEqual([1, 1, 40, 0, 1460 & 255, 1460 >> 8, 20, 0, 16, 0]);
    expect(headerOf(segment(5000, 488), 1500)).toEqual([1, 1, 40, 0, 488 & 255, 488 >> 8, 20, 0, 16, 0]);
    expect(headerOf(segment(5000, 1400, 6), 1280)).toEqual([1, 4, 60, 0, 1220 & 255, 1220 >> 8, 40, 0, 16, 0]);
    expect(headerOf(segment(488, 488), 1500)[1]).toBe(0);
  });

  it("says nothing of other packets", () => {
    const packet = segment(0);
    packet.tcp = null;
    packet.icmp = { type: 8, code: 0, word: 0, body: new Uint8Array(0) };
    expect(headerOf(packet, 1500)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  });

  it("tells which checksums need no look", () => {
    expect([0, 1, 2, 3].map((flags) => checksumIsGood(Uint8Array.of(flags), 0))).toEqual([false, true, true, true]);
  });
});

/** The real calls, but for some. */
async function patched(change: (calls: SystemCalls, fail: (errno: number) => number) => Partial<SystemCalls>): Promise<SystemCalls> {
  const real = await systemCalls();
  let errno = 0;
  const fail = (value: number): number => {
    errno = value;
    return -1;
  };
  return { ...real, errno: () => (errno === 0 ? real.errno() : errno), ...change(real, fail) };
}

let namespace: Namespace | null = null;

afterEach(async () => {
  await namespace?.close();
  namespace = null;
});

const DEVICE = { offload: true, multiQueue: false, namespace: null };

describe.skipIf(process.platform !== "linux")("what the system refuses", () => {
  it.skipIf(kernelTestObstacle() !== null)("names the remedy to who may not make devices", async () => {
    const calls = await patched((_real, fail) => ({ ioctl: () => fail(1) }));
    expect(() => TunDevice.open(calls, { ...DEVICE, name: "mptcp-t%d" }, () => {})).toThrow(expect.objectContaining({ code: "ERR_MPTCP_TUN_PERMISSION" }));
  });

  it.skipIf(kernelTestObstacle() !== null)("goes on with plain packets where there are no offloads", async () => {
    const flagsOf = (request: Uint8Array): number => new DataView(request.buffer, request.byteOffset).getUint16(16, true);
    const calls = await patched((real, fail) => ({ ioctl: (fd, request, argument) => ((flagsOf(argument) & 0x4000) !== 0 ? fail(22) : real.ioctl(fd, request, argument)) }));
    const link = new TunLink(calls, { name: "mptcp-t%d", host: "10.199.1.2" });
    expect(link.segmentationLimit).toBe(0);
    await link.close();
  });

  it.skipIf(kernelTestObstacle() !== null)("waits for a full device, and sends what it had taken", async () => {
    namespace = new Namespace();
    let writes = 0;
    const calls = await patched((_real, fail) => ({
      write: () => {
        writes++;
        return fail(11);
      },
    }));
    const link = new TunLink(calls, { name: "mptcp-t%d", host: "10.199.1.2", kernel: "10.199.1.1/24", namespace: namespace.path });
    link.ref();
    const isRoom = new Promise<void>((resolve) => link.start({ connections: NO_CONNECTIONS, receive() {}, batchEnd() {}, failed() {}, room: resolve }));
    expect(link.send(segment(10))).toBe(true);
    expect(link.send(segment(10))).toBe(false);
    expect(link.send(segment(10))).toBe(false);
    expect(writes).toBe(1);
    await isRoom;
    expect(link.send(segment(10))).toBe(true);
    expect(link.counters).toMatchObject({ blocked: 2, packetsOut: 2 });
    await link.close();
  });
});
