import { ERROR_FIELDS } from "../plan/calls/transfer.ts";
import type { CallStep, ExpectedControl, Filled } from "../plan/index.ts";
import type { CallAction } from "../syntax/ast.ts";
import { printEvent } from "../syntax/print.ts";
import { namesOfBits, type CallResult, type ControlMessage } from "../system/index.ts";
import { comparisonOf, type Comparison } from "./outcome.ts";
import { hexadecimal } from "./print-live.ts";

/** Why a call did not give what the script expects. */
export interface WrongResult {
  readonly message: string;
  readonly comparison: Comparison | null;
}

/** What is wrong with the result of a call; null: nothing. */
export function checkResult(step: CallStep, result: CallResult): WrongResult | null {
  const { expected, action } = step;
  const isRight = expected.value === null || (expected.descriptor ? result.value >= 0 : BigInt(result.value) === expected.value);
  const sameError = expected.errno === null ? expected.value === -1n || expected.value === null || result.errno === null : expected.errno === result.errno;
  if (!isRight || !sameError) return { message: `${action.name} gave ${printResult(result)}, not ${writtenResult(action)}`, comparison: compareResult(action, result) };
  if (result.value < 0) return null;
  for (const filled of expected.filled) {
    const problem = checkFilled(filled, result);
    if (problem !== null) return { message: `${action.name}: ${problem}`, comparison: null };
  }
  return null;
}

function printResult({ value, errno }: CallResult): string {
  return errno === null ? String(value) : `${value} ${errno}`;
}

function writtenResult(action: CallAction): string {
  const text = printEvent({ time: undefined, action: { ...action, until: undefined, note: undefined }, place: action.place });
  return text.slice(callHead(action).length + 1);
}

/** The call up to its equals sign. */
function callHead(action: CallAction): string {
  const text = printEvent({ time: undefined, action: { ...action, until: undefined, result: { kind: "ellipsis", place: action.place }, errno: undefined, note: undefined }, place: action.place });
  return text.slice(0, -" ...".length);
}

function compareResult(action: CallAction, result: CallResult): Comparison {
  const head = callHead(action);
  return comparisonOf([head, head], [{ field: "result", expected: writtenResult(action), seen: printResult(result), same: false }]);
}

/** A call with what it gave, as a line: with the script's descriptors. */
export function printCalled({ action, expected }: CallStep, result: CallResult): string {
  return `${callHead(action)} ${expected.descriptor && result.value >= 0 ? expected.value : printResult(result)}`;
}

function differs(what: string, seen: number | undefined, expected: number): string | null {
  return seen === expected ? null : `${what} is ${seen ?? "missing"}, not ${expected}`;
}

function checkFilled(filled: Filled, result: CallResult): string | null {
  switch (filled.kind) {
    case "option":
      return checkOption(filled.value, result.option ?? NONE);
    case "optionLength":
      return differs("the length of the option", result.option?.length, filled.value);
    case "argument":
      return differs("the value given", result.argument, filled.value);
    case "flags":
      return checkBits("msg_flags", result.flags ?? 0, filled.value, "MSG_");
    case "revents":
      return checkBits(`revents of descriptor ${filled.index + 1}`, result.revents?.[filled.index] ?? 0, filled.value, "POLL");
    case "event":
      return checkEvent(filled, result);
    case "control":
      return checkControl(filled.messages, result.control ?? []);
    case "ends":
      return result.ends === undefined ? "there are no ends of a pipe" : null;
  }
}

function checkBits(what: string, seen: number, expected: number, prefix: string): string | null {
  return seen === expected ? null : `${what} is ${printBits(seen, prefix)}, not ${printBits(expected, prefix)}`;
}

/** Bits by their names; the rest as a number. */
function printBits(value: number, prefix: string): string {
  const { names, rest } = namesOfBits(value, prefix);
  if (names.length === 0 && rest === 0) return "0";
  return [...names, ...(rest === 0 ? [] : [`0x${rest.toString(16)}`])].join("|");
}

