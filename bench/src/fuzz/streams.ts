import { Payload } from "mptcp/wire";

/** Octet `at` of stream `stream`. */
export function octetOf(stream: number, at: number): number {
  return TABLE[placeOf(stream, at)] as number;
}

/** Octets of a stream, `length` from `offset` on, at most {@link LONGEST_PIECE}. */
export function pieceOf(stream: number, offset: number, length: number): Payload {
  return new Payload(TABLE, placeOf(stream, offset), length);
}

function placeOf(stream: number, at: number): number {
  return (stream * 104_729 + at) % PERIOD;
}

const PERIOD = 1 << 20;
/** The longest piece that an application writes at once. */
export const LONGEST_PIECE = 1 << 16;
/** Octets without a pattern, so that bytes of another place or another stream show; the first ones come again behind the last. */
const TABLE = ((): Uint8Array => {
  const table = new Uint8Array(PERIOD + LONGEST_PIECE);
  let state = 0x9e3779b9;
  for (let i = 0; i < PERIOD; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    table[i] = state >>> 11;
  }
  table.copyWithin(PERIOD, 0, LONGEST_PIECE);
  return table;
})();
