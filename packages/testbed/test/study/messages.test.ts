import { array, assert, integer, jsonValue, property, uint8Array } from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeMessage, MessageReader } from "../../src/study/messages.ts";

const sample = { sent: Array.from({ length: 40 }, (_, i) => [i, "a text with some length", 0x7fff_ffff]), word: "Grüße" };

describe("messages of the probe", () => {
  test("arrive in whatever pieces", () => {
    assert(
      property(array(jsonValue({ maxDepth: 2 }), { minLength: 1, maxLength: 4 }), integer({ min: 1, max: 300 }), (messages, size) => {
        const reader = new MessageReader();
        const read: unknown[] = [];
        for (const [id, message] of messages.entries()) {
          const bytes = encodeMessage(id, message).toUint8Array();
          for (let at = 0; at < bytes.length; at += size) read.push(...reader.push(bytes.subarray(at, at + size)));
        }
        expect(read).toEqual(messages.map((message) => JSON.parse(JSON.stringify(message)) as unknown));
      }),
    );
  });

  test("arrive where something was changed, put in or taken out, once they are said again", () => {
    const bytes = encodeMessage(7, sample).toUint8Array();
    assert(
      property(integer({ min: 0, max: bytes.length - 1 }), integer({ min: 0, max: 20 }), uint8Array({ maxLength: 20 }), (at, removed, inserted) => {
        const edited = Uint8Array.from([...bytes.subarray(0, at), ...inserted, ...bytes.subarray(Math.min(bytes.length, at + removed))]);
        const reader = new MessageReader();
        const read = reader.push(edited);
        read.push(...reader.push(bytes));
        expect(read.length).toBeGreaterThan(0);
        for (const message of read) expect(message).toEqual(sample);
      }),
    );
  });

  test("are nothing else: octets that are no message do no harm, and are not kept", () => {
    assert(
      property(array(uint8Array({ maxLength: 400 })), (pieces) => {
        const reader = new MessageReader();
        for (const piece of pieces) expect(reader.push(piece)).toEqual([]);
      }),
    );
  });
});
