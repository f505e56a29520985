/**
 * System calls as values: what a script asks for, and what a stack answers. Numbers are those of Linux (constants.ts), structures are octets as Linux has them on
 * a little-endian 64-bit machine (structures.ts), so that both stacks, ours and a kernel, take the same call.
 */

/** Of AF_INET or AF_INET6, or AF_UNSPEC, with which `connect` dissolves an association. */
export interface SocketAddress {
  readonly family: number;
  /** As text: `192.0.2.1`, `2001:db8::1`, `::ffff:192.0.2.1`; empty with AF_UNSPEC. */
  readonly address: string;
  readonly port: number;
}

/** A control message of `sendmsg` and `recvmsg`. */
export interface ControlMessage {
  readonly level: number;
  readonly type: number;
  readonly data: Uint8Array;
}

export interface PolledDescriptor {
  readonly fd: number;
  readonly events: number;
}

/** `data` is the 64 bits that come back with an event. */
export interface EpollEvent {
  readonly events: number;
  readonly data: bigint;
}

/** What a call points to. */
interface Pointing {
  /** The buffers of the call are at address 0, where no program has any: the stack finds out once it comes to copy. */
  readonly isNowhere?: boolean;
}

export type Call =
  | { readonly name: "socket"; readonly domain: number; readonly type: number; readonly protocol: number }
  | { readonly name: "bind" | "connect"; readonly fd: number; readonly address: SocketAddress }
  | { readonly name: "listen"; readonly fd: number; readonly backlog: number }
  /** `flags`: SOCK_NONBLOCK, SOCK_CLOEXEC; 0 for `accept`. */
  | { readonly name: "accept"; readonly fd: number; readonly flags: number }
  | { readonly name: "getsockname" | "getpeername"; readonly fd: number }
  | ({ readonly name: "read" | "readv"; readonly fd: number; readonly lengths: readonly number[] } & Pointing)
  | ({ readonly name: "write" | "writev"; readonly fd: number; readonly data: readonly Uint8Array[] } & Pointing)
  | ({ readonly name: "recv" | "recvfrom"; readonly fd: number; readonly length: number; readonly flags: number } & Pointing)
  | ({ readonly name: "send"; readonly fd: number; readonly data: Uint8Array; readonly flags: number } & Pointing)
  | ({ readonly name: "sendto"; readonly fd: number; readonly data: Uint8Array; readonly flags: number; readonly address: SocketAddress | null } & Pointing)
  /** `controlLength`: octets that there are for control messages. */
  | ({ readonly name: "recvmsg"; readonly fd: number; readonly lengths: readonly number[]; readonly controlLength: number; readonly flags: number } & Pointing)
  | ({
      readonly name: "sendmsg";
      readonly fd: number;
      readonly address: SocketAddress | null;
      readonly data: readonly Uint8Array[];
      readonly control: readonly ControlMessage[];
      readonly flags: number;
    } & Pointing)
  /** `how`: SHUT_RD, SHUT_WR, SHUT_RDWR. */
  | { readonly name: "shutdown"; readonly fd: number; readonly how: number }
  | { readonly name: "close"; readonly fd: number }
  | { readonly name: "fcntl"; readonly fd: number; readonly command: number; readonly argument: number }
  /** `argument`: the value that the request takes; null for a request that gives one. */
  | { readonly name: "ioctl"; readonly fd: number; readonly request: number; readonly argument: number | null }
  | ({ readonly name: "setsockopt"; readonly fd: number; readonly level: number; readonly option: number; readonly value: Uint8Array } & Pointing)
  /** `value`: what the buffer holds before; its length is the option's. */
  | { readonly name: "getsockopt"; readonly fd: number; readonly level: number; readonly option: number; readonly value: Uint8Array }
  /** `timeout`: ms; negative: for ever. */
  | { readonly name: "poll"; readonly descriptors: readonly PolledDescriptor[]; readonly timeout: number }
  | { readonly name: "epoll_create"; readonly flags: number }
  | { readonly name: "epoll_ctl"; readonly epoll: number; readonly operation: number; readonly fd: number; readonly event: EpollEvent | null }
  /** `timeout`: ms; negative: for ever. */
  | { readonly name: "epoll_wait"; readonly epoll: number; readonly count: number; readonly timeout: number }
  /** `flags`: O_NONBLOCK, O_CLOEXEC. */
  | { readonly name: "pipe"; readonly flags: number }
  | { readonly name: "open"; readonly path: string; readonly flags: number }
  | { readonly name: "splice"; readonly input: number; readonly output: number; readonly length: number; readonly flags: number }
  | { readonly name: "sendfile"; readonly output: number; readonly input: number; readonly offset: number | null; readonly length: number };

export type CallName = Call["name"];

/** What a call gave: its value, and what it filled in. Fields that a call does not fill in are absent. */
export interface CallResult {
  /** -1 with an errno. */
  readonly value: number;
  /** The name of the error: `EAGAIN`; null without one. */
  readonly errno: string | null;
  /** accept, getsockname, getpeername, recvfrom, recvmsg. */
  readonly address?: SocketAddress | null;
  /** read, readv, recv, recvfrom, recvmsg: as many octets as came. */
  readonly data?: Uint8Array;
  /** recvmsg. */
  readonly flags?: number;
  /** recvmsg. */
  readonly control?: readonly ControlMessage[];
  /** getsockopt: as long as the stack says. */
  readonly option?: Uint8Array;
  /** ioctl: the value given. */
  readonly argument?: number;
  /** poll: `revents` of each descriptor, in the order of the call. */
  readonly revents?: readonly number[];
  /** epoll_wait. */
  readonly events?: readonly EpollEvent[];
  /** pipe: the end that is read, and the end that is written. */
  readonly ends?: readonly [number, number];
}
