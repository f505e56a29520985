import { middleboxes } from "mptcp/sim";
import type { MiddleboxKind, ParameterDescription, PlainParameters } from "mptcp/sim";
import { formatTime } from "../units.ts";
import { oneOf, size, someOf, time } from "./kinds.ts";
import type { Kind } from "./kinds.ts";
import { given, group, list, optional, section } from "./section.ts";
import type { Keys, OptionalKey, Section } from "./section.ts";

// Made from the descriptions that each kind of middlebox has of its parameters: one that is new in the simulator is a key here by itself.

/** The key of a parameter. What is not given is left to the kind. */
function parameterKey({ type, default: usual, text, choices }: ParameterDescription): OptionalKey<never, unknown, null> {
  const shown = ((): string => {
    if (type === "time") return `\`${usual === 0 ? "0" : formatTime(usual as number)}\``;
    if (type === "octets") return `\`${String(usual)} B\``;
    const values = Array.isArray(usual) ? usual : [usual];
    return values.length > 1 && values.length === choices.length ? "all" : values.map((value) => `\`${value}\``).join(", ");
  })();
  const kinds = { time, octets: size, choice: oneOf(...choices), list: someOf(...choices) } as const;
  return optional<unknown, unknown, null>(kinds[type] as Kind<unknown, unknown>, { otherwise: null, shown, does: text });
}

function sectionOf(name: string, kind: MiddleboxKind): Section {
  const keys: Keys = Object.fromEntries(kind.parameters.map((parameter) => [parameter.name, parameterKey(parameter)]));
  return section({ name, does: kind.text, keys, example: EXAMPLES[name] ?? exampleOf(`{ ${name}: { ${kind.parameters[0]?.name ?? ""}: ... } }`) });
}

/** What may be written for a kind is what it describes; the plan has the parameters that were given, as the simulator takes them. */
function kindOf(of: Section): Kind<PlainParameters, PlainParameters> {
  const { schema, type, bounds, fields } = group(of);
  return { schema, type, bounds, fields, read: (written) => given(of, written as never) };
}

function exampleOf(boxes: string): string {
  return `
paths:
  - { name: wifi, rate: 8 Mb/s, rtt: 20 ms, middleboxes: [${boxes}] }
  - { name: lte, rate: 20 Mb/s, rtt: 60 ms }`;
}

const EXAMPLES: Readonly<Record<string, string>> = {
  "black-hole": exampleOf("{ black-hole: { options: mp_capable, segments: syn } }"),
  coalescer: exampleOf("{ coalescer: { wait: 1 ms, options: first } }"),
  "option-stripper": exampleOf("{ option-stripper: { segments: [data, ack], afterBytes: 1 MB } }"),
  splitter: exampleOf("{ splitter: { size: 500 B, direction: inward } }"),
};

/** The names of the kinds of middleboxes that a scenario can have. */
const KINDS = Object.keys(middleboxes);

const KIND_KEYS: Readonly<Record<string, OptionalKey<PlainParameters, PlainParameters, null>>> = Object.fromEntries(
  Object.entries(middleboxes).map(([name, kind]) => [name, optional(kindOf(sectionOf(name, kind)), { otherwise: null, shown: "none", does: kind.text })]),
);

/** A middlebox at the far end of a link. */
export const MIDDLEBOX = section({
  name: "middleboxes",
  does: "Boxes between a link and its second end, of a path the one away from the client. They are in the order in which packets meet them that go up; that way is called outward. Each entry is one box: its kind and its parameters, `{}` for the defaults.",
  keys: KIND_KEYS,
  rules: { exactlyOne: [KINDS] },
  example: exampleOf("{ splitter: { size: 500 B } }, { option-stripper: {} }"),
});

/** The key of whatever may have middleboxes. */
export const middleboxesKey = optional(list(MIDDLEBOX, 0), { otherwise: [], shown: "none", does: "What boxes on the way do to packets." });
