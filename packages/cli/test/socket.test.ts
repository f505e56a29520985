import { createHash, randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { PassThrough, Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import type { TransferSummary } from "../src/transfer-summary.ts";
import { Screen } from "./screen.ts";
import { start } from "./started.ts";

const empty = (): Readable => Readable.from([]);
const SERVER = ["--udp", "local=127.0.0.1", "--udp", "local=127.0.0.2"];
const CLIENT = ["--udp", "local=127.0.0.3", "--udp", "local=127.0.0.4"];
const digest = (chunks: readonly Uint8Array[]): string => chunks.reduce((hash, chunk) => hash.update(chunk), createHash("sha256")).digest("hex");

describe("mptcp listen and mptcp connect, over UDP", () => {
  it("move a file over several paths", async () => {
    const file = randomBytes(4_000_000);
    const server = start(["listen", "5101", ...SERVER, "--json"], empty());
    await server.until("listening");
    const client = start(["connect", "127.0.0.1", "5101", ...CLIENT], Readable.from([file]));
    expect(await Promise.all([client.code, server.code])).toEqual([0, 0]);
    expect(digest(server.output)).toBe(digest([file]));
    const summary = JSON.parse(server.stderr.slice(server.stderr.indexOf("{"))) as TransferSummary;
    expect(summary).toMatchObject({ bytesRead: 4_000_000, bytesWritten: 0, error: null, mptcp: { multipath: true, fallback: null } });
    expect(summary.subflows.length).toBeGreaterThanOrEqual(2);
    expect(client.stderr).toMatch(/4000000 written in .* Multipath TCP over \d subflows/);
  });

  it("tell no token, unless asked for secrets", async () => {
    for (const flags of [[], ["--secrets"]]) {
      const server = start(["listen", "5112", ...SERVER, "--discard", "--json", ...flags], empty());
      await server.until("listening");
      const client = start(["connect", "127.0.0.1", "5112", ...CLIENT, "--source", "1000"], empty());
      expect(await Promise.all([client.code, server.code])).toEqual([0, 0]);
      const { mptcp } = JSON.parse(server.stderr.slice(server.stderr.indexOf("{"))) as TransferSummary;
      expect(mptcp?.multipath).toBe(true);
      if (flags.length === 0) expect(server.stderr).not.toContain("token");
      else expect(mptcp?.token).toBeGreaterThan(0);
    }
  });

  it("echo and generate", async () => {
    const server = start(["listen", "5102", ...SERVER, "--echo"], empty());
    await server.until("listening");
    const client = start(["connect", "127.0.0.1", "5102", ...CLIENT, "--source", "100000"], empty());
    expect(await Promise.all([client.code, server.code])).toEqual([0, 0]);
    expect(client.output.reduce((sum, chunk) => sum + chunk.length, 0)).toBe(100_000);
  });

  it("show on a terminal how far they are, how long it will take, and each subflow in a row", async () => {
    const server = start(["listen", "5105", ...SERVER], empty());
    await server.until("listening");
    const input = new PassThrough();
    const client = start(["connect", "127.0.0.1", "5105", ...CLIENT], input, 80, 3_000_000);
    const screen = new Screen(80, 24);
    let seen = 0;
    const shown = async (): Promise<string[]> => {
      await client.until("", seen);
      screen.write(client.stderr.slice(seen));
      seen = client.stderr.length;
      return screen.text;
    };
    input.write(Buffer.alloc(1_000_000));
    const total = /^[\d.]+ [KM]?i?B of 2\.86 MiB \| [\d.]+ [kMG]?b\/s \| \d+(:\d\d)? (s|min|h) left$/;
    const row = /^ {2}127\.0\.0\.\d > 127\.0\.0\.\d +[\d.]+ [kMG]?b\/s +[\d.]+ [KM]?i?B( +rtt [\d.]+ ms)?$/;
    for (;;) {
      const [first = "", ...rows] = await shown();
      if (total.test(first) && rows.length >= 2 && rows.every((one) => row.test(one))) break;
    }
    input.end(Buffer.alloc(2_000_000));
    expect(await Promise.all([client.code, server.code])).toEqual([0, 0]);
    // The rows are gone in the end.
    expect((await shown()).join("")).toMatch(/^0 bytes read, 3000000 written in .* subflows$/);
    expect(server.stderr).not.toContain("\u001B");
  });

  it("count what each subflow carried, to the end: together they carried everything", async () => {
    const server = start(["listen", "5113", ...SERVER, "--discard", "--json"], empty());
    await server.until("listening");
    const client = start(["connect", "127.0.0.1", "5113", ...CLIENT, "--source", "30000000", "--json"], empty());
    expect(await Promise.all([client.code, server.code])).toEqual([0, 0]);
    const [sent, came] = [client, server].map(({ stderr }) => JSON.parse(stderr.slice(stderr.indexOf("{"))) as TransferSummary) as [TransferSummary, TransferSummary];
    const sum = (count: (subflow: TransferSummary["subflows"][number]) => number, { subflows }: TransferSummary): number => subflows.reduce((all, one) => all + count(one), 0);
    expect(sent.mptcp).toMatchObject({ bytesSent: 30_000_000, bytesAcknowledged: 30_000_000 });
    expect(sum((subflow) => subflow.bytesSent - subflow.bytesRetransmitted, sent)).toBe(30_000_000 + (sent.mptcp?.bytesRetransmitted ?? 0));
    expect(sum((subflow) => subflow.bytesReceived, came)).toBeGreaterThanOrEqual(30_000_000);
    // Units are in the names, and times are whole.
    for (const [name, value] of [sent, ...sent.subflows, sent.mptcp ?? {}].flatMap((part) => Object.entries(part))) {
      if (/seconds$/i.test(name)) expect([name, value]).toEqual([name, Math.round(value as number)]);
      expect(name).not.toMatch(/^(rtt|minRtt|rto|seconds|congestionWindow|last\w*(Sent|Received))$/);
    }
    expect(sent.durationMicroseconds).toBeGreaterThan(0);
  });

  it("say nothing with --quiet, at a terminal either, but what went wrong", async () => {
    const server = start(["listen", "5115", ...SERVER], empty());
    await server.until("listening");
    const client = start(["connect", "127.0.0.1", "5115", ...CLIENT, "--quiet"], Readable.from([Buffer.alloc(3_000_000)]), 80, 3_000_000);
    expect(await Promise.all([client.code, server.code])).toEqual([0, 0]);
    expect(client.stderr).toBe("");
    const refused = start(["connect", "127.0.0.1", "5115", ...CLIENT, "--quiet"], empty(), 80);
    expect(await refused.code).toBe(1);
    expect(refused.stderr).toMatch(/^connect ECONNREFUSED [^\n]*\n$/);
  });

  it("tell how far they are in lines where there is no terminal, with --verbose", async () => {
    const server = start(["listen", "5114", ...SERVER], empty());
    await server.until("listening");
    const input = new PassThrough();
    const client = start(["connect", "127.0.0.1", "5114", ...CLIENT, "--verbose"], input);
    input.write(Buffer.alloc(1_000_000));
    await client.until(" | ");
    expect(client.stderr).toMatch(/^977 KiB \| [\d.]+ [kMG]?b\/s( \| 127\.0\.0\.\d > 127\.0\.0\.\d [\d.]+ [kMG]?b\/s [^|\n]*){2,}\n/);
    input.end();
    expect(await Promise.all([client.code, server.code])).toEqual([0, 0]);
    expect(server.stderr).not.toContain(" | ");
  });

  it("end when the other side has ended and what it sent is written, where standard input is a terminal", async () => {
    const file = randomBytes(300_000);
    for (const [typing, sending] of [["listen", "connect"], ["connect", "listen"]] as const) {
      const inputs = { [typing]: new PassThrough(), [sending]: Readable.from([file]) } as Record<"listen" | "connect", Readable>;
      const server = start(["listen", "5106", ...SERVER], inputs.listen, 0, null, typing === "listen");
      await server.until("listening");
      const client = start(["connect", "127.0.0.1", "5106", ...CLIENT], inputs.connect, 0, null, typing === "connect");
      expect(await Promise.all([client.code, server.code])).toEqual([0, 0]);
      expect(digest((typing === "listen" ? server : client).output)).toBe(digest([file]));
      // It is not read on, which would keep the process alive.
      expect(inputs[typing].readableFlowing).toBe(false);
    }
  });

  it("send what was typed until then", async () => {
    const typed = new PassThrough();
    const server = start(["listen", "5107", ...SERVER], typed, 0, null, true);
    await server.until("listening");
    const asked = new PassThrough();
    const client = start(["connect", "127.0.0.1", "5107", ...CLIENT], asked);
    await server.until("connection from");
    // More than there is room for, so that it is still on its way when the other side ends.
    typed.write(Buffer.alloc(3_000_000, "typed "));
    asked.end("the end");
    expect(await Promise.all([client.code, server.code])).toEqual([0, 0]);
    expect(Buffer.concat(client.output).equals(Buffer.alloc(3_000_000, "typed "))).toBe(true);
  });

  it("wait for a listener, with --wait, for as long as they are told", async () => {
    const client = start(["connect", "127.0.0.1", "5108", ...CLIENT, "--wait"], Readable.from(["at last"]));
    await client.until("waiting for 127.0.0.1:5108\n");
    const server = start(["listen", "5108", ...SERVER], empty());
    expect(await Promise.all([client.code, server.code])).toEqual([0, 0]);
    expect(String(Buffer.concat(server.output))).toBe("at last");
    const late = start(["connect", "127.0.0.1", "5108", ...CLIENT, "--wait", "0.5", "--json"], empty());
    expect(await late.code).toBe(1);
    const summary = JSON.parse(late.stderr.slice(late.stderr.indexOf("{"))) as TransferSummary;
    expect(summary).toMatchObject({ connections: 0, error: expect.stringContaining("ECONNREFUSED") as string });
    expect(summary.counters.MPTcpExtMPCapableSYNTX).toBeGreaterThan(1);
    const interrupted = start(["connect", "127.0.0.1", "5108", ...CLIENT, "--wait"], empty());
    await interrupted.until("waiting");
    interrupted.interrupt();
    expect(await interrupted.code).toBe(130);
  });

  it("do not wait for what will not come, nor longer for an answer than they are told", async () => {
    const foreign = start(["connect", "::1", "5109", ...CLIENT, "--wait"], empty());
    expect(await foreign.code).toBe(1);
    expect(foreign.stderr).toMatch(/^connect EADDRNOTAVAIL/);
    const mute = createSocket("udp4").bind(5109, "127.0.0.1");
    await once(mute, "listening");
    try {
      const silent = start(["connect", "127.0.0.1", "5109", ...CLIENT, "--wait", "0.3"], empty());
      expect(await silent.code).toBe(1);
      expect(silent.stderr).toMatch(/^connect ETIMEDOUT 127\.0\.0\.1:5109: no answer;/);
    } finally {
      mute.close();
    }
  });

  it("say what is wrong", async () => {
    const refused = start(["connect", "127.0.0.1", "5103", "--udp", "local=127.0.0.3"], empty());
    expect(await refused.code).toBe(1);
    expect(refused.stderr).toMatch(/^connect ECONNREFUSED .*`mptcp listen`.*\n$/);
    const summed = start(["connect", "127.0.0.1", "5103", "--udp", "local=127.0.0.3", "--json"], empty());
    expect(await summed.code).toBe(1);
    expect(JSON.parse(summed.stderr)).toMatchObject({ via: "userspace", connections: 0, error: expect.stringContaining("ECONNREFUSED") as string, mptcp: null, counters: { MPTcpExtMPCapableSYNTX: 1 } });
    const without = start(["connect", "127.0.0.1", "5103"], empty());
    expect(await without.code).toBe(2);
    expect(without.stderr).toMatch(/give at least one --udp/);
    for (const [args, message] of [
      [["listen", "0"], /1 to 65535/],
      [["listen", "80", "--udp", "from=1"], /"from" is not one of local, dev, backup, mtu/],
      [["listen", "80", "--tun", "name=a"], /host is missing/],
      [["listen", "5103", "--udp", "local=127.0.0.1", "--endpoint", "127.0.0.2,signal"], /no link has that address; there are 127.0.0.1/],
      [["listen", "5103", "--udp", "local=0.0.0.0"], /name one address of this machine/],
      [["listen", "5103", "--udp", "dev=lo", "--endpoint", "127.0.0.1,signal,id=3"], /id= goes with links by address/],
      [["listen", "5103", ...SERVER, "--endpoint", "127.0.0.1,signal", "--mode", "full"], /--mode says how a full mesh is used/],
      [["listen", "5103", ...SERVER, "--mode", "half"], /It is backup, full or single-path/],
      [["listen", "5103", ...SERVER, "--profile", "windows"], /It is own or linux/],
      [["listen", "5103", "--via", "kernel", "--profile", "linux"], /leave out --profile/],
      [["listen", "5103", ...SERVER, "--versions", "2,1"], /It is 1, 0, 1,0 or 0,1/],
      [["listen", "5103", "--via", "kernel", "--versions", "1,0"], /leave out --versions/],
      [["listen", "5103", ...SERVER, "--patience", "0"], /number of seconds/],
      [["listen", "5103", "--via", "kernel", "--patience", "5"], /no --mode and no --patience/],
      [["listen", "5103", ...SERVER, "--keep"], /--keep needs --echo or --discard/],
      [["listen", "5103", ...SERVER, "--echo", "--discard"], /goes with neither/],
      [["listen", "5103", ...SERVER, "--via", "kernel"], /leave out --udp and --tun/],
      [["listen", "5103", "--via", "kernel", "--endpoint", "127.0.0.1,signal"], /ip mptcp endpoint add/],
      [["listen", "5103", "--via", "kernel", "--limits", "subflows=1"], /ip mptcp limits set/],
      [["listen", "5103", "--via", "kernel", "--pcap", "x"], /tcpdump/],
      [["listen", "5103", "--via", "magic"], /userspace or kernel/],
      [["forward", "80000", "127.0.0.1:1", ...CLIENT], /A port is a whole number from 1 to 65535/],
      [["forward", "5103", "127.0.0.1", ...CLIENT], /"127\.0\.0\.1" is no HOST:PORT: write 192\.0\.2\.1:80/],
      [["forward", "5103", "127.0.0.1:5104"], /no link: give at least one --udp/],
      [["forward", "5103", "127.0.0.1:5104", ...CLIENT, "--max", "0"], /Connections are a whole number from 1/],
      [["forward", "5103", "127.0.0.1:5104", ...CLIENT, "--idle-timeout", "soon"], /It is a number of seconds/],
      [["listen", "5103", ...SERVER, "--to", "1", "--exec", "cat"], /--to and --exec exclude each other/],
      [["listen", "5103", ...SERVER, "--to", "1", "--echo"], /leave out --echo/],
      [["listen", "5103", ...SERVER, "--to", "here"], /is no HOST:PORT/],
      [["listen", "5103", ...SERVER, "--max", "7"], /--max goes with --to or --exec/],
      [["connect", "127.0.0.1", "5103", ...CLIENT, "--exec", "cat", "--discard"], /goes with none of --echo, --discard and --source/],
      [["connect", "--wait", "127.0.0.1", "5103", ...CLIENT], /a number of seconds; without one put it after HOST and PORT/],
      [["connect", "127.0.0.1", "5103", "--wait", "0", ...CLIENT], /a number of seconds/],
    ] as const) {
      const wrong = start(args, empty());
      expect(await wrong.code).toBe(2);
      expect(wrong.stderr).toMatch(message);
    }
    for (const [args, message] of [
      [["forward", "192.0.2.9:5103", "127.0.0.1:5104", ...CLIENT], /EADDRNOTAVAIL/],
      [["forward", "/no/such/folder/socket", "127.0.0.1:5104", ...CLIENT], /ENOENT|EACCES/],
    ] as const) {
      const impossible = start(args, empty());
      expect(await impossible.code).toBe(1);
      expect(impossible.stderr).toMatch(message);
      expect(impossible.stderr.trimEnd().split("\n")).toHaveLength(1);
    }
  });

  it("Ctrl-C ends a listener that waits, and a connection that goes on", async () => {
    const alone = start(["listen", "5104", ...SERVER], empty());
    await alone.until("listening");
    alone.interrupt();
    expect(await alone.code).toBe(130);
    const server = start(["listen", "5104", ...SERVER, "--discard"], new PassThrough());
    await server.until("listening");
    const client = start(["connect", "127.0.0.1", "5104", ...CLIENT], new PassThrough());
    await server.until("connection from");
    client.interrupt();
    expect(await client.code).toBe(130);
    expect(await server.code).toBe(1);
  });
});
