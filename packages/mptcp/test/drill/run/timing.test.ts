import { describe, expect, test } from "vitest";
import { FakeTarget, server } from "./fake-target.ts";
import { run, told } from "./running.ts";

/** A stack that acknowledges each packet after a time. */
function answering(...delays: readonly number[]): FakeTarget {
  let index = 0;
  return new FakeTarget({ packet: (packet, stack) => stack.reply(packet, { ack: packet.tcp!.sequence + packet.tcp!.payload.length, sequence: 1, after: delays[index++ % delays.length]! }) });
}

describe("times", () => {
  test("absolute ones count from the beginning of the script, relative ones from when the event before was due", () => {
    // The answer is 3 ms late, and within the tolerance; what comes 10 ms after it is due 10 ms after it was due.
    const stack = answering(103e6);
    expect(run("0.5 < . 1:2(1) ack 1\n+.1 > . 1:1(0) ack 2\n+.01 close(3) = 0", stack)).toMatchObject({ passed: true, ended: 610e6 });
  });

  test("behind a range, or *, relative ones count from when the packet came", () => {
    expect(run("0 < . 1:2(1) ack 1\n+.1~+.3 > . 1:1(0) ack 2\n+.01 close(3) = 0", answering(170e6))).toMatchObject({ passed: true, ended: 180e6 });
    expect(run("0 < . 1:2(1) ack 1\n* > . 1:1(0) ack 2\n+.01 close(3) = 0", answering(7.5e9))).toMatchObject({ passed: true, ended: 7.51e9 });
  });

  test("a range has the tolerance at both ends", () => {
    const text = "0 < . 1:2(1) ack 1\n+.1~+.2 > . 1:1(0) ack 2";
    expect(run(text, answering(97e6)).passed).toBe(true);
    expect(run(text, answering(203e6)).passed).toBe(true);
    expect(told(text, answering(90e6))).toContain("the packet left at 0.09, 0.01 s too early: expected at 0.1 to 0.2, give or take 0.004 s");
    expect(told(text, answering(300e6))).toContain("no such packet left until 0.204; it left at 0.3, 0.1 s too late");
  });

  test("what begins with shell lines begins after them", () => {
    const stack = new FakeTarget({ command: () => ({ status: 0, output: "", errors: "" }) });
    expect(run("`sleep 2`\n0 close(3) = 0\n1 close(4) = 0", stack)).toMatchObject({ passed: true, ended: 1e9 });
    expect(stack.now).toBe(3e9);
  });

  test("a stack is not late for what the script's own events were late", () => {
    const slow = (after: number): FakeTarget => {
      const stack = new FakeTarget({
        command: () => {
          stack.now += 20e6;
          return { status: 0, output: "", errors: "" };
        },
        packet: (packet, self) => self.reply(packet, { ack: packet.tcp!.sequence + packet.tcp!.payload.length, sequence: 1, after }),
      });
      return stack;
    };
    const text = "0 close(3) = 0\n+0 `ip link`\n+0 < . 1:2(1) ack 1\n+0 > . 1:1(0) ack 2\n+.1 < . 2:3(1) ack 1\n+0 > . 1:1(0) ack 3";
    expect(run(text, slow(3e6))).toMatchObject({ passed: true });
    expect(told(text, slow(5e6))).toContain("x.pkt:4:4: no such packet left until 0.024; it left at 0.025, 0.005 s too late");
  });

  test("whatever never comes ends a script all the same", () => {
    const stack = new FakeTarget();
    expect(told("* > . 1:1(0)", stack)).toContain("1:3: no such packet left within 60 s");
    expect(stack.now).toBe(62.004e9);
  });

  test("a script may not take for ever", () => {
    expect(told("20000 close(3) = 0", new FakeTarget())).toContain("a script may take 4 hours");
  });
});

