import { expect, test } from "vitest";
import { TCP_FLAG } from "../../../src/wire/index.ts";
import { FakeTarget, server } from "./fake-target.ts";
import { told } from "./running.ts";

const LISTEN = "socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 bind(3, ..., ...) = 0\n+0 listen(3, 1) = 0\n";

test("numbers of SYNs are compared as they are written, and all others count from them", () => {
  const stack = server();
  const text = `0 ${LISTEN}+0 < S 999000:999040(40) win 100 <mss 1000>\n+0 > S. 1234:1234(0) ack 999001\n+0 < . 1:1(0) ack 1 win 100\n+0 < P. 1:11(10) ack 1 win 100\n+0 > . 1:1(0) ack 11\n`;
  expect(told(text, stack)).toBe("passed");
  expect(told(text.replace("ack 999001", "ack 1"), server())).toContain("seen      0.0 > S. 1234:1234(0) ack 999001\n");
});

test("the ports of connections are different; a SYN that is sent again belongs to the same one", () => {
  const stack = server();
  const connection = "+0 < S 0:0(0) win 100 <mss 1000>\n+0 > S. 0:0(0) ack 1\n";
  expect(told(`0 ${LISTEN}${connection}${connection}+0 < . 1:1(0) ack 1 win 100\n${connection}`, stack)).toBe("passed");
  const [first, again, ack, second] = stack.received.map(({ tcp }) => tcp!);
  expect([again!.sourcePort, again!.sequence, ack!.sourcePort]).toEqual([first!.sourcePort, first!.sequence, first!.sourcePort]);
  expect(second!.sourcePort).not.toBe(first!.sourcePort);
});

test("after the script has listened again, and after a reset, a SYN opens another connection", () => {
  const ports = (text: string): number[] => {
    const stack = new FakeTarget({ call: (call) => (call.name === "socket" ? 13 : 0) });
    expect(told(text, stack)).toBe("passed");
    return stack.received.filter(({ tcp }) => tcp!.flags === TCP_FLAG.SYN).map(({ tcp }) => tcp!.sourcePort);
  };
  const syn = "+0 < S 0:0(0) win 100 <mss 1000>\n";
  expect(new Set(ports(`0 ${LISTEN}${syn}+0 close(3) = 0\n+0 ${LISTEN}${syn}`)).size).toBe(2);
  expect(new Set(ports(`0 ${LISTEN}${syn}+0 < R 1:1(0)\n${syn}`)).size).toBe(2);
  expect(new Set(ports(`0 ${LISTEN}${syn}${syn}`)).size).toBe(1);
});

test("packets of a connection that a line passed over are not asked for again, unless a line means just that one", () => {
  // Each segment is acknowledged twice by the stack, on its own connection.
  const stack = (): FakeTarget =>
    new FakeTarget({
      call: (call) => (call.name === "socket" ? 13 : 0),
      packet(packet, fake) {
        const { flags, sequence, payload } = packet.tcp!;
        if (flags === TCP_FLAG.SYN) fake.reply(packet, { flags: TCP_FLAG.SYN | TCP_FLAG.ACK, sequence: 5, ack: sequence + 1 });
        else if (payload.length > 0) for (const window of [1, 2]) fake.reply(packet, { sequence: 6, ack: sequence + payload.length, window });
      },
    });
  const two = `0 ${LISTEN}+0 < addr[a0] > addr[b0] S 0:0(0) win 100 <mss 1000>\n+0 > S. 0:0(0) ack 1\n+0 < . 1:1(0) ack 1 win 100\n+0 < addr[a1] > addr[b0] S 0:0(0) win 100 <mss 1000>\n+0 > S. 0:0(0) ack 1\n+0 < . 1:1(0) ack 1 win 100\n+0 < addr[a0] > addr[b0] P. 1:2(1) ack 1 win 100\n+0 < addr[a1] > addr[b0] P. 1:2(1) ack 1 win 100\n+0 > . 1:1(0) ack 2 win 1\n`;
  expect(told(`${two}+0 > addr[b0] > addr[a0] . 1:1(0) ack 2 win 2\n`, stack())).toBe("passed");
  expect(told(`${two}+0 > addr[b0] > addr[a0] . 1:1(0) ack 2 win 1\n+0 > . 1:1(0) ack 2 win 2\n`, stack())).toBe("passed");
  expect(told(`${two}+0 > addr[b0] > addr[a0] . 1:1(0) ack 2 win 3\n`, stack())).toContain("no such packet left");
});
