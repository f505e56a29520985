import type { FallbackReason, SubflowEndReason } from "mptcp";

/**
 * What becomes of a connection that a middlebox stands in the way of.
 *
 * - `multipath`: it stays Multipath TCP, and what the box stands on remains in use;
 * - `fallback`: it is regular TCP in the end, at both ends (RFC 8684 §3.7);
 * - `subflow-reset`: the subflow through the box is refused or ends, and the connection goes on over the other;
 * - `error`: both ends are told by an error.
 *
 * In the first three every byte is delivered once; in the last none is delivered wrong.
 */
export type Outcome = "multipath" | "fallback" | "subflow-reset" | "error";

/** Where the box stands: on the path of a connection that has one, on that of the first subflow of two, or on that of the one that joins. */
export const PLACES = ["only", "first", "second"] as const;

export type Place = (typeof PLACES)[number];

/** What the application at the other end reads: what was sent, or what the box made of it, as over plain TCP. */
export type DeliveredBytes = "sent" | "edited";

/** What the protocol prescribes for one place. */
export interface Prescription {
  /** Where the text leaves a choice (SHOULD, MAY, local policy), all that it allows. */
  readonly outcomes: readonly Outcome[];
  /** Which reasons an end may give for the fallback, or for the end of the subflow; empty where none has to be given. */
  readonly reasons: readonly (FallbackReason | SubflowEndReason)[];
  /** The clauses that say so: RFC 8684 unless another is named. */
  readonly clause: string;
  /** Default `sent`. */
  readonly bytes?: DeliveredBytes;
  /**
   * Seconds within which both ends know that it is over. Null where only TCP's own patience ends it (RFC 9293 §3.8.3): then an end that waits for nothing to be acknowledged need
   * not hear of it (§3.8.4). Default 60.
   */
  readonly within?: number | null;
}

/** One box of a chain: its kind in the registry of the simulator, and its parameters. */
export interface MatrixBox {
  readonly kind: string;
  readonly parameters: Readonly<Record<string, string | number | readonly (string | number)[]>>;
}

/** What one middlebox, set up in one way, has to lead to. */
export interface MatrixRow {
  /** Unique; the box and the position. */
  readonly name: string;
  readonly box: MatrixBox;
  /** Whether plain TCP through the same box delivers the same bytes (`sent`), those that the box makes (`edited`), or breaks. */
  readonly tcp: DeliveredBytes | "broken";
  /** With and without checksums; one of them where it is the same for both. */
  readonly expected: Readonly<Record<Place, Prescription>>;
  /** Where checksums make a difference: what holds with them, in place of `expected`. */
  readonly withChecksums?: Readonly<Record<Place, Prescription>>;
  /** Which way the application's data goes for this row: from the client (`up`), to it, or either. */
  readonly data: "up" | "down" | "either";
}

/** One run of the matrix: a row at one place, with or without checksums, with data in one direction. */
export interface MatrixCell {
  readonly row: MatrixRow;
  readonly place: Place;
  readonly checksum: boolean;
  readonly data: "up" | "down";
  readonly prescription: Prescription;
}

/** All cells of some rows. */
export function cellsOf(rows: readonly MatrixRow[]): MatrixCell[] {
  const cells: MatrixCell[] = [];
  for (const row of rows) {
    for (const place of PLACES) {
      for (const checksum of [false, true]) {
        const prescription = (checksum ? (row.withChecksums ?? row.expected) : row.expected)[place];
        for (const data of row.data === "either" ? (["up", "down"] as const) : [row.data]) cells.push({ row, place, checksum, data, prescription });
      }
    }
  }
  return cells;
}
