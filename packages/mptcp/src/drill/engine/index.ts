/** drill/engine/: the engine as the stack under a script: a virtual Linux machine with one program, in virtual time. */
export { engineTarget } from "./target.ts";
export type { EngineOptions } from "./target.ts";
