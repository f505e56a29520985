import { native } from "../native.ts";
import type { Native } from "../native.ts";

/** The system calls that a TUN device needs and Node does not offer. Each returns what the kernel does, -1 with {@link SystemCalls.errno}. */
export interface SystemCalls extends Pick<Native, "errno" | "errorName"> {
  /** `ioctl` with a pointer to `argument`, which the kernel may change. */
  ioctl(fd: number, request: number, argument: Uint8Array): number;
  /** `ioctl` with a number in place of a pointer. */
  ioctlValue(fd: number, request: number, argument: number): number;
  read(fd: number, target: Uint8Array, length: number): number;
  write(fd: number, source: Uint8Array, length: number): number;
  /** Two connected stream sockets, written into `pair`. */
  socketpair(domain: number, type: number, protocol: number, pair: Int32Array): number;
  dup3(from: number, to: number, flags: number): number;
  /** Moves the calling thread into the namespace that `fd` stands for. */
  setns(fd: number, type: number): number;
}

let loaded: SystemCalls | null = null;

/**
 * The system calls, loaded once.
 * @throws MptcpError ERR_MPTCP_PLATFORM off Linux; ERR_MPTCP_KOFFI_MISSING when the optional dependency is not installed
 */
export async function systemCalls(): Promise<SystemCalls> {
  if (loaded !== null) return loaded;
  const library = await native("TUN links", "use UDP links here");
  loaded = {
    ioctl: library.func("int ioctl(int fd, unsigned long request, void *argument)") as SystemCalls["ioctl"],
    ioctlValue: library.func("ioctl", "int", ["int", "unsigned long", "unsigned long"]) as SystemCalls["ioctlValue"],
    read: library.func("intptr_t read(int fd, void *target, size_t length)") as SystemCalls["read"],
    write: library.func("intptr_t write(int fd, const void *source, size_t length)") as SystemCalls["write"],
    socketpair: library.func("int socketpair(int domain, int type, int protocol, void *pair)") as SystemCalls["socketpair"],
    dup3: library.func("int dup3(int from, int to, int flags)") as SystemCalls["dup3"],
    setns: library.func("int setns(int fd, int type)") as SystemCalls["setns"],
    errno: () => library.errno(),
    errorName: (errno) => library.errorName(errno),
  };
  return loaded;
}
