/**
 * drill/assert/: code of packet scripts between `%{` and `}%`. It looks like Python, and is read and evaluated here; nothing is executed.
 *
 * @module
 */
export { checkCode } from "./check.ts";
export { evaluateCode } from "./evaluate.ts";
export type { CodeOutcome, CodeScope } from "./evaluate.ts";
