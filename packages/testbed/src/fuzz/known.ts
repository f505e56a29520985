import type { Difference } from "./compare.ts";

/** A kind of difference that is known, and why it is there. */
export interface KnownKind {
  /** In a few words. */
  readonly name: string;
  readonly what: RegExp;
  readonly state?: RegExp;
  readonly tag?: RegExp;
  /** Why, with the clause that leaves the choice or decides it. */
  readonly reason: string;
}

/** Kinds that are known. There are {@link MOST_KNOWN} at most, so that the list does not become where faults are put away. */
export const KNOWN: readonly KnownKind[] = [
  { name: "windows", what: /^window$/, reason: "RFC 9293 §3.8.6: how much is offered is a receiver's choice; buffers of Linux count what a segment costs in memory" },
];

export const MOST_KNOWN = 40;

/** The known kind of a difference; null for a new one. */
export function knownKind({ what, state, tag }: Difference): KnownKind | null {
  return KNOWN.find((kind) => kind.what.test(what) && (kind.state?.test(state) ?? true) && (kind.tag?.test(tag) ?? true)) ?? null;
}
