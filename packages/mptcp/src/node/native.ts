import { createRequire } from "node:module";
import { MptcpError } from "../core/index.ts";

/** What is used of koffi. Its own declarations are not named, so that those of this library can be read where it is not installed. */
export interface Koffi {
  /** The C library, or this process itself for null. */
  load(path: null): { func(prototype: string): unknown; func(name: string, result: string, parameters: readonly string[]): unknown };
  /** Where the octets of a buffer are, or what a pointer holds. */
  address(value: unknown): bigint;
  /** Octets of a type. */
  sizeof(type: string): number;
  errno(): number;
  /** Error numbers by name. */
  readonly os: { readonly errno: Readonly<Record<string, number>> };
}

/** The C library of this process through koffi: what Node does not offer of the system. */
export interface Native {
  /** koffi itself, for types and casts. */
  readonly koffi: Koffi;
  /** A function of the C library by its prototype, `int dup2(int from, int to)`. The caller knows its type. */
  func(prototype: string): unknown;
  /** A function under other types than those it was declared with elsewhere. */
  func(name: string, result: string, parameters: readonly string[]): unknown;
  /** The error of the last call that returned -1. */
  errno(): number;
  /** The name of an error number, `EPERM` for one. */
  errorName(errno: number): string;
}

let loaded: Native | null = null;

/**
 * The C library, loaded once.
 * @param purpose who needs it, for the error's text: "TUN links"
 * @param instead what does without it, for the error's text: "use UDP links here"
 * @throws MptcpError ERR_MPTCP_PLATFORM off Linux; ERR_MPTCP_KOFFI_MISSING when the optional dependency is not installed
 */
export async function native(purpose: string, instead: string): Promise<Native> {
  return nativeNow(purpose, instead);
}

/** As {@link native}, for callers that cannot wait. */
export function nativeNow(purpose: string, instead: string): Native {
  if (loaded !== null) return loaded;
  if (process.platform !== "linux") {
    throw new MptcpError("ERR_MPTCP_PLATFORM", `${purpose} need Linux, this is ${process.platform}; ${instead}`);
  }
  let koffi: Koffi;
  try {
    koffi = createRequire(import.meta.url)("koffi") as Koffi;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new MptcpError("ERR_MPTCP_KOFFI_MISSING", `${purpose} need the optional dependency koffi: npm install koffi@3 (${reason}); ${instead}`);
  }
  const libc = koffi.load(null);
  const names = new Map(Object.entries(koffi.os.errno).map(([name, value]) => [value, name]));
  loaded = {
    koffi,
    func: (name: string, result?: string, parameters?: readonly string[]): unknown =>
      result === undefined ? libc.func(name) : libc.func(name, result, Array.from(parameters ?? [])),
    errno: () => koffi.errno(),
    errorName: (errno) => names.get(errno) ?? `errno ${errno}`,
  };
  return loaded;
}

/** Linux' numbers of the errors that are no failure on a non-blocking descriptor. */
export const ERRNO = { EINTR: 4, EIO: 5, EAGAIN: 11, EINVAL: 22, EINPROGRESS: 115 } as const;
