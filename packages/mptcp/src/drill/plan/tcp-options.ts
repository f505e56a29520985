import { TCP_OPTION } from "../../wire/index.ts";
import type { Expression, OptionItem, TcpOption } from "../syntax/ast.ts";
import type { OptionPlan } from "./option-plan.ts";
import { Refused } from "./refused.ts";
import type { Values } from "./values.ts";

/** Kinds that the engine has no name for: MD5 (RFC 2385), experiments (RFC 6994). */
const KIND = { md5: 19, experiment: 254 } as const;
/** The number of Fast Open among the experiments (RFC 7413 §4.1.1). */
const FAST_OPEN_EXPERIMENT = [0xf9, 0x89];

/** A TCP option that is none of Multipath TCP. Throws {@link Refused}. */
export function planTcpOption({ name, items, place }: TcpOption, values: Values): OptionPlan {
  const value = (): Expression => {
    const item = items[0];
    if (item?.kind !== "value") throw new Refused(place, `the option ${name} needs a value`);
    return item.value;
  };
  switch (name) {
    case "nop":
      return plain(TCP_OPTION.noOperation, []);
    case "eol":
      return plain(TCP_OPTION.end, []);
    case "sackOK":
      return plain(TCP_OPTION.sackPermitted, []);
    case "mss":
      return plain(TCP_OPTION.maximumSegmentSize, numberOctets(value(), 2, "mss", values));
    case "wscale":
      return plain(TCP_OPTION.windowScale, numberOctets(value(), 1, "wscale", values));
    case "TS":
      return { type: "timestamps", value: timestamp(items, "val", values), echo: timestamp(items, "ecr", values) };
    case "sack":
      return { type: "sack", edges: items.flatMap((item) => (item.kind === "range" ? [item.from, item.to].map((edge) => values.number(edge, "a sequence number", 0)) : [])) };
    case "FO":
      return plain(TCP_OPTION.fastOpen, octetsOf(items, values));
    case "FOEXP":
      return plain(KIND.experiment, [...FAST_OPEN_EXPERIMENT, ...octetsOf(items, values)]);
    case "md5":
      return plain(KIND.md5, octetsOf(items, values));
    case "exp":
      return plain(KIND.experiment, octetsOf(items, values));
    case "ECN":
      return counters(items, values, place);
    default:
      throw new Refused(place, `the option ${name} is not carried out`);
  }
}

function plain(kind: number, octets: readonly (number | undefined)[]): OptionPlan {
  if (octets.length > 38) throw new Refused({ line: 1, column: 1 }, "an option has 40 octets at most");
  return { type: "octets", kind, octets };
}

/** Octets of a number, most significant first; of `...` any. */
function numberOctets(expression: Expression, size: number, what: string, values: Values): (number | undefined)[] {
  if (expression.kind === "ellipsis") return Array.from({ length: size }, () => undefined);
  const value = values.number(expression, what, 0, 256 ** size - 1);
  return Array.from({ length: size }, (_, index) => Math.floor(value / 256 ** (size - 1 - index)) % 256);
}

function timestamp(items: readonly OptionItem[], name: string, values: Values): number | undefined {
  const item = items.find((one) => one.kind === "field" && one.name === name);
  if (item?.kind !== "field" || item.value.kind === "ellipsis") return undefined;
  return values.number(item.value, name, 0);
}

function octetsOf(items: readonly OptionItem[], values: Values): number[] {
  return items.flatMap((item) => (item.kind === "octets" ? fromDigits(item.digits, item.place) : item.kind === "value" ? definedOctets(item.value, values) : []));
}

/** Octets behind a symbol, such as a cookie that `--define` gives. */
function definedOctets(expression: Expression, values: Values): number[] {
  if (expression.kind === "number") return fromDigits(expression.hexadecimal ? expression.value.toString(16) : String(expression.value), expression.place);
  const text = expression.kind === "symbol" ? values.defined(expression.name) : undefined;
  if (expression.kind === "symbol" && text === undefined) throw new Refused(expression.place, `"${expression.name}" is not defined: --define=${expression.name}=OCTETS`);
  return fromDigits(text ?? "", expression.place);
}

function fromDigits(digits: string, place: Expression["place"]): number[] {
  if (!/^(?:[0-9a-fA-F]{2})*$/.test(digits)) throw new Refused(place, "octets are pairs of hexadecimal digits");
  if (digits.length > 76) throw new Refused(place, "an option has 40 octets at most");
  return (digits.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16));
}

/** AccECN's counters, 24 bits each: the kind says which of the two orders they are in (RFC 9768 §3.2.3). */
function counters(items: readonly OptionItem[], values: Values, place: Expression["place"]): OptionPlan {
  const fields = items.flatMap((item) => (item.kind === "field" ? [item] : []));
  const names = fields.map(({ name }) => name).join(" ");
  const first = "e0b ceb e1b";
  const second = "e1b ceb e0b";
  if (names === "" || !(first.startsWith(names) || second.startsWith(names))) throw new Refused(place, `the counters of AccECN are in the order ${first}, or ${second}`);
  return plain(first.startsWith(names) ? TCP_OPTION.accurateEcn0 : TCP_OPTION.accurateEcn1, fields.flatMap(({ name, value }) => numberOctets(value, 3, name, values)));
}
