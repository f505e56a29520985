import { MptcpError } from "../core/index.ts";
import type { Stack } from "./stack.ts";

let current: Stack | null = null;

/** The stack behind the functions of the module, `connect` and the others; null takes it away. */
export function setDefaultStack(stack: Stack | null): void {
  current = stack;
}

/** The stack of {@link setDefaultStack}; null when there is none. */
export function currentStack(): Stack | null {
  return current;
}

/** The stack of {@link setDefaultStack}. @throws MptcpError ERR_MPTCP_NO_STACK when there is none */
export function defaultStack(): Stack {
  if (current === null) throw new MptcpError("ERR_MPTCP_NO_STACK", "give a stack or a runtime, or set a default one with setDefaultStack");
  return current;
}
