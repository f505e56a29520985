import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { escape, junit } from "../src/drill/junit.ts";
import { NO_TIME, type ScriptReport } from "../src/drill/report.ts";

const passed: ScriptReport = {
  file: "tcp/close.pkt", target: "engine", verdict: "passed", line: null, column: null, message: null, kind: null, expected: null, seen: null, text: "", warnings: [], printed: [], explanation: [],
  scriptMicroseconds: 1_000, profile: NO_TIME, transcript: null,
};
const failed: ScriptReport = {
  ...passed, file: 'a "b" & <c>.pkt', verdict: "failed", line: 7, column: 3, kind: "packet", message: "ack is <1> & not '2'", text: "x.pkt:7:3: ]]> \u0000\u001b[31m\ud800\n\tend \u{1f600}", printed: ["rtt=1 <&>"],
};

describe("JUnit's XML", () => {
  it("has a suite for each stack, and a case for each script", () => {
    const xml = junit([passed, failed, { ...passed, target: "kernel", profile: { read: 500_000, setUp: 0, run: 1_000_000 } }, { ...passed, target: null, verdict: "faulty", kind: "script", message: "m", text: "t" }]);
    expect(xml.split("\n")).toEqual([
      '<?xml version="1.0" encoding="UTF-8"?>',
      '<testsuites name="mptcp drill" tests="4" failures="1" errors="1" time="1.500000">',
      '  <testsuite name="engine" tests="2" failures="1" errors="0" skipped="0" time="0.000000">',
      '    <testcase classname="engine.tcp" name="tcp/close.pkt" file="tcp/close.pkt" time="0.000000"/>',
      '    <testcase classname="engine" name="a &quot;b&quot; &amp; &lt;c&gt;.pkt" file="a &quot;b&quot; &amp; &lt;c&gt;.pkt" line="7" time="0.000000">',
      '      <failure type="packet" message="ack is &lt;1&gt; &amp; not &apos;2&apos;">x.pkt:7:3: ]]&gt; \ufffd\ufffd[31m\ufffd&#10;&#9;end \u{1f600}</failure>',
      "      <system-out>rtt=1 &lt;&amp;&gt;</system-out>",
      "    </testcase>",
      "  </testsuite>",
      '  <testsuite name="kernel" tests="1" failures="0" errors="0" skipped="0" time="1.500000">',
      '    <testcase classname="kernel.tcp" name="tcp/close.pkt" file="tcp/close.pkt" time="1.500000"/>',
      "  </testsuite>",
      '  <testsuite name="scripts" tests="1" failures="0" errors="1" skipped="0" time="0.000000">',
      '    <testcase classname="scripts.tcp" name="tcp/close.pkt" file="tcp/close.pkt" time="0.000000">',
      '      <error type="script" message="m">t</error>',
      "    </testcase>",
      "  </testsuite>",
      "</testsuites>",
      "",
    ]);
  });

  it("says what XML cannot say with U+FFFD", () => {
    expect(escape("\u0000\u0008\u000b\u001f\ufffe\ud83d \u{10ffff}é")).toBe("\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd \u{10ffff}é");
  });

  it("is read by another program's parser", (context) => {
    let text: string;
    try {
      text = execFileSync("python3", ["-c", "import sys, xml.etree.ElementTree as e; print(e.fromstring(sys.stdin.buffer.read()).find('.//failure').attrib['message'])"], { input: junit([failed], true), encoding: "utf8" });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") context.skip("needs python3");
      throw error;
    }
    expect(text).toBe(`${failed.message}\n`);
  });
});
