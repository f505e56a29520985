import type { Place } from "./ast.ts";

/** The place of a character of a text that begins at a place of a script. */
export function placeWithin(text: string, place: Place, at: number): Place {
  const before = text.slice(0, at);
  const line = before.lastIndexOf("\n");
  if (line < 0) return { line: place.line, column: place.column + at };
  let lines = 0;
  for (let index = before.indexOf("\n"); index >= 0; index = before.indexOf("\n", index + 1)) lines++;
  return { line: place.line + lines, column: at - line };
}
