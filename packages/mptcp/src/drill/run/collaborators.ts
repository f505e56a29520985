import type { Target } from "../system/index.ts";

/**
 * What a run leaves to others. Both are given by the caller, who knows the files of a script; without them a script that needs one fails at that line.
 */

/**
 * Says whether assertions hold, without executing anything.
 *
 * @param text what stands between `%{` and `}%`
 * @param values fields of `struct tcp_info` and, where the socket has it, `struct mptcp_info`
 * @returns what is not so, a clause without a full stop; null: all holds
 */
export type Assertions = (text: string, values: ReadonlyMap<string, bigint>) => string | null;

/**
 * Carries out shell lines on a stack.
 *
 * @param text what stands between the backquotes
 * @returns what failed, a clause without a full stop; null: nothing
 */
export type ShellRunner = (text: string, target: Target) => string | null;
