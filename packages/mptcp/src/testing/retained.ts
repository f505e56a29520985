/**
 * How much is reachable from `root` over properties, arrays, maps and sets: objects, entries of collections, and words of typed arrays. What is in
 * `except` is left out, and what is reachable only through it. What closures and `#private` fields hold is not seen.
 */
export function retained(root: object, except: readonly object[] = []): number {
  const seen = new Set<object>(except);
  const waiting: object[] = [];
  const visit = (value: unknown): void => {
    if (typeof value !== "object" || value === null || seen.has(value)) return;
    seen.add(value);
    waiting.push(value);
  };
  let count = 0;
  visit(root);
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    count++;
    if (ArrayBuffer.isView(next)) count += next.byteLength / 8;
    else if (next instanceof Map || next instanceof Set) {
      count += next.size;
      for (const [key, value] of next.entries()) {
        visit(key);
        visit(value);
      }
    } else {
      if (Array.isArray(next)) count += next.length;
      for (const value of Object.values(next)) visit(value);
    }
  }
  return count;
}
