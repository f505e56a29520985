import type { CommandOutcome } from "../../system/index.ts";

/** A command that did what it was told. */
export function succeeded(output = ""): CommandOutcome {
  return { status: 0, output, errors: "" };
}

export function failed(status: number, message: string): CommandOutcome {
  return { status, output: "", errors: `${message}\n` };
}
