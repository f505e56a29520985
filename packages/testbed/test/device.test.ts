import { afterEach, describe, expect, it } from "vitest";
import { icmpTooBig, icmpUnreachable, IpAddress, Packet, PROTOCOL, TcpSegment, Payload } from "mptcp/wire";
import type { Wiring } from "mptcp/drill";
import { AF_INET6, Bench, IPPROTO_TCP, MS, obstacle, SOCK_DGRAM, SOCK_NONBLOCK, SOCK_STREAM, SO_ERROR, SOL_SOCKET, WIRING } from "./bench.ts";

let bench: Bench;
afterEach(() => bench?.close());

/** A connection on which the stack has just sent `length` octets: their packets. */
function sent(wiring: Wiring, family: 4 | 6, length: number): Bench["target"]["take"] extends () => infer P ? NonNullable<P>[] : never {
  bench = new Bench(wiring, family);
  const { fd } = bench.accepted();
  bench.fd({ name: "write", fd, data: [new Uint8Array(length)] });
  const packets = [bench.next()];
  for (let packet = bench.target.take(); packet !== null; packet = bench.target.take()) packets.push(packet);
  return packets;
}

const payloads = (packets: readonly { readonly octets: Uint8Array }[], family: 4 | 6): number[] => packets.map(({ octets }) => octets.length - (family === 4 ? 40 : 60));

describe.skipIf(obstacle !== null)("the device", () => {
  it.each([4, 6] as const)("hands over super-segments whole, with the size of each segment, over IPv%d", (family) => {
    const packets = sent(WIRING, family, 4500);
    expect(payloads(packets, family)).toEqual([4500]);
    expect(packets.map(({ segmentSize }) => segmentSize)).toEqual([1000]);
  });

  it.each([4, 6] as const)("hands over segments alone where there is no segmentation, over IPv%d", (family) => {
    const packets = sent({ ...WIRING, segmentation: false }, family, 3500);
    expect(payloads(packets, family)).toEqual([1000, 1000, 1000, 500]);
    expect(packets.every(({ segmentSize }) => segmentSize === 0)).toBe(true);
  });

  it.each([4, 6] as const)("has nothing leave that no call caused, over IPv%d", (family) => {
    bench = new Bench(WIRING, family);
    bench.target.advance(300 * MS);
    expect([bench.target.take(), bench.target.now >= 300 * MS]).toEqual([null, true]);
  });

  it("answers for its addresses of IPv6 from the first packet on", () => {
    for (let i = 0; i < 20; i++) {
      bench = new Bench(WIRING, 6);
      bench.arrive({ flags: "S", sequence: 1 });
      const { octets } = bench.target.take() ?? {};
      expect([i, octets?.length]).toEqual([i, 60]);
      bench.close();
    }
  });

  it("has the MTU that it is given", () => {
    bench = new Bench({ ...WIRING, mtu: 1280 });
    const fd = bench.socket(IPPROTO_TCP, SOCK_STREAM | SOCK_NONBLOCK);
    bench.do({ name: "connect", fd, address: bench.at(bench.remote, 80) });
    expect(bench.segment().maximumSegmentSize).toBe(1240);
  });

  it("carries ICMP: what is unreachable, and what is too big", () => {
    bench = new Bench();
    const fd = bench.socket(IPPROTO_TCP, SOCK_STREAM | SOCK_NONBLOCK);
    bench.do({ name: "connect", fd, address: bench.at(bench.remote, 80) });
    const syn = bench.segment();
    const quoted = new Packet(IpAddress.from(bench.local), IpAddress.from(bench.remote));
    quoted.tcp = Object.assign(new TcpSegment(), syn);
    bench.inject(icmpUnreachable(quoted, IpAddress.from("192.0.2.1"), "port") as Packet);
    expect(bench.do({ name: "getsockopt", fd, level: SOL_SOCKET, option: SO_ERROR, value: new Uint8Array(4) }).option).toEqual(Uint8Array.of(111, 0, 0, 0));

    const { fd: other, isn } = bench.accepted();
    bench.fd({ name: "write", fd: other, data: [new Uint8Array(1000)] });
    const big = new Packet(IpAddress.from(bench.local), IpAddress.from(bench.remote));
    big.tcp = Object.assign(new TcpSegment(), bench.segment());
    expect(big.tcp.sequence).toBe(isn + 1);
    bench.inject(icmpTooBig(big, IpAddress.from("192.0.2.1"), 600) as Packet);
    // Sent again at once, as a super-segment of what fits.
    const { octets, segmentSize } = bench.next();
    expect([octets.length, segmentSize]).toEqual([1040, 560]);
  });

  it("loses what is no packet, and answers a wrong checksum with nothing", () => {
    bench = new Bench();
    bench.target.inject(new Uint8Array());
    bench.target.inject(Uint8Array.of(0xff, 1, 2));
    bench.target.inject(new Uint8Array(70_000));
    const packet = bench.packet();
    packet.opaque = { protocol: PROTOCOL.tcp, payload: Payload.of(new Uint8Array(20).fill(0x50)) };
    bench.inject(packet);
    bench.target.advance(bench.target.now + 5 * MS);
    expect(bench.target.take()).toBeNull();
  });

  it("routes to several networks and addresses, from several addresses", () => {
    bench = new Bench({ ...WIRING, local: ["10.1.0.1/24", "10.2.0.1", "2001:db8::1/64"], remote: ["10.1.0.9", "198.51.100.0/25", "2001:db8:1::/61"] });
    const fd = bench.fd({ name: "socket", domain: AF_INET6, type: SOCK_DGRAM, protocol: 0 });
    const reach = (address: string) => bench.give({ name: "sendto", fd, data: Uint8Array.of(1), flags: 0, address: { family: AF_INET6, address, port: 9 } });
    expect(["::ffff:10.1.0.9", "::ffff:10.1.0.77", "::ffff:198.51.100.127", "2001:db8::2", "2001:db8:1:7::1"].map(reach)).toEqual([1, 1, 1, 1, 1]);
    expect(["::ffff:198.51.100.128", "2001:db8:1:8::1"].map(reach)).toEqual(["ENETUNREACH", "ENETUNREACH"]);
  });
});

describe.skipIf(obstacle !== null)("time of the kernel as a target", () => {
  it("begins with the first thing that happens, and does not run before it", () => {
    bench = new Bench();
    bench.target.command(["ip", "link"]);
    expect(bench.target.now).toBe(0);
    bench.socket();
    expect(bench.target.now).toBeGreaterThan(0);
  });

  it("a wait ends when it is to, and neither a packet nor a call is long under way", () => {
    bench = new Bench();
    const late: number[] = [];
    for (let i = 1; i <= 20; i++) {
      const due = bench.target.now + 3 * MS;
      bench.target.advance(due);
      late.push(bench.target.now - due);
    }
    const fd = bench.socket(IPPROTO_TCP, SOCK_STREAM | SOCK_NONBLOCK);
    const before = bench.target.now;
    bench.do({ name: "connect", fd, address: bench.at(bench.remote, 80) });
    const { at } = bench.segment();
    late.sort((a, b) => a - b);
    console.log(`late by ${((late[10] ?? 0) / 1000).toFixed(0)} µs in the middle, ${((late[19] ?? 0) / 1000).toFixed(0)} at the most; a SYN left ${((at - before) / 1000).toFixed(0)} µs after its call began`);
    expect(Math.min(...late)).toBeGreaterThanOrEqual(0);
  });
});
