import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkCode, evaluateCode, type CodeScope } from "../../../src/drill/assert/index.ts";

const fields = new Map([["tcpi_snd_cwnd", 12n], ["tcpi_options", 7n]]);

/** Whatever the code is: nothing is thrown, and what was found to be in order is read when it is evaluated, too. */
function survives(text: string, scope: CodeScope = new Map()): void {
  const lines = text.split("\n");
  for (const { place, message } of checkCode(text, { line: 1, column: 1 }, new Set(scope.keys()))) {
    expect(message).not.toBe("");
    expect(place.column).toBeGreaterThanOrEqual(1);
    expect(place.column).toBeLessThanOrEqual((lines[place.line - 1] ?? "").length + 1);
  }
  const { failure } = evaluateCode(text, scope, fields);
  if (failure !== null) expect(failure).not.toBe("");
}

const PIECES = [
  "assert", "tcpi_snd_cwnd", "tcpi_options", "TCP_CLOSE", "x", "=", "==", "<", "<=", "(", ")", "[", "]", ",", ";", "\n", "\n  ", "\n    ", ":", "if", "elif", "else", "and", "or", "not", "in", "is",
  "1", "0x1f", "1.5", "'a'", "\"b\"", "'%d'", "%", "+", "-", "*", "**", "//", "/", "<<", ">>", "~", "&", "|", "^", "len", "max", "int", "round", "str", "sum", "print", "pass", "+=", "#", "\\", "\\\n", ".",
  "None", "True", "for", "99999999", "{", "\u{1f600}", "\u0000",
];

describe("code of a script", () => {
  it("is survived, whatever it is", () => {
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 100 }), (text) => survives(text)), { numRuns: 150 });
    const nonsense = fc.array(fc.tuple(fc.constantFrom(...PIECES), fc.constantFrom("", " ")), { maxLength: 30 }).map((pieces) => pieces.flat().join(""));
    fc.assert(fc.property(nonsense, (text) => survives(text)), { numRuns: 800 });
    fc.assert(fc.property(nonsense, (text) => survives(`assert ${text}`, new Map([["x", 3n]]))), { numRuns: 800 });
  });

  it.each(["(", "[", "-", "not ", "1+", "1 if 1 else ", "x=[", "if 1:\n ", "elif 1: 1\n", "1 and ", "1 < ", "1 ** ", "x[0]", "'a' ", "\\\n", "#", "\n", "print(", "9", "x=1;", "((1)+", "~-"])("%j, ten thousand times", (piece) => {
    survives(piece.repeat(10_000));
    survives(`${piece.repeat(3_000)}1`);
  });

  it("takes no memory without end", () => {
    const scope: CodeScope = new Map();
    for (const text of ["x = 'a'", "y = [1]", "z = 3", "n = [1]"]) evaluateCode(text, scope, fields);
    for (let round = 0; round < 100; round++) for (const text of ["x += x", "y *= 2", "y = [y, y]", "z *= z", "z = z << 4000", "n = [n]"]) evaluateCode(text, scope, fields);
    expect(evaluateCode("print(len(x), len(y)); assert y == y; assert x in x", scope, fields).failure).toMatch(/a string of more than 256|a list has/);
  });
});
