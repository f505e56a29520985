import { Payload } from "../../wire/index.ts";
import { MptcpError } from "../errors.ts";
import type { PlainObject, PlainValue } from "../plain.ts";
import { toBase64 } from "./base64.ts";
import { BufferParts } from "./buffers.ts";
import type { ClassTable } from "./classes.ts";

/** What stands for a value that is not saved itself: it is found, or made, again where the graph is restored. */
export type Stand = PlainObject;

/**
 * Says what stands for `value`, an object or a function that is in field `key` of an object of class `holder` ("" for a plain object, an array or
 * a collection); null: nothing does, it is saved as it is, if it can be.
 * @throws MptcpError when it can be neither
 */
export type Outside = (value: object, holder: string, key: string) => Stand | null;

/** Something that waits for its turn to be written, and where it was found. */
interface Waiting {
  readonly value: object;
  readonly from: number;
  readonly key: string;
}

/**
 * Writes the objects that can be reached from some first ones as plain data: each once, so that cycles and sharing stay as they are. It goes by the
 * objects' own fields, and so a new field needs no work from anybody; a new class needs a line in the table of classes.
 *
 * What is no object is itself, or where JSON has no such value, an object that says which: `{ number: "-0" }`.
 */
export class GraphWriter {
  private readonly classes: ClassTable;
  private readonly outside: Outside;
  private readonly indices = new Map<object, number>();
  private readonly waiting: Waiting[] = [];
  private readonly nodes: PlainValue[] = [];
  /** Payloads are written last, when it is known what of their buffers is in use. */
  private readonly payloads = new Map<number, Payload>();
  private readonly parts = new BufferParts();

  constructor(classes: ClassTable, outside: Outside) {
    this.classes = classes;
    this.outside = outside;
  }

  /** A reference to `value`, which is saved with all that it leads to. `name` is what messages call it. */
  add(value: object, name: string): PlainObject {
    return this.reference(value, -1, name);
  }

  /**
   * All objects, in the order in which references count them.
   * @throws MptcpError ERR_MPTCP_SNAPSHOT_UNSUPPORTED that names the path to what cannot be saved
   */
  finish(): readonly PlainValue[] {
    // No recursion: lists of sent segments are linked, and long.
    for (let i = 0; i < this.waiting.length; i++) this.nodes[i] = this.node(i);
    this.writePayloads();
    return this.nodes;
  }

  private reference(value: object, from: number, key: string): PlainObject {
    let index = this.indices.get(value);
    if (index === undefined) {
      index = this.waiting.length;
      this.indices.set(value, index);
      this.waiting.push({ value, from, key });
    }
    return { ref: index };
  }

  private node(index: number): PlainValue {
    const { value } = this.waiting[index] as Waiting;
    if (value instanceof Payload) return this.payload(value, index);
    // Octets of a class of its own, such as Node's Buffer, are octets all the same.
    if (value instanceof Uint8Array) return { octets: toBase64(value) };
    if (Array.isArray(value)) return { array: Array.from(value as readonly unknown[], (element, i) => this.value(element, "", index, String(i))) };
    if (value instanceof Map) return { map: Array.from(value as ReadonlyMap<unknown, unknown>, ([key, held]) => [this.value(key, "", index, "key"), this.value(held, "", index, String(key))]) };
    if (value instanceof Set) return { set: Array.from(value as ReadonlySet<unknown>, (held) => this.value(held, "", index, "element")) };
    const known = this.classes.of(value);
    if (known !== null) return { class: known.name, fields: this.fields(value, known.name, index, known.fresh) };
    const prototype = Object.getPrototypeOf(value) as { constructor?: { name?: string } } | null;
    if (prototype === null || prototype === Object.prototype) return { object: this.fields(value, "", index) };
    return this.fail(index, null, `is of a class that is not saved, ${prototype.constructor?.name ?? "one without a name"}`);
  }

  private fields(value: object, holder: string, index: number, fresh: object = {}): PlainObject {
    const fields: Record<string, PlainValue> = {};
    for (const key of Reflect.ownKeys(value)) {
      if (typeof key === "symbol") return this.fail(index, String(key), "has a symbol for a name");
      if (!Object.hasOwn(fresh, key)) fields[key] = this.value((value as Record<string, unknown>)[key], holder, index, key);
    }
    return fields;
  }

  private value(value: unknown, holder: string, index: number, key: string): PlainValue {
    switch (typeof value) {
      case "number":
        return Number.isFinite(value) && !Object.is(value, -0) ? value : { number: Object.is(value, -0) ? "-0" : String(value) };
      case "string":
      case "boolean":
        return value;
      case "undefined":
        return { undefined: true };
      case "bigint":
        return { bigint: String(value) };
      case "symbol":
        return this.fail(index, key, "is a symbol");
      case "object":
      case "function": {
        if (value === null) return null;
        const stand = this.outsideOf(value, holder, index, key);
        if (stand !== null) return stand;
        if (typeof value === "function") return this.fail(index, key, "is a function");
        return this.reference(value, index, key);
      }
      default:
        return null;
    }
  }

  private outsideOf(value: object, holder: string, index: number, key: string): Stand | null {
    try {
      return this.outside(value, holder, key);
    } catch (error) {
      if (!(error instanceof MptcpError)) throw error;
      return this.fail(index, key, error.message);
    }
  }

  private payload(payload: Payload, index: number): PlainValue {
    const { bytes, offset, length } = payload;
    if (bytes === null) return { payload: null, offset, length };
    this.payloads.set(index, payload);
    if (!this.indices.has(bytes)) this.parts.note(bytes, offset, offset + length);
    return null;
  }

  /** Each payload becomes a window on what is saved of its buffer: on all of it where something else holds the buffer too. */
  private writePayloads(): void {
    const places = new Map<Uint8Array, { readonly from: number; readonly end: number; readonly index: number }[]>();
    for (const [bytes, parts] of this.parts.merged()) {
      const whole = this.indices.get(bytes);
      if (whole !== undefined) continue;
      places.set(bytes, parts.map(({ from, end }) => ({ from, end, index: this.nodes.push({ octets: toBase64(bytes.subarray(from, end)) }) - 1 })));
    }
    for (const [index, { bytes, offset, length }] of this.payloads) {
      if (bytes === null) continue;
      const whole = this.indices.get(bytes);
      const place = places.get(bytes)?.find(({ from, end }) => from <= offset && offset + length <= end);
      if (whole !== undefined) this.nodes[index] = { payload: { ref: whole }, offset, length };
      else if (place !== undefined) this.nodes[index] = { payload: { ref: place.index }, offset: offset - place.from, length };
    }
  }

  /** @throws MptcpError that names the path to node `index`, or to its field `key` */
  private fail(index: number, key: string | null, what: string): never {
    const path: string[] = key === null ? [] : [key];
    for (let at = index; at >= 0; at = (this.waiting[at] as Waiting).from) path.unshift((this.waiting[at] as Waiting).key);
    throw new MptcpError("ERR_MPTCP_SNAPSHOT_UNSUPPORTED", `cannot save ${path.join(".")}: it ${what}`);
  }
}
