import type { CallStep } from "../plan/index.ts";
import type { CallAction, Expression, Place, StructField } from "../syntax/ast.ts";
import { namesOfBits, type CallResult } from "../system/index.ts";

const NOWHERE: Place = { line: 1, column: 1 };

/** A call with what it gave. */
export function filledCall({ action, call, expected }: CallStep, result: CallResult, until: number | undefined): CallAction {
  const value = expected.descriptor && result.value >= 0 ? expected.value! : BigInt(result.value);
  const parameters = result.value < 0 || call === null ? action.parameters : filledParameters(action, result);
  return { ...action, until, parameters, result: numberOf(value), errno: result.errno ?? undefined, note: undefined };
}

function filledParameters({ name, parameters }: CallAction, result: CallResult): readonly Expression[] {
  const replaced = (index: number, expression: Expression): Expression[] => parameters.map((parameter, at) => (at === index ? expression : parameter));
  switch (name) {
    case "getsockopt":
      return result.option?.length === 4 ? replaced(3, arrayOf([numberOf(BigInt(new DataView(result.option.buffer, result.option.byteOffset, 4).getInt32(0, true)))])) : parameters;
    case "ioctl":
      return parameters.length > 2 && result.argument !== undefined ? replaced(2, arrayOf([numberOf(BigInt(result.argument))])) : parameters;
    case "poll":
      return replaced(0, withRevents(parameters[0]!, result.revents ?? []));
    case "epoll_wait":
      return replaced(1, arrayOf((result.events ?? []).map(({ events, data }) => structOf({ events: bitsOf(events, "EPOLL"), u64: numberOf(data) }))));
    default:
      return parameters;
  }
}

function withRevents(descriptors: Expression, revents: readonly number[]): Expression {
  if (descriptors.kind !== "array") return descriptors;
  const filled = (element: Expression, index: number): Expression => {
    if (element.kind !== "struct") return element;
    const fields = element.fields.filter(({ name }) => name !== "revents");
    return { ...element, fields: [...fields, fieldOf("revents", bitsOf(revents[index] ?? 0, "POLL"))] };
  };
  return { ...descriptors, elements: descriptors.elements.map(filled) };
}

/** Bits by the names that Linux has for them, if it has one for each. */
function bitsOf(value: number, prefix: string): Expression {
  const { names, rest } = namesOfBits(value, prefix);
  if (rest !== 0 || names.length === 0) return { kind: "number", value: BigInt(value), hexadecimal: value !== 0, place: NOWHERE };
  const symbols = names.map((name): Expression => ({ kind: "symbol", name, place: NOWHERE }));
  return symbols.length === 1 ? symbols[0]! : { kind: "chain", operator: "|", operands: symbols, place: NOWHERE };
}

const numberOf = (value: bigint): Expression => ({ kind: "number", value, hexadecimal: false, place: NOWHERE });
const arrayOf = (elements: readonly Expression[]): Expression => ({ kind: "array", elements, place: NOWHERE });
const fieldOf = (name: string, value: Expression): StructField => ({ name, count: undefined, value, place: NOWHERE });
const structOf = (fields: Readonly<Record<string, Expression>>): Expression => ({ kind: "struct", fields: Object.entries(fields).map(([name, value]) => fieldOf(name, value)), place: NOWHERE });
