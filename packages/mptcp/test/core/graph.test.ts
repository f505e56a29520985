import { describe, expect, it } from "vitest";
import { ClassTable, GraphReader, GraphWriter, saved } from "../../src/core/index.ts";
import type { PlainValue } from "../../src/core/index.ts";
import { Payload } from "../../src/wire/index.ts";

class Node {
  next: Node | null = null;
  value: unknown;
  cache = 5;

  constructor(value: unknown) {
    this.value = value;
  }

  get double(): number {
    return 2 * (this.value as number);
  }
}

const CLASSES = new ClassTable([saved("Node", Node, { fresh: { cache: 0 }, times: ["value", "value.*", "value.*.at"] })]);

function write(root: object): readonly PlainValue[] {
  const writer = new GraphWriter(CLASSES, () => null);
  writer.add(root, "root");
  return JSON.parse(JSON.stringify(writer.finish())) as readonly PlainValue[];
}

function through(root: Node): Node {
  return new GraphReader(write(root), CLASSES, () => {}).get({ ref: 0 }, Node);
}

describe("objects as plain data", () => {
  it("keep their class, their cycles and what they share", () => {
    const a = new Node(21);
    a.next = new Node([a, a]);
    const read = through(a);
    expect(read.double).toBe(42);
    expect(read.next?.value).toEqual([read, read]);
    expect(read.next?.value).toHaveProperty("0", read);
  });

  it("keep every value that a field may have", () => {
    const values = [0, -0, Number.NaN, Infinity, -Infinity, 2 ** 53 - 1, 0.1, 12345678901234567890n, -1n, "text", "", true, null, undefined, new Map<unknown, unknown>([[1, { a: [] }]]), new Set(["x"]), new Uint8Array([1, 2, 255])];
    expect(through(new Node(values)).value).toStrictEqual(values);
  });

  it("may be lists of a hundred thousand", () => {
    const first = new Node(0);
    let last = first;
    for (let i = 1; i < 100_000; i++) last = last.next = new Node(i);
    let length = 0;
    for (let node: Node | null = through(first); node !== null; node = node.next) length++;
    expect(length).toBe(100_000);
  });

  it("begin anew with what is not saved", () => {
    expect(through(new Node(1)).cache).toBe(0);
  });

  it("hold of shared buffers what payloads are windows on, and windows that touch stay in one", () => {
    const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => i);
    const root = new Node([new Payload(bytes, 10, 5), new Payload(bytes, 15, 5), new Payload(bytes, 90_000, 3), Payload.virtual(7), Payload.EMPTY]);
    expect(JSON.stringify(write(root)).length).toBeLessThan(1000);
    const [first, second, third, virtual, empty] = through(root).value as [Payload, Payload, Payload, Payload, Payload];
    expect(Array.from(first.toUint8Array())).toEqual([10, 11, 12, 13, 14]);
    expect(Array.from(second.toUint8Array())).toEqual([15, 16, 17, 18, 19]);
    expect(Array.from(third.toUint8Array())).toEqual(Array.from(bytes.subarray(90_000, 90_003)));
    expect([first.bytes === second.bytes, third.bytes === first.bytes, virtual.length, empty]).toEqual([true, false, 7, Payload.EMPTY]);
  });

  it("stay with a buffer that something else holds, too", () => {
    const bytes = new Uint8Array(100);
    const [payload, held] = through(new Node([new Payload(bytes, 10, 5), bytes])).value as [Payload, Uint8Array];
    expect(payload.bytes).toBe(held);
  });

  it("have their times moved, and what stands for none is left alone", () => {
    for (const [value, moved] of [[5, 105], [0, 0], [-1, -1], [Infinity, Infinity], [[1, -1], [101, -1]], [[{ at: 3, to: 4 }], [{ at: 103, to: 4 }]]]) {
      const reader = new GraphReader(write(new Node(value)), CLASSES, () => {});
      reader.shiftTimes(100);
      expect(reader.get({ ref: 0 }, Node).value).toEqual(moved);
    }
  });

  it("that cannot be saved are named by the path to them", () => {
    const root = new Node(1);
    const put = (value: unknown): string => {
      root.next = new Node({ inner: [value] });
      try {
        write(root);
      } catch (error) {
        return (error as Error).message;
      }
      return "";
    };
    expect(put(() => 1)).toBe("cannot save root.next.value.inner.0: it is a function");
    expect(put(Symbol("x"))).toBe("cannot save root.next.value.inner.0: it is a symbol");
    expect(put(new Date(0))).toBe("cannot save root.next.value.inner.0: it is of a class that is not saved, Date");
    expect(put({ [Symbol("x")]: 1 })).toBe("cannot save root.next.value.inner.0.Symbol(x): it has a symbol for a name");
  });

  it("are refused when they are no such graph, whatever it is", () => {
    const nodes: readonly unknown[][] = [[{ class: "Unknown", fields: {} }], [{ array: [{ ref: 7 }] }], [5], [{ octets: "?" }], [{ payload: { ref: 0 }, offset: 0, length: 1 }], [{ map: [[1]] }], [{ object: { a: { number: "x" } } }], [{ object: { a: [] } }], [{ octets: "AA==" }, { payload: { ref: 0 }, offset: 1, length: 1 }]];
    for (const bad of nodes) expect(() => new GraphReader(bad as PlainValue[], CLASSES, () => {}), JSON.stringify(bad)).toThrow("the snapshot is damaged");
  });
});
