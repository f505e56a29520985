import type { PairCell } from "./pairs.ts";
import { isVirtual } from "./pairs.ts";
import { runPassage } from "./passage.ts";
import type { CellResult } from "./passage.ts";
import { runBesideKernel } from "./kernel-passage.ts";
import { referenceOf } from "./reference.ts";
import { StreamCheck } from "./stream-check.ts";

/** The run of a cell: in virtual time between two ends of ours, by the machine's clock where the kernel is one. @throws MptcpError where the kernel cannot be had */
export function runCell(cell: PairCell, seed: number): CellResult {
  const { row, place, checksum, data, pair } = cell;
  const check = new StreamCheck(referenceOf(row, data, seed));
  if (!isVirtual(pair)) return runBesideKernel(cell, seed, check);
  return runPassage({ box: row.box, place, checksum, data, transport: "mptcp", version: pair.version }, seed, check);
}
