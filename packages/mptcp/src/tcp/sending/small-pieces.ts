import { Payload } from "../../wire/index.ts";

/**
 * Part of a payload that is to be kept for long. A small part of a much larger buffer is copied, so that it does not keep that buffer in
 * memory.
 */
export function compact(payload: Payload, from: number, to: number): Payload {
  const part = payload.slice(from, to);
  const { bytes, length } = part;
  if (bytes === null || length >= SMALL || bytes.buffer.byteLength <= LARGEST_WASTE) return part;
  const own = new Uint8Array(length);
  part.copyTo(own, 0);
  return Payload.of(own);
}

/** Memory that a piece of data takes beside its bytes, about: the objects around it and the buffer's own. */
export const PIECE_COST = 384;
/** Shorter pieces, bytes, are put together where many are held. */
export const SMALL = 1024;
/** A buffer up to this size, bytes, may be kept for any part of it: a packet has as much. */
const LARGEST_WASTE = 2048;
