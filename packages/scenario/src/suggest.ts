/** The names among `known` that look like `name`, nearest first; empty when none does. */
export function suggestions(name: string, known: readonly string[], most = 3): string[] {
  const wanted = simplify(name);
  return known
    .map((candidate) => {
      const other = simplify(candidate);
      const contained = wanted.length >= 3 && (other.includes(wanted) || wanted.includes(other));
      return { candidate, distance: contained ? 1 : editDistance(wanted, other) };
    })
    .filter(({ candidate, distance }) => distance <= Math.max(1, Math.floor(Math.max(name.length, candidate.length) / 3)))
    .toSorted((a, b) => a.distance - b.distance || a.candidate.localeCompare(b.candidate, "en"))
    .slice(0, most)
    .map(({ candidate }) => candidate);
}

/** " Did you mean \"rate\"?", or the known names when nothing is near; empty when nothing is known. */
export function didYouMean(name: string, known: readonly string[]): string {
  const near = suggestions(name, known);
  if (near.length > 0) return `did you mean ${near.map((one) => `"${one}"`).join(" or ")}?`;
  return known.length > 0 ? `known: ${known.join(", ")}` : "";
}

/** Insertions, deletions, substitutions and swaps of neighbours between two texts. */
export function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min(previous[j]! + 1, current[j - 1]! + 1, previous[j - 1]! + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, before[j - 2]! + 1);
      current.push(best);
    }
    before = previous;
    previous = current;
  }
  return previous[b.length]!;
}

function simplify(name: string): string {
  return name.toLowerCase().replaceAll(/[-_ ]/g, "");
}
