import { Payload } from "../../wire/index.ts";
import { MptcpError } from "../errors.ts";
import type { PlainObject, PlainValue } from "../plain.ts";
import { fromBase64 } from "./base64.ts";
import type { ClassTable, SavedClass } from "./classes.ts";
import type { Stand } from "./writer.ts";

/** Gives what `stand` stands for by calling `put` with it, at once or later: before anybody uses what was read. */
export type Inside = (stand: Stand, put: (value: unknown) => void) => void;

/** A class, whoever may make objects of it. */
interface SomeClass<T> {
  readonly name: string;
  readonly prototype: T;
  [Symbol.hasInstance](value: unknown): boolean;
}

type Fields = Record<string, unknown>;

/** Makes the objects again that a {@link GraphWriter} wrote. Nothing of theirs is called, so that what turns out damaged leaves no trace. */
export class GraphReader {
  private readonly classes: ClassTable;
  private readonly inside: Inside;
  private readonly nodes: readonly PlainValue[];
  private readonly shells: unknown[];

  /** @throws MptcpError ERR_MPTCP_SNAPSHOT_DAMAGED when that is no graph of these classes */
  constructor(nodes: readonly PlainValue[], classes: ClassTable, inside: Inside) {
    this.nodes = nodes;
    this.classes = classes;
    this.inside = inside;
    // Objects first, then what is in them: they refer to each other in cycles. Payloads, whose fields are final, come in between.
    this.shells = nodes.map((node) => this.shell(node));
    for (let i = 0; i < nodes.length; i++) if (isPayload(nodes[i])) this.shells[i] = this.payload(nodes[i] as PlainObject);
    for (let i = 0; i < nodes.length; i++) this.fill(this.shells[i], nodes[i] as PlainObject);
  }

  /** The object that a reference is to, which is of class `type`. @throws MptcpError ERR_MPTCP_SNAPSHOT_DAMAGED when it is not */
  get<T extends object>(reference: PlainValue | undefined, type: SomeClass<T>): T {
    const value = this.at(reference);
    if (!type[Symbol.hasInstance](value)) throw damaged(`a reference is not to a ${type.name}`);
    return value as T;
  }

  /** Adds `shift` to all the times that the objects keep. */
  shiftTimes(shift: number): void {
    if (shift === 0) return;
    for (const shell of this.shells) {
      const known = typeof shell === "object" && shell !== null ? this.classes.of(shell) : null;
      if (known?.times === undefined) continue;
      for (const path of known.times) shiftAt(shell as Fields, path.split("."), 0, shift);
    }
  }

  /** Gives the connection another number. */
  renumber(number: number): void {
    for (const shell of this.shells) {
      const known = typeof shell === "object" && shell !== null ? this.classes.of(shell) : null;
      if (known?.number !== undefined) (shell as Fields)[known.number] = number;
    }
  }

  private shell(node: PlainValue): unknown {
    if (!isObject(node)) throw damaged("something is no object");
    if (node.payload !== undefined) return null;
    if (typeof node.octets === "string") return fromBase64(node.octets) ?? fail("octets are no base64 text");
    if (Array.isArray(node.array)) return [];
    if (Array.isArray(node.map)) return new Map();
    if (Array.isArray(node.set)) return new Set();
    if (isObject(node.object)) return {};
    if (typeof node.class !== "string" || !isObject(node.fields)) throw damaged("an object is of no known kind");
    const known = this.classes.named(node.class);
    if (known === null) throw damaged(`there is no class ${node.class}`);
    return Object.create(known.type.prototype) as object;
  }

  private payload(node: PlainObject): Payload {
    const { payload, offset, length } = node;
    if (typeof offset !== "number" || typeof length !== "number" || offset < 0 || length < 0) throw damaged("a payload has no place");
    if (payload === null) return length === 0 ? Payload.EMPTY : new Payload(null, offset, length);
    const bytes = this.get(payload, Uint8Array);
    if (offset + length > bytes.length) throw damaged("a payload is longer than its buffer");
    return new Payload(bytes, offset, length);
  }

