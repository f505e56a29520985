/**
 * sim/middleboxes/: boxes between two links that do to packets what boxes in the Internet do.
 *
 * Each kind is a function of plain parameters, with their descriptions as data, and listed by name in {@link middleboxes}. To add one: a file here with a
 * {@link Middlebox} subclass (see its example), its table of parameters and its kind, and a line in {@link middleboxes}.
 *
 * @example
 * ```ts
 * const strip = middleboxes["option-stripper"]({ options: ["mptcp"], segments: ["syn"], direction: "outward" });
 * const box = simulation.addMiddlebox("firewall", strip);
 * simulation.connect(client, box, { rate: 10e6, delay: 10 * MILLISECOND });
 * simulation.connect(box, router);
 * ```
 *
 * @module
 */
import { blackHole } from "./black-hole.ts";
import { coalescer } from "./coalescer.ts";
import { optionStripper } from "./option-stripper.ts";
import type { MiddleboxKind } from "./kind.ts";
import { splitter } from "./splitter.ts";

export { BlackHole, blackHole } from "./black-hole.ts";
export type { BlackHoleParameters } from "./black-hole.ts";
export { Coalescer, coalescer } from "./coalescer.ts";
export type { CoalescerParameters } from "./coalescer.ts";
export { FlowTable } from "./flow-table.ts";
export { DIRECTION, Middlebox } from "./middlebox.ts";
export type { Direction, MiddleboxDropCause, MiddleboxEnvironment, MiddleboxEvents, MiddleboxFactory, MiddleboxStatistics } from "./middlebox.ts";
export type { OptionName } from "./option-set.ts";
export { OptionStripper, optionStripper } from "./option-stripper.ts";
export type { OptionStripperParameters } from "./option-stripper.ts";
export { middleboxKind } from "./kind.ts";
export type { MiddleboxKind } from "./kind.ts";
export type { SegmentSort, Way } from "./segment-filter.ts";
export { Splitter, splitter } from "./splitter.ts";
export type { SplitterParameters } from "./splitter.ts";

/** All kinds by name, as configuration files and commands spell it. */
export const middleboxes: Readonly<Record<string, MiddleboxKind>> = {
  "black-hole": blackHole,
  coalescer,
  "option-stripper": optionStripper,
  splitter,
};
