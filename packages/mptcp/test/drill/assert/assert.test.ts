import { describe, expect, it } from "vitest";
import { checkCode, evaluateCode, type CodeScope } from "../../../src/drill/assert/index.ts";

const fields = new Map(Object.entries({ tcpi_snd_cwnd: 12n, tcpi_options: 7n, tcpi_state: 1n, tcpi_ca_state: 0n, tcpi_rtt: 100_250n, tcpi_rwnd_limited: 300_000n, mptcpi_flags: 3n }));
const run = (text: string, scope: CodeScope = new Map()) => evaluateCode(text, scope, fields);
const failureOf = (text: string): string | null => run(text).failure;
const problemsOf = (text: string, variables = new Set<string>()): string[] =>
  checkCode(text, { line: 1, column: 3 }, variables).map(({ place, message }) => `${place.line}:${place.column}: ${message}`);

describe("assertions as public scripts have them", () => {
  it.each([
    " assert tcpi_snd_cwnd == 12, tcpi_snd_cwnd ",
    " assert tcpi_snd_cwnd == 12, 'cwnd=%d' % tcpi_snd_cwnd ",
    " assert (tcpi_options & TCPI_OPT_SYN_DATA) == 0, tcpi_options ",
    " assert tcpi_options == (TCPI_OPT_TIMESTAMPS | TCPI_OPT_SACK | TCPI_OPT_WSCALE) ",
    " assert 298000 <= tcpi_rwnd_limited <= 310000, tcpi_rwnd_limited;\\\n   assert tcpi_state == TCP_ESTABLISHED, tcpi_state ",
    "\nassert tcpi_ca_state == TCP_CA_Open\n  assert tcpi_state in (TCP_ESTABLISHED, TCP_CLOSE_WAIT)  # either\n",
    " assert abs(tcpi_rtt - 100000) < 4000, 'rtt %d us, state %s' % (tcpi_rtt, tcpi_state) ",
    " assert tcpi_rtt // 1000 == 100 and not tcpi_rtt < 0 ",
    " print(tcpi_rtt); print 'rtt', tcpi_rtt ",
    " assert mptcpi_flags & MPTCP_INFO_FLAG_REMOTE_KEY_RECEIVED ",
    "if tcpi_snd_cwnd > 10:\n  x = 1\n  y = 2\nelif tcpi_state == 1:\n  x = 3\nelse:\n  x = 4\n\nassert x == 1",
    "if tcpi_snd_cwnd < 10: x = 1; y = 2\nelse: x = 4\nassert x == 4",
  ])("%s", (text) => {
    expect(problemsOf(text)).toEqual([]);
    expect(failureOf(text)).toBeNull();
  });
});

describe("an assertion that does not hold", () => {
  it.each([
    ["assert tcpi_snd_cwnd == 10", "tcpi_snd_cwnd == 10: 12 == 10"],
    ["assert tcpi_snd_cwnd == 10, tcpi_snd_cwnd", "tcpi_snd_cwnd == 10: 12 == 10"],
    ["assert tcpi_snd_cwnd == 10, 'after the loss'", "tcpi_snd_cwnd == 10: 12 == 10 (after the loss)"],
    ["assert tcpi_state == 1 and tcpi_snd_cwnd < 5", "tcpi_snd_cwnd < 5: 12 < 5"],
    ["assert tcpi_state == 2 or tcpi_snd_cwnd < 5", "tcpi_state == 2 or tcpi_snd_cwnd < 5: tcpi_state == 2: 1 == 2, and tcpi_snd_cwnd < 5: 12 < 5"],
    ["assert (tcpi_options & TCPI_OPT_SYN_DATA) != 0", "(tcpi_options & TCPI_OPT_SYN_DATA) != 0: 0 != 0, where tcpi_options is 7"],
    ["assert 1 < tcpi_snd_cwnd <= 11", "1 < tcpi_snd_cwnd <= 11: 1 < 12 <= 11"],
    ["assert not tcpi_state", "not tcpi_state: False, where tcpi_state is 1"],
    ["assert tcpi_delivered == 1", "the stack does not tell tcpi_delivered of this socket"],
    ["assert 1 / 0", "a division by 0"],
    ["assert 1 + 'a'", "there is no int + str"],
  ])("%s", (text, failure) => {
    expect(failureOf(text)).toBe(failure);
    const isOther = /^(?:the stack|a division|there is no)/.test(failure);
    expect(run(text).isAssertion).toBe(!isOther);
  });
});

