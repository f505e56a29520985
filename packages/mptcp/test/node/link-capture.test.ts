import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { CaptureReader } from "../../src/capture/index.ts";
import type { CaptureRecord } from "../../src/capture/index.ts";
import { createStack, LinkCapture } from "../../src/node/index.ts";
import { MemoryLink } from "./memory-link.ts";

function recordsOf(chunks: readonly Uint8Array[]): { readonly reader: CaptureReader; readonly records: readonly Pick<CaptureRecord, "interfaceId" | "direction" | "comments">[] } {
  const reader = new CaptureReader(Buffer.concat(chunks));
  // The reader uses one record again and again.
  return { reader, records: Array.from(reader, ({ interfaceId, direction, comments }) => ({ interfaceId, direction, comments: [...comments] })) };
}

describe("a capture of links", () => {
  it("has what passed each of them, in order, and the decisions", async () => {
    const [left, right] = MemoryLink.pair("10.0.0.1", "10.0.0.2");
    const [upper, lower] = MemoryLink.pair("10.0.1.1", "10.0.1.2");
    const chunks: Uint8Array[] = [];
    const capture = new LinkCapture((chunk) => chunks.push(chunk));
    const client = createStack({ links: [capture.wrap(left), capture.wrap(upper)], observer: capture });
    const server = createStack({ links: [right, lower] });
    try {
      const listener = server.createServer((socket) => socket.resume().on("end", () => socket.end())).listen(5000);
      await once(listener, "listening");
      const socket = client.connect(5000, "10.0.0.2");
      socket.end(Buffer.alloc(2_000_000));
      await once(socket.resume(), "close");
    } finally {
      await client.close();
      await server.close();
    }
    capture.close();
    const { reader, records } = recordsOf(chunks);
    expect(reader.interfaces.map(({ name }) => name)).toEqual(["memory 10.0.0.1", "memory 10.0.1.1"]);
    expect(records).toHaveLength(capture.packets);
    const counted = (link: number, direction: "in" | "out"): number => records.filter((record) => record.interfaceId === link && record.direction === direction).length;
    expect([counted(0, "out"), counted(1, "out")]).toEqual([left.sent, upper.sent]);
    // Once both are closed, some that were sent arrive nowhere.
    expect(counted(0, "in")).toBeGreaterThan(0);
    expect(counted(0, "in")).toBeLessThanOrEqual(right.sent);
    expect(records.flatMap((record) => record.comments).join("\n")).toMatch(/connection established, multipath[\s\S]*connection closed: done/);
  });

  it("has no packet that a link did not take, and each of those once", async () => {
    const [left, right] = MemoryLink.pair("10.0.0.1", "10.0.0.2");
    left.capacity = 2;
    const chunks: Uint8Array[] = [];
    const capture = new LinkCapture((chunk) => chunks.push(chunk));
    const client = createStack({ links: [capture.wrap(left)] });
    const server = createStack({ links: [right] });
    try {
      const listener = server.createServer((socket) => socket.resume().on("end", () => socket.end())).listen(5000);
      await once(listener, "listening");
      const socket = client.connect(5000, "10.0.0.2");
      socket.end(Buffer.alloc(200_000));
      await once(socket.resume(), "close");
    } finally {
      await client.close();
      await server.close();
    }
    capture.close();
    expect(left.refused).toBeGreaterThan(0);
    expect(recordsOf(chunks).records.filter((record) => record.direction === "out")).toHaveLength(left.sent);
  });

  it("reaches its sink soon, in whole blocks, and not after it is closed", async () => {
    const [left, right] = MemoryLink.pair("10.0.0.1", "10.0.0.2");
    const chunks: Uint8Array[] = [];
    let tell = (): void => {};
    const capture = new LinkCapture((chunk) => {
      chunks.push(chunk);
      tell();
    });
    const next = (): Promise<void> => new Promise((resolve) => (tell = resolve));
    const header = next();
    const client = createStack({ links: [capture.wrap(left)] });
    const server = createStack({ links: [right] });
    try {
      await header;
      expect(recordsOf(chunks).reader.problems).toEqual([]);
      const packets = next();
      client.connect(5000, "10.0.0.2").on("error", () => {});
      await packets;
      const { reader, records } = recordsOf(chunks);
      expect(reader.problems).toEqual([]);
      expect(records.length).toBeGreaterThan(0);
      capture.close();
      const { length } = chunks;
      client.connect(5001, "10.0.0.2").on("error", () => {});
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(chunks).toHaveLength(length);
    } finally {
      await client.close();
      await server.close();
    }
  });
});
