import type { Writable } from "node:stream";
import type { ConnectionSnapshot, PlainObject } from "../core/index.ts";

/** A socket's connection as plain data, with what waited in the socket's streams. **Holds keys and data: keep it secret.** */
export interface SocketSnapshot extends PlainObject {
  readonly connection: ConnectionSnapshot;
  /** What arrived and nobody read, base64. */
  readonly unread: string;
  /** What was written and did not fit into the connection's buffer yet, base64. */
  readonly unwritten: string;
  /** Whether `end` was called. */
  readonly isEnded: boolean;
  /** The socket's counts so far, octets: whoever goes on writing a file goes on at `bytesWritten`. */
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

/** What waits in a stream behind the chunk that it is about to write. */
export function unwrittenOf(stream: Writable): readonly Uint8Array[] {
  // Node's own, and not in its types.
  const { writableBuffer } = stream as unknown as { readonly writableBuffer: readonly { readonly chunk: Uint8Array }[] };
  return writableBuffer.map(({ chunk }) => chunk);
}

/** Takes what a stream holds for its reader, who gets nothing more. */
export function takeUnread(stream: NodeJS.ReadableStream & { readonly readableEncoding: BufferEncoding | null }): readonly Uint8Array[] {
  // Whoever listens would hear of it now, and have it twice.
  stream.unpipe();
  stream.removeAllListeners("data");
  const chunks: Uint8Array[] = [];
  for (let chunk = stream.read(); chunk !== null; chunk = stream.read()) chunks.push(typeof chunk === "string" ? Buffer.from(chunk, stream.readableEncoding ?? "utf8") : chunk);
  return chunks;
}
