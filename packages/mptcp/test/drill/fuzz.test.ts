import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { describeProblem, MAX_PROBLEMS, parseScript, printScript } from "../../src/drill/index.ts";
import { script } from "./arbitraries.ts";

/** Whatever is read: nothing is thrown, problems lie in the text and can be shown, and what has none is printed as a script that has none. */
function survives(text: string): void {
  const { script: tree, problems } = parseScript(text);
  const lines = text.split("\n");
  expect(problems.length).toBeLessThanOrEqual(MAX_PROBLEMS);
  for (const problem of problems) {
    const line = lines[problem.place.line - 1];
    expect(line).toBeDefined();
    expect(problem.place.column).toBeGreaterThanOrEqual(1);
    expect(problem.place.column).toBeLessThanOrEqual(line!.length + 1);
    expect(describeProblem("x.pkt", text, problem).split("\n")).toHaveLength(3);
  }
  if (problems.length > 0) return;
  const printed = printScript(tree);
  const again = parseScript(printed);
  expect(again.problems).toEqual([]);
  expect(printScript(again.script)).toBe(printed);
}

/** Pieces of the language, which make nonsense that gets further than random characters. */
const PIECES = [
  "+0", "+.1", "0.1~0.2", "*", "...", "<", ">", ".", "S.", "1:1(0)", "ack", "win", "1", "0x1", "-1", "<...>", "mss 1460", "nop", ",", "dss", "dack8=1", "mpcapable", "key[",
  "]", "[", "{", "}", "(", ")", "=", "|", "+", "`", "%{", "}%", '"', "\\", "//", "/*", "*/", "#", "\n", " ", "socket", "addr[", "icmp", "udp", "ipv4", "1.1.1.1", "fd::1", ":",
  "gre", "mpls", "psp", "encap", "sock(", "--mtu=1", "--", "sack", "1:2", "TS val", "\u{1f600}", "\u0000",
];

describe("the parser survives", () => {
  it("random text", () => {
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 200 }), survives), { numRuns: 150 });
  });

  it("pieces of the language in any order", () => {
    const nonsense = fc.array(fc.tuple(fc.constantFrom(...PIECES), fc.constantFrom("", " ")), { maxLength: 40 }).map((pieces) => pieces.flat().join(""));
    fc.assert(fc.property(nonsense, (text) => survives(`+0 ${text}`)), { numRuns: 800 });
  });

  it("scripts that are cut, and scripts in which something is exchanged", () => {
    const damage = fc.tuple(script, fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(12), fc.constantFrom("", ...PIECES));
    fc.assert(
      fc.property(damage, ([tree, where, length, piece]) => {
        const text = printScript(tree);
        const at = Math.floor(where * text.length);
        survives(text.slice(0, at));
        survives(text.slice(0, at) + piece + text.slice(at + length));
      }),
      { numRuns: 150 },
    );
  });

  it.each(["`", '"', "(", "[", "{", "/*", "%{", "+0 ", "\\`", "+0 f(", "+0 < . 1:1(0) <", "+0 `\n", "9", "<", "a|", "-", "addr[", "\n", "+0 f(\"", "/* ", "+0 > [udp(1) ", "((a)=", "f("])("%j, twenty thousand times", (piece) => {
    // What is meant is that the time grows with the length; a test that counts time would fail on a busy machine, one that hangs is noticed.
    survives(piece.repeat(20_000));
  });
});
