import type { ParameterDescription, ParameterValue } from "mptcp/sim";
import { address, between, oneOf, someOf, someOfOrNumbers, time, whole } from "./kinds.ts";
import type { Kind } from "./kinds.ts";
import { optional } from "./section.ts";
import type { OptionalKey } from "./section.ts";

/** The keys of a box or a queue discipline, made from what the registry of the simulator says of its parameters. */
export type ParameterKeys = Readonly<Record<string, OptionalKey<unknown, ParameterValue, ParameterValue>>>;

export function parameterKeys(parameters: readonly ParameterDescription[]): ParameterKeys {
  return Object.fromEntries(parameters.map((parameter) => [parameter.name, parameterKey(parameter)]));
}

function parameterKey(parameter: ParameterDescription): ParameterKeys[string] {
  const { default: otherwise, text, choices } = parameter;
  // All that there is to choose from is too long for the page.
  const shown = Array.isArray(otherwise) && otherwise.length === choices.length ? { shown: "all" } : {};
  return optional(kindOf(parameter), { otherwise, does: text, ...shown });
}

function kindOf({ type, choices, range }: ParameterDescription): Kind<unknown, ParameterValue> {
  const { least, most } = range ?? { least: 0, most: 0 };
  const kinds = {
    time: () => time,
    octets: () => whole(least, most === Number.MAX_SAFE_INTEGER ? undefined : most),
    count: () => whole(least, most),
    // The registry has addresses as text.
    address: () => ({ ...address, read: (written: string) => written, write: String }),
    fraction: () => between(least, most),
    choice: () => oneOf(...choices),
    list: () => (range === null ? someOf(...choices) : someOfOrNumbers(choices, least, most)),
  };
  return kinds[type]() as Kind<unknown, ParameterValue>;
}
