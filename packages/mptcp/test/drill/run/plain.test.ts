import { expect, test } from "vitest";
import { TCP_FLAG } from "../../../src/wire/index.ts";
import { FakeTarget, ISS, server } from "./fake-target.ts";
import { run, told } from "./running.ts";

const SCRIPT = `0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+.1 < S 0:0(0) win 32792 <mss 1000,sackOK,nop,nop,nop,wscale 7>
+0 > S. 0:0(0) ack 1
+.1 < . 1:1(0) ack 1 win 257
+0 accept(3, ..., ...) = 4
+0 write(4, ..., 1000) = 1000
+0 > P. 1:1001(1000) ack 1
+.1 < . 1:1(0) ack 1001 win 257
+0 < P. 1:11(10) ack 1001 win 257
+0 > . 1001:1001(0) ack 11
+0 read(4, ..., 10) = 10
+0 close(4) = 0
+0 > F. 1001:1001(0) ack 11
+.1 < F. 11:11(0) ack 1002 win 257
+0 > . 1002:1002(0) ack 12
`;

test("a script of regular TCP passes on a stack that does what it says: handshake, data both ways, FINs", () => {
  const stack = server();
  expect(run(SCRIPT, stack)).toEqual({ passed: true, warnings: [], ended: 400_000_000 });
  expect(stack.calls.map((call) => call.name)).toEqual(["socket", "setsockopt", "bind", "listen", "accept", "write", "read", "close"]);
  expect(stack.calls[2]).toEqual({ name: "bind", fd: 13, address: { family: 2, address: "192.168.0.1", port: 8080 } });
  expect(stack.calls.slice(5).map((call) => "fd" in call && call.fd)).toEqual([14, 14, 14]);
});

test("relative numbers of a script are those of the stack, and of the script's end", () => {
  const stack = server();
  run(SCRIPT, stack);
  const [syn, third, ack, data] = stack.received.map(({ tcp }) => tcp!);
  expect([syn!.maximumSegmentSize, syn!.sackPermitted, syn!.windowScale, syn!.window]).toEqual([1000, true, 7, 32_792]);
  expect([third!.sequence, third!.acknowledgment]).toEqual([(syn!.sequence + 1) >>> 0, (ISS + 1) >>> 0]);
  expect(ack!.acknowledgment).toBe((ISS + 1001) >>> 0);
  expect([data!.sequence, data!.payload.length, data!.destinationPort, data!.sourcePort]).toEqual([(syn!.sequence + 1) >>> 0, 10, 8080, syn!.sourcePort]);
});

test("a segment that differs is shown beside the one that is expected, with a mark below the first field that does", () => {
  const text = SCRIPT.replace("> P. 1:1001(1000) ack 1", "> P. 1:1001(1000) ack 2");
  const stack = server();
  stack.explanation = ["0.2 the stack sends what was written"];
  expect(told(text, stack)).toBe(`x.pkt:10:4: the packet that left is not the one that is expected: its ack differs
  +0 > P. 1:1001(1000) ack 2
     ^
  expected  +0  > P. 1:1001(1000) ack 2
  seen      0.2 > P. 1:1001(1000) ack 1
                                  ^
  what the stack says:
    0.2 the stack sends what was written
  what was before:
    0.0 bind(3, ..., ...) = 0
    0.0 listen(3, 1) = 0
    0.1 < S 0:0(0) win 32792 <mss 1000, sackOK, nop, nop, nop, wscale 7>
    0.1 > S. 0:0(0) ack 1 win 65535
    0.2 < . 1:1(0) ack 1 win 257
    0.2 accept(3, ..., ...) = 4
    0.2 write(4, ..., 1000) = 1000
    0.2 > P. 1:1001(1000) ack 1 win 65535`);
});

test("a packet that does not come is missing, and one that comes later is said to be late", () => {
  expect(told("0 < S 0:0(0) win 1 <mss 1000>\n+0 > S. 0:0(0) ack 1 <>", new FakeTarget())).toContain("x.pkt:2:4: no such packet left until 0.004\n");
  expect(told("0 < S 0:0(0) win 1 <mss 1000>\n+0 > S. 0:0(0) ack 1", server({ delay: 500e6 }))).toContain("x.pkt:2:4: no such packet left until 0.004; it left at 0.5, 0.5 s too late\n");
});

test("a packet may be as late as the tolerance says, and must not be early", () => {
  const script = (tolerance: string) => `${tolerance}\n0 < S 0:0(0) win 1 <mss 1000>\n+.02 > S. 0:0(0) ack 1`;
  expect(run(script("--tolerance_usecs=4000"), server({ delay: 23e6 })).passed).toBe(true);
  expect(told(script(""), server({ delay: 10e6 }))).toContain("x.pkt:3:6: the packet left at 0.01, 0.01 s too early: expected at 0.02, give or take 0.004 s\n");
  expect(run(script("--tolerance_usecs=10000"), server({ delay: 10e6 })).passed).toBe(true);
  expect(run(script("--tolerance_percent=60"), server({ delay: 10e6 })).passed).toBe(true);
});

test("what a call gives is compared, and the errno", () => {
  const stack = () => new FakeTarget({ call: (call) => (call.name === "read" ? { value: -1, errno: "EAGAIN" } : 13) });
  expect(run("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 read(3, ..., 10) = -1 EAGAIN (Resource temporarily unavailable)", stack()).passed).toBe(true);
  expect(run("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 read(3, ..., 10) = -1 EWOULDBLOCK", stack()).passed).toBe(true);
  expect(told("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 read(3, ..., 10) = 10", stack())).toBe(`x.pkt:2:4: read gave -1 EAGAIN, not 10
  +0 read(3, ..., 10) = 10
     ^
  expected  read(3, ..., 10) = 10
  seen      read(3, ..., 10) = -1 EAGAIN
                               ^
  what was before:
    0.0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
    0.0 read(3, ..., 10) = -1 EAGAIN`);
});

test("packets of a flow are compared in their order: one that no line expects is not passed over", () => {
  const text = SCRIPT.replace("+0 > P. 1:1001(1000) ack 1\n", "");
  expect(told(text, server())).toContain(`x.pkt:12:4: before the packet that is expected one left that no line expects
  +0 > . 1001:1001(0) ack 11
     ^
  expected  +0  > . 1001:1001(0) ack 11
  seen      0.2 > P. 1:1001(1000) ack 1
                  ^
`);
});

test("what leaves after the last line is no failure", () => {
  expect(run(SCRIPT.split("\n").slice(0, 9).join("\n"), server()).passed).toBe(true);
});

test("a RST and an answer to nothing have numbers that count from what was asked", () => {
  const stack = new FakeTarget({ packet: (packet, fake) => fake.reply(packet, { flags: TCP_FLAG.RST, sequence: packet.tcp!.acknowledgment }) });
  expect(run("0 < . 1:1(0) ack 5 win 100\n+0 > R 5:5(0)", stack).passed).toBe(true);
});
