import { CONSTANTS } from "../../system/index.ts";
import type { Expression } from "../../syntax/ast.ts";
import type { Filled } from "../plan.ts";
import { Refused } from "../refused.ts";
import type { Arguments, PlannedCall } from "./arguments.ts";

/** Calls that set and ask for properties of a socket. */

const MAX_OPTION = 1 << 16;
/** Requests of ioctl that give a number. */
const GIVING = ["SIOCINQ", "FIONREAD", "SIOCOUTQ", "SIOCOUTQNSD", "SIOCATMARK"].map((name) => CONSTANTS[name]!);

export function planSetsockopt(args: Arguments): PlannedCall {
  const length = args.number(4, "the length of an option", 0, MAX_OPTION);
  return { call: { name: "setsockopt", fd: args.descriptor(0), level: args.number(1, "a level"), option: args.number(2, "an option"), value: optionValue(args, args.at(3), length), ...args.nowhere([args.at(3)]) } };
}

/** Octets of an option: `[1]`, `1`, `"reno"`, `{onoff=1, linger=0}`, `{tv_sec=1, tv_usec=0}`, `...`. */
function optionValue(args: Arguments, expression: Expression, length: number): Uint8Array {
  const octets = new Uint8Array(length);
  const put = (numbers: readonly bigint[], size: 4 | 8): void => {
    const whole = new Uint8Array(Math.max(length, numbers.length * size));
    const view = new DataView(whole.buffer);
    for (const [index, number] of numbers.entries()) {
      if (size === 8) view.setBigInt64(index * 8, BigInt.asIntN(64, number), true);
      else view.setInt32(index * 4, Number(BigInt.asIntN(32, number)), true);
    }
    octets.set(whole.subarray(0, length));
  };
  if (expression.kind === "ellipsis" || (expression.kind === "symbol" && expression.name === "NULL")) return octets;
  if (expression.kind === "string") octets.set(args.values.string(expression, "the value of an option").subarray(0, length));
  else if (expression.kind === "struct") put(...structureOf(args, expression));
  else put(args.elements(expression, "numbers of an option").map((number) => args.values.integer(number, "the value of an option")), 4);
  return octets;
}

function structureOf(args: Arguments, expression: Extract<Expression, { kind: "struct" }>): [bigint[], 4 | 8] {
  const first = expression.fields[0]?.name;
  if (first === "onoff" || first === "linger" || first === "l_onoff") {
    const fields = args.structure(expression, "SO_LINGER's value", ["onoff", "linger", "l_onoff", "l_linger"]);
    return [[fields.get("onoff") ?? fields.get("l_onoff"), fields.get("linger") ?? fields.get("l_linger")].map((field) => (field === undefined ? 0n : args.values.integer(field.value, field.name!))), 4];
  }
  if (first === "tv_sec" || first === "tv_usec") {
    const fields = args.structure(expression, "a time", ["tv_sec", "tv_usec"]);
    return [["tv_sec", "tv_usec"].map((name) => (fields.has(name) ? args.values.integer(fields.get(name)!.value, name) : 0n)), 8];
  }
  throw new Refused(expression.place, "the value of an option is [number], a string, {onoff=1, linger=0} or {tv_sec=1, tv_usec=0}: other structures are not carried out");
}

export function planGetsockopt(args: Arguments): PlannedCall {
  const [expected, length] = [args.at(3), args.single(args.at(4), "the length of an option")];
  const place = expected.place;
  const octets = length.kind === "ellipsis" ? 4 : args.values.number(length, "the length of an option", 0, MAX_OPTION);
  const filled: Filled[] = [];
  if (expected.kind === "string") filled.push({ kind: "option", value: args.values.string(expected, "the value of an option"), place });
  else if (expected.kind === "struct") filled.push({ kind: "option", value: optionValue(args, expected, octets), place });
  else {
    const value = args.single(expected, "the value of an option");
    if (value.kind !== "ellipsis") filled.push({ kind: "option", value: args.values.integer(value, "the value of an option"), place });
  }
  if (expected.kind !== "string" && length.kind !== "ellipsis") filled.push({ kind: "optionLength", value: octets, place: args.at(4).place });
  return { call: { name: "getsockopt", fd: args.descriptor(0), level: args.number(1, "a level"), option: args.number(2, "an option"), value: new Uint8Array(octets) }, filled };
}

export function planIoctl(args: Arguments): PlannedCall {
  const request = args.number(1, "a request", 0);
  const fd = args.descriptor(0);
  const argument = args.action.parameters.length > 2 ? args.single(args.at(2), "the value of a request") : undefined;
  if (!GIVING.includes(request)) return { call: { name: "ioctl", fd, request, argument: argument === undefined ? 0 : args.values.number(argument, "the value of a request") } };
  const call = { name: "ioctl", fd, request, argument: null } as const;
  if (argument === undefined || argument.kind === "ellipsis") return { call };
  return { call, filled: [{ kind: "argument", value: args.values.number(argument, "the value of a request"), place: argument.place }] };
}
