import { CLASSES } from "../../src/host/snapshot/classes.ts";
import type { ConnectionSnapshot, PlainObject, PlainValue } from "../../src/core/index.ts";

/** Where a number is kept, as a table of classes names it: `Deadlines.times.*`; and what it is in two snapshots. */
export interface Pair {
  readonly place: string;
  readonly first: number;
  readonly second: number;
}

/** All numbers of two snapshots of runs that differ in nothing but their clocks. @throws Error when they differ in more */
export function* numbersOf(first: ConnectionSnapshot, second: ConnectionSnapshot): Generator<Pair> {
  const nodes = [first.body.objects, second.body.objects] as const;
  if (nodes[0].length !== nodes[1].length) throw new Error("one has more objects than the other");
  const places = placesOf(nodes[0]);
  for (let i = 0; i < nodes[0].length; i++) yield* numbersIn(nodes[0][i] as PlainValue, nodes[1][i] as PlainValue, places[i] as string);
}

function* numbersIn(first: PlainValue, second: PlainValue, place: string): Generator<Pair> {
  const a = first as PlainObject;
  const b = second as PlainObject;
  for (const [key, value, other] of entriesOf(a, b)) {
    const at = `${place}.${key}`;
    if (typeof value === "number" && typeof other === "number") yield { place: at, first: value, second: other };
    else if (JSON.stringify(value) !== JSON.stringify(other)) throw new Error(`${at} is ${JSON.stringify(value)} and ${JSON.stringify(other)}`);
  }
}

/** Places of objects: of one of a class, its name; of others, where they were found first. */
function placesOf(nodes: readonly PlainValue[]): readonly string[] {
  const places: string[] = nodes.map((node) => ((node as PlainObject)["class"] as string | undefined) ?? "");
  for (let i = 0; i < nodes.length; i++) {
    for (const [key, value] of entriesOf(nodes[i] as PlainObject, nodes[i] as PlainObject)) {
      const ref = typeof value === "object" && value !== null ? (value as PlainObject)["ref"] : undefined;
      if (typeof ref === "number" && places[ref] === "") places[ref] = `${places[i]}.${key}`;
    }
  }
  return places;
}

function* entriesOf(a: PlainObject, b: PlainObject): Generator<readonly [string, PlainValue, PlainValue]> {
  const fields = (a["fields"] ?? a["object"]) as PlainObject | undefined;
  if (fields !== undefined) {
    const others = (b["fields"] ?? b["object"]) as PlainObject;
    for (const [key, value] of Object.entries(fields)) yield [key, value, others[key] as PlainValue];
  } else if (Array.isArray(a["array"] ?? a["set"])) {
    const list = (a["array"] ?? a["set"]) as readonly PlainValue[];
    for (let i = 0; i < list.length; i++) yield ["*", list[i] as PlainValue, ((b["array"] ?? b["set"]) as readonly PlainValue[])[i] as PlainValue];
  } else if (Array.isArray(a["map"])) {
    const list = a["map"] as readonly (readonly PlainValue[])[];
    for (let i = 0; i < list.length; i++) yield ["*", list[i]?.[1] as PlainValue, (b["map"] as readonly (readonly PlainValue[])[])[i]?.[1] as PlainValue];
  }
}

/** Where the table of classes says that times are kept. */
export const DECLARED: ReadonlySet<string> = new Set(CLASSES.all.flatMap(({ name, times = [] }) => times.map((path) => `${name}.${path}`)));
