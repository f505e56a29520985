import { expect, test } from "vitest";
import { icmpErrorOf, Packet, Payload, type IpAddress } from "../../../src/wire/index.ts";
import { address, FakeTarget, ISS, server } from "./fake-target.ts";
import { run, told } from "./running.ts";

const HANDSHAKE = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 bind(3, ..., ...) = 0\n+0 listen(3, 1) = 0\n+0 < S 0:0(0) win 32792 <mss 1000>\n+0 > S. 0:0(0) ack 1\n+0 < . 1:1(0) ack 1 win 257\n";

test("an ICMP message quotes a segment of the stack", () => {
  const stack = server();
  run(`${HANDSHAKE}+0 < icmp unreachable frag_needed mtu 1200 [101:1101(1000)]`, stack);
  const { icmp, source, destination } = stack.received.at(-1)!;
  const error = icmpErrorOf(icmp!, 4)!;
  expect([String(source), String(destination)]).toEqual(["192.0.2.1", "192.168.0.1"]);
  expect([error.kind, error.mtu, String(error.quoted.source), error.quoted.sourcePort, error.quoted.destinationPort]).toEqual(["too_big", 1200, "192.168.0.1", 8080, stack.received[0]!.tcp!.sourcePort]);
  expect([error.quoted.sequence, error.quoted.length]).toEqual([(ISS + 101) >>> 0, 1040]);
});

test("in IPv6 a packet that is too big has a type of its own", () => {
  const stack = server();
  run(`${HANDSHAKE}+0 < icmp unreachable frag_needed mtu 1280 [1:1001(1000)]`, stack, { options: [{ name: "ip_version", value: "ipv6" }] });
  expect(icmpErrorOf(stack.received.at(-1)!.icmp!, 6)).toMatchObject({ kind: "too_big", mtu: 1280 });
});

function udp(from: IpAddress, to: IpAddress, ports: readonly [number, number], length: number): Packet {
  const packet = new Packet(from, to);
  const octets = new Uint8Array(8 + length);
  const view = new DataView(octets.buffer);
  for (const [index, value] of [...ports, octets.length].entries()) view.setUint16(index * 2, value);
  packet.opaque = { protocol: 17, payload: Payload.of(octets) };
  return packet;
}

test("datagrams go both ways between the ports of the socket, and an ICMP message may quote one", () => {
  const stack = new FakeTarget({
    call(call, fake) {
      if (call.name === "socket") return 13;
      if (call.name === "sendto") fake.leave(udp(address("192.168.0.1"), address("192.0.2.1"), [8080, 8080], call.data.length));
      return call.name === "sendto" ? call.data.length : 0;
    },
  });
  const text = "0 socket(..., SOCK_DGRAM, IPPROTO_UDP) = 3\n+0 bind(3, ..., ...) = 0\n+0 sendto(3, ..., 100, 0, ..., ...) = 100\n+0 > udp (100)\n+0 < udp (50)\n+0 < icmp unreachable port_unreachable [udp (100)]";
  expect(told(text, stack)).toBe("passed");
  const [datagram, message] = stack.received;
  const header = datagram!.opaque!.payload.toUint8Array();
  expect([(header[0]! << 8) | header[1]!, (header[2]! << 8) | header[3]!, header.length]).toEqual([8080, 8080, 58]);
  expect(icmpErrorOf(message!.icmp!, 4)).toMatchObject({ kind: "unreachable", hard: true, quoted: { protocol: 17, length: 128 } });
  expect(told(text.replace("> udp (100)", "> udp (101)"), new FakeTarget({ call: (call, fake) => (call.name === "sendto" ? (fake.leave(udp(address("192.168.0.1"), address("192.0.2.1"), [8080, 8080], 100)), 100) : call.name === "socket" ? 13 : 0) }))).toContain(`
  expected  +0  > udp (101)
  seen      0.0 > udp (100)
                  ^
`);
});

test("a message that the stack sends is compared by type, code and MTU", () => {
  const stack = (code: number): FakeTarget =>
    new FakeTarget({
      packet(packet, fake) {
        const message = new Packet(packet.destination, packet.source);
        message.icmp = { type: 3, code, word: 0, body: new Uint8Array(28) };
        fake.leave(message);
      },
    });
  expect(told("0 < udp (50)\n+0 > icmp unreachable port_unreachable", stack(3))).toBe("passed");
  expect(told("0 < udp (50)\n+0 > icmp unreachable port_unreachable", stack(1))).toContain("seen      0.0 > icmp type_3 code_1\n");
});

test("fields of the IP header are set in what is sent and looked at in what left, where they are written", () => {
  const stack = (): FakeTarget => server({ synAck: (_, packet) => Object.assign(packet, { trafficClass: 0x06, hopLimit: 61 }) });
  const text = "0 < [tos 0x04, ttl 7] S 0:0(0) win 1 <mss 1000>\n+0 > [tos 0x06, ttl 61] S. 0:0(0) ack 1";
  const first = stack();
  expect(told(text, first)).toBe("passed");
  expect(first.received[0]).toMatchObject({ trafficClass: 4, hopLimit: 7 });
  expect(told(text.replace("[tos 0x06, ttl 61]", "[ect0]"), stack())).toBe("passed");
  expect(told(text.replace("[tos 0x06, ttl 61]", "[ect01]"), stack())).toBe("passed");
  expect(told(text.replace("[tos 0x06, ttl 61]", "[tos 0x06, ttl 64]"), stack())).toContain(`
  expected  +0  > [tos 0x06, ttl 64] S. 0:0(0) ack 1
  seen      0.0 > [tos 0x06, ttl 61] S. 0:0(0) ack 1
                  ^
`);
  expect(told(text.replace("[tos 0x06, ttl 61]", "[ce]"), stack())).toContain("seen      0.0 > [ect0] S. 0:0(0) ack 1\n");
});
