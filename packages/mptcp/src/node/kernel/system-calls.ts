import { nativeNow } from "../native.ts";
import type { Native } from "../native.ts";

/** The system calls that the kernel's MPTCP sockets need and Node does not offer. Each returns what the kernel does, -1 with {@link SocketCalls.errno}. */
export interface SocketCalls extends Pick<Native, "errno" | "errorName"> {
  socket(domain: number, type: number, protocol: number): number;
  close(fd: number): number;
  /** `length` holds the octets of `value` before, and those that were written after. */
  getsockopt(fd: number, level: number, name: number, value: Uint8Array, length: Uint32Array): number;
  /** The socket's own address; `length` as with `getsockopt`. */
  getsockname(fd: number, address: Uint8Array, length: Uint32Array): number;
  /** The peer's address. */
  getpeername(fd: number, address: Uint8Array, length: Uint32Array): number;
  send(fd: number, source: Uint8Array, length: number, flags: number): number;
  recv(fd: number, target: Uint8Array, length: number, flags: number): number;
  /** The number of a device by its name; 0 when there is none. */
  interfaceIndex(name: string): number;
  /** Where the octets of `memory` are, for a pointer within a structure. Whoever asks keeps `memory` alive. */
  addressOf(memory: Uint8Array): bigint;
}

let loaded: SocketCalls | null = null;

/**
 * The system calls, loaded once.
 * @throws MptcpError ERR_MPTCP_PLATFORM off Linux; ERR_MPTCP_KOFFI_MISSING when the optional dependency is not installed
 */
export function socketCalls(): SocketCalls {
  if (loaded !== null) return loaded;
  const library = nativeNow("kernel MPTCP sockets", 'use via: "userspace" here');
  loaded = {
    socket: library.func("int socket(int domain, int type, int protocol)") as SocketCalls["socket"],
    close: library.func("int close(int fd)") as SocketCalls["close"],
    getsockopt: library.func("int getsockopt(int fd, int level, int name, void *value, void *length)") as SocketCalls["getsockopt"],
    getsockname: library.func("int getsockname(int fd, void *address, void *length)") as SocketCalls["getsockname"],
    getpeername: library.func("int getpeername(int fd, void *address, void *length)") as SocketCalls["getpeername"],
    send: library.func("intptr_t send(int fd, const void *source, size_t length, int flags)") as SocketCalls["send"],
    recv: library.func("intptr_t recv(int fd, void *target, size_t length, int flags)") as SocketCalls["recv"],
    interfaceIndex: library.func("unsigned int if_nametoindex(const char *name)") as SocketCalls["interfaceIndex"],
    addressOf: (memory) => library.koffi.address(memory),
    errno: () => library.errno(),
    errorName: (errno) => library.errorName(errno),
  };
  return loaded;
}

/** An MPTCP socket of the kernel, not blocking. @returns its descriptor, or a negative error number */
export function openKernelSocket(calls: SocketCalls, family: 4 | 6): number {
  const fd = calls.socket(family === 4 ? SOCKET.inet : SOCKET.inet6, SOCKET.stream | SOCKET.nonBlocking | SOCKET.closeOnExec, SOCKET.mptcp);
  return fd < 0 ? -calls.errno() : fd;
}

/** Linux' numbers: domains, types, protocols. */
export const SOCKET = { inet: 2, inet6: 10, netlink: 16, stream: 1, raw: 3, nonBlocking: 0o4000, closeOnExec: 0o2000000, mptcp: 262 } as const;
