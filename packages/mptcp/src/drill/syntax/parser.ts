import type { Action, CallAction, EventTime, Place, Script, ScriptEvent, ScriptOption } from "./ast.ts";
import { PARAMETER, parseExpression, parseParameters, RESULT } from "./expressions.ts";
import { Lexer, TOKEN, Unexpected } from "./lexer.ts";
import { parsePacket } from "./packets.ts";
import { MAX_PROBLEMS, type Problem } from "./problems.ts";
import { parseScriptOption } from "./script-options.ts";

/** The longest script that is read, in UTF-16 code units. */
const MAX_LENGTH = 2 ** 20;

/** A script, and what is wrong with it. */
export interface ParsedScript {
  /** What could be read; all of it if there are no problems. */
  readonly script: Script;
  /** In the order of the file, 20 at most. */
  readonly problems: readonly Problem[];
}

/**
 * Reads a packet script. It never throws: whatever is wrong is a problem with its place, after which reading goes on with the next line that begins like a
 * statement. A script with problems must not be run.
 */
export function parseScript(text: string): ParsedScript {
  const problems: Problem[] = [];
  const options: ScriptOption[] = [];
  const events: ScriptEvent[] = [];
  if (text.length > MAX_LENGTH) problems.push({ place: { line: 1, column: 1 }, message: `the script is longer than ${MAX_LENGTH} characters` });
  else readStatements(new Lexer(text, (problem) => void problems.push(problem)), options, events, problems);
  return { script: { options, events }, problems: problems.toSorted(byPlace).filter(isFirst).slice(0, MAX_PROBLEMS) };
}

/** What a parser tried twice it reports twice. */
function isFirst({ place, message }: Problem, index: number, problems: readonly Problem[]): boolean {
  const before = problems[index - 1];
  return before === undefined || byPlace(before, { place, message }) !== 0 || before.message !== message;
}

const byPlace = ({ place: one }: Problem, { place: other }: Problem): number => one.line - other.line || one.column - other.column;

function readStatements(lexer: Lexer, options: ScriptOption[], events: ScriptEvent[], problems: Problem[]): void {
  while (!lexer.atEnd() && problems.length < MAX_PROBLEMS) {
    const start = lexer.mark();
    try {
      if (!lexer.sees("--")) events.push(parseEvent(lexer));
      else if (events.length > 0) throw new Unexpected(lexer.here(), "options stand before the first event");
      else options.push(parseScriptOption(lexer));
    } catch (error) {
      if (!(error instanceof Unexpected)) throw error;
      problems.push(error.problem);
      lexer.recover(start);
    }
  }
}

function parseEvent(lexer: Lexer): ScriptEvent {
  const place = lexer.here();
  if (lexer.sees("`")) return { time: undefined, action: parseAction(lexer, undefined), place };
  const time = parseTime(lexer);
  const until = lexer.takes("...") ? parseSeconds(lexer) : undefined;
  return { time, action: parseAction(lexer, until), place };
}

function parseTime(lexer: Lexer): EventTime {
  const place = lexer.here();
  if (lexer.takes("*")) return { kind: "any", place };
  const relative = lexer.takes("+");
  const from = parseSeconds(lexer);
  if (!lexer.takes("~")) return { kind: "at", relative, at: from, place };
  if (relative) lexer.expect("+", "before the end of a relative range");
  const to = parseSeconds(lexer);
  if (to < from) lexer.report(place, "the range ends before it begins");
  return { kind: "range", relative, from, to, place };
}

/** A number of seconds, with at most nine digits behind the point; gives nanoseconds. */
function parseSeconds(lexer: Lexer): number {
  const place = lexer.here();
  const text = lexer.match(TOKEN.seconds);
  if (text === undefined) throw lexer.unexpected("a time");
  const [whole = "", fraction = ""] = text.split(".");
  const nanoseconds = Number(whole) * 1e9 + Number(fraction.slice(0, 9).padEnd(9, "0"));
  if (/[1-9]/.test(fraction.slice(9))) throw new Unexpected(place, "a time has nine digits behind the point at most");
  if (!Number.isSafeInteger(nanoseconds)) throw new Unexpected(place, "the time is more than 104 days");
  return nanoseconds;
}

function parseAction(lexer: Lexer, until: number | undefined): Action {
  const place = lexer.here();
  const name = lexer.peekName();
  if (name !== undefined) return parseCall(lexer, place, until);
  if (until !== undefined) throw lexer.unexpected("a system call, which alone has a time at which it ends");
  if (lexer.sees("<") || lexer.sees(">")) return parsePacket(lexer);
  const shell = lexer.takesBetween("`", "`", "the shell line");
  if (shell !== undefined) return { kind: "shell", text: shell, place };
  const code = lexer.takesBetween("%{", "}%", "the code");
  if (code !== undefined) return { kind: "code", text: code, place };
  throw lexer.unexpected("a packet, a system call, a shell line or code");
}

function parseCall(lexer: Lexer, place: Place, until: number | undefined): CallAction {
  const name = lexer.match(TOKEN.name)!;
  lexer.expect("(", `after the system call ${name}`);
  const parameters = parseParameters(lexer, PARAMETER);
  lexer.expect("=", `before the result of ${name}`);
  const result = parseExpression(lexer, RESULT);
  const errno = lexer.match(TOKEN.name);
  const note = lexer.takesBetween("(", ")", "the note");
  return { kind: "call", until, name, parameters, result, errno, note, place };
}
