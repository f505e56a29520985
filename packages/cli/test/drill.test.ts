import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { RecordedPacket, Transcript } from "mptcp/drill";
import pc from "picocolors";
import { afterAll, describe, expect, it } from "vitest";
import { differenceText } from "../src/drill/difference.ts";
import { NO_TIME, type ScriptReport } from "../src/drill/report.ts";
import { main, type Io } from "../src/main.ts";

const folder = mkdtempSync(join(tmpdir(), "mptcp-drill-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const HANDSHAKE = `0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 65535 <mss MSS>
+0 > S. 0:0(0) ack 1 <mss 1460>
+.1 < . 1:1(0) ack 1 win 257
+0 accept(3, ..., ...) = 4
`;
mkdirSync(join(folder, "tcp", "common"), { recursive: true });
const write = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
const PLAIN = HANDSHAKE.replace("MSS", "1000");
write("tcp/common/defaults.sh", "#!/bin/bash\nsysctl -q net.ipv4.tcp_sack=0\n");
const good = write("tcp/good.pkt", `\`./common/defaults.sh\`\n${PLAIN}+0 %{ print(tcpi_state); assert tcpi_snd_cwnd == 10 }%\n`);
const bad = write("tcp/bad.pkt", PLAIN.replace("ack 1 <mss 1460>", "ack 2 <mss 1460>"));
const late = write("tcp/late.pkt", `${PLAIN}+0 %{ assert tcpi_snd_cwnd == 11, 'too few' }%\n`);
const wrong = write("tcp/wrong.pkt", `\`python3 x.py\`\n${PLAIN}+0 > . 1:1(0) ack 1 <mmss 1>\n`);
const symbol = write("symbol.pkt", HANDSHAKE);
write("notes.txt", "no script");

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function drill(args: readonly string[], options: { readonly columns?: number; readonly interrupt?: boolean } = {}): Promise<Outcome> {
  let [stdout, stderr] = ["", ""];
  const colors = pc.createColors(false);
  const io: Io = {
    stdout: { write: (text) => void (stdout += text), columns: options.columns ?? 0, colors },
    stderr: { write: (text) => void (stderr += text), columns: 0, colors },
    onInterrupt: (stop) => {
      if (options.interrupt === true) stop("SIGINT");
      return () => {};
    },
    clock: () => 0,
    pipes: () => ({ input: process.stdin, isTyped: false, output: process.stdout, inputSize: null }),
  };
  const code = await main(["drill", ...args], io);
  const plain = (text: string): string => text.replaceAll(`${folder}/`, "").replace(/\d+(\.\d+)? m?s\b/g, "T");
  return { code, stdout: plain(stdout), stderr: plain(stderr) };
}

describe("mptcp drill", () => {
  it("says that a script does what it says, with what its code prints", async () => {
    expect(await drill([good])).toEqual({ code: 0, stdout: "✓ tcp/good.pkt T\n    1\n1 passed (T)\n", stderr: "" });
  });

  it("shows what was expected and what was seen, with the line", async () => {
    const { code, stdout } = await drill([bad]);
    expect(code).toBe(1);
    expect(stdout).toContain("✗ tcp/bad.pkt T\n    tcp/bad.pkt:5:4: the packet that left is not the one that is expected: its ack differs\n      +0 > S. 0:0(0) ack 2 <mss 1460>\n");
    expect(stdout).toMatch(/ {6}expected .* ack 2 .*\n {6}seen .* ack 1 /);
    expect(stdout).toMatch(/\n1 failed \(T\)\n$/);
    expect((await drill([late])).stdout).toContain("tcp/late.pkt:8:4: it is not so that tcpi_snd_cwnd == 11: 10 == 11 (too few)\n");
  });

  it("refuses what cannot be run before anything of it runs", async () => {
    const { code, stdout } = await drill([wrong]);
    expect(code).toBe(2);
    expect(stdout).toContain("! tcp/wrong.pkt: not run T\n");
    expect(stdout).toContain('tcp/wrong.pkt:9:22: there is no TCP option "mmss"; did you mean "mss"?');
    const { stdout: shell } = await drill([write("shell.pkt", "`true\n python3 x.py`\n+0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n")]);
    expect(shell).toContain('shell.pkt:2:2: the command "python3" is not carried out\n       python3 x.py`\n       ^');
    rmSync(join(folder, "shell.pkt"));
  });

  it("runs every *.pkt below a folder, and counts", async () => {
    const { code, stdout } = await drill([folder]);
    expect(code).toBe(1);
    expect(Array.from(stdout.matchAll(/^[✓✗!] (\S+)/gmu), ([, name]) => name)).toEqual(["symbol.pkt:", "tcp/bad.pkt", "tcp/good.pkt", "tcp/late.pkt", "tcp/wrong.pkt:"]);
    expect(stdout).toMatch(/\n2 failed, 2 not run, 1 passed \(T\)\n$/);
    expect(await drill([join(folder, "tcp/common"), join(folder, "none.pkt")])).toEqual({ code: 2, stdout: "", stderr: "tcp/common: there is no *.pkt below\nnone.pkt: no such file or folder (ENOENT)\n" });
  });

  it("runs each script of a folder once where links lead back, and says of a link that leads nowhere that it does", async () => {
    const linked = join(folder, "linked");
    mkdirSync(linked);
    writeFileSync(join(linked, "one.pkt"), PLAIN);
    symlinkSync(".", join(linked, "self"));
    symlinkSync("/nowhere", join(linked, "two.pkt"));
    const { code, stdout } = await drill([linked]);
    rmSync(linked, { recursive: true });
    expect([code, stdout]).toEqual([2, "✓ linked/one.pkt T\n! linked/two.pkt: not run T\n    linked/two.pkt: no such file or folder (ENOENT)\n1 not run, 1 passed (T)\n"]);
  });

  it("takes symbols and packetdrill's own options", async () => {
    expect((await drill([symbol])).stdout).toContain('symbol.pkt:4:30: there is no symbol "MSS"');
    expect(await drill([symbol, "-D", "MSS=1000"])).toMatchObject({ code: 0 });
    expect(await drill([good, "--ip_version=ipv6", "--mtu=1520", "--strict_segments"])).toMatchObject({ code: 0 });
    expect(await drill([good, "--mtu=x", "--ip_version=5"])).toEqual({ code: 2, stdout: "", stderr: "the value of --ip_version is one of ipv4, ipv6, ipv4-mapped-ipv6\nthe value of --mtu is a number\n" });
    expect((await drill([good, "--mtu=67", "--bind_port=99999"])).stderr).toBe("the value of --bind_port is a number from 1 to 65535\nthe value of --mtu is a number from 68 to 65535\n");
    expect((await drill([good, "-D", "x"])).code).toBe(2);
    expect((await drill([good, "--ip_versoin=ipv6"])).stderr).toBe("error: unknown option '--ip_versoin=ipv6'\n(Did you mean --ip_version?)\n(mptcp drill --help shows what there is)\n");
    expect((await drill([good, "--tolerance-usecs", "3"])).stderr).toContain("(Did you mean --tolerance_usecs?)");
    expect((await drill([good, "--foo=1"])).stderr).toBe("error: unknown option '--foo=1'\n(mptcp drill --help shows what there is)\n");
  });

  it("exits by 1 where a script does something else, whether or not another could not be run", async () => {
    expect((await drill([bad, wrong])).code).toBe(1);
    expect((await drill([good, wrong])).code).toBe(2);
  });

  it("has the engine make its own choices where that is asked for", async () => {
    // RFC 7323 §5.2: a RST that answers a segment with timestamps has some, too; those of Linux have none.
    const script = fileURLToPath(new URL("../../testbed/scripts/tcp/options/a-reset-echoes-the-timestamp-of-what-it-answers.pkt", import.meta.url));
    expect((await drill([script])).code).toBe(1);
    expect((await drill([script, "--choices", "own"])).code).toBe(0);
  });

  it("refuses flags that contradict each other", async () => {
    expect((await drill([good, "--kernel", "--both"])).stderr).toContain("'--kernel' cannot be used with option '--both'");
    expect((await drill([good, "--target=engine", "--kernel"])).code).toBe(2);
    expect(await drill([good, "--record", "--both"])).toEqual({ code: 2, stdout: "", stderr: "--record is for one stack: --target engine or --target kernel\n" });
  });

  it("does not pass a file without events, and reads no more of one without an end than a script may have", async () => {
    const empty = write("empty.pkt", "// nothing yet\n--mtu=1500\n");
    expect(await drill([empty])).toEqual({ code: 2, stdout: "! empty.pkt: not run T\n    empty.pkt: there is no event in it\n1 not run (T)\n", stderr: "" });
    rmSync(empty);
    if (existsSync("/dev/zero")) expect((await drill(["/dev/zero"])).stdout).toContain("/dev/zero: it is larger than 2097152 octets");
  });

  it("prints scripts, or checks them, and runs nothing", async () => {
    expect((await drill([symbol, "--print"])).stdout).toContain("+0.1 < . 1:1(0) ack 1 win 257\n");
    expect(await drill([bad, "--dry-run"])).toMatchObject({ code: 0 });
    expect(await drill([wrong, "--dry_run"])).toMatchObject({ code: 2 });
    expect(await drill([wrong, "--print"])).toMatchObject({ code: 2, stdout: "" });
  });

  it("writes JSON alone, and JUnit's XML", async () => {
    const path = join(folder, "results.xml");
    const { code, stdout } = await drill([good, bad, wrong, "--json", "--junit", path]);
    const result = JSON.parse(stdout) as { passed: number; failed: number; faulty: number; scripts: ScriptReport[] };
    expect([code, result.passed, result.failed, result.faulty]).toEqual([1, 1, 1, 1]);
    expect(result.scripts[1]).toMatchObject({ file: "tcp/bad.pkt", target: "engine", verdict: "failed", line: 5, kind: "packet" });
    expect(readFileSync(path, "utf8")).toMatch(/<testsuites name="mptcp drill" tests="3" failures="1" errors="1"/);
    expect((await drill([good, "--junit", join(folder, "none", "x.xml")])).code).toBe(2);
  });

  it("is ended by Ctrl-C between scripts, with what is done", async () => {
    const path = join(folder, "interrupted.xml");
    expect(await drill([good, bad, "--junit", path], { interrupt: true })).toEqual({ code: 130, stdout: "no script was run (T), interrupted\n", stderr: "" });
    expect(existsSync(path)).toBe(true);
  });

  it("shows how far it is on a terminal, and what the engine decided where that is asked for", async () => {
    const { stdout } = await drill([good, good, bad, "--explain", "--profile"], { columns: 80 });
    expect(stdout).toContain("1 of 2  ");
    expect(stdout).toContain("what the stack decided:\n      0 tcp_state from=CLOSED to=SYN-RECEIVED");
    expect(stdout).toMatch(/ read +set up +run +script\n/);
  });
});

describe("docs/drill.md", () => {
  const page = readFileSync(new URL("../../../docs/drill.md", import.meta.url), "utf8");
  const [, first = ""] = /\n((?: {4}.*\n|\n(?= {4}))+)/.exec(page) ?? [];
  const script = first.replace(/^\n/, "").replace(/^ {4}/gm, "");

  it("begins with a script that does what it says, and shows what it would be if it did not", async () => {
    const file = write("handshake.pkt", script);
    expect(await drill([file])).toEqual({ code: 0, stdout: "✓ handshake.pkt T\n1 passed (T)\n", stderr: "" });
    write("handshake.pkt", script.replace("wscale 8", "wscale 7"));
    const { stdout } = await drill([file]);
    const shown = /```\n(✗ handshake[^`]*)```/.exec(page)?.[1]?.replace(/\d+ ms\b/, "T") ?? "none";
    expect(stdout.slice(0, shown.length)).toBe(shown);
    rmSync(file);
  });
});

describe("two stacks differ", () => {
  const packet = (text: string, change: Partial<RecordedPacket> = {}): RecordedPacket => ({ kind: "tcp", flags: ".", from: 1, length: 0, ack: 1, window: 63, options: [], text, at: 0.1e9, flow: 0, inputs: 1, ...change });
  const transcript = (...packets: RecordedPacket[]): Transcript => ({ inputs: [{ line: 6, name: "packet", at: 0.1e9, result: null, text: "" }], packets, ended: 1e9 });
  const passed: ScriptReport = {
    file: "a.pkt", target: "engine", verdict: "passed", line: null, column: null, message: null, kind: null, expected: null, seen: null, text: "", warnings: [], printed: [], explanation: [], scriptMicroseconds: 0,
    profile: NO_TIME, transcript: transcript(packet("> . 1:1(0) ack 1 win 63")),
  };
  const failed: ScriptReport = { ...passed, target: "kernel", verdict: "failed", line: 7, kind: "packet", message: "its ack differs", expected: "+0  > . ack 1", seen: "0.1 > . ack 2" };
  const kernel = { ...passed, target: "kernel" } as const;
  const asserting = { kind: "assertion", message: "it is not so that a == 1: 2 == 1", seen: null, expected: null } as const;

  it.each([
    [passed, kernel, "    both do what the script says, packet for packet alike\n"],
    [
      passed, { ...kernel, transcript: transcript(packet("> . 1:1(0) ack 1 win 99", { window: 99, at: 0.1004e9 })) },
      "    both do what the script says, and differ in what it leaves open\n    the first difference is after the input of line 6, at 0.100 s: its win differs\n"
      + "      engine  0.1    > . 1:1(0) ack 1 win 63\n      kernel  0.1004 > . 1:1(0) ack 1 win 99\n                                      ^\n",
    ],
    [
      passed, { ...failed, transcript: transcript(packet("> . 1:1(0) ack 2 win 99", { window: 99, ack: 2 })) },
      "    the engine does what the script says, the kernel fails at line 7\n    the first difference is after the input of line 6, at 0.100 s: its ack differs (and 1 more, which may follow from it)\n"
      + "      engine  0.1 > . 1:1(0) ack 1 win 63\n      kernel  0.1 > . 1:1(0) ack 2 win 99\n                             ^\n",
    ],
    [
      passed, { ...failed, transcript: transcript() },
      "    the engine does what the script says, the kernel fails at line 7\n    the first difference is after the input of line 6, at 0.100 s: the engine alone sends ACK\n"
      + "      engine  0.1 > . 1:1(0) ack 1 win 63\n      kernel  nothing\n",
    ],
    [passed, { ...failed, ...asserting }, "    the first difference is at line 7:\n      engine  does what the script says\n      kernel  it is not so that a == 1: 2 == 1\n"],
    [{ ...failed, target: "engine" } as const, { ...failed, line: 9 }, "    the first difference is at line 7:\n      engine  its ack differs\n      kernel  gets past it, to line 9\n"],
    [{ ...failed, seen: "0.101 > . ack 2" }, failed, "    both do the same, which is not what line 7 says\n"],
  ])("as is said", (engine, other, text) => {
    expect(differenceText(engine, other)).toBe(text);
  });
});

describe("mptcp drill --record", () => {
  it("records what a stack does with a script's inputs, and what it records passes", async () => {
    const inputs = write("inputs.pkt", PLAIN.split("\n").filter((line) => !line.includes(">  S.") && !line.includes("> S.")).join("\n"));
    const { code, stdout, stderr } = await drill(["--record", inputs]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toContain("> S. 0:0(0) ack 1 win ");
    expect((await drill([write("recorded.pkt", stdout)])).code).toBe(0);
    const faulty = await drill(["--record", wrong]);
    expect([faulty.code, faulty.stdout]).toEqual([2, ""]);
    expect(faulty.stderr).toContain("wrong.pkt:");
  });
});
