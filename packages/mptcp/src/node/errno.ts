import { getSystemErrorMap } from "node:util";

/** The number that libuv has for the name of an error, negative: -104 for "ECONNRESET" on Linux. */
export function uvErrno(code: string): number {
  if (numbers === null) {
    numbers = new Map();
    for (const [number, [name]] of getSystemErrorMap()) numbers.set(name, number);
  }
  return numbers.get(code) ?? UNKNOWN;
}

/** The name of an error of libuv's: "ECONNRESET" for -104 on Linux. */
export function errorName(errno: number): string {
  return getSystemErrorMap().get(errno)?.[0] ?? "UNKNOWN";
}

let numbers: Map<string, number> | null = null;
/** libuv's UV_UNKNOWN. */
const UNKNOWN = -4094;
