import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkShell, Shell } from "../../../src/drill/shell/index.ts";
import { FakeWorld } from "./world.ts";

/** Whatever the line is: nothing is thrown, what is wrong lies in it, and it ends. */
function survives(text: string): void {
  const lines = text.split("\n");
  const world = new FakeWorld({ "a.sh": "echo a; ./a.sh", "../common/defaults.sh": "sysctl -q net.ipv4.tcp_sack=1" });
  for (const { place, message } of checkShell(text, { line: 1, column: 1 }, world.readFile)) {
    expect(message).not.toBe("");
    expect(place.column).toBeGreaterThanOrEqual(1);
    expect(place.column).toBeLessThanOrEqual((lines[place.line - 1] ?? "").length + 1);
  }
  const { status, output } = new Shell(world).run(text);
  expect(status).toBeGreaterThanOrEqual(0);
  expect(output.length).toBeLessThanOrEqual(300_000);
}

const PIECES = [
  "echo", "x=1", "$x", "${x", "${x:-", "}", "$((", "))", "$(", ")", "(", "`", "'", '"', "\\", ";", ";;", "\n", "&&", "||", "|", "!", "if", "then", "else", "elif", "fi", "for i in", "do", "done", "while", "true", "false",
  "case x in", "esac", "a)", "[", "]", "[[", "]]", "=~", "-eq", "==", "1", "{", "f()", "f", ">", "/tmp/f", "/dev/null", "<", "2>&1", "<<E", "<<<", "E\n", "read x", "printf %d", "%s", "grep", "sed", "s/a*/b/g", "awk",
  "{print $1}", "jq", ".a", "tr", "cut -f1", "./a.sh", ". a.sh", "sysctl", "nstat", "set -e", "shift", "exit", "break", "continue", "return", "local", "export", "*", "[a-z]", "(a*)*", "+", "seq 9", "#", "##*", "%%", "//", "\u{1f600}", "\u0000",
];

describe("shell lines are survived", () => {
  it("whatever they are", () => {
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 100 }), survives), { numRuns: 150 });
    const nonsense = fc.array(fc.tuple(fc.constantFrom(...PIECES), fc.constantFrom("", " ", " ")), { maxLength: 30 }).map((pieces) => pieces.flat().join(""));
    fc.assert(fc.property(nonsense, survives), { numRuns: 500 });
  });

  it.each(["(", "$(", "`", '"', "$((", "((", "{ ", "if ", "if true; then ", "while ", "case x in a) ", "f() { ", "[[ (", "[[ ! ", "[[ a && ", "! ", "a|", "a&&", "${x:-", "\\", "<<E ", "<<E\n", "echo $x;", "x=1 ", "'", "$", "#", "* ", "f() f() ", "\n", "${x/"])("%j, four thousand times", (piece) => {
    survives(piece.repeat(4_000));
    survives(`${piece.repeat(30)}true`);
  });

  it.each([
    "while :; do :; done", "while true; do echo aaaaaaaaaaaaaaaaaaaaaaaaaaa; done", "x=a; while :; do x=$x$x; done", "f() { f; f; }; f", "f() { (f) | f; }; f", "./a.sh", "f() { echo $(f; f); }; f",
    "x=$(seq 9999); [[ $x =~ (.*)*(.*)*(.*)*z ]]", "x=$(seq 9999); echo $x | grep -E '(a|1|11)*(1|11)*(1|1)*z'", "x=$(seq 9999); echo ${x##*z*z*z} ${x%%*z*z*z}", "seq 9999 | sed 's/[0-9]*[0-9]*[0-9]*z/x/g'",
    "i=0; for a in $(seq 9999); do for b in $(seq 9999); do i=$((i+1)); done; done", "x='x+x'; echo $((x))", "x=y; y=x; echo $((x))", "until false; do ./a.sh; done", "while :; do echo x >> /tmp/f; done", "while :; do printf %d a; done", "while sleep 1; do nstat; done",
  ])("%s ends", (text) => {
    survives(text);
  });
});
