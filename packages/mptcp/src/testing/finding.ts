/** Something that a conformance suite found wrong. */
export interface Finding {
  /** The case, in a few words. */
  readonly case: string;
  readonly problem: string;
}
