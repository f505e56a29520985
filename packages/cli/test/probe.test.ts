import pc from "picocolors";
import { afterEach, describe, expect, it } from "vitest";
import { createStack, UdpLink } from "mptcp/node";
import type { ProbeReport, Stack } from "mptcp/node";
import { main } from "../src/main.ts";
import type { Io } from "../src/main.ts";

const stacks: Stack[] = [];

afterEach(async () => {
  for (const stack of stacks.splice(0)) await stack.close();
});

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function mptcp(args: readonly string[], options: { readonly interrupt?: boolean } = {}): Promise<Outcome> {
  let stdout = "";
  let stderr = "";
  const colors = pc.createColors(false);
  const io: Io = {
    stdout: { write: (text) => void (stdout += text), columns: 0, colors },
    stderr: { write: (text) => void (stderr += text), columns: 0, colors },
    onInterrupt: (stop) => {
      if (options.interrupt === true) setImmediate(stop);
      return () => {};
    },
    clock: () => 0,
    pipes: () => ({ input: process.stdin, isTyped: false, output: process.stdout, inputSize: null }),
  };
  const code = await main(["probe", ...args], io);
  return { code, stdout, stderr };
}

/** A server of this library, over UDP; its port. */
async function serve(multipath: boolean): Promise<string> {
  const stack = createStack({ links: ["127.0.0.1", "127.0.0.2"].map((address) => new UdpLink({ addresses: [address] })) });
  stacks.push(stack);
  const server = stack.createServer({ multipath }, (socket) => {
    socket.on("error", () => {});
    socket.on("data", () => socket.end("HTTP/1.0 200 OK\r\n\r\n"));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return String((server.address() as { port: number }).port);
}

const LINKS = ["--udp", "local=127.0.0.3", "--udp", "local=127.0.0.4", "--timeout", "20"];

describe("mptcp probe", () => {
  it("exits with 0 where the peer speaks Multipath TCP, and says what it saw", async () => {
    const port = await serve(true);
    const { code, stdout, stderr } = await mptcp(["127.0.0.1", port, ...LINKS, "--send", String.raw`HEAD / HTTP/1.0\r\n\r\n`]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^127\.0\.0\.1 port \d+, asked by this library's engine\n\n127\.0\.0\.1 {2}speaks Multipath TCP, version 1\n/);
    expect(stdout).toMatch(/ {2}ok {6}opened with MP_CAPABLE, version 1\n {10}came: SYN\+ACK with MP_CAPABLE, version 1, and a key\n/);
    expect(stdout).toMatch(/sent 19 octets\n/);
  });

  it("exits with 1 where it speaks TCP alone, as JSON too", async () => {
    const port = await serve(false);
    const { code, stdout } = await mptcp(["127.0.0.1", port, ...LINKS, "--json"]);
    const report = JSON.parse(stdout) as ProbeReport;
    expect(code).toBe(1);
    expect(report).toMatchObject({ via: "userspace", multipath: false, reachable: true, targets: [{ outcome: "tcp" }] });
  });

  it("exits with 3 where nobody answers", async () => {
    const { code, stdout } = await mptcp(["127.0.0.1", "9", ...LINKS]);
    expect(code).toBe(3);
    expect(stdout).toMatch(/nobody listens there/);
  });

  it("exits with 2 for what it cannot do", async () => {
    const wrong: [readonly string[], RegExp][] = [
      [["127.0.0.1", "0"], /1 to 65535/],
      [["127.0.0.1", "80", "--timeout", "never"], /number of seconds/],
      [["2001:db8::1", "80", "--udp", "local=127.0.0.3"], /no link has an address of the family/],
      [["127.0.0.1", "80", "--udp", "dev=lo"], /a probe leaves from an address/],
      [["127.0.0.1"], /missing required argument/],
    ];
    for (const [args, message] of wrong) {
      const { code, stderr } = await mptcp(args);
      expect(code).toBe(2);
      expect(stderr).toMatch(message);
    }
  });

  it("ends on Ctrl-C", async () => {
    // Nobody is behind this address; over UDP nothing refuses either.
    const waiting = new UdpLink({ addresses: ["127.0.0.5"] });
    waiting.ports.hold(waiting.addresses[0] as (typeof waiting.addresses)[0], 5999);
    try {
      expect((await mptcp(["127.0.0.5", "5999", ...LINKS], { interrupt: true })).code).toBe(130);
    } finally {
      await waiting.close();
    }
  });
});
