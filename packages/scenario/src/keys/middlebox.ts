import { middleboxes } from "mptcp/sim";
import type { MiddleboxKind, ParameterValue } from "mptcp/sim";
import type { Kind } from "./kinds.ts";
import { parameterKeys } from "./parameters.ts";
import type { ParameterKeys } from "./parameters.ts";
import { group, optional, section } from "./section.ts";
import type { OptionalKey, Section } from "./section.ts";

/** The values of a box's parameters, as its kind takes them. */
export type MiddleboxParameters = Readonly<Record<string, ParameterValue>>;

/** One of the boxes on a link: the key is its kind, the fields are its parameters. */
export const MIDDLEBOX = section({
  name: "middleboxes",
  does: "What stands at the second end of a link and changes packets on their way: boxes in the order of the list, seen from the first end. Their `outward` is the link's `up`, their `inward` its `down`. Captures are taken at the first end, before the boxes.",
  keys: Object.fromEntries(Object.entries(middleboxes).map(([name, kind]) => [name, keyOf(name, kind)])),
  rules: { exactlyOne: [Object.keys(middleboxes)] },
  example: `
paths:
  - name: wifi
    rate: 8 Mb/s
    rtt: 20 ms
    middleboxes:
      - splitter: { size: 1000, direction: outward }
      - option-stripper: { options: [add_addr, remove_addr], segments: ack, afterTime: 2 s }
  - { name: lte, rate: 20 Mb/s, rtt: 60 ms }`,
});

function keyOf(name: string, kind: MiddleboxKind): OptionalKey<object, MiddleboxParameters, null> {
  return optional(group(sectionOf(name, kind)) as unknown as Kind<object, MiddleboxParameters>, { otherwise: null, shown: "none", does: kind.text });
}

function sectionOf(name: string, { text, parameters }: MiddleboxKind): Section<ParameterKeys> {
  const keys = parameterKeys(parameters);
  const [first] = parameters;
  const written = (key: string): string => keys[key]?.kind.write?.(first?.default as never) ?? "";
  const shown = first === undefined ? "" : `${first.name}: ${first.type === "time" ? written(first.name) : JSON.stringify(first.default)}`;
  return section({
    name,
    does: text,
    keys,
    example: `
paths:
  - name: wifi
    rate: 8 Mb/s
    rtt: 20 ms
    middleboxes: [{ ${name}: { ${shown} } }]`,
  });
}
