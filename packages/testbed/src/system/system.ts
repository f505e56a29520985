import { createRequire } from "node:module";
import { endianness } from "node:os";
import { MptcpError } from "mptcp";
import { ERRORS } from "mptcp/drill";

/** What is used of koffi. */
interface Koffi {
  load(path: null): { func(name: string, result: string, parameters: readonly string[]): unknown };
  address(value: unknown): bigint;
  errno(): number;
}

/** The kernel's calls, as the C library hands them on: a number and six arguments, -1 for a failure. */
export interface System {
  /** @returns what the call gave, or minus the number of its error */
  call(number: number, ...parameters: readonly number[]): number;
  /** As {@link System.call}, for a call that cannot fail but by a fault of this program. @throws MptcpError with the error's name as code */
  must(what: string, number: number, ...parameters: readonly number[]): number;
  /** Where `octets` are in memory. That does not keep them there: hold the array. */
  addressOf(octets: Uint8Array): number;
  /** Lets a signal interrupt whatever call a thread is in, and do nothing else. */
  catchSignal(signal: number): void;
}

/** Where koffi is, for the threads that load it as well. */
export const koffiPath = (): string => createRequire(import.meta.url).resolve("koffi");

let loaded: System | null = null;

/**
 * The system's calls, loaded once.
 * @throws MptcpError ERR_MPTCP_PLATFORM off Linux on x86-64; ERR_MPTCP_KOFFI_MISSING where koffi cannot be loaded
 */
export function system(): System {
  loaded ??= load();
  return loaded;
}

function load(): System {
  if (process.platform !== "linux" || process.arch !== "x64" || endianness() !== "LE") {
    throw new MptcpError("ERR_MPTCP_PLATFORM", `the kernel is a target on Linux on x86-64, this is ${process.platform} on ${process.arch}; the engine is one everywhere`);
  }
  let koffi: Koffi;
  try {
    koffi = createRequire(import.meta.url)("koffi") as Koffi;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new MptcpError("ERR_MPTCP_KOFFI_MISSING", `the kernel as a target needs koffi: npm install koffi@3 (${reason})`);
  }
  const library = koffi.load(null);
  const syscall = library.func(SYSCALL.name, SYSCALL.result, SYSCALL.parameters) as (...words: readonly number[]) => number;
  const call = (number: number, a = 0, b = 0, c = 0, d = 0, e = 0, f = 0): number => {
    const value = syscall(number, a, b, c, d, e, f);
    return value < 0 ? -koffi.errno() : value;
  };
  return {
    call,
    must: (what, number, ...parameters) => {
      const value = call(number, ...parameters);
      if (value < 0) throw failure(what, -value);
      return value;
    },
    addressOf: (octets) => Number(koffi.address(octets)),
    catchSignal: (signal) => {
      const find = library.func("dlsym", "void *", ["void *", "const char *"]) as (library: null, name: string) => unknown;
      const set = library.func("sigaction", "int", ["int", "const void *", "void *"]) as (signal: number, action: Uint8Array, old: null) => number;
      // A function that does nothing and may be called at any time. Without SA_RESTART a call that it interrupts fails with EINTR.
      const action = new Uint8Array(SIGACTION_LENGTH);
      new DataView(action.buffer).setBigUint64(0, koffi.address(find(null, "getppid")), true);
      if (set(signal, action, null) < 0) throw failure("sigaction", koffi.errno());
    },
  };
}

/** How the C library's `syscall` is declared. */
export const SYSCALL = { name: "syscall", result: "int64_t", parameters: Array.from({ length: 7 }, () => "int64_t") };

/** What a script or a caller is told of an error. */
export function failure(what: string, errno: number): MptcpError {
  const name = errorName(errno);
  if (name === "EPERM" || name === "EACCES") return new MptcpError("ERR_MPTCP_TUN_PERMISSION", `${what}: ${name}; run as root or with CAP_NET_ADMIN and CAP_SYS_ADMIN`);
  return new MptcpError("ERR_MPTCP_TUN", `${what}: ${name}`);
}

const NAMES = new Map(Object.entries(ERRORS).map(([name, number]) => [number, name]));

/** The name of an error's number: `EAGAIN`. Linux has a few that are the kernel's own, such as 524, and have none. */
export const errorName = (errno: number): string => NAMES.get(errno) ?? `errno ${errno}`;

/** Octets of `struct sigaction`, as the C library has it. */
const SIGACTION_LENGTH = 152;

/** The numbers of system calls (arch/x86/entry/syscalls/syscall_64.tbl). */
export const NR = {
  read: 0, write: 1, close: 3, ioctl: 16, readv: 19, writev: 20, sendfile: 40, socket: 41, connect: 42, sendto: 44, recvfrom: 45, sendmsg: 46, recvmsg: 47,
  shutdown: 48, bind: 49, listen: 50, getsockname: 51, getpeername: 52, setsockopt: 54, getsockopt: 55, fcntl: 72, ftruncate: 77, sched_setscheduler: 144, sched_getscheduler: 145, gettid: 186, epoll_ctl: 233, tgkill: 234,
  openat: 257, ppoll: 271, unshare: 272, splice: 275, epoll_pwait: 281, accept4: 288, eventfd2: 290, epoll_create1: 291, pipe2: 293, setns: 308, memfd_create: 319,
} as const;