describe("values are Python's", () => {
  it.each([
    ["-7 // 2", "-4"], ["-7 % 3", "2"], ["7 % -3", "-2"], ["7 / 2", "3.5"], ["4 / 2", "2.0"], ["2 ** 100", "1267650600228229401496703205376"], ["-2 ** 2", "-4"],
    ["1 << 40", "1099511627776"], ["~5", "-6"], ["0xff ^ 0b1010", "245"], ["True + True", "2"], ["round(2.5)", "2"], ["round(3.5)", "4"], ["round(2.345, 1)", "2.3"],
    ["int('ff', 16)", "255"], ["int(-2.7)", "-2"], ["float(3)", "3.0"], ["1e20", "1e+20"], ["0.00001", "1e-05"], ["max(1, 2.5)", "2.5"], ["min([3, 1, 2])", "1"],
    ["len('abc')", "3"], ["sum([1, 2])", "3"], ["'a' 'b' + 'c' * 2", "abcc"], ["[1, 'a', None]", "[1, 'a', None]"], ["(1,)", "(1,)"], ["1, 2", "(1, 2)"],
    ["'%5.1f|%-4d|%04x|%s|%%' % (3.14159, 7, 255, True)", "  3.1|7   |00ff|True|%"], ["1 if 0 else 2", "2"], ["0 or 'x'", "x"], ["[1, 2, 3][-1]", "3"],
    ["9007199254740993 == 9007199254740992.0", "False"], ["1 == 1.0 == True", "True"], ["'b' in 'abc'", "True"], ["3 not in [1, 2]", "True"], ["[1, 2] < [1, 3]", "True"],
    ["None is None", "True"], ["hex(255)", "0xff"],
    ["f'cwnd {tcpi_snd_cwnd} of {1 + 2}'", "cwnd 12 of 3"], ["f\"{'a'!r}|{3.14159:.2f}|{255:x}|{7:04d}|{[1, 2]}\"", "'a'|3.14|ff|0007|[1, 2]"],
    ["f'{{{tcpi_state=}}} 5%' ' of' f' {1, 2}'", "{tcpi_state=1} 5% of (1, 2)"], ["rf'\\d{2}'", "\\d2"],
  ])("%s", (text, shown) => {
    expect(run(`x = ${text}\nprint(x)`)).toEqual({ failure: null, isAssertion: false, printed: [shown] });
  });

  it("variables live on, and are changed in place", () => {
    const scope: CodeScope = new Map();
    expect(run("rtt = tcpi_rtt", scope).failure).toBeNull();
    expect(run("rtt -= 250", scope).failure).toBeNull();
    expect(run("assert rtt == 100000", scope).failure).toBeNull();
  });
});

describe("what is wrong is found before anything runs", () => {
  it.each([
    ["assert tcpi_snd_cwn == 10", '1:10: there is no name "tcpi_snd_cwn"; did you mean "tcpi_snd_cwnd"?'],
    ["\n  assert tcpi_state = 1", '2:21: expected the end of the statement, found "="'],
    ["import os", '1:3: "import" is not carried out: code consists of assertions, assignments, conditions and print'],
    ["assert open('x')", '1:10: there is no function "open"'],
    ["x = 'a", "1:7: the string has no end on its line"],
    ["assert 'a'.join", "1:13: attributes and methods are not carried out"],
    ["assert len()", "1:10: len() takes 1 value"],
    ["tcpi_rtt = 1", '1:3: "tcpi_rtt" cannot be assigned to'],
    ["assert", "1:9: expected a value, found the end of the line"],
    ["if 1:\nassert 1", "2:1: expected a line that is indented, found \"assert\""],
    ["assert 1, f'{tcpi_snd_cwn}'", '1:16: there is no name "tcpi_snd_cwn"; did you mean "tcpi_snd_cwnd"?'],
    ["assert 1, f'{1:>9}'", "1:16: this form of what is filled in is not carried out"],
    ["assert 1, f'{}'", "1:16: nothing is filled in"],
    ["assert 1, f'a}'", '1:16: "}" means nothing here; "}}" stands for it'],
    ["assert 1, f'{1 2}'", '1:18: expected "}", found a value'],
    ["assert 1, b'a'", "1:13: strings with the prefix b are not carried out"],
    ["assert constructor", '1:10: there is no name "constructor"'],
    ["assert constructor()", '1:10: there is no function "constructor"'],
  ])("%j", (text, problem) => {
    expect(problemsOf(text)).toEqual([problem]);
  });

  it("a variable is known to the code behind it", () => {
    const variables = new Set<string>();
    expect(problemsOf("assert cwnd == 1", variables)).toHaveLength(1);
    expect(problemsOf("cwnd = tcpi_snd_cwnd", variables)).toEqual([]);
    expect(problemsOf("assert cwnd == 1", variables)).toEqual([]);
  });
});
