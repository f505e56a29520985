import type { BoxPlan, ChainPlan } from "./plan.ts";

/** What boxes on the way of one direction may do to the bytes of a stream. */
export interface Edits {
  /** Octets may be exchanged for others, and stay as many. */
  readonly exchanges: boolean;
  /** So many octets may be put in, or taken out, at a time. */
  readonly insertions: readonly number[];
  readonly removals: readonly number[];
}

/** What the boxes of a plan may do to what one end sends; null where they leave bytes alone. */
export function editsOf({ paths }: ChainPlan, from: "client" | "server"): Edits | null {
  const way = from === "client" ? "outward" : "inward";
  const boxes = paths.flatMap((path) => path.boxes).filter((box) => editsBytes(box) && ["both", way].includes((box.parameters["direction"] as string | undefined) ?? "both"));
  if (boxes.length === 0) return null;
  const octets = (length: string): number[] => boxes.filter((box) => box.parameters["length"] === length).map((box) => (box.parameters["octets"] as number | undefined) ?? 4);
  return { exchanges: boxes.some((box) => !changesLength(box)), insertions: octets("longer"), removals: octets("shorter") };
}

/** Whether a box gives bytes on that nobody sent, with a checksum that is right. */
export function editsBytes({ kind, parameters }: BoxPlan): boolean {
  return kind === "payload-editor" || (kind === "corrupter" && parameters["checksum"] === "good");
}

export function changesLength({ kind, parameters }: BoxPlan): boolean {
  return kind === "payload-editor" && ["longer", "shorter"].includes(parameters["length"] as string);
}

/** How a stream that was read can have come of one that was written. */
export interface Origin {
  /** Up to which places what was written may stand behind what was read; none: it cannot have come of it. */
  readonly places: readonly number[];
  /** How many octets were read as they were written, before the first change. */
  readonly same: number;
}

/**
 * Follows what was read along what was written. A box may have changed it anywhere, since nobody says which place of a subflow a byte had; all ways are
 * followed that what comes next does not rule out.
 * @param written gives the octet at a place
 */
export function originOf(read: Uint8Array, written: (at: number) => number, edits: Edits | null): Origin {
  let same = 0;
  while (same < read.length && read[same] === written(same)) same++;
  if (same === read.length || edits === null) return { places: same === read.length ? [same, ...removed(same, edits)] : [], same };
  if (edits.exchanges) return { places: edits.insertions.length + edits.removals.length > 0 ? [] : [read.length], same };
  return { places: follow(read, written, edits), same };
}

/** The places behind the last octet, where octets are put in and taken out. */
function follow(read: Uint8Array, written: (at: number) => number, edits: Edits): readonly number[] {
  const fronts: (Set<number> | undefined)[] = [new Set([0])];
  const add = (at: number, place: number): void => void (fronts[at] ??= new Set()).add(place);
  for (let at = 0; at < read.length; at++) {
    for (const place of fronts[at] ?? []) {
      if (read[at] === written(place)) add(at + 1, place + 1);
      if (isWritten(read, at, written, place)) continue;
      for (const count of edits.insertions) if (at + count <= read.length && read.subarray(at, at + count).every((octet) => octet === FILLING)) add(at + count, place);
      for (const place2 of removed(place, edits)) if (isWritten(read, at, written, place2)) add(at, place2);
    }
    delete fronts[at];
  }
  return [...(fronts[read.length] ?? [])].flatMap((place) => [place, ...removed(place, edits)]);
}

/** Where it goes on when something was taken out here. */
function removed(place: number, edits: Edits | null): number[] {
  return (edits?.removals ?? []).flatMap((most) => Array.from({ length: most }, (_, i) => place + i + 1));
}

/** Whether some octets in a row are those that were written. */
function isWritten(read: Uint8Array, at: number, written: (at: number) => number, place: number): boolean {
  for (let i = 0; i < SURE && at + i < read.length; i++) if (read[at + i] !== written(place + i)) return false;
  return true;
}

/** What so many octets say is no accident. */
const SURE = 4;
/** "*", which a payload editor puts in. */
const FILLING = 42;
