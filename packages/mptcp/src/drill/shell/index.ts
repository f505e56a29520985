/**
 * drill/shell/: the shell lines of packet scripts, between backquotes, and the files that they call. They are read and walked here, in bounded time and memory; no shell and no
 * program is started.
 *
 * @module
 */
export { checkShell } from "./check.ts";
export type { ReadFile } from "./check.ts";
export { Shell } from "./shell.ts";
export type { ShellWorld } from "./world.ts";