function checkOption(expected: bigint | Uint8Array, option: Uint8Array): string | null {
  if (typeof expected === "bigint") {
    const seen = numberOf(option);
    const isSame = seen !== null && (seen === expected || BigInt.asUintN(option.length * 8, seen) === BigInt.asUintN(64, expected));
    return isSame ? null : `the value of the option is ${seen ?? `0x${hexadecimal(option.subarray(0, 32))}`}, not ${expected}`;
  }
  // A string of Linux ends with a zero, or with its length.
  const isSame = expected.every((octet, index) => octet === option[index]) && option.subarray(expected.length).every((octet) => octet === 0);
  return isSame ? null : `the value of the option is ${printOctets(option)}, not ${printOctets(expected)}`;
}

function printOctets(octets: Uint8Array): string {
  const end = octets.indexOf(0);
  const text = octets.subarray(0, end < 0 ? octets.length : end);
  return text.length > 0 && text.every((octet) => octet >= 0x20 && octet < 0x7f) ? `"${String.fromCharCode(...text)}"` : `0x${hexadecimal(octets.subarray(0, 32))}`;
}

/** A signed number of 1, 2, 4 or 8 octets, as Linux has it; null for other lengths. */
function numberOf(octets: Uint8Array): bigint | null {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
  if (octets.length === 8) return view.getBigInt64(0, true);
  if (octets.length === 4) return BigInt(view.getInt32(0, true));
  if (octets.length === 2) return BigInt(view.getInt16(0, true));
  return octets.length === 1 ? BigInt(view.getInt8(0)) : null;
}

function checkEvent({ index, events, data }: Extract<Filled, { kind: "event" }>, { value, events: seen = [] }: CallResult): string | null {
  // Of events that did not happen nothing is filled in.
  if (index >= value) return null;
  const event = seen[index];
  if (event === undefined) return `event ${index + 1} is missing`;
  const problem = checkBits(`event ${index + 1}`, event.events, events, "EPOLL");
  if (problem !== null) return problem;
  return data === null || event.data === data ? null : `event ${index + 1} is of ${event.data}, not of ${data}`;
}

function checkControl(expected: readonly ExpectedControl[], seen: readonly ControlMessage[]): string | null {
  if (expected.length !== seen.length) return `there are ${seen.length} control messages, not ${expected.length}`;
  for (const [index, message] of expected.entries()) {
    const problem = checkMessage(message, seen[index]!);
    if (problem !== null) return `control message ${index + 1}: ${problem}`;
  }
  return null;
}

function checkMessage({ level, type, data }: ExpectedControl, seen: ControlMessage): string | null {
  if (seen.level !== level) return `cmsg_level is ${seen.level}, not ${level}`;
  if (seen.type !== type) return `cmsg_type is ${seen.type}, not ${type}`;
  if (data === null) return null;
  if (typeof data === "bigint") {
    const number = numberOf(seen.data);
    return number !== null && BigInt.asUintN(seen.data.length * 8, number) === BigInt.asUintN(seen.data.length * 8, data) ? null : `cmsg_data is ${number ?? `0x${hexadecimal(seen.data.subarray(0, 32))}`}, not ${data}`;
  }
  return checkError(data, seen.data);
}

/** `struct sock_extended_err` (linux/errqueue.h): errno, four octets, info and data. */
function checkError(expected: Readonly<Record<string, bigint>>, octets: Uint8Array): string | null {
  if (octets.length < 16) return `cmsg_data has ${octets.length} octets, and an error of the queue 16`;
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
  const values = [view.getUint32(0, true), octets[4], octets[5], octets[6], view.getUint32(8, true), view.getUint32(12, true)];
  for (const [index, name] of ERROR_FIELDS.entries()) {
    if (Object.hasOwn(expected, name) && BigInt(values[index]!) !== BigInt.asUintN(32, expected[name]!)) return `${name} is ${values[index]}, not ${expected[name]}`;
  }
  return null;
}

const NONE = new Uint8Array(0);
