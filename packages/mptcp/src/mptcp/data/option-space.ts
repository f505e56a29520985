/**
 * Octets that an option of `length` adds to the header of a segment, a multiple of 4. Timestamps alone take twelve octets, ten and two of
 * padding; an option beside them begins in that padding.
 */
export function headerGrowth(length: number, timestamps: boolean): number {
  return timestamps ? ((10 + length + 3) & ~3) - 12 : (length + 3) & ~3;
}