describe("calls that block", () => {
  const blocking = (after: number, value = 5): FakeTarget =>
    new FakeTarget({
      call(call, stack) {
        if (call.name !== "read") return call.name === "socket" ? 13 : 0;
        stack.finish("read", { value }, after);
        return null;
      },
    });
  const SOCKET = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n";

  test("return when the script says, both times counted from the same beginning", () => {
    expect(run(`${SOCKET}+.1 close(9) = 0\n+.05...0.25 read(3, ..., 5) = 5\n+.01 close(8) = 0`, blocking(200e6))).toMatchObject({ passed: true });
    expect(run(`${SOCKET}0.1...0.3 read(3, ..., 5) = 5`, blocking(200e6)).passed).toBe(true);
  });

  test("and not earlier, later, or never", () => {
    const text = `${SOCKET}+0...0.2 read(3, ..., 5) = 5`;
    expect(told(text, blocking(100e6))).toContain("2:10: read returned at 0.1, not at 0.2");
    expect(told(text, blocking(300e6))).toContain("2:10: read has not returned at 0.204");
    expect(told(text, blocking(200e6, 4))).toContain("read gave 4, not 5");
    expect(told(`${SOCKET}+0 read(3, ..., 5) = 5`, blocking(100e6))).toContain("2:4: read does not return");
  });

  test("what comes meanwhile goes on", () => {
    const stack = blocking(200e6);
    expect(run(`${SOCKET}+0...0.2 read(3, ..., 5) = 5\n+.1 close(9) = 0\n+.05 shutdown(3, SHUT_WR) = 0`, stack).passed).toBe(true);
    expect(stack.calls.map(({ name }) => name)).toEqual(["socket", "read", "close", "shutdown"]);
  });

  test("a descriptor that one is to give is waited for", () => {
    const stack = new FakeTarget({
      call(call, fake) {
        if (call.name !== "accept") return call.name === "socket" ? 13 : 0;
        fake.finish("accept", { value: 14 }, 100e6);
        return null;
      },
    });
    expect(run(`${SOCKET}+0...0.1 accept(3, ..., ...) = 4\n+0 shutdown(4, SHUT_WR) = 0`, stack).passed).toBe(true);
    expect(stack.calls.at(-1)).toEqual({ name: "shutdown", fd: 14, how: 1 });
  });
});

test("after a failure that is not fatal the script goes on, and what failed is told", () => {
  const text = "--non_fatal=packet,syscall\n0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 listen(3, 1) = 7\n+0 < S 0:0(0) win 1 <mss 1000>\n+0 > S. 0:0(0) ack 9\n+0 close(3) = 0";
  const outcome = run(text, server());
  expect(outcome.passed).toBe(true);
  expect(outcome.warnings.map(({ kind, place, message }) => [kind, place.line, message])).toEqual([
    ["call", 3, "listen gave 0, not 7"],
    ["packet", 5, "the packet that left is not the one that is expected: its ack differs"],
  ]);
});

test("with --dry_run nothing runs", () => {
  const stack = new FakeTarget();
  expect(run("--dry_run\n0 close(3) = 1\n`false`", stack)).toEqual({ passed: true, warnings: [], ended: 0 });
  expect(stack.calls).toEqual([]);
});

test("the same script on the same stack: the same text", () => {
  const text = "0 < S 0:0(0) win 1 <mss 1000>\n+0 > S. 0:0(0) ack 1 <mss 9>\n";
  expect(told(text, server())).toBe(told(text, server()));
});

test("--init_scripts are files that run first, and are checked like shell lines", () => {
  const commands: string[] = [];
  const stack = new FakeTarget({ command: (words) => (commands.push(words.join(" ")), { status: 0, output: "", errors: "" }) });
  const readFile = (path: string): string | null => (path.endsWith("first.sh") ? "sysctl -q net.ipv4.tcp_sack=0\n" : null);
  expect(run("--init_scripts=first.sh\n0 close(3) = 0", stack, { readFile }).passed).toBe(true);
  expect(commands).toEqual(["sysctl -q net.ipv4.tcp_sack=0"]);
  expect(() => run("--init_scripts=other.sh\n0 close(3) = 0", stack, { readFile })).toThrow("--init_scripts: ");
});
