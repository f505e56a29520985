/** The longest name that is compared with others. */
const LONGEST = 40;

/** `; did you mean "mss"?` if a name is like one of those that there are, else nothing. */
export function nearest(name: string, names: readonly string[]): string {
  if (name.length > LONGEST) return "";
  let best = "";
  let least = Math.max(2, Math.floor(name.length / 2));
  for (const other of names) {
    const far = distance(name.toLowerCase(), other.toLowerCase());
    if (far < least) [best, least] = [other, far];
  }
  return best === "" ? "" : `; did you mean "${best}"?`;
}

/** How many characters must be put in, taken out or exchanged to make one name of the other. */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let i = 1; i <= one.length; i++) {
    const next = [i];
    for (let j = 1; j <= other.length; j++) next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (one[i - 1] === other[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[other.length]!;
}
