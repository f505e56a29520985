import { describe, expect, it } from "vitest";
import { describeProblem, MAX_PROBLEMS, parseScript } from "../../src/drill/index.ts";
import { problemsOf } from "./reading.ts";

describe("a problem says where it is and what is wrong", () => {
  it.each([
    ["+0 sockte", '1:10: expected "(" after the system call sockte, found the end of the file'],
    ["+0 close(3)", '1:12: expected "=" before the result of close, found the end of the file'],
    ["+0 close(3) =\n", "2:1: expected a value, found the end of the file"],
    ["+0 read(4, ; 1) = 1", '1:12: expected a value, found ";"'],
    ["+0 read(4, [1 2]) = 1", '1:15: expected "]" at the end of the array, found "2"'],
    ["+0 poll({fd|1=4}) = 1", '1:14: expected "," or "}" after the field, found "="'],
    ['+0 open("/tmp', "1:9: the string has no end on its line"],
    ["+0 `sysctl", '1:4: the shell line has no end: "`" is missing'],
    ["+0 %{ assert", '1:4: the code has no end: "}%" is missing'],
    ["+0 close(3) = 0 /* for", '1:17: the comment has no end: "*/" is missing'],
    ["close(3) = 0", '1:1: expected a time, found "close"'],
    ["+0.0000000001 close(3) = 0", "1:2: a time has nine digits behind the point at most"],
    ["+99999999999 close(3) = 0", "1:2: the time is more than 104 days"],
    ["0.2~0.1 close(3) = 0", "1:1: the range ends before it begins"],
    ["+0~0.1 close(3) = 0", '1:4: expected "+" before the end of a relative range, found "0"'],
    ["+0...0.1 > . 1:1(0)", '1:10: expected a system call, which alone has a time at which it ends, found ">"'],
    ["+0 close(3) = 0\n--mtu=1500", "2:1: options stand before the first event"],
    ["--tolerance_usec=1", '1:1: there is no option --tolerance_usec; did you mean "tolerance_usecs"?'],
    ["--mtu=big", "1:1: the value of --mtu is a number"],
    ["--mtu", "1:1: --mtu needs a value: --mtu=..."],
    ["--dry_run=1", "1:1: --dry_run takes no value"],
    ["--local_ip=10.0.0.256", "1:1: the value of --local_ip is an address"],
    ["--ip_version=4", "1:1: the value of --ip_version is one of ipv4, ipv6, ipv4-mapped-ipv6"],
    ["+0 > X 1:1(0)", '1:6: "X" is no TCP flag: there are S F R P . U E W A, a digit from 0 to 7, and - for none'],
    ["+0 > SS 1:1(0)", '1:6: the flag "S" is there twice'],
    ["+0 > .8 1:1(0)", "1:6: the three ECN flags as a number are one digit from 0 to 7"],
    ["+0 > E.5 1:1(0)", "1:6: the ECN flags are letters or a digit, not both"],
    ["+0 > . 1:701(600)", "1:8: from 1 to 701 there are 700 octets, not 600"],
    ["+0 > . 4294967296:1(0)", "1:8: a sequence number may be 4294967295 at most"],
    ["+0 > . 1:1(0) ack 1 ack 1", '1:21: the segment has "ack" twice'],
    ["+0 > [ect3] . 1:1(0)", '1:7: there is no field "ect3" of the IP header; did you mean "ect0"?'],
    ["+0 > addr[a] . 1:1(0)", '1:14: expected ">" between the addresses, found "."'],
    ["+0 < ipv4 fd::1 > fd::2: . 1:1(0)", '1:11: "fd::1" is no IPv4 address'],
    ["+0 < . 1:1(0) <mss>", "1:16: the option mss needs a value"],
    ["+0 < . 1:1(0) <mss 1 2>", "1:16: the option mss has 2 values, and may have 1"],
    ["+0 < . 1:1(0) <wscal 7>", '1:16: there is no TCP option "wscal"; did you mean "wscale"?'],
    ["+0 < . 1:1(0) <dss dsn=1>", '1:20: the option dss has no field "dsn"; did you mean "dsn4"?'],
    ["+0 < . 1:1(0) <nop 1>", '1:20: expected "," or ">" after the option nop, found "1"'],
    ["+0 < . 1:1(0) <dss ssn>", '1:23: expected a value of ssn, found ">"'],
    ["+0 < . 1:1(0) <dss nocs nocs>", '1:25: the option dss has "nocs" twice'],
    ["+0 < . 1:1(0) <mpcapable v1 key>", '1:32: expected "[" after key, found ">"'],
    ["+0 < sctp: INIT[flgs=0]", "1:6: packets of SCTP are not read: there are TCP, UDP and ICMP"],
    [`+0 f(${"[".repeat(50)}`, "1:47: the expression is nested too deeply"],
    [`+0 f(${"9".repeat(50)}) = 0`, "1:6: the number has too many digits"],
  ])("%j", (text, problem) => {
    expect(problemsOf(text)).toEqual([problem]);
  });
});

describe("after a problem", () => {
  it("reading goes on with the next statement, and what was right is there", () => {
    const text = "+0 sokcet = 3\n+0 listen(3, 1) = 0\n+0 > Z 1:1(0)\n   <nop>\n+0 close(3) = 0\n";
    expect(problemsOf(text)).toEqual([expect.stringMatching(/^1:11: /), expect.stringMatching(/^3:6: /)]);
    expect(parseScript(text).script.events).toMatchObject([{ action: { name: "listen" } }, { action: { name: "close" } }]);
  });

  it("reading goes on where the problem is, if that is where the next statement begins", () => {
    const text = "+0 close(3)\n  +0 listen(3, 1) = 0\n";
    expect(problemsOf(text)).toEqual(['2:3: expected "=" before the result of close, found "+"']);
    expect(parseScript(text).script.events).toMatchObject([{ action: { name: "listen" } }]);
  });

  it("lines of a shell are not taken for statements", () => {
    expect(problemsOf("+0 ! `a\n+0 b\n` \n+0 close(3) = 0")).toHaveLength(1);
  });

  it("twenty are enough", () => {
    expect(problemsOf("+0 !\n".repeat(100))).toHaveLength(MAX_PROBLEMS);
  });

  it("a script that is far too long is not read", () => {
    expect(problemsOf(" ".repeat(2 ** 20 + 1))).toEqual(["1:1: the script is longer than 1048576 characters"]);
  });
});

describe("for people", () => {
  const shown = (text: string) => describeProblem("a.pkt", text, parseScript(text).problems[0]!);

  it("the line is shown with a caret below the column", () => {
    expect(shown("+0 listen(3, 1) = 0\n\t+0 > X 1:1(0)\n")).toMatch(/^a\.pkt:2:7: "X" is no TCP flag.*\n {3}\+0 > X 1:1\(0\)\n {8}\^$/);
  });

  it("of a long line the part around the column is shown", () => {
    const [, line, caret] = shown(`+0 f("${"a".repeat(500)}", ;) = 0${" ".repeat(500)}`).split("\n");
    expect(line!.length).toBeLessThan(130);
    expect(line![caret!.indexOf("^")]).toBe(";");
  });

  it("the end of the file has a place, too", () => {
    expect(shown("+0 close(3)")).toBe('a.pkt:1:12: expected "=" before the result of close, found the end of the file\n  +0 close(3)\n             ^');
  });

  it("nothing of a line moves the cursor", () => {
    expect(shown("+0 \u001b[2J")).toMatch(/\n {2}\+0  \[2J\n/);
  });
});
