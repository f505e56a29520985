import { endianness } from "node:os";
import { nativeNow } from "../native.ts";
import type { Native } from "../native.ts";

/** The system calls for UDP sockets that Node does not offer. Each returns what the kernel does, -1 with {@link UdpSystemCalls.errno}. */
export interface UdpSystemCalls extends Pick<Native, "errno" | "errorName"> {
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array, length: number): number;
  getsockname(fd: number, address: Uint8Array, length: Uint32Array): number;
  setsockopt(fd: number, level: number, name: number, value: Int32Array | Uint8Array, length: number): number;
  /** Receives datagrams into the first `count` of `messages`, an array of `struct mmsghdr`. */
  recvmmsg(fd: number, messages: Uint8Array, count: number, flags: number, timeout: null): number;
  /** Sends the first `count` of `messages`. */
  sendmmsg(fd: number, messages: Uint8Array, count: number, flags: number): number;
  close(fd: number): number;
  /** The number of an interface; 0 when there is none of that name. */
  interfaceIndex(name: string): number;
  /** Where `bytes` begin in memory. That does not keep them there: hold the array. */
  addressOf(bytes: Uint8Array): number;
  epollCreate(flags: number): number;
  epollControl(epoll: number, operation: number, fd: number, event: Uint8Array): number;
  epollWait(epoll: number, events: Uint8Array, count: number, timeout: number): number;
  dup3(from: number, to: number, flags: number): number;
  /** Whether the kernel segments what is sent (UDP_SEGMENT, Linux 4.18). */
  readonly hasSegmentation: boolean;
}

let loaded: UdpSystemCalls | null | undefined;

/** The system calls, loaded once; null off Linux, on a machine of 32 bits or big-endian, and without the optional dependency koffi. */
export function udpSystemCalls(): UdpSystemCalls | null {
  if (loaded === undefined) loaded = load();
  return loaded;
}

function load(): UdpSystemCalls | null {
  let library: Native;
  try {
    library = nativeNow("batched UDP links", "node:dgram carries them");
  } catch {
    return null;
  }
  const { koffi } = library;
  // Structures are laid out by hand, for this ABI.
  if (endianness() !== "LE" || koffi.sizeof("void *") !== 8) return null;
  const calls = {
    socket: library.func("int socket(int domain, int type, int protocol)") as UdpSystemCalls["socket"],
    bind: library.func("int bind(int fd, const void *address, uint32_t length)") as UdpSystemCalls["bind"],
    getsockname: library.func("int getsockname(int fd, void *address, void *length)") as UdpSystemCalls["getsockname"],
    setsockopt: library.func("int setsockopt(int fd, int level, int name, const void *value, uint32_t length)") as UdpSystemCalls["setsockopt"],
    recvmmsg: library.func("int recvmmsg(int fd, void *messages, unsigned int count, int flags, void *timeout)") as UdpSystemCalls["recvmmsg"],
    sendmmsg: library.func("int sendmmsg(int fd, void *messages, unsigned int count, int flags)") as UdpSystemCalls["sendmmsg"],
    // Not that of node:fs, which in a worker thread warns of descriptors that it did not open.
    close: library.func("int close(int fd)") as UdpSystemCalls["close"],
    interfaceIndex: library.func("unsigned int if_nametoindex(const char *name)") as UdpSystemCalls["interfaceIndex"],
    addressOf: (bytes: Uint8Array) => Number(koffi.address(bytes)),
    epollCreate: library.func("int epoll_create1(int flags)") as UdpSystemCalls["epollCreate"],
    epollControl: library.func("int epoll_ctl(int epoll, int operation, int fd, const void *event)") as UdpSystemCalls["epollControl"],
    epollWait: library.func("int epoll_wait(int epoll, void *events, int count, int timeout)") as UdpSystemCalls["epollWait"],
    dup3: library.func("int dup3(int from, int to, int flags)") as UdpSystemCalls["dup3"],
    errno: () => library.errno(),
    errorName: (errno: number) => library.errorName(errno),
  };
  return { ...calls, hasSegmentation: accepts(calls, UDP_SEGMENT) };
}

/** Whether UDP sockets of this kernel have the option `name`. */
function accepts(calls: Pick<UdpSystemCalls, "socket" | "setsockopt" | "close">, name: number): boolean {
  const fd = calls.socket(AF_INET, SOCK_DGRAM_CLOEXEC_NONBLOCK, 0);
  if (fd < 0) return false;
  const status = calls.setsockopt(fd, SOL_UDP, name, Int32Array.of(0), 4);
  calls.close(fd);
  return status === 0;
}

/** include/linux/socket.h, include/linux/net.h, asm-generic/socket.h, include/uapi/linux/in.h, in6.h, udp.h, include/uapi/linux/eventpoll.h. */
export const AF_INET = 2;
export const AF_INET6 = 10;
export const SOCK_DGRAM_CLOEXEC_NONBLOCK = 0o2004002;
export const SOL_IP = 0;
export const SOL_IPV6 = 41;
export const IP_RECVERR = 11;
export const IPV6_RECVERR = 25;
export const SOL_SOCKET = 1;
export const SO_RCVBUF = 8;
export const SO_BINDTODEVICE = 25;
export const SOL_UDP = 17;
export const UDP_SEGMENT = 103;
export const UDP_GRO = 104;
export const MSG_DONTWAIT = 0x40;
export const MSG_ERRQUEUE = 0x2000;
/** Octets of `struct mmsghdr`, and where its fields are, on a machine of 64 bits. */
export const MMSGHDR = { length: 64, name: 0, nameLength: 8, vectors: 16, vectorCount: 24, control: 32, controlLength: 40, flags: 48, octets: 56 } as const;
/** Octets of a control message with one number, and of one with its padding: `struct cmsghdr` and 16 or 32 bits. */
export const CMSG = { length: 0, level: 8, type: 12, data: 16, octets16: 18, octets32: 20, space: 24 } as const;
export const IOVEC_LENGTH = 16;
export const O_CLOEXEC = 0o2000000;
export const EPOLL_CLOEXEC = 0o2000000;
export const EPOLL_CTL_ADD = 1;
export const EPOLL_CTL_DEL = 2;
export const EPOLL_CTL_MOD = 3;
export const EPOLLIN = 0x001;
export const EPOLLOUT = 0x004;
