/**
 * core/graph/: objects that refer to each other as plain data, and back. It knows no class by itself: the rooms say which of theirs are saved.
 *
 * @module
 */
export { ClassTable, saved } from "./classes.ts";
export type { SavedClass } from "./classes.ts";
export { damaged, GraphReader } from "./reader.ts";
export type { Inside } from "./reader.ts";
export { GraphWriter } from "./writer.ts";
export type { Outside, Stand } from "./writer.ts";
