/**
 * How a handle tells Node's streams what became of a write that it was given. Node has two ways. Before 24.22 the streams bring a request along, the handle returns libuv's number of an
 * error or 0, and a flag says whether the request will be completed later. Since 24.22 they bring none, and the handle returns a request where it will complete one later, else the number.
 *
 * @module
 */
import { nodeStreams } from "./node-streams.ts";
import type { HandleRequest } from "./node-streams.ts";

/** 0 or libuv's number of an error; the request where it is the handle that makes it. */
export type WriteResult = number | HandleRequest;

/** A request that the handle makes, with the fields by which Node's streams find their way back. They fill all but `writeStatus` in. */
export class WriteRequest implements HandleRequest {
  oncomplete: HandleRequest["oncomplete"] = undefined;
  handle: unknown = null;
  callback: unknown = null;
  buffer: unknown = null;
  error: unknown = undefined;
  async = true;
  bytes = 0;
  /** How the write ended, where it did before the streams had the request: never, since the handle completes none from inside of their call. */
  readonly writeStatus = null;
}

const streams = nodeStreams();
const { state } = streams;

/** Says that the write of `length` octets is through, or failed: the result is 0 or the error. */
export function noteWritten(length: number): void {
  state[streams.bytesWritten] = length;
  state[streams.lastWriteWasAsync] = 0;
}

/** Says that `request` will be completed later. @param given the request that the streams brought along, if any */
export function writeLater(given: HandleRequest | null, request: HandleRequest): WriteResult {
  state[streams.lastWriteWasAsync] = 1;
  if (given !== null) return 0;
  // It says of which kind the returned request is, and may be left from a socket of the system.
  state[streams.lastWriteError] = 0;
  return request;
}
