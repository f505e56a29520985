import { getSystemErrorMap } from "node:util";

/** The number that libuv has for the name of an error, negative: -104 for "ECONNRESET" on Linux. */
export function uvErrno(code: string): number {
  if (numbers === null) {
    numbers = new Map();
    for (const [number, [name]] of getSystemErrorMap()) numbers.set(name, number);
  }
  return numbers.get(code) ?? UNKNOWN;
}

let numbers: Map<string, number> | null = null;
/** libuv's UV_UNKNOWN. */
const UNKNOWN = -4094;
