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

test("a SYN that names the socket of a connection that is over comes from the same port, with a later number; one that names none does not", () => {
  const text = (socket: string): string =>
    `0 ${LISTEN}+0 < S 0:0(0) win 100 <mss 1000>\n+0 > S. 0:0(0) ack 1\n+0 < . 1:1(0) ack 1 win 100\n+0 accept(3, ..., ...) = 4\n+0 < R. 1:1(0) ack 1 win 100\n+0 < S 500:500(0) win 100 <mss 1000>${socket}\n+0 > S. 0:0(0) ack 501\n`;
  const syns = (socket: string): [number, number][] => {
    const stack = server();
    expect(told(text(socket), stack)).toBe("passed");
    return stack.received.filter(({ tcp }) => tcp!.flags === TCP_FLAG.SYN).map(({ tcp }) => [tcp!.sourcePort, tcp!.sequence]);
  };
  const [[first, sequence], [again, later]] = syns(" sock(4)") as [[number, number], [number, number]];
  expect([again, later > sequence]).toEqual([first, true]);
  expect(syns("")[1]![0]).not.toBe(first);
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

test("a SYN that the stack sends again after a reset is not the one that the next socket sends", () => {
  let sent = 0;
  const stack = new FakeTarget({
    call(call, fake) {
      if (call.name === "socket") return 13 + sent;
      if (call.name === "connect") fake.open(call.address, 33_000 + sent++, 5, () => undefined);
      return 0;
    },
    packet(packet, fake) {
      fake.reply(packet, { flags: TCP_FLAG.RST, sequence: packet.tcp!.acknowledgment });
      // The first socket goes on trying.
      fake.open({ family: 2, address: "192.0.2.1", port: 8080 }, 33_000, 5, () => undefined);
    },
  });
  const text = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 connect(3, ..., ...) = 0\n+0 > S 0:0(0)\n+0 < S. 0:0(0) ack 99 win 1\n+0 > R 99:99(0)\n+0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 4\n+0 connect(4, ..., ...) = 0\n+0 > S 0:0(0)\n+0 < . 1:1(0) ack 1 win 1";
  expect(told(text, stack)).toBe("passed");
  expect(stack.received.at(-1)!.tcp!.destinationPort).toBe(33_001);
});

test("a descriptor that is used again is that of the next connection", () => {
  let sent = 0;
  const stack = new FakeTarget({
    call(call, fake) {
      if (call.name === "socket") return 13;
      if (call.name === "connect") fake.open(call.address, 33_000 + sent++, 5, () => undefined);
      if (call.name === "getsockopt") return { option: new Uint8Array(248), value: 0 };
      return 0;
    },
  });
  const connection = "+0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 connect(3, ..., ...) = 0\n+0 > S 0:0(0)\n+0 < S. 0:0(0) ack 1 win 1\n+0 %{ assert tcpi_state == 0 }%\n+0 close(3) = 0\n";
  expect(told(`0 close(9) = 0\n${connection}${connection}`, stack)).toBe("passed");
  expect(stack.received.map(({ tcp }) => tcp!.destinationPort)).toEqual([33_000, 33_001]);
});