  private fill(shell: unknown, node: PlainObject): void {
    if (Array.isArray(node.array)) {
      const array = shell as unknown[];
      array.length = node.array.length;
      node.array.forEach((held: PlainValue, i: number) => this.put(held, (value) => (array[i] = value)));
    } else if (Array.isArray(node.map)) {
      for (const entry of node.map as readonly PlainValue[]) {
        if (!Array.isArray(entry) || entry.length !== 2) throw damaged("an entry of a map is no pair");
        const [key, held] = entry as unknown as readonly [PlainValue, PlainValue];
        this.put(key, (known) => this.put(held, (value) => (shell as Map<unknown, unknown>).set(known, value)));
      }
    } else if (Array.isArray(node.set)) {
      for (const held of node.set as readonly PlainValue[]) this.put(held, (value) => (shell as Set<unknown>).add(value));
    } else if (isObject(node.object)) this.fillFields(shell as Fields, node.object);
    else if (typeof node.class === "string" && isObject(node.fields)) {
      this.fillFields(shell as Fields, node.fields);
      freshen(shell as Fields, this.classes.named(node.class));
    }
  }

  private fillFields(target: Fields, fields: PlainObject): void {
    for (const [key, held] of Object.entries(fields)) {
      if (key === "__proto__") throw damaged("a field is called __proto__");
      // Its place among the fields first: what comes later would else come last.
      target[key] = undefined;
      this.put(held, (value) => (target[key] = value));
    }
  }

  private put(held: PlainValue, put: (value: unknown) => void): void {
    if (!isObject(held)) {
      if (Array.isArray(held)) throw damaged("a list is where a value should be");
      put(held);
    } else if (held.ref !== undefined) put(this.at(held));
    else if (typeof held.number === "string") put(NUMBERS.get(held.number) ?? fail(`there is no number ${held.number}`));
    else if (typeof held.bigint === "string") put(bigint(held.bigint));
    else if (held.undefined === true) put(undefined);
    else this.inside(held, put);
  }

  private at(reference: PlainValue | undefined): unknown {
    const index = isObject(reference) ? reference.ref : undefined;
    if (typeof index !== "number" || !Number.isInteger(index) || index < 0 || index >= this.nodes.length) throw damaged("a reference leads nowhere");
    return this.shells[index];
  }
}

/** The error of data that is not, or no more, what was saved. */
export function damaged(what: string): MptcpError {
  return new MptcpError("ERR_MPTCP_SNAPSHOT_DAMAGED", `the snapshot is damaged: ${what}`);
}

function fail(what: string): never {
  throw damaged(what);
}

function freshen(target: Fields, known: SavedClass | null): void {
  for (const [key, value] of Object.entries(known?.fresh ?? {})) target[key] = Array.isArray(value) ? [] : value;
}

/** Adds `shift` to the times at the end of a path through fields, arrays and maps. */
function shiftAt(holder: Fields, path: readonly string[], from: number, shift: number): void {
  const key = path[from] as string;
  const isLast = from === path.length - 1;
  if (key !== "*") {
    const value = holder[key];
    if (isLast) holder[key] = shifted(value, shift);
    else if (typeof value === "object" && value !== null) shiftAt(value as Fields, path, from + 1, shift);
    return;
  }
  const held: unknown = holder;
  if (held instanceof Map) {
    for (const [name, value] of held) {
      if (isLast) held.set(name, shifted(value, shift));
      else if (typeof value === "object" && value !== null) shiftAt(value as Fields, path, from + 1, shift);
    }
  } else if (Array.isArray(held)) {
    for (let i = 0; i < held.length; i++) {
      if (isLast) held[i] = shifted(held[i], shift);
      else if (typeof held[i] === "object" && held[i] !== null) shiftAt(held[i] as Fields, path, from + 1, shift);
    }
  }
}

function shifted(value: unknown, shift: number): unknown {
  return typeof value === "number" && value > 0 ? value + shift : value;
}

function isPayload(node: PlainValue | undefined): boolean {
  return isObject(node) && node.payload !== undefined;
}

function isObject(value: PlainValue | undefined): value is PlainObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function bigint(text: string): bigint {
  if (!/^-?\d+$/.test(text)) throw damaged(`there is no integer ${text}`);
  return BigInt(text);
}

const NUMBERS: ReadonlyMap<string, number> = new Map([["NaN", Number.NaN], ["Infinity", Number.POSITIVE_INFINITY], ["-Infinity", Number.NEGATIVE_INFINITY], ["-0", -0]]);
