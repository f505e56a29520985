import { MptcpError } from "../../core/index.ts";

/** The system calls that a TUN device needs and Node does not offer. Each returns what the kernel does, -1 with {@link SystemCalls.errno}. */
export interface SystemCalls {
  /** `ioctl` with a pointer to `argument`, which the kernel may change. */
  ioctl(fd: number, request: number, argument: Uint8Array): number;
  /** `ioctl` with a number in place of a pointer. */
  ioctlValue(fd: number, request: number, argument: number): number;
  read(fd: number, target: Uint8Array, length: number): number;
  write(fd: number, source: Uint8Array, length: number): number;
  /** Two connected stream sockets, written into `pair`. */
  socketpair(domain: number, type: number, protocol: number, pair: Int32Array): number;
  dup2(from: number, to: number): number;
  /** Moves the calling thread into the namespace that `fd` stands for. */
  setns(fd: number, type: number): number;
  /** The error of the last call that returned -1. */
  errno(): number;
  /** The name of an error number, `EPERM` for one. */
  errorName(errno: number): string;
}

let loaded: SystemCalls | null = null;

/**
 * The system calls through koffi, loaded once.
 * @throws MptcpError ERR_MPTCP_TUN_PLATFORM off Linux; ERR_MPTCP_KOFFI_MISSING when the optional dependency is not installed
 */
export async function systemCalls(): Promise<SystemCalls> {
  if (loaded !== null) return loaded;
  if (process.platform !== "linux") {
    throw new MptcpError("ERR_MPTCP_TUN_PLATFORM", `TUN links need Linux, this is ${process.platform}; use UDP links here`);
  }
  let koffi: typeof import("koffi");
  try {
    koffi = await import("koffi");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new MptcpError("ERR_MPTCP_KOFFI_MISSING", `TUN links need the optional dependency koffi: npm install koffi@3 (${reason})`);
  }
  const libc = koffi.load(null);
  const names = new Map(Object.entries(koffi.os.errno).map(([name, value]) => [value, name]));
  loaded = {
    ioctl: libc.func("int ioctl(int fd, unsigned long request, void *argument)") as unknown as SystemCalls["ioctl"],
    ioctlValue: libc.func("ioctl", "int", ["int", "unsigned long", "unsigned long"]) as unknown as SystemCalls["ioctlValue"],
    read: libc.func("intptr_t read(int fd, void *target, size_t length)") as unknown as SystemCalls["read"],
    write: libc.func("intptr_t write(int fd, const void *source, size_t length)") as unknown as SystemCalls["write"],
    socketpair: libc.func("int socketpair(int domain, int type, int protocol, void *pair)") as unknown as SystemCalls["socketpair"],
    dup2: libc.func("int dup2(int from, int to)") as unknown as SystemCalls["dup2"],
    setns: libc.func("int setns(int fd, int type)") as unknown as SystemCalls["setns"],
    errno: () => koffi.errno(),
    errorName: (errno) => names.get(errno) ?? `errno ${errno}`,
  };
  return loaded;
}

/** Linux' numbers of the errors that are no failure on a non-blocking descriptor. */
export const ERRNO = { EINTR: 4, EIO: 5, EAGAIN: 11, EINVAL: 22 } as const;
