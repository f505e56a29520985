import { queueDisciplines } from "mptcp/sim";
import type { ParameterValue, QueueDisciplineFactory, QueueDisciplineKind } from "mptcp/sim";
import type { Kind } from "./kinds.ts";
import { parameterKeys } from "./parameters.ts";
import type { ParameterKeys } from "./parameters.ts";
import { group, optional, section } from "./section.ts";
import type { OptionalKey, Section } from "./section.ts";

type Parameters = Readonly<Record<string, ParameterValue>>;

/** What waits before a link in which order, and what is marked or dropped: the key is the discipline, the fields are its parameters. */
export const DISCIPLINE = section({
  name: "discipline",
  does: "Who waits before a link in which order, and which packets are marked (where the hosts speak ECN) or dropped before the queue is full. What is in transmission does not count as waiting. Without one, packets wait in the order of their coming, and what finds the queue full is dropped.",
  keys: Object.fromEntries(Object.entries(queueDisciplines).map(([name, kind]) => [name, keyOf(name, kind)])),
  rules: { exactlyOne: [Object.keys(queueDisciplines)] },
  example: `
paths:
  - { name: dsl, rate: 16 Mb/s, rtt: 20 ms, discipline: { fq-codel: {} } }
  - { name: lte, rate: 20 Mb/s, rtt: 60 ms, queue: { packets: 500 }, discipline: { codel: { target: 20 ms, interval: 200 ms } } }`,
});

/** The discipline as the simulator takes it. */
export const discipline: Kind<object, QueueDisciplineFactory> = disciplineKind();

function disciplineKind(): Kind<object, QueueDisciplineFactory> {
  const { schema, type, bounds, fields, read } = group(DISCIPLINE);
  return { schema, type, bounds, fields, read: (written) => factoryOf(read(written as never)) };
}

function factoryOf(values: Readonly<Record<string, unknown>>): QueueDisciplineFactory {
  const [[name, parameters]] = Object.entries(values).filter(([, value]) => value !== null) as [[keyof typeof queueDisciplines, Parameters]];
  return queueDisciplines[name](parameters);
}

function keyOf(name: string, kind: QueueDisciplineKind): OptionalKey<object, Parameters, null> {
  return optional(group(sectionOf(name, kind)) as unknown as Kind<object, Parameters>, { otherwise: null, shown: "none", does: kind.text });
}

function sectionOf(name: string, { text, parameters }: QueueDisciplineKind): Section<ParameterKeys> {
  const keys = parameterKeys(parameters);
  const [[key, { kind, otherwise }]] = Object.entries(keys) as [[string, ParameterKeys[string]]];
  return section({
    name,
    does: text,
    keys,
    example: `
paths:
  - { name: dsl, rate: 16 Mb/s, rtt: 20 ms, discipline: { ${name}: { ${key}: ${kind.write?.(otherwise) ?? String(otherwise)} } } }`,
  });
}
