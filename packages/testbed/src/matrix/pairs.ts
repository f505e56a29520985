import { prescribedAsTcp, prescribedInVersion0 } from "./version-0.ts";
import { cellsOf } from "./prescription.ts";
import type { MatrixCell, MatrixRow, Place, Prescription } from "./prescription.ts";

/** Who is at an end: this library's engine, or this machine's kernel. */
export type MatrixStack = "ours" | "kernel";

/** Two ends of a connection. */
export interface Pair {
  readonly client: MatrixStack;
  readonly server: MatrixStack;
  /** The version that the client offers; the kernel speaks version 1 alone. */
  readonly version: 0 | 1;
  /** What is prescribed there for what is prescribed between two ends of version 1. */
  readonly prescribed: (row: MatrixRow, place: Place, inVersion1: Prescription) => Prescription;
}

const asItIs = (_row: MatrixRow, _place: Place, inVersion1: Prescription): Prescription => inVersion1;

/** All pairs of ends, those that need no kernel first. */
export const PAIRS: readonly Pair[] = [
  { client: "ours", server: "ours", version: 1, prescribed: asItIs },
  { client: "ours", server: "ours", version: 0, prescribed: (row, _place, inVersion1) => prescribedInVersion0(row, inVersion1) },
  { client: "ours", server: "kernel", version: 1, prescribed: asItIs },
  { client: "kernel", server: "ours", version: 1, prescribed: asItIs },
  { client: "kernel", server: "kernel", version: 1, prescribed: asItIs },
  { client: "ours", server: "kernel", version: 0, prescribed: (row, place) => prescribedAsTcp(row, place) },
];

/** Whether a run needs no kernel: it is in virtual time, and the same for the same seed. */
export const isVirtual = ({ client, server }: Pair): boolean => client === "ours" && server === "ours";

/** `ours - kernel, version 1` */
export const nameOf = ({ client, server, version }: Pick<Pair, "client" | "server" | "version">): string => `${client} - ${server}, version ${version}`;

/** What is run between two ends. */
export interface PairCell extends MatrixCell {
  readonly pair: Pair;
}

/** All cells of some rows between two ends. */
export function cellsBetween(pair: Pair, rows: readonly MatrixRow[]): PairCell[] {
  return cellsOf(rows).map((cell) => ({ ...cell, pair, prescription: pair.prescribed(cell.row, cell.place, cell.prescription) }));
}
