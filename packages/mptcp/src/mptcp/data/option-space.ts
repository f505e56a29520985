/**
 * Octets that an option of `length` adds to the header of a segment, a multiple of 4. The timestamps' ten octets count as twelve without other
 * options; part of the two is used by what follows them.
 */
export function headerGrowth(length: number, timestamps: boolean): number {
  return timestamps ? ((10 + length + 3) & ~3) - 12 : (length + 3) & ~3;
}
